"""The historical observing system, places and times only: what a twin experiment may look at.

Satellite sea surface temperature through moving clouds, and the profiles of `osse.observing.platforms`,
each as many as history had. Everything follows from a seed, and the places of a window from its dates
alone, so that a run that starts in the middle sees what the uninterrupted run saw.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.geometry.grid import Grid
from deepda.observations.errors import window_rng
from deepda.observations.synthetic import Clouds
from deepda.observations.table import PLATFORM_TYPE, PLATFORMS
from osse.observing.platforms import (
    FIRST_YEAR,
    LAST_YEAR,
    Columns,
    Profiles,
    bathythermographs,
    cruises,
    floats,
    moorings,
    seconds,
)

JITTER = 0.3  # of the layer: how far a value may lie from the centre of its layer


class ObservingSystemError(DeepDAError, ValueError):
    """A window for which nothing is drawn, or a share that is none."""


class PlaceNetwork(ABC):
    """What is looked at in a window, as a table of places or as cells of the grid.

    Args:
        seed: of the places within their layers.
        names: of all platforms that `look` may give, in the order of its parts.
    """

    def __init__(self, grid: Grid, seed: int, names: list[str]) -> None:
        self.grid, self.seed = grid, seed
        self._names = pd.CategoricalDtype(["satellite", *names])

    @abstractmethod
    def look(self, start: np.datetime64, end: np.datetime64) -> tuple[NDArray[np.bool_], list[Profiles]]:
        """Surface cells (lat, lon) seen by the satellite in [start, end), and the profiles taken."""

    def places(self, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
        """Places of the window [start, end): time, lat, lon, depth, platform_type, platform_id.

        The satellite gives one value a cell at the middle of the window, at the top of the first
        layer; a profile gives one value a layer within its range, near the centre of the layer.
        All places lie in ocean cells. Dtypes are those of the observation table.
        """
        seen, profiles = self.look(start, end)
        first_name = np.cumsum([1, *(len(part.names) for part in profiles)])
        rows = [_rows(part, first) for part, first in zip(profiles, first_name, strict=False)]
        joined = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        time, lat, lon, level, platform, name = joined
        jitter = window_rng(self.seed, "places", start).uniform(-JITTER, JITTER, level.size)
        depth = self.grid.depth[level] + self.grid.thickness[level] * jitter
        y, x = np.nonzero(seen)
        middle, top = seconds(_middle(start, end)), self.grid.depth_edges[0]
        satellite = np.zeros(y.size, np.int8)  # the first of PLATFORMS, and of the names
        platform = np.concatenate([satellite, platform])
        name = np.concatenate([satellite, name]).astype(np.int32)
        return pd.DataFrame(
            {
                "time": np.concatenate([np.full(y.size, middle), time]).view("datetime64[s]"),
                "lat": np.concatenate([self.grid.lat[y].astype(np.float32), lat]),
                "lon": np.concatenate([self.grid.lon[x].astype(np.float32), lon]),
                "depth": np.concatenate([np.full(y.size, top), depth]).astype(np.float32),
                "platform_type": pd.Categorical.from_codes(platform, dtype=PLATFORM_TYPE),
                "platform_id": pd.Categorical.from_codes(name, dtype=self._names),
            }
        )

    def cells(self, start: np.datetime64, end: np.datetime64) -> dict[str, NDArray[np.intp]]:
        """Flat cell (depth, lat, lon) of each value of the window [start, end), by platform type."""
        seen, profiles = self.look(start, end)
        found = {"satellite": np.flatnonzero(seen)}
        for part in profiles:
            at, level = _levels(part)
            found[part.platform] = level * seen.size + part.column[at]
        return found


class ObservingSystem(PlaceNetwork):
    """The instruments of 1981-2025 on a grid.

    Args:
        grid: the analysis grid; profiles end at its bottom and at the sea floor.
        seed: decides everything that is drawn.
        scale: factor on the numbers of floats, crossings of lines, cruises and (up to 1) moorings.
    """

    def __init__(self, grid: Grid, seed: int, scale: float = 1.0) -> None:
        self._profiles = drawn(_History(grid.checksum, seed, scale, grid))
        super().__init__(grid, seed, [name for part in self._profiles for name in part.names])
        self._clouds = Clouds(grid, seed)

    def look(self, start: np.datetime64, end: np.datetime64) -> tuple[NDArray[np.bool_], list[Profiles]]:
        """Surface cells (lat, lon) seen by the satellite in [start, end), and the profiles taken.

        Raises:
            ObservingSystemError: the window does not lie within FIRST_YEAR..LAST_YEAR.
        """
        first, last = np.datetime64(f"{FIRST_YEAR}-01-01"), np.datetime64(f"{LAST_YEAR + 1}-01-01")
        if not first <= start < end <= last:
            raise ObservingSystemError(
                f"a window from {start} to {end} asked for, the observing system is drawn for "
                f"{FIRST_YEAR}-{LAST_YEAR}; relabel the truth with years among these"
            )
        seen = self._clouds.clear(_middle(start, end)) & self.grid.ocean[0]
        return seen, [part.between(seconds(start), seconds(end)) for part in self._profiles]


@dataclass(frozen=True)
class _History:
    """What decides the profiles of 1981-2025."""

    checksum: str  # of the grid
    seed: int
    scale: float
    grid: Grid = field(compare=False)


@lru_cache(maxsize=2)  # a run draws the network of its training twice, that of its test once
def drawn(history: _History) -> list[Profiles]:
    """All profiles of 1981-2025, a part a kind of platform; drawing them takes seconds."""
    columns = Columns.of(history.grid)
    streams = map(np.random.default_rng, np.random.SeedSequence(history.seed).spawn(4))
    makers = (floats, bathythermographs, cruises, moorings)
    return [make(columns, rng, history.scale) for make, rng in zip(makers, streams, strict=True)]


class RandomNetwork(PlaceNetwork):
    """A network without history: part of the surface, and some columns from top to bottom.

    Args:
        seed: decides everything that is drawn.
        surface: fraction of the sea surface seen through moving clouds.
        columns: fraction of the ocean columns with a profile, drawn anew in each window.

    Raises:
        ObservingSystemError: a fraction outside 0..1.
    """

    def __init__(self, grid: Grid, seed: int, surface: float = 0.6, columns: float = 0.03) -> None:
        if not (0 <= surface <= 1 and 0 <= columns <= 1):
            raise ObservingSystemError(
                f"surface {surface:g} and columns {columns:g} found, expected fractions; give 0..1"
            )
        self._wet, self._share = Columns.of(grid).wet, columns
        self._columns = [f"column-{index:05d}" for index in range(self._wet.size)]
        super().__init__(grid, seed, self._columns)
        self._clouds = Clouds(grid, seed, surface)

    def look(self, start: np.datetime64, end: np.datetime64) -> tuple[NDArray[np.bool_], list[Profiles]]:
        """Surface cells (lat, lon) seen by the satellite in [start, end), and the profiles taken."""
        middle = _middle(start, end)
        drawn = window_rng(self.seed, "columns", start).random(self._wet.size) < self._share
        column = np.flatnonzero(drawn & (self._wet > 0)).astype(np.int32)
        y, x = np.divmod(column, self.grid.lon.size)
        time = np.full(column.size, seconds(middle))
        lat, lon = self.grid.lat[y].astype(np.float32), self.grid.lon[x].astype(np.float32)
        profiles = Profiles("argo", time, lat, lon, column, self._wet[column], column, self._columns)
        return self._clouds.clear(middle) & self.grid.ocean[0], [profiles]


def _middle(start: np.datetime64, end: np.datetime64) -> np.datetime64:
    return (start + (end - start) // 2).astype("datetime64[s]")


def _levels(part: Profiles) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Profile and layer of each value of some profiles."""
    levels = part.levels.astype(np.intp)
    at = np.repeat(np.arange(levels.size), levels)
    return at, np.arange(at.size) - (np.cumsum(levels) - levels)[at]


def _rows(part: Profiles, first_name: int) -> tuple[NDArray, ...]:
    """Time, lat, lon, level, platform code and name code of each value of some profiles."""
    at, level = _levels(part)
    platform = np.full(at.size, PLATFORMS.index(part.platform), np.int8)
    return part.time[at], part.lat[at], part.lon[at], level, platform, part.name[at] + first_name
