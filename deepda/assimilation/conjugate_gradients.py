"""The one solver of the project: conjugate gradients (Hestenes and Stiefel 1952), by batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Operator = Callable[[Tensor], Tensor]
TINY = 1e-30  # keeps a sample without innovation from dividing by zero


def conjugate_gradients(
    operator: Operator,
    right: Tensor,
    iterations: int,
    tolerance: float = 0.0,
    precondition: Operator | None = None,
) -> Tensor:
    """Solve operator(w) = right for each sample of the batch.

    A sample that is solved stays as it is, so that no sample depends on which others are solved with
    it. One that is not finite is never solved, and shows in the result.

    Args:
        operator: symmetric positive definite, on (B, ...) fields.
        right: (B, ...) right-hand side.
        iterations: most steps.
        tolerance: a sample is solved once its residual is so small, relative to its right-hand side; 0
            takes all steps.
        precondition: an approximate inverse of the operator, symmetric positive definite.
    """
    solution = torch.zeros_like(right)
    residual = right
    square = _dot(residual, residual)
    enough = tolerance**2 * square
    towards = residual if precondition is None else precondition(residual)
    slope = square if precondition is None else _dot(residual, towards)
    direction = towards
    every = steps_between_tests(right.device)
    for step in range(iterations):
        if tolerance and step % every == 0 and bool((square <= enough).all()):
            break
        image = operator(direction)
        length = slope / _dot(direction, image).clamp(min=TINY)
        if tolerance:
            length = length.where(~(square <= enough), 0.0)
        solution = solution + length * direction
        residual = residual - length * image
        square = _dot(residual, residual)
        towards = residual if precondition is None else precondition(residual)
        new = square if precondition is None else _dot(residual, towards)
        direction = towards + (new / slope.clamp(min=TINY)) * direction
        slope = new
    return solution


def steps_between_tests(device: torch.device) -> int:
    """Tests whether all samples are solved are seldom where the host would wait for the answer."""
    return 1 if device.type == "cpu" else 4


def _dot(left: Tensor, right: Tensor) -> Tensor:
    """(B, 1, ...) scalar product of each sample."""
    return (left * right).sum(tuple(range(1, left.ndim)), keepdim=True)
