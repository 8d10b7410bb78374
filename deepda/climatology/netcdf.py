"""Monthly climatologies in NetCDF: temperature by month, depth, latitude and longitude, as declared.

A month is what the time of its field says, wherever it stands in a file or in a list of files. A kind
of temperature or a month that is not declared is refused; depths without units are metres.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.synthetic import refusal, simulated_by
from deepda.base.units import UnitError, convert
from deepda.climatology.seasonal import ClimatologyError
from deepda.control.axes import ControlError, bounds_of
from deepda.control.layers import metres_down
from deepda.control.masks import within_valid_range
from deepda.control.temperature import CONSERVATIVE, IN_SITU, KINDS, kind_of, no_mean_temperature
from deepda.control.times import dates
from deepda.geometry.windows import MONTHS

Array = NDArray[np.float64]
NAMES = ("t_an", "t_mn", "thetao", "temperature", "temp", "TEMP", "theta", "t", "T")
AXES = {
    "lat": (("latitude",), ("degrees_north", "degree_north"), "Y", ("lat", "latitude", "y")),
    "lon": (("longitude",), ("degrees_east", "degree_east"), "X", ("lon", "longitude", "x")),
    "depth": (("depth",), (), "Z", ("depth", "lev", "level", "z", "deptht")),
    "month": (("time",), (), "T", ("month", "time", "time_counter")),
}
EDGE = 10 / 1440  # days: a stamp so near to the first of a month lies on the edge
HOTTEST = 100.0  # degC; a median beyond is kelvin
STANDARD_DEPTHS = (
    0, 10, 20, 30, 50, 75, 100, 125, 150, 200, 250, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200,
    1300, 1400, 1500, 1750, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 5500,
)  # m: Levitus (1982) and every World Ocean Atlas since  # fmt: skip
COUNTED = 102.0  # numbers of the WOA18 levels, 0..101; as metres no climatology ends there


@dataclass(frozen=True, eq=False)
class MonthlyField:
    """The temperature of one file.

    Attributes:
        value: (month, depth, lat, lon) degC with coordinates, rows north or south first.
        months: (month) months since January of year 0, or None where the file has no time at all.
        on_edges: whether the times lie on the edges of months, so that they mean either.
        in_situ: whether it is in-situ temperature.
    """

    value: xr.DataArray
    months: NDArray[np.intp] | None
    on_edges: bool
    in_situ: bool


def read_field(file: Path) -> MonthlyField:
    """The temperature of a file, by what it declares.

    Raises:
        ClimatologyError: cannot be read, no temperature or not of a known kind, units, axes or times
            that are no such thing; or it says that its ocean is simulated.
    """
    try:
        with xr.open_dataset(file, decode_times=False, engine="netcdf4") as dataset:
            if said := simulated_by(dataset.attrs):
                raise ClimatologyError(refusal(file, said, "a climatology"))
            return _field(dataset, file)
    except ClimatologyError:
        raise
    except ControlError as error:
        raise ClimatologyError(f"{file}: {error}") from error
    except Exception as error:  # xarray and its backends raise errors of many families
        raise ClimatologyError(f"{file} cannot be read ({error}); fetch it again") from error


def in_order_of_months(fields: list[MonthlyField], name: str) -> xr.DataArray:
    """(month, depth, lat, lon) from January on.

    Raises:
        ClimatologyError: months missing, twice or without time; times on edges that are not those of
            one calendar year; files with different axes.
    """
    steps = sum(field.value.sizes["month"] for field in fields)
    if steps != MONTHS:
        raise ClimatologyError(
            f"{name} and {len(fields) - 1} more hold {steps} months, expected 12; "
            "give all months, each once, in one file or in twelve"
        )
    try:
        whole = xr.concat([field.value for field in fields], "month", join="exact")
    except ValueError as error:
        raise ClimatologyError(
            f"{name} and {len(fields) - 1} more have different axes, expected one grid; give the months "
            "of one climatology"
        ) from error
    if all(field.months is None for field in fields) and len(fields) == 1:
        return whole  # one file of twelve in their order
    if any(field.months is None for field in fields):
        raise ClimatologyError(
            f"{name} or another of the {len(fields)} files has no time, expected the month of each in a "
            "coordinate time; add it (file names are not read)"
        )
    count = np.concatenate([field.months for field in fields if field.months is not None])
    if any(field.on_edges for field in fields) and len(set(count // MONTHS)) > 1:
        raise ClimatologyError(
            f"the times of {name} lie on the first of the month at midnight and run into a second year, "
            "expected times amid the month or with bounds; correct them"
        )
    month = count % MONTHS
    if sorted(month) != list(range(MONTHS)):
        twice = sorted({int(m) + 1 for m in month if np.sum(month == m) > 1})
        raise ClimatologyError(
            f"{name} holds the months {', '.join(map(str, twice))} more than once and not all others, "
            "expected each of twelve once; correct the times"
        )
    return whole.isel(month=np.argsort(month))


def _field(dataset: xr.Dataset, file: Path) -> MonthlyField:
    field, kind = _temperature(dataset, file)
    renamed = {str(dim): _axis(str(dim), dataset) for dim in field.dims}
    names = {new: old for old, new in renamed.items()}
    missing = [n for n in ("depth", "lat", "lon") if n not in names or names[n] not in dataset.variables]
    if missing:
        raise ClimatologyError(
            f"{field.name} of {file} has no {', '.join(missing)}, expected (month, depth, lat, lon) "
            "with coordinates; give a climatology of the whole water column"
        )
    value = xr.DataArray(
        _celsius(within_valid_range(field), file), dims=[renamed[str(d)] for d in field.dims]
    )
    value = value.assign_coords(
        depth=_depth(dataset[names["depth"]]),
        lat=_angle(dataset[names["lat"]], 90.001),
        lon=_angle(dataset[names["lon"]], 720.0),
    )
    if "month" not in value.dims:
        value = value.expand_dims("month")
    months, on_edges = _months(dataset, names.get("month"), value.sizes["month"], file)
    return MonthlyField(
        value.transpose("month", "depth", "lat", "lon"), months, on_edges, kind == IN_SITU
    )


def _temperature(dataset: xr.Dataset, file: Path) -> tuple[xr.DataArray, str]:
    declared = [
        str(name) for name, field in dataset.data_vars.items()
        if field.attrs.get("standard_name") in KINDS and field.ndim >= 3
    ]  # fmt: skip
    found = [name for name in (*NAMES, *declared) if name in dataset.data_vars]
    if not found:
        raise ClimatologyError(
            f"{file} has none of the variables {', '.join(NAMES)} and none of the standard names "
            f"{', '.join(KINDS)}; rename its temperature, or declare it"
        )
    name = next((name for name in found if not no_mean_temperature(dataset[name])), found[0])
    kind, _ = kind_of(dataset[name])
    said = no_mean_temperature(dataset[name])
    if kind is None or kind == CONSERVATIVE or said:
        raise ClimatologyError(
            f"{name} of {file} holds another quantity by its {said or f'standard_name, {kind}'}, "
            "expected means of the standard_name sea_water_potential_temperature or (in situ) "
            "sea_water_temperature; set it to what the values are"
        )
    return dataset[name], kind


def _axis(dim: str, dataset: xr.Dataset) -> str:
    """Which of AXES a dimension is: by standard_name, units or axis, else by name."""
    attributes = dataset[dim].attrs if dim in dataset.variables else {}
    for name, (standard, units, letter, _) in AXES.items():
        if (
            attributes.get("standard_name") in standard
            or str(attributes.get("units", "")).lower() in units
            or attributes.get("axis") == letter
            or (name == "depth" and "positive" in attributes)
        ):
            return name
    return next((name for name, known in AXES.items() if dim.lower() in known[3]), dim.lower())


def _celsius(field: xr.DataArray, file: Path) -> Array:
    """degC by the units declared; without any, kelvin where the values can be nothing else."""
    value = field.values.astype(float)
    sane = value[np.abs(value) < 1e3]
    middle = float(np.median(sane)) if sane.size else 0.0
    units = field.attrs.get("units", "K" if middle > 200 else "degC")
    try:
        value = convert(value, str(units), "degC")
    except UnitError as error:
        raise ClimatologyError(f"{field.name} of {file}: {error}") from error
    if not abs(float(convert(middle, str(units), "degC"))) < HOTTEST:
        raise ClimatologyError(
            f"{field.name} of {file} has values about {middle:.4g} {units}, expected those of sea "
            "water; correct the units"
        )
    return value


def _depth(axis: xr.DataArray) -> Array:
    values = axis.values.astype(float)
    if values[-1] < COUNTED and values.size == len(STANDARD_DEPTHS) and "units" not in axis.attrs:
        return np.array(STANDARD_DEPTHS, float)  # depths that count the levels of the World Ocean Atlas
    return metres_down(values, {"units": "m", **axis.attrs}, str(axis.name))


def _angle(axis: xr.DataArray, most: float) -> Array:
    """Degrees of a latitude or longitude."""
    values = convert(axis.values, str(axis.attrs.get("units", "degrees")), "degrees")
    if not np.all(np.abs(values) <= most) or np.unique(values).size < values.size:
        raise ControlError(
            f"{axis.name} runs from {np.nanmin(values):g} to {np.nanmax(values):g}, expected degrees "
            f"within {most:.0f}, each once; correct it"
        )
    return values


def _months(
    dataset: xr.Dataset, dim: str | None, size: int, file: Path
) -> tuple[NDArray[np.intp] | None, bool]:
    """(step) months since January of year 0 by the time of a file, and whether they lie on edges."""
    axis = _time_axis(dataset, dim)
    if axis is None:
        return None, False
    values, units = np.atleast_1d(axis.values).astype(float), str(axis.attrs.get("units", ""))
    if " since " not in units:
        first = 0 if values.min() == 0 else 1
        if not np.array_equal(values, np.round(values)) or not 0 <= values.min() <= values.max() <= 12:
            raise ClimatologyError(
                f"{axis.name} of {file} has the units {units or 'none'} and values {values[0]:g} to "
                f"{values[-1]:g}, expected 'days since ...', or the numbers of the months; set the units"
            )
        return (values - first).astype(np.intp), False
    bounds = bounds_of(dataset, str(axis.name))
    middle = values if bounds is None else np.atleast_2d(bounds).mean(axis=1)
    count = _count_of_months(middle, dict(axis.attrs), str(file))
    on_edges = bounds is None and bool(np.any(np.abs(count - np.round(count)) < EDGE / 28))
    return np.floor(count + EDGE / 28).astype(np.intp), on_edges


def _time_axis(dataset: xr.Dataset, dim: str | None) -> xr.DataArray | None:
    if dim is not None and dim in dataset.variables:
        return dataset[dim]
    own = {dim} if dim is not None else set()
    for field in dataset.variables:
        axis = dataset[field]
        if " since " in str(axis.attrs.get("units", "")) and axis.size and set(axis.dims) <= own:
            return axis
    return None


def _count_of_months(values: Array, attributes: dict[str, Any], name: str) -> Array:
    """(step) months since January of year 0, with fractions, in the file's calendar."""
    units = str(attributes["units"])
    if units.lower().startswith("month"):
        since = re.search(r"since\s+(\d+)-(\d+)(?:-(\d+))?", units)
        if since is None:
            raise ClimatologyError(f"{name} has times in {units!r}, expected 'months since YYYY-MM-DD'")
        year, month, day = (int(part or 1) for part in since.groups())
        return values + 12 * year + month - 1 + (day - 1) / 30
    no_year = re.sub(r"since\s+0+-", "since 2000-", units)  # a year of no era, as Ferret writes it
    if no_year != units and "calendar" not in attributes:
        attributes = attributes | {"units": no_year, "calendar": "proleptic_gregorian"}
    stamps = dates(values, attributes, name)
    into = [
        (d.day - 1 + (d.hour * 3600 + d.minute * 60 + d.second) / 86400) / d.daysinmonth for d in stamps
    ]
    return np.array([12 * d.year + d.month - 1 for d in stamps]) + np.array(into)
