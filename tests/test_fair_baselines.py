"""Baselines with all that needs no gradient training: closed forms, choices by error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dense_covariances import correlation
from numpy.typing import NDArray
from test_background_errors import training_data
from test_baselines import DEPTH_SCALE, RADIUS, observe, ocean_history
from test_multi_scale import matrix_of
from torch import Tensor
from toys import persistence, toy_grid

from deepda.assimilation.baselines import OptimalInterpolation, ValidationWindows
from deepda.assimilation.baselines.tuning import mean_square_error
from deepda.assimilation.covariance_sum import CovarianceSum, times
from deepda.assimilation.cycle import Observations, StateEstimate, cycle
from deepda.assimilation.localisation import Localisation, Reach
from deepda.assimilation.multi_scale import Scales, multi_scale_covariance
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.assimilation.samples import Samples
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.networks.transition import Transition
from osse.twin import multi_scale
from osse.twin.baseline_files import control_samples, load, save
from osse.twin.baseline_years import Years
from osse.twin.carried_variance import DEPTH_M, RADIUS_KM, SHARE, CarriedVariance
from osse.twin.fair_baselines import FORECAST, MULTI_SCALE, OWN, tuned_baselines
from osse.twin.forecast_interpolation import ForecastInterpolation
from osse.twin.forecasts import LinearForecast, fit_forecasts
from osse.twin.multi_scale import best_scales, split
from osse.twin.own_errors import with_control

SEASON = torch.zeros(1, dtype=torch.long)


@pytest.fixture
def grid() -> Grid:
    return toy_grid(np.random.default_rng(0))


def red(grid: Grid, steps: int, damping: float, seed: int = 0) -> NDArray[np.float32]:
    """(time, L, Y, X) first-order autoregressive anomalies of variance one, each cell for itself."""
    rng = np.random.default_rng(seed)
    series = rng.standard_normal((steps, *grid.shape))
    for step in range(1, steps):
        series[step] = damping * series[step - 1] + np.sqrt(1 - damping**2) * series[step]
    return np.where(grid.ocean, series, 0).astype(np.float32)


def blank(grid: Grid) -> Transition:
    return persistence(grid, 0.0, 1.0)


def still(grid: Grid, noise: float = 0.36) -> LinearForecast:
    """Persistence of 0.8 with the noise that keeps the variance at one."""
    weight = persistence(grid, 0.8, noise).weight
    return LinearForecast("still", weight, torch.zeros(grid.shape), torch.full(grid.shape, noise))


def interpolation(grid: Grid) -> OptimalInterpolation:
    history = ocean_history(grid, np.random.default_rng(7))
    return OptimalInterpolation.fit(history, grid, RADIUS, DEPTH_SCALE, 0.3)


def interpolating(
    oi: OptimalInterpolation, model: LinearForecast, grid: Grid, carried: bool = False
) -> ForecastInterpolation:
    return ForecastInterpolation(oi, model, CarriedVariance.on(grid), carried)


def test_forecasts_have_the_factors_and_errors_of_their_closed_forms(grid: Grid) -> None:
    """Of x' = 0.8 x + w the mean of two has the factor 0.8 (1 + 0.8) / (1 + 0.8)."""
    damped, mean, _ = fit_forecasts(red(grid, 400, 0.8), grid.ocean, blank(grid))
    wet = torch.from_numpy(grid.ocean)
    assert float(damped.weight[0][wet].mean()) == pytest.approx(0.8, abs=0.01)
    assert float(damped.noise[wet].mean()) == pytest.approx(0.36, abs=0.02)
    assert float(2 * mean.older[wet].mean()) == pytest.approx(0.8, abs=0.01)
    assert float(mean.noise[wet].mean()) == pytest.approx(1 - 0.8**2 * 0.9, abs=0.02)
    assert damped.noise[~wet].abs().max() == 0


def test_the_mean_of_the_last_two_reads_both_analyses(grid: Grid) -> None:
    _, mean, _ = fit_forecasts(red(grid, 60, 0.8), grid.ocean, blank(grid))
    analyser = interpolating(interpolation(grid), mean, grid)
    ocean = torch.from_numpy(grid.ocean)
    windows = [observe(torch.randn(1, *grid.shape), ocean, seed) for seed in range(3)]
    steps = list(cycle(analyser, analyser.first_guess(1), windows))
    both = mean.older * (steps[1].analysis.mean + steps[0].analysis.mean)
    torch.testing.assert_close(steps[2].background.mean, both)


