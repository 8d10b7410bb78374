"""U-Net 3+ (Huang et al. 2020, arXiv:2004.08790) as the correction network of the generator.

Every decoder scale takes features of all scales: max-pooled from finer encoders, bilinear from
coarser decoders, each brought to `filters` channels and concatenated ("3Net+" of King et al.,
AIES-D-23-0063.1). Adapted here to a periodic longitude, to land, and to the innovation form: the
observations come in through `deepda.networks.partial_conv.InnovationStem`. Departures from the paper:

* coarser decoders are brought to `filters` channels *before* they are up-sampled: same weights, a
  small part of the cost (the bottleneck has 16 x filters channels);
* group normalisation over water cells, not batch normalisation: batch statistics mix parallel
  stretches of the control run that lie years apart, differ between cycles of one back-propagation,
  and are worthless for a batch of one;
* dropout drops whole channels (see `MonteCarloDropout`).

Shape suffixes: B batch, C channel, H hidden channel, Y latitude, X longitude.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepda.networks.dropout import MonteCarloDropout
from deepda.networks.sphere import SphereConv2d, coarsen_mask, refine, require_horizontal_mask

GROUPS = 8


class UNet3Plus(nn.Module):
    """Trunk with full-scale skip connections and deep supervision; any (Y, X).

    Scale s has cells of 2**s x 2**s; where the grid does not divide, the last cell of a scale is
    narrower, and the globe still closes. Rolling longitude rolls the output exactly only by multiples
    of 2**depth columns on a grid whose number of columns is such a multiple.

    Args:
        in_channels: C.
        hidden: H.
        ocean: (Y, X) bool, true where any layer has water.
        filters: channels of the first encoder, doubled at each scale, and of every skip.
        depth: number of poolings.
        dropout: rate after every encoder and decoder block.

    Raises:
        ValueError: a mask that is not horizontal or has no water.
    """

    def __init__(
        self,
        in_channels: int,
        hidden: int,
        ocean: Tensor,
        filters: int = 32,
        depth: int = 4,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        wet = require_horizontal_mask(ocean)
        self.depth = depth
        for scale in range(depth + 1):
            self.register_buffer(f"wet{scale}", coarsen_mask(wet, 2**scale), persistent=False)
        widths = [filters * 2**scale for scale in range(depth + 1)]
        joined = filters * (depth + 1)
        self.encoders = nn.ModuleList(
            _Encoder(inputs, outputs)
            for inputs, outputs in zip([in_channels, *widths], widths, strict=False)
        )
        sources = [widths[: scale + 1] + [joined] * (depth - 1 - scale) for scale in range(depth)]
        self.decoders = nn.ModuleList(_Decoder([*source, widths[-1]], filters) for source in sources)
        self.dropouts = nn.ModuleList(MonteCarloDropout(dropout) for _ in range(2 * depth + 1))
        self.head = SphereConv2d(joined, hidden, 3)
        coarse = [joined] * (depth - 1) + [widths[-1]]
        self.auxiliary = nn.ModuleList(SphereConv2d(inputs, hidden, 3) for inputs in coarse)

    def forward(self, features: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, C, Y, X) to hidden (B, H, Y, X), zero on land.

        In training also the `depth` auxiliary outputs of the coarser scales, finest first, at the
        same size; at inference an empty list.
        """
        wet = [self.get_buffer(f"wet{scale}") for scale in range(self.depth + 1)]
        encoded = self._encode(features.where(wet[0] > 0, 0.0), wet)
        decoded = encoded[-1:]  # finest first: the scales decoded so far
        for scale in reversed(range(self.depth)):
            joined = self.decoders[scale](encoded[: scale + 1], decoded, wet[scale:])
            decoded.insert(0, self.dropouts[self.depth + 1 + scale](joined))
        hidden = self.head(decoded[0])
        auxiliary = self._supervise(decoded[1:], wet[0]) if self.training else []
        return hidden * wet[0].to(hidden.dtype), auxiliary

    def _encode(self, features: Tensor, wet: list[Tensor]) -> list[Tensor]:
        encoded = []
        field = features.contiguous(memory_format=torch.channels_last)
        for scale, encoder in enumerate(self.encoders):
            if scale:
                field = functional.max_pool2d(field, 2, ceil_mode=True)
            field = self.dropouts[scale](encoder(field, wet[scale]))
            encoded.append(field)
        return encoded

    def _supervise(self, coarse: list[Tensor], wet_11YX: Tensor) -> list[Tensor]:
        size = wet_11YX.shape[-2:]
        pairs = zip(self.auxiliary, coarse, strict=True)
        fine = [refine(conv(field), 2**scale, size) for scale, (conv, field) in enumerate(pairs, 1)]
        return [field * wet_11YX.to(field.dtype) for field in fine]


