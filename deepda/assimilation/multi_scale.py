"""The covariance of samples that are split into scales, each scale localised by a radius of its own.

    B = sum_j D (E_j E_j' o rho_j) D

E_j are the samples of band j, what lies between two widths of a smoother, the widest band first; rho_j
is the localisation of its radius. Long correlations are kept where they are of large scale, and the
noise of few samples is cut short where it is of small scale: the scale-dependent localisation of Buehner
and Shlyaeva (2015, Tellus A 67, 28027) without covariances between the bands, as in the dual
localisation of Miyoshi and Kondo (2013, SOLA 9, 170-173). D gives each cell the variance that its
samples have unsplit, which what is left out between the bands would change. Positive semidefinite, as
a sum of matrices that are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deepda.assimilation.covariance_sum import CovarianceSum
from deepda.assimilation.localisation import CovarianceError, Localisation, Reach
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.assimilation.samples import Samples
from deepda.geometry.grid import Grid

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scales:
    """Where samples are split, and how each band is localised.

    Attributes:
        widths_km: of the smoother, widest first: radius from which on a place does not count.
        radii_km: of localisation, one for each band: one more than there are widths, widest band first.
    """

    widths_km: tuple[float, ...]
    radii_km: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.radii_km) != len(self.widths_km) + 1:
            raise CovarianceError(
                f"{len(self.radii_km)} radii found for {len(self.widths_km)} widths of the smoother, "
                "expected one more: that of what the narrowest width leaves; give a radius for each band"
            )
        if list(self.widths_km) != sorted(self.widths_km, reverse=True):
            raise CovarianceError(
                f"widths_km are {list(self.widths_km)}, expected the widest first; sort them"
            )

    def within(self, reach: Reach) -> Scales:
        """The same bands with radii in the same ratios, whose geometric mean is that of a reach.

        One radius for all bands would leave nothing of the scales but the covariances between them,
        which are lacking.
        """
        logs = np.log(self.radii_km)
        radii = reach.radius_km * np.exp(logs - logs.mean())
        return replace(self, radii_km=tuple(map(float, radii)))


def multi_scale_covariance(
    samples: Samples, grid: Grid, scales: Scales, depth_scale_m: float
) -> CovarianceSum:
    """The covariance of samples on a grid, split and localised.

    Args:
        depth_scale_m: of all bands, see `Localisation.of`.

    Raises:
        CovarianceError: see `Localisation.of`.
    """
    bands = bands_of(samples.departures().numpy(), grid, scales.widths_km)
    summed = np.sum([np.square(band).sum(axis=1) for band in bands], axis=0)
    kept = np.sqrt(samples.variance().numpy() / np.where(summed > 0, summed, 1))[:, None]
    parts = [
        SampleCovariance(
            Samples.of_departures(kept * band), Localisation.of(grid, radius, depth_scale_m)
        )
        for band, radius in zip(bands, scales.radii_km, strict=True)
    ]
    return CovarianceSum(parts)


def bands_of(values: Floats, grid: Grid, widths_km: Sequence[float]) -> list[Floats]:
    """Fields split into bands, the widest first; the bands add up to the fields.

    Args:
        values: (n, K) at the water cells of the grid.
    """
    smooth = [_smoothed(values, grid, width) for width in widths_km]
    wider = [np.zeros_like(values), *smooth]
    return [here - before for here, before in zip([*smooth, values], wider, strict=True)]


def _smoothed(values: Floats, grid: Grid, width_km: float) -> Floats:
    """Means of (n, K) over the water around each cell, layer by layer, weighted by volume and nearness.

    The weight of a place is the overlap of the kernels of `Localisation`, zero from the width on.
    """
    localisation = Localisation.of(grid, width_km, 1.0)
    kernels, volume = localisation.kernels(), grid.volume.ravel()[localisation.cells]
    layer, column = localisation.layer.numpy(), localisation.column.numpy()
    smooth = np.empty_like(values)
    for level in np.unique(layer):
        own = np.flatnonzero(layer == level)
        near, water = kernels[column[own]], volume[own, None]
        total = near @ (near.T @ (water * values[own]))
        smooth[own] = total / (near @ (near.T @ water))
    return smooth
