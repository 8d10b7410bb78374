"""Sea water as the readers need it: pressure and depth, potential temperature (TEOS-10 through gsw).

Salinity enters weakly: at 2000 dbar one unit of salinity changes potential temperature by less than
0.01 K, so a constant does where there is none.
"""

from __future__ import annotations

import re

import gsw
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STANDARD = 35.0  # PSS-78, standard sea water
PRACTICAL = 35.0 / 35.16504  # practical salinity of one g/kg of reference salinity (TEOS-10)
OF_MASS = re.compile(r"(k?)g(?:rams?)?\s*(?:/|\.|\*|per)?\s*kg(?:\s*(?:\^|\*\*)?\s*-1)?")
DEEPEST = 12_000.0  # dbar and m: beyond it TEOS-10 has no meaning
HIGHEST = -5.0  # m of depth: gsw takes no heights above that
FREEZING = -1.8  # degC, what surface products write under sea ice (Reynolds et al. 2007)


def depth_of(pressure: Array, lat: Array) -> Array:
    """Depth in m, positive down, of pressure in dbar; NaN where it is no pressure of an ocean."""
    pressure, lat = np.asarray(pressure, float), np.asarray(lat, float)
    sane = (np.abs(pressure) <= DEEPEST) & (np.abs(lat) <= 90)
    return -gsw.z_from_p(np.where(sane, pressure, np.nan), np.where(sane, lat, np.nan))


def pressure_of(depth: Array, lat: Array) -> Array:
    """Pressure in dbar of depth in m, positive down; NaN where it is no depth of an ocean."""
    depth, lat = np.asarray(depth, float), np.asarray(lat, float)
    sane = (depth >= HIGHEST) & (depth <= DEEPEST) & (np.abs(lat) <= 90)
    return gsw.p_from_z(-np.where(sane, depth, np.nan), np.where(sane, lat, np.nan))


def potential_temperature(
    temperature: Array, salinity: Array, pressure: Array, lat: Array, lon: Array, kind: str = "in_situ"
) -> Array:
    """Potential temperature in degC at 0 dbar (TEOS-10) of in-situ or conservative temperature in degC.

    Salinity (PSS-78) outside 0..42, the range of TEOS-10, is taken as 35. Values and places that no
    ocean has stay as they are: they are for the range checks to name.
    """
    temperature, salinity = np.asarray(temperature, float), np.asarray(salinity, float)
    pressure = np.clip(pressure, 0.0, DEEPEST)
    salinity = np.where((salinity >= 0) & (salinity <= 42), salinity, STANDARD)
    sane = (np.abs(temperature) <= 60) & (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
    sane &= np.isfinite(pressure)
    out = temperature.copy()
    absolute = gsw.SA_from_SP(salinity[sane], pressure[sane], lon[sane], lat[sane])
    if kind == "conservative":
        out[sane] = gsw.pt_from_CT(absolute, temperature[sane])
    else:
        out[sane] = gsw.pt0_from_t(absolute, temperature[sane], pressure[sane])
    return out


def practical_of_unit(units: str) -> float | None:
    """Practical salinity (PSS-78) of 1 in units of absolute salinity: "g/kg", "g kg-1", "kg kg-1".

    Returns:
        None for other units, those of practical salinity included.
    """
    found = OF_MASS.fullmatch(units.strip().lower())
    return None if found is None else PRACTICAL * (1000.0 if found[1] else 1.0)


def nearest(centres: Array, places: Array, turn: float = np.inf) -> NDArray[np.intp]:
    """Index of the nearest centre to each place; around a circle of `turn` where it is finite."""
    order = np.argsort(centres % turn if np.isfinite(turn) else centres)
    ring = centres[order] % turn if np.isfinite(turn) else centres[order]
    if np.isfinite(turn):
        places = np.asarray(places) % turn
        ring = np.concatenate([ring[-1:] - turn, ring, ring[:1] + turn])
        order = np.concatenate([order[-1:], order, order[:1]])
    right = np.searchsorted(ring, places).clip(1, ring.size - 1)
    left = right - 1
    return order[np.where(places - ring[left] <= ring[right] - places, left, right)]
