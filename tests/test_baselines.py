"""The baselines: against dense algebra, closed forms, and their own tuning table."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from dense_covariances import DEPTH_SCALE, RADIUS, dense_covariance, ocean_history
from numpy.typing import NDArray
from torch import Tensor
from toys import toy_grid

from deepda.assimilation.baselines import (
    Candidates,
    Climatology,
    OptimalInterpolation,
    Persistence,
    ValidationWindows,
    optimal_interpolation,
    tune,
    tuning,
)
from deepda.assimilation.baselines.optimal_interpolation import autocorrelation
from deepda.assimilation.baselines.tuning import mean_square_error
from deepda.assimilation.cycle import Observations, StateEstimate, cycle
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid

QUIET = Progress(stream=io.StringIO())
SEASON = torch.zeros(1, dtype=torch.long)


def observe(truth_BLYX: Tensor, ocean: Tensor, seed: int, share: float = 0.2) -> Observations:
    """Random cells of random precision, NaN where nothing was seen."""
    draw = torch.Generator().manual_seed(seed)
    precision = 0.5 + 20 * torch.rand(truth_BLYX.shape, generator=draw)
    seen = (torch.rand(truth_BLYX.shape, generator=draw) < share) & ocean
    error = torch.randn(truth_BLYX.shape, generator=draw) / precision.sqrt()
    value = (truth_BLYX + error).where(seen, torch.nan)
    return Observations(value, precision.where(seen, 0.0), SEASON, 73)


@pytest.fixture
def history(grid: Grid) -> NDArray[np.float32]:
    return ocean_history(grid, np.random.default_rng(7))


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far enough to be compared with dense algebra."""
    monkeypatch.setattr(optimal_interpolation, "TOLERANCE", 1e-6)


@pytest.fixture
def analyser(grid: Grid, history: NDArray[np.float32], solved: None) -> OptimalInterpolation:
    return OptimalInterpolation.fit(history, grid, RADIUS, DEPTH_SCALE, 0.3)


def test_one_observation_makes_the_increment_of_the_textbook(
    grid: Grid, history: NDArray[np.float32], analyser: OptimalInterpolation
) -> None:
    """B h (y - h'x) / (h'Bh + r), nothing beyond the reach of the tapers."""
    place, misfit, variance = int(np.flatnonzero(grid.ocean.ravel())[37]), 1.7, 0.4
    value, precision = torch.full((2, 1, *grid.shape), torch.nan).unbind()
    value.view(-1)[place] = misfit
    precision = torch.zeros_like(value)
    precision.view(-1)[place] = 1 / variance
    analysis = analyser.analyse(analyser.first_guess(1), Observations(value, precision, SEASON, 73))
    column = (
        0.3 * dense_covariance(history, grid)[np.flatnonzero(grid.ocean.ravel()).tolist().index(place)]
    )
    expected = np.zeros(grid.shape)
    expected[grid.ocean] = (
        column * misfit / (0.3 * history.reshape(60, -1)[:, place].var(ddof=1) + variance)
    )
    np.testing.assert_allclose(analysis.mean[0], expected, atol=1e-6)
    assert (expected == 0).sum() > (~grid.ocean).sum()


def test_cycled_analyses_are_those_of_dense_algebra(
    grid: Grid, history: NDArray[np.float32], solved: None
) -> None:
    """Five windows, each layer with its own inflation."""
    inflation = np.linspace(0.1, 0.6, grid.shape[0])
    fitted = OptimalInterpolation.fit(history, grid, RADIUS, DEPTH_SCALE, 1.0)
    fitted = fitted.with_inflation(torch.from_numpy(inflation)[None])
    ocean, scale = torch.from_numpy(grid.ocean), np.sqrt(inflation[np.nonzero(grid.ocean)[0]])
    background_covariance = scale[:, None] * dense_covariance(history, grid) * scale
    damping = autocorrelation(history, grid.ocean)[np.nonzero(grid.ocean)[0]]
    truth = torch.nan_to_num(torch.from_numpy(history[:5]))
    windows = [observe(truth[t : t + 1], ocean, seed=t) for t in range(5)]
    state = np.zeros(int(grid.ocean.sum()))
    for window, step in zip(windows, cycle(fitted, fitted.first_guess(1), windows), strict=True):
        state = damping * state
        seen = window.seen[0].numpy()[grid.ocean]
        value, precision = (f[0].numpy()[grid.ocean][seen] for f in (window.value, window.precision))
        innovation_covariance = background_covariance[np.ix_(seen, seen)] + np.diag(1 / precision)
        weights = np.linalg.solve(innovation_covariance, value - state[seen])
        state = state + background_covariance[:, seen] @ weights
        np.testing.assert_allclose(step.analysis.mean[0].numpy()[grid.ocean], state, atol=1e-4)


