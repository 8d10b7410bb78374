"""The gain of the default generator: a variational analysis, solved so that gradients pass through.

    increment = B R^-1/2 S^-1 R^-1/2 d,    S = 1 + R^-1/2 B R^-1/2

d are the innovations, R the diagonal covariance of the observation errors.

Shape suffixes: B batch, L layer, K factor, Y latitude, X longitude.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from deepda.assimilation.conjugate_gradients import Operator, conjugate_gradients
from deepda.assimilation.sample_covariance import Observed, ObservedCovariance, observed_alike, on_grid
from deepda.networks.background_covariance import SAMPLED_SHARE, BackgroundCovariance
from deepda.networks.observed_factors import BlockJacobi, ObservedFactors


class Accuracy(NamedTuple):
    """Where the solver stops.

    Attributes:
        iterations: most steps. The denser and the more exact the observations, the more it takes.
        tolerance: residual relative to the right-hand side, at which it stops before.
    """

    iterations: int
    tolerance: float


def dual(
    covariance: BackgroundCovariance,
    variance: Tensor,
    spread: Tensor,
    innovation: Tensor,
    precision: Tensor,
    observed: ObservedCovariance | None,
    accuracy: Accuracy,
) -> Tensor:
    """(B, L, Y, X) R^-1/2 S^-1 R^-1/2 d, zero where nothing was observed; B times it is the increment.

    S is scaled by its diagonal, which is known (Jacobi): half the iterations for the same digits.
    Where it is solved `by_cells`, blocks of S take the place of its diagonal: half as many again.

    Args:
        covariance: B, for these factor variances:
        variance: (B, K, Y, X).
        spread: (B, L, Y, X) that follows from it.
        innovation: (B, L, Y, X) zero where nothing was observed.
        precision: (B, L, Y, X) or (1, L, Y, X) inverse observation error variance, zero on land.
        observed: sampled covariance of the observed cells.
    """
    equal = (1 + precision * spread.square()).rsqrt()
    weight = equal * precision.sqrt()
    if by_cells(weight.device):
        return weight * _solved_by_cells(
            covariance, variance, spread, equal, weight, innovation, observed, accuracy
        )
    inner = covariance.operator(variance, spread, weight, observed)
    frozen = covariance.detach().operator(variance.detach(), spread.detach(), weight.detach(), observed)
    solution = solve(
        _regularised(equal.square(), inner),
        _regularised(equal.square().detach(), frozen),
        weight * innovation,
        accuracy,
    )
    return weight * solution


def by_cells(device: torch.device) -> bool:
    """Whether vectors of observed cells take the place of fields; a GPU would wait to count them."""
    return device.type == "cpu" and not torch.is_grad_enabled()


def _solved_by_cells(
    covariance: BackgroundCovariance,
    variance: Tensor,
    spread: Tensor,
    equal: Tensor,
    weight: Tensor,
    innovation: Tensor,
    observed: ObservedCovariance | None,
    accuracy: Accuracy,
) -> Tensor:
    """(B, L, Y, X) the solution of `dual`, one after the other by members that are observed alike."""
    solution = torch.zeros_like(innovation)
    for members, cells, sampled in _alike(weight > 0, observed):
        scale_at, spread_at, equal_at, weight_at, innovation_at = (
            field.expand_as(innovation)[members].flatten(1)[:, cells]
            for field in (covariance.scale, spread, equal, weight, innovation)
        )
        factors = covariance.observed_factors(
            variance.expand(len(innovation), -1, -1, -1)[members], cells
        )
        operator = _between_cells(
            factors, weight_at * scale_at, sampled, weight_at * spread_at, equal_at.square()
        )
        blocks = BlockJacobi(factors, (weight_at * scale_at)[0], equal_at[0].square())
        found = conjugate_gradients(operator, weight_at * innovation_at, *accuracy, blocks)
        solution[members] = on_grid(found, cells, innovation[members])
    return solution


def _alike(
    seen: Tensor, observed: ObservedCovariance | None
) -> Iterator[tuple[Tensor | slice, Tensor, Observed | None]]:
    """Members that are observed at the same cells, these cells, and their sampled covariance."""
    if observed is None:
        yield from ((members, cells, None) for members, cells in observed_alike(seen.flatten(1)))
    else:
        yield from observed.groups


def _between_cells(
    factors: ObservedFactors, scaled: Tensor, sampled: Observed | None, shared: Tensor, diagonal: Tensor
) -> Operator:
    """S between observed cells (m), as `BackgroundCovariance.operator` has it on the grid."""
    share = 0.0 if sampled is None else SAMPLED_SHARE

    def apply(values: Tensor) -> Tensor:
        image = diagonal * values + (1 - share) * scaled * factors.within(scaled * values)
        return image if sampled is None else image + share * shared * sampled.within(shared * values)

    return apply


def solve(operator: Operator, frozen: Operator, right: Tensor, accuracy: Accuracy) -> Tensor:
    """operator^-1 right, differentiable through the implicit function theorem.

    Args:
        operator: symmetric positive definite, with a graph to its parameters.
        frozen: the same operator without a graph.
        right: (B, ...) right-hand side.
        accuracy: forwards and backwards.
    """
    with torch.no_grad():
        solution = conjugate_gradients(frozen, right, *accuracy)
    if not torch.is_grad_enabled():
        return solution
    residual = right - operator(solution)
    return _ImplicitSolve.apply(residual, solution, frozen, accuracy)


def _regularised(diagonal: Tensor, operator: Operator) -> Operator:
    return lambda field: diagonal * field + operator(field)


class _ImplicitSolve(torch.autograd.Function):
    """The identity on a known solution; backwards, the same symmetric system is solved again."""

    @staticmethod
    def forward(ctx, residual, solution, operator, accuracy):  # type: ignore[no-untyped-def]
        ctx.operator, ctx.accuracy = operator, accuracy
        return solution.clone()

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        with torch.no_grad():
            solved = conjugate_gradients(ctx.operator, gradient, *ctx.accuracy)
        return solved, None, None, None
