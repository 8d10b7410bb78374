"""NetCDF files of observations as people have them, written in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

Variable = tuple[tuple[str, ...], object, Mapping[str, Any]]  # dimensions, values, attributes
LAT, LON = np.arange(-60.0, 61.0, 10.0), np.arange(5.0, 360.0, 10.0)
SST = np.broadcast_to(24.0 - np.abs(LAT)[:, None] / 10.0, (LAT.size, LON.size))  # 18..24 degC
NOON = {"units": "hours since 2012-03-10 00:00:00"}
DEPTH = np.array([0.0, 200.0, 500.0, 1000.0])
WATER = np.array([26.0, 18.0, 12.0, 5.0])  # degC; in situ 5.000 at 1000 m is 4.915 potential
SALT = np.array([35.5, 36.3, 35.4, 35.0])


def write(path: Path, variables: Mapping[str, Variable], **attributes: object) -> Path:
    """A file of variables; dimensions follow from the shapes, attribute `fill` is the _FillValue."""
    with netCDF4.Dataset(path, "w") as data:
        data.setncatts(attributes)
        for name, (dims, values, words) in variables.items():
            block = np.asarray(values)
            for dim, size in zip(dims, block.shape, strict=True):
                if dim not in data.dimensions:
                    data.createDimension(dim, size)
            words = dict(words)
            kind = str if block.dtype.kind == "U" else block.dtype
            variable = data.createVariable(name, kind, dims, fill_value=words.pop("fill", None))
            variable.set_auto_maskandscale(False)
            variable.setncatts(words)
            variable[...] = block.astype(object) if kind is str else block
    return path


def sst_file(
    path: Path,
    values: object = SST,
    dims: tuple[str, ...] = ("time", "lat", "lon"),
    name: str = "sst",
    units: str = "degC",
    time: Mapping[str, Any] = NOON,
    hours: object = (12.0,),
    extra: Mapping[str, Variable] | None = None,
    words: Mapping[str, Any] | None = None,
    lat: Variable = (("lat",), LAT, {"units": "degrees_north"}),
    lon: Variable = (("lon",), LON, {"units": "degrees_east"}),
    **attributes: object,
) -> Path:
    """A gridded product of one field (lat, lon), which stands at each of `hours`."""
    times = np.asarray(hours, float)
    block = np.asarray(values)
    if block.ndim == 2:
        block = np.broadcast_to(block, (times.size, *block.shape))
        block = block.transpose([("time", "lat", "lon").index(dim) for dim in dims])
    variables = {
        "time": (("time",), times, time),
        "lat": lat,
        "lon": lon,
        name: (dims, block, ({"units": units} if units else {}) | dict(words or {})),
        **(extra or {}),
    }
    return write(path, variables, **attributes)


def cast_file(path: Path, changes: Mapping[str, Variable | None], **attributes: object) -> Path:
    """One CTD cast along one dimension; None leaves a variable out."""
    size = DEPTH.size
    variables: dict[str, Variable | None] = {
        "time": (("obs",), np.full(size, 12.0), NOON),
        "lat": (("obs",), np.full(size, 36.0), {"units": "degrees_north"}),
        "lon": (("obs",), np.full(size, -72.0), {"units": "degrees_east"}),
        "depth": (("obs",), DEPTH, {"units": "m", "positive": "down", "standard_name": "depth"}),
        "temp": (("obs",), WATER, {"units": "degree_C", "standard_name": "sea_water_temperature"}),
        "salinity": (("obs",), SALT, {"units": "1"}),
    }
    whole = variables | dict(changes)
    return write(path, {name: found for name, found in whole.items() if found is not None}, **attributes)
