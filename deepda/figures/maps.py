"""Maps of fields on a Grid, in the Equal Earth projection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import ArrayLike, NDArray

from deepda.figures.kinds import Kind
from deepda.figures.mesh import Limits, draw_mesh, limits_of
from deepda.figures.style import LIGHT, WIDTH, canvas
from deepda.geometry.grid import Grid

Floats = NDArray[np.float64]

SEAM = 25.0  # degrees east: the map is cut there, through Africa, so that every ocean is whole
PANEL = 4.1  # inches, of several side by side: their text must survive being shown small


@dataclass(frozen=True, eq=False)
class Panel:
    """One map of several.

    Attributes:
        field: (lat, lon), NaN where missing.
        kind: a key of KINDS, or colours and label of its own.
        limits: of the colours; None takes them from the values.
        doubtful: (lat, lon) cells to be hatched, as not distinguishable from zero.
    """

    field: ArrayLike
    kind: str | Kind
    title: str = ""
    limits: Limits | None = None
    doubtful: NDArray[np.bool_] | None = None


def map_field(field: ArrayLike, grid: Grid, kind: str, *, level: int = 0) -> Figure:
    """Map of one field (lat, lon); see `map_panels`."""
    return map_panels([Panel(field, kind)], grid, level=level)


def map_panels(
    panels: Sequence[Panel],
    grid: Grid,
    *,
    level: int | Sequence[int] = 0,
    columns: int = 3,
    outline: NDArray[np.bool_] | None = None,
) -> Figure:
    """Maps row by row: land is grey, ocean cells without a value are left as paper.

    Without limits the colours span the 1st to the 99th percentile, so that one odd cell does not
    bleach the rest.

    Args:
        level: whose land is shown; one for all panels, or one each.
        outline: (lat, lon) cells to be outlined in every panel.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    width = WIDTH if columns == 1 else PANEL
    levels = [level] * len(panels) if isinstance(level, int) else level
    with canvas(0.59 * width * rows, width * columns) as figure:
        for place, (panel, at) in enumerate(zip(panels, levels, strict=True)):
            axes = figure.add_subplot(rows, columns, place + 1)
            _draw_map(axes, panel, grid, grid.ocean[at], outline)
    return figure


def truth_analysis_error(
    truth: ArrayLike, analysis: ArrayLike, grid: Grid, *, level: int = 0
) -> list[Panel]:
    """Panels for `map_panels` (or one `map_field` each): truth and analysis share their colours.

    Args:
        truth, analysis: (lat, lon) K or degC at `level`.
    """
    both = np.stack([np.asarray(truth, float), np.asarray(analysis, float)])
    limits = limits_of([np.where(grid.ocean[level], both, np.nan)], "anomaly")
    where = f"{grid.depth[level]:.0f} m"
    return [
        Panel(both[0], "anomaly", f"Truth, {where}", limits),
        Panel(both[1], "anomaly", f"Analysis, {where}", limits),
        Panel(both[1] - both[0], "error", f"Analysis − truth, {where}"),
    ]


def equal_earth(lat: Floats, east: Floats) -> tuple[Floats, Floats]:
    """x, y of the Equal Earth projection (unit sphere); `east` is degrees from the central meridian.

    Šavrič, Patterson and Jenny 2019, Int. J. Geogr. Inf. Sci. 33, eqs 7-10: equal areas look equal.
    """
    a, b, c, d = 1.340264, -0.081106, 0.000893, 0.003796
    theta = np.arcsin(np.sqrt(3) / 2 * np.sin(np.deg2rad(lat)))
    square, sixth = theta**2, theta**6
    slope = a + 3 * b * square + sixth * (7 * c + 9 * d * square)
    x = 2 * np.sqrt(3) * np.deg2rad(east) * np.cos(theta) / (3 * slope)
    return x, theta * (a + b * square + sixth * (c + d * square))


def corners(lat_edges: Floats, lon_edges: Floats) -> tuple[Floats, Floats]:
    """x, y (row, column) of the corners of cells that go once round the Earth, on the map."""
    east = lon_edges - (lon_edges[0] + lon_edges[-1]) / 2
    x, y = equal_earth(*np.meshgrid(lat_edges, east, indexing="ij"))
    return x, y


