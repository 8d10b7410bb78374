"""One constant on land that a product does not declare as missing: zero, most often.

Water varies smoothly, and a stand-in for land does not fit into it: its cells all hold the very same
value, and where they end the field jumps, while the field without them is smooth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE = 20_000  # values by which candidates are looked for
FEWEST = 4  # cells that make a constant
CANDIDATES = 3  # most frequent values that are looked at, beside zero
JUMP = 3.0  # K from a cell of land to the water beside it, the median
SMOOTHER = 3.0  # times smaller are differences of water cells next to each other
VARIETY = 3  # different values of the rest, by which it is a field at all


def constant_on_land(value: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells of a constant that no water holds.

    Args:
        value: (time, lat, lon) degC, NaN on land.
        used: same shape, cells whose value counts: no ice, not flagged.

    Returns:
        (time, lat, lon) True where a cell holds such a constant.
    """
    out = np.zeros(value.shape, np.bool_)
    for constant in _candidates(value[used]):
        at = used & (np.abs(value - constant) < 1e-4)
        if at.sum() >= FEWEST and _stands_out(value, at, used & ~out):
            out |= at
    return out


def _candidates(values: NDArray[np.float64]) -> list[float]:
    """Zero where it occurs, and the most frequent values of a sample."""
    if values.size == 0:
        return []
    sample = values[:: max(1, values.size // SAMPLE)]
    found, count = np.unique(np.round(sample, 4), return_counts=True)
    frequent = found[np.argsort(-count)][:CANDIDATES][: int((count > 1).sum())]
    return sorted({float(x) for x in frequent} | ({0.0} if (np.abs(found) < 1e-4).any() else set()))


def _stands_out(value: NDArray[np.float64], at: NDArray[np.bool_], used: NDArray[np.bool_]) -> bool:
    """Whether cells `at` jump against their neighbours while the rest of the field does not."""
    varied = _varied_rows(value, used)
    rest = value[used & ~at]
    if np.unique(rest[:: max(1, rest.size // SAMPLE)]).size < VARIETY:
        return False
    jumps, steps = list[NDArray[np.float64]](), list[NDArray[np.float64]]()
    for axis in (1, 2):
        one, other = (slice(None, -1), slice(1, None))
        here, there = (tuple(s if k == axis else slice(None) for k in range(3)) for s in (one, other))
        both = used[here] & used[there]
        size = np.abs(value[here] - value[there])
        edge = at[here] ^ at[there]
        jumps.append(size[both & edge & varied[here] & varied[there]])
        steps.append(size[both & ~at[here] & ~at[there]])
    jump, step = np.concatenate(jumps), np.concatenate(steps)
    if jump.size < FEWEST or step.size == 0:
        return False
    return float(np.median(jump)) > max(JUMP, SMOOTHER * float(np.median(step)))


def _varied_rows(value: NDArray[np.float64], used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True in rows of latitude that hold several values: a field of latitude alone has no land."""
    low = np.where(used, value, np.inf).min(axis=2, keepdims=True)
    high = np.where(used, value, -np.inf).max(axis=2, keepdims=True)
    return np.broadcast_to(high - low > 1e-4, value.shape)
