"""Sums of localised sample covariances of the same cells, each localised by a reach of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepda.assimilation.localisation import Reach
from deepda.assimilation.sample_covariance import Form, Observed, ObservedCovariance, SampleCovariance
from deepda.geometry.grid import Grid


@dataclass(frozen=True, eq=False)
class CovarianceSum:
    """The sum of some covariances; positive semidefinite, as they are.

    Attributes:
        parts: of the same cells.
    """

    parts: Sequence[SampleCovariance]

    @property
    def cells(self) -> Tensor:
        """(n) flat (depth, lat, lon) index of the water cells, ascending."""
        return self.parts[0].cells

    @property
    def dtype(self) -> torch.dtype:
        """Of the products."""
        return self.parts[0].dtype

    @property
    def form(self) -> Form:
        """The products of all parts, added."""
        return _Sum([part.form for part in self.parts])

    def to(self, device: torch.device) -> CovarianceSum:
        """The same, moved to another device."""
        return CovarianceSum([part.to(device) for part in self.parts])

    def localised(self, grid: Grid, reach: Reach) -> CovarianceSum:
        """The sum with this reach of each part."""
        return CovarianceSum([part.localised(grid, reach) for part in self.parts])

    def times(self, factor: float) -> CovarianceSum:
        """The sum multiplied by a factor."""
        return CovarianceSum([times(part, factor) for part in self.parts])

    def variance(self, shape: torch.Size) -> Tensor:
        """The diagonal on a grid of `shape` (L, Y, X); one on land."""
        field = torch.ones(shape.numel(), dtype=self.dtype, device=self.cells.device)
        total = torch.stack([part.samples.variance() for part in self.parts]).sum(0)
        return field.index_put((self.cells,), total).view(shape)

    def between(self, seen_BLYX: Tensor) -> ObservedCovariance:
        """The same covariance, for fields that vanish where nothing is seen."""
        return ObservedCovariance(self, seen_BLYX)


def times(covariance: SampleCovariance, factor: float) -> SampleCovariance:
    """A covariance multiplied by a factor."""
    samples = covariance.samples
    scaled = replace(samples, scale=samples.scale * factor**0.5)
    return SampleCovariance(scaled, covariance.localisation)


@dataclass(frozen=True, eq=False)
class _Sum:
    """Products of several covariances of the same cells, added."""

    parts: Sequence[Form]

    def product(self, values: Tensor) -> Tensor:
        return torch.stack([part.product(values) for part in self.parts]).sum(0)

    def observed(self, cells: Tensor) -> Observed:
        return _ObservedSum([part.observed(cells) for part in self.parts])


@dataclass(frozen=True, eq=False)
class _ObservedSum:
    """The same for observed cells."""

    parts: Sequence[Observed]

    def within(self, values: Tensor) -> Tensor:
        return torch.stack([part.within(values) for part in self.parts]).sum(0)

    def everywhere(self, values: Tensor) -> Tensor:
        return torch.stack([part.everywhere(values) for part in self.parts]).sum(0)

    def from_everywhere(self, values: Tensor) -> Tensor:
        return torch.stack([part.from_everywhere(values) for part in self.parts]).sum(0)
