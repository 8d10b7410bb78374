"""The default trunk and what it shares with U-Net 3+: resampling, roll and land laws."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from deepda.networks.sphere import SphereConv2d, pool_water, refine, same_padding, wrap_longitude
from deepda.networks.trunk import PyramidTrunk


def coast(height: int, width: int) -> Tensor:
    """Half water, with an island and a continent across the date line."""
    ocean = torch.rand(height, width, generator=torch.Generator().manual_seed(height)) < 0.8
    ocean[height // 3 : height // 2, [0, 1, -1]] = False
    return ocean


def features(height: int, width: int, channels: int = 5) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(2, channels, height, width, generator=draw)


def trunk(ocean: Tensor, levels: int = 2) -> PyramidTrunk:
    torch.manual_seed(0)
    return PyramidTrunk(5, 8, levels, ocean).eval()


def test_wrapping_continues_around_the_globe_more_than_once() -> None:
    assert wrap_longitude(torch.arange(3)[None], 4, 2)[0].tolist() == [2, 0, 1, 2, 0, 1, 2, 0, 1]
    assert wrap_longitude(torch.arange(4)[None], 1, 2)[0].tolist() == [3, 0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(("size", "kernel", "stride"), [(7, 4, 2), (8, 3, 1), (9, 4, 4), (1, 3, 2)])
def test_same_padding_gives_the_size_over_the_stride_rounded_up(
    size: int, kernel: int, stride: int
) -> None:
    before, after = same_padding(size, kernel, stride)
    assert (size + before + after - kernel) // stride + 1 == -(-size // stride)
    assert after - before in (0, 1)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 2), (9, 1), (4, 1)])
def test_convolution_on_the_sphere_is_the_one_on_a_padded_field(kernel: int, stride: int) -> None:
    torch.manual_seed(2)
    conv = SphereConv2d(2, 3, kernel, stride)
    field = features(10, 12, 2)
    rows, columns = same_padding(10, kernel, stride), same_padding(12, kernel, stride)
    around = functional.pad(functional.pad(field, (*columns, 0, 0), mode="circular"), (0, 0, *rows))
    expected = functional.conv2d(around, conv.weight, conv.bias, stride)
    torch.testing.assert_close(conv(field), expected)


def test_pooling_takes_the_mean_of_water_and_closes_the_globe() -> None:
    wet = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]])[None, None]
    field = torch.tensor([[2.0, 99.0, 5.0], [4.0, 99.0, 99.0]])[None, None]
    torch.testing.assert_close(pool_water(field, wet)[0, 0], torch.tensor([[3.0, 5.0]]))
    assert not pool_water(field, torch.zeros_like(wet)).any()


def test_refining_is_linear_between_centres_and_crosses_the_date_line() -> None:
    coarse = torch.tensor([[0.0, 4.0]])[None, None].expand(1, 1, 2, 2)
    row = refine(coarse, 2, (3, 4))[0, 0]
    torch.testing.assert_close(row, torch.tensor([1.0, 1.0, 3.0, 3.0]).expand(3, 4))


@pytest.mark.parametrize(("height", "width", "levels"), [(8, 8, 0), (9, 13, 2), (10, 14, 3), (5, 6, 4)])
def test_any_grid_works_and_land_is_neither_read_nor_written(
    height: int, width: int, levels: int
) -> None:
    ocean = coast(height, width)
    network = trunk(ocean, levels)
    field = features(height, width)
    hidden = network(field)
    assert hidden.shape == (2, 8, height, width)
    assert not hidden[:, :, ~ocean].any() and hidden.any()
    poisoned = network(field.where(ocean, torch.nan))
    torch.testing.assert_close(poisoned, hidden)


@pytest.mark.parametrize(("width", "shift"), [(16, 4), (12, 8)])
def test_longitude_wraps(width: int, shift: int) -> None:
    network = trunk(torch.ones(9, width, dtype=torch.bool)).double()
    field = features(9, width).double()
    rolled = network(field.roll(shift, -1))
    torch.testing.assert_close(rolled, network(field).roll(shift, -1))


def test_pooled_context_rolls_by_its_stride_only_as_documented() -> None:
    network, field = trunk(torch.ones(9, 16, dtype=torch.bool)), features(9, 16)
    assert not torch.allclose(network(field.roll(1, -1)), network(field).roll(1, -1), atol=1e-4)


def test_each_level_widens_the_context_by_so_many_columns() -> None:
    ocean = torch.ones(31, 33, dtype=torch.bool)
    reaches = []
    for levels in (0, 1, 2):
        field = features(31, 33)[:1].requires_grad_()
        hidden = trunk(ocean, levels)(field)
        (felt,) = torch.autograd.grad(hidden[0, :, 15, 16].sum(), field)
        columns = felt.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
        reaches.append(int(columns.max() - columns.min()) + 1)
    assert reaches == [5, 12, 30]


def test_activations_stay_in_the_autocast_type() -> None:
    network, field = trunk(coast(8, 12)), features(8, 12)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = network(field)
    assert hidden.dtype is torch.bfloat16
    torch.testing.assert_close(hidden.float(), network(field), atol=0.02, rtol=0.1)


def test_a_mask_that_is_not_horizontal_or_dry_is_refused() -> None:
    ocean = coast(8, 12)
    for mask in (ocean[None], torch.zeros(8, 12, dtype=torch.bool)):
        with pytest.raises(ValueError, match=r"expected \(lat, lon\) with at least one"):
            trunk(mask)
