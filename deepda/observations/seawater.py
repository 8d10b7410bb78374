"""Sea water as the readers need it: pressure and depth, potential temperature (TEOS-10 through gsw).

Salinity enters weakly: at 2000 dbar one unit of salinity changes potential temperature by less than
0.01 K, so a constant does where there is none; a climatology does better and is taken where given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gsw
import numpy as np
import xarray as xr
from numpy.typing import NDArray

Array = NDArray[np.float64]
Salinity = Callable[[Array, Array, Array], Array]  # (lat, lon, pressure in dbar) -> PSS-78
STANDARD = 35.0  # PSS-78, standard sea water
DEEPEST = 12_000.0  # dbar and m: beyond it TEOS-10 has no meaning
HIGHEST = -5.0  # m of depth: gsw takes no heights above that
STANDARD_DEPTHS = (
    0, 10, 20, 30, 50, 75, 100, 125, 150, 200, 250, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200,
    1300, 1400, 1500, 1750, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 5500,
)  # m  # fmt: skip
COUNTED = 102.0  # numbers of the WOA18 levels, 0..101; as metres no climatology ends there
FREEZING = -1.8  # degC, what surface products write under sea ice (Reynolds et al. 2007)


def constant_salinity(lat: Array, lon: Array, pressure: Array) -> Array:
    """Practical salinity 35 everywhere."""
    return np.full(np.shape(pressure), STANDARD)


@dataclass(frozen=True, eq=False)
class ClimatologicalSalinity:
    """Practical salinity of the nearest cell of a climatology, 35 where that is land.

    Attributes:
        climatology: PSS-78 (depth, lat, lon), depth in m, positive down, NaN on land.
    """

    climatology: xr.DataArray

    def __call__(self, lat: Array, lon: Array, pressure: Array) -> Array:
        levels, rows, columns = (
            self.climatology[name].to_numpy().astype(float) for name in ("depth", "lat", "lon")
        )
        level = nearest(levels, np.nan_to_num(depth_of(pressure, lat)))
        row, column = nearest(rows, lat), nearest(columns, lon, turn=360.0)
        values = self.climatology.transpose("depth", "lat", "lon").to_numpy()
        found = values[level, row, column].astype(float)
        return np.where(np.isfinite(found), found, STANDARD)


def read_salinity_climatology(path: Path, name: str = "salt") -> ClimatologicalSalinity:
    """Annual salinity on standard levels, such as the World Ocean Atlas.

    Depths that merely count levels (33 standard ones, the last below 102, as no ocean ends there)
    become the metres of the standard levels (Levitus 1982; every WOA since has them);
    values that no sea water has are land, whatever fill value the file declares.

    Raises:
        OSError, KeyError: no such file or variable.
        ValueError: not on (depth, lat, lon), or no value is a salinity.
    """
    with xr.open_dataset(path, decode_times=False, mask_and_scale=False) as data:
        field = data[name].squeeze(drop=True).transpose("depth", "lat", "lon").load()
    depth = field["depth"].to_numpy().astype(float)
    if depth.size == len(STANDARD_DEPTHS) and depth.max() < COUNTED:
        field = field.assign_coords(depth=np.array(STANDARD_DEPTHS, float))
    field = field.where((field > 0) & (field < 50))
    if not np.isfinite(field).any():
        raise ValueError(f"{path}: {name} holds no salinity, expected PSS-78 between 0 and 50")
    return ClimatologicalSalinity(field)


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
    temperature: Array, salinity: Array, pressure: Array, lat: Array, lon: Array
) -> Array:
    """Potential temperature in degC at 0 dbar (TEOS-10) of in-situ temperature in degC.

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
    out[sane] = gsw.pt0_from_t(absolute, temperature[sane], pressure[sane])
    return out


def potential_of_conservative(
    temperature: Array, salinity: Array, pressure: Array, lat: Array, lon: Array
) -> Array:
    """Potential temperature in degC at 0 dbar of conservative temperature in degC (TEOS-10).

    Arguments as of `potential_temperature`; missing salinity is taken as 35.
    """
    salinity = np.where((salinity >= 0) & (salinity <= 42), salinity, STANDARD)
    absolute = gsw.SA_from_SP(salinity, np.clip(pressure, 0.0, DEEPEST), lon, lat)
    return np.asarray(gsw.pt_from_CT(absolute, temperature), float)


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
