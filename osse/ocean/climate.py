"""How warm the embedded ocean is without anomalies: thermocline and seasonal cycle.

Smooth functions whose numbers are rounded from the World Ocean Atlas (Locarnini et al. 2018, zonal
means and sections). Arrays are (depth, lat, lon); depth positive down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.geometry.grid import Grid

Array = NDArray[np.float64]

FREEZING = -1.8  # degC, sea water of salinity 33
# Zonal means at these latitudes: annual-mean surface temperature (degC), half-range of its annual
# cycle (K, positive where August is warm), temperature to which the main thermocline extrapolates
# at the surface, abyssal temperature (both degC), e-folding depth of the main thermocline (m).
_ZONAL = np.array(
    [
        # lat  surface half-range  main  abyss  scale
        [-90.0, -1.7, -0.1, 0.8, 0.3, 500.0],
        [-70.0, -1.3, -0.7, 0.9, 0.3, 500.0],
        [-60.0, 0.6, -1.1, 1.2, 0.6, 500.0],
        [-55.0, 3.0, -1.4, 2.8, 1.5, 500.0],
        [-50.0, 6.3, -1.8, 5.8, 2.4, 500.0],
        [-45.0, 10.5, -2.1, 10.0, 3.2, 500.0],
        [-40.0, 14.5, -2.5, 13.5, 3.6, 480.0],
        [-35.0, 17.8, -2.7, 15.5, 3.8, 460.0],
        [-25.0, 23.0, -2.3, 17.5, 4.0, 420.0],
        [-15.0, 26.3, -1.4, 16.5, 4.1, 330.0],
        [-5.0, 27.6, -0.6, 14.5, 4.2, 300.0],
        [0.0, 27.6, -0.1, 14.0, 4.2, 300.0],
        [5.0, 28.0, 0.3, 14.0, 4.2, 300.0],
        [15.0, 27.0, 1.2, 16.0, 4.2, 340.0],
        [25.0, 24.3, 2.6, 18.0, 4.3, 430.0],
        [35.0, 19.0, 4.2, 16.0, 4.0, 450.0],
        [40.0, 14.5, 4.6, 12.5, 3.7, 430.0],
        [45.0, 10.5, 4.3, 9.0, 3.3, 400.0],
        [55.0, 6.7, 3.1, 5.0, 2.7, 400.0],
        [65.0, 3.2, 2.2, 2.6, 1.2, 400.0],
        [75.0, -0.4, 1.0, 0.9, 0.1, 400.0],
        [90.0, -1.7, 0.1, 0.6, 0.0, 400.0],
    ]
)
# Gaussian departures from the zonal mean: K at the surface, K of the main thermocline, then the place
# and the half widths (degrees).
_REGIONAL = (
    (1.2, 0.0, 2.0, 150.0, 12.0, 40.0),  # western Pacific warm pool
    (-3.8, 0.0, -1.0, 264.0, 5.0, 27.0),  # Pacific cold tongue
    (-1.8, 0.0, -2.0, 352.0, 5.0, 14.0),  # Atlantic cold tongue
    (-3.0, -1.0, -18.0, 284.0, 12.0, 9.0),  # Peru-Chile upwelling
    (-2.5, -1.0, 30.0, 240.0, 10.0, 9.0),  # California Current
    (-3.0, -1.0, -20.0, 10.0, 10.0, 8.0),  # Benguela
    (-2.0, -0.5, 22.0, 343.0, 10.0, 8.0),  # Canary Current
    (1.8, 2.0, 33.0, 140.0, 5.0, 22.0),  # Kuroshio
    (2.8, 3.0, 37.0, 298.0, 5.0, 18.0),  # Gulf Stream
    (4.0, 4.0, 57.0, 345.0, 11.0, 22.0),  # North Atlantic Current
    (3.2, 2.5, 70.0, 10.0, 6.0, 18.0),  # Norwegian Current
    (-4.0, -2.0, 52.0, 305.0, 6.0, 9.0),  # Labrador Current
    (-2.5, -1.5, 52.0, 158.0, 8.0, 18.0),  # Oyashio and subpolar Pacific
    (1.5, 0.5, -36.0, 25.0, 5.0, 12.0),  # Agulhas
)
# Depth (m) of the equatorial thermocline along longitude: deep in the west of each basin (periodic).
_EQUATORIAL_LON = (0, 10, 42, 95, 130, 165, 200, 240, 270, 284, 300, 320, 340)
_EQUATORIAL_THERMOCLINE = (60, 55, 105, 120, 160, 170, 145, 90, 50, 45, 120, 125, 90)
_COLD_TONGUE_CYCLE = (1.8, 0.0, 262.0, 6.0, 25.0)  # half-range K, lat, lon, half widths (degrees)
_WARMEST_DAY, _COLD_TONGUE_DAY = 238.0, 95.0  # day of the year, north / equatorial Pacific
_SEASONAL_DEPTH = 45.0  # m in which the annual wave fades to 1/e and lags by 1 radian


@dataclass(frozen=True, eq=False)
class OceanClimate:
    """Mean and annual harmonic of temperature, (depth, lat, lon), also under land.

    Attributes:
        mean: degC.
        cosine, sine: K, of the angle 2 pi (day of the year) / 365.
    """

    mean: Array
    cosine: Array
    sine: Array

    def at(self, day: float) -> Array:
        """(depth, lat, lon) degC on a day of the 365_day year, counted from 0.0."""
        angle = 2 * np.pi * day / 365.0
        return self.mean + np.cos(angle) * self.cosine + np.sin(angle) * self.sine


def climate(grid: Grid) -> OceanClimate:
    """Climatological temperature on the grid's cells, with thermocline and seasonal cycle."""
    surface, half_range, main, abyss, scale = (
        np.interp(grid.lat, _ZONAL[:, 0], column)[:, None] for column in _ZONAL.T[1:]
    )
    bumps = [(row[0], row[1], bump(grid, *row[2:])) for row in _REGIONAL]
    surface = np.maximum(surface + sum(warm * shape for warm, _, shape in bumps), FREEZING + 0.1)
    main = main + sum(deep * shape for _, deep, shape in bumps)
    z = grid.depth[:, None, None]
    thermocline = thermocline_depth(grid)
    width = 25.0 + 0.25 * thermocline
    step = np.tanh((z - thermocline) / width), np.tanh(-thermocline / width)
    upper = (surface - main) * (1 - step[0]) / (1 - step[1])
    mean = np.maximum(abyss + (main - abyss) * np.exp(-z / scale) + upper, FREEZING + 0.05)
    return OceanClimate(mean, *_annual_harmonic(grid, mean, half_range))


