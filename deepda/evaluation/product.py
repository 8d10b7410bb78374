"""Temperature of a product, whoever wrote it: files of DeepDA, or anything that follows CF.

ORAS5, GLORYS, GODAS, SODA, EN4 and CMIP names, kelvin, layers bottom up, rows north to south and any
calendar are read as they stand. Cells are remapped only on demand, or where they are curvilinear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepda.base.errors import EvaluationError
from deepda.base.text import counted
from deepda.control.axes import ControlError
from deepda.control.joined_times import StampError
from deepda.control.model_files import Native, open_native
from deepda.control.opening import find_files
from deepda.control.prepare import open_control
from deepda.control.temperature import candidates, kind_is_surface
from deepda.evaluation.calendars import SAY_STAMPS, Axis, Timeline
from deepda.evaluation.sources import OwnCells, OwnFiles, Remapped, Source, View, is_own
from deepda.geometry.grid import Grid
from deepda.geometry.mesh import Regular
from deepda.settings.compose import CONFIG_FILE

__all__ = ["EvaluationError", "Product", "open_product", "same_cells"]

NAMES = ("temp", "temperature", "ptemp", "potential_temperature", "to", "water_temp")  # SODA, EN4 ...
SAME = 1e-3  # degrees and m
Said = tuple[str | None, str | None, NDArray[np.float64] | None]  # variable, stamps, surface
THETAO, STDDEV, MEMBERS = "thetao", "thetao_stddev", "thetao_members"


@dataclass(frozen=True, eq=False)
class Product:
    """A product that can be read window by window.

    Attributes:
        files: what it was read from.
        notes: sentences for the reader: what was done to it.
    """

    name: str
    files: tuple[Path, ...]
    grid: Grid
    timeline: Timeline
    source: Source
    notes: tuple[str, ...] = ()

    def windows(self, weights: csr_array, part: slice, field: str = THETAO) -> NDArray[np.float32]:
        """([member,] window, depth, lat, lon) degC (K for `thetao_stddev`), NaN on land.

        Args:
            weights: (window, step) of `Timeline.weights`.
            field: a name out of `source.fields`.
        """
        rows = weights[part]
        first, last = int(rows.indices.min()), int(rows.indices.max()) + 1
        values = self.source.read(field, first, last)
        rows = rows[:, first:last]
        if rows.nnz == rows.shape[0] == rows.shape[1]:
            return values  # windows are the steps
        steps = np.moveaxis(values, -4, 0)
        mean = rows @ steps.reshape(last - first, -1)
        return np.moveaxis(mean.astype(np.float32).reshape(-1, *steps.shape[1:]), 0, -4)

    def weights(self, axis: Axis) -> csr_array:
        """(window of the axis, step) shares."""
        return self.timeline.weights(axis)


def open_product(
    paths: Sequence[str | Path],
    name: str,
    *,
    variable: str | None = None,
    stamps: str | None = None,
    target: Grid | None = None,
    surface: NDArray[np.float64] | None = None,
) -> Product:
    """Open a product lazily.

    Args:
        paths: files, folders, patterns or Zarr stores; of a folder written by DeepDA its years, or
            analysis.nc.
        name: for figures.
        variable: name of the potential temperature, found by itself if not given.
        stamps: "start" or "end": where in their day or month stamps without bounds stand.
        target: remap to the cells of this grid (its mask is not used).
        surface: (2) m, the layer that a sea surface temperature is taken for; None refuses one.

    Raises:
        EvaluationError: no file, no temperature, no time, no usable cells.
    """
    try:
        files = _files(paths)
        found = OwnFiles.open(files) if is_own(files[0]) else None
        if target is not None:
            spinup = 0 if found is None else found.spinup
            edges = {at: getattr(target, at) for at in ("lat_edges", "lon_edges", "depth_edges")}
            return _remapped(files, name, (variable, stamps, surface), edges, spinup)
        if found is not None:
            timeline = Timeline(found.time, found.bounds, found.spinup)
            return Product(name, tuple(files), found.grid, timeline, found)
        native = open_native(files, variable or _variable(files[0]), surface, stamps)
    except StampError as error:
        raise EvaluationError(str(error) if stamps else f"{error}; {SAY_STAMPS}") from error
    except ControlError as error:
        raise EvaluationError(str(error)) from error
    timeline = Timeline(native.time, native.time_bounds)
    if not isinstance(native.cells, Regular):
        return _straightened(native, files, name, (variable, stamps, surface))
    cells = OwnCells.of(native)
    return Product(name, tuple(files), cells.grid, timeline, cells, _left_out(name, native.not_read()))


def uppermost(product: Product) -> Product:
    """The product in its uppermost layer alone."""
    if product.grid.shape[0] == 1:
        return product
    source = View(product.source, lambda values: values[..., :1, :, :])
    return replace(product, grid=upper_layer(product.grid), source=source)


def upper_layer(grid: Grid) -> Grid:
    """The cells of the uppermost layer."""
    return Grid(grid.lat_edges, grid.lon_edges, grid.depth_edges[:2], grid.ocean[:1])


def on_columns_of(grid: Grid, product: Product) -> Product:
    """The product with its columns turned to begin where those of a grid do, as -180..180 and 0..360.

    The same product where it has other columns, or these already.
    """
    wanted, found = grid.lon_edges, product.grid.lon_edges
    if wanted.size != found.size or np.allclose(wanted, found, rtol=0, atol=SAME):
        return product
    away = np.mod(found[:-1] - wanted[0] + 180.0, 360.0) - 180.0
    first = int(np.argmin(np.abs(away)))
    widths = np.roll(np.diff(found), -first)
    turned = wanted[0] + away[first] + np.append(0.0, np.cumsum(widths))
    if not np.allclose(turned, wanted, rtol=0, atol=SAME):
        return product
    ocean = np.roll(product.grid.ocean, -first, axis=-1)
    cells = replace(product.grid, lon_edges=wanted, ocean=ocean)
    source = View(product.source, lambda values: np.roll(values, -first, axis=-1))
    return replace(product, grid=cells, source=source)


def same_cells(one: Grid, other: Grid) -> bool:
    """Whether two grids have the same cells, whatever their masks."""
    return one.shape == other.shape and all(
        np.allclose(getattr(one, edges), getattr(other, edges), rtol=0, atol=SAME)
        for edges in ("lat_edges", "lon_edges", "depth_edges")
    )


def require_same_cells(analysis: Grid, other: Grid, name: str) -> None:
    """Refuse a product on other cells.

    Raises:
        EvaluationError: with both sides.
    """
    if not same_cells(analysis, other):
        raise EvaluationError(
            f"the {name} has {_cells_of(other)}, the analysis {_cells_of(analysis)}, expected the same "
            "cells; add --remap to compare means over the cells of the analysis"
        )


def _cells_of(grid: Grid) -> str:
    depth, lat, lon = grid.shape
    return (
        f"{lat} x {lon} cells from {grid.lat_edges[0]:g} to {grid.lat_edges[-1]:g} N and "
        f"{grid.lon_edges[0]:g} to {grid.lon_edges[-1]:g} E, {counted(depth, 'layer')} to "
        f"{grid.depth_edges[-1]:g} m"
    )


def _files(paths: Sequence[str | Path]) -> list[Path]:
    """Of a folder written by DeepDA the analyses alone: other files of temperature stand beside them.

    Raises:
        EvaluationError: the folder of a run that has none yet.
    """
    chosen: list[str | Path] = []
    for path in map(Path, paths):
        years = sorted(path.glob("*thetao_????.nc")) if path.is_dir() else []
        if not years and (path / "analysis.nc").is_file():
            years = [path / "analysis.nc"]
        if not years and (path / CONFIG_FILE).is_file():
            raise EvaluationError(
                f"neither analysis.nc nor thetao_YYYY.nc found in {path}, whose {CONFIG_FILE} makes it "
                "the folder of a run, expected a finished one; run the same command again, which goes "
                "on where it stopped"
            )
        chosen += years or [path]
    return find_files(chosen)


def _variable(path: Path) -> str | None:
    """A name that `deepda.control.model_files` does not look for by itself."""
    options: dict[str, Any] = {"engine": "zarr"} if path.is_dir() else {}
    try:
        with xr.open_dataset(path, decode_times=False, decode_timedelta=False, **options) as dataset:
            names = {str(name).lower(): str(name) for name in dataset.data_vars}
            surface = [str(name) for name, field in dataset.data_vars.items() if kind_is_surface(field)]
            alone = surface if len(surface) == 1 and not candidates(dataset) else []
    except (OSError, ValueError, RuntimeError):
        return None  # open_native says why
    return next(iter([*(names[name] for name in NAMES if name in names), *alone]), None)


def _remapped(
    files: list[Path],
    name: str,
    said: Said,
    edges: dict[str, NDArray[np.float64]],
    spinup: int,
) -> Product:
    variable, stamps, surface = said
    given = variable or (None if is_own(files[0]) else _variable(files[0]))
    thetao = open_control(files, edges, given, surface, stamps)
    source = Remapped.of(thetao, edges)
    note = (
        f"The {name} was remapped, conservatively by volume, to {_cells_of(source.grid)}: everything "
        "said about it holds for means over those cells, whose variance is smaller than that of "
        "its own."
    )
    timeline = Timeline(source.time, source.bounds, spinup)
    notes = (note, *_left_out(name, thetao.comment))
    return Product(name, tuple(files), source.grid, timeline, source, notes)


def _left_out(name: str, said: str) -> tuple[str, ...]:
    """The note on files that were not read, where there are any."""
    return (f"Files of the {name}: {said}.",) if said else ()


def _straightened(native: Native, files: list[Path], name: str, said: Said) -> Product:
    """A curvilinear product on cells of about its own size."""
    columns = native.water.shape[2]
    size = next(step for step in (0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 10.0) if step >= 0.9 * 360 / columns)
    layers = native.layers[np.argsort(native.layers[:, 0])]
    edges = {
        "lat_edges": np.linspace(-90, 90, round(180 / size) + 1),
        "lon_edges": np.linspace(0, 360, round(360 / size) + 1),
        "depth_edges": np.append(layers[:, 0], layers[-1, 1]),
    }
    return _remapped(files, name, said, edges, 0)


def shared_mask(products: Sequence[Product]) -> tuple[Grid, str]:
    """The grid of the first with the ocean that all have, and a note where masks differ."""
    first = products[0].grid
    ocean = np.logical_and.reduce([product.grid.ocean for product in products])
    left = int(first.ocean.sum() - ocean.sum())
    if not ocean.any():
        raise EvaluationError("no ocean cell is common to all products; check their masks")
    note = f"{left} of {first.ocean.sum()} ocean cells of the analysis are land in another product " \
        "and were left out." if left else ""  # fmt: skip
    return first.with_ocean(ocean), note
