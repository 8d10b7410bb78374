"""Quality flags of observations, on one scale for all sources."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

QUALITIES = ("good", "probably_good", "unknown", "suspect", "bad")  # from best to worst
QUALITY = pd.CategoricalDtype(list(QUALITIES), ordered=True)
GOOD, PROBABLY_GOOD, UNKNOWN, SUSPECT, BAD = range(5)
ELEMENTS = ("time", "position", "depth", "temperature")  # that a file flags one by one


def worst(*qualities: ArrayLike) -> NDArray[np.int8]:
    """The worst of several qualities, broadcast against each other."""
    stacked = np.broadcast_arrays(*(np.asarray(quality, np.int8) for quality in qualities))
    return np.maximum.reduce(stacked)
