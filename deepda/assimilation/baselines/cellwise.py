"""The cheap baselines: an observation changes its own cell only.

Units of the climatological standard deviation; shape suffixes as in `deepda.assimilation.cycle`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate


def climatology_estimate(ocean_LYX: Tensor, batch: int) -> StateEstimate:
    """What is known without any observation: anomaly zero, spread one; zero on land."""
    spread = ocean_LYX.to(torch.float32).expand(batch, -1, -1, -1)
    return StateEstimate(
        torch.zeros_like(spread), spread, spread.new_zeros(batch, 0, *spread.shape[-2:])
    )


@dataclass(frozen=True, eq=False)
class _Cellwise:
    """A baseline that begins from climatology.

    Attributes:
        ocean: (L, Y, X) bool, true where there is water.
    """

    ocean: Tensor

    def first_guess(self, batch: int) -> StateEstimate:
        """Anomaly zero with the climatological spread."""
        return climatology_estimate(self.ocean, batch)


class Climatology(_Cellwise):
    """The seasonal cycle of the control simulation, whatever was observed."""

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """Anomaly zero again."""
        spread = _wet(self.ocean, analysis.spread)
        return StateEstimate(torch.zeros_like(analysis.mean), spread, analysis.memory)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """The background: observations are not used."""
        return background


class Persistence(_Cellwise):
    """What was last seen in a cell stays there.

    The forecast is the previous analysis, undamped. The analysis inserts an observation in its own
    cell only, by its error variance R against the climatological variance 1: the weight is
    1 / (1 + R), so that an exact value replaces the background and a poor one hardly counts.
    That is optimal interpolation without any correlation; its spread is sqrt(R / (1 + R)) where
    something was seen and climatological in each forecast.
    """

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """The previous analysis with the climatological spread, as its weights assume."""
        return StateEstimate(analysis.mean, _wet(self.ocean, analysis.spread), analysis.memory)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """Direct insertion, weighted by the precision of the observation."""
        precision = observations.precision.where(self.ocean, 0.0)
        weight = precision / (1.0 + precision)
        misfit = (observations.value - background.mean).where(precision > 0, 0.0)
        return StateEstimate(
            mean=background.mean + weight * misfit,
            spread=background.spread * (1.0 - weight).sqrt(),
            memory=background.memory,
        )


def _wet(ocean_LYX: Tensor, like: Tensor) -> Tensor:
    return ocean_LYX.to(like.dtype).expand_as(like)
