"""The horizontal cells of a model: regular, or curvilinear (tripolar, displaced pole).

Array dimensions are (y, x); corners have a last dimension of four, in order round the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from deepda.geometry.grid import GridError
from deepda.geometry.sphere import places, unit_vectors

Floats = NDArray[np.float64]

SAME_PLACE = 2e-5  # radians (some 100 m): nearer cell centres are one cell that the file holds twice
FEWEST = 3  # cells along each axis
SWEEPS = 4  # cells that corners are extrapolated beyond the known


@dataclass(frozen=True, eq=False)
class Regular:
    """Cells bounded by parallels and meridians.

    Attributes:
        lat: (y) centres, degrees north.
        lon: (x) centres, degrees east.
        lat_bounds: (y, 2) degrees north, lower first; rows may run either way.
        lon_bounds: (x, 2) degrees east, west first, any convention.
    """

    lat: Floats
    lon: Floats
    lat_bounds: Floats
    lon_bounds: Floats

    def __post_init__(self) -> None:
        _require_enough((len(self.lat_bounds), len(self.lon_bounds)))

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x)."""
        return len(self.lat_bounds), len(self.lon_bounds)

    @property
    def duplicated(self) -> NDArray[np.bool_]:
        """(y, x) cells that repeat another one: cyclic columns."""
        start = np.mod(self.lon_bounds[:, 0], 360.0).round(4) % 360
        _, first = np.unique(start, return_index=True)
        again = np.ones(len(start), bool)
        again[first] = False
        return np.broadcast_to(again, self.shape)


@dataclass(frozen=True, eq=False)
class Curvilinear:
    """Quadrilateral cells.

    Attributes:
        lat, lon: (y, x) centres, degrees; NaN where unknown.
        corner_lat, corner_lon: (y, x, 4) degrees, in order round the cell; NaN where unknown.
    """

    lat: Floats
    lon: Floats
    corner_lat: Floats
    corner_lon: Floats

    def __post_init__(self) -> None:
        _require_enough(self.lat.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x)."""
        return self.lat.shape[0], self.lat.shape[1]

    @property
    def centres(self) -> Floats:
        """(y, x, 3) unit vectors of the centres, from the corners where no centre is known."""
        given = unit_vectors(self.lat, self.lon)
        middle = normalise(unit_vectors(self.corner_lat, self.corner_lon).sum(axis=2))
        return np.where(np.isfinite(given), given, middle)

    @property
    def duplicated(self) -> NDArray[np.bool_]:
        """(y, x) cells that repeat another one: halo columns and the folded rows of tripolar grids.

        Of two cells at one place the one inside the array stays, since halo corners are often wrong.
        """
        ny, nx = self.shape
        points = self.centres.reshape(-1, 3)
        known = np.flatnonzero(np.isfinite(points).all(axis=1))
        pairs = known[cKDTree(points[known]).query_pairs(SAME_PLACE, output_type="ndarray")]
        row, column = np.divmod(pairs, nx)
        rim = np.isin(row, (0, ny - 1)).astype(int) + np.isin(column, (0, nx - 1))  # sides it lies on
        second_goes = rim[:, 1] >= rim[:, 0]
        again = np.zeros(ny * nx, bool)
        again[np.where(second_goes, pairs[:, 1], pairs[:, 0])] = True
        return again.reshape(ny, nx)


def regular_from_centres(lat: Floats, lon: Floats) -> Regular:
    """Cells whose edges lie midway between neighbouring centres; rows end at the poles at most.

    Raises:
        GridError: fewer than three centres, or centres that do not run one way.
    """
    _require_enough((lat.size, lon.size))
    east = lon[0] + np.append(0.0, np.cumsum(wrap(np.diff(lon))))
    for name, centre in (("latitude", lat), ("longitude", east)):
        step = np.diff(centre)
        if not (np.all(step > 0) or np.all(step < 0)):
            raise GridError(
                f"the {name} does not run one way, expected it to rise or fall from cell "
                "to cell; sort the file along it"
            )
    return Regular(lat, lon, np.clip(midway_bounds(lat), -90, 90), midway_bounds(east))


def midway_bounds(centre: Floats) -> Floats:
    """(n, 2) lower and upper bounds midway between neighbouring centres, ends mirrored."""
    middle = 0.5 * (centre[1:] + centre[:-1])
    edges = np.concatenate([[2 * centre[0] - middle[0]], middle, [2 * centre[-1] - middle[-1]]])
    return np.sort(np.stack([edges[:-1], edges[1:]], axis=1), axis=1)


def curvilinear_from_centres(lat: Floats, lon: Floats) -> Curvilinear:
    """Cells whose corners lie amid the four centres round them; NaN centres are extrapolated."""
    _require_enough(lat.shape)
    centre = unit_vectors(lat, lon)
    padded = np.full((lat.shape[0] + 2, lat.shape[1] + 2, 3), np.nan)
    padded[1:-1, 1:-1] = centre
    if closes(centre):
        padded[1:-1, 0], padded[1:-1, -1] = centre[:, -1], centre[:, 0]
        padded[-1, 1:-1] = _row_across_fold(centre)
    padded = _extrapolate(padded)
    corner = normalise(padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:])
    around = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=2)
    corner_lat, corner_lon = places(around)
    return Curvilinear(lat, lon, corner_lat, corner_lon)


def closes(centre: Floats) -> bool:
    """Whether the last column of centres (y, x, 3) is the neighbour of the first."""
    seam = np.linalg.norm(centre[:, 0] - centre[:, -1], axis=-1)
    step = np.linalg.norm(np.diff(centre, axis=1), axis=-1)
    return bool(np.nanmedian(seam) < 2 * np.nanmedian(step))


def _row_across_fold(centre: Floats) -> Floats:
    """(x, 3) the row beyond the last one of a tripolar grid, which folds onto itself; NaN if none.

    Models fold along cell edges (F-pivot) or centres (T-pivot) and shift the halo differently, so
    the reversed row that lies one row's spacing away is looked for.
    """
    spacing = np.nanmedian(np.linalg.norm(centre[-1] - centre[-2], axis=-1))
    column = np.arange(centre.shape[1])
    rows = [centre[-depth, (shift - column) % column.size] for depth in (1, 2) for shift in range(-2, 2)]
    misses = [abs(np.nanmedian(np.linalg.norm(row - centre[-1], axis=-1)) / spacing - 1) for row in rows]
    best = int(np.nanargmin(misses))
    return rows[best] if misses[best] < 0.1 else np.full_like(centre[-1], np.nan)


def as_regular(lat: Floats, lon: Floats) -> Regular | None:
    """The regular grid that two-dimensional centres describe, if they do."""
    rows, columns = lat[:, :1], lon[:1]
    straight = np.allclose(lat, rows, atol=1e-5) and np.allclose(wrap(lon - columns), 0, atol=1e-5)
    return regular_from_centres(lat[:, 0], lon[0]) if straight else None


def ranges(lower: Floats, upper: Floats, edges: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and one past the last cell between `edges` that the intervals lower..upper meet."""
    first = np.clip(np.searchsorted(edges, lower, side="right") - 1, 0, edges.size - 1)
    return first, np.clip(np.searchsorted(edges, upper, side="left"), 0, edges.size - 1)


