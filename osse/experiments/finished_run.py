"""A finished run, opened again: cycled through its own test years once more, without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from deepda.assimilation.baselines import OptimalInterpolation
from deepda.assimilation.cycle import (
    Analyser,
    Nothing,
    Observations,
    Result,
    Scorer,
    StateEstimate,
    cycle,
    filtered,
    run_cycle,
)
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import superobs
from deepda.base.progress import Progress
from deepda.networks.device import AUTO, choose_device, described
from deepda.runs.finished import OPENING, FinishedRun
from deepda.settings.schema import Config
from deepda.verification import WindowSums, moments, spread_moments
from osse.twin.control_years import Control, fit_space, share_out
from osse.twin.optimal_interpolation import FILE, load_interpolation
from osse.twin.run import twin_of_test_years
from osse.twin.twin import Twin

Keep = Callable[[pd.DataFrame], NDArray[np.bool_]]  # (row) True where an observation is used


@dataclass(frozen=True, eq=False)
class CycledRun:
    """A finished run and what it was scored on.

    Attributes:
        analyser: its generator with the best weights.
        anomalies: (time, L, Y, X) standardised, of the training years; on disk.
        twin: truth and observations of the test years.
    """

    folder: Path
    config: Config
    analyser: Analyser
    oi: OptimalInterpolation
    control: Control
    anomalies: NDArray[np.float32]
    twin: Twin

    @property
    def spinup(self) -> int:
        """Windows of the test years that do not count."""
        return self.config.osse.spinup


@contextmanager
def opened(run: Path, scratch: Path, progress: Progress, device: str = AUTO) -> Iterator[CycledRun]:
    """Open a run; nothing is written into its folder.

    Args:
        run: folder of `deepda osse run`.
        scratch: folder for the anomalies of the training years, which are removed at the end.
        device: that its generator analyses on: auto, cpu or cuda.

    Raises:
        ConfigError, CheckpointError, ControlError: it is not there, not finished or of another version.
        DeviceError: the device is not there.
    """
    finished = FinishedRun(run, device)
    progress.note(described(device, choose_device(device)))
    with progress.stage(OPENING):
        config, space = finished.config, finished.space
    finished.require("control.nc", f"checkpoint/{FILE}")
    control = share_out(run / "control.nc", config)
    with TemporaryDirectory(prefix=".anomalies-", dir=scratch) as cache:
        _, anomalies = fit_space(control, Path(cache) / "anomalies.npy", progress)
        oi = load_interpolation(anomalies, space.grid, run / "checkpoint", progress)
        oi = oi.to(finished.analyser.ocean.device)
        twin = twin_of_test_years(config, control, space)
        analyser: Analyser = finished.analyser  # type: ignore[assignment]
        yield CycledRun(run, config, analyser, oi, control, anomalies, twin)


def tables(twin: Twin, progress: Progress) -> list[pd.DataFrame]:
    """The observation tables of all windows, as the run had them."""
    steps = range(len(twin.windows))
    return [twin.table(step) for step in progress.track(steps, "Observing the truth", len(steps))]


def kept_observations(
    twin: Twin, windows: Sequence[pd.DataFrame], keep: Keep
) -> tuple[list[Observations], int]:
    """Superobservations of the rows that are kept, window by window, and the number of these rows.

    Args:
        keep: chooses rows; values and errors of those kept are the same whatever else is left out.
    """
    space, found, rows = twin.space, [], 0
    for table, season in zip(windows, twin.windows.season, strict=True):
        kept = table[keep(table)]
        rows += len(kept)
        one = superobs(kept, space.grid, int(season), space.climatology)
        found.append(space.observations(one, int(season)))
    return found, rows


def score_cycle(
    analyser: Analyser,
    windows: Sequence[Observations],
    scorer: Scorer,
    progress: Progress,
    title: str,
) -> None:
    """Cycle an analyser through the windows, from climatology on, and score it.

    Raises:
        DivergenceError: an analysis left physical limits.
    """
    with torch.inference_mode():
        first = analyser.first_guess(1)
        steps = cycle(analyser, first, (window.to(first.mean.device) for window in windows))
        run_cycle(filtered(progress.track(steps, title, total=len(windows))), Nothing(), scorer)


class TwinScorer:
    """Compares the analyses of a twin with its truth, window by window."""

    def __init__(self, twin: Twin, spinup: int, sums: WindowSums) -> None:
        self._twin, self._spinup, self._sums = twin, spinup, sums

    def add(self, result: Result) -> None:
        """Count a window, unless it belongs to the spin-up."""
        if result.place < self._spinup:
            return
        space, estimate = self._twin.space, result.estimate
        stddev = space.kelvin(estimate.spread[0])
        both = moments(kelvin(space, estimate), true_anomaly(self._twin, result.place))
        time = self._twin.windows.middle[result.place]
        self._sums.add(time, both | spread_moments(both["error"], stddev))


def kelvin(space: StateSpace, estimate: StateEstimate) -> NDArray[np.float32]:
    """(L, Y, X) anomaly of an estimate, K."""
    return np.asarray(estimate.mean[0].numpy() * space.scale)


def true_anomaly(twin: Twin, step: int) -> NDArray[np.float32]:
    """(L, Y, X) anomaly of the truth in a window, K; NaN on land."""
    return np.asarray(twin.truth[step].values - twin.space.climatology.mean[twin.windows.season[step]])
