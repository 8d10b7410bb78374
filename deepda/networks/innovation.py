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

from dataclasses import dataclass, replace
from functools import partial

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
from deepda.networks.transition import Transition, advance, advance_adjoint

LENGTHS = (300.0, 750.0, 1700.0, 4000.0)  # km, first guesses of the correlation lengths
PATTERN_LENGTH = 3000.0  # km, first guess of how far a pattern of the control simulation may be trusted
PATTERN_VARIANCE = 1.0  # first guess, in units of what the patterns explain
GEOGRAPHY = 64  # hidden channels of the network that places the factors
REACH = 1.5  # of the logarithm by which a place may change a factor's variance and pace
SAMPLED = 0.6  # share of the sampled covariance, once there is one
TOLERANCE = 0.03  # residual of the solver, relative to the innovations, at which an analysis stands
TRAINING_TOLERANCE = 0.1  # the same in training: the gradient needs no more
TINY = 1e-6


@dataclass(frozen=True, eq=False)
class Statics:
    """What the generator knows of its ocean, all from the training years of the control simulation.

    Attributes:
        ocean: (L, Y, X) bool.
        lat: (Y) degrees north.
        stddev: (L, Y, X) K, climatological standard deviation.
        transition: the local linear forecast.
        patterns: (J, L, Y, X) of the control simulation, see `leading_patterns`; J may be 0.
    """

    ocean: Tensor
    lat: Tensor
    stddev: Tensor
    transition: Transition
    patterns: Tensor

    def fields(self) -> Tensor:
        """(F, Y, X) static fields of order one: variability, its noise, sea floor, latitude."""
        wet = self.ocean.float()
        north = (self.lat / 45)[None, :, None].expand(1, *self.ocean.shape[1:])
        noise = (1 + self.transition.noise.clamp(min=TINY).log() / 4) * wet
        variability = (1 + self.stddev.clamp(min=0.01).log()) * wet
        equator = torch.exp(-((self.lat / 15) ** 2))[None, :, None].expand_as(north)
        return torch.cat([variability, noise, wet, north, equator])


class InnovationAnalyser(nn.Module):
    """The default generator as an Analyser. Its memory channels are the factor variances.

    Args:
        statics: of the grid.
        hidden: channels of the correction trunk; 0 leaves the correction out.
        levels: coarser levels of the trunk.
        iterations: most conjugate-gradient steps of the gain; the attribute `tolerance` says at which
            residual it stops before.
        dropout: rate in the correction trunk.
    """

    ocean: Tensor
    weight: Tensor
    noise: Tensor
    statics: Tensor
    patterns: Tensor
    calibration: Tensor
    place: Tensor

    def __init__(
        self, statics: Statics, hidden: int, levels: int, iterations: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.iterations, self.tolerance = iterations, TOLERANCE
        layers, _, longitudes = statics.ocean.shape
        self.register_buffer("ocean", statics.ocean.float())
        self.register_buffer("weight", statics.transition.weight)
        self.register_buffer("noise", statics.transition.noise)
        self.register_buffer("statics", statics.fields())
        self.register_buffer("patterns", statics.patterns)
        self.register_buffer("calibration", torch.ones(layers, 1, 1))
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

    def remember(self, errors: LocalCovariance) -> None:
        """Take the covariance of normalised background errors into that of the background.

        Its diagonal, how much larger errors are at a place than the factors have it, goes into the
        stated spread as well.

        Args:
            errors: of background errors over `modelled_spread`.
        """
        self.sampled = SampledCovariance(errors)
        self.place = self.sampled.variance(self.ocean.shape).to(self.ocean)

    def forget(self) -> None:
        """Go on with the factors alone."""
        self.sampled = None
        self.place = torch.ones_like(self.ocean)

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
        """Forget `structure`: the weights have changed."""
        self._structure = None

    def fast_parameters(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """What learns faster than convolutions: the numbers of the covariance, and its few lengths."""
        return list(self.parameters(recurse=False)), list(self.correlation.parameters())

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
        told = (self.calibration * self.place).expand_as(share)
        return modelled * torch.lerp(told, torch.ones_like(share), share).sqrt()

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

    def calibrate(self, error_over_spread: Tensor) -> None:
        """Correct the stated spread by what validation years say of it.

        Args:
            error_over_spread: (L) ratio of the analysis error to the spread, root mean squares.

        Only what is stated changes, not the gain. Towards the spread of climatology, which the control
        simulation tells, the correction fades.
        """
        self.calibration *= error_over_spread.square().to(self.calibration)[:, None, None]

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

    def retreat(self, sensitivity: Tensor) -> Tensor:
        """The transpose of the forecast of the mean."""
        return advance_adjoint(self.weight, sensitivity)

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


def time_of_year(observations: Observations, like: Tensor) -> Tensor:
    """(B, 2, Y, X) sine and cosine of the time of year."""
    turn = 2 * torch.pi * observations.season.to(like.dtype) / observations.per_year
    wave = torch.stack([turn.sin(), turn.cos()], dim=-1).reshape(-1, 2, 1, 1)
    return wave.expand(len(like), 2, *like.shape[-2:]).to(like.device)
