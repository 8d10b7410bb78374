"""Departure from climatology: of single values, and of whole profiles to one side.

A climatology on a coarse grid does not resolve what lies between its cells. What it misses is taken from
itself: the standard deviation of its annual mean over a cell and its eight neighbours adds to the
standard deviation of the anomalies, as unresolved scales do to a representation error (Oke and Sakov
2008, JTECH 25). In time and depth it is interpolated linearly, in the column of the cell.

Nor does a coarse model run, from which that standard deviation is, move the thermocline as far as the
ocean does. A thermocline that heaves by h metres changes the temperature at a depth by h dT/dz: the
variance of that, with dT/dz of the climatology, adds too. So an El Niño, which lowers the thermocline
of the eastern Pacific by tens of metres, is rare and not impossible.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid, sum_around
from deepda.geometry.windows import part_of_year
from deepda.quality.background import (
    REJECTED,
    equatorial_factor,
    prior_of,
    probability_of_gross_error,
)
from deepda.quality.casts import Casts, platforms
from deepda.quality.places import columns_of
from deepda.quality.steps import steps

Rows = NDArray[np.bool_]
Array = NDArray[np.float64]
ON_REPORTED_LEVELS = 2.0  # factor on the standard deviation, EN4's check on reported levels
HEAVE = 15.0  # m, standard deviation of the depth of an isotherm, docs/quality-control.md for 10 and 20
BIAS = 4.0  # standard deviations that a biased profile is beyond
BIAS_SHARE, BIAS_LEVELS = 0.9, 5  # of the judged levels on that side; levels judged


def climatological(
    table: pd.DataFrame, grid: Grid, climatology: Climatology, between: Array | None = None
) -> Rows:
    """Values more likely grossly wrong than not, given the climatology.

    Ingleby and Huddleston (2007, doi 10.1016/j.jmarsys.2005.11.019) with twice the
    standard deviation as there on reported levels. It rejects from some seven standard deviations on:
    what the ocean never did, not what it rarely does. Where there is no climatology nothing is.
    Both sides of a step (`steps.steps`) are suspect: as there, the chance of gross error beforehand goes
    half of the way to one.
    """
    departure, stddev = departures(table, grid, climatology, between)
    variance = (ON_REPORTED_LEVELS * stddev) ** 2 + _error(table) ** 2
    prior = prior_of(platforms(table))
    prior = np.where(steps(table), 0.5 + 0.5 * prior, prior)
    return probability_of_gross_error(departure, variance, prior) >= REJECTED


def constant_bias(
    table: pd.DataFrame, grid: Grid, climatology: Climatology, between: Array | None = None
) -> Rows:
    """Whole profiles of which nine in ten levels are four standard deviations off, to one side.

    A sensor with an offset, a wrong calibration or a wrong place: each level alone may pass. After the
    whole-profile tests of Gronell and Wijffels (2008, JTECH 25) and Argo test 16 (gross sensor drift).
    """
    departure, stddev = departures(table, grid, climatology, between)
    score = departure / np.hypot(stddev, _error(table))
    casts = Casts.of(table)
    judged = casts.total(np.isfinite(score).astype(float))
    most = np.maximum(
        casts.total((score > BIAS).astype(float)), casts.total((score < -BIAS).astype(float))
    )
    return ((judged >= BIAS_LEVELS) & (most >= BIAS_SHARE * judged))[casts.of_row]


def departures(
    table: pd.DataFrame, grid: Grid, climatology: Climatology, between: Array | None = None
) -> tuple[Array, Array]:
    """(row) temperature - climatology and its standard deviation, K; NaN where there is none.

    The variance is that of the anomalies, of the annual mean between neighbours, and of the heave of the
    thermocline; within 10 degrees of the equator the standard deviation is 1.5 times that.

    Args:
        table: of `by_cast`, with possible times, places and depths.
        climatology: degC and K.
        between: (depth, lat, lon) `neighbour_spread` of it, if that is at hand.
    """
    between = neighbour_spread(climatology.mean) if between is None else between
    row, column, covered = columns_of(table, grid)
    level, share = _levels(table["depth"].to_numpy(float), grid)
    season, later = _seasons(table["time"].to_numpy(), climatology.per_year)
    mean, spread = np.zeros(len(table)), np.zeros(len(table))
    for layer, weight in zip(level, share, strict=True):
        used = weight > 0  # a neighbour of weight zero may be land
        at = (layer[used], row[used], column[used])
        now = climatology.mean[(season[used], *at)]
        then = climatology.mean[((season[used] + 1) % climatology.per_year, *at)]
        mean[used] += weight[used] * (now + later[used] * (then - now))
        spread[used] += weight[used] * (climatology.stddev[at].astype(float) ** 2 + between[at] ** 2)
    spread += (HEAVE * _gradient(climatology.mean, grid, (season, level, row, column))) ** 2
    spread *= equatorial_factor(table["lat"]) ** 2
    known = covered & (share.sum(axis=0) > 0) & np.isfinite(mean + spread)
    departure = np.where(known, table["temperature"].to_numpy(float) - mean, np.nan)
    return departure, np.where(known, np.sqrt(spread), np.nan)


def _gradient(mean: NDArray[np.floating], grid: Grid, at: tuple[NDArray[np.intp], ...]) -> Array:
    """(row) dT/dz of the climatology between the layers around a depth, K m-1; 0 where one is land.

    Args:
        mean: (season, depth, lat, lon) degC.
        at: season (row), layers above and below (2, row), latitude and longitude (row).
    """
    season, (above, below), row, column = at
    change = mean[season, below, row, column] - mean[season, above, row, column].astype(float)
    return np.nan_to_num(change / np.maximum(grid.depth[below] - grid.depth[above], 1e-9))


def neighbour_spread(mean: NDArray[np.floating]) -> NDArray[np.float64]:
    """(depth, lat, lon) standard deviation of the annual mean over a cell and its neighbours, K.

    Args:
        mean: (season, depth, lat, lon) degC, NaN on land; longitude wraps.
    """
    annual = np.mean(mean, axis=0, dtype=float)
    wet = np.isfinite(annual)
    centred = np.where(wet, annual - annual[wet].mean() if wet.any() else 0.0, 0.0)
    count, first, second = (sum_around(field) for field in (wet.astype(float), centred, centred**2))
    count = np.maximum(count, 1.0)
    return np.sqrt(np.maximum(second / count - (first / count) ** 2, 0.0))


def _levels(depth: Array, grid: Grid) -> tuple[NDArray[np.intp], Array]:
    """(2, row) layers above and below a depth and their weights; the nearest one at either end.

    Weights are zero outside the layers of the grid.
    """
    deepest = grid.depth.size - 1
    below = np.minimum(np.maximum(np.searchsorted(grid.depth, depth), 1), deepest)
    above = np.maximum(below - 1, 0)
    gap = np.maximum(grid.depth[below] - grid.depth[above], 1e-9)
    weight = np.clip((depth - grid.depth[above]) / gap, 0.0, 1.0)
    within = (depth >= 0) & (depth <= grid.depth_edges[-1])
    return np.stack([above, below]), np.stack([1.0 - weight, weight]) * within


def _seasons(time: NDArray, per_year: int) -> tuple[NDArray[np.intp], Array]:
    """Season whose middle is before a time, and how far (0..1) the time is to the next middle."""
    place = part_of_year(time) * per_year - 0.5
    season = np.floor(place)
    return season.astype(np.intp) % per_year, place - season


def _error(table: pd.DataFrame) -> Array:
    return table["error"].to_numpy(float) if "error" in table.columns else np.zeros(len(table))
