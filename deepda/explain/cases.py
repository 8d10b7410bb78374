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

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import USED, SuperObs, superobs
from deepda.base.progress import Progress
from deepda.explain.targets import ExplainError
from deepda.geometry.windows import Windows, season_of, windows
from deepda.networks.trainable import InnovationForm
from deepda.observations.table import in_window, read_table
from deepda.runs.run import load_run

ROWS, TRUTH, ANALYSIS = "observations.parquet", "truth.nc", "analysis.nc"


@dataclass(frozen=True, eq=False)
class Finished:
    """A run of `deepda osse run` with the observations and the truth of its test years.

    Attributes:
        folder: of the run.
        analyser, space: trained.
        span: the windows of the test years.
        tables: the observations, window by window.
    """

    folder: Path
    analyser: InnovationForm
    space: StateSpace
    span: Windows
    tables: list[pd.DataFrame]

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

    def stamp(self, step: int) -> str:
        """The first day of a window."""
        return str(self.span.start[step])[:10]

    def truth(self, step: int) -> NDArray[np.float32]:
        """(L, Y, X) degC."""
        with xr.open_dataset(self.folder / TRUTH) as file:
            return np.asarray(file["thetao"].isel(time=step).values, np.float32)

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
        """(L, Y, X) True where there is an observation."""
        return self.observations.seen[0]


def open_finished(folder: str | Path) -> Finished:
    """Read a run's folder.

    Raises:
        ConfigError, CheckpointError: no run is there.
        ExplainError: its twin is missing, or its generator is the published one.
    """
    folder = Path(folder)
    run = load_run(folder)
    analyser = run.analyser.innovation_form()
    if analyser is None:
        raise ExplainError(
            f"{folder} holds a {type(run.analyser).__name__}, which does not respond to innovations; "
            "expected a run with generator=innovation or unet3plus"
        )
    for name in (ROWS, TRUTH, ANALYSIS):
        if not (folder / name).exists():
            raise ExplainError(
                f"there is no {folder / name}, expected a finished `deepda osse run`; "
                "run the same command again to finish it"
            )
    span = _span(folder / TRUTH, run.space.climatology.per_year)
    table = read_table(folder / ROWS)
    return Finished(folder, analyser, run.space, span, _by_window(table, span))


def cycle_to(
    finished: Finished, wanted: Collection[int], progress: Progress | None = None
) -> dict[int, Case]:
    """The cases of the wanted windows, by a cycle from the first window of the run on."""
    analyser, estimate = finished.analyser, finished.analyser.first_guess(1)
    kept: dict[int, Case] = {}
    steps = range(max(wanted) + 1)
    for step in progress.track(steps, "Cycling to the windows", len(steps)) if progress else steps:
        with torch.no_grad():  # not inference_mode: gradients pass through these tensors later
            background = analyser.forecast(estimate, torch.tensor([int(finished.span.season[step])]))
            case = _case(finished, step, background)
            estimate = analyser.analyse(background, case.observations)
        if step in wanted:
            kept[step] = case
    return kept


def _case(finished: Finished, step: int, background: StateEstimate) -> Case:
    season, table = int(finished.span.season[step]), finished.tables[step]
    found = superobs(table, finished.space.grid, season, finished.space.climatology)
    return Case(step, background, table, found, finished.space.observations(found, season))


def share_of_rows(case: Case) -> NDArray[np.float64]:
    """(row) weight of each row in the superobservation of its cell; zero for rows not used.

    The weights of the rows of a cell sum to one, see `deepda.assimilation.superobs`.
    """
    used = case.found.reason == USED
    precision = np.where(used, case.table["error"].to_numpy(float) ** -2.0, 0.0)
    total = np.bincount(case.found.cell[used], precision[used], minlength=case.found.count.size)
    return np.where(used, precision / np.where(used, total[case.found.cell], 1.0), 0.0)


def _span(path: Path, per_year: int) -> Windows:
    """The windows of a file of whole years."""
    with xr.open_dataset(path) as file:
        times = file["time"].values.astype("datetime64[s]")
    first, last = (int(time.astype("datetime64[Y]").astype(int)) + 1970 for time in times[[0, -1]])
    span = windows(first, last, per_year)
    if len(span) != times.size or season_of(times[0], per_year) != 0:
        raise ExplainError(
            f"{path} holds {times.size} windows, expected the {len(span)} of whole years; "
            "make the run again"
        )
    return span


def _by_window(table: pd.DataFrame, span: Windows) -> list[pd.DataFrame]:
    inside = in_window(table, span.start[0], span.end[-1])
    window = np.searchsorted(span.start, inside["time"].to_numpy(), side="right") - 1
    order = np.argsort(window, kind="stable")
    edges = np.searchsorted(window[order], np.arange(len(span) + 1))
    ordered = inside.iloc[order]
    return [ordered.iloc[edges[i] : edges[i + 1]] for i in range(len(span))]
