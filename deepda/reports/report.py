"""Reports: one HTML page that holds everything, for a browser, a phone or paper, without network.

Pictures are shown on light or dark paper as the reader's system asks. PNG and CSV files beside the
page hold the same figures and tables for other uses.
"""

from __future__ import annotations

import base64
import csv
import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure

from deepda.base.errors import OutputError
from deepda.base.files import write_whole
from deepda.figures.style import DARK, DPI, LIGHT, NAMES, WIDTH, at_width, png
from deepda.reports.narrow import columns_of, stacked

WRITING = "Drawing the pictures and writing the page"  # for the log
INCH = 92  # pixels of the page: letters have one size in all figures that fit
WIDE = 10.0  # inches of a single panel that takes the width of the page

Value = float | int | str | None


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure in a report.

    Attributes:
        name: of its PNG file, without suffix; unique in the report.
        figure: from `deepda.figures`.
        caption: what is shown and what to see in it.
        wide: takes the whole width of the page.
    """

    name: str
    figure: Figure
    caption: str
    wide: bool = False


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


@dataclass(frozen=True, eq=False)
class Section:
    """A titled part of a report: a paragraph, then pictures and tables."""

    title: str
    blocks: Sequence[Picture | Table]
    text: str = ""


def score_rows(scores: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    """Rows for a Table, by depth and over all, from what stands in `scores.json`."""
    rmse = scores["rmse"]
    rows: dict[str, dict[str, Value]] = {
        "all depths": {NAMES.get(name, name): score["all"] for name, score in rmse.items()}
    }
    for level, depth in enumerate(scores["depth_m"]):
        rows[f"{depth:.0f} m"] = {
            NAMES.get(name, name): score["by_depth"][level] for name, score in rmse.items()
        }
    return rows


def write_report(
    path: str | Path,
    title: str,
    sections: Sequence[Section],
    *,
    about: Mapping[str, str],
    headline: str = "",
    summary: str = "",
    facts: Mapping[str, str] | None = None,
    footer: str = "",
    beside: str | Path | None = None,
) -> Path:
    """Write the page under `path`, and PNG and CSV files into the folder `beside` if it is given.

    Args:
        about: what was run, name to value (`deepda.reports.about`); it comes first.
        headline: the result in one sentence, with its unit.
        facts: headline numbers with their units, name to value.
        summary: what was done and found, one paragraph.
        footer: command, versions, seed: how to make it again.

    Raises:
        ValueError: two blocks of one name.
        OutputError: a file cannot be written; no half page is left under the name.
    """
    target = Path(path)
    names = [block.name for section in sections for block in section.blocks]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two blocks of the report are named {twice}, expected every name once")
    pictures = {name: _render(block) for name, block in _pictures(sections).items()}
    page = (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            about=about,
            headline=headline,
            summary=summary,
            facts=facts or {},
            sections=_laid_out(sections, pictures),
            footer=footer,
        )
    )
    try:
        write_whole(target, lambda hidden: hidden.write_text(page, encoding="utf-8"))
        if beside is not None:
            _write_beside(Path(beside), sections, pictures)
    except OSError as error:
        raise OutputError(
            f"cannot write the report {target} ({error.strerror or error}); "
            "make room, mend the permissions, or choose another --output"
        ) from error
    return target


def _pictures(sections: Sequence[Section]) -> dict[str, Picture]:
    blocks = [block for section in sections for block in section.blocks]
    return {block.name: block for block in blocks if isinstance(block, Picture)}


@dataclass(frozen=True)
class _Rendered:
    """PNGs of a picture: for the page, and for a narrow screen where it needs another layout.

    Attributes:
        size: of the figure on the page, inches.
        page, narrow: on light and on dark paper.
    """

    size: tuple[float, float]
    page: tuple[bytes, bytes]
    narrow: tuple[bytes, bytes] | None


def _render(picture: Picture) -> _Rendered:
    """Panels side by side are stacked for a narrow screen; one panel is laid out for either width."""
    figure = picture.figure
    width, height = figure.get_size_inches()
    columns = columns_of(figure)
    if columns > 1:
        panels = sum(axes.get_subplotspec() is not None for axes in figure.axes)
        page = _both_papers(figure)
        light, dark = (stacked(one, columns, panels) for one in page)
        return _Rendered((width, height), page, (light, dark))
    wide = WIDE if picture.wide and width < WIDE else width
    if wide <= WIDTH:
        return _Rendered((width, height), _both_papers(figure), None)
    return _Rendered((wide, height), _laid_out_for(figure, wide), _laid_out_for(figure, WIDTH))


def _laid_out_for(figure: Figure, width: float) -> tuple[bytes, bytes]:
    if width == figure.get_size_inches()[0]:
        return _both_papers(figure)
    with at_width(figure, width):
        return _both_papers(figure)


def _both_papers(figure: Figure) -> tuple[bytes, bytes]:
    return png(figure, LIGHT), png(figure, DARK)


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("deepda", "reports"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _laid_out(sections: Sequence[Section], pictures: Mapping[str, _Rendered]) -> list[dict[str, Any]]:
    """What the template shows."""
    laid: list[dict[str, Any]] = []
    for section in sections:
        blocks = [
            _picture_block(block, pictures[block.name])
            if isinstance(block, Picture)
            else _table_block(block)
            for block in section.blocks
        ]
        anchor = _anchor(section.title, {other["anchor"] for other in laid})
        laid.append({"title": section.title, "text": section.text, "anchor": anchor, "blocks": blocks})
    return laid


def _anchor(title: str, taken: set[str]) -> str:
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "section"
    return stem if stem not in taken else f"{stem}-{len(taken)}"


def _picture_block(picture: Picture, rendered: _Rendered) -> dict[str, Any]:
    width, height = rendered.size
    return {
        "page": _encoded(rendered.page),
        "narrow": None if rendered.narrow is None else _encoded(rendered.narrow),
        "width": int(width * DPI),
        "height": int(height * DPI),
        "shown": round(width * INCH),
        "alt": picture.caption,
        "caption": picture.caption,
        "wide": picture.wide,
    }


def _encoded(papers: tuple[bytes, bytes]) -> dict[str, str]:
    light, dark = (base64.b64encode(picture).decode() for picture in papers)
    return {"light": light, "dark": dark}


def _table_block(table: Table) -> dict[str, Any]:
    rows = []
    for name, row in table.rows.items():
        best = _best(row, table)
        cells = [
            {"text": _text(row.get(column), table.digits), "best": column in best}
            for column in table.columns
        ]
        rows.append({"name": name, "cells": cells})
    return {"head": [table.corner, *table.columns], "cells": rows, "caption": table.caption}


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


def _text(value: Value, digits: int) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "–"
    if isinstance(value, float):
        if abs(value) >= 10**digits - 0.5:
            return f"{value:,.0f}"
        plain = f"{value:#.{digits}g}"
        return plain.rstrip(".") if "e" not in plain else f"{value:.{digits - 1}e}"
    if isinstance(value, int) and abs(value) >= 10_000:  # years and grid sizes stay as they are
        return f"{value:,}"
    return str(value)


def _write_beside(folder: Path, sections: Sequence[Section], pictures: Mapping[str, _Rendered]) -> None:
    for name, rendered in pictures.items():
        write_whole(folder / f"{name}.png", partial(Path.write_bytes, data=rendered.page[0]))
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Table):
                text = _csv(block).encode()
                write_whole(folder / f"{block.name}.csv", partial(Path.write_bytes, data=text))


def _csv(table: Table) -> str:
    """Full precision, an empty cell where there is no value."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow([table.corner, *table.columns])
    for name, row in table.rows.items():
        writer.writerow([name, *(row.get(column) for column in table.columns)])
    return held.getvalue()
