"""Spikes and steps by a tolerance that shrinks with depth, as EN4 looks for them.

Ingleby and Huddleston (2007, doi 10.1016/j.jmarsys.2005.11.019), appendix: the tolerance is 5 K above
200 m (300 m within 20 degrees of the equator), falls to 2.5 K over the next 100 m, and is 2 K below
500 m and 1.5 K below 600 m. A spike is rejected; both sides of a step are suspect, which the comparison
with the climatology decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.quality.casts import Casts
from deepda.quality.shapes import COARSE, near

Rows = NDArray[np.bool_]
Array = NDArray[np.float64]
TOLERANCE = 5.0  # K, near the surface
TROPICS = 20.0  # degrees of latitude
STEEP = 0.05  # K m-1, of one side of a small spike
THERMOCLINE, SHARP = 250.0, 3.0  # m, tolerances: cooling that may be a sharp thermocline


def small_spike(table: pd.DataFrame) -> Rows:
    """Values that go out and back by more than the tolerance, or by half of it and steeply."""
    bad = np.zeros(len(table), bool)
    bad[_Differences.of(table).spikes()[0]] = True
    return bad


def steps(table: pd.DataFrame) -> Rows:
    """Values on both sides of a step above the tolerance that is no spike and no steady gradient."""
    return _Differences.of(table).steps()


def tolerance(depth: Array, lat: Array) -> Array:
    """K, by depth (m) and latitude."""
    edge = np.where(np.abs(lat) < TROPICS, 300.0, 200.0)
    upper = np.clip(1.0 - 0.005 * (depth - edge), 0.5, 1.0)
    return TOLERANCE * np.where(depth > 600.0, 0.3, np.where(depth > 500.0, 0.4, upper))


@dataclass(frozen=True, eq=False)
class _Differences:
    """Differences between neighbours, at the row of the lower one; NaN where they are far or absent.

    Attributes:
        change: (row) K.
        slope: (row) K m-1.
        limit: (row) tolerance, K.
        value: (row) degC.
        depth: (row) m.
    """

    change: Array
    slope: Array
    limit: Array
    value: Array
    depth: Array

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Differences:
        casts, value = Casts.of(table), table["temperature"].to_numpy(float)
        gap = np.diff(casts.depth, prepend=np.nan)
        first = np.diff(casts.of_row, prepend=-1) != 0
        far = first | ~(gap <= near(casts.depth))
        change = np.where(far, np.nan, np.diff(value, prepend=np.nan))
        limit = tolerance(casts.depth, table["lat"].to_numpy(float))
        return cls(change, change / np.maximum(gap, COARSE), limit, value, casts.depth)

    def spikes(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows that are spikes, and those in the middle of a steep but steady gradient."""
        row = np.flatnonzero(np.isfinite(self.change[:-1]) & np.isfinite(self.change[1:]))
        into, out, limit = self.change[row], self.change[row + 1], self.limit[row]
        largest = np.maximum(np.abs(into), np.abs(out))
        steep = np.maximum(np.abs(self.slope[row]), np.abs(self.slope[row + 1])) > STEEP
        thick = self.depth[row + 1] - self.depth[row - 1]
        share = np.where(
            thick >= 5.0, (self.depth[row] - self.depth[row - 1]) / np.maximum(thick, 5.0), 0.5
        )
        large = (largest > limit) & (np.abs(into + out) < 0.5 * limit)
        steady = (largest > limit) & ~large & (np.abs((1 - share) * into - share * out) < 0.5 * limit)
        small = (largest > 0.5 * limit) & steep & (np.abs(out + into) < 0.25 * np.abs(out - into))
        either = large | small & ~steady
        return _every_other(row[either]), row[steady]

    def steps(self) -> Rows:
        """(row) both sides of a step."""
        change = self.change.copy()
        for middle in self.spikes():
            change[middle] = change[middle + 1] = np.nan
        limit = self.limit
        large = np.abs(change) > limit
        large &= ~((self.depth <= THERMOCLINE) & (change < -limit) & (change > -SHARP * limit))
        lower = np.flatnonzero(large)
        bad = np.zeros(change.size, bool)
        bad[lower] = bad[lower - 1] = True
        return bad


def _every_other(row: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of rows in a row the first, third and so on: a neighbour of a spike is not one for that."""
    starts = np.diff(row, prepend=-2) != 1
    run = np.maximum.accumulate(np.where(starts, np.arange(row.size), 0)) if row.size else row
    return row[(np.arange(row.size) - run) % 2 == 0]
