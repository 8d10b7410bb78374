"""Maps and sections of fields on a Grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cmocean
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from deepda.figures.style import LAND_MESH, LIGHT, WIDTH, canvas
from deepda.geometry.grid import Grid

SEAM = 25.0  # degrees east: the map is cut there, through Africa, so that every ocean is whole
Ends = Literal["neither", "both", "min", "max"]
STEPS = 14  # about so many colours: steps can be told apart, a smooth ramp cannot


@dataclass(frozen=True)
class Kind:
    """How one kind of field is coloured.

    Attributes:
        colours: perceptually uniform colour map.
        label: quantity and unit, at the colour bar.
        centred: around zero, both ends alike.
        from_zero: begins at zero.
    """

    colours: Colormap
    label: str
    centred: bool = False
    from_zero: bool = False


KINDS: Mapping[str, Kind] = {
    "temperature": Kind(cmocean.cm.thermal, "potential temperature (°C)"),
    "anomaly": Kind(cmocean.cm.balance, "anomaly (K)", centred=True),
    "error": Kind(cmocean.cm.balance, "analysis − truth (K)", centred=True),
    "increment": Kind(cmocean.cm.balance, "analysis − background (K)", centred=True),
    "difference": Kind(cmocean.cm.balance, "difference (K)", centred=True),
    "rmse": Kind(cmocean.cm.amp, "root mean square error (K)", from_zero=True),
    "growth": Kind(cmocean.cm.balance, "growth of the error (K)", centred=True),
    "gain": Kind(cmocean.cm.balance, "error over that of climatology, less 1 (%)", centred=True),
    "stddev": Kind(cmocean.cm.amp, "standard deviation of the error (K)", from_zero=True),
    "influence": Kind(cmocean.cm.dense, "influence of the observations (1)", from_zero=True),
    "coverage": Kind(cmocean.cm.dense, "share of windows with an observation (%)", from_zero=True),
    "trend": Kind(cmocean.cm.balance, "trend (K per decade)", centred=True),
}


@dataclass(frozen=True, eq=False)
class Panel:
    """One map of several: field (lat, lon), NaN where missing; `limits` of the colours."""

    field: ArrayLike
    kind: str
    title: str = ""
    limits: tuple[float, float] | None = None


def map_field(
    field: ArrayLike,
    grid: Grid,
    kind: str,
    *,
    level: int = 0,
    title: str = "",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Map of a field (lat, lon), coloured by its kind (a key of KINDS).

    Land of `level` is grey; ocean cells without a value are left as paper. Without `limits` the
    colours span the 1st to the 99th percentile, so that one odd cell does not bleach the rest.
    """
    return map_panels([Panel(field, kind, title, limits)], grid, level=level, columns=1)


