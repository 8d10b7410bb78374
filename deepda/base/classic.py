"""Whether a classic NetCDF file (CDF-1, CDF-2, CDF-5) is whole, by the laws of its own header.

The NetCDF library gives zeros for what lies beyond the end of a file. The header states the place and
the size of every variable, so that a file that was cut short, or whose header contradicts itself, is
recognised before a value is read. Grammar and padding: NetCDF Classic Format Specification
(docs.unidata.ucar.edu/netcdf-c, "File Format Specifications") and the CDF-5 one of PnetCDF.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from deepda.base.errors import DeepDAError

CLASSIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
NETCDF = (*CLASSIC, b"\x89HDF\r\n\x1a\n")  # first bytes of NetCDF files; NetCDF-4 is HDF5
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}  # type -> bytes
CLASSIC_TYPES = 6  # the types of CDF-1 and CDF-2; CDF-5 has all
DIMENSION, VARIABLE, ATTRIBUTE = 10, 11, 12  # tags of lists
USUAL_HEADER, LARGEST_HEADER = 2**16, 64 * 2**20  # bytes
UNKNOWN_SIZE = 2**32 - 4  # vsize of variables from here on is not stated
STREAMING = {4: 2**32 - 1, 8: 2**64 - 1}  # number of records "by the length of the file"


class DamagedFileError(DeepDAError, ValueError):
    """A file that is not whole, or contradicts itself; the message says where and what to do."""


@dataclass(frozen=True)
class Extent:
    """Where the values of a variable lie.

    Attributes:
        begin: bytes from the start of the file.
        size: bytes of all values, or of one record, without padding.
        padded: the same with padding, as the header states it.
        record: whether it has one slice in each record.
    """

    name: str
    begin: int
    size: int
    padded: int
    record: bool


@dataclass(frozen=True)
class Header:
    """What the header of a classic file states: its length in bytes, records, and the variables."""

    length: int
    records: int | None
    extents: tuple[Extent, ...]


def require_whole(path: Path) -> None:
    """Refuse a classic NetCDF file that lacks a part; other files pass.

    Raises:
        DamagedFileError: the header contradicts itself, or a variable lies beyond the end.
        OSError: the file cannot be opened.
    """
    bytes_there = path.stat().st_size
    with path.open("rb") as stream:
        if stream.read(4) not in CLASSIC:
            return
        header = _read_header(stream, bytes_there, path)
        fault = _misplaced(header) or _fault_of_length(header, bytes_there, stream)
    if fault:
        raise DamagedFileError(f"{path}: {fault}; fetch it again")


def read_header(path: Path) -> Header:
    """The header of a classic NetCDF file.

    Raises:
        DamagedFileError: it is none, or contradicts itself.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as stream:
        return _read_header(stream, path.stat().st_size, path)


def _read_header(stream: BinaryIO, bytes_there: int, path: Path) -> Header:
    try:
        for size in (USUAL_HEADER, LARGEST_HEADER):
            stream.seek(0)
            with suppress(EOFError):
                return _Parser(BytesIO(stream.read(size))).header()
    except ValueError as error:
        raise DamagedFileError(f"{path}: its header is damaged ({error}); fetch it again") from error
    raise DamagedFileError(
        f"{path}: its header does not end within its {bytes_there} bytes; fetch it again"
    )


def _misplaced(header: Header) -> str:
    """Which variable lies inside the header or another variable, "" if none does."""
    end = header.length
    for extent in sorted(header.extents, key=lambda extent: (extent.record, extent.begin, extent.size)):
        if extent.begin < end:
            return f"{extent.name} begins at byte {extent.begin}, inside what ends at {end}"
        end = extent.begin + extent.size
    sliced = _sliced(header)
    if sliced and end > sliced[0].begin + _record_bytes(sliced):
        return "its records overlap"
    return ""


