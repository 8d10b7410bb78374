"""Values that do not fit the other values of their cast: spike, gradient, inversion, stuck sensor.

Differences between neighbours mean something only where the neighbours are near: as in EN4
(Ingleby and Huddleston 2007, doi 10.1016/j.jmarsys.2005.11.019, appendix) within 50 m, below 350 m
within 100 m. Casts of bottles are thus left to the climatology.
"""

from __future__ import annotations

import gsw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.seawater import pressure_of
from deepda.quality.casts import Casts
from deepda.quality.ranges import in_situ

Rows = NDArray[np.bool_]
NEAR, NEAR_DEEP, DEEP = 50.0, 100.0, 350.0  # m
CHANGE = 500.0  # dbar, here m: where the limits of Argo's tests change
SPIKE = (6.0, 2.0)  # K above and below CHANGE, Argo test 9
END_SPIKE = 10.0  # K, GTSPP test 2.8
GRADIENT = (9.0, 3.0)  # K above and below CHANGE, Argo test 11 and GTSPP test 2.9
INVERSION = 0.03  # kg m-3, Argo test 14
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
        near = np.abs(casts.depth[end + inward] - casts.depth[end]) <= _near(casts.depth)[end]
        bad[end] = near & (np.abs(value[end + inward] - value[end]) > END_SPIKE)
    return bad


def gradient(table: pd.DataFrame) -> Rows:
    """|V2 - (V3 + V1)/2| above 9 K, below 500 m above 3 K.

    Argo test 11 (until 2019) and GTSPP test 2.9 (UNESCO-IOC 2010, Manuals and Guides 22).
    """
    row, value = _middles(table)
    size = np.abs(value[row] - (value[row - 1] + value[row + 1]) / 2)
    return _rows(table, row[size > _limit(table, row, GRADIENT)])


def density_inversion(table: pd.DataFrame) -> Rows:
    """Both values of a pair whose upper water is denser than the lower by 0.03 kg m-3 or more.

    Density at the pressure between the two. Argo test 14; only where there is salinity.
    """
    bad = np.zeros(len(table), bool)
    if "salinity" not in table.columns:
        return bad
    salinity = table["salinity"].to_numpy(float)
    known = np.flatnonzero((salinity >= 0) & (salinity <= 42))
    part = table.iloc[known]
    casts = Casts.of(part)
    upper = np.flatnonzero(casts.of_row[1:] == casts.of_row[:-1])
    upper = upper[np.diff(casts.depth)[upper] <= _near(casts.depth)[upper]]
    lighter = _density(part, upper + 1, upper) - _density(part, upper, upper)
    found = upper[lighter <= -INVERSION]
    bad[known[found]] = bad[known[found + 1]] = True
    return bad


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


def _near(depth: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(depth >= DEEP, NEAR_DEEP, NEAR)


def _middles(table: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    casts = Casts.of(table)
    return casts.middles(_near(casts.depth)), table["temperature"].to_numpy(float)


def _limit(table: pd.DataFrame, row: NDArray[np.intp], limits: tuple[float, float]) -> NDArray:
    return np.where(table["depth"].to_numpy(float)[row] < CHANGE, *limits)


def _rows(table: pd.DataFrame, row: NDArray[np.intp]) -> Rows:
    bad = np.zeros(len(table), bool)
    bad[row] = True
    return bad


def _density(table: pd.DataFrame, row: NDArray[np.intp], upper: NDArray[np.intp]) -> NDArray:
    """kg m-3 of the water of a row at the pressure in the middle between rows `upper` and below."""
    depth, lat = table["depth"].to_numpy(float), table["lat"].to_numpy(float)
    pressure = pressure_of((depth[upper] + depth[upper + 1]) / 2, lat[upper])
    absolute = gsw.SR_from_SP(table["salinity"].to_numpy(float)[row])
    conservative = gsw.CT_from_pt(absolute, table["temperature"].to_numpy(float)[row])
    return gsw.rho(absolute, conservative, pressure)
