"""The numbers of the documentation, measured anew: `make scores`.

    python benchmarks/scores.py                    # all of it, hours; finished runs are not repeated
    python benchmarks/scores.py twin known         # some of it
    python benchmarks/scores.py twin --finished    # take runs/scores as it is, run nothing
    python benchmarks/scores.py --tables           # only write the tables from docs/measured.json

Runs go to runs/scores/NAME. What the docs need of them is kept in docs/measured.json, with command,
seed, date, machine and version; `score_tables` writes the tables from it. A test holds pages against it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Any

from score_tables import ROOT, write_tables

RUNS = ROOT / "runs" / "scores"
MEASURED = ROOT / "docs" / "measured.json"
KNOWN_SEEDS = range(5)  # of the known answer
OTHER_SEEDS = (2, 3)  # of the twin experiments, beside 1, the default
MONTHLY = ("per_year=12", "training.error_samples=320")  # as the real ocean is analysed with
BASELINES = "osse.baselines=[oi,forecast_oi,multi_scale_oi]"  # where errors of their own cost too much
ALL_BASELINES = "osse.baselines=[oi,forecast_oi,multi_scale_oi,own_error_oi]"
HISTORY = ("reanalysis", "--start", "1981", "--end", "2020")
TWINS = {
    "embedded": ("osse", "run", ALL_BASELINES),
    "gcm": ("osse", "run", "control=files", *MONTHLY, ALL_BASELINES, "data.root=DATA"),
}


@dataclass(frozen=True)
class Run:
    """One command whose numbers stand in the docs.

    Attributes:
        name: folder below RUNS, and key in MEASURED.
        group: what a user asks for on the command line.
        words: behind `deepda`, without --output; RUN/ stands for the folder of another run.
        file: that it writes its scores to.
        seed: of the training, where the scores name no seed or that of the observations alone.
    """

    name: str
    group: str
    words: tuple[str, ...]
    file: str = "scores.json"
    seed: int | None = None


RUNS_OF_THE_DOCS = (
    *(Run(name, "twin", words) for name, words in TWINS.items()),
    *(
        Run(f"{name}-{seed}", "twin", (*words, f"seed={seed}"))
        for seed in OTHER_SEEDS
        for name, words in TWINS.items()
    ),
    *(
        Run(f"known_{seed}", "known", ("osse", "known-answer", "--seed", str(seed), "--minutes", "2"))
        for seed in KNOWN_SEEDS
    ),
    Run("members_embedded", "members", ("osse", "run", "osse.baselines=[oi]", "osse.members=10")),
    Run(
        "members_gcm",
        "members",
        ("osse", "run", "control=files", *MONTHLY, BASELINES, "data.root=DATA", "osse.members=10"),
    ),
    *(
        Run(
            name + suffix,
            "others",
            ("osse", "run", "--run", run + suffix, "--truth", truth, BASELINES),
            seed=seed,
        )
        for seed, suffix in ((1, ""), *((seed, f"-{seed}") for seed in OTHER_SEEDS))
        for name, run, truth in (
            ("gcm_on_gcm2", "RUNS/gcm", "DATA/gcm2/thetao_*.nc"),
            ("gcm_on_embedded", "RUNS/gcm", f"RUNS/embedded{suffix}/control.nc"),
            ("embedded_on_gcm", "RUNS/embedded", "DATA/gcm/thetao_*.nc"),
        )
    ),
    Run(
        "warming",
        "warming",
        (
            *HISTORY,
            "--run",
            "RUNS/embedded",
            "reanalysis.members=10",
            "reanalysis.baselines=[oi,multi_scale_oi]",
        ),
        seed=1,
    ),
    *(
        Run(
            f"warming-{seed}",
            "warming",
            (*HISTORY, "--run", f"RUNS/embedded-{seed}", "reanalysis.baselines=[multi_scale_oi]"),
            seed=seed,
        )
        for seed in OTHER_SEEDS
    ),
    Run("deny_embedded", "experiments", ("osse", "deny", "--run", "RUNS/embedded"), "denial.json"),
    Run("deny_gcm", "experiments", ("osse", "deny", "--run", "RUNS/gcm"), "denial.json"),
    Run(
        "blind_embedded",
        "experiments",
        ("osse", "blind-zone", "--run", "RUNS/embedded"),
        "blind_zone.json",
    ),
    Run("blind_gcm", "experiments", ("osse", "blind-zone", "--run", "RUNS/gcm"), "blind_zone.json"),
)


def measure(run: Run, finished: bool) -> None:
    """Run a command unless it has been, and keep its scores in MEASURED.

    Args:
        run: the command.
        finished: leave it alone where it has not been.
    """
    output = RUNS / run.name
    if not (output / run.file).exists():
        if finished:
            return
        words = [word.replace("RUNS/", f"{RUNS}/").replace("DATA", _data()) for word in run.words]
        command = [sys.executable, "-m", "deepda", *words, "--output", str(output)]
        subprocess.run(command, check=True, cwd=ROOT)
    kept = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    kept[run.name] = {
        "command": " ".join(["deepda", *run.words]).replace("RUNS/", "runs/").replace("DATA", "DIR"),
        "date": str(date.fromtimestamp((output / run.file).stat().st_mtime)),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU",
        "version": version("deepda"),
        "scores": _needed(json.loads((output / run.file).read_text())) | _seed_of(run),
    }
    MEASURED.write_text(json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False) + "\n")


def _seed_of(run: Run) -> dict[str, int]:
    return {} if run.seed is None else {"seed": run.seed}


def _needed(scores: Mapping[str, Any]) -> Any:
    """What a table needs: no years, and of experiments on a finished run the globe alone."""
    left_out = ["by_year", "by_year_and_depth"]
    if "regions" in scores:
        left_out += ["by_region", "by_quarter", "rows", *scores["regions"]]
        left_out.remove("global")
    return _rounded(scores, left_out)


def _rounded(value: Any, left_out: Sequence[str]) -> Any:
    """Numbers to six digits, so that few lines change when they are measured again."""
    if isinstance(value, Mapping):
        return {key: _rounded(one, left_out) for key, one in value.items() if key not in left_out}
    if isinstance(value, list):
        return [_rounded(one, left_out) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _data() -> str:
    folder = os.environ.get("DEEPDA_TEST_DATA", "")
    if not folder:
        raise SystemExit(
            "DEEPDA_TEST_DATA names no folder, expected the one that holds the model run gcm/"
        )
    return folder


def main(words: Sequence[str] | None = None) -> None:
    """Measure the groups that were asked for, then write all tables."""
    groups = list(dict.fromkeys(run.group for run in RUNS_OF_THE_DOCS))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "groups", nargs="*", choices=[[], *groups], metavar="GROUP", help=", ".join(groups)
    )
    parser.add_argument("--finished", action="store_true", help="run nothing, take what is finished")
    parser.add_argument("--tables", action="store_true", help="measure nothing")
    arguments = parser.parse_args(words)
    if not arguments.tables:
        for run in RUNS_OF_THE_DOCS:
            if run.group in (arguments.groups or groups):
                measure(run, arguments.finished)
    write_tables(json.loads(MEASURED.read_text()))


if __name__ == "__main__":
    main()
