"""Figures of the explanations: maps and sections with the target marked, bars, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cmocean
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from deepda.evaluation.charts import COLOURS
from deepda.explain.targets import Place, Target
from deepda.figures.maps import (
    Kind,
    coast,
    depth_axis,
    draw_globe,
    draw_mesh,
    equal_earth,
    latitude_label,
    longitude_label,
    seam_of,
)
from deepda.figures.style import LAND_MESH, LIGHT, canvas
from deepda.geometry.grid import Grid

PANEL = 4.1  # inches
ROUND = (1.0, 2.0, 5.0)  # of each decade a colour begins
STEPS = 7  # colours of each sign: a bit more than two decades


@dataclass(frozen=True, eq=False)
class Shown:
    """A field in one panel: a map (Y, X), or a volume (L, Y, X) that a section is cut from.

    Attributes:
        field: NaN where there is nothing to tell.
        kind: colours and label.
        title: of the panel.
        largest: where the colours of a signed kind end, in steps of 1, 2, 5; None takes even steps.
        limits: of even steps; None takes them from the values.
    """

    field: NDArray[np.floating]
    kind: Kind
    title: str
    largest: float | None = None
    limits: tuple[float, float] | None = None


def signed(label: str) -> Kind:
    """A quantity around zero."""
    return Kind(cmocean.cm.balance, label, centred=True)


def sized(label: str) -> Kind:
    """A quantity from zero."""
    return Kind(cmocean.cm.amp, label, from_zero=True)


def largest_of(fields: Sequence[NDArray[np.floating]]) -> float:
    """The largest size of all fields; missing values do not count."""
    largest = max((float(np.nanmax(np.abs(field), initial=0.0)) for field in fields), default=0.0)
    return largest or 1.0


def steps_of(largest: float) -> NDArray[np.float64]:
    """Where colours begin: 1, 2, 5 of each decade downwards from below `largest`, of both signs."""
    decade = int(np.floor(np.log10(largest)))
    every = [base * 10.0**power for power in range(decade - 4, decade + 1) for base in ROUND]
    some = np.array([step for step in every if step < largest][-STEPS:])
    return np.concatenate([-some[::-1], some])


def maps(
    panels: Sequence[Shown],
    grid: Grid,
    levels: Sequence[int],
    *,
    target: Target | None = None,
    columns: int = 3,
) -> Figure:
    """Maps row by row; land of each panel's level is grey, ocean without a value is paper.

    Args:
        levels: of each panel.
        target: its cells are outlined.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with canvas(0.59 * PANEL * rows, PANEL * columns) as figure:
        for place, (panel, level) in enumerate(zip(panels, levels, strict=True)):
            axes = figure.add_subplot(rows, columns, place + 1)
            _draw_map(axes, panel, grid, grid.ocean[level], target)
    return figure


def sections(
    panels: Sequence[Shown],
    grid: Grid,
    place: Place,
    *,
    lines: Sequence[Mapping[str, NDArray[np.floating]]] = (),
    target: Target | None = None,
) -> Figure:
    """For each volume the section along the place's latitude and that along its longitude.

    Args:
        lines: of each volume, name to depth (X) m, drawn into its section along the latitude.
    """
    _, row, column = (int(at) for at in grid.locate(place.lat, place.lon, grid.depth[0]))
    with canvas(2.75 * len(panels), 2 * PANEL + 0.6) as figure:
        drawn = figure.subplots(len(panels), 2, squeeze=False, width_ratios=[1.5, 1.0])
        for number, ((along, across), panel) in enumerate(zip(drawn, panels, strict=True)):
            _along_latitude(along, panel, grid, row, lines[number] if lines else {}, target)
            _along_longitude(across, panel, grid, column, target)
    return figure


