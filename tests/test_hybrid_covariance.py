"""The default generator with the covariance of its errors, against dense algebra and differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from dense_covariances import DEPTH_SCALE, RADIUS, dense_covariance, ocean_history
from numpy.typing import NDArray
from test_analyser_laws import analysed, background_of, drawn, innovation
from test_analyser_laws import member as member_of
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.localisation import Reach
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, unit_vectors
from deepda.networks.background_covariance import SAMPLED_SHARE
from deepda.networks.innovation import InnovationAnalyser

Matrix = NDArray[np.float64]


@pytest.fixture
def errors(grid: Grid) -> NDArray[np.float32]:
    """Few samples, so that cells far from each other are strongly correlated."""
    return ocean_history(grid, np.random.default_rng(grid.ocean.size), windows=8)


@pytest.fixture
def ocean(grid: Grid) -> Tensor:
    return torch.from_numpy(grid.ocean)


def exact(grid: Grid, hidden: int = 0) -> InnovationAnalyser:
    """Without the correction unless asked for, solved to rounding."""
    made = innovation(grid, hidden)
    made.iterations, made.tolerance = 1000, 1e-6
    return made


def with_samples(grid: Grid, errors: NDArray[np.float32], hidden: int = 0) -> InnovationAnalyser:
    made = exact(grid, hidden)
    made.use_error_samples(SampleCovariance.fit(errors, grid, RADIUS, DEPTH_SCALE))
    return made


def stated(made: InnovationAnalyser, background: StateEstimate) -> Matrix:
    """(cell, cell) of water: `covariance` of each unit field, for a batch of one."""
    wet = made.ocean > 0
    units = torch.eye(made.ocean.numel())[wet.flatten()].reshape(-1, *made.ocean.shape)
    with torch.no_grad():
        return made.covariance(background, units)[:, wet].double().numpy()


def assert_close(found: NDArray, expected: Matrix) -> None:
    """To the rounding of increments, variances and weights of order one, solved in float32."""
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def hybrid(grid: Grid, errors: NDArray[np.float32], background: StateEstimate, share: float) -> Matrix:
    """(1 - share) B of the factors + share D C D, where C comes from numpy."""
    plain = exact(grid)
    spread = plain.modelled_spread(background)[0].numpy()[grid.ocean].astype(float)
    sampled = spread[:, None] * dense_covariance(errors, grid) * spread
    return (1 - share) * stated(plain, background) + share * sampled


def weights_of(covariance: Matrix, grid: Grid, misfit: Tensor, precision: Tensor) -> Matrix:
    """(cell) of water: H' (H B H' + R)^-1 d."""
    accuracy = precision.double().numpy()[grid.ocean]
    seen = accuracy > 0
    solved = np.zeros(len(seen))
    total = covariance[np.ix_(seen, seen)] + np.diag(1 / accuracy[seen])
    solved[seen] = np.linalg.solve(total, misfit.double().numpy()[grid.ocean][seen])
    return solved


@pytest.mark.slow
@pytest.mark.parametrize("sampled", [True, False])
def test_the_increment_is_that_of_the_dense_hybrid_covariance(
    grid: Grid, ocean: Tensor, errors: NDArray[np.float32], sampled: bool
) -> None:
    """Without error samples the factors have it all, whether or not another network has samples."""
    other = with_samples(grid, errors)
    made = other if sampled else exact(grid)
    background, observations = background_of(made, ocean), drawn(ocean, 3)
    increment = (analysed(made, background, observations).mean - background.mean)[:, ocean]
    assert not torch.equal(observations.seen[0], observations.seen[1])
    for number, found in enumerate(increment):
        covariance = hybrid(grid, errors, member_of(background, number), SAMPLED_SHARE * sampled)
        misfit = observations.value[number] - background.mean[number]
        solved = weights_of(covariance, grid, misfit, observations.precision[number])
        assert_close(found.numpy(), covariance @ solved)


@pytest.mark.slow
def test_one_set_of_observations_serves_all_members(
    grid: Grid, ocean: Tensor, errors: NDArray[np.float32]
) -> None:
    """As it does with the factors alone."""
    made = with_samples(grid, errors)
    background, one = background_of(made, ocean), drawn(ocean, 3, batch=1)
    size = background.mean.shape
    each = replace(one, value=one.value.expand(size), precision=one.precision.expand(size))
    expected = analysed(made, background, each).mean
    torch.testing.assert_close(analysed(made, background, one).mean, expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_stated_covariance_is_the_hybrid_symmetric_and_positive_semidefinite(
    grid: Grid, ocean: Tensor, errors: NDArray[np.float32]
) -> None:
    made = with_samples(grid, errors)
    background = background_of(made, ocean, batch=1)
    matrix = stated(made, background)
    assert_close(matrix, hybrid(grid, errors, background, SAMPLED_SHARE))
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-5 * matrix.max())
    eigenvalues = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    assert eigenvalues[0] > -1e-5 * eigenvalues[-1]


@pytest.mark.slow
def test_the_dual_solves_the_dense_system_and_its_covariance_is_the_increment(
    grid: Grid, ocean: Tensor, errors: NDArray[np.float32]
) -> None:
    made = with_samples(grid, errors)
    background, observations = background_of(made, ocean, batch=1), drawn(ocean, 4, batch=1)
    misfit = observations.value - background.mean
    with torch.no_grad():
        dual = made.dual(background, misfit, observations.precision)
        increment = made.covariance(background, dual)
    covariance = hybrid(grid, errors, background, SAMPLED_SHARE)
    expected = weights_of(covariance, grid, misfit[0], observations.precision[0])
    assert_close(dual[0, ocean].numpy(), expected)
    analysis = analysed(made, background, observations)
    torch.testing.assert_close(background.mean + increment, analysis.mean, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["value", "mean", "memory"])
def test_gradients_through_the_hybrid_gain_are_finite_differences(
    grid: Grid, ocean: Tensor, errors: NDArray[np.float32], part: str
) -> None:
    """Along a random direction, with the correction and in double precision, which differences need."""
    made = with_samples(grid, errors, hidden=4).double()
    made.tolerance = 1e-12
    background, observations = doubled(background_of(with_samples(grid, errors), ocean, 2), ocean)
    draw = torch.Generator().manual_seed(6)
    weight = torch.randn(background.mean.shape, generator=draw, dtype=torch.float64)
    given = {"value": observations.value, "mean": background.mean, "memory": background.memory}[part]
    direction = given * torch.randn(given.shape, generator=draw, dtype=torch.float64)

    def outcome(now: Tensor) -> Tensor:
        if part == "value":
            return made.analyse(background, replace(observations, value=now)).mean.mul(weight).sum()
        changed = replace(background, **{part: now})
        return made.analyse(changed, observations).mean.mul(weight).sum()

    point = given.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(outcome(point), point)
    step = 1e-5
    with torch.no_grad():
        forwards, backwards = outcome(given + step * direction), outcome(given - step * direction)
    slope = float((gradient * direction).sum())
    assert abs(slope) > 1e-3
    assert slope == pytest.approx(float(forwards - backwards) / (2 * step), rel=1e-4)


def doubled(background: StateEstimate, ocean: Tensor) -> tuple[StateEstimate, Observations]:
    """In double precision, and observations without NaN, which a direction would spread."""
    observations = drawn(ocean, 5, len(background.mean))
    parts = (background.mean, background.spread, background.memory)
    return StateEstimate(*(part.double() for part in parts)), replace(
        observations,
        value=observations.value.nan_to_num(0.0).double(),
        precision=observations.precision.double(),
    )


@pytest.mark.slow
def test_gradients_reach_the_cells_that_only_the_sampled_errors_connect(
    grid: Grid, ocean: Tensor, errors: NDArray[np.float32]
) -> None:
    """The sensitivity of the analysis at a cell to a value is the entry of the dense gain."""
    made = with_samples(grid, errors)
    background, observations = background_of(made, ocean, batch=1), drawn(ocean, 7, batch=1)
    cell = int(grid.ocean.sum()) // 3
    value = observations.value.clone().requires_grad_()
    analysis = made.analyse(background, replace(observations, value=value))
    (found,) = torch.autograd.grad(analysis.mean[0, ocean][cell], value)
    covariance = hybrid(grid, errors, background, SAMPLED_SHARE)
    column = torch.zeros(grid.shape, dtype=torch.float64)
    column[ocean] = torch.from_numpy(covariance[cell])
    expected = weights_of(covariance, grid, column, observations.precision[0])
    assert_close(found[0, ocean].numpy(), expected)
    assert not found[~observations.seen].any()


@pytest.mark.slow
def test_error_samples_take_effect_at_once_and_other_errors_give_another_analysis(
    grid: Grid, ocean: Tensor, errors: NDArray[np.float32]
) -> None:
    made, observations = exact(grid), drawn(ocean, 3)
    background = background_of(made, ocean)
    analyses = [analysed(made, background, observations)]
    for samples in (errors, errors[::-1], np.roll(errors, 1, axis=2)):
        wet = np.where(grid.ocean, np.nan_to_num(samples), 0)
        made.use_error_samples(SampleCovariance.fit(wet, grid, RADIUS, DEPTH_SCALE))
        analyses.append(analysed(made, background, observations))
    plain, one, reversed_in_time, other = (analysis.mean for analysis in analyses)
    size = (plain - background.mean).norm()
    assert (one - plain).norm() > 0.1 * size and (other - one).norm() > 0.1 * size
    assert (reversed_in_time - one).norm() < 1e-3 * size
    for analysis in analyses[1:]:
        assert torch.equal(analysis.memory, analyses[0].memory)  # the factors learn as before


def test_error_samples_are_no_weights(grid: Grid, errors: NDArray[np.float32]) -> None:
    """They are kept beside the weights: the state of one generator must still fit the other."""
    assert not any(exact(grid).load_state_dict(with_samples(grid, errors).state_dict()))


@pytest.mark.slow
def test_the_localised_covariance_is_the_hybrid_of_localised_parts_and_the_original_stays(
    grid: Grid, ocean: Tensor, errors: NDArray[np.float32]
) -> None:
    reach, made = Reach(1500.0, 500.0), with_samples(grid, errors)
    background = member_of(background_of(made, ocean), 0)
    before = stated(made, background)
    localised = stated(made.localised(grid, reach), background)
    expected = exact(grid).localised(grid, reach)
    expected.use_error_samples(SampleCovariance.fit(errors, grid, *reach))
    np.testing.assert_allclose(localised, stated(expected, background), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(localised.diagonal(), before.diagonal(), rtol=1e-3)
    np.testing.assert_array_equal(stated(made, background), before)
    _, row, column = np.nonzero(grid.ocean)
    place = unit_vectors(grid.lat[row], grid.lon[column])
    far = place @ place.T < np.cos(1.2 * 1500e3 / EARTH_RADIUS)
    assert np.abs(localised[far]).max() < 0.01 < np.abs(before[far]).max()
    assert np.linalg.eigvalsh((localised + localised.T) / 2).min() > -1e-4
