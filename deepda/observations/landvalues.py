"""One constant on land that a product does not declare as missing: zero, most often.

Water varies smoothly, and a stand-in for land does not fit into it: its cells all hold the very same
value, and where they end along a circle of latitude the field jumps, while the field without them is
smooth. A field that depends on latitude alone has no such jump.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE = 20_000  # pairs of neighbours that are looked at
FEWEST = 4  # pairs that make an edge
CANDIDATES = 8  # most frequent values that are looked at, beside zero
JUMP = 3.0  # K from a cell of land to the water beside it, the median
SMOOTHER = 3.0  # times smaller are differences of water cells next to each other
VARIETY = 3  # different values of the rest, by which it is a field at all
SAME = 1e-4  # K


def constant_on_land(value: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Cells of a constant that no water holds.

    Args:
        value: (time, lat, lon) degC, NaN on land.
        used: same shape, cells whose value counts: no ice, not flagged.

    Returns:
        (time, lat, lon) True where a cell holds such a constant; None where there is none.
    """
    west, east = _neighbours(value, used)
    out = None
    while (constant := _land_value(west, east)) is not None:
        at = used & (np.abs(value - constant) < SAME)
        out = at if out is None else out | at
        west, east = (np.where(np.abs(part - constant) < SAME, np.nan, part) for part in (west, east))
    return out


def _neighbours(
    value: NDArray[np.float64], used: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of a sample of used cells, and of the cell east of each, NaN where that is not used."""
    index = np.flatnonzero(used)
    index = index[:: (index.size // SAMPLE) | 1]  # an odd stride meets every column
    columns = value.shape[-1]
    beside = np.where(index % columns == columns - 1, index, index + 1)
    flat = value.ravel()
    pair = used.ravel()[beside] & (beside != index)
    return flat[index], np.where(pair, flat[beside], np.nan)


def _land_value(west: NDArray[np.float64], east: NDArray[np.float64]) -> float | None:
    """The constant with the longest edge among those that stand out; the water beside it has less."""
    edges = {constant: _edge(west, east, constant) for constant in _candidates(west)}
    return max((c for c, size in edges.items() if size), key=lambda c: (edges[c], c == 0), default=None)


def _candidates(values: NDArray[np.float64]) -> list[float]:
    """Zero where it occurs, and the most frequent values."""
    found, count = np.unique(np.round(values[np.isfinite(values)], 4), return_counts=True)
    frequent = found[np.argsort(-count)][:CANDIDATES][: int((count > 1).sum())]
    return sorted({float(x) for x in frequent} | ({0.0} if (np.abs(found) < SAME).any() else set()))


def _edge(west: NDArray[np.float64], east: NDArray[np.float64], constant: float) -> int:
    """Pairs in which a constant meets another value, if they jump and the rest of the field does not."""
    here, there = (np.abs(part - constant) < SAME for part in (west, east))
    size = np.abs(east - west)
    pair = np.isfinite(size)
    jump, step = size[pair & (here ^ there)], size[pair & ~here & ~there]
    if jump.size < FEWEST or step.size == 0 or np.unique(west[~here & np.isfinite(west)]).size < VARIETY:
        return 0
    stands_out = np.median(jump) > max(JUMP, SMOOTHER * float(np.median(step)))
    return int(jump.size) if stands_out else 0