class _Encoder(nn.Module):
    """Two convolutions on one scale."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = _Block(in_channels, out_channels)
        self.second = _Block(out_channels, out_channels)

    def forward(self, features: Tensor, wet_11YX: Tensor) -> Tensor:
        return self.second(self.first(features, wet_11YX), wet_11YX)


class _Decoder(nn.Module):
    """One decoder scale: every source to `filters` channels on this scale, joined by a convolution.

    Args:
        sources: channels of the encoders from the finest to this scale, then of the coarser decoders.
    """

    def __init__(self, sources: list[int], filters: int) -> None:
        super().__init__()
        self.skips = nn.ModuleList(_Block(channels, filters) for channels in sources)
        joined = filters * len(sources)
        self.join = _Block(joined, joined)

    def forward(self, finer: list[Tensor], coarser: list[Tensor], wet: list[Tensor]) -> Tensor:
        """`finer` ends with this scale's encoder; `wet` and `coarser` start at and after this scale."""
        here = wet[0]
        parts: list[Tensor] = []
        for skip, field in zip(self.skips, finer, strict=False):
            for _ in range(len(finer) - 1 - len(parts)):
                field = functional.max_pool2d(field, 2, ceil_mode=True)
            parts.append(skip(field, here))
        for scale, field in enumerate(coarser, 1):
            small = self.skips[len(parts)](field, wet[scale])
            parts.append(refine(small, 2**scale, here.shape[-2:]))
        return self.join(torch.cat(parts, dim=1), here)


class _Block(nn.Module):
    """Convolution, normalisation, relu; zero on land, which max-pooling then never prefers."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = SphereConv2d(in_channels, out_channels, 3)
        self.norm = WaterGroupNorm(out_channels)

    def forward(self, features: Tensor, wet_11YX: Tensor) -> Tensor:
        response = self.conv(features)
        normal = self.norm(response, wet_11YX).to(response.dtype)  # bf16 under autocast
        return torch.relu(normal) * wet_11YX.to(response.dtype)


class WaterGroupNorm(nn.Module):
    """Group normalisation (Wu and He 2018) with the mean and variance of water cells only.

    Args:
        channels: in groups of channels / GROUPS, or the largest common divisor.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.groups = math.gcd(channels, GROUPS)
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, features: Tensor, wet_11YX: Tensor) -> Tensor:
        """(B, C, Y, X) to the same; what is on land neither counts nor comes out as anything known."""
        channels = features.shape[1]
        cells = wet_11YX.sum() * (channels // self.groups)
        mean = self._over_groups(features * wet_11YX) / cells
        departure = features - mean
        variance = self._over_groups(departure.square() * wet_11YX) / cells
        return departure * torch.rsqrt(variance + 1e-5) * self.scale + self.shift

    def _over_groups(self, field: Tensor) -> Tensor:
        """Sums over the cells and channels of each group, (B, C, 1, 1)."""
        total = field.sum(dim=(2, 3)).unflatten(1, (self.groups, -1)).sum(dim=2, keepdim=True)
        return total.expand(-1, -1, field.shape[1] // self.groups).flatten(1)[..., None, None]
