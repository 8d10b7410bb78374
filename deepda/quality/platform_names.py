"""Which platform_id is the name of one platform, and how archives write it."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Names that many platforms share, and those that readers give to casts without one. ICOADS: Freeman et
# al. 2017, doi 10.1002/joc.4775, call signs masked or unknown.
SHARED_NAMES = frozenset(
    {"SHIP", "SHIPS", "MASKSTID", "MASKED", "PLAT", "PLATFORM", "RIG", "RIGG", "BUOY", "BOAT", "AUTO",
     "UNKNOWN", "UNK", "NONE", "NAN", "NA", "N/A"}
)  # fmt: skip
UNNAMED = re.compile(r"[\W_]*|0+|9+|CAST_\d+")  # fillers; what `deepda.observations.reading` gives
WMO_NUMBER = re.compile(r"[A-Z]0*(\d{5}|\d{7})")  # archives put a letter before it: Q5900001


def canonical(platform_id: str) -> str:
    """The name that archives agree on: without blanks, upper case, WMO numbers without a letter."""
    name = platform_id.replace("\0", " ").strip().upper()
    number = WMO_NUMBER.fullmatch(name)
    return number[1] if number else name


def is_named(platform_id: str) -> bool:
    """Whether it is the name of one platform, and not a blank, a filler or a word for many."""
    name = canonical(platform_id)
    return name not in SHARED_NAMES and not UNNAMED.fullmatch(name)


def distinct_names(table: pd.DataFrame) -> tuple[list[str], NDArray[np.intp]]:
    """Different names, and (row) which; "" where there is none."""
    if "platform_id" not in table.columns:
        return [""], np.zeros(len(table), np.intp)
    given = table["platform_id"].astype("category").cat
    there, number = np.unique(given.codes.to_numpy(), return_inverse=True)
    return ["" if code < 0 else str(given.categories[code]) for code in there], number
