"""Climatologies of the sea surface that products of anomalies were made with.

An anomaly is an observation only together with what it departs from. `deepda observations ingest
--climatology FILE` adds it back, month by month, at the nearest cell.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.geometry.windows import MONTHS
from deepda.observations.calendars import SINCE
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.reading import ZERO_CELSIUS, ObservationError
from deepda.observations.surface import reference_years
from deepda.observations.t30 import read_t30_climatology

NAMES = ("sst", "SST", "tos", "t_an", "temperature")
LATS, LONS = ("lat", "latitude", "Y"), ("lon", "longitude", "X")


def read_surface_climatology(path: Path) -> xr.DataArray:
    """degC (month, lat, lon) of a NetCDF file with twelve months of SST, or of a T30 file (.grd).

    Attribute `years` holds the periods that the file names, "1961-1990".

    Raises:
        ObservationError: no such file, not twelve months of SST on latitude and longitude, or a file
            that says that its ocean is simulated.
    """
    if not path.is_file():
        raise ObservationError(f"{path} is not there, expected a climatology of SST; check the path")
    if path.suffix == ".grd":
        return read_t30_climatology(path)
    with NetcdfFile(path) as file:
        return _monthly(file)


def _monthly(file: NetcdfFile) -> xr.DataArray:
    found = [next((n for n in names if n in file), "") for names in (NAMES, LATS, LONS)]
    if "" in found:
        raise file.error(f"it has none of the variables {', '.join(NAMES)} with latitude and longitude",
                         "give a climatology of SST")  # fmt: skip
    name, *places = found
    dims, axes = file.dims(name), [dim for place in places for dim in file.dims(place)]
    months = [dim for dim in dims if dim not in axes and file.size(dim) != 1]
    if len(axes) != 2 or len(months) != 1 or file.size(months[0]) != MONTHS or not {*axes} <= {*dims}:
        sizes = dict(zip(dims, file.shape(name), strict=True))
        raise file.error(f"{name} has dimensions {sizes}, expected {MONTHS} months of the year, "
                         "latitude and longitude", "give a climatology of SST")  # fmt: skip
    rest = [dim for dim in dims if dim not in (*months, *axes)]
    order = [dims.index(dim) for dim in (*rest, *months, *axes)]
    value = _celsius(file, name).transpose(order)[(0,) * len(rest)]
    lat, lon = (file.quantity(place, "degrees") for place in places)
    return xr.DataArray(
        value[_order(file, months[0])],
        coords={"month": np.arange(1, MONTHS + 1), "lat": lat, "lon": lon},
        dims=("month", "lat", "lon"),
        attrs={"years": sorted(reference_years(file, name))},
    )


def _celsius(file: NetcdfFile, name: str) -> NDArray[np.float64]:
    """degC, NaN where missing or outside the valid range; without units the values decide."""
    values = file.numbers(name)
    values = np.where(file.invalid(values, name), np.nan, values)
    if file.attribute("units", name):
        return file.in_unit(values, name, "degC")
    return values - ZERO_CELSIUS if np.nanmedian(values) > 200 else values


def _order(file: NetcdfFile, dim: str) -> NDArray[np.intp]:
    """(month) step of each month of the year: by dates, by numbers 1 to 12, else the steps in order.

    Raises:
        ObservationError: dates or numbers that are not each month of the year once.
    """
    steps = np.arange(MONTHS)
    if dim not in file or file.shape(dim) != (MONTHS,):
        return steps
    months = _months(file, dim)
    if months is None:
        return steps
    order = np.argsort(months, kind="stable")
    if (months[order] != steps).any():
        said = ", ".join(str(month + 1) for month in months)
        raise file.error(f"{dim} is of the months {said}, expected each month of the year once",
                         "give a climatology of twelve months")  # fmt: skip
    return order


def _months(file: NetcdfFile, dim: str) -> NDArray[np.int64] | None:
    """(step) month of the year from 0, None where the steps are neither dated nor numbered."""
    since = SINCE.fullmatch(file.attribute("units", dim))
    if since and int(since[2]) > 0:
        return file.times(dim).astype("datetime64[M]").astype(np.int64) % MONTHS
    numbers = np.rint(file.numbers(dim)) - 1
    return numbers.astype(np.int64) if {*numbers} == {*range(MONTHS)} else None
