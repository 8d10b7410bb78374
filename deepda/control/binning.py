"""Steps of any calendar and length, averaged to the windows of a 365_day year.

Time is counted in windows: `position` is continuous, whole numbers are the edges of windows, and
`per_year` of them make a year in every calendar. A step that crosses an edge counts in both
windows by its share; steps that fit their window are averaged, or pass if there is one.
"""

from __future__ import annotations

import cftime
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from deepda.control.axes import ControlError
from deepda.geometry.mesh import Floats, midway_bounds, overlap
from deepda.geometry.windows import LEAP_PENTAD, MONTHS, PENTADS, WindowError

LONGEST = 1.1  # windows: a longer step has no information on its windows
LONGEST_MONTH = LONGEST * PENTADS / MONTHS  # pentads: what is longer is longer than a month, too
COVERED = 0.999  # of a window, by steps
EDGE = 1e-4  # of a window: a stamp so near lies on its edge
OFF_MIDDLE = 0.1  # of a window: stamps so far from the middle of windows, all alike, are ambiguous


def position(dates: NDArray[np.object_], per_year: int) -> Floats:
    """Windows from the beginning of year 0 to each date, of any calendar.

    A leap year's 12th pentad has six days (as in `deepda.geometry.windows`); other years that are not of
    365 days (360_day) are divided evenly. Months are the calendar's own.

    Raises:
        WindowError: per_year neither 73 nor 12.
    """
    if per_year not in (PENTADS, MONTHS):
        raise WindowError(
            f"{per_year} windows a year were asked for, expected {PENTADS} (pentads) or {MONTHS}"
        )
    within = _in_month if per_year == MONTHS else _in_pentads
    return np.array([date.year * per_year + within(date) for date in dates.ravel()]).reshape(dates.shape)


def _day_part(date: cftime.datetime) -> float:
    seconds = date.hour * 3600 + date.minute * 60 + date.second + date.microsecond * 1e-6
    return seconds / 86400


def _in_month(date: cftime.datetime) -> float:
    return float(date.month - 1 + (date.day - 1 + _day_part(date)) / date.daysinmonth)


def _in_pentads(date: cftime.datetime) -> float:
    day = date.dayofyr - 1 + _day_part(date)
    if date.calendar == "360_day":
        return float(day * PENTADS / 360)
    leap = date.calendar == "all_leap" or (
        date.calendar != "noleap" and cftime.is_leap_year(date.year, date.calendar)
    )
    edge = np.arange(PENTADS + 1)
    return float(np.interp(day, edge * 5 + (edge > LEAP_PENTAD), edge) if leap else day / 5)


def windows_a_year(per_year: int) -> str:
    """In words: "12 windows a year (months)"."""
    return f"{per_year} windows a year ({'pentads' if per_year == PENTADS else 'months'})"


def fitting_windows(time: NDArray[np.object_], bounds: NDArray[np.object_] | None) -> int:
    """Windows a year: 73 where most steps are no longer than a pentad, else 12."""
    lengths = np.diff(position(time if bounds is None else bounds, PENTADS), axis=-1)
    return MONTHS if lengths.size and np.median(lengths) > LONGEST else PENTADS


def step_positions(
    time: NDArray[np.object_], bounds: NDArray[np.object_] | None, per_year: int
) -> Floats:
    """(step, 2) beginning and end of each step in windows; midway between stamps without bounds.

    Raises:
        ControlError: steps longer than a window, that overlap, or stamps without bounds of which
            it is unknown whether they begin or end their step.
    """
    steps = _around_stamps(time, per_year) if bounds is None else position(bounds, per_year)
    longest = np.diff(steps, axis=1).max()
    if longest > LONGEST:
        finer = "or train with per_year=12" if per_year > MONTHS and longest < LONGEST_MONTH else ""
        raise ControlError(
            f"a step of the input lasts {longest:.1f} of the {per_year} windows a year, expected at "
            f"most one; give output of a higher frequency{', ' * bool(finer)}{finer}"
        )
    if np.any(steps[1:, 0] < steps[:-1, 1] - 1e-3):
        first = int(np.argmax(steps[1:, 0] < steps[:-1, 1] - 1e-3))
        raise ControlError(
            f"the steps at {time[first]} and {time[first + 1]} overlap, expected one "
            "after the other; mend the time bounds"
        )
    return steps


def _around_stamps(time: NDArray[np.object_], per_year: int) -> Floats:
    stamps = position(time, per_year)
    daily = all(_day_part(date) == 0 for date in time) and np.median(np.diff(time)).days <= 1
    on_edges = np.all(np.abs(stamps - np.round(stamps)) < EDGE)
    if time.size < 2 or daily or on_edges or _steadily_off_middle(stamps):
        raise ControlError(
            f"the first of {time.size} times, {time[0]}, has no bounds and does not lie amid its step, "
            "so that it may be the beginning or the end of it; add time bounds (for means of calendar "
            "months that begin there `cdo settbounds,month`; docs/control.md has the other cases)"
        )
    return midway_bounds(stamps)


def _steadily_off_middle(stamps: Floats) -> bool:
    """Whether there is one stamp a window, always at one part of it that is not its middle."""
    part = stamps - np.floor(stamps)
    alone = np.all(np.abs(np.diff(stamps) - 1) < OFF_MIDDLE)
    return bool(alone and np.ptp(part) < OFF_MIDDLE and abs(np.median(part) - 0.5) > OFF_MIDDLE)


def whole_years(steps: Floats, per_year: int) -> tuple[int, int]:
    """First and last year that the steps (step, 2) cover whole.

    Raises:
        ControlError: none, or a gap in between.
    """
    low, high = int(np.floor(steps[0, 0] / per_year)), int(np.ceil(steps[-1, 1] / per_year - 1e-6))
    edges = np.arange(low * per_year, high * per_year + 1).astype(float)
    covered = overlap(steps, edges).sum(axis=1).reshape(-1, per_year) >= COVERED
    whole = np.flatnonzero(covered.all(axis=1)) + low
    if not whole.size:
        raise ControlError(
            f"the steps cover no year whole, {covered.sum()} of {covered.size} windows "
            f"of {covered.shape[0]} years, expected whole years; give all files of one"
        )
    first, last = int(whole[0]), int(whole[-1])
    missing = sorted(set(range(first, last + 1)) - set(whole.tolist()))
    if missing:
        raise ControlError(
            f"year {missing[0]} is not whole in the data, expected all of {first} to {last}; add its "
            "files, or give the files before or after the gap"
        )
    return first, last


def window_weights(steps: Floats, per_year: int, years: tuple[int, int]) -> csr_array:
    """(window, step) weights of the windows of years first..last, rows sum to one."""
    edges = np.arange(years[0] * per_year, (years[1] + 1) * per_year + 1).astype(float)
    share = overlap(steps, edges)
    share.data[share.data < 1e-3] = 0.0  # rounding of stamps, not a part of a step
    share.eliminate_zeros()
    weights = csr_array(diags_array(1 / share.sum(axis=1)) @ share)
    weights.sort_indices()
    return weights
