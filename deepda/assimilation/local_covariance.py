"""Localised ensemble covariance, as a sparse matrix over the water cells.

Of the anomalies of a control simulation it is the static covariance of optimal interpolation; of
background errors that were sampled in training it is part of the covariance of the default generator.

B = C_sample o rho(horizontal distance) o rho(vertical distance), o the element-wise (Schur) product.
rho is the compact correlation of Gaspari and Cohn (1999, QJRMS 125, eq. 4.10). It is positive definite
on the line (depth) and in space, hence for great-circle distances too where it ends before the
antipode (Gneiting 2013, Bernoulli 19, theorem 3); a Schur product of positive semidefinite matrices
is positive semidefinite (Horn and Johnson, theorem 7.5.3), so that B is a covariance.

Cells are ordered column by column, downwards: the rows of a column share their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from deepda.base.errors import DeepDAError
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, great_circle, unit_vectors

Floats = NDArray[np.float32]
ENSEMBLE = 200  # anomalies; 183 and 2,190 of 30 years gave the same analysis error within 0.2 %
LARGEST = 2 * 1024**3  # bytes of the matrix; tapering twice as far takes four times as much
AT_ONCE = 256  # columns whose distances to all others are held


class CovarianceError(DeepDAError, ValueError):
    """A covariance that cannot be made, or would not fit into memory."""


@dataclass(frozen=True, eq=False)
class LocalCovariance:
    """Covariance of the standardised anomalies between cells that are near each other.

    Attributes:
        cells: (n) flat (depth, lat, lon) index of each water cell.
        matrix: (n, n) float32, symmetric positive semidefinite to rounding.
    """

    cells: NDArray[np.intp]
    matrix: sparse.csr_array

    @cached_property
    def variance(self) -> Floats:
        """(n) the diagonal."""
        diagonal: Floats = self.matrix.diagonal()
        return diagonal

    @classmethod
    def fit(
        cls,
        anomalies: NDArray[np.floating],
        grid: Grid,
        radius_km: float,
        depth_scale_m: float,
        most: int = ENSEMBLE,
    ) -> LocalCovariance:
        """The localised sample covariance of evenly spaced training windows.

        Args:
            anomalies: (time, depth, lat, lon) standardised, finite in water.
            grid: the analysis grid.
            radius_km: great-circle distance from which on cells are uncorrelated.
            depth_scale_m: vertical distance of cell centres from which on they are uncorrelated.
            most: how many windows are taken at most.

        Raises:
            CovarianceError: another grid, fewer than two windows, a NaN in water, a reach that is not
                above zero or beyond the antipode, or a matrix larger than LARGEST.
        """
        _require_reach(radius_km, depth_scale_m)
        geometry = _Columns(grid, radius_km * 1e3, depth_scale_m)
        ensemble = _ensemble(anomalies, grid, geometry.cells, most)
        return cls(geometry.cells, _tapered(ensemble, geometry))


def observed_alike(seen_Bn: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """(members, cells) of members that were observed at the same cells; not those without any."""
    groups: dict[bytes, list[int]] = {}
    for member, seen in enumerate(seen_Bn):
        groups.setdefault(seen.tobytes(), []).append(member)
    for members in groups.values():
        cells = np.flatnonzero(seen_Bn[members[0]])
        if cells.size:
            yield np.array(members), cells


def require_room(grid: Grid, radius_km: float, depth_scale_m: float) -> None:
    """Refuse a grid whose covariance would not fit into memory.

    Raises:
        CovarianceError: the matrix would be larger than LARGEST.
    """
    geometry = _Columns(grid, radius_km * 1e3, depth_scale_m)
    _require_memory(int(geometry.neighbours().sum()), len(geometry.cells))


def gaspari_cohn(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation by distance / reach: one at 0, 5/24 at 0.5, zero from 1 on (eq. 4.10, c = 1/2)."""
    r = 2.0 * np.abs(ratio)
    near = 1 - 5 / 3 * r**2 + 5 / 8 * r**3 + r**4 / 2 - r**5 / 4
    s = np.clip(r, 1.0, 2.0)
    far = 4 - 5 * s + 5 / 3 * s**2 + 5 / 8 * s**3 - s**4 / 2 + s**5 / 12 - 2 / (3 * s)
    return np.where(r <= 1, near, np.where(r < 2, np.maximum(far, 0.0), 0.0))


