"""Discriminators and their losses: does this increment look like one of the truth?

A discriminator is given a state (the analysis, or the truth) and the background, and makes the
increment itself, so that the sign cannot differ between its own training and the generator's. Land
never enters, and patches that see land only have no weight.

Shape suffixes: B batch, L layer, Z depth level, Y latitude, X longitude.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from deepda.networks.ham2024 import initialise_split, split
from deepda.networks.sphere import SphereConv2d, SphereConv3d, pad_same

DISCRIMINATOR_WEIGHT = 0.5  # of the published discriminator's loss

Geometry = Sequence[tuple[Sequence[int], Sequence[int]]]  # (kernel, stride) of each convolution


class PatchDiscriminator(nn.Module):
    """Judges increments by patches of 18 cells, conditioned on background and observations seen.

    Layers are channels. Spectral normalisation (Miyato et al. 2018) keeps the judge's gradient
    bounded without batch statistics, which would couple the parallel stretches of training.

    Args:
        ocean: (L, Y, X) bool, true where there is water.
        features: channels of the first convolution; the second has twice as many.
    """

    GEOMETRY = ((4, 2), (4, 2), (3, 1))
    ocean: Tensor
    patch_weight: Tensor

    def __init__(self, ocean: Tensor, features: int = 32) -> None:
        super().__init__()
        self.register_buffer("ocean", ocean.bool(), persistent=False)
        geometry = [((kernel,) * 2, (stride,) * 2) for kernel, stride in self.GEOMETRY]
        water = ocean.to(torch.float32).mean(dim=0)[None, None]
        self.register_buffer("patch_weight", ocean_fraction(water, geometry), persistent=False)
        channels = (3 * ocean.shape[0], features, 2 * features, 1)
        layers = zip(channels[:-1], channels[1:], self.GEOMETRY, strict=True)
        self.convs = nn.ModuleList(
            spectral_norm(SphereConv2d(inputs, outputs, *shape)) for inputs, outputs, shape in layers
        )

    def forward(self, state: Tensor, background: Tensor, seen: Tensor) -> Tensor:
        """(B, 1, Y / 4, X / 4) logits, sizes rounded up.

        Args:
            state: (B, L, Y, X) analysis or truth; like `background` not read on land.
            background: (B, L, Y, X) anomaly before the observations.
            seen: (B, L, Y, X) bool, true where observed.
        """
        fields = (state - background, background, seen.to(background.dtype))
        features = torch.cat([field.where(self.ocean, 0.0) for field in fields], dim=1)
        for conv in self.convs[:-1]:
            features = functional.leaky_relu(conv(features), 0.2)
        return self.convs[-1](features)


class Ham2024Discriminator(nn.Module):
    """The published discriminator: strided 3-D convolutions on the increment alone.

    Mended besides sign and padding: its last relu and tanh channels cannot say "no" and are linear
    logits here. Axes shorter than the strides end as one patch.

    Args:
        ocean: (Z, Y, X) bool, true where there is water.
    """

    CHANNELS = (24, 48, 96, 192, 2)
    GEOMETRY = (
        ((4, 4, 8), (2, 2, 2)),
        ((3, 6, 6), (2, 2, 2)),
        ((3, 4, 4), (1, 2, 2)),
        ((3, 3, 3), (1, 2, 2)),
        ((3, 3, 3), (2, 2, 2)),
    )
    ocean: Tensor
    patch_weight: Tensor

    def __init__(self, ocean: Tensor) -> None:
        super().__init__()
        self.register_buffer("ocean", ocean.bool(), persistent=False)
        water = ocean.to(torch.float32)[None, None]
        self.register_buffer("patch_weight", ocean_fraction(water, self.GEOMETRY), persistent=False)
        layers = zip((1, *self.CHANNELS[:-1]), self.CHANNELS, self.GEOMETRY, strict=True)
        self.convs = nn.ModuleList(
            SphereConv3d(inputs, outputs, kernel, stride) for inputs, outputs, (kernel, stride) in layers
        )
        initialise_split(self)

    def forward(self, state: Tensor, background: Tensor, seen: Tensor) -> Tensor:
        """(B, 2, z, y, x) logits of state - background; `seen` is not used, as published."""
        features = (state - background).where(self.ocean, 0.0)[:, None]
        for conv in self.convs[:-1]:
            features = split(conv(features))
        return self.convs[-1](features)


def ocean_fraction(water: Tensor, geometry: Geometry) -> Tensor:
    """Share of water in what each output of a stack of convolutions sees.

    Cells count by the number of paths that lead from them to the output; beyond the poles and the
    sea floor counts as land.

    Args:
        water: (1, 1, [Z,] Y, X) fraction of water, 0..1.
        geometry: (kernel, stride) of each "same" convolution.
    """
    for kernel, stride in geometry:
        pool = functional.avg_pool3d if len(kernel) == 3 else functional.avg_pool2d
        water = pool(pad_same(water, kernel, stride), tuple(kernel), tuple(stride))
    return water


def adversarial_loss(candidate_logits: Tensor, patch_weight: Tensor) -> Tensor:
    """Binary cross entropy of analyses that want to be taken for the truth."""
    return _cross_entropy(candidate_logits, 1.0, patch_weight)


def discriminator_loss(true_logits: Tensor, candidate_logits: Tensor, patch_weight: Tensor) -> Tensor:
    """Published loss of the discriminator: truth is 1, analysis is 0; detach the analysis first."""
    true = _cross_entropy(true_logits, 1.0, patch_weight)
    return DISCRIMINATOR_WEIGHT * (true + _cross_entropy(candidate_logits, 0.0, patch_weight))


def _cross_entropy(logits: Tensor, target: float, patch_weight: Tensor) -> Tensor:
    weight = patch_weight.expand_as(logits)
    labels = torch.full_like(logits, target)
    total = functional.binary_cross_entropy_with_logits(logits, labels, weight, reduction="sum")
    return total / weight.sum()
