"""How far the analysis is from the truth: volume-weighted scores over the ocean."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.geometry.grid import Grid
from deepda.verification.guards import (
    VerificationError,
    require_finite,
    require_same_grid,
    require_same_times,
)


class Box(NamedTuple):
    """A region: degrees north and east; `east` may be beyond 360 or `west` below 0."""

    south: float
    north: float
    west: float
    east: float


REGIONS: Mapping[str, Box] = {
    "global": Box(-90, 90, 0, 360),
    "tropics": Box(-20, 20, 0, 360),
    "northern extratropics": Box(20, 90, 0, 360),
    "southern extratropics": Box(-90, -20, 0, 360),
    "Southern Ocean": Box(-90, -40, 0, 360),
    "Niño 3.4": Box(-5, 5, 190, 240),
    "Gulf Stream": Box(32, 46, 280, 320),
    "Kuroshio": Box(30, 42, 140, 175),
}


def ocean_weights(grid: Grid) -> xr.DataArray:
    """(depth, lat, lon) water volume of each cell, m3; zero on land."""
    coords = {"depth": grid.depth, "lat": grid.lat, "lon": grid.lon}
    return xr.DataArray(grid.volume, coords, ("depth", "lat", "lon"), attrs={"units": "m3"})


def region_weights(grid: Grid, box: Box) -> xr.DataArray:
    """(depth, lat, lon) water volume inside the box, m3; cells cut by its edge count by area.

    Raises:
        VerificationError: no water of the grid lies in the box.
    """
    south, north = np.sin(np.deg2rad([box.south, box.north]))  # area goes with the sine
    zone = _overlap(np.sin(np.deg2rad(grid.lat_edges)), south, north)
    sector = sum(
        _overlap(grid.lon_edges + turn, box.west, box.east) for turn in (-720, -360, 0, 360, 720)
    )
    share = zone[:, None] * np.minimum(sector, 1.0)[None, :]
    weights = ocean_weights(grid) * xr.DataArray(share, dims=("lat", "lon"))
    if not bool((weights > 0).any()):
        raise VerificationError(f"no ocean of this grid lies in {box}; check its signs and its order")
    return weights.assign_attrs(units="m3")


def weighted_mean(
    field: xr.DataArray, weights: xr.DataArray, keep: Collection[Hashable] = (), partial: bool = False
) -> xr.DataArray:
    """Mean over all dimensions but `keep`, in the units of `field`; times count equally.

    Args:
        field: any dimensions.
        weights: its dimensions are among those of `field`; zero where a value must not count.
        keep: dimensions of the result. NaN where nothing has weight.
        partial: values may be missing where the weight is positive, and then do not count.

    Raises:
        VerificationError: values are missing although `partial` is False.
    """
    require_same_grid(field.isel({dim: 0 for dim in field.dims if dim not in weights.dims}), weights)
    if not partial:
        require_finite(field, weights, "the field")
    over, there = [dim for dim in field.dims if dim not in keep], np.isfinite(field)
    total = xr.dot(field.where(there, 0.0), weights, dim=over)
    weight = xr.dot(there.astype(weights.dtype), weights, dim=over)
    return total / weight.where(weight > 0)


def rmse(
    analysis: xr.DataArray,
    truth: xr.DataArray,
    weights: xr.DataArray,
    keep: Collection[Hashable] = (),
) -> xr.DataArray:
    """Root of the mean square of analysis - truth, in their units (K for degC).

    `keep=("depth",)` gives it by depth, `("time",)` as a series, `("lat", "lon")` as a map; see
    `weighted_mean` for the rest. The mean goes over squares, the root is last.
    """
    require_same_grid(analysis, truth)
    if "time" in truth.dims:
        require_same_times(analysis, truth)
    return weighted_mean((analysis - truth) ** 2, weights, keep) ** 0.5


def _overlap(edges: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Share of each cell between low and high, 0..1."""
    inside = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    return np.maximum(inside, 0.0) / np.diff(edges)
