"""A covariance that was sampled, as an operator on fields that gradients pass through.

Shape suffixes: B batch, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from deepda.assimilation.conjugate_gradients import Operator
from deepda.assimilation.local_covariance import LocalCovariance, observed_alike

# Samples, cells, and the covariance between these cells.
Part = tuple[NDArray[np.intp], NDArray[np.intp], sparse.csr_array]
ROWS = 500  # of the matrix that are copied at a time: small pieces stay in the cache


class SampledCovariance:
    """Products with a `LocalCovariance`. The matrix stays on the CPU, whatever the fields lie on.

    Args:
        local: the covariance of the water cells.
    """

    def __init__(self, local: LocalCovariance) -> None:
        self.local = local

    def __deepcopy__(self, memo: dict) -> SampledCovariance:
        """Itself: it never changes, and is large."""
        return self

    def product(self, field_BLYX: Tensor) -> Tensor:
        """The covariance times a field; zero on land, and land is not read."""
        whole = np.arange(len(field_BLYX)), self.local.cells, self.local.matrix
        return _Symmetric.apply(field_BLYX, partial(_times, [whole]))

    def among(self, seen_BLYX: Tensor) -> Operator:
        """The same product for fields that vanish where nothing is seen, known only where it is.

        Elsewhere the product is zero. Some ten times cheaper than `product` for one window's
        observations, once it is made.
        """
        seen = seen_BLYX.flatten(1).cpu().numpy()[:, self.local.cells]
        parts = [self._part(*group) for group in observed_alike(seen)]
        return lambda field: _Symmetric.apply(field, partial(_times, parts))

    def variance(self, shape: torch.Size) -> Tensor:
        """The diagonal on a grid of `shape` (L, Y, X); one on land."""
        field = np.ones(shape, np.float32)
        field.reshape(-1)[self.local.cells] = self.local.variance
        return torch.from_numpy(field)

    def _part(self, samples: NDArray[np.intp], chosen: NDArray[np.intp]) -> Part:
        pieces = np.split(chosen, range(ROWS, len(chosen), ROWS))
        rows = [self.local.matrix[piece][:, chosen] for piece in pieces]
        return samples, self.local.cells[chosen], sparse.vstack(rows, format="csr")


def _times(parts: list[Part], field_BLYX: Tensor) -> Tensor:
    flat = field_BLYX.detach().flatten(1).cpu().numpy()
    out = np.zeros_like(flat)
    for samples, cells, matrix in parts:
        at = np.ix_(samples, cells)
        out[at] = (matrix @ flat[at].T).T
    return torch.from_numpy(out).reshape(field_BLYX.shape).to(field_BLYX)


class _Symmetric(torch.autograd.Function):
    """A symmetric linear map: its gradient is itself."""

    @staticmethod
    def forward(ctx, field, product):  # type: ignore[no-untyped-def]
        ctx.product = product
        return product(field)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return ctx.product(gradient), None
