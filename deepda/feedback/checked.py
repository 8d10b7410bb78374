"""The rows of a window, checked against its background before they are used.

forecast -> background --check_window--> table --superobs--> CheckedObservations --> analysis
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate, on_host
from deepda.assimilation.members import Members
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import superobs
from deepda.feedback.window import Fields, check_window, feedback, usable
from deepda.geometry.windows import season_of

SUSPECTS = 3  # rows that an error names


@dataclass(frozen=True, eq=False)
class CheckedObservations(Observations):
    """Superobservations of the rows that passed the check.

    Attributes:
        table: all rows of the window with `reason` and `withheld`, the reasons of the check among them.
        start, end: of the window, half-open.
        space: grid, scale, and climatology of the observations.
    """

    table: pd.DataFrame
    start: np.datetime64
    end: np.datetime64
    space: StateSpace

    @classmethod
    def of(
        cls,
        seen: Observations,
        table: pd.DataFrame,
        start: np.datetime64,
        end: np.datetime64,
        space: StateSpace,
    ) -> CheckedObservations:
        """Superobservations with the rows that they come from."""
        about = (seen.value, seen.precision, seen.season, seen.per_year)
        return cls(*about, table, start, end, space, shift=seen.shift)

    def feedback(
        self,
        background: StateEstimate,
        estimate: StateEstimate,
        others: Mapping[str, NDArray[np.floating]] | None = None,
    ) -> pd.DataFrame:
        """What the system made of each row, see `deepda.feedback.feedback`.

        Args:
            others: more fields (depth, lat, lon) by the name of their column.
        """
        season = season_of(self.start, self.per_year)
        fields = Fields.of(self.space, season, background, estimate)
        return feedback(self.table, self.space.grid, fields, others)

    def suspects(self, background: StateEstimate) -> str:
        """The used rows furthest from the background, in units of the errors of both."""
        rows = self.feedback(background, background)
        rows = rows[rows["used"]].astype({"temperature": float, "error": float})
        unsure = np.hypot(rows["spread"], rows["error"])
        rows = rows.assign(size=(rows["temperature"] - rows["background"]).abs() / unsure)
        named = [_described(row) for _, row in rows.nlargest(SUSPECTS, "size").iterrows()]
        return f"; furthest from the background of {str(self.start)[:10]}: {', '.join(named)}"


@dataclass(frozen=True, eq=False)
class WindowOfRows:
    """A `Window` of rows that are yet to be checked.

    Attributes:
        table: with `reason` and `withheld`.
        season: index of the window within its year, (1).
        space: grid, scale, and climatology of the observations.
        members: whose shadow truths are observed at the same cells; None for none.
    """

    table: pd.DataFrame
    start: np.datetime64
    end: np.datetime64
    season: Tensor
    space: StateSpace
    members: Members | None

    def to(self, device: torch.device) -> WindowOfRows:
        """The same for an analyser on a device."""
        return replace(self, season=self.season.to(device))

    @property
    def shift(self) -> Tensor | None:
        """(B, L, Y, X) see `Observations`."""
        found = None if self.members is None else self.members.shift(self.start)
        return None if found is None else found.to(self.season.device)

    def checked(self, background: StateEstimate) -> CheckedObservations:
        """The rows that agree with the background of the analysis, as superobservations.

        Shadow truths are observed where these are: the check does not judge them.
        """
        space = self.space
        season = season_of(self.start, space.climatology.per_year)
        mean, spread = on_host(background.mean[0], background.spread[0])
        celsius, kelvin = space.celsius(mean, season), space.kelvin(spread)
        return self.of(check_window(self.table, space.grid, celsius, kelvin), background.mean.device)

    def of(self, table: pd.DataFrame, device: torch.device) -> CheckedObservations:
        """Superobservations of the rows of `table` that may be used, on a device."""
        space = self.space
        season = season_of(self.start, space.climatology.per_year)
        made = superobs(usable(table), space.grid, season, space.climatology)
        seen = space.observations(made, season)
        if self.members is not None:
            seen = self.members.observed(seen, self.start)
        return CheckedObservations.of(seen, table, self.start, self.end, space).to(device)


@dataclass(frozen=True, eq=False)
class UncheckedWindow(WindowOfRows):
    """All rows are used that came through quality control, whatever the background says."""

    def checked(self, background: StateEstimate) -> CheckedObservations:
        """The rows as superobservations."""
        return self.of(self.table, background.mean.device)


def _described(row: pd.Series) -> str:
    """A row in words: its number in a table given in Python, else its platform."""
    who = f"row {row['row']}" if "row" in row else f"{row['platform_type']} {row['platform_id']}"
    return (
        f"{who} with {row['temperature']:.2f} degC at {row['lat']:.2f}N {row['lon']:.2f}E, "
        f"{row['depth']:.0f} m, where the background has {row['background']:.2f}"
    )
