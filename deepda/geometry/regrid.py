"""Horizontal remapping of any model grid to the cells between given edges of latitude and longitude.

Everything is a sparse matrix (target cell, source cell), target cells in the order (lat, lon).
Conservative weights are the part of a target cell's area that a source cell covers, so that the
area integral of what is covered is kept. Areas are exact on the sphere: in the plane of longitude
and sine of latitude area is true, and target cells are rectangles; the overlap with the polygon of
a source cell is a sum of closed-form integrals over its edges (Green's theorem).
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, kron

from deepda.base.text import counted
from deepda.geometry.grid import GridError, centres
from deepda.geometry.mesh import Curvilinear, Regular, normalise, overlap, ranges, wrap
from deepda.geometry.sphere import places, unit_vectors

Floats = NDArray[np.float64]
XESMF = importlib.util.find_spec("xesmf") is not None

SLIVER = 1e-9  # part of a target cell: overlaps below are rounding of edges meant to be equal
BEND = 0.25  # degrees of longitude: longer edges follow the great circle in PIECES pieces
PIECES = 8
MOST_CELLS = 2**31 - 1  # of a grid: they are numbered by 32 bits
LONGEST_RUN = 1_000_000  # cells from one start and step
BATCH = 4_000_000  # polygon edges times target cells worked on at once, bounds the memory


@dataclass(frozen=True, eq=False)
class Remap:
    """A remapping, ready to apply to fields with any mask.

    Attributes:
        matrix: (lat * lon, y * x) part of the target cell that each source cell stands for.
        shape: (lat, lon).
        method: conservative, with the program that made the matrix.
    """

    matrix: csr_array
    shape: tuple[int, int]
    method: str

    def fraction(self, water: NDArray[np.bool_]) -> Floats:
        """(..., lat, lon) part of the target cells covered by water (..., y, x), 0..1."""
        return self.integral(water.astype(np.float64))

    def integral(self, field: NDArray[np.floating]) -> Floats:
        """(..., lat, lon) sum of field (..., y, x) times the part covered; zero off water goes in."""
        flat = field.reshape(-1, self.matrix.shape[1])
        return (self.matrix @ flat.T).T.reshape(*field.shape[:-2], *self.shape)

    def mean(self, field: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Area mean over the covered part, and that part (..., lat, lon), of field (..., y, x).

        NaN in the field is land; NaN in the mean is a target cell without any water.
        """
        water = np.isfinite(field)
        covered = self.fraction(water)
        total = self.integral(np.where(water, field, 0.0).astype(np.float64))
        return np.where(covered > 0, total / np.where(covered > 0, covered, 1.0), np.nan), covered


def remap(source: Regular | Curvilinear, lat_edges: Floats, lon_edges: Floats) -> Remap:
    """The conservative remapping of a model grid to the cells between edges.

    Cells that the model's files hold twice (halos, folds, cyclic columns) count once. xESMF makes the
    weights of curvilinear grids where it is installed; regular grids are exact without it.

    Args:
        lat_edges, lon_edges: degrees, increasing; lon spans 360.
    """
    edges = np.asarray(lat_edges, dtype=float), np.asarray(lon_edges, dtype=float)
    shape = edges[0].size - 1, edges[1].size - 1
    if isinstance(source, Regular):
        matrix, maker = _regular_overlap(source, *edges), "deepda"
    elif XESMF:
        matrix, maker = _esmf_weights(source, *edges), "xesmf"
    else:
        matrix, maker = _polygon_overlap(source, *edges), "deepda"
    matrix = csr_array(matrix @ diags_array(1.0 - source.duplicated.ravel().astype(float)))
    matrix.data[np.abs(matrix.data) < SLIVER] = 0.0
    matrix.eliminate_zeros()
    return Remap(matrix, shape, f"conservative ({maker})")


def _esmf_weights(source: Curvilinear, lat_edges: Floats, lon_edges: Floats) -> csr_array:
    """The conservative weights of ESMF through xESMF: parts of target cells, as ours."""
    import cf_xarray
    import xarray as xr
    import xesmf  # only where it is installed (conda-forge)

    lat, lon = places(source.centres)
    given = xr.Dataset({"lat": (("y", "x"), lat), "lon": (("y", "x"), lon)})
    for name, corner in (("lat_b", source.corner_lat), ("lon_b", source.corner_lon)):
        bounds = xr.DataArray(corner, dims=("y", "x", "corner"))
        given[name] = cf_xarray.bounds_to_vertices(bounds, "corner", ["y", "x"], order=None).rename(
            {"y_vertices": "y_b", "x_vertices": "x_b"}
        )
    middles = {"lat": centres(lat_edges), "lon": centres(lon_edges)}
    wanted = xr.Dataset(coords={**middles, "lat_b": lat_edges, "lon_b": lon_edges})
    regridder = xesmf.Regridder(given, wanted, "conservative")
    return csr_array(regridder.weights.data.to_scipy_sparse())


