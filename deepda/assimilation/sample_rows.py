"""Rows of a localised sample covariance, and how they meet at the nodes of its localisation.

A product has two halves. Towards the nodes, a column sums its cells times their samples for each
vertical mode, and spreads the sums over the nodes near it; from the nodes it goes back by the
transpose. Columns are worked on in blocks whose sums stay in the cache; the samples of a block are read
once for all members of a batch.

Shape suffixes: B batch, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

import torch
from torch import Tensor

IN_CACHE = 2**20  # elements of the sums of the columns of a block


@dataclass(frozen=True, eq=False)
class Factor:
    """The sparse factor of a localisation, as tensors; see `deepda.assimilation.localisation`.

    Attributes:
        node, weight: (C, k) of the water columns.
        vertical: (L, P).
        nodes: how many there are.
    """

    node: Tensor
    weight: Tensor
    vertical: Tensor
    nodes: int


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of the covariance, ready for products.

    Attributes:
        cells: (m) flat index in the grid.
        scale: (m) of the samples.
        blocks: of whole columns, in the order of the cells.
    """

    cells: Tensor
    scale: Tensor
    blocks: list[Block]

    @classmethod
    def of(
        cls, cells: Tensor, codes: Tensor, scale: Tensor, column: Tensor, layer: Tensor, factor: Factor
    ) -> Rows:
        """The rows of some cells, column by column.

        Args:
            cells: (m) flat index in the grid.
            codes, scale: (m, K) and (m), see `Samples`; codes of any type.
            column, layer: (m) of each cell, columns not decreasing.
            factor: of the localisation.
        """
        first = torch.nonzero(torch.diff(column, prepend=column.new_tensor([-1]))).flatten()
        columns = max(IN_CACHE // (factor.vertical.shape[1] * codes.shape[1]), 1)
        starts = first[::columns].tolist()
        parts = [slice(*bounds) for bounds in pairwise([*starts, len(column)])]
        blocks = [Block.of(codes[part], column[part], layer[part], factor) for part in parts]
        return cls(cells, scale, blocks)

    def to_nodes(self, field_BLYX: Tensor) -> Tensor:
        """(B, node, mode x sample) sums of the field at these cells, over cells and then columns."""
        values = field_BLYX.flatten(1)[:, self.cells].to(self.scale) * self.scale
        sizes = [len(block.samples) for block in self.blocks]
        parts = zip(self.blocks, values.split(sizes, dim=1), strict=True)
        return reduce(torch.add, (block.to_nodes(part) for block, part in parts))

    def onto(self, field_BLYX: Tensor, at_nodes: Tensor) -> Tensor:
        """The field, with its values at these cells replaced by what the nodes hold for them."""
        values = torch.cat([block.from_nodes(at_nodes) for block in self.blocks], dim=1) * self.scale
        flat = field_BLYX.flatten(1).index_copy(1, self.cells, values.to(field_BLYX))
        return flat.view(field_BLYX.shape)


@dataclass(frozen=True, eq=False)
class Block:
    """The samples of some columns, and how they are summed to the nodes.

    Attributes:
        samples: (m, K) of the cells in units of their scale, int8 or floating.
        pattern: (column x mode, m) sparse, zero: which cells are summed.
        loading: (entry of the pattern) vertical factor.
        entries: (m, mode) the entries of each cell.
        horizontal: (column, node) sparse factor.
        transpose: of `horizontal`.
    """

    samples: Tensor
    pattern: Tensor
    loading: Tensor
    entries: Tensor
    horizontal: Tensor
    transpose: Tensor

    @classmethod
    def of(cls, samples: Tensor, column: Tensor, layer: Tensor, factor: Factor) -> Block:
        """The block of cells (m), given by column, not decreasing, and layer."""
        columns, count = torch.unique_consecutive(column, return_counts=True)
        modes, cells = factor.vertical.shape[1], len(column)
        mode, cell = _mode_by_mode(count, modes, cells)
        size = len(columns) * modes, cells
        begin = _begin(count.repeat_interleave(modes))
        pattern = _sparse(begin, cell, factor.weight.new_zeros(len(cell)), size)
        loading = factor.vertical[layer[cell], mode]
        entries = cell.argsort(stable=True).view(cells, modes)
        return cls(samples, pattern, loading, entries, *_horizontal(factor, columns))

    def to_nodes(self, field: Tensor) -> Tensor:
        """(B, node, mode x sample) of values (B, m)."""
        samples = self.samples.to(field.dtype)
        begin, cell, size = self.pattern.crow_indices(), self.pattern.col_indices(), self.pattern.shape
        found = []
        for values in field:
            sums = _sparse(begin, cell, self.loading * values[cell], size) @ samples
            found.append(self.transpose @ sums.view(len(self.horizontal), -1))
        return torch.stack(found)

    def from_nodes(self, at_nodes: Tensor) -> Tensor:
        """(B, m) the transpose of `to_nodes`."""
        samples = self.samples.to(at_nodes.dtype)
        found = []
        for values in at_nodes:
            sums = (self.horizontal @ values).view(self.pattern.shape[0], -1)
            products = torch.sparse.sampled_addmm(self.pattern, sums, samples.T, beta=0.0).values()
            found.append((self.loading * products)[self.entries].sum(1))
        return torch.stack(found)


def _mode_by_mode(count: Tensor, modes: int, cells: int) -> tuple[Tensor, Tensor]:
    """(entry) mode and cell: for each column its cells (so many as `count` has), once a mode."""
    repeated = count.repeat_interleave(modes)
    total = cells * modes
    mode = torch.arange(modes, device=count.device).repeat(len(count))
    mode = mode.repeat_interleave(repeated, output_size=total)
    shift = _begin(count)[:-1].repeat_interleave(modes) - _begin(repeated)[:-1]
    cell = torch.arange(total, device=count.device)
    return mode, cell + shift.repeat_interleave(repeated, output_size=total)


def _horizontal(localisation: Factor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """The horizontal factor (column, node) of some columns, and its transpose."""
    node, weight = localisation.node[columns], localisation.weight[columns]
    number, near = node.shape
    begin = torch.arange(0, number * near + 1, near, device=node.device)
    factor = _sparse(begin, node.flatten(), weight.flatten(), (number, localisation.nodes))
    order = node.flatten().argsort(stable=True)
    begin = _begin(torch.bincount(node.flatten(), minlength=localisation.nodes))
    back = _sparse(begin, order // near, weight.flatten()[order], (localisation.nodes, number))
    return factor, back


def _begin(count: Tensor) -> Tensor:
    """Where each of some parts begins, and where the last ends."""
    return torch.nn.functional.pad(count.cumsum(0), (1, 0))


def _sparse(begin: Tensor, index: Tensor, values: Tensor, size: tuple[int, ...]) -> Tensor:
    """A sparse matrix by rows, without torch's warning that these are new."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(begin.int(), index.int(), values, size, check_invariants=False)
