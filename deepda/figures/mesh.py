"""Cells in colours: land, what is missing, values in steps, and the colour bar below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from deepda.figures.kinds import KINDS, Kind
from deepda.figures.style import LAND_MESH, LIGHT

Floats = NDArray[np.float64]
Ends = Literal["neither", "both", "min", "max"]
Limits = tuple[float, float]

STEPS = 14  # about so many colours: steps can be distinguished, a smooth ramp cannot
ROUND = (1.0, 2.0, 5.0)  # of each decade a colour begins
STEPS_BY_DECADES = 7  # colours of each sign: a bit more than two decades


def draw_mesh(
    axes: Axes,
    x: Floats,
    y: Floats,
    values: Floats,
    ocean: NDArray[np.bool_],
    kind: str | Kind,
    limits: Limits | None,
    pad: float = 0.04,
) -> None:
    """Land, then values, then their colour bar.

    Args:
        x, y: corners of the cells, on the axes.
        values, ocean: of the cells; values where there is no ocean are not drawn.
        kind: a key of KINDS, or colours and label of its own.
        limits: of the colours; None takes them from the values.
        pad: between map and colour bar, as a share of the axes.
    """
    kind = KINDS[kind] if isinstance(kind, str) else kind
    draw_ground(axes, x, y, ocean)
    wet = np.where(ocean, values, np.nan)
    shown = np.ma.masked_invalid(wet)
    low, high = _floored(limits or limits_of([wet], kind), kind)
    levels = decades(high) if kind.by_decades else _levels(low, high, kind)
    norm = BoundaryNorm(levels, 256, extend=_extend(shown, levels, kind))
    mesh = axes.pcolormesh(x, y, shown, cmap=kind.colours.resampled(256), norm=norm)
    bar = axes.figure.colorbar(
        mesh, ax=axes, orientation="horizontal", aspect=36, pad=pad, shrink=0.84, label=kind.label
    )
    bar.outline.set(edgecolor=LIGHT.coast, linewidth=0.5)
    _mark(bar, levels, kind)


def draw_ground(axes: Axes, x: Floats, y: Floats, ocean: NDArray[np.bool_]) -> None:
    """Land in its grey, ocean as paper."""
    ground = ListedColormap([LIGHT.land, LIGHT.paper])
    axes.pcolormesh(x, y, ocean.astype(float), cmap=ground, vmin=0, vmax=1, gid=LAND_MESH)


def limits_of(fields: Sequence[ArrayLike], kind: str | Kind) -> Limits:
    """Colour limits that serve all fields.

    They span the 1st to the 99th percentile, so that one odd cell does not bleach the rest; of a kind
    by decades the largest size, which has a colour of its own there.
    """
    kind = KINDS[kind] if isinstance(kind, str) else kind
    values = np.concatenate([np.asarray(field, float).ravel() for field in fields])
    values = values[np.isfinite(values)]
    if kind.by_decades:
        largest = float(np.abs(values).max(initial=0.0)) or 1.0
        return -largest, largest
    if not values.size:
        return (-1.0, 1.0) if kind.centred else (0.0, 1.0)
    low, high = (float(edge) for edge in np.percentile(values, [1, 99]))
    if kind.centred:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    if kind.from_zero:
        low = 0.0
    return (low, high) if high > low else (low - 1e-3, low + 1e-3)


def _floored(limits: Limits, kind: Kind) -> Limits:
    """Limits that reach at least to the floor of the kind."""
    low, high = limits
    if max(abs(low), abs(high)) >= kind.floor:
        return limits
    return (-kind.floor if kind.centred else low), kind.floor


def decades(largest: float) -> Floats:
    """Where colours begin: 1, 2, 5 of each decade downwards from below `largest`, of both signs."""
    decade = int(np.floor(np.log10(largest)))
    every = [base * 10.0**power for power in range(decade - 4, decade + 1) for base in ROUND]
    some = np.array([step for step in every if step < largest][-STEPS_BY_DECADES:])
    return np.concatenate([-some[::-1], some])


def _levels(low: float, high: float, kind: Kind) -> Floats:
    """Round numbers; of a centred kind an odd number of steps, so that about zero is one pale colour."""
    locator = MaxNLocator(STEPS, steps=[1, 2, 2.5, 5, 10], symmetric=kind.centred)
    levels = np.asarray(locator.tick_values(low, high), float)
    step = levels[1] - levels[0]
    if kind.centred:
        count = max(1, int(np.ceil(max(abs(low), abs(high)) / step - 0.5 - 1e-9)))
        return np.asarray(step * (np.arange(-count, count + 2) - 0.5))
    inside = levels[(levels > low - step) & (levels < high + step)]
    return inside if inside.size > 1 else levels


def _extend(shown: np.ma.MaskedArray, levels: Floats, kind: Kind) -> Ends:
    """Which ends of the colour bar are arrows, for values beyond it."""
    below = kind.centred or bool((shown < levels[0]).any())
    above = kind.centred or bool((shown > levels[-1]).any())
    if below and above:
        return "both"
    return "min" if below else "max" if above else "neither"


def _mark(bar: Colorbar, levels: Floats, kind: Kind) -> None:
    bar.ax.tick_params(length=2, labelsize=7 if kind.by_decades else 8)
    if kind.by_decades:  # every second level from the ends, and the middle, where the pale colour is
        upper = levels[len(levels) // 2 :][::-1][:-1:2].tolist()
        marks = [*(-level for level in upper), 0.0, *reversed(upper)]
        middle = f"±{_short(levels[len(levels) // 2])}"
        bar.set_ticks(marks, labels=[_short(mark) if mark else middle for mark in marks])
    else:
        bar.locator = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10])
        bar.update_ticks()
    bar.ax.minorticks_off()


def _short(value: float) -> str:
    return f"{value:g}".replace("-", "−").replace("e−0", "e−")
