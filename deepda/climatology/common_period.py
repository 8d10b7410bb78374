"""A climatology moved to the mean of a common period by the observations, where they are dense.

Climatologies of different products stand for different years. Of each cell the yearly mean
anomalies of the period are fitted by a straight line; its value in the middle of the period is what
the climatology lacks there. So years that were observed more, or an ocean that warms, do not shift
it, and as the correction is one number for all years no trend comes in. A cell takes part with a
third of the years of either half of the period. What its neighbours say spreads over REACH; without
any the climatology stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from deepda.base.files import write_whole
from deepda.geometry.grid import OUTSIDE, Grid

Array = NDArray[np.float64]
NAME = "climatology_correction.npz"
REACH = 5.0  # degrees: standard deviation of the filter that spreads corrections
SUPPORT = 0.02  # filtered density of dense cells at which a correction counts half
FEWEST = 1 / 3  # of the years of a half of the period, that a dense cell was observed in


def kept_correction(folder: Path, identity: str, work_out: Callable[[], Array]) -> Array:
    """(depth, lat, lon) the correction in NAME of a folder, worked out if none is of this identity."""
    path = folder / NAME
    with suppress(OSError, ValueError, KeyError), np.load(path, allow_pickle=False) as held:
        if str(held["identity"]) == identity:
            return np.asarray(held["offset"])
    found = work_out()

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez(file, identity=np.array(identity), offset=found)

    write_whole(path, write)
    return found


@dataclass
class YearlyAnomalies:
    """Mean anomalies from the climatology by year and cell.

    Attributes:
        grid: of the cells.
        years: of the period.
    """

    grid: Grid
    years: range
    total: Array = field(init=False)
    windows: Array = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.years), self.grid.ocean.size)
        self.total, self.windows = np.zeros(shape), np.zeros(shape)

    def add(self, year: int, cell: NDArray[np.integer], anomaly: Array) -> None:
        """Count the values of one window in; those of one cell are averaged first.

        Args:
            year: of the window.
            cell: (row) flat cell of the grid, OUTSIDE does not count.
            anomaly: (row) K; NaN does not count.
        """
        counted = (cell != OUTSIDE) & np.isfinite(anomaly)
        at, size = cell[counted], self.grid.ocean.size
        count = np.bincount(at, minlength=size)
        mean = np.bincount(at, anomaly[counted], size) / np.maximum(count, 1)
        row = self.years.index(year)
        self.total[row] += mean
        self.windows[row] += count > 0

    def correction(self) -> Array:
        """(depth, lat, lon) K, mean of the period - climatology; zero on land."""
        value, often = self._fitted()
        fitted = value.reshape(self.grid.shape)
        dense = often.reshape(self.grid.shape) & self.grid.ocean
        support = self._spread(dense.astype(float))
        share = support / (support + SUPPORT)
        moved = share * self._spread(np.where(dense, fitted, 0.0)) / np.maximum(support, 1e-12)
        return np.where(self.grid.ocean, moved, 0.0)

    def _fitted(self) -> tuple[Array, NDArray[np.bool_]]:
        """(cell) value of the line in the middle of the period, and whether the cell is dense."""
        seen = self.windows > 0
        value = self.total / np.maximum(self.windows, 1)
        time = (np.arange(len(self.years)) - (len(self.years) - 1) / 2)[:, None]
        number, moment, square = seen.sum(0), (seen * time).sum(0), (seen * time**2).sum(0)
        level, slope = (seen * value).sum(0), (seen * value * time).sum(0)
        half = len(self.years) // 2
        needed = max(FEWEST * half, 1)
        dense = (seen[:half].sum(0) >= needed) & (seen[-half:].sum(0) >= needed) & (number > 2)
        determinant = np.where(dense, number * square - moment**2, 1.0)
        offset = (square * level - moment * slope) / determinant
        return offset, dense

    def _spread(self, values: Array) -> Array:
        """(depth, lat, lon) filtered over REACH in each layer; longitude wraps."""
        _, rows, columns = values.shape
        sigma = (0.0, REACH / 180 * rows, REACH / 360 * columns)
        return gaussian_filter(values, sigma, mode=("nearest", "nearest", "wrap"))
