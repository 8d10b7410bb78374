"""The years that an anomaly departs from, and that a climatology is of, as far as files say."""

from __future__ import annotations

import re

from deepda.observations.ncfile import NetcdfFile

PERIODS = ("reference_period", "base_period", "climatology_period", "climatology")  # attributes
TEXTS = ("title", "summary", "comment", "description", "long_name", "var_desc")
NORMAL = re.compile(
    r"anom|departure|normal|climatolog|reference|relative|base|w\.?r\.?t|mean", re.IGNORECASE
)
YEARS = re.compile(
    r"(?<!\d)((?:18|19|20)\d\d)\s*(?:-|\u2013|/|to)\s*((?:18|19|20)?\d\d)(?![\d-])", re.IGNORECASE
)
LONGEST = 40  # years: other periods are those of data


def reference_years(file: NetcdfFile, name: str) -> frozenset[str]:
    """Periods of a climatology ("1961-1990") that a file and a variable of it name."""
    said = [file.attribute(word, owner) for word in PERIODS for owner in (None, name)]
    texts = [file.attribute(word, owner) for word in TEXTS for owner in (None, name)]
    said += [text for text in texts if NORMAL.search(text)]
    found = [(int(first), _last(first, last)) for text in said for first, last in YEARS.findall(text)]
    return frozenset(f"{first}-{last}" for first, last in found if 0 < last - first <= LONGEST)


def _last(first: str, last: str) -> int:
    """The second year, of which the century may be left out: 1951-80."""
    return int(last if len(last) == 4 else first[:2] + last)
