"""Files of any model, as they come: potential temperature, the cells it stands for, its times.

Nothing is repaired silently: what a file does not say (units, land marked by zeros) is refused with
a sentence. What cannot be mistaken is read: undeclared fill values beyond any temperature,
kelvin and centimetres that the file declares, layers bottom up, rows north to south.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.classic import require_whole
from deepda.control.axes import ControlError, find_layers, find_times, horizontal_cells, horizontal_names
from deepda.geometry.grid import GridError
from deepda.geometry.mesh import Curvilinear, Regular, places

# CMIP6, NEMO 3, CESM, NEMO 4, GODAS, MITgcm
NAMES = ("thetao", "votemper", "TEMP", "toce", "pottmp", "THETA")
STANDARD_NAME = "sea_water_potential_temperature"
CELSIUS = {
    "degc",
    "degreec",
    "degreesc",
    "celsius",
    "degcelsius",
    "degreecelsius",
    "degreescelsius",
    "c",
    "°c",
}
KELVIN = {"k", "kelvin", "degk", "degreek", "degreesk", "degreekelvin", "degreeskelvin"}
ICE_POINT = 273.15  # K
COLDEST, WARMEST = -5.0, 50.0  # degC, beyond any sea water
FILL = 1e10  # no temperature in any unit: 1e20, 9.97e36, -9.999e19 that a file does not declare
WATER_MASKS = ("tmask", "mask", "wet", "sftof")  # positive where there is water
MANY_ZEROS = 0.1  # part of the cells exactly 0: land that is not declared
CHUNK_BYTES = 24_000_000  # of one variable read at a time


@dataclass(frozen=True, eq=False)
class Native:
    """A model's potential temperature on its own grid, opened lazily.

    Attributes:
        thetao: (time, depth, y, x) degC, NaN on land; lazy, to be checked by `require_sound`.
        cells: the horizontal grid.
        layers: (depth, 2) upper and lower bounds, m, positive down, in the file's order.
        time: (time) cftime, the middle of each step as far as the files tell it.
        time_bounds: (time, 2) cftime beginning and end, None where the files have none.
        water: (depth, y, x) ocean cells of the first step.
        files: what was read.
    """

    thetao: xr.DataArray
    cells: Regular | Curvilinear
    layers: NDArray[np.float64]
    time: NDArray[np.object_]
    time_bounds: NDArray[np.object_] | None
    water: NDArray[np.bool_]
    files: tuple[Path, ...]


def open_native(paths: str | Path | Iterable[str | Path], variable: str | None = None) -> Native:
    """Open the files of one simulation, given in any order.

    Args:
        paths: NetCDF files, Zarr stores, folders of NetCDF files, or patterns of names.
        variable: its name; found by name or standard name if not given.

    Raises:
        ControlError: nothing there, no potential temperature, units missing or wrong, unknown
            calendar, times that overlap, grids that differ or are not usable, land everywhere.
    """
    files = find_files(paths)
    pieces = [_open_piece(path, variable) for path in files]
    calendars = sorted({piece.time[0].calendar for piece in pieces})
    if len(calendars) > 1:
        raise ControlError(
            f"the files have calendars {' and '.join(calendars)}, expected pieces of one "
            "simulation; prepare them one by one"
        )
    pieces.sort(key=lambda piece: piece.time[0])
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
    whole = len(bounds) == len(pieces)
    thetao = xr.concat([piece.thetao for piece in pieces], "time") if len(pieces) > 1 else first.thetao
    return Native(
        thetao,
        first.cells,
        first.layers,
        time,
        np.concatenate(bounds) if whole else None,
        first.water,
        tuple(files),
    )


def find_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """The files meant by names, folders and patterns, sorted.

    Raises:
        ControlError: a name that leads to nothing.
    """
    found: set[Path] = set()
    for path in map(Path, [paths] if isinstance(paths, str | Path) else paths):
        if path.is_dir() and not _is_zarr(path):
            here = [file for file in path.glob("*.nc") if _holds_temperature(file)]
        elif path.exists():
            here = [path]
        else:
            here = list(path.parent.glob(path.name))
        if not here:
            raise ControlError(
                f"{path} leads to no file with potential temperature, expected NetCDF "
                "files, a Zarr store or a folder of NetCDF files; check the path"
            )
        found.update(here)
    if not found:
        raise ControlError("no path came, expected at least one file of a control simulation; name one")
    return sorted(found)


def require_sound(native: Native, values: NDArray[np.float32], first: int) -> None:
    """Refuse values (time, depth, y, x) of the steps from `first` on that cannot be sea water.

    Raises:
        ControlError: water of the first step is missing at another or the reverse, or temperatures
            lie outside COLDEST..WARMEST degC.
    """
    changed = np.isfinite(values) != native.water
    if changed.any():
        raise ControlError(
            f"{changed.sum()} values are missing where the first step has water, or "
            f"the reverse, the first is {_where(native, changed, first)}, expected one mask "
            "for all steps; fill or leave out the damaged steps"
        )
    wrong = (values < COLDEST) | (values > WARMEST)
    if wrong.any():
        worst = float(values[np.nonzero(wrong)][0])
        raise ControlError(
            f"{wrong.sum()} values are no sea water, the first is {worst:.6g} degC "
            f"{_where(native, wrong, first)}, expected {COLDEST:g} to {WARMEST:g}; check "
            "the units attribute (kelvin labelled degC?) and the fill value"
        )


def _where(native: Native, marked: NDArray[np.bool_], first: int) -> str:
    step, layer, row, column = (int(index[0]) for index in np.nonzero(marked))
    if isinstance(native.cells, Regular):
        lat = native.cells.lat_bounds[row].mean()
        lon = native.cells.lon_bounds[column].mean()
    else:
        lat, lon = (float(place) for place in places(native.cells.centres[row, column]))
    return (
        f"at {native.time[first + step]}, {native.layers[layer].mean():.0f} m, latitude {lat:.2f}, "
        f"longitude {lon:.2f}"
    )


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata"))


def _holds_temperature(path: Path) -> bool:
    with _open(path) as dataset:
        return bool(_candidates(dataset))


def _open(path: Path) -> xr.Dataset:
    options: dict[str, Any] = {"engine": "zarr"} if path.is_dir() else {}
    try:
        if path.is_file():
            require_whole(path)
        return xr.open_dataset(path, decode_times=False, decode_timedelta=False, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ControlError(
            f"{path} cannot be read ({reason}), expected a CF NetCDF file or a Zarr "
            "store; fetch it again or leave it out"
        ) from error


def _candidates(dataset: xr.Dataset) -> list[str]:
    named = [name for name in NAMES if name in dataset.data_vars]
    standard = [
        str(name)
        for name, field in dataset.data_vars.items()
        if field.attrs.get("standard_name") == STANDARD_NAME and field.ndim >= 2
    ]
    return named or standard


def _open_piece(path: Path, variable: str | None) -> Native:
    dataset = _open(path)
    name = variable or next(iter(_candidates(dataset)), None)
    if name is None or name not in dataset:
        raise ControlError(
            f"{path} holds no {variable or 'potential temperature'} but "
            f"{', '.join(map(str, list(dataset.data_vars)[:8]))}, expected thetao, TEMP, "
            "votemper or a variable of that standard name; name it, or give other files"
        )
    field = dataset[name]
    try:
        lat, lon = horizontal_names(dataset, field)
        cells = horizontal_cells(dataset, lat, lon)
    except GridError as error:
        raise ControlError(f"{path}: {error}") from error
    plane = dataset[lat].dims if dataset[lat].ndim == 2 else (*dataset[lat].dims, *dataset[lon].dims)
    others = [str(dim) for dim in field.dims if dim not in plane]
    along, time, bounds = find_times(dataset, others, str(path))
    depth, layers = find_layers(dataset, [dim for dim in others if dim != along], str(path))
    names = (along, depth, *map(str, plane))
    to_standard = dict(zip(names, ("time", "depth", "y", "x"), strict=True))
    mask = _water_mask(dataset, to_standard)

    def read(part: xr.DataArray) -> xr.DataArray:
        return _in_order(_in_celsius(part, path), to_standard).where(mask)

    start = read(field.isel({along: slice(0, 1)}) if along else field).to_numpy()
    _require_water(start, path)
    thetao = read(_in_chunks(field, along))
    native = Native(thetao, cells, layers, time, bounds, np.isfinite(start[0]), (path,))
    require_sound(native, start, 0)
    return native


def _in_chunks(field: xr.DataArray, along: str | None) -> xr.DataArray:
    """The field as dask array, whole in space, in chunks of time of some CHUNK_BYTES."""
    steps = field.sizes[along] if along else 1
    stored = field.encoding.get("preferred_chunks", {}).get(along, 1)  # whole ones are read once
    at_once = max(1, int(CHUNK_BYTES / (field.size / steps * 4)) // stored) * stored
    return field.chunk({dim: (at_once if dim == along else -1) for dim in field.dims})


def _in_celsius(field: xr.DataArray, path: Path) -> xr.DataArray:
    """The values in degC float32, undeclared fill values made NaN."""
    units = str(field.attrs.get("units", "none"))
    plain = units.lower().replace("_", "").replace(" ", "").replace("deg.", "deg")
    if plain not in CELSIUS | KELVIN:
        raise ControlError(
            f"{path} gives {field.name} in units {units}, expected degC or K; set the "
            "attribute if the values are temperatures, or choose another variable"
        )
    values = xr.DataArray(field.variable, name="thetao")
    values = values.where(np.abs(values) < FILL)
    return (values.astype(np.float64) - ICE_POINT if plain in KELVIN else values).astype(np.float32)


def _in_order(field: xr.DataArray, to_standard: dict[str | None, str]) -> xr.DataArray:
    """(time, depth, y, x), dimensions of size one added where the file has none."""
    field = field.rename({old: new for old, new in to_standard.items() if old and old != new})
    missing = [dim for dim in ("time", "depth") if dim not in field.dims]
    return field.expand_dims(missing).transpose("time", "depth", "y", "x")


def _water_mask(dataset: xr.Dataset, to_standard: dict[str | None, str]) -> xr.DataArray | bool:
    """The file's own static mask (depth, y, x) or (y, x), True if it has none."""
    for name in WATER_MASKS:
        mask = dataset.get(name)
        if mask is not None and mask.ndim >= 2 and set(mask.dims) <= set(to_standard):
            mask = xr.DataArray(mask.variable > 0)
            mask = mask.rename(
                {dim: to_standard[str(dim)] for dim in mask.dims if dim != to_standard[str(dim)]}
            )
            return mask.isel(time=0) if "time" in mask.dims else mask
    return True


def _require_water(start: NDArray[np.float32], path: Path) -> None:
    """Refuse a first step without any value, or with land as zeros."""
    if not np.isfinite(start).any():
        raise ControlError(
            f"{path} has no value at its first step, expected water somewhere; "
            "check its mask and its fill value"
        )
    zeros = np.mean(start == 0)
    if zeros > MANY_ZEROS:
        raise ControlError(
            f"{zeros:.0%} of the values in {path} are exactly 0, which looks like land, "
            "expected land as fill value; set _FillValue, or add the variable tmask"
        )


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