def grid_edges(spec: Mapping[str, Any]) -> dict[str, Floats]:
    """Cell edges `lat_edges`, `lon_edges` (degrees), `depth_edges` (m, down) of a grid's settings.

    Each is a list of edges or a mapping with `start`, `stop` and `step`, stop included.

    Raises:
        GridError: edges are missing, `step` does not lead from start to stop, or there are more cells
            than can be numbered.
    """
    edges = {}
    for name in ("lat_edges", "lon_edges", "depth_edges"):
        if name not in spec:
            raise GridError(f"the grid has no {name}, expected a list or start, stop and step; add them")
        given = spec[name]
        edges[name] = _run(name, given) if isinstance(given, Mapping) else np.asarray(given, dtype=float)
        if edges[name].size < 2:
            raise GridError(
                f"{name} holds {counted(edges[name].size, 'value')}, expected two edges or more; "
                "give one more than there are cells"
            )
    cells = math.prod(values.size - 1 for values in edges.values())
    if cells > MOST_CELLS:
        raise GridError(
            f"the grid has {counted(cells, 'cell')}, expected at most {MOST_CELLS:,}; take wider ones"
        )
    return edges


def _run(name: str, given: Mapping[str, float]) -> Floats:
    missing = {"start", "stop", "step"} - set(given)
    if missing:
        raise GridError(f"{name} has no {', '.join(sorted(missing))}, expected start, stop and step")
    cells = (given["stop"] - given["start"]) / (given["step"] or np.nan)
    if cells > LONGEST_RUN:
        raise GridError(
            f"{name} from {given['start']:g} to {given['stop']:g} in steps of {given['step']:g} makes "
            f"{cells:,.0f} cells, expected at most {LONGEST_RUN:,}; change the step"
        )
    if not cells >= 1 or abs(cells - round(cells)) > 1e-6:
        raise GridError(
            f"{name} from {given['start']:g} to {given['stop']:g} is not a whole number of "
            f"steps of {given['step']:g}; change the step, or list the edges"
        )
    return np.linspace(given["start"], given["stop"], round(cells) + 1)


def _regular_overlap(source: Regular, lat_edges: Floats, lon_edges: Floats) -> csr_array:
    sine = np.sin(np.deg2rad(lat_edges))
    by_lat = diags_array(1 / np.diff(sine)) @ overlap(np.sin(np.deg2rad(source.lat_bounds)), sine)
    start = source.lon_bounds[:, :1]
    bounds = source.lon_bounds + lon_edges[0] + np.mod(start - lon_edges[0], 360.0) - start
    by_lon = overlap(bounds, lon_edges) + overlap(bounds - 360.0, lon_edges)
    return kron(by_lat, diags_array(1 / np.diff(lon_edges)) @ by_lon, format="csr")


def _polygon_overlap(source: Curvilinear, lat_edges: Floats, lon_edges: Floats) -> csr_array:
    sine = np.sin(np.deg2rad(lat_edges))
    shape = (lat_edges.size - 1) * (lon_edges.size - 1), source.lat.size
    parts = [_overlap_pairs(cells, x, y, sine, lon_edges) for cells, x, y in outlines(source)]
    target, cell, area = (np.concatenate(part) for part in zip(*parts, strict=True))
    whole = np.diff(sine)[:, None] * np.diff(lon_edges)
    return csr_array((area / whole.ravel()[target], (target, cell)), shape=shape)


def outlines(source: Curvilinear) -> Iterator[tuple[NDArray[np.intp], Floats, Floats]]:
    """Closed outlines of the cells, in groups: (cell), x (cell, point) degrees east, y sine of latitude.

    Straight lines in this plane are the edges, except that edges that span more than BEND degrees
    follow the great circle (as near a pole) unless both ends have one latitude: those run along
    the parallel. Either rule depends on the two ends only, so that neighbours share their edges.
    A cell round a pole is closed along the pole.
    """
    lat, lon = source.corner_lat.reshape(-1, 4), source.corner_lon.reshape(-1, 4)
    cells = np.flatnonzero(np.isfinite(lat).all(axis=1) & np.isfinite(lon).all(axis=1))
    lat, lon = _split_pole_corners(lat[cells], lon[cells])
    lat, step = np.append(lat, lat[:, :1], axis=1), wrap(np.diff(lon, axis=1, append=lon[:, :1]))
    x = np.cumsum(np.append(lon[:, :1], step, axis=1), axis=1)
    parallel = (np.abs(np.diff(lat, axis=1)) < 1e-6) & (np.abs(step) < 30)
    bent = ((np.abs(step) > BEND) & ~parallel).any(axis=1)
    yield cells[~bent], x[~bent], np.sin(np.deg2rad(lat[~bent]))
    if bent.any():
        yield cells[bent], *_bend(lat[bent], x[bent], parallel[bent])


def _split_pole_corners(lat: Floats, lon: Floats) -> tuple[Floats, Floats]:
    """Eight points a cell: a corner at a pole becomes two, where one meridian ends and one begins."""
    pole = np.abs(lat) > 90 - 1e-7
    if not pole.any():
        return lat, lon
    known = np.where(pole, np.nan, lon)
    before, after = known, known
    for _ in range(3):
        before = np.where(np.isnan(before), np.roll(before, 1, axis=1), before)
        after = np.where(np.isnan(after), np.roll(after, -1, axis=1), after)
    both = np.stack([before, after], axis=2).reshape(len(lon), -1)
    return np.repeat(lat, 2, axis=1), np.where(np.isnan(both), 0.0, both)


