"""Quality flags of observations, on one scale for all sources."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

QUALITIES = ("good", "probably_good", "unknown", "suspect", "bad")  # from best to worst
QUALITY = pd.CategoricalDtype(list(QUALITIES), ordered=True)
GOOD, PROBABLY_GOOD, UNKNOWN, SUSPECT, BAD = range(5)
ELEMENTS = ("time", "position", "depth", "temperature")  # that a file flags one by one

# WOCE Hydrographic Programme, *_FLAG_W of CTD values (Swift and Diggs, "Description of WHP-Exchange
# Format"): 1 not calibrated, 5 not reported, 6 interpolated, 7 despiked, 8 not assigned, 9 not sampled.
WHP_FLAGS = {
    "1": SUSPECT, "2": GOOD, "3": SUSPECT, "4": BAD, "5": BAD, "6": PROBABLY_GOOD, "7": PROBABLY_GOOD,
    "8": UNKNOWN, "9": BAD,
}  # fmt: skip


def trusted(values: ArrayLike, quality: NDArray[np.int8]) -> NDArray[np.float64]:
    """Values without those that are suspect or bad, which become NaN."""
    return np.where(quality < SUSPECT, values, np.nan)


def with_cast(level: ArrayLike, cast: NDArray[np.int8]) -> NDArray[np.int8]:
    """(cast, level) qualities of levels; bad where that of the whole cast (cast) is."""
    return worst(level, np.where(cast > SUSPECT, cast, 0)[:, None])


def worst(*qualities: ArrayLike) -> NDArray[np.int8]:
    """The worst of several qualities, broadcast against each other."""
    stacked = np.broadcast_arrays(*(np.asarray(quality, np.int8) for quality in qualities))
    return np.maximum.reduce(stacked)
