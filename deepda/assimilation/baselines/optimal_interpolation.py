"""Cycled optimal interpolation with a static, localised ensemble covariance.

The analysis of a background x with observations y of error covariance R (diagonal) at the cells H is

    x + B H' R^-1/2 w,    (I + R^-1/2 H B H' R^-1/2) w = R^-1/2 (y - H x),

solved by conjugate gradients (the dual form of Courtier 1997, J. Met. Soc. Japan 75, 449-461; static
ensemble: Evensen 2003, Ocean Dynamics 53, section 4). B is the localised covariance of the control
simulation times an inflation, below one since a background is better than climatology. With K the gain,
B H' R^-1/2 w = K (y - H x) exactly, up to the tolerance of the solver.

Units of the climatological standard deviation; shape suffixes as in `deepda.assimilation.cycle`, A is
B or 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.baselines.cellwise import climatology_estimate
from deepda.assimilation.conjugate_gradients import conjugate_gradients
from deepda.assimilation.covariance_sum import CovarianceSum
from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.localisation import Reach
from deepda.assimilation.sample_covariance import Observed, SampleCovariance, on_grid
from deepda.geometry.grid import Grid

Floats = NDArray[np.float32]
MOST_WINDOWS = 200  # samples; 183 and 2,190 of 30 years gave the same analysis error within 0.2 %
MOST_ITERATIONS = 200  # of the solver; some 20 are usual
TOLERANCE = 1e-3  # of the solver, relative to the right-hand side


@dataclass(frozen=True, eq=False)
class OptimalInterpolation:
    """The classical baseline; it has no gradients.

    The gain never reads the spread, which is static: in the analysis the measured `error_stddev` where
    the background is not better known already, in the forecast relaxing to climatology as damped
    persistence does.

    Attributes:
        ocean: (L, Y, X) bool, true where there is water.
        covariance: of the anomalies of the control simulation.
        inflation: (A, L) factor on the background covariance, as sqrt(inflation) of both layers.
        damping: (L) anomaly kept from window to window, 0 to 1.
        error_stddev: (L, Y, X) standard deviation of the analysis error, zero on land.
        tolerance: residual at which the solver stops, relative to the right-hand side.
    """

    ocean: Tensor
    covariance: SampleCovariance | CovarianceSum
    inflation: Tensor
    damping: Tensor
    error_stddev: Tensor
    tolerance: float

    @classmethod
    def fit(
        cls,
        anomalies: NDArray[np.float32] | Tensor,
        grid: Grid,
        radius_km: float,
        depth_scale_m: float,
        inflation: float,
    ) -> OptimalInterpolation:
        """Covariance and damping from training years; `error_stddev` as the inflation has it.

        Args:
            anomalies: (time, depth, lat, lon) standardised, consecutive windows.
            grid, radius_km, depth_scale_m: see `SampleCovariance.fit`.
            inflation: factor on the covariance, the same for all layers.

        Raises:
            CovarianceError: see `SampleCovariance.fit`.
        """
        series = np.asarray(anomalies)
        number = min(len(series), MOST_WINDOWS)
        chosen = np.linspace(0, len(series) - 1, number).round().astype(int)
        ocean = torch.from_numpy(grid.ocean)
        return cls(
            ocean=ocean,
            covariance=SampleCovariance.fit(series[chosen], grid, radius_km, depth_scale_m),
            inflation=torch.full((1, grid.shape[0]), float(inflation)),
            damping=torch.from_numpy(autocorrelation(series, grid.ocean)),
            error_stddev=ocean.to(torch.float32) * inflation**0.5,
            tolerance=TOLERANCE,
        )

    def with_inflation(self, inflation: Tensor) -> OptimalInterpolation:
        """The same with other factors (A, L) or (A, 1), A of the batch or one for all its members."""
        return replace(self, inflation=inflation.float().expand(-1, self.ocean.shape[0]))

    def localised(self, grid: Grid, reach: Reach) -> OptimalInterpolation:
        """The same with a covariance of this reach."""
        return replace(self, covariance=self.covariance.localised(grid, reach))

    def to(self, device: torch.device) -> OptimalInterpolation:
        """The same, moved to another device."""
        names = ("ocean", "covariance", "inflation", "damping", "error_stddev")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def first_guess(self, batch: int) -> StateEstimate:
        """Climatology with its spread."""
        return climatology_estimate(self.ocean, batch)

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """Damped persistence; the variance relaxes to that of climatology, one."""
        damping = self.damping[:, None, None]
        variance = (damping * analysis.spread).square() + (1 - damping.square())
        spread = variance.sqrt().where(self.ocean, 0.0)
        return StateEstimate(damping * analysis.mean, spread, analysis.memory)

    @torch.no_grad()
    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """The best linear analysis for the static covariance.

        Observations of batch 1 serve all members of the background.
        """
        precision = observations.precision * self.ocean
        seen = precision > 0
        misfit = torch.where(seen, observations.value - background.mean, 0.0)
        known = torch.minimum(background.spread, self.error_stddev)
        return StateEstimate(
            mean=background.mean + self._increment(misfit, precision),
            spread=torch.where(seen.any(dim=(1, 2, 3), keepdim=True), known, background.spread),
            memory=background.memory,
        )

    def _increment(self, misfit: Tensor, precision: Tensor) -> Tensor:
        """(B, L, Y, X) from misfits, and precisions of batch B or 1."""
        amplitude = self.inflation.sqrt()[..., None, None]
        scale = amplitude * precision.sqrt()
        weights, observed = torch.zeros_like(misfit), self.covariance.between(precision > 0)
        for members, cells, part in observed.groups:
            scale_at, misfit_at, root_at = (
                field.expand_as(misfit)[members].flatten(1)[:, cells]
                for field in (scale, misfit, precision.sqrt())
            )
            solution = self._solution(part, cells, scale_at, root_at * misfit_at)
            weights[members] = on_grid(scale_at * solution, cells, misfit[members])
        return amplitude * observed.everywhere(weights)

    def _solution(self, observed: Observed, cells: Tensor, scale: Tensor, right: Tensor) -> Tensor:
        """(B, m) of the system above at observed cells, which is scaled by its diagonal (Jacobi)."""
        variance = self.variance.flatten()[cells]
        equal = (1 + scale.square() * variance).rsqrt()

        def operator(values: Tensor) -> Tensor:
            image = scale * observed.within(scale * equal * values)
            return equal * (equal * values + image)

        return equal * conjugate_gradients(operator, equal * right, MOST_ITERATIONS, self.tolerance)

    @cached_property
    def variance(self) -> Tensor:
        """(L, Y, X) diagonal of the covariance, one on land."""
        return self.covariance.variance(self.ocean.shape)


def autocorrelation(anomalies: NDArray[np.float32], ocean: NDArray[np.bool_]) -> Floats:
    """(L) least-squares damping of the anomalies (time, L, Y, X) from window to window, 0 to 1."""
    covariance, variance = np.zeros((2, anomalies.shape[1]))
    for before, after in pairwise(anomalies):
        before = np.where(ocean, before, 0)
        covariance += np.einsum("lyx,lyx->l", before, np.where(ocean, after, 0))
        variance += np.einsum("lyx,lyx->l", before, before)
    damping = (covariance / np.where(variance > 0, variance, 1)).clip(0.0, 1.0)
    return np.asarray(damping, np.float32)
