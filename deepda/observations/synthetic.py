"""Synthetic observations of a known truth: at given places with errors, or straight on the grid.

`observe` makes an observation table, for twin experiments. `GriddedNetwork` makes what training
reads, the precision of the superobservations that a network of instruments would give, cell by cell
and window by window; `observe_gridded` adds the values.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Protocol

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.geometry.grid import OUTSIDE, Grid
from deepda.geometry.windows import PENTADS, windows
from deepda.observations.drawn_errors import INDEPENDENT, DrawnErrors
from deepda.observations.errors import ERRORS, ErrorModel, errors_of
from deepda.observations.table import cells


class SyntheticError(DeepDAError, ValueError):
    """Places that have no truth to observe, or a network that cannot be drawn from."""


def in_ocean(grid: Grid, places: pd.DataFrame) -> NDArray[np.bool_]:
    """(row) True where lat, lon, depth lie in a cell of the grid that holds water."""
    cell = cells(places, grid)
    return (cell != OUTSIDE) & grid.ocean.ravel()[cell]


def observe(
    truth: NDArray[np.floating] | xr.DataArray,
    grid: Grid,
    places: pd.DataFrame,
    rng: np.random.Generator,
    errors: Mapping[str, ErrorModel] = ERRORS,
    drawn: DrawnErrors = INDEPENDENT,
) -> pd.DataFrame:
    """Observe the truth of one window at given places.

    The value is that of the cell that holds the place, without interpolation: the truth of a cell
    is its mean, and what a place differs from it is the representativeness error. Errors are
    Gaussian; as `drawn` has it they are independent, or not quite what `errors` states.

    Args:
        truth: (depth, lat, lon) degC; not read where nothing is observed.
        places: rows of time, lat, lon, depth, platform_type (and whatever else, which is kept).
        rng: of this window, for instance `window_rng`.
        errors: by platform type; they stand in the table.
        drawn: how the errors that values really have depart from these.

    Returns:
        The observation table (`deepda.observations.table`): the places with `temperature` (degC)
        and `error` (K), in the same order.

    Raises:
        SyntheticError: places on land or outside the grid, a platform type without error model, or
            a truth that has no value there.
    """
    cell = cells(places, grid)
    dry = (cell == OUTSIDE) | ~grid.ocean.ravel()[cell]
    _refuse(dry, places, "are on land or outside the grid", "keep only places[in_ocean(grid, places)]")
    value = np.asarray(truth).ravel()[cell].astype(float)
    _refuse(~np.isfinite(value), places, "have no finite truth", "check the land mask of the truth")
    error = _errors_of(places, errors)
    noisy = value + drawn.draw(places, error, rng)
    return places.assign(temperature=noisy.astype(np.float32), error=error.astype(np.float32))


def observe_gridded(
    truth: NDArray[np.floating], precision: NDArray[np.floating], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Superobservations of a truth, any dims: truth plus error where precision > 0, zero elsewhere."""
    seen = precision > 0
    value = np.zeros(truth.shape, dtype=np.float32)
    noise = rng.standard_normal(int(seen.sum()), dtype=np.float32)
    value[seen] = truth[seen] + noise / np.sqrt(precision[seen])
    return value


class Clouds:
    """Cloud gaps that drift and change, known at any time without the times before.

    A Gaussian random field of Fourier modes in longitude and latitude, whose phases turn with the
    mean drift and with a random frequency each; below a threshold the sky is clear. Its correlation
    is near exp(-r^2 / 2 L^2) over a distance r and exp(-t^2 / 2 T^2) over a time t along the drift.

    Args:
        grid: whose cell centres are looked at.
        seed: of the modes.
        clear: fraction of the surface that is seen, on average over time.
        size: L, degrees.
        lifetime: T, days.
        drift: degrees east a day.
    """

    def __init__(
        self,
        grid: Grid,
        seed: int,
        clear: float = 0.6,
        size: float = 8.0,
        lifetime: float = 6.0,
        drift: float = 1.0,
    ) -> None:
        rng = np.random.default_rng([seed, zlib.crc32(b"clouds")])
        width = 180 / np.pi / size  # standard deviation of the spectrum, wavenumbers
        most = int(np.ceil(3 * width))
        y, x = np.arange(-most, most + 1)[:, None], np.arange(most + 1)[None, :]
        amplitude = np.exp(-(y**2 + x**2) / (4 * width**2)) * np.where(x == 0, np.sqrt(0.5), 1.0)
        modes = amplitude * np.exp(2j * np.pi * rng.random(amplitude.shape))
        self._modes = modes / np.sqrt(0.5 * np.sum(np.abs(modes) ** 2))  # unit variance in time
        self._frequency = np.deg2rad(drift) * x + rng.standard_normal(amplitude.shape) / lifetime
        self._y = np.exp(1j * np.deg2rad(grid.lat)[:, None] * y.T)
        self._x = np.exp(1j * x.T * np.deg2rad(grid.lon)[None, :])
        self._threshold = _quantile(clear)

    def clear(self, time: np.datetime64) -> NDArray[np.bool_]:
        """(lat, lon) True where the sky is clear at a time."""
        days = float((time - np.datetime64("1981-01-01")) / np.timedelta64(1, "s")) / 86_400
        modes = self._modes * np.exp(-1j * self._frequency * days)
        return (self._y @ modes @ self._x).real < self._threshold


