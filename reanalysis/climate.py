"""The climate of a reanalysis whose truth nobody knows: indices, means and uncertainty from its files.

One window is in memory. Series are anomalies from the climatology of the observations; against a
reference both are taken from their own mean season of the years they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.feedback import feedback_files
from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows, windows
from deepda.verification import REGIONS, Trend, ocean_weights, region_weights, trend
from reanalysis.judge import fields_of
from reanalysis.references import DEEP, NINO34, SURFACE, UPPER
from reanalysis.restart import year_file

Array = NDArray[np.float64]
TOPS = {UPPER: 100.0, DEEP: 700.0}  # m
EVENTS = (1982, 1997, 2015)  # El Niño: December of these years to the February after it
FEWEST = 3  # independent values: with fewer an interval says nothing
MAPPED = 155.0  # m, near the thermocline of the central Pacific


@dataclass(eq=False)
class Climate:
    """What the files of a reanalysis say.

    Attributes:
        grid, windows, years: what was analysed.
        series: key to (window) K, anomalies.
        nino34_stddev: (window) K, of the box mean if its errors are alike.
        spread: (window, depth) K, root of the volume-weighted mean of `thetao_stddev` squared.
        influence: (window, depth) 0..1, volume-weighted mean.
        events: year to (depth, lat, lon) K, mean anomaly of December to February.
        spread_maps: year to (level of MAPPED, lat, lon) K, mean of `thetao_stddev`.
        used: platform type to (year) values used.
    """

    grid: Grid
    windows: Windows
    years: range
    series: dict[str, Array]
    nino34_stddev: Array
    spread: Array
    influence: Array
    events: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    spread_maps: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    used: dict[str, Array] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """The layer of MAPPED."""
        return int(np.argmin(np.abs(self.grid.depth - MAPPED)))

    def over_time(self, values: Array) -> xr.DataArray:
        """(window) values with their times."""
        return xr.DataArray(values, {"time": self.windows.middle.astype("datetime64[ns]")}, ("time",))

    def over_years(self, values: Array) -> xr.DataArray:
        """(year) values with the middle of the years."""
        middle = [np.datetime64(f"{year}-07-02", "ns") for year in self.years]
        return xr.DataArray(values, {"time": middle}, ("time",))

    def yearly(self, values: Array) -> Array:
        """(window, ...) to (year, ...): means."""
        return values.reshape(len(self.years), self.windows.per_year, *values.shape[1:]).mean(1)


def read_climate(space: StateSpace, folder: Path, years: range, progress: Progress) -> Climate:
    """Read the whole years of a folder.

    Args:
        space: climatology that anomalies are taken from.
        folder: of the files.
        years: all of them finished.
    """
    span = windows(years[0], years[-1], space.climatology.per_year)
    reader = _Reader(space, span, years)
    for year in progress.track(years, "Reading the climate", total=len(years)):
        reader.read_year(year, folder)
    found = reader.found
    found.used = used_by_year(folder, years)
    return found


def used_by_year(folder: Path, years: range) -> dict[str, Array]:
    """Values used by platform type and (year), from the feedback."""
    used: dict[str, Array] = {}
    for path in feedback_files(folder):
        year = int(path.parts[-3].removeprefix("year="))
        if year not in years:
            continue
        table = pq.read_table(path, columns=["platform_type", "used"], partitioning=None)
        kinds = pc.value_counts(table.filter(table["used"])["platform_type"].cast("string"))
        for item in kinds.to_pylist():
            row = used.setdefault(item["values"], np.zeros(len(years)))
            row[years.index(year)] += item["counts"]
    return used


class _Reader:
    """Fills a Climate year by year."""

    def __init__(self, space: StateSpace, span: Windows, years: range) -> None:
        grid, number = space.grid, len(span)
        self.space = space
        keys = (NINO34, SURFACE, *(key for key, top in TOPS.items() if top <= grid.depth_edges[-1]))
        self.found = Climate(
            grid,
            span,
            years,
            {key: np.zeros(number) for key in keys},
            np.zeros(number),
            np.zeros((number, grid.shape[0])),
            np.zeros((number, grid.shape[0])),
        )
        volume = ocean_weights(grid).values
        self.layer = volume / np.maximum(volume.sum((1, 2), keepdims=True), 1)
        self.weights = {key: self._weights(key, volume) for key in keys}

    def _weights(self, key: str, volume: Array) -> Array:
        """(depth, lat, lon) that sum to one."""
        grid = self.space.grid
        if key == NINO34:
            chosen = region_weights(grid, REGIONS["Niño 3.4"]).values.copy()
            chosen[1:] = 0
        elif key == SURFACE:
            chosen = volume.copy()
            chosen[1:] = 0
        else:
            inside = np.clip(TOPS[key] - grid.depth_edges[:-1], 0, grid.thickness) / grid.thickness
            chosen = volume * inside[:, None, None]
        return chosen / chosen.sum()

    def read_year(self, year: int, folder: Path) -> None:
        found = self.found
        with netCDF4.Dataset(year_file(folder, year, synthetic=False)) as file:
            for place, step in enumerate(found.windows.of_year(year)):
                self._read_window(int(step), fields_of(file, place), year)

    def _read_window(self, step: int, fields: Mapping[str, NDArray[np.float32]], year: int) -> None:
        found, ocean = self.found, self.space.grid.ocean
        normal = self.space.climatology.mean[found.windows.season[step]]
        anomaly = np.where(ocean, fields["thetao"] - normal, 0.0)
        stddev = np.where(ocean, fields["thetao_stddev"], 0.0)
        share = np.where(ocean, fields["thetao_observation_influence"], 0.0)
        for key, weights in self.weights.items():
            found.series[key][step] = (weights * anomaly).sum()
        found.nino34_stddev[step] = (self.weights[NINO34] * stddev).sum()
        found.spread[step] = np.sqrt((self.layer * stddev**2).sum((1, 2)))
        found.influence[step] = (self.layer * share).sum((1, 2))
        self._add_event(step, anomaly)
        chosen = (found.years[0], found.years[len(found.years) // 2], found.years[-1])
        if year in chosen:
            part = stddev[found.level] / found.windows.per_year
            total = found.spread_maps.setdefault(year, np.zeros(part.shape, np.float32))
            total += part.astype(np.float32)

    def _add_event(self, step: int, anomaly: Array) -> None:
        """A window within December to February of an event, weighted alike."""
        when = self.found.windows.middle[step].astype("datetime64[M]").astype(int)
        month, year = when % 12 + 1, 1970 + when // 12
        event = year - (month <= 2)
        inside = event in EVENTS and month in (12, 1, 2) and event + 1 in self.found.years
        if inside and event in self.found.years:
            number = round(self.found.windows.per_year / 4)
            total = self.found.events.setdefault(event, np.zeros(anomaly.shape, np.float32))
            total += (anomaly / number).astype(np.float32)


def compare(series: xr.DataArray, reference: xr.DataArray) -> dict[str, Any] | None:
    """A series of windows beside a reference of months or years, in the years that both have.

    Returns:
        Both as anomalies from their own mean season (`analysis`, `reference`: (time) of the reference),
        `correlation`, `rmse_K` and both trends; None where they share fewer than three years.
    """
    yearly = reference["time"].dt.year.to_index().is_unique
    step = "YS" if yearly else "MS"
    mean = series.resample(time=step).mean()
    mean, wanted = (_by(field, yearly) for field in (mean, reference))
    mean, wanted = xr.align(mean, wanted, join="inner")
    if mean.size < (3 if yearly else 36):
        return None
    if not yearly:
        mean, wanted = (_anomaly(field) for field in (mean, wanted))
    mean, wanted = mean - mean.mean(), wanted - wanted.mean()
    return {
        "analysis": mean,
        "reference": wanted,
        "correlation": float(np.corrcoef(mean, wanted)[0, 1]),
        "rmse_K": float(np.sqrt(((mean - wanted) ** 2).mean())),
        "trend_analysis": numbers(trend(mean)),
        "trend_reference": numbers(trend(wanted)),
    }


def numbers(found: Trend) -> dict[str, float | None]:
    """Slope per decade and half of its 95 % interval; None with fewer than FEWEST independent values."""
    half, known = float(found.half_width), float(found.effective_size) >= FEWEST
    return {"slope": float(found.slope), "half_width": half if known and np.isfinite(half) else None}


def _by(field: xr.DataArray, yearly: bool) -> xr.DataArray:
    """The same values at the first of their month or year: stamps of two origins meet."""
    kind = "datetime64[Y]" if yearly else "datetime64[M]"
    return field.assign_coords(time=field["time"].values.astype(kind).astype("datetime64[ns]"))


def _anomaly(field: xr.DataArray) -> xr.DataArray:
    months = field.groupby("time.month")
    return (months - months.mean()).drop_vars("month")
