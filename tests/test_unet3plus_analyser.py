"""U-Net 3+ as a generator: who is listened to, what is never touched, and what training reaches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_analyser_laws import SEASON, drawn, statics_of, unet3plus
from torch import Tensor
from toys import MeasuredErrors, space_on

from deepda.assimilation.cycle import Observations, StateEstimate, cycle
from deepda.geometry.grid import Grid
from deepda.networks.build import ControlStatistics, build_generator
from deepda.networks.dropout import thinned
from deepda.networks.objectives import likelihood
from deepda.networks.unet3plus_analyser import SMALLEST, UNet3PlusAnalyser
from deepda.runs.checkpoint import save_checkpoint
from deepda.runs.open import load_analyser
from deepda.settings.compose import load_config

PER_YEAR = 12


@pytest.fixture
def analyser(grid: Grid) -> UNet3PlusAnalyser:
    """Away from the zeros that training starts from."""
    made = unet3plus(grid)
    assert isinstance(made, UNet3PlusAnalyser)
    return made


@pytest.fixture
def ocean(grid: Grid) -> Tensor:
    return torch.from_numpy(grid.ocean)


def at(ocean: Tensor, place: tuple[int, ...], value: float, error: float) -> Observations:
    """One observation."""
    values, precision = torch.zeros(2, 1, *ocean.shape)
    values[0][place], precision[0][place] = value, error**-2
    return Observations(values, precision, torch.tensor([SEASON]), PER_YEAR)


def estimate_of(analyser: UNet3PlusAnalyser, ocean: Tensor, batch: int = 2) -> StateEstimate:
    first = analyser.first_guess(batch)
    mean = torch.randn(first.mean.shape, generator=torch.Generator().manual_seed(9)) * ocean
    return analyser.forecast(
        StateEstimate(mean, first.spread, 0.4 * first.memory), torch.tensor([SEASON])
    )


@pytest.mark.slow
def test_untrained_a_lone_observation_of_one_cell_is_used_as_by_a_kalman_filter(
    grid: Grid, ocean: Tensor
) -> None:
    made = UNet3PlusAnalyser(statics_of(grid), 4, 2, 0.0).eval()
    made.requires_grad_(False)
    made.log_gain[1:] = made.log_drop[1:] = -60.0  # no weight on other cells
    place = tuple(ocean.nonzero()[20].tolist())
    background = estimate_of(made, ocean, batch=1)
    variance, before = float(background.memory[0][place]), float(background.mean[0][place])
    analysis = made.analyse(background, at(ocean, place, 1.3, error=0.3))
    gain = variance / (variance + 0.3**2)
    assert float(analysis.mean[0][place]) == pytest.approx(before + gain * (1.3 - before), rel=1e-5)
    assert float(analysis.memory[0][place]) == pytest.approx((1 - gain) * variance, rel=1e-5)


def test_an_observation_is_heard_near_and_far_but_not_where_none_of_its_windows_reach(
    analyser: UNet3PlusAnalyser, ocean: Tensor
) -> None:
    background, place = estimate_of(analyser, ocean, batch=1), (0, 7, 7)
    analysis = analyser.analyse(background, at(ocean, place, 3.0, error=0.1))
    moved = (analysis.mean - background.mean)[0].abs()
    away = (torch.arange(ocean.shape[1]) - place[1]).abs()  # rows
    reach = 2**analyser.scales - 1
    beyond = away > reach
    assert beyond.any() and float(moved[place]) > 0.1
    assert bool((moved[0, away == reach] > 0).any()) and bool((moved[:, 7, 0] > 0).any())
    for field in ("mean", "spread", "memory"):
        same = getattr(analysis, field)[..., beyond, :] == getattr(background, field)[..., beyond, :]
        assert bool(same.all()), field


@pytest.mark.slow
@pytest.mark.parametrize("grid", [0], indirect=True)
def test_free_runs_decay_to_climatology_from_any_estimate(
    analyser: UNet3PlusAnalyser, ocean: Tensor
) -> None:
    estimate = next(cycle(analyser, analyser.first_guess(2), [drawn(ocean, 1, batch=2)])).analysis
    estimate = StateEstimate(10 * estimate.mean, estimate.spread, estimate.memory)
    size, unsure = float(estimate.mean.abs().max()), estimate.spread
    nothing = replace(drawn(ocean, 2, batch=2), precision=torch.zeros(2, *ocean.shape))
    for step in cycle(analyser, estimate, 20 * [nothing]):
        analysis = step.analysis
        assert float(analysis.mean.abs().max()) <= size
        assert bool((analysis.spread >= unsure - 1e-6).all())
        size, unsure, estimate = float(analysis.mean.abs().max()), analysis.spread, analysis
    for _ in range(500):  # years: a window without observations is its forecast
        estimate = analyser.forecast(estimate, nothing.season)
    assert float(estimate.mean.abs().max()) < 1e-6
    torch.testing.assert_close(estimate.memory, ocean.float().expand_as(estimate.memory))
    torch.testing.assert_close(estimate.spread, analyser.first_guess(2).spread)


def test_an_increment_is_no_larger_than_the_largest_innovation_and_a_spread_in_roots_of_spreads(
    analyser: UNet3PlusAnalyser, ocean: Tensor
) -> None:
    """Whatever the weights say, so that the cycle cannot run away."""
    with torch.no_grad():
        for parameter in analyser.parameters():
            parameter.mul_(30.0)
    background = estimate_of(analyser, ocean)
    for size in (1.0, 100.0):
        window = drawn(ocean, 5, batch=2)
        window = replace(window, value=size * window.value)
        unit = background.memory.sqrt().clamp(min=SMALLEST).sqrt()
        innovation = torch.where(window.seen, window.value - background.mean, 0.0) / unit
        analysis = analyser.analyse(background, window)
        moved = ((analysis.mean - background.mean) / unit).abs().flatten(1).amax(1)
        assert bool((moved <= innovation.abs().flatten(1).amax(1) + 1.01).all())
        assert bool((analysis.memory <= background.memory).all())


def test_the_trunk_decides_how_far_an_average_reaches(grid: Grid, ocean: Tensor) -> None:
    """Else it would be a plain normalised convolution."""
    analysers = [unet3plus(grid), unet3plus(grid)]
    with torch.no_grad():
        analysers[1].head.weight.zero_()  # type: ignore[attr-defined]
        analysers[1].head.bias.zero_()  # type: ignore[attr-defined]
    background = estimate_of(analysers[0], ocean)  # type: ignore[arg-type]
    one, other = (made.analyse(background, drawn(ocean, 5, batch=2)) for made in analysers)
    assert float((one.mean - other.mean).abs().max()) > 0.01
    assert float((one.spread - other.spread).abs().max()) > 0.001


def test_rolling_longitude_by_whole_coarse_cells_rolls_the_analysis(grid: Grid) -> None:
    shape = (4, 10, 16)
    everywhere = replace(
        grid,
        lon_edges=torch.linspace(0, 360, 17).double().numpy(),
        ocean=torch.ones(shape, dtype=torch.bool).numpy(),
    )
    made, ocean = unet3plus(everywhere), torch.ones(shape, dtype=torch.bool)
    background, window = estimate_of(made, ocean), drawn(ocean, 3, batch=2)  # type: ignore[arg-type]

    def rolled(field: Tensor) -> Tensor:
        return field.roll(4, -1)

    turned = made.analyse(
        StateEstimate(rolled(background.mean), rolled(background.spread), rolled(background.memory)),
        replace(window, value=rolled(window.value), precision=rolled(window.precision)),
    )
    expected = made.analyse(background, window)
    torch.testing.assert_close(turned.mean, rolled(expected.mean), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(turned.spread, rolled(expected.spread), atol=1e-4, rtol=1e-4)


def test_calibration_scales_the_stated_spread_but_changes_no_analysis(
    analyser: UNet3PlusAnalyser, ocean: Tensor
) -> None:
    background, window = estimate_of(analyser, ocean), drawn(ocean, 3, batch=2)
    before = analyser.analyse(background, window)
    analyser.calibrate(MeasuredErrors(np.linspace(1.2, 1.5, ocean.shape[0])).errors(analyser))
    after = analyser.analyse(background, window)
    assert torch.equal(after.mean, before.mean) and torch.equal(after.memory, before.memory)
    share = before.memory
    factor = 1 + (1 - share) * (torch.linspace(1.2, 1.5, ocean.shape[0]).square() - 1)[:, None, None]
    torch.testing.assert_close(after.spread, before.spread * factor.sqrt() * ocean)


def test_coarser_decoders_make_analyses_of_their_own_in_training(
    analyser: UNet3PlusAnalyser, ocean: Tensor
) -> None:
    background, window = estimate_of(analyser, ocean), drawn(ocean, 3, batch=2)
    assert len(analyser.training_analyses(background, window)) == 1
    several = analyser.train().training_analyses(background, window)
    assert len(several) == 3  # the finest and two poolings
    assert not torch.allclose(several[0].mean, several[1].mean)
    assert not torch.allclose(several[1].mean, several[2].mean)


def built(grid: Grid, *words: str) -> UNet3PlusAnalyser:
    settings = ["generator=unet3plus", "generator.filters=2", "generator.depth=1", *words]
    space = space_on(grid)
    config = load_config("osse", settings)
    made = build_generator(config.generator, space, ControlStatistics.none(space, 0), seed=1).analyser
    assert isinstance(made, UNet3PlusAnalyser)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["filters=4", "depth=2", "dropout=0.5"])
def test_each_setting_changes_the_analysis_in_training(setting: str, grid: Grid, ocean: Tensor) -> None:
    answers = []
    for words in ([], [f"generator.{setting}"]):
        made = built(grid, *words).train()
        with torch.no_grad():
            made.head.weight.fill_(0.05)
        background = estimate_of(made, ocean, batch=1)
        with thinned(made, [3]):
            answers.append(made.analyse(background, at(ocean, (0, 7, 7), 1.0, error=0.1)).mean)
    assert not torch.allclose(answers[0], answers[1], atol=1e-4)


@pytest.mark.slow
def test_a_trained_one_comes_back_from_its_folder(tmp_path: Path, grid: Grid, ocean: Tensor) -> None:
    made = built(grid).eval()
    with torch.no_grad():
        made.head.weight.normal_(generator=torch.Generator().manual_seed(2))
    save_checkpoint(tmp_path, made, space_on(grid), {})
    settings = load_config("osse", ["generator=unet3plus", "generator.filters=2", "generator.depth=1"])
    again, _ = load_analyser(tmp_path, settings.generator, torch.device("cpu"))
    assert isinstance(again, UNet3PlusAnalyser) and not again.training
    background, window = estimate_of(made, ocean), drawn(ocean, 3, batch=2)
    expected = made.analyse(background, window).mean
    assert torch.equal(again.analyse(background, window).mean, expected)


def test_the_published_size_is_a_matter_of_settings(grid: Grid) -> None:
    trunk = built(grid, "generator.filters=32", "generator.depth=4").trunk
    assert sum(weight.numel() for weight in trunk.parameters()) == pytest.approx(7e6, rel=0.05)


def test_its_spread_is_judged_by_the_likelihood(grid: Grid) -> None:
    made, truth = built(grid), torch.zeros(1, *grid.shape)
    weights = torch.from_numpy(grid.volume / grid.volume.sum()).float()
    first = made.first_guess(1)
    assert torch.equal(
        made.objective(first, first, truth, weights), likelihood(first, first, truth, weights)
    )