class Network(Protocol):
    """Instruments in the sea, seen from the grid."""

    def cells(self, start: np.datetime64, end: np.datetime64) -> dict[str, NDArray[np.intp]]:
        """Flat cell (depth, lat, lon) of each value in [start, end), by platform type."""


@dataclass(frozen=True)
class Blackouts:
    """Silence of parts of the network: chance that it begins in a window, mean number of windows."""

    satellite: tuple[float, float] = (0.02, 2.0)
    profiles: tuple[float, float] = (0.005, 12.0)


@dataclass(frozen=True, eq=False)
class GriddedNetwork:
    """Precision of the superobservations of a network, along stretches of history for training.

    Precisions of the values of a cell add, as in `superobs`; the error of a value is taken at the
    centre of its layer.

    Attributes:
        grid: the analysis grid.
        network: whose values are gridded, such as `osse.observing.observing_system.ObservingSystem`.
        first_year, last_year: stretches are drawn from these years (both included).
        per_year: windows a year, 73 or 12.
        errors: by platform type.
        blackouts: of the satellite and of all profiles together.
    """

    grid: Grid
    network: Network
    first_year: int = 1981
    last_year: int = 2020
    per_year: int = PENTADS
    errors: Mapping[str, ErrorModel] = field(default_factory=lambda: dict(ERRORS))
    blackouts: Blackouts = Blackouts()

    def precision(
        self, start: np.datetime64, end: np.datetime64, satellite: bool = True, profiles: bool = True
    ) -> NDArray[np.float32]:
        """(depth, lat, lon) 1 / error variance (K-2) of the window [start, end); zero where unseen."""
        layer = self.grid.lat.size * self.grid.lon.size
        cell, weight = [np.zeros(0, np.intp)], [np.zeros(0)]
        for platform, found in self.network.cells(start, end).items():
            if satellite if platform == "satellite" else profiles:
                cell.append(found)
                weight.append((self.errors[platform].stddev(self.grid.depth) ** -2)[found // layer])
        total = np.bincount(np.concatenate(cell), np.concatenate(weight), self.grid.ocean.size)
        return total.reshape(self.grid.shape).astype(np.float32)

    def stretch(
        self, length: int, rng: np.random.Generator, season: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Precision of `length` consecutive windows from a random year on, with random blackouts.

        Args:
            length: number of windows.
            rng: draws the year, the blackouts and, unless given, the season.
            season: of the first window, 0..per_year-1.

        Yields:
            (depth, lat, lon) K-2, zero where nothing is seen.

        Raises:
            SyntheticError: the years hold no stretch of this length.
        """
        starts, ends = self._draw(length, rng, season)
        dark = _silence(rng, length, *self.blackouts.satellite)
        blind = _silence(rng, length, *self.blackouts.profiles)
        for step, start, end in zip(range(length), starts, ends, strict=True):
            yield self.precision(start, end, satellite=not dark[step], profiles=not blind[step])

    def _draw(
        self, length: int, rng: np.random.Generator, season: int | None
    ) -> tuple[NDArray, NDArray]:
        season = int(rng.integers(self.per_year)) if season is None else season
        years = -(-(season + length) // self.per_year)  # that the stretch touches
        if self.last_year - self.first_year + 1 < years:
            raise SyntheticError(
                f"a stretch of {length} windows from season {season} touches {years} years, "
                f"{self.first_year}-{self.last_year} given; give more years or a shorter stretch"
            )
        first = int(rng.integers(self.first_year, self.last_year - years + 2))
        span = windows(first, first + years - 1, self.per_year)
        part = slice(season, season + length)
        return span.start[part], span.end[part]


def _quantile(share: float) -> float:
    return NormalDist().inv_cdf(share) if 0 < share < 1 else float(np.copysign(np.inf, share - 0.5))


def _silence(rng: np.random.Generator, length: int, begins: float, lasts: float) -> NDArray[np.bool_]:
    """(length) a two-state Markov chain in its steady state: True where silent."""
    ends = 1.0 / lasts
    silent = np.zeros(length, dtype=bool)
    chance = rng.random(length)
    now = begins > 0 and rng.random() < begins / (begins + ends)
    for step in range(length):
        silent[step] = now
        now = chance[step] >= ends if now else chance[step] < begins
    return silent


def _errors_of(places: pd.DataFrame, errors: Mapping[str, ErrorModel]) -> NDArray[np.float64]:
    error = np.hypot(*errors_of(places["platform_type"], places["depth"].to_numpy(float), errors))
    _refuse(np.isnan(error), places, "have no error model", "name their platform_type in `errors`")
    return error


def _refuse(bad: NDArray[np.bool_], places: pd.DataFrame, what: str, advice: str) -> None:
    if bad.any():
        place = places.iloc[int(np.argmax(bad))]
        raise SyntheticError(
            f"{int(bad.sum())} of {bad.size} places {what}, the first is {place['platform_type']} at "
            f"lat {place['lat']:g}, lon {place['lon']:g}, {place['depth']:g} m; {advice}"
        )
