"""The judge: one sign, conditioned, blind to land; and the published losses by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from deepda.geometry.grid import Grid
from deepda.networks.discriminator import (
    Ham2024Discriminator,
    PatchDiscriminator,
    adversarial_loss,
    discriminator_loss,
    ocean_fraction,
)

KINDS = (PatchDiscriminator, Ham2024Discriminator)


@pytest.fixture
def ocean(grid: Grid) -> Tensor:
    return torch.from_numpy(grid.ocean)


def fields(ocean: Tensor, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """A state, a background and where there were observations, (2, L, Y, X)."""
    draw = torch.Generator().manual_seed(seed)
    state, background = (torch.randn(2, *ocean.shape, generator=draw) for _ in range(2))
    return state, background, torch.rand(2, *ocean.shape, generator=draw) < 0.2


def judge(kind: Any, ocean: Tensor) -> Any:
    torch.manual_seed(0)
    return kind(ocean).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_the_judge_sees_state_minus_background(kind: type[nn.Module], ocean: Tensor) -> None:
    network = judge(kind, ocean)
    state, background, seen = fields(ocean)
    first = network.convs[0]
    inputs: list[Tensor] = []
    first.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    network(state, background, seen)
    increment = inputs[0].reshape(2, -1, *ocean.shape[1:])[:, : ocean.shape[0]]
    torch.testing.assert_close(increment, (state - background) * ocean)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_generator_is_pulled_towards_the_increments_the_judge_learnt_as_true(
    kind: type[nn.Module], sign: float, ocean: Tensor
) -> None:
    network = judge(kind, ocean).train()
    _, background, seen = fields(ocean)
    truth, analysis = background + sign, background.clone().requires_grad_()
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(15):
        true, false = (network(state, background, seen) for state in (truth, analysis.detach()))
        optimiser.zero_grad()
        discriminator_loss(true, false, network.patch_weight).backward()
        optimiser.step()
    adversarial_loss(network(analysis, background, seen), network.patch_weight).backward()
    assert analysis.grad is not None
    step = -analysis.grad[:, ocean].mean()
    assert float(step) * sign > 0


@pytest.mark.parametrize("kind", KINDS)
def test_land_never_matters(kind: type[nn.Module], ocean: Tensor) -> None:
    network = judge(kind, ocean)
    state, background, seen = fields(ocean)
    reference = network(state, background, seen)
    poisoned = state.where(ocean, torch.nan).requires_grad_()
    logits = network(poisoned, background.where(ocean, torch.nan), seen | ~ocean)
    torch.testing.assert_close(logits, reference)
    adversarial_loss(logits, network.patch_weight).backward()
    assert poisoned.grad is not None and bool(poisoned.grad.isfinite().all())
    assert not poisoned.grad[:, ~ocean].any() and poisoned.grad.any()


def test_background_and_observations_condition_the_default_judge(ocean: Tensor) -> None:
    network = judge(PatchDiscriminator, ocean)
    state, background, seen = fields(ocean)
    reference = network(state, background, seen)
    same_increment = network(state + 1.0, background + 1.0, seen)
    assert not torch.allclose(same_increment, reference)
    assert not torch.allclose(network(state, background, ~seen), reference)


def test_published_judge_sees_the_increment_alone(ocean: Tensor) -> None:
    network = judge(Ham2024Discriminator, ocean)
    state, background, seen = fields(ocean)
    reference = network(state, background, seen)
    torch.testing.assert_close(network(state + 1.0, background + 1.0, ~seen), reference)
    assert not torch.allclose(network(-state, -background, seen), reference)


@pytest.mark.parametrize(("kind", "reduction"), [(PatchDiscriminator, 4), (Ham2024Discriminator, 32)])
def test_longitude_wraps_by_whole_patches(kind: type[nn.Module], reduction: int) -> None:
    ocean = torch.ones(2, 9, 2 * reduction, dtype=torch.bool)
    network = judge(kind, ocean).double()
    state, background, seen = fields(ocean)
    logits = network(state.double(), background.double(), seen)
    moved = (part.roll(reduction, -1) for part in (state.double(), background.double(), seen))
    assert logits.shape[-1] == 2
    torch.testing.assert_close(network(*moved), logits.roll(1, -1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 13, 9), (12, 45, 90)])
def test_patch_weights_fit_the_logits_on_any_grid(
    kind: type[nn.Module], shape: tuple[int, int, int]
) -> None:
    ocean = torch.ones(shape, dtype=torch.bool)
    network = judge(kind, ocean)
    logits = network(*fields(ocean))
    assert network.patch_weight.shape[-2:] == logits.shape[-2:]
    assert network.patch_weight.expand_as(logits).shape == logits.shape
    assert network.patch_weight.min() > 0 and network.patch_weight.max() <= 1 + 1e-6


def test_patch_of_land_only_has_no_weight_and_changes_no_loss() -> None:
    ocean = torch.ones(2, 32, 64, dtype=torch.bool)
    ocean[:, :, 16:48] = False
    network = judge(PatchDiscriminator, ocean)
    weight, logits = network.patch_weight, network(*fields(ocean))
    land = weight == 0
    assert land[..., 7:9].all() and not land[..., 0].any()
    wrong = logits.masked_fill(land, 50.0)
    torch.testing.assert_close(adversarial_loss(wrong, weight), adversarial_loss(logits, weight))
    loss = discriminator_loss(logits, logits, weight)
    torch.testing.assert_close(discriminator_loss(wrong, wrong, weight), loss)


def test_ocean_fraction_of_one_convolution_is_the_mean_of_its_window() -> None:
    water = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0]])[None, None]
    fraction = ocean_fraction(water, [((2, 2), (2, 2))])
    torch.testing.assert_close(fraction[0, 0], torch.tensor([[0.75, 0.25]]))
    west = ocean_fraction(water, [((1, 3), (1, 1))])[0, 0, 0, 0]
    assert float(west) == pytest.approx(2 / 3), "the window of the first column crosses the date line"


def test_losses_by_hand() -> None:
    weight = torch.tensor([[[[1.0, 0.0, 3.0]]]])
    logits = torch.tensor([[[[0.0, 9.0, math.log(3.0)]]]])  # probabilities 1/2, -, 3/4
    fooled = -(math.log(0.5) + 3 * math.log(0.75)) / 4
    caught = -(math.log(0.5) + 3 * math.log(0.25)) / 4
    assert float(adversarial_loss(logits, weight)) == pytest.approx(fooled)
    assert float(discriminator_loss(logits, logits, weight)) == pytest.approx(0.5 * (fooled + caught))


def test_gradient_of_the_default_judge_is_bounded_by_its_spectral_norms(ocean: Tensor) -> None:
    network = judge(PatchDiscriminator, ocean).train()
    with torch.no_grad():
        for conv in network.convs:
            conv.parametrizations.weight.original.mul_(100.0)
        network(*fields(ocean))
    for conv in network.convs:
        matrix = conv.weight.detach().flatten(1)
        assert float(torch.linalg.matrix_norm(matrix, 2)) < 1.5
