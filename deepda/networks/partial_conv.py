"""The observation operator: convolutions that see only what was observed, and how surely.

Knutsson and Westin (1993, CVPR, "Normalized and differential convolution") weight each value by a
confidence and divide the response by the confidence that the window held. With confidence 0 or 1
that is the partial convolution of Liu et al. (2018, ECCV, eqs 1-2). Window sums are poolings: there
is no mask kernel that could be trained. Longitude is periodic; latitude and depth are padded with
"unobserved".

Shape suffixes: B batch, C channel, L layer, Z depth level, Y latitude, X longitude.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepda.networks.sphere import pad_same

FAINT = 1e-6  # confidence below it counts as unobserved: dividing by it would lose all digits in float32
RESPONSES, KERNEL = 2, 5  # of the stem: responses of each layer, and cells along a side of the window


def confidence(precision: Tensor, spread: Tensor) -> Tensor:
    """Weight in [0, 1) that a lone observation of its cell would get: s2 / (s2 + r2).

    Args:
        precision: 1 / r2, inverse error variance of the observation; zero where there is none.
        spread: s, standard deviation of the background error, same units and shape.
    """
    ratio = precision * spread.square()
    return ratio / (1.0 + ratio)


class NormalisedConv2d(nn.Module):
    """Normalised convolution of fields with a confidence for each value.

    response = (kernel * (confidence value)) * cells / (window sum of confidence) + bias

    where the window holds any confidence, and zero where it holds none. `cells` and the sum run over
    window and channels of a group, so only the *relative* confidence within a window matters: give
    the returned confidence to the next layer as well.

    Args:
        in_channels: channels of the value, a multiple of `groups`.
        out_channels: channels of the response, a multiple of `groups`.
        kernel: cells along each side of the window.
        groups: each group of channels is renormalised by its own confidence; `in_channels` groups
            treat every layer as a field of its own, so that a dense surface does not set the scale
            of rare profiles.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, groups=groups, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.groups, self.kernel = groups, (kernel, kernel)

    def forward(self, value_BCYX: Tensor, confidence_BCYX: Tensor) -> tuple[Tensor, Tensor]:
        """Response (B, out_channels, Y, X) and confidence (B, groups, Y, X).

        Args:
            value_BCYX: not read where the confidence is zero; may be NaN there.
            confidence_BCYX: finite, not negative, below FAINT where unobserved; (B, 1, Y, X) serves
                all channels.

        The new confidence is the highest one in the window: with weights 0/1 it is Liu's updated mask.
        """
        weight = confidence_BCYX.where(confidence_BCYX > FAINT, 0.0).expand_as(value_BCYX)
        value = value_BCYX.where(weight > 0, 0.0) * weight
        response = self.conv(pad_same(value, self.kernel, (1, 1)))
        window = pad_same(weight.unflatten(1, (self.groups, -1)).sum(2), self.kernel, (1, 1))
        best = weight.unflatten(1, (self.groups, -1)).amax(2)
        best = _over_window(functional.max_pool2d, pad_same(best, self.kernel, (1, 1)), self.kernel)
        mean = _over_window(functional.avg_pool2d, window, self.kernel)
        mean = mean * (self.groups / value_BCYX.shape[1])
        scale, seen = (_per_output(part, response) for part in (_inverse(mean, best), best > 0))
        return response * scale + self.bias.view(-1, 1, 1) * seen, best


class PartialConv3d(nn.Module):
    """Convolution that sees only observed cells (Liu et al. 2018, eqs 1-2), for 3-D fields.

    One mask per field, whatever the number of feature channels. The response is scaled by (cells in
    the window) / (observed cells), the bias is added after scaling; where nothing is seen, response
    and mask are zero.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int, int],
        stride: tuple[int, int, int] = (1, 1, 1),
    ) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, kernel, stride=stride, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.kernel, self.stride = kernel, stride

    def forward(self, value_BCZYX: Tensor, mask_B1ZYX: Tensor) -> tuple[Tensor, Tensor]:
        """Response (B, out_channels, Z, Y, X) and mask (B, 1, Z, Y, X), 1 where the window saw anything.

        Sizes are divided by the stride and rounded up. `value` may be NaN where the mask is zero.
        """
        value = value_BCZYX.where(mask_B1ZYX > 0, 0.0)
        response = self.conv(pad_same(value, self.kernel, self.stride))
        window = pad_same(mask_B1ZYX.to(value.dtype), self.kernel, self.stride)
        coverage = functional.avg_pool3d(window, self.kernel, self.stride)
        # a pooling may round a sum of zeros and ones, so ask it only for how many, not whether
        seen = functional.max_pool3d(window, self.kernel, self.stride)
        return response * _inverse(coverage, seen) + self.bias.view(-1, 1, 1, 1) * seen, seen


class InnovationStem(nn.Module):
    """First layer of a correction network: innovations and their precision to dense features.

    Each layer is a field of its own (`groups`): RESPONSES normalised responses and one confidence for
    each. Without any observation all features are zero.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.conv = NormalisedConv2d(layers, layers * RESPONSES, KERNEL, groups=layers)
        self.out_channels = layers * (RESPONSES + 1)
        nn.init.constant_(self.conv.conv.weight, 1.0 / math.prod(self.conv.kernel))
        with torch.no_grad():  # starts as the weighted local mean, each copy a little different
            self.conv.conv.weight.mul_(1.0 + 0.5 * torch.randn_like(self.conv.conv.weight))

    def forward(self, innovation_BLYX: Tensor, precision_BLYX: Tensor, spread_BLYX: Tensor) -> Tensor:
        """(B, out_channels, Y, X) features.

        Args:
            innovation_BLYX: observation minus forecast, in climatological standard deviations.
            precision_BLYX: 1 / observation error variance, zero where unobserved.
            spread_BLYX: standard deviation of the forecast error.
        """
        response, seen = self.conv(innovation_BLYX, confidence(precision_BLYX, spread_BLYX))
        return torch.cat((response, seen), dim=1)


def _over_window(pool: Callable[..., Tensor], field: Tensor, kernel: tuple[int, int]) -> Tensor:
    """Pool rows, then columns: the same as the square window at a fraction of the cost."""
    return pool(pool(field, (kernel[0], 1), stride=1), (1, kernel[1]), stride=1)


def _inverse(mean: Tensor, seen: Tensor) -> Tensor:
    """1 / mean where anything was seen, else 0."""
    return torch.where(seen > 0, 1.0 / torch.where(seen > 0, mean, 1.0), 0.0)


def _per_output(part_BGYX: Tensor, response_BOYX: Tensor) -> Tensor:
    return part_BGYX.repeat_interleave(response_BOYX.shape[1] // part_BGYX.shape[1], dim=1)