def _fault_of_length(header: Header, bytes_there: int, stream: BinaryIO) -> str:
    """What lies beyond the end of the file, or is in it and not in its header; "" if nothing."""
    fixed = [extent for extent in header.extents if not extent.record]
    ends = {extent.name: extent.begin + extent.size for extent in fixed}
    sliced = _sliced(header)
    if sliced and header.records != 0:
        step = _record_bytes(sliced)
        inside = sliced[-1].begin + sliced[-1].size - sliced[0].begin  # the last one without padding
        if header.records is None:
            whole = step > 0 and (bytes_there - sliced[0].begin) % step in (0, inside % step)
            return "" if whole else "its last record is not whole: it was cut short"
        ends[f"record {header.records}"] = sliced[0].begin + (header.records - 1) * step + inside
    last = max(ends, key=lambda name: ends[name], default="")
    end = ends.get(last, header.length)
    if end > bytes_there:
        return f"{last} ends at byte {end}, the file has {bytes_there}: it was cut short"
    return _fault_of_rest(stream, -(-end // 4) * 4)


def _fault_of_rest(stream: BinaryIO, end: int) -> str:
    """Some writers fill up their last block with zeros; anything else is data without a header."""
    stream.seek(end)
    while block := stream.read(2**20):
        if any(block):
            return f"its header describes {end} bytes, more data follow: the header is damaged"
    return ""


def _sliced(header: Header) -> list[Extent]:
    return sorted((e for e in header.extents if e.record), key=lambda e: (e.begin, e.size))


def _record_bytes(sliced: list[Extent]) -> int:
    """Bytes from one record to the next: a single variable is not padded."""
    return sliced[0].size if len(sliced) == 1 else sum(extent.padded for extent in sliced)


class _Parser:
    """Reads a header: EOFError where it is longer than the bytes, ValueError where it is wrong."""

    def __init__(self, stream: BytesIO) -> None:
        self.stream = stream
        version = self._take(4)[3]
        self.count = 8 if version == 5 else 4  # bytes of a length
        self.offset = 4 if version == 1 else 8  # bytes of a place in the file
        self.types = max(SIZES) if version == 5 else CLASSIC_TYPES

    def header(self) -> Header:
        records = self._number(self.count)
        lengths = [self._dimension() for _ in range(self._list(DIMENSION))]
        self._attributes()
        extents = [self._variable(lengths) for _ in range(self._list(VARIABLE))]
        names = [extent.name for extent in extents]
        if len(set(names)) < len(names):
            raise ValueError("a variable stands in it twice")
        known = None if records == STREAMING[self.count] else records
        return Header(self.stream.tell(), known, tuple(extents))

    def _take(self, size: int) -> bytes:
        if size > LARGEST_HEADER:
            raise ValueError(f"a part of it is {size} bytes long")
        taken = self.stream.read(size)
        if len(taken) < size:
            raise EOFError
        return taken

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def _padded(self, size: int) -> bytes:
        taken = self._take(-(-size // 4) * 4)
        if any(taken[size:]):
            raise ValueError("what fills it up is not zero")
        return taken[:size]

    def _list(self, wanted: int) -> int:
        tag, count = self._number(4), self._number(self.count)
        if tag != wanted and (tag, count) != (0, 0):
            raise ValueError(f"a list begins with {tag}, expected {wanted}")
        return count

    def _name(self) -> str:
        name = self._padded(self._number(self.count)).decode("utf-8")  # UnicodeError is a ValueError
        if not name or "\0" in name or "/" in name:
            raise ValueError(f"{name!r} is no name")
        return name

    def _type(self) -> int:
        kind = self._number(4)
        if not 1 <= kind <= self.types:
            raise ValueError(f"there is no type {kind}")
        return SIZES[kind]

    def _dimension(self) -> int:
        self._name()
        return self._number(self.count)

    def _attributes(self) -> None:
        for _ in range(self._list(ATTRIBUTE)):
            self._name()
            size = self._type()
            self._padded(self._number(self.count) * size)

    def _variable(self, lengths: list[int]) -> Extent:
        name = self._name()
        dims = [self._number(self.count) for _ in range(self._number(self.count))]
        if any(dim >= len(lengths) for dim in dims):
            raise ValueError(f"{name} has a dimension that is not there")
        self._attributes()
        width, stated, begin = self._type(), self._number(self.count), self._number(self.offset)
        shape = [lengths[dim] for dim in dims]
        record = bool(shape) and shape[0] == 0
        if 0 in shape[1:]:
            raise ValueError(f"{name} counts records along a later dimension")
        size = math.prod(shape[1:] if record else shape) * width
        padded = -(-size // 4) * 4
        if stated not in (padded, size) and max(stated, padded) < UNKNOWN_SIZE:
            raise ValueError(f"{name} takes {padded} bytes by its shape and {stated} by its size")
        return Extent(name, begin, size, padded, record)
