"""The finished files, window by window, beside the truth where it is known: one window is in memory.

What is judged is what stands in the files, so that a resumed reanalysis has the same scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.observed_ocean import ObservedOcean
from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.base.text import METHOD_NAMES
from deepda.feedback import feedback_files
from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows, windows
from deepda.verification import REGIONS, WindowSums, heat_content, mean_of, moments, region_weights
from deepda.verification.thermocline import levels_shown
from reanalysis.record import ANALYSIS, TRUTH, Array, ClimateSeries, Maps, Record, heat_depth
from reanalysis.restart import year_file

WHOLE, NINO34 = "global", "Niño 3.4"
FIELDS = ("thetao", "thetao_stddev", "thetao_observation_influence")
COUNTED_WINDOWS = 4  # a year, whose synthetic observations are counted
OF_SERIES = {TRUTH: "true", ANALYSIS: "own"}  # names among the moments


def truth_is_known(ocean: ObservedOcean, year: int, per_year: int) -> bool:
    """Whether there is a truth to compare the analyses of a year with."""
    span = windows(year, year, per_year)
    return ocean.truth(span.start[0], span.end[0]) is not None


def read_record(
    space: StateSpace, ocean: ObservedOcean, folder: Path, years: range, progress: Progress
) -> Record:
    """Read the finished years of a folder.

    Args:
        space: climatology that anomalies are taken from.
        years: all of them finished.

    Raises:
        VerificationError: a file has holes in the ocean.
    """
    span = windows(years[0], years[-1], space.climatology.per_year)
    reader = _Reader(space, ocean, folder, span)
    for year in progress.track(years, "Reading the analyses", total=len(years)):
        reader.read_year(year, mapped=year in (years[0], years[len(years) // 2], years[-1]))
    record = reader.record(years)
    if ocean.fallible:
        return replace(record, used=values_used(folder, years))
    return replace(record, used=values_observed(ocean, span, years, progress))


def with_baselines(
    record: Record,
    space: StateSpace,
    ocean: ObservedOcean,
    folder: Path,
    names: Sequence[str],
    progress: Progress,
) -> Record:
    """The record with the errors of baselines that were cycled beside, each in its folder of `folder`.

    Raises:
        VerificationError: a file has holes in the ocean.
    """
    errors = dict(record.square_error)
    for name in names:
        reader = _Reader(space, ocean, folder / name, record.windows)
        for year in progress.track(record.years, f"Reading {METHOD_NAMES[name]}"):
            reader.read_year(year, mapped=False)
        errors[name] = reader.record(record.years).square_error[ANALYSIS]
    return replace(record, square_error=errors)


class _Reader:
    """Adds years up to a record."""

    def __init__(self, space: StateSpace, ocean: ObservedOcean, folder: Path, span: Windows) -> None:
        self.space, self.ocean, self.folder, self.span = space, ocean, folder, span
        boxes = [region_weights(space.grid, REGIONS[name]) for name in (WHOLE, NINO34)]
        self.weights = xr.concat(boxes, "region").assign_coords(region=[WHOLE, NINO34])
        self.sums: list[xr.Dataset] = []
        self.annual: dict[str, list[tuple[Maps, Maps]]] = {}
        self.error_maps: dict[int, Maps] = {}
        self.spread_maps: dict[int, Maps] = {}
        self.influence_maps: dict[int, Maps] = {}

    def read_year(self, year: int, mapped: bool) -> None:
        """Count a year in; keep maps of error, spread and influence where it is mapped."""
        known = truth_is_known(self.ocean, year, self.span.per_year)
        names = [OF_SERIES[name] for name in (TRUTH, ANALYSIS) if known or name == ANALYSIS]
        mapped_names = [*names, *["square"] * known, "stddev", "influence"]
        sums = WindowSums(self.weights, mapped=mapped_names)
        with netCDF4.Dataset(year_file(self.folder, year, self.ocean.synthetic)) as file:
            for place, step in enumerate(self.span.of_year(year)):
                sums.add(self.span.middle[step], self._values(int(step), fields_of(file, place)))
        found = sums.result()
        for name in names:
            self.annual.setdefault(name, []).append(_layers(found[f"{name}_map"], self.space.grid))
        if mapped:
            levels = list(levels_shown(self.space.grid))
            if known:
                self.error_maps[year] = np.sqrt(found["square_map"].values[levels]).astype(np.float32)
            self.spread_maps[year] = found["stddev_map"].values[levels].astype(np.float32)
            self.influence_maps[year] = found["influence_map"].values[levels].astype(np.float32)
        self.sums.append(found.drop_dims(("lat", "lon")))

    def _values(
        self, step: int, fields: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.floating]]:
        """What is averaged of a window: (depth, lat, lon) each."""
        normal = self.space.climatology.mean[self.span.season[step]]
        analysis, stddev, share = (fields[name] for name in FIELDS)
        truth = self.ocean.truth(self.span.start[step], self.span.end[step])
        anomaly = analysis - normal
        of_anomaly = {"own": anomaly} if truth is None else moments(anomaly, truth - normal)
        variance = np.square(stddev, dtype=float)  # fill values are too large for single precision
        return {**of_anomaly, "stddev": stddev, "variance": variance, "influence": share}

    def record(self, years: range) -> Record:
        """The record of all years; nothing is counted yet of what was observed."""
        sums = xr.concat(self.sums, "time")

        def layers(name: str, region: str = WHOLE) -> Array:
            """(window, depth) means; zero in a layer without water."""
            mean = mean_of(sums, name, ("time", "depth")).sel(region=region).fillna(0.0)
            return mean.transpose("time", "depth").values

        series = {
            name: ClimateSeries(
                layers(key),
                layers(key, NINO34)[:, 0],
                *(np.stack(maps) for maps in zip(*self.annual[key], strict=True)),
            )
            for name, key in OF_SERIES.items()
            if key in self.annual
        }
        squares = {ANALYSIS: "square", "climatology": "true_square"} if TRUTH in series else {}
        return Record(
            self.space.grid,
            self.span,
            years,
            series,
            {name: layers(square) for name, square in squares.items()},
            layers("variance"),
            layers("influence"),
            layers("stddev", NINO34)[:, 0],
            self.error_maps,
            self.spread_maps,
            self.influence_maps,
        )


def _layers(anomaly: xr.DataArray, grid: Grid) -> tuple[Maps, Maps]:
    """(lat, lon) K, anomaly at the surface and mean of the water above `heat_depth`; NaN on land."""
    bottom = heat_depth(grid)
    both = xr.concat([anomaly, xr.ones_like(anomaly)], "which")
    heat, capacity = heat_content(both, grid, bottom, min(float(grid.depth_edges[0]), bottom)).values
    return anomaly.values[0].astype(np.float32), (heat / capacity).astype(np.float32)


def fields_of(file: netCDF4.Dataset, place: int) -> dict[str, NDArray[np.float32]]:
    """FIELDS of a window by name."""
    fields = {}
    for name in FIELDS:
        variable = file[name]
        variable.set_auto_mask(False)
        fields[name] = variable[place]
    return fields


def mean_anomaly(
    record: Record, space: StateSpace, folder: Path, synthetic: bool, steps: Iterable[int]
) -> Maps:
    """(depth, lat, lon) K, of the analyses of some windows; NaN on land."""
    anomalies = []
    for step in steps:
        year, season = int(record.windows.year[step]), int(record.windows.season[step])
        with netCDF4.Dataset(year_file(folder, year, synthetic)) as file:
            anomalies.append(fields_of(file, season)["thetao"] - space.climatology.mean[season])
    return np.mean(anomalies, axis=0)


def values_used(folder: Path, years: range) -> dict[str, Array]:
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


def values_observed(
    ocean: ObservedOcean, span: Windows, years: range, progress: Progress
) -> dict[str, Array]:
    """Values by platform type and (year), from COUNTED_WINDOWS of each year: all of them are used."""
    used: dict[str, Array] = {}
    for order, year in enumerate(progress.track(years, "Counting the observations")):
        steps = span.of_year(year)
        counted = steps[:: max(1, len(steps) // COUNTED_WINDOWS)][:COUNTED_WINDOWS]
        for step in counted:
            table = ocean.table(span.start[step], span.end[step])
            for platform, count in table["platform_type"].value_counts().items():
                if count:
                    row = used.setdefault(str(platform), np.zeros(len(years)))
                    row[order] += count * len(steps) / len(counted)
    return used
