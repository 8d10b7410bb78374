"""The rows of a window, checked against its background before they are used.

forecast -> background --check_window--> table --superobs--> CheckedObservations --> analysis
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.members import Members
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import superobs
from deepda.feedback.window import check_window, usable


@dataclass(frozen=True, eq=False)
class CheckedObservations(Observations):
    """Superobservations of the rows that passed the check.

    Attributes:
        table: all rows of the window with `reason` and `withheld`, the reasons of the check among them.
        start, end: of the window, half-open.
    """

    table: pd.DataFrame
    start: np.datetime64
    end: np.datetime64


@dataclass(frozen=True, eq=False)
class WindowOfRows:
    """A `Window` of rows that are yet to be checked.

    Attributes:
        table: with `reason` and `withheld`.
        start, end: of the window, half-open.
        season: index of the window within its year, (1).
        space: grid, scale, and climatology of the observations.
        members: that see them.
    """

    table: pd.DataFrame
    start: np.datetime64
    end: np.datetime64
    season: Tensor
    space: StateSpace
    members: Members

    def to(self, device: torch.device) -> WindowOfRows:
        """The same for an analyser on a device."""
        return replace(self, season=self.season.to(device))

    def checked(self, background: StateEstimate) -> CheckedObservations:
        """The rows that agree with the background of the first member, as superobservations."""
        space, season = self.space, int(self.season)
        mean, spread = space.celsius(background.mean[0], season), space.kelvin(background.spread[0])
        table = check_window(self.table, space.grid, mean, spread)
        found = superobs(usable(table), space.grid, season, space.climatology)
        seen = self.members.perturbed(space.observations(found, season), self.start)
        return CheckedObservations(
            seen.value, seen.precision, seen.season, seen.per_year, table, self.start, self.end
        ).to(background.mean.device)
