"""Which files of Argo floats and seals to read so that each cast comes once.

Names of the GDAC: Argo user's manual 3.41 (doi 10.13155/29825); of seal tags: MEOP (meop.net).
"""

from __future__ import annotations

import mmap
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deepda.base.classic import DamagedFileError, read_header

SINGLE = re.compile(r"^(?P<kind>[BMS]?)(?P<mode>[RD])(?P<float>\d{5,7})_(?P<cycle>\d{3,4}D?)\.nc$")
MULTI = re.compile(r"^(?P<float>\d{5,7})_(?P<kind>[A-Za-z]+)\.nc$")
SEAL = re.compile(r"^(?P<tag>.+)_(?P<resolution>[a-z]{2})(?P<version>\d)_prof\.nc$")
INDEX = "ar_index_global_prof.txt"  # stands at the root of a GDAC tree
NUMBERED = (b"PLATFORM_NUMBER", b"platform_number")  # stands in clear in the headers of its NetCDF files
LONGEST_LINE = 4096  # bytes of a line of the index


@dataclass(frozen=True, order=True)
class Source:
    """One file, or one that ought to be there.

    Attributes:
        file: its absolute path.
        status: "" if it is to be read, else as in the manifest.
        reason: why it is not read.
    """

    file: str
    status: str = ""
    reason: str = ""


def choose_files(paths: Iterable[Path]) -> list[Source]:
    """Which of the files named like Argo or seal profiles to read so that each cast comes once.

    A float's `_prof.nc` holds all its casts and is taken where it is; else the single-cycle files,
    D before R of the same cycle; else the synthetic `_Sprof.nc`. B files hold no temperature. Of
    the files of one seal tag (MEOP) the levels that were sent are taken (`_lr1`), rather than the
    same interpolated to every dbar (`_hr1`), if they hold as many dives.

    Args:
        paths: files that can be opened, in the order of their names; others are passed over.
    """
    floats: dict[str, list[Path]] = defaultdict(list)
    tags: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for path in paths:
        named = _named(path)
        if named:
            floats[named["float"]].append(path)
        elif seal := SEAL.match(path.name):
            tags[path.parent, seal["tag"]].append(path)
    chosen = [file for name in sorted(floats) for file in _choose(floats[name])]
    return chosen + [file for tag in tags.values() for file in _choose_resolution(tag)]


def _named(path: Path) -> re.Match[str] | None:
    return SINGLE.match(path.name) or MULTI.match(path.name)


def is_of_argo(path: Path) -> bool:
    """Whether a file is called like those of Argo and of seals, and holds what they all hold."""
    if not (_named(path) or SEAL.match(path.name)):
        return False
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return any(data.find(name) >= 0 for name in NUMBERED)
    except (OSError, ValueError):
        return False


def _choose_resolution(paths: list[Path]) -> list[Source]:
    """The files of one tag: the low resolution before others, the later version before earlier."""

    def rank(path: Path) -> tuple[bool, int]:
        seal = SEAL.match(path.name)
        assert seal is not None
        return seal["resolution"] != "lr", -int(seal["version"])

    best = min(paths, key=rank)
    casts = _casts(best)
    reason = f"its_dives_are_in_{best.name}"
    return [
        Source(str(path), "superseded", reason)
        if path != best and casts and casts == _casts(path)
        else Source(str(path))
        for path in paths
    ]


def _casts(path: Path) -> int:
    """Casts of a classic NetCDF file by its header, 0 where it does not say."""
    try:
        extents = {extent.name: extent.size for extent in read_header(path).extents}
    except (OSError, DamagedFileError):
        return 0
    return extents.get("JULD", 0) // 8


def _choose(paths: list[Path]) -> list[Source]:
    """The files of one float with their status."""
    multi = {m["kind"]: p for p in paths if (m := MULTI.match(p.name))}
    single = {p: m for p in paths if (m := SINGLE.match(p.name))}
    core = {(m["mode"], m["cycle"]) for m in single.values() if m["kind"] == ""}
    whole = multi.get("prof") or (None if core else multi.get("Sprof"))
    files = []
    for path in paths:
        found = single.get(path)
        if path == whole:
            files.append(Source(str(path)))
        elif found is None:
            profiles = path in (multi.get("prof"), multi.get("Sprof"))
            files.append(
                Source(str(path), "superseded", "core_profiles_are_there")
                if profiles
                else Source(str(path), "no_profiles", "no_profile_file")
            )
        else:
            files.append(_single(path, found, whole, core))
    return files


def _single(path: Path, found: re.Match[str], whole: Path | None, core: set[tuple[str, str]]) -> Source:
    modes = {mode for mode, cycle in core if cycle == found["cycle"]}
    if found["kind"] in ("B", "M"):
        return Source(str(path), "no_profiles", "b_file_without_temperature")
    if whole is not None:
        return Source(str(path), "superseded", f"its_cast_is_in_{whole.name}")
    if found["kind"] == "S" and modes:
        return Source(str(path), "superseded", "core_profiles_are_there")
    if found["mode"] == "R" and "D" in modes:
        return Source(str(path), "superseded", "delayed_mode_is_there")
    return Source(str(path))


def missing_files(index: Path, paths: Iterable[Path]) -> list[Source]:
    """Casts of an index for which none of the files is there."""
    cycles = defaultdict[str, Counter[str]](Counter)
    for path in paths:
        named = _named(path)
        if named:
            cycles[named["float"]][_cycle(path)] += 1
    gone = []
    for name in _index_names(index):
        found = SINGLE.match(name.rpartition("/")[2])
        known = cycles[found["float"]] if found else Counter[str]()
        if found and not known["prof"] and not known[found["cycle"]]:
            gone.append(
                Source(str(index.parent / "dac" / name), "missing", "in_the_index_without_a_file")
            )
    return gone


def _index_names(index: Path) -> Iterator[str]:
    """First column of an index, line by line; none where it cannot be read."""
    try:
        with index.open("rb") as stream:
            while line := stream.readline(LONGEST_LINE):
                name = line.decode("latin-1").split(",")[0].strip()
                if name and not name.startswith("#"):
                    yield name
    except OSError:
        return


def _cycle(path: Path) -> str:
    """Cycle of a core single-cycle file, "prof" for the file of all, "" for others."""
    single, multi = SINGLE.match(path.name), MULTI.match(path.name)
    if single:
        return single["cycle"] if single["kind"] == "" else ""
    return "prof" if multi and multi["kind"] == "prof" else ""
