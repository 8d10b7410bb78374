"""Gridded surface temperature: OISST, ERSST, HadISST, COBE, OSTIA, Kaplan and the like, a row a cell.

A value is the mean of its cell and interval, so its time is the middle of the interval
(`deepda.observations.intervals`); pixels of satellites have times and quality levels of their own.
Cells under sea ice (a stand-in value of -1.8 degC, or a concentration above one half) are no
observations of temperature (reason "sea_ice"), nor is a constant on land ("constant_on_land").
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

from deepda.observations.calendars import decode_times, seconds_since
from deepda.observations.coordinates import degrees
from deepda.observations.errors import ANALYSED
from deepda.observations.gridded import Axes, on_axes
from deepda.observations.intervals import coverage_middle, middle_times, of_passes
from deepda.observations.landvalues import constant_on_land
from deepda.observations.modelled import require_observations
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import GOOD, SUSPECT
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult, finish, one_name
from deepda.observations.seawater import FREEZING, nearest
from deepda.observations.surface import (
    NAMES,
    Surface,
    celsius,
    errors_of_cells,
    find_surface,
    ice_fraction,
    reference_years,
)
from deepda.observations.surface_flags import marked_cells, quality_of_cells
from deepda.observations.temperatures import not_read

TIMES = ("time", "TIME", "Time", "date", "DATE")
REASONS = ("", "sea_ice", "repeated_longitude", "no_climatology_here", "constant_on_land",
           "flagged_as_land_or_cloud")  # fmt: skip
ICE_MARGIN = 0.01  # K above the stand-in value
COLDEST = -5.0  # degC: below it no stand-in for ice, but no temperature
FULL_ICE = -1000.0  # of HadISST, cells wholly under ice
HALF = 0.5  # concentration above which SST is made from ice (Reynolds et al. 2007, section 2c)


@dataclass(frozen=True, eq=False)
class Field:
    """A gridded product as it stands in its file.

    Attributes:
        time: (time) middle of the interval, or (time, lat, lon) of each pixel.
        lat, lon: degrees, one-dimensional, or both (lat, lon) of a swath.
        value: (time, lat, lon) degC or, of an anomaly, K; NaN on land.
        error: same shape, or one for all, K; None where it is the platform's.
        ice: same shape, concentration 0..1, or None.
        first: number of the first of these time steps in the file.
        following: number of the first step after these, None at the end of the file.
        quality: as value or less, 0..4 (QUALITIES).
        icy, dry: as value or less, cells that masks of the file call ice, or land and cloud.
        invalid: as value or less, outside the range that the file calls valid.
        depth: m, of the field.
        years: periods that an anomaly departs from, "1961-1990", as far as the file says.
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
    quality: NDArray[np.int8] = dataclasses.field(default_factory=lambda: np.array(GOOD, np.int8))
    icy: NDArray[np.bool_] = dataclasses.field(default_factory=lambda: np.array(False))
    dry: NDArray[np.bool_] = dataclasses.field(default_factory=lambda: np.array(False))
    invalid: NDArray[np.bool_] = dataclasses.field(default_factory=lambda: np.array(False))
    depth: float = 0.0
    years: frozenset[str] = frozenset()


def read_sst(path: Path, options: ReadOptions) -> ReadResult:
    """Read a gridded product in NetCDF.

    Raises:
        ObservationError: not on latitude and longitude, a climatology or model output, units that
            are no temperature, an anomaly without `options.climatology`, or damaged.
    """
    with NetcdfFile(path) as file:
        field, assumed = _field(file, options)
    result = grid_result(field, path, "sst", options)
    return dataclasses.replace(result, assumed=(*assumed, *result.assumed))


