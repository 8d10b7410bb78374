"""Innovations around each cell, from near and far: sums over windows that widen by doubling.

The normalised convolution of `deepda.networks.partial_conv` with windows of all sizes: sums of
innovations and sums of confidence, kept apart, so that a network may mix them with weights of its own
before it divides the one by the other. Each window is the one before, smoothed by 1-2-1 with twice the
step ("à trous", Shensa 1992, doi 10.1109/78.157290): a few products a cell whatever the reach, exact
zeros beyond it, and rolling the globe rolls the sums.

Shape suffixes: B batch, K window, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

DEEP = (1, 2)  # steps of the vertical smoothing, in layers


@dataclass(frozen=True, eq=False)
class Evidence:
    """Sums over K windows around each cell; zero in a window that holds no observation.

    Attributes:
        weight: (B, K, L, Y, X) of confidence.
        innovation: (B, K, L, Y, X) of confidence times innovation.
    """

    weight: Tensor
    innovation: Tensor


def doublings(longitudes: int) -> int:
    """How many windows of a layer there are: the widest reaches a quarter of the globe to each side."""
    return max(1, math.ceil(math.log2(longitudes / 4)))


def extents(scales: int) -> list[int]:
    """How often each window but the cell itself was doubled, in the order of `gather`.

    Windows of the layer, the same drawn out along latitude circles, and with the layers around.
    """
    return [*range(1, scales + 1), *range(2, scales + 1), *range(scales + 1)]


def gather(innovation: Tensor, ratio: Tensor, ocean: Tensor, scales: int) -> Evidence:
    """The sums around each cell.

    Args:
        innovation: (B, L, Y, X) observation minus background; zero where unobserved.
        ratio: (B, L, Y, X) background error variance over observation error variance; zero where
            unobserved and on land.
        ocean: (L, Y, X) ones on water; sums pass through water only (narrow land is no barrier).
        scales: number of windows of a layer.

    The cell itself counts with its ratio, as in a Kalman filter. All others count with their confidence
    ratio / (1 + ratio): an observation of another cell, however exact, has no more weight.
    """
    confidence = ratio / (1 + ratio)
    pair = torch.cat([confidence, confidence * innovation])
    levels, long = [pair], []
    for scale in range(scales):
        levels.append(_widened(levels[-1], 2**scale) * ocean)
    for scale in range(1, scales):  # two doublings ahead in longitude
        long.append(_along(_along(levels[scale], 2**scale), 2 ** (scale + 1)) * ocean)
    deep = _deepened(torch.cat(levels)) * ocean
    own = torch.cat([ratio, ratio * innovation])
    parts = torch.stack([own, *levels[1:], *long, *deep.split(len(pair))], dim=1)
    return Evidence(*parts.split(len(innovation)))


def _widened(field: Tensor, step: int) -> Tensor:
    """1-2-1 along longitude (periodic), then along latitude (nothing beyond the edges)."""
    across = _along(field, step)
    rows = field.shape[-2]
    padded = functional.pad(across, (0, 0, step, step))
    return 0.5 * across + 0.25 * (padded[..., :rows, :] + padded[..., 2 * step :, :])


def _along(field: Tensor, step: int) -> Tensor:
    """1-2-1 along longitude, periodic."""
    return 0.5 * field + 0.25 * (field.roll(step, -1) + field.roll(-step, -1))


def _deepened(field: Tensor) -> Tensor:
    """1-2-1 along the layers, with each step of DEEP."""
    for step in DEEP:
        padded = functional.pad(field, (0, 0, 0, 0, step, step))
        layers = field.shape[-3]
        field = 0.5 * field + 0.25 * (padded[..., :layers, :, :] + padded[..., 2 * step :, :, :])
    return field
