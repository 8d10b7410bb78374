"""Sections through the ocean with depth by its square root, and fields by time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from deepda.figures.kinds import Kind
from deepda.figures.maps import PANEL, edges_from_seam, latitude_label, longitude_label, seam_of
from deepda.figures.mesh import Limits, draw_mesh
from deepda.figures.style import canvas
from deepda.figures.time_axis import time_axis, times_of
from deepda.geometry.grid import Grid
from deepda.geometry.windows import part_of_year, years_of

Floats = NDArray[np.float64]


def section(
    field: ArrayLike,
    grid: Grid,
    kind: str,
    *,
    lat: float,
    title: str = "",
    limits: Limits | None = None,
) -> Figure:
    """Section of a field (depth, lat, lon) along the latitude `lat`.

    The row of cells that holds the place is shown.

    Raises:
        ValueError: a latitude outside the grid.
    """
    values = np.asarray(field, float)
    with canvas(2.7) as figure:
        axes = figure.add_subplot()
        row = int(grid.locate(lat, grid.lon[0], grid.depth[0])[1])
        if row < 0:
            raise ValueError(f"latitude {lat:g} lies outside the grid; choose one inside")
        along_latitude(axes, values, grid, row, kind, limits)
        axes.set_title(title)
    return figure


def along_latitude(
    axes: Axes, field: Floats, grid: Grid, row: int, kind: str | Kind, limits: Limits | None
) -> None:
    """Draw the row of a field (depth, lat, lon), from the seam of the maps eastwards."""
    order = np.roll(np.arange(grid.shape[2]), -seam_of(grid))
    _draw(axes, edges_from_seam(grid), grid, field[:, row, order], grid.ocean[:, row, order],
          kind, limits, longitude_label)  # fmt: skip


def along_meridian(
    axes: Axes, field: Floats, grid: Grid, column: int, kind: str | Kind, limits: Limits | None
) -> None:
    """Draw the column of a field (depth, lat, lon), from south to north."""
    _draw(axes, grid.lat_edges, grid, field[:, :, column], grid.ocean[:, :, column],
          kind, limits, latitude_label)  # fmt: skip


def zonal_sections(fields: Mapping[str, tuple[ArrayLike, str]], grid: Grid) -> Figure:
    """Sections of zonal means side by side.

    Args:
        fields: title to field (depth, lat), NaN on land, and its kind.
    """
    with canvas(2.7, PANEL * len(fields)) as figure:
        for place, (title, (field, kind)) in enumerate(fields.items()):
            axes = figure.add_subplot(1, len(fields), place + 1)
            wet = np.asarray(grid.ocean.any(axis=2))
            _draw(axes, grid.lat_edges, grid, np.asarray(field, float), wet, kind, None, latitude_label)
            axes.set_title(title)
    return figure


def _draw(
    axes: Axes,
    edges: Floats,
    grid: Grid,
    values: Floats,
    ocean: NDArray[np.bool_],
    kind: str | Kind,
    limits: Limits | None,
    label: Callable[[float, Any], str],
) -> None:
    draw_mesh(axes, edges, grid.depth_edges, values, ocean, kind, limits)
    depth_axis(axes, float(grid.depth_edges[0]), float(grid.depth_edges[-1]))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(label))
    axes.grid(False)


def hovmoeller(
    panels: Mapping[str, tuple[ArrayLike, str]],
    time: NDArray[np.datetime64],
    grid: Grid,
    limits: Mapping[str, Limits],
) -> Figure:
    """Fields (time, lon) side by side, time downwards; a longitude without any value is land.

    Args:
        panels: title to field and its kind.
        limits: of each kind.
    """
    stamps = decimal_years(time)
    half = np.diff(stamps).mean() / 2
    edges = np.append(stamps - half, stamps[-1] + half)
    with canvas(min(7.0, 3.2 + 0.1 * len(time) / 12), PANEL * len(panels)) as figure:
        for place, (title, (field, kind)) in enumerate(panels.items()):
            axes = figure.add_subplot(1, len(panels), place + 1)
            values = np.roll(np.asarray(field, float), -seam_of(grid), axis=1)
            ocean = np.broadcast_to(np.isfinite(values).any(axis=0), values.shape)
            draw_mesh(axes, edges_from_seam(grid), edges, values, ocean, kind, limits[kind])
            axes.yaxis.set_major_locator(MaxNLocator(9, integer=True))
            axes.invert_yaxis()
            axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 3, 6, 10]))
            axes.xaxis.set_major_formatter(FuncFormatter(longitude_label))
            axes.set_title(title)
            axes.grid(False)
    return figure


def time_depth(error: xr.DataArray, grid: Grid) -> Figure:
    """Root mean square error (time, depth), K, at two or more equal steps of time, depth downwards."""
    stamps = np.asarray(date2num(times_of(error)), float)
    half = 0.5 * float(np.diff(stamps).mean())
    edges = np.append(stamps - half, stamps[-1] + half)
    values = error.transpose("depth", "time").values.astype(float)
    with canvas(2.9) as figure:
        axes = figure.add_subplot()
        draw_mesh(axes, edges, grid.depth_edges, values, np.isfinite(values), "rmse", None, pad=0.08)
        depth_axis(axes, float(grid.depth_edges[0]), float(grid.depth_edges[-1]))
        time_axis(axes, times_of(error))
        axes.grid(False)
    return figure


def decimal_years(time: NDArray[np.datetime64]) -> Floats:
    """(time) years with their fraction: model years begin before the dates that matplotlib takes."""
    return years_of(time) + part_of_year(time)


def depth_axis(axes: Axes, top: float, bottom: float) -> None:
    """Depth downwards by its square root, so that the thermocline has room."""
    axes.set_yscale("function", functions=(lambda z: np.sqrt(np.maximum(z, 0.0)), np.square))
    axes.set_ylim(bottom, top)
    marks = [mark for mark in (0, 10, 50, 100, 200, 400, 700, 1000, 2000, 4000) if top <= mark <= bottom]
    axes.set_yticks(marks, [str(mark) for mark in marks], minor=False)
    axes.set_ylabel("depth (m)")
