"""Control simulations: from a model's files to the analysis grid, and the prepared file in between.

`open_control` is lazy and keeps the model's own times; `prepare_control` streams the same fields
into a prepared control file: windows of a 365_day year, whole years, with the Grid's coordinates.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import dask
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepda.base.files import checksum
from deepda.base.progress import Progress
from deepda.base.workers import HERE, Workers, without_loss
from deepda.control.axes import ControlError, naming
from deepda.control.binning import (
    fitting_windows,
    step_positions,
    whole_years,
    window_weights,
    windows_a_year,
)
from deepda.control.laws import require_sound_cells
from deepda.control.model_files import Native, open_native
from deepda.control.opening import find_files
from deepda.control.prepared import THETAO, PreparedWriter, open_prepared
from deepda.control.soundness import require_sound
from deepda.geometry.grid import Grid, GridError
from deepda.geometry.mesh import Floats, overlap
from deepda.geometry.regrid import Remap, remap

__all__ = ["ControlError", "open_control", "open_prepared", "prepare_control"]

HALF = 0.5  # of its volume is water: a target cell is ocean
ROUNDING = 1e-9
BLOCK_BYTES = 32_000_000  # of input worked on at once

Paths = str | Path | Iterable[str | Path]


@dataclass(frozen=True, eq=False)
class Remapping:
    """From a model's cells and layers to those of a Grid, by volume of water.

    Attributes:
        grid: the target; `ocean` where at least half of a cell's volume is covered by water.
        remap: the horizontal part.
        thickness: (target depth, source depth) part of the target layer that lies in the source's.
        covered: (depth, lat, lon) part of the target cell that is covered by water.
    """

    grid: Grid
    remap: Remap
    thickness: Floats
    covered: Floats

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(time, depth, lat, lon) volume means of values (time, depth, y, x); NaN is land in both."""
        total = self.remap.integral(np.where(np.isfinite(values), values, np.float64(0)))
        total = np.einsum("ts,nsyx->ntyx", self.thickness, total)
        ocean = self.grid.ocean
        mean = total / np.where(ocean, self.covered, 1.0)
        return np.where(ocean, mean, np.nan).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive windows: what one worker does at once.

    Attributes:
        native: the model's steps, lazily.
        first: number of the first window.
        weights: (window, step) of the means, of these windows.
    """

    native: Native
    remapping: Remapping
    first: int
    weights: csr_array

    def windows(self) -> NDArray[np.float32]:
        """(window, depth, lat, lon) degC on the target grid, NaN on land."""
        first, last = int(self.weights.indices.min()), int(self.weights.indices.max()) + 1
        with dask.config.set(scheduler="threads"):  # a worker would ask its cluster, and wait for it
            values = self.native.thetao[first:last].to_numpy()
        require_sound(self.native, values, first)
        part = self.weights[:, first:last]
        if part.nnz == part.shape[0] == part.shape[1]:
            return self.remapping(values)  # windows are the steps
        mean = part @ values.reshape(last - first, -1).astype(np.float64)
        return self.remapping(mean.astype(np.float32).reshape(-1, *values.shape[1:]))


def open_control(
    paths: Paths,
    target: Grid | Mapping[str, Floats],
    variable: str | None = None,
    surface: Floats | None = None,
    stamps: str | None = None,
) -> xr.DataArray:
    """Potential temperature of a model on a Grid, lazily.

    Args:
        paths: files, Zarr stores, folders or patterns, consecutive in time.
        target: a Grid, whose ocean must be covered, or edges (`regrid.grid_edges`); then a cell is
            ocean where at least half its volume is water.
        variable: its name in the files; found by name or standard name if not given.
        surface, stamps: see `open_native`.

    Returns:
        thetao(time, depth, lat, lon) degC, NaN on land; cftime stamps of the model's calendar at
        the middle of its steps; coordinates `time_begin`, `time_end` (time) where the files have bounds.
        The attribute `comment` names files that were left out, "" if none was.

    Raises:
        ControlError: files that cannot be used; on computing, damaged steps.
    """
    native, remapping = _open(paths, target, variable, surface, stamps)
    grid, source = remapping.grid, native.thetao.data

    def block(values: NDArray[np.float32], block_info: Any) -> NDArray[np.float32]:
        require_sound(native, values, block_info[0]["array-location"][0][0])
        return remapping(values)

    source = source.rechunk((source.chunks[0], *source.shape[1:]))
    chunks = (source.chunks[0], *((size,) for size in grid.shape))
    name = f"thetao-{source.name}-{grid.checksum}"
    meta = np.empty((0, 0, 0, 0), np.float32)
    data = source.map_blocks(block, name=name, dtype=np.float32, chunks=chunks, meta=meta)
    thetao = xr.DataArray(data, dims=("time", "depth", "lat", "lon"), name="thetao", attrs=THETAO)
    thetao.attrs["comment"] = native.not_read()
    thetao = thetao.assign_coords(grid.coords().coords).assign_coords(time=native.time)
    if native.time_bounds is None:
        return thetao
    begin, end = native.time_bounds.T
    return thetao.assign_coords(time_begin=("time", begin), time_end=("time", end))


def prepare_control(
    paths: Paths,
    edges: Grid | Mapping[str, Floats],
    output: str | Path,
    per_year: int | None = None,
    progress: Progress | None = None,
    variable: str | None = None,
    work: Workers = HERE,
) -> Path:
    """Write a prepared control file: the windows of a 365_day year, whole years, on a Grid.

    Steps of any calendar are averaged to windows (see `deepda.control.binning`) and keep the year's
    number; input that has these windows already passes unchanged. Streams: a block of steps is in
    memory of each worker.

    Args:
        edges: a Grid or edges, as `open_control`.
        output: NetCDF file; only a complete one comes under this name.
        per_year: 73 pentads or 12 months; None is pentads where the steps are no longer, else months.

    Raises:
        ControlError: files that cannot be used or hold no whole year, or of which one is the output;
            or a place that cannot be written.
        WorkersError: a worker died.
    """
    _require_no_input(Path(output), paths)
    native, remapping = _open(paths, edges, variable)
    chosen = ""
    if per_year is None:
        per_year = fitting_windows(native.time, native.time_bounds)
        chosen = f"chosen: {windows_a_year(per_year)}, by the steps of the files"
    steps = step_positions(native.time, native.time_bounds, per_year)
    years = whole_years(steps, per_year)
    weights = window_weights(steps, per_year, years)
    attributes = _provenance(native, remapping)
    ends = _block_ends(weights, native)
    blocks = [Block(native, remapping, first, weights[first:last]) for first, last in pairwise(ends)]
    if progress:
        assumed = (f"assumed: {words}" for words in native.assumptions)
        for words in filter(None, (chosen, native.not_read(), *assumed)):
            progress.note(words)
    with PreparedWriter(output, remapping.grid, years, per_year, attributes) as writer:
        made = without_loss(work(Block.windows, blocks))
        if progress:
            made = progress.track(made, "Preparing the control", len(blocks))
        for block, windows in made:
            writer.write(block.first, windows)
    return Path(output)


def _require_no_input(output: Path, paths: Paths) -> None:
    """Refuse to write over a file that is read, under whatever name."""
    same = [path for path in find_files(paths) if output.exists() and output.samefile(path)]
    if same:
        raise ControlError(
            f"the output {output} is the input {same[0]}, expected another file, so that the model's "
            "output stays; choose another --output"
        )


def _open(
    paths: Paths,
    target: Grid | Mapping[str, Floats],
    variable: str | None,
    surface: Floats | None = None,
    stamps: str | None = None,
) -> tuple[Native, Remapping]:
    """The files and the way to the target; layers that the target does not reach are left out."""
    native = open_native(paths, variable, surface, stamps)
    edges = vars(target) if isinstance(target, Grid) else target
    depth_edges = np.asarray(edges["depth_edges"], dtype=float)
    shared = overlap(native.layers, depth_edges).toarray()
    used = np.flatnonzero(shared.sum(axis=0) > ROUNDING)
    if not used.size:
        raise ControlError(
            f"the layers of {native.files[0]} lie between {native.layers.min():g} and "
            f"{native.layers.max():g} m, expected some of {depth_edges[0]:g} to {depth_edges[-1]:g} m; "
            "check the units of its depth"
        )
    native = replace(
        native,
        thetao=native.thetao.isel(depth=used),
        layers=native.layers[used],
        water=native.water[used],
    )
    thickness = shared[:, used] / np.diff(depth_edges)[:, None]
    return native, _remapping(native, target, thickness)


def _remapping(native: Native, target: Grid | Mapping[str, Floats], thickness: Floats) -> Remapping:
    edges = vars(target) if isinstance(target, Grid) else target
    horizontal = remap(native.cells, edges["lat_edges"], edges["lon_edges"])
    with naming(native.files[0]):
        wet = np.any(native.water, axis=0)
        require_sound_cells(native.cells, wet, horizontal, (edges["lat_edges"], edges["lon_edges"]))
    covered = np.einsum("ts,syx->tyx", thickness, horizontal.fraction(native.water))
    if isinstance(target, Grid):
        dry = target.ocean & (covered <= ROUNDING)
        if dry.any():
            raise ControlError(
                f"{dry.sum()} of {target.ocean.sum()} ocean cells of the grid have no water "
                f"in {native.files[0]}, expected all covered; give the edges alone, so that "
                "the mask follows the model"
            )
        return Remapping(target, horizontal, thickness, covered)
    ocean = covered >= HALF - ROUNDING
    if not ocean.any():
        raise ControlError(
            f"{native.files[0]} covers no cell of the grid by half with water, expected "
            "a global ocean; check its longitudes, latitudes and layers"
        )
    try:
        grid = Grid(edges["lat_edges"], edges["lon_edges"], edges["depth_edges"], ocean)
    except GridError as error:
        raise ControlError(str(error)) from error
    return Remapping(grid, horizontal, thickness, covered)


def _block_ends(weights: csr_array, native: Native) -> list[int]:
    """Windows at which blocks begin, each of as many steps as BLOCK_BYTES holds, the end included."""
    first_step = weights.indices[weights.indptr[:-1]]
    chunk = native.thetao.data.chunks[0][0]  # blocks of whole chunks, so that each is read once
    limit = max(1, BLOCK_BYTES // (4 * native.water.size * chunk)) * chunk
    ends = [0]
    for window in range(1, weights.shape[0]):
        if weights.indices[weights.indptr[window + 1] - 1] - first_step[ends[-1]] >= limit:
            ends.append(window)
    return [*ends, weights.shape[0]]


def _provenance(native: Native, remapping: Remapping) -> dict[str, str]:
    calendar = native.time[0].calendar
    steps = f"{native.time[0]} to {native.time[-1]}"
    return {
        "title": "Control simulation prepared for DeepDA",
        "source_calendar": calendar,
        "source_steps": f"{native.time.size} from {steps}",
        "source_files": json.dumps([path.name for path in native.files]),
        "source_sha256": json.dumps([checksum(path) for path in native.files]),
        "assumptions": "; ".join(native.assumptions) or "none",
        "remapping": f"horizontal: {remapping.remap.method}; vertical: by thickness; "
        "ocean where half is water",
        "comment": f"Steps of the calendar {calendar} averaged to windows of a 365_day year.",
    }
