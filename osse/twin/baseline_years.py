"""What the baselines of a twin are fitted and chosen on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from deepda.assimilation.baselines import ValidationWindows
from deepda.assimilation.baselines.tuning import RANKING, mean_square_error
from deepda.assimilation.cycle import DivergenceError
from deepda.geometry.grid import Grid
from deepda.networks.transition import Transition
from deepda.training.stretches import TrainingData
from osse.twin.forecast_interpolation import ForecastInterpolation


class RankedBaseline(NamedTuple):
    """A candidate: its analysis error on the validation years (K), and how its covariance is made."""

    rmse: float
    analyser: ForecastInterpolation
    about: Mapping[str, str]


def best_of(trials: Iterable[RankedBaseline]) -> RankedBaseline:
    """The trial of least error; covariances of others are dropped as they are made.

    Raises:
        DivergenceError: analyses left physical limits in all of them.
    """
    best = min(trials, key=lambda trial: trial.rmse)
    if not np.isfinite(best.rmse):
        raise DivergenceError(
            "the analyses of all candidates left physical limits in the validation years, expected one "
            "that does not"
        )
    return best


@dataclass(frozen=True, eq=False)
class Years:
    """Training and validation years.

    Attributes:
        data: training years, and the networks that they are observed by.
        transition: the regression forecast of these years.
        validation: windows that candidates are ranked on.
    """

    grid: Grid
    data: TrainingData
    transition: Transition
    validation: ValidationWindows

    def best(self, analyser: ForecastInterpolation, inflation: Tensor) -> tuple[float, Tensor]:
        """The least analysis error (K) of inflations (A, L), and the one (1, L) that has it."""
        ranking = replace(analyser, interpolation=replace(analyser.interpolation, tolerance=RANKING))
        square = mean_square_error(ranking.with_inflation(inflation), self.validation, len(inflation))
        volume = torch.from_numpy(self.grid.volume / self.grid.volume.sum()).float()
        kelvin = self.validation.stddev.where(volume > 0, 0.0)
        rmse = (volume * kelvin.square() * square).sum(dim=(1, 2, 3)).sqrt()
        first = int(rmse.argmin())
        return float(rmse[first]), inflation[first : first + 1]
