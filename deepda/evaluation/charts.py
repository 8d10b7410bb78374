"""Charts: densities, the performance diagram, spread against error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from deepda.evaluation.heatwaves import Contingency
from deepda.figures.kinds import COLOURS, MARKS
from deepda.figures.sections import decimal_years
from deepda.figures.style import LIGHT, canvas, look, looks


def densities(lines: Mapping[str, xr.DataArray], depths: Sequence[float]) -> Figure:
    """Probability densities (depth, value) per K on a logarithmic axis, one panel a depth."""
    with canvas(2.8, 3.4 * len(depths)) as figure:
        panels = figure.subplots(1, len(depths), squeeze=False, sharey=True)[0]
        for axes, depth in zip(panels, depths, strict=True):
            shown = {name: line.sel(depth=depth, method="nearest") for name, line in lines.items()}
            for line, style in zip(shown.values(), looks(shown).values(), strict=True):
                axes.plot(line["value"], line.where(line > 0), **(style | {"marker": ""}))
            sizes = [np.abs(line["value"].values[line.values > 1e-4]) for line in shown.values()]
            seen = np.concatenate(sizes).max(initial=0.1)
            axes.set(yscale="log", xlim=(-seen, seen), xlabel="anomaly (K)")
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.set_title(f"{float(next(iter(shown.values()))['depth']):.0f} m")
        most = max(float(line.max()) for line in lines.values())
        panels[0].set(ylabel="density (per K)", ylim=(1e-4, 2 * most))
        if len(lines) > 1:
            handles, labels = panels[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper left", ncols=len(lines), fontsize=8.5)
    return figure


def performance_diagram(points: Mapping[str, Mapping[str, Contingency]]) -> Figure:
    """Detection against success ratio (Roebber 2009, doi 10.1175/2008WAF2222159.1).

    Curves: equal critical success index; straight lines: equal frequency bias.

    Args:
        points: group (one colour) to name (one mark) to outcomes.
    """
    ratio = np.linspace(0.005, 1, 200)
    names = list(dict.fromkeys(name for group in points.values() for name in group))
    with canvas(4.2, 6.2) as figure:
        axes = figure.add_subplot()
        x, y = np.meshgrid(ratio, ratio)
        lines = axes.contour(
            x, y, 1 / (1 / x + 1 / y - 1), np.arange(0.1, 1, 0.1), colors=LIGHT.coast, linewidths=0.6
        )
        axes.clabel(lines, fontsize=7, fmt="%.1f")
        for bias in (0.5, 0.8, 1.0, 1.25, 2.0):
            ends = [0, min(1, 1 / bias)], [0, min(1, bias)]
            axes.plot(*ends, color=LIGHT.faint, linestyle="--", linewidth=0.8, zorder=0)
        for colour, (group, found) in zip(COLOURS, points.items(), strict=False):
            for name, table in found.items():
                axes.plot(1 - table.false_alarm_ratio, table.detection, linestyle="", color=colour,
                          marker=MARKS[names.index(name) % len(MARKS)], markersize=7,
                          label=f"{group}, {name}")  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="success ratio, 1 − false-alarm ratio (1)",
                 ylabel="probability of detection (1)")  # fmt: skip
        axes.grid(False)
        axes.set_aspect("equal")
        figure.legend(loc="outside right upper", fontsize=8)
    return figure


def spread_against_error(classes: NDArray[np.float64]) -> Figure:
    """Root mean square of error by that of spread in classes of spread (class, 2), K."""
    with canvas(3.0) as figure:
        axes = figure.add_subplot()
        most = 1.08 * float(classes.max())
        axes.plot([0, most], [0, most], color=LIGHT.coast, linewidth=0.8)
        axes.plot(classes[:, 0], classes[:, 1], **look("analysis"))
        axes.text(0.97, 0.06, "too cautious", transform=axes.transAxes, ha="right", fontsize=8)
        axes.text(0.03, 0.92, "overconfident", transform=axes.transAxes, fontsize=8)
        axes.set(
            xlim=(0, most), ylim=(0, most), xlabel="stated standard deviation (K)", ylabel="error (K)"
        )
    return figure


def over_time(lines: Mapping[str, xr.DataArray], label: str, title: str = "") -> Figure:
    """Lines (time) by year."""
    with canvas(2.7) as figure:
        axes = figure.add_subplot()
        for line, style in zip(lines.values(), looks(lines).values(), strict=True):
            _draw_line(axes, line, style)
        axes.set(ylabel=label)
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.set_title(title, pad=26 if len(lines) > 1 else None)
        if len(lines) > 1:
            axes.legend(
                loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=len(lines), borderaxespad=0.2
            )
    return figure


def _draw_line(axes: Axes, line: xr.DataArray, style: Mapping[str, Any]) -> None:
    years = decimal_years(line["time"].values)
    axes.plot(years, line.values, **{**style, "marker": ""})
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlim(np.floor(years[0]), np.ceil(years[-1]))


def modes_chart(lines: Mapping[str, xr.DataArray], titles: Sequence[str]) -> Figure:
    """Series (mode, time) of leading modes, one panel a mode."""
    count = len(titles)
    with canvas(1.5 * count + 0.5, 8.0) as figure:
        panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
        for mode, (axes, title) in enumerate(zip(panels, titles, strict=True)):
            axes.axhline(0, color=LIGHT.coast, linewidth=0.6)
            for line, style in zip(lines.values(), looks(lines).values(), strict=True):
                _draw_line(axes, line.isel(mode=mode), style)
            axes.set_title(title)
        if len(lines) > 1:
            panels[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(lines))
        figure.supylabel("standardised", fontsize=9)
    return figure
