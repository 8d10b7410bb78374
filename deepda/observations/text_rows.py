"""Rows of a text table from blocks of whole lines: counted, then split, each line a row or rejected.

Lines of a block that are all whole rows are split at once by Arrow; a block where one may not be is
split line by line, by the same rules. A number that a stray end of line cuts in two leaves a line of a
single cell with a digit and no word: the row before it may have lost the end of its last number and,
where rows begin with a number, the row after it the beginning of its first one; they are rejected with
it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from deepda.observations.cells import NUMBER, trimmed

COMMENT = "#"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
WORD = re.compile(r"[^\W\d_]{2}")  # letters of a title or a footer, which no part of a number has
CONTROL_BYTES = bytes(code for code in range(128) if CONTROL.match(chr(code)))
NEWLINE, QUOTE = ord("\n"), ord('"')
MALFORMED, COMMENTED, CUT = "line_malformed", "line_commented_out", "line_cut_short"


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


def utf8_or_latin(line: str) -> str:
    """A line whose bytes that are no UTF-8 are read as Latin-1."""
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return line.encode("utf-8", "surrogateescape").decode("latin-1")
    return line


@dataclass(frozen=True)
class Layout:
    """How the lines of a table are written.

    Attributes:
        count: of cells of a row.
        trailing: each line ends with a delimiter that the header lacks.
    """

    delimiter: str
    count: int
    trailing: bool = False

    def cells(self, line: str) -> list[str] | None:
        """The cells of a line, of any number; None where quotes or its end are missing, or no text."""
        cells = split(line, self.delimiter)
        if cells is None or CONTROL.search(line.rstrip("\r\n")):
            return None
        if not self.trailing:
            return cells
        return None if cells[-1].strip() else cells[:-1]

    def without_ends(self, text: str) -> str | None:
        """Lines without their trailing delimiters; None where one has none."""
        if not self.trailing:
            return text
        end = f"{self.delimiter}\n"
        whole = text.endswith("\n") and text.count(end) == text.count("\n")
        return text.replace(end, "\n") if whole else None

    def is_unambiguous(self, text: str, data: bytes) -> bool:
        """Whether Arrow splits all lines as `cells` does."""
        if text.startswith(COMMENT) or f"\n{COMMENT}" in text:
            return False
        if len(data.translate(None, CONTROL_BYTES)) < len(data):
            return False
        return '"' not in text or (_quotes_close(data) and not self._stray_quotes(text))

    def _stray_quotes(self, text: str) -> bool:
        """Whether a quote stands within a cell, or behind blanks."""
        edge = re.escape(self.delimiter) + r'\n"'
        return re.search(rf'(?<![{edge}])"(?![{edge}])|[ \t]"', "\n" + text + "\n") is not None


def _quotes_close(data: bytes) -> bool:
    """Whether each line has an even number of quotes."""
    codes = np.frombuffer(data, np.uint8)
    marks = codes[(codes == NEWLINE) | (codes == QUOTE)]
    before = np.cumsum(marks == QUOTE)
    return not (before[marks == NEWLINE] % 2).any() and before[-1] % 2 == 0


@dataclass(frozen=True, eq=False)
class _Block:
    """The rows of some lines.

    Attributes:
        columns: (row) cells of the wanted columns.
        widths: (row) characters of the last cell, of rows that are whole.
        malformed: row -> why its line is none.
        doubtful: rows beside a fragment of a cell, also those just before and after these lines.
    """

    columns: list[pa.Array]
    widths: pa.Array
    malformed: dict[int, str] = field(default_factory=dict)
    doubtful: tuple[int, ...] = ()


@dataclass
class RowCollector:
    """Collects the wanted cells of some rows, column by column.

    Attributes:
        places: of the wanted columns, by name.
        first: row to begin with.
        end: row to end before, None for all.
        malformed: row -> why its line is none, counted from `first`.
    """

    layout: Layout
    places: Mapping[str, int]
    first: int
    end: int | None
    malformed: dict[int, str] = field(default_factory=dict)
    _chunks: list[list[pa.Array]] = field(default_factory=list)
    _widths: set[int] = field(default_factory=set)

    def read(self, blocks: Iterator[str]) -> int | None:
        """Collect the rows of blocks of whole lines; the number of the next row, None at the end."""
        number = 0
        for text in blocks:
            block = self._at_once(text) or self._by_line(text)
            count = len(block.columns[0])
            self._judge_end(text, block)
            for row, why in block.malformed.items():
                self._mark(number + row, why)
            for row in block.doubtful:
                self._mark(number + row, CUT)
            self._keep(block.columns, number)
            number += count
            if self.end is not None and number > self.end:
                return self.end
        return None

    def frame(self) -> pd.DataFrame:
        """(row) the wanted cells without blanks around them."""
        columns = zip(*self._chunks, strict=True) if self._chunks else [[] for _ in self.places]
        whole = [pa.chunked_array(list(parts), pa.string()) for parts in columns]
        return pa.table(whole, names=list(self.places)).to_pandas()

    def _mark(self, number: int, why: str) -> None:
        """Reject a row; the line's own reason stands before what its neighbours say."""
        row = number - self.first
        if row >= 0 and (self.end is None or number < self.end):
            self.malformed[row] = self.malformed.get(row, why) if why == CUT else why

    def _keep(self, columns: list[pa.Array], number: int) -> None:
        begin = max(self.first - number, 0)
        length = None if self.end is None else max(self.end - number - begin, 0)
        if begin < len(columns[0]) and length != 0:
            self._chunks.append([column.slice(begin, length) for column in columns])

    def _judge_end(self, text: str, block: _Block) -> None:
        """A last line without an end may lack a part of its last cell, unless others are all as wide."""
        widths, rows = block.widths, len(block.columns[0])
        cut = not text.endswith("\n") and rows > 0 and rows - 1 not in block.malformed
        last = widths[-1].as_py() if cut else 0
        self._widths |= set(pc.unique(widths[:-1] if cut else widths).to_pylist())
        if cut and self._widths != {last}:
            block.malformed[rows - 1] = CUT

    def _at_once(self, text: str) -> _Block | None:
        """The rows of lines that are all whole; None where one is not, or may not be."""
        layout, lines = self.layout, self.layout.without_ends(text)
        try:
            data = (lines or "").encode("utf-8")
        except UnicodeEncodeError:
            return None
        if lines is None or not layout.is_unambiguous(lines, data):
            return None
        names = [str(place) for place in range(layout.count)]
        wanted = sorted({names[place] for place in self.places.values()} | {names[-1]})
        quote = '"' if '"' in lines else False
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(data),
                arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
                arrow_csv.ParseOptions(delimiter=layout.delimiter, quote_char=quote, escape_char=False),
                arrow_csv.ConvertOptions(
                    check_utf8=False, strings_can_be_null=False, include_columns=wanted,
                    column_types=dict.fromkeys(wanted, pa.string()),
                ),
            )  # fmt: skip
        except pa.ArrowInvalid:
            return None
        parts = lines.split("\n")
        if len(table) != len(parts) - parts.count(""):
            return None
        whole = table.combine_chunks()
        cells = [_one_array(whole.column(names[place])) for place in self.places.values()]
        widths = pc.utf8_length(_one_array(whole.column(names[-1])))
        return _Block([trimmed(column) for column in cells], widths)

    def _by_line(self, text: str) -> _Block:
        """The rows of lines of which some may be none."""
        rows, widths, doubtful = list[list[str]](), list[int](), list[int]()
        malformed, blank, first = dict[int, str](), [""] * self.layout.count, ""
        for line in text.split("\n"):
            if not line or line.isspace():
                continue
            cells = self.layout.cells(line if line.isascii() else utf8_or_latin(line)) or []
            whole, commented = len(cells) == self.layout.count, line.startswith(COMMENT)
            if commented and not whole:
                continue
            if whole and not commented:
                widths.append(len(cells[-1]))
                first = first or cells[0].strip()
            else:
                malformed[len(rows)] = COMMENTED if commented else MALFORMED
            if len(cells) == 1 and re.search(r"\d", cells[0]) and not WORD.search(cells[0]):
                doubtful += [len(rows) - 1, len(rows) + 1]
            rows.append(blank if len(rows) in malformed else cells)
        if first and not re.fullmatch(NUMBER, first):  # what is left of such a cell is none
            doubtful = doubtful[::2]
        columns = list(zip(*rows, strict=True)) or [()] * self.layout.count
        arrays = [pa.array(columns[place], pa.string()) for place in self.places.values()]
        return _Block(
            [trimmed(array) for array in arrays],
            pa.array(widths, pa.int32()),
            malformed,
            tuple(doubtful),
        )


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], pa.string())
