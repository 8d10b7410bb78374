"""The covariance of the factors between the observed cells of a window, for solves without gradients.

What `covariance.apply_covariance` makes of the whole grid, it makes of the water columns that hold an
observation, with products of matrices instead of Fourier transforms. Both give the same to rounding.

Blocks of its matrix, of cells beside each other, are known in closed form: the factors of two cells
times the correlation by latitudes and lag. Their inverses precondition the solver (block Jacobi).

Shape suffixes: B batch, K factor, V factor of one scale, L layer, Y latitude, X longitude, C observed
column, m observed cell, n block, b cell of a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepda.networks.covariance import Loading

BLOCK = 64  # cells: half the steps of single cells; with twice as many a tenth fewer
AT_ONCE = 64  # blocks that are made together, so that what is between stays in the cache
ROUNDING = 1e-3  # on the diagonal of a block whose covariance is of order one: it can be inverted


@dataclass(frozen=True, eq=False)
class Waves:
    """The correlation of one scale as T' M T: real waves along latitude circles, mixed by latitude.

    Attributes:
        basis: (wave, X) orthonormal rows T, cosines and then sines.
        matrix: (wave, Y, Y) of each row.
        by_lag: (Y, Y, X // 2 + 1) the correlation of two places by the columns between them.
    """

    basis: Tensor
    matrix: Tensor
    by_lag: Tensor

    @classmethod
    def of(cls, spectrum: Tensor, longitudes: int) -> Waves:
        """The correlation of a spectrum (wavenumber, Y, Y), see `SphericalCorrelation.spectrum`."""
        wave, lag = torch.arange(len(spectrum)), torch.arange(longitudes)
        angle = (2 * torch.pi / longitudes) * (wave[:, None] * lag % longitudes).double()
        paired = wave[(wave > 0) & (2 * wave < longitudes)]  # the others have no sine
        basis = torch.cat([torch.cos(angle), torch.sin(angle[paired])])
        basis = (basis / basis.norm(dim=1, keepdim=True)).to(spectrum)
        matrix = spectrum[torch.cat([wave, paired])]
        shares = basis[:, :1] * basis[:, : longitudes // 2 + 1]
        return cls(basis, matrix, torch.einsum("wl,wyz->yzl", shares, matrix).contiguous())

    def smooth(self, fields: Tensor) -> Tensor:
        """(Y, X, number) of fields, each times the correlation."""
        mixed = self.matrix @ (self.basis @ fields).transpose(0, 1)
        return self.basis.T @ mixed.transpose(0, 1)


class ObservedFactors:
    """Products of the factor covariance between observed cells, and blocks of its matrix.

    Args:
        waves: correlation of each scale.
        factors: (scale) how many factors each correlation serves.
        variance_BKYX: of the factors.
        cells: (m) flat (layer, lat, lon) index of the observed cells, ascending.
    """

    def __init__(
        self,
        loading: Loading,
        waves: list[Waves],
        factors: list[int],
        variance_BKYX: Tensor,
        cells: Tensor,
    ) -> None:
        self._waves, self._layers = waves, loading.shapes.shape[1]
        self._size = variance_BKYX.shape[2:]
        self._layer = cells // self._size.numel()
        self._places, self._column = torch.unique(cells % self._size.numel(), return_inverse=True)
        self._slot = self._column * self._layers + self._layer  # among all layers of the columns
        amplitude = variance_BKYX.flatten(2)[..., self._places].clamp(min=0).sqrt().permute(2, 0, 1)
        self._amplitudes_CBV = [part.contiguous() for part in amplitude.split(factors, dim=-1)]
        self._loadings = _by_scale(loading, factors, self._places)
        self._grids: dict[int, Tensor] = {}

    def within(self, values: Tensor) -> Tensor:
        """(B, m) the covariance times values (B, m)."""
        columns, batch = len(self._places), len(values)
        field = values.new_zeros(columns * self._layers, batch).index_copy_(0, self._slot, values.T)
        layers_CBL = field.view(columns, -1, batch).transpose(1, 2).contiguous()
        total = torch.zeros_like(layers_CBL)
        for waves, loading, amplitude in zip(
            self._waves, self._loadings, self._amplitudes_CBV, strict=True
        ):
            smoothed = self._smooth(waves, (layers_CBL @ loading) * amplitude)
            total += (smoothed * amplitude) @ loading.mT
        return total.transpose(1, 2).flatten(0, 1)[self._slot].T

    def _smooth(self, waves: Waves, factors_CBV: Tensor) -> Tensor:
        """(C, B, V) the factors of one scale times its correlation."""
        rows = factors_CBV.flatten(1)
        grid = self._grid(rows).index_copy_(0, self._places, rows)
        smoothed = waves.smooth(grid.unflatten(0, self._size)).flatten(0, 1)
        return smoothed[self._places].view_as(factors_CBV)

    def _grid(self, rows: Tensor) -> Tensor:
        """(Y x X, number) for rows (C, number): zero where no column is observed, so made only once."""
        if rows.shape[1] not in self._grids:
            self._grids[rows.shape[1]] = rows.new_zeros(self._size.numel(), rows.shape[1])
        return self._grids[rows.shape[1]]

    def blocks(self, cells: Tensor) -> Tensor:
        """(n, b, b) entries of the first member between the cells of each block (n, b), by number."""
        return torch.cat([self._blocks(some) for some in cells.split(AT_ONCE)])

    def _blocks(self, cells: Tensor) -> Tensor:
        column, layer = self._column[cells], self._layer[cells]
        row, lon = (part[column] for part in self._row_and_longitude())
        lag = (lon[..., None] - lon[:, None]).abs()
        lag = torch.minimum(lag, self._size[1] - lag)
        total = torch.zeros(())
        for waves, loading, amplitude in zip(
            self._waves, self._loadings, self._amplitudes_CBV, strict=True
        ):
            here = loading[layer] if loading.dim() == 2 else loading[column, layer]
            part = here * amplitude[column, 0]
            apart = waves.by_lag[row[..., None], row[:, None], lag]
            total = total + (part @ part.transpose(1, 2)) * apart
        return total

    def neighbours(self) -> Tensor:
        """(m) numbers of the cells, so that cells beside each other follow each other (Morton 1966).

        Along the curve of Morton through the columns, and downwards in each.
        """
        row, lon = self._row_and_longitude()
        curve = torch.zeros_like(row)
        for bit in range(max(self._size).bit_length()):
            curve += ((lon >> bit & 1) << 2 * bit) + ((row >> bit & 1) << 2 * bit + 1)
        return (curve[self._column] * self._layers + self._layer).argsort()

    def _row_and_longitude(self) -> tuple[Tensor, Tensor]:
        return self._places // self._size[1], self._places % self._size[1]


def _by_scale(loading: Loading, factors: list[int], places: Tensor) -> list[Tensor]:
    """Vertical shapes (L, V) of each scale that has them; patterns (C, L, V) of the columns."""
    placed = len(loading.patterns)
    shapes = loading.shapes.T.split(factors[:-1] if placed else factors, dim=-1)
    patterns = loading.patterns.flatten(2)[..., places].permute(2, 1, 0)
    return [part.contiguous() for part in [*shapes, *([patterns] if placed else [])]]


class BlockJacobi:
    """A preconditioner: inverted blocks of diag(weight) F diag(weight) + diag(added).

    It is made of the variances of the first member and serves all: a solution depends on it by no more
    than the solver's tolerance leaves.

    Args:
        factors: with the covariance F.
        weight: (m) so that the diagonal of the first product is of order one.
        added: (m).
    """

    def __init__(self, factors: ObservedFactors, weight: Tensor, added: Tensor) -> None:
        order = factors.neighbours()
        self._order, self._missing = order, -len(order) % BLOCK
        # The last block is filled up with its first cell, without weight.
        cells = torch.cat([order, order[-1:].expand(self._missing)]).view(-1, BLOCK)
        counted = (torch.arange(cells.numel()) < len(order)).view_as(cells)
        weight = weight[cells] * counted
        blocks = factors.blocks(cells).mul_(weight[..., None]).mul_(weight[:, None])
        blocks.diagonal(dim1=1, dim2=2).add_(added[cells].where(counted, 1.0) + ROUNDING)
        self._inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(blocks).L)

    def __call__(self, values: Tensor) -> Tensor:
        """(B, m) of values (B, m)."""
        ordered = torch.nn.functional.pad(values[:, self._order], (0, self._missing))
        blocks = ordered.unflatten(1, (-1, BLOCK)).transpose(0, 1) @ self._inverse
        solved = blocks.transpose(0, 1).flatten(1)[:, : len(self._order)]
        return torch.empty_like(values).index_copy_(1, self._order, solved)
