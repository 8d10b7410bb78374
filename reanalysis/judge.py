"""The finished files against the truth, window by window: no more than one window is in memory.

What is judged is what stands in the files, so that a resumed reanalysis has the same scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.observed_ocean import ObservedOcean
from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows, windows
from deepda.verification import REGIONS, heat_content, ocean_weights, region_weights
from deepda.verification.climate import RHO, SPECIFIC_HEAT
from reanalysis.restart import year_file

HEAT_DEPTH = 700.0  # m, or the bottom of a shallower grid
SUBSURFACE = 150.0  # m, near the thermocline
ZETTA = 1e21
SAMPLED = 4  # windows a year whose observations are counted


@dataclass(eq=False)
class Series:
    """Numbers of the truth or of the analysis, by window and by year.

    Attributes:
        layer: (window, depth) K, mean anomaly of each layer.
        nino34: (window) K.
        surface: (year, lat, lon) K, annual mean anomaly.
        upper: (year, lat, lon) K, annual mean anomaly of the water above HEAT_DEPTH.
    """

    layer: NDArray[np.float64]
    nino34: NDArray[np.float64]
    surface: NDArray[np.float32]
    upper: NDArray[np.float32]

    @classmethod
    def empty(cls, windows: int, years: int, shape: tuple[int, int, int]) -> Series:
        maps = (years, *shape[1:])
        return cls(
            np.zeros((windows, shape[0])),
            np.zeros(windows),
            np.zeros(maps, np.float32),
            np.zeros(maps, np.float32),
        )


@dataclass(eq=False)
class Record:
    """All that scores and report need.

    Attributes:
        grid, windows, years: what was analysed.
        truth, analysis: their numbers.
        square_error: by method, (window, depth) K2, volume-weighted mean.
        variance: (window, depth) K2, mean of the squared `thetao_stddev`.
        influence: (window, depth) 0..1, volume-weighted mean.
        nino34_stddev: (window) K, of the box mean if its errors are alike.
        spread_maps, influence_maps: year to (surface and SUBSURFACE level, lat, lon), annual means of
            the first and the last year.
        values: platform type to (year) number of observed values a window.
    """

    grid: Grid
    windows: Windows
    years: range
    truth: Series
    analysis: Series
    square_error: dict[str, NDArray[np.float64]]
    variance: NDArray[np.float64]
    influence: NDArray[np.float64]
    nino34_stddev: NDArray[np.float64]
    spread_maps: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    influence_maps: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    values: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def levels(self) -> tuple[int, int]:
        """Levels that maps are shown of: the surface, and the one nearest to SUBSURFACE."""
        return 0, int(np.argmin(np.abs(self.grid.depth - SUBSURFACE)))

    @property
    def heat_depth(self) -> float:
        """m, down to which heat is counted."""
        return min(HEAT_DEPTH, float(self.grid.depth_edges[-1]))

    def over_time(self, values: NDArray[Any]) -> xr.DataArray:
        """(window) values with their times."""
        return xr.DataArray(values, {"time": self.windows.middle.astype("datetime64[ns]")}, ("time",))

    def over_years(self, values: NDArray[Any], *dims: str) -> xr.DataArray:
        """(year, ...) values with the middle of the years as times."""
        middle = [np.datetime64(f"{year}-07-02", "ns") for year in self.years]
        return xr.DataArray(values, {"time": middle}, ("time", *dims))

    def heat(self, series: Series) -> xr.DataArray:
        """(time) heat content anomaly of the water above `heat_depth`, ZJ."""
        inside = np.clip(self.heat_depth - self.grid.depth_edges[:-1], 0, self.grid.thickness)
        volume = self.grid.volume.sum((1, 2)) * inside / self.grid.thickness
        return self.over_time(series.layer @ volume * (RHO * SPECIFIC_HEAT / ZETTA))

    def yearly(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(window, ...) to (year, ...): means."""
        return values.reshape(len(self.years), self.windows.per_year, *values.shape[1:]).mean(1)


def judge(
    space: StateSpace, ocean: ObservedOcean, folder: Path, years: range, progress: Progress
) -> Record | None:
    """Read the finished years of a folder beside the truth; None where the truth is not known.

    Args:
        space: climatology that anomalies are taken from.
        ocean: whose truth it is.
        folder: of the files.
        years: all of them finished.
    """
    span = windows(years[0], years[-1], space.climatology.per_year)
    if ocean.truth(span.start[0], span.end[0]) is None:
        return None
    record = _empty(space.grid, span, years)
    reader = _Reader(space, record)
    for year in progress.track(years, "Comparing with the truth", total=len(years)):
        reader.read_year(year, ocean, folder)
    return record


