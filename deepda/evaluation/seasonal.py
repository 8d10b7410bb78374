"""The seasonal cycle as harmonics of the year, fitted by sums that can be taken year by year."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.climatology.seasonal import harmonic_basis


def fit_weights(per_year: int, years: int) -> NDArray[np.float64]:
    """(term, time) weights whose sum with the values of whole years is the fit of `harmonic_basis`.

    A straight line is fitted with the cycle of all windows and only the cycle is kept: the rise of a
    trend within the year would pass for a season, and anomalies would climb in steps every January.
    """
    basis = harmonic_basis(np.arange(per_year), per_year)
    basis[1:] *= 2.0
    year = np.repeat(np.arange(years) - (years - 1) / 2, per_year)
    slope = year / max(float((year**2).sum()), 1e-30)  # per year, from equal windows of all years
    within = (np.arange(per_year) + 0.5) / per_year - 0.5
    leak = basis @ within / per_year
    return np.tile(basis, years) / (per_year * years) - leak[:, None] * slope


def annual_amplitude(terms: xr.DataArray) -> xr.DataArray:
    """(...) half the range of the annual harmonic, K."""
    square = terms.isel(term=1) ** 2 + terms.isel(term=2) ** 2
    return (square**0.5).assign_attrs(units="K")


def annual_phase(terms: xr.DataArray) -> xr.DataArray:
    """(...) when the annual harmonic is highest, months since 1 January in [0, 12)."""
    angle = xr.apply_ufunc(np.arctan2, terms.isel(term=2), terms.isel(term=1))
    return ((angle / (2 * np.pi) * 12) % 12).assign_attrs(units="month")
