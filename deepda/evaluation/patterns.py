"""Modes of variability: empirical orthogonal functions, and the indices that have names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from deepda.base.errors import EvaluationError
from deepda.geometry.grid import Grid
from deepda.verification import VerificationError, region_weights, weighted_mean
from deepda.verification.scores import Box

NINO_BOXES: Mapping[str, Box] = {  # Trenberth 1997, doi 10.1175/1520-0477(1997)078<2771:TDOENO>2.0.CO;2
    "Niño 1+2": Box(-10, 0, 270, 280),
    "Niño 3": Box(-5, 5, 210, 270),
    "Niño 3.4": Box(-5, 5, 190, 240),
    "Niño 4": Box(-5, 5, 160, 210),
}
WEST_INDIAN = Box(-10, 10, 50, 70)  # Saji et al. 1999, doi 10.1038/43854
EAST_INDIAN = Box(-10, 0, 90, 110)
NORTH_ATLANTIC = Box(0, 60, 280, 360)  # Trenberth and Shea 2006, doi 10.1029/2006GL026894
WORLD = Box(-60, 60, 0, 360)
NORTH_PACIFIC = Box(20, 70, 110, 260)  # Mantua et al. 1997: leading EOF poleward of 20 N
TROPICAL_PACIFIC = Box(-20, 20, 120, 290)
INDICES = (*NINO_BOXES, "IOD", "AMO", "PDO")


class Modes(NamedTuple):
    """Leading empirical orthogonal functions.

    Attributes:
        pattern: (mode, lat, lon) in the units of the field, for one standard deviation of the series.
        series: (mode, time) standardised.
        share: (mode) part of the variance, 0..1.
    """

    pattern: xr.DataArray
    series: xr.DataArray
    share: xr.DataArray


def leading_modes(field: xr.DataArray, weights: xr.DataArray, number: int) -> Modes:
    """Leading EOFs of a field weighted by area; signs are such that a pattern's mean is not negative.

    Solved in time (n x n), so that any number of cells will do.

    Args:
        field: (time, lat, lon) anomalies.
        weights: (lat, lon) area; zero where the field must not count.

    Raises:
        EvaluationError: fewer times than modes, or no variance.
    """
    if field.sizes["time"] <= number:
        raise EvaluationError(f"{field.sizes['time']} times found, {number} modes need more of them")
    used = weights.values > 0
    root = np.sqrt(weights.values[used] / weights.values[used].sum())
    values = np.asarray(field.values[:, used], float)
    values = (values - values.mean(axis=0)) * root
    power, vectors = np.linalg.eigh(values @ values.T / len(values))
    if not power[-1] > 0:
        raise EvaluationError("found a field that does not vary, expected anomalies; check the variable")
    series = vectors[:, ::-1][:, :number].T * np.sqrt(len(values))
    maps = np.full((number, *used.shape), np.nan)
    maps[:, used] = series @ values / len(values) / root
    sign = np.where(np.nansum(maps * weights.values, axis=(1, 2)) < 0, -1.0, 1.0)
    numbers = np.arange(1, number + 1)
    place = {name: field[name] for name in ("lat", "lon")}
    return Modes(
        xr.DataArray(
            maps * sign[:, None, None], {"mode": numbers, **place}, ("mode", "lat", "lon"),
            attrs=field.attrs,
        ),
        xr.DataArray(
            series * sign[:, None], {"mode": numbers, "time": field["time"]}, ("mode", "time"),
            attrs={"units": "1"},
        ),
        xr.DataArray(power[::-1][:number] / power.sum(), {"mode": numbers}, ("mode",)),
    )  # fmt: skip


def aligned(modes: Modes, other: Modes, weights: xr.DataArray) -> Modes:
    """`modes` with the signs that make their patterns correlate positively with those of `other`."""
    product = (modes.pattern * other.pattern * weights).sum(("lat", "lon"))
    sign = xr.where(product < 0, -1.0, 1.0)
    return Modes(modes.pattern * sign, modes.series * sign, modes.share)


def pattern_correlation(one: xr.DataArray, other: xr.DataArray, weights: xr.DataArray) -> float:
    """Uncentred, area-weighted, -1..1, of two patterns (lat, lon), where both have values."""
    both = weights.where(np.isfinite(one) & np.isfinite(other), 0.0)

    def product(left: xr.DataArray, right: xr.DataArray) -> float:
        return float((left.fillna(0.0) * right.fillna(0.0) * both).sum())

    return product(one, other) / np.sqrt(product(one, one) * product(other, other))


def box_mean(surface: xr.DataArray, grid: Grid, box: Box) -> xr.DataArray:
    """(time) area mean of a surface field (time, lat, lon), in its units; cells cut by the box by area.

    Raises:
        VerificationError: no ocean in the box.
    """
    return weighted_mean(surface, region_weights(grid, box).isel(depth=0), ("time",))


def indices(surface: xr.DataArray, grid: Grid) -> dict[str, xr.DataArray]:
    """Named indices (time) of surface anomalies (time, lat, lon) in K; what has no ocean is left out.

    Niño boxes; IOD: western less south-eastern Indian Ocean; AMO: North Atlantic less 60S-60N, not
    smoothed; PDO: series of the leading EOF of the North Pacific less the world's mean, dimensionless,
    positive when the eastern tropical Pacific is warm.
    """
    found = {}
    for name in INDICES:
        try:
            found[name] = _index(name, surface, grid)
        except VerificationError:
            continue  # a grid without that sea
    return found


def _index(name: str, surface: xr.DataArray, grid: Grid) -> xr.DataArray:
    if name == "IOD":
        return box_mean(surface, grid, WEST_INDIAN) - box_mean(surface, grid, EAST_INDIAN)
    if name == "AMO":
        return box_mean(surface, grid, NORTH_ATLANTIC) - box_mean(surface, grid, WORLD)
    if name == "PDO":
        return decadal_modes(surface, grid).series.isel(mode=0, drop=True)
    return box_mean(surface, grid, NINO_BOXES[name])


def decadal_modes(surface: xr.DataArray, grid: Grid) -> Modes:
    """Leading EOF of the North Pacific, the world's mean removed: the PDO.

    Its sign is that of its correlation with Niño 3.4.
    """
    weights = region_weights(grid, NORTH_PACIFIC).isel(depth=0)
    modes = leading_modes(surface - box_mean(surface, grid, WORLD), weights, 1)
    nino = box_mean(surface, grid, NINO_BOXES["Niño 3.4"])
    sign = xr.where(xr.dot(modes.series, nino - nino.mean(), dim="time") < 0, -1.0, 1.0)
    return Modes(modes.pattern * sign, modes.series * sign, modes.share)