def _bend(lat: Floats, x: Floats, parallel: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    ends = unit_vectors(lat, x)
    part = np.linspace(0, 1, PIECES, endpoint=False)[:, None]
    arc_lat, arc_lon = places(normalise(ends[:, :-1, None] * (1 - part) + ends[:, 1:, None] * part))
    part = part[:, 0]
    y = np.sin(np.deg2rad(lat))
    line_x = x[:, :-1, None] * (1 - part) + x[:, 1:, None] * part
    line_y = y[:, :-1, None] * (1 - part) + y[:, 1:, None] * part
    at_pole = (np.abs(y[:, :-1]) == 1) | (np.abs(y[:, 1:]) == 1)
    straight = (parallel | (np.abs(np.diff(x, axis=1)) <= BEND) | at_pole)[:, :, None]
    px = np.where(straight, line_x, arc_lon).reshape(len(x), -1)
    py = np.where(straight, line_y, np.sin(np.deg2rad(arc_lat))).reshape(len(x), -1)
    step = wrap(np.diff(px, axis=1, append=px[:, :1]))
    px = np.cumsum(np.append(px[:, :1], step, axis=1), axis=1)
    py = np.append(py, py[:, :1], axis=1)
    round_pole = (np.abs(px[:, -1] - px[:, 0]) > 180)[:, None]
    pole = np.sign(py.mean(axis=1, keepdims=True))
    first_x, first_y = px[:, :1], py[:, :1]
    up = np.where(round_pole, pole, first_y)
    x = np.concatenate([px, np.where(round_pole, px[:, -1:], first_x), first_x, first_x], axis=1)
    return x, np.concatenate([py, up, up, first_y], axis=1)


def _overlap_pairs(
    cells: NDArray[np.intp], x: Floats, y: Floats, sine: Floats, lon_edges: Floats
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """(target, cell, overlap area) of all pairs whose bounding boxes meet."""
    columns = lon_edges.size - 1
    x = x - 360.0 * np.floor((x.min(axis=1, keepdims=True) - lon_edges[0]) / 360.0)
    twice = np.concatenate([lon_edges[:-1], lon_edges + 360.0])  # cells may reach over the seam
    low, high = ranges(y.min(axis=1), y.max(axis=1), sine)
    west, east = ranges(x.min(axis=1), x.max(axis=1), twice)
    wide = np.maximum(east - west, 0)
    ends = np.append(0, np.cumsum(np.maximum(high - low, 0) * wide))
    sign = np.sign(0.5 * np.sum((x[:, 1:] + x[:, :-1]) * np.diff(y, axis=1), axis=1))
    found = []
    for start in range(0, ends[-1], limit := max(BATCH // x.shape[1], 1)):
        pair = np.arange(start, min(start + limit, ends[-1]))
        p = np.searchsorted(ends, pair, side="right") - 1
        row, column = np.divmod(pair - ends[p], wide[p])
        row, column = row + low[p], column + west[p]
        area = sign[p] * _clipped_area(
            x[p].T, y[p].T, (twice[column], twice[column + 1]), (sine[row], sine[row + 1])
        )
        found.append((row * columns + column % columns, cells[p], area))
    nothing = np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    target, cell, area = (np.concatenate(part) for part in zip(nothing, *found, strict=True))
    return target, cell, area


def _clipped_area(
    x: Floats, y: Floats, span: tuple[Floats, Floats], band: tuple[Floats, Floats]
) -> Floats:
    """(pair) signed area of the closed outlines x, y (point, pair) within the rectangles span x band.

    The contour integral of (x clipped to the span) dy over the part of each edge within the band.
    """
    west, width = span[0], span[1] - span[0]
    area = np.zeros(len(west))
    for xa, xb, ya, yb in zip(x[:-1] - west, x[1:] - west, y[:-1], y[1:], strict=True):
        from_y, to_y = np.clip(ya, *band), np.clip(yb, *band)
        rise = np.where(yb == ya, 1.0, yb - ya)
        from_x, to_x = xa + (xb - xa) * ((from_y - ya) / rise), xa + (xb - xa) * ((to_y - ya) / rise)
        area += _mean_of_clipped(from_x, to_x, width) * (to_y - from_y)
    return area


def _mean_of_clipped(a: Floats, b: Floats, width: Floats) -> Floats:
    """Mean of clip(x, 0, width) over x between a and b."""

    def primitive(x: Floats) -> Floats:
        return 0.5 * np.clip(x, 0, width) ** 2 + width * np.maximum(x - width, 0)

    level = np.abs(b - a) < 1e-6  # the midpoint is then exact to 1e-12; the quotient is not
    quotient = (primitive(b) - primitive(a)) / np.where(level, 1.0, b - a)
    return np.where(level, np.clip(0.5 * (a + b), 0, width), quotient)
