"""Dense water above light water: which of salinity and temperature is wrong.

Most inversions of real casts are of the salinity: a conductivity cell errs more easily than a
thermometer. The temperature is held to be wrong only where it is unstable by itself, at one salinity.
"""

from __future__ import annotations

import gsw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.seawater import pressure_of
from deepda.quality.casts import Casts
from deepda.quality.shapes import near

Rows = NDArray[np.bool_]
INVERSION = 0.03  # kg m-3, Argo test 14


def density_inversion(table: pd.DataFrame) -> Rows:
    """Both values of a pair that is unstable by 0.03 kg m-3, and is so at one salinity too.

    Argo quality control manual (Wong et al. 2020, doi 10.13155/33951), test 14, which flags temperature
    and salinity alike.
    """
    return _inversions(table)[0]


def unstable_salinity(table: pd.DataFrame) -> Rows:
    """Both values of the other unstable pairs: their temperature is used, their salinity is not."""
    return _inversions(table)[1]


def _inversions(table: pd.DataFrame) -> tuple[Rows, Rows]:
    """Rows of inversions that the temperature makes by itself, and of those that salinity makes."""
    by_temperature, by_salinity = np.zeros(len(table), bool), np.zeros(len(table), bool)
    if "salinity" not in table.columns:
        return by_temperature, by_salinity
    salinity = table["salinity"].to_numpy(float)
    known = np.flatnonzero((salinity >= 0) & (salinity <= 42))
    part = table.iloc[known]
    casts = Casts.of(part)
    upper = np.flatnonzero(casts.of_row[1:] == casts.of_row[:-1])
    upper = upper[np.diff(casts.depth)[upper] <= near(casts.depth)[upper]]
    pair, salt = np.stack([upper, upper + 1]), salinity[known]
    upper = upper[_heavier_above(part, upper, salt[pair])]
    mean = (salt[upper] + salt[upper + 1]) / 2
    itself = _heavier_above(part, upper, np.stack([mean, mean]))
    for bad, rows in ((by_temperature, upper[itself]), (by_salinity, upper[~itself])):
        bad[known[rows]] = bad[known[rows + 1]] = True
    return by_temperature, by_salinity & ~by_temperature


def _heavier_above(
    part: pd.DataFrame, upper: NDArray[np.intp], salinity: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(pair) whether the row `upper` is denser than the row below it, at the pressure between them.

    Args:
        salinity: (2, pair) PSS-78 of both rows.
    """
    depth, lat = part["depth"].to_numpy(float), part["lat"].to_numpy(float)
    value = part["temperature"].to_numpy(float)
    pressure = pressure_of((depth[upper] + depth[upper + 1]) / 2, lat[upper])
    absolute = gsw.SR_from_SP(salinity)
    conservative = gsw.CT_from_pt(absolute, value[np.stack([upper, upper + 1])])
    above, below = gsw.rho(absolute, conservative, pressure)
    return below - above <= -INVERSION
