"""The observation operator: brute force, its special cases, and what must never leak."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from deepda.networks.partial_conv import (
    FAINT,
    InnovationStem,
    NormalisedConv2d,
    PartialConv3d,
    confidence,
)


def fields(
    seed: int, channels: int, shape: tuple[int, ...], coverage: float = 0.3
) -> tuple[Tensor, Tensor]:
    """Random values and confidences (2, channels, *shape), most of them zero."""
    draw = torch.Generator().manual_seed(seed)
    value = torch.randn(2, channels, *shape, generator=draw, dtype=torch.float64)
    weight = torch.rand(2, channels, *shape, generator=draw, dtype=torch.float64)
    seen = torch.rand(2, channels, *shape, generator=draw) < coverage
    return value, weight * seen


def brute_force(layer: NormalisedConv2d, value: Tensor, weight: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The equation of the class docstring, cell by cell."""
    kernel, bias = layer.conv.weight.detach().numpy(), layer.bias.detach().numpy()
    batch, _, height, width = value.shape
    outputs, inside, size, _ = kernel.shape
    response = np.zeros((batch, outputs, height, width))
    best = np.zeros((batch, layer.groups, height, width))
    for b, o, y, x in np.ndindex(*response.shape):
        group = o // (outputs // layer.groups)
        total, weighted = 0.0, 0.0
        for i, dy, dx in np.ndindex(inside, size, size):
            row, column = y + dy - (size - 1) // 2, (x + dx - (size - 1) // 2) % width
            if 0 <= row < height:
                place = (b, group * inside + i, row, column)
                c = float(weight[place])
                total += c
                weighted += float(kernel[o, i, dy, dx]) * c * float(value[place])
                best[b, group, y, x] = max(best[b, group, y, x], c)
        if total > 0:
            response[b, o, y, x] = weighted * inside * size * size / total + bias[o]
    return response, best


@pytest.mark.slow
@pytest.mark.parametrize(("kernel", "groups"), [(3, 1), (5, 2), (4, 4)])
def test_response_equals_the_equation_cell_by_cell(kernel: int, groups: int) -> None:
    torch.manual_seed(kernel)
    layer = NormalisedConv2d(4, 8, kernel, groups).double()
    torch.nn.init.normal_(layer.bias)
    value, weight = fields(kernel, 4, (5, 7), coverage=0.08)
    expected, best = brute_force(layer, value, weight)
    response, new = layer(value, weight)
    assert (best == 0).any() and (best > 0).any()
    np.testing.assert_allclose(response.detach(), expected, atol=1e-9)
    np.testing.assert_allclose(new, best, atol=0)


@pytest.mark.slow
def test_zero_one_confidence_is_the_partial_convolution_of_the_other_class() -> None:
    torch.manual_seed(0)
    flat, deep = NormalisedConv2d(1, 3, 3).double(), PartialConv3d(1, 3, (1, 3, 3)).double()
    deep.conv.weight.data = flat.conv.weight.data[:, :, None]
    deep.bias.data = flat.bias.data.normal_()
    value, weight = fields(1, 1, (6, 9))
    mask = (weight > 0).double()
    response, new = flat(value, mask)
    expected, seen = deep(value[:, :, None], mask[:, :, None])
    torch.testing.assert_close(response, expected[:, :, 0])
    torch.testing.assert_close(new, seen[:, :, 0])


def brute_force_mask(mask: Tensor, kernel: tuple[int, int, int]) -> np.ndarray:
    """Observed cells in each window."""
    count = np.zeros(mask.shape)
    batch, _, depth, height, width = mask.shape
    before = [(k - 1) // 2 for k in kernel]
    for b, z, y, x in np.ndindex(batch, depth, height, width):
        for dz, dy, dx in np.ndindex(*kernel):
            level, row = z + dz - before[0], y + dy - before[1]
            if 0 <= level < depth and 0 <= row < height:
                count[b, 0, z, y, x] += float(mask[b, 0, level, row, (x + dx - before[2]) % width])
    return count


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [(3, 3, 3), (4, 6, 8)])
def test_constant_field_under_a_flat_kernel_comes_back_whatever_the_coverage(
    kernel: tuple[int, int, int],
) -> None:
    layer = PartialConv3d(1, 1, kernel).double()
    torch.nn.init.constant_(layer.conv.weight, 1.0 / np.prod(kernel))
    _, weight = fields(2, 1, (4, 6, 10), coverage=0.02)
    mask = (weight > 0).double()
    response, seen = layer(torch.full_like(mask, 2.5), mask)
    np.testing.assert_array_equal(seen.numpy() > 0, brute_force_mask(mask, kernel) > 0)
    assert 0 < seen.mean() < 1
    torch.testing.assert_close(response, 2.5 * seen)


def test_full_coverage_is_the_ordinary_convolution() -> None:
    torch.manual_seed(3)
    layer = PartialConv3d(2, 4, (3, 3, 3)).double()
    torch.nn.init.normal_(layer.bias)
    value, _ = fields(3, 2, (5, 6, 8))
    response, _ = layer(value, torch.ones_like(value[:, :1]))
    around = torch.nn.functional.pad(value, (1, 1, 0, 0, 0, 0), mode="circular")
    expected = torch.nn.functional.conv3d(around, layer.conv.weight, layer.bias)
    torch.testing.assert_close(response[:, :, 1:-1, 1:-1], expected)


