"""Where and how strongly the embedded ocean is disturbed: maps, profiles and the warming.

Amplitudes are standard deviations of 5-day noise. Places are (size, lat, lon, half widths in degrees).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS
from osse.ocean.climate import bump

Array = NDArray[np.float64]
Field = NDArray[np.float32]

WATER_MASS_DEPTHS = (40.0, 150.0, 350.0, 700.0)  # m: noise is independent at these, interpolated between
WATER_MASS_NOISE = (0.03, 0.036, 0.022, 0.009)  # K a pentad
STIRRING_LENGTH = 2.5e4  # m that an eddy of strength 1 carries water across the mean gradient a pentad
WARMING_DEPTH = 350.0  # m, e-folding depth of the warming (Levitus et al. 2012: most of it above 700 m)


def mixed_layer(lat: Array, day: float) -> Array:
    """(lat) m: 30 m in summer, up to 130 m at 47 degrees in late winter.

    Rounded from de Boyer Montegut et al. (2004, J. Geophys. Res. 109, C12003).
    """
    winter = 0.5 * (1 + np.sign(lat) * np.cos(2 * np.pi * (day - 60) / 365))
    return 30 + 100 * np.square(winter) * np.exp(-np.square((np.abs(lat) - 47) / 20))


def weather_flux(grid: Grid, days: Array) -> Array:
    """(season, lat, lon) W/m2 into the mixed layer in 5-day means, strongest in winter storms.

    Air-sea heat flux, and in its name what winds do beside it (Ekman transport, entrainment): hence
    about half as much again as observed fluxes.
    """
    zonal = np.interp(np.abs(grid.lat), (0, 10, 25, 40, 50, 60, 90), (68, 70, 92, 135, 135, 105, 70))
    storms = 1 + 0.4 * (bump(grid, 38, 150, 8, 25) + bump(grid, 40, 302, 8, 20))
    winter = np.sign(grid.lat) * np.cos(2 * np.pi * (days[:, None] - 25) / 365)
    season = 1 + 0.4 * winter * np.clip(np.abs(grid.lat) / 30, 0, 1)
    return season[:, :, None] * zonal[:, None] * storms


def distant_flux(grid: Grid) -> Array:
    """(lat, lon) W/m2 a K of El Niño: the atmospheric bridge (Alexander et al. 2002, J. Climate 15)."""
    places = (
        (7.0, -2.0, 70.0, 15.0, 22.0),  # Indian Ocean basin
        (-10.0, 38.0, 188.0, 9.0, 25.0),  # central North Pacific
        (9.0, 45.0, 228.0, 16.0, 12.0),  # along North America
        (7.0, 14.0, 315.0, 9.0, 25.0),  # tropical North Atlantic
        (-6.0, -38.0, 205.0, 10.0, 25.0),  # South Pacific
    )
    return np.asarray(sum(size * bump(grid, *place) for size, *place in places))


def eddy_strength(grid: Grid) -> Array:
    """(lat, lon) 0..1: Kuroshio, Gulf Stream, Agulhas, Brazil-Malvinas, East Australia, Circumpolar."""
    places = ((36, 152, 6, 20), (38, 302, 6, 18), (-40, 25, 6, 22), (-41, 307, 7, 10), (-30, 158, 8, 8))
    field = 0.12 + 0.45 * np.exp(-np.square((grid.lat + 50) / 7))[:, None]
    return np.minimum(field + sum(0.9 * bump(grid, *place) for place in places), 1.0)


def stirring(grid: Grid, mean: Array) -> Array:
    """(depth, lat, lon) K: what eddies carry across the horizontal gradient of the mean temperature."""
    south_north = np.gradient(mean, np.deg2rad(grid.lat), axis=1)
    step = np.deg2rad(np.mod(np.roll(grid.lon, -1) - np.roll(grid.lon, 1), 360))
    circle = np.maximum(np.cos(np.deg2rad(grid.lat)), 0.1)[:, None]
    west_east = (np.roll(mean, -1, axis=2) - np.roll(mean, 1, axis=2)) / step / circle
    gradient = np.hypot(south_north, west_east) / EARTH_RADIUS
    return STIRRING_LENGTH * gradient * eddy_strength(grid) * np.exp(-grid.depth / 500)[:, None, None]


def mode_shapes(grid: Grid) -> Array:
    """(mode, depth, 1, 1): displacement of each mode, zero at the surface; the second turns at 300 m."""
    first = 1 - np.exp(-grid.depth / 100)
    second = (1 - np.exp(-grid.depth / 60)) * (300 - grid.depth) / (300 + grid.depth)
    return np.stack([first, second])[:, :, None, None]


def water_mass_amplitude(grid: Grid) -> Field:
    """(depth, WATER_MASS_DEPTHS) K that a unit of noise at each of those depths gives a layer."""
    weights = [np.interp(grid.depth, WATER_MASS_DEPTHS, row) for row in np.eye(len(WATER_MASS_DEPTHS))]
    unit = np.array(weights).T
    unit /= np.sqrt(np.square(unit).sum(axis=1, keepdims=True))
    size = np.interp(grid.depth, WATER_MASS_DEPTHS, WATER_MASS_NOISE)
    size[grid.depth < WATER_MASS_DEPTHS[0] / 2] = 0.0  # there the weather rules
    return (unit * size[:, None]).astype(np.float32)


def warming_pattern(grid: Grid) -> Array:
    """(depth, lat, lon): 1 in the mean over the sea surface, fading with depth.

    More in the western boundary currents, less in the far south, the subpolar Atlantic and the
    eastern Pacific, as observed since 1980 (e.g. IPCC 2021, chapter 9).
    """
    field = 1 + 0.5 * bump(grid, 38, 150, 14, 40) + 0.4 * bump(grid, 40, 295, 10, 20)
    field = field - 0.9 * bump(grid, 55, 325, 9, 18) - 0.35 * bump(grid, -5, 255, 14, 40)
    field = field - 0.5 * np.exp(-np.square((grid.lat + 62) / 11))[:, None]
    surface = grid.area * grid.ocean[0]
    field = field * surface.sum() / (surface * field).sum()
    return np.exp(-(grid.depth - grid.depth[0]) / WARMING_DEPTH)[:, None, None] * field
