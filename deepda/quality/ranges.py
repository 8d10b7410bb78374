"""Temperatures that no sea has: everywhere, at a depth, in a region; and ice under a satellite."""

from __future__ import annotations

import gsw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.seawater import FREEZING, STANDARD, pressure_of
from deepda.observations.sst import HALF, ICE_MARGIN
from deepda.quality.casts import platforms

Rows = NDArray[np.bool_]
GLOBAL = (-2.5, 40.0)  # degC, Argo quality control manual (doi 10.13155/33951), test 6
# GTSPP (UNESCO-IOC 2010, Manuals and Guides 22), test 2.4, profile envelope: lower edge of the depth
# interval (m, open above), lowest and highest temperature (degC).
ENVELOPE = (
    (25.0, -2.0, 37.0), (100.0, -2.0, 36.0), (150.0, -2.0, 34.0), (200.0, -2.0, 33.0),
    (300.0, -2.0, 29.0), (1100.0, -2.0, 27.0), (3000.0, -1.5, 18.0), (5500.0, -1.5, 7.0),
    (np.inf, -1.5, 4.0),
)  # fmt: skip
# Corners (lat, lon) and range (degC, in situ); the first region that holds a place counts. Red Sea and
# Mediterranean: Argo, test 7, for floats in deep water. Shelf seas are colder in winter than that: the
# gulfs of Suez and Aqaba (some 15 degC) and the northern Adriatic (4 degC in February 2012, Mihanovic
# et al. 2013, doi 10.5194/os-9-561-2013). The others: EuroGOOS DATA-MEQ (2010, doi 10.13155/36230),
# real-time test 7.
REGIONS: dict[str, tuple[tuple[tuple[float, float], ...], float, float]] = {
    "northern_red_sea": (((25, 31), (25, 38), (30.5, 36), (30.5, 31)), 14.0, 40.0),
    "red_sea": (((10, 40), (20, 50), (30, 30)), 21.7, 40.0),
    "adriatic": (((40, 18.5), (42, 20), (46, 16), (46, 11.5), (43, 11.5)), 3.0, 40.0),
    "mediterranean": (((30, -6), (30, 40), (40, 35), (42, 20), (50, 15), (40, 5)), 10.0, 40.0),
    "north_west_shelves": (((50, -20), (50, 10), (60, 10), (60, -20)), -2.0, 24.0),
    "south_west_shelves": (((25, -30), (25, 0), (50, 0), (50, -30)), -2.0, 30.0),
    "arctic": (((60, -180), (60, 180), (90.1, 180), (90.1, -180)), -1.92, 25.0),
}
TROPICAL = (20.0, 1000.0, 1.0)  # degrees of latitude, m, degC


def global_range(table: pd.DataFrame) -> Rows:
    """Not a number, or outside [-2.5, 40] degC. Argo test 6."""
    value = table["temperature"].to_numpy(float)
    return ~((value >= GLOBAL[0]) & (value <= GLOBAL[1]))


def depth_range(table: pd.DataFrame) -> Rows:
    """Outside the range that the ocean has at the depth of the value. GTSPP test 2.4."""
    ends, low, high = (np.array(column) for column in zip(*ENVELOPE, strict=True))
    at = np.searchsorted(ends, table["depth"].to_numpy(float))
    value = table["temperature"].to_numpy(float)
    return (value < low[at]) | (value > high[at])


def regional_range(table: pd.DataFrame) -> Rows:
    """In-situ temperature outside the range of its region (REGIONS). Argo and EuroGOOS test 7."""
    lat = table["lat"].to_numpy(float)
    lon = np.mod(table["lon"].to_numpy(float) + 180.0, 360.0) - 180.0
    bad, elsewhere = np.zeros(len(table), bool), np.ones(len(table), bool)
    for corners, low, high in REGIONS.values():
        rows = np.flatnonzero(elsewhere & _inside(lat, lon, corners))
        value = in_situ(table.iloc[rows])
        bad[rows] = (value < low) | (value > high)
        elsewhere[rows] = False
    return bad


def tropical_cold(table: pd.DataFrame) -> Rows:
    """Below 1 degC within 20 degrees of the equator above 1000 m.

    EN4's check for low temperatures in the tropics (Ingleby and Huddleston 2007, doi
    10.1016/j.jmarsys.2005.11.019, appendix): zeros and lost digits that are within any range.
    """
    low = table["temperature"].to_numpy(float) < TROPICAL[2]
    near = np.abs(table["lat"].to_numpy(float)) < TROPICAL[0]
    return low & near & (table["depth"].to_numpy(float) < TROPICAL[1])


def sea_ice(table: pd.DataFrame) -> Rows:
    """Satellite values under ice: at the stand-in temperature of -1.8 degC, or where `ice` > 0.5.

    Reynolds et al. (2007, J. Clim. 20, section 2c): SST is made from ice where there is more than half.
    """
    under = table["temperature"].to_numpy(float) <= FREEZING + ICE_MARGIN
    if "ice" in table.columns:
        under |= table["ice"].to_numpy(float) > HALF
    return under & (platforms(table) == "satellite")


def in_situ(table: pd.DataFrame) -> NDArray[np.float64]:
    """In-situ temperature (degC) of the potential temperature of the table (TEOS-10).

    Without salinity it is 35, as the readers take it.
    """
    depth = table["depth"].to_numpy(float)
    value = table["temperature"].to_numpy(float, copy=True)
    pressure = pressure_of(depth, table["lat"].to_numpy(float))
    sane = (np.abs(value) <= 60) & np.isfinite(pressure)
    absolute = gsw.SR_from_SP(practical_salinity(table)[sane])
    value[sane] = gsw.pt_from_t(absolute, value[sane], 0.0, pressure[sane])
    return value


def practical_salinity(table: pd.DataFrame) -> NDArray[np.float64]:
    """(row) PSS-78 of the row, 35 where there is none or none of a sea."""
    if "salinity" not in table.columns:
        return np.full(len(table), STANDARD)
    salinity = table["salinity"].to_numpy(float)
    return np.where((salinity >= 0) & (salinity <= 42), salinity, STANDARD)


def _inside(
    lat: NDArray[np.float64], lon: NDArray[np.float64], corners: tuple[tuple[float, float], ...]
) -> NDArray[np.bool_]:
    """Places in a polygon that does not cross the date line: an odd number of edges to the east."""
    odd = np.zeros(lat.size, bool)
    for (south, west), (north, east) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if south == north:
            continue
        across = (south > lat) != (north > lat)
        odd ^= across & (lon < west + (lat - south) / (north - south) * (east - west))
    return odd