def overlap(bounds: Floats, edges: Floats) -> csr_array:
    """(target, source) length that intervals `bounds` (source, 2) share with those between `edges`."""
    first, last = ranges(bounds[:, 0], bounds[:, 1], edges)
    count = np.maximum(last - first, 0)
    source = np.repeat(np.arange(len(bounds)), count)
    target = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[source]
    lower = np.maximum(bounds[source, 0], edges[target])
    upper = np.minimum(bounds[source, 1], edges[target + 1])
    shape = edges.size - 1, len(bounds)
    return csr_array((np.clip(upper - lower, 0.0, None), (target, source)), shape=shape)


def normalise(vectors: Floats) -> Floats:
    """The vectors (..., 3) with length one."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def wrap(degrees: Floats) -> Floats:
    """Differences of longitude brought to [-180, 180)."""
    return np.mod(degrees + 180.0, 360.0) - 180.0


def _extrapolate(field: Floats) -> Floats:
    """Fill missing vectors (y, x, 3) from two neighbours in line, from the known outwards."""
    for _ in range(SWEEPS):
        wide = np.pad(field, ((2, 2), (2, 2), (0, 0)), constant_values=np.nan)
        ny, nx = field.shape[:2]

        def beside(dy: int, dx: int, wide: Floats = wide, ny: int = ny, nx: int = nx) -> Floats:
            return wide[2 + dy : 2 + dy + ny, 2 + dx : 2 + dx + nx]

        guesses = [
            2 * beside(dy, dx) - beside(2 * dy, 2 * dx) for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))
        ]
        known = [np.isfinite(guess) for guess in guesses]
        count = np.sum(known, axis=0)
        total = np.sum([np.where(k, g, 0.0) for k, g in zip(known, guesses, strict=True)], axis=0)
        filled = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        field = np.where(np.isfinite(field), field, filled)
    return field


def _require_enough(shape: tuple[int, ...]) -> None:
    if min(shape) < FEWEST:
        raise GridError(
            f"the horizontal grid has {' x '.join(map(str, shape))} cells, expected at "
            f"least {FEWEST} x {FEWEST}; give a whole model grid, not a cut-out"
        )
