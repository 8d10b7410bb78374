"""What the files of a reanalysis say of the ocean, window by window and year by year."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows
from deepda.verification.climate import RHO, SPECIFIC_HEAT

HEAT_DEPTH = 700.0  # m, or the bottom of a shallower grid
ZETTA = 1e21
ANALYSIS, TRUTH = "analysis", "truth"
Array = NDArray[np.float64]
Maps = NDArray[np.float32]


def heat_depth(grid: Grid) -> float:
    """m, down to which heat is counted."""
    return min(HEAT_DEPTH, float(grid.depth_edges[-1]))


@dataclass(eq=False)
class ClimateSeries:
    """The climate of the analysis, or of the truth; anomalies from the climatology of the observations.

    Attributes:
        layer: (window, depth) K, mean of each layer.
        nino34: (window) K.
        surface: (year, lat, lon) K, annual means; NaN on land.
        upper: (year, lat, lon) K, annual means of the water above `heat_depth`; NaN on land.
    """

    layer: Array
    nino34: Array
    surface: Maps
    upper: Maps


@dataclass(eq=False)
class Record:
    """All that scores and reports need, of whole years.

    Attributes:
        series: of ANALYSIS, and of TRUTH first where it is known.
        square_error: by method, (window, depth) K2, volume-weighted mean; empty without a truth.
        variance: (window, depth) K2, mean of the squared `thetao_stddev`.
        influence: (window, depth) 0..1, volume-weighted mean.
        nino34_stddev: (window) K, of the box mean if its errors are alike.
        error_maps: year to (level of `levels_shown`, lat, lon) K, root mean square error of the first,
            the middle and the last year; empty without a truth.
        spread_maps, influence_maps: the same, annual means.
        used: platform type to (year) number of values used.
    """

    grid: Grid
    windows: Windows
    years: range
    series: dict[str, ClimateSeries]
    square_error: dict[str, Array]
    variance: Array
    influence: Array
    nino34_stddev: Array
    error_maps: dict[int, Maps] = field(default_factory=dict)
    spread_maps: dict[int, Maps] = field(default_factory=dict)
    influence_maps: dict[int, Maps] = field(default_factory=dict)
    used: dict[str, Array] = field(default_factory=dict)

    def over_time(self, values: NDArray[Any], *dims: str) -> xr.DataArray:
        """(window, ...) values with their times."""
        times = self.windows.middle.astype("datetime64[ns]")
        return xr.DataArray(values, {"time": times}, ("time", *dims))

    def over_years(self, values: NDArray[Any], *dims: str) -> xr.DataArray:
        """(year, ...) values with the middle of the years as times."""
        return xr.DataArray(values, {"time": middle_of_years(self.years)}, ("time", *dims))

    def yearly(self, values: Array) -> Array:
        """(window, ...) to (year, ...): means."""
        return values.reshape(len(self.years), self.windows.per_year, *values.shape[1:]).mean(1)

    def heat(self, series: ClimateSeries) -> xr.DataArray:
        """(time) heat content anomaly of the water above `heat_depth`, ZJ."""
        volume = self._volume_above(heat_depth(self.grid))
        return self.over_time(series.layer @ volume * (RHO * SPECIFIC_HEAT / ZETTA))

    def mean_above(self, series: ClimateSeries, bottom: float) -> xr.DataArray:
        """(time) mean anomaly of the water above a depth (m), K."""
        volume = self._volume_above(bottom)
        return self.over_time(series.layer @ volume / volume.sum())

    def _volume_above(self, bottom: float) -> Array:
        """(depth) m3 of water; a layer cut by the depth counts by the part above."""
        inside = self.grid.thickness_above(bottom)
        return self.grid.volume.sum((1, 2)) * inside / self.grid.thickness


def middle_of_years(years: Iterable[int]) -> NDArray[np.datetime64]:
    """(year) times that yearly values stand for: the second of July."""
    return np.array([f"{year:04d}-07-02" for year in years], "datetime64[ns]")


def most_influenced(influence: Array, per_year: int) -> int:
    """The window of the largest mean over depth of (window, depth); not in the first of several years.

    Its first windows correct climatology: each observation has much influence there.
    """
    skipped = per_year if len(influence) > per_year else 0
    return skipped + int(np.argmax(influence[skipped:].mean(axis=1)))
