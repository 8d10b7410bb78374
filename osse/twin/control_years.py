"""The control simulation of an experiment: made once, its years shared out, its anomalies at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.state import StateSpace, scale_of
from deepda.base.files import mapped_array, publish
from deepda.base.progress import Progress
from deepda.climatology.seasonal import Climatology
from deepda.control.described import years_of
from deepda.control.prepare import open_prepared, prepare_control
from deepda.control.shares import shares_of
from deepda.geometry.grid import Grid
from deepda.geometry.regrid import grid_edges
from deepda.networks.patterns import leading_patterns
from deepda.networks.statics import ControlStatistics
from deepda.networks.transition import Transition
from deepda.runs.shadows import CONTROL
from deepda.settings.compose import saved_config
from deepda.settings.files import matching_files
from deepda.settings.schema import Config, EmbeddedControl, FilesControl
from osse.ocean.simulate import SPIN_UP, ocean_mask, write_control


@dataclass(frozen=True, eq=False)
class Control:
    """A prepared control simulation and which of its years serve what.

    The years are contiguous blocks in time, training first, so that nothing leaks through
    autocorrelation from validation or test years into training.

    Attributes:
        thetao: (time, depth, lat, lon) degC, lazy, with `season` and `year` along time.
        train, validation, test: slices of time.
    """

    grid: Grid
    thetao: xr.DataArray
    train: slice
    validation: slice
    test: slice

    def season(self, part: slice) -> NDArray[np.intp]:
        """(time) season of the windows of a part."""
        return self.thetao["season"].values[part]

    def years(self, part: slice) -> list[slice]:
        """The part, year by year."""
        per_year = int(self.thetao["season"].max()) + 1
        return [slice(first, first + per_year) for first in range(part.start, part.stop, per_year)]


def prepare(config: Config, output: Path, progress: Progress) -> Path:
    """The prepared control file of a run; made unless it is there.

    Raises:
        ControlError, OceanError, ConfigError: the control simulation cannot be had.
    """
    path = output / CONTROL
    if path.exists():
        progress.note(f"control simulation: {path} is there and is used again")
        return path
    edges = grid_edges(vars(config.grid))
    control = config.control
    if isinstance(control, FilesControl):
        return prepare_control(
            matching_files(control.paths), edges, path, per_year=config.per_year, progress=progress
        )
    assert isinstance(control, EmbeddedControl)
    return write_embedded(path, config, control.years, control.seed, control.warming, progress)


def restore_control(run: Path) -> None:
    """Simulate again the control simulation of a run that was shipped without it.

    The same settings give the same simulation. It appears when it is complete; several processes may do
    the same at once.
    """
    path = run / CONTROL
    if path.exists():
        return
    with TemporaryDirectory(dir=run, prefix=".control-") as scratch, Progress() as progress:
        publish(prepare(saved_config(run), Path(scratch), progress), path)


def require_control(config: Config, output: Path) -> None:
    """Refuse a control simulation that `prepare` and `share_out` would refuse.

    Of files only headers and single steps are read; nothing where `output` holds it already.

    Raises:
        ControlError, OceanError, GridError, ConfigError: the control simulation cannot be had.
    """
    if (output / CONTROL).exists():
        return
    if isinstance(config.control, FilesControl):
        first, last = years_of(matching_files(config.control.paths), config.per_year)
        shares_of(last - first + 1, config.osse)
    else:
        embedded_grid(config)


def write_embedded(
    path: Path,
    config: Config,
    years: int,
    seed: int,
    warming: float,
    progress: Progress,
) -> Path:
    """The embedded stochastic ocean on the configured grid, as a prepared control file from year 1."""
    shape = embedded_grid(config)
    done = years_shown("Simulating the built-in ocean", years, progress)
    write_control(path, shape, years, seed, warming, 1, config.per_year, progress=done)
    return path


def years_shown(title: str, years: int, progress: Progress) -> Callable[[int, int], None]:
    """What a simulation of so many years calls after each, those of its spin-up included."""
    steps = iter(progress.track(range(years + SPIN_UP), title))
    next(steps)  # the bar is there while the ocean is set up

    def done(_: int, __: int) -> None:
        next(steps, None)

    return done


def embedded_grid(config: Config) -> Grid:
    """The configured grid with the real coastlines of the embedded ocean."""
    grid = grid_of_water(config)
    return grid.with_ocean(ocean_mask(grid))


def grid_of_water(config: Config) -> Grid:
    """The configured grid without land."""
    edges = grid_edges(vars(config.grid))
    shape = tuple(len(edges[name]) - 1 for name in ("depth_edges", "lat_edges", "lon_edges"))
    return Grid(**edges, ocean=np.ones(shape, bool))


def share_out(path: Path, config: Config) -> Control:
    """Open a prepared control file and share out its years.

    Raises:
        ConfigError: it has fewer years than are wanted.
    """
    grid, thetao = open_prepared(path)
    per_year = config.per_year
    shares = shares_of(thetao.sizes["time"] // per_year, config.osse)
    used = (shares.train, shares.validation, shares.test)
    parts = [slice(years.start * per_year, years.stop * per_year) for years in used]
    return Control(grid, thetao, *parts)


@contextmanager
def training_anomalies(
    control: Control, folder: Path, progress: Progress
) -> Iterator[tuple[StateSpace, NDArray[np.float32]]]:
    """What `fit_space` gives; the file of the anomalies in `folder` is gone at the end of the block."""
    cache = folder / "anomalies.npy"
    try:
        yield fit_space(control, cache, progress)
    finally:
        cache.unlink(missing_ok=True)
        with suppress(OSError):  # it holds something else
            folder.rmdir()


def fit_space(
    control: Control, cache: Path, progress: Progress
) -> tuple[StateSpace, NDArray[np.float32]]:
    """Climatology and scale of the training years, and their standardised anomalies on disk.

    Args:
        cache: file for the anomalies; memory-mapped, so that no more than a year is in memory.

    Returns:
        The space, and the anomalies (time, L, Y, X).
    """
    part = control.train
    shape = (part.stop - part.start, *control.grid.shape)
    cache.parent.mkdir(parents=True, exist_ok=True)
    fields = mapped_array(cache, shape)
    years = control.years(part)
    for year in progress.track(years, "Reading the training years", total=len(years)):
        fields[year.start - part.start : year.stop - part.start] = control.thetao[year].values
    season = control.season(part)
    with progress.stage("Taking the climatology off the training years"):
        climatology = Climatology.fit(fields, season, int(season.max()) + 1)
        space = StateSpace(control.grid, climatology, scale_of(climatology, control.grid))
        for year in years:
            piece = slice(year.start - part.start, year.stop - part.start)
            fields[piece] = space.standardise(fields[piece], season[piece]).numpy()
    return space, fields


def learn(
    anomalies: NDArray[np.float32], space: StateSpace, patterns: int, progress: Progress
) -> ControlStatistics:
    """The local linear forecast of the training years, and so many of their leading patterns."""
    ocean, per_year = torch.from_numpy(space.grid.ocean), space.climatology.per_year
    pieces = (
        torch.from_numpy(np.array(anomalies[first : first + per_year + 1]))
        for first in range(0, len(anomalies) - 1, per_year)
    )
    with progress.stage("Fitting the local forecast to the training years"):
        transition = Transition.fit(pieces, ocean, torch.from_numpy(space.scale))
    with progress.stage("Computing the leading patterns of the training years"):
        return ControlStatistics(transition, leading_patterns(anomalies, space.weights, patterns))
