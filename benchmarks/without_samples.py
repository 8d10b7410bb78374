"""What the sampled covariance of its own background errors is worth to a finished run, and its cost.

    python benchmarks/without_samples.py runs/fine

The trained generator is calibrated without its samples on the validation years, and cycled through the
test years of the run, whose finished scores it stands beside: root mean square errors (K), milliseconds
a cycle.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import xarray as xr

from deepda.base.progress import Clock, Progress
from deepda.runs.finished import FinishedRun
from deepda.verification import ocean_weights, rmse
from osse.twin.run import twin_of_test_years
from osse.twin.training import twin_training
from osse.twin.twin import analyse


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path, help="folder of a run with baselines")
    run = FinishedRun(parser.parse_args().run, "cpu")
    form = run.analyser.covariance_form()
    if form is None:
        raise SystemExit(f"{run.folder} has no covariance, expected a run of generator=innovation")
    plain, config = form.without_error_samples(), run.config
    with (
        TemporaryDirectory() as cache,
        Progress() as progress,
        twin_training(config, run.folder, Path(cache), Clock(), progress) as training,
    ):
        training.setup(config).complete(plain, 0, config.training.seed, progress)
        twin = twin_of_test_years(config, training.control, run.space)
        path = Path(cache) / "analysis.nc"
        milliseconds = analyse(twin, plain, path, {}, progress, "Without samples", full=False)
        with xr.open_dataset(path) as made, xr.open_dataset(run.folder / "truth.nc") as truth:
            scored = dict(time=slice(config.osse.spinup, None))
            weights = ocean_weights(run.space.grid)
            error = rmse(made["thetao"].isel(scored), truth["thetao"].isel(scored), weights)
    scores = json.loads((run.folder / "scores.json").read_text())
    for name in ("analysis", "oi"):
        cost = scores["milliseconds_per_cycle"][name]
        print(f"{name}: {scores['rmse'][name]['all']:.4f} K, {cost:.0f} ms a cycle")
    print(f"analysis without samples: {float(error):.4f} K, {milliseconds:.0f} ms a cycle")


if __name__ == "__main__":
    main()
