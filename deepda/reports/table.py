"""Tables of a report: numbers as they are written, the best of a row, and how they fit a phone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from matplotlib.font_manager import FontProperties, findfont
from PIL import ImageFont

from deepda.figures.style import NAMES

NEGLIGIBLE = 1e-3  # of the largest number of a column: below it none is written with an exponent
VANISHING = 1e-4  # of it: numbers below are written as about zero
PHONE = 346.0  # pixels of a table on a screen of 390
LETTERS = 11.52  # pixels on a phone, as page.html has them
PADDING = 10.4  # pixels a column, with headings that lie
UPRIGHT, UPRIGHT_PADDING = 29.0, 4.8  # pixels: two lines of a heading that stands, and beside it
MANY = 5  # columns of numbers whose headings stand on a phone in any case

Value = float | int | str | None


@dataclass(frozen=True, eq=False)
class Table:
    """A table of numbers.

    Attributes:
        name: of its CSV file, without suffix; unique in the report.
        rows: row name to (column name to value); None is shown as a dash.
        caption: what it holds, with the unit.
        corner: heading of the column of row names.
        best: which number of a row is marked: the `smallest`, the `largest`, the one `nearest 1`.
        unranked: columns that never win, for example observations that cover a part only.
        digits: significant digits.
    """

    name: str
    rows: Mapping[str, Mapping[str, Value]]
    caption: str
    corner: str = ""
    best: str | None = None
    unranked: Sequence[str] = ()
    digits: int = 3

    def __post_init__(self) -> None:
        if self.best not in (None, "smallest", "largest", "nearest 1"):
            raise ValueError(f"best={self.best!r} found, expected smallest, largest, nearest 1 or None")

    @property
    def columns(self) -> list[str]:
        """Names of the columns of all rows, in the order they first appear."""
        return list(dict.fromkeys(column for row in self.rows.values() for column in row))


def score_rows(scores: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    """Rows for a Table, by depth and over all, from what stands in `scores.json`."""
    rmse = {NAMES.get(name, name): score for name, score in scores["rmse"].items()}
    profiles = {name: score["by_depth"] for name, score in rmse.items()}
    whole = {"all depths": {name: score["all"] for name, score in rmse.items()}}
    return whole | rows_by_depth(scores["depth_m"], profiles)


def rows_by_depth(
    depth: Iterable[float], columns: Mapping[str, Sequence[Value]]
) -> dict[str, dict[str, Value]]:
    """Rows for a Table, one a depth (m), of columns with a value for each."""
    return {
        f"{at:.0f} m": {name: column[level] for name, column in columns.items()}
        for level, at in enumerate(depth)
    }


def laid_out(table: Table) -> dict[str, Any]:
    """What the template shows of a table: headings, rows of cells, caption, and its form on a phone."""
    largest = {column: _largest(table, column) for column in table.columns}
    rows = []
    for name, row in table.rows.items():
        best = _best(row, table)
        cells = [
            {
                "text": _text(row.get(column), table.digits, largest[column]),
                "best": column in best,
                "words": isinstance(row.get(column), str),
            }
            for column in table.columns
        ]
        rows.append({"name": name, "cells": cells})
    head = [table.corner, *table.columns]
    return {"head": head, "cells": rows, "caption": table.caption, "form": _form(head, rows)}


def _form(head: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Class of the page's style: headings that lie, that stand (`many`), small letters too (`tight`)."""
    first = max((_longest_word(row["name"]) for row in rows), default=0.0)
    cells = [
        max((_cell_width(row["cells"][place]) for row in rows), default=0.0)
        for place in range(len(head) - 1)
    ]
    heads = [_longest_word(name, bold=True) for name in head]
    lying = sum(map(max, zip([first, *cells], heads, strict=True))) + PADDING * len(head)
    if len(cells) < MANY and lying <= PHONE:
        return ""
    standing = max(first, heads[0]) + sum(max(cell, UPRIGHT) for cell in cells)
    return "many" if standing + UPRIGHT_PADDING * len(head) <= PHONE else "many tight"


def _cell_width(cell: Mapping[str, Any]) -> float:
    return _longest_word(cell["text"]) if cell["words"] else _width(cell["text"], cell["best"])


def _longest_word(text: str, bold: bool = False) -> float:
    return max((_width(word, bold) for word in text.split()), default=0.0)


@cache
def _width(text: str, bold: bool) -> float:
    """Pixels on a phone, in a wide font."""
    weight = "bold" if bold else "normal"
    path = findfont(FontProperties(family="DejaVu Sans", weight=weight))
    return float(ImageFont.truetype(path, 100).getlength(text)) * LETTERS / 100


def _largest(table: Table, column: str) -> float:
    numbers = [row.get(column) for row in table.rows.values()]
    return max(
        (abs(one) for one in numbers if isinstance(one, int | float) and np.isfinite(one)), default=0
    )


def _best(row: Mapping[str, Value], table: Table) -> set[str]:
    """Columns that win a row; equal as shown is equal."""
    numbers = {
        column: float(value)
        for column, value in row.items()
        if isinstance(value, int | float) and np.isfinite(value) and column not in table.unranked
    }
    if table.best is None or len(numbers) < 2:
        return set()
    if table.best == "nearest 1":
        numbers = {column: abs(value - 1) for column, value in numbers.items()}
    choose = max if table.best == "largest" else min
    winner = choose(numbers, key=lambda column: numbers[column])
    shown = _text(row[winner], table.digits)
    return {column for column in numbers if _text(row[column], table.digits) == shown}


def _text(value: Value, digits: int, largest: float = 0.0) -> str:
    if isinstance(value, str):
        return value
    text = _number(value, digits, largest)
    return f"−{text[1:]}" if text.startswith("-") else text


def _number(value: float | None, digits: int, largest: float) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "–"
    if isinstance(value, float):
        if 0 < abs(value) < VANISHING * largest:
            return "≈ 0"
        if abs(value) >= 10**digits - 0.5:
            return f"{value:,.0f}"
        plain = f"{value:#.{digits}g}"
        if "e" not in plain:
            return plain.rstrip(".")
        return "≈ 0" if abs(value) < NEGLIGIBLE * largest else f"{value:.{digits - 1}e}"
    if isinstance(value, int) and abs(value) >= 10_000:  # years and grid sizes stay as they are
        return f"{value:,}"
    return str(value)


def as_csv(table: Table) -> str:
    """Full precision, an empty cell where there is no value."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow([table.corner, *table.columns])
    for name, row in table.rows.items():
        writer.writerow([name, *(row.get(column) for column in table.columns)])
    return held.getvalue()