def test_inflations_can_be_tried_side_by_side(grid: Grid, analyser: OptimalInterpolation) -> None:
    """A batch of candidates with one set of observations is each candidate alone."""
    ocean, candidates = torch.from_numpy(grid.ocean), torch.tensor([[0.05], [0.3], [2.0]])
    observations = observe(torch.randn(1, *grid.shape), ocean, seed=5)
    together = analyser.with_inflation(candidates).analyse(analyser.first_guess(3), observations).mean
    for member, candidate in enumerate(candidates):
        alone = analyser.with_inflation(candidate[None])
        expected = alone.analyse(alone.first_guess(1), observations).mean
        torch.testing.assert_close(together[member : member + 1], expected, rtol=1e-4, atol=1e-5)


def test_an_observation_that_is_not_a_number_is_not_passed_over(
    grid: Grid, analyser: OptimalInterpolation
) -> None:
    observations = observe(torch.zeros(1, *grid.shape), torch.from_numpy(grid.ocean), seed=6)
    observations.value[...] = torch.nan
    assert analyser.analyse(analyser.first_guess(1), observations).mean.isnan().any()


def test_damping_is_the_autocorrelation_of_the_layer() -> None:
    grid = toy_grid(np.random.default_rng(0), (2, 8, 12))
    rng, expected = np.random.default_rng(4), np.array([0.5, 0.95])
    series = [rng.standard_normal(grid.shape)]
    for _ in range(400):
        noise = np.sqrt(1 - expected**2)[:, None, None] * rng.standard_normal(grid.shape)
        series.append(expected[:, None, None] * series[-1] + noise)
    history = np.where(grid.ocean, series, np.nan).astype(np.float32)
    np.testing.assert_allclose(autocorrelation(history, grid.ocean), expected, atol=0.01)


def test_without_observations_optimal_interpolation_returns_to_climatology(
    grid: Grid, analyser: OptimalInterpolation
) -> None:
    """Mean and spread relax at the rate of the damping, as a first-order autoregression must."""
    ocean = torch.from_numpy(grid.ocean).float()
    start = StateEstimate(2.0 * ocean[None], 0.1 * ocean[None], torch.zeros(1, 0, *grid.shape[1:]))
    estimate = start
    for _ in range(3):
        estimate = analyser.forecast(estimate, SEASON)
    kept = (analyser.damping**3)[:, None, None]
    torch.testing.assert_close(estimate.mean[0], 2.0 * kept * ocean)
    expected = (0.01 * kept**2 + 1 - kept**2).sqrt() * ocean
    torch.testing.assert_close(estimate.spread[0], expected)


def test_persistence_inserts_by_precision_in_its_own_cell() -> None:
    """Background 2, value 6: error variance 3 against 1 weighs a quarter, spread sqrt(3 / 4)."""
    ocean = torch.ones(2, 3, 4, dtype=torch.bool)
    persistence = Persistence(ocean)
    field = torch.full((1, 2, 3, 4), 2.0)
    background = StateEstimate(field, torch.ones_like(field), torch.zeros(1, 0, 3, 4))
    value, precision = torch.full_like(field, torch.nan), torch.zeros_like(field)
    value[0, 1, 2, 3], precision[0, 1, 2, 3] = 6.0, 1 / 3
    analysis = persistence.analyse(background, Observations(value, precision, SEASON, 73))
    assert float(analysis.mean[0, 1, 2, 3]) == pytest.approx(3.0)
    assert float(analysis.spread[0, 1, 2, 3]) == pytest.approx(0.75**0.5)
    assert int((analysis.mean != 2.0).sum()) == 1
    following = persistence.forecast(analysis, SEASON)
    torch.testing.assert_close(following.mean, analysis.mean)
    torch.testing.assert_close(following.spread, torch.ones_like(field))


def test_climatology_never_moves(grid: Grid) -> None:
    ocean = torch.from_numpy(grid.ocean)
    climatology = Climatology(ocean)
    windows = [observe(torch.randn(2, *grid.shape), ocean, seed) for seed in range(3)]
    for step in cycle(climatology, climatology.first_guess(2), windows):
        assert not step.analysis.mean.any()
        torch.testing.assert_close(step.analysis.spread, ocean.float().expand(2, -1, -1, -1))


@pytest.fixture(scope="module")
def toy_tuning() -> tuple[Grid, NDArray[np.float32], ValidationWindows]:
    grid = replace(toy_grid(np.random.default_rng(0)), depth_edges=np.array([0.0, 20, 60, 250, 700]))
    history = ocean_history(grid, np.random.default_rng(8), windows=300)
    ocean, truth = torch.from_numpy(grid.ocean), torch.nan_to_num(torch.from_numpy(history[200:240]))

    def windows() -> Iterable[tuple[Observations, Tensor]]:
        return (
            (observe(truth[t : t + 1], ocean, seed=t, share=0.05), truth[t : t + 1]) for t in range(40)
        )

    stddev = torch.linspace(0.2, 2.0, ocean.numel()).reshape(ocean.shape).where(ocean, torch.nan)
    return grid, history[:200], ValidationWindows(windows, stddev, spinup=10)


def volume_weighted(square: Tensor, grid: Grid, stddev: Tensor) -> float:
    kelvin = np.where(grid.ocean, stddev.numpy() ** 2 * square.numpy(), 0)
    return float(np.sqrt(np.average(kelvin, weights=grid.volume)))


