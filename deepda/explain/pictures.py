"""Figures of the explanations: maps and sections with the target marked, bars, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from deepda.explain.targets import Place, Target
from deepda.figures.kinds import COLOURS, MARKS, Kind
from deepda.figures.maps import (
    PANEL,
    Panel,
    edges_from_seam,
    latitude_label,
    longitude_label,
    map_panels,
    seam_of,
)
from deepda.figures.mesh import Limits
from deepda.figures.sections import along_latitude, along_meridian, depth_axis
from deepda.figures.style import LIGHT, canvas
from deepda.geometry.grid import Grid

GAP = 0.06  # of a section, so that letters beside one do not reach into the other
NAME = 20  # letters of a row's name in one line, else nothing is left for its bars


@dataclass(frozen=True, eq=False)
class Volume:
    """A field that sections are cut from.

    Attributes:
        field: (depth, lat, lon), NaN where there is nothing to show.
        kind: colours and label.
        limits: of the colours; None takes them from the values.
        lines: name to depth (lon) m, drawn into the section along the latitude.
    """

    field: NDArray[np.floating]
    kind: Kind
    title: str
    limits: Limits | None = None
    lines: Mapping[str, NDArray[np.floating]] | None = None


def maps(
    panels: Sequence[Panel], grid: Grid, levels: Sequence[int], target: Target, columns: int = 3
) -> Figure:
    """Maps, each with the land of its level; the target's cells are outlined, but not heat content."""
    everywhere = target.name == "heat" or target.cells.all(0).all()
    outline = None if everywhere else np.asarray(target.cells.any(0))
    return map_panels(panels, grid, level=levels, columns=columns, outline=outline)


def sections(volumes: Sequence[Volume], grid: Grid, place: Place, target: Target) -> Figure:
    """Of each volume the section along the place's latitude and that along its longitude."""
    _, row, column = (int(at) for at in grid.locate(place.lat, place.lon, grid.depth[0]))
    with canvas(2.75 * len(volumes), 2 * PANEL) as figure:
        drawn = figure.subplots(len(volumes), 2, squeeze=False, gridspec_kw={"wspace": GAP})
        for (along, across), volume in zip(drawn, volumes, strict=True):
            _along_latitude(along, volume, grid, row, target)
            field, limits = volume.field.astype(float), volume.limits
            along_meridian(across, field, grid, column, volume.kind, limits)
            _outline(across, grid.lat_edges, grid, target.cells[:, :, column], target)
            across.set_title(f"along {longitude_label(round(grid.lon[column], 1))}")
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
        axes.set_yticks(np.arange(len(groups)), [fill(row, NAME) for row in groups])
        axes.invert_yaxis()
        axes.axvline(0, color=LIGHT.ink, linewidth=0.7)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(label)
        if len(names) > 1:
            figure.legend(loc="outside upper left", ncols=min(4, len(names)))
    return figure


def by_depth(profiles: Mapping[str, NDArray[np.floating]], grid: Grid, label: str) -> Figure:
    """Values (L) by depth, one line a name; they may be negative."""
    with canvas(4.2, 5.6) as figure:
        axes = figure.add_subplot()
        axes.axvline(0, color=LIGHT.ink, linewidth=0.7)
        for order, (name, profile) in enumerate(profiles.items()):
            axes.plot(profile, grid.depth, marker=MARKS[order % 8], color=COLOURS[order % 7], label=name)
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
            axes.plot(days, line, marker=MARKS[order % 8], color=COLOURS[order % 7], label=name)
        axes.set(xlabel="observation older by (days)", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _along_latitude(axes: Axes, volume: Volume, grid: Grid, row: int, target: Target) -> None:
    order, edges = np.roll(np.arange(grid.shape[2]), -seam_of(grid)), edges_from_seam(grid)
    along_latitude(axes, volume.field.astype(float), grid, row, volume.kind, volume.limits)
    middle = 0.5 * (edges[1:] + edges[:-1])
    for style, (name, line) in zip(("-", "--"), (volume.lines or {}).items(), strict=False):
        axes.plot(middle, line[order], style, color=LIGHT.over, linewidth=1.1, label=name)
    _outline(axes, edges, grid, target.cells[:, row, order], target)
    axes.set_title(f"{volume.title}, along {latitude_label(round(grid.lat[row], 1))}")
    if volume.lines:
        axes.legend(loc="lower right", fontsize=7.5, frameon=True, framealpha=0.85)


def _outline(
    axes: Axes, edges: NDArray[np.float64], grid: Grid, cells: NDArray[np.bool_], target: Target
) -> None:
    """The target's cells in a section; heat content, which is everywhere, is not outlined."""
    if target.name == "heat" or not cells.any():
        return
    levels, columns = np.nonzero(cells)
    top, bottom = grid.depth_edges[levels.min()], grid.depth_edges[levels.max() + 1]
    left, right = edges[columns.min()], edges[columns.max() + 1]
    x, y = [left, right, right, left, left], [top, top, bottom, bottom, top]
    axes.plot(x, y, color=LIGHT.over, linewidth=1.2, zorder=5, clip_on=False)
