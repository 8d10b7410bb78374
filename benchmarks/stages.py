"""Processor seconds of each stage of `make demo`, one thread.

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python benchmarks/stages.py --folder DIR [osse=smoke ...]

DIR must not hold a run yet; what follows it are settings of `deepda osse run`, training=quick as in the
demo where there are none.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import osse.twin.run
import reanalysis.run
from deepda import cli
from deepda.base.progress import Clock


class ProcessorClock(Clock):
    """Processor seconds by stage, of all threads of this process."""

    now = time.process_time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("settings", nargs="*", default=["training=quick"])
    given = parser.parse_args()
    osse.twin.run.Clock = reanalysis.run.Clock = ProcessorClock  # type: ignore[misc]
    twin, product = given.folder / "osse", given.folder / "reanalysis"
    years = ["--start", "2000", "--end", "2002", "--run", str(twin)]
    cli.main(["osse", "run", "--output", str(twin), *given.settings])
    cli.main(["reanalysis", *years, "--output", str(product)])
    for folder in (twin, product):
        spent = json.loads((folder / "scores.json").read_text())["wall_seconds"]
        for stage, seconds in spent.items():
            print(f"{folder.name:<12}{stage:<32}{seconds:>8.1f} s")


if __name__ == "__main__":
    main()