def grid_result(field: Field, path: Path, name: str, options: ReadOptions) -> ReadResult:
    """The rows of a gridded product: cells with a value; land is no row.

    Raises:
        ObservationError: an anomaly without climatology, or a product without any value.
    """
    value = _absolute(field, path, options.climatology) if field.anomaly else field.value
    here = np.isfinite(field.value)
    step, row, column = np.nonzero(here)
    part = field.first > 0 or field.following is not None
    swath = field.lat.ndim == 2
    quality = _at(field.quality, here)
    rows = pd.DataFrame(
        {
            "time": field.time[here] if field.time.ndim == 3 else field.time[step],
            "lat": field.lat[row, column] if swath else field.lat[row],
            "lon": field.lon[row, column] if swath else field.lon[column],
            "depth": field.depth,
            "temperature": value[here],
            "platform_type": "satellite",
            "platform_id": one_name(field.product, step.size),
            "quality_temperature": quality,
            "profile": (field.first + step).astype(np.int32),
            "source_index": field.first * field.value[0].size + np.flatnonzero(here),
            "reason": _reasons(field, value, here, quality),
            "invalid": _at(field.invalid, here),
        }
    )
    if field.error is not None:
        rows["instrument_error"] = _at(field.error, here)
    result = finish(rows, path, name, options, "potential", may_be_empty=part)
    return dataclasses.replace(result, next_step=field.following)


def _reasons(
    field: Field, value: NDArray[np.float64], here: NDArray[np.bool_], quality: NDArray[np.int8]
) -> pd.Series:
    """(row) why a cell with a value is no observation of its own, "" if it is."""
    rows = value[here]
    dry, invalid = _at(field.dry, here), _at(field.invalid, here)
    cold = (rows <= FREEZING + ICE_MARGIN) & (rows > COLDEST) & ~invalid
    icy = cold | (rows == FULL_ICE) | _at(field.icy, here)
    if field.ice is not None:
        icy |= _at(field.ice, here) > HALF
    code = np.where(np.broadcast_to(_again(field), value.shape)[here], 2, icy)
    code = np.where(np.isnan(rows), 3, code)  # an anomaly where its climatology is land
    if not field.anomaly and field.lat.ndim == 1:
        used = here.copy()
        used[here] = ~icy & ~dry & ~invalid & (quality < SUSPECT)
        land = constant_on_land(value, used)
        code = code if land is None else np.where(land[here], 4, code)
    code = np.where(dry & (code == 0), 5, code)
    return pd.Series(pd.Categorical.from_codes(code, pd.Index(list(REASONS))))


def _at(values: NDArray, here: NDArray[np.bool_]) -> NDArray:
    """(row) values at the cells that are rows; one value stands for all."""
    return np.broadcast_to(values, here.shape)[here] if values.ndim else values


def _again(field: Field) -> NDArray[np.bool_]:
    """(lon) cyclic columns, which repeat others."""
    if field.lon.ndim == 2:
        return np.array(False)
    _, first = np.unique(np.round(field.lon % 360, 4), return_index=True)
    return ~np.isin(np.arange(field.lon.size), first)


def _absolute(field: Field, path: Path, climatology: xr.DataArray | None) -> NDArray[np.float64]:
    """Anomaly plus the nearest cell of the climatology of its month; NaN where that is land."""
    if climatology is None:
        raise ObservationError(
            f"{path} holds anomalies of {field.product}, expected temperatures; pass the climatology "
            "they belong to (month, lat, lon) in degC"
        )
    if field.time.ndim != 1 or field.lat.ndim != 1:
        raise ObservationError(
            f"{path} holds anomalies of single pixels, expected anomalies on a grid; give temperatures"
        )
    _require_same_years(field, path, climatology)
    base = climatology.transpose("month", "lat", "lon")
    lat, lon = (base[word].to_numpy().astype(float) for word in ("lat", "lon"))
    row, column = nearest(lat, field.lat), nearest(lon, field.lon, turn=360.0)
    beside = np.abs((lon[column] - field.lon + 180.0) % 360.0 - 180.0)
    far = (np.abs(lat[row] - field.lat) > _reach(lat))[:, None] | (beside > _reach(lon))
    month = field.time.astype("datetime64[M]").astype(np.int64) % 12
    values = base.to_numpy()
    normal = np.where(far, np.nan, values[:, row[:, None], column])
    return field.value + normal[month]


def _require_same_years(field: Field, path: Path, climatology: xr.DataArray) -> None:
    years = frozenset(climatology.attrs.get("years", ()))
    if field.years and years and not field.years & years:
        theirs, its = (", ".join(sorted(part)) for part in (field.years, years))
        raise ObservationError(
            f"{path} departs from {theirs}, the climatology is of {its}, expected the same years; pass "
            "the climatology that the anomalies belong to"
        )