class _Reader:
    """Fills a record year by year."""

    def __init__(self, space: StateSpace, record: Record) -> None:
        grid = space.grid
        self.space, self.record = space, record
        volume = ocean_weights(grid).values
        self.weights = volume / np.maximum(volume.sum((1, 2), keepdims=True), 1)
        box = region_weights(grid, REGIONS["Niño 3.4"]).values[0]
        self.nino34 = box / box.sum()
        shape = (len(record.levels), *grid.shape[1:])
        self.spread, self.influence = np.zeros(shape), np.zeros(shape)

    def read_year(self, year: int, ocean: ObservedOcean, folder: Path) -> None:
        record, span = self.record, self.record.windows
        order = record.years.index(year)
        sums = np.zeros((2, *self.space.grid.shape))
        self.spread[:], self.influence[:] = 0, 0
        steps = span.of_year(year)
        with netCDF4.Dataset(year_file(folder, year, ocean.synthetic)) as file:
            for place, step in enumerate(steps):
                truth = ocean.truth(span.start[step], span.end[step])
                assert truth is not None
                sums += self._read_window(int(step), truth, fields_of(file, place))
        for series, total in zip((record.truth, record.analysis), sums / len(steps), strict=True):
            series.surface[order] = total[0]
            series.upper[order] = _upper_mean(total, self.space.grid, record.heat_depth)
        if year in (record.years[0], record.years[-1]):
            record.spread_maps[year] = (self.spread / len(steps)).astype(np.float32)
            record.influence_maps[year] = (self.influence / len(steps)).astype(np.float32)
        self._count(order, steps, ocean)

    def _read_window(
        self, step: int, truth: NDArray[np.float32], fields: Mapping[str, NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Note the numbers of a window; returns the anomalies of truth and analysis, zero on land."""
        record, ocean = self.record, self.space.grid.ocean
        normal = self.space.climatology.mean[record.windows.season[step]]
        both = np.stack([truth, fields["thetao"]]) - normal
        both = np.where(ocean, both, np.float32(0))
        stddev = np.where(ocean, fields["thetao_stddev"], np.float32(0))
        share = np.where(ocean, fields["thetao_observation_influence"], np.float32(0))
        for series, anomaly in zip((record.truth, record.analysis), both, strict=True):
            series.layer[step] = self._mean(anomaly)
            series.nino34[step] = (self.nino34 * anomaly[0]).sum()
        record.nino34_stddev[step] = (self.nino34 * stddev[0]).sum()
        record.square_error["analysis"][step] = self._mean((both[1] - both[0]) ** 2)
        record.square_error["climatology"][step] = self._mean(both[0] ** 2)
        record.variance[step] = self._mean(stddev**2)
        record.influence[step] = self._mean(share)
        self.spread += stddev[list(record.levels)]
        self.influence += share[list(record.levels)]
        return both

    def _mean(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """(depth) volume-weighted mean."""
        return np.einsum("lyx,lyx->l", self.weights, values)

    def _count(self, order: int, steps: NDArray[np.intp], ocean: ObservedOcean) -> None:
        record = self.record
        for step in steps[:: max(1, len(steps) // SAMPLED)][:SAMPLED]:
            table = ocean.table(record.windows.start[step], record.windows.end[step])
            for platform, count in table["platform_type"].value_counts().items():
                if count:
                    row = record.values.setdefault(str(platform), np.zeros(len(record.years)))
                    row[order] += count / SAMPLED


def _empty(grid: Grid, span: Windows, years: range) -> Record:
    by_depth = (len(span), grid.shape[0])
    return Record(
        grid,
        span,
        years,
        Series.empty(len(span), len(years), grid.shape),
        Series.empty(len(span), len(years), grid.shape),
        {"analysis": np.zeros(by_depth), "climatology": np.zeros(by_depth)},
        np.zeros(by_depth),
        np.zeros(by_depth),
        np.zeros(len(span)),
    )


def fields_of(file: netCDF4.Dataset, place: int) -> dict[str, NDArray[np.float32]]:
    """The fields of a window."""
    fields = {}
    for name in ("thetao", "thetao_stddev", "thetao_observation_influence"):
        variable = file[name]
        variable.set_auto_mask(False)
        fields[name] = variable[place]
    return fields


def _upper_mean(anomaly: NDArray[np.float64], grid: Grid, bottom: float) -> NDArray[np.float64]:
    """(lat, lon) K, mean anomaly of the water above `bottom`; NaN on land."""
    dims = ("depth", "lat", "lon")
    both = xr.DataArray(np.stack([anomaly, np.ones_like(anomaly)]), dims=("which", *dims))
    heat, capacity = heat_content(both, grid, bottom, min(float(grid.depth_edges[0]), bottom)).values
    return np.asarray(heat / capacity)
