"""Checks of expendable bathythermographs: the start of the probe, and inversions that the wire makes.

The checks of CSIRO for the QuOTA archive (Gronell and Wijffels 2008, J. Atmos. Ocean. Technol. 25,
doi 10.1175/JTECHO539.1). A probe needs some metres to take the temperature of the water, and a leak or
a stretched wire reads warmer the deeper it goes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.quality.casts import Casts, platforms

Rows = NDArray[np.bool_]
START = 3.6  # m: above, no value of an XBT counts
TOP, NEXT = 4.0, 8.0  # m: a value above TOP with the next one above NEXT is of the start too
SKIPPED = 5.0  # m, above which no inversion is looked for
STEEPEST = 0.25  # K m-1, of a whole inversion


def probe_start(table: pd.DataFrame) -> Rows:
    """Values of an XBT above 3.6 m, and above 4 m where the next value is above 8 m."""
    casts = Casts.of(table)
    follows = np.append(casts.of_row[1:] == casts.of_row[:-1], False)
    follower = np.where(follows, np.roll(casts.depth, -1), np.inf)
    early = (casts.depth < START) | ((casts.depth < TOP) & (follower < NEXT))
    return early & (platforms(table) == "xbt")


def long_inversion(table: pd.DataFrame) -> Rows:
    """Values of an XBT from where it begins to warm downwards to where it ends, above 0.25 K m-1.

    The long gradient check, from 5 m on; the gradient is that of the inversion as a whole.
    """
    casts = Casts.of(table)
    value = table["temperature"].to_numpy(float)
    judged = (platforms(table) == "xbt") & (casts.depth >= SKIPPED)
    together = (casts.of_row[1:] == casts.of_row[:-1]) & judged[1:] & judged[:-1]
    warms = together & (np.diff(value) >= 0)  # equal values go on with what was
    edges = np.diff(warms.astype(int), prepend=0, append=0)
    start, stop = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    warming, way = value[stop] - value[start], casts.depth[stop] - casts.depth[start]
    steep = (warming > 0) & (warming > STEEPEST * way)
    covered = np.zeros(len(table) + 1, int)
    np.add.at(covered, start[steep], 1)
    np.add.at(covered, stop[steep] + 1, -1)
    return np.cumsum(covered)[:-1] > 0
