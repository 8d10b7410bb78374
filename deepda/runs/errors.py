"""The errors of backgrounds, and factors on those of observations; how long anomalies last.

The background of a synthetic ocean errs as its control simulation varies. That of the real ocean errs
as the ocean departs from its climatology where water is displaced (`deepda.climatology.displacement`):
a model run without eddies and with a diffuse thermocline says neither how large these departures are
nor where. A share of their variance is the error of a place for its cell
(`observations.representativeness`, in Python REPRESENTATIVENESS), the rest is the background's. The
values of a gridded product of the sea surface are means already: they err where its fronts are out of
place. Eddies, which the model run does not have, do not last as its anomalies do
(`deepda.assimilation.decay`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepda.assimilation.cycle import Analyser
from deepda.assimilation.decay import Decay, Decaying
from deepda.assimilation.localisation import Reach
from deepda.assimilation.state import StateSpace
from deepda.climatology.displacement import displacement_spread
from deepda.feedback.error_sizes import ErrorSizes
from deepda.geometry.grid import Grid
from deepda.networks.trainable import TrainableAnalyser
from deepda.quality.errors import Representativeness
from deepda.settings.schema import IngestedObservations, ObservationsConfig

REACH = Reach(1000.0, 600.0)  # of background errors of the real ocean, on the order of its eddies
REPRESENTATIVENESS = 0.5  # share of the variance of departures
FRONTS = 70e3  # m, how far those of a gridded product of the sea surface are out of place


def representativeness(share: float, mean: NDArray[np.floating], grid: Grid) -> Representativeness:
    """Of places and products of the real ocean.

    Args:
        share: (0..1) of the variance of departures at a place that is not the background's.
        mean: (season, depth, lat, lon) degC, the climatology.
    """
    place = share**0.5 * displacement_spread(mean, grid)
    return Representativeness(place, displacement_spread(mean, grid, heave=0.0, meander=FRONTS)[0])


@dataclass(frozen=True, eq=False)
class Errors:
    """The errors, on the grid of an analysis.

    Attributes:
        scale: (depth, lat, lon) assumed standard deviation of background errors, K; positive.
        sizes: factors on it, and on the errors that the rows of observations have.
        reach: of the background errors; None leaves that of the trained covariance.
        real: whether the ocean is: then anomalies of small scale decay.
    """

    scale: NDArray[np.float32]
    sizes: ErrorSizes
    reach: Reach | None
    real: bool

    @classmethod
    def assumed(cls, observations: ObservationsConfig, space: StateSpace) -> Errors:
        """Before any departure was seen.

        Args:
            space: with the scale of the control simulation and the climatology of the observations.
        """
        if isinstance(observations, IngestedObservations):
            return cls.of_real_ocean(observations.representativeness, space)
        return cls(space.scale, ErrorSizes.assumed(space.grid.depth.size), None, real=False)

    @classmethod
    def of_real_ocean(cls, representativeness: float, space: StateSpace) -> Errors:
        """The same where the ocean is the real one.

        Args:
            representativeness: share (0..1) of the variance of departures that is not the background's.
        """
        error = (1 - representativeness) ** 0.5 * displacement_spread(space.climatology.mean, space.grid)
        scale = np.where(space.grid.ocean, error, space.scale).astype(np.float32)
        return cls(scale, ErrorSizes.assumed(space.grid.depth.size), REACH, real=True)

    def updated(self, held: Mapping[str, Any]) -> Errors:
        """With the sizes and the reach of `as_json`."""
        return replace(self, sizes=ErrorSizes.from_json(held), reach=reach_from_json(held))

    def as_json(self) -> dict[str, Any]:
        """Sizes and reach as lists of numbers by name."""
        reach = None if self.reach is None else self.reach._asdict()
        return {"reach": reach, **self.sizes.as_json()}

    def cycled(self, trained: TrainableAnalyser, space: StateSpace) -> Analyser:
        """The method with the reach of these errors, where it has a covariance, and with the decay."""
        form = trained.covariance_form()
        if form is None or self.reach is None:
            return self.lasting(trained, space)
        return self.lasting(form.localised(space.grid, self.reach), space)

    def lasting(self, method: Analyser, space: StateSpace) -> Analyser:
        """The method with the decay of small anomalies, if the ocean is the real one."""
        if not self.real:
            return method
        decay = Decay.of(space.grid, space.climatology.per_year)
        return Decaying(method, decay.to(method.first_guess(1).mean.device))

    def space(self, space: StateSpace) -> StateSpace:
        """The state space whose unit is the standard deviation of these background errors."""
        return replace(space, scale=self.scale * self.sizes.on_grid(space.grid))


def reach_from_json(held: Mapping[str, Any]) -> Reach | None:
    """The reach in what `Errors.as_json` gives."""
    return None if held["reach"] is None else Reach(**held["reach"])
