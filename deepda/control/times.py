"""The times of a file: the middle and the bounds of each step, in the calendar that the file declares.

Stamps without bounds are taken for what they can only be: one in each calendar day or month, at the
same hour or on the same day, is the mean of that day or month. Stamps on the edge between two could
mean either and are refused where windows are made (`deepda.control.binning`), unless one says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.calendars import MODEL, REAL
from deepda.control.axes import (
    ControlError,
    Floats,
    bounds_name,
    bounds_of,
    naming,
    require_declared_bounds,
)

Dates = NDArray[np.object_]

DAY = timedelta(days=1)
EDGE = timedelta(minutes=10)  # a stamp so near to midnight lies on the edge of its day
OUTSIDE = 0.01  # of a step: a stamp may lie so far beyond its bounds, by rounding
SPREAD = 0.06  # of a month: stamps amid months of 28 to 31 days differ by so much


class Times(NamedTuple):
    """The times of a file.

    Attributes:
        along: their dimension; None where the file has a single time without one.
        middle: (time) cftime, that of the bounds where the file has them: POP stamps the end of a step.
        bounds: (time, 2) cftime, None where the file has none.
        assumption: what is not declared and was assumed, in words; empty if nothing.
    """

    along: str | None
    middle: Dates
    bounds: Dates | None
    assumption: str


def find_times(dataset: xr.Dataset, dims: Iterable[str], name: str) -> Times:
    """The times of a file whose field has these dimensions beside its plane.

    Raises:
        ControlError: no time, times of a climatology, a calendar or unit that is not known, a time
            missing, bounds that are not there, without length or that do not hold their stamp.
    """
    axis = _time_axis(dataset, list(dims), name)
    with naming(name):
        require_declared_bounds(dataset, str(axis.name))
    bounds = bounds_of(dataset, str(axis.name))
    along = str(axis.dims[0]) if axis.ndim else None
    stamps = dates(np.atleast_1d(axis.values).astype(float), axis.attrs, name)
    if bounds is None:
        return Times(along, stamps, None, _calendar_assumed(axis.attrs))
    bounds = np.atleast_2d(bounds)
    own = dataset[bounds_name(axis)].attrs
    attributes = {**axis.attrs, **{key: own[key] for key in ("units", "calendar") if key in own}}
    if not np.all(bounds[:, 1] > bounds[:, 0]):
        raise ControlError(
            f"{name} has time bounds without length, expected beginning before end; mend or remove them"
        )
    steps = dates(bounds, attributes, name)
    _require_stamps_within(stamps, steps, name)
    middle = dates(bounds.mean(axis=1), attributes, name)
    return Times(along, middle, steps, _calendar_assumed(attributes))


def is_without_time(dataset: xr.Dataset) -> bool:
    """Whether a file has no times at all, as those of areas and masks."""
    return not any(" since " in str(one.attrs.get("units", "")) for one in dataset.variables.values())


def _time_axis(dataset: xr.Dataset, dims: list[str], name: str) -> xr.DataArray:
    axes = [
        str(key)
        for key, axis in dataset.variables.items()
        if " since " in str(axis.attrs.get("units", ""))
        and axis.ndim <= 1
        and set(axis.dims) <= set(dims)
        and "bound" not in str(key)
        and "bnds" not in str(key)
    ]
    axes.sort(key=lambda key: (-dataset[key].ndim, key not in dims))
    if not axes:
        raise ControlError(
            f"{name} has no time, expected a coordinate in units like 'days since "
            "0001-01-01'; add it to the file"
        )
    axis = dataset[axes[0]]
    if not axis.size:
        raise ControlError(
            f"{name} has no step, its time {axis.name} has length 0, expected one at least; fetch the "
            "file again or leave it out"
        )
    if "climatology" in axis.attrs:
        raise ControlError(
            f"{name} declares the time {axis.name} by the attribute climatology, as means over many "
            "years, expected the steps of single years; give the model's own output"
        )
    return axis


def _calendar_assumed(attributes: dict[str, str]) -> str:
    return "" if "calendar" in attributes else "no calendar is declared: the standard one is taken"


def dates(numbers: Floats, attributes: dict[str, str], name: str) -> Dates:
    """Numbers of time as cftime, by the attributes `units` and `calendar` (standard if absent).

    Raises:
        ControlError: a calendar or unit that is not known, or a number missing.
    """
    calendar = str(attributes.get("calendar", "standard")).lower()
    if calendar not in REAL + MODEL:
        raise ControlError(
            f"{name} has calendar {calendar}, expected one of "
            f"{', '.join(sorted(REAL + MODEL))}; set the attribute"
        )
    if not np.isfinite(numbers).all():
        raise ControlError(
            f"{name} has {np.sum(~np.isfinite(numbers))} missing times, expected one for each step; "
            "complete them or leave out those steps"
        )
    try:
        return np.asarray(
            cftime.num2date(numbers, attributes["units"], calendar, only_use_cftime_datetimes=True)
        )
    except (ValueError, OverflowError, TypeError) as error:
        raise ControlError(
            f"{name} has times in {attributes['units']!r} of calendar {calendar} that "
            f"cannot be read ({error}); expected e.g. 'days since 0001-01-01'"
        ) from error


def calendar_steps(time: Dates) -> tuple[Dates, str] | None:
    """Bounds (time, 2) of the days or months that stamps without bounds are means of, and the words.

    None where the stamps are not one in each calendar day or month, or lie on their edges.
    """
    if time.size < 2:
        return None
    length = days_apart(time)
    if abs(length - 1) < 0.01 and _one_hour(time):
        return _days_of(time), _words("day", time)
    if 27 <= length <= 32 and _one_part_of_month(time):
        return _months_of(time), _words("month", time)
    return None


def stamped_steps(time: Dates, stamps: str) -> Dates | None:
    """Bounds (time, 2) of the days or months that stamps stand at the edge of.

    Args:
        time: (time) cftime stamps; a single one is that of a month.
        stamps: "start" or "end", which of the two edges.

    Returns:
        None where the stamps are not one in each day or month.
    """
    inside = time + EDGE if stamps == "start" else time - EDGE
    length = days_apart(time) if time.size > 1 else 30.0
    if abs(length - 1) < 0.01:
        return _days_of(inside)
    return _months_of(inside) if 27 <= length <= 32 else None


def days_apart(time: Dates) -> float:
    """The median distance of two stamps or more, in days."""
    return float(np.median([step.total_seconds() for step in np.diff(time)])) / DAY.total_seconds()


def _days_of(time: Dates) -> Dates:
    """(time, 2) the calendar days that times lie in."""
    begin = np.array([_midnight(date) for date in time])
    return np.stack([begin, begin + DAY], axis=1)


def _months_of(time: Dates) -> Dates:
    """(time, 2) the calendar months that times lie in."""
    begin = np.array([_midnight(date).replace(day=1) for date in time])
    end = np.array([date + timedelta(days=int(date.daysinmonth)) for date in begin])
    return np.stack([begin, end], axis=1)


def _require_stamps_within(stamps: Dates, steps: Dates, name: str) -> None:
    margin = np.array([max((end - begin) * OUTSIDE, EDGE) for begin, end in steps])
    beyond = np.flatnonzero((stamps < steps[:, 0] - margin) | (stamps > steps[:, 1] + margin))
    if beyond.size:
        first = beyond[0]
        raise ControlError(
            f"{name} has the time {stamps[first]} outside its bounds {steps[first, 0]} to "
            f"{steps[first, 1]}, expected each time within its own; mend or remove the time bounds"
        )


def _one_hour(time: Dates) -> bool:
    """Whether the stamps have one time of day, apart from midnight."""
    into = np.array([date - _midnight(date) for date in time])
    return bool(into.max() - into.min() < EDGE and into.min() >= EDGE and DAY - into.max() >= EDGE)


def _one_part_of_month(time: Dates) -> bool:
    """Whether the stamps stand at one part of their months, or on one day, apart from the edges."""
    into = np.array([date - _midnight(date).replace(day=1) for date in time])
    left = np.array([timedelta(days=int(date.daysinmonth)) for date in time]) - into
    part = np.array([one / (one + other) for one, other in zip(into, left, strict=True)])
    steady = np.ptp(part) < 2 * SPREAD or len({date.day for date in time}) == 1
    last = np.ptp([one / DAY for one in left]) < 0.01
    months = np.array([12 * date.year + date.month for date in time])
    return bool(
        (steady or last) and into.min() >= EDGE and left.min() >= EDGE and np.all(np.diff(months) > 0)
    )


def _midnight(date: cftime.datetime) -> cftime.datetime:
    return date.replace(hour=0, minute=0, second=0, microsecond=0)


def _words(unit: str, time: Dates) -> str:
    return f"times without bounds, the first {time[0]}, are taken for means of their calendar {unit}"
