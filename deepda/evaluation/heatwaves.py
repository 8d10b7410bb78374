"""Marine heatwaves (Hobday et al. 2016, Prog. Oceanogr. 141, doi 10.1016/j.pocean.2015.12.014).

There: daily values above the 90th percentile of their time of the year (an 11-day window, smoothed over
31 days) for five days or more. The adaptation to coarser windows: of pentads the percentile pools each
pentad with its two neighbours (15 days) and is smoothed over 7 pentads (35 days), and one pentad is five
days and so an event; of months each calendar month has its own percentile, not smoothed, and one month
is an event (as in Jacox et al. 2020, Nature 584). Nothing is detrended: the baseline is the period
given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.geometry.windows import PENTADS

PERCENTILE = 90.0
POOLED, SMOOTHED = 1, 3  # pentads on either side
MARGIN = 2.0**-9  # K above the threshold: twice what values are rounded to in the files of DeepDA


def heatwave_threshold(values: xr.DataArray, season: NDArray[np.intp], per_year: int) -> xr.DataArray:
    """(season, ...) PERCENTILE of each window of the year, in the units of `values`.

    Args:
        values: (time, ...) temperature or its anomaly.
        season: (time) 0..per_year-1, each of them there.
    """
    reach = POOLED if per_year == PENTADS else 0
    apart = np.abs(np.asarray(season) - np.arange(per_year)[:, None])
    near = np.minimum(apart, per_year - apart) <= reach  # (season, time)
    found = np.stack([np.percentile(values.values[chosen], PERCENTILE, axis=0) for chosen in near])
    if per_year == PENTADS:
        shifts = range(-SMOOTHED, SMOOTHED + 1)
        found = np.mean([np.roll(found, shift, axis=0) for shift in shifts], axis=0)
    rest = values.dims[1:]
    return xr.DataArray(found, {name: values[name] for name in rest if name in values.coords},
                        ("season", *rest), attrs=values.attrs)  # fmt: skip


def in_heatwave(values: xr.DataArray, threshold: xr.DataArray, season: NDArray[np.intp]) -> xr.DataArray:
    """(time, ...) True in the windows above the threshold (season, ...) of their time of the year.

    By more than MARGIN: what does not vary but for rounding has no heatwaves.
    """
    return values.copy(data=values.values > threshold.values[season] + MARGIN)


@dataclass(frozen=True)
class Contingency:
    """Weights of the outcomes of an event that was detected, or was there, or both.

    Attributes:
        hits, misses, false_alarms: sums of weights.
        whole: sum of all weights, with those of correct rejections.
    """

    hits: float
    misses: float
    false_alarms: float
    whole: float

    @property
    def detection(self) -> float:
        """Probability of detection, hits among events, 0..1; 1 is best."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def false_alarm_ratio(self) -> float:
        """False alarms among events detected, 0..1; 0 is best."""
        return _ratio(self.false_alarms, self.hits + self.false_alarms)

    @property
    def success(self) -> float:
        """Critical success index, hits among all but correct rejections, 0..1; 1 is best."""
        return _ratio(self.hits, self.hits + self.misses + self.false_alarms)

    @property
    def frequency_bias(self) -> float:
        """Events detected per event, 0..; 1 is right."""
        return _ratio(self.hits + self.false_alarms, self.hits + self.misses)

    @property
    def detected_share(self) -> float:
        """Share of events detected, 0..1: the detection of a product that draws as many at random."""
        return _ratio(self.hits + self.false_alarms, self.whole)

    @property
    def true_share(self) -> float:
        """Share of events, 0..1."""
        return _ratio(self.hits + self.misses, self.whole)

    @property
    def success_by_chance(self) -> float:
        """Critical success index of a product that draws as many events at random, 0..1."""
        both = self.detected_share * self.true_share
        return _ratio(both, self.detected_share + self.true_share - both)


def contingency(detected: xr.DataArray, true: xr.DataArray, weights: xr.DataArray) -> Contingency:
    """The outcomes of events (..., bool) on both sides, weighted; zero weight does not count."""
    over = [dim for dim in true.dims if dim not in weights.dims]

    def total(of: xr.DataArray) -> float:
        return float((of.sum(over) * weights).sum())  # counted first: that is fast for booleans

    return Contingency(
        total(detected & true),
        total(~detected & true),
        total(detected & ~true),
        float(weights.sum()) * math.prod(true.sizes[dim] for dim in over),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
