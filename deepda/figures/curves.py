"""Curves: error by depth and time, indices, spectra, reliability, learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from deepda.figures.sections import depth_axis
from deepda.figures.style import LIGHT, canvas, look, looks
from deepda.figures.time_axis import time_axis, times_of

BAND = 0.9  # probability of the band round an index
TOLERANCE = 0.1  # of spread over error that counts as right


def rmse_by_depth(scores: Mapping[str, Any]) -> Figure:
    """Error by depth of all methods, from what stands in `scores.json`."""
    profiles = {name: score["by_depth"] for name, score in scores["rmse"].items()}
    return profile_curves(profiles, scores["depth_m"], "root mean square error (K)")


def profile_curves(
    profiles: Mapping[str, Sequence[float | None]], depth: ArrayLike, label: str, *, zero: bool = True
) -> Figure:
    """Values by depth (m, positive down), one line a name; None leaves a gap.

    Args:
        zero: the axis begins there; otherwise a line marks it.
    """
    with canvas(3.9) as figure:
        axes = _draw_profiles(figure, profiles, np.asarray(depth, float), label)
        if zero:
            axes.set_xlim(left=0)
        else:
            axes.axvline(0, color=LIGHT.faint, linewidth=1, zorder=0)
    return figure


def series(lines: Mapping[str, xr.DataArray], label: str, *, spinup: int = 0) -> Figure:
    """Lines over time, (time) each; the first `spinup` windows are shaded."""
    with canvas(2.7) as figure:
        axes = figure.add_subplot()
        for line, style in zip(lines.values(), looks(lines).values(), strict=True):
            axes.plot(times_of(line), line.values, **(style | _dots(line)))
        if spinup:
            times = times_of(next(iter(lines.values())))
            axes.axvspan(times[0], times[spinup], facecolor=LIGHT.faint, alpha=0.6, zorder=0)
        time_axis(axes, times_of(next(iter(lines.values()))))
        axes.set_ylabel(label)
        _legend(axes, len(lines))
    return figure


def _dots(line: xr.DataArray) -> dict[str, str]:
    """Marker of a line: none, but a single value would not be seen without."""
    return {"marker": "" if line.size > 1 else "o"}


def counts_by_year(counts: Mapping[str, xr.DataArray]) -> Figure:
    """Numbers (time) of values used, one mark a year and name on a logarithmic axis; none where zero."""
    with canvas(2.7) as figure:
        axes = figure.add_subplot()
        for count, style in zip(counts.values(), looks(counts).values(), strict=True):
            some = np.where(count.values > 0, count.values, np.nan)
            thin = {"marker": "o", "markersize": 3.5, "linewidth": 0.8}
            axes.plot(times_of(count), some, **(style | thin))
        axes.set_yscale("log")
        time_axis(axes, times_of(next(iter(counts.values()))))
        axes.set(ylabel="values used a year")
        _legend(axes, max(2, len(counts)))  # of a single name too: nothing else says it
    return figure


def index_series(
    truth: xr.DataArray | None,
    analysis: xr.DataArray,
    stddev: xr.DataArray | None = None,
    *,
    name: str = "truth",
    label: str = "Niño 3.4 (K)",
) -> Figure:
    """An index of analysis and truth over time, (time) each, with the central band of stddev.

    Args:
        name: of the truth in the legend, or of what stands in its place.
        label: of the index, with its unit.
    """
    with canvas(2.7) as figure:
        axes = figure.add_subplot()
        axes.axhline(0, color=LIGHT.coast, linewidth=0.6)
        if stddev is not None:
            half = ndtri(0.5 + BAND / 2) * stddev.values
            axes.fill_between(
                times_of(analysis),
                analysis.values - half,
                analysis.values + half,
                facecolor=LIGHT.sky,
                alpha=0.45,
                linewidth=0,
                label=f"{100 * BAND:.0f} % interval",
            )
        if truth is not None:
            axes.plot(times_of(truth), truth.values, **(look("truth") | _dots(truth) | {"label": name}))
        axes.plot(times_of(analysis), analysis.values, **(look("analysis") | _dots(analysis)))
        time_axis(axes, times_of(analysis))
        axes.set(ylabel=label)
        _legend(axes, 3)
    return figure


def spectra(lines: Mapping[str, xr.DataArray], depth: float, *, title: str = "") -> Figure:
    """Zonal spectra (depth, wavenumber) at the level nearest to `depth` m, by wavelength in degrees."""
    with canvas(3.3) as figure:
        axes = figure.add_subplot()
        for line, style in zip(lines.values(), looks(lines).values(), strict=True):
            level = line.sel(depth=depth, method="nearest")
            axes.plot(1 / level["wavenumber"].values, level.values, **(style | {"marker": ""}))
        axes.set(xscale="log", yscale="log", title=title)
        axes.invert_xaxis()
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}°"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set(xlabel="wavelength (degrees of longitude)", ylabel="power (K² per cycle per degree)")
        _legend(axes, len(lines))
    return figure


def spread_skill_by_depth(ratios: Mapping[str, xr.DataArray]) -> Figure:
    """Spread over error, (depth) each; right is 1, the band is 1 ± TOLERANCE."""
    depth = next(iter(ratios.values()))["depth"].values
    profiles = {name: ratio.values.tolist() for name, ratio in ratios.items()}
    reach = max(float(np.nanmax(np.abs(ratio.values - 1))) for ratio in ratios.values())
    reach = max(0.3, 1.15 * reach)
    with canvas(3.9) as figure:
        label = "overconfident  ←  spread / error (1)  →  too cautious"
        axes = _draw_profiles(figure, profiles, depth, label)
        axes.axvspan(1 - TOLERANCE, 1 + TOLERANCE, facecolor=LIGHT.green, alpha=0.2, zorder=0)
        axes.axvline(1, color=LIGHT.coast, linewidth=0.8, zorder=1)
        axes.set_xlim(max(0.0, 1 - reach), 1 + reach)
    return figure


def rank_bars(counts: ArrayLike, *, label: str = "rank of the truth among the members") -> Figure:
    """Rank (or probability integral transform) histogram as multiples of the right share."""
    shares = np.asarray(counts, float)
    shares = shares / shares.sum() * shares.size
    with canvas(2.5) as figure:
        axes = figure.add_subplot()
        axes.bar(np.arange(shares.size), shares, width=0.9, facecolor=LIGHT.blue)
        axes.axhline(1, color=LIGHT.ink, linewidth=1)
        axes.set(
            xlabel=label, ylabel="frequency / right frequency", ylim=(0, max(2.0, shares.max() * 1.05))
        )
        axes.set_xticks([])
        axes.grid(axis="x", visible=False)
    return figure


def learning_curve(updates: ArrayLike, errors: ArrayLike, kept: float) -> Figure:
    """Error (K) on the validation years by update; a line marks the update whose weights were kept."""
    with canvas(2.7) as figure:
        axes = figure.add_subplot()
        marker = "o" if np.size(updates) == 1 else ""
        axes.plot(
            np.asarray(updates), np.asarray(errors), marker=marker, color=LIGHT.blue, label="validation"
        )
        axes.axvline(kept, color=LIGHT.vermilion, linewidth=1, linestyle="--", label="weights kept")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        axes.set(xlabel="update", ylabel="validation error (K)")
        _legend(axes, 2)
    return figure


def _draw_profiles(
    figure: Figure,
    profiles: Mapping[str, Sequence[float | None]],
    depth: NDArray[np.float64],
    label: str,
) -> Axes:
    axes = figure.add_subplot()
    for profile, style in zip(profiles.values(), looks(profiles).values(), strict=True):
        values = np.array([np.nan if value is None else value for value in profile], float)
        axes.plot(values, depth, **style)
    depth_axis(axes, 0.0, float(depth[-1]) * 1.04)
    axes.set_xlabel(label)
    _legend(axes, len(profiles))
    return axes


def _legend(axes: Axes, count: int) -> None:
    """Above the plot, where it hides nothing, in as many columns as fit."""
    if count > 1:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            ncols=min(3, count),
            borderaxespad=0.2,
            handlelength=2.4,
        )
        axes.set_title(axes.get_title("left"), pad=10 + 15 * -(-count // 3))
