"""Where and when there are observations: a map for each platform type, and rows by year."""

from __future__ import annotations

from typing import Any

import cmocean
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from deepda.figures.kinds import PLATFORMS
from deepda.figures.land import land
from deepda.figures.maps import SEAM, corners, draw_rim
from deepda.figures.mesh import draw_ground
from deepda.figures.style import LIGHT, WIDTH, canvas
from deepda.observations.coverage import CELL, Coverage

ROW = 2.65  # inches, a map with its title
PALE = 0.12  # share of the colour map that is too near to paper to be seen on it


def coverage_figure(coverage: Coverage) -> Figure:
    """Maps of rows kept in cells of 5 degrees, one a platform type, over lines of rows by year.

    All maps share one logarithmic scale of colours.
    """
    shown = [name for name in coverage.platforms if coverage.rows(name)]
    columns = min(2, max(len(shown), 1))
    rows = -(-len(shown) // columns)
    most = max((int(coverage.map_of(name).max()) for name in shown), default=1)
    norm = LogNorm(1, 10 ** np.ceil(np.log10(max(most, 10))))
    with canvas(ROW * rows + 3.0, 2 * WIDTH) as figure:
        upper, lower = figure.subfigures(2, 1, squeeze=True, height_ratios=[ROW * rows + 0.6, 2.4])  # type: ignore[misc]
        panels = upper.subplots(rows, columns, squeeze=False).ravel() if shown else []
        for axes in panels[len(shown) :]:
            axes.axis("off")
        for axes, name in zip(panels, shown, strict=False):
            mesh = _draw_map(axes, coverage.map_of(name), norm)
            files = coverage.files[name]
            title = f"{name}: {_short(coverage.rows(name))} rows"
            axes.set_title(f"{title}, {files:,} file{'s' if files > 1 else ''}")
        if shown:
            bar = upper.colorbar(
                mesh, ax=list(panels), orientation="horizontal", aspect=50, shrink=0.6, pad=0.02,
                label="rows in a cell of 5°",
            )  # fmt: skip
            bar.outline.set(edgecolor=LIGHT.coast, linewidth=0.5)
            bar.ax.minorticks_off()
        _draw_years(lower.subplots(), coverage, shown)
    return figure


def _draw_map(axes: Axes, counts: NDArray[np.int64], norm: LogNorm) -> Any:
    draw_rim(axes, LIGHT.paper)
    ocean = ~land()
    draw_ground(axes, *_corners(ocean.shape, 1.0), _from_seam(ocean, 1.0))
    shown = np.ma.masked_equal(_from_seam(counts, CELL), 0)
    colours = ListedColormap(cmocean.cm.dense(np.linspace(PALE, 1, 256)))
    return axes.pcolormesh(*_corners(counts.shape, CELL), shown, cmap=colours, norm=norm)


def _corners(shape: tuple[int, ...], step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x, y of the corners of cells from 90S on, around the meridian opposite the seam."""
    lat, lon = (np.arange(cells + 1, dtype=float) * step for cells in shape)
    return corners(lat - 90, lon)


def _from_seam(field: NDArray, step: float) -> NDArray:
    """(lat, lon) from 180W on, turned to begin at the seam of the maps."""
    return np.roll(field, -round((SEAM + 180) / step), axis=1)


def _draw_years(axes: Axes, coverage: Coverage, shown: list[str]) -> None:
    """Rows a year; a year without any breaks the line."""
    for name in shown:
        counts = coverage.years[name]
        years = np.arange(min(counts), max(counts) + 1)
        rows = np.array([counts[int(year)] or np.nan for year in years], float)
        colour, mark = PLATFORMS[name]
        axes.plot(years, rows, color=colour, marker=mark, label=name, markersize=3.5)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(10, numticks=6))
    axes.minorticks_off()
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, steps=[1, 2, 5, 10]))
    axes.margins(x=0.02)
    axes.set_title("Rows by year")
    if shown:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=1.6)


def _short(count: int) -> str:
    """A count to three digits."""
    for unit, name in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if count >= unit:
            return f"{count / unit:.3g}{name}"
    return str(count)