def map_panels(panels: Sequence[Panel], grid: Grid, *, level: int = 0, columns: int = 3) -> Figure:
    """Several maps, row by row."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with canvas(2.95 * rows, WIDTH * columns) as figure:
        for place, panel in enumerate(panels):
            axes = figure.add_subplot(rows, columns, place + 1)
            _draw_map(axes, panel, grid, grid.ocean[level])
    return figure


def truth_analysis_error(
    truth: ArrayLike, analysis: ArrayLike, grid: Grid, *, level: int = 0, kind: str = "anomaly"
) -> list[Panel]:
    """Panels for `map_panels` (or one `map_field` each): truth and analysis share their colours.

    Args:
        truth, analysis: (lat, lon) K or degC at `level`.
        kind: of truth and analysis.
    """
    both = np.stack([np.asarray(truth, float), np.asarray(analysis, float)])
    limits = _limits(np.where(grid.ocean[level], both, np.nan), KINDS[kind])
    where = f"{grid.depth[level]:.0f} m"
    return [
        Panel(both[0], kind, f"Truth, {where}", limits),
        Panel(both[1], kind, f"Analysis, {where}", limits),
        Panel(both[1] - both[0], "error", f"Analysis − truth, {where}"),
    ]


def section(
    field: ArrayLike,
    grid: Grid,
    kind: str,
    *,
    lat: float | None = None,
    lon: float | None = None,
    title: str = "",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Section of a field (depth, lat, lon) along the latitude `lat` or the meridian `lon`.

    The row of cells that holds the place is shown. Depth goes with its square root, so that the
    thermocline has room.

    Raises:
        ValueError: not exactly one of `lat` and `lon`, or a place outside the grid.
    """
    if (lat is None) == (lon is None):
        raise ValueError(f"lat={lat} and lon={lon} came, expected exactly one of them")
    values = np.asarray(field, float)
    across: tuple[Any, ...]
    if lat is not None:
        row = int(grid.locate(lat, grid.lon[0], grid.depth[0])[1])
        first = seam_of(grid)
        edges = np.append(grid.lon_edges[first:-1], grid.lon_edges[: first + 1] + 360)
        across = (slice(None), row, np.roll(np.arange(grid.shape[2]), -first))
    else:
        row = int(grid.locate(grid.lat[0], float(lon or 0.0), grid.depth[0])[2])
        edges, across = grid.lat_edges, (slice(None), slice(None), row)
    if row < 0:
        raise ValueError(f"latitude {lat:g} lies outside the grid; choose one inside")
    with canvas(2.7) as figure:
        axes = figure.add_subplot()
        draw_mesh(axes, edges, grid.depth_edges, values[across], grid.ocean[across], KINDS[kind], limits)
        depth_axis(axes, float(grid.depth_edges[0]), float(grid.depth_edges[-1]))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 3, 6, 10]))
        axes.xaxis.set_major_formatter(
            FuncFormatter(longitude_label if lat is not None else latitude_label)
        )
        axes.set_title(title)
        axes.grid(False)
    return figure


