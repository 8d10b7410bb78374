"""Trunks: from gridded features to hidden features on the same grid, inside the generator.

The generator prepares the features (innovations through `InnovationStem`, spread, static fields) and
owns the head that turns hidden features into a correction; a trunk only brings context to each cell.

Shape suffixes: B batch, C channel, H hidden channel, Y latitude, X longitude.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepda.networks.dropout import MonteCarloDropout
from deepda.networks.sphere import (
    SphereConv2d,
    coarsen_mask,
    pool_water,
    refine,
    require_horizontal_mask,
)


class PyramidTrunk(nn.Module):
    """Light default: 3x3 convolutions on the full grid and on coarser levels for context.

    Each level goes down (mean of the water cells in 2x2, convolution) and comes back (bilinear, added
    to the finer features, convolution); activation SiLU.

    It rolls its output exactly only for rolls of 2**levels columns on a grid whose number of columns is
    a multiple of that.

    Args:
        in_channels: C.
        hidden: H, on every level.
        levels: number of coarser levels; 0 gives two plain convolutions.
        ocean: (Y, X) bool, true where any layer has water.
        dropout: rate of Monte-Carlo dropout before each convolution on the way back.

    Raises:
        ValueError: a mask that is not horizontal or has no water.
    """

    def __init__(
        self, in_channels: int, hidden: int, levels: int, ocean: Tensor, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.levels = levels
        wet = require_horizontal_mask(ocean)
        for level in range(levels + 1):
            self.register_buffer(f"wet{level}", coarsen_mask(wet, 2**level), persistent=False)
        inputs = [in_channels] + [hidden] * levels
        self.down = nn.ModuleList(SphereConv2d(channels, hidden, 3) for channels in inputs)
        self.back = nn.ModuleList(SphereConv2d(hidden, hidden, 3) for _ in range(max(levels, 1)))
        self.dropouts = nn.ModuleList(MonteCarloDropout(dropout) for _ in self.back)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) to hidden (B, H, Y, X), zero on land."""
        field = features.where(self._wet(0) > 0, 0.0).contiguous(memory_format=torch.channels_last)
        skips = []
        for level, conv in enumerate(self.down):
            if level:
                field = pool_water(field, self._wet(level - 1))
            field = self._activate(conv(field), level)
            skips.append(field)
        field = skips.pop() if self.levels else field
        for level in reversed(range(len(self.back))):
            if self.levels:
                field = skips[level] + refine(field, 2, skips[level].shape[-2:])
            field = self._activate(self.back[level](self.dropouts[level](field)), level)
        return field

    def _wet(self, level: int) -> Tensor:
        return self.get_buffer(f"wet{level}")

    def _activate(self, features: Tensor, level: int) -> Tensor:
        return functional.silu(features) * self._wet(level).to(features.dtype)
