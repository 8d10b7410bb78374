"""Maps and sections whose kinds are given as objects, with hatching where a number is in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cmocean
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from deepda.figures.maps import (
    KINDS,
    Kind,
    Panel,
    coast,
    depth_axis,
    draw_globe,
    draw_mesh,
    equal_earth,
    latitude_label,
    longitude_label,
    seam_of,
)
from deepda.figures.style import LIGHT, WIDTH, canvas
from deepda.geometry.grid import Grid

EVALUATED: Mapping[str, Kind] = {
    "mean": KINDS["temperature"],
    "bias": Kind(cmocean.cm.balance, "analysis − reference (K)", centred=True),
    "amplitude": Kind(cmocean.cm.amp, "amplitude of the annual harmonic (K)", from_zero=True),
    "phase": Kind(cmocean.cm.phase, "warmest, months since 1 January"),
    "lag": Kind(cmocean.cm.balance, "analysis later by (months)", centred=True),
    "variability": Kind(cmocean.cm.amp, "standard deviation of anomalies (K)", from_zero=True),
    "excess": Kind(cmocean.cm.balance, "variability, analysis over reference − 1 (%)", centred=True),
    "rmse": Kind(cmocean.cm.amp, "root mean square difference (K)", from_zero=True),
    "correlation": Kind(cmocean.cm.dense, "correlation of anomalies (1)"),
    "trend": KINDS["trend"],
    "flux": Kind(cmocean.cm.balance, "trend of heat content (W m⁻²)", centred=True),
    "pattern": Kind(cmocean.cm.balance, "K per standard deviation of the series", centred=True),
    "isotherm": Kind(cmocean.cm.balance_r, "anomaly of its depth (m)", centred=True),
    "isotherm error": Kind(cmocean.cm.balance_r, "analysis − reference (m)", centred=True),
    "heatwaves": Kind(cmocean.cm.amp, "windows in a heatwave (%)", from_zero=True),
    "success": Kind(cmocean.cm.dense, "critical success index (1)", from_zero=True),
    "spread": KINDS["stddev"],
}

PANEL = 4.1  # inches, of several side by side: their text must survive being shown small


@dataclass(frozen=True, eq=False)
class MapPanel(Panel):
    """One map whose `doubtful` cells (lat, lon) are hatched; its kind is a key of EVALUATED."""

    doubtful: NDArray[np.bool_] | None = None


def maps(panels: Sequence[MapPanel], grid: Grid, *, level: int = 0, columns: int = 3) -> Figure:
    """Maps row by row; land of `level` is grey, ocean without a value is paper."""
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    width = WIDTH if columns == 1 else PANEL
    with canvas(0.59 * width * rows, width * columns) as figure:
        for place, panel in enumerate(panels):
            _draw_map(figure.add_subplot(rows, columns, place + 1), panel, grid, grid.ocean[level])
    return figure


def same_limits(
    fields: Sequence[ArrayLike], from_zero: bool = False, centred: bool = False
) -> tuple[float, float]:
    """Colour limits that serve all fields: 1st to 99th percentile of their values."""
    values = np.concatenate([np.asarray(field, float).ravel() for field in fields])
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(edge) for edge in np.percentile(values, [1, 99]))
    if centred:
        return -max(abs(low), abs(high)), max(abs(low), abs(high))
    return (0.0 if from_zero else low), max(high, low + 1e-6)


def zonal_sections(fields: Mapping[str, tuple[ArrayLike, str]], grid: Grid) -> Figure:
    """Sections side by side, depth by its square root.

    Args:
        fields: title to field (depth, lat), NaN on land, and its kind.
    """
    with canvas(2.7, PANEL * len(fields)) as figure:
        for place, (title, (field, kind)) in enumerate(fields.items()):
            _draw_section(
                figure.add_subplot(1, len(fields), place + 1),
                np.asarray(field, float),
                grid,
                kind,
                title,
            )
    return figure


def hovmoeller(
    panels: Mapping[str, tuple[ArrayLike, str]],
    time: NDArray[np.datetime64],
    grid: Grid,
    limits: Mapping[str, tuple[float, float]],
) -> Figure:
    """Fields (time, lon) side by side, time downwards; a longitude without any value is land.

    Args:
        panels: title to field and its kind.
        limits: of each kind.
    """
    first = seam_of(grid)
    east = np.append(grid.lon_edges[first:-1], grid.lon_edges[: first + 1] + 360)
    stamps = decimal_years(time)
    half = np.diff(stamps).mean() / 2
    edges = np.append(stamps - half, stamps[-1] + half)
    with canvas(min(7.0, 3.2 + 0.1 * len(time) / 12), PANEL * len(panels)) as figure:
        for place, (title, (field, kind)) in enumerate(panels.items()):
            axes = figure.add_subplot(1, len(panels), place + 1)
            values = np.roll(np.asarray(field, float), -first, axis=1)
            ocean = np.broadcast_to(np.isfinite(values).any(axis=0), values.shape)
            draw_mesh(axes, east, edges, values, ocean, EVALUATED[kind], limits[kind])
            _hovmoeller_axes(axes, title)
    return figure


def decimal_years(time: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """(time) years with their fraction: model years begin before the dates that matplotlib knows."""
    year = time.astype("datetime64[Y]")
    begin, end = (edge.astype("datetime64[s]") for edge in (year, year + 1))
    share = (time.astype("datetime64[s]") - begin) / (end - begin)
    return np.asarray(year.astype(int) + 1970 + share)


def _hovmoeller_axes(axes: Axes, title: str) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(9, integer=True))
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(longitude_label))
    axes.set_title(title)
    axes.grid(False)


def _draw_map(axes: Axes, panel: MapPanel, grid: Grid, ocean: NDArray[np.bool_]) -> None:
    first = seam_of(grid)
    values, water = (np.roll(np.asarray(field), -first, axis=1) for field in (panel.field, ocean))
    east = np.append(grid.lon_edges[first:-1], grid.lon_edges[: first + 1] + 360)
    east = east - (east[0] + east[-1]) / 2
    x, y = equal_earth(*np.meshgrid(grid.lat_edges, east, indexing="ij"))
    draw_globe(axes)
    draw_mesh(axes, x, y, values.astype(float), water, EVALUATED[panel.kind], panel.limits, pad=0.03)
    if panel.doubtful is not None:
        _hatch(axes, x, y, np.roll(panel.doubtful, -first, axis=1) & water)
    edges = np.concatenate(coast(water))
    places = np.stack([x[edges[..., 0], edges[..., 1]], y[edges[..., 0], edges[..., 1]]], axis=-1)
    axes.add_collection(LineCollection(list(places), colors=LIGHT.coast, linewidths=0.5))
    axes.set_title(panel.title)
    axes.set_aspect("equal")
    axes.axis("off")


def _hatch(axes: Axes, x: NDArray, y: NDArray, doubtful: NDArray[np.bool_]) -> None:
    """A dot in the middle of each doubtful cell, thinned so that dots stay apart."""
    thin = max(1, doubtful.shape[1] // 72)
    rows, columns = np.nonzero(doubtful)
    kept = ((rows + columns) % (2 * thin) == 0) & (rows % thin == 0)
    rows, columns = rows[kept], columns[kept]
    middle = [0.5 * (c[rows, columns] + c[rows + 1, columns + 1]) for c in (x, y)]
    axes.plot(*middle, linestyle="", marker=".", markersize=1.2, color=LIGHT.ink, alpha=0.7, zorder=4)


def _draw_section(axes: Axes, values: NDArray, grid: Grid, kind: str, title: str) -> None:
    draw_mesh(
        axes,
        grid.lat_edges,
        grid.depth_edges,
        values,
        np.asarray(grid.ocean.any(axis=2)),
        EVALUATED[kind],
        None,
    )
    depth_axis(axes, float(grid.depth_edges[0]), float(grid.depth_edges[-1]))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(latitude_label))
    axes.set_title(title)
    axes.grid(False)