def bars(
    groups: Mapping[str, Mapping[str, float]],
    label: str,
    spread: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Horizontal bars, one colour a name.

    Args:
        groups: row to (name to value).
        spread: the same, half the width of a whisker.
    """
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    thick = 0.8 / len(names)
    with canvas(0.9 + 0.32 * len(groups) * max(1.0, 0.6 * len(names)), 6.2) as figure:
        axes = figure.add_subplot()
        for order, name in enumerate(names):
            at = np.arange(len(groups)) + (order - (len(names) - 1) / 2) * thick
            values = [group.get(name, np.nan) for group in groups.values()]
            whiskers = spread and [spread[row].get(name, 0.0) for row in groups]
            axes.barh(
                at,
                values,
                0.9 * thick,
                color=COLOURS[order % len(COLOURS)],
                label=name,
                xerr=whiskers,
                error_kw={"ecolor": LIGHT.ink, "elinewidth": 0.9, "capsize": 2},
            )
        axes.set_yticks(np.arange(len(groups)), list(groups))
        axes.invert_yaxis()
        axes.axvline(0, color=LIGHT.ink, linewidth=0.7)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(label)
        if len(names) > 1:
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(-0.02, 1.0),
                ncols=min(4, len(names)),
                borderaxespad=0.2,
            )
    return figure


def by_depth(
    profiles: Mapping[str, NDArray[np.floating]], grid: Grid, label: str, zero: bool = True
) -> Figure:
    """Values (L) by depth, one line a name; they may be negative."""
    marks = "osD^vPX*"
    with canvas(4.2, 5.6) as figure:
        axes = figure.add_subplot()
        if zero:
            axes.axvline(0, color=LIGHT.ink, linewidth=0.7)
        for order, (name, profile) in enumerate(profiles.items()):
            axes.plot(profile, grid.depth, marker=marks[order % 8], color=COLOURS[order % 7], label=name)
        depth_axis(axes, 0.0, float(grid.depth[-1]) * 1.04)
        axes.set_xlabel(label)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def by_lag(lines: Mapping[str, Sequence[float]], days: Sequence[float], label: str) -> Figure:
    """Values by the days that observations are older than the target."""
    with canvas(2.8, 5.6) as figure:
        axes = figure.add_subplot()
        axes.axhline(0, color=LIGHT.ink, linewidth=0.7)
        for order, (name, line) in enumerate(lines.items()):
            axes.plot(days, line, marker="osD^vPX*"[order % 8], color=COLOURS[order % 7], label=name)
        axes.set(xlabel="observation older by (days)", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _draw_map(
    axes: Axes, panel: Shown, grid: Grid, ocean: NDArray[np.bool_], target: Target | None
) -> None:
    first = seam_of(grid)
    values, water = (np.roll(np.asarray(field), -first, axis=1) for field in (panel.field, ocean))
    east = np.append(grid.lon_edges[first:-1], grid.lon_edges[: first + 1] + 360)
    east = east - (east[0] + east[-1]) / 2
    x, y = equal_earth(*np.meshgrid(grid.lat_edges, east, indexing="ij"))
    draw_globe(axes)
    _draw_values(axes, x, y, values.astype(float), water, panel, pad=0.03)
    _draw_edges(axes, x, y, water, LIGHT.coast, 0.5)
    if target is not None and not target.cells.all(0).all() and target.name != "heat":
        _draw_edges(axes, x, y, np.roll(target.cells.any(0), -first, axis=1), LIGHT.ink, 1.0)
    axes.set_title(panel.title)
    axes.set_aspect("equal")
    axes.axis("off")


def _draw_values(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    values: NDArray[np.float64],
    ocean: NDArray[np.bool_],
    panel: Shown,
    pad: float = 0.04,
) -> None:
    """Land, values, colour bar; in steps of 1, 2, 5 where values go over decades."""
    if panel.largest is None:
        draw_mesh(axes, x, y, values, ocean, panel.kind, panel.limits, pad)
        return
    ground = ListedColormap([LIGHT.land, LIGHT.paper])
    axes.pcolormesh(x, y, ocean.astype(float), cmap=ground, vmin=0, vmax=1, gid=LAND_MESH)
    levels = steps_of(panel.largest)
    norm = BoundaryNorm(levels, 256, extend="both")
    shown = np.ma.masked_invalid(np.where(ocean, values, np.nan))
    mesh = axes.pcolormesh(x, y, shown, cmap=panel.kind.colours.resampled(256), norm=norm)
    bar = axes.figure.colorbar(
        mesh, ax=axes, orientation="horizontal", aspect=36, pad=pad, shrink=0.9, label=panel.kind.label
    )
    bar.outline.set(edgecolor=LIGHT.coast, linewidth=0.5)
    marks, middle = _labelled(levels), f"±{_short(levels[-STEPS])}"
    bar.set_ticks(marks, labels=[_short(mark) if mark else middle for mark in marks])
    bar.ax.tick_params(length=2, labelsize=7)
    bar.ax.minorticks_off()


def _labelled(levels: NDArray[np.float64]) -> list[float]:
    """Every second level, counted from the ends, and the middle, where the pale colour is."""
    upper = levels[len(levels) // 2 :][::-1][:-1:2].tolist()
    return [*(-level for level in upper), 0.0, *reversed(upper)]


def _short(value: float) -> str:
    return f"{value:g}".replace("-", "−").replace("e−0", "e−")


def _draw_edges(
    axes: Axes, x: NDArray, y: NDArray, inside: NDArray[np.bool_], colour: str, width: float
) -> None:
    edges = np.concatenate(coast(inside))
    places = np.stack([x[edges[..., 0], edges[..., 1]], y[edges[..., 0], edges[..., 1]]], axis=-1)
    axes.add_collection(LineCollection(list(places), colors=colour, linewidths=width, zorder=4))


def _along_latitude(
    axes: Axes,
    panel: Shown,
    grid: Grid,
    row: int,
    lines: Mapping[str, NDArray[np.floating]],
    target: Target | None,
) -> None:
    first = seam_of(grid)
    order = np.roll(np.arange(grid.shape[2]), -first)
    edges = np.append(grid.lon_edges[first:-1], grid.lon_edges[: first + 1] + 360)
    ocean = grid.ocean[:, row, order]
    values = panel.field[:, row, order].astype(float)
    _draw_values(axes, edges, grid.depth_edges, values, ocean, panel)
    middle = 0.5 * (edges[1:] + edges[:-1])
    for style, (name, line) in zip(("-", "--"), lines.items(), strict=False):
        axes.plot(middle, line[order], style, color=LIGHT.ink, linewidth=1.1, label=name)
    _outline(axes, edges, grid, None if target is None else target.cells[:, row, order], target)
    _finish(axes, grid, longitude_label, f"{panel.title}, along {_label(grid.lat[row], 'lat')}")
    if lines:
        axes.legend(loc="lower right", fontsize=7.5, frameon=True, framealpha=0.85)


def _along_longitude(axes: Axes, panel: Shown, grid: Grid, column: int, target: Target | None) -> None:
    values, ocean = panel.field[:, :, column].astype(float), grid.ocean[:, :, column]
    _draw_values(axes, grid.lat_edges, grid.depth_edges, values, ocean, panel)
    cells = None if target is None else target.cells[:, :, column]
    _outline(axes, grid.lat_edges, grid, cells, target)
    _finish(axes, grid, latitude_label, f"along {_label(grid.lon[column], 'lon')}")


def _outline(
    axes: Axes,
    edges: NDArray[np.float64],
    grid: Grid,
    cells: NDArray[np.bool_] | None,
    target: Target | None,
) -> None:
    """The target's cells in a section; heat content, which is everywhere, is not outlined."""
    if cells is None or target is None or target.name == "heat" or not cells.any():
        return
    levels, columns = np.nonzero(cells)
    top, bottom = grid.depth_edges[levels.min()], grid.depth_edges[levels.max() + 1]
    left, right = edges[columns.min()], edges[columns.max() + 1]
    x, y = [left, right, right, left, left], [top, top, bottom, bottom, top]
    axes.plot(x, y, color=LIGHT.ink, linewidth=1.2, zorder=5, clip_on=False)


def _finish(axes: Axes, grid: Grid, label: object, title: str) -> None:
    depth_axis(axes, float(grid.depth_edges[0]), float(grid.depth_edges[-1]))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(label))  # type: ignore[arg-type]
    axes.set_title(title)
    axes.grid(False)


def _label(value: float, axis: str) -> str:
    return latitude_label(round(value, 1)) if axis == "lat" else longitude_label(round(value, 1))
