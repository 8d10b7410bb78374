"""Text that comes from outside, such as file names, as a terminal and a table may show it, and years."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import cache

_CODE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")


def printable(text: str) -> str:
    r"""The text with every character that is not printable as \x1b, \u202e or \U000e0001.

    Escape codes, newlines, and bytes that are no text in the file system's encoding are among
    them. What looks like such a code in the text itself gets its backslash escaped, so that
    `as_it_was` gives back the text.
    """
    safe = _CODE.sub(lambda code: rf"\x5c{code[0][1:]}", text)
    return safe if safe.isprintable() else "".join(map(_shown, safe))


def period(years: Sequence[int]) -> str:
    """The first and the last of consecutive years, "1981–2020", or the only one."""
    return f"{years[0]}" if years[0] == years[-1] else f"{years[0]}–{years[-1]}"


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
