"""The embedded ocean, put together for one grid: operators, noise and patterns on its columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from deepda.geometry.grid import Grid
from deepda.geometry.windows import MONTHS, PENTADS
from osse.ocean.climate import climate
from osse.ocean.dynamics import (
    STEP,
    advection_diffusion,
    column_exchange,
    columns,
    currents,
    rossby_shift,
    rossby_speed,
    smoothing,
)
from osse.ocean.el_nino import patterns
from osse.ocean.forcing import (
    distant_flux,
    eddy_strength,
    mixed_layer,
    mode_shapes,
    stirring,
    water_mass_amplitude,
    weather_flux,
)

Array = NDArray[np.float64]
Field = NDArray[np.float32]
Mask = NDArray[np.bool_]

DAYS = STEP / 86_400
HEAT_CAPACITY = 4.1e6  # J/m3/K, sea water
FREEZING_POINT = -1.9  # degC: no water is colder, whatever the weather
ICE_MARGIN, UNDER_ICE = 4.0, 0.15  # K above freezing where the noise is whole; its share under ice
FEEDBACK = 30.0  # W/m2/K, air-sea heat flux feedback (Frankignoul and Kestenare 2002: 10-35)
MEMORY, MEMORY_GROWTH = 250.0, 1.8  # days at the surface, days a metre: damping below the weather
WEATHER_LENGTH, WIND_LENGTH, WATER_MASS_LENGTH = 1.0e6, 1.1e6, 1.1e6  # m, correlation
HEAT_DIFFUSIVITY, HEAVE_DIFFUSIVITY = 1500.0, 800.0  # m2/s
MIXED, QUIET = 1.5e-2, 2.0e-5  # m2/s, vertical diffusivity in and below the mixed layer
SHALLOWEST_HEAVE = 200.0  # m: columns less deep than this have no thermocline to heave
CARRIED_DEPTH = 400.0  # m: the currents there carry the displaced thermocline
MODE_SPEED = (1.0, 0.33)  # of the first mode's Rossby speed
MODE_DAMPING = (1 / 1100, 1 / 700)  # 1/day
WIND_HEAVE, EDDY_HEAVE = (1.3, 1.0), (2.6, 2.0)  # m a pentad: everywhere / where eddies are strongest


@dataclass(frozen=True, eq=False)
class Physics:
    """Everything that does not change in time. C columns, L layers, M modes; see `assemble`."""

    climate: Field  # (season, L, C) degC
    heat: sparse.csr_array  # (L C, L C) one step of currents and diffusion
    exchange: Field  # (month, L, L, C) one step of vertical mixing and damping
    heave: tuple[sparse.csr_array, ...]  # (C, C) a mode
    heave_heat: Field  # (M, L, C) K/m
    el_nino: Field  # (2, L, C) K a K of (T, h)
    distant_flux: Field  # (C) K a pentad and K of T
    weather: sparse.csr_array  # (C, node)
    weather_amplitude: Field  # (season, C) K a pentad in the top layer
    wind: sparse.csr_array  # (C, node)
    wind_heave: Field  # (M, C) m a pentad
    eddy_heave: Field  # (M, C) m a pentad
    stirring: Field  # (L, C) K a pentad, in step with the eddies of the first mode
    water_mass: sparse.csr_array  # (C, node)
    water_mass_amplitude: Field  # (L, depth of WATER_MASS_DEPTHS)
    liveliness: Field  # (C) share of the noise below ice, 1 in open water


def assemble(grid: Grid) -> Physics:
    """Everything the embedded ocean needs on this grid and its mask."""
    chosen = columns(grid)

    def column(field: Array) -> Field:
        return field.reshape(*field.shape[:-2], -1)[..., chosen].astype(np.float32)

    mean = climate(grid)
    days = (np.arange(PENTADS, dtype=np.float64) + 0.5) * DAYS
    gradient = -np.gradient(mean.mean, grid.depth, axis=0)
    ice = np.clip((mean.mean[0] - FREEZING_POINT) / ICE_MARGIN, UNDER_ICE, 1.0)
    east, north = currents(grid)
    deep = grid.ocean[min(int(np.searchsorted(grid.depth, SHALLOWEST_HEAVE)), grid.shape[0] - 1)]
    top = STEP / (HEAT_CAPACITY * grid.thickness[0])
    layers = [
        advection_diffusion(grid, wet, eastward, northward, HEAT_DIFFUSIVITY)
        for wet, eastward, northward in zip(grid.ocean, east, north, strict=True)
    ]
    return Physics(
        climate=np.stack([column(mean.at(day)) for day in days]),
        heat=sparse.block_diag(layers, format="csr", dtype=np.float32),
        exchange=_exchange(grid),
        heave=_heave(grid, deep, east, north),
        heave_heat=column(mode_shapes(grid) * gradient * deep),
        el_nino=column(np.stack(patterns(grid, gradient))),
        distant_flux=column(distant_flux(grid) * top),
        weather=smoothing(grid, WEATHER_LENGTH),
        weather_amplitude=column(weather_flux(grid, days) * ice * top),
        wind=smoothing(grid, WIND_LENGTH),
        wind_heave=column(_per_mode(WIND_HEAVE) * ice * deep),
        eddy_heave=column(_per_mode(EDDY_HEAVE) * eddy_strength(grid) * deep),
        stirring=column(stirring(grid, mean.mean) * ice * grid.ocean),
        water_mass=smoothing(grid, WATER_MASS_LENGTH),
        water_mass_amplitude=water_mass_amplitude(grid),
        liveliness=column(ice),
    )


def _exchange(grid: Grid) -> Field:
    """(month, L, L, C): the mixed layer is deep in winter, and the atmosphere damps its top."""
    wet = grid.ocean.reshape(grid.shape[0], -1)[:, columns(grid)]
    between = grid.depth_edges[1:-1, None]
    fading = 1 / ((MEMORY + MEMORY_GROWTH * grid.depth) * 86_400)
    damping = np.repeat(fading[:, None], wet.shape[1], axis=1)
    damping[0] += FEEDBACK / (HEAT_CAPACITY * grid.thickness[0])
    months = []
    for month in range(MONTHS):
        depth = np.repeat(mixed_layer(grid.lat, (month + 0.5) * 365 / 12), grid.lon.size)[columns(grid)]
        mixing = QUIET + MIXED * 0.5 * (1 - np.tanh((between - depth) / (0.2 * depth)))
        months.append(column_exchange(grid.thickness, wet, mixing, damping))
    return np.stack(months)


def _heave(grid: Grid, deep: Mask, east: Array, north: Array) -> tuple[sparse.csr_array, ...]:
    level = int(np.abs(grid.depth - CARRIED_DEPTH).argmin())
    carried = advection_diffusion(grid, deep, east[level], north[level], HEAVE_DIFFUSIVITY)
    return tuple(
        (np.exp(-rate * DAYS) * carried @ rossby_shift(grid, deep, share * rossby_speed(grid.lat)))
        .astype(np.float32)
        .tocsr()
        for share, rate in zip(MODE_SPEED, MODE_DAMPING, strict=True)
    )


def _per_mode(sizes: tuple[float, ...]) -> Array:
    return np.array(sizes)[:, None, None]
