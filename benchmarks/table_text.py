"""How tables of the documentation are written: rows, numbers, the line that says how they were made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

BUT_FIRST = slice(1, None)  # columns


def as_table(rows: Sequence[Sequence[str]], right: slice = slice(0)) -> str:
    """A table; the first row is its head, the columns `right` are aligned to the right."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    under = ["---"] * len(rows[0])
    under[right] = ["---:"] * len(under[right])
    return "\n".join([head, f"|{'|'.join(under)}|", *body])


def how_made(measured: Mapping[str, Any], *names: str) -> str:
    """The lines below a table: which commands, each with every seed, when, where."""
    used = [measured[name] for name in names if name in measured]
    without = [re.sub(r" (--seed |seed=)\d+|(?<=runs/)(\w+)-\d+", r"\2", one["command"]) for one in used]
    commands = "; ".join(dict.fromkeys(f"`{command}`" for command in without))
    return f"\n\n{commands}, {when_made(used)}"


def when_made(used: Sequence[Mapping[str, Any]]) -> str:
    """With which seeds, when, where and by which version."""
    dates = ", ".join(sorted({one["date"] for one in used}))
    seeds = ", ".join(
        dict.fromkeys(str(one["scores"]["seed"]) for one in used if "seed" in one["scores"])
    )
    drawn = f"`seed` {seeds}; " if seeds else ""
    machine = "; ".join(sorted({one["machine"] for one in used}))
    return f"{drawn}{dates}; {machine}; version {used[0]['version']}."


def listed(values: Sequence[float]) -> str:
    """One after the other, two decimals."""
    return ", ".join(f"{value:.2f}" for value in values)


def range_of(values: Sequence[float]) -> str:
    """Least and largest, two decimals."""
    return f"{min(values):.2f} to {max(values):.2f}"
