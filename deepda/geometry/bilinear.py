"""Bilinear weights between the centres of a model's cells: matrices (target lat * lon, source y * x).

Rows sum to one where the model's grid reaches, to zero beyond it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, kron
from scipy.spatial import cKDTree

from deepda.geometry.mesh import Curvilinear, Regular, closes
from deepda.geometry.sphere import unit_vectors

Floats = NDArray[np.float64]

NEAREST = 2  # source centres whose surrounding quadrilaterals are tried
NEWTON_STEPS = 8  # more than enough: the map is nearly linear
ROUNDING = 1e-9


def bilinear_weights(source: Regular | Curvilinear, lat: Floats, lon: Floats) -> csr_array:
    """Weights at the places of a regular grid of latitudes and longitudes, degrees."""
    if isinstance(source, Regular):
        return _regular_weights(source, lat, lon)
    return _curvilinear_weights(source, lat, lon)


def _regular_weights(source: Regular, lat: Floats, lon: Floats) -> csr_array:
    """Linear in latitude and longitude; between the outermost centre and the edge, its value."""
    first_seen = ~source.duplicated[0]
    by_lat = _linear(source.lat, source.lat_bounds, lat)
    centre, columns = source.lon[first_seen], source.lon_bounds[first_seen]
    around = centre[0] + np.mod(centre - centre[0], 360.0)
    west = around - np.mod(centre - columns[:, 0], 360.0)
    bounds = np.stack([west, west + np.diff(columns, axis=1)[:, 0]], axis=1)
    place = centre[0] + np.mod(lon - centre[0], 360.0)
    if np.ptp(bounds) > 360 - 1e-4:
        last = int(np.argmax(around))  # the ring is closed by the last centre before the first
        ring = np.concatenate([[around[last] - 360], around, [around[0] + 360]])
        order = np.concatenate([[last], np.arange(around.size), [0]])
        spread = _linear(ring, np.stack([ring, ring], axis=1), place).tocoo()
        column = order[spread.col]
        by_lon = csr_array((spread.data, (spread.row, column)), shape=(lon.size, around.size))
    else:
        west_of = np.where(place > bounds.max(), place - 360.0, place)
        by_lon = _linear(around, bounds, west_of)
    scatter = csr_array(np.eye(len(first_seen))[first_seen])
    return kron(by_lat, by_lon @ scatter, format="csr")


def _linear(centre: Floats, bounds: Floats, place: Floats) -> csr_array:
    """(place, centre) linear weights; `centre` runs either way, places beyond `bounds` get none."""
    order = np.argsort(centre)
    ranked = centre[order]
    low = np.clip(np.searchsorted(ranked, place, side="right") - 1, 0, ranked.size - 2)
    part = np.clip((place - ranked[low]) / (ranked[low + 1] - ranked[low]), 0.0, 1.0)
    inside = ((place >= bounds.min() - ROUNDING) & (place <= bounds.max() + ROUNDING)).astype(float)
    rows = np.arange(place.size)
    weights = np.concatenate([(1 - part) * inside, part * inside])
    columns = order[np.concatenate([low, low + 1])]
    return csr_array((weights, (np.tile(rows, 2), columns)), shape=(place.size, centre.size))


def _curvilinear_weights(source: Curvilinear, lat: Floats, lon: Floats) -> csr_array:
    """Bilinear within the quadrilateral of four centres that holds the place, edges great circles.

    A place in no quadrilateral (round a pole of the grid, in a seam) takes the value of the nearest
    centre, if that is no farther than the corners of its cell.
    """
    centre = source.centres
    ny, nx = source.shape
    flat = centre.reshape(-1, 3)
    known = np.flatnonzero(np.isfinite(flat).all(axis=1))
    tree = cKDTree(flat[known])
    place = unit_vectors(*np.meshgrid(lat, lon, indexing="ij")).reshape(-1, 3)
    distance, near = (np.asarray(found) for found in tree.query(place, k=NEAREST))
    corners = _quadrilaterals(known[near], (ny, nx), closes(centre))
    a, b, inside = _solve(_tangent_plane(flat[corners], place[:, None]))
    hit = np.asarray(inside.any(axis=1))
    pick = np.argmax(inside, axis=1)
    rows = np.arange(len(place))
    a, b, corners = a[rows, pick], b[rows, pick], corners[rows, pick]
    weights = np.stack([(1 - a) * (1 - b), a * (1 - b), a * b, (1 - a) * b], axis=1) * hit[:, None]
    corner = unit_vectors(source.corner_lat, source.corner_lon)
    reach = np.linalg.norm(corner - centre[:, :, None], axis=-1).max(axis=2).ravel()
    alone = np.flatnonzero(~hit & (distance[:, 0] <= reach[known[near[:, 0]]] + ROUNDING))
    weights[alone], corners[alone, 0] = [1.0, 0.0, 0.0, 0.0], known[near[alone, 0]]
    return csr_array(
        (weights.ravel(), (np.repeat(rows, 4), corners.ravel())), shape=(len(place), ny * nx)
    )


def _quadrilaterals(cell: NDArray[np.intp], shape: tuple[int, int], ring: bool) -> NDArray[np.intp]:
    """(place, candidate, 4) flat indices of the centres in the four quadrilaterals round each cell."""
    ny, nx = shape
    row, column = np.divmod(cell, nx)
    quads = []
    for dy, dx in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        south = np.clip(row + dy, 0, ny - 2)
        west = (column + dx) % nx if ring else np.clip(column + dx, 0, nx - 2)
        east = (west + 1) % nx
        quads.append(
            np.stack(
                [south * nx + west, south * nx + east, (south + 1) * nx + east, (south + 1) * nx + west],
                axis=-1,
            )
        )
    return np.concatenate(quads, axis=1)


def _tangent_plane(vectors: Floats, touching: Floats) -> Floats:
    """(..., 2) gnomonic projection of unit vectors: great circles become straight lines, NaN behind."""
    east = np.cross([0.0, 0.0, 1.0], touching)
    size = np.linalg.norm(east, axis=-1, keepdims=True)
    east = np.where(size > 1e-12, east / np.where(size > 1e-12, size, 1), [1.0, 0.0, 0.0])
    north = np.cross(touching, east)
    ahead = np.einsum("...kc,...c->...k", vectors, touching)
    ahead = np.where(ahead > 0.2, ahead, np.nan)
    return np.stack(
        [
            np.einsum("...kc,...c->...k", vectors, east) / ahead,
            np.einsum("...kc,...c->...k", vectors, north) / ahead,
        ],
        axis=-1,
    )


def _solve(corner: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Coordinates a, b (0..1) of the origin in quadrilaterals (..., 4, 2); whether it lies inside."""
    p0, p1, p2, p3 = (corner[..., k, :] for k in range(4))
    along, across, twist = p1 - p0, p3 - p0, p0 - p1 + p2 - p3
    a = np.full(corner.shape[:-2], 0.5)
    b = a.copy()
    with np.errstate(all="ignore"):  # places outside diverge, and are told by the last line
        for _ in range(NEWTON_STEPS):
            miss = p0 + along * a[..., None] + across * b[..., None] + twist * (a * b)[..., None]
            da, db = along + twist * b[..., None], across + twist * a[..., None]
            det = da[..., 0] * db[..., 1] - da[..., 1] * db[..., 0]
            a = a - (miss[..., 0] * db[..., 1] - miss[..., 1] * db[..., 0]) / det
            b = b - (miss[..., 1] * da[..., 0] - miss[..., 0] * da[..., 1]) / det
        miss = p0 + along * a[..., None] + across * b[..., None] + twist * (a * b)[..., None]
        size = np.abs(along).max(axis=-1) + np.abs(across).max(axis=-1)
        inside = (np.abs(a - 0.5) <= 0.5 + 1e-7) & (np.abs(b - 0.5) <= 0.5 + 1e-7)
        inside &= np.abs(miss).max(axis=-1) < 1e-7 * size
    return np.clip(a, 0, 1), np.clip(b, 0, 1), inside
