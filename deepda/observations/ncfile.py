"""A foreign NetCDF file as the readers see it: plain arrays, NaN where missing, or ObservationError.

netCDF4 is used rather than xarray, which refuses files whose dimensions and scalar variables share a
name (GTSPP). A broken file may claim any size, so sizes are compared with the file before reading.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from types import EllipsisType, TracebackType
from typing import Self

import cftime
import netCDF4
import numpy as np
from numpy.typing import NDArray

from deepda.base.classic import DamagedFileError, require_whole
from deepda.observations.reading import (
    BAD,
    GOOD,
    PROBABLY_GOOD,
    SUSPECT,
    UNKNOWN,
    ObservationError,
)

HUGE = 1e19  # no ocean value: default and home-made fill values that a file does not declare
COMPRESSION = 1100  # deflate packs at most about 1:1032
SMALL = 64 * 2**20  # bytes that are always read
BLANK = -1  # code of an empty flag character
STEPS = {"day": 86400, "hour": 3600, "hr": 3600, "h": 3600, "minute": 60, "min": 60, "second": 1,
         "sec": 1, "s": 1, "d": 86400}  # fmt: skip
GREGORIAN = ("standard", "gregorian", "proleptic_gregorian", "")

# What the flags of the formats mean in our five words. A code that is not listed is bad.
ARGO = {  # Argo user's manual, reference table 2; 9 is "missing", blank is padding
    BLANK: UNKNOWN, 0: UNKNOWN, 1: GOOD, 2: PROBABLY_GOOD, 3: SUSPECT, 4: BAD, 5: PROBABLY_GOOD,
    8: PROBABLY_GOOD, 9: BAD,
}  # fmt: skip
GTSPP = ARGO  # GTSPP quality flags: the same words, 5 "changed by a QC centre"
SEADATANET = ARGO | {6: SUSPECT, 7: SUSPECT, 17: SUSPECT}  # vocabulary L20: below, in excess, "A"
FDBK = ARGO  # NEMO: q in 0..9, 1 good, 4 rejected
WOD = {BLANK: UNKNOWN, 0: GOOD}  # WOD manual, table 12: 0 accepted, 1..9 failed a check


class NetcdfFile:
    """Open for reading, closed on leaving a `with` block.

    Raises:
        ObservationError: the file is not NetCDF, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            require_whole(path)
            self._data = netCDF4.Dataset(path)
            self._data.set_auto_maskandscale(False)
        except DamagedFileError as error:
            raise ObservationError(str(error)) from error
        except (OSError, RuntimeError, ValueError) as error:
            raise ObservationError(
                f"{path} cannot be opened as NetCDF ({error}); fetch it again"
            ) from error
        self.bytes = path.stat().st_size
        self.names = frozenset(self._data.variables)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(RuntimeError):  # a damaged file may not close; it was only read
            self._data.close()

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def size(self, dimension: str) -> int:
        """Length of a dimension, 0 where there is none."""
        return len(self._data.dimensions[dimension]) if dimension in self._data.dimensions else 0

    def dims(self, name: str) -> tuple[str, ...]:
        """Names of the dimensions of a variable."""
        return tuple(self._variable(name).dimensions)

    def shape(self, name: str) -> tuple[int, ...]:
        """Lengths of the dimensions of a variable."""
        return tuple(self._variable(name).shape)

    def attribute(self, name: str, variable: str | None = None) -> str:
        """A global attribute, or one of a variable, as text; "" where there is none."""
        owner = self._data if variable is None else self._variable(variable)
        return str(getattr(owner, name)).strip() if name in owner.ncattrs() else ""

    def numbers(
        self, name: str, shape: tuple[int, ...] | None = None, part: slice | EllipsisType = ...
    ) -> NDArray[np.float64]:
        """Values as floats, unpacked, NaN where missing; `part` of the first dimension.

        Raises:
            ObservationError: no such variable, not numbers, not of the shape, or damaged.
        """
        variable = self._variable(name)
        raw = self._raw(name, shape, part)
        if raw.dtype.kind not in "iuf":
            raise self.error(f"{name} is {raw.dtype}, expected numbers")
        values = raw.astype(float)
        fills = [getattr(variable, word) for word in ("_FillValue", "missing_value")
                 if word in variable.ncattrs()]  # fmt: skip
        missing = ~(np.abs(values) < HUGE)
        for fill in fills:
            if np.asarray(fill).dtype.kind in "iuf":
                missing |= np.isin(raw, np.asarray(fill).astype(raw.dtype))
        scale, offset = (self._number(variable, word, default) for word, default in
                         (("scale_factor", 1.0), ("add_offset", 0.0)))  # fmt: skip
        return np.where(missing, np.nan, values * scale + offset)

    def matrix(self, name: str) -> NDArray[np.float64]:
        """Values of a variable that must have two dimensions, cast and level."""
        if len(self.shape(name)) != 2:
            raise self.error(f"{name} has dimensions {self.dims(name)}, expected cast and level")
        return self.numbers(name)

    def texts(self, name: str, count: int) -> NDArray[np.str_]:
        """(count) texts, without blanks and NUL; one text is repeated; "" where there is no variable."""
        if name not in self:
            return np.full(count, "")
        raw = self._raw(name, None)
        if raw.dtype.kind == "S" and raw.ndim:
            joined = np.ascontiguousarray(raw).reshape(-1, raw.shape[-1])
            words = [row.tobytes().decode("latin-1") for row in joined]
        else:
            words = [_decoded(word) for word in np.atleast_1d(raw).ravel()]
        clean = np.array([word.replace("\0", " ").strip() for word in words], dtype=str)
        if clean.size not in (1, count):
            raise self.error(f"{name} holds {clean.size} texts, expected {count}")
        return np.broadcast_to(clean, (count,)) if clean.size == 1 else clean

    def characters(self, name: str, shape: tuple[int, ...]) -> NDArray[np.str_]:
        """Single characters; blank is ' '."""
        raw = self._raw(name, shape)
        if raw.dtype.kind != "S":
            raise self.error(f"{name} is {raw.dtype}, expected characters")
        codes = np.frombuffer(np.ascontiguousarray(raw.astype("S1")).tobytes(), np.uint8)
        return np.array([chr(code) if code else " " for code in codes]).reshape(shape)

    def flags(
        self, name: str, shape: tuple[int, ...], scheme: dict[int, int], absent: int = UNKNOWN
    ) -> NDArray[np.int8]:
        """Qualities (0..4) of flags stored as digits, characters or character codes.

        Where there is no such variable, the quality is `absent`: a file that does not flag times or
        places does not doubt them.
        """
        if name not in self:
            return np.full(shape, absent, np.int8)
        raw = self._raw(name, None)
        if raw.size != int(np.prod(shape)):
            raise self.error(f"{name} has shape {raw.shape}, expected {shape}")
        return qualities(raw.reshape(shape), scheme)

    def times(self, name: str, shape: tuple[int, ...] | None = None) -> NDArray[np.datetime64]:
        """Times by the units of the variable (CF), NaT where missing.

        Raises:
            ObservationError: units that are no "<unit> since <date>", or not a real calendar.
        """
        calendar = self.attribute("calendar", name).lower()
        return decode_times(
            self.numbers(name, shape), self.attribute("units", name), calendar, self.error
        )

    def error(self, what: str, advice: str = "fetch it again or leave it out") -> ObservationError:
        """An error about this file, to be raised."""
        return ObservationError(f"{self.path}: {what}; {advice}")

    def _variable(self, name: str) -> netCDF4.Variable:
        if name not in self.names:
            raise self.error(f"it has no variable {name} (it has {', '.join(sorted(self.names)[:12])})")
        return self._data.variables[name]

    def _raw(
        self, name: str, shape: tuple[int, ...] | None, part: slice | EllipsisType = ...
    ) -> NDArray:
        variable = self._variable(name)
        if shape is not None and tuple(variable.shape) != shape:
            raise self.error(f"{name} has shape {tuple(variable.shape)}, expected {shape}")
        classic = self._data.disk_format.startswith(("NETCDF3", "64"))
        width = getattr(variable.dtype, "itemsize", 1)
        claimed = int(np.prod(variable.shape, dtype=float)) * width
        if claimed > (self.bytes if classic else max(SMALL, COMPRESSION * self.bytes)):
            raise self.error(f"{name} claims {claimed} bytes, more than the file of {self.bytes} holds")
        try:
            return np.asarray(variable[part])
        except (OSError, RuntimeError, ValueError, IndexError, MemoryError) as error:
            raise self.error(f"{name} cannot be read ({error})") from error

    def _number(self, variable: netCDF4.Variable, word: str, default: float) -> float:
        found = np.asarray(getattr(variable, word, default)).ravel()
        if found.size != 1 or found.dtype.kind not in "iuf" or not np.isfinite(found[0]):
            raise self.error(f"{word} of {variable.name} is {found}, expected one number")
        return float(found[0])


