"""The published network: its table, its mended slips, and the laws of every Analyser."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from toys import MeasuredErrors

from deepda.assimilation.cycle import Observations, StateEstimate, cycle
from deepda.geometry.grid import Grid
from deepda.networks.ham2024 import Ham2024, Ham2024Analyser, split
from deepda.networks.sphere import SphereConvTranspose3d

# (inputs, outputs, window) of the published table: 8x6x4, 6x4x4, 3x3x3, strided 4x4x4 ...
BACKGROUND = ((1, 24, 192), (24, 48, 96), (48, 96, 27), (1, 96, 64))
OBSERVATIONS = ((1, 24, 96), (24, 48, 96), (48, 96, 27), (1, 96, 64))
DECODER = ((192, 48, 27), (48, 24, 96), (24, 2, 192), (2, 1, 1))


def random_fields(ocean: Tensor, seed: int = 0, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Background, values (NaN where unobserved) and mask, (B, Z, Y, X)."""
    draw = torch.Generator().manual_seed(seed)
    background, value = (torch.randn(batch, *ocean.shape, generator=draw) for _ in range(2))
    mask = (torch.rand(batch, *ocean.shape, generator=draw) < 0.1) & ocean
    return background * ocean, value.where(mask, torch.nan), mask


def observations(value: Tensor, mask: Tensor) -> Observations:
    return Observations(value, mask * 11.0, torch.zeros(1, dtype=torch.long), 73)


@pytest.fixture
def ocean(grid: Grid) -> Tensor:
    return torch.from_numpy(grid.ocean)


def test_weights_are_those_of_the_published_table() -> None:
    network = Ham2024(torch.ones(3, 8, 8, dtype=torch.bool))
    layers = itertools.chain(BACKGROUND, OBSERVATIONS, DECODER)
    expected = sum(inputs * outputs * window + outputs for inputs, outputs, window in layers)
    assert sum(weight.numel() for weight in network.parameters()) == expected == 858_461


def test_kernels_are_turned_from_longitude_first_to_depth_first() -> None:
    network: Any = Ham2024(torch.ones(3, 8, 8, dtype=torch.bool))
    assert network.background.convs[0].kernel_size == (4, 6, 8)
    assert network.observations.convs[0].conv.kernel_size == (4, 4, 6)
    assert network.background.residual.stride == (1, 4, 4)


@pytest.mark.slow
def test_two_thirds_of_the_channels_are_relu_and_one_third_tanh() -> None:
    features = split(torch.full((1, 24, 1, 1, 1), -3.0))[0, :, 0, 0, 0]
    torch.testing.assert_close(features, torch.tensor([0.0] * 16 + [-0.99505475] * 8))


@pytest.mark.parametrize("shape", [(3, 8, 8), (4, 10, 14), (1, 13, 9)])
def test_any_grid_of_eight_cells_or_more_works_and_land_stays_zero(shape: tuple[int, int, int]) -> None:
    ocean = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.7
    analysis = Ham2024(ocean)(*random_fields(ocean))
    assert analysis.shape == (2, *shape)
    assert bool(analysis.isfinite().all()) and not analysis[:, ~ocean].any() and analysis.any()


@pytest.mark.parametrize("shift", [4, -8])
def test_longitude_wraps(shift: int) -> None:
    torch.manual_seed(0)
    ocean = torch.ones(3, 10, 16, dtype=torch.bool)
    network, fields = Ham2024(ocean).double(), list(random_fields(ocean))
    fields[:2] = [part.double() for part in fields[:2]]
    rolled = network(*(part.roll(shift, -1) for part in fields))
    torch.testing.assert_close(rolled, network(*fields).roll(shift, -1))


