"""El Niño of the embedded ocean: a stochastic recharge oscillator and its patterns in temperature.

Two numbers, the eastern surface temperature T and the recharge h of the equatorial thermocline (both
in K, h scaled), obey the equations of Jin (1997, J. Atmos. Sci. 54, 811) in the symmetric form of
Burgers et al. (2005, Geophys. Res. Lett. 32, L13706):

    dT = (-damping T + omega h) dt + noise,    dh = -(recharge_damping h + omega T) dt

damped, forced by weather, stronger noise in a warm state; damped least in boreal autumn, so that
events peak in winter. T takes a surface pattern and tilts the thermocline; h lifts or lowers it as
a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.geometry.grid import Grid
from osse.ocean.climate import bump
from osse.ocean.geography import LAND_BRIDGES

Array = NDArray[np.float64]

_MONTH = 30.4  # days
_OMEGA = 2 * np.pi / (44 * _MONTH)  # 1/day
_DAMPING, _DAMPING_CYCLE, _WEAKEST_DAY = 1 / (18 * _MONTH), 0.9, 280.0
_RECHARGE_DAMPING = 1 / (26 * _MONTH)
_NOISE = 0.056  # K / day^0.5, of the slow part of the weather
_WEATHER_MEMORY = 20.0  # days: westerly wind bursts last weeks
_NOISE_GROWTH = 0.12  # of the noise, 1/K
_TILT_EAST, _TILT_WEST, _RECHARGE = 22.0, -13.0, 11.0  # m of thermocline a K of T, T, h
_SURFACE_DEPTH = 60.0  # m: the surface pattern fades as exp(-(z / 60)2)
_NINO34 = (-5.0, 5.0, 190.0, 240.0)  # south, north, west, east


@dataclass
class RechargeOscillator:
    """The state (T, h) in K and the weather (standardised), stepped by `advance`."""

    temperature: float = 0.0
    recharge: float = 0.0
    weather: float = 0.0

    def advance(self, day: float, days: float, draw: float) -> tuple[float, float]:
        """One step of `days` from a day of the 365_day year; `draw` is N(0, 1)."""
        persistence = np.exp(-days / _WEATHER_MEMORY)
        self.weather = persistence * self.weather + np.sqrt(1 - persistence**2) * draw
        season = np.cos(2 * np.pi * (day - _WEAKEST_DAY) / 365)
        damping = _DAMPING * (1 - _DAMPING_CYCLE * season)
        growth = 1 + _NOISE_GROWTH * np.clip(self.temperature, -2, 3)
        size = _NOISE / np.sqrt(2 * _WEATHER_MEMORY) * growth
        tendency = _OMEGA * self.recharge - damping * self.temperature + size * self.weather
        self.temperature += days * tendency
        self.recharge -= days * (_OMEGA * self.temperature + _RECHARGE_DAMPING * self.recharge)
        return self.temperature, self.recharge


def patterns(grid: Grid, stratification: Array) -> tuple[Array, Array]:
    """(depth, lat, lon) K of temperature anomaly a K of T and a K of h.

    Args:
        stratification: (depth, lat, lon) K/m, positive where it is colder below: a thermocline
            that is pushed down warms each level by that gradient.
    """
    pacific = _pacific(grid)
    z = grid.depth[:, None, None]
    lat = grid.lat[:, None]
    east = np.interp(grid.lon % 360, (165, 250, 300), (0, 1, 1), left=0, right=0)
    west = np.interp(grid.lon % 360, (120, 135, 165, 205), (0, 1, 1, 0), left=0, right=0)
    whole = np.interp(grid.lon % 360, (125, 150, 285, 300), (0, 1, 1, 1), left=0, right=0)
    tilt = _TILT_EAST * east * np.exp(-np.square(lat / 6)) + _TILT_WEST * west * np.exp(
        -np.square(lat / 11)
    )
    recharge = _RECHARGE * whole * np.exp(-np.square(lat / 9))
    heave = pacific * stratification * (1 - np.exp(-np.square(z / 40))) * np.exp(-z / 400)
    surface = _surface_pattern(grid) * pacific * np.exp(-np.square(z / _SURFACE_DEPTH))
    return surface + tilt * heave, recharge * heave


def _surface_pattern(grid: Grid) -> Array:
    """(lat, lon) K a K of T: cold tongue and coast warm, the horseshoe to the west cools."""
    tongue = np.interp(grid.lon % 360, (155, 185, 215, 280, 300), (0, 0.7, 1, 1, 1), left=0, right=0)
    field = tongue * np.exp(-np.square(grid.lat / 9.5))[:, None]
    field = field + 0.45 * bump(grid, -14, 282, 9, 9) + 0.2 * bump(grid, 20, 250, 9, 10)
    field = field - 0.25 * (bump(grid, 13, 143, 9, 18) + bump(grid, -14, 165, 9, 20))
    south, north, west, east = _NINO34
    lat, lon = grid.lat[:, None], grid.lon % 360
    box = (lat > south) & (lat < north) & (lon > west) & (lon < east)
    weight = grid.area * box if box.any() else grid.area
    return field * weight.sum() / max((weight * field).sum(), 0.1 * weight.sum())


def _pacific(grid: Grid) -> NDArray[np.bool_]:
    """(lat, lon) True west of the Americas, east of Asia and Australia."""
    isthmus = np.array(LAND_BRIDGES[0][::-1])
    american_coast = np.interp(grid.lat, isthmus[:, 0], isthmus[:, 1], left=291.0)[:, None]
    lon = (grid.lon % 360)[None, :]
    return (lon > 120) & (lon < american_coast)
