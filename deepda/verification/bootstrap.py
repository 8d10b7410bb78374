"""How sure a gain in error is that was measured over few windows, alike one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

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


def gain_over_best(
    square: NDArray[np.float64], baselines: Mapping[str, NDArray[np.float64]], per_year: int
) -> dict[str, Any]:
    """Gain over the baseline of least error, as `scores.json` has it; blocks are a season long.

    Args:
        square: (window) mean square errors, consecutive windows.
        baselines: the same by name, at least one.

    Returns:
        `baseline` (its name), `gain`, `low` and `high` (parts of its error), `confidence`,
        `block_windows`; `low` and `high` are None where all windows are no more than a season.

    Raises:
        VerificationError: see `gain_over`.
    """
    best = min(baselines, key=lambda name: float(baselines[name].mean()))
    block = max(1, per_year // 4)
    about = {"baseline": best, "confidence": CONFIDENCE, "block_windows": block}
    if len(square) <= block:
        gain = float(_gain(square.sum(), baselines[best].sum()))
        return about | {"gain": gain, "low": None, "high": None}
    return about | gain_over(square, baselines[best], block)._asdict()


def _gain(square: NDArray[np.float64], baseline: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - np.sqrt(square / baseline)
