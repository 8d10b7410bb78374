"""Times as files count them: "<unit> since <date> <zone>" in any calendar of CF, or as digits.

CF Conventions 1.11, section 4.4. The standard, Gregorian, proleptic and Julian calendars name days that
happened, each by its own date; a day of the model calendars (noleap, all_leap, 360_day) is the real day
of the same date, and none where that date does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import cftime
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepda.base.calendars import MODEL, REAL
from deepda.observations.reading import ObservationError

STEPS = {"day": 86400, "d": 86400, "hour": 3600, "hr": 3600, "h": 3600, "minute": 60, "min": 60,
         "second": 1, "sec": 1, "s": 1, "millisecond": 1e-3, "msec": 1e-3, "microsecond": 1e-6,
         "nanosecond": 1e-9, "week": 604_800}  # fmt: skip
NAT = np.datetime64("NaT", "s")
EPOCH = "1950-01-01"  # that Argo and EN4 count days since
JULIAN_DAY = 2_440_588  # number of 1970-01-01, as cftime counts ordinals
SINCE = re.compile(
    r"\s*([A-Za-z]+?)s?\s+since\s+(\d{1,4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T\s]+(\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}(?:\.\d*)?))?)?"
    r"\s*(?:(Z|UTC|GMT)|([+-])\s*(\d{1,2}):?(\d{2})?)?(?:\s*\(?UTC\)?)?\s*",
    re.IGNORECASE,
)
DIGITS = re.compile(r"\s*day as %Y%m%d(?:\.%f)?\s*")  # the absolute time axis of CDO
Refusal = Callable[[str], ObservationError]


def decode_times(
    values: NDArray[np.float64], units: str, calendar: str, error: Refusal
) -> NDArray[np.datetime64]:
    """Times (datetime64[s], UTC) of "<unit> since <date>", NaT where missing or beyond the calendar.

    Months are counted on the calendar, their fraction in the length of the month. Without a calendar
    it is the standard one, with Julian dates before 15 October 1582.

    Args:
        values: counts of any shape.
        units: the attribute; a zone after the date holds.
        calendar: the attribute, in lower case.
        error: makes the refusal of a file of what was found and expected.
    """
    if DIGITS.fullmatch(units):
        whole = np.floor(values)
        return digits(whole, np.zeros(values.shape)) + _seconds((values - whole) * 86400.0)
    found = SINCE.fullmatch(units)
    if found is None:
        raise error(f"times in units {units!r}, expected '<unit> since <date>'")
    calendar = calendar or "standard"
    if calendar not in REAL + MODEL:
        raise error(f"times in the calendar {calendar!r}, expected one of {', '.join(REAL + MODEL)}")
    year, month, day = (int(found[k]) for k in (2, 3, 4))
    if year < 1:
        raise error(f"times since {units.partition('since')[2]!r}, expected a date from the year 1 on; "
                    "correct it, or leave the file out if it is a climatology")  # fmt: skip
    unit = found[1].lower()
    if unit not in STEPS and unit != "month":
        raise error(f"times in {unit!r}, expected days, hours, minutes, seconds or months")
    try:
        start = cftime.datetime(year, month, day, calendar=calendar)
    except ValueError:
        raise error(
            f"times since {units.partition('since')[2]!r}, expected a date that exists"
        ) from None
    if int(found[5] or 0) > 23:
        raise error(f"times since {units.partition('since')[2]!r}, expected a time of day")
    clock = _clock(found)
    if unit == "month":
        return _months_since(values, _real(start)) + clock
    if calendar in MODEL:
        return _model_days(values * STEPS[unit] + clock.astype(float), start)
    return seconds_since(values * STEPS[unit] + clock.astype(float), _real(start))


def seconds_since(
    seconds: NDArray[np.float64], start: np.datetime64 | NDArray[np.datetime64]
) -> NDArray[np.datetime64]:
    """Times of seconds since dates (proleptic Gregorian), NaT where not finite or beyond 9 ka."""
    first: NDArray[np.datetime64] = np.asarray(start).astype("datetime64[s]")
    return first + _seconds(seconds)


def days_since(days: NDArray[np.float64], start: str) -> NDArray[np.datetime64]:
    """Times of days since a date, NaT where missing."""
    return seconds_since(np.asarray(days, float) * 86400.0, np.datetime64(start, "s"))


def digits(date: NDArray[np.float64], clock: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Times of YYYYMMDD and HHMMSS as numbers, NaT where there is no such date or clock."""
    d, c = (np.floor(np.where(np.abs(x) < 1e8, x, -1.0)) for x in (date, clock))
    ymd, hms = ((x // 10_000, x // 100 % 100, x % 100) for x in (d, c))
    return composed(*ymd, *hms)


def composed(
    year: NDArray,
    month: NDArray,
    day: NDArray,
    H: ArrayLike = 0.0,
    M: ArrayLike = 0.0,
    S: ArrayLike = 0.0,
) -> NDArray[np.datetime64]:
    """Times of calendar dates and clocks, NaT where there is no such date or clock."""
    whole = [np.where(np.isfinite(part), part, 0.0) for part in (year, month, day)]
    y, m, d = (part.astype(np.int64) for part in whole)
    sound = (y == year) & (m == month) & (d == day) & (y > 0) & (y < 10_000)
    sound &= (m >= 1) & (m <= 12) & (d >= 1) & (d <= 31)
    hours, minutes, rest = (np.asarray(part) for part in (H, M, S))
    seconds = 3600.0 * hours + 60.0 * minutes + rest
    sound &= (hours >= 0) & (minutes >= 0) & (minutes < 60) & (rest >= 0) & (rest < 60)
    sound &= seconds < 86_400
    months = ((np.where(sound, y, 1970) - 1970) * 12 + np.where(sound, m, 1) - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (np.where(sound, d, 1) - 1)
    sound &= days.astype("datetime64[M]") == months  # no 30 February
    start = days.astype("datetime64[s]")
    return np.where(sound, start + np.rint(np.where(sound, seconds, 0)).astype("timedelta64[s]"), NAT)


def _clock(found: re.Match[str]) -> np.timedelta64:
    """Time of day of the reference, in UTC."""
    hour, minute = int(found[5] or 0), int(found[6] or 0)
    seconds = hour * 3600.0 + minute * 60.0 + float(found[7] or 0)
    zone = int(found[10] or 0) * 3600 + int(found[11] or 0) * 60
    return np.timedelta64(round(seconds) + (zone if found[9] == "-" else -zone), "s")


def _real(day: cftime.datetime) -> np.datetime64:
    """The same day in the proleptic Gregorian calendar of numpy; by its date for a model calendar."""
    if day.calendar in MODEL:
        day = cftime.datetime(day.year, day.month, day.day, calendar="proleptic_gregorian")
    since = np.timedelta64(day.toordinal() - JULIAN_DAY, "D")
    return (np.datetime64("1970-01-01") + since).astype("datetime64[s]")


def _model_days(seconds: NDArray[np.float64], start: cftime.datetime) -> NDArray[np.datetime64]:
    """Real times of the dates of a model calendar, NaT for 30 February and its like."""
    usable = np.abs(seconds) < 3e11
    days, inverse = np.unique(np.floor(np.where(usable, seconds, 0.0) / 86400), return_inverse=True)
    units = f"days since {start.year:04d}-{start.month:02d}-{start.day:02d}"
    dates = cftime.num2date(days, units, start.calendar)
    numbers = np.array([date.year * 10_000 + date.month * 100 + date.day for date in dates], float)
    midnight = digits(numbers, np.zeros(days.size))[inverse].reshape(seconds.shape)
    time: NDArray[np.datetime64] = np.where(usable, midnight, NAT)
    return time + _seconds(seconds % 86400)


def _seconds(seconds: NDArray[np.float64]) -> NDArray[np.timedelta64]:
    usable = np.abs(seconds) < 3e11
    whole = np.rint(np.where(usable, seconds, 0.0)).astype("timedelta64[s]")
    return np.where(usable, whole, np.timedelta64("NaT", "s"))


def _months_since(values: NDArray[np.float64], start: np.datetime64) -> NDArray[np.datetime64]:
    usable = np.abs(values) < 12 * 9000
    months = np.where(usable, values, 0.0)
    whole = np.floor(months).astype(np.int64)
    first = start.astype("datetime64[M]")
    begin, end = ((first + whole + k).astype("datetime64[s]") for k in (0, 1))
    part = ((end - begin).astype(float) * (months - whole)).astype("timedelta64[s]")
    return np.where(usable, begin + part + (start - first), NAT)
