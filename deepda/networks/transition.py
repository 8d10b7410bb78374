"""The forecast: a local linear model of the anomalies that cannot run away.

The anomaly of a cell at the next window is a weighted sum over the cell and its ten neighbours (the
eight around it, one above, one below). The weights are fitted to the control simulation by least
squares under the constraint that they are not negative and sum to at most CONTRACTION: advection and
diffusion in their upwind form. Each forecast then lies within CONTRACTION times the range of the
anomalies before, whatever the weights, so that free runs decay to climatology by construction.

Shape suffixes: T time, B batch, N neighbour, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# (layer, lat, lon) offsets; the cell itself comes first.
NEIGHBOURS = (
    (0, 0, 0),
    *((0, y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)),
    (-1, 0, 0),
    (1, 0, 0),
)
CONTRACTION = 0.9995  # a window; e-folding of 27 years in pentads
RIDGE = 5.0  # pulls towards persistence, in windows of unit variance
DESCENT_STEPS = 300
FEWEST = 2  # windows that a fit needs


@dataclass(frozen=True, eq=False)
class Transition:
    """Weights of the local linear forecast and what it leaves unexplained.

    Attributes:
        weight: (N, L, Y, X), not negative, summing to at most CONTRACTION; zero on land.
        noise: (L, Y, X) variance of the one-window forecast error on the training years.
    """

    weight: Tensor
    noise: Tensor

    @classmethod
    def fit(cls, stretches: Iterable[Tensor], ocean: Tensor) -> Transition:
        """Fit on standardised anomalies.

        Args:
            stretches: pieces (T, L, Y, X) of consecutive windows, zero on land; passed through once.
            ocean: (L, Y, X) bool.

        Raises:
            ValueError: fewer than two consecutive windows.
        """
        gram, cross, power, count = _normal_equations(stretches, ocean)
        persistence = torch.zeros(len(NEIGHBOURS))
        persistence[0] = 1.0
        gram = gram + RIDGE * torch.eye(len(NEIGHBOURS))
        weight = _constrained_least_squares(gram, cross + RIDGE * persistence, persistence)
        explained = 2 * (weight * cross).sum(-1) - torch.einsum("...i,...ij,...j", weight, gram, weight)
        noise = ((power - explained) / count).clamp(min=1e-6)
        wet = ocean.to(weight.dtype)
        return cls(weight.movedim(-1, 0).contiguous() * wet, noise * wet)


def advance(weight_NLYX: Tensor, mean_BLYX: Tensor) -> Tensor:
    """The anomaly one window later, (B, L, Y, X)."""
    fields = neighbours(mean_BLYX)
    forecast = weight_NLYX[0] * fields[0]
    for weight, field in zip(weight_NLYX[1:], fields[1:], strict=True):
        forecast = torch.addcmul(forecast, weight, field)
    return forecast


def neighbours(field_BLYX: Tensor) -> list[Tensor]:
    """The field as seen from each of NEIGHBOURS; periodic in longitude, zero beyond the edges."""
    _, layers, lats, lons = field_BLYX.shape
    wrapped = torch.cat([field_BLYX[..., -1:], field_BLYX, field_BLYX[..., :1]], dim=-1)
    padded = functional.pad(wrapped, (0, 0, 1, 1, 1, 1))
    return [
        padded[:, 1 + z : 1 + z + layers, 1 + y : 1 + y + lats, 1 + x : 1 + x + lons]
        for z, y, x in NEIGHBOURS
    ]


def _normal_equations(stretches: Iterable[Tensor], ocean: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    number = len(NEIGHBOURS)
    gram = torch.zeros(number, number, *ocean.shape)
    cross = torch.zeros(number, *ocean.shape)
    power, count = torch.zeros(ocean.shape), 0
    for piece in stretches:
        fields, target = neighbours(piece[:-1]), piece[1:]
        power += target.square().sum(0)
        count += len(target)
        for i in range(number):
            cross[i] += (fields[i] * target).sum(0)
            for j in range(i + 1):
                gram[i, j] += (fields[i] * fields[j]).sum(0)
                gram[j, i] = gram[i, j]
    if count < FEWEST:
        raise ValueError(
            f"{count} pairs of consecutive windows came, expected at least {FEWEST}; "
            "give more training years"
        )
    return gram.movedim((0, 1), (-2, -1)).contiguous(), cross.movedim(0, -1).contiguous(), power, count


def _constrained_least_squares(gram: Tensor, cross: Tensor, start: Tensor) -> Tensor:
    """Accelerated projected gradients (Beck and Teboulle 2009), each cell for itself."""
    steepest = gram.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)  # at least the largest eigenvalue
    weight = (start * CONTRACTION).expand_as(cross)
    ahead, pace = weight, 1.0
    for _ in range(DESCENT_STEPS):
        slope = (gram @ ahead[..., None])[..., 0] - cross
        new = _project(ahead - slope / steepest)
        faster = (1 + (1 + 4 * pace**2) ** 0.5) / 2
        ahead = new + (pace - 1) / faster * (new - weight)
        weight, pace = new, faster
    return weight


def _project(weight: Tensor) -> Tensor:
    """Nearest weights that are not negative and sum to at most CONTRACTION (Held et al. 1974)."""
    positive = weight.clamp(min=0)
    ordered, _ = weight.sort(-1, descending=True)
    excess = ordered.cumsum(-1) - CONTRACTION
    rank = torch.arange(1, weight.shape[-1] + 1)
    support = (ordered - excess / rank > 0).sum(-1, keepdim=True).clamp(min=1)
    threshold = excess.gather(-1, support - 1) / support
    too_much = positive.sum(-1, keepdim=True) > CONTRACTION
    return torch.where(too_much, (weight - threshold).clamp(min=0), positive)
