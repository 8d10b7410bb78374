"""Anomalies of small scale decay in the real ocean, large ones and the surface do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toys import toy_space

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.decay import LEFT_A_MONTH, Decay, Decaying
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import WAVE_GUIDE
from deepda.runs.errors import Errors
from deepda.settings.compose import load_config

torch.manual_seed(1)


def ocean() -> Grid:
    """Unequal rows, an island, a shelf and the date line."""
    water = np.ones((3, 20, 36))
    water[:, 8:11, 20:23] = 0
    water[2, :, 30:] = 0
    edges = np.sort(np.concatenate([[-72, 72], np.random.default_rng(2).uniform(-70, 70, 19)]))
    return Grid(edges, np.linspace(0, 360, 37), np.array([0.0, 50, 200, 900]), water)


class Persistence:
    """A method whose forecast is its analysis."""

    def first_guess(self, batch: int) -> StateEstimate:
        zero = torch.zeros(batch, *ocean().shape)
        return StateEstimate(zero, zero + 1, zero[:, :0])

    def forecast(self, analysis: StateEstimate, season: torch.Tensor) -> StateEstimate:
        return analysis

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        return background

    def retreat(self, sensitivity: torch.Tensor) -> torch.Tensor:
        return sensitivity


def water(grid: Grid) -> torch.Tensor:
    return torch.from_numpy(np.asarray(grid.ocean)).float()


def test_what_is_the_same_everywhere_stays_and_the_uppermost_layer_stays_as_it_is() -> None:
    grid = ocean()
    decay = Decay.of(grid, 12)
    even = water(grid)[None].repeat(2, 1, 1, 1)
    torch.testing.assert_close(decay.of_field(even), even)
    noise = torch.randn(1, *grid.shape) * water(grid)
    torch.testing.assert_close(decay.of_field(noise)[:, 0], noise[:, 0])


def checkerboard(grid: Grid) -> torch.Tensor:
    """One and minus one from cell to cell, below the uppermost layer."""
    board = torch.from_numpy(np.indices(grid.shape).sum(0) % 2 * 2 - 1.0).float() * water(grid)
    return board.index_fill(0, torch.tensor([0]), 0.0)[None]


def remaining(field: torch.Tensor, board: torch.Tensor, rows: np.ndarray) -> float:
    """Median share that is left of a checkerboard in some rows of latitude."""
    rows = torch.from_numpy(rows.nonzero()[0])
    field, board = (each.index_select(2, rows) for each in (field, board))
    return (field[board != 0] / board[board != 0]).median().item()


def test_a_month_leaves_as_much_of_the_smallest_scale_as_six_pentads_and_the_equator_all() -> None:
    grid = ocean()
    board = checkerboard(grid)
    pentads, step = board, Decay.of(grid, 72)
    for _ in range(6):
        pentads = step.of_field(pentads)
    far, equator = np.abs(grid.lat) > 24, np.abs(grid.lat) == np.abs(grid.lat).min()
    for left in (Decay.of(grid, 12).of_field(board), pentads):
        assert remaining(left, board, far) == pytest.approx(LEFT_A_MONTH, abs=0.03)
        assert remaining(left, board, equator) == pytest.approx(1.0, abs=0.03)


def test_the_transpose_is_that_of_the_decay() -> None:
    grid = ocean()
    decay = Decay.of(grid, 12)
    one, other = (torch.randn(2, *grid.shape) * water(grid) for _ in range(2))
    left, right = (decay.of_field(one) * other).sum(), (one * decay.transposed(other)).sum()
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)


def test_the_decay_is_brute_force_on_one_layer() -> None:
    grid = ocean()
    decay = Decay.of(grid, 12)
    field = torch.randn(1, *grid.shape) * water(grid)
    weight = decay.kernels @ decay.kernels.T * decay.area[2]
    inside = field.flatten(2)[0, 2, decay.columns]
    known = decay.area[2] > 0
    smooth = (weight @ inside)[known] / weight.sum(1)[known]
    lat = torch.from_numpy(grid.lat).float()[decay.columns // grid.shape[2]][known]
    left = 1 - (1 - LEFT_A_MONTH) * (1 - torch.exp(-((lat / WAVE_GUIDE) ** 2) / 2))
    expected = smooth + left * (inside[known] - smooth)
    found = decay.of_field(field).flatten(2)[0, 2, decay.columns][known]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_small_anomalies_of_a_method_that_persists_decay_and_it_is_retraced_by_the_transpose() -> None:
    grid = ocean()
    decay = Decay.of(grid, 12)
    method = Decaying(Persistence(), decay)
    guess = method.first_guess(1)
    noise = torch.randn(1, *grid.shape) * water(grid)
    after = method.forecast(StateEstimate(noise, guess.spread, guess.memory), torch.tensor([0]))
    torch.testing.assert_close(after.mean, decay.of_field(noise))
    torch.testing.assert_close(after.spread, guess.spread)
    torch.testing.assert_close(method.retreat(noise), decay.transposed(noise))


def test_a_synthetic_ocean_has_the_forecast_of_its_model_and_the_real_one_decays() -> None:
    space, method = toy_space(), Persistence()
    synthetic = Errors.assumed(load_config("reanalysis").observations, space)
    assert synthetic.lasting(method, space) is method
    real = load_config("reanalysis", ["observations=ingested", "observations.folder=obs"]).observations
    assert isinstance(Errors.assumed(real, space).lasting(method, space), Decaying)
