"""Times along an axis, with years, months or days as fit, and series short enough to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.dates import (
    AutoDateLocator,
    ConciseDateFormatter,
    DateFormatter,
    YearLocator,
    date2num,
    num2date,
)

from deepda.geometry.windows import MONTHS

FEWEST_DAYS = 360  # between values of which there is one a year
MOST_TICKS = 8


def times_of(line: xr.DataArray) -> Any:
    """(time) of a series as numpy dates; dates of model calendars by their year, month and day."""
    times = line["time"].values
    if np.issubdtype(times.dtype, np.datetime64):
        return times
    return np.array([np.datetime64(time.strftime("%Y-%m-%d"), "s") for time in times])


def monthly_means(line: xr.DataArray, per_year: int) -> xr.DataArray:
    """(time, ...) means of about a month of windows: 40 years of pentads are a brush, not a line."""
    mean: xr.DataArray = line.coarsen(time=max(1, per_year // MONTHS), boundary="pad").mean()
    return mean


def time_axis(axes: Axes, times: Any) -> None:
    """Ticks of the horizontal axis; at the values themselves where there is one a year.

    Args:
        times: (time) of the values, see `times_of`.
    """
    axes.margins(x=0.01)
    stamps = np.asarray(date2num(times), float)
    if stamps.size == 1:
        axes.set_xticks(stamps, [num2date(stamps[0]).strftime("%Y-%m-%d")])
        return
    if np.diff(stamps).min() > FEWEST_DAYS:
        first = num2date(stamps[0])
        every = -(-stamps.size // MOST_TICKS)
        axes.xaxis.set_major_locator(YearLocator(every, month=first.month, day=first.day))
        axes.xaxis.set_major_formatter(DateFormatter("%Y"))
        return
    locator = AutoDateLocator(minticks=4, maxticks=MOST_TICKS)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(_Dates(locator, show_offset=False))


class _Dates(ConciseDateFormatter):
    """Concise dates whose first one says its year, below where it is a month or a day."""

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        labels: list[str] = super().format_ticks(values)
        assert self.axis is not None
        begin = min(self.axis.get_view_interval())
        first = next((place for place, value in enumerate(values) if value >= begin), None)
        if first is not None:
            year = str(num2date(values[first]).year)
            if labels[first] != year:
                labels[first] += f"\n{year}"
        return labels
