"""Optimal interpolation with a better forecast and a variance carried in each cell; no gradients.

With D the carried spread, C a covariance and a factor for each layer, the background-error covariance
is that of `OptimalInterpolation`, or D C D with C that of background errors over D. In it no cell has
more than the variance of climatology, as it would where errors were sampled over a small spread and the
spread has grown, for want of observations or at a cold start.

Units of the climatological standard deviation; shape suffixes as in `deepda.assimilation.cycle`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepda.assimilation.baselines import OptimalInterpolation
from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.training.background_errors import LEAST_SPREAD
from osse.twin.carried_variance import CarriedVariance
from osse.twin.forecasts import LinearForecast


@dataclass(frozen=True, eq=False)
class ForecastInterpolation:
    """A baseline with everything that needs no gradient training.

    The spread of a cell relaxes to climatology with the noise of the forecast, and shrinks by the
    observations in its surroundings. The memory is the analysis before the last.

    Attributes:
        interpolation: gain; its covariance is of errors over the carried spread if `carried`.
        law: by which observations shrink the spread.
        carried: whether the gain reads the carried spread.
    """

    interpolation: OptimalInterpolation
    model: LinearForecast
    law: CarriedVariance
    carried: bool

    @property
    def ocean(self) -> Tensor:
        """(L, Y, X) bool, true where there is water."""
        return self.interpolation.ocean

    def with_inflation(self, inflation: Tensor) -> ForecastInterpolation:
        """The same with other factors, see `OptimalInterpolation.with_inflation`."""
        return replace(self, interpolation=self.interpolation.with_inflation(inflation))

    def to(self, device: torch.device) -> ForecastInterpolation:
        """The same, moved to another device."""
        moved = self.interpolation.to(device), self.model.to(device), self.law.to(device)
        return ForecastInterpolation(*moved, self.carried)

    def first_guess(self, batch: int) -> StateEstimate:
        """Climatology with its spread."""
        estimate = self.interpolation.first_guess(batch)
        return replace(estimate, memory=estimate.mean)

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """The forecast of the mean; the variance keeps what the noise leaves."""
        noise = self.model.noise
        spread = ((1 - noise) * analysis.spread.square() + noise).sqrt().where(self.ocean, 0.0)
        return StateEstimate(self.model.advance(analysis.mean, analysis.memory), spread, analysis.mean)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """The linear analysis for the covariance."""
        scale = self._scale(background)
        scaled = StateEstimate(background.mean / scale, background.spread, background.memory)
        seen = replace(
            observations,
            value=observations.value / scale,
            precision=observations.precision * scale.square(),
        )
        mean = scale * self.interpolation.analyse(scaled, seen).mean
        precision = observations.precision * self.ocean
        variance = self.law.update(background.spread.square(), precision)
        return StateEstimate(mean, variance.sqrt(), background.memory)

    def _scale(self, background: StateEstimate) -> Tensor:
        """(B, L, Y, X) D, one on land and where the covariance is static."""
        if not self.carried:
            return torch.ones_like(background.mean)
        factor = self.interpolation.inflation[..., None, None]
        most = (factor * self.interpolation.variance).rsqrt()
        spread = torch.minimum(background.spread.clamp(min=LEAST_SPREAD), most)
        return torch.where(self.ocean, spread, 1.0)

    def modelled_spread(self, background: StateEstimate) -> Tensor:
        """(B, L, Y, X) the carried spread, which sampled errors are divided by."""
        return background.spread

    @contextmanager
    def training_accuracy(self) -> Iterator[None]:
        """Nothing to change: the solver keeps its tolerance."""
        yield


Interpolation = OptimalInterpolation | ForecastInterpolation
