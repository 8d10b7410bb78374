"""Versions of one product and day: only the best is read, the others are superseded.

Recognised by the names of files of one folder that hold a date: `..._preliminary.nc` beside the same
name without it, `NRT` beside `REP`, `MY` or `RAN`, and the numbers of versions (`v4` and `v5`, `fv01.0`
and `fv02.0`, `v02r00` and `v02r01`). OISST, OSTIA and ERSST are named so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from deepda.base.classic import NETCDF

STAGES = (  # words of a name, from the stage that is worst
    ("preliminary", 0), ("prelim", 0), ("provisional", 0), ("interim", 0), ("nrt", 0), ("final", 2),
    ("rep", 2), ("reprocessed", 2), ("my", 2), ("ran", 2),
)  # fmt: skip
STAGE = re.compile(
    r"(?<=[-_.])(" + "|".join(word for word, _ in STAGES) + r")(?=[-_.]|$)", re.IGNORECASE
)
VERSION = re.compile(r"(?<=[-_.])f?v(\d+)(?:[.r](\d{1,2})(?!\d))?(?=[-_.]|$)", re.IGNORECASE)
DATE = re.compile(r"(?<!\d)(1[6-9]|20)\d\d[-_.]?(0[1-9]|1[0-2])")
Rank = tuple[int, tuple[int, ...]]


def superseded_versions(files: Iterable[Path]) -> dict[Path, str]:
    """Files of which a better version is among the others, and the reason in a word.

    A better version is a file that begins like NetCDF: an empty or foreign one supersedes nothing.
    """
    same = defaultdict[tuple[Path, str], list[Path]](list)
    for path in files:
        if path.suffix == ".nc" and DATE.search(path.stem):
            same[path.parent, product_and_day(path)].append(path)
    worse = dict[Path, str]()
    for paths in same.values():
        ranks = {path: _rank(path) for path in paths if len(paths) > 1}
        sound = [path for path in ranks if _is_netcdf(path)]
        if len(set(ranks.values())) < 2 or not sound:
            continue
        best = max(sound, key=lambda path: ranks[path])
        worse |= {path: f"better_version_{best.name}" for path in ranks if ranks[path] < ranks[best]}
    return worse


def product_and_day(path: Path) -> str:
    """The name without the words of its stage and the number of its version."""
    stem = VERSION.sub("", STAGE.sub("", path.stem))
    return re.sub(r"[-_.]+", "_", stem).strip("_").lower()


def _rank(path: Path) -> Rank:
    stages = [dict(STAGES)[word.lower()] for word in STAGE.findall(path.stem)]
    numbers = (int(part or 0) for found in VERSION.findall(path.stem) for part in found)
    return min(stages, default=1), tuple(numbers)


def _is_netcdf(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(8).startswith(NETCDF)
    except OSError:
        return False
