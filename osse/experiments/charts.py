"""Charts of the experiments on a finished run: several panels of curves by depth, and a scatter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from deepda.figures.kinds import COLOURS, MARKS
from deepda.figures.sections import depth_axis
from deepda.figures.style import LIGHT, METHODS, canvas, look

Curves = Mapping[str, Sequence[float | None]]  # name to values by depth, None leaves a gap

PANEL, HEIGHT = 3.1, 3.4  # inches
COLUMNS = 3  # of panels, at most


def depth_panels(
    panels: Mapping[str, Curves],
    depth: ArrayLike,
    label: str,
    *,
    marks: Sequence[float] | Mapping[str, float] = (),
    limits: tuple[float | None, float | None] = (None, None),
) -> Figure:
    """Curves by depth (m, positive down), a panel a title; one legend for all, beside a single panel.

    Args:
        panels: title to curves; a name looks the same in all panels.
        label: quantity and unit.
        marks: values with an upright line in all panels, or title to its value.
        limits: of the values; None leaves an end to the data.
    """
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    single = len(panels) == 1
    with canvas(HEIGHT * rows + 0.5 * (not single), PANEL * columns + 2.6 * single) as figure:
        figure.get_layout_engine().set(w_pad=0.1)  # type: ignore[call-arg,union-attr]
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, (title, curves) in zip(grid, panels.items(), strict=False):
            here = [marks[title]] if isinstance(marks, Mapping) else marks
            _draw(axes, curves, names, np.asarray(depth, float), here)
            axes.set_title(title)
            axes.tick_params(labelbottom=True)
        for axes in grid[len(panels) :]:
            axes.axis("off")
        grid[0].set_xlim(*limits)
        for row in range(rows):
            grid[row * columns].set_ylabel("depth (m)")
        if single:
            grid[0].set_xlabel(label)
        else:
            figure.supxlabel(label, fontsize=9)
        handles, shown = grid[0].get_legend_handles_labels()
        if single:
            figure.legend(handles, shown, loc="outside right upper")
        else:
            fitting = min(int(PANEL * columns / 1.75), len(names))
            figure.legend(handles, shown, loc="outside upper left", ncols=fitting)
    return figure


def in_percent(values: Sequence[float | None]) -> list[float | None]:
    """Shares as their hundredfold; None where there is none."""
    return [None if value is None else 100 * value for value in values]


def with_values(panels: Mapping[str, Curves]) -> dict[str, Curves]:
    """The panels with a value in any curve: there is none in a region without water."""
    return {
        title: curves
        for title, curves in panels.items()
        if any(value is not None for curve in curves.values() for value in curve)
    }


def _draw(
    axes: Axes, curves: Curves, names: Sequence[str], depth: np.ndarray, marks: Sequence[float]
) -> None:
    for mark in marks:
        axes.axvline(mark, color=LIGHT.coast, linewidth=0.9, zorder=1)
    for name, curve in curves.items():
        values = np.array([np.nan if value is None else value for value in curve], float)
        axes.plot(values, depth, **style(name, names))
    depth_axis(axes, 0.0, float(depth[-1]) * 1.04)
    axes.set_ylabel("")


def style(name: str, names: Sequence[str]) -> dict[str, Any]:
    """Line properties: those of a known method, else a colour and a mark by the place in `names`."""
    if name in METHODS:
        return look(name)
    order = [other for other in names if other not in METHODS].index(name)
    taken = {part for other in names if other in METHODS for part in METHODS[other]}
    free = [colour for colour in COLOURS if colour not in taken]
    marks = [mark for mark in MARKS if mark not in taken]
    return {
        "color": free[order % len(free)],
        "marker": marks[order % len(marks)],
        "linestyle": "-" if order < len(free) else "--",
        "label": name,
    }


def growth_scatter(points: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> Figure:
    """Growth of the stated spread against that of the error, both as factors on logarithmic axes.

    Args:
        points: name to factors of the error and of the spread, one a depth.
    """
    values = np.concatenate([np.ravel(pair) for pair in points.values()])
    low, high = min(0.95, float(values.min()) * 0.97), float(values.max()) * 1.06
    with canvas(3.6, 5.6) as figure:
        axes = figure.add_subplot()
        axes.plot([low, high], [low, high], color=LIGHT.coast, linewidth=0.8)
        for name, (error, spread) in points.items():
            axes.plot(error, spread, **(style(name, list(points)) | {"linestyle": ""}))
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
        ticks = [tick for tick in (1, 1.2, 1.5, 2, 3, 5, 8, 12, 20, 30) if low <= tick <= high]
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.set_minor_locator(NullLocator())
        axes.set(xlabel="error, denied / control (1)", ylabel="stated spread, denied / control (1)")
        axes.text(0.97, 0.04, "spread too small", transform=axes.transAxes, ha="right", fontsize=8)
        axes.set_aspect("equal")
        figure.legend(loc="outside right upper")
    return figure
