"""What a generator's background errors are taken from: windows, networks, spread, solver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from test_analyser_laws import STDDEV, innovation
from torch import Tensor

from deepda.assimilation.cycle import DivergenceError, Observations, StateEstimate
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.networks.innovation import TRAINING_TOLERANCE
from deepda.training.background_errors import (
    SAMPLES_OF_STRETCH,
    SPINUP,
    sample_background_errors,
)
from deepda.training.stretches import TrainingData

Samples = NDArray[np.float16]


class Scattered:
    """A network that sees other cells with other precision in each window."""

    def __init__(self, ocean: NDArray[np.bool_], share: float) -> None:
        self.ocean, self.share = ocean, share

    def stretch(
        self, length: int, rng: np.random.Generator, season: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        for _ in range(length):
            seen = (rng.random(self.ocean.shape) < self.share) & self.ocean
            yield np.where(seen, rng.uniform(1, 20, seen.shape), 0).astype(np.float32)


def training_data(grid: Grid, windows: int = 24, share: float = 0.2, drift: float = 0.5) -> TrainingData:
    rng = np.random.default_rng(windows)
    steps = rng.standard_normal((windows, *grid.shape))
    anomalies = (0.3 * steps.cumsum(axis=0) * grid.ocean).astype(np.float32)
    weights, scale = torch.from_numpy(grid.volume).float(), np.full(grid.shape, STDDEV, np.float32)
    network = Scattered(grid.ocean, share)
    return TrainingData(anomalies, np.arange(windows) % 12, 12, scale, weights, network, drift)


def collected(made: Any, data: TrainingData, seed: int = 0, number: int = 7) -> Samples:
    with Progress() as progress:
        return sample_background_errors(made, data, seed, number, progress)


class Counter:
    """Its background is the number of the window since the cold start, whatever was observed."""

    def __init__(self, ocean: Tensor, spread: Tensor) -> None:
        self.ocean, self.spread, self.rough = ocean.float(), spread, False
        self.roughly: set[bool] = set()

    @contextmanager
    def training_accuracy(self) -> Iterator[None]:
        self.rough = True
        yield
        self.rough = False

    def first_guess(self, batch: int) -> StateEstimate:
        nothing = torch.zeros(batch, *self.ocean.shape)
        return StateEstimate(nothing, nothing, nothing - 1)

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        age = analysis.memory + 1
        return StateEstimate(age, age, age)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        self.roughly.add(self.rough)
        return replace(background, mean=torch.zeros_like(background.mean))

    def modelled_spread(self, background: StateEstimate) -> Tensor:
        return self.spread.expand_as(background.mean) * self.ocean


@pytest.fixture
def counter(grid: Grid) -> Counter:
    """With spreads that float16 divides by without rounding, other ones from cell to cell."""
    spread = 2.0 ** np.random.default_rng(1).integers(-1, 3, grid.shape)
    return Counter(torch.from_numpy(grid.ocean), torch.from_numpy(spread).float())


def numbered(grid: Grid, windows: int) -> TrainingData:
    """The truth is the number of its window in the first layer, zero below."""
    anomalies = np.zeros((windows, *grid.shape), np.float32)
    anomalies[:, 0] = np.arange(windows)[:, None, None] * grid.ocean[0]
    return replace(training_data(grid, windows), anomalies=anomalies)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("windows", "number", "young", "each", "stretches"),
    [
        (400, 2 * SAMPLES_OF_STRETCH + 9, SPINUP, SAMPLES_OF_STRETCH, 3),
        (400, 5, SPINUP, 5, 1),
        (30, 25, 10, 10, 3),
        (30, 1, 10, 1, 1),
        (3, 4, 1, 1, 4),
        (2, 3, 0, 1, 3),
    ],
)
def test_samples_are_background_minus_truth_over_the_spread_every_other_window(
    grid: Grid, counter: Counter, windows: int, number: int, young: int, each: int, stretches: int
) -> None:
    """Past the cold start, of as many stretches as it takes; these share out the training years."""
    samples = collected(counter, numbered(grid, windows), number=number)
    assert samples.shape == (number, *grid.shape) and samples.dtype == np.float16
    error = samples * counter.spread.numpy()
    ages = np.repeat(young + 2 * np.arange(each), stretches)[:number]
    below = np.broadcast_to(ages[:, None, None, None], error[:, 1:].shape)
    assert np.array_equal(error[:, 1:], below * grid.ocean[1:])
    begins = -error[:, 0][:, grid.ocean[0]]  # windows of the truth that were left out before
    assert np.array_equal(begins, np.repeat(begins[:, :1], begins.shape[1], axis=1))
    assert np.array_equal(begins, begins[np.arange(number) % stretches])
    shared_out = np.linspace(0, windows - young - 2 * each, stretches)
    np.testing.assert_allclose(begins[:stretches, 0], shared_out, atol=0.5)
    assert not samples[:, ~grid.ocean].any()


def test_the_solver_is_as_rough_as_in_training_and_then_as_before(grid: Grid, counter: Counter) -> None:
    collected(counter, training_data(grid))
    assert counter.roughly == {True} and not counter.rough
    made = innovation(grid)
    usual = made.tolerance
    with pytest.raises(KeyboardInterrupt), made.training_accuracy():
        assert made.tolerance == TRAINING_TOLERANCE != usual
        raise KeyboardInterrupt
    assert made.tolerance == usual


def test_without_observations_the_error_is_the_truth_over_the_climatological_spread(grid: Grid) -> None:
    made, data = innovation(grid), training_data(grid, windows=6, share=0.0)
    samples = collected(made, data, number=2)
    spread = made.modelled_spread(made.first_guess(1))[0].numpy()
    expected = -data.anomalies[[2, 4]][:, grid.ocean] / spread[grid.ocean]
    np.testing.assert_allclose(samples[:, grid.ocean], expected, rtol=2e-3, atol=1e-6)  # float16


@pytest.mark.slow
def test_a_seed_gives_the_same_errors_again_and_another_seed_others(grid: Grid) -> None:
    made, data = innovation(grid), training_data(grid)
    one, again = (collected(made, data, seed=4) for _ in range(2))
    assert one.shape == (7, *grid.shape) and np.isfinite(one).all() and one.any()
    assert not one[:, ~grid.ocean].any()
    assert np.array_equal(one, again)
    other = collected(made, data, seed=5)
    assert np.abs(one.astype(float) - other)[:, grid.ocean].max() > 0.1


@pytest.mark.slow
def test_stretches_of_the_same_years_are_observed_by_other_networks(grid: Grid) -> None:
    """Else more samples would add no information."""
    samples = collected(innovation(grid), training_data(grid), number=20)
    stretches = samples[:3].astype(float)  # of 8 samples each: all of the 24 windows, three times
    for one, other in zip(stretches, np.roll(stretches, 1, axis=0), strict=True):
        assert np.abs(one - other).max() > 0.1


@pytest.mark.slow
def test_drifts_of_the_training_are_left_out(grid: Grid) -> None:
    steady, drifting = (collected(innovation(grid), training_data(grid, drift=d)) for d in (0.0, 9.0))
    assert np.array_equal(steady, drifting)


def test_errors_that_run_away_are_refused(grid: Grid) -> None:
    data = training_data(grid)
    with pytest.raises(DivergenceError, match="expected at most 30"):
        collected(innovation(grid), replace(data, anomalies=1e5 * data.anomalies))


def test_what_is_done_between_two_samples_is_not_in_inference_mode(grid: Grid) -> None:
    made, modes = innovation(grid), []

    class Watching(Progress):
        def track(self, items: Any, title: str, total: int | None = None) -> Iterator[Any]:
            for item in items:
                modes.append(torch.is_inference_mode_enabled())
                yield item

    sample_background_errors(made, training_data(grid), 0, 3, Watching())
    assert modes and not any(modes)
