"""Pack a trained run of the built-in ocean as the weights that come with DeepDA: `make weights`.

    deepda osse run --output runs/shipped training.error_samples=128 'osse.baselines=[oi]'
    python benchmarks/ship_weights.py runs/shipped

Writes weights.safetensors, model.json and config.yaml to deepda/shipped. What is packed is unpacked
again and analyses the test years of the run; model.json has its scores, beside those of the run.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepda.base.info import provenance
from deepda.base.progress import Progress
from deepda.runs.finished import FinishedRun
from deepda.runs.folder import differences, flat_settings
from deepda.runs.shipped import SOURCE, pack_run, unpack_run
from deepda.settings.compose import load_config, saved_config
from osse.twin.control_years import share_out
from osse.twin.run import twin_of_test_years
from osse.twin.scores import scores_of
from osse.twin.twin import analyse, superobservations

COMMAND = "deepda osse run --output runs/shipped training.error_samples=128 'osse.baselines=[oi]'"
LIMIT = 8  # MB of all files


def ship(run: Path, folder: Path) -> None:
    """Pack a finished run into a folder, with the scores of what is unpacked again."""
    require_command(run)
    date = provenance(None, None)["date_created"][:10]
    more = {"command": COMMAND, "date": date, "scores": scores_of_packed(run)}
    pack_run(run, folder, more)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    print(f"{folder}: {size:.2f} MB")
    if size > LIMIT:
        raise SystemExit(f"{size:.2f} MB found, expected at most {LIMIT}; train with fewer samples")


def require_command(run: Path) -> None:
    """Refuse a run that COMMAND does not make."""
    asked = load_config("osse", [word for word in shlex.split(COMMAND) if "=" in word])
    found = differences(flat_settings(saved_config(run)), flat_settings(asked))
    if other := [line for line in found if not line.startswith(("output=", "device="))]:
        raise SystemExit(f"{run} is of other settings ({'; '.join(other)}), expected those of {COMMAND}")


def scores_of_packed(run: Path) -> dict[str, Any]:
    """Scores of packed and unpacked weights in the test years, and the error of the run itself."""
    with TemporaryDirectory(prefix="deepda-") as scratch, Progress() as progress:
        packed, unpacked, output = (Path(scratch) / name for name in ("packed", "run", "scored"))
        pack_run(run, packed, {})
        unpack_run(packed, unpacked)
        finished = FinishedRun(unpacked, "cpu")
        control = share_out(run / "control.nc", finished.config)
        twin = twin_of_test_years(finished.config, control, finished.space)
        output.mkdir()
        shutil.copy(run / "truth.nc", output)
        shutil.copytree(run / "baselines", output / "baselines")
        analyse(twin, finished.analyser, output / "analysis.nc", {}, progress, "Cycling", full=True)
        found = scores_of(output, finished.space, *superobservations(twin), finished.config.osse.spinup)
    trained = json.loads((run / "scores.json").read_text())
    before, after = trained["rmse"]["analysis"]["all"], found["rmse"]["analysis"]["all"]
    print(f"error of the run {before:.5f} K, of the unpacked weights {after:.5f} K")
    kept = ("rmse", "depth_m", "gain", "scored_windows", "scored_from", "scored_to")
    trusted = found["reliability"]
    return {
        **{name: found[name] for name in kept},
        "spread_over_error": trusted["spread_skill"],
        "coverage": trusted["coverage"],
        "rmse_before_packing": before,
    }


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the finished run")
    parser.add_argument("--output", type=Path, default=SOURCE, help="folder to write (deepda/shipped)")
    arguments = parser.parse_args(words)
    ship(arguments.run, arguments.output)


if __name__ == "__main__":
    main()
