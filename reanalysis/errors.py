"""The errors of backgrounds, and factors on those of observations.

The background of a synthetic ocean errs as its control simulation varies. That of the real ocean errs
as the ocean departs from its climatology where water is displaced (`deepda.climatology.displacement`):
a model run without eddies and with a diffuse thermocline says neither how large these departures are
nor where. A share of their variance is the error of a place for its cell
(`observations.representativeness`), the rest is the background's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepda.assimilation.localisation import Reach
from deepda.assimilation.state import StateSpace
from deepda.climatology.displacement import displacement_spread
from deepda.feedback.error_sizes import ErrorSizes
from deepda.settings.schema import IngestedObservations, ObservationsConfig

REACH = Reach(1000.0, 600.0)  # of background errors of the real ocean, on the order of its eddies


@dataclass(frozen=True, eq=False)
class Errors:
    """The errors, on the grid of an analysis.

    Attributes:
        scale: (depth, lat, lon) assumed standard deviation of background errors, K; positive.
        sizes: factors on it, and on the errors that the rows of observations have.
        reach: of the background errors; None leaves that of the trained covariance.
    """

    scale: NDArray[np.float32]
    sizes: ErrorSizes
    reach: Reach | None

    @classmethod
    def assumed(cls, observations: ObservationsConfig, space: StateSpace) -> Errors:
        """Before any departure was seen.

        Args:
            observations: real or synthetic.
            space: with the scale of the control simulation and the climatology of the observations.
        """
        sizes = ErrorSizes.assumed(space.grid.depth.size)
        if not isinstance(observations, IngestedObservations):
            return cls(space.scale, sizes, None)
        share = 1 - observations.representativeness
        error = share**0.5 * displacement_spread(space.climatology.mean, space.grid)
        return cls(np.where(space.grid.ocean, error, space.scale).astype(np.float32), sizes, REACH)

    def updated(self, held: Mapping[str, Any]) -> Errors:
        """With the sizes and the reach of `as_json`."""
        return replace(self, sizes=ErrorSizes.from_json(held), reach=reach_from_json(held))

    def as_json(self) -> dict[str, Any]:
        """Sizes and reach as lists of numbers by name."""
        reach = None if self.reach is None else self.reach._asdict()
        return {"reach": reach, **self.sizes.as_json()}

    def space(self, space: StateSpace) -> StateSpace:
        """The state space whose unit is the standard deviation of these background errors."""
        return replace(space, scale=self.scale * self.sizes.on_grid(space.grid))


def reach_from_json(held: Mapping[str, Any]) -> Reach | None:
    """The reach in what `Errors.as_json` gives."""
    return None if held["reach"] is None else Reach(**held["reach"])
