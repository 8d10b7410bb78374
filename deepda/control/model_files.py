"""Files of any model, as they come: potential temperature, the cells it stands for, its times.

Files are read by what they declare (see `axes`, `layers`, `times`, `temperature`, `masks`); what is not
said, or contradicts itself, is refused with a sentence. What is assumed stands in `Native.assumptions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.control.axes import ControlError, horizontal_cells, horizontal_names, naming
from deepda.control.joined_times import FileTimes, require_means, settled
from deepda.control.laws import require_corners_round_centres
from deepda.control.layers import find_layers
from deepda.control.masks import agreed, find_masks, lost_fill, within_valid_range
from deepda.control.opening import find_files, open_file
from deepda.control.salinity import ABSOLUTE, as_potential, find_salinity
from deepda.control.soundness import require_sound
from deepda.control.temperature import (
    POTENTIAL,
    Temperature,
    find_temperature,
    in_celsius,
    kind_is_surface,
    require_single_years,
    snapshots_of,
)
from deepda.control.times import find_times, is_without_time
from deepda.geometry.mesh import Curvilinear, Regular

FILL = 1e10  # no temperature in any unit: 1e20, 9.97e36, -9.999e19 that a file does not declare
CHUNK_BYTES = 24_000_000  # of one variable read at a time


@dataclass(frozen=True, eq=False)
class Native:
    """A model's potential temperature on its own grid, opened lazily.

    Attributes:
        thetao: (time, depth, y, x) degC, NaN on land; lazy, to be checked by `require_sound`.
        cells: the horizontal grid.
        layers: (depth, 2) upper and lower bounds, m, positive down, in the file's order.
        time: (time) cftime, the middle of each step as far as the files say.
        time_bounds: (time, 2) cftime beginning and end, None where the files have none.
        water: (depth, y, x) ocean cells of the first step.
        files: what was read, in the order of time.
        steps: how many steps each of them has.
        assumptions: what the files do not say and was assumed, in words.
        snapshots: the variable and how it is declared to hold values at an instant; empty for means.
        left_out: names of files beside them that have no time, as those of areas and masks.
    """

    thetao: xr.DataArray
    cells: Regular | Curvilinear
    layers: NDArray[np.float64]
    time: NDArray[np.object_]
    time_bounds: NDArray[np.object_] | None
    water: NDArray[np.bool_]
    files: tuple[Path, ...]
    steps: tuple[int, ...]
    assumptions: tuple[str, ...]
    snapshots: str = ""
    left_out: tuple[str, ...] = ()

    def not_read(self) -> str:
        """A sentence on the files that were left out; empty if none was."""
        return f"{', '.join(self.left_out)} left out: no field with time" if self.left_out else ""


def open_native(
    paths: str | Path | Iterable[str | Path],
    variable: str | None = None,
    surface: NDArray[np.float64] | None = None,
    stamps: str | None = None,
) -> Native:
    """Open the files of one simulation, given in any order.

    Args:
        paths: NetCDF files, Zarr stores, folders of NetCDF files, or patterns of names.
        variable: its name; found by name or standard name if not given.
        surface: (2) m, the layer that a sea surface temperature is taken for; None refuses one.
        stamps: "start" or "end": where in their day or month stamps stand that could mean either.

    Raises:
        StampError: bounds in some files, in others stamps that could mean anything.
        ControlError: nothing there, no potential temperature, units missing or wrong, unknown
            calendar, times that overlap, snapshots days apart, grids that differ or are not usable, land
            everywhere.
    """
    opened = {path: open_file(path) for path in find_files(paths)}
    fixed = [path for path, dataset in opened.items() if is_without_time(dataset)]
    left_out = fixed if len(fixed) < len(opened) else []
    pieces = [
        _open_piece(path, dataset, variable, surface)
        for path, dataset in opened.items()
        if path not in left_out
    ]
    calendars = sorted({piece.time[0].calendar for piece in pieces})
    if len(calendars) > 1:
        raise ControlError(
            f"the files have calendars {' and '.join(calendars)}, expected pieces of one "
            "simulation; prepare them one by one"
        )
    pieces, said = _with_steps(pieces, stamps)
    first = pieces[0]
    for piece in pieces[1:]:
        _require_same_grid(first, piece)
    time = np.concatenate([piece.time for piece in pieces])
    late = np.flatnonzero(time[1:] <= time[:-1])
    if late.size:
        raise ControlError(
            f"the steps at {time[late[0]]} and {time[late[0] + 1]} are not in order, "
            "expected each time once; leave out the files that overlap"
        )
    bounds = [piece.time_bounds for piece in pieces if piece.time_bounds is not None]
    thetao = xr.concat([piece.thetao for piece in pieces], "time") if len(pieces) > 1 else first.thetao
    own = dict.fromkeys(words for piece in pieces for words in piece.assumptions)
    return replace(
        first,
        thetao=thetao,
        time=time,
        time_bounds=np.concatenate(bounds) if bounds else None,
        files=tuple(path for piece in pieces for path in piece.files),
        steps=tuple(piece.time.size for piece in pieces),
        assumptions=(*own, *said),
        left_out=tuple(path.name for path in left_out),
    )


def _with_steps(pieces: list[Native], stamps: str | None) -> tuple[list[Native], tuple[str, ...]]:
    """The pieces in the order of time with the bounds of their steps, and what was assumed of them."""
    pieces = sorted(pieces, key=lambda piece: piece.time[0])
    times = [FileTimes(str(one.files[0]), one.time, one.time_bounds, one.snapshots) for one in pieces]
    snapshots = require_means(times)
    found, said = settled(times, stamps)
    pieces = [
        replace(piece, time=own.time, time_bounds=own.bounds)
        for piece, own in zip(pieces, found, strict=True)
    ]
    return sorted(pieces, key=lambda piece: piece.time[0]), (*snapshots, *said)


def _open_piece(
    path: Path, dataset: xr.Dataset, variable: str | None, surface: NDArray[np.float64] | None
) -> Native:
    chosen = find_temperature(dataset, variable, str(path))
    field = dataset[chosen.name]
    _require_values(field, path)
    require_single_years(field, str(path))
    with naming(path):
        lat, lon = horizontal_names(dataset, field)
        cells = horizontal_cells(dataset, lat, lon)
    plane = tuple(map(str, dict.fromkeys((*dataset[lat].dims, *dataset[lon].dims))))
    others = [str(dim) for dim in field.dims if dim not in plane]
    times = find_times(dataset, others, str(path))
    along, rest = times.along, [dim for dim in others if dim != times.along]
    if surface is not None and kind_is_surface(field) and all(dataset.sizes[one] == 1 for one in rest):
        depth, layers, halfway = (rest[0] if rest else None), surface[None], ""
    else:
        depth, layers, halfway = find_layers(dataset, rest, str(path))
    to_standard = dict(zip((along, depth, *plane), ("time", "depth", "y", "x"), strict=True))
    values = _values(dataset, chosen, path, to_standard, (cells, layers))
    start, end = (values.isel(time=[step]).to_numpy()[0] for step in (0, -1))
    filled, said = _fills(start, end)
    water, more = _masked(dataset, field, plane, to_standard, np.isfinite(start) & ~filled, path)
    if not water.any():
        raise ControlError(
            f"{path} has no value at its first step, expected water somewhere; "
            "check its mask and its fill value"
        )
    mask = xr.DataArray(water | (np.isnan(start) & ~filled), dims=("depth", "y", "x"))
    said = tuple(filter(None, (chosen.assumption, times.assumption, halfway, *said, *more)))
    native = Native(
        values.where(mask),
        cells,
        layers,
        times.middle,
        times.bounds,
        water,
        files=(path,),
        steps=(times.middle.size,),
        assumptions=said,
        snapshots=snapshots_of(field),
    )
    require_sound(native, np.where(water, start, np.float32(np.nan))[None], 0)
    if isinstance(cells, Curvilinear):
        with naming(path):
            require_corners_round_centres(cells, np.any(water, axis=0))
    return native


def _require_values(field: xr.DataArray, path: Path) -> None:
    empty = [str(dim) for dim, size in field.sizes.items() if not size]
    if empty:
        raise ControlError(
            f"{path} holds no value of {field.name}, its dimension {empty[0]} has length 0, expected "
            "one step and one level at least; fetch the file again or leave it out"
        )


def _values(
    dataset: xr.Dataset,
    chosen: Temperature,
    path: Path,
    to_standard: dict[str | None, str],
    place: tuple[Regular | Curvilinear, NDArray[np.float64]],
) -> xr.DataArray:
    """(time, depth, y, x) potential temperature in degC float32, lazily; fill values are NaN."""
    along = next((old for old, new in to_standard.items() if new == "time"), None)

    def read(part: xr.DataArray) -> xr.DataArray:
        with naming(path):
            part = within_valid_range(_in_chunks(part, along))
        return _in_order(part.where(np.abs(part) < FILL).assign_attrs(part.attrs), to_standard)

    field = dataset[chosen.name]
    values = in_celsius(read(field), str(path)).astype(np.float32)
    if chosen.kind == POTENTIAL:
        return values
    salinity = find_salinity(dataset, field, str(path))
    if salinity is None:
        raise ControlError(
            f"{path} holds {chosen.kind} temperature ({chosen.name}) without salinity, expected "
            "potential temperature, or salinity on the same cells to convert it; add it to the file"
        )
    salt = read(salinity)
    absolute = salinity.attrs.get("standard_name") == ABSOLUTE
    cells, layers = place
    lat, lon = cells.lat, cells.lon
    if isinstance(cells, Regular):
        lat, lon = np.meshgrid(lat, lon, indexing="ij")
    where = (layers.mean(axis=1), lat, lon)
    return as_potential(chosen.kind, values, salt, absolute, where, str(path))


def _in_chunks(field: xr.DataArray, along: str | None) -> xr.DataArray:
    """The field as dask array, whole in space, in chunks of time of some CHUNK_BYTES."""
    steps = field.sizes[along] if along else 1
    stored = field.encoding.get("preferred_chunks", {}).get(along, 1)  # whole ones are read once
    at_once = max(1, int(CHUNK_BYTES / (field.size / steps * 4)) // stored) * stored
    return field.chunk({dim: (at_once if dim == along else -1) for dim in field.dims})


def _in_order(field: xr.DataArray, to_standard: dict[str | None, str]) -> xr.DataArray:
    """(time, depth, y, x) without coordinates, dimensions of size one added where the file has none."""
    field = xr.DataArray(field.variable, name=field.name)
    field = field.rename({dim: to_standard[str(dim)] for dim in field.dims})
    missing = [dim for dim in ("time", "depth") if dim not in field.dims]
    return field.expand_dims(missing).transpose("time", "depth", "y", "x")


def _fills(start: NDArray, end: NDArray) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    filled, constants = lost_fill(start, end)
    words = f"{filled.sum()} cells of one value ({', '.join(f'{c:g} degC' for c in constants)}) are land"
    return filled, (words,) if constants else ()


def _masked(
    dataset: xr.Dataset,
    field: xr.DataArray,
    plane: tuple[str, ...],
    to_standard: dict[str | None, str],
    valid: NDArray[np.bool_],
    path: Path,
) -> tuple[NDArray[np.bool_], list[str]]:
    """(depth, y, x) water: cells with a value that no mask of the file marks as land."""
    water, said = valid, []
    for mask in find_masks(dataset, tuple(map(str, field.dims)), plane):
        marked = _in_order(mask.water, to_standard).isel(time=0).to_numpy()
        marked, words = agreed(mask, marked, valid, str(path))
        water = water & marked
        said.append(words)
    return water, said


def _require_same_grid(first: Native, other: Native) -> None:
    """Refuse pieces of two grids, or of two masks."""
    where = f"{other.files[0]} and {first.files[0]}"
    same_cells = type(first.cells) is type(other.cells) and first.water.shape == other.water.shape
    if same_cells:
        ours, theirs = vars(first.cells), vars(other.cells)
        same_cells = all(np.allclose(ours[key], theirs[key], atol=1e-4, equal_nan=True) for key in ours)
    if not same_cells or not np.allclose(first.layers, other.layers):
        raise ControlError(
            f"{where} have different grids, expected pieces of one simulation; prepare them one by one"
        )
    if not np.array_equal(first.water, other.water):
        raise ControlError(
            f"{where} differ in {np.sum(first.water != other.water)} cells of their "
            "mask, expected one mask for all steps; fill or leave out the damaged file"
        )
