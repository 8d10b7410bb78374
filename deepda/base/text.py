"""Words for a terminal and a table: names from outside as they may be shown, years, shares."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache

METHOD_NAMES: Mapping[str, str] = {  # in sentences
    "oi": "optimal interpolation",
    "forecast_oi": "optimal interpolation with the best forecast",
    "multi_scale_oi": "multi-scale optimal interpolation",
    "own_error_oi": "optimal interpolation with its own errors",
}

_CODE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")


def printable(text: str) -> str:
    r"""The text with every character that is not printable as \x1b, \u202e or \U000e0001.

    Escape codes, newlines, and bytes that are no text in the file system's encoding are among
    them. What looks like such a code in the text itself gets its backslash escaped, so that
    `as_it_was` gives back the text.
    """
    safe = _CODE.sub(lambda code: rf"\x5c{code[0][1:]}", text)
    return safe if safe.isprintable() else "".join(map(_shown, safe))


def period(years: Sequence[int], dash: str = "–") -> str:
    """The first and the last of consecutive years, "1981–2020", or the only one.

    Args:
        years: in order.
        dash: between them; a hyphen in what a terminal shows.
    """
    return f"{years[0]}" if years[0] == years[-1] else f"{years[0]}{dash}{years[-1]}"


def counted(number: int, noun: str) -> str:
    """A number of things: "1 file", "1,200 files"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def capital(text: str) -> str:
    """The text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def percent(share: float) -> str:
    """A share as "6.4 %"."""
    return f"{100 * share:.1f} %"


def beside(gain: float) -> str:
    """How much smaller an error is than another, as a share of it: "6.4 % below", "1.2 % above"."""
    return f"{percent(abs(gain))} {'above' if gain < 0 else 'below'}"


def beside_others(rmse: Mapping[str, float], digits: str) -> str:
    """How far the error of the analysis is from climatology's and the best baseline's.

    Args:
        rmse: by method, K; `analysis` and `climatology` among them.
        digits: format of the others' errors.
    """
    baselines = [name for name in METHOD_NAMES if name in rmse]
    best = min(baselines, key=lambda name: rmse[name], default=None)
    gains = [
        f"{beside(1 - rmse['analysis'] / rmse[name])} that of {METHOD_NAMES.get(name, name)} "
        f"({rmse[name]:{digits}} K)"
        for name in ("climatology", *([] if best is None else [best]))
    ]
    return " and ".join(gains) + (", the best baseline" if len(baselines) > 1 else "")


def span_beside(low: float, high: float) -> str:
    """An interval of such shares: "5.3 to 7.5 %" on the side of both, "3.9 % above to 6.3 % below"."""
    if (low < 0) != (high < 0):
        return f"{beside(low)} to {beside(high)}"
    first, last = sorted((abs(low), abs(high)))
    return f"{100 * first:.1f} to {percent(last)}"


def nearest(word: str, known: Iterable[str], *parts: str, separator: str = " ") -> str | None:
    """The known name that looks like a word; None where nothing does.

    Args:
        known: names; the first counts where several end in the same part.
        parts: one after the other sought in the last parts of the names, if no name looks like the word.
        separator: of the parts of a name.
    """
    known = list(known)
    by_last_part = {name.rpartition(separator)[2]: name for name in reversed(known)}
    near = get_close_matches(word, known, 1) or [
        by_last_part[found] for part in parts for found in get_close_matches(part, by_last_part, 1)
    ]
    return near[0] if near else None


@cache
def say_once(sentence: str) -> None:
    """A sentence to the terminal, however often it is asked for."""
    print(f"deepda: {sentence}", file=sys.stderr)


def as_it_was(text: str) -> str:
    """The text of which `printable` gave this one."""
    return _CODE.sub(lambda code: chr(int(code[1] or code[2] or code[3], 16)), text)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code < 0x10000 else rf"\U{code:08x}"
