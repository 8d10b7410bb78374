"""Moored buoys of TAO/TRITON, PIRATA and RAMA: time series with EPIC codes as variable names.

Two layouts of the GTMBA project office (PMEL): CF contiguous ragged (rowSize) with T_25 or T_20, and
T_20(time, depth, lat, lon). Quality: 1 highest, 2 default (pre-deployment calibration), 3 adjusted,
4 lower, 5 sensor failed, 0 missing. T_25 is at the surface, T_20 at depth.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from deepda.observations.ncfile import NetcdfFile
from deepda.observations.reading import (
    BAD,
    GOOD,
    PROBABLY_GOOD,
    SUSPECT,
    UNKNOWN,
    ReadOptions,
    ReadResult,
    finish,
    rows_of,
)

QUALITY = {0: BAD, 1: GOOD, 2: GOOD, 3: PROBABLY_GOOD, 4: SUSPECT, 5: BAD, -1: UNKNOWN}
TEMPERATURES = ("T_20", "T_25")
FLAGS = {"T_20": "QT_5020", "T_25": "QT_5025"}


def read_mooring(path: Path, options: ReadOptions) -> ReadResult:
    """Read a file of moored buoys.

    Raises:
        ObservationError: neither T_20 nor T_25, or damaged.
    """
    with NetcdfFile(path) as file:
        name = next((name for name in TEMPERATURES if name in file), None)
        if name is None:
            raise file.error(f"it holds none of {', '.join(TEMPERATURES)}", "leave it out")
        rows = _ragged(file, name) if "rowSize" in file else _gridded(file, name)
    return finish(rows, path, "mooring", options)


def _ragged(file: NetcdfFile, name: str) -> pd.DataFrame:
    size = file.shape(name)[0] if file.shape(name) else 0
    stations = file.shape("rowSize")[0] if file.shape("rowSize") else 0
    counts = np.nan_to_num(file.numbers("rowSize", (stations,)))
    if (counts < 0).any() or counts.sum() != size or (counts != np.rint(counts)).any():
        raise file.error(f"rowSize adds up to {counts.sum():g}, expected {size} values")
    station = np.repeat(np.arange(stations), counts.astype(np.intp))
    lat, lon = (file.numbers(word, (stations,))[station] for word in ("latitude", "longitude"))
    rows = rows_of(
        np.ones((size, 1), bool),
        time=file.times("time", (size,)),
        lat=lat,
        lon=lon,
        depth=file.numbers("depth", (size,)),
        temperature=file.numbers(name, (size,)),
        platform_type="mooring",
        platform_id=_names(file, stations)[station],
        quality_temperature=file.flags(FLAGS[name], (size,), QUALITY),
    )
    return rows.assign(profile=station.astype(np.int32))


def _gridded(file: NetcdfFile, name: str) -> pd.DataFrame:
    shape = file.shape(name)
    if len(shape) != 4 or shape[2:] != (1, 1):
        raise file.error(
            f"{name} has dimensions {file.dims(name)}, expected time, depth, lat, lon of one buoy"
        )
    times, levels = shape[:2]
    flat = (times, levels)
    depth = np.broadcast_to(file.numbers("depth", (levels,)), flat)
    temperature = file.numbers(name).reshape(flat)
    return rows_of(
        np.isfinite(temperature),
        time=file.times("time", (times,)),
        lat=file.numbers("lat", (1,))[0],
        lon=file.numbers("lon", (1,))[0],
        depth=depth,
        temperature=temperature,
        platform_type="mooring",
        platform_id=file.attribute("wmo_platform_code") or file.attribute("platform_code"),
        quality_temperature=file.flags(FLAGS[name], flat, QUALITY),
    )


def _names(file: NetcdfFile, stations: int) -> np.ndarray:
    """(station) WMO number of each buoy, or its name where it has none."""
    names = file.texts("station", stations)
    if "wmo_platform_code" not in file:
        return names
    number = file.numbers("wmo_platform_code", (stations,))
    return np.where(np.isfinite(number), np.array([f"{code:.0f}" for code in number]), names)
