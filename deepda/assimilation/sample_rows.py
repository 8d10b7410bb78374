"""Rows of a localised sample covariance, and how they meet at the nodes of its localisation.

A product has two halves. Towards the nodes, the cells of a layer times their samples are summed around
each node, and the layers are correlated there; from the nodes it goes back by the transpose. The
samples of a block of rows are read once for all members of a batch.

Shape suffixes: B batch, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

AT_ONCE = 2**16  # cells of a block; their samples are made floating together


@dataclass(frozen=True, eq=False)
class Kernels:
    """How columns meet at nodes; see `deepda.assimilation.localisation`.

    Attributes:
        node, weight: (C, k) of the water columns.
        vertical: (L, L) correlation of the layers.
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
        blocks: of the cells, in their order.
        vertical: (L, L) correlation of the layers.
    """

    cells: Tensor
    scale: Tensor
    blocks: list[Block]
    vertical: Tensor

    @classmethod
    def of(
        cls, cells: Tensor, codes: Tensor, scale: Tensor, column: Tensor, layer: Tensor, kernels: Kernels
    ) -> Rows:
        """The rows of some cells.

        Args:
            cells: (m) flat index in the grid.
            codes, scale: (m, K) and (m), see `Samples`; codes of any type.
            column, layer: (m) of each cell.
            kernels: of the localisation.
        """
        parts = zip(codes.split(AT_ONCE), column.split(AT_ONCE), layer.split(AT_ONCE), strict=True)
        blocks = [Block.of(*part, kernels) for part in parts]
        return cls(cells, scale, blocks, kernels.vertical)

    def to_nodes(self, field_BLYX: Tensor) -> Tensor:
        """(B, node x layer, sample) sums of the field around the nodes, their layers correlated."""
        values = field_BLYX.flatten(1)[:, self.cells].to(self.scale) * self.scale
        parts = zip(self.blocks, values.split(AT_ONCE, dim=1), strict=True)
        sums = reduce(torch.add, (block.to_nodes(part) for block, part in parts))
        layered = sums.view(-1, len(self.vertical), sums.shape[-1])
        return (self.vertical @ layered).view(sums.shape)

    def onto(self, field_BLYX: Tensor, at_nodes: Tensor) -> Tensor:
        """The field, with its values at these cells replaced by what the nodes hold for them."""
        values = torch.cat([block.from_nodes(at_nodes) for block in self.blocks], dim=1) * self.scale
        flat = field_BLYX.flatten(1).index_copy(1, self.cells, values.to(field_BLYX))
        return flat.view(field_BLYX.shape)


@dataclass(frozen=True, eq=False)
class Block:
    """The samples of some cells, and the nodes that each of them meets.

    Attributes:
        samples: (m, K) in units of their scale, int8 or floating.
        pattern: (m, node x layer) sparse, zero: where each cell counts.
        number: (m) of nodes of each cell.
        weight: (entry of the pattern) of its cell at its node.
        begin, cell, order: (node x layer + 1), (entry), (entry) the pattern by nodes: where the entries
            of each begin, and their cells and places in `weight`.
    """

    samples: Tensor
    pattern: Tensor
    number: Tensor
    weight: Tensor
    begin: Tensor
    cell: Tensor
    order: Tensor

    @classmethod
    def of(cls, samples: Tensor, column: Tensor, layer: Tensor, kernels: Kernels) -> Block:
        """The block of cells (m), given by column and layer."""
        size = len(column), kernels.nodes * len(kernels.vertical)
        weight = kernels.weight[column]
        meets = weight > 0
        place = (kernels.node[column] * len(kernels.vertical) + layer[:, None])[meets]
        number, order = meets.sum(1), place.argsort(stable=True)
        pattern = _sparse(_begin(number), place, weight.new_zeros(len(place)), size)
        cell = torch.nonzero(meets)[:, 0][order]
        begin = _begin(torch.bincount(place, minlength=size[1]))
        return cls(samples, pattern, number, weight[meets], begin, cell, order)

    def to_nodes(self, field: Tensor) -> Tensor:
        """(B, node x layer, sample) of values (B, m)."""
        samples, size = self.samples.to(field.dtype), (self.pattern.shape[1], self.pattern.shape[0])
        weight = self.weight[self.order]
        return torch.stack(
            [
                _sparse(self.begin, self.cell, weight * values[self.cell], size) @ samples
                for values in field
            ]
        )

    def from_nodes(self, at_nodes: Tensor) -> Tensor:
        """(B, m) the transpose of `to_nodes`."""
        samples, found = self.samples.to(at_nodes.dtype), []
        for sums in at_nodes:
            products = torch.sparse.sampled_addmm(self.pattern, samples, sums.T, beta=0.0).values()
            found.append(torch.segment_reduce(self.weight * products, "sum", lengths=self.number))
        return torch.stack(found)


def _begin(count: Tensor) -> Tensor:
    """Where each of some parts begins, and where the last ends."""
    return torch.nn.functional.pad(count.cumsum(0), (1, 0))


def _sparse(begin: Tensor, index: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    """A sparse matrix by rows, without torch's warning that these are new."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(begin.int(), index.int(), values, size, check_invariants=False)
