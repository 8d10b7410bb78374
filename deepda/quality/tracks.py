"""Speed of a platform from cast to cast: positions or times that it cannot have had.

EN4's track check (Ingleby and Huddleston 2007, doi 10.1016/j.jmarsys.2005.11.019, appendix): 20 km and
10 minutes are granted to rounding, the fastest leg is judged first, one of its two casts goes, and
again until no leg is too fast. Which one goes is simpler here: that without which the legs around are
slower, and both where that is a tie. A platform of which more than half would go is no one platform
(call signs are shared, archives put their own name) and none of its casts is rejected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.geometry.sphere import great_circle, unit_vectors
from deepda.quality.casts import Casts, codes, platforms
from deepda.quality.platform_names import distinct_names, is_named

ROUNDED_DISTANCE = 20.0  # km
SHORTEST = 600.0  # s
DAY = 86_400  # s
SHIP = 15.0  # m s-1, EN4
# Buoys 2 m/s (EN4); floats 3 m/s (Argo quality control manual, doi 10.13155/33951, test 5).
FASTEST = {"argo": 3.0, "drifter": 2.0, "mooring": 2.0}
UNTRACKED = ("satellite",)
FEWEST = 3  # casts: of two, nobody can say which is wrong


def track_speed(table: pd.DataFrame) -> NDArray[np.bool_]:
    """All rows of casts that their platform cannot have reached, by platform_id."""
    casts = Casts.of(table)
    legs = _Legs.of(table.iloc[casts.first])
    bad = np.zeros(casts.first.size, bool)
    bad[legs.rejected()] = True
    return bad[casts.of_row]


@dataclass(frozen=True, eq=False)
class _Legs:
    """Casts in the order of platform and time.

    Attributes:
        cast: (n) number of the cast.
        platform, time, place, fastest: of it; s, unit vector, m s-1.
    """

    cast: NDArray[np.intp]
    platform: NDArray[np.int64]
    time: NDArray[np.int64]
    place: NDArray[np.float64]
    fastest: NDArray[np.float64]

    @classmethod
    def of(cls, heads: pd.DataFrame) -> _Legs:
        """Of one row for each cast."""
        platform, kind = codes(heads, "platform_id"), platforms(heads)
        time = heads["time"].to_numpy().astype("datetime64[s]").astype(np.int64)
        names, number = distinct_names(heads)
        named = np.array([is_named(name) for name in names], bool)[number]
        tracked = named & ~np.isin(kind, UNTRACKED)
        order = np.lexsort((time, platform))
        order = order[tracked[order]]
        fastest = np.select([kind == name for name in FASTEST], list(FASTEST.values()), SHIP)
        place = unit_vectors(heads["lat"].to_numpy(), heads["lon"].to_numpy())
        return cls(order, platform[order], time[order], place[order], fastest[order])

    def rejected(self) -> NDArray[np.intp]:
        """Casts that go."""
        good = np.ones(self.cast.size, bool)
        look = np.arange(self.cast.size)
        while look.size:
            gone = self._worst(look)
            good[gone] = False
            look = look[good[look] & np.isin(self.platform[look], self.platform[gone])]
        return self.cast[~good & self._judged(good)]

    def _judged(self, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(n) True for platforms of enough casts of which at most half went."""
        _, at, size = np.unique(self.platform, return_inverse=True, return_counts=True)
        gone = np.bincount(at, ~good, minlength=size.size)
        return ((size >= FEWEST) & (gone <= size / 2))[at]

    def _worst(self, look: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of each platform's fastest leg, if it is too fast, the cast (or both) that goes."""
        speed = self._speed(look[:-1], look[1:])
        over = np.flatnonzero(speed > self.fastest[look[1:]])
        by_speed = over[np.lexsort((-speed[over], self.platform[look[over]]))]
        _, first = np.unique(self.platform[look[by_speed]], return_index=True)
        end = by_speed[first] + 1  # of the leg, as a position in `look`
        padded = np.concatenate([[-1], look, [-1]])  # -1: no cast there
        before, start, stop, after = (padded[end + shift] for shift in range(-1, 3))
        without_start = np.maximum(self._speed(before, stop), self._speed(stop, after))
        without_stop = np.maximum(self._speed(before, start), self._speed(start, after))
        return np.concatenate(
            [start[without_start <= without_stop], stop[without_stop <= without_start]]
        )

    def _speed(self, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.float64]:
        """m s-1 between two casts less rounding; zero where they are not of one platform."""
        same = (one >= 0) & (other >= 0) & (self.platform[one] == self.platform[other])
        way = great_circle(self.place[one], self.place[other]) - 1e3 * ROUNDED_DISTANCE
        dateless = (self.time[one] % DAY == 0) | (self.time[other] % DAY == 0)  # the hour is not known
        lasts = np.abs(self.time[other] - self.time[one]) + DAY * dateless
        return np.where(same, np.maximum(way, 0.0) / np.maximum(lasts, SHORTEST), 0.0)
