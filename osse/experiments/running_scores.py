"""Scores of analyses that are not kept: sums are gathered window by window, scores follow from them.

Everything is in K and about the climatology of the truth; error = analysis - truth.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from deepda.geometry.grid import Grid

LEVELS = (0.5, 0.9)  # of the central intervals whose coverage is looked at
MOMENTS = ("square", "own", "own_square", "true", "true_square", "product")
OF_SPREAD = ("variance", "inside_50", "inside_90")


class Tally:
    """What the scores of one method need of its analyses.

    Args:
        grid: of the analyses.
        weights: (region, depth, lat, lon) water volume, m3.
        spread: whether the method states a standard deviation.
    """

    def __init__(self, grid: Grid, weights: xr.DataArray, spread: bool) -> None:
        self._grid, self._weights = grid, weights
        self._names = (*MOMENTS, *(OF_SPREAD if spread else ()))
        volume = weights.sum(("lat", "lon"))
        shares = (weights / volume.where(volume > 0)).transpose("depth", "region", "lat", "lon").values
        self._shares = shares.reshape(*shares.shape[:2], -1)
        self._rows: list[NDArray[np.float64]] = []
        self._times: list[np.datetime64] = []
        self._map = np.zeros((2 if spread else 1, *grid.shape))

    def add(
        self,
        time: np.datetime64,
        analysis: NDArray[np.floating],
        truth: NDArray[np.floating],
        stddev: NDArray[np.floating] | None = None,
    ) -> None:
        """Count one window: anomalies (depth, lat, lon) K, and the standard deviation of the error."""
        wet = self._grid.ocean
        own, true = (np.where(wet, field, 0.0).astype(float) for field in (analysis, truth))
        error = own - true
        fields = [error**2, own, own**2, true, true**2, own * true]
        if stddev is not None:
            spread = np.where(wet, stddev, 1.0).astype(float)
            inside = [np.abs(error) <= ndtri(0.5 + level / 2) * spread for level in LEVELS]
            fields += [spread**2, *inside]
        columns = np.stack([field.reshape(len(wet), -1) for field in fields], axis=-1)
        self._rows.append(self._shares @ columns)
        self._times.append(time)
        self._map[0] += fields[0]
        if stddev is not None:
            self._map[1] += fields[len(MOMENTS)]

    def sums(self) -> xr.Dataset:
        """Means of the region (time, region, depth), their `volume` (region, depth), and maps.

        `square_map` and, of a spread, `variance_map` are means over the windows (depth, lat, lon), K2.
        """
        coords = {name: self._weights[name].values for name in ("region", "depth", "lat", "lon")}
        rows = np.stack(self._rows).transpose(3, 0, 2, 1)
        dims, cells = ("time", "region", "depth"), ("depth", "lat", "lon")
        series = {name: (dims, row) for name, row in zip(self._names, rows, strict=True)}
        mean = np.where(self._grid.ocean, self._map / len(self._rows), np.nan)
        maps = {
            name: (cells, one) for name, one in zip(("square_map", "variance_map"), mean, strict=False)
        }
        found = xr.Dataset({**series, **maps}, {"time": np.array(self._times), **coords})
        return found.assign(volume=self._weights.sum(("lat", "lon")))


def mean_of(sums: xr.Dataset, name: str, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """Mean of a sum over time, and over depth by volume unless it is kept.

    Args:
        sums: of a Tally.
        name: which.
        keep: dimensions of the result beside `region`. NaN where a region has no water.
    """
    field = sums[name]
    if "time" not in keep:
        field = field.mean("time")
    if "depth" not in keep:
        weight = sums["volume"] / sums["volume"].sum("depth").where(lambda total: total > 0)
        field = (field * weight).sum("depth", min_count=1)
    return field


def rmse_of(sums: xr.Dataset, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """(region, ...keep) root mean square error, K."""
    return mean_of(sums, "square", keep) ** 0.5


def spread_of(sums: xr.Dataset, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """(region, ...keep) root mean square of the stated standard deviation, K."""
    return mean_of(sums, "variance", keep) ** 0.5


def correlation_of(sums: xr.Dataset) -> xr.DataArray:
    """(region, depth) correlation of anomalies over places and windows; NaN without variance."""
    own, own_square, true, true_square, product = (mean_of(sums, name) for name in MOMENTS[1:])
    power = (own_square - own**2) * (true_square - true**2)
    return (product - own * true) / power.where(power > 1e-12) ** 0.5


def coverage_of(sums: xr.Dataset, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """(level, region, ...keep) share of truths inside the central intervals of the spread, 0..1."""
    shares = [mean_of(sums, name, keep) for name in OF_SPREAD[1:]]
    return xr.concat(shares, xr.DataArray(list(LEVELS), dims="level", name="level"))


def number(value: xr.DataArray | float) -> float | None:
    """A number of JSON, None where there is none."""
    return round(float(value), 6) if np.isfinite(float(value)) else None
