"""A finished run, cycled again, and stopped before the windows that are to be explained.

The files of a run hold mean and spread of each analysis but not the memory that the generator
carries, so the cycle is made again from its start: the same observations, hence the same estimates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate, cycle
from deepda.assimilation.superobs import USED, SuperObs, superobs
from deepda.base.progress import Progress
from deepda.explain.targets import ExplainError
from deepda.networks.device import AUTO
from deepda.networks.trainable import InnovationForm
from deepda.runs.finished import ANALYSIS, ROWS, TRUTH, FinishedRun


class ExplainedRun(FinishedRun):
    """A finished run whose generator can be explained."""

    @property
    def scale(self) -> Tensor:
        """(L, Y, X) K of one standard deviation, on the device of the analyser."""
        return torch.from_numpy(self.space.scale).to(self.analyser.ocean)

    @property
    def analyser(self) -> InnovationForm:
        """The trained generator.

        Raises:
            ExplainError: it is the published one.
        """
        form = super().analyser.innovation_form()
        if form is None:
            raise ExplainError(
                f"{self.folder} holds a {type(super().analyser).__name__}, which does not respond to "
                "innovations; expected a run with generator=innovation or unet3plus"
            )
        return form

    def step(self, time: str | None) -> int:
        """Position of the window that holds a time; of the last one if None.

        Raises:
            ExplainError: not a date, or one outside the test years.
        """
        if time is None:
            return len(self.span) - 1
        try:
            moment = np.datetime64(time, "s")
        except ValueError as error:
            raise ExplainError(f"--window {time} found, expected a date such as 2003-06-10") from error
        at = np.flatnonzero((self.span.start <= moment) & (moment < self.span.end))
        if not at.size:
            raise ExplainError(
                f"--window {time} lies outside the test years of {self.folder}, expected "
                f"{str(self.span.start[0])[:10]} to {str(self.span.end[-1])[:10]}; choose one inside"
            )
        return int(at[0])

    def superobs(self, step: int) -> tuple[SuperObs, int]:
        """The superobservations of a window, and its season."""
        season = int(self.span.season[step])
        return superobs(self.tables[step], self.space.grid, season, self.space.climatology), season

    def stamp(self, step: int) -> str:
        """The day in the middle of a window, as the report of the run names it."""
        return str(self.span.middle[step])[:10]

    def background_errors(self, first: int) -> Iterator[NDArray[np.float32]]:
        """(window, Y, X) background less truth of each layer, K, from a window on; zero on land."""
        with (
            xr.open_dataset(self.folder / TRUTH) as truth,
            xr.open_dataset(self.folder / ANALYSIS) as analysis,
        ):
            for level in range(self.space.grid.shape[0]):
                at = {"time": slice(first, None), "depth": level}
                error = analysis["thetao_background"].isel(at).values - truth["thetao"].isel(at).values
                yield np.nan_to_num(error).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Case:
    """One window as the generator sees it.

    Attributes:
        step: its position in the test years.
        background: the estimate before its observations.
        table: its observations.
        found: its superobservations.
        observations: the same as tensors.
    """

    step: int
    background: StateEstimate
    table: pd.DataFrame
    found: SuperObs
    observations: Observations

    @property
    def season(self) -> int:
        """Index of the window within its year."""
        return int(self.observations.season[0])

    @property
    def seen(self) -> Tensor:
        """(L, Y, X) True where there is an observation; on the host."""
        return self.observations.seen[0].cpu()


def open_finished(folder: str | Path, device: str = AUTO) -> ExplainedRun:
    """Read a run's folder; its analyser lies on a device: auto, cpu or cuda.

    Raises:
        ConfigError, CheckpointError: no run is there.
        CheckpointError: it is not finished.
        ExplainError: its generator is the published one.
    """
    finished = ExplainedRun(Path(folder), device)
    finished.analyser  # noqa: B018  refuses before minutes of reading
    finished.require(ROWS, TRUTH, ANALYSIS)
    return finished


def cycle_to(
    finished: ExplainedRun, wanted: Collection[int], progress: Progress | None = None
) -> dict[int, Case]:
    """The cases of the wanted windows, by a cycle from the first window of the run on."""
    steps, analyser = range(max(wanted) + 1), finished.analyser
    counted = progress.track(steps, "Cycling to the windows", len(steps)) if progress else steps
    device = analyser.ocean.device
    windows = (finished.space.observations(*finished.superobs(step), device) for step in counted)
    kept: dict[int, Case] = {}
    with torch.no_grad():  # not inference_mode: gradients pass through these tensors later
        for number, step in enumerate(cycle(analyser, analyser.first_guess(1), windows)):
            if number in wanted:
                found, _ = finished.superobs(number)
                table = finished.tables[number]
                kept[number] = Case(number, step.background, table, found, step.observations)
    return kept


def share_of_rows(case: Case) -> NDArray[np.float64]:
    """(row) weight of each row in the superobservation of its cell; zero for rows not used.

    The weights of the rows of a cell sum to one, see `deepda.assimilation.superobs`.
    """
    used = case.found.reason == USED
    precision = np.where(used, case.table["error"].to_numpy(float) ** -2.0, 0.0)
    total = np.bincount(case.found.cell[used], precision[used], minlength=case.found.count.size)
    return np.where(used, precision / np.where(used, total[case.found.cell], 1.0), 0.0)
