"""Reports: one HTML page that holds everything, for a browser, a phone or paper, without network.

Pictures are shown on light or dark paper as the reader's system asks. PNG and CSV files beside the
page hold the same figures and tables for other uses.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from deepda.base.files import refusing_writes, write_whole
from deepda.figures.style import DARK, DPI, LIGHT, WIDTH, at_width, png
from deepda.reports.narrow import columns_of, stacked
from deepda.reports.table import Table, as_csv, laid_out

WRITING = "Drawing the pictures and writing the page"  # for the log
INCH = 92  # pixels of the page: letters have one size in all figures that fit
# What a line never breaks within: a date, a number with its unit, an option.
WHOLE = re.compile(r"(\b\d{4}-\d{2}-\d{2}\b|[+−-]?\d[\d,.]* (?:%|(?:K|m|km|°C)\b)|--[a-z][a-z-]*)")
NEGATIVE = re.compile(r"(?<![^\s(])-(?=\d)")  # written with a minus sign, as in tables
WIDE = 10.0  # inches of a single panel that takes the width of the page


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure in a report.

    Attributes:
        name: of its PNG file, without suffix; unique in the report.
        caption: what is shown and what to see in it.
        wide: takes the whole width of the page.
    """

    name: str
    figure: Figure
    caption: str
    wide: bool = False


@dataclass(frozen=True, eq=False)
class Section:
    """A titled part of a report: a paragraph, then pictures and tables."""

    title: str
    blocks: Sequence[Picture | Table]
    text: str = ""


def write_report(
    path: str | Path,
    title: str,
    sections: Sequence[Section],
    *,
    about: Mapping[str, str],
    notice: str = "",
    headline: str = "",
    summary: str = "",
    facts: Mapping[str, str] | None = None,
    footer: str = "",
    beside: str | Path | None = None,
) -> Path:
    """Write the page under `path`, and PNG and CSV files into the folder `beside` if it is given.

    Args:
        about: what was run, name to value (`deepda.reports.about`); it comes first.
        notice: what no reader may overlook, in a box below the title: that nothing is of the real ocean.
        headline: the result in one sentence, with its unit.
        facts: headline numbers with their units, name to value.
        summary: what was done and found, one paragraph.
        footer: command, versions, seed: how to make it again.

    Raises:
        ValueError: two blocks of one name.
        OutputError: a file cannot be written; no half page is left under the name.
    """
    target = Path(path)
    blocks = [block for section in sections for block in section.blocks]
    names = [block.name for block in blocks]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two blocks of the report are named {twice}, expected every name once")
    pictures = {block.name: _render(block) for block in blocks if isinstance(block, Picture)}
    page = (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            about=about,
            notice=notice,
            headline=headline,
            summary=summary,
            facts=facts or {},
            sections=_laid_out(sections, pictures),
            footer=footer,
        )
    )
    with refusing_writes(target):
        write_whole(target, lambda hidden: hidden.write_text(page, encoding="utf-8"))
        if beside is not None:
            for name, rendered in pictures.items():
                write_whole(
                    Path(beside, f"{name}.png"), partial(Path.write_bytes, data=rendered.page[0])
                )
            for table in (block for block in blocks if isinstance(block, Table)):
                text = as_csv(table).encode()
                write_whole(Path(beside, f"{table.name}.csv"), partial(Path.write_bytes, data=text))
    return target


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
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("deepda", "reports"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["parts"] = WHOLE.split
    environment.filters["signed"] = partial(NEGATIVE.sub, "−")
    return environment


def _laid_out(sections: Sequence[Section], pictures: Mapping[str, _Rendered]) -> list[dict[str, Any]]:
    """What the template shows."""
    laid: list[dict[str, Any]] = []
    for section in sections:
        blocks = [
            _picture_block(block, pictures[block.name])
            if isinstance(block, Picture)
            else laid_out(block)
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
