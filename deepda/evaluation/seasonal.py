"""The seasonal cycle as harmonics of the year, fitted by sums that can be taken year by year."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.climatology import HARMONICS


def harmonic_basis(season: NDArray[np.intp], per_year: int) -> NDArray[np.float64]:
    """(term, time) dimensionless: 1, then cosine and sine of each harmonic at the middle of the windows.

    Over whole years they are orthogonal: the sum of basis x values over the number of windows,
    doubled but for the first, is the least-squares fit.
    """
    angle = 2 * np.pi * (np.asarray(season) + 0.5) / per_year
    waves = [wave(k * angle) for k in range(1, HARMONICS + 1) for wave in (np.cos, np.sin)]
    return np.stack([np.ones_like(angle), *waves])


def harmonics(thetao: xr.DataArray, season: NDArray[np.intp], per_year: int) -> xr.DataArray:
    """(term, ...) coefficients of `harmonic_basis`, in the units of `thetao`; missing stays missing.

    Args:
        thetao: (time, ...) whole years.
        season: (time) 0..per_year-1.
    """
    basis = xr.DataArray(harmonic_basis(season, per_year), dims=("term", "time"))
    twice = xr.DataArray(np.where(np.arange(basis.sizes["term"]) == 0, 1.0, 2.0), dims="term")
    total = xr.dot(basis, thetao.drop_vars("time", errors="ignore"), dim="time")
    return total * twice / thetao.sizes["time"]


def cycle_of(terms: xr.DataArray, season: NDArray[np.intp], per_year: int) -> xr.DataArray:
    """(time, ...) values of the fitted cycle in windows of the year, in its units."""
    basis = xr.DataArray(harmonic_basis(season, per_year), dims=("term", "time"))
    return xr.dot(basis, terms, dim="term").transpose("time", ...)


def annual_amplitude(terms: xr.DataArray) -> xr.DataArray:
    """(...) half the range of the annual harmonic, K."""
    square = terms.isel(term=1) ** 2 + terms.isel(term=2) ** 2
    return (square**0.5).assign_attrs(units="K")


def annual_phase(terms: xr.DataArray) -> xr.DataArray:
    """(...) when the annual harmonic is highest, months since 1 January in [0, 12)."""
    angle = xr.apply_ufunc(np.arctan2, terms.isel(term=2), terms.isel(term=1))
    return ((angle / (2 * np.pi) * 12) % 12).assign_attrs(units="month")
