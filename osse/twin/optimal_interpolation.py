"""Optimal interpolation as the baseline of a run: tuned on the validation years, kept for later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepda.assimilation.baselines import (
    FITTING,
    Candidates,
    OptimalInterpolation,
    ValidationWindows,
    tune,
)
from deepda.assimilation.cycle import Observations
from deepda.base.errors import CheckpointError
from deepda.base.files import write_whole
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.networks.device import choose_device
from deepda.runs.checkpoint import INTERPOLATION as FILE
from deepda.settings.schema import Config
from osse.twin.control_years import share_out, training_anomalies
from osse.twin.validation_years import ValidationYears

TUNED = ("inflation", "error_stddev")  # tensors
TUNING_WINDOWS = 90  # of the validation years; half is spin-up, or the inflation is too large
# The reach is near the 4,000 km and 800 m that a wider search chose on validation years of the model run
# (docs/scores.md); searching it each time would cost more than training.
CANDIDATES = Candidates(inflation=(0.05, 0.1, 0.2), radius_km=(3000.0,), depth_scale_m=(800.0,))


def tuned_interpolation(
    years: ValidationYears, anomalies: NDArray[np.float32], folder: Path, progress: Progress
) -> OptimalInterpolation:
    """Tune on the validation years, or take what an earlier start of this run has tuned.

    Args:
        anomalies: (time, L, Y, X) standardised, training years.
    """
    path, grid = folder / FILE, years.space.grid
    if path.exists():
        progress.note(f"optimal interpolation: {path} is there and is used again")
        return load_interpolation(anomalies, grid, folder, progress)
    tuned = tune(anomalies, grid, validation_of(years, progress), progress, CANDIDATES)
    best = min(tuned.trials, key=lambda trial: trial.rmse)
    progress.note(
        f"best of {len(tuned.trials)} trials: {best.rmse:.4f} K with radius {best.radius_km:g} km, "
        f"depth scale {best.depth_scale_m:g} m"
    )
    keep(tuned.analyser, best.radius_km, best.depth_scale_m, folder)
    return tuned.analyser


def keep(analyser: OptimalInterpolation, radius_km: float, depth_scale_m: float, folder: Path) -> None:
    """Write what was tuned; its covariance has this reach and is made again."""
    reach = {"radius_km": str(radius_km), "depth_scale_m": str(depth_scale_m)}
    kept = (analyser.inflation.contiguous(), analyser.error_stddev.contiguous())
    tensors = dict(zip(TUNED, kept, strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, lambda partial: save_file(tensors, partial, metadata=reach))


def validation_of(years: ValidationYears, progress: Progress) -> ValidationWindows:
    """The windows that baselines are tuned on, on the CPU; each pass through them is shown."""
    cpu = torch.device("cpu")

    def windows() -> Iterator[tuple[Observations, Tensor]]:
        steps = range(min(TUNING_WINDOWS, len(years.truth)))
        for step in progress.track(steps, "Cycling candidates of optimal interpolation"):
            yield years.observations(step, cpu), years.truth[step : step + 1]

    scale, spinup = torch.from_numpy(years.space.scale), min(TUNING_WINDOWS, len(years.truth)) // 2
    return ValidationWindows(windows, scale, spinup)


def tuned_interpolation_of(
    run: Path, config: Config, cache: Path, progress: Progress
) -> OptimalInterpolation:
    """The tuned baseline of a finished run.

    Args:
        config: whose `osse` shares out the years of the control simulation; its device is taken.
        cache: folder for the anomalies of the training years, removed again.

    Raises:
        CheckpointError: the run has none.
    """
    if not (run / "checkpoint" / FILE).exists():
        raise CheckpointError(
            f"{run} has no {FILE}, expected the folder of a finished `deepda osse run`; give the same "
            "command again, it goes on where it stopped"
        )
    control = share_out(run / "control.nc", config)
    with training_anomalies(control, cache, progress) as (space, anomalies):
        tuned = load_interpolation(anomalies, space.grid, run / "checkpoint", progress)
        return tuned.to(choose_device(config.device))


def load_interpolation(
    anomalies: NDArray[np.float32], grid: Grid, folder: Path, progress: Progress
) -> OptimalInterpolation:
    """The tuned baseline of a run; its covariance is fitted again on the training anomalies.

    Raises:
        CheckpointError: the file is broken.
    """
    try:
        with safe_open(folder / FILE, "pt") as file:
            reach = {name: float(value) for name, value in (file.metadata() or {}).items()}
            inflation, error = (file.get_tensor(name) for name in TUNED)
    except (SafetensorError, OSError, ValueError) as reason:
        raise CheckpointError(
            f"{folder / FILE} is broken ({reason}); remove it and give `deepda osse run` again"
        ) from reason
    with progress.stage(FITTING):
        fitted = OptimalInterpolation.fit(anomalies, grid, **reach, inflation=1.0)
    return replace(fitted.with_inflation(inflation), error_stddev=error)