def equal_earth(
    lat: NDArray[np.float64], east: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x, y of the Equal Earth projection (unit sphere); `east` is degrees from the central meridian.

    Šavrič, Patterson and Jenny 2019, Int. J. Geogr. Inf. Sci. 33, eqs 7-10: equal areas look equal.
    """
    a, b, c, d = 1.340264, -0.081106, 0.000893, 0.003796
    theta = np.arcsin(np.sqrt(3) / 2 * np.sin(np.deg2rad(lat)))
    square, sixth = theta**2, theta**6
    slope = a + 3 * b * square + sixth * (7 * c + 9 * d * square)
    x = 2 * np.sqrt(3) * np.deg2rad(east) * np.cos(theta) / (3 * slope)
    return x, theta * (a + b * square + sixth * (c + d * square))


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


def _draw_map(axes: Axes, panel: Panel, grid: Grid, ocean: NDArray[np.bool_]) -> None:
    first = seam_of(grid)
    values, ocean = (np.roll(np.asarray(field), -first, axis=1) for field in (panel.field, ocean))
    east = np.append(grid.lon_edges[first:-1], grid.lon_edges[: first + 1] + 360)
    east = east - (east[0] + east[-1]) / 2
    x, y = equal_earth(*np.meshgrid(grid.lat_edges, east, indexing="ij"))
    draw_globe(axes)
    draw_mesh(axes, x, y, values.astype(float), ocean, KINDS[panel.kind], panel.limits, pad=0.03)
    along, upright = coast(ocean)
    edges = np.concatenate([along, upright])
    places = np.stack([x[edges[..., 0], edges[..., 1]], y[edges[..., 0], edges[..., 1]]], axis=-1)
    axes.add_collection(LineCollection(list(places), colors=LIGHT.coast, linewidths=0.5))
    axes.set_title(panel.title)
    axes.set_aspect("equal")
    axes.axis("off")


def draw_globe(axes: Axes) -> None:
    """The outline of the Earth, land-coloured (what no cell covers is no ocean), and latitudes."""
    side = np.linspace(-90, 90, 91)
    x, y = equal_earth(side, np.full(side.size, 180.0))
    rim = np.concatenate([np.stack([x, y], 1), np.stack([-x, y], 1)[::-1]])
    axes.add_patch(Polygon(rim, facecolor=LIGHT.land, edgecolor=LIGHT.coast, linewidth=0.5, zorder=0))
    for lat in (-60, -30, 0, 30, 60):
        x, y = equal_earth(np.array([lat, lat]), np.array([-180.0, 180.0]))
        axes.plot(x, y, color=LIGHT.coast, linewidth=0.35, alpha=0.6, marker="", zorder=3)
        axes.text(x[0] - 0.05, y[0], latitude_label(lat), ha="right", va="center", fontsize=7.5)
    axes.set_xlim(-2.95, 2.75)
    axes.set_ylim(-1.34, 1.34)


def draw_mesh(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    values: NDArray[np.float64],
    ocean: NDArray[np.bool_],
    kind: Kind,
    limits: tuple[float, float] | None,
    pad: float = 0.04,
) -> None:
    """Land, then values, then their colour bar.

    Args:
        x, y: corners of the cells, on the axes.
        values, ocean: of the cells; values where there is no ocean are not drawn.
        kind: colours and label.
        limits: of the colours; None takes them from the values.
        pad: between map and colour bar, as a share of the axes.
    """
    ground = ListedColormap([LIGHT.land, LIGHT.paper])
    axes.pcolormesh(x, y, ocean.astype(float), cmap=ground, vmin=0, vmax=1, gid=LAND_MESH)
    shown = np.ma.masked_invalid(np.where(ocean, values, np.nan))
    levels = _levels(*(limits or _limits(np.where(ocean, values, np.nan), kind)), kind)
    extend = _extend(shown, levels, kind)
    colours = kind.colours.resampled(256)
    mesh = axes.pcolormesh(x, y, shown, cmap=colours, norm=BoundaryNorm(levels, 256, extend=extend))
    bar = axes.figure.colorbar(
        mesh, ax=axes, orientation="horizontal", aspect=36, pad=pad, shrink=0.84, label=kind.label
    )
    bar.outline.set(edgecolor=LIGHT.coast, linewidth=0.5)
    bar.ax.tick_params(length=2, labelsize=8)
    bar.locator = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10])
    bar.update_ticks()
    bar.ax.minorticks_off()


def _limits(values: NDArray[np.float64], kind: Kind) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return (-1.0, 1.0) if kind.centred else (0.0, 1.0)
    low, high = np.percentile(finite, [1, 99])
    if kind.centred:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    if kind.from_zero:
        low = 0.0
    return (float(low), float(high)) if high > low else (float(low) - 1e-3, float(low) + 1e-3)


def _levels(low: float, high: float, kind: Kind) -> NDArray[np.float64]:
    """Round numbers; of a centred kind an odd number of steps, so that about zero is one pale colour."""
    locator = MaxNLocator(STEPS, steps=[1, 2, 2.5, 5, 10], symmetric=kind.centred)
    levels = np.asarray(locator.tick_values(low, high), float)
    step = levels[1] - levels[0]
    if kind.centred:
        count = max(1, int(np.ceil(max(abs(low), abs(high)) / step - 0.5 - 1e-9)))
        return np.asarray(step * (np.arange(-count, count + 2) - 0.5))
    inside = levels[(levels > low - step) & (levels < high + step)]
    return inside if inside.size > 1 else levels


def _extend(shown: np.ma.MaskedArray, levels: NDArray[np.float64], kind: Kind) -> Ends:
    """Which ends of the colour bar are arrows, for values beyond it."""
    below = kind.centred or bool((shown < levels[0]).any())
    above = kind.centred or bool((shown > levels[-1]).any())
    if below and above:
        return "both"
    return "min" if below else "max" if above else "neither"


def depth_axis(axes: Axes, top: float, bottom: float) -> None:
    """Depth downwards by its square root."""
    axes.set_yscale("function", functions=(lambda z: np.sqrt(np.maximum(z, 0.0)), np.square))
    axes.set_ylim(bottom, top)
    marks = [mark for mark in (0, 10, 50, 100, 200, 400, 700, 1000, 2000, 4000) if top <= mark <= bottom]
    axes.set_yticks(marks, [str(mark) for mark in marks], minor=False)
    axes.set_ylabel("depth (m)")


def latitude_label(value: float, _: object = None) -> str:
    """A latitude as on a chart: 30°N."""
    return "0°" if value == 0 else f"{abs(value):g}°{'N' if value > 0 else 'S'}"


def longitude_label(value: float, _: object = None) -> str:
    """A longitude as on a chart, -180 to 180: 150°W."""
    around = (value + 180) % 360 - 180
    return f"{abs(around):g}°{'' if around in (0, -180) else 'E' if around > 0 else 'W'}"