def decode_times(
    values: NDArray[np.float64], units: str, calendar: str, error: Callable[[str], ObservationError]
) -> NDArray[np.datetime64]:
    """Times (datetime64[s]) of "<unit> since <date>", NaT where missing or beyond the calendar.

    Months are counted on the calendar, their fraction in the length of the month.
    """
    found = re.match(r"\s*([A-Za-z]+?)s?\s+since\s+(\S+)(?:[T ]+(\S+))?", units)
    if found is None:
        raise error(f"times in units {units!r}, expected '<unit> since <date>'")
    if calendar not in GREGORIAN:
        raise error(f"times in the calendar {calendar!r}, expected the real one: not observations")
    unit, day = found[1].lower(), _reference(found[2], found[3] or "")
    if day is None:
        raise error(f"times since {found[2]!r}, expected a date after the year 1: a climatology")
    if unit == "month":
        return _months_since(values, day)
    if unit not in STEPS:
        raise error(f"times in {unit!r}, expected days, hours, minutes, seconds or months")
    return seconds_since(values * STEPS[unit], day)


def seconds_since(seconds: NDArray[np.float64], start: np.datetime64) -> NDArray[np.datetime64]:
    """Times of seconds since a date (proleptic Gregorian), NaT where not finite or beyond 9 ka."""
    usable = np.abs(seconds) < 3e11
    whole = np.rint(np.where(usable, seconds, 0.0)).astype("timedelta64[s]")
    return np.where(usable, start.astype("datetime64[s]") + whole, np.datetime64("NaT", "s"))


