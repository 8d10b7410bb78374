"""The exact filter against the joint Gaussian of all states, written out densely."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import solve_discrete_lyapunov

from deepda.geometry.grid import Grid
from osse.known_answer.kalman import (
    Gaussian,
    Update,
    climate,
    exact_analyses,
    forecast,
    kalman_filter,
    observed_windows,
)
from osse.known_answer.linear_ocean import LinearOcean
from osse.known_answer.network import Network, observe
from osse.known_answer.run import observed, space_of
from osse.known_answer.scores import Analyses

STEPS = 7
Arrays = tuple[NDArray, NDArray]
Case = tuple[LinearOcean, NDArray, NDArray]


def tiny_ocean(seed: int) -> LinearOcean:
    """Some 15 cells with a dense random transition: no structure that could hide an error."""
    rng = np.random.default_rng(seed)
    mask = rng.random((2, 3, 4)) < 0.65
    mask[0, 0, :2] = True
    lon = np.array([0.0, 80, 170, 280, 360])
    grid = Grid(np.array([-60.0, -10, 20, 70]), lon, np.array([0.0, 50, 200]), mask)
    n = int(mask.sum())
    step = rng.standard_normal((n, n))
    step *= 0.95 / abs(np.linalg.eigvals(step)).max()
    root = rng.standard_normal((n, n)) * rng.uniform(0.3, 1, n)
    noise = root @ root.T / n + 0.01 * np.eye(n)
    return LinearOcean(grid, sparse.csr_array(step), noise, solve_discrete_lyapunov(step, noise))


def tiny_observations(ocean: LinearOcean, seed: int) -> Arrays:
    """Values, errors (STEPS, depth, lat, lon); the third window is empty, the fourth has one value."""
    rng = np.random.default_rng([seed, 1])
    truth = ocean.simulate(STEPS, rng)[0]
    seen = (rng.random(truth.shape) < 0.4) & ocean.grid.ocean
    seen[2:4] = False
    seen[3].ravel()[np.flatnonzero(ocean.grid.ocean)[1]] = True
    error = np.where(seen, rng.uniform(0.1, 0.8, truth.shape), np.inf)
    return observe(truth, error, rng), error


@pytest.fixture(params=[0, 1, 2])
def case(request: pytest.FixtureRequest) -> Case:
    ocean = tiny_ocean(request.param)
    return ocean, *tiny_observations(ocean, request.param)


def joint_posterior(ocean: LinearOcean, value: NDArray, error: NDArray, until: int) -> Gaussian:
    """All STEPS states stacked, given the windows before `until`: plain conditioning, no recursion."""
    n, step = ocean.size, ocean.transition.toarray()
    blocks = np.zeros((STEPS, n, STEPS, n))
    for first in range(STEPS):
        block = ocean.climatological_covariance
        for later in range(first, STEPS):
            blocks[later, :, first], blocks[first, :, later] = block, block.T
            block = step @ block
    prior = blocks.reshape(STEPS * n, STEPS * n)
    errors = ocean.to_cells(error)
    errors[until:] = np.inf
    seen = np.flatnonzero(np.isfinite(errors))
    gain = prior[:, seen] @ np.linalg.inv(prior[np.ix_(seen, seen)] + np.diag(errors.ravel()[seen] ** 2))
    return Gaussian(gain @ ocean.to_cells(value).ravel()[seen], prior - gain @ prior[seen])


def at_step(joint: Gaussian, step: int) -> Arrays:
    n = joint.mean.size // STEPS
    part = slice(step * n, (step + 1) * n)
    return joint.mean[part], joint.covariance[part, part]


def run_updates(ocean: LinearOcean, value: NDArray, error: NDArray) -> list[Update]:
    known, updates = climate(ocean), []
    for window in observed_windows(ocean, value, error):
        updates.append(Update(known, window))
        known = forecast(ocean, updates[-1].analysis)
    return updates


def test_filter_equals_dense_conditioning_at_every_step(case: Case) -> None:
    for step, update in enumerate(run_updates(*case)):
        for known, until in ((update.forecast, step), (update.analysis, step + 1)):
            mean, covariance = at_step(joint_posterior(*case, until), step)
            np.testing.assert_allclose(known.mean, mean, atol=1e-10)
            np.testing.assert_allclose(known.covariance, covariance, atol=1e-10)


def test_filter_goes_from_climate_through_all_windows(case: Case) -> None:
    for given, update in zip(kalman_filter(*case), run_updates(*case), strict=True):
        for one, other in ((given.forecast, update.forecast), (given.analysis, update.analysis)):
            np.testing.assert_allclose(one.mean, other.mean, atol=1e-12)
            np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-12)


def test_as_a_method_it_gives_means_and_variances_on_the_grid() -> None:
    ocean = LinearOcean.draw(1, (2, 8, 12))
    truth, wet = ocean.simulate(STEPS, np.random.default_rng(0))[0], ocean.grid.ocean
    case = observed(space_of(truth, ocean.grid), truth, Network.draw(ocean, 1), 1, (6, 7), 0)
    found = Analyses.timed(exact_analyses(ocean, case))
    assert found.mean.dtype == found.variance.dtype == np.float32 and found.milliseconds > 0
    updates = run_updates(ocean, case.value, case.error)
    for mean, variance, update in zip(found.mean, found.variance, updates, strict=True):
        np.testing.assert_allclose(mean[wet], update.analysis.mean, rtol=1e-6)
        np.testing.assert_allclose(variance[wet], np.diag(update.analysis.covariance), rtol=1e-6)
        assert (mean[~wet] == 0).all() and (variance[~wet] == 0).all()


def test_without_observations_nothing_is_ever_learnt() -> None:
    ocean = tiny_ocean(1)
    shape = (STEPS, *ocean.grid.shape)
    nothing = np.full(shape, np.nan), np.full(shape, np.inf)
    for step in kalman_filter(ocean, *nothing):
        np.testing.assert_array_equal(step.analysis.mean, 0)
        np.testing.assert_array_equal(step.analysis.covariance, step.forecast.covariance)
        variance = ocean.to_field(np.diag(step.analysis.covariance))
        np.testing.assert_allclose(variance, ocean.stddev**2, rtol=1e-9)


def test_an_empty_window_leaves_the_forecast_as_it_is(case: Case) -> None:
    empty = list(kalman_filter(*case))[2]
    np.testing.assert_array_equal(empty.analysis.mean, empty.forecast.mean)
    np.testing.assert_array_equal(empty.analysis.covariance, empty.forecast.covariance)
    assert empty.forecast.mean.any()


def test_a_value_with_infinite_error_is_never_read(case: Case) -> None:
    ocean, value, error = case
    poisoned = np.where(np.isinf(error), 1e30, value)
    for clean, other in zip(
        kalman_filter(ocean, value, error), kalman_filter(ocean, poisoned, error), strict=True
    ):
        np.testing.assert_array_equal(clean.analysis.mean, other.analysis.mean)


def test_covariances_stay_symmetric_and_positive_through_a_long_run() -> None:
    ocean = LinearOcean.draw(0, (3, 7, 12))
    rng = np.random.default_rng(0)
    error = Network.draw(ocean, 0).draw_masks(150, rng)
    value = observe(ocean.simulate(150, rng)[0], error, rng)
    known = run_updates(ocean, value, error)[-1].analysis
    np.testing.assert_array_equal(known.covariance, known.covariance.T)
    assert np.linalg.eigvalsh(known.covariance).min() > 0


def test_innovations_are_as_large_as_the_filter_says() -> None:
    """d' inv(S) d is chi-square with m degrees of freedom, independent from window to window."""
    ocean = LinearOcean.draw(1, (3, 7, 12))
    rng = np.random.default_rng(0)
    error = Network.draw(ocean, 1).draw_masks(150, rng)
    value = observe(ocean.simulate(150, rng)[0], error, rng)
    distance, freedom = 0.0, 0
    for update in run_updates(ocean, value, error):
        cells, values, variance = update.window
        spread = update.forecast.covariance[np.ix_(cells, cells)] + np.diag(variance)
        innovation = values - update.forecast.mean[cells]
        distance += float(innovation @ np.linalg.solve(spread, innovation))
        freedom += cells.size
    assert abs(distance - freedom) < 4 * np.sqrt(2 * freedom)


