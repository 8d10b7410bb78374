"""A trained run in Python: load it, analyse a window of your own observations, go on to the next.

run = load_run("runs/osse")
analysis = run.analyse(table, "2003-01-03")             # from climatology
analysis = run.analyse(table, "2003-01-08", analysis)   # from the analysis before
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from deepda.assimilation.cycle import StateEstimate, require_physical
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import superobs
from deepda.climatology.seasonal import Climatology
from deepda.geometry.windows import Windows, windows
from deepda.networks.correction import influence
from deepda.networks.trainable import TrainableAnalyser
from deepda.observations.table import in_window
from deepda.runs.open import load_analyser
from deepda.settings.compose import saved_config


@dataclass(frozen=True, eq=False)
class Analysis:
    """The analysis of one window, and what the next window needs of it.

    Attributes:
        dataset: thetao (degC), thetao_background, thetao_stddev (K) and
            thetao_observation_influence (0..1), each (depth, lat, lon), with the time of the window.
        estimate: the same in the units of the network.
        rows: of the table, by what became of them.
    """

    dataset: xr.Dataset
    estimate: StateEstimate
    rows: dict[str, int]


@dataclass(frozen=True, eq=False)
class Run:
    """A trained analyser and the space it works in."""

    analyser: TrainableAnalyser
    space: StateSpace

    def with_climatology(self, climatology: Climatology) -> Run:
        """The same for observations whose anomalies are taken from an observed climatology."""
        return replace(self, space=replace(self.space, climatology=climatology))

    def window(self, time: str | np.datetime64) -> Windows:
        """The assimilation window that holds a time, as `Windows` of length one."""
        moment = np.datetime64(str(time), "s")
        year = int(moment.astype("datetime64[Y]").astype(int)) + 1970
        span = windows(year, year, self.space.climatology.per_year)
        at = np.flatnonzero((span.start <= moment) & (moment < span.end))
        return Windows(span.start[at], span.end[at], span.season[at], span.year[at], span.per_year)

    def analyse(
        self, table: pd.DataFrame, time: str | np.datetime64, before: Analysis | None = None
    ) -> Analysis:
        """Analyse the observations of the window that holds `time`.

        Args:
            table: observation table (time, lat, lon, depth m, temperature degC, error K); rows of
                other windows are left out.
            time: any moment of the window.
            before: the analysis of the window before; None starts from climatology.

        Raises:
            TableError: columns are missing or values impossible.
            DivergenceError: the analysis left physical limits.
        """
        span = self.window(time)
        season = int(span.season[0])
        chosen = in_window(table, span.start[0], span.end[0])
        found = superobs(chosen, self.space.grid, season, self.space.climatology)
        with torch.inference_mode():
            last = before.estimate if before is not None else self.analyser.first_guess(1)
            background = self.analyser.forecast(last, torch.tensor([season]))
            estimate = self.analyser.analyse(background, self.space.observations(found, season))
        require_physical(estimate)
        return Analysis(self._dataset(background, estimate, span), estimate, found.rows())

    def _dataset(self, background: StateEstimate, estimate: StateEstimate, span: Windows) -> xr.Dataset:
        season, dims = int(span.season[0]), ("depth", "lat", "lon")
        share = np.where(
            self.space.grid.ocean, influence(background.spread[0], estimate.spread[0]).numpy(), np.nan
        )
        fields = {
            "thetao": (dims, self.space.celsius(estimate.mean[0], season), {"units": "degC"}),
            "thetao_background": (
                dims,
                self.space.celsius(background.mean[0], season),
                {"units": "degC"},
            ),
            "thetao_stddev": (dims, self.space.kelvin(estimate.spread[0]), {"units": "K"}),
            "thetao_observation_influence": (dims, share, {"units": "1"}),
        }
        return self.space.grid.coords().assign(fields).assign_coords(time=span.middle[0])


def load_run(folder: str | Path) -> Run:
    """A run made by `deepda osse run`.

    Raises:
        ConfigError, CheckpointError: it is not there, or of another version.
    """
    folder = Path(folder)
    analyser, space = load_analyser(folder / "checkpoint", saved_config(folder).generator)
    return Run(analyser, space)
