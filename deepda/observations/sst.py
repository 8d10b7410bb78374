"""Gridded surface temperature: OISST, ERSST, HadISST, COBE, OSTIA, Kaplan and the like, a row a cell.

A value is the mean of its cell and interval, so its time is the middle of the interval: of the bounds
where there are any, of the month where all stamps are the first of one, else the stamp. Kelvin or degC
by units; without units by the values, which cannot be both. Cells under sea ice (a stand-in value
of -1.8 degC, or a concentration above one half) are no observations of temperature: reason "sea_ice".
Anomalies become temperatures only with the climatology they belong to.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from deepda.observations.ncfile import NetcdfFile, decode_times
from deepda.observations.reading import (
    GOOD,
    KELVIN,
    ZERO_CELSIUS,
    ObservationError,
    ReadOptions,
    ReadResult,
    finish,
    one_name,
)
from deepda.observations.seawater import FREEZING, nearest

NAMES = ("analysed_sst", "sst", "SST", "tos", "surface_temperature", "sea_surface_temperature", "ssta",
         "anom")  # fmt: skip
ERRORS = ("analysis_error", "analysis_uncertainty", "err")  # of OSTIA, ESA CCI, OISST: K
ICE = ("sea_ice_fraction", "ice", "icec", "siconc")  # fraction or percent
LATS, LONS = ("lat", "latitude", "Latitude", "Y"), ("lon", "longitude", "Longitude", "X")
REASONS = ("", "sea_ice", "repeated_longitude", "no_climatology_here")
ICE_MARGIN = 0.01  # K above the stand-in value
HALF = 0.5  # concentration above which SST is made from ice (Reynolds et al. 2007, section 2c)
CELSIUS = ("degc", "c", "celsius", "degree_c", "deg_c", "degrees_c", "degree_celsius", "degrees_celsius",
           "deg c", "degrees c", "degree c", "\N{DEGREE SIGN}c")  # fmt: skip
MODEL_MARKS = ("experiment_id", "source_id", "variant_label")  # global attributes of CMIP files


@dataclass(frozen=True, eq=False)
class Field:
    """A gridded product as it stands in its file.

    Attributes:
        time: (time) middle of the interval.
        lat, lon: degrees, one-dimensional.
        value: (time, lat, lon) degC or, of an anomaly, K; NaN on land.
        error: same shape, K, or None.
        ice: same shape, concentration 0..1, or None.
        anomaly: the values are anomalies.
        product: its name.
        first: number of the first of these time steps in the file.
        following: number of the first step after these, None at the end of the file.
    """

    time: NDArray[np.datetime64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    value: NDArray[np.float64]
    error: NDArray[np.float64] | None
    ice: NDArray[np.float64] | None
    anomaly: bool
    product: str
    first: int = 0
    following: int | None = None


def read_sst(path: Path, options: ReadOptions) -> ReadResult:
    """Read a gridded product in NetCDF.

    Raises:
        ObservationError: not on latitude and longitude, a climatology or model output, units that
            are no temperature, an anomaly without `options.climatology`, or damaged.
    """
    with NetcdfFile(path) as file:
        field = _field(file, options)
    return grid_result(field, path, "sst", options)


def grid_result(field: Field, path: Path, name: str, options: ReadOptions) -> ReadResult:
    """The rows of a gridded product: cells with a value; land is no row.

    Raises:
        ObservationError: an anomaly without climatology, or a product without any value.
    """
    value = _absolute(field, path, options.climatology) if field.anomaly else field.value
    here = np.isfinite(field.value)
    step, row, column = np.nonzero(here)
    part = field.first > 0 or field.following is not None
    rows = pd.DataFrame(
        {
            "time": field.time[step],
            "lat": field.lat[row],
            "lon": field.lon[column],
            "depth": 0.0,
            "temperature": value[here],
            "platform_type": "satellite",
            "platform_id": one_name(field.product, step.size),
            "quality_temperature": np.int8(GOOD),
            "profile": (field.first + step).astype(np.int32),
            "source_index": field.first * field.value[0].size + np.flatnonzero(here),
            "reason": _reasons(field, value, here),
        }
    )
    if field.error is not None:
        rows["instrument_error"] = field.error[here]
    result = finish(rows, path, name, options, potential=True, may_be_empty=part)
    return dataclasses.replace(result, next_step=field.following)


def _reasons(field: Field, value: NDArray[np.float64], here: NDArray[np.bool_]) -> pd.Series:
    """(row) why a cell with a value is no observation of its own, "" if it is."""
    _, first = np.unique(np.round(field.lon % 360, 4), return_index=True)
    again = ~np.isin(np.arange(field.lon.size), first)  # cyclic columns
    icy = value[here] <= FREEZING + ICE_MARGIN
    if field.ice is not None:
        icy |= field.ice[here] > HALF
    code = np.where(np.broadcast_to(again, value.shape)[here], 2, icy)
    code = np.where(np.isnan(value[here]), 3, code)  # an anomaly where its climatology is land
    return pd.Series(pd.Categorical.from_codes(code, pd.Index(list(REASONS))))


def _absolute(field: Field, path: Path, climatology: xr.DataArray | None) -> NDArray[np.float64]:
    """Anomaly plus the nearest cell of the climatology of its month; NaN where that is land."""
    if climatology is None:
        raise ObservationError(
            f"{path} holds anomalies of {field.product}, expected temperatures; pass the climatology "
            "they belong to (month, lat, lon) in degC"
        )
    base = climatology.transpose("month", "lat", "lon")
    row = nearest(base["lat"].to_numpy().astype(float), field.lat)
    column = nearest(base["lon"].to_numpy().astype(float), field.lon, turn=360.0)
    month = field.time.astype("datetime64[M]").astype(np.int64) % 12
    values = base.to_numpy()
    return np.stack([field.value[k] + values[m][np.ix_(row, column)] for k, m in enumerate(month)])


def _field(file: NetcdfFile, options: ReadOptions) -> Field:
    name = _variable(file)
    lat, lon = _axis(file, LATS), _axis(file, LONS)
    marks = [word for word in MODEL_MARKS if file.attribute(word)]
    if marks:
        raise file.error(
            f"it is model output ({', '.join(marks)}), expected observations", "leave it out"
        )
    time = _times(file)
    shape = (time.size, lat.size, lon.size)
    part = _part(shape, options)
    words = f"{name} {file.attribute('long_name', name)} {file.attribute('title')}".lower()
    anomaly = "anom" in words or name in ("ssta", "anom")
    return Field(
        time=time[part],
        lat=lat,
        lon=lon,
        value=_celsius(file, name, _grid(file, name, shape, part), anomaly),
        error=_optional(file, ERRORS, shape, part),
        ice=_fraction(_optional(file, ICE, shape, part)),
        anomaly=anomaly,
        product=file.attribute("title") or file.path.stem,
        first=part.start,
        following=part.stop if part.stop < time.size else None,
    )


def _part(shape: tuple[int, int, int], options: ReadOptions) -> slice:
    """The time steps to read."""
    steps, rows, columns = shape
    if options.most_values is None:
        return slice(options.first_step, steps)
    count = max(1, options.most_values // max(rows * columns, 1))
    return slice(options.first_step, min(options.first_step + count, steps))


def _variable(file: NetcdfFile) -> str:
    found = [name for name in NAMES if name in file]
    if not found:
        raise file.error(
            f"it has none of the variables {', '.join(NAMES)}", "give the table in another form"
        )
    return found[0]


def _axis(file: NetcdfFile, names: tuple[str, ...]) -> NDArray[np.float64]:
    found = next((name for name in names if name in file), None)
    if found is None or len(file.shape(found)) != 1:
        raise file.error(
            f"{found or names[0]} is {'two-dimensional' if found else 'missing'}, expected a grid of "
            "latitude and longitude",
            "observations come on one; remap model output by `deepda control prepare`",
        )
    values = file.numbers(found)
    if not np.isfinite(values).all():
        raise file.error(f"{found} has missing values, expected none")
    return values


def _grid(file: NetcdfFile, name: str, shape: tuple[int, int, int], part: slice) -> NDArray[np.float64]:
    found = file.shape(name)
    if [n for n in found if n != 1] != [n for n in shape if n != 1]:
        raise file.error(f"{name} has shape {found}, expected time, lat, lon {shape}")
    if found[:1] == shape[:1]:
        return file.numbers(name, part=part).reshape(-1, *shape[1:])
    return file.numbers(name).reshape(shape)[part]


def _optional(
    file: NetcdfFile, names: tuple[str, ...], shape: tuple[int, int, int], part: slice
) -> NDArray[np.float64] | None:
    found = next((name for name in names if name in file), None)
    return None if found is None else _grid(file, found, shape, part)


def _fraction(ice: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    return None if ice is None else ice / 100 if np.nanmax(ice, initial=0.0) > 1.5 else ice


def _celsius(
    file: NetcdfFile, name: str, values: NDArray[np.float64], anomaly: bool
) -> NDArray[np.float64]:
    """degC by the units; without units by the values: an ocean is either kelvin or degC."""
    units = file.attribute("units", name).lower()
    finite = values[np.isfinite(values)]
    if anomaly or units in CELSIUS:
        return values
    if units in ("k", "kelvin", "degk", "deg_k"):
        return values - ZERO_CELSIUS
    middle = float(np.median(finite)) if finite.size else 0.0
    if units == "" and KELVIN[0] < middle < KELVIN[1]:
        return values - ZERO_CELSIUS
    if units == "" and -5 < middle < 45:
        return values
    raise file.error(
        f"{name} is in units {units!r} around {middle:g}, expected kelvin or degC", "set its units"
    )


def _times(file: NetcdfFile) -> NDArray[np.datetime64]:
    if "time" not in file and "TIME" not in file:
        raise file.error(
            "it has no time, expected one for each field", "leave out what is a climatology"
        )
    name = "time" if "time" in file else "TIME"
    time = file.times(name).reshape(-1)
    bounds = file.attribute("bounds", name)
    if (
        bounds in file
        and file.shape(bounds) == (time.size, 2)
        and not file.attribute("climatology", name)
    ):
        return _middle(file, name, bounds)
    month = time.astype("datetime64[M]")
    first_days = bool((time == month.astype("datetime64[s]")).all())
    if not first_days or time.size < 2 or (np.diff(month).astype(int) < 1).any():
        return time
    return time + ((month + 1).astype("datetime64[s]") - time) // 2


def _middle(file: NetcdfFile, name: str, bounds: str) -> NDArray[np.datetime64]:
    units, calendar = (file.attribute(word, name) for word in ("units", "calendar"))
    edges = decode_times(file.numbers(bounds), units, calendar.lower(), file.error)
    return edges[:, 0] + (edges[:, 1] - edges[:, 0]) // 2