@pytest.mark.slow
def test_errors_of_the_filter_match_their_stated_covariance() -> None:
    """At the last window of independent runs, by the chi-square of the full covariance."""
    ocean, distance = tiny_ocean(2), 0.0
    _, error = tiny_observations(ocean, 2)
    runs, rng = 300, np.random.default_rng(0)
    truths = ocean.simulate(STEPS, rng, runs)
    values = observe(truths, np.broadcast_to(error, truths.shape), rng)
    covariance = run_updates(ocean, values[0], error)[-1].analysis.covariance  # the same for all values
    for truth, value in zip(truths, values, strict=True):
        analysis = run_updates(ocean, value, error)[-1].analysis.mean
        miss = analysis - ocean.to_cells(truth[-1])
        distance += miss @ np.linalg.solve(covariance, miss)
    freedom = runs * ocean.size
    assert abs(distance - freedom) < 4 * np.sqrt(2 * freedom)


def test_standardised_errors_have_unit_variance_at_every_level() -> None:
    ocean = LinearOcean.draw(2, (3, 7, 12))
    rng = np.random.default_rng(0)
    truth = ocean.simulate(400, rng)[0]
    error = Network.draw(ocean, 2).draw_masks(400, rng)
    steps = [step.analysis for step in kalman_filter(ocean, observe(truth, error, rng), error)][60:]
    spread = np.sqrt([ocean.to_field(np.diag(step.covariance)) for step in steps])
    miss = np.stack([ocean.to_field(step.mean) for step in steps]) - truth[60:]
    for level, wet in enumerate(ocean.grid.ocean):
        standardised = miss[:, level, wet] / spread[:, level, wet]
        assert 0.9 < np.mean(standardised**2) < 1.1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda value, error, land: (value[None], error[None]), "without a batch"),
        (lambda value, error, land: (value[:-1], error), "expected .steps"),
        (lambda value, error, land: (np.full_like(value, np.nan), error), "not finite"),
        (lambda value, error, land: (value, np.where(np.isinf(error), error, 0)), "not positive"),
        (lambda value, error, land: (value, np.full_like(error, np.nan)), "on land|not positive"),
        (lambda value, error, land: (value, np.where(land, 0.1, error)), "on land"),
    ],
)
def test_observations_that_cannot_be_are_refused(spoil, message: str) -> None:  # type: ignore[no-untyped-def]
    ocean = tiny_ocean(0)
    value, error = tiny_observations(ocean, 0)
    with pytest.raises(ValueError, match=message):
        next(kalman_filter(ocean, *spoil(value, error, ~ocean.grid.ocean)))
