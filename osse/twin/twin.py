"""The twin: a truth that is known, observed as history was, analysed by every method alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.cycle import (
    LIMIT,
    Analyser,
    Nothing,
    Observations,
    Step,
    cycle,
    filtered,
    run_cycle,
)
from deepda.assimilation.members import Members, batch_of
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import SuperObs, superobs
from deepda.base.files import write_whole
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows, windows
from deepda.observations.drawn_errors import INDEPENDENT, DrawnErrors
from deepda.observations.errors import ERRORS, ErrorModel, window_rng
from deepda.observations.synthetic import Blackouts, GriddedNetwork, in_ocean, observe
from deepda.observations.table import compact
from deepda.output.cf import Attribute
from deepda.output.netcdf import AnalysisWriter, BackgroundWriter
from deepda.output.results import ResultWriter
from deepda.settings.observations import DrawnErrorsConfig
from deepda.settings.schema import Config, ConfigError, HistoricalObservations, RandomObservations
from osse.observing.observing_system import ObservingSystem, PlaceNetwork, RandomNetwork
from osse.twin.observed_climatology import observed_climatology

NETWORK_OF_TEST = 1_000  # added to the seed: the network of the test is none of those seen in training


@dataclass(frozen=True, eq=False)
class Twin:
    """A truth and who observes it.

    Attributes:
        space: grid and climatology of the truth, scale of the control run.
        truth: (time, depth, lat, lon) degC.
        windows: the calendar windows that the truth plays.
        network: places and times of the observations.
        errors: by platform, as the analysis is given them.
        seed: of the errors.
        drawn: how the errors depart from these.
        of_control: whether the truth is of the model that was trained on; the ocean of another one may
            depart further where the control run is quiet (`StateSpace.limit`).
    """

    space: StateSpace
    truth: xr.DataArray
    windows: Windows
    network: PlaceNetwork
    errors: Mapping[str, ErrorModel]
    seed: int
    drawn: DrawnErrors
    of_control: bool = True

    def table(self, step: int) -> pd.DataFrame:
        """The observation table of a window; the same whenever it is asked for."""
        start, end = self.windows.start[step], self.windows.end[step]
        places = self.network.places(start, end)
        places = places[in_ocean(self.space.grid, places)]
        rng = window_rng(self.seed, "observation errors", start)
        return observe(self.truth[step].values, self.space.grid, places, rng, self.errors, self.drawn)

    @cached_property
    def found(self) -> list[SuperObs]:
        """The superobservations of all windows, made once for all methods."""
        return [
            superobs(self.table(step), self.space.grid, int(season), self.space.climatology)
            for step, season in enumerate(self.windows.season)
        ]

    def observations(
        self, step: int, device: torch.device, members: Members | None = None
    ) -> Observations:
        """The superobservations of a window, with those of the members, as an Analyser reads them."""
        seen = self.space.observations(self.found[step], int(self.windows.season[step]))
        if members is not None:
            seen = members.observed(seen, self.windows.start[step])
        return seen.to(device)


def twin_of(config: Config, space: StateSpace, truth: xr.DataArray) -> Twin:
    """A truth (time, depth, lat, lon) degC that plays the calendar years from `osse.label_year` on."""
    years = truth.sizes["time"] // config.per_year
    first = config.osse.label_year
    network, errors = draw_network(config, space.grid, config.seed + NETWORK_OF_TEST)
    span = windows(first, first + years - 1, config.per_year)
    space = observed_climatology(config, space)
    return Twin(space, truth, span, network, errors, config.seed, drawn_errors(config))


def drawn_errors(config: Config) -> DrawnErrors:
    """How the errors of the test depart from those that the analysis is given."""
    chosen = config.observations
    if not isinstance(chosen, DrawnErrorsConfig):
        return INDEPENDENT
    return DrawnErrors(
        config.seed,
        chosen.cast_share,
        chosen.track_share,
        chosen.scene_share,
        tuple(chosen.biased),
        chosen.bias,
        chosen.error_factor,
    )


def synthetic_observations(config: Config) -> RandomObservations | HistoricalObservations:
    """The settings of the observing network.

    Raises:
        ConfigError: they name real observations.
    """
    if not isinstance(config.observations, RandomObservations | HistoricalObservations):
        raise ConfigError(
            f"observations={config.observations.kind} found, expected synthetic ones to train and to "
            "evaluate on; leave it out here and write it behind `deepda reanalysis`"
        )
    return config.observations


def draw_network(config: Config, grid: Grid, seed: int) -> tuple[PlaceNetwork, Mapping[str, ErrorModel]]:
    """The observing network of the settings, and the errors of its platforms.

    Raises:
        ConfigError: the settings name real observations.
    """
    chosen = synthetic_observations(config)
    if isinstance(chosen, RandomObservations):
        profile = ErrorModel(chosen.profile_error, surface=0.0, deep=0.0)
        errors = {**dict.fromkeys(ERRORS, profile)}
        errors["satellite"] = ErrorModel(chosen.surface_error, surface=0.0, deep=0.0)
        return RandomNetwork(grid, seed, chosen.surface, chosen.columns), errors
    return ObservingSystem(grid, seed, scale=chosen.size), ERRORS


def training_network(config: Config, grid: Grid) -> GriddedNetwork:
    """What training is observed by: the same kind of network, other draws."""
    network, errors = draw_network(config, grid, config.seed)
    chosen = config.observations
    if isinstance(chosen, RandomObservations):
        return GriddedNetwork(grid, network, per_year=config.per_year, errors=errors)
    assert isinstance(chosen, HistoricalObservations)
    return GriddedNetwork(grid, network, chosen.first_year, chosen.last_year, config.per_year, errors)


def validation_network(config: Config, grid: Grid) -> GriddedNetwork:
    """What the validation years are observed by: the calendar years of the test, without blackouts."""
    network, errors = draw_network(config, grid, config.seed)
    first = config.osse.label_year
    last = first + config.osse.validation_years - 1
    whole = Blackouts(satellite=(0.0, 1.0), profiles=(0.0, 1.0))
    return GriddedNetwork(grid, network, first, last, config.per_year, errors, whole)


def write_observations(twin: Twin, path: Path, progress: Progress) -> int:
    """All observations of the twin as one Parquet table; returns the number of rows."""
    return write_whole(path, lambda hidden: _write_observations(twin, hidden, progress))


def _write_observations(twin: Twin, path: Path, progress: Progress) -> int:
    rows, writer = 0, None
    try:
        for step in progress.track(range(len(twin.windows)), "Observing the truth", len(twin.windows)):
            table = compact(twin.table(step))
            table = table.astype({"platform_type": str, "platform_id": str}).assign(synthetic=True)
            batch = pa.Table.from_pandas(table, preserve_index=False)
            writer = writer or pq.ParquetWriter(path, batch.schema, compression="zstd")
            writer.write_table(batch)
            rows += len(table)
    finally:
        if writer is not None:
            writer.close()
    return rows


def write_truth(twin: Twin, path: Path, attributes: Mapping[str, Attribute]) -> None:
    """The truth in the layout of the analyses."""
    with BackgroundWriter(
        AnalysisWriter(path, twin.space.grid, twin.windows, variables=("thetao",), attributes=attributes)
    ) as out:
        for step in range(len(twin.windows)):
            out.write(step, twin.truth[step].values)


def superobservations(twin: Twin) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(time, depth, lat, lon) superobservations of all windows, degC, and their errors, K; NaN: none."""
    values, errors = np.full((2, *twin.truth.shape), np.nan, np.float32)
    for step, season in enumerate(twin.windows.season):
        found = twin.found[step]
        values[step] = found.anomaly + twin.space.climatology.mean[season]
        errors[step] = np.where(found.count > 0, np.sqrt(found.error_variance), np.nan)
    return values, errors


