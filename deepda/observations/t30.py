"""Surface temperature on the T30 Gaussian grid, as the Fortran programs of SPEEDY write it.

Sequential records of 48 x 96 float32 in either byte order, north first; no header and no dates.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.observations.errors import ANALYSED
from deepda.observations.faults import KELVIN
from deepda.observations.reading import ZERO_CELSIUS, ObservationError, ReadOptions, ReadResult
from deepda.observations.sst import Field, grid_result

T30 = (48, 96)
LAND = -9e18  # fill is -9.999e19


def read_grd(path: Path, options: ReadOptions) -> ReadResult:
    """Read T30 fields in Fortran sequential records, north first: monthly anomalies, or kelvin.

    Anomalies and temperatures differ by their size; the first month is `options.start`. A cell that is
    land in one month is land in all: the early months of one file hold 0 there.

    Raises:
        ObservationError: other records, no start, or anomalies without climatology.
    """
    values = grd_records(path)
    if options.start is None or not re.fullmatch(r"\d{4}-\d\d", options.start):
        raise ObservationError(
            f"{path} has no dates and start is {options.start!r}; pass its first month, like '1979-01'"
        )
    first = np.datetime64(options.start, "M") + np.arange(len(values) + 1)
    edges = first.astype("datetime64[s]")
    anomaly = bool(np.nanmax(np.abs(values), initial=0.0) < 100)
    lat, lon = t30_grid()
    field = Field(
        time=edges[:-1] + (edges[1:] - edges[:-1]) // 2, lat=lat, lon=lon,
        value=values if anomaly else values - ZERO_CELSIUS, error=np.array(ANALYSED), ice=None,
        anomaly=anomaly, product=path.stem,
    )  # fmt: skip
    return grid_result(field, path, "t30", options)


def read_t30_climatology(path: Path) -> xr.DataArray:
    """degC (month, lat, lon) of a T30 file of twelve months in kelvin.

    Raises:
        ObservationError: other records, or not twelve months in kelvin.
    """
    values = grd_records(path)
    if len(values) != 12 or not KELVIN[0] < np.nanmedian(values) < KELVIN[1]:
        raise ObservationError(f"{path} holds {len(values)} fields, expected 12 months in kelvin")
    lat, lon = t30_grid()
    return xr.DataArray(
        values - ZERO_CELSIUS,
        coords={"month": np.arange(1, 13), "lat": lat, "lon": lon},
        dims=("month", "lat", "lon"),
    )


def t30_grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes (north first) and longitudes of the T30 Gaussian grid, degrees."""
    nodes, _ = np.polynomial.legendre.leggauss(T30[0])
    return np.degrees(np.arcsin(nodes))[::-1], np.arange(T30[1]) * 360.0 / T30[1]


def grd_records(path: Path) -> NDArray[np.float64]:
    """(record, lat, lon) of Fortran sequential T30 records in either byte order, NaN on land.

    Raises:
        ObservationError: the file is not a whole number of such records.
    """
    length = 4 * T30[0] * T30[1]
    raw = np.frombuffer(path.read_bytes(), np.uint8)
    marks = {order: np.frombuffer(raw[:4].tobytes(), f"{order}i4") for order in "<>"}
    order = next((word for word, mark in marks.items() if mark.size and mark[0] == length), None)
    if order is None or raw.size % (length + 8):
        raise ObservationError(
            f"{path} is not made of Fortran records of {length} bytes (T30); fetch it again"
        )
    records = raw.reshape(-1, length + 8)
    ends = np.ascontiguousarray(records[:, [0, 1, 2, 3, -4, -3, -2, -1]]).view(f"{order}i4")
    if (ends != length).any():
        raise ObservationError(f"{path} has records of other lengths, expected {length}; fetch it again")
    values = np.ascontiguousarray(records[:, 4:-4]).view(f"{order}f4").astype(float)
    values = values.reshape(-1, *T30)
    values[~(np.abs(values) < -LAND)] = np.nan
    values[:, np.isnan(values).any(axis=0)] = np.nan
    return values
