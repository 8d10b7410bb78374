"""How sure a gain in error is that was measured over few windows, alike one after another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepda.verification.guards import VerificationError

DRAWS = 2000
CONFIDENCE = 0.95
SEED = 0


class Gain(NamedTuple):
    """Error saved against a baseline, as a part of the baseline's; below zero it is worse.

    Attributes:
        gain: 1 - RMSE / RMSE of the baseline.
        low, high: ends of the CONFIDENCE interval.
    """

    gain: float
    low: float
    high: float


def gain_over(square: NDArray[np.float64], baseline: NDArray[np.float64], block: int) -> Gain:
    """Gain of one method over another with a block-bootstrap interval.

    Blocks of consecutive windows are drawn with replacement, the same for both methods, round the end
    (circular block bootstrap, Politis and Romano 1992, in: Exploring the limits of bootstrap, 263-270;
    moving blocks: Kuensch 1989, Ann. Statist. 17, doi 10.1214/aos/1176347265).

    Args:
        square, baseline: (window) mean square errors, consecutive windows, of equal weight.
        block: windows of a block, longer than errors are alike.

    Raises:
        VerificationError: other numbers of windows, or no more than one block.
    """
    count = len(square)
    if len(baseline) != count or count <= block:
        raise VerificationError(
            f"{count} and {len(baseline)} windows found, expected as many of both and more than a block "
            f"of {block}; score more windows"
        )
    rng = np.random.default_rng(SEED)
    first = rng.integers(0, count, (DRAWS, -(-count // block), 1))
    chosen = ((first + np.arange(block)) % count).reshape(DRAWS, -1)[:, :count]
    gains = _gain(square[chosen].sum(axis=1), baseline[chosen].sum(axis=1))
    low, high = np.quantile(gains, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2])
    return Gain(float(_gain(square.sum(), baseline.sum())), float(low), float(high))


def _gain(square: NDArray[np.float64], baseline: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - np.sqrt(square / baseline)
