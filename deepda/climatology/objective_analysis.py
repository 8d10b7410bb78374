"""What a climatology lacks at places without observations, from what it lacks at observed ones.

Optimal interpolation of a field of known size and known correlation in space (Bretherton et al. 1976,
Deep-Sea Research 23). The correlation is a Gaussian that reaches farther along the equator, where
currents and isotherms are zonal; its length depends on the place as in Paciorek and Schervish
(2006, Environmetrics 17), so that it stays a covariance: in the plane exactly, on the sphere but for
a thousandth. The lengths are those likely of real observations of 1991-2020 (docs/real-reanalysis.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS

Array = NDArray[np.float64]
MERIDIONAL = 400e3  # m, length of the correlation
ZONAL = 500e3  # m, far from the equator
ALONG_EQUATOR = 2.0  # times as far on it
EQUATORIAL = 8.0  # degrees of latitude over which that ends
BOX = 3.0  # degrees; finer grids are joined to boxes


@dataclass(frozen=True, eq=False)
class Boxes:
    """Neighbouring columns of a grid, joined where they are finer than BOX.

    Attributes:
        number: (lat x lon) box of each column.
        lat, lon: (box) degrees, of its middle.
    """

    number: NDArray[np.intp]
    lat: Array
    lon: Array

    @classmethod
    def of(cls, grid: Grid) -> Boxes:
        """The boxes of a grid; those of a coarse one are its columns."""
        rows, columns = (_joined(axis) for axis in (grid.lat, grid.lon))
        across = columns.max() + 1
        number = (rows[:, None] * across + columns).ravel()
        size = np.bincount(number)
        lat, lon = (np.bincount(number, axis.ravel()) / size for axis in grid_places(grid))
        return cls(number, lat, lon)

    def mean(self, values: Array, counted: NDArray[np.bool_]) -> Array:
        """(box) mean over the columns that count, of (lat, lon); zero without one."""
        share = np.bincount(self.number, counted.ravel().astype(float))
        return np.bincount(self.number, np.where(counted, values, 0.0).ravel()) / np.maximum(share, 1)


def grid_places(grid: Grid) -> list[Array]:
    """Latitude and longitude (lat, lon) of the columns of a grid, degrees."""
    return list(np.meshgrid(grid.lat, grid.lon, indexing="ij"))


def weights(spread: Array, value: Array, precision: Array, inner: Array) -> Array:
    """(observed) weights that give the field elsewhere: with its correlations, times its spread there.

    Args:
        spread: (observed) standard deviation of the field.
        value: (observed) of the field.
        precision: (observed) inverse of the error variance of `value`.
        inner: (observed, observed) correlation.
    """
    root = np.sqrt(precision)
    scaled = root * spread
    innovation = scaled[:, None] * inner * scaled + np.eye(value.size)
    return np.asarray(scaled * cho_solve(cho_factor(innovation), root * value))


def correlation(lat: Array, lon: Array, other_lat: Array, other_lon: Array) -> Array:
    """(place, other) of what a climatology lacks at two places; degrees."""
    zonal = [_zonal(axis)[:, None] for axis in (lat, other_lat)]
    first, second = zonal[0], zonal[1].T
    square = (first**2 + second**2) / 2
    between = np.deg2rad(np.abs((lon[:, None] - other_lon + 180) % 360 - 180))
    east = EARTH_RADIUS * between * np.cos(np.deg2rad((lat[:, None] + other_lat) / 2))
    north = EARTH_RADIUS * np.deg2rad(lat[:, None] - other_lat)
    shape = np.exp(-(east**2 / square + (north / MERIDIONAL) ** 2) / 2)
    return np.asarray(np.sqrt(first * second / square) * shape)


def _zonal(lat: Array) -> Array:
    return ZONAL * (1 + (ALONG_EQUATOR - 1) * np.exp(-((lat / EQUATORIAL) ** 2)))


def _joined(axis: Array) -> NDArray[np.intp]:
    """Numbers of the boxes along an axis of columns."""
    return np.unique(np.floor((axis - axis[0]) / BOX + 0.5), return_inverse=True)[1].astype(np.intp)
