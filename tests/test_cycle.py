"""The cycle: each analysis makes the next background, and what runs away is not written."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from deepda.assimilation.baselines import Climatology
from deepda.assimilation.cycle import (
    DivergenceError,
    Nothing,
    Observations,
    Result,
    StateEstimate,
    cycle,
    filtered,
    inferred,
    run_cycle,
)
from deepda.geometry.grid import Grid

BLANK, SEASON = torch.zeros(1, 1, 1, 1), torch.tensor([0])


class Halved:
    """Forecast: half of the analysis. Analysis: background plus observation."""

    def first_guess(self, batch: int) -> StateEstimate:
        return StateEstimate(BLANK + 8, BLANK + 1, BLANK[:, :0])

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        return StateEstimate(analysis.mean / 2, analysis.spread, analysis.memory)

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        return StateEstimate(background.mean + observations.value, background.spread, background.memory)


@dataclass(frozen=True, eq=False)
class AtMost:
    """A window whose value is used only where the background is not above a limit."""

    value: float
    limit: float
    season: Tensor = SEASON
    shift: None = None

    def checked(self, background: StateEstimate) -> Observations:
        value = self.value if float(background.mean) <= self.limit else 0.0
        return observed(value)


class Kept:
    """Keeps places and means."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, float]] = []

    def write(self, result: Result) -> None:
        self.rows.append((result.place, float(result.estimate.mean)))

    def add(self, result: Result) -> None:
        self.write(result)


def observed(value: float) -> Observations:
    return Observations(BLANK + value, BLANK + 1, torch.tensor([0]), 12)


def steps_of(*windows: Observations | AtMost):  # type: ignore[no-untyped-def]
    method = Halved()
    return cycle(method, method.first_guess(1), windows)


def test_each_analysis_makes_the_next_background() -> None:
    steps = list(steps_of(observed(2), observed(3)))
    assert [float(step.background.mean) for step in steps] == [4.0, 3.0]
    assert [float(step.analysis.mean) for step in steps] == [6.0, 6.0]


def test_observations_are_checked_against_the_background_of_their_own_window() -> None:
    used = [float(step.observations.value) for step in steps_of(AtMost(2, 4.0), AtMost(2, 2.9))]
    assert used == [2.0, 0.0]


def test_every_window_is_written_and_scored_and_the_last_analysis_is_returned() -> None:
    writer, scorer = Kept(), Kept()
    last = run_cycle(filtered(steps_of(observed(2), observed(4))), writer, scorer)
    assert writer.rows == scorer.rows == [(0, 6.0), (1, 7.0)] and float(last.mean) == 7.0


def test_a_backward_pass_goes_on_from_the_analysis_of_the_last_window() -> None:
    steps = list(steps_of(observed(2), observed(4)))
    smoothed = [Result(place, steps[place], steps[0].background) for place in (1, 0)]
    writer = Kept()
    assert float(run_cycle(smoothed, writer, Nothing()).mean) == 7.0
    assert writer.rows == [(1, 4.0), (0, 4.0)]


@pytest.mark.parametrize("value", [1e3, torch.nan])
def test_an_analysis_that_ran_away_is_not_written(value: float) -> None:
    writer = Kept()
    with pytest.raises(DivergenceError, match="standard deviations"):
        run_cycle(filtered(steps_of(observed(2), observed(value))), writer, Nothing())
    assert writer.rows == [(0, 6.0)]


def test_cycles_side_by_side_leave_inference_mode_to_themselves(grid: Grid) -> None:
    analyser = Climatology(torch.from_numpy(grid.ocean))
    blank = torch.zeros(1, *grid.shape)
    windows = [Observations(blank, blank, torch.tensor([0]), 12)] * 3
    first = analyser.first_guess(1)
    one, other = (inferred(cycle(analyser, first, windows)) for _ in range(2))
    for step, _ in zip(one, other, strict=False):
        assert step.analysis.mean.is_inference()
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    one.close()  # type: ignore[attr-defined]
    other.close()  # type: ignore[attr-defined]
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    assert len(list(inferred(cycle(analyser, first, windows)))) == len(windows)