def thermocline_depth(grid: Grid) -> Array:
    """(lat, lon) m: depth of the steepest temperature gradient, tilted along the equator."""
    equatorial = np.interp(grid.lon % 360, _EQUATORIAL_LON, _EQUATORIAL_THERMOCLINE, period=360)
    near = np.exp(-np.square(grid.lat / 13.0))[:, None]
    return near * equatorial + (1 - near) * 110.0


def bump(grid: Grid, lat: float, lon: float, width_lat: float, width_lon: float) -> Array:
    """(lat, lon) Gaussian of height 1 around a place, half widths in degrees, periodic."""
    east = np.mod(grid.lon - lon + 180, 360) - 180
    north = grid.lat - lat
    return np.exp(-np.square(north / width_lat))[:, None] * np.exp(-np.square(east / width_lon))


def _annual_harmonic(grid: Grid, mean: Array, half_range: Array) -> tuple[Array, Array]:
    """The annual temperature wave of a diffusive ocean under a sinusoidal surface, damped by ice."""
    z = grid.depth[:, None, None]
    west = 1 + 0.35 * (bump(grid, 38, 140, 12, 30) + bump(grid, 40, 295, 12, 25))
    tongue = _COLD_TONGUE_CYCLE[0] * bump(grid, *_COLD_TONGUE_CYCLE[1:])
    cosine, sine = np.zeros(grid.shape), np.zeros(grid.shape)
    fading = np.exp(-z / _SEASONAL_DEPTH)
    room = mean - FREEZING  # the coldest season must not freeze
    for size, day in ((half_range * west, _WARMEST_DAY), (tongue, _COLD_TONGUE_DAY)):
        lag = 2 * np.pi * day / 365 + z / _SEASONAL_DEPTH
        cosine, sine = cosine + size * fading * np.cos(lag), sine + size * fading * np.sin(lag)
    limit = np.minimum(1.0, room / np.maximum(np.hypot(cosine, sine), 1e-9))
    return cosine * limit, sine * limit
