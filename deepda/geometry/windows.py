"""Assimilation windows: 73 pentads or 12 months a year, half-open [start, end).

The seasonal cycle of everything here is counted in windows of the year, so that calendars meet in
one place only. In a leap year 29 February joins the 12th pentad, which then has six days (GODAS'
convention); a 365_day control simulation and the standard calendar share the same 73 seasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError

PENTADS, MONTHS = 73, 12
MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days, 365_day calendar
MONTH_EDGES = np.append(0.0, np.cumsum(MONTH_LENGTHS))  # days from the beginning of the year
LEAP_PENTAD = 11  # counted from 0: 25 February to 1 March


class WindowError(DeepDAError, ValueError):
    """Windows that cannot be made; the message says what was found and what to do."""


@dataclass(frozen=True, eq=False)
class Windows:
    """A run of consecutive windows in the standard calendar.

    Attributes:
        start, end: (window) datetime64[s], half-open [start, end).
        season: (window) index of the window within its year, 0..per_year-1.
        year: (window) calendar year.
        per_year: 73 or 12.
    """

    start: NDArray[np.datetime64]
    end: NDArray[np.datetime64]
    season: NDArray[np.intp]
    year: NDArray[np.intp]
    per_year: int

    def __len__(self) -> int:
        return self.start.size

    def __iter__(self) -> Iterator[tuple[np.datetime64, np.datetime64, int]]:
        """(start, end, season) of each window."""
        return zip(self.start, self.end, map(int, self.season), strict=True)

    @property
    def middle(self) -> NDArray[np.datetime64]:
        """(window) time stamp of the analysis: the middle of its window."""
        return self.start + (self.end - self.start) // 2

    def first(self, number: int) -> Windows:
        """The first windows, at most so many."""
        return self._kept(slice(number))

    def last(self, number: int) -> Windows:
        """The last windows, at most so many, one or more."""
        return self._kept(slice(-number, None))

    def _kept(self, kept: slice) -> Windows:
        return Windows(
            self.start[kept], self.end[kept], self.season[kept], self.year[kept], self.per_year
        )

    def of_year(self, year: int) -> NDArray[np.intp]:
        """Positions of the windows of one year."""
        return np.flatnonzero(self.year == year)


def windows(first_year: int, last_year: int, per_year: int = PENTADS) -> Windows:
    """All windows of the years first_year..last_year (both included).

    Raises:
        WindowError: last_year before first_year, or per_year neither 73 nor 12.
    """
    if last_year < first_year:
        raise WindowError(
            f"the last year {last_year} is before the first {first_year}; swap --start and --end"
        )
    if per_year not in (PENTADS, MONTHS):
        raise WindowError(f"{per_year} windows a year found, expected {PENTADS} (pentads) or {MONTHS}")
    edges = [year_edges(year, per_year) for year in range(first_year, last_year + 1)]
    years = np.arange(first_year, last_year + 1)
    return Windows(
        start=np.concatenate([edge[:-1] for edge in edges]),
        end=np.concatenate([edge[1:] for edge in edges]),
        season=np.tile(np.arange(per_year), len(years)),
        year=np.repeat(years, per_year),
        per_year=per_year,
    )


def year_edges(year: int, per_year: int) -> NDArray[np.datetime64]:
    """(per_year + 1) edges of one year's windows, datetime64[s], standard calendar."""
    first = np.datetime64(f"{year:04d}-01-01", "D")
    if per_year == MONTHS:
        months = np.datetime64(f"{year:04d}-01", "M") + np.arange(MONTHS + 1)
        return months.astype("datetime64[D]").astype("datetime64[s]")
    days = np.arange(PENTADS + 1) * 5
    leap = (np.datetime64(f"{year + 1:04d}-01-01", "D") - first).astype(int) == 366
    if leap:
        days = days + (np.arange(PENTADS + 1) > LEAP_PENTAD)
    return (first + days).astype("datetime64[s]")


def windows_of_months(year: int, months: int, per_year: int) -> int:
    """How many windows of a year end within its first months."""
    end = np.datetime64(f"{year:04d}-01", "M") + months
    return int((year_edges(year, per_year)[1:] <= end.astype("datetime64[s]")).sum())


def years_of(time: NDArray[np.datetime64] | np.datetime64) -> NDArray[np.int64]:
    """(...) calendar years of times (...)."""
    return np.asarray(time).astype("datetime64[Y]").astype(np.int64) + 1970


def part_of_year(time: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """(...) how much of its year has gone at each time (...), 0..1."""
    year = time.astype("datetime64[Y]")
    start, end = (edge.astype("datetime64[s]") for edge in (year, year + 1))
    return (time.astype("datetime64[s]") - start) / (end - start)


def season_of(time: np.datetime64, per_year: int) -> int:
    """Season of the window that holds a time."""
    edges = year_edges(int(years_of(time)), per_year)
    return int(np.searchsorted(edges, time, side="right")) - 1


def season_of_noleap_day(day_of_year: NDArray[np.float64], per_year: int) -> NDArray[np.intp]:
    """Season index of days of a 365_day year, counted from 0.0 at the start of 1 January."""
    if per_year == MONTHS:
        return (np.searchsorted(MONTH_EDGES, day_of_year, side="right") - 1).clip(0, MONTHS - 1)
    return np.floor(np.asarray(day_of_year) / 5.0).astype(np.intp).clip(0, PENTADS - 1)
