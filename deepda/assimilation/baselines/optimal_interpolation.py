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
from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.local_covariance import Floats, LocalCovariance, observed_alike
from deepda.geometry.grid import Grid

MOST_ITERATIONS = 200  # of the solver; some 20 are usual
TOLERANCE = 1e-3  # of the solver, relative to the right-hand side
TINY = np.float32(1e-30)  # keeps a column without misfit from dividing by zero


@dataclass(frozen=True, eq=False)
class OptimalInterpolation:
    """The classical baseline. Runs on the CPU wherever its input lies, and has no gradients.

    The gain never reads the spread, which is static: in the analysis the measured `error_stddev` where
    the background is not better known already, in the forecast relaxing to climatology as damped
    persistence does.

    Attributes:
        ocean: (L, Y, X) bool, true where there is water.
        covariance: of the anomalies of the control simulation.
        inflation: (A, L) factor on the background covariance, as sqrt(inflation) of both layers.
        damping: (L) anomaly kept from window to window, 0 to 1.
        error_stddev: (L, Y, X) standard deviation of the analysis error, zero on land.
    """

    ocean: Tensor
    covariance: LocalCovariance
    inflation: Tensor
    damping: Tensor
    error_stddev: Tensor

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
            grid, radius_km, depth_scale_m: see `LocalCovariance.fit`.
            inflation: factor on the covariance, the same for all layers.

        Raises:
            CovarianceError: see `LocalCovariance.fit`.
        """
        series = np.asarray(anomalies)
        ocean = torch.from_numpy(grid.ocean)
        return cls(
            ocean=ocean,
            covariance=LocalCovariance.fit(series, grid, radius_km, depth_scale_m),
            inflation=torch.full((1, grid.shape[0]), float(inflation)),
            damping=torch.from_numpy(autocorrelation(series, grid.ocean)),
            error_stddev=ocean.to(torch.float32) * inflation**0.5,
        )

    def with_inflation(self, inflation: Tensor) -> OptimalInterpolation:
        """The same with other factors (A, L) or (A, 1), A of the batch or one for all its members."""
        return replace(self, inflation=inflation.expand(-1, self.ocean.shape[0]))

    def first_guess(self, batch: int) -> StateEstimate:
        """Climatology with its spread."""
        return climatology_estimate(self.ocean, batch)

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """Damped persistence; the variance relaxes to that of climatology, one."""
        damping = self.damping.to(analysis.mean)[:, None, None]
        variance = (damping * analysis.spread).square() + (1 - damping.square())
        spread = variance.sqrt().where(self.ocean.to(variance.device), 0.0)
        return StateEstimate(damping * analysis.mean, spread, analysis.memory)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """The best linear analysis for the static covariance.

        Observations of batch 1 serve all members of the background.
        """
        precision = self._water(observations.precision.expand_as(background.mean))
        value = self._water(observations.value.expand_as(background.mean))
        misfit = np.where(precision > 0, value - self._water(background.mean), 0)
        increment = np.zeros_like(precision)
        for members, cells in observed_alike(precision > 0):
            at = np.ix_(members, cells)
            increment[members] = self._increment(members, cells, misfit[at], precision[at])
        seen = torch.from_numpy((precision > 0).any(axis=1)).to(background.spread.device)
        known = torch.minimum(background.spread, self.error_stddev.to(background.spread))
        return StateEstimate(
            mean=background.mean + self._fields(increment, background.mean),
            spread=torch.where(seen[:, None, None, None], known, background.spread),
            memory=background.memory,
        )

    def _increment(
        self, members: NDArray[np.intp], cells: NDArray[np.intp], misfit: Floats, precision: Floats
    ) -> Floats:
        """(member, n) increments from misfit and precision (member, cell) at the same cells."""
        rows = self.covariance.matrix[cells]
        between = rows[:, cells]
        amplitude = self._amplitude[members if len(self._amplitude) > 1 else [0]]
        root = np.sqrt(precision)
        scale = amplitude[:, cells] * root

        def operator(weights: Tensor) -> Tensor:
            product = between @ (scale * weights.numpy()).T
            return weights + torch.from_numpy(scale * product.T)

        right = torch.from_numpy(root * misfit)
        weights = conjugate_gradients(operator, right, MOST_ITERATIONS, TOLERANCE).numpy()
        increment: Floats = amplitude * (rows.T @ (scale * weights).T).T
        return increment

    @cached_property
    def _amplitude(self) -> Floats:
        """(A, n) square root of the inflation at the water cells."""
        layer = self.covariance.cells // (self.ocean.shape[1] * self.ocean.shape[2])
        return self.inflation.sqrt().numpy().astype(np.float32)[:, layer]

    def _water(self, field_BLYX: Tensor) -> Floats:
        """(B, n) values in water."""
        flat = field_BLYX.detach().flatten(1).cpu().numpy()
        return flat[:, self.covariance.cells].astype(np.float32)

    def _fields(self, water_Bn: Floats, like: Tensor) -> Tensor:
        flat = np.zeros((water_Bn.shape[0], self.ocean.numel()), np.float32)
        flat[:, self.covariance.cells] = water_Bn
        return torch.from_numpy(flat).reshape(-1, *self.ocean.shape).to(like)


def autocorrelation(anomalies: NDArray[np.float32], ocean: NDArray[np.bool_]) -> Floats:
    """(L) least-squares damping of the anomalies (time, L, Y, X) from window to window, 0 to 1."""
    covariance, variance = np.zeros((2, anomalies.shape[1]))
    for before, after in pairwise(anomalies):
        before = np.where(ocean, before, 0)
        covariance += np.einsum("lyx,lyx->l", before, np.where(ocean, after, 0))
        variance += np.einsum("lyx,lyx->l", before, before)
    damping = (covariance / np.maximum(variance, TINY)).clip(0.0, 1.0)
    return np.asarray(damping, np.float32)
