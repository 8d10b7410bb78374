"""The leading patterns of the control simulation: what its anomalies look like, whole and in depth.

Empirical orthogonal functions (Lorenz 1956), by the method of snapshots (Sirovich 1987): with fewer
fields than cells, the eigenvectors of the small matrix of their products give those of the large one.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SNAPSHOTS = 300  # evenly spaced; neighbouring windows are much alike
# A control run with so few degrees of freedom shares them with its errors; in one with more, patterns
# take variance from the small scales and cost more than they give (docs/ablation.md).
EXPLAINED = 0.9
AT_ONCE = 25  # fields in memory while the patterns are summed


def leading_patterns(anomalies: NDArray[np.float32], weights: Tensor, number: int) -> Tensor:
    """The first EOFs, each times the standard deviation of its principal component.

    The sum of their squares is the variance that they explain, at most that of the anomalies.

    Args:
        anomalies: (T, L, Y, X) standardised, zero on land; an array or a memory map.
        weights: (L, Y, X) what a squared anomaly counts in each cell.
        number: of patterns; none at all come unless they explain EXPLAINED of the variance.

    Returns:
        (number, L, Y, X) or (0, L, Y, X), zero on land.
    """
    shape = anomalies.shape[1:]
    if not number or len(anomalies) < number:
        return torch.zeros(0, *shape)
    times = np.unique(np.linspace(0, len(anomalies) - 1, SNAPSHOTS).round().astype(int))
    pieces = [times[first : first + AT_ONCE] for first in range(0, len(times), AT_ONCE)]
    counted = weights.numpy().reshape(-1)
    products = np.zeros((len(times), len(times)))
    for i, left in enumerate(pieces):
        weighted = anomalies[left].reshape(len(left), -1) * counted
        for j, right in enumerate(pieces[: i + 1]):
            block = weighted @ anomalies[right].reshape(len(right), -1).T
            rows, columns = slice(i * AT_ONCE, i * AT_ONCE + len(left)), slice(j * AT_ONCE, None)
            products[rows, columns][:, : len(right)] = block
            products[columns, rows][: len(right)] = block.T
    power, vectors = np.linalg.eigh(products / len(times))
    if power[::-1][:number].sum() < EXPLAINED * power.sum():
        return torch.zeros(0, *shape)
    vectors = vectors[:, ::-1][:, :number]
    patterns = np.zeros((number, counted.size), np.float32)
    for i, piece in enumerate(pieces):
        share = vectors[i * AT_ONCE : i * AT_ONCE + len(piece)] / len(times) ** 0.5
        patterns += share.T.astype(np.float32) @ anomalies[piece].reshape(len(piece), -1)
    return torch.from_numpy(patterns.reshape(number, *shape))
