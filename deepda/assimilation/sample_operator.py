"""The localised sample covariance as an operator on its samples, of which no matrix is made.

    B v = sum_k e_k o rho (e_k o v),    rho = H H' between columns, times g between layers

A product has two halves. Towards the nodes, the cells of a layer times their samples are summed around
each node, and the layers are correlated there; from the nodes it goes back by the transpose. The
samples of a block of rows are read once for all members of a batch. Work and memory grow linearly
with the cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial, reduce

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from deepda.assimilation.localisation import Localisation
from deepda.assimilation.samples import Samples
from deepda.assimilation.sparse import by_rows

AT_ONCE = 2**16  # cells of a block, whose codes are made floating together


class SampleOperator:
    """The covariance of all water cells."""

    def __init__(self, samples: Samples, localisation: Localisation) -> None:
        self._samples, self._localisation = samples, localisation
        self._whole = Rows.of(samples.codes, samples.scale, localisation)

    def product(self, values: Tensor) -> Tensor:
        """(B, n) of values (B, n)."""
        return self._whole.from_nodes(self._whole.to_nodes(values))

    def observed(self, cells: Tensor) -> ObservedRows:
        """Copies of the rows of some cells, given by ascending numbers (m)."""
        codes = self._samples.codes[cells].to(self._samples.scale)
        own = Rows.of(codes, self._samples.scale[cells], self._localisation.part(cells))
        return ObservedRows(self._whole, own)


@dataclass(frozen=True, eq=False)
class ObservedRows:
    """The covariance of observed cells with each other and with all."""

    whole: Rows
    own: Rows

    def within(self, values: Tensor) -> Tensor:
        """(B, m) of values (B, m)."""
        return self.own.from_nodes(self.own.to_nodes(values))

    def everywhere(self, values: Tensor) -> Tensor:
        """(B, n) of values (B, m)."""
        return self.whole.from_nodes(self.own.to_nodes(values))

    def from_everywhere(self, values: Tensor) -> Tensor:
        """(B, m) of values (B, n): the transpose of `everywhere`."""
        return self.own.from_nodes(self.whole.to_nodes(values))


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of the covariance, ready for products.

    Attributes:
        scale: (m) of the samples.
        blocks: of the cells, in their order; a single one where samples are floating.
        vertical: (L, L) correlation of the layers.
    """

    scale: Tensor
    blocks: list[Block]
    vertical: Tensor

    @classmethod
    def of(cls, codes: Tensor, scale: Tensor, localisation: Localisation) -> Rows:
        """The rows of some cells.

        Args:
            codes, scale: (m, K) and (m), see `Samples`; codes of any type.
        """
        cells = torch.arange(len(scale), device=scale.device)
        size = max(len(codes), 1) if codes.is_floating_point() else AT_ONCE
        parts = zip(codes.split(size), cells.split(size), strict=True)
        blocks = [Block.of(part, localisation.part(some)) for part, some in parts]
        return cls(scale, blocks, localisation.vertical)

    def to_nodes(self, values: Tensor) -> Tensor:
        """(B, node x layer, sample) sums of values (B, m) around the nodes, their layers correlated."""
        sizes = [len(block.samples) for block in self.blocks]
        parts = iter((values * self.scale).split(sizes, dim=1))
        found = (block.to_nodes(samples, next(parts)) for block, samples in self._floating())
        sums = reduce(Tensor.add_, found)
        layered = sums.view(-1, len(self.vertical), sums.shape[-1])
        return (self.vertical @ layered).view(sums.shape)

    def from_nodes(self, at_nodes: Tensor) -> Tensor:
        """(B, m) what the nodes hold for these cells."""
        found = [block.from_nodes(samples, at_nodes) for block, samples in self._floating()]
        return torch.cat(found, dim=1) * self.scale

    def _floating(self) -> Iterator[tuple[Block, Tensor]]:
        """Each block and its samples as floating numbers, in the same memory as those before."""
        first, kind = self.blocks[0].samples, self.scale.dtype
        memory = None if first.is_floating_point() else torch.empty_like(first, dtype=kind)
        for block in self.blocks:
            samples = block.samples
            yield block, samples if memory is None else memory[: len(samples)].copy_(samples)


@dataclass(frozen=True, eq=False)
class Block:
    """The samples of some cells, and the nodes that each of them meets.

    Attributes:
        samples: (m, K) in units of their scale, int8 or floating.
        pattern: (m, node x layer) sparse, zero: where each cell counts.
        number: (m) of nodes of each cell.
        weight: (entry of the pattern) of its cell at its node.
        begin, cell, at_node: (node x layer + 1), (entry), (entry) the pattern by nodes: where the
            entries of each begin, their cells and their weights.
    """

    samples: Tensor
    pattern: Tensor
    number: Tensor
    weight: Tensor
    begin: Tensor
    cell: Tensor
    at_node: Tensor

    @classmethod
    def of(cls, samples: Tensor, localisation: Localisation) -> Block:
        """The block of some cells (m)."""
        column, layers = localisation.column, len(localisation.vertical)
        size = len(column), localisation.nodes * layers
        weight = localisation.weight[column]
        meets = weight > 0
        weight = weight[meets]
        place = (localisation.node[column] * layers + localisation.layer[:, None])[meets]
        number, order = meets.sum(1), place.argsort(stable=True)
        pattern = by_rows(_begin(number), place, weight.new_zeros(len(place)), size)
        cell = torch.nonzero(meets)[:, 0][order]
        begin = _begin(torch.bincount(place, minlength=size[1]))
        return cls(samples, pattern, number, weight, begin, cell, weight[order])

    def to_nodes(self, samples: Tensor, field: Tensor) -> Tensor:
        """(B, node x layer, sample) of values (B, m), with its samples as floating numbers (m, K)."""
        # Sums rows of the samples, twice as fast as a sparse product.
        rows = self.cell, samples, self.begin
        sums = partial(embedding_bag, *rows, mode="sum", include_last_offset=True)
        return torch.stack([sums(per_sample_weights=self.at_node * v[self.cell]) for v in field])

    def from_nodes(self, samples: Tensor, at_nodes: Tensor) -> Tensor:
        """(B, m) the transpose of `to_nodes`."""
        found = []
        for sums in at_nodes:
            products = torch.sparse.sampled_addmm(self.pattern, samples, sums.T, beta=0.0).values()
            found.append(torch.segment_reduce(self.weight * products, "sum", lengths=self.number))
        return torch.stack(found)


def _begin(count: Tensor) -> Tensor:
    """Where each of some parts begins, and where the last ends."""
    return torch.nn.functional.pad(count.cumsum(0), (1, 0))
