"""A foreign NetCDF file as the readers see it: plain arrays, NaN where missing, or ObservationError.

netCDF4 is used rather than xarray, which refuses files whose dimensions and scalar variables share a
name (GTSPP). A broken file may declare any size, so sizes are compared with the file before reading.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import EllipsisType
from typing import Self, TypeVar

import netCDF4
import numpy as np
from numpy.typing import NDArray

from deepda.base.classic import DamagedFileError, require_whole
from deepda.base.synthetic import refusal, simulated_by
from deepda.base.units import UnitError, convert
from deepda.observations.calendars import decode_times
from deepda.observations.flags import WOCE, Declared, declared, described, of_scheme, qualities
from deepda.observations.packing import outside, unpacked
from deepda.observations.qualities import UNKNOWN
from deepda.observations.reading import ObservationError
from deepda.observations.timestamps import written_times

COMPRESSION = 1100  # deflate packs at most about 1:1032
SMALL = 64 * 2**20  # bytes that are always read
FLAG_WORDS = ("flag_values", "flag_masks", "flag_meanings")
Values = TypeVar("Values", bound=np.generic)
Part = tuple[slice, ...] | EllipsisType  # of the dimensions of a variable


class NetcdfFile:
    """Open for reading, closed on leaving a `with` block.

    Raises:
        ObservationError: the file is not NetCDF, is damaged, or says that its ocean is simulated.
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
        if said := simulated_by(self._data.__dict__):
            self._data.close()
            raise ObservationError(refusal(path, said, "observations"))
        self.bytes = path.stat().st_size
        self.names = frozenset(self._data.variables)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(RuntimeError):  # a damaged file may not close; it was only read
            self._data.close()

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def first(self, *names: str) -> str:
        """The first of some names that is a variable; the first one where none is."""
        return next((name for name in names if name in self), names[0])

    def groups(self) -> tuple[str, ...]:
        """Paths of the groups that hold variables, which no reader looks into."""
        found, waiting = list[str](), list(self._data.groups.values())
        while waiting:
            group = waiting.pop(0)
            waiting += group.groups.values()
            found += [group.path.strip("/")] if group.variables else []
        return tuple(found)

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

    def said(
        self, words: Iterable[str], name: str | None = None, fits: Callable[[str], object] = bool
    ) -> str:
        """The first of some attributes with a text that fits, and this text; "" where none has."""
        texts = ((word, self.attribute(word, name)) for word in words)
        return next((f"{word} {text!r}" for word, text in texts if fits(text)), "")

    def attributes(self, name: str) -> dict[str, object]:
        """All attributes of a variable."""
        variable = self._variable(name)
        return {word: variable.getncattr(word) for word in variable.ncattrs()}

    def numbers(
        self, name: str, shape: tuple[int, ...] | None = None, part: Part = ...
    ) -> NDArray[np.float64]:
        """Values as floats, unpacked, NaN where missing; `part` of them.

        Raises:
            ObservationError: no such variable, not numbers, not of the shape, or damaged.
        """
        raw = self._raw(name, shape, part)
        return unpacked(raw, self.attributes(name), lambda what: self.error(f"{name}: {what}"))

    def quantity(
        self, name: str, unit: str, shape: tuple[int, ...] | None = None, units: str = ""
    ) -> NDArray[np.float64]:
        """Values as `numbers`, in another unit; without `units` they are in it already.

        Args:
            unit: that is wanted.
            shape: that the variable must have.
            units: those of the values, by default the attribute.

        Raises:
            ObservationError: as `numbers`, or units that are unknown or measure something else.
        """
        return self.in_unit(self.numbers(name, shape), name, unit, units)

    def measured(
        self, name: str, unit: str, shape: tuple[int, ...] | None = None, units: str = ""
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values as `quantity`, and where they lie outside the range that the file calls valid."""
        values = self.numbers(name, shape)
        return self.in_unit(values, name, unit, units), self.invalid(values, name)

    def invalid(self, values: NDArray[np.float64], name: str) -> NDArray[np.bool_]:
        """Where values of `numbers` lie outside the range that the file calls valid."""
        found = outside(values, self._variable(name).dtype, self.attributes(name))
        return np.zeros(values.shape, np.bool_) if found is None else found

    def in_unit(
        self, values: NDArray[np.float64], name: str, unit: str, units: str = ""
    ) -> NDArray[np.float64]:
        """Values of a variable in another unit than `units`, by default its own."""
        units = units or self.attribute("units", name)
        if not units:
            return values
        try:
            return convert(values, units, unit)
        except UnitError:
            raise self.error(
                f"{name} is in units {units!r}, expected one that converts to {unit}",
                "correct its units or convert the values",
            ) from None

    def degree(self, name: str) -> float:
        """Kelvin of one unit of a variable that holds differences of temperatures; 1 without units."""
        zero, one = self.in_unit(np.array([0.0, 1.0]), name, "degC")
        return float(one - zero)

    def shaped(self, values: NDArray[Values], name: str, shape: tuple[int, ...]) -> NDArray[Values]:
        """Values of a variable in a shape, of which they must have the number."""
        if values.size != int(np.prod(shape)):
            raise self.error(f"{name} has shape {values.shape}, expected {shape}")
        return values.reshape(shape)

    def require_matrix(self, name: str) -> None:
        """Refuse a variable that does not have two dimensions, cast and level."""
        if len(self.shape(name)) != 2:
            raise self.error(f"{name} has dimensions {self.dims(name)}, expected cast and level")

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
        self, name: str, shape: tuple[int, ...], scheme: Mapping[int, int], absent: int = UNKNOWN
    ) -> NDArray[np.int8]:
        """Qualities (0..4) of flags stored as digits, characters or character codes, by a scheme.

        Where there is no such variable, the quality is `absent`: a file that does not flag times or
        places does not doubt them.
        """
        if name not in self:
            return np.full(shape, absent, np.int8)
        return qualities(self.shaped(self._raw(name, None), name, shape), scheme)

    def declared_flags(self, name: str) -> Declared | None:
        """What the flags of a variable mean: by flag_meanings (CF), by its enumeration, by a list in its
        comment or long name, or as those of WOCE; None where it says nothing.

        Raises:
            ObservationError: values, masks and meanings that do not fit.
        """
        if self.attribute("flag_meanings", name):
            return self._by_meanings(name)
        words = getattr(self._variable(name).datatype, "enum_dict", None)
        if words:
            return Declared(tuple(map(str.lower, words)), tuple(map(int, words.values())), None)
        texts = [self.attribute(word, name) for word in ("comment", "long_name", "conventions")]
        listed = next(filter(None, map(described, texts)), None)
        woce = any("woce" in text.lower() for text in (*texts, self.attribute("units", name)))
        return of_scheme(WOCE) if listed is None and woce else listed

    def _by_meanings(self, name: str) -> Declared:
        found = declared(self.attributes(name))
        if found is None:
            said = {
                word: self.attribute(word, name) for word in FLAG_WORDS if self.attribute(word, name)
            }
            raise self.error(f"{name} declares flags that cannot be read ({said}), expected as many "
                             "values or masks as meanings", "correct its attributes")  # fmt: skip
        return found

    def stored(self, name: str, part: Part = ...) -> NDArray:
        """Values, or a part of them, as they are stored: flags, characters."""
        return self._raw(name, None, part)

    def stored_type(self, name: str) -> np.dtype:
        """Type in which the values of a variable are stored."""
        return np.dtype(self._variable(name).dtype)  # variable strings are objects

    def times(self, name: str, shape: tuple[int, ...] | None = None) -> NDArray[np.datetime64]:
        """Times (UTC) by units and calendar of the variable (CF), or of texts; NaT where missing.

        Raises:
            ObservationError: units that are no "<unit> since <date>", or an unknown calendar.
        """
        if self.stored_type(name).kind in "SUO":
            return self._written(name, shape)
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

    def _raw(self, name: str, shape: tuple[int, ...] | None, part: Part = ...) -> NDArray:
        variable = self._variable(name)
        if shape is not None and tuple(variable.shape) != shape:
            raise self.error(f"{name} has shape {tuple(variable.shape)}, expected {shape}")
        classic = self._data.disk_format.startswith(("NETCDF3", "64"))
        width = getattr(variable.dtype, "itemsize", 1)
        size = int(np.prod(variable.shape, dtype=float)) * width
        if size > (self.bytes if classic else max(SMALL, COMPRESSION * self.bytes)):
            raise self.error(f"{name} declares {size} bytes, more than the file of {self.bytes} holds")
        try:
            return np.asarray(variable[part])
        except (OSError, RuntimeError, ValueError, IndexError, MemoryError) as error:
            raise self.error(f"{name} cannot be read ({error})") from error

    def _written(self, name: str, shape: tuple[int, ...] | None) -> NDArray[np.datetime64]:
        """Times written as texts: characters along the last dimension, or strings."""
        rows = self.shape(name)[:-1] if self.stored_type(name) == "S1" else self.shape(name)
        if shape is not None and rows != shape:
            raise self.error(f"{name} has shape {rows}, expected {shape}")
        return written_times(self.texts(name, int(np.prod(rows))).reshape(rows))


def plain_words(text: str) -> str:
    """A text or name in lower case, its words with one blank between them."""
    return re.sub(r"[\s_-]+", " ", text.lower()).strip()


def _decoded(word: object) -> str:
    return word.decode("latin-1") if isinstance(word, bytes) else str(word)
