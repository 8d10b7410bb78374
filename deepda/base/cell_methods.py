"""What the attribute cell_methods says of a variable (CF Conventions 1.11, section 7.3, appendix E)."""

from __future__ import annotations

import re

METHOD = re.compile(r"((?:[a-z_]\w*\s*:\s*)+)([a-z_]\w*)")  # of cell_methods: dimensions and a word
TIME = re.compile(r"time\w*|t|juld|date\w*|record")  # dimensions along which time runs
DEPTH = re.compile(r"depth\w*|z|z?lev(el)?s?|pres(sure)?|height")  # dimensions along which depth runs
OF_TIME = re.compile(r"mean|point|averaged?|instant\w*|anom\w*")  # methods that leave a temperature
SPREADS = re.compile(  # methods that leave none along any dimension
    r"\b(standard_deviation|variance|range|root_mean_square|sum|sum_of_squares)\b"
)

OVER_YEARS = re.compile(r"\bover\s+years\b")  # CF section 7.4: means of one season of many years


def is_climatology(methods: str) -> bool:
    """Whether cell_methods say means over years, as of a climatology; comments do not count."""
    return bool(OVER_YEARS.search(_without_comments(methods)))


def is_statistic(methods: str) -> bool:
    """Whether cell_methods leave neither means nor instants; comments in brackets do not count."""
    text = _without_comments(methods)
    if SPREADS.search(text):
        return True
    return any(TIME.fullmatch(dim) and not OF_TIME.fullmatch(method) for dim, method in _pairs(text))


def is_over_depth(methods: str) -> bool:
    """Whether cell_methods say a mean, or another method than a point, along depth."""
    pairs = _pairs(_without_comments(methods))
    return any(DEPTH.fullmatch(dim) and method != "point" for dim, method in pairs)


def _pairs(text: str) -> list[tuple[str, str]]:
    """Each dimension with its method."""
    return [
        (dim, method)
        for dims, method in METHOD.findall(text)
        for dim in re.split(r"[\s:]+", dims.strip(" :"))
    ]


def _without_comments(methods: str) -> str:
    return re.sub(r"\([^)]*\)", " ", methods.lower())
