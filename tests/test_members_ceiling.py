"""The least CRPS of members that a network reaches: its scores against other ways to work them out."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr
from toys import toy_space

from deepda.verification.reliability import crps_ensemble, crps_gaussian


@pytest.fixture
def ceiling(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import members_ceiling

    return members_ceiling


def test_the_score_of_a_gaussian_is_that_of_the_verification(ceiling: ModuleType) -> None:
    rng = np.random.default_rng(0)
    error, sigma = rng.standard_normal(50), rng.uniform(0.1, 2, 50)
    known = crps_gaussian(xr.DataArray(np.zeros(50)), xr.DataArray(sigma), xr.DataArray(error))
    np.testing.assert_allclose(ceiling.gaussian(error, sigma), known, rtol=1e-10)


def test_the_score_of_two_gaussians_is_that_of_many_draws_from_them(ceiling: ModuleType) -> None:
    outputs = torch.tensor([0.1, 0.7, -0.4]).expand(3, 3)
    error = torch.tensor([0.0, 0.6, -2.5])
    found = ceiling.mixture(outputs, error, torch.full((3,), 0.8), plain=False).numpy()
    first = 0.8 * np.exp(0.1)
    second = first * (1 + np.log1p(np.exp(0.7)))
    rng, share = np.random.default_rng(0), 1 / (1 + np.exp(0.4))
    sigma = np.where(rng.random(200_000) < share, first, second)
    draws = xr.DataArray(
        np.outer(sigma * rng.standard_normal(200_000), np.ones(3)), dims=("realization", "x")
    )
    known = crps_ensemble(draws, xr.DataArray(error.numpy(), dims="x"))
    np.testing.assert_allclose(found, known, rtol=0.01)


def errors_of_one_size(ceiling: ModuleType) -> dict[str, np.ndarray]:
    """Errors whose spread depends on the layer and the season alone; what is stated does not know."""
    grid, rng = toy_space().grid, np.random.default_rng(1)
    shape = (ceiling.GROUPS, 24, 5, *grid.shape)
    season = np.arange(24) % 12
    sigma = np.exp(0.8 * np.sin(2 * np.pi * season / 12))[:, None, None, None, None]
    sigma = sigma * (1 + np.arange(grid.shape[0]))[:, None, None]
    fields = {name: np.ones(shape, np.float16) for name in ceiling.KEPT}
    fields["error"] = (sigma * rng.standard_normal(shape)).astype(np.float16)
    return {**fields, "season": season, "scale": np.ones(grid.shape, np.float32)}


def test_a_network_finds_a_spread_of_the_season_that_is_not_stated(
    ceiling: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ceiling.UPDATES", 300)
    monkeypatch.setattr("ceiling.BATCH", 2048)
    grid, samples = toy_space().grid, errors_of_one_size(ceiling)
    halves = [ceiling.Cells(samples, grid, half) for half in (0, 1)]
    scores = {
        name: ceiling.by_layer(crps, halves[0], samples, grid)
        for name, crps in ceiling.compared(halves[1], halves[0], samples, grid, 0)
    }
    # E of the CRPS of a Gaussian with the right spread is sigma / sqrt(pi)
    right = samples_mean_spread() / np.pi**0.5
    np.testing.assert_allclose(scores["and season"][0], right, rtol=0.04)
    # shadow twins of the same season have it too, one spread for all seasons has not
    np.testing.assert_allclose(scores["shadow twins"], scores["and season"], rtol=0.04)
    assert (scores["one spread a layer and region"] > 1.03 * scores["and season"]).all()
    assert (scores["network: layer, latitude, stated spread"] > 1.02 * scores["and season"]).all()


def samples_mean_spread() -> float:
    """Mean of the spread of the uppermost layer over the year."""
    return float(np.exp(0.8 * np.sin(2 * np.pi * np.arange(12) / 12)).mean())


def test_a_network_finds_an_error_that_follows_the_increment_and_least_squares_only_its_linear_part(
    ceiling: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import correction_ceiling as correction

    monkeypatch.setattr("ceiling.UPDATES", 400)
    monkeypatch.setattr("ceiling.BATCH", 2048)
    grid, rng = toy_space().grid, np.random.default_rng(2)
    samples = errors_of_one_size(ceiling)
    noise, increment = rng.standard_normal((2, *samples["error"].shape)).astype(np.float32)
    samples["increment"] = increment.astype(np.float16)
    samples["error"] = (noise + 0.5 * increment + (increment**2 - 1)).astype(np.float16)
    halves = [correction.Half(samples, grid, half) for half in (0, 1)]
    whole = correction.left(0 * halves[0].error, halves[0])
    linear, network = (
        correction.left(learn(halves[1], halves[0]), halves[0]) / whole
        for learn in (correction.least_squares, correction.network)
    )
    # variances: noise 1, linear 0.25, square of a Gaussian 2
    np.testing.assert_allclose(linear, 3 / 3.25, rtol=0.03)
    np.testing.assert_allclose(network, 1 / 3.25, rtol=0.15)


def test_a_control_too_short_for_three_stretches_a_group_is_refused(ceiling: ModuleType) -> None:
    data = SimpleNamespace(per_year=12, anomalies=np.zeros((12 * 2 * ceiling.GROUPS * 3 - 1, 1)))
    with pytest.raises(SystemExit, match="2 stretches a group found, expected 3 or more"):
        next(ceiling._sampled(SimpleNamespace(), data, 0, None))