def test_common_factor_of_the_confidence_cancels_but_relative_confidence_counts() -> None:
    torch.manual_seed(4)
    layer = NormalisedConv2d(3, 2).double()
    value, weight = fields(4, 3, (6, 9), coverage=0.8)
    reference, _ = layer(value, weight)
    torch.testing.assert_close(layer(value, 0.25 * weight)[0], reference)
    assert not torch.allclose(layer(value, weight.sqrt())[0], reference)


def test_one_confidence_for_all_channels_equals_it_repeated() -> None:
    layer = NormalisedConv2d(3, 2).double()
    value, weight = fields(5, 3, (6, 9))
    shared = weight[:, :1]
    torch.testing.assert_close(layer(value, shared)[0], layer(value, shared.expand_as(value))[0])


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e30])
def test_unobserved_values_never_leak_into_response_or_gradient(poison: float) -> None:
    torch.manual_seed(5)
    value, weight = fields(6, 2, (6, 9))
    poisoned = value.where(weight > 0, poison).requires_grad_()
    layer = NormalisedConv2d(2, 3).double()
    weight.requires_grad_()
    response, _ = layer(poisoned, weight)
    torch.testing.assert_close(response, layer(value.where(weight > 0, 0.0), weight)[0])
    response.square().sum().backward()
    gradients = (poisoned.grad, weight.grad, layer.conv.weight.grad, layer.bias.grad)
    assert all(gradient is not None and bool(gradient.isfinite().all()) for gradient in gradients)
    assert poisoned.grad is not None and bool((poisoned.grad[weight == 0] == 0).all())


def test_unobserved_values_never_leak_in_three_dimensions() -> None:
    layer = PartialConv3d(1, 3, (4, 4, 4), (1, 4, 4)).double()
    value, weight = fields(7, 1, (3, 8, 12), coverage=0.05)
    mask = (weight > 0).double()
    poisoned = value.where(mask > 0, torch.nan).requires_grad_()
    response, seen = layer(poisoned, mask)
    assert response.shape == (2, 3, 3, 2, 3) and seen.shape == (2, 1, 3, 2, 3)
    torch.testing.assert_close(response, layer(value, mask)[0])
    response.sum().backward()
    assert poisoned.grad is not None and bool(poisoned.grad.isfinite().all())


def test_confidence_too_faint_to_divide_by_is_no_observation() -> None:
    layer = NormalisedConv2d(1, 2)
    torch.nn.init.ones_(layer.bias)
    value = torch.full((1, 1, 4, 6), 3.0)
    response, new = layer(value, torch.full_like(value, 0.5 * FAINT))
    assert not response.any() and not new.any()
    assert layer(value, torch.full_like(value, 1e-40))[0].isfinite().all()


@pytest.mark.parametrize("shift", [1, 4, -3])
def test_longitude_wraps(shift: int) -> None:
    torch.manual_seed(6)
    flat, deep = NormalisedConv2d(2, 3, 5).double(), PartialConv3d(2, 3, (4, 6, 8)).double()
    value, weight = fields(8, 2, (6, 5))
    for layer, field, seen in (
        (flat, value, weight),
        (deep, value[:, :, None], (weight[:, :1, None] > 0).double()),
    ):
        response, new = layer(field, seen)
        rolled, rolled_new = layer(field.roll(shift, -1), seen.roll(shift, -1))
        torch.testing.assert_close(rolled, response.roll(shift, -1))
        torch.testing.assert_close(rolled_new, new.roll(shift, -1))


def test_the_counting_window_is_not_trained() -> None:
    for layer in (NormalisedConv2d(2, 3), PartialConv3d(2, 3, (3, 3, 3))):
        assert {name for name, _ in layer.named_parameters()} == {"conv.weight", "bias"}
        assert set(layer.state_dict()) == {"conv.weight", "bias"}
        value, weight = fields(9, 2, (4, 5) if isinstance(layer, NormalisedConv2d) else (3, 4, 5))
        _, seen = layer(value.float(), (weight[:, :1] > 0).float())
        assert not seen.requires_grad


def test_confidence_is_the_kalman_gain_of_a_lone_observation() -> None:
    precision = torch.tensor([0.0, 4.0, 1.0 / 0.09])
    gain = confidence(precision, torch.tensor([1.0, 0.5, 0.3]))
    torch.testing.assert_close(gain, torch.tensor([0.0, 0.5, 0.5]))


def test_stem_is_zero_without_observations_and_treats_each_layer_by_itself() -> None:
    torch.manual_seed(7)
    stem = InnovationStem(3)
    torch.nn.init.ones_(stem.conv.bias)
    innovation, spread = torch.full((1, 3, 6, 9), torch.nan), torch.ones(1, 3, 6, 9)
    precision = torch.zeros(1, 3, 6, 9)
    assert not stem(innovation, precision, spread).any()
    innovation[:, 1, 2, 0], precision[:, 1, 2, 0] = 1.5, 4.0
    features = stem(innovation, precision, spread).detach()
    assert features.shape == (1, stem.out_channels, 6, 9)
    touched = features.abs().amax(dim=(0, 2, 3)) > 0
    assert touched.tolist() == [False, False, True, True, False, False, False, True, False]
    assert features[0, 7, 2, 8] == pytest.approx(0.8), "the window crosses the date line"
