"""How the carried variances of the factors change: in the forecast, by observations, in the smoother.

Shape suffixes: B batch, L layer, K factor, Y latitude, X longitude.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepda.networks.background_covariance import BackgroundCovariance
from deepda.networks.statics import TINY


@dataclass(frozen=True, eq=False)
class VarianceLaw:
    """The law of the factor variances, as the weights of a generator have it.

    Attributes:
        climate: (K, Y, X) climatological variance.
        kept: (K, Y, X) share of a variance that survives a forecast.
        log_gain, log_power: (K, 1, 1) of the update by observations.
        noise_share: (L, 1, 1) logit of how much the other factors hide of an observation.
    """

    climate: Tensor
    kept: Tensor
    log_gain: Tensor
    log_power: Tensor
    noise_share: Tensor

    def forecast(self, variance: Tensor) -> Tensor:
        """(B, K, Y, X) the variances relax to those of climatology."""
        return torch.lerp(self.climate, variance, self.kept)

    def update(
        self, covariance: BackgroundCovariance, variance: Tensor, spread: Tensor, precision: Tensor
    ) -> Tensor:
        """(B, K, Y, X) each factor's variance after the window, the other factors taken as noise.

        s2 -> s2 / (1 + gain s2 I)^power, where I is the information (inverse variance) on the factor
        in its correlation area; exact for one factor observed at one place. How much the other factors
        hide is learnt: a share of 0 is not at all, of 1 with all their variance.

        Args:
            variance: (B, K, Y, X) before.
            spread: (B, L, Y, X) that follows from it.
            precision: (B, L, Y, X) inverse observation error variance, zero on land.
        """
        hidden = (1 + precision * spread.square()).log()
        visible = precision * torch.exp(-torch.sigmoid(self.noise_share) * hidden)
        drop = 1 + self.log_gain.exp() * variance * covariance.information(visible)
        return variance * drop ** -self.log_power.exp()

    def smooth(self, analysis: Tensor, background: Tensor, smoothed: Tensor) -> Tensor:
        """(B, K, Y, X) variance of an analysis given that of the next window, after its smoothing.

        Each factor for itself, by the scalar smoother of Rauch, Tung and Striebel (1965):
        s2 - g2 (background - smoothed) with g = sqrt(kept) s2 / background, as the filter updates it.

        Args:
            analysis: of this window.
            background, smoothed: of the next window.
        """
        gain = self.kept * (analysis / background.clamp(min=TINY)).square()
        return analysis - gain * (background - smoothed)
