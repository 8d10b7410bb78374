"""U-Net 3+ as a generator: it predicts weights of averaging windows of growing radius.

1. Forecast: the local linear model of `transition`; the carried error variances relax to climatology
   at the pace of the forecast's own error.
2. Analysis: a normalised convolution of the innovations, whose kernel is a mixture of windows that
   widen from the cell to the globe (`evidence`). U-Net 3+ reads the partial convolution of the
   innovations, the background and its spread, the evidence and static fields, and gives the mixture
   at each place, a second one for the variance, and a shift.

Writing w for the confidence in a window, d for what it holds of innovations, g and h for the mixtures:

    mean     <- mean + sum(g d) / (1 + sum(g w)) + r spread tanh(shift),  r = sum(g w) / (1 + sum(g w))
    variance <- variance / (1 + sum(h w))

The background counts as one observation, so a cell that no observation reaches keeps it exactly. Errors
of neighbours are alike partly in K and partly in spreads, so the sums are of innovations in units of
the root of the spread: the first part of the increment is a weighted mean of innovations and of zero,
in these units never more than the largest of them. An observation of the cell itself is used as in
a Kalman filter. Free runs decay, for `transition` contracts and the variance has nowhere to go but
climatology.

The memory is the error variance of each cell and layer, and nothing else: it is judged by the
likelihood at each window. Latent channels would have to be written at one window for the use of
later ones, and the gradient of one window (`training.backprop`) does not reach these.

Shape suffixes: B batch, K window, L layer, Y latitude, X longitude, F static field.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.networks.correction import zeroed
from deepda.networks.evidence import Evidence, doublings, extents, gather
from deepda.networks.partial_conv import InnovationStem
from deepda.networks.statics import TINY, Statics, time_of_year
from deepda.networks.trainable import InnovationForm
from deepda.networks.transition import advance
from deepda.networks.unet3plus import UNet3Plus

HIDDEN = 32  # channels between trunk and head
NEAR, FAR = 6.0, 2.5  # first guesses: what an observation elsewhere counts, the background one
DROP = 0.2  # the same for the variance: neighbouring observations are correlated, so they reduce it less
PACE = 3.3  # first guess: how fast variances grow, in units of the forecast's error variance
CLOSE = 2  # doublings that are near
REACH = 3.0  # of the logarithm by which a place may change the mixtures
SMALLEST = 0.03  # spread below which the unit of increments shrinks no further


class UNet3PlusAnalyser(InnovationForm):
    """U-Net 3+ as an Analyser. Its memory channels are the error variances of the cells.

    Args:
        statics: of the grid; patterns are not used.
        filters, depth, dropout: see `UNet3Plus`.
    """

    def __init__(self, statics: Statics, filters: int, depth: int, dropout: float) -> None:
        super().__init__(statics)
        layers, _, longitudes = statics.ocean.shape
        self.layers, self.scales = layers, doublings(longitudes)
        self.windows = 1 + len(extents(self.scales))
        near = [NEAR if doubled <= CLOSE else FAR for doubled in extents(self.scales)]
        self.log_gain = nn.Parameter(_first_guess([1.0, *near], layers))
        self.log_drop = nn.Parameter(_first_guess([1.0] + [DROP] * len(near), layers))
        self.log_pace = nn.Parameter(torch.full((layers, 1, 1), PACE).log())
        self.stem = InnovationStem(layers)
        inputs = self.stem.out_channels + (3 + self.windows) * layers + len(self.statics) + 2
        self.trunk = UNet3Plus(inputs, HIDDEN, statics.ocean.any(0), filters, depth, dropout)
        self.head = zeroed(nn.Conv2d(HIDDEN, 2 * (self.windows + layers) + layers, 1))

    def learning_rate_factors(self) -> list[tuple[float, list[nn.Parameter]]]:
        """The mixtures where a place does not change them learn faster than convolutions."""
        return [(15.0, list(self.parameters(recurse=False)))]

    def encoder(self) -> list[nn.Module]:
        """The levels of U-Net 3+ on the way down."""
        return list(self.trunk.encoders)

    def first_guess(self, batch: int) -> StateEstimate:
        """Climatology: mean zero, spread one."""
        variance = self.ocean.expand(batch, -1, -1, -1)
        return StateEstimate(torch.zeros_like(variance), self._spread(variance), variance)

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """Advance the mean; let the variances grow towards climatology."""
        kept = torch.exp(-self.log_pace.exp() * self.noise)
        variance = torch.lerp(self.ocean, analysis.memory, kept)
        return StateEstimate(advance(self.weight, analysis.mean), self._spread(variance), variance)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """Correct mean and variances by the observations of the window."""
        return self.training_analyses(background, observations)[0]

    def training_analyses(
        self, background: StateEstimate, observations: Observations
    ) -> list[StateEstimate]:
        """The analysis; in training also those of the coarser decoders, finest first."""
        precision = observations.precision * self.ocean
        innovation = torch.where(precision > 0, observations.value - background.mean, 0.0)
        ratio = precision * background.memory
        spread = (background.memory + TINY).sqrt() * self.ocean  # not calibrated
        unit = spread.clamp(min=SMALLEST).sqrt()
        departure = innovation / unit
        evidence = gather(departure, ratio, self.ocean, self.scales)
        features = torch.cat(
            [
                self.stem(departure / unit, precision, spread),
                (evidence.weight / (1 + evidence.weight)).flatten(1, 2),
                (background.memory + TINY).log() * self.ocean,
                spread,
                background.mean,
                self.statics.expand(len(ratio), -1, -1, -1),
                time_of_year(observations, ratio),
            ],
            dim=1,
        )
        hidden, auxiliary = self.trunk(features)
        return [self._corrected(background, unit, evidence, part) for part in (hidden, *auxiliary)]

    def _corrected(
        self, background: StateEstimate, unit: Tensor, evidence: Evidence, hidden: Tensor
    ) -> StateEstimate:
        """The analysis that the head makes of hidden features."""
        sizes = 2 * [self.windows, self.layers] + [self.layers]
        near, loud, sharp, sure, shift = self.head(hidden).split(sizes, dim=1)
        gain = _mixture(self.log_gain, near, loud)
        total = (gain * evidence.weight).sum(1)
        weighted = (gain * evidence.innovation).sum(1) / (1 + total)
        reached = total / (1 + total)
        mean = background.mean + unit * (weighted + reached * unit * torch.tanh(shift))
        drop = (_mixture(self.log_drop, sharp, sure) * evidence.weight).sum(1)
        variance = background.memory / (1 + drop)
        return StateEstimate(mean, self._spread(variance), variance)

    def _spread(self, variance: Tensor) -> Tensor:
        """The spread as it is stated: calibrated, the less the nearer to that of climatology."""
        modelled = (variance + TINY).sqrt() * self.ocean
        share = variance.clamp(max=1)
        return self._stated(modelled, share, self.calibration)


def _mixture(base_KL11: Tensor, near_BKYX: Tensor, loud_BLYX: Tensor) -> Tensor:
    """(B, K, L, Y, X) weights of the windows: base, times what the place says of windows and layers."""
    window = (REACH * torch.tanh(near_BKYX)).exp()[:, :, None]
    layer = (REACH * torch.tanh(loud_BLYX)).exp()[:, None]
    return base_KL11.exp() * window * layer


def _first_guess(windows: list[float], layers: int) -> Tensor:
    """(K, L, 1, 1) logarithm of a mixture that is the same in all layers."""
    return torch.tensor(windows).log().repeat_interleave(layers).view(-1, layers, 1, 1)
