"""The surface of a monthly reanalysis beside a monthly product of sea surface temperature."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda import Grid, open_reanalysis
from deepda.geometry.mesh import Regular
from deepda.geometry.regrid import remap
from deepda.output.climatology import CLIMATOLOGY

MONTHS = 12
Array = NDArray[np.float64]


class Surface(NamedTuple):
    """Sea surface temperature of the same months and cells, degC; NaN where one of both has none.

    Attributes:
        grid: cells of the analysis.
        years: whole ones.
        analysis: (month, lat, lon) uppermost layer.
        reference: (month, lat, lon) area means of the product.
        normal: (12, lat, lon) climatology that the analysis departs from.
    """

    grid: Grid
    years: range
    analysis: Array
    reference: Array
    normal: Array


def read_surface(folder: Path, product: Path) -> Surface:
    """The reanalysis in a folder, and the variable `sst` of a file.

    Raises:
        SystemExit: the reanalysis has no months, or the product lacks some of them.
    """
    with open_reanalysis(folder) as made, xr.open_dataset(folder / CLIMATOLOGY) as normal:
        grid, years = Grid.from_dataset(made), years_of(made)
        own = made["thetao"].isel(depth=0).to_numpy().astype(float)
        of_year = normal["thetao"].isel(depth=0).to_numpy().astype(float)
    other = _on_cells(product, grid, years)
    both = np.isfinite(other).all(axis=0) & grid.ocean[0]
    fields = (np.where(both, field, np.nan) for field in (own, other, of_year))
    return Surface(grid, years, *fields)


def years_of(made: xr.Dataset) -> range:
    """The years of a reanalysis in months.

    Raises:
        SystemExit: it has other windows, or a part of a year.
    """
    year = made["time"].dt.year.to_numpy()
    years = range(int(year[0]), int(year[-1]) + 1)
    if year.size != MONTHS * len(years):
        raise SystemExit(
            f"{year.size} windows of {len(years)} years found, expected whole years in months; give a "
            "reanalysis of a run with per_year=12"
        )
    return years


def _on_cells(product: Path, grid: Grid, years: range) -> Array:
    """(month, lat, lon) area means over the cells of a grid; NaN where some month has no value."""
    with xr.open_dataset(product) as file:
        sst = file["sst"].sel(time=slice(f"{years[0]}-01", f"{years[-1]}-12"))
        if sst.sizes["time"] != MONTHS * len(years):
            raise SystemExit(
                f"{product} has {sst.sizes['time']} months of {years[0]} to {years[-1]}, expected all "
                f"{MONTHS * len(years)}; give a product of these years"
            )
        cells = _cells(sst["lat"].to_numpy().astype(float), sst["lon"].to_numpy().astype(float))
        values = sst.transpose("time", "lat", "lon").to_numpy()
    return remap(cells, grid.lat_edges, grid.lon_edges).mean(values)[0]


def _cells(lat: Array, lon: Array) -> Regular:
    """Cells of equal size about their middles."""
    sides = [np.abs(np.diff(middle)).mean() * np.array([-0.5, 0.5]) for middle in (lat, lon)]
    bounds = [middle[:, None] + side for middle, side in zip((lat, lon), sides, strict=True)]
    return Regular(lat, lon, bounds[0].clip(-90, 90), bounds[1])