def days_since(days: NDArray[np.float64], start: str) -> NDArray[np.datetime64]:
    """Times of days since a date, NaT where missing."""
    return seconds_since(np.asarray(days, float) * 86400.0, np.datetime64(start, "s"))


def digits(date: NDArray[np.float64], clock: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Times of YYYYMMDD and HHMMSS as numbers, NaT where they are no date."""
    usable = (date > 10_000) & (date < 99_991_232) & (clock >= 0) & (clock < 240_000)
    d, c = (np.where(usable, x, 10_101.0).astype(np.int64) for x in (date, clock))
    year, month, day = d // 10_000, d // 100 % 100, d % 100
    usable &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    start = ((year - 1970) * 12 + np.where(usable, month, 1) - 1).astype("datetime64[M]")
    midnight = start.astype("datetime64[s]") + (day - 1) * 86_400
    usable &= midnight.astype("datetime64[M]") == start  # no 31 June
    time = midnight + (c // 10_000 * 3600 + c // 100 % 100 * 60 + c % 100)
    return np.where(usable, time, np.datetime64("NaT", "s"))


def _reference(day: str, clock: str) -> np.datetime64 | None:
    day, _, late = day.partition("T")
    parts = re.match(r"^(\d{1,4})-(\d{1,2})-(\d{1,2})$", day)
    hours = re.match(r"^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d*)?)?", clock or late)
    if parts is None or int(parts[1]) < 1:
        return None
    year, month, date = (int(part) for part in parts.groups())
    try:
        if year < 1583:  # CF: the mixed calendar, Julian before 15 October 1582
            real = cftime.DatetimeGregorian(1970, 1, 1) - cftime.DatetimeGregorian(year, month, date)
            start = np.datetime64("1970-01-01") - np.timedelta64(real.days, "D")
        else:
            start = np.datetime64(f"{year:04d}-{month:02d}-{date:02d}")
    except ValueError:
        return None
    h, m, s = (int(part or 0) for part in hours.groups()) if hours else (0, 0, 0)
    return start.astype("datetime64[s]") + np.timedelta64(h * 3600 + m * 60 + s, "s")


def _months_since(values: NDArray[np.float64], start: np.datetime64) -> NDArray[np.datetime64]:
    usable = np.abs(values) < 12 * 9000
    months = np.where(usable, values, 0.0)
    whole = np.floor(months).astype(np.int64)
    first = start.astype("datetime64[M]")
    begin, end = ((first + whole + k).astype("datetime64[s]") for k in (0, 1))
    part = ((end - begin).astype(float) * (months - whole)).astype("timedelta64[s]")
    return np.where(usable, begin + part + (start - first), np.datetime64("NaT", "s"))


def _decoded(word: object) -> str:
    return word.decode("latin-1") if isinstance(word, bytes) else str(word)


def qualities(raw: NDArray, scheme: dict[int, int]) -> NDArray[np.int8]:
    """Flags to qualities: "1", b"1", 1 and 49 are the same flag; codes not in the scheme are bad."""
    if raw.dtype.kind in "SU":
        codes = np.frombuffer(np.ascontiguousarray(raw.astype("S1")).tobytes(), np.uint8)
        numbers = codes.reshape(raw.shape).astype(np.int64)
    else:
        with np.errstate(invalid="ignore"):
            numbers = np.where(np.abs(raw) < 128, raw, 127).astype(np.int64)
    numbers = np.where(np.isin(numbers, (0, 32)) & (raw.dtype.kind in "SU"), BLANK, numbers)
    numbers = np.where(numbers >= 48, numbers - 48, numbers)
    lookup = np.full(129, BAD, np.int8)
    for code, quality in scheme.items():
        lookup[code + 1] = quality
    return lookup[np.clip(numbers, -1, 127) + 1]
