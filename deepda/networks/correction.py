"""What convolutions add to the linear analysis of the default generator.

Shape suffixes: B batch, L layer, K factor, Y latitude, X longitude.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepda.assimilation.cycle import StateEstimate
from deepda.networks.partial_conv import InnovationStem
from deepda.networks.statics import TINY
from deepda.networks.trunk import PyramidTrunk


class Correction(nn.Module):
    """What convolutions add to the linear analysis: a shift of the mean, a factor on the variances.

    Both are multiplied by the influence of the observations, so that without observations the
    analysis is the forecast, exactly.
    """

    def __init__(
        self, ocean: Tensor, statics: int, factors: int, hidden: int, levels: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        layers = len(ocean)
        self.stem = InnovationStem(layers)
        features = self.stem.out_channels + 4 * layers + statics + 2
        self.trunk = PyramidTrunk(features, hidden, levels, ocean.any(0), dropout=dropout)
        self.head = zeroed(nn.Conv2d(hidden, layers + factors, 1))
        self.layers = layers

    def forward(
        self,
        background: StateEstimate,
        innovation: Tensor,
        precision: Tensor,
        increment: Tensor,
        influence_BLYX: Tensor,
        influence_BKYX: Tensor,
        context: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Shift of the mean (B, L, Y, X) and log factor on the variances (B, K, Y, X)."""
        spread = background.spread
        size = spread.clamp(min=0.01)
        seen = self.stem(innovation / size, precision, spread)
        features = torch.cat(
            [seen, increment / size, spread, influence_BLYX, background.mean, context], dim=1
        )
        shift, shrink = self.head(self.trunk(features)).split(
            [self.layers, influence_BKYX.shape[1]], dim=1
        )
        # Bounded, so that no input can make the cycle run away.
        return torch.tanh(shift) * spread * influence_BLYX, torch.tanh(shrink) * influence_BKYX


def influence(before: Tensor, after: Tensor) -> Tensor:
    """Share of the background error variance that the observations removed, 0..1; zero on land."""
    return (1 - after.square() / before.square().clamp(min=TINY)).clamp(0, 1)


def zeroed(conv: nn.Conv2d) -> nn.Conv2d:
    """The convolution with weights of zero: training starts from what is there without it."""
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv
