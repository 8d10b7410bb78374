"""Where values come from: files of DeepDA, a regular grid of anybody's, or a remapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.errors import EvaluationError
from deepda.base.synthetic import is_synthetic
from deepda.control.axes import ControlError
from deepda.control.model_files import Native
from deepda.control.opening import open_file
from deepda.control.soundness import require_sound
from deepda.control.times import find_times
from deepda.geometry.grid import Grid
from deepda.geometry.mesh import Regular
from deepda.output.cf import SPINUP_WINDOWS

OWN = ("thetao", "lat_bnds", "lon_bnds", "depth_bnds", "ocean")  # in every file of DeepDA
TOUCH = 1e-3  # degrees or m: neighbours meet


class Source(Protocol):
    """Reads consecutive steps."""

    @property
    def fields(self) -> tuple[str, ...]:
        """What it can read: `thetao` (degC), perhaps `thetao_stddev` (K), `thetao_members` (degC)."""

    def read(self, field: str, first: int, last: int) -> NDArray[np.float32]:
        """([member,] step, depth, lat, lon) of the steps first..last-1, NaN on land."""


@dataclass(frozen=True, eq=False)
class OwnFiles:
    """Files of DeepDA, in the order of time.

    A file is open while it is read only: the library keeps some 16 MB a variable for each open one.
    `spinup` is the number of steps at the beginning that the first file calls spin-up.
    """

    files: tuple[Path, ...]
    sizes: tuple[int, ...]
    grid: Grid
    time: NDArray[np.object_]
    bounds: NDArray[np.object_]
    fields: tuple[str, ...]
    spinup: int

    @classmethod
    def open(cls, files: list[Path]) -> OwnFiles:
        """Look at all of them.

        Raises:
            ControlError: no time. EvaluationError: pieces of two grids, or out of order.
        """
        heads = sorted((_head(path) for path in files), key=lambda head: head.time[0])
        time = np.concatenate([head.time for head in heads])
        if np.any(time[1:] <= time[:-1]):
            late = int(np.argmax(time[1:] <= time[:-1]))
            raise EvaluationError(
                f"the steps at {time[late]} and {time[late + 1]} are not in order, expected each time "
                "once; leave out the files that overlap"
            )
        if len({head.grid.checksum for head in heads}) > 1:
            raise EvaluationError(
                "the files have several grids, expected one; give one product at a time"
            )
        return cls(
            tuple(head.path for head in heads),
            tuple(head.time.size for head in heads),
            heads[0].grid,
            time,
            np.concatenate([head.bounds for head in heads]),
            tuple(name for name in heads[0].fields if all(name in head.fields for head in heads)),
            heads[0].spinup,
        )

    def read(self, field: str, first: int, last: int) -> NDArray[np.float32]:
        pieces, start = [], 0
        for path, size in zip(self.files, self.sizes, strict=True):
            part = slice(max(first - start, 0), min(last - start, size))
            if part.start < part.stop:
                pieces.append(_read(path, field, part))
            start += size
        found = np.concatenate(pieces, axis=-4)
        return np.where(self.grid.ocean, found, np.float32(np.nan))


class _Head(NamedTuple):
    path: Path
    grid: Grid
    time: NDArray[np.object_]
    bounds: NDArray[np.object_]
    fields: tuple[str, ...]
    spinup: int


def _head(path: Path) -> _Head:
    with open_file(path) as dataset:
        _, time, bounds, _ = find_times(dataset, ["time"], str(path))
        if bounds is None:
            raise EvaluationError(f"{path} has no time_bnds, expected a file as DeepDA writes it")
        fields = ("thetao", *(name for name in ("thetao_members", "thetao_stddev") if name in dataset))
        spinup = int(dataset.attrs.get(SPINUP_WINDOWS, 0))
        return _Head(path, Grid.from_dataset(dataset), time, bounds, fields, spinup)


def _read(path: Path, field: str, part: slice) -> NDArray[np.float32]:
    try:
        with open_file(path) as dataset:
            return np.asarray(dataset[field].isel(time=part).values)
    except ControlError as error:
        raise EvaluationError(str(error)) from error


@dataclass(frozen=True, eq=False)
class OwnCells:
    """A foreign product on the regular cells it has, turned north, east and down."""

    native: Native
    grid: Grid
    order: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
    fields: tuple[str, ...] = ("thetao",)

    @classmethod
    def of(cls, native: Native) -> OwnCells:
        """Its grid, found from the bounds of its cells.

        Raises:
            EvaluationError: cells that do not meet. GridError: longitudes that do not close.
        """
        assert isinstance(native.cells, Regular)
        cells = native.cells
        kept = np.flatnonzero(~cells.duplicated[0])
        west = cells.lon_bounds[kept, 0]
        start = west[0]
        lon = kept[np.argsort(np.mod(west - start + TOUCH, 360.0))]
        lat, depth = np.argsort(cells.lat_bounds[:, 0]), np.argsort(native.layers[:, 0])
        lon_bounds = start + np.mod(cells.lon_bounds[lon] - start + TOUCH, 360.0) - TOUCH
        if np.isclose(lon_bounds[-1, 1], start, atol=TOUCH):
            lon_bounds[-1, 1] = start + 360.0
        name, ocean = str(native.files[0]), native.water[np.ix_(depth, lat, lon)]
        layers = _edges(native.layers[depth], "layers", name)
        rows = _edges(cells.lat_bounds[lat], "rows", name)
        grid = Grid(rows, _edges(lon_bounds, "columns", name), layers, ocean)
        return cls(native, grid, (depth, lat, lon))

    def read(self, field: str, first: int, last: int) -> NDArray[np.float32]:
        try:
            values = self.native.thetao[first:last].to_numpy()
            require_sound(self.native, values, first)
        except ControlError as error:
            raise EvaluationError(str(error)) from error
        return values[np.ix_(np.arange(len(values)), *self.order)]


@dataclass(frozen=True, eq=False)
class Remapped:
    """Volume means on other cells, computed when read."""

    thetao: xr.DataArray
    grid: Grid
    time: NDArray[np.object_]
    bounds: NDArray[np.object_] | None
    fields: tuple[str, ...] = ("thetao",)

    @classmethod
    def of(cls, thetao: xr.DataArray, edges: Mapping[str, NDArray[np.float64]]) -> Remapped:
        """From what `deepda.control.prepare.open_control` gives on these edges."""
        ocean = np.isfinite(thetao[0].values)
        grid = Grid(edges["lat_edges"], edges["lon_edges"], edges["depth_edges"], ocean)
        both = [thetao[name].values for name in ("time_begin", "time_end") if name in thetao.coords]
        return cls(thetao, grid, thetao["time"].values, np.stack(both, axis=1) if both else None)

    def read(self, field: str, first: int, last: int) -> NDArray[np.float32]:
        try:
            return np.asarray(self.thetao[first:last].values)
        except ControlError as error:
            raise EvaluationError(str(error)) from error


@dataclass(frozen=True)
class View:
    """Another source, its values changed as they are read."""

    whole: Source
    change: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    @property
    def fields(self) -> tuple[str, ...]:
        return self.whole.fields

    def read(self, field: str, first: int, last: int) -> NDArray[np.float32]:
        return self.change(self.whole.read(field, first, last))


def is_own(path: Path) -> bool:
    """Whether DeepDA wrote a file: it then holds its cells and its ocean."""
    if path.is_dir():
        return False
    try:
        with xr.open_dataset(path, decode_times=False) as dataset:
            return all(name in dataset.variables for name in OWN)
    except (OSError, ValueError, RuntimeError):
        return False  # whoever opens it next says why


def _edges(bounds: NDArray[np.float64], what: str, name: str) -> NDArray[np.float64]:
    apart = np.abs(bounds[1:, 0] - bounds[:-1, 1])
    if apart.max(initial=0.0) > TOUCH * max(1.0, float(np.abs(bounds).max()) * 1e-2):
        raise EvaluationError(
            f"{what} {int(apart.argmax())} and {int(apart.argmax()) + 1} of {name} do not meet, "
            "expected cells side by side; mend or remove the bounds"
        )
    return np.append(bounds[:, 0], bounds[-1, 1])


def says_synthetic(path: Path) -> bool:
    """Whether a file says of itself that its temperatures are of no real ocean."""
    if not is_own(path):
        return False
    with xr.open_dataset(path, decode_times=False) as dataset:
        return is_synthetic(dataset.attrs)
