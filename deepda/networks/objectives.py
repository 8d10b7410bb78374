"""What training makes small. Shape suffixes: B batch, L layer, Y latitude, X longitude."""

from __future__ import annotations

from torch import Tensor

from deepda.assimilation.cycle import StateEstimate

SMALLEST_VARIANCE = 1e-5


def likelihood(
    background: StateEstimate, analysis: StateEstimate, truth: Tensor, weights: Tensor
) -> Tensor:
    """(B) negative log likelihood of the truth under background and analysis, mean over layers.

    A proper score: it is least where the mean is the best estimate and the spread its real error.
    """
    layers = (weights.sum((1, 2)) > 0).sum()
    total = truth.new_zeros(len(truth))
    for estimate in (background, analysis):
        variance = estimate.spread.square() + SMALLEST_VARIANCE
        score = 0.5 * (variance.log() + (estimate.mean - truth).square() / variance)
        total = total + (weights * score).sum((1, 2, 3)) / layers
    return total


def mean_square(
    background: StateEstimate, analysis: StateEstimate, truth: Tensor, weights: Tensor
) -> Tensor:
    """(B) mean square error of the analysis, layers alike: the loss of Ham et al. (2024)."""
    layers = (weights.sum((1, 2)) > 0).sum()
    return (weights * (analysis.mean - truth).square()).sum((1, 2, 3)) / layers
