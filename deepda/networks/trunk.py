"""Trunks: from gridded features to hidden features on the same grid, inside the generator.

The generator prepares the features (innovations through `InnovationStem`, spread, static fields) and
owns the head that turns hidden features into a correction; a trunk only brings context to each cell.

Shape suffixes: B batch, C channel, H hidden channel, Y latitude, X longitude.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args

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

Context = Literal["pool", "dilate"]


class Trunk(Protocol):
    """What the generator expects of its network."""

    def __call__(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, C, Y, X) to hidden (B, H, Y, X), zero on land, and auxiliary hidden features.

        The auxiliary features have the same shape and go through the same head (deep supervision);
        the list is empty at inference and for trunks without them.
        """
        ...


class PyramidTrunk(nn.Module):
    """Light default: 3x3 convolutions on the full grid and on coarser levels for context.

    Each level goes down (mean of the water cells in 2x2, convolution) and comes back (bilinear, added
    to the finer features, convolution); activation SiLU.

    context="pool" rolls its output exactly only for rolls of 2**levels columns on a grid whose number
    of columns is a multiple of that. context="dilate" keeps every level on the full grid and dilates
    its convolutions by 2**level instead (the undecimated form of the same pyramid, same weights): any
    roll rolls the output, at 4 to 64 times the cost of the coarser levels.

    Args:
        in_channels: C.
        hidden: H, on every level.
        levels: number of coarser levels; 0 gives two plain convolutions.
        ocean: (Y, X) bool, true where any layer has water.
        context: "pool" or "dilate".
        dropout: rate of Monte-Carlo dropout before each convolution on the way back.

    Raises:
        ValueError: another context, or a mask that is not horizontal or has no water.
    """

    def __init__(
        self,
        in_channels: int,
        hidden: int,
        levels: int,
        ocean: Tensor,
        context: Context = "pool",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if context not in get_args(Context):
            raise ValueError(f"context {context!r} came, expected one of {', '.join(get_args(Context))}")
        self.levels, self.pooled = levels, context == "pool"
        wet = require_horizontal_mask(ocean)
        for level in range(levels + 1):
            mask = coarsen_mask(wet, 2**level) if self.pooled else wet
            self.register_buffer(f"wet{level}", mask, persistent=False)
        reach = [1 if self.pooled else 2**level for level in range(levels + 1)]
        inputs = [in_channels] + [hidden] * levels
        self.down = nn.ModuleList(
            SphereConv2d(channels, hidden, 3, dilation=cells)
            for channels, cells in zip(inputs, reach, strict=True)
        )
        self.back = nn.ModuleList(
            SphereConv2d(hidden, hidden, 3, dilation=cells) for cells in reach[: max(levels, 1)]
        )
        self.dropouts = nn.ModuleList(MonteCarloDropout(dropout) for _ in self.back)

    def forward(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, C, Y, X) to hidden (B, H, Y, X), zero on land, and no auxiliary features."""
        field = features.where(self._wet(0) > 0, 0.0).contiguous(memory_format=torch.channels_last)
        skips = []
        for level, conv in enumerate(self.down):
            field = self._activate(conv(self._coarser(field, level)), level)
            skips.append(field)
        field = skips.pop() if self.levels else field
        for level in reversed(range(len(self.back))):
            if self.levels:
                field = skips[level] + self._finer(field, skips[level])
            field = self._activate(self.back[level](self.dropouts[level](field)), level)
        return field, []

    def _wet(self, level: int) -> Tensor:
        return self.get_buffer(f"wet{level}")

    def _activate(self, features: Tensor, level: int) -> Tensor:
        return functional.silu(features) * self._wet(level).to(features.dtype)

    def _coarser(self, features: Tensor, level: int) -> Tensor:
        return pool_water(features, self._wet(level - 1)) if self.pooled and level else features

    def _finer(self, features: Tensor, skip: Tensor) -> Tensor:
        return refine(features, 2, (skip.shape[-2], skip.shape[-1])) if self.pooled else features
