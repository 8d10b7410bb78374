"""What becomes of damaged files: thousands of mutated ones of every format, and a table of the verdicts.

    nice -n 10 python benchmarks/corruption.py --count 2000 --seed 20261126

Half of the files are cut short, half get one to eight flipped bits. Intact files are those that the
tests write; real ones are added where DEEPDA_TEST_DATA names the folder of test data. Prints the table
of docs/reliability.md. The exit code is 1 if a reader crashed, or a cut changed a value.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from mutations import (
    OPTIONS,
    UNMARKED,
    WRITTEN,
    cut,
    flipped,
    flips,
    header_bytes,
    verdict,
)
from table_text import BUT_FIRST, as_table

from deepda.observations.formats import read_observations

REAL = (
    "argo/dac/bodc/6901929/profiles/D6901929_072.nc",
    "argo/dac/coriolis/3902131/profiles/SD3902131_001.nc",
    "argo_prof_other/2900313_prof.nc",
    "meop_seals/ct144-278BAT-14_lr1_prof.nc",
    "wod18_iquod/WOD18_sample_1995/wod_004181522O.nc",
    "wodpy/ocldb1570984477.6279_OSD.nc",
    "dart/1264095.nc",
    "mitgcm/sample_prof.nc",
    "ferret_bench/DSG_ERDDAP_Tao5daySst.nc",
    "xmca/sst.nc",
    "speedy_sst/sst_8190clim.t30.sea.grd",
    "cchdo_exchange/33RR20070204_hy1.csv",
)
COLUMNS = (
    "tried",
    "refused",
    "same rows",
    "fewer rows with reasons",
    "shorter",
    "other values",
    "crashed",
)


def intact_files(folder: Path) -> dict[str, Path]:
    """Name -> file: one of each format that the tests write, and real ones."""
    files = {}
    for name, (file, write) in WRITTEN.items():
        (folder / name).mkdir()
        write(files.setdefault(f"written {name}", folder / name / file))
    data = os.environ.get("DEEPDA_TEST_DATA")
    real = [Path(data) / "real" / name for name in REAL] if data else []
    return files | {f"real {path.parts[-1]}": path for path in real if path.is_file()}


def damage(path: Path, rng: np.random.Generator, cutting: bool) -> tuple[bytes, bool]:
    """Damaged content, and whether the flipped bits all lie in the header of a classic NetCDF file."""
    content = path.read_bytes()
    if cutting:
        return cut(content, rng), False
    bits, header = flips(content, rng), header_bytes(path)
    return flipped(content, bits), all(byte < header for byte, _ in bits)


def campaign(count: int, seed: int) -> tuple[dict[str, Counter[str]], list[str]]:
    """Kind of damage -> verdicts, and a line for each mutation that must not be."""
    rng, counts, wrong = np.random.default_rng(seed), dict[str, Counter[str]](), []
    with tempfile.TemporaryDirectory() as folder:
        files = intact_files(Path(folder))
        whole = {name: read_observations(path, OPTIONS) for name, path in files.items()}
        names = list(files)
        for number in range(count):
            name, cutting = names[number % len(names)], number // len(names) % 2 == 0
            path = Path(folder) / "damaged" / files[name].name
            path.parent.mkdir(exist_ok=True)
            content, in_header = damage(files[name], rng, cutting)
            found = verdict(whole[name], path, content)
            kind = "cut short" if cutting else "bits flipped"
            if not cutting and in_header:
                kind = "bits flipped in the header of classic NetCDF"
            elif cutting and name.removeprefix("written ") in UNMARKED:
                kind = "cut short, text without an end mark"
            counts.setdefault(kind, Counter()).update([found, "tried"])
            if found == "crashed" or (kind == "cut short" and found in ("shorter", "other values")):
                wrong.append(f"{name}: {kind}, mutation {number}: {found}")
            elif found == "shorter" or (in_header and found == "other values"):
                print(f"note: {name}: {kind}, mutation {number}: {found}", file=sys.stderr)
    return counts, wrong


def table(counts: dict[str, Counter[str]]) -> str:
    """The verdicts as a table in Markdown."""
    total = sum(counts.values(), Counter[str]())
    lines = [*sorted(counts.items()), ("all", total)]
    rows = [[kind, *(str(found[column]) for column in COLUMNS)] for kind, found in lines]
    return as_table([["damage", *COLUMNS], *rows], right=BUT_FIRST)


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="mutated files")
    parser.add_argument("--seed", type=int, default=20261126, help="of the damage")
    arguments = parser.parse_args()
    begin = time.monotonic()
    counts, wrong = campaign(arguments.count, arguments.seed)
    print(table(counts))
    print(f"\nseed {arguments.seed}, {time.monotonic() - begin:.0f} s")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
