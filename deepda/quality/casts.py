"""Which rows of an observation table are one cast, and the order that checks of profiles need.

A cast is what one platform measures at one time and place: rows of the same source file, cast number
of that file (`profile`), platform, time and position. Where a file numbers rows and not casts (every
number once), its numbers say nothing and are left out. Cells of satellite products are casts of one
row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.casts_of_tables import groups

BEYOND = 20_000.0  # m, deeper than any ocean: depths of different casts never meet (`Casts.key`)


def by_cast(table: pd.DataFrame) -> pd.DataFrame:
    """The rows sorted by cast and, within a cast, by depth; equal depths keep their order.

    Args:
        table: observations with at least time, lat, lon and depth; any order, any index.

    Returns:
        The same columns and `cast` (0..casts-1); the index is the position in `table`.
    """
    number = cast_numbers(table)
    order = np.lexsort((table["depth"].to_numpy(), number))
    ordered = table.iloc[order].assign(cast=number[order])
    return ordered.set_index(pd.Index(order))


def cast_numbers(table: pd.DataFrame) -> NDArray[np.int64]:
    """(row) number of the cast of each row, in the order in which casts first come."""
    return groups(list(_keys(table).values()), alone=platforms(table) == "satellite")


def platforms(table: pd.DataFrame) -> NDArray[np.str_]:
    """(row) platform type, "other" where the table has none."""
    if "platform_type" not in table.columns:
        return np.full(len(table), "other")
    kind = table["platform_type"].astype("category")
    names = np.append(kind.cat.categories.to_numpy(dtype=str), "other")
    return names[kind.cat.codes.to_numpy()]


def codes(table: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """(row) integer for each different text of a column, -1 where missing; zeros without the column."""
    if name not in table.columns:
        return np.zeros(len(table), np.int64)
    if isinstance(table[name].dtype, pd.CategoricalDtype):
        return table[name].cat.codes.to_numpy().astype(np.int64)
    return pd.factorize(table[name])[0].astype(np.int64)


def _keys(table: pd.DataFrame) -> dict[str, NDArray]:
    source = codes(table, "source")
    return {
        "source": source,
        "platform": codes(table, "platform_id"),
        "profile": _profile(table, source),
        "time": table["time"].to_numpy().astype("datetime64[s]").astype(np.int64),
        "lat": table["lat"].to_numpy(),
        "lon": table["lon"].to_numpy(),
    }


def _profile(table: pd.DataFrame, source: NDArray[np.int64]) -> NDArray[np.int64]:
    """(row) `profile`, or 0 in sources that number each row."""
    if "profile" not in table.columns:
        return np.zeros(len(table), np.int64)
    profile = table["profile"].to_numpy()
    again = pd.DataFrame({"source": source, "profile": profile}).duplicated().to_numpy()
    numbers_casts = np.zeros(source.max(initial=-1) + 2, bool)
    numbers_casts[source[again]] = True  # missing sources (-1) use the last place
    return np.where(numbers_casts[source], profile, 0)


@dataclass(frozen=True, eq=False)
class Casts:
    """The casts of a table sorted by `by_cast`, whole or thinned since.

    Attributes:
        first: (cast) its first row.
        size: (cast) its number of rows.
        depth: (row) m.
    """

    first: NDArray[np.intp]
    size: NDArray[np.intp]
    depth: NDArray[np.float64]

    @classmethod
    def of(cls, table: pd.DataFrame) -> Casts:
        """Casts of a table with the column `cast`, sorted by it."""
        number = table["cast"].to_numpy()
        first = np.flatnonzero(np.diff(number, prepend=-1))
        size = np.diff(first, append=number.size)
        return cls(first, size, table["depth"].to_numpy(dtype=float))

    @cached_property
    def of_row(self) -> NDArray[np.intp]:
        """(row) its cast."""
        return np.repeat(np.arange(self.first.size), self.size)

    @cached_property
    def last(self) -> NDArray[np.intp]:
        """(cast) its last row."""
        return self.first + self.size - 1

    @cached_property
    def key(self) -> NDArray[np.float64]:
        """(row) a number that grows with cast and depth, so that one search finds a depth in a cast."""
        return self.of_row * BEYOND + self.depth

    def before(self, cast: NDArray[np.intp], depth: NDArray[np.float64]) -> NDArray[np.intp]:
        """Row of the last value of `cast` at or above `depth`; the row before its first if none is."""
        return np.searchsorted(self.key, cast * BEYOND + depth, side="right") - 1

    def linear(
        self, value: NDArray[np.float64], cast: NDArray[np.intp], depth: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(row) values at depths of casts: linear between levels, constant beyond the ends."""
        first, last = self.first[cast], self.last[cast]
        above = np.clip(self.before(cast, depth), first, np.maximum(last - 1, first))
        below = np.minimum(above + 1, last)
        gap = self.depth[below] - self.depth[above]
        part = np.divide(depth - self.depth[above], gap, out=np.zeros(depth.size), where=gap > 0)
        weight = np.clip(part, 0.0, 1.0)
        return value[above] * (1 - weight) + value[below] * weight

    def total(self, values: NDArray) -> NDArray:
        """(cast) sums of (row) values."""
        return np.add.reduceat(values, self.first) if self.first.size else np.zeros(0, values.dtype)

    def share(self, bad: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(cast) share of its rows that are True."""
        return self.total(bad.astype(float)) / np.maximum(self.size, 1)

    def median(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(cast) lower median of (row) values; NaN sorts last."""
        order = np.lexsort((values, self.of_row))
        return values[order][self.first + (self.size - 1) // 2]

    def middles(self, widest: NDArray[np.float64]) -> NDArray[np.intp]:
        """Rows with both neighbours in their cast, neither further away than (row) `widest` m."""
        row = np.arange(1, self.depth.size - 1)
        same = (self.of_row[row - 1] == self.of_row[row]) & (self.of_row[row] == self.of_row[row + 1])
        gap = np.diff(self.depth)
        near = (gap[:-1] <= widest[row]) & (gap[1:] <= widest[row])
        return row[same & near]


def chunks(casts: Casts, rows: int) -> Iterator[slice]:
    """Slices of rows that hold whole casts, about `rows` rows each."""
    start = 0
    while start < casts.depth.size:
        cast = min(int(np.searchsorted(casts.last, start + rows - 1)), casts.last.size - 1)
        stop = int(casts.last[cast]) + 1
        yield slice(start, stop)
        start = stop
