"""Monthly climatologies as they stand in files.

    folder of MITgcm binaries   lev_t.bin (Levitus; 12 x 15 x 40 x 90, big-endian), degC, potential
    NetCDF                      month, depth, lat, lon of a temperature (`deepda.climatology.netcdf`):
                                WOA, EN4 or one's own; one file with twelve months or twelve with one

Land, and values colder or warmer than sea water can be, are NaN here whatever marks them in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.files import checksum, digest_of
from deepda.climatology.netcdf import in_order_of_months, read_field
from deepda.climatology.seasonal import ClimatologyError
from deepda.control.masks import lost_fill
from deepda.geometry.windows import MONTH_LENGTHS, MONTHS
from deepda.observations.seawater import STANDARD, potential_temperature, pressure_of
from deepda.observations.surface_climatology import read_surface_climatology
from deepda.settings.files import matching_files
from deepda.settings.schema import ConfigError

Array = NDArray[np.float64]
LEVITUS = "lev_t.bin"
LEVITUS_SHAPE = (MONTHS, 15, 40, 90)
# m, thickness of the layers of LEVITUS, as given in MITgcm's tutorial_global_oce_latlon (delR)
LEVITUS_LAYERS = (50, 70, 100, 140, 190, 240, 290, 340, 390, 440, 490, 540, 590, 640, 690)
COLDEST, WARMEST = -2.0, 40.0  # degC: beyond is no sea water at these pressures
CIRCLE = 360.0  # degrees


@dataclass(frozen=True, eq=False)
class Months:
    """A monthly climatology as it stands in its files.

    Attributes:
        value: (month, depth, lat, lon) degC, potential temperature; NaN where there is none.
        depth: (depth) m, positive down, increasing: middles of the levels.
        lat, lon: degrees north and east, increasing; longitudes go round once.
        sha256: of the files.
    """

    value: Array
    depth: Array
    lat: Array
    lon: Array
    sha256: str


def months_named(names: Sequence[str]) -> Months:
    """A monthly climatology from files or a folder; * and ? in names stand for anything.

    Raises:
        ClimatologyError: nothing has these names; see `read_months`.
    """
    try:
        return read_months(matching_files(names))
    except ConfigError as error:
        raise ClimatologyError(
            f"no observed climatology: {error}; name files of monthly temperature, in the settings as "
            "observations.climatology=[FILES] (`deepda data get woa18-temperature` fetches some)"
        ) from error


def read_months(paths: Sequence[Path]) -> Months:
    """A monthly climatology from a folder with Levitus binaries, or from NetCDF files.

    Raises:
        ClimatologyError: no such file, none of the known forms, not twelve months.
    """
    first = paths[0]
    if first.is_dir() and (first / LEVITUS).exists():
        return _levitus(first / LEVITUS)
    files = sorted(first.glob("*.nc")) if first.is_dir() else list(paths)
    if not files:
        raise ClimatologyError(
            f"{first} holds neither {LEVITUS} nor NetCDF files, expected a monthly climatology; "
            "give another observations.climatology"
        )
    return _netcdf(files)


def read_annual(path: Path) -> Months:
    """The annual mean of a climatology in a NetCDF file: its one field, or the mean of its months.

    Raises:
        ClimatologyError: cannot be read, or neither one field nor twelve months.
    """
    field = read_field(path)
    steps = field.value.sizes["month"]
    if steps != 1:
        field = replace(field, value=in_order_of_months([field], str(path)))
    months = _months(field.value, field.in_situ, checksum(path))
    lengths = MONTH_LENGTHS if steps == MONTHS else np.ones(1)
    return replace(months, value=np.average(months.value, axis=0, weights=lengths)[None])


def read_surface(path: Path) -> Months:
    """A monthly climatology of the sea surface: one level, at 0 m.

    Cells that are colder than sea water in some month have no value in any: products put the surface of
    ice there, or air over land, and blend it with the water around.

    Raises:
        ObservationError: not twelve months of SST.
    """
    field = read_surface_climatology(path).sortby("lat")
    lon = np.mod(field["lon"].to_numpy(), CIRCLE)
    _, first = np.unique(np.round(lon, 6), return_index=True)
    value = _sound(field.to_numpy()[:, None, :, first])
    return Months(value, np.zeros(1), field["lat"].to_numpy(), lon[first], checksum(path))


def _levitus(path: Path) -> Months:
    raw = path.read_bytes()
    count = int(np.prod(LEVITUS_SHAPE))
    if len(raw) != 4 * count:
        raise ClimatologyError(
            f"{path} has {len(raw)} bytes, expected {4 * count} (big-endian float32, months x levels x "
            f"lat x lon = {' x '.join(map(str, LEVITUS_SHAPE))}); fetch it again"
        )
    value = np.frombuffer(raw, ">f4").reshape(LEVITUS_SHAPE).astype(float)
    value = _sound(np.where(value == 0.0, np.nan, value))  # land is 0
    bottom = np.cumsum(LEVITUS_LAYERS)
    depth = bottom - 0.5 * np.array(LEVITUS_LAYERS, float)
    lat, lon = np.linspace(-78.0, 78.0, 40), np.linspace(2.0, 358.0, 90)
    return Months(value, depth, lat, lon, digest_of([raw]))


def _netcdf(files: Sequence[Path]) -> Months:
    fields = [read_field(file) for file in files]
    if len({field.in_situ for field in fields}) > 1:
        raise ClimatologyError(
            f"{files[0]} and {len(files) - 1} more hold potential and in-situ temperature, expected one "
            "kind; give the months of one climatology"
        )
    whole = in_order_of_months(fields, str(files[0]))
    return _months(whole, fields[0].in_situ, checksum(*files))


def _months(field: xr.DataArray, in_situ: bool, sha256: str) -> Months:
    field = field.sortby("lat").sortby("depth")
    depth, lat = field["depth"].to_numpy(), field["lat"].to_numpy()
    lon = np.mod(field["lon"].to_numpy(), CIRCLE)
    _, first = np.unique(np.round(lon, 6), return_index=True)  # a cyclic column goes
    value = field.to_numpy()[..., first]
    filled, _ = lost_fill(value[0], value[-1])
    value = _sound(np.where(filled, np.nan, value))
    if in_situ:
        value = _potential(value, depth, lat, lon[first])
    return Months(value, depth, lat, lon[first], sha256)


def _potential(value: Array, depth: Array, lat: Array, lon: Array) -> Array:
    """Potential temperature of in-situ temperature (month, depth, lat, lon), at salinity 35."""
    level, row, column, _ = np.broadcast_arrays(depth[:, None, None], lat[:, None], lon, value)
    salinity, pressure = np.full(value.shape, STANDARD), pressure_of(level, row)
    return potential_temperature(value, salinity, pressure, row, column)


def _sound(value: Array) -> Array:
    """What can be sea water, in degC, all year; else there is no value in any month.

    Products put air over land, which in summer passes for water.
    """
    with np.errstate(invalid="ignore"):
        water = ((value >= COLDEST) & (value <= WARMEST)).all(axis=0)
    return np.where(water, value, np.nan)