def coast(ocean: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Cell edges (segment, end, (row, column)) between ocean and land: those across lat, across lon.

    Rows and columns count cell edges; `ocean` is (lat, lon) and its longitude is periodic.
    """
    rows, columns = np.nonzero(ocean[1:] != ocean[:-1])
    along = np.stack([[rows + 1, columns], [rows + 1, columns + 1]]).transpose(2, 0, 1)
    rows, columns = np.nonzero(ocean != np.roll(ocean, 1, axis=1))
    upright = np.stack([[rows, columns], [rows + 1, columns]]).transpose(2, 0, 1)
    return along, upright


def seam_of(grid: Grid) -> int:
    """Index of the longitude edge where the map is cut."""
    return int(np.argmin(np.abs((grid.lon_edges[:-1] - SEAM + 180) % 360 - 180)))


def edges_from_seam(grid: Grid) -> Floats:
    """(column + 1) degrees east of the cells' edges, increasing from the seam."""
    first = seam_of(grid)
    return np.append(grid.lon_edges[first:-1], grid.lon_edges[: first + 1] + 360)


def draw_rim(axes: Axes, colour: str) -> None:
    """The outline of the Earth; `colour` is of what no cell covers."""
    side = np.linspace(-90, 90, 91)
    x, y = equal_earth(side, np.full(side.size, 180.0))
    rim = np.concatenate([np.stack([x, y], 1), np.stack([-x, y], 1)[::-1]])
    axes.add_patch(Polygon(rim, facecolor=colour, edgecolor=LIGHT.coast, linewidth=0.5, zorder=0))
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set(xlim=(-2.95, 2.75), ylim=(-1.34, 1.34))


def _draw_map(
    axes: Axes,
    panel: Panel,
    grid: Grid,
    ocean: NDArray[np.bool_],
    outline: NDArray[np.bool_] | None,
) -> None:
    first = seam_of(grid)
    values, water = (np.roll(np.asarray(field), -first, axis=1) for field in (panel.field, ocean))
    x, y = corners(grid.lat_edges, edges_from_seam(grid))
    draw_rim(axes, LIGHT.land)
    _draw_latitudes(axes)
    draw_mesh(axes, x, y, values.astype(float), water, panel.kind, panel.limits, pad=0.03)
    if panel.doubtful is not None:
        _hatch(axes, x, y, np.roll(panel.doubtful, -first, axis=1) & water)
    _draw_edges(axes, x, y, water, LIGHT.coast, 0.5)
    if outline is not None:
        _draw_edges(axes, x, y, np.roll(outline, -first, axis=1), LIGHT.over, 1.0)
    axes.set_title(panel.title)


def _draw_latitudes(axes: Axes) -> None:
    for lat in (-60, -30, 0, 30, 60):
        x, y = equal_earth(np.array([lat, lat]), np.array([-180.0, 180.0]))
        axes.plot(x, y, color=LIGHT.coast, linewidth=0.35, alpha=0.6, marker="", zorder=3)
        axes.text(x[0] - 0.05, y[0], latitude_label(lat), ha="right", va="center", fontsize=7.5)


def _hatch(axes: Axes, x: Floats, y: Floats, doubtful: NDArray[np.bool_]) -> None:
    """A dot in the middle of each doubtful cell, thinned so that dots stay apart."""
    thin = max(1, doubtful.shape[1] // 72)
    rows, columns = np.nonzero(doubtful)
    kept = ((rows + columns) % (2 * thin) == 0) & (rows % thin == 0)
    rows, columns = rows[kept], columns[kept]
    middle = [0.5 * (c[rows, columns] + c[rows + 1, columns + 1]) for c in (x, y)]
    axes.plot(*middle, linestyle="", marker=".", markersize=1.2, color=LIGHT.over, alpha=0.7, zorder=4)


def _draw_edges(
    axes: Axes, x: Floats, y: Floats, inside: NDArray[np.bool_], colour: str, width: float
) -> None:
    edges = np.concatenate(coast(inside))
    ends = np.stack([x[edges[..., 0], edges[..., 1]], y[edges[..., 0], edges[..., 1]]], axis=-1)
    axes.add_collection(LineCollection(list(ends), colors=colour, linewidths=width, zorder=4))


def latitude_label(value: float, _: object = None) -> str:
    """A latitude as on a chart: 30°N."""
    return "0°" if value == 0 else f"{abs(value):g}°{'N' if value > 0 else 'S'}"


def longitude_label(value: float, _: object = None) -> str:
    """A longitude as on a chart, -180 to 180: 150°W."""
    around = (value + 180) % 360 - 180
    return f"{abs(around):g}°{'' if around in (0, -180) else 'E' if around > 0 else 'W'}"
