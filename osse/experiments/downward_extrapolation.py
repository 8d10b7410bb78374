"""From the last level that is seen down into the blind zone, without cycling: three simple ways.

All take anomalies of one window; levels at and above the last one seen are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.geometry.grid import sum_around

Fields = NDArray[np.floating]


def repeat_downward(anomaly: Fields, ocean: NDArray[np.bool_], last: int) -> Fields:
    """REP: the anomaly (K) at the last level seen, in all levels of its column below.

    It is not limited to the mixed layer. Where the last level is land, the water below gets zero.

    Args:
        anomaly: (L, Y, X) K.
        ocean: (L, Y, X).
        last: index of the last level seen.
    """
    filled = anomaly.copy()
    filled[last + 1 :] = np.where(ocean[last], anomaly[last], 0.0)
    return np.where(ocean, filled, 0.0)


def marching_average(anomaly: Fields, ocean: NDArray[np.bool_], last: int) -> Fields:
    """MAR: level by level downwards, the plain mean of the known neighbours above.

    The known neighbours of a cell are the water among the nine cells of the level above that are
    centred on it: seen, or filled one step before. Longitude wraps, latitude ends. Without any, zero.

    Args: as in `repeat_downward`.
    """
    filled = np.where(ocean, anomaly, 0.0)
    for level in range(last + 1, len(ocean)):
        total = sum_around(filled[level - 1] * ocean[level - 1])
        count = sum_around(ocean[level - 1].astype(float))
        mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
        filled[level] = np.where(ocean[level], mean, 0.0)
    return filled


@dataclass(frozen=True, eq=False)
class Regression:
    """Each level below on the last level seen, cell by cell, through the origin.

    Attributes:
        slope: (S, L, Y, X) standardised anomaly per standardised anomaly of the last level; by part of
            the year, S is 1 or more.
        power: (S, Y, X) mean square of the standardised anomaly of the last level.
        last: index of the last level seen.
    """

    slope: NDArray[np.float32]
    power: NDArray[np.float32]
    last: int
    per_year: int

    @classmethod
    def fit(
        cls, anomalies: Fields, season: NDArray[np.intp], per_year: int, last: int, parts: int
    ) -> Regression:
        """Least squares, of as many equal parts of the year as are given.

        Args:
            anomalies: (time, L, Y, X) standardised, zero on land; read window by window.
            season: (time) index within the year.
        """
        levels, *shape = anomalies.shape[1:]
        product, power = np.zeros((parts, levels, *shape)), np.zeros((parts, *shape))
        count = np.zeros(parts)
        for field, when in zip(anomalies, season, strict=True):
            part = int(when) * parts // per_year
            product[part] += field * field[last]
            power[part] += np.square(field[last], dtype=float)
            count[part] += 1
        known = power[:, None]
        slope = np.divide(product, known, out=np.zeros_like(product), where=known > 0)
        mean = power / np.maximum(count, 1)[:, None, None]
        return cls(slope.astype(np.float32), mean.astype(np.float32), last, per_year)

    def below(self, surface: Fields, season: int) -> Fields:
        """(L, Y, X) standardised anomalies that the last level (Y, X) implies."""
        return np.asarray(self.slope[self._part(season)] * surface)

    def of_observations(self, value: Fields, precision: Fields, season: int) -> Fields:
        """The same from superobservations of the last level: no smoothing, zero in gaps.

        A value with error variance R is worth P / (P + R) of a known one with mean square P; so the
        estimate is the best linear one from that value alone.

        Args:
            value, precision: (Y, X) standardised; precision is zero where nothing was seen.
        """
        weighted = self.power[self._part(season)] * precision
        return self.below(np.where(precision > 0, value, 0.0) * weighted / (1 + weighted), season)

    def _part(self, season: int) -> int:
        return season * len(self.slope) // self.per_year


def validated_parts(fitted: Mapping[int, Regression], validation: Iterable[Fields]) -> dict[int, float]:
    """Mean square error of regressions by their parts of the year, all cells below alike.

    Args:
        fitted: by number of parts.
        validation: standardised truth (L, Y, X), window by window from the first of a year.
    """
    errors = dict.fromkeys(fitted, 0.0)
    windows = 0
    for step, truth in enumerate(validation):
        windows += 1
        for parts, one in fitted.items():
            miss = one.below(truth[one.last], step % one.per_year) - truth
            errors[parts] += float(np.square(miss[one.last + 1 :], dtype=float).mean())
    return {parts: error / max(windows, 1) for parts, error in errors.items()}
