"""The localised sample covariance as a sparse matrix, for grids on which it fits into memory.

It is the covariance of `deepda.assimilation.sample_operator`, entry by entry. A product with it costs
less, and what belongs to the observed cells of a window is cut out of it once for all steps of a solve;
but it grows with the square of the cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from deepda.assimilation.localisation import Localisation
from deepda.assimilation.samples import Samples
from deepda.assimilation.sparse import by_rows, times

COLUMNS = 8  # water columns whose rows are made together: neighbours are near the same cells


class SampleMatrix:
    """The covariance of all water cells, on the CPU.

    Rows stand column by column, downwards: those of a water column share their neighbours.

    Attributes:
        matrix: (n, n) sparse by rows.
    """

    def __init__(self, samples: Samples, localisation: Localisation) -> None:
        self._cell = torch.from_numpy(np.lexsort((localisation.layer, localisation.column)))
        self._row = self._cell.argsort()
        values = samples.departures()[self._cell]
        rows = _matrix(values.numpy(), localisation.part(self._cell))
        self.matrix, self._bands = _as_tensor(rows), list(_bands(rows))

    def product(self, values: Tensor) -> Tensor:
        """(B, n) of values (B, n)."""
        return times(self.matrix, values[:, self._cell])[:, self._row]

    def observed(self, cells: Tensor) -> ObservedPart:
        """What belongs to some cells, given by ascending numbers (m)."""
        rows, order = self._row[cells].sort()
        return ObservedPart(self, cells, order, _as_tensor(_cut(self._bands, rows.numpy())))


@dataclass(frozen=True, eq=False)
class ObservedPart:
    """The covariance of observed cells with each other and with all.

    Attributes:
        whole: the covariance of all cells.
        cells: (m) number of each observed cell.
        order: (m) which of them each row of the part is.
        part: (m, m) sparse, in the order of the whole matrix.
    """

    whole: SampleMatrix
    cells: Tensor
    order: Tensor
    part: Tensor

    def within(self, values: Tensor) -> Tensor:
        """(B, m) of values (B, m)."""
        product = times(self.part, values[:, self.order])
        return torch.empty_like(product).index_copy(1, self.order, product)

    def everywhere(self, values: Tensor) -> Tensor:
        """(B, n) of values (B, m)."""
        field = values.new_zeros(len(values), len(self.whole.matrix))
        return self.whole.product(field.index_copy(1, self.cells, values))

    def from_everywhere(self, values: Tensor) -> Tensor:
        """(B, m) of values (B, n): the transpose of `everywhere`."""
        return self.whole.product(values)[:, self.cells]


class Band(NamedTuple):
    """Rows of a matrix that have the same indices: mostly those of a water column.

    Attributes:
        first, end: their numbers, without the end.
        indices: (k) of the columns.
        values: (row, k).
    """

    first: int
    end: int
    indices: NDArray[np.int32]
    values: NDArray[np.floating]


def _bands(matrix: sparse.csr_array) -> Iterator[Band]:
    """All rows, as many together as have the same indices."""
    begin, first = matrix.indptr, 0
    indices = matrix.indices[: begin[1]]
    for row in range(1, matrix.shape[0] + 1):
        following = matrix.indices[begin[row] : begin[row + 1]] if row < matrix.shape[0] else None
        if following is None or not np.array_equal(following, indices):
            values = matrix.data[begin[first] : begin[row]].reshape(row - first, -1)
            yield Band(first, row, indices, values)
            first, indices = row, following


def _cut(bands: Sequence[Band], rows: NDArray[np.intp]) -> sparse.csr_array:
    """(m, m) the rows and columns with these ascending numbers."""
    number = np.full(bands[-1].end, -1, np.int32)
    number[rows] = np.arange(len(rows))
    of_band = np.split(rows, np.searchsorted(rows, [band.end for band in bands[:-1]]))
    parts, width = [], []
    for band, own in zip(bands, of_band, strict=True):
        if len(own):
            column = number[band.indices]
            kept = np.flatnonzero(column >= 0)
            parts.append((band.values, own - band.first, kept, column[kept]))
            width += [len(kept)] * len(own)
    begin = np.append(0, np.cumsum(width)).astype(np.int32)
    data, indices = np.empty(begin[-1], bands[0].values.dtype), np.empty(begin[-1], np.int32)
    last = 0
    for values, own, kept, column in parts:
        last, entries = last + len(own) * len(kept), slice(last, last + len(own) * len(kept))
        block = values if len(own) == len(values) else values[own]
        np.take(block, kept, axis=1, out=data[entries].reshape(-1, len(kept)), mode="clip")
        indices[entries].reshape(-1, len(kept))[...] = column
    return sparse.csr_array((data, indices, begin), shape=(len(rows), len(rows)))


def _matrix(values: NDArray[np.floating], localisation: Localisation) -> sparse.csr_array:
    """Products of samples (n, K), cells column by column, times the localisation."""
    column, layer = localisation.column.numpy(), localisation.layer.numpy()
    horizontal, vertical = localisation.horizontal(), localisation.vertical.numpy()
    begin = np.append(0, np.cumsum(_entries(horizontal, vertical, column, layer)))
    data, indices = np.empty(begin[-1], values.dtype), np.empty(begin[-1], np.int32)
    for own, taper in _tapers(horizontal, column):
        near = np.flatnonzero(np.any(taper, axis=0)[column])
        beside = taper[column[own] - column[own.start]][:, column[near]]
        below = vertical[layer[own]][:, layer[near]]
        kept = (beside > 0) & (below > 0)
        entries = slice(begin[own.start], begin[own.stop])
        data[entries] = ((values[own] @ values[near].T) * beside * below)[kept]
        indices[entries] = np.broadcast_to(near, kept.shape)[kept]
    return sparse.csr_array((data, indices, begin.astype(np.int32)), shape=(len(column), len(column)))


def _tapers(
    horizontal: sparse.csr_array, column: NDArray[np.intp]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """(cells of some columns, correlation of these columns with all columns (c, C))."""
    first = np.searchsorted(column, np.arange(horizontal.shape[0] + 1))
    for start in range(0, horizontal.shape[0], COLUMNS):
        stop = min(start + COLUMNS, horizontal.shape[0])
        yield slice(first[start], first[stop]), horizontal[start:stop].toarray()


def _entries(
    horizontal: sparse.csr_array,
    vertical: NDArray[np.float32],
    column: NDArray[np.intp],
    layer: NDArray[np.intp],
) -> NDArray[np.intp]:
    """(n) how many cells each cell is correlated with."""
    wet = np.zeros((horizontal.shape[0], len(vertical)), np.intp)
    wet[column, layer] = 1
    near = horizontal.astype(bool).astype(np.intp) @ wet
    return np.asarray((near @ (vertical > 0))[column, layer])


def _as_tensor(matrix: sparse.csr_array) -> Tensor:
    begin, index, values = map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data))
    return by_rows(begin, index, values, matrix.shape)