@pytest.mark.parametrize("carried", [False, True])
def test_without_observations_an_analysis_is_its_background_and_the_spread_is_that_of_climate(
    grid: Grid, carried: bool
) -> None:
    analyser = interpolating(interpolation(grid), still(grid), grid, carried)
    ocean = torch.from_numpy(grid.ocean)
    blind = observe(torch.zeros(1, *grid.shape), ocean, 0, share=0.0)
    guess = StateEstimate(
        torch.randn(1, *grid.shape) * ocean, 0.5 * ocean[None], torch.zeros(1, *grid.shape)
    )
    after = analyser.analyse(guess, blind)
    torch.testing.assert_close(after.mean, guess.mean)
    torch.testing.assert_close(after.spread, guess.spread)
    for _ in range(40):
        guess = analyser.forecast(guess, SEASON)
    torch.testing.assert_close(guess.spread[0][ocean], torch.ones(int(ocean.sum())), atol=1e-3, rtol=0)


def test_the_carried_spread_scales_the_covariance_on_both_sides(grid: Grid) -> None:
    """x + D C D h' (h D C D h' + R)^-1 (y - h x), in dense algebra."""
    oi, ocean = interpolation(grid), torch.from_numpy(grid.ocean)
    analyser = interpolating(oi, still(grid), grid, carried=True)
    spread = (0.2 + 0.5 * torch.rand(1, *grid.shape)) * ocean  # within climatology
    background = StateEstimate(torch.randn(1, *grid.shape) * ocean, spread, torch.zeros(1, *grid.shape))
    window = observe(torch.randn(1, *grid.shape), ocean, 3)
    found = analyser.analyse(background, window)
    size = int(ocean.sum())
    unit = torch.zeros(size, *grid.shape)
    unit[:, ocean] = torch.eye(size)
    scale = spread[0][ocean]
    covariance = 0.3 * scale[:, None] * oi.covariance.product(unit)[:, ocean] * scale
    seen = window.seen[0][ocean]
    innovation = (window.value[0][ocean] - background.mean[0][ocean])[seen]
    whole = covariance[seen][:, seen] + torch.diag(1 / window.precision[0][ocean][seen])
    expected = background.mean[0][ocean] + covariance[:, seen] @ torch.linalg.solve(whole, innovation)
    torch.testing.assert_close(found.mean[0][ocean], expected, atol=5e-3, rtol=0)
    variance = analyser.law.update(spread.square(), window.precision)
    torch.testing.assert_close(found.spread.square(), variance, atol=1e-6, rtol=1e-4)


def test_the_variance_shrinks_by_what_is_observed_in_the_surroundings(grid: Grid) -> None:
    """By brute force: v / (1 + v (p + share of the visible information of others))."""
    law, ocean = CarriedVariance.on(grid), torch.from_numpy(grid.ocean)
    window = observe(torch.randn(1, *grid.shape), ocean, 3)
    variance = (0.2 + 0.5 * torch.rand(1, *grid.shape)) * ocean
    near = torch.from_numpy(correlation(Localisation.of(grid, RADIUS_KM, DEPTH_M))).float()
    v, p = variance[0][ocean], window.precision[0][ocean]
    others = (near - torch.eye(len(v))) @ (p / (1 + p * v))
    found = law.update(variance, window.precision)
    torch.testing.assert_close(found[0][ocean], v / (1 + v * (p + SHARE * others)))
    assert not found[0][~ocean].any()


def test_an_exact_observation_makes_its_own_cell_sure_and_leaves_far_cells_alone(grid: Grid) -> None:
    """With the cell's own observations alone, a gain in the ratio of variances runs away beside them."""
    law, ocean = CarriedVariance.on(grid), torch.from_numpy(grid.ocean)
    place = int(np.flatnonzero(grid.ocean.ravel())[37])
    precision = torch.zeros(1, *grid.shape)
    precision.view(-1)[place] = 1e6
    found = law.update(ocean[None].float(), precision).flatten()
    near = torch.zeros(grid.ocean.size)
    row = list(np.flatnonzero(grid.ocean.ravel())).index(place)
    near[ocean.flatten()] = torch.from_numpy(
        correlation(Localisation.of(grid, RADIUS_KM, DEPTH_M))[row]
    ).float()
    assert float(found[place]) == pytest.approx(1e-6, rel=1e-3)
    beside = (near > 0.01) & (torch.arange(len(near)) != place)
    assert bool(beside.any()) and bool((found[beside] < 1).all())
    far = (near == 0) & ocean.flatten()
    torch.testing.assert_close(found[far], torch.ones(int(far.sum())))


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_covariance_of_own_errors_has_its_share_beside_that_of_the_control(
    grid: Grid, share: float
) -> None:
    control = interpolation(grid).covariance
    errors = Samples.of(red(grid, 20, 0.5), grid)
    about = {"share": str(share), "radius_km": "5000", "depth_scale_m": "100"}
    made = with_control(errors, control, grid, about)
    shape = torch.Size(grid.shape)
    own = SampleCovariance(errors, Localisation.of(grid, 5000, 100)).variance(shape)
    expected = share * own + (1 - share) * control.variance(shape)
    torch.testing.assert_close(made.variance(shape), expected)