@pytest.mark.slow
def test_tuning_takes_the_best_of_its_table(
    toy_tuning: tuple[Grid, NDArray[np.float32], ValidationWindows],
) -> None:
    grid, training, validation = toy_tuning
    tuned = tune(
        training, grid, validation, QUIET, Candidates((0.03, 0.2, 1.0), (2000, 20000), (100, 1000))
    )
    best = min(tuned.trials, key=lambda trial: trial.rmse)
    assert tuple(tuned.analyser.inflation[0].tolist()) == best.inflation
    refit = OptimalInterpolation.fit(training, grid, best.radius_km, best.depth_scale_m, 1.0)
    field = torch.randn(1, *grid.shape)
    torch.testing.assert_close(tuned.analyser.covariance.product(field), refit.covariance.product(field))
    square = mean_square_error(tuned.analyser, validation, 1)[0]
    assert volume_weighted(square, grid, validation.stddev) == pytest.approx(best.rmse, rel=1e-3)
    worst = max(trial.rmse for trial in tuned.trials)
    assert best.rmse < 0.9 * worst
    assert best.radius_km == 20000  # the patterns of this ocean are global


@pytest.mark.slow
def test_tuning_tries_the_inflation_of_all_layers_and_of_each_depth_group(
    toy_tuning: tuple[Grid, NDArray[np.float32], ValidationWindows],
) -> None:
    grid, training, validation = toy_tuning
    trials = tune(training, grid, validation, QUIET, Candidates((0.2, 0.4), (9000,), (500,))).trials
    groups = len(np.unique(np.digitize(grid.depth, (25, 200))))
    assert groups == 3
    assert len({trial.inflation for trial in trials}) == len(trials) == 2 + 2 * (1 + groups) + 1
    start, steps = min(trials[:2], key=lambda trial: trial.rmse), trials[2:-1]
    together = np.array(start.inflation)
    for up, down in zip(steps[: 1 + groups], steps[1 + groups :], strict=True):
        assert up.inflation > start.inflation > down.inflation
        helped = min(start, up, down, key=lambda trial: trial.rmse)
        together *= np.array(helped.inflation) / start.inflation
    assert tuple(together) != start.inflation
    np.testing.assert_allclose(trials[-1].inflation, together, rtol=1e-5)


@pytest.mark.slow
def test_ranking_with_a_rough_solver_chooses_a_candidate_as_good_as_the_best(
    toy_tuning: tuple[Grid, NDArray[np.float32], ValidationWindows], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And analyses are then solved as far as those of any other optimal interpolation."""
    grid, training, validation = toy_tuning
    errors = []
    for residual in (tuning.RANKING, 1e-5):
        monkeypatch.setattr(tuning, "RANKING", residual)
        chosen = tune(
            training, grid, validation, QUIET, Candidates((0.02, 0.4), (9000,), (500,))
        ).analyser
        assert chosen.tolerance == optimal_interpolation.TOLERANCE
        square = mean_square_error(chosen, validation, 1)[0]
        errors.append(volume_weighted(square, grid, validation.stddev))
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)


@pytest.mark.slow
def test_the_spread_of_the_tuned_analyser_is_its_error(
    toy_tuning: tuple[Grid, NDArray[np.float32], ValidationWindows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "RANKING", optimal_interpolation.TOLERANCE)
    grid, training, validation = toy_tuning
    analyser = tune(training, grid, validation, QUIET, Candidates((0.2,), (9000,), (500,))).analyser
    square = mean_square_error(analyser, validation, 1)[0]
    wet = torch.from_numpy(grid.ocean)
    for layer in range(grid.shape[0]):
        error = square[layer][wet[layer]].mean()
        torch.testing.assert_close(analyser.error_stddev[layer][wet[layer]].square().mean(), error)
    assert not analyser.error_stddev[~wet].any()


def test_a_covariance_is_fitted_once_at_each_reach(
    toy_tuning: tuple[Grid, NDArray[np.float32], ValidationWindows], monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, training, validation = toy_tuning
    fit, reaches = OptimalInterpolation.fit, []

    def counted(anomalies: Any, grid: Grid, radius: float, depth: float, inflation: float) -> Any:
        reaches.append((radius, depth))
        return fit(anomalies, grid, radius, depth, inflation)

    monkeypatch.setattr(OptimalInterpolation, "fit", counted)
    few = replace(validation, windows=lambda: itertools.islice(validation.windows(), 3), spinup=1)
    tune(training, grid, few, QUIET, Candidates((0.2,), (2000, 9000), (500, 100)))
    assert len(reaches) == len(set(reaches)) == 3


def test_tuning_needs_a_window_after_the_spinup(
    toy_tuning: tuple[Grid, NDArray[np.float32], ValidationWindows],
) -> None:
    grid, training, validation = toy_tuning
    with pytest.raises(ValueError, match="spin-up of 40"):
        tune(training, grid, ValidationWindows(validation.windows, validation.stddev, 40), QUIET)
