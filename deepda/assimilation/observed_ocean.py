"""What an analysis of history reads: an ocean that was observed, whoever observed it.

The twin of history (`osse.twin.historical_twin`) and archives of real observations are both
ObservedOceans; the reanalysis treats them alike, except that of a twin the truth is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.assimilation.state import StateSpace
from deepda.base.errors import DeepDAError
from deepda.base.progress import Progress
from deepda.climatology.seasonal import Climatology
from deepda.settings.schema import Config


class ObservedOcean(Protocol):
    """Observations of some years of the ocean."""

    @property
    def years(self) -> range:
        """Calendar years that can be asked for."""

    @property
    def climatology(self) -> Climatology:
        """What anomalies of these observations are taken from, on the analysis grid."""

    @property
    def about(self) -> Mapping[str, Any]:
        """Where the observations come from and what identifies them; kept in every file made of them."""

    @property
    def synthetic(self) -> bool:
        """Whether a model made this ocean; what is made of it says so and never passes for real."""

    @property
    def fallible(self) -> bool:
        """Whether a value may be wrong beyond its error: then each is checked against the background.

        What became of each row is then kept too; `table` has `reason` and `withheld`.
        """

    @property
    def edition(self) -> str:
        """Which state of the observations it is; another one may hold more of them. Kept in files."""

    def table(self, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
        """The observation table of the window [start, end), the same whenever it is asked for.

        Asked for from one thread at a time, not always the same one. No observations: no rows.
        """

    def truth(self, start: np.datetime64, end: np.datetime64) -> NDArray[np.float32] | None:
        """(depth, lat, lon) degC of the window, NaN on land; None where the truth is not known."""


class PeriodError(DeepDAError, ValueError):
    """Years without observations."""


def require_years(wanted: range, observed: range) -> None:
    """Refuse years that were not observed.

    Raises:
        PeriodError: a year outside those of the observations.
    """
    if wanted[0] < observed[0] or wanted[-1] > observed[-1]:
        raise PeriodError(
            f"the years {wanted[0]}-{wanted[-1]} were asked for, there are observations of "
            f"{observed[0]}-{observed[-1]}; choose --start and --end among these"
        )


# Opens the ocean of some settings on the grid of a space; the folder may keep what was made.
OpenOcean = Callable[[Config, StateSpace, Path, Progress], ObservedOcean]
