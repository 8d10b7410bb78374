"""Times and places that cannot be: the first checks; the others assume that they have passed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.faults import FUTURE, OLDEST
from deepda.observations.table import COLUMNS
from deepda.quality.casts import platforms

Rows = NDArray[np.bool_]
DEEPEST = {"xbt": 2000.0}  # m, that an instrument reaches: T-5, the deepest probe, is rated to 1830 m


def impossible_date(table: pd.DataFrame, now: np.datetime64) -> Rows:
    """No time, before there were thermometers at sea (1750), or more than a day after `now`.

    Argo quality control manual (Wong et al. 2020, doi 10.13155/33951), test 2.
    """
    time = table["time"].to_numpy().astype("datetime64[s]")
    return np.isnat(time) | (time < OLDEST) | (time > now + FUTURE)


def impossible_position(table: pd.DataFrame) -> Rows:
    """Latitude outside [-90, 90], longitude outside [-360, 360], or neither a number. Argo test 3."""
    return COLUMNS["lat"].refuses(table["lat"].to_numpy(float)) | COLUMNS["lon"].refuses(
        table["lon"].to_numpy(float)
    )


def impossible_depth(table: pd.DataFrame) -> Rows:
    """Not a number, above the surface, deeper than any ocean or than the instrument reaches.

    GTSPP real-time quality control manual (UNESCO-IOC 2010, Manuals and Guides 22), test 2.1.
    """
    depth = table["depth"].to_numpy(float)
    bad = COLUMNS["depth"].refuses(depth)
    kind = platforms(table)
    for platform, deepest in DEEPEST.items():
        bad |= (kind == platform) & (depth > deepest)
    return bad


def on_land(table: pd.DataFrame, grid: Grid) -> Rows:
    """No ocean in the cell of the position nor in the cells around it.

    The margin of one cell is that of IQuOD's location check (Good et al. 2023, Front. Mar. Sci. 9,
    1075510): a cell of a coarse grid is land as a whole although its coast is sea, and a cast there
    is not bad. That a land cell cannot take it is for `superobs` to say.
    """
    row, column, covered = columns_of(table, grid)
    return covered & ~_around(grid.ocean[0])[row, column]


def below_sea_floor(table: pd.DataFrame, grid: Grid) -> Rows:
    """Deeper than the floor of the cell of the position and of all cells around it.

    Where the deepest layer of the grid is water there, the floor is not known and nothing is below
    it. IQuOD's bottom check (Good et al. 2023), with the margin of `on_land`.
    """
    row, column, covered = columns_of(table, grid)
    wet = np.stack([_around(layer) for layer in grid.ocean])
    deepest = wet.shape[0] - 1 - np.argmax(wet[::-1], axis=0)
    floor = np.where(wet[-1] | ~wet.any(axis=0), np.inf, grid.depth_edges[deepest + 1])
    return covered & (table["depth"].to_numpy(float) > floor[row, column])


def columns_of(
    table: pd.DataFrame, grid: Grid
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """(row) latitude and longitude of the column of a place on the grid, and whether there is one."""
    _, row, column = grid.locate(table["lat"], table["lon"], np.full(len(table), grid.depth[0]))
    return row, column, (row != OUTSIDE) & (column != OUTSIDE)


def _around(ocean: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(lat, lon) True where a cell or one of its eight neighbours is; longitude wraps."""
    ring = ocean | np.roll(ocean, 1, axis=1) | np.roll(ocean, -1, axis=1)
    wide = ring.copy()
    wide[1:] |= ring[:-1]
    wide[:-1] |= ring[1:]
    return wide
