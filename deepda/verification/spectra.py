"""Variance by wavelength along latitude circles, on unbroken stretches of ocean."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import detrend
from scipy.signal.windows import hann

from deepda.geometry.grid import Grid
from deepda.verification.guards import VerificationError

FARTHEST = 60.0  # degrees from the equator: rows whose centre lies further are not used


def zonal_spectrum(field: xr.DataArray, grid: Grid, length: int) -> xr.DataArray:
    """(depth, wavenumber) power spectral density, (units of the field)^2 per (cycle per degree).

    Stretches of `length` neighbouring ocean cells between 60 S and 60 N, each overlapping the next by
    half, are detrended, tapered (Hann) and transformed; their periodograms are averaged over times
    and stretches, each latitude weighted by the area of its cells. Which stretches are used depends on
    the mask only, so that spectra of truth and analysis compare. Scaled so that the sum over
    wavenumbers times their distance is the variance, less what the mean and trend of a stretch hold.

    Args:
        field: (time, depth, lat, lon) anomalies.
        grid: its cells; longitudes must be uniform.
        length: cells a stretch.

    Raises:
        VerificationError: uneven longitudes, or no stretch that long at any level.
    """
    widths = np.diff(grid.lon_edges)
    if np.ptp(widths) > 1e-6 * widths.mean():
        raise VerificationError(
            f"cells are {widths.min():g} to {widths.max():g} degrees wide, expected one width; "
            "remap first"
        )
    rows = np.flatnonzero(np.abs(grid.lat) <= FARTHEST)
    values = field.transpose("time", "depth", "lat", "lon").values
    levels = [
        _level_spectrum(values[:, level], grid, level, rows, length) for level in range(grid.shape[0])
    ]
    if all(np.isnan(level).all() for level in levels):
        raise VerificationError(
            f"no {length} neighbouring ocean cells in a row; ask for a shorter length"
        )
    wavenumber = np.fft.rfftfreq(length, widths.mean())[1:]
    return xr.DataArray(
        np.stack(levels),
        {"depth": grid.depth, "wavenumber": ("wavenumber", wavenumber, {"units": "cycles per degree"})},
        ("depth", "wavenumber"),
        attrs={"units": "K2 / (cycles per degree)"},
    )


def ocean_stretches(ocean: NDArray[np.bool_], length: int) -> NDArray[np.intp]:
    """(stretch, length) longitude indices of ocean stretches of one row; they may cross its seam."""
    size = ocean.size
    if ocean.all():
        starts = np.arange(0, size, length // 2)
    else:
        first_land = int(np.argmin(ocean))
        water = np.roll(ocean, -first_land)  # begins with land: no run crosses the new seam
        edges = np.flatnonzero(np.diff(np.append(water, False).astype(int)))
        runs = zip(edges[::2] + 1, edges[1::2] + 1, strict=True)
        found = [range(begin, end - length + 1, length // 2) for begin, end in runs]
        starts = first_land + np.array([start for run in found for start in run], int)
    if length > size:
        return np.empty((0, length), int)
    return (starts[:, None] + np.arange(length)[None, :]) % size


def _level_spectrum(
    values: NDArray[np.floating], grid: Grid, level: int, rows: NDArray[np.intp], length: int
) -> NDArray[np.float64]:
    taper = hann(length, sym=False)
    width = np.diff(grid.lon_edges).mean()
    scale = 2.0 * width / np.sum(taper**2)  # two sides of the spectrum; taper's loss made good
    total, weight = np.zeros(length // 2), 0.0
    for row in rows:
        places = ocean_stretches(grid.ocean[level, row], length)
        if not len(places):
            continue
        pieces = detrend(values[:, row][:, places].astype(float), axis=-1)
        power = np.abs(np.fft.rfft(pieces * taper, axis=-1)[..., 1:]) ** 2 * scale
        if length % 2 == 0:
            power[..., -1] /= 2.0  # the highest wavenumber of an even length stands once
        area = grid.area[row, 0] * len(places)
        total += area * power.mean(axis=(0, 1))
        weight += area
    return total / weight if weight else np.full(length // 2, np.nan)
