"""The time of a mean: the middle of its interval, however a product is cut into files.

The interval is, in this order: the bounds of the time; a month, where the file says so by cell_methods,
by an attribute of its frequency or coverage, by the units "months since", by a long name or title, or
by a date of year and month in its name, and no month has two steps; a month, where every stamp is the
first of one at 00:00 and the file says nothing else. Otherwise the stamp is the time. A mean over more
than a month is no observation of any time.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from deepda.observations.calendars import decode_times
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.reading import ObservationError
from deepda.observations.timestamps import written_times

FREQUENCIES = ("frequency", "time_frequency", "temporal_resolution", "time_coverage_resolution",
               "time_step")  # global attributes # fmt: skip
LENGTHS = ("time_coverage_duration", "temporal_range")  # of the file (ACDD), which may hold one step
PERIODS = ("avg_period", "delta_t")  # attributes of time, as NOAA writes them: "0000-01-00 00:00:00"
MONTHLY = re.compile(r"\bmon(th)?s?(ly)?\b|mnmean|\bp1m\b|\bp0*1m|\bp(28|29|30|31)d\b|^0000-01-00")
OTHER = re.compile(
    r"\bdaily\b|\bdays?\b|hourly|weekly|pentad|annual|yearly"
    r"|\bp(?!(28|29|30|31)d)\d+d\b|\bpt\d|\bp1y\b|^0000-00-\d\d"
)
LONG = re.compile(  # in an attribute of the frequency
    r"\b(yr|years?|yearly|annual(ly)?|season\w*|quarterly|decad\w*)\b|\bp\d+y\b|\bp([2-9]|\d\d)m\b"
    r"|\b([2-9]|\d\d)(\.0*)? ?mon|^00(?!00)\d\d-|^0000-(?!0[01])\d\d-"
)
LONG_MEAN = re.compile(r"\b(annual|yearly|seasonal|quarterly|decadal)[ -](mean|average)")  # in a title
LONGEST = np.timedelta64(32, "D")  # of bounds
DAY_IN_NAME = re.compile(  # 20190304, 20190304120000, 2019-03-04
    r"(?<!\d)(1[6-9]|20)\d\d((0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d\d){0,3}"
    r"|([-_.])(0[1-9]|1[0-2])\6(0[1-9]|[12]\d|3[01]))(?!\d)"
)
MONTH_IN_NAME = re.compile(r"(?<!\d)(1[6-9]|20)\d\d[-_.]?(0[1-9]|1[0-2])(?![-_.]?\d)")
SHORT_LEVELS = ("L2", "L3")  # GHRSST: passes of satellites, not means of a month
ASSUMED = "times at 00:00 on the first of a month and no interval: taken as means of the month"


def middle_times(file: NetcdfFile, name: str, variable: str) -> tuple[NDArray[np.datetime64], str]:
    """(time) middle of the interval of each step, and what was assumed for it, "" for nothing.

    Args:
        name: of the variable of time.
        variable: whose means they are.

    Raises:
        ObservationError: no times by units and calendar, bounds that do not hold their time, or means
            over more than a month.
    """
    time = file.times(name).reshape(-1)
    bounds = file.attribute("bounds", name)
    if bounds in file and file.shape(bounds) == (time.size, 2):
        return middle_of_bounds(file, name, bounds, time), ""
    several = _several_a_month(time)
    if not several and (long := _long_interval(file, name, variable)):
        raise _over_months(file, variable, long)
    said = _interval(file, name, variable)
    if said == "month" and several:
        return time, ""
    if said == "month":
        return _mid_month(time), ""
    if said == "" and _all_firsts(time):
        return _mid_month(time), ASSUMED
    return time, ""


def of_passes(file: NetcdfFile) -> bool:
    """Whether it says that it holds passes of satellites, not an analysis on a grid."""
    return file.attribute("processing_level").upper().startswith(SHORT_LEVELS)


def coverage_middle(file: NetcdfFile) -> np.datetime64 | None:
    """Middle of the global attributes time_coverage_start and _end, for a file without a time."""
    edges = written_times(np.array([file.attribute(f"time_coverage_{end}") for end in ("start", "end")]))
    return (
        None if np.isnat(edges).any() or edges[1] < edges[0] else edges[0] + (edges[1] - edges[0]) // 2
    )


def _interval(file: NetcdfFile, name: str, variable: str) -> str:
    """ "month", "other" or "", by what the file says, the most exact word first."""
    said = _frequencies(file, name, variable) + [file.attribute(word) for word in LENGTHS]
    if file.attribute("units", name).lower().startswith("month"):
        return "month"
    if _is_point(file, variable) or of_passes(file):
        return "other"
    said += [
        file.attribute("long_name", variable),
        file.attribute("long_name", name),
        file.attribute("title"),
    ]
    for words in (word.lower() for word in said if word):
        month, other = bool(MONTHLY.search(words)), bool(OTHER.search(words))
        if month != other:  # "monthly means of daily values" says nothing
            return "month" if month else "other"
    stem = file.path.name.lower()
    if DAY_IN_NAME.search(stem):
        return "other"
    words = re.sub(r"[^a-z0-9]+", " ", stem)
    if OTHER.search(words):
        return "other"
    return "month" if MONTH_IN_NAME.search(stem) or MONTHLY.search(words) else ""


def _long_interval(file: NetcdfFile, name: str, variable: str) -> str:
    """What says that a mean is over more than a month, "" where nothing does."""
    if _is_point(file, variable):
        return ""
    said = [word for word in _frequencies(file, name, variable) if LONG.search(word.lower())]
    texts = (file.attribute("long_name", variable), file.attribute("title"))
    return next(iter([*said, *(text for text in texts if LONG_MEAN.search(text.lower()))]), "")


def _frequencies(file: NetcdfFile, name: str, variable: str) -> list[str]:
    """Lengths of a step by cell_methods, by the time and by global attributes."""
    methods = file.attribute("cell_methods", variable).lower()
    interval = re.search(r"interval:\s*([\d.]+)\s*(\w+)", methods)
    said = [f"{interval[1]} {interval[2]}"] if interval else []
    said += [file.attribute(word, name) for word in PERIODS]
    return said + [file.attribute(word) for word in FREQUENCIES]


def _is_point(file: NetcdfFile, variable: str) -> bool:
    return "time: point" in file.attribute("cell_methods", variable).lower()


def _several_a_month(time: NDArray[np.datetime64]) -> bool:
    months = time[~np.isnat(time)].astype("datetime64[M]")
    return bool(np.unique(months).size < months.size)


def _over_months(file: NetcdfFile, variable: str, said: str) -> ObservationError:
    return file.error(f"{variable} holds means over more than a month ({said}), expected means of a "
                      "month or less", "leave it out, or give its months or days")  # fmt: skip


def _all_firsts(time: NDArray[np.datetime64]) -> bool:
    month = time.astype("datetime64[M]")
    return (
        bool((time == month.astype("datetime64[s]")).all())
        and not (np.diff(month).astype(int) < 1).any()
    )


def _mid_month(time: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Stamps on the first or last day of a month become its middle; others lie within it already."""
    month = time.astype("datetime64[M]")
    first, following = (edge.astype("datetime64[s]") for edge in (month, month + 1))
    day = np.timedelta64(1, "D")
    edge = ((time - first) < day) | ((following - time) <= day)
    return np.where(edge, first + (following - first) // 2, time)


def middle_of_bounds(
    file: NetcdfFile, name: str, bounds: str, time: NDArray[np.datetime64]
) -> NDArray[np.datetime64]:
    """Middles of bounds (time, 2); without own units they have those of the time.

    Raises:
        ObservationError: they do not hold their times, or are more than a month apart.
    """
    units, calendar = (
        file.attribute(word, bounds) or file.attribute(word, name) for word in ("units", "calendar")
    )
    edges = np.sort(decode_times(file.numbers(bounds), units, calendar.lower(), file.error), axis=1)
    low, high = edges[:, 0], edges[:, 1]
    dated = ~np.isnat(time)
    wrong = dated & ~((low <= time) & (time <= high) & (low <= high))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise file.error(f"{bounds} says {low[at]} to {high[at]} for {name} {time[at]}, expected a "
                         "time between them", "correct one of them or leave the bounds out")  # fmt: skip
    if (long := dated & (high - low > LONGEST)).any():
        at = int(np.flatnonzero(long)[0])
        raise _over_months(file, name, f"{bounds}: {low[at]} to {high[at]}")
    return low + (high - low) // 2
