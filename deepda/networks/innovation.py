"""The default generator: analysis = forecast + gain (observation - forecast), in three parts.

1. Forecast: the local linear model of `transition`; the carried factor variances relax to climatology
   at the pace of the forecast's own error.
2. Gain: the variational analysis, solved by conjugate gradients that gradients pass through. The
   background covariance is that of `covariance` (factors), and beside it, once the generator has met
   its own errors in the training years, their localised sample covariance, with the spread of the
   factors: a hybrid (Hamill and Snyder 2000). The factor variances shrink with the information received.
3. Correction: a trunk of convolutions on the partial convolution of the innovations, the increment,
   spread and static fields, added in proportion to the influence of the observations. It starts at
   zero, and without observations it stays there.

Shape suffixes: B batch, L layer, K factor, Y latitude, X longitude, F static field.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import torch
from torch import Tensor, nn

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.local_covariance import LocalCovariance
from deepda.networks.correction import Correction, influence, zeroed
from deepda.networks.covariance import (
    Loading,
    Operator,
    SphericalCorrelation,
    apply_covariance,
    conjugate_gradients,
    solve,
    vertical_shapes,
)
from deepda.networks.sampled import SampledCovariance
from deepda.networks.statics import ControlStatistics, Statics, time_of_year
from deepda.networks.trainable import CovarianceForm, InnovationForm
from deepda.networks.transition import advance

LENGTHS = (300.0, 750.0, 1700.0, 4000.0)  # km, first guesses of the correlation lengths
PATTERN_LENGTH = 3000.0  # km, first guess of how far a pattern of the control simulation may be trusted
PATTERN_VARIANCE = 1.0  # first guess, in units of what the patterns explain
GEOGRAPHY = 64  # hidden channels of the network that places the factors
REACH = 1.5  # of the logarithm by which a place may change a factor's variance and pace
SAMPLED = 0.6  # share of the sampled covariance, once there is one
TOLERANCE = 0.03  # residual of the solver, relative to the innovations, at which an analysis stands
TRAINING_TOLERANCE = 0.1  # the same in training: the gradient needs no more
CONVERGED, CONVERGED_ITERATIONS = 1e-4, 1000  # residual and most steps where gradients are explained
TINY = 1e-6


class InnovationAnalyser(InnovationForm):
    """The default generator as an Analyser. Its memory channels are the factor variances.

    Args:
        statics: of the grid.
        hidden: channels of the correction trunk; 0 leaves the correction out.
        levels: coarser levels of the trunk.
        iterations: most conjugate-gradient steps of the gain.
        dropout: rate in the correction trunk.
    """

    patterns: Tensor
    place: Tensor
    quadrature_points = 3  # nearly linear

    def __init__(
        self, statics: Statics, hidden: int, levels: int, iterations: int, dropout: float = 0.0
    ) -> None:
        super().__init__(statics)
        self.iterations, self.tolerance = iterations, TOLERANCE
        layers, _, longitudes = statics.ocean.shape
        self.register_buffer("patterns", statics.patterns)
        shapes, placed = vertical_shapes(layers), len(statics.patterns)
        lengths, members = list(LENGTHS), [len(shapes)] * len(LENGTHS)
        variance = torch.full((sum(members), 1, 1), 1 / len(LENGTHS))
        if placed:
            lengths, members = [*lengths, PATTERN_LENGTH], [*members, placed]
            variance = torch.cat([variance, torch.full((placed, 1, 1), PATTERN_VARIANCE)])
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
        self.correction = (
            Correction(statics.ocean, len(self.statics), factors, hidden, levels, dropout)
            if hidden
            else None
        )
        self.sampled: SampledCovariance | None = None
        self.register_buffer("place", torch.ones_like(self.ocean), persistent=False)
        self._structure: Structure | None = None

    def covariance_form(self) -> CovarianceForm:
        """Itself."""
        return self

    def use_error_samples(self, errors: LocalCovariance) -> None:
        """Take the covariance of normalised background errors into that of the background.

        Its diagonal, how much larger errors are at a place than the factors have it, goes into the
        stated spread as well.

        Args:
            errors: of background errors over `modelled_spread`.
        """
        self.sampled = SampledCovariance(errors)
        self.place = self.sampled.variance(self.ocean.shape).to(self.ocean)

    def without_error_samples(self) -> Self:
        """A copy whose covariance is that of the factors alone."""
        made = copy.deepcopy(self)
        made.sampled, made.place = None, torch.ones_like(self.ocean)
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
        made.iterations, made.tolerance = CONVERGED_ITERATIONS, CONVERGED
        return made

    def train(self, mode: bool = True) -> InnovationAnalyser:
        """Switch training on or off; what follows from the weights is worked out anew."""
        self._structure = None
        return super().train(mode)

    def structure(self) -> Structure:
        """What follows from the weights alone, worked out once an update (and once in evaluation)."""
        if self._structure is None:
            self._structure = self._work_out()
        return self._structure

    def renew(self) -> None:
        """`structure` is worked out anew when it is next asked for."""
        self._structure = None

    def learning_rate_factors(self) -> list[tuple[float, list[nn.Parameter]]]:
        """The numbers of the covariance learn faster than convolutions, its few lengths fastest."""
        return [
            (6.0, list(self.parameters(recurse=False))),
            (15.0, list(self.correlation.parameters())),
        ]

    def first_guess(self, batch: int) -> StateEstimate:
        """Climatology: mean zero, spread one."""
        variance = self.structure().climate.expand(batch, -1, -1, -1)
        return StateEstimate(
            self.ocean.new_zeros(batch, *self.ocean.shape), self._spread(variance), variance
        )

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """Advance the mean; let the variances grow towards climatology."""
        known = self.structure()
        variance = torch.lerp(known.climate, analysis.memory, known.kept)
        return StateEstimate(advance(self.weight, analysis.mean), self._spread(variance), variance)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """Correct mean and variances by the observations of the window."""
        background = replace(background, spread=self._modelled(background.memory))  # not calibrated
        precision = observations.precision * self.ocean
        innovation = torch.where(precision > 0, observations.value - background.mean, 0.0)
        increment = self._increment(background, innovation, precision)
        variance = self._update_variance(background, precision)
        mean = background.mean + increment
        if self.correction is not None:
            shift, shrink = self.correction(
                background,
                innovation,
                precision,
                increment,
                influence(background.spread, self._modelled(variance)),
                1 - variance / background.memory.clamp(min=TINY),
                torch.cat(
                    [self.statics.expand(len(mean), -1, -1, -1), time_of_year(observations, mean)], 1
                ),
            )
            mean, variance = mean + shift, variance * shrink.exp()
        return StateEstimate(mean, self._spread(variance), variance)

    def _increment(self, background: StateEstimate, innovation: Tensor, precision: Tensor) -> Tensor:
        """B R^-1/2 S^-1 R^-1/2 d with S = 1 + R^-1/2 B R^-1/2, on the grid.

        S is scaled by its diagonal, which is known (Jacobi): half the iterations for the same digits.
        """
        equal = (1 + precision * background.spread.square()).rsqrt()
        weighted = equal * precision.sqrt()
        among = self._among(precision.expand_as(innovation))
        operator = self._operator(equal.square(), weighted, background.memory, among)
        frozen = self._operator(equal.square(), weighted, background.memory, among, frozen=True)
        solution = solve(operator, frozen, weighted * innovation, *self._accuracy())
        return self.covariance(background, weighted * solution)

    def _accuracy(self) -> tuple[int, float]:
        """Most steps of the solver, and the residual at which it stops before.

        The denser and the more exact the observations, the more steps it takes.
        """
        return self.iterations, TRAINING_TOLERANCE if self.training else self.tolerance

    def _among(self, precision: Tensor) -> Operator | None:
        """Products with the sampled covariance between the observed cells of a window."""
        return None if self.sampled is None else self.sampled.among(precision > 0)

    def _operator(
        self,
        diagonal: Tensor,
        weight: Tensor,
        variance: Tensor,
        among: Operator | None,
        frozen: bool = False,
    ) -> Operator:
        """diag(diagonal) + diag(weight) B diag(weight), with a graph to the parameters unless frozen."""
        known, amplitude = self.structure(), variance.clamp(min=0).sqrt()
        loading, spectrum, scaled = known.loading, known.spectrum, weight * known.scale
        share = 0.0 if among is None else SAMPLED
        scaled = scaled * (1 - share) ** 0.5
        shared = weight * self._modelled(variance) * share**0.5
        if frozen:
            loading, spectrum, amplitude = loading.detach(), spectrum.detach(), amplitude.detach()
            diagonal, scaled, shared = diagonal.detach(), scaled.detach(), shared.detach()

        def apply(field: Tensor) -> Tensor:
            smooth = partial(self.correlation.smooth, spectrum=spectrum)
            image = scaled * apply_covariance(scaled * field, loading, amplitude, smooth)
            if among is not None:
                image = image + shared * among(shared * field)
            return diagonal * field + image

        return apply

    def _update_variance(self, background: StateEstimate, precision: Tensor) -> Tensor:
        """Each factor's variance after the window, the other factors taken as noise.

        s2 -> s2 / (1 + gain s2 I)^power, where I is the information (inverse variance) on the factor
        in its correlation area; exact for one factor observed at one place. How much the other factors
        hide is learnt: a share of 0 is not at all, of 1 with all their variance.
        """
        known = self.structure()
        hidden = (1 + precision * background.spread.square()).log()
        told = precision * torch.exp(-torch.sigmoid(self.noise_share) * hidden)
        local = known.squared.to_factors(known.scale.square() * told)
        information = self.correlation.smooth(local, known.squared_spectrum).clamp(min=0)
        drop = 1 + self.log_gain.exp() * background.memory * information
        return background.memory * drop ** -self.log_power.exp()

    def modelled_spread(self, background: StateEstimate) -> Tensor:
        """(B, L, Y, X) root of the diagonal of `covariance`: the spread before it is calibrated."""
        return self._modelled(background.memory)

    def _modelled(self, variance: Tensor) -> Tensor:
        """(B, L, Y, X) spread of the cells as the covariance has it, zero on land."""
        known = self.structure()
        return known.scale * (known.squared.to_layers(variance) + TINY).sqrt()

    def _spread(self, variance: Tensor) -> Tensor:
        """The spread as it is stated: calibrated, the less the nearer to that of climatology."""
        modelled = self._modelled(variance)
        share = modelled.square().clamp(max=1)
        return self._stated(modelled, share, self.calibration * self.place)

    def _work_out(self) -> Structure:
        placed = REACH * torch.tanh(self.geography(self.statics[None])[0])
        in_place, pace = placed.chunk(2)
        climate = (self.log_variance + in_place).exp()
        loading = Loading(self.loading, self.patterns)
        square = loading.squared()
        total = square.to_layers(climate[None])[0]
        scale = torch.rsqrt(total + TINY) * self.ocean
        share = square.to_factors(scale.square()[None])[0]
        noise = square.to_factors((scale.square() * self.noise)[None])[0] / (share + TINY)
        kept = torch.exp(-(self.log_pace + pace).exp() * noise)
        return Structure(
            loading,
            square,
            scale,
            climate,
            kept,
            self.correlation.spectrum(),
            self.correlation.spectrum(sharpen=2.0),
        )

    def covariance(self, background: StateEstimate, field: Tensor) -> Tensor:
        """B times a field (B, L, Y, X), B the error covariance of the background."""
        known = self.structure()
        product = known.scale * apply_covariance(
            known.scale * field,
            known.loading,
            background.memory.clamp(min=0).sqrt(),
            lambda f: self.correlation.smooth(f, known.spectrum),
        )
        if self.sampled is None:
            return product
        spread = self._modelled(background.memory)
        return torch.lerp(product, spread * self.sampled.product(spread * field), SAMPLED)

    def dual(self, background: StateEstimate, innovation: Tensor, precision: Tensor) -> Tensor:
        """H' (H B H' + R)^-1 innovation on the grid (B, L, Y, X): `covariance` of it is the increment.

        Solved without a graph. Innovations where `precision` is zero, or on land, are not read.
        """
        precision = precision * self.ocean
        equal = (1 + precision * self._modelled(background.memory).square()).rsqrt()
        weighted = equal * precision.sqrt()
        among = self._among(precision.expand_as(innovation))
        operator = self._operator(equal.square(), weighted, background.memory, among, frozen=True)
        right = weighted * torch.where(precision > 0, innovation, 0.0)
        with torch.no_grad():
            return weighted * conjugate_gradients(operator, right, *self._accuracy())

    def control_statistics(self) -> ControlStatistics:
        """The statistics of the control run that it was built from, its patterns among them."""
        return replace(super().control_statistics(), patterns=self.patterns)

    def correction_network(self) -> nn.Module | None:
        """The convolutions that are added to the linear gain, if it has any."""
        return self.correction

    def encoder(self) -> list[nn.Module]:
        """The levels of the correction on the way down."""
        return list(self.correction.trunk.down) if self.correction is not None else []

    def look_back(
        self, analysis: StateEstimate, background: StateEstimate, smoothed: StateEstimate
    ) -> tuple[Tensor, Tensor]:
        """Spread and variances of an analysis once the next window is known as well as `smoothed`.

        Each factor for itself, by the scalar smoother of Rauch, Tung and Striebel (1965):
        s2 - g2 (background - smoothed) with g = sqrt(kept) s2 / background, as the filter updates it.
        """
        gain = self.structure().kept * (analysis.memory / background.memory.clamp(min=TINY)).square()
        variance = analysis.memory - gain * (background.memory - smoothed.memory)
        return self._spread(variance), variance


@dataclass(frozen=True, eq=False)
class Structure:
    """The covariance that the weights stand for.

    Attributes:
        loading, squared: of the K factors, and of their variances.
        scale: (L, Y, X) makes the climatological variance one; zero on land.
        climate: (K, Y, X) climatological variance of the factors.
        kept: (K, Y, X) share of a variance that survives a window.
        spectrum, squared_spectrum: of the correlations and of their squares.
    """

    loading: Loading
    squared: Loading
    scale: Tensor
    climate: Tensor
    kept: Tensor
    spectrum: Tensor
    squared_spectrum: Tensor
