"""Padding and resampling on the sphere: longitude is periodic, the poles and the sea floor are ends.

Shape suffixes: B batch, C channel, Z depth level, Y latitude, X longitude. All functions work on the
trailing axes (..., Y, X) or (..., Z, Y, X) and keep the dtype and the memory format.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def wrap_longitude(field: Tensor, west: int, east: int) -> Tensor:
    """(..., X) to (..., west + X + east): cells beyond either end come from the other side.

    More cells than one turn of the globe may be asked for; small grids under long kernels need it.
    """
    width = field.shape[-1]
    if max(west, east) <= width:
        return torch.cat((field[..., width - west :], field, field[..., :east]), dim=-1)
    around = torch.arange(-west, width + east, device=field.device) % width
    return field[..., around]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Cells (before, after) so that a strided convolution gives ceil(size / stride) outputs.

    The odd cell of an even kernel goes behind, as in the published network.
    """
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_same(field: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Pad the last len(kernel) axes for a "same" convolution: longitude wraps, the others get zeros."""
    sizes = field.shape[-len(kernel) :]
    pads = [same_padding(*axis) for axis in zip(sizes, kernel, stride, strict=True)]
    field = wrap_longitude(field, *pads[-1])
    zeros = [cells for pad in reversed(pads[:-1]) for cells in pad]
    return functional.pad(field, (0, 0, *zeros)) if any(zeros) else field


class SphereConv2d(nn.Conv2d):
    """(B, C, Y, X) convolution that keeps the size (divided by the stride, rounded up)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel, stride=stride)

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, Y, X) to (B, out_channels, ceil(Y / stride), ceil(X / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        rows, columns = (same_padding(size, kernel, stride) for size in input.shape[-2:])
        field, beyond = wrap_longitude(input, *columns), rows[0]
        if rows[0] != rows[1]:  # else the convolution pads by itself, which saves a copy
            field, beyond = functional.pad(field, (0, 0, *rows)), 0
        return functional.conv2d(field, self.weight, self.bias, self.stride, (beyond, 0))


class SphereConv3d(nn.Conv3d):
    """(B, C, Z, Y, X) convolution that keeps the size (divided by the stride, rounded up)."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, Z, Y, X) to (B, out_channels, ...), each axis divided by its stride, rounded up."""
        return super().forward(pad_same(input, self.kernel_size, self.stride))


class SphereConvTranspose3d(nn.ConvTranspose3d):
    """(B, C, Z, Y, X) transposed convolution that multiplies the size by exactly the stride.

    The input is wrapped around in longitude by enough cells that every output has all the inputs
    which reach it; what lies beyond size * stride is cut off, more behind than before.
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, C, Z, Y, X) to (B, out_channels, Z * stride, Y * stride, X * stride)."""
        wrap = -(-self.kernel_size[-1] // self.stride[-1])
        output = super().forward(wrap_longitude(input, wrap, wrap), output_size)
        for axis, wrapped in zip((-3, -2, -1), (0, 0, wrap), strict=True):
            kernel, stride = self.kernel_size[axis], self.stride[axis]
            start = wrapped * stride + max(kernel - stride, 0) // 2
            output = output.narrow(axis, start, input.shape[axis] * stride)
        return output


def require_horizontal_mask(ocean: Tensor) -> Tensor:
    """`ocean` as (1, 1, Y, X) ones on water, zeros on land.

    Raises:
        ValueError: not two axes, or no water at all.
    """
    if ocean.dim() != 2 or not bool(ocean.any()):
        raise ValueError(
            f"an ocean mask of shape {tuple(ocean.shape)} with {int(ocean.sum())} water cells found, "
            "expected (lat, lon) with at least one; pass Grid.ocean.any(axis=0)"
        )
    return ocean.to(torch.float32)[None, None]


def coarsen_mask(wet_11YX: Tensor, factor: int) -> Tensor:
    """One where a coarse cell of factor x factor holds any water; edge cells may be narrower."""
    return functional.max_pool2d(wet_11YX, factor, ceil_mode=True)


def pool_water(field: Tensor, wet_11YX: Tensor) -> Tensor:
    """Mean of the water cells of each 2x2 block; zero where the block is land.

    An odd number of columns or rows leaves a narrower last cell, so that no cell is counted twice
    and the globe still closes.
    """
    wet = wet_11YX.to(field.dtype)
    total = functional.avg_pool2d(field * wet, 2, ceil_mode=True)
    return total / functional.avg_pool2d(wet, 2, ceil_mode=True).clamp(min=0.25)


def refine(field: Tensor, factor: int, size: Sequence[int]) -> Tensor:
    """Bilinear (B, C, y, x) to (B, C, *size), cell centres aligned, periodic in longitude.

    Where the coarse grid ends in a narrower cell, that cell is treated as a full one.
    """
    fine = functional.interpolate(wrap_longitude(field, 1, 1), scale_factor=factor, mode="bilinear")
    return fine[..., : size[0], factor : factor + size[1]]