@pytest.mark.parametrize(
    ("kernel", "stride"), [((3, 3, 3), (1, 2, 2)), ((4, 4, 6), (1, 2, 2)), ((4, 6, 8), 1)]
)
def test_transposed_convolution_is_the_published_one_in_latitude_and_wraps_in_longitude(
    kernel: tuple[int, int, int], stride: int | tuple[int, int, int]
) -> None:
    torch.manual_seed(1)
    layer = SphereConvTranspose3d(2, 3, kernel, stride=stride).double()
    field = torch.randn(1, 2, 3, 4, 5, dtype=torch.float64)
    turns = 5  # far enough from the ends of many copies nothing but the copies is felt
    long = torch.nn.ConvTranspose3d.forward(layer, field.repeat(1, 1, 1, 1, turns))
    starts = [max(k - s, 0) // 2 for k, s in zip(layer.kernel_size, layer.stride, strict=True)]
    sizes = [n * s for n, s in zip(field.shape[2:], layer.stride, strict=True)]
    starts[2] += (turns // 2) * sizes[2]
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True), 2):
        long = long.narrow(axis, start, size)
    torch.testing.assert_close(layer(field), long)


def test_unobserved_values_and_land_never_leak(ocean: Tensor) -> None:
    torch.manual_seed(2)
    network = Ham2024(ocean)
    background, value, mask = random_fields(ocean)
    reference = network(background, value.nan_to_num(), mask)
    poisoned = background.where(ocean, torch.nan).requires_grad_()
    analysis = network(poisoned, value, mask | ~ocean)
    torch.testing.assert_close(analysis, reference)
    analysis.square().sum().backward()
    assert poisoned.grad is not None and bool(poisoned.grad.isfinite().all())
    gradients = [weight.grad for weight in network.parameters()]
    assert all(grad is not None and bool(grad.isfinite().all()) for grad in gradients)


def test_observations_and_background_both_reach_the_analysis(ocean: Tensor) -> None:
    torch.manual_seed(3)
    network = Ham2024(ocean)
    background, value, mask = random_fields(ocean)
    reference = network(background, value, mask)
    assert not torch.allclose(network(background, value + 1.0, mask), reference)
    assert not torch.allclose(network(background + 1.0, value, mask), reference)


def test_sample_without_observation_gets_its_background_back(ocean: Tensor) -> None:
    analyser = Ham2024Analyser(ocean)
    analyser.calibrate(MeasuredErrors(stddev=np.full(ocean.shape, 0.25)).errors(analyser))
    mean, value, mask = random_fields(ocean)
    spread = torch.full_like(mean, 0.7) * ocean
    background = dataclasses.replace(analyser.first_guess(2), mean=mean, spread=spread)
    mask[0] = False
    analysis = analyser.analyse(background, observations(value.where(mask, torch.nan), mask))
    assert torch.equal(analysis.mean[0], mean[0]) and torch.equal(analysis.spread[0], spread[0])
    assert not torch.allclose(analysis.mean[1], mean[1])
    assert torch.equal(analysis.spread[1], 0.25 * ocean)


def test_forecast_is_persistence_and_each_analysis_the_next_background(ocean: Tensor) -> None:
    analyser = Ham2024Analyser(ocean)
    _, value, mask = random_fields(ocean)
    windows = [observations(value, mask), observations(-value, mask)]
    with torch.no_grad():
        steps = list(cycle(analyser, analyser.first_guess(2), windows))
    assert torch.equal(steps[1][0].mean, steps[0][1].mean)
    expected = analyser.generator(steps[0][1].mean, -value, mask)
    torch.testing.assert_close(steps[1][1].mean, expected)


def test_first_guess_is_climatology_with_its_spread(ocean: Tensor) -> None:
    guess = Ham2024Analyser(ocean).first_guess(3)
    assert isinstance(guess, StateEstimate) and guess.memory.shape == (3, 0, *ocean.shape[1:])
    assert not guess.mean.any() and torch.equal(guess.spread[2], ocean.float())


@pytest.mark.slow
def test_the_measured_error_is_saved_with_the_weights(ocean: Tensor) -> None:
    analyser = Ham2024Analyser(ocean)
    analyser.calibrate(MeasuredErrors(stddev=np.full(ocean.shape, 0.25)).errors(analyser))
    other = Ham2024Analyser(ocean)
    other.load_state_dict(analyser.state_dict())
    assert torch.equal(other.error_stddev, 0.25 * ocean)
