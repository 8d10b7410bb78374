"""The published network (Ham, Joo, Kim and Lee 2024, doi 10.1038/s42256-024-00867-x), as a baseline.

Architecture as in the published code, with kernels turned from (lon, lat, depth) to (Z, Y, X). Every
hidden layer has twice as many relu as tanh channels. These slips of it are mended:

* mask kernels were trainable, masks were concatenated with features, and the renormalisation ignored
  the mask channels: here one mask per field and a window that is no parameter (`PartialConv3d`);
* the bias was scaled by the renormalisation: here it is added after it;
* longitude was padded with zeros: here it is periodic;
* observation step i was paired with label i + 1: here the cycle pairs background, observations and
  truth of one window;
* land zeros were in the loss, without area weights: see `objectives.mean_square`;
* the increment changed sign between the discriminator's training and the adversarial loss: see
  `discriminator.Ham2024Discriminator`;
* without any observation the background is returned (the published network gave a function of it),
  and land never enters as data.

Shape suffixes: B batch, C channel, L layer, Z depth level, Y latitude, X longitude.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepda.assimilation.baselines.cellwise import climatology_estimate
from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.networks.objectives import mean_square
from deepda.networks.partial_conv import PartialConv3d
from deepda.networks.sphere import SphereConv3d, SphereConvTranspose3d, wrap_longitude
from deepda.networks.trainable import CycleErrors, TrainableAnalyser

CHANNELS = (24, 48, 96)
BACKGROUND_KERNELS = ((4, 6, 8), (4, 4, 6), (3, 3, 3))
OBSERVATION_KERNELS = ((4, 4, 6), (4, 4, 6), (3, 3, 3))
REDUCTION = 4  # horizontal cells that become one at the bottom
RESIDUAL_KERNEL, RESIDUAL_STRIDE = (4, 4, 4), (1, REDUCTION, REDUCTION)
HALVE = (1, 2, 2)
RUNAWAY = 20.0  # standard deviations; beyond it a training stretch starts again


class Ham2024(nn.Module):
    """The published generator: (background, observations) straight to the analysis; 0.86 M weights.

    Rolling longitude by a multiple of four cells rolls the analysis where the number of columns is a
    multiple of four; other sizes are padded (around the globe in longitude, with zeros beyond the
    last latitude) and cropped.

    Args:
        ocean: (Z, Y, X) bool, true where there is water.
    """

    ocean: Tensor

    def __init__(self, ocean: Tensor) -> None:
        super().__init__()
        self.register_buffer("ocean", ocean.bool(), persistent=False)
        self.background = BackgroundEncoder()
        self.observations = ObservationEncoder()
        self.decoder = Decoder(2 * CHANNELS[-1])
        initialise_split(self)

    def forward(self, background_BZYX: Tensor, value_BZYX: Tensor, mask_BZYX: Tensor) -> Tensor:
        """(B, Z, Y, X) analysis, zero on land; all in climatological standard deviations.

        Args:
            background_BZYX: anomaly, not read on land.
            value_BZYX: superobservations, not read where the mask is zero; may be NaN there.
            mask_BZYX: true (or 1) where observed; observations on land are ignored.
        """
        mask = (mask_BZYX > 0) & self.ocean
        background = background_BZYX.where(self.ocean, 0.0)
        value = value_BZYX.where(mask, 0.0)
        fields = [_pad(part)[:, None] for part in (background, value, mask.to(value.dtype))]
        features = torch.cat((self.background(fields[0]), self.observations(*fields[1:])), dim=1)
        height, width = self.ocean.shape[-2:]
        return self.decoder(features)[:, 0, :, :height, :width] * self.ocean


class BackgroundEncoder(nn.Module):
    """(B, 1, Z, Y, X) to (B, 96, Z, Y / 4, X / 4) by plain convolutions and a strided short cut."""

    def __init__(self) -> None:
        super().__init__()
        layers = zip((1, *CHANNELS[:-1]), CHANNELS, BACKGROUND_KERNELS, strict=True)
        self.convs = nn.ModuleList(SphereConv3d(*layer) for layer in layers)
        self.residual = SphereConv3d(1, CHANNELS[-1], RESIDUAL_KERNEL, RESIDUAL_STRIDE)

    def forward(self, background_B1ZYX: Tensor) -> Tensor:
        """Features of the background, anomaly zero on land."""
        first, second, third = self.convs
        features = functional.max_pool3d(split(second(split(first(background_B1ZYX)))), HALVE)
        features = functional.max_pool3d(split(third(features)), HALVE)
        return features + torch.relu(self.residual(background_B1ZYX))


class ObservationEncoder(nn.Module):
    """(B, 1, Z, Y, X) values and mask to (B, 96, Z, Y / 4, X / 4) by partial convolutions."""

    def __init__(self) -> None:
        super().__init__()
        layers = zip((1, *CHANNELS[:-1]), CHANNELS, OBSERVATION_KERNELS, strict=True)
        self.convs = nn.ModuleList(PartialConv3d(*layer) for layer in layers)
        self.residual = PartialConv3d(1, CHANNELS[-1], RESIDUAL_KERNEL, RESIDUAL_STRIDE)

    def forward(self, value_B1ZYX: Tensor, mask_B1ZYX: Tensor) -> Tensor:
        """Features of the observations; zero where nothing was seen."""
        features, mask = value_B1ZYX, mask_B1ZYX
        for conv, pooled in zip(self.convs, (False, True, True), strict=True):
            features, mask = conv(features, mask)
            features = split(features)
            if pooled:
                features = functional.max_pool3d(features, HALVE)
                mask = functional.max_pool3d(mask, HALVE)
        residual, _ = self.residual(value_B1ZYX, mask_B1ZYX)
        return features + torch.relu(residual)


class Decoder(nn.Module):
    """(B, in_channels, Z, Y / 4, X / 4) to (B, 1, Z, Y, X) by transposed convolutions."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            (
                SphereConvTranspose3d(in_channels, CHANNELS[1], (3, 3, 3), stride=HALVE),
                SphereConvTranspose3d(CHANNELS[1], CHANNELS[0], (4, 4, 6), stride=HALVE),
                SphereConvTranspose3d(CHANNELS[0], 2, (4, 6, 8)),
            )
        )
        self.output = nn.Conv3d(2, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """The analysis before the ocean mask."""
        for conv in self.convs:
            features = split(conv(features))
        return self.output(features)


class Ham2024Analyser(TrainableAnalyser):
    """The published network in the cycle: persistence forecast, constant spread, no memory.

    The published method has no uncertainty of its own; the spread is the error that was measured on
    validation years (`calibrate`), or the climatological one before that.

    Args:
        ocean: (L, Y, X) bool, true where there is water.
    """

    error_stddev: Tensor

    def __init__(self, ocean: Tensor) -> None:
        super().__init__()
        self.register_buffer("ocean", ocean.bool(), persistent=False)
        self.register_buffer("error_stddev", ocean.float())
        self.generator = Ham2024(ocean)

    def calibrate(self, errors: CycleErrors) -> None:
        """The constant spread of the analysis is its error on validation years."""
        error = torch.from_numpy(errors.stddev).to(self.error_stddev)
        self.error_stddev.copy_(error.where(self.ocean, 0.0))

    def objective(
        self, background: StateEstimate, analysis: StateEstimate, truth: Tensor, weights: Tensor
    ) -> Tensor:
        """(B) mean square error, as published: there is no spread that could be judged."""
        return mean_square(background, analysis, truth, weights)

    def training_analyses(
        self, background: StateEstimate, observations: Observations
    ) -> list[StateEstimate]:
        """The analysis where it is within RUNAWAY standard deviations, else climatology.

        The published network feeds on its own output and runs away before it is trained; from
        climatology it can learn not to. `analyse`, which is what is evaluated, hides nothing.
        """
        analysis = self.analyse(background, observations)
        near = analysis.mean.detach().abs().amax((1, 2, 3)) < RUNAWAY
        return [analysis.where(near, self.first_guess(len(near)))]

    def first_guess(self, batch: int) -> StateEstimate:
        """Climatology with the climatological spread."""
        return climatology_estimate(self.ocean, batch)

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """Persistence: the published background is the previous analysis."""
        return analysis

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """The network's analysis; the background itself where a sample has no observation at all."""
        seen = observations.seen & self.ocean
        analysis = self.generator(background.mean, observations.value, seen)
        observed = seen.flatten(1).any(dim=1)[:, None, None, None]
        return StateEstimate(
            mean=torch.where(observed, analysis, background.mean),
            spread=torch.where(observed, self.error_stddev, background.spread),
            memory=background.memory,
        )


def tanh_channels(channels: int) -> int:
    """How many of the channels are tanh: a third, and one of two."""
    return max(channels // 3, 1)


def split(features: Tensor) -> Tensor:
    """Relu on the first two thirds of the channels, tanh on the rest."""
    last = tanh_channels(features.shape[1])
    relu, tanh = features.split((features.shape[1] - last, last), dim=1)
    return torch.cat((torch.relu(relu), torch.tanh(tanh)), dim=1)


def initialise_split(network: nn.Module) -> None:
    """He normal weights for relu, Glorot normal for tanh channels, zero bias, as published."""
    for conv in network.modules():
        if not isinstance(conv, nn.Conv3d | nn.ConvTranspose3d):
            continue
        inputs, outputs = conv.in_channels, conv.out_channels
        window = math.prod(conv.kernel_size)
        he = math.sqrt(2.0 / (inputs * window))
        glorot = math.sqrt(2.0 / ((inputs + outputs) * window))
        transposed = isinstance(conv, nn.ConvTranspose3d)
        weight = conv.weight.detach().transpose(0, 1) if transposed else conv.weight.detach()
        relu = outputs - tanh_channels(outputs)
        nn.init.normal_(weight[:relu], std=he)
        nn.init.normal_(weight[relu:], std=glorot)
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)


def _pad(field_BZYX: Tensor) -> Tensor:
    """Up to multiples of REDUCTION: longitude runs on around the globe, latitude gets zeros."""
    height, width = field_BZYX.shape[-2:]
    field = wrap_longitude(field_BZYX, 0, -width % REDUCTION)
    return functional.pad(field, (0, 0, 0, -height % REDUCTION))
