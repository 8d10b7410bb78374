"""Text tables (CSV) line by line: each line after the header is a row, whole or rejected with a reason.

Nothing is parsed across lines: a stray quote costs its own line and no other. Delimiter and header are
found together: the first of the leading lines whose cells name the columns that are needed. Memory is
bounded by the rows asked for, whatever a file unpacks to.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from deepda.observations.reading import ObservationError

DELIMITERS = (",", ";", "\t", "|")
COMMENT = "#"
LONGEST_LINE = 2**20  # characters
MOST_COLUMNS = 1000
HEADER_WITHIN = 50  # lines: titles and comments may stand above the header
CHUNK = 50_000  # lines that are held as Python objects at once
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
GZIP = b"\x1f\x8b"
MALFORMED, COMMENTED, CUT = "line_malformed", "line_commented_out", "line_cut_short"

Chooser = Callable[[Sequence[str]], Collection[str]]
UnitsOf = Callable[[Mapping[str, str]], "Mapping[str, str] | None"]


@dataclass(frozen=True, eq=False)
class TextTable:
    """Some rows of a text table.

    Attributes:
        frame: (row) cells as text, of the columns asked for.
        names: all columns of the header.
        units: by column, of a line of units below the header.
        malformed: row -> why a line cannot be one, of those that cannot.
        following: number of the first row after these, None at the end of the file.
    """

    frame: pd.DataFrame
    names: tuple[str, ...]
    units: Mapping[str, str]
    malformed: Mapping[int, str]
    following: int | None


def read_text(
    path: Path, choose: Chooser, units_of: UnitsOf, first: int = 0, most: int | None = None
) -> TextTable:
    """Read rows of a text table, plain or gzipped.

    Args:
        path: of the file.
        choose: from the cells of a header to the columns wanted; raises ObservationError where the
            line is no header.
        units_of: from the wanted cells of the first line below the header to units by column; None
            where it is a row.
        first: row to begin with, from 0.
        most: rows to read; None reads all.

    Raises:
        ObservationError: no text, no header with the columns needed, or lines and columns beyond any
            table of observations.
    """
    with _opened(path) as stream:
        lines = _lines(stream, path)
        head = list(islice(lines, HEADER_WITHIN))
        position, names, delimiter, wanted = _header(path, head, choose)
        rest = (line for line in chain(head[position + 1 :], lines) if not line.isspace())
        splitter = _Splitter(delimiter, len(names))
        top = next(rest, "")
        splitter.trailing = splitter.ends_with_delimiter(top)
        below = splitter.cells(top) or []
        units = units_of({names[k]: below[k].strip() for k in wanted}) if below else None
        rows = _Rows(splitter, {names[k]: k for k in wanted})
        following = rows.read(
            rest if units is not None else chain([top] if top else [], rest), first, most
        )
        return TextTable(rows.frame(), names, units or {}, rows.malformed, following)


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as stream:
        zipped = stream.read(2) == GZIP
    raw = cast(IO[bytes], gzip.open(path) if zipped else path.open("rb"))  # noqa: SIM115
    start = raw.read(4)
    raw.seek(0)
    encoding = next((name for mark, name in BOMS if start.startswith(mark)), "utf-8")
    return io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline=None)


def _lines(stream: IO[str], path: Path) -> Iterator[str]:
    """Lines with their ends; bytes that are no UTF-8 are read as Latin-1."""
    try:
        while line := stream.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise ObservationError(
                    f"{path} has a line of over {LONGEST_LINE:,} characters, expected one row a line; "
                    "write it again as a table"
                )
            yield line if line.isascii() else _as_text(line)
    except (UnicodeError, EOFError, OSError, zlib.error) as error:  # cut or damaged
        raise ObservationError(
            f"{path} cannot be read as text ({error}), expected CSV in UTF-8; fetch or write it again"
        ) from error


def _as_text(line: str) -> str:
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return line.encode("utf-8", "surrogateescape").decode("latin-1")
    return line


def split(line: str, delimiter: str) -> list[str] | None:
    """The cells of one line; None where its quotes do not close."""
    text = line.rstrip("\r\n")
    if '"' not in text:
        return text.split(delimiter)
    if text.count('"') % 2:
        return None
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        return None


def _header(
    path: Path, head: Sequence[str], choose: Chooser
) -> tuple[int, tuple[str, ...], str, tuple[int, ...]]:
    """Position, names, delimiter and columns wanted; a header may stand in a comment."""
    refusal: ObservationError | None = None
    for commented in (False, True):
        for position, line in enumerate(head):
            if line.isspace() or line.lstrip().startswith(COMMENT) != commented:
                continue
            for delimiter, names in _candidates(path, line):
                try:
                    wanted = choose(names)
                except ObservationError as error:
                    refusal = refusal or error
                else:
                    places = tuple(k for k, name in enumerate(names) if name in wanted)
                    return position, names, delimiter, places
    raise refusal or ObservationError(
        f"{path} holds no value, expected a header of names and a line a row; fetch it again"
    )


def _candidates(path: Path, line: str) -> list[tuple[str, tuple[str, ...]]]:
    """(delimiter, cells) of a line, the delimiter that gives most cells first."""
    if CONTROL.search(line.rstrip("\r\n")):
        raise ObservationError(
            f"{path} cannot be read as text (a line begins {line[:40]!r}), expected CSV in UTF-8; "
            "write it again"
        )
    text = line.lstrip(f"{COMMENT} ")
    cells = [(delimiter, split(text, delimiter) or []) for delimiter in DELIMITERS]
    cells.sort(key=lambda pair: -len(pair[1]))
    if len(cells[0][1]) > MOST_COLUMNS:
        raise ObservationError(
            f"{path} has {len(cells[0][1]):,} columns, expected at most {MOST_COLUMNS:,}; write one "
            "observation a line"
        )
    return [(delimiter, tuple(cell.strip() for cell in names)) for delimiter, names in cells]


@dataclass
class _Splitter:
    """Splits lines into as many cells as the header has.

    Attributes:
        delimiter: between cells.
        count: of cells.
        trailing: each line ends with a delimiter that the header lacks.
    """

    delimiter: str
    count: int
    trailing: bool = False

    def ends_with_delimiter(self, line: str) -> bool:
        """Whether a line has one empty cell more than the header at its end."""
        cells = split(line, self.delimiter) or []
        return len(cells) == self.count + 1 and not cells[-1].strip()

    def cells(self, line: str) -> list[str] | None:
        """The cells of a line; None where it is no whole row."""
        cells = split(line, self.delimiter)
        if cells is None or CONTROL.search(line.rstrip("\r\n")):
            return None
        if self.trailing and not cells[-1].strip():
            cells = cells[:-1]
        return cells if len(cells) == self.count else None


@dataclass
class _Rows:
    """Collects the wanted cells of lines, column by column.

    Attributes:
        splitter: of lines.
        places: of the wanted columns, by name.
        malformed: row -> reason of lines that are no rows.
        count: rows so far.
    """

    splitter: _Splitter
    places: Mapping[str, int]
    malformed: dict[int, str] = field(default_factory=dict)
    count: int = 0
    _held: list[list[str]] = field(default_factory=list)
    _chunks: list[list[pa.Array]] = field(default_factory=list)
    _widths: set[int] = field(default_factory=set)

    def read(self, lines: Iterator[str], first: int, most: int | None) -> int | None:
        """Collect rows first..first+most; the number of the next row, None where there is none."""
        number = 0
        for line in lines:
            cells = self.splitter.cells(line)
            commented = line.startswith(COMMENT)
            if commented and cells is None:
                continue
            if most is not None and number == first + most:
                return number
            if number >= first:
                self._add(cells, COMMENTED if commented else self._reason(line, cells))
            number += 1
        return None

    def frame(self) -> pd.DataFrame:
        """(row) the wanted cells without blanks around them."""
        self._flush()
        columns = zip(*self._chunks, strict=True) if self._chunks else [[] for _ in self.places]
        whole = [pa.chunked_array(list(parts), pa.string()) for parts in columns]
        return pa.table(whole, names=list(self.places)).to_pandas()

    def _reason(self, line: str, cells: list[str] | None) -> str:
        if cells is None:
            return MALFORMED
        width = len(cells[-1])
        if not line.endswith("\n") and self._widths - {width}:
            return CUT  # the last cell may have lost its end, unless all cells there are as wide
        self._widths.add(width)
        return ""

    def _add(self, cells: list[str] | None, reason: str) -> None:
        if reason:
            self.malformed[self.count] = reason
        blank = reason or cells is None
        self._held.append([""] * self.splitter.count if blank else cast(list[str], cells))
        self.count += 1
        if len(self._held) == CHUNK:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            columns = list(zip(*self._held, strict=True))
            arrays = [pa.array(columns[place], pa.string()) for place in self.places.values()]
            self._chunks.append([pc.utf8_trim_whitespace(array) for array in arrays])
            self._held = []
