"""Climatologies of the sea surface that products of anomalies were made with.

An anomaly is an observation only together with what it departs from. `deepda observations ingest
--climatology FILE` adds it back, month by month, at the nearest cell.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.synthetic import refusal, simulated_by
from deepda.base.units import UnitError, convert
from deepda.geometry.windows import MONTHS
from deepda.observations.reading import ZERO_CELSIUS, ObservationError
from deepda.observations.t30 import read_t30_climatology

NAMES = ("sst", "SST", "tos", "t_an", "temperature")
LATS, LONS = ("lat", "latitude", "Y"), ("lon", "longitude", "X")


def read_surface_climatology(path: Path) -> xr.DataArray:
    """degC (month, lat, lon) of a NetCDF file with twelve months of SST, or of a T30 file (.grd).

    Raises:
        ObservationError: no such file, not twelve months of SST on latitude and longitude, or a file
            that says that its ocean is simulated.
    """
    if not path.is_file():
        raise ObservationError(f"{path} is not there, expected a climatology of SST; check the path")
    if path.suffix == ".grd":
        return read_t30_climatology(path)
    try:
        with xr.open_dataset(path, decode_times=False, engine="netcdf4") as dataset:
            if said := simulated_by(dataset.attrs):
                raise ObservationError(refusal(path, said, "a climatology"))
            return _monthly(dataset, path)
    except (OSError, ValueError) as error:
        if isinstance(error, ObservationError):
            raise
        raise ObservationError(f"{path} cannot be read ({error}); fetch it again") from error


def _monthly(dataset: xr.Dataset, path: Path) -> xr.DataArray:
    found = [next((n for n in names if n in dataset), None) for names in (NAMES, LATS, LONS)]
    if None in found:
        raise ObservationError(
            f"{path} has none of the variables {', '.join(NAMES)} with latitude and longitude; give a "
            "climatology of SST"
        )
    name, lat_name, lon_name = map(str, found)
    field, lat, lon = (dataset[word] for word in (name, lat_name, lon_name))
    months = [dim for dim in field.dims if dim not in (*lat.dims, *lon.dims) and field.sizes[dim] != 1]
    if lat.ndim != 1 or lon.ndim != 1 or len(months) != 1 or field.sizes[months[0]] != MONTHS:
        raise ObservationError(
            f"{path}: {name} has dimensions {dict(field.sizes)}, expected {MONTHS} months of the year, "
            "latitude and longitude; give a climatology of SST"
        )
    order = (months[0], *lat.dims, *lon.dims)
    value = (
        field.squeeze([dim for dim in field.dims if dim not in order], drop=True)
        .transpose(*order)
        .to_numpy()
        .astype(float)
    )
    units = str(field.attrs.get("units", "")).strip()
    if units:
        value = _celsius(value, units, path)
    elif np.nanmedian(value) > 200:
        value = value - ZERO_CELSIUS
    return xr.DataArray(
        value,
        coords={"month": np.arange(1, MONTHS + 1), "lat": lat.to_numpy(), "lon": lon.to_numpy()},
        dims=("month", "lat", "lon"),
    )


def _celsius(values: NDArray[np.float64], units: str, path: Path) -> NDArray[np.float64]:
    try:
        return convert(values, units, "degC")
    except UnitError as error:
        raise ObservationError(f"{path}: {error}") from error