class _Columns:
    """The water cells column by column, and what is within reach of what."""

    def __init__(self, grid: Grid, radius: float, depth_scale: float) -> None:
        layers, *horizontal = grid.shape
        wet = grid.ocean.reshape(layers, -1).T
        place, self.layer = np.nonzero(wet)
        self.cells = self.layer * wet.shape[0] + place
        water = np.flatnonzero(wet.any(axis=1))
        self.column = np.searchsorted(water, place)
        self.first = np.searchsorted(self.column, np.arange(water.size + 1))
        self.wet = wet[water]
        row, col = np.unravel_index(water, horizontal)
        self.directions = unit_vectors(grid.lat[row], grid.lon[col])
        self.radius = radius
        self.vertical = gaspari_cohn((grid.depth[:, None] - grid.depth) / depth_scale).astype(np.float32)

    def distances(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """(column, its great-circle distance to every column, m), column after column."""
        for start in range(0, self.first.size - 1, AT_ONCE):
            some = self.directions[start : start + AT_ONCE, None]
            yield from enumerate(great_circle(some, self.directions), start)

    def neighbours(self) -> NDArray[np.int64]:
        """(n) number of cells within reach of each cell."""
        reach = (self.vertical > 0).astype(np.int64)
        wet = self.wet.astype(np.float32)
        within = [(metres < self.radius).astype(np.float32) @ wet for _, metres in self.distances()]
        counts = np.array(within).astype(np.int64) @ reach
        return np.asarray(counts[self.column, self.layer])


def _tapered(ensemble: Floats, columns: _Columns) -> sparse.csr_array:
    """Rows column by column: products of the ensemble (n, sample), times both tapers."""
    pointers = np.append(0, np.cumsum(columns.neighbours()))
    _require_memory(int(pointers[-1]), ensemble.shape[0])
    data = np.empty(pointers[-1], np.float32)
    indices = np.empty(pointers[-1], np.int32)
    for column, metres in columns.distances():
        own = slice(columns.first[column], columns.first[column + 1])
        near = np.flatnonzero((metres < columns.radius)[columns.column])
        horizontal = gaspari_cohn(metres / columns.radius).astype(np.float32)[columns.column[near]]
        vertical = columns.vertical[columns.layer[own]][:, columns.layer[near]]
        block = (ensemble[own] @ ensemble[near].T) * (vertical * horizontal)
        kept = np.flatnonzero(vertical > 0)
        entries = slice(pointers[own.start], pointers[own.stop])
        data[entries] = block.ravel()[kept]
        indices[entries] = np.tile(near, len(block))[kept]
    size = ensemble.shape[0]
    return sparse.csr_array((data, indices, pointers.astype(np.int32)), shape=(size, size))


def _ensemble(anomalies: NDArray[np.floating], grid: Grid, cells: NDArray[np.intp], most: int) -> Floats:
    """(n, sample) departures from the sample mean over sqrt(samples - 1)."""
    if anomalies.ndim != 4 or anomalies.shape[1:] != grid.shape or anomalies.shape[0] < 2:
        raise CovarianceError(
            f"anomalies of shape {anomalies.shape} found, expected (time, *{grid.shape}) with at least "
            "two windows; give the training years on the analysis grid"
        )
    number = min(anomalies.shape[0], most)
    chosen = np.linspace(0, anomalies.shape[0] - 1, number).round().astype(int)
    members = np.stack([anomalies[step].ravel()[cells] for step in chosen], axis=1).astype(np.float32)
    if not np.isfinite(members).all():
        raise CovarianceError(
            f"{int((~np.isfinite(members)).sum())} of {members.size} anomalies in water are not finite; "
            "use the ocean mask of the control simulation"
        )
    members -= members.mean(axis=1, keepdims=True)
    return members / np.float32(np.sqrt(number - 1))


def _require_reach(radius_km: float, depth_scale_m: float) -> None:
    antipode = np.pi * EARTH_RADIUS / 1e3
    if not 0 < radius_km <= antipode:
        raise CovarianceError(
            f"radius_km is {radius_km:g}, expected above 0 and at most {antipode:.0f} (the antipode); "
            "a few thousand is usual"
        )
    if not depth_scale_m > 0:
        raise CovarianceError(f"depth_scale_m is {depth_scale_m:g}, expected above 0; give metres")


def _require_memory(entries: int, cells: int) -> None:
    needed = 8 * entries
    if needed > LARGEST:
        raise CovarianceError(
            f"the covariance of {cells} cells needs {needed / 1024**3:.1f} GiB, expected at most "
            f"{LARGEST / 1024**3:.0f}; lower radius_km and depth_scale_m, or use a coarser grid"
        )


RADIUS, DEPTH = 3500.0, 1500.0  # km and m from which on errors count as independent


def require_sample_room(grid: Grid) -> None:
    """Refuse a grid on which `covariance_of` does not fit into memory.

    Raises:
        CovarianceError: it does not.
    """
    require_room(grid, RADIUS, DEPTH)


def covariance_of(errors: NDArray[np.float16], grid: Grid) -> LocalCovariance:
    """The localised covariance of samples (N, L, Y, X).

    Raises:
        CovarianceError: fewer than two samples, or a matrix that does not fit into memory.
    """
    return LocalCovariance.fit(errors, grid, RADIUS, DEPTH, len(errors))
