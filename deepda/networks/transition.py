"""The forecast: a local linear model of the anomalies that cannot run away.

The anomaly of a cell at the next window is a weighted sum over the cell and its ten neighbours (the
eight around it, one above, one below). The weights are fitted to the control simulation by least
squares under the constraint that they are not negative and sum to at most CONTRACTION: advection and
diffusion in their upwind form. Each forecast then lies within CONTRACTION times the range of the
anomalies before, whatever the weights, so that free runs decay to climatology by construction.

A control run is short for eleven numbers a cell, so neighbouring cells share their evidence: the
normal equations are pooled along longitude, as far as held-out years say. Anomalies are in units of
their layer here (K over the typical variability of the layer), for a pooled law must not depend on
how variable each place is; a neighbour on land reads as the cell itself (no flux through the coast).

Shape suffixes: T time, B batch, N neighbour, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

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
TINY = 1e-6
CONTRACTION = 0.9995  # a window; e-folding of 27 years in pentads
RIDGE = 5.0  # pulls towards persistence, in windows of unit variance
DESCENT_STEPS = 150
FEWEST = 2  # windows that a fit needs
POOLING = ((0.0, 0.0), (0.5, 1.0), (0.5, 4.0), (0.5, 16.0))  # cells of lat, lon: standard deviations
HELD_OUT = 5  # every fifth piece chooses the pooling


@dataclass(frozen=True, eq=False)
class Transition:
    """Weights of the local linear forecast and what it leaves unexplained.

    Attributes:
        weight: (N, L, Y, X) for standardised anomalies; zero on land and from land.
        noise: (L, Y, X) variance of the one-window forecast error on the training years, standardised.
    """

    weight: Tensor
    noise: Tensor

    @classmethod
    def fit(cls, pieces: Iterable[Tensor], ocean: Tensor, scale: Tensor) -> Transition:
        """Fit on standardised anomalies.

        Args:
            pieces: (T, L, Y, X) of consecutive windows, zero on land; passed through once.
            ocean: (L, Y, X) bool.
            scale: (L, Y, X) K of one standard deviation.

        Raises:
            ValueError: fewer than two consecutive windows.
        """
        wet = ocean.to(scale.dtype)
        water = wet.sum((1, 2), keepdim=True).clamp(min=1)
        size = scale / ((scale.square() * wet).sum((1, 2), keepdim=True) / water).sqrt().clamp(min=TINY)
        size = torch.where(ocean, size, 1.0)
        seen = torch.stack(neighbours(wet[None]))[:, 0] * wet
        sums = [Equations.empty(ocean.shape), Equations.empty(ocean.shape)]
        for number, piece in enumerate(pieces):
            sums[number % HELD_OUT == HELD_OUT - 1].add(piece * size, seen, wet)
        if sums[0].count < FEWEST:
            raise ValueError(
                f"{sums[0].count} pairs of consecutive windows found, expected at least {FEWEST}; "
                "give more training years"
            )
        reach = _best_pooling(*sums)
        whole = sums[0].plus(sums[1])
        weight = whole.pooled(reach).solve()
        noise = whole.error(weight) / whole.count / size.square()
        weight = weight.movedim(-1, 0)
        to_itself = (weight * (1 - seen)).sum(0)
        weight = weight * seen
        weight[0] += to_itself
        around = torch.stack(neighbours(size[None]))[:, 0]
        return cls((weight * around / size * wet).contiguous(), noise.clamp(min=TINY) * wet)


@dataclass
class Equations:
    """Normal equations of the least-squares forecast, cell by cell.

    Attributes:
        gram: (L, Y, X, N, N) sums of products of neighbours.
        cross: (L, Y, X, N) sums of products with the target.
        power: (L, Y, X) sums of squares of the target.
        count: number of windows.
    """

    gram: Tensor
    cross: Tensor
    power: Tensor
    count: int

    @classmethod
    def empty(cls, shape: torch.Size) -> Equations:
        number = len(NEIGHBOURS)
        return cls(
            torch.zeros(*shape, number, number), torch.zeros(*shape, number), torch.zeros(shape), 0
        )

    def add(self, piece: Tensor, seen: Tensor, wet: Tensor) -> None:
        """Take up consecutive windows (T, L, Y, X) in layer units."""
        around = neighbours(piece[:-1])
        fields = [torch.where(s > 0, field, around[0]) for s, field in zip(seen, around, strict=True)]
        target = piece[1:]
        self.power += target.square().sum(0)
        self.count += len(target)
        for i, field in enumerate(fields):
            self.cross[..., i] += (field * target).sum(0) * wet
            for j in range(i + 1):
                product = (field * fields[j]).sum(0) * wet
                self.gram[..., i, j] += product
                if i != j:
                    self.gram[..., j, i] += product

    def plus(self, other: Equations) -> Equations:
        """Both together."""
        return Equations(*(vars(self)[name] + vars(other)[name] for name in vars(self)))

    def pooled(self, reach: tuple[float, float]) -> Equations:
        """Each cell with the evidence of its neighbourhood, Gaussian weights of sd `reach` cells."""
        gram, cross = self.gram, self.cross
        for axis, sd in enumerate(reach, start=1):
            gram, cross = _blurred(gram, axis, sd), _blurred(cross, axis, sd)
        return replace(self, gram=gram, cross=cross)

    def solve(self) -> Tensor:
        """(L, Y, X, N) constrained weights."""
        persistence = torch.zeros(len(NEIGHBOURS))
        persistence[0] = 1.0
        gram = self.gram + RIDGE * torch.eye(len(NEIGHBOURS))
        return _constrained_least_squares(gram, self.cross + RIDGE * persistence, persistence)

    def error(self, weight: Tensor) -> Tensor:
        """(L, Y, X) sum of squared forecast errors of weights (L, Y, X, N)."""
        explained = 2 * (weight * self.cross).sum(-1)
        explained -= torch.einsum("...i,...ij,...j", weight, self.gram, weight)
        return self.power - explained


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


def advance_adjoint(weight_NLYX: Tensor, sensitivity_BLYX: Tensor) -> Tensor:
    """The transpose of `advance`: a sensitivity to the anomaly one window later, of the one before."""
    batch, layers, lats, lons = sensitivity_BLYX.shape
    padded = sensitivity_BLYX.new_zeros(batch, layers + 2, lats + 2, lons + 2)
    for weight, (z, y, x) in zip(weight_NLYX, NEIGHBOURS, strict=True):
        place = padded[:, 1 + z : 1 + z + layers, 1 + y : 1 + y + lats, 1 + x : 1 + x + lons]
        place.addcmul_(weight, sensitivity_BLYX)
    inside = padded[:, 1:-1, 1:-1]
    inside[..., 1] += inside[..., -1]
    inside[..., -2] += inside[..., 0]
    return inside[..., 1:-1].contiguous()


def _best_pooling(fitted: Equations, held_out: Equations) -> tuple[float, float]:
    """The pooling whose weights, fitted on the one part, forecast the other best, layers alike."""
    if not held_out.count:
        return POOLING[0]

    def score(reach: tuple[float, float]) -> float:
        error = held_out.error(fitted.pooled(reach).solve()).sum((1, 2))
        return float(error.clamp(min=TINY).log().sum())

    return min(POOLING, key=score)


def _blurred(field_LYX: Tensor, axis: int, sd: float) -> Tensor:
    """Sums along an axis of (L, Y, X, ...) with Gaussian weights, one at the centre."""
    if not sd:
        return field_LYX
    total = field_LYX.clone()
    for distance in range(1, math.ceil(2 * sd) + 1):
        share = math.exp(-0.5 * (distance / sd) ** 2)
        total += share * (_moved(field_LYX, axis, distance) + _moved(field_LYX, axis, -distance))
    return total


def _moved(field_LYX: Tensor, axis: int, cells: int) -> Tensor:
    """The field (L, Y, X, ...) moved by whole cells: round in longitude, zeros come in at the poles."""
    turned = field_LYX.roll(cells, axis)
    if axis == 1:
        turned[:, slice(0, cells) if cells > 0 else slice(cells, None)] = 0
    return turned


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