def _reach(centres: NDArray[np.float64]) -> float:
    """Half the widest distance of neighbours: how far a cell reaches from its centre."""
    return float(np.diff(np.sort(centres)).max(initial=0.0)) / 2 + 1e-3


def _field(file: NetcdfFile, options: ReadOptions) -> tuple[Field, tuple[str, ...]]:
    """The part of the product that the options ask for, and what was assumed about it."""
    surface = find_surface(file)
    if surface is None:
        raise file.error(
            f"it has none of the variables {', '.join(NAMES)} on latitude and longitude, by name or "
            "standard_name", "give the table in another form"
        )  # fmt: skip
    require_observations(file, surface.axes)
    axes = surface.axes
    time, assumed = _times(file, surface)
    part = _part((time.size, file.size(axes.rows), file.size(axes.columns)), options)
    stored = on_axes(file, surface.name, axes, part, file.numbers)
    invalid = file.invalid(stored, surface.name)
    value, unit = celsius(file, surface, stored, invalid)
    icy, dry = marked_cells(file, surface, part)
    ice, ice_unit = ice_fraction(file, surface, part)
    error = errors_of_cells(file, surface, part)
    if error is None and not (axes.swath or of_passes(file)):
        error = np.array(ANALYSED)
    field = Field(
        time=_pixel_times(file, axes, part, time[part]),
        lat=degrees(file, axes.lat),
        lon=degrees(file, axes.lon),
        value=value,
        error=error,
        ice=ice,
        anomaly=surface.anomaly,
        product=file.attribute("title") or file.path.stem,
        first=part.start,
        following=part.stop if part.stop < time.size else None,
        quality=quality_of_cells(file, surface, part),
        icy=icy,
        dry=dry,
        invalid=invalid,
        depth=axes.depth,
        years=reference_years(file, surface.name) if surface.anomaly else frozenset(),
    )
    said = [word for word in (assumed, unit, ice_unit) if word]
    return field, (*said, *not_read(surface.name, surface.others))


def _part(shape: tuple[int, int, int], options: ReadOptions) -> slice:
    """The time steps to read."""
    steps, rows, columns = shape
    if options.most_values is None:
        return slice(options.first_step, steps)
    count = max(1, options.most_values // max(rows * columns, 1))
    return slice(options.first_step, min(options.first_step + count, steps))


def _times(file: NetcdfFile, surface: Surface) -> tuple[NDArray[np.datetime64], str]:
    """Time of each step and what was assumed; of the coverage where the file has no time."""
    dim = surface.axes.time
    steps = file.size(dim) if dim else 1
    named = [*TIMES, *(n for n in sorted(file.names) if file.attribute("standard_name", n) == "time")]
    fitting = [n for n in dict.fromkeys([dim, *named]) if n in file and file.dims(n) in ((dim,), ())]
    name = next((n for n in fitting if int(np.prod(file.shape(n))) == steps), None)
    if dim == "":
        name = next((n for n in named if n in file and int(np.prod(file.shape(n))) == 1), None)
    if name is not None:
        return middle_times(file, name, surface.name)
    middle = coverage_middle(file) if steps == 1 else None
    if middle is None:
        raise file.error(
            "it has no time, expected one for each field", "leave out what is a climatology"
        )
    return np.array([middle]), ""


def _pixel_times(
    file: NetcdfFile, axes: Axes, part: slice, time: NDArray[np.datetime64]
) -> NDArray[np.datetime64]:
    """(time) or, where pixels have times of their own (GHRSST sst_dtime), (time, row, column)."""
    if "sst_dtime" not in file:
        return time
    units = file.attribute("units", "sst_dtime")
    values = on_axes(file, "sst_dtime", axes, part, file.numbers)
    if " since " in units:
        return decode_times(values, units, file.attribute("calendar", "sst_dtime").lower(), file.error)
    return seconds_since(file.in_unit(values, "sst_dtime", "s"), time[:, None, None])
