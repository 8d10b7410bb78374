"""Truths of shadow twins: stretches of the control simulation, played in the calendar of an analysis.

    calendar year     1981 1982 1983 ...
    member 1          year 34, 35, 36, then 1, 2, ...      of the control simulation
    member 2          year 18, 19, 20, ...

Every member goes on through consecutive years; after the last comes the first. At this one step the
trajectory breaks, so the shadow analysis is shifted by as much as its truth: its error, and with it the
member, goes on without a jump. With a linear forecast that is the model's own this changes no law of the
error, which depends on the state through the model error alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import xarray as xr
from torch import Tensor

from deepda.assimilation.state import StateSpace
from deepda.control.prepared import CHUNK_BYTES
from deepda.control.shares import spread_order
from deepda.geometry.windows import season_of, years_of


@dataclass(frozen=True, eq=False)
class ShadowTruth:
    """Windows of a control simulation by member and date.

    Two blocks of the file a member are in memory, at most a year or CHUNK_BYTES each.

    Attributes:
        control: (time, depth, lat, lon) degC, lazy, whole years.
        space: grid, climatology and scale of the run that learnt from it.
        years: of the control simulation, counted from 0, in the order in which they are played; none is
            the first one.
        number: of members, at most one a year.
        first_year: calendar year in which the members start.
    """

    control: xr.DataArray
    space: StateSpace
    years: Sequence[int]
    number: int
    first_year: int

    def window(self, member: int, start: np.datetime64) -> Tensor:
        """(L, Y, X) truth of a member in the window from `start` on, standardised; members from 1."""
        year = self.year(member, start)
        return self._field(year * self._per_year + season_of(start, self._per_year))

    def step(self, member: int, start: np.datetime64) -> Tensor | None:
        """What is added to the truth where it breaks just before a window; None where it goes on.

        (L, Y, X) standardised: the last window before the year that begins, less that of the year that
        ended.
        """
        if season_of(start, self._per_year) != 0 or years_of(start) == self.first_year:
            return None
        year, before = (self.year(member, start, late) for late in (0, 1))
        if year == before + 1:
            return None
        return self._field(year * self._per_year - 1) - self._field((before + 1) * self._per_year - 1)

    def year(self, member: int, start: np.datetime64, late: int = 0) -> int:
        """The year of the control simulation that a member plays, or played so many years before."""
        since = int(years_of(start)) - self.first_year - late
        return self.years[(self._begins[member - 1] + since) % len(self.years)]

    @property
    def apart(self) -> int:
        """Years: so long after one member, or later, does the next one play the same years."""
        begins = sorted(self._begins)
        return min(
            late - early
            for early, late in zip(begins, [*begins[1:], begins[0] + len(self.years)], strict=True)
        )

    def stretches(self, years: int) -> int:
        """How many stretches of so many years without a common one there is room for, at least one."""
        return max(1, len(self.years) // years)

    @cached_property
    def _begins(self) -> list[int]:
        """(member) where in `years` each begins."""
        return spread_order(len(self.years))[: self.number]

    def _field(self, index: int) -> Tensor:
        """(L, Y, X) standardised window of the control simulation."""
        block, place = divmod(index, self._length)
        return self._block(block)[place]

    @cached_property
    def _block(self) -> Callable[[int], Tensor]:
        return lru_cache(maxsize=2 * self.number)(self._read)

    def _read(self, block: int) -> Tensor:
        part = self.control[block * self._length : (block + 1) * self._length]
        return self.space.standardise(part.values, part["season"].values)

    @cached_property
    def _length(self) -> int:
        """Windows a block; of a year where they fit, as in the chunks of the file."""
        return int(np.clip(CHUNK_BYTES // (4 * self.space.grid.ocean.size), 1, self._per_year))

    @property
    def _per_year(self) -> int:
        return self.space.climatology.per_year
