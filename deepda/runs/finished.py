"""A trained run on disk, opened part by part when a part is first asked for.

run = FinishedRun(Path("runs/osse"))
run.config, run.analyser, run.space     settings, trained network, grid with climatology and scale
run.span, run.tables, run.truth(step)   the test years that it was scored on
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.state import StateSpace
from deepda.base.errors import CheckpointError
from deepda.geometry.windows import Windows, season_of, windows, years_of
from deepda.networks.device import AUTO, choose_device
from deepda.networks.trainable import TrainableAnalyser
from deepda.observations.table import in_window, read_table
from deepda.runs.checkpoint import SPACE
from deepda.runs.open import load_analyser
from deepda.settings.compose import saved_config
from deepda.settings.schema import Config

ROWS, TRUTH, ANALYSIS = "observations.parquet", "truth.nc", "analysis.nc"
CHECKPOINT = "checkpoint"
REANALYSIS = "reanalysis"  # in the settings of a folder: which command it belongs to
OPENING = "Opening the trained run"  # for the log


@dataclass(frozen=True)
class FinishedRun:
    """A run of `deepda osse run`.

    Attributes:
        folder: of the run; nothing is written there.
        device: that its analyser is opened on: auto (a GPU where there is one), cpu or cuda. It need not
            be the one that it was trained on.
    """

    folder: Path
    device: str = AUTO

    @cached_property
    def config(self) -> Config:
        """Its settings.

        Raises:
            ConfigError: not there, or of another version.
        """
        return saved_config(self.folder)

    @property
    def checkpoint(self) -> Path:
        """Folder of the weights."""
        return self.folder / CHECKPOINT

    @cached_property
    def _trained(self) -> tuple[TrainableAnalyser, StateSpace]:
        self.require(f"{CHECKPOINT}/{SPACE}")
        return load_analyser(self.checkpoint, self.config.generator, choose_device(self.device))

    @property
    def analyser(self) -> TrainableAnalyser:
        """The trained generator, ready to analyse.

        Raises:
            ConfigError, CheckpointError: not there, broken, or of another version.
            DeviceError: its device is not there.
        """
        return self._trained[0]

    @property
    def space(self) -> StateSpace:
        """Grid, climatology and scale.

        Raises:
            ConfigError, CheckpointError: not there, broken, or of another version.
        """
        return self._trained[1]

    def require(self, *names: str) -> None:
        """Refuse a run that lacks files.

        Raises:
            CheckpointError: one of `names` is not in its folder. ConfigError: no settings either.
        """
        missing = next((name for name in names if not (self.folder / name).exists()), None)
        if missing is None:
            return
        if self.config.command == REANALYSIS:
            raise CheckpointError(
                f"{self.folder} is the folder of a reanalysis, expected that of a trained run; name the "
                f"one that it was made with, {self.config.reanalysis.run}"
            )
        raise CheckpointError(
            f"no {self.folder / missing}, expected the folder of a finished run; if it was interrupted, "
            "run the same command again to finish it, else `deepda osse run`, or name another folder"
        )

    @cached_property
    def span(self) -> Windows:
        """The windows of the test years.

        Raises:
            CheckpointError: the file of the truth is not there, or does not hold whole years.
        """
        self.require(TRUTH)
        path, per_year = self.folder / TRUTH, self.space.climatology.per_year
        with xr.open_dataset(path) as file:
            times = file["time"].values.astype("datetime64[s]")
        first, last = map(int, years_of(times[[0, -1]]))
        span = windows(first, last, per_year)
        if len(span) != times.size or season_of(times[0], per_year) != 0:
            raise CheckpointError(
                f"{path} holds {times.size} windows, expected the {len(span)} of whole years; "
                "make the run again"
            )
        return span

    @cached_property
    def tables(self) -> list[pd.DataFrame]:
        """The observations of the test years, window by window."""
        self.require(ROWS)
        span, table = self.span, read_table(self.folder / ROWS)
        inside = in_window(table, span.start[0], span.end[-1])
        window = np.searchsorted(span.start, inside["time"].to_numpy(), side="right") - 1
        order = np.argsort(window, kind="stable")
        edges = np.searchsorted(window[order], np.arange(len(span) + 1))
        ordered = inside.iloc[order]
        return [ordered.iloc[edges[i] : edges[i + 1]] for i in range(len(span))]

    def truth(self, step: int) -> NDArray[np.float32]:
        """(L, Y, X) degC of a window of the test years, NaN on land."""
        with xr.open_dataset(self.folder / TRUTH) as file:
            return np.asarray(file["thetao"].isel(time=step).values, np.float32)
