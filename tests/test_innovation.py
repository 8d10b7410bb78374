"""The default generator keeps the laws of an analysis, trained or not."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from toys import MeasuredErrors

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.networks.correction import influence
from deepda.networks.covariance import vertical_shapes
from deepda.networks.innovation import InnovationAnalyser, Statics
from deepda.networks.transition import NEIGHBOURS, Transition


def analyser(seed: int, hidden: int = 8, everywhere_ocean: bool = False) -> InnovationAnalyser:
    """An analyser with random weights everywhere, also where training starts from zero."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    layers, lats, lons = 4, 10, 16
    ocean = torch.ones(layers, lats, lons, dtype=torch.bool)
    if not everywhere_ocean:
        ocean[:, 4:6, 7] = ocean[:, 2, -1] = ocean[2:, :, 3] = False
    weight = torch.rand(len(NEIGHBOURS), layers, 1 if everywhere_ocean else lats, 1).expand(
        -1, -1, lats, lons
    )
    weight = 0.99 * weight / weight.sum(0) * ocean
    statics = Statics(
        ocean,
        torch.tensor(np.sort(rng.uniform(-80, 80, lats)), dtype=torch.float32),
        torch.full((layers, lats, lons), 0.4),
        Transition(weight, 0.02 * ocean.float()),
        0.5 * torch.randn(3, layers, lats, 1 if everywhere_ocean else lons).expand(-1, -1, -1, lons),
    )
    made = InnovationAnalyser(statics, hidden=hidden, levels=0, iterations=8)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


def observed(made: InnovationAnalyser, seed: int, batch: int = 2, share: float = 0.3) -> Observations:
    torch.manual_seed(seed + 100)
    shape = (batch, *made.ocean.shape)
    precision = torch.rand(shape) * 5 * (torch.rand(shape) < share) * made.ocean
    return Observations(torch.randn(shape) * (precision > 0), precision, torch.tensor([3] * batch), 73)


def estimate_of(made: InnovationAnalyser, seed: int, batch: int = 2) -> StateEstimate:
    torch.manual_seed(seed + 200)
    first = made.first_guess(batch)
    mean = torch.randn_like(first.mean) * made.ocean
    return made.forecast(StateEstimate(mean, first.spread, 0.3 * first.memory), torch.tensor([2]))


SEEDS = range(2)


@pytest.mark.parametrize("seed", SEEDS)
@torch.no_grad()
def test_without_observations_the_analysis_is_the_forecast(seed: int) -> None:
    made = analyser(seed)
    background = estimate_of(made, seed)
    analysis = made.analyse(background, observed(made, seed, share=0.0))
    for name in ("mean", "spread", "memory"):
        assert torch.equal(getattr(analysis, name), getattr(background, name)), name


@pytest.mark.parametrize("seed", SEEDS)
@torch.no_grad()
def test_values_under_the_mask_and_on_land_never_leak(seed: int) -> None:
    made = analyser(seed)
    background, clean = estimate_of(made, seed), observed(made, seed)
    poisoned = torch.where(clean.precision > 0, clean.value, torch.nan)
    on_land = torch.where(made.ocean > 0, clean.precision, 7.0)
    dirty = Observations(poisoned, on_land, clean.season, 73)
    expected, found = made.analyse(background, clean), made.analyse(background, dirty)
    assert torch.equal(found.mean, expected.mean) and torch.equal(found.spread, expected.spread)
    land = made.ocean == 0
    assert found.mean[:, land].abs().max() == 0 and found.spread[:, land].abs().max() == 0


