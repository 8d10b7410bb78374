"""The variance that a baseline carries in each cell: grown by the forecast, shrunk by observations.

Units of the climatological variance; shape suffixes: B batch, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepda.assimilation.localisation import Localisation
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.assimilation.samples import Samples
from deepda.geometry.grid import Grid

# By the likelihood of sampled background errors of the embedded ocean, docs/ablation.md.
RADIUS_KM, DEPTH_M = 1500.0, 300.0  # within which observations of other cells count
SHARE = 0.25  # of their information, which overlaps


@dataclass(frozen=True, eq=False)
class CarriedVariance:
    """How the variance of the error changes; observed values are not read, only their precisions.

    Attributes:
        surroundings: how much of the information on one cell counts for another.
    """

    surroundings: SampleCovariance

    @classmethod
    def on(cls, grid: Grid) -> CarriedVariance:
        """The law on a grid."""
        localisation = Localisation.of(grid, RADIUS_KM, DEPTH_M)
        cells = len(localisation.cells)
        same = Samples(torch.ones(cells, 1, dtype=torch.int8), torch.ones(cells))
        return cls(SampleCovariance(same, localisation))

    def to(self, device: torch.device) -> CarriedVariance:
        """The same, moved to another device."""
        return CarriedVariance(self.surroundings.to(device))

    def update(self, variance: Tensor, precision: Tensor) -> Tensor:
        """(B, L, Y, X) variance after a window: v / (1 + v (p + SHARE I)).

        p is the precision of the cell's own observations, exact for a cell by itself. I sums those of
        the surroundings, less by their distance, each as far as it is seen through the error of its own
        cell: p / (1 + p v).

        Args:
            variance: (B, L, Y, X) before.
            precision: (B, L, Y, X) of the observations, zero where there is none.
        """
        visible = precision / (1 + precision * variance)
        others = (self.surroundings.product(visible) - visible).clamp(min=0)
        return variance / (1 + variance * (precision + SHARE * others))
