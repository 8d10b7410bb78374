"""The toys of the tests: grids, oceans, state spaces and forecasts that are unfair on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.cycle import Analyser
from deepda.assimilation.state import StateSpace, scale_of
from deepda.base.progress import Progress
from deepda.climatology.seasonal import Climatology
from deepda.evaluation.seasonal import fit_weights
from deepda.geometry.grid import Grid
from deepda.networks.trainable import CycleErrors
from deepda.networks.transition import NEIGHBOURS, Transition
from deepda.observations.errors import window_rng
from deepda.observations.synthetic import observe
from deepda.settings.schema import Config

MONTHS = 12


def toy_grid(rng: np.random.Generator, shape: tuple[int, int, int] = (4, 10, 14)) -> Grid:
    """Unequal cells, an island, a continent across the date line, a sea floor that rises."""
    depth, lat, lon = shape
    lat_edges = -78 + 150 * np.cumsum(np.append(0, w := rng.uniform(0.5, 1.5, lat))) / w.sum()
    lon_edges = -170 + 360 * np.cumsum(np.append(0, w := rng.uniform(0.5, 1.5, lon))) / w.sum()
    depth_edges = 5 + np.cumsum(np.append(0, rng.uniform(10, 60, depth)))
    ocean = np.ones(shape, bool)
    ocean[:, lat // 2, lon // 2] = False
    ocean[:, 2:5, -1] = ocean[:, 2:5, 0] = False
    ocean[depth // 2 :, :, lon // 4] = False
    return Grid(lat_edges, lon_edges, depth_edges, ocean)


def even_grid(seed: int, west: float = -170.0) -> Grid:
    """A toy ocean with longitudes of one width from `west` on, as the default generator needs."""
    grid = toy_grid(np.random.default_rng(seed))
    return replace(grid, lon_edges=np.linspace(west, west + 360, grid.lon_edges.size))


def space_on(grid: Grid, seed: int = 0) -> StateSpace:
    """A climatology of four random years, without a season."""
    rng = np.random.default_rng(seed)
    season = np.tile(np.arange(12), 4)
    thetao = rng.normal(10, 2, (48, *grid.shape)).astype(np.float32)
    thetao[:, ~grid.ocean] = np.nan
    climatology = Climatology.fit(thetao, season, 12)
    return StateSpace(grid, climatology, scale_of(climatology, grid))


def toy_space(seed: int = 0) -> StateSpace:
    """A toy ocean with a seasonal cycle and a variability that differ from place to place.

    Its longitudes are equal: the default generator asks for that.
    """
    grid = even_grid(seed)
    rng = np.random.default_rng(seed + 1)
    warm = 15 + 5 * np.cos(2 * np.pi * np.arange(MONTHS) / MONTHS)[:, None, None, None]
    mean = np.where(grid.ocean, warm + rng.normal(0, 2, grid.shape), np.nan)
    stddev = np.where(grid.ocean, rng.uniform(0.3, 1.2, grid.shape), np.nan)
    climatology = Climatology(mean.astype(np.float32), stddev.astype(np.float32))
    return StateSpace(grid, climatology, scale_of(climatology, grid))


def persistence(grid: Grid, kept: float, noise: float) -> Transition:
    """A forecast that keeps a share of the anomaly of each cell; `noise`: its error variance."""
    ocean = torch.from_numpy(grid.ocean)
    weight = torch.zeros(len(NEIGHBOURS), *grid.shape)
    weight[0] = kept * ocean
    return Transition(weight, noise * ocean.float())


def harmonics(thetao: xr.DataArray, per_year: int) -> xr.DataArray:
    """(term, ...) coefficients of `harmonic_basis`, in the units of `thetao`; missing stays missing.

    Args:
        thetao: (time, ...) whole years from the first window of one on.
    """
    weights = fit_weights(per_year, thetao.sizes["time"] // per_year)
    plain = thetao.drop_vars("time", errors="ignore")
    return xr.dot(xr.DataArray(weights, dims=("term", "time")), plain, dim="time")


@dataclass(frozen=True)
class MeasuredErrors:
    """Errors on validation years that are given, not measured: see `Validation`."""

    over_spread: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    stddev: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))

    def errors(self, analyser: Analyser) -> CycleErrors:
        return CycleErrors(float(self.stddev.mean()), self.stddev, self.over_spread)


class ToyOcean:
    """An observed ocean that warms by 0.1 K a year.

    Args:
        breaks: month from which on asking for observations ends the process, so to speak.
        values: observed in a window.
        name: of the observations.
        known: whether the truth is known (then there are scores and a report).
    """

    years = range(1990, 2011)
    synthetic = True
    fallible = False
    edition = ""

    def __init__(
        self,
        space: StateSpace,
        breaks: str = "",
        values: int = 150,
        name: str = "toy",
        known: bool = False,
    ) -> None:
        self.space, self.climatology = space, space.climatology
        self.about: Mapping[str, Any] = {"source": name}
        self.breaks, self.values, self.known = breaks, values, known

    def __call__(self, config: Config, space: StateSpace, folder: Path, progress: Progress) -> ToyOcean:
        return self

    def truth(self, start: np.datetime64, end: np.datetime64) -> NDArray[np.float32] | None:
        return self.field(start) if self.known else None

    def field(self, start: np.datetime64) -> NDArray[np.float32]:
        year, month = divmod(int(start.astype("datetime64[M]").astype(int)), MONTHS)
        return self.climatology.mean[month] + np.float32(0.1 * (year + 1970 - self.years[0]))

    def table(self, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
        if self.breaks and start >= np.datetime64(self.breaks):
            raise InterruptedError("killed")
        rng = window_rng(3, "toy", start)
        at = rng.permutation(np.flatnonzero(self.space.grid.ocean))[: self.values]
        z, y, x = np.unravel_index(at, self.space.grid.shape)
        grid = self.space.grid
        places = pd.DataFrame(
            {
                "time": np.full(at.size, start),
                "lat": grid.lat[y],
                "lon": grid.lon[x],
                "depth": grid.depth[z],
                "platform_type": pd.Categorical(["argo"] * at.size),
                "platform_id": "1",
            }
        )
        return observe(self.field(start), grid, places, rng)