@pytest.fixture
def years(grid: Grid) -> Years:
    data, ocean = training_data(grid, windows=60), torch.from_numpy(grid.ocean)
    truth = torch.from_numpy(data.anomalies[-24:])

    def windows():  # type: ignore[no-untyped-def]
        for step in range(24):
            yield observe(truth[step][None], ocean, step), truth[step][None]

    return Years(grid, data, blank(grid), ValidationWindows(windows, torch.ones(grid.shape), 8))


def test_the_scales_and_the_inflation_with_the_least_error_are_taken(
    grid: Grid, years: Years, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = iter([0.3, 0.1, 0.2])

    def scored(self: Years, analyser: ForecastInterpolation, inflation: Tensor) -> tuple[float, Tensor]:
        return next(errors), inflation[1:2]

    monkeypatch.setattr(Years, "best", scored)
    tried = [Scales((width,), (12000.0, 6000.0)) for width in (9000.0, 7000.0, 5000.0)]
    monkeypatch.setattr(multi_scale, "CANDIDATES", tried)
    start = interpolating(interpolation(grid), still(grid), grid)
    with Progress(log=tmp_path / "log.txt") as progress:
        best = best_scales(start, control_samples(start.interpolation), years, progress)
    assert (best.rmse, best.about["widths_km"]) == (0.1, "[7000.0]")
    factor = best.analyser.interpolation.inflation / start.interpolation.inflation
    torch.testing.assert_close(factor, torch.full_like(factor, multi_scale.FACTORS[1]))


@pytest.mark.slow
def test_the_forecast_with_the_least_error_is_taken(grid: Grid, years: Years, tmp_path: Path) -> None:
    """Random walks are forecast by persistence; the blank regression forecasts nothing."""
    oi = interpolation(grid)
    with Progress(log=tmp_path / "log.txt") as progress:
        made = tuned_baselines([FORECAST], oi, years, 0, tmp_path, progress)
    assert list(made) == [FORECAST] and made[FORECAST].model.name != "regression"
    blind = interpolating(oi, fit_forecasts(years.data.anomalies, grid.ocean, blank(grid))[2], grid)
    assert years.best(made[FORECAST], oi.inflation)[0] < years.best(blind, oi.inflation)[0]


@pytest.mark.slow
def test_what_was_tuned_is_used_again_and_gives_the_same_analysis(
    grid: Grid, years: Years, tmp_path: Path
) -> None:
    oi = interpolation(grid)
    with Progress(log=tmp_path / "log.txt") as progress:
        names = ["oi", FORECAST, MULTI_SCALE, OWN]
        first = tuned_baselines(names, oi, years, 0, tmp_path, progress)
        noted = (tmp_path / "log.txt").read_text()
        again = tuned_baselines(names, oi, years, 0, tmp_path, progress)
    assert list(first) == [FORECAST, MULTI_SCALE, OWN]
    assert OWN in noted and (tmp_path / "log.txt").read_text() == noted
    assert [baseline.carried for baseline in first.values()] == [False, False, True]
    window = observe(torch.randn(1, *grid.shape), torch.from_numpy(grid.ocean), 5)
    for name, made in first.items():
        for other in (again[name], load(oi, grid, tmp_path, name)):
            guess = made.first_guess(1)
            torch.testing.assert_close(
                other.analyse(guess, window).mean, made.analyse(guess, window).mean
            )


def test_a_saved_baseline_takes_another_reach_and_its_bands_keep_their_ratios(
    grid: Grid, tmp_path: Path
) -> None:
    oi, reach = interpolation(grid), Reach(6000.0, DEPTH_SCALE / 2)
    start, samples = interpolating(oi, still(grid), grid), control_samples(oi)
    scales = {"widths_km": "[9000.0]", "radii_km": "[16000.0, 4000.0]"}
    save(start, tmp_path, FORECAST, {})
    save(replace(start, interpolation=split(oi, samples, grid, scales)), tmp_path, MULTI_SCALE, scales)
    own = {"share": "0.5", "radius_km": str(RADIUS), "depth_scale_m": str(DEPTH_SCALE)}
    control = split(oi, samples, grid, scales).covariance
    summed = replace(oi, covariance=with_control(samples, control, grid, own))
    save(replace(start, interpolation=summed, carried=True), tmp_path, OWN, own)
    found = load(
        oi, grid, tmp_path, OWN
    ).interpolation.covariance  # what was saved, if no reach is given
    np.testing.assert_allclose(matrix_of(found, grid), matrix_of(summed.covariance, grid), atol=1e-5)
    bands = multi_scale_covariance(
        samples, grid, Scales((9000.0,), (12000.0, 3000.0)), reach.depth_m
    )  # twice and half of the reach
    one = oi.covariance.localised(grid, reach)
    mixed = CovarianceSum([*(times(part, 0.5) for part in (one, *bands.parts))])
    for name, expected in ((FORECAST, one), (MULTI_SCALE, bands), (OWN, mixed)):
        found = load(oi, grid, tmp_path, name, reach).interpolation.covariance
        np.testing.assert_allclose(matrix_of(found, grid), matrix_of(expected, grid), atol=1e-5)
        tuned = load(oi, grid, tmp_path, name).interpolation.covariance
        assert not np.allclose(matrix_of(tuned, grid), matrix_of(expected, grid), atol=1e-2)


def test_a_candidate_that_runs_away_is_not_chosen_and_changes_nothing_for_the_others(
    grid: Grid, years: Years
) -> None:
    oi = interpolation(grid)
    unstable = replace(still(grid), weight=3.0 * still(grid).weight)
    sound = interpolating(oi, still(grid), grid)

    @dataclass
    class OneUnstable:
        ocean = sound.ocean
        first_guess, analyse = sound.first_guess, sound.analyse

        def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
            both = sound.forecast(analysis, season)
            wild = replace(sound, model=unstable).forecast(analysis, season).mean
            chosen = torch.tensor([False, True, False])[:, None, None, None]
            return replace(both, mean=torch.where(chosen, wild, both.mean))

    blind = replace(years.validation, windows=lambda: blinded(years.validation))
    found = mean_square_error(OneUnstable(), blind, 3)
    alone = mean_square_error(sound, blind, 1)[0]
    assert torch.isinf(found[1][sound.ocean]).all()
    torch.testing.assert_close(found[0], alone)
    torch.testing.assert_close(found[2], alone)


def blinded(validation: ValidationWindows) -> Iterator[tuple[Observations, Tensor]]:
    """The windows with observations at the first one only."""
    for number, (seen, truth) in enumerate(validation.windows()):
        yield replace(seen, precision=seen.precision * (number == 0)), truth


@pytest.mark.slow
def test_a_baseline_whose_candidates_all_run_away_is_left_out_and_the_others_stay(
    grid: Grid, years: Years, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Years, analyser: ForecastInterpolation, inflation: Tensor) -> tuple[float, Tensor]:
        return (np.inf if analyser.carried else 1.0), inflation[:1]

    monkeypatch.setattr(Years, "best", away)
    with Progress(log=tmp_path / "log.txt") as progress:
        made = tuned_baselines([FORECAST, OWN], interpolation(grid), years, 0, tmp_path, progress)
    assert list(made) == [FORECAST]
    assert (
        "own_error_oi is left out: the analyses of all candidates left"
        in (tmp_path / "log.txt").read_text()
    )


def test_no_cell_has_more_background_variance_than_climatology(grid: Grid) -> None:
    """Errors that were sampled over small spreads meet a spread of one at a cold start."""
    history = ocean_history(grid, np.random.default_rng(7))
    history[..., ::2] *= 20
    oi = OptimalInterpolation.fit(history, grid, RADIUS, DEPTH_SCALE, 1.0)
    analyser, ocean = interpolating(oi, still(grid), grid, carried=True), torch.from_numpy(grid.ocean)
    sharp = observe(torch.ones(1, *grid.shape), ocean, 3)
    precision = 1e3 * (sharp.precision > 0)
    precision[..., ::2] = 0
    after = analyser.analyse(analyser.first_guess(1), replace(sharp, precision=precision)).mean
    assert 0.5 < after[..., ::2].abs().max() < 4
