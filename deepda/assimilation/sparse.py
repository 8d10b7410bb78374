"""Sparse matrices by rows, as torch tensors, and products with batches of vectors.

Indices are int32, as the sparse kernels of MKL take them; with int64 each product is four times slower.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor


def by_rows(begin: Tensor, index: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    """The matrix of a given size.

    Args:
        begin: (rows + 1) where the entries of each row begin, and where the last ends.
        index: (entries) column of each entry.
        values: (entries).
        size: rows and columns.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(begin.int(), index.int(), values, size, check_invariants=False)


def times(matrix: Tensor, vectors: Tensor) -> Tensor:
    """(B, rows) the matrix times each of the vectors (B, columns)."""
    if len(vectors) == 1:  # half the time of a product with a matrix of one column
        return (matrix @ vectors[0])[None]
    return (matrix @ vectors.T.contiguous()).T.contiguous()
