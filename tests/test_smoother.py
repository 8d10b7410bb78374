"""The smoother against the exact one, and the laws it keeps with the default generator."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from test_innovation import analyser, estimate_of, observed
from test_kalman import STEPS, Case, at_step, joint_posterior, tiny_observations, tiny_ocean
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate, Step, cycle
from deepda.assimilation.smoother import TRUST, Smoothable, retrace, smooth
from deepda.geometry.windows import PENTADS
from deepda.networks.innovation import InnovationAnalyser, Statics
from deepda.networks.transition import NEIGHBOURS, Transition, advance, advance_adjoint
from osse.known_answer.linear_ocean import LinearOcean
from osse.known_answer.network import Network, observe

SEEDS = range(2)


class Exact:
    """The Kalman filter as a Smoothable analyser: memory is the whole covariance (1, n, n, 1)."""

    def __init__(self, ocean: LinearOcean) -> None:
        self.ocean = torch.from_numpy(ocean.grid.ocean)
        self.step = torch.from_numpy(ocean.transition.toarray())
        self.noise = torch.from_numpy(ocean.noise_covariance)
        self.climate = torch.from_numpy(ocean.climatological_covariance)

    def estimate(self, mean: Tensor, covariance: Tensor) -> StateEstimate:
        spread = self.field(covariance.diagonal().sqrt())
        return StateEstimate(self.field(mean), spread, covariance[None, ..., None])

    def field(self, cells: Tensor) -> Tensor:
        whole = cells.new_zeros(self.ocean.shape)
        whole[self.ocean] = cells
        return whole[None]

    def cells(self, field: Tensor) -> Tensor:
        return field[0][self.ocean]

    def known(self, estimate: StateEstimate) -> tuple[Tensor, Tensor]:
        return self.cells(estimate.mean), estimate.memory[0, ..., 0]

    def first_guess(self, batch: int) -> StateEstimate:
        return self.estimate(self.climate.new_zeros(len(self.climate)), self.climate)

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        mean, covariance = self.known(analysis)
        return self.estimate(self.step @ mean, self.step @ covariance @ self.step.T + self.noise)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        mean, covariance = self.known(background)
        innovation = torch.where(observations.seen, observations.value - background.mean, 0.0)
        solved = self.dual(background, innovation, observations.precision)
        seen = self.cells(observations.precision) > 0
        total = covariance[seen][:, seen] + torch.diag(1 / self.cells(observations.precision)[seen])
        gain = torch.linalg.solve(total, covariance[seen]).T
        return self.estimate(
            mean + covariance @ self.cells(solved), covariance - gain @ covariance[seen]
        )

    def covariance(self, background: StateEstimate, field: Tensor) -> Tensor:
        return self.field(self.known(background)[1] @ self.cells(field))

    def dual(self, background: StateEstimate, innovation: Tensor, precision: Tensor) -> Tensor:
        covariance, weight = self.known(background)[1], self.cells(precision)
        seen, solved = weight > 0, torch.zeros_like(weight)
        total = covariance[seen][:, seen] + torch.diag(1 / weight[seen])
        solved[seen] = torch.linalg.solve(total, self.cells(innovation)[seen])
        return self.field(solved)

    def retreat(self, sensitivity: Tensor) -> Tensor:
        return self.field(self.step.T @ self.cells(sensitivity))

    def look_back(
        self, analysis: StateEstimate, background: StateEstimate, smoothed: StateEstimate
    ) -> tuple[Tensor, Tensor]:
        after, before = self.known(analysis)[1], self.known(background)[1]
        gain = torch.linalg.solve(before, self.step @ after).T
        less = after - gain @ (before - self.known(smoothed)[1]) @ gain.T
        return self.field(less.diagonal().sqrt()), less[None, ..., None]


@pytest.fixture(params=SEEDS)
def case(request: pytest.FixtureRequest) -> Case:
    ocean = tiny_ocean(request.param)
    return ocean, *tiny_observations(ocean, request.param)


def windows_of(value: NDArray, error: NDArray) -> list[Observations]:
    """Batches of one, float64; values that were not observed are not numbers."""
    return [
        Observations(torch.from_numpy(v)[None], torch.from_numpy(e**-2.0)[None], torch.tensor([n]), 73)
        for n, (v, e) in enumerate(zip(value.astype(float), error.astype(float), strict=True))
    ]


def smoothed_cycle(
    made: InnovationAnalyser | Exact, windows: list[Observations], trust: float = TRUST
) -> tuple[list[Step], list[StateEstimate]]:
    """Steps and smoothed estimates, in the order of time."""
    backwards = retrace(made, made.first_guess(len(windows[0].value)), len(windows), windows.__getitem__)
    steps, estimates = zip(*smooth(made, backwards, trust), strict=True)
    return list(steps)[::-1], list(estimates)[::-1]


def test_with_the_exact_covariance_it_is_the_exact_smoother(case: Case) -> None:
    joint = joint_posterior(*case, STEPS)
    _, estimates = smoothed_cycle(Exact(case[0]), windows_of(*case[1:]), trust=math.inf)
    for step, estimate in enumerate(estimates):
        mean, covariance = at_step(joint, step)
        ocean = case[0].grid.ocean
        np.testing.assert_allclose(estimate.mean[0][ocean], mean, atol=1e-9)
        np.testing.assert_allclose(estimate.spread[0][ocean] ** 2, np.diag(covariance), atol=1e-9)


@pytest.mark.parametrize("number", [1, 2, 7, 9, 10])
def test_retracing_gives_the_cycle_backwards_and_asks_twice_at_most(case: Case, number: int) -> None:
    made = Exact(case[0])
    windows = (windows_of(*case[1:]) * 2)[:number]
    asked = [0] * number

    def window(place: int) -> Observations:
        asked[place] += 1
        return windows[place]

    steps = list(retrace(made, made.first_guess(1), number, window))
    expected = list(cycle(made, made.first_guess(1), windows))
    assert len(steps) == number and max(asked) == 2
    for step, other, seen in zip(reversed(steps), expected, windows, strict=True):
        assert torch.equal(step.background.mean, other.background.mean) and step.observations is seen
        assert torch.equal(step.analysis.memory, other.analysis.memory)


def test_retracing_no_window_gives_no_step(case: Case) -> None:
    made = Exact(case[0])
    assert not list(retrace(made, made.first_guess(1), 0, [].__getitem__))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_adjoint_is_the_transpose_of_the_forecast(seed: int) -> None:
    torch.manual_seed(seed)
    weight = torch.randn(len(NEIGHBOURS), 3, 5, 7, dtype=torch.float64)
    field, later = torch.randn(2, 2, 3, 5, 7, dtype=torch.float64)
    forwards = (advance(weight, field) * later).sum((1, 2, 3))
    backwards = (advance_adjoint(weight, later) * field).sum((1, 2, 3))
    torch.testing.assert_close(forwards, backwards)


@pytest.mark.parametrize("seed", SEEDS)
@torch.no_grad()
def test_the_dual_gives_the_increment(seed: int) -> None:
    made = analyser(seed, hidden=0)
    background, seen = estimate_of(made, seed), observed(made, seed)
    innovation = seen.value - background.mean
    increment = made.covariance(background, made.dual(background, innovation, seen.precision))
    torch.testing.assert_close(
        background.mean + increment, made.analyse(background, seen).mean, atol=1e-5, rtol=0
    )


@torch.no_grad()
def test_the_dual_solves_its_equation() -> None:
    made = analyser(0, hidden=0)
    made.iterations, made.tolerance = 500, 1e-6
    background, seen = estimate_of(made, 0), observed(made, 0)
    innovation = torch.where(seen.seen, seen.value - background.mean, 0.0)
    solved = made.dual(background, innovation, seen.precision)
    left = innovation - made.covariance(background, solved)
    torch.testing.assert_close(seen.precision * left, solved, atol=1e-4, rtol=0)


def series(made: InnovationAnalyser, number: int, empty_from: int) -> list[Observations]:
    """Windows that from one on hold nothing."""
    return [observed(made, seed, share=0.3 if seed < empty_from else 0.0) for seed in range(number)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@torch.no_grad()
def test_without_later_observations_it_is_the_analysis(seed: int) -> None:
    made = analyser(seed)
    steps, estimates = smoothed_cycle(made, series(made, 7, empty_from=4))
    for place, (step, estimate) in enumerate(zip(steps, estimates, strict=True)):
        for name in ("mean", "spread", "memory"):
            same = torch.equal(getattr(estimate, name), getattr(step.analysis, name))
            assert same == (place >= 3), (place, name)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@torch.no_grad()
def test_values_under_the_mask_and_on_land_never_leak(seed: int) -> None:
    made = analyser(seed)
    clean = series(made, 4, empty_from=4)
    dirty = [
        replace(
            window,
            value=torch.where(window.seen, window.value, torch.nan),
            precision=torch.where(made.ocean > 0, window.precision, 7.0),
        )
        for window in clean
    ]
    (_, expected), (_, found) = (smoothed_cycle(made, windows) for windows in (clean, dirty))
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(one.mean, other.mean) and torch.equal(one.spread, other.spread)
        assert other.mean[:, made.ocean == 0].abs().max() == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@torch.no_grad()
def test_what_comes_later_makes_no_place_less_certain(seed: int) -> None:
    made = analyser(seed, hidden=0)
    steps, estimates = smoothed_cycle(made, series(made, 5, empty_from=5))
    for step, estimate in zip(steps[:-1], estimates[:-1], strict=True):
        assert (estimate.spread <= step.analysis.spread).all() and (estimate.memory > 0).all()
        assert estimate.spread.sum() < 0.99 * step.analysis.spread.sum()


@torch.no_grad()
def test_one_factor_is_smoothed_as_a_number_is() -> None:
    made = analyser(1)
    kept = made.structure().variances.kept
    steps, estimates = smoothed_cycle(made, series(made, 2, empty_from=2))
    first, last = steps
    gain = kept.sqrt() * first.analysis.memory / last.background.memory
    expected = first.analysis.memory + gain**2 * (last.analysis.memory - last.background.memory)
    torch.testing.assert_close(estimates[0].memory, expected)


@pytest.mark.slow
@torch.no_grad()
def test_a_stretch_is_smoothed_as_if_it_were_alone() -> None:
    made = analyser(2)
    windows = series(made, 4, empty_from=4)
    _, together = smoothed_cycle(made, windows)
    alone = [Observations(w.value[1:], w.precision[1:], w.season[1:], w.per_year) for w in windows]
    for one, both in zip(smoothed_cycle(made, alone)[1], together, strict=True):
        torch.testing.assert_close(one.mean, both.mean[1:], atol=1e-4, rtol=0)


@pytest.mark.slow
@torch.no_grad()
def test_later_observations_help() -> None:
    ocean = LinearOcean.draw(11, (2, 8, 16))
    network = Network.draw(ocean, 11)
    rng = np.random.default_rng(3)
    control = ocean.simulate(10 * PENTADS, rng)[0]
    truth = ocean.simulate(PENTADS, rng)[0]
    error = network.draw_masks(PENTADS, rng)
    value = observe(truth, error, rng)
    scale = np.where(ocean.grid.ocean, control.std(0), 1).astype(np.float32)
    wet = torch.from_numpy(ocean.grid.ocean)
    fitted = Transition.fit([torch.from_numpy(control / scale)], wet, torch.from_numpy(scale))
    lat = torch.from_numpy(ocean.grid.lat).float()
    made = InnovationAnalyser(
        Statics(wet, lat, torch.from_numpy(scale), fitted, torch.zeros(0, *wet.shape)), 0, 0, 6
    ).eval()
    windows = [
        Observations(
            torch.from_numpy(np.nan_to_num(v / scale)).float()[None],
            torch.from_numpy((scale / e) ** 2).float()[None],
            torch.tensor([n]),
            PENTADS,
        )
        for n, (v, e) in enumerate(zip(value, error, strict=True))
    ]
    steps, estimates = smoothed_cycle(made, windows)
    wrong, less = (
        np.mean([np.square(b.mean[0].numpy() * scale - t) for b, t in zip(bs, truth, strict=True)])
        for bs in ([step.analysis for step in steps], estimates)
    )
    assert less < 0.95 * wrong  # mean squares, with weights that learnt nothing


class Inconsistent(Exact):
    """A method whose parts do not belong together: what is asked of a window grows on the way back."""

    def retreat(self, sensitivity: Tensor) -> Tensor:
        return 1.5 * super().retreat(sensitivity)


@pytest.mark.slow
def test_what_cannot_be_true_is_starved(case: Case) -> None:
    made, windows = Inconsistent(case[0]), windows_of(*case[1:])
    wet = made.ocean
    largest = {}
    for trust in (TRUST, math.inf):
        steps, estimates = smoothed_cycle(made, [windows[0], *[windows[2]] * 60, windows[1]], trust)
        largest[trust] = max(
            float((abs(estimate.mean - step.analysis.mean) / step.analysis.spread)[:, wet].max())
            for step, estimate in zip(steps, estimates, strict=True)
        )
    assert largest[math.inf] > 100 and largest[TRUST] < TRUST


def test_the_default_generator_can_be_smoothed_and_others_are_distinguished() -> None:
    assert isinstance(analyser(0), Smoothable)
    assert not isinstance(torch.nn.Linear(1, 1), Smoothable)
