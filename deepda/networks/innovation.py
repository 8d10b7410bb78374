"""The default generator: analysis = forecast + gain (observation - forecast), in three parts.

1. Forecast: the local linear model of `transition`; the carried factor variances relax to climatology
   at the pace of the forecast's own error.
2. Gain: the variational analysis, solved by conjugate gradients that gradients pass through. The
   background-error covariance is that of `background_covariance`: factors and, once they were sampled
   on the training years, the generator's own background errors. The factor variances shrink with the
   information received.
3. Correction: a trunk of convolutions on the partial convolution of the innovations, the increment,
   spread and static fields, added in proportion to the influence of the observations. It starts at
   zero, and without observations it stays there.

Shape suffixes: B batch, L layer, K factor, Y latitude, X longitude, F static field.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.localisation import Reach
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.geometry.grid import Grid
from deepda.networks.background_covariance import BackgroundCovariance
from deepda.networks.correction import Correction, influence, zeroed
from deepda.networks.covariance import Loading, SphericalCorrelation, vertical_shapes
from deepda.networks.gain import Accuracy, dual
from deepda.networks.statics import TINY, ControlStatistics, Statics, time_of_year
from deepda.networks.trainable import CovarianceForm, InnovationForm
from deepda.networks.transition import advance
from deepda.networks.variance_law import VarianceLaw

LENGTHS = (300.0, 750.0, 1700.0, 4000.0)  # km, first guesses of the correlation lengths
PATTERN_LENGTH = 3000.0  # km, first guess of how far a pattern of the control simulation may be trusted
PATTERN_VARIANCE = 1.0  # first guess, in units of what the patterns explain
GEOGRAPHY = 64  # hidden channels of the network that places the factors
REACH = 1.5  # of the logarithm by which a place may change a factor's variance and pace
TOLERANCE = 0.03  # residual of the solver, relative to the innovations, at which an analysis stands
TRAINING_TOLERANCE = 0.1  # the same in training: the gradient needs no more
CONVERGED = Accuracy(1000, 1e-4)  # where gradients are explained


class Structure(NamedTuple):
    """What the weights stand for: the covariance, and the law of its variances."""

    covariance: BackgroundCovariance
    variances: VarianceLaw


class InnovationAnalyser(InnovationForm):
    """The default generator as an Analyser. Its memory channels are the factor variances.

    Args:
        hidden: channels of the correction trunk; 0 leaves the correction out.
        levels: coarser levels of the trunk.
        iterations: most conjugate-gradient steps of the gain.
        dropout: rate in the correction trunk.
    """

    patterns: Tensor
    sampled_variance: Tensor
    quadrature_points = 3  # nearly linear

    def __init__(
        self, statics: Statics, hidden: int, levels: int, iterations: int, dropout: float = 0.0
    ) -> None:
        super().__init__(statics)
        self.iterations, self.tolerance = iterations, TOLERANCE
        layers, _, longitudes = statics.ocean.shape
        self.register_buffer("patterns", statics.patterns)
        shapes, patterns = vertical_shapes(layers), len(statics.patterns)
        lengths, members = list(LENGTHS), [len(shapes)] * len(LENGTHS)
        variance = torch.full((sum(members), 1, 1), 1 / len(LENGTHS))
        if patterns:
            lengths, members = [*lengths, PATTERN_LENGTH], [*members, patterns]
            variance = torch.cat([variance, torch.full((patterns, 1, 1), PATTERN_VARIANCE)])
        self.correlation = SphericalCorrelation(statics.lat, longitudes, lengths, members)
        factors = len(variance)
        self.loading = nn.Parameter(shapes.repeat(len(LENGTHS), 1))
        self.log_variance = nn.Parameter(variance.log())
        self.log_pace = nn.Parameter(torch.full((factors, 1, 1), 0.5))
        self.log_gain = nn.Parameter(torch.zeros(factors, 1, 1))
        self.log_power = nn.Parameter(torch.zeros(factors, 1, 1))
        self.noise_share = nn.Parameter(torch.zeros(layers, 1, 1))
        self.geography = nn.Sequential(
            nn.Conv2d(len(self.statics), GEOGRAPHY, 1),
            nn.SiLU(),
            nn.Conv2d(GEOGRAPHY, GEOGRAPHY, 1),
            nn.SiLU(),
            zeroed(nn.Conv2d(GEOGRAPHY, 2 * factors, 1)),
        )
        sizes = len(self.statics), factors, hidden, levels
        self.correction = Correction(statics.ocean, *sizes, dropout) if hidden else None
        self.sampled: SampleCovariance | None = None
        self.register_buffer("sampled_variance", torch.ones_like(self.ocean), persistent=False)
        self._structure: Structure | None = None

    def covariance_form(self) -> CovarianceForm:
        """Itself."""
        return self

    def use_error_samples(self, errors: SampleCovariance) -> None:
        """Take the covariance of normalised background errors into that of the background.

        Its diagonal, how much larger errors are at a place than the factors have it, goes into the
        stated spread as well.
        """
        self.sampled = errors.to(self.ocean.device)
        self.sampled_variance = self.sampled.variance(self.ocean.shape).to(self.ocean)
        self.renew()

    def localised(self, grid: Grid, reach: Reach) -> Self:
        """A copy with this reach of its samples, and of its factors horizontally."""
        made = copy.deepcopy(self)
        made.correlation.localise(reach.radius_km)
        if made.sampled is not None:
            made.sampled = made.sampled.localised(grid, reach)
        made.renew()
        return made

    def without_error_samples(self) -> Self:
        """A copy whose covariance is that of the factors alone."""
        made = copy.deepcopy(self)
        made.sampled, made.sampled_variance = None, torch.ones_like(self.ocean)
        made.renew()
        return made

    @contextmanager
    def training_accuracy(self) -> Iterator[None]:
        """Inside the block the gain is solved only as far as in training."""
        usual, self.tolerance = self.tolerance, TRAINING_TOLERANCE
        try:
            yield
        finally:
            self.tolerance = usual
            self.renew()  # what was worked out in inference mode carries no gradients

    def converged(self) -> Self:
        """A copy that solves on, so that gradients belong to the function that is evaluated."""
        made = copy.deepcopy(self)
        made.iterations, made.tolerance = CONVERGED
        return made

    def train(self, mode: bool = True) -> InnovationAnalyser:
        """Switch training on or off; what follows from the weights is worked out anew."""
        self.renew()
        return super().train(mode)

    def structure(self) -> Structure:
        """What follows from the weights alone, worked out once an update (and once in evaluation)."""
        if self._structure is not None:
            return self._structure
        by_place = REACH * torch.tanh(self.geography(self.statics[None])[0])
        in_place, pace = by_place.chunk(2)
        climate = (self.log_variance + in_place).exp()
        loading = Loading(self.loading, self.patterns)
        covariance = BackgroundCovariance.of(
            loading, climate, self.correlation, self.ocean, self.sampled
        )
        squared, scale = covariance.squared, covariance.scale
        share = squared.to_factors(scale.square()[None])[0]
        noise = squared.to_factors((scale.square() * self.noise)[None])[0] / (share + TINY)
        kept = torch.exp(-(self.log_pace + pace).exp() * noise)
        law = VarianceLaw(climate, kept, self.log_gain, self.log_power, self.noise_share)
        self._structure = Structure(covariance, law)
        return self._structure

    def renew(self) -> None:
        """`structure` is worked out anew when it is next asked for."""
        self._structure = None

    def learning_rate_factors(self) -> list[tuple[float, list[nn.Parameter]]]:
        """The numbers of the covariance learn faster than convolutions, its few lengths fastest."""
        return [(6.0, list(self.parameters(recurse=False))), (15.0, list(self.correlation.parameters()))]

    def first_guess(self, batch: int) -> StateEstimate:
        """Climatology: mean zero, spread one."""
        variance = self.structure().variances.climate.expand(batch, -1, -1, -1)
        return StateEstimate(
            self.ocean.new_zeros(batch, *self.ocean.shape), self._spread(variance), variance
        )

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """Advance the mean; let the variances grow towards climatology."""
        variance = self.structure().variances.forecast(analysis.memory)
        return StateEstimate(advance(self.weight, analysis.mean), self._spread(variance), variance)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """Correct mean and variances by the observations of the window."""
        known = self.structure()
        spread = known.covariance.spread(background.memory)  # not calibrated
        background = replace(background, spread=spread)
        precision = observations.precision * self.ocean
        innovation = torch.where(precision > 0, observations.value - background.mean, 0.0)
        observed = known.covariance.between(precision > 0)
        variance, accuracy = background.memory, self._accuracy()
        weights = dual(known.covariance, variance, spread, innovation, precision, observed, accuracy)
        increment = known.covariance.product(variance, weights, observed)
        variance = known.variances.update(known.covariance, variance, spread, precision)
        mean = background.mean + increment
        if self.correction is not None:
            shift, shrink = self.correction(
                background,
                innovation,
                precision,
                increment,
                influence(spread, known.covariance.spread(variance)),
                1 - variance / background.memory.clamp(min=TINY),
                torch.cat(
                    [self.statics.expand(len(mean), -1, -1, -1), time_of_year(observations, mean)], 1
                ),
            )
            mean, variance = mean + shift, variance * shrink.exp()
        return StateEstimate(mean, self._spread(variance), variance)

    def _accuracy(self) -> Accuracy:
        return Accuracy(self.iterations, TRAINING_TOLERANCE if self.training else self.tolerance)

    def modelled_spread(self, background: StateEstimate) -> Tensor:
        """(B, L, Y, X) root of the diagonal of the covariance of the factors."""
        return self.structure().covariance.spread(background.memory)

    def _spread(self, variance: Tensor) -> Tensor:
        """The spread as it is stated."""
        modelled = self.structure().covariance.spread(variance)
        share = modelled.square().clamp(max=1)
        return self._stated(modelled, share, self.calibration * self.sampled_variance)

    def control_statistics(self) -> ControlStatistics:
        """The statistics of the control run that it was built from, its patterns among them."""
        return replace(super().control_statistics(), patterns=self.patterns.cpu())

    def correction_network(self) -> nn.Module | None:
        """The convolutions that are added to the linear gain, if it has any."""
        return self.correction

    def encoder(self) -> list[nn.Module]:
        """The levels of the correction on the way down."""
        return list(self.correction.trunk.down) if self.correction is not None else []

    def covariance(self, background: StateEstimate, field: Tensor) -> Tensor:
        """B times a field (B, L, Y, X), B the error covariance of the background."""
        return self.structure().covariance.product(background.memory, field)

    @torch.no_grad()
    def dual(self, background: StateEstimate, innovation: Tensor, precision: Tensor) -> Tensor:
        """H' (H B H' + R)^-1 innovation on the grid (B, L, Y, X): `covariance` of it is the increment.

        Solved without a graph. Innovations where `precision` is zero, or on land, are not read.
        """
        covariance, precision = self.structure().covariance, precision * self.ocean
        spread = covariance.spread(background.memory)
        seen = torch.where(precision > 0, innovation, 0.0)
        observed = covariance.between(precision > 0)
        accuracy = self._accuracy()
        return dual(covariance, background.memory, spread, seen, precision, observed, accuracy)

    def look_back(
        self, analysis: StateEstimate, background: StateEstimate, smoothed: StateEstimate
    ) -> tuple[Tensor, Tensor]:
        """Spread and variances of an analysis once the next window is known as well as `smoothed`."""
        law = self.structure().variances
        variance = law.smooth(analysis.memory, background.memory, smoothed.memory)
        return self._spread(variance), variance
