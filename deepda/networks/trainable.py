"""What training, the drivers and attribution need of an analyser with trainable weights.

`TrainableAnalyser` is the contract. What only some networks have is asked for: `covariance_form` and
`innovation_form` give the network itself in that role, or None.

Shape suffixes: B batch, L layer, Y latitude, X longitude, F static field.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepda.assimilation.cycle import Analyser, Observations, StateEstimate
from deepda.assimilation.localisation import Reach
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.assimilation.smoother import Smoothable
from deepda.geometry.grid import Grid
from deepda.networks.objectives import likelihood
from deepda.networks.statics import ControlStatistics, Statics
from deepda.networks.transition import Transition, advance_adjoint


@dataclass(frozen=True, eq=False)
class CycleErrors:
    """Root mean square errors of the analyses of one cycle through years whose truth is known.

    Attributes:
        rmse: volume-weighted over all windows and the whole ocean, K.
        stddev: (L, Y, X) of each cell, in climatological standard deviations.
        over_spread: (L) over that of the stated spread.
    """

    rmse: float
    stddev: NDArray[np.float64]
    over_spread: NDArray[np.float64]


class Validation(Protocol):
    """The validation years, which training does not see."""

    def errors(self, analyser: Analyser) -> CycleErrors:
        """Errors of an analyser in one cycle through them."""


class TrainableAnalyser(nn.Module, ABC):
    """An `Analyser` that is a torch module, and what training and the drivers need of it."""

    ocean: Tensor

    @abstractmethod
    def first_guess(self, batch: int) -> StateEstimate:
        """See `Analyser`."""

    @abstractmethod
    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """See `Analyser`."""

    @abstractmethod
    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """See `Analyser`."""

    def training_analyses(
        self, background: StateEstimate, observations: Observations
    ) -> list[StateEstimate]:
        """The analyses that training judges, all alike; the cycle goes on from the first."""
        return [self.analyse(background, observations)]

    def objective(
        self, background: StateEstimate, analysis: StateEstimate, truth: Tensor, weights: Tensor
    ) -> Tensor:
        """(B) what training makes small: the likelihood of the truth, unless no spread is stated."""
        return likelihood(background, analysis, truth, weights)

    def learning_rate_factors(self) -> list[tuple[float, list[nn.Parameter]]]:
        """Groups of parameters that learn faster than the others, and how many times."""
        return []

    def renew(self) -> None:
        """Called after each change of the weights: what follows from them is worked out anew."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Every way of torch to another device or type."""
        moved = super()._apply(fn, recurse)
        self.renew()
        return moved

    @abstractmethod
    def calibrate(self, errors: CycleErrors) -> None:
        """Fit the stated spread to the errors of the validation years; the mean does not change."""

    def covariance_form(self) -> CovarianceForm | None:
        """The network itself if it has a background-error covariance, else None."""
        return None

    def innovation_form(self) -> InnovationForm | None:
        """The network itself if its analysis is a response to innovations, else None."""
        return None


class Sampled(Analyser, Protocol):
    """An analyser whose background errors can be sampled in units of a spread."""

    @property
    def ocean(self) -> Tensor:
        """(L, Y, X) true, or one, where there is water."""

    def modelled_spread(self, background: StateEstimate) -> Tensor:
        """(B, L, Y, X) that errors are divided by."""

    def training_accuracy(self) -> AbstractContextManager[None]:
        """Inside the block systems are solved only as far as training needs."""


class CovarianceForm(Smoothable, Sampled, Protocol):
    """An analyser with a background-error covariance, which samples of its errors may enter.

    Its `modelled_spread` is the root of the diagonal of `covariance`, before calibration.
    """

    def use_error_samples(self, errors: SampleCovariance) -> None:
        """Take the covariance of background errors over `modelled_spread` into the gain."""

    def localised(self, grid: Grid, reach: Reach) -> Self:
        """A copy whose background errors are uncorrelated from these distances on."""


class InnovationForm(TrainableAnalyser):
    """A network with the local linear forecast, whose analysis is a response to innovations."""

    weight: Tensor
    noise: Tensor
    statics: Tensor
    calibration: Tensor
    quadrature_points = 32  # of integrated gradients (Gauss-Legendre): networks with kinks need many

    def __init__(self, statics: Statics) -> None:
        super().__init__()
        self.register_buffer("ocean", statics.ocean.float())
        self.register_buffer("weight", statics.transition.weight)
        self.register_buffer("noise", statics.transition.noise)
        self.register_buffer("statics", statics.fields())
        self.register_buffer("calibration", torch.ones(len(statics.ocean), 1, 1))

    def innovation_form(self) -> InnovationForm:
        """Itself."""
        return self

    def calibrate(self, errors: CycleErrors) -> None:
        """Correct the stated spread of each layer by the errors of validation years.

        Only what is stated changes, not the gain. Towards the spread of climatology, which the control
        simulation gives, the correction fades.
        """
        ratio = torch.from_numpy(errors.over_spread)
        self.calibration *= ratio.square().to(self.calibration)[:, None, None]

    def retreat(self, sensitivity: Tensor) -> Tensor:
        """The transpose of the forecast of the mean."""
        return advance_adjoint(self.weight, sensitivity)

    def control_statistics(self) -> ControlStatistics:
        """The statistics of the control run that it was built from, on the CPU."""
        transition = Transition(self.weight.cpu(), self.noise.cpu())
        return ControlStatistics(transition, torch.zeros(0, *self.ocean.shape))

    def converged(self) -> Self:
        """A copy whose gradients belong to the function that is evaluated: solvers go on to the end."""
        return copy.deepcopy(self)

    def with_uniform_statics(self) -> Self:
        """A copy in which each static field has its mean over the water.

        Not touched, because they are no inputs of the analysis but the ocean itself: the mask, the
        patterns and the local forecast, and latitude in the correlations.
        """
        made = copy.deepcopy(self)
        wet = made.ocean.amax(0)
        mean = (made.statics * wet).sum((1, 2), keepdim=True) / wet.sum()
        made.statics.copy_(mean.expand_as(made.statics))
        made.renew()
        return made.eval()

    def without_error_samples(self) -> Self:
        """A copy without the covariance of error samples."""
        return copy.deepcopy(self)

    def correction_network(self) -> nn.Module | None:
        """The convolutions that are added to a linear gain; None without such a gain."""
        return None

    @abstractmethod
    def encoder(self) -> list[nn.Module]:
        """The levels of the encoder of the convolutions, finest first; empty without convolutions."""

    def _stated(self, modelled: Tensor, share: Tensor, factor: Tensor) -> Tensor:
        """The stated spread: `modelled` calibrated, the less the nearer to that of climatology.

        Args:
            modelled: (B, L, Y, X) spread.
            share: (B, L, Y, X) its variance over that of climatology, at most one.
            factor: on the variance where the share is zero; broadcasts.
        """
        return modelled * torch.lerp(factor.expand_as(share), torch.ones_like(share), share).sqrt()
