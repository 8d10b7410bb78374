"""Trends of a monthly reanalysis of real observations, by cell: tables, and a picture.

    python benchmarks/real_trends.py runs/real --sst ersst.nc trends.png

Of annual means, K a decade, with 95 % intervals that allow for autocorrelation. The sea surface is
compared over the cells and months of a product of sea surface temperature.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from real_surface import MONTHS, Surface, read_surface, years_of
from table_text import BUT_FIRST, as_table

from deepda import Grid, open_reanalysis
from deepda.figures import save
from deepda.figures.maps import Panel, map_panels
from deepda.verification import Trend, heat_content, region_weights, trend, weighted_mean
from deepda.verification.basins import basin_weights
from deepda.verification.scores import REGIONS

DEPTHS = (100.0, 700.0)  # m, down to which water is averaged
BANDS = ("global", "tropics", "northern extratropics", "southern extratropics")
LIMITS = (-0.4, 0.4)  # K a decade, of all maps
Array = NDArray[np.float64]


def yearly(values: Array, years: range) -> xr.DataArray:
    """(time, lat, lon) annual means of (month, lat, lon)."""
    means = values.reshape(len(years), MONTHS, *values.shape[1:]).mean(axis=1)
    middle = [np.datetime64(f"{year}-07-02", "ns") for year in years]
    return xr.DataArray(means, {"time": middle}, ("time", "lat", "lon"))


def upper_means(folder: Path) -> tuple[Grid, dict[float, xr.DataArray]]:
    """(time, lat, lon) annual mean anomaly of the water above each of DEPTHS; NaN on land."""
    with open_reanalysis(folder) as made:
        grid, years = Grid.from_dataset(made), years_of(made)
        monthly = made["anomaly"].to_numpy().reshape(len(years), MONTHS, *grid.shape)
    annual = np.where(grid.ocean, monthly.mean(axis=1, dtype=float), np.nan)
    middle = [np.datetime64(f"{year}-07-02", "ns") for year in years]
    field = xr.DataArray(annual, {"time": middle}, ("time", "depth", "lat", "lon"))
    ones = xr.ones_like(field.isel(time=0, drop=True))
    return grid, {
        bottom: heat_content(field, grid, bottom) / heat_content(ones, grid, bottom) for bottom in DEPTHS
    }


def areas(grid: Grid) -> Iterator[tuple[str, xr.DataArray]]:
    """Names of regions and their (lat, lon) weights at the surface: bands of latitude, then basins."""
    for name in BANDS:
        yield name, region_weights(grid, REGIONS[name]).isel(depth=0, drop=True).reset_coords(drop=True)
    basins = basin_weights(grid).isel(depth=0, drop=True)
    for name in basins["region"].values[1:]:
        yield f"{name} Ocean", basins.sel(region=name, drop=True).reset_coords(drop=True)


def seen(field: xr.DataArray, weights: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """A field with zeros and weights without the cells that have no value, on bare dimensions."""
    known = np.isfinite(field.isel(time=0, drop=True) if "time" in field.dims else field)
    share = xr.DataArray(np.where(known, weights.values, 0.0), dims=("lat", "lon"))
    return field.where(known, 0.0), share


def mean_trend(field: xr.DataArray, weights: xr.DataArray) -> Trend:
    """Trend of the area mean of (time, lat, lon)."""
    return trend(weighted_mean(*seen(field, weights), ("time",)))


def alike(one: Array, other: Array, weights: Array) -> tuple[float, float]:
    """Pattern correlation (centred) and root mean square difference of two maps, weighted by area."""
    known = np.isfinite(one) & np.isfinite(other) & (weights > 0)
    a, b, w = one[known], other[known], weights[known] / weights[known].sum()
    covariance = np.cov(a, b, aweights=w, ddof=0)
    difference = float(np.sqrt(w @ (a - b) ** 2))
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])), difference


def print_trends(folder: Path, surface: Surface) -> None:
    """Two tables: the sea surface beside the product, and the water below."""
    years = surface.years
    ours, theirs = (yearly(field, years) for field in (surface.analysis, surface.reference))
    maps = [trend(field).slope.values for field in (ours, theirs)]
    rows = [[f"sea surface, {years[0]}-{years[-1]}", "trend, analysis", "trend, product",
             "pattern correlation", "RMS difference"]]  # fmt: skip
    for name, weights in areas(surface.grid):
        both = (words(mean_trend(field, weights)) for field in (ours, theirs))
        correlation, difference = alike(*maps, weights.values)
        rows.append([name, *both, f"{correlation:.3f}", f"{difference:.3f}"])
    print("\n" + as_table(rows, right=BUT_FIRST))
    grid, layers = upper_means(folder)
    rows = [["water below"]]
    for bottom in DEPTHS:
        rows[0] += [f"trend, 0-{bottom:.0f} m", "share of the area, clear of zero"]
    found = {bottom: trend(field) for bottom, field in layers.items()}
    for name, weights in areas(grid):
        cells = []
        for bottom, field in layers.items():
            sure = xr.DataArray(clear(found[bottom]).astype(float), dims=("lat", "lon"))
            sure = sure.where(np.isfinite(field.isel(time=0, drop=True)))
            share = float(weighted_mean(*seen(sure, weights), ()))
            cells += [words(mean_trend(field, weights)), f"{100 * share:.0f} %"]
        rows.append([name, *cells])
    print("\n" + as_table(rows, right=BUT_FIRST))


def clear(found: Trend) -> NDArray[np.bool_]:
    """(lat, lon) where the interval of a trend does not hold zero."""
    return np.abs(found.slope.values) > found.half_width.values


def words(found: Trend) -> str:
    """Slope and half of its interval."""
    half = float(found.half_width)
    return f"{float(found.slope):.3f}" + (f" ± {half:.3f}" if np.isfinite(half) else "")


def picture(folder: Path, surface: Surface, product: str, path: Path) -> None:
    """Maps of the product, of the surface of the analysis, and of the water below."""
    fields = {product: surface.reference, "Analysis, sea surface": surface.analysis}
    found = {name: trend(yearly(field, surface.years)) for name, field in fields.items()}
    grid, layers = upper_means(folder)
    found |= {f"Analysis, 0-{bottom:.0f} m": trend(field) for bottom, field in layers.items()}
    panels = [
        Panel(one.slope.values, "trend", name, LIMITS, grid.ocean[0] & ~clear(one))
        for name, one in found.items()
    ]
    save(map_panels(panels, grid, columns=2), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--sst", type=Path, required=True, help="NetCDF file with monthly `sst`")
    parser.add_argument("--name", default="ERSSTv5", help="of that product, for the picture")
    given = parser.parse_args()
    surface = read_surface(given.folder, given.sst)
    picture(given.folder, surface, f"{given.name}, sea surface", given.picture)


if __name__ == "__main__":
    main()
