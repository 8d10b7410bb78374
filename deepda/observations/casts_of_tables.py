"""Which rows of an own table are one cast: what one platform measured at one time and place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LONGEST = 86_400  # s that one cast may take
WIDEST = 0.5  # degrees that a platform may drift meanwhile


def cast_numbers(
    names: Sequence[NDArray],
    numbered: bool,
    time: NDArray[np.datetime64],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
) -> NDArray[np.int64]:
    """(row) the first row of its cast: a number that each cast has for itself, in any part of a table.

    Args:
        names: codes (row) each: platform, station, number of the cast, as far as there are any.
        numbered: they number casts. A number that comes back on another day or elsewhere is of
            another cast; without numbers a cast is of one time and place.
        time: (row) NaT where missing.
        lat: (row) degrees.
        lon: (row) degrees.
    """
    if not len(time):
        return np.zeros(0, np.int64)
    place = (time.astype(np.int64), np.nan_to_num(lat, nan=-999.0), np.nan_to_num(lon, nan=-999.0))
    group = groups([*names, np.zeros(len(time), np.int64)])
    apart = np.ones(len(time), bool)
    if numbered:
        apart = _spread(group, time, lat, lon)
    number = groups([group, *(np.where(apart, values, 0) for values in place)])
    first = np.full(number.max() + 1, len(time), np.int64)
    np.minimum.at(first, number, np.arange(len(time)))
    return first[number]


def whole_casts(number: NDArray[np.int64]) -> int:
    """How many rows stand before the last cast, which may go on; all of them where there is but one."""
    changes = np.flatnonzero(np.diff(number))
    return int(changes[-1] + 1) if changes.size else len(number)


def groups(keys: Sequence[NDArray], alone: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """(row) number of each different row of keys, in the order in which they first come.

    Rows of a cast mostly follow each other: the runs are grouped, not the rows. A row that is `alone`
    is a group of its own.
    """
    changes = np.ones(len(keys[0]), bool)
    changes[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    single = np.zeros(changes.size, bool) if alone is None else alone
    heads = np.flatnonzero(changes | single)
    several = ~single[heads]
    frame = pd.DataFrame({str(k): key[heads[several]] for k, key in enumerate(keys)})
    number = np.arange(heads.size) + heads.size  # of those alone: no group has so high a number
    number[several] = frame.groupby(list(frame), sort=False, dropna=False).ngroup()
    return pd.factorize(number)[0][np.cumsum(changes | single) - 1].astype(np.int64)


def _spread(
    group: NDArray[np.int64],
    time: NDArray[np.datetime64],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """(row) whether the rows of its group are too far from each other for one cast."""
    seconds = np.where(np.isnat(time), np.nan, time.astype("datetime64[s]").astype(float))
    turns = {"lon": lon % 360, "again": (lon + 180) % 360}  # one of them does not jump within a cast
    frame = pd.DataFrame({"time": seconds, "lat": lat, **turns}).groupby(group)
    span = frame.max() - frame.min()
    parallel = np.maximum(0.01, np.cos(np.radians(frame["lat"].mean().fillna(0.0))))
    wide = (span["time"] > LONGEST) | (span["lat"] > WIDEST)
    wide |= span[["lon", "again"]].min(axis=1) * parallel > WIDEST
    return wide.reindex(group).to_numpy(bool)
