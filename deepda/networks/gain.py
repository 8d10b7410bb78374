"""The gain of the default generator: a variational analysis, solved so that gradients pass through.

    increment = B R^-1/2 S^-1 R^-1/2 d,    S = 1 + R^-1/2 B R^-1/2

d are the innovations, R the diagonal covariance of the observation errors.

Shape suffixes: B batch, L layer, K factor, Y latitude, X longitude.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from deepda.assimilation.conjugate_gradients import Operator, conjugate_gradients
from deepda.assimilation.sample_covariance import ObservedCovariance
from deepda.networks.background_covariance import BackgroundCovariance


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

    Args:
        covariance: B, for these factor variances:
        variance: (B, K, Y, X).
        spread: (B, L, Y, X) that follows from it.
        innovation: (B, L, Y, X) zero where nothing was observed.
        precision: (B, L, Y, X) or (1, L, Y, X) inverse observation error variance, zero on land.
        observed: sampled covariance of the observed cells.
        accuracy: of the solver.
    """
    equal = (1 + precision * spread.square()).rsqrt()
    weight = equal * precision.sqrt()
    inner = covariance.operator(variance, spread, weight, observed)
    frozen = covariance.detach().operator(variance.detach(), spread.detach(), weight.detach(), observed)
    solution = solve(
        _regularised(equal.square(), inner),
        _regularised(equal.square().detach(), frozen),
        weight * innovation,
        accuracy,
    )
    return weight * solution


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