@pytest.mark.slow
@torch.no_grad()
def test_members_of_a_batch_do_not_see_each_other() -> None:
    made = analyser(0)
    background, seen = estimate_of(made, 0), observed(made, 0)
    both = made.analyse(background, seen).mean
    for member in range(2):
        alone = made.analyse(
            StateEstimate(
                *(getattr(background, n)[member : member + 1] for n in ("mean", "spread", "memory"))
            ),
            Observations(
                seen.value[member : member + 1], seen.precision[member : member + 1], seen.season[:1], 73
            ),
        )
        torch.testing.assert_close(alone.mean[0], both[member], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("turn", [1, 5])
@torch.no_grad()
def test_rolling_longitude_rolls_the_analysis_on_an_all_ocean_globe(turn: int) -> None:
    made = analyser(1, everywhere_ocean=True)
    made.iterations, made.tolerance = 500, 1e-6  # the solver's blocks stay where they are on the grid
    background, seen = estimate_of(made, 1), observed(made, 1)

    def rolled(field: Tensor) -> Tensor:
        return field.roll(turn, -1)

    turned = made.analyse(
        StateEstimate(rolled(background.mean), rolled(background.spread), rolled(background.memory)),
        Observations(rolled(seen.value), rolled(seen.precision), seen.season, 73),
    )
    torch.testing.assert_close(
        turned.mean, rolled(made.analyse(background, seen).mean), atol=2e-4, rtol=1e-3
    )


@torch.no_grad()
def test_a_precise_observation_pulls_the_analysis_to_itself() -> None:
    made = analyser(2, hidden=0)
    background = estimate_of(made, 2, batch=1)
    precision = torch.zeros(1, *made.ocean.shape)
    precision[0, 1, 7, 11] = 1e5
    value = torch.zeros_like(precision)
    value[0, 1, 7, 11] = 2.0
    analysis = made.analyse(background, Observations(value, precision, torch.tensor([0]), 73))
    assert abs(float(analysis.mean[0, 1, 7, 11]) - 2.0) < 0.01
    assert float(analysis.spread[0, 1, 7, 11]) < 0.5 * float(background.spread[0, 1, 7, 11])


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("exact", [10.0, 100.0])
def test_an_analysis_is_solved_however_exact_the_observations_are(seed: int, exact: float) -> None:
    made = analyser(seed, hidden=0)
    made.iterations = 500
    background, seen = estimate_of(made, seed), observed(made, seed, share=0.9)
    seen = replace(seen, precision=exact * seen.precision)
    usual = made.analyse(background, seen).mean
    made.tolerance = 1e-6
    solved = made.analyse(background, seen).mean
    assert 0 < (usual - solved).norm() < 0.05 * (solved - background.mean).norm()
    made.iterations = 2
    truncated = made.analyse(background, seen).mean
    assert (truncated - solved).norm() > 2 * (usual - solved).norm()


@torch.no_grad()
def test_the_gain_is_the_kalman_gain_of_the_stated_covariance() -> None:
    made = analyser(3, hidden=0)
    made.iterations, made.tolerance = 500, 1e-6
    background, seen = estimate_of(made, 3, batch=1), observed(made, 3, batch=1, share=0.05)
    analysis = made.analyse(background, seen)
    cells = torch.nonzero(seen.precision[0].flatten() > 0)[:, 0]
    size = made.ocean.numel()
    units = torch.eye(size)[cells].reshape(-1, *made.ocean.shape)
    covariance = made.covariance(background, units).flatten(1)  # rows: observed cells; columns: all
    inner = covariance[:, cells] + torch.diag(1 / seen.precision[0].flatten()[cells])
    departure = (seen.value - background.mean)[0].flatten()[cells]
    expected = covariance.T @ torch.linalg.solve(inner.double(), departure.double()).float()
    torch.testing.assert_close(
        (analysis.mean - background.mean)[0].flatten(), expected, atol=2e-3, rtol=1e-2
    )


@torch.no_grad()
def test_the_stated_spread_is_the_diagonal_of_the_covariance() -> None:
    made = analyser(4)
    background = estimate_of(made, 4, batch=1)
    cells = torch.nonzero(made.ocean.flatten())[::37, 0]
    units = torch.eye(made.ocean.numel())[cells].reshape(-1, *made.ocean.shape)
    variance = made.covariance(background, units).flatten(1)[range(len(cells)), cells]
    torch.testing.assert_close(
        background.spread[0].flatten()[cells], variance.sqrt(), atol=1e-4, rtol=1e-3
    )


@torch.no_grad()
def test_variances_grow_back_to_climatology_without_observations() -> None:
    made = analyser(5)
    first = made.first_guess(1)
    estimate = StateEstimate(first.mean, first.spread, 0.01 * first.memory)
    spreads = []
    for season in range(400):
        estimate = made.forecast(estimate, torch.tensor([season]))
        spreads.append(float(estimate.spread.mean()))
    assert all(later >= earlier for earlier, later in itertools.pairwise(spreads))
    torch.testing.assert_close(estimate.spread, first.spread, atol=0.05, rtol=0.1)


@pytest.mark.slow
@torch.no_grad()
def test_free_runs_of_years_decay() -> None:
    made = analyser(6)
    estimate = estimate_of(made, 6)
    before = estimate.mean.abs().max()
    for season in range(3 * 73):
        estimate = made.analyse(
            made.forecast(estimate, torch.tensor([season % 73])), observed(made, 6, share=0.0)
        )
    assert estimate.mean.abs().max() < 0.2 * before


def test_season_changes_the_correction() -> None:
    made = analyser(7)
    background, seen = estimate_of(made, 7), observed(made, 7)
    with torch.no_grad():
        summer = made.analyse(background, seen).mean
        other = Observations(seen.value, seen.precision, seen.season + 36, 73)
        assert (made.analyse(background, other).mean - summer).abs().max() > 1e-6


def test_training_mode_drops_what_followed_from_old_weights() -> None:
    made = analyser(8)
    with torch.no_grad():
        before = made.first_guess(1).memory.clone()
        made.log_variance.add_(1.0)
        assert torch.equal(made.first_guess(1).memory, before)
        made.renew()
        assert not torch.equal(made.first_guess(1).memory, before)


def test_influence_is_a_share() -> None:
    before, after = torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([1.0, 0.5, 0.0, 0.0])
    torch.testing.assert_close(influence(before, after)[:3], torch.tensor([0.0, 0.75, 1.0]))


def test_vertical_shapes_reach_every_layer() -> None:
    for layers in (1, 3, 12, 38):
        shapes = vertical_shapes(layers)
        assert shapes.shape[1] == layers and bool((shapes.amax(0) > 0.5).all())


@torch.no_grad()
def test_calibration_scales_a_small_spread_fully_and_that_of_climatology_not() -> None:
    made = analyser(6)
    first, background = made.first_guess(1), estimate_of(made, 6, batch=1)
    before = made.analyse(background, observed(made, 6, batch=1))
    small = made._spread(1e-4 * first.memory)
    made.calibrate(MeasuredErrors(np.array([2.0, 0.5, 1.0, 1.5])).errors(made))
    factor = torch.tensor([2.0, 0.5, 1.0, 1.5])[:, None, None]
    torch.testing.assert_close(made.first_guess(1).spread, first.spread, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(made._spread(1e-4 * first.memory), factor * small, atol=1e-3, rtol=0.02)
    again = estimate_of(made, 6, batch=1)
    assert not torch.equal(again.spread, background.spread)
    after = made.analyse(again, observed(made, 6, batch=1))
    assert torch.equal(after.mean, before.mean) and torch.equal(after.memory, before.memory)
