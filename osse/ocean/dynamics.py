"""What moves, mixes and disturbs the anomalies of the embedded ocean: operators of one pentad each.

All operators act on columns: the cells of the horizontal grid that hold water in any layer, in the
order of `np.flatnonzero`. C is the number of columns, L of layers. None can make an anomaly grow:
rows of `advection_diffusion` and `column_exchange` are averages, `rossby_shift` is scaled to norm 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import PchipInterpolator
from scipy.sparse.linalg import spsolve, svds
from scipy.spatial import KDTree

from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, along_arc, chord_of, unit_vectors
from osse.ocean.geography import landmasses

Array = NDArray[np.float64]
Field = NDArray[np.float32]
Mask = NDArray[np.bool_]

STEP = 5 * 86_400.0  # s
EARTH_ROTATION = 7.292e-5  # 1/s
SEA_WATER_DENSITY = 1025.0  # kg/m3
LARGEST_SHARE = 0.9  # of a cell that may be exchanged in one step
# Zonal-mean zonal wind stress, N/m2 (rounded from Hellerman and Rosenstein 1983).
_STRESS_LAT = (-90.0, -75.0, -65.0, -50.0, -40.0, -30.0, -15.0, 0.0, 15.0, 29.0, 42.0, 55.0, 66.0, 90.0)
_STRESS = (0.0, -0.01, 0.0, 0.17, 0.11, 0.0, -0.07, -0.03, -0.075, 0.0, 0.085, 0.05, 0.0, 0.0)
_DRAG_LENGTH = 1.2e5  # m: width of Stommel's western boundary current, drag / beta
_CIRCUMPOLAR = 1.3e8  # m3/s through Drake Passage (Cunningham et al. 2003)
_GYRE_DEPTH = 450.0  # m: e-folding depth of the currents
_SOUTH_EQUATORIAL, _UNDERCURRENT = -0.30, 0.40  # m/s at the surface / at 130 m depth on the equator
_NOISE_REACH = 2.4  # lengths: farther nodes have weights below 0.003
_KELVIN_SPEED = 2.7  # m/s, first baroclinic gravity wave (Chelton et al. 1998)


def columns(grid: Grid) -> NDArray[np.intp]:
    """(C) flat (lat, lon) indices of the cells with water in any layer."""
    return np.flatnonzero(grid.ocean.any(axis=0))


def currents(grid: Grid) -> tuple[Array, Array]:
    """Mean currents through the east and north sides of the cells, (depth, lat, lon), m/s.

    Wind-driven gyres with western boundary currents after Stommel (1948) on the real coastlines,
    a circumpolar current, and along the equator the westward South Equatorial Current above the
    eastward Undercurrent. The north side of the northernmost cells is closed.
    """
    psi = _stream_function(grid)
    dy = EARTH_RADIUS * np.deg2rad(np.diff(grid.lat_edges))[:, None]
    dx = _zonal_width(grid, grid.lat_edges[1:])
    profile = (np.exp(-grid.depth / _GYRE_DEPTH) / _GYRE_DEPTH)[:, None, None]
    z, lat = grid.depth[:, None, None], grid.lat[:, None]
    equatorial = _SOUTH_EQUATORIAL * np.exp(-z / 50) * np.exp(-np.square(lat / 6.0))
    equatorial = equatorial + _UNDERCURRENT * np.exp(-np.square((z - 130) / 70)) * np.exp(
        -np.square(lat / 3.0)
    )
    east = -np.diff(psi, axis=0) / dy * profile + equatorial
    north = (psi - np.roll(psi, 1, axis=1))[1:] / np.maximum(dx, 1.0) * profile
    return east, north


def advection_diffusion(
    grid: Grid, wet: Mask, east: Array, north: Array, diffusivity: float
) -> sparse.csr_array:
    """(C, C) one step of upwind advection and diffusion (m2/s) in one layer; no exchange with land.

    Args:
        wet: (lat, lon) cells of the layer.
        east, north: (lat, lon) m/s through the east and north sides.

    Each cell becomes an average of itself and its neighbours. Where currents or diffusion would
    exchange more than LARGEST_SHARE of a cell (near the poles) they are slowed to that.
    """
    dx, dy = _zonal_width(grid, grid.lat), EARTH_RADIUS * np.deg2rad(np.diff(grid.lat_edges))[:, None]
    beyond = np.roll(dx, -1, axis=1)
    side = _zonal_width(grid, grid.lat_edges[1:])
    across = 0.5 * (dy + np.roll(dy, -1, axis=0))
    mixing_east = diffusivity * dy / (0.5 * (dx + beyond))
    mixing_north = diffusivity * side / across
    number = np.arange(wet.size).reshape(wet.shape)
    faces = (
        (number, np.roll(number, -1, 1), wet & np.roll(wet, -1, 1), east, mixing_east, dx, beyond),
        (number[:-1], number[1:], wet[:-1] & wet[1:], north[:-1], mixing_north[:-1], dy[:-1], dy[1:]),
    )
    entries = []
    for here, there, open_, speed, mixing, near, far in faces:
        for receiver, giver, inflow, length in ((here, there, -speed, near), (there, here, speed, far)):
            rate = np.maximum(inflow, 0) / length + mixing / grid.area.ravel()[receiver]
            entries.append((receiver[open_], giver[open_], (STEP * rate)[open_]))
    receiver, giver, share = (np.concatenate(part) for part in zip(*entries, strict=True))
    total = np.bincount(receiver, share, minlength=wet.size)
    share *= (LARGEST_SHARE / np.maximum(total, LARGEST_SHARE))[receiver]
    kept = np.where(wet.ravel(), 1 - np.bincount(receiver, share, minlength=wet.size), 0.0)
    matrix = sparse.csr_array((share, (receiver, giver)), shape=(wet.size, wet.size))
    chosen = columns(grid)
    return (matrix + sparse.diags_array(kept)).tocsr()[chosen][:, chosen]


def rossby_speed(lat: Array) -> Array:
    """m/s westward, long first-mode Rossby waves: beta c2 / f2, at the equator c / 3 (Gill 1982)."""
    beta = 2 * EARTH_ROTATION * np.cos(np.deg2rad(lat)) / EARTH_RADIUS
    coriolis = 2 * EARTH_ROTATION * np.sin(np.deg2rad(lat))
    return np.minimum(beta * _KELVIN_SPEED**2 / np.maximum(coriolis**2, 1e-12), _KELVIN_SPEED / 3)


def rossby_shift(grid: Grid, wet: Mask, speed: Array) -> sparse.csr_array:
    """(C, C) one step of westward propagation at `speed` (lat), m/s, from zero at eastern coasts.

    Semi-Lagrangian along latitude circles: cubic Lagrange interpolation at the place of departure,
    linear beside land. Scaled to a spectral norm of 1 at most.
    """
    lon_count = grid.lon.size
    entries = []
    for row in range(grid.lat.size):
        circle = EARTH_RADIUS * max(np.cos(np.deg2rad(grid.lat[row])), 0.02)
        distance = min(np.rad2deg(speed[row] * STEP / circle), 90.0)
        for column in np.flatnonzero(wet[row]):
            for offset, weight in _departure(grid.lon, wet[row], int(column), distance):
                giver = (column + offset) % lon_count
                entries.append((row * lon_count + column, row * lon_count + giver, weight))
    receiver, giver, weight = np.array(entries).T
    place = receiver.astype(np.intp), giver.astype(np.intp)
    chosen = columns(grid)
    matrix = sparse.csr_array((weight, place), shape=(wet.size, wet.size))[chosen][:, chosen]
    norm = svds(matrix, k=1, v0=np.ones(chosen.size), return_singular_vectors=False)[0]
    return matrix / max(norm, 1.0)


def column_exchange(thickness: Array, wet: Mask, mixing: Array, damping: Array) -> Field:
    """(L, L, C) one implicit step of vertical diffusion and damping in each column.

    Args:
        thickness: (L) m.
        wet: (L, C).
        mixing: (L - 1, C) m2/s between neighbouring layers.
        damping: (L, C) 1/s.
    """
    layers = thickness.size
    gap = 0.5 * (thickness[1:] + thickness[:-1])[:, None]
    flow = STEP * np.where(wet[1:] & wet[:-1], mixing, 0.0) / gap  # m exchanged a step
    matrix = np.zeros((wet.shape[1], layers, layers))
    index = np.arange(layers)
    matrix[:, index, index] = 1 + STEP * damping.T
    for upper in range(layers - 1):
        for here, there in ((upper, upper + 1), (upper + 1, upper)):
            matrix[:, here, here] += flow[upper] / thickness[here]
            matrix[:, here, there] -= flow[upper] / thickness[here]
    return np.ascontiguousarray(np.linalg.inv(matrix).transpose(1, 2, 0), dtype=np.float32)


def smoothing(grid: Grid, length: float) -> sparse.csr_array:
    """(C, node) weights that turn white noise at nodes over the sphere into smooth unit-variance noise.

    The correlation of two columns at the distance d is nearly exp(-d2 / (2 length2)), length in m.
    Nodes lie on a Fibonacci spiral, so that the noise has no pole.
    """
    count = int(np.ceil(4 * np.pi * (EARTH_RADIUS / (0.75 * length)) ** 2))
    step = np.arange(count)
    node_lat = np.rad2deg(np.arcsin(1 - (2 * step + 1) / count))
    node_lon = np.mod(step * 180 * (3 - np.sqrt(5)), 360)
    lat, lon = (axis.ravel()[columns(grid)] for axis in np.meshgrid(grid.lat, grid.lon, indexing="ij"))
    places, nodes = KDTree(unit_vectors(lat, lon)), KDTree(unit_vectors(node_lat, node_lon))
    reach = chord_of(_NOISE_REACH * length)
    weight = sparse.csr_array(places.sparse_distance_matrix(nodes, reach, output_type="coo_matrix"))
    distance = along_arc(weight.data)
    weight.data = np.exp(-np.square(distance / length))
    size = np.sqrt(weight.power(2).sum(axis=1))
    return (sparse.diags_array(1 / size) @ weight).astype(np.float32).tocsr()


def _zonal_width(grid: Grid, lat: Array) -> Array:
    """(lat, lon) m: width of the cells along the latitudes given."""
    circle = EARTH_RADIUS * np.maximum(np.cos(np.deg2rad(lat)), 0)
    return circle[:, None] * np.deg2rad(np.diff(grid.lon_edges))


def _departure(lon: Array, wet: Mask, column: int, distance: float) -> list[tuple[int, float]]:
    """Offsets (cells eastward) and weights that interpolate `distance` degrees east of a column."""
    count = lon.size

    def place(offset: int) -> float:
        return float(lon[(column + offset) % count] + 360 * ((column + offset) // count))

    target, reach = lon[column] + distance, 0
    while place(reach + 1) <= target and wet[(column + reach + 1) % count]:
        reach += 1
    if place(reach + 1) <= target:
        return []  # it comes out of a coast
    around = [offset for offset in range(reach - 1, reach + 3) if wet[(column + offset) % count]]
    nodes = around if len(around) == 4 else [reach, reach + 1]
    weights = []
    for node in nodes:
        others = [place(other) for other in nodes if other != node]
        weight = np.prod([(target - other) / (place(node) - other) for other in others])
        weights.append((node, float(weight)))
    return [(node, weight) for node, weight in weights if wet[(column + node) % count]]


def _stream_function(grid: Grid) -> Array:
    """(lat + 1, lon) m3/s at the north-east corners of the cells, the southern edge first.

    drag laplace(psi) + beta dpsi/dx = curl(stress) / density, constant on every coast (Stommel
    1948). Antarctica carries the circumpolar transport; other land is zero.
    """
    wet = np.asarray(grid.ocean.any(axis=0))
    antarctica = _antarctica(wet)
    quad = [np.roll(part, -k, axis=1) for part in (wet[:-1], wet[1:]) for k in (0, 1)]
    touching = [np.roll(part, -k, axis=1) for part in (antarctica[:-1], antarctica[1:]) for k in (0, 1)]
    free = np.all(quad, axis=0)
    psi = np.zeros((grid.lat.size + 1, grid.lon.size))
    psi[0] = _CIRCUMPOLAR
    psi[1:-1] = np.where(np.any(touching, axis=0), _CIRCUMPOLAR, 0.0)
    matrix, wind = _stommel(grid)
    inner, known = np.zeros(psi.shape, bool), psi.copy()
    inner[1:-1] = free
    known[inner] = 0.0
    unknown = inner.ravel()
    if unknown.any():
        right = wind.ravel() - matrix @ known.ravel()
        psi.ravel()[unknown] = spsolve(matrix[unknown][:, unknown].tocsc(), right[unknown])
    return psi


def _stommel(grid: Grid) -> tuple[sparse.csr_array, Array]:
    """Matrix over all corners (rows at the edges are empty) and the right-hand side, in m/s2."""
    shape = grid.lat.size + 1, grid.lon.size
    lat = grid.lat_edges[1:-1]
    cosine = np.cos(np.deg2rad(lat))[:, None]
    beta = 2 * EARTH_ROTATION * cosine / EARTH_RADIUS
    to_west = _zonal_width(grid, lat)  # the corner i - 1 lies one cell i to the west
    to_east = np.roll(to_west, -1, axis=1)
    dy = EARTH_RADIUS * np.deg2rad(np.diff(grid.lat_edges))[:, None]
    narrowing = np.cos(np.deg2rad(grid.lat))[:, None]
    lift_south, lift_north = narrowing[:-1] / cosine, narrowing[1:] / cosine
    drag = _DRAG_LENGTH * beta
    mean_x, mean_y = 0.5 * (to_west + to_east), 0.5 * (dy[:-1] + dy[1:])
    links = {
        (0, 1): drag / (mean_x * to_east) + beta / to_east,
        (0, -1): drag / (mean_x * to_west),
        (1, 0): drag * lift_north / (mean_y * dy[1:]),
        (-1, 0): drag * lift_south / (mean_y * dy[:-1]),
    }
    number = np.arange(shape[0] * shape[1]).reshape(shape)
    matrix = sparse.csr_array((number.size, number.size))
    for (up, right), value in links.items():
        giver = np.roll(number, (-up, -right), axis=(0, 1))[1:-1].ravel()
        here, value = number[1:-1].ravel(), np.broadcast_to(value, (shape[0] - 2, shape[1])).ravel()
        matrix = matrix + sparse.csr_array((value, (here, giver)), shape=matrix.shape)
        matrix = matrix - sparse.csr_array((value, (here, here)), shape=matrix.shape)
    stress = PchipInterpolator(_STRESS_LAT, _STRESS)
    slope = stress(lat, 1) * np.rad2deg(1) - stress(lat) * np.tan(np.deg2rad(lat))
    wind = np.zeros(shape)
    wind[1:-1] = -(slope / (EARTH_RADIUS * SEA_WATER_DENSITY))[:, None]
    return matrix.tocsr(), wind


def _antarctica(wet: Mask) -> Mask:
    labels, _ = landmasses(~wet)
    return (labels > 0) & np.isin(labels, labels[0])
