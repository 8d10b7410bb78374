"""The local linear forecast: recovers a known one, and cannot run away."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from deepda.networks.transition import (
    CONTRACTION,
    NEIGHBOURS,
    RIDGE,
    Transition,
    _constrained_least_squares,
    advance,
    neighbours,
)


def random_ocean(seed: int, shape: tuple[int, int, int] = (3, 6, 8)) -> torch.Tensor:
    torch.manual_seed(seed)
    ocean = torch.rand(shape) > 0.2
    ocean[:, 2, 0] = ocean[:, 2, -1] = True  # water across the date line
    return ocean


def test_neighbours_are_where_their_offsets_say() -> None:
    layer, lat, lon = torch.meshgrid(torch.arange(3), torch.arange(6), torch.arange(8), indexing="ij")
    place = (100 * layer + 10 * lat + lon).float()[None]
    for (z, y, x), field in zip(NEIGHBOURS, neighbours(place), strict=True):
        for at in ((1, 3, 4), (1, 2, 7), (1, 4, 0)):
            expected = 100 * (at[0] + z) + 10 * (at[1] + y) + (at[2] + x) % 8
            assert field[(0, *at)] == expected


def test_beyond_the_poles_and_the_floor_there_is_nothing() -> None:
    ones = torch.ones(1, 3, 6, 8)
    for (z, y, _), field in zip(NEIGHBOURS, neighbours(ones), strict=True):
        assert bool((field[0, 0] == 0).all()) == (z == -1)
        assert bool((field[0, 1, 0] == 0).all()) == (y == -1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_known_advection_is_recovered(seed: int) -> None:
    ocean = random_ocean(seed)
    true = torch.zeros(len(NEIGHBOURS), *ocean.shape)
    true[0], true[NEIGHBOURS.index((0, 0, -1))] = 0.6, 0.3
    true = true * ocean
    state, states = torch.zeros(1, *ocean.shape), []
    for _ in range(4000):
        state = (advance(true, state) + 0.5 * torch.randn(1, *ocean.shape)) * ocean
        states.append(state[0])
    fitted = Transition.fit([torch.stack(states)], ocean, torch.ones(ocean.shape))
    assert (fitted.weight - true)[:, ocean].abs().mean() < 0.02
    np.testing.assert_allclose(fitted.noise[ocean], 0.25, atol=0.04)
    assert fitted.noise[~ocean].abs().max() == 0


def test_the_fit_is_the_constrained_optimum_that_scipy_finds() -> None:
    rng = np.random.default_rng(5)
    root = rng.normal(size=(4, 4))
    gram, cross = root @ root.T + np.eye(4), rng.normal(size=4) * 3
    found = _constrained_least_squares(
        torch.tensor(gram)[None], torch.tensor(cross)[None], torch.eye(4, dtype=torch.float64)[0]
    )[0]
    best = minimize(
        lambda w: 0.5 * w @ gram @ w - cross @ w,
        np.full(4, 0.1),
        jac=lambda w: gram @ w - cross,
        bounds=[(0, None)] * 4,
        constraints={"type": "ineq", "fun": lambda w: CONTRACTION - w.sum()},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    np.testing.assert_allclose(found.numpy(), best.x, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_free_runs_decay_whatever_was_learnt(seed: int) -> None:
    ocean = random_ocean(seed)
    growing = torch.randn(1, *ocean.shape).cumsum(0) * 1.01 ** torch.arange(60.0)[:, None, None, None]
    weight = Transition.fit(
        [growing * ocean], ocean, torch.ones(ocean.shape)
    ).weight  # a control run that grows
    assert weight.min() >= 0 and weight.sum(0).max() <= CONTRACTION + 1e-6
    state = torch.randn(1, *ocean.shape) * ocean
    before = state.abs().max()
    for window in range(200):
        state = advance(weight, state)
        assert state.abs().max() <= before * CONTRACTION ** (window + 1) * (1 + 1e-4)


def test_too_few_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 2"):
        Transition.fit(
            [torch.zeros(2, 3, 6, 8)], torch.ones(3, 6, 8, dtype=torch.bool), torch.ones(3, 6, 8)
        )


def test_the_ridge_pulls_to_persistence_where_nothing_varies() -> None:
    ocean = torch.ones(3, 6, 8, dtype=torch.bool)
    fitted = Transition.fit([torch.zeros(10, 3, 6, 8)], ocean, torch.ones(3, 6, 8))
    assert RIDGE > 0
    torch.testing.assert_close(fitted.weight[0], torch.full((3, 6, 8), CONTRACTION))
