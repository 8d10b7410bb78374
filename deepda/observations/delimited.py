"""Text tables (CSV): each line after the header is a row, whole or rejected with a reason.

Nothing is parsed across lines: a stray quote costs its own line and no other. Delimiter and header are
found together: the first of the leading lines whose cells name the columns that are needed. Memory is
bounded by the rows asked for, whatever a file unpacks to.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, cast

from deepda.observations.cells import TableRows
from deepda.observations.reading import ObservationError
from deepda.observations.table_flags import with_their_quantities
from deepda.observations.text_rows import COMMENT, CONTROL, Layout, RowCollector, split, utf8_or_latin

DELIMITERS = (",", ";", "\t", "|")
LONGEST_LINE = 2**20  # characters
MOST_COLUMNS = 1000
HEADER_WITHIN = 50  # lines: titles and comments may stand above the header
BLOCK = 2**19  # characters that are split at once
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
GZIP = b"\x1f\x8b"

Chooser = Callable[[Sequence[str]], Collection[str]]
UnitsOf = Callable[[Mapping[str, str]], "Mapping[str, str] | None"]


def read_text(
    path: Path, choose: Chooser, units_of: UnitsOf, first: int = 0, most: int | None = None
) -> TableRows:
    """Read rows of a text table, plain or gzipped.

    Args:
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
        rest = iter(head[position + 1 :])
        top = next((line for line in chain(rest, lines) if not line.isspace()), "")
        layout = Layout(delimiter, len(names), _ends_with_delimiter(top, delimiter, len(names)))

        def units_in(line: str) -> Mapping[str, str] | None:
            cells = layout.cells(line.lstrip(f"{COMMENT} ")) or []
            named = {names[k]: cells[k].strip() for k in wanted} if len(cells) == len(names) else None
            return None if named is None else units_of(named)

        units, below = units_in(top), [top]
        if units is None and _is_of_words(layout.cells(top), len(names)):  # what the columns are
            below.append(next((line for line in chain(rest, lines) if not line.isspace()), ""))
            units = units_in(below[1])
        start = "".join([*(below if units is None else ()), *rest])
        above = tuple(_said(head, position))
        if units is None and above:
            units = next(filter(None, map(units_in, reversed(above))), None)
        end = None if most is None else first + most
        rows = RowCollector(layout, {names[k]: k for k in wanted}, first, end)
        following = rows.read(_blocks(stream, path, start))
        return TableRows(
            rows.frame(), names, units or {}, first, following, rows.malformed, above, delimiter
        )


def _said(head: Sequence[str], header: int) -> Iterator[str]:
    """The lines above the header, and the comments below it."""
    for position, line in enumerate(head):
        if position < header or (position > header and line.lstrip().startswith(COMMENT)):
            yield line.strip()


def _is_of_words(cells: Sequence[str] | None, count: int) -> bool:
    """Whether a line has all its cells and no digit in them."""
    return cells is not None and len(cells) == count and not any(re.search(r"\d", c) for c in cells)


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as stream:
        zipped = stream.read(2) == GZIP
    raw = cast(IO[bytes], gzip.open(path) if zipped else path.open("rb"))  # noqa: SIM115
    start = raw.read(4)
    raw.seek(0)
    encoding = next((name for mark, name in BOMS if start.startswith(mark)), "utf-8")
    return io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline=None)


def _lines(stream: IO[str], path: Path) -> Iterator[str]:
    """Lines with their ends."""
    with _refusing_damage(path):
        while line := stream.readline(LONGEST_LINE + 1):
            _require_lines(line, path)
            yield line if line.isascii() else utf8_or_latin(line)


def _blocks(stream: IO[str], path: Path, start: str) -> Iterator[str]:
    """Whole lines, about BLOCK characters at once, after those of `start`."""
    if start:
        yield start
    with _refusing_damage(path):
        while text := stream.read(BLOCK):
            if not text.endswith("\n"):
                text += stream.readline(LONGEST_LINE + 1)
            _require_lines(text, path)
            yield text


def _require_lines(text: str, path: Path) -> None:
    if len(text) > LONGEST_LINE and max(map(len, text.split("\n"))) > LONGEST_LINE:
        raise ObservationError(
            f"{path} has a line of over {LONGEST_LINE:,} characters, expected one row a line; "
            "write it again as a table"
        )


@contextmanager
def _refusing_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (UnicodeError, EOFError, OSError, zlib.error) as error:  # cut or damaged
        raise ObservationError(
            f"{path} cannot be read as text ({error}), expected CSV in UTF-8; fetch or write it again"
        ) from error


def _ends_with_delimiter(line: str, delimiter: str, count: int) -> bool:
    """Whether a line has one empty cell more than the header at its end."""
    cells = split(line, delimiter) or []
    return len(cells) == count + 1 and not cells[-1].strip()


def _header(
    path: Path, head: Sequence[str], choose: Chooser
) -> tuple[int, tuple[str, ...], str, tuple[int, ...]]:
    """Position, names, delimiter and columns wanted; a header may stand in a comment.

    Where no line is a header, the one with most cells was meant as one: what is said of it is raised.
    """
    refusals = list[tuple[int, ObservationError]]()
    for commented in (False, True):
        for position, line in enumerate(head):
            if line.isspace() or line.lstrip().startswith(COMMENT) != commented:
                continue
            if refusals and CONTROL.search(line.rstrip("\r\n")):
                continue
            for delimiter, names in _candidates(path, line):
                try:
                    wanted = choose(names)
                except ObservationError as error:
                    refusals.append((len(names), error))
                else:
                    places = tuple(k for k, name in enumerate(names) if name in wanted)
                    return position, names, delimiter, places
    if refusals:
        raise max(refusals, key=lambda refusal: refusal[0])[1]
    raise ObservationError(
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
    return [
        (delimiter, with_their_quantities([cell.strip() for cell in names]))
        for delimiter, names in cells
    ]
