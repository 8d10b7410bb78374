"""The twin of history: a warming ocean whose truth is known, observed as history was.

It is the default input of the reanalysis. Its years are labelled with the calendar years of the
observing system; truth, places and errors of a window depend on the settings and its date alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.observed_ocean import require_years
from deepda.assimilation.state import StateSpace
from deepda.base.errors import DeepDAError
from deepda.base.progress import Progress
from deepda.climatology.seasonal import Climatology
from deepda.control.prepare import open_prepared
from deepda.geometry.windows import Windows, windows
from deepda.settings.schema import Config, EmbeddedControl
from osse.observing.platforms import FIRST_YEAR, LAST_YEAR
from osse.ocean.simulate import write_control
from osse.twin.control_years import years_shown
from osse.twin.observed_climatology import observed_climatology
from osse.twin.twin import NETWORK_OF_TEST, Twin, draw_network, drawn_errors

TRUTH_OF_HISTORY = 2_000  # added to the seed: history is another realisation than what was learnt from
REFERENCE_YEARS = range(1981, 2011)  # of the climatology, where the run's own is of another ocean


class HistoryError(DeepDAError, ValueError):
    """A window that the twin of history does not have."""


class TwinOfHistory:
    """An `ObservedOcean` made from a prepared file of the truth; a year of it is in memory.

    Args:
        space: grid of the file, and the climatology that anomalies are taken from.
        thetao: (time, depth, lat, lon) degC, lazy, whole years from FIRST_YEAR on.
    """

    synthetic = True
    fallible = False
    edition = ""

    def __init__(self, config: Config, space: StateSpace, thetao: xr.DataArray) -> None:
        self._space, self._thetao, self._seed = space, thetao, config.seed
        self._windows = windows(FIRST_YEAR, LAST_YEAR, config.per_year)
        self._network, self._errors = draw_network(config, space.grid, config.seed + NETWORK_OF_TEST)
        self._drawn = drawn_errors(config)
        self._held: tuple[int, Twin] | None = None
        self.years = range(FIRST_YEAR, LAST_YEAR + 1)
        self.climatology = space.climatology
        self.about: Mapping[str, Any] = {
            "source": "synthetic observations of the embedded twin of history",
            "truth_seed": truth_seed(config),
            "warming_K_per_decade": config.reanalysis.warming,
            "network_seed": config.seed + NETWORK_OF_TEST,
            "network": asdict(config.observations),
            "error_seed": config.seed,
        }

    def table(self, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
        """The observation table of the window [start, end).

        Raises:
            HistoryError: not one of its windows.
        """
        twin, step = self._at(start, end)
        return twin.table(step)

    def truth(self, start: np.datetime64, end: np.datetime64) -> NDArray[np.float32]:
        """(depth, lat, lon) degC of the window, NaN on land.

        Raises:
            HistoryError: not one of its windows.
        """
        twin, step = self._at(start, end)
        return np.asarray(twin.truth[step].values)

    def _at(self, start: np.datetime64, end: np.datetime64) -> tuple[Twin, int]:
        """The twin of the year of a window, and the position of the window in it."""
        step = int(np.searchsorted(self._windows.start, start))
        known = self._windows
        if step == len(known) or (known.start[step], known.end[step]) != (start, end):
            raise HistoryError(
                f"a window from {start} to {end} asked for, the twin of history has {known.per_year} a "
                f"year of {self.years[0]}-{self.years[-1]}; ask for one of those"
            )
        year, season = divmod(step, known.per_year)
        if self._held is None or self._held[0] != year:
            self._held = year, self._twin(year)
        return self._held[1], season

    def _twin(self, year: int) -> Twin:
        whole = slice(year * self._windows.per_year, (year + 1) * self._windows.per_year)
        span: Windows = windows(self.years[year], self.years[year], self._windows.per_year)
        truth = self._thetao[whole].load()
        return Twin(self._space, truth, span, self._network, self._errors, self._seed, self._drawn)


def twin_of_history(
    config: Config, space: StateSpace, folder: Path, progress: Progress
) -> TwinOfHistory:
    """The embedded ocean of FIRST_YEAR..LAST_YEAR, warming, on the grid of a trained run.

    All years are simulated whatever years are analysed, so that they are the same. They are kept in
    `folder`/history.nc; a file that is there is of the same settings, or the caller has refused.

    A run that learnt from the embedded ocean brings its climatology along. Where it learnt from
    another model, the climatology is that of the REFERENCE_YEARS, as an observed one would be.

    Raises:
        PeriodError: years that the settings ask for are not among them.
        OceanError, OutputError: the truth cannot be simulated or written.
    """
    wanted = config.reanalysis
    require_years(range(wanted.start, wanted.end + 1), range(FIRST_YEAR, LAST_YEAR + 1))
    path = folder / "history.nc"
    if path.exists():
        progress.note(f"history: {path} is there and is used again")
    else:
        years = LAST_YEAR - FIRST_YEAR + 1
        write_control(
            path,
            space.grid,
            years,
            truth_seed(config),
            wanted.warming,
            FIRST_YEAR,
            config.per_year,
            progress=years_shown("Simulating the warming ocean", years, progress),
        )
    _, thetao = open_prepared(path)
    if not isinstance(config.control, EmbeddedControl):
        mean = _mean_year(thetao, config.per_year)
        space = StateSpace(space.grid, Climatology(mean, space.climatology.stddev), space.scale)
    return TwinOfHistory(config, observed_climatology(config, space), thetao)


def truth_seed(config: Config) -> int:
    """Seed of the truth: never that of the control simulation that was learnt from."""
    control = config.control
    learnt = control.seed if isinstance(control, EmbeddedControl) else config.seed
    return learnt + TRUTH_OF_HISTORY


def _mean_year(thetao: xr.DataArray, per_year: int) -> NDArray[np.float32]:
    """(season, depth, lat, lon) degC, harmonically smoothed mean of the REFERENCE_YEARS."""
    total = np.zeros((per_year, *thetao.shape[1:]))
    for year in REFERENCE_YEARS:
        first = (year - FIRST_YEAR) * per_year
        total += thetao[first : first + per_year].values
    mean = (total / len(REFERENCE_YEARS)).astype(np.float32)
    return Climatology.fit(mean, np.arange(per_year), per_year).mean