def analyse(
    twin: Twin,
    analyser: Analyser,
    path: Path,
    attributes: Mapping[str, Attribute],
    progress: Progress,
    title: str,
    full: bool,
    members: Members | None = None,
) -> float:
    """Cycle an analyser through the twin into a file; returns the milliseconds a cycle.

    Args:
        full: write background, spread and influence beside the analysis.
    """
    variables = ("thetao", "thetao_background", "thetao_stddev", "thetao_observation_influence")
    space, steps = twin.space, len(twin.windows)
    written = variables if full else variables[:1]
    writer = AnalysisWriter(
        path,
        space.grid,
        twin.windows,
        variables=written,
        members=batch_of(members) - 1,
        attributes=attributes,
    )
    with torch.inference_mode(), BackgroundWriter(writer) as out:
        first = analyser.first_guess(batch_of(members))
        windows = (twin.observations(step, first.mean.device, members) for step in range(steps))
        made = Stopwatch(cycle(analyser, first, windows))
        results = filtered(progress.track(made, title, total=steps))
        limit = LIMIT if twin.of_control else space.limit.to(first.mean.device)
        run_cycle(results, ResultWriter(out, written, space, twin.windows, members), Nothing(), limit)
    return 1e3 * made.seconds / steps


class Stopwatch(Iterator[Step]):
    """An iterator that measures the seconds its steps take to be made."""

    def __init__(self, steps: Iterator[Step]) -> None:
        self._steps, self.seconds = steps, 0.0

    def __next__(self) -> Step:
        start = perf_counter()
        try:
            return next(self._steps)
        finally:
            self.seconds += perf_counter() - start
