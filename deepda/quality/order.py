"""The order of depths within a cast, as the file gives it: `by_cast` sorts, so this is judged by rows.

A profiler goes one way. Depths that turn back, or that stand still, are of a pressure sensor or a file
that is wrong, and sorting would hide it.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.quality.casts import Casts, platforms

Rows = NDArray[np.bool_]
PROFILERS = ("argo", "ctd", "xbt", "other")  # a mooring lists its sensors in any order
FEWEST = 3  # levels: two of one depth may be two sensors
MOST = 0.5  # share of the levels: where so many are out of order, the file is not in order of depth


def constant_depth(table: pd.DataFrame) -> Rows:
    """Casts of three levels and more whose depths are all equal: the pressure sensor stands still.

    Argo quality control manual (Wong et al. 2020, doi 10.13155/33951), test 8.
    """
    casts = Casts.of(table)
    equal = casts.depth[casts.first] == casts.depth[casts.last]
    stuck = equal & (casts.size >= FEWEST) & _profiler(table, casts)
    return stuck[casts.of_row]


def depth_order(table: pd.DataFrame) -> Rows:
    """Levels that are out of the order of depth that the rest of their cast is in.

    What stays is the longest part of the cast that goes one way, up or down; equal depths go either
    way. So of 10, 20, 500, 30, 40 m the 500 goes, and of 10, 20, 30, 15, 5, 40 m the two that turn back.
    Casts of which half and more would go are in no order of depth, and keep all.
    Argo test 8; EN4's increasing depth check (Ingleby and Huddleston 2007, doi
    10.1016/j.jmarsys.2005.11.019).

    Args:
        table: of `by_cast`; order of rows by `source_index`, without it by the index.
    """
    casts = Casts.of(table)
    number = table["source_index"] if "source_index" in table.columns else table.index
    order = np.lexsort((np.asarray(number), casts.of_row))
    depth = casts.depth[order]
    step = np.diff(depth)
    within = casts.of_row[1:] == casts.of_row[:-1]
    down, up = (np.bincount(casts.of_row[1:][within & turn], minlength=casts.first.size)
                for turn in (step > 0, step < 0))  # fmt: skip
    bad = np.zeros(len(table), bool)
    for cast in np.flatnonzero((down > 0) & (up > 0) & _profiler(table, casts)):
        rows = order[casts.first[cast] : casts.last[cast] + 1]
        kept = max(_longest(casts.depth[rows]), _longest(-casts.depth[rows]), key=len)
        out = np.setdiff1d(rows, rows[kept])
        if out.size < MOST * rows.size:
            bad[out] = True
    return bad


def _longest(depth: NDArray[np.float64]) -> list[int]:
    """Positions of the longest part that does not decrease (patience sorting)."""
    ends: list[float] = []
    last: list[int] = []
    before = np.full(depth.size, -1)
    for here, value in enumerate(depth.tolist()):
        length = bisect_right(ends, value)
        if length:
            before[here] = last[length - 1]
        ends[length:] = [value, *ends[length + 1 :]]
        last[length:] = [here, *last[length + 1 :]]
    chain = [last[-1]] if last else []
    while chain and before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return chain[::-1]


def _profiler(table: pd.DataFrame, casts: Casts) -> NDArray[np.bool_]:
    return np.isin(platforms(table)[casts.first], PROFILERS)
