"""Standard deviation of the error of an observation: its instrument, and what a place tells of a cell.

Instruments and a first guess of representativeness by platform are
`deepda.observations.synthetic.ERRORS` (with their sources); this puts a representativeness in its place
that knows the ocean: from a control run, or from the climatological standard deviation. It is part of
the error because the analysis stands for means over cells and windows (Janjic et al. 2018, QJRMS 144;
Oke and Sakov 2008, JTECH 25).

Variance from differences. Let a field be a random walk within a cell (or window) of width h, with
E[(x(s + d) - x(s))^2] = q d. A place drawn in the cell differs from the mean of the cell by a variance
of q h / 6, and means of adjacent cells differ from each other by q h 2/3. So a quarter of the mean
square difference between neighbours estimates what a cell hides in that direction; the three directions
(time, longitude, latitude) add.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.errors import ERRORS, ErrorModel
from deepda.quality.casts import platforms

Array = NDArray[np.float64]
HIDDEN = 0.25  # share of the mean square difference between neighbours: (q h / 6) / (2 q h / 3)
FLOOR = 0.02  # K: the deep ocean of a control run is quieter than the ocean (internal waves)
SHARE = 0.5  # of the climatological standard deviation, a stated choice where no control run says better


def representativeness_from_control(anomaly: NDArray[np.floating], ocean: NDArray[np.bool_]) -> Array:
    """(depth, lat, lon) K: what cells and windows hide, from differences between neighbours.

    A control run does not know what it does not resolve: eddies between its cells, waves within its
    windows. This is a lower bound where the ocean has more of them than a random walk goes on with.

    Args:
        anomaly: (time, depth, lat, lon) K, consecutive windows; values on land are not read.
        ocean: (depth, lat, lon) True in water; longitude wraps.

    Raises:
        ValueError: fewer than two windows.
    """
    if anomaly.shape[0] < 2:
        raise ValueError(
            f"{anomaly.shape[0]} windows were found, expected two at least; give a longer run"
        )
    hidden = HIDDEN * _square_in_time(anomaly)
    for axis in (1, 2):
        square, pairs = np.zeros(ocean.shape), np.zeros(ocean.shape)
        for shift in (1, -1):
            together = ocean & np.roll(ocean, shift, axis)
            if axis == 1:  # no neighbour beyond a pole
                together[:, 0 if shift == 1 else -1] = False
            square += np.where(together, _square_across(anomaly, shift, axis), 0.0)
            pairs += together
        hidden += HIDDEN * square / np.maximum(pairs, 1)
    return np.where(ocean, np.sqrt(hidden), np.nan)


def representativeness_from_climatology(stddev: NDArray[np.floating], share: float = SHARE) -> Array:
    """(depth, lat, lon) K: a share of the climatological standard deviation."""
    return share * np.asarray(stddev, float)


def error_of_mean(
    instrument: ArrayLike,
    representativeness: ArrayLike,
    values: ArrayLike = 1,
    places: ArrayLike = 1,
    floor: float = FLOOR,
) -> Array:
    """Standard deviation (K) of the error of a mean.

    Args:
        instrument: of one value, K; independent from value to value.
        representativeness: of one place and time, K; the values of one cast share it.
        values: number of values averaged.
        places: number of places or times among them that are independent of each other.
        floor: K, that representativeness does not fall below however many the places.
    """
    noise = np.square(instrument) / np.asarray(values, float)
    place = np.square(representativeness) / np.asarray(places, float)
    return np.sqrt(noise + np.maximum(place, floor**2))


def with_errors(
    table: pd.DataFrame,
    grid: Grid,
    representativeness: Array,
    errors: Mapping[str, ErrorModel] = ERRORS,
    floor: float = FLOOR,
) -> pd.DataFrame:
    """The table with `error` (K) made of the instrument's and the representativeness of the cell.

    The instrument's part is what the table's own `error` holds beyond the platform's place error (the
    readers put it there: the file's own or the platform's); without `error` it is the platform's. It
    shrinks with `count` where the table has one (`deepda.quality.layers`); representativeness does
    not, as the values of a cast are at one place: superobservations shrink it cast by cast.

    Args:
        table: lat, lon, depth, and platform_type ("other" without it).
        grid: of `representativeness`.
        representativeness: (depth, lat, lon) K, NaN where not known; there, and outside the grid, the
            platform's place error is taken.
        errors: by platform type.
        floor: K, of representativeness.
    """
    depth = table["depth"].to_numpy(float)
    instrument, place = _parts(table, depth, errors)
    level, row, column = grid.locate(table["lat"], table["lon"], depth)
    covered = (level != OUTSIDE) & (row != OUTSIDE) & (column != OUTSIDE)
    here = np.where(covered, np.asarray(representativeness)[level, row, column], np.nan)
    here = np.where(np.isfinite(here), here, place)
    count = np.maximum(table["count"].to_numpy(float), 1) if "count" in table.columns else 1
    error = error_of_mean(instrument, here, count, floor=floor)
    return table.assign(error=error.astype(np.float32))


def _parts(table: pd.DataFrame, depth: Array, errors: Mapping[str, ErrorModel]) -> tuple[Array, Array]:
    """(row) standard deviation of the instrument and of the place, K."""
    kind = platforms(table)
    instrument, place = np.zeros(len(table)), np.zeros(len(table))
    for platform in np.unique(kind):
        at, model = kind == platform, errors[str(platform)]
        instrument[at] = dataclasses.replace(model, surface=0.0, deep=0.0).stddev(depth[at])
        place[at] = dataclasses.replace(model, instrument=0.0, instrument_growth=0.0).stddev(depth[at])
    if "error" in table.columns:
        own = table["error"].to_numpy(float)
        beyond = np.sqrt(np.maximum(own**2 - place**2, 0.0))
        instrument = np.where(np.isfinite(own), beyond, instrument)
    return instrument, place


def _square_in_time(anomaly: NDArray[np.floating]) -> Array:
    total = np.zeros(anomaly.shape[1:])
    for before, after in itertools.pairwise(anomaly):  # one window at a time in memory
        total += np.square(after - before, dtype=float)
    return np.nan_to_num(total / (anomaly.shape[0] - 1))


def _square_across(anomaly: NDArray[np.floating], shift: int, axis: int) -> Array:
    total = np.zeros(anomaly.shape[1:])
    for field in anomaly:
        total += np.square(field - np.roll(field, shift, axis), dtype=float)
    return np.nan_to_num(total / anomaly.shape[0])
