"""Superobservations: all values in a cell and window become one anomaly, one error, one count.

Let the rows of a cell be y = x 1 + e, where x is the anomaly of the cell's mean water and e has the
covariance R. The best linear unbiased estimate of x and its error variance are (Lorenc 1981, Mon.
Weather Rev. 109, section 3; Janjic et al. 2018, QJRMS 144, section 2 on what belongs into R)

    variance = 1 / (1' R^-1 1),    anomaly = variance * (1' R^-1 y).

With independent errors R = diag(error^2): precisions add, and two equal values weigh as one of half
the variance. Representativeness belongs to `error`: values at different places of a cell sample
different eddies. Where rows share a part s of their error (one satellite's retrieval bias, say), the
table says so in the column `shared_error`, R = diag(error^2 - s^2) + s s', and the variance cannot
fall below that of the shared part however many the rows. R^-1 is then closed (Sherman and Morrison
1950), so that both cases are a few sums over the rows of each cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.table import cells, require_table

USED, NOT_COVERED, ON_LAND, NO_CLIMATOLOGY = range(4)  # what becomes of a row


class SuperobsError(DeepDAError, ValueError):
    """A climatology that does not fit the grid or the season."""


@dataclass(frozen=True, eq=False)
class SuperObs:
    """The superobservations of one window, and what became of each row.

    Attributes:
        anomaly: (depth, lat, lon) K from the climatology of the season; NaN where none.
        error_variance: (depth, lat, lon) K2; infinite where none.
        count: (depth, lat, lon) number of rows; 0 where none.
        cell: (row) flat index of the row's cell, or OUTSIDE (-1) where the row was not used.
        reason: (row) USED, NOT_COVERED, ON_LAND or NO_CLIMATOLOGY.
    """

    anomaly: NDArray[np.float32]
    error_variance: NDArray[np.float32]
    count: NDArray[np.int32]
    cell: NDArray[np.int32]
    reason: NDArray[np.int8]

    @property
    def precision(self) -> NDArray[np.float32]:
        """(depth, lat, lon) 1 / error variance, K-2; zero where none."""
        return 1.0 / self.error_variance


def superobs(table: pd.DataFrame, grid: Grid, season: int, climatology: Climatology) -> SuperObs:
    """Combine the rows of one window cell by cell; their order does not matter beyond rounding.

    Args:
        table: observations of the window (`deepda.observations.table`), degC.
        climatology: what anomalies are taken from, at the cell (not at the row's own place).

    Raises:
        TableError: the table is refused by `require_table`.
        SuperobsError: the climatology has another shape, or no such season.
    """
    require_table(table)
    mean = _climatology_of(climatology, grid, season)
    cell, reason = _locate(table, grid, mean)
    used = reason == USED
    at = cell[used]
    value = table["temperature"].to_numpy(dtype=float)[used] - mean.ravel()[at]
    error = table["error"].to_numpy(dtype=float)[used]
    has_shared = "shared_error" in table.columns
    shared = table["shared_error"].to_numpy(dtype=float)[used] if has_shared else None
    anomaly, variance = _best_estimate(at, mean.size, value, error, shared)
    return SuperObs(
        anomaly.reshape(grid.shape).astype(np.float32),
        variance.reshape(grid.shape).astype(np.float32),
        np.bincount(at, minlength=mean.size).reshape(grid.shape).astype(np.int32),
        cell,
        reason,
    )


def _climatology_of(climatology: Climatology, grid: Grid, season: int) -> NDArray[np.float32]:
    if climatology.mean.shape[1:] != grid.shape:
        raise SuperobsError(
            f"the climatology has shape {climatology.mean.shape[1:]}, the grid {grid.shape}; "
            "fit the climatology on this grid"
        )
    if not 0 <= season < climatology.per_year:
        raise SuperobsError(
            f"season {season} found, the climatology has 0 to {climatology.per_year - 1}; "
            "cut windows as many a year as the climatology has seasons"
        )
    return climatology.mean[season]


def _locate(
    table: pd.DataFrame, grid: Grid, mean: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Flat cell of each row and the reason why a row has none."""
    cell = cells(table, grid)
    reason = np.full(cell.size, USED, dtype=np.int8)
    reason[np.isnan(mean.ravel()[cell])] = NO_CLIMATOLOGY
    reason[~grid.ocean.ravel()[cell]] = ON_LAND
    reason[cell == OUTSIDE] = NOT_COVERED
    cell[reason != USED] = OUTSIDE
    return cell, reason


def _best_estimate(
    at: NDArray[np.int32],
    size: int,
    value: NDArray[np.float64],
    error: NDArray[np.float64],
    shared: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Anomaly and error variance (cell) of rows in cells `at`: the equations of the module."""

    def total(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(at, weight, minlength=size).astype(float, copy=False)

    weight = 1.0 / (error**2 - (0.0 if shared is None else shared**2))
    precision, weighted = total(weight), total(weight * value)
    if shared is not None:
        pull = total(weight * shared) / (1.0 + total(weight * shared**2))
        weighted = weighted - pull * total(weight * shared * value)
        precision = precision - pull * total(weight * shared)
    seen = np.bincount(at, minlength=size) > 0
    variance = np.divide(1.0, precision, out=np.full(size, np.inf), where=seen)
    return np.where(seen, weighted * np.where(seen, variance, 0.0), np.nan), variance
