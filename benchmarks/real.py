"""What docs/real-reanalysis.md shows of 1981-2020, made anew by the commands of the tutorial.

    make real DATA=/path/to/data
    python benchmarks/real.py /path/to/data --output runs/anew

The commands are those of docs/tutorial-real-reanalysis.md, up to its near real time, and are run in the
output folder; runs that are finished there are not repeated. Beside them the folder then has `tables.md`
and both pictures of the page.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TUTORIAL = ROOT / "docs" / "tutorial-real-reanalysis.md"
SST = "real/sst_ersstv5/ersst_v5_sst_198101-202012.nc"  # below the folder of data
RUN = "runs/real"  # where the tutorial puts its reanalysis
SOME_LEFT_OUT = 1  # exit code of an ingest that left files or rows out, each with its reason
INGEST = ["observations", "ingest"]


def of_the_tutorial() -> list[list[str]]:
    """Words behind `deepda` of its commands, in order, up to the first that continues a reanalysis.

    $DATA and $REAL stand in them as on the page.
    """
    lines = re.sub(r" *\\\n\s*", " ", TUTORIAL.read_text())
    words = [shlex.split(line) for line in re.findall(r"^    deepda (.*)$", lines, re.MULTILINE)]
    return list(itertools.takewhile(lambda command: "--continue" not in command, words))


def run(words: Sequence[str], folder: Path) -> None:
    """Run a command of deepda in a folder.

    Raises:
        SystemExit: it failed; an ingest that left files out has not.
    """
    print("deepda", shlex.join(words), flush=True)
    code = subprocess.run([sys.executable, "-P", "-m", "deepda", *words], cwd=folder).returncode
    if code and not (words[:2] == INGEST and code == SOME_LEFT_OUT):
        raise SystemExit(f"`deepda {' '.join(words[:2])}` ended with exit code {code}; see above")


def draw(data: Path, folder: Path) -> None:
    """Write the tables and pictures of the page, from the tutorial's reanalysis below `folder`."""
    sst = ("--sst", str(data / SST))
    (folder / "tables.md").write_text(benchmark("real_tables.py", folder, *sst))
    benchmark("real_el_nino.py", folder, "real_el_nino_155m.png")
    benchmark("real_trends.py", folder, "real_trends.png", *sst)


def benchmark(name: str, folder: Path, *words: str) -> str:
    """What another of these scripts prints of the tutorial's reanalysis."""
    command = [sys.executable, str(ROOT / "benchmarks" / name), RUN, *words]
    return subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with gcm/ and real/")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "real-ocean")
    given = parser.parse_args()
    if not (given.data / "real").is_dir():
        parser.error(f"{given.data} has no folder real/; DATA names the folder with gcm/ and real/")
    data, folder = given.data.resolve(), given.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    places = {"$DATA": str(data), "$REAL": str(data / "real")}
    for words in of_the_tutorial():
        for name, place in places.items():
            words = [word.replace(name, place) for word in words]
        run(words, folder)
    draw(data, folder)
    print(folder / "tables.md")


if __name__ == "__main__":
    main()
