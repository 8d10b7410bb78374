"""The windows of two products: those they share, or months where their calendars differ.

Nothing is interpolated in time. A step that crosses the edge of a window counts in both by its share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepda.base.errors import EvaluationError
from deepda.control.axes import ControlError
from deepda.control.binning import COVERED, LONGEST, step_positions, window_weights
from deepda.geometry.mesh import Floats, overlap
from deepda.geometry.windows import MONTH_LENGTHS, MONTHS, PENTADS, Windows, windows
from deepda.output.cf import SPINUP_WINDOWS

FEWEST_WHOLE_YEARS = 2  # of one year alone no anomaly from the seasonal cycle is left
WHOLE = 1e-3  # of a window: edges so near are the same
STANDARD = ("standard", "gregorian", "proleptic_gregorian")
SAY_STAMPS = "or say where in their day or month the stamps stand, --stamps start or end"
BLOCK_BYTES = 48_000_000  # of one field worked on at once


@dataclass(frozen=True, eq=False)
class Timeline:
    """The steps of a product.

    Attributes:
        time: (step) cftime, middle of each step as far as the files say.
        bounds: (step, 2) cftime, None where the files have none.
        spinup: steps at the beginning that the product was not settled in, by its files.
    """

    time: NDArray[np.object_]
    bounds: NDArray[np.object_] | None
    spinup: int = 0

    @property
    def calendar(self) -> str:
        """CF name; those that agree since 1582 are `standard`."""
        name = str(self.time[0].calendar)
        return "standard" if name in STANDARD else name

    @cached_property
    def per_year(self) -> int:
        """The finest windows that the steps fill: 73 pentads or 12 months a year."""
        if self.time.size < 2:
            return MONTHS
        apart = np.median([step.total_seconds() / 86400 for step in np.diff(self.time)])
        return PENTADS if apart <= 5 * LONGEST else MONTHS

    @lru_cache(maxsize=2)  # noqa: B019  (a timeline lives as long as its product)
    def steps(self, per_year: int) -> Floats:
        """(step, 2) beginning and end in windows from year 0.

        Raises:
            EvaluationError: steps that no window can be made of.
        """
        try:
            return step_positions(self.time, self.bounds, per_year)
        except ControlError as error:
            raise EvaluationError(f"{error}; {SAY_STAMPS}") from error

    @cached_property
    def one_a_pentad(self) -> bool:
        """Whether each step is a pentad of its own calendar, the 12th of a leap year with six days."""
        try:
            steps = self.steps(PENTADS)
        except EvaluationError:
            return False
        whole = np.round(steps[:, :1]) + np.array([0.0, 1.0])
        return bool(np.allclose(steps, whole, rtol=0, atol=WHOLE))

    def years(self, per_year: int) -> list[int]:
        """Years that the steps cover whole."""
        steps = self.steps(per_year)
        low, high = (int(np.floor(place / per_year + 1e-6)) for place in (steps[0, 0], steps[-1, 1]))
        edges = np.arange(low * per_year, (high + 1) * per_year + 1).astype(float)
        share = np.asarray(overlap(steps, edges).sum(axis=1)).reshape(-1, per_year)
        return [low + int(year) for year in np.flatnonzero((share >= COVERED).all(axis=1))]

    def weights(self, axis: Axis) -> csr_array:
        """(window of the axis, step) shares that sum to one in each window."""
        return window_weights(self.steps(axis.per_year), axis.per_year, (axis.years[0], axis.years[-1]))

    def settled(self, per_year: int) -> int:
        """The first window, in windows from year 0, that no step of the spin-up reaches into."""
        if self.spinup == 0:
            return 0
        last = min(self.spinup, self.time.size) - 1  # of a file that was cut
        return int(np.ceil(self.steps(per_year)[last, 1] - 1e-6))

    def __str__(self) -> str:
        return f"{self.time.size} steps from {self.time[0]} to {self.time[-1]}, {self.calendar} calendar"


@dataclass(frozen=True, eq=False)
class Axis:
    """The windows that are evaluated: whole years, one after the other.

    Attributes:
        per_year: 73 or 12.
        notes: sentences for the reader: what was averaged or left out to get there.
        spinup: windows at the beginning that count in no comparison: a product was not settled yet.
    """

    years: range
    per_year: int
    notes: tuple[str, ...] = ()
    spinup: int = 0

    def __len__(self) -> int:
        return len(self.years) * self.per_year

    @cached_property
    def windows(self) -> Windows:
        """Their places in the standard calendar, by which everything is labelled."""
        return windows(self.years[0], self.years[-1], self.per_year)

    def blocks(self, cells: int) -> Iterator[slice]:
        """Windows that fit in memory together, never of two years."""
        at_once = int(np.clip(BLOCK_BYTES // (4 * cells), 1, self.per_year))
        for year in range(len(self.years)):
            for first in range(0, self.per_year, at_once):
                start = year * self.per_year
                yield slice(start + first, start + min(first + at_once, self.per_year))


def common_axis(analysis: Timeline, *others: Timeline) -> Axis:
    """The whole years of the analysis, or those that all have.

    Windows are those of the coarsest product. Steps that are pentads of two calendars are matched by
    year and window; other steps of two calendars become months.

    Raises:
        EvaluationError: no common years, too few, a gap among them, or nothing but spin-up.
    """
    lines = (analysis, *others)
    per_year, notes = _shared_windows(lines)
    years = sorted(set.intersection(*(set(line.years(per_year)) for line in lines)))
    _require_years(years, lines)
    if (left := analysis.years(per_year)) != years:
        notes.append(
            f"The analysis has the whole years {left[0]}–{left[-1]}; {years[0]}–{years[-1]}, "
            "which the others have too, are evaluated."
        )
    spinup = _spinup(lines, years, per_year) if others else 0
    if spinup:
        notes.append(
            f"The first {spinup} windows are the spin-up (attribute {SPINUP_WINDOWS} of the files): no "
            "comparison counts them; climatology, variability and indices of each product do."
        )
    return Axis(range(years[0], years[-1] + 1), per_year, tuple(notes), spinup)


def _spinup(lines: Sequence[Timeline], years: Sequence[int], per_year: int) -> int:
    """Windows at the beginning of the years in which a product was not settled."""
    first, count = years[0] * per_year, len(years) * per_year
    spinup = max(0, *(line.settled(per_year) - first for line in lines))
    if spinup >= count:
        raise EvaluationError(
            f"all {count} windows in common are spin-up by the files' attribute {SPINUP_WINDOWS}, "
            "expected some after it; give files of more years"
        )
    return spinup


def _shared_windows(lines: Sequence[Timeline]) -> tuple[int, list[str]]:
    """Windows a year that all can be brought to, and what is to be said about it."""
    calendars = sorted({line.calendar for line in lines})
    coarsest = min(line.per_year for line in lines)
    differ = f"Calendars differ ({' and '.join(calendars)})"
    if coarsest == PENTADS and len(calendars) > 1 and all(line.one_a_pentad for line in lines):
        return PENTADS, [
            f"{differ}, but all products have the same {PENTADS} windows in each year: they were "
            "compared by year and window."
        ]
    if coarsest == PENTADS and len(calendars) > 1:
        return MONTHS, [
            f"{differ}: all products were averaged to "
            "calendar months, each step by its share, before anything was computed."
        ]
    if any(line.per_year > coarsest for line in lines):
        return coarsest, [
            "One product has months: those with finer steps were averaged to calendar months, "
            "each step by its share, before anything was computed."
        ]
    return coarsest, []


def _require_years(years: Sequence[int], lines: Sequence[Timeline]) -> None:
    sides = " and ".join(str(line) for line in lines)
    if len(years) < FEWEST_WHOLE_YEARS:
        what = "in common " if len(lines) > 1 else ""
        raise EvaluationError(
            f"{len(years)} whole years {what}found ({sides}), expected at least {FEWEST_WHOLE_YEARS}; "
            "give files that cover more of the same years"
        )
    if years[-1] - years[0] >= len(years):
        missing = min(set(range(years[0], years[-1])) - set(years))
        raise EvaluationError(
            f"year {missing} is missing between {years[0]} and {years[-1]} ({sides}), expected "
            "years without a gap; add its files or give the years of one side of it"
        )


def month_weights(per_year: int) -> NDArray[np.float64]:
    """(12, per_year) shares of windows in the months of a year of 365 days; rows sum to one."""
    if per_year == MONTHS:
        return np.eye(MONTHS)
    pentads = np.arange(PENTADS)[:, None] * 5.0 + np.array([0.0, 5.0])
    share = overlap(pentads, np.append(0.0, np.cumsum(MONTH_LENGTHS)).astype(float)).toarray()
    return np.asarray(share / share.sum(axis=1, keepdims=True))
