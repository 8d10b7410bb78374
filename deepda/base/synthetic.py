"""How a file says that its ocean is simulated: nothing synthetic may pass for the real ocean.

NetCDF files say so by a global attribute, tables of observations by a column that is true in each row,
which stays where a table is cut, joined to others or written in another format. Files of others say so
in their title.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ATTRIBUTE, VALUE = "processing_level", "synthetic"
PROJECTS = ("mip_era", "project_id")  # CMIP5, CMIP6, ... in the output of models
OBSERVED = "input4MIPs"  # activity_id of what models are driven by
COLUMN = "synthetic"
NAMES = (COLUMN, "is_synthetic", "simulated", "is_simulated")  # of the column in tables of others
TITLE = re.compile(  # Argo's "synthetic profiles" are of two real sensors
    r"\bnature[ _-]run|\bosses?\b|\bsimulat(?:ed|ions?)\b|\bsynthetic\b(?! (?:vertical )?profile)",
    re.IGNORECASE,
)


def simulated_by(attributes: Mapping[str, Any]) -> str:
    """The global attribute by which a file says that its ocean is simulated; "" where none does."""
    if str(attributes.get(ATTRIBUTE, "")).strip().lower() == VALUE:
        return ATTRIBUTE
    if TITLE.search(str(attributes.get("title", ""))):
        return "title"
    if str(attributes.get("activity_id", "")) == OBSERVED:
        return ""
    return next((name for name in PROJECTS if str(attributes.get(name, "")).startswith("CMIP")), "")


def is_synthetic(attributes: Mapping[str, Any]) -> bool:
    """Whether the global attributes of a file say that its ocean is simulated."""
    return simulated_by(attributes) != ""


def refusal_of_rows(marked: int, number: int, name: object, column: str = COLUMN) -> str:
    """The sentence for a table of so many rows of which some are marked."""
    return (
        f"{marked:,} of {number:,} rows of {name} are of a simulated ocean by their column {column}, "
        "expected observations of the real one (false, 0, no or nothing there); leave them out"
    )


def refusal(name: object, said: str, expected: str) -> str:
    """The sentence for a file that says so where the real ocean is expected.

    Args:
        said: the attribute by which it does.
        expected: for example "observations".
    """
    return (
        f"{name} is of a simulated ocean by its attribute {said}, expected {expected} of the real "
        "one; give other files"
    )
