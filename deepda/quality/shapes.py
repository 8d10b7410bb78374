"""Values that do not fit the other values of their cast: spike, gradient, stuck sensor.

Differences between neighbours mean something only where the neighbours are near: as in EN4
(Ingleby and Huddleston 2007, doi 10.1016/j.jmarsys.2005.11.019, appendix) within 50 m, below 350 m
within 100 m. Casts of bottles are thus left to the climatology.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.quality.casts import Casts
from deepda.quality.ranges import in_situ

Rows = NDArray[np.bool_]
NEAR, NEAR_DEEP, DEEP = 50.0, 100.0, 350.0  # m
CHANGE = 500.0  # dbar, here m: where the limits of Argo's tests change
SPIKE = (6.0, 2.0)  # K above and below CHANGE, Argo test 9
END_SPIKE = 10.0  # K, GTSPP test 2.8
GRADIENT = (9.0, 3.0)  # K above and below CHANGE, Argo test 11
COARSE = 10.0  # m, of the shortest gradient
SANE = (-2.3, 33.0)  # degC, outside of which ICDC takes no gradient
STUCK_SHARE, STUCK_SPAN, STUCK_LEVELS = 0.9, 100.0, 5  # share of levels, m, levels
STUCK_WITHIN = 0.001  # K, rounding of the way from in-situ to potential temperature and back


def spike(table: pd.DataFrame) -> Rows:
    """|V2 - (V3 + V1)/2| - |(V3 - V1)/2| above 6 K, below 500 m above 2 K.

    Argo quality control manual (Wong et al. 2020, doi 10.13155/33951), test 9.
    """
    row, value = _middles(table)
    above, here, below = value[row - 1], value[row], value[row + 1]
    size = np.abs(here - (above + below) / 2) - np.abs((below - above) / 2)
    return _rows(table, row[size > _limit(table, row, SPIKE)])


def spike_at_end(table: pd.DataFrame) -> Rows:
    """The first or last value of a cast that differs from its neighbour by more than 10 K.

    GTSPP test 2.8, top and bottom spike (UNESCO-IOC 2010, Manuals and Guides 22): the ends have no
    neighbour on the other side, and would make their good neighbour a gradient.
    """
    casts = Casts.of(table)
    value = table["temperature"].to_numpy(float)
    several = casts.size >= 3
    bad = np.zeros(len(table), bool)
    for end, inward in ((casts.first[several], 1), (casts.last[several], -1)):
        close = np.abs(casts.depth[end + inward] - casts.depth[end]) <= near(casts.depth)[end]
        bad[end] = close & (np.abs(value[end + inward] - value[end]) > END_SPIKE)
    return bad


def gradient(table: pd.DataFrame) -> Rows:
    """|V2 - (V3 + V1)/2| above 9 K, below 500 m above 3 K. Argo test 11 (in real time until 2019)."""
    row, value = _middles(table)
    size = np.abs(value[row] - (value[row - 1] + value[row + 1]) / 2)
    return _rows(table, row[size > _limit(table, row, GRADIENT)])


def gradient_per_metre(table: pd.DataFrame) -> Rows:
    """Both values of a pair between which the temperature changes too fast for their depth z (m).

    Downwards, cooling by more than 150/z + 0.010 K m-1 (at most 4), warming by more than 100/z + 0.015
    K m-1 (at most 1.5). Check 08 of the Integrated Climate Data Center, Hamburg (V. Gouretski), as in
    IQuOD's comparison of checks (Good et al. 2023, doi 10.3389/fmars.2022.1075510). A change over less
    than 10 m counts as one over 10 m, as in EN4: floats with a value a metre see steeper interleaving.
    """
    casts, value = Casts.of(table), table["temperature"].to_numpy(float)
    gap = np.diff(casts.depth)
    pair = np.flatnonzero((casts.of_row[1:] == casts.of_row[:-1]) & (gap > 0))
    change = (value[pair + 1] - value[pair]) / np.maximum(gap[pair], COARSE)
    middle = np.maximum((casts.depth[pair] + casts.depth[pair + 1]) / 2, 1.0)
    fast = (change < np.maximum(-150.0 / middle - 0.010, -4.0)) | (
        change > np.minimum(100.0 / middle + 0.015, 1.5)
    )
    sane = (value > SANE[0]) & (value < SANE[1])
    upper = pair[fast & sane[pair] & sane[pair + 1]]
    return _rows(table, np.concatenate([upper, upper + 1]))


def stuck_value(table: pd.DataFrame) -> Rows:
    """Whole casts of five levels and more of which nine in ten are equal over 100 m or more.

    EN4's constant value check (Ingleby and Huddleston 2007). Equal is the in-situ value,
    as the sensor gives it: mixed water is not, it warms by 0.01 K per 100 m of pressure.
    """
    casts = Casts.of(table)
    value = in_situ(table)
    middle = casts.median(value)
    equal = np.abs(value - middle[casts.of_row]) <= STUCK_WITHIN
    deep = np.where(equal, casts.depth, -np.inf)
    shallow = np.where(equal, casts.depth, np.inf)
    if not casts.first.size:
        return np.zeros(0, bool)
    span = np.maximum.reduceat(deep, casts.first) - np.minimum.reduceat(shallow, casts.first)
    stuck = (casts.share(equal) >= STUCK_SHARE) & (span >= STUCK_SPAN) & (casts.size >= STUCK_LEVELS)
    return stuck[casts.of_row]


def near(depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(row) m within which a value has neighbours."""
    return np.where(depth >= DEEP, NEAR_DEEP, NEAR)


def _middles(table: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    casts = Casts.of(table)
    return casts.middles(near(casts.depth)), table["temperature"].to_numpy(float)


def _limit(table: pd.DataFrame, row: NDArray[np.intp], limits: tuple[float, float]) -> NDArray:
    return np.where(table["depth"].to_numpy(float)[row] < CHANGE, *limits)


def _rows(table: pd.DataFrame, row: NDArray[np.intp]) -> Rows:
    bad = np.zeros(len(table), bool)
    bad[row] = True
    return bad
