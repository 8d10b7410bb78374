"""How far the ocean departs from its climatology where a water mass is displaced.

A thermocline that heaves and a front that meanders change the temperature at a place by the gradient
of the climatology times the displacement. With the two displacements below that gives size and geography
of the departures of profiles from the background of a monthly analysis on 4 degrees, down to 1,000 m
(docs/real-reanalysis.md). Ocean reanalyses take the vertical part, with 10 m, for the size of background
errors (Mogensen et al. 2012, ECMWF Technical Memorandum 668). Near the equator the
thermocline lies below a mixed layer all the year, and no water is displaced through the sea surface: the
vertical displacement is zero there and HEAVE far below SHALLOW. Elsewhere winter mixes what heaves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, near_equator

Array = NDArray[np.float64]
HEAVE = 15.0  # m, displacement in the vertical, deep
SHALLOW = 60.0  # m, depth down to which it grows near the equator
MEANDER = 170e3  # m, along the sphere
EL_NINO = 20.0  # m, by which the thermocline on the equator leaves what is expected of it
EVERYWHERE = 0.5  # of the mean variance of the layer: departures where the climatology is flat
LEAST = 0.02  # K, where all of a layer is flat


def displacement_spread(
    mean: NDArray[np.floating], grid: Grid, heave: float = HEAVE, meander: float = MEANDER
) -> Array:
    """(depth, lat, lon) standard deviation of departures from a climatology, K; zero on land.

    Its square is that of gradients times displacements, averaged over the seasons, and half of what
    this is on average over the layer. It is LEAST at least.

    Args:
        mean: (season, depth, lat, lon) degC, NaN on land.
        heave, meander: m, displacements in the vertical, deep, and along the sphere.
    """
    field = np.asarray(mean, float)
    lat = np.deg2rad(grid.lat)
    meridional = _squared_slope(field, lat, 2) / EARTH_RADIUS**2
    zonal = _squared_slope(*round_the_circle(field, np.deg2rad(grid.lon), 2 * np.pi), 3)[..., 1:-1]
    zonal /= (EARTH_RADIUS * np.cos(lat)[:, None]) ** 2
    vertical = _squared_slope(field, grid.depth, 1)
    risen = heave * _free_to_heave(grid)
    square = (risen**2 * vertical + meander**2 * (meridional + zonal)).mean(axis=0)
    weight = grid.area * grid.ocean
    layer = (weight * square).sum((1, 2)) / np.maximum(weight.sum((1, 2)), 1.0)
    spread = np.sqrt(square + EVERYWHERE * layer[:, None, None])
    return np.where(grid.ocean, np.maximum(spread, LEAST), 0.0)


def equatorial_heave(field: NDArray[np.floating], grid: Grid) -> Array:
    """(depth, lat, lon) K, how far temperature near the equator departs where El Niño heaves it.

    EL_NINO times the vertical gradient, less and less away from the equator (a Gaussian), and nothing
    through the sea surface. Zero on land.

    Args:
        field: (depth, lat, lon) degC that is expected, NaN on land.
    """
    gradient = np.sqrt(_squared_slope(np.asarray(field, float)[None], grid.depth, 1)[0])
    heave = EL_NINO * _free_to_heave(grid) * near_equator(grid.lat)[:, None]
    return np.where(grid.ocean, heave * gradient, 0.0)


def _free_to_heave(grid: Grid) -> Array:
    """(depth, lat, 1) share of a deep displacement: near the equator none through the sea surface."""
    held = np.outer(np.exp(-grid.depth / SHALLOW), near_equator(grid.lat))
    return (1 - held)[..., None]


def round_the_circle(field: Array, lon: Array, circle: float) -> tuple[Array, Array]:
    """The field with its last column before the first and its first after the last, and longitudes."""
    around = np.concatenate([lon[-1:] - circle, lon, lon[:1] + circle])
    return np.concatenate([field[..., -1:], field, field[..., :1]], axis=-1), around


def _squared_slope(field: Array, position: Array, axis: int) -> Array:
    """Mean of the squared differences from the neighbours over distance; zero without a neighbour."""
    shape = [1] * field.ndim
    shape[axis] = -1
    slope = np.diff(field, axis=axis) / np.diff(position).reshape(shape)
    end = [(0, 0)] * field.ndim
    ends = [[*end[:axis], side, *end[axis + 1 :]] for side in ((1, 0), (0, 1))]
    both = np.stack([np.pad(slope, pad, constant_values=np.nan) for pad in ends]) ** 2
    there = np.isfinite(both)
    return np.where(there, both, 0.0).sum(0) / np.maximum(there.sum(0), 1)
