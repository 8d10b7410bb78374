"""What can be read, in words: made from the tables that the readers use."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from deepda.observations.formats import READERS
from deepda.observations.platforms import PLATFORM_WORDS
from deepda.observations.qualities import QUALITIES, WHP_FLAGS
from deepda.observations.table import PLATFORMS
from deepda.observations.table_flags import FLAG_DIGITS, FLAG_WORDS, FORMS
from deepda.observations.vocabulary import FLAG_ENDINGS, FLAG_NAMES, QUANTITIES, TEMPERATURES

WIDTH = 79
INDENT = 16
TABLES = """\
One row a value, in CSV (also .tsv, gzipped; comma, semicolon, tab or bar;
decimal point or comma), Parquet or pandas. Names in any case; units in
brackets behind a name ("depth [cm]"), at its end ("depth_m"), in the line
below the header, or those listed here. Any unit that converts is converted,
any other is refused. NetCDF is read by its attributes."""
TIMES = """\
ISO 8601, or 4 Mar 2019; day/month/year or month/day/year where only one of
them fits all rows; numbers with units "days since 1950-01-01". UTC, unless a
zone stands there. Other times are rejected."""
CASTS = """\
Rows of one platform, station and profile (cast, cycle_number and direction);
without such a number rows of one platform, time and position."""
ERRORS = """\
Blank: that of the platform type. Zero, negative, text or above 100 K: the row
is rejected."""


def accepted() -> list[str]:
    """Lines within 80 columns: formats, and for own tables columns, units, kinds, flags."""
    lines = [*_entry("formats", READERS), "", "own tables", *TABLES.splitlines(), ""]
    for ours, quantity in QUANTITIES.items():
        units = f"[{quantity.units}] " if quantity.units else ""
        lines += _entry(ours, quantity.names, f"{units}{quantity.meaning}".strip())
    lines += ["", "temperature (the first kind that a table has) [degC]"]
    for kind in TEMPERATURES.values():
        says = "assumed, unless --temperature says another" if kind.plain else ""
        lines += _entry(kind.kind, kind.names, says)
    lines += ["", "times", *TIMES.splitlines(), "", "casts", *CASTS.splitlines()]
    lines += ["", "errors", *ERRORS.splitlines(), "", "flags", *_flags()]
    words = (
        f"{platform}: {', '.join(map(str, _words(PLATFORM_WORDS, platform)))}" for platform in PLATFORMS
    )
    return [*lines, "", "platform types", *(line for text in words for line in _wrapped(text))]


def _flags() -> Iterator[str]:
    endings = ", ".join(f"<name>{ending}" for ending in FLAG_ENDINGS)
    others = ", ".join(name for names in FLAG_NAMES.values() for name in names)
    yield from _wrapped(f"of each quantity in columns {endings}; also {others}")
    schemes: dict[str, Mapping] = {
        "digits (Argo)": FLAG_DIGITS,
        "*_flag_w (WHP)": WHP_FLAGS,
        **{form.format("*"): scheme for form, scheme in FORMS.items()},
        "words": FLAG_WORDS,
    }
    for name, scheme in schemes.items():
        text = "; ".join(
            f"{quality}: {', '.join(map(str, _words(scheme, code)))}"
            for code, quality in enumerate(QUALITIES)
            if code in scheme.values()
        )
        yield from _entry(name, [text])
    yield from _wrapped("blank is unknown; rows with any other flag are rejected")


def _words(scheme: Mapping, value: object) -> list[object]:
    return [word for word, meaning in scheme.items() if meaning == value]


def _entry(name: str, words: Iterable[str], meaning: str = "") -> list[str]:
    text = ", ".join(words) + (f": {meaning}" if meaning else "")
    return _wrapped(f"{name:<{INDENT - 2}}  {text}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=" " * INDENT, break_long_words=False, break_on_hyphens=False
    )
