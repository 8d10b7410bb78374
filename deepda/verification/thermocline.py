"""The thermocline: the depth of an isotherm, and the level that shows it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.geometry.grid import Grid

ISOTHERM = 20.0  # degC, amid the thermocline of the tropics
SUBSURFACE = 150.0  # m, near the thermocline


def levels_shown(grid: Grid) -> tuple[int, ...]:
    """Levels that maps are shown of: the surface, and the one nearest to SUBSURFACE if another one."""
    return tuple(sorted({0, int(np.argmin(np.abs(grid.depth - SUBSURFACE)))}))


def isotherm_depth(thetao: xr.DataArray) -> xr.DataArray:
    """(...) depth, m down, where water first gets colder than ISOTHERM, linear between levels.

    NaN where the uppermost level is colder already, or no level is; of one level alone everywhere.

    Args:
        thetao: (..., depth, ...) degC; NaN on land, `depth` in m from the top.
    """
    depth = thetao["depth"].values.astype(float)
    found = xr.apply_ufunc(
        _crossing,
        thetao,
        input_core_dims=[["depth"]],
        kwargs={"depth": depth},
    )
    return found.assign_attrs(units="m", positive="down")


def _crossing(values: NDArray[np.floating], depth: NDArray[np.float64]) -> NDArray:
    if depth.size == 1:
        return np.full(values.shape[:-1], np.nan)
    cold = values < ISOTHERM
    below = np.argmax(cold, axis=-1)
    known = cold.any(axis=-1) & (below > 0)
    below = np.maximum(below, 1)
    lower = np.take_along_axis(values, below[..., None], -1)[..., 0].astype(float)
    upper = np.take_along_axis(values, below[..., None] - 1, -1)[..., 0].astype(float)
    drop = np.where(known, upper - lower, 1.0)
    share = (upper - ISOTHERM) / drop
    return np.where(known, depth[below - 1] + share * (depth[below] - depth[below - 1]), np.nan)
