"""The leading patterns of a control simulation, against a singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepda.networks.patterns import SNAPSHOTS, leading_patterns

SHAPE = (3, 4, 7)


def anomalies(seed: int, times: int, rank: int) -> tuple[np.ndarray, torch.Tensor]:
    rng = np.random.default_rng(seed)
    modes = rng.standard_normal((rank, *SHAPE)) * np.geomspace(8, 0.5, rank)[:, None, None, None]
    modes[:, :, 1, 2] = 0  # land
    series = np.einsum("tr,rlyx->tlyx", rng.standard_normal((times, rank)), modes)
    return series.astype(np.float32), torch.from_numpy(rng.uniform(0.1, 1, SHAPE)).float()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("times", [30, 60])  # within one piece and over several
def test_patterns_are_the_singular_vectors_of_the_weighted_anomalies(seed: int, times: int) -> None:
    series, weights = anomalies(seed, times, rank=8)
    found = leading_patterns(series, weights, 5).flatten(1).double()
    assert len(found) == 5
    root = weights.flatten().double().sqrt()
    left = torch.from_numpy(series).flatten(1).double() * root / times**0.5
    _, sizes, vectors = torch.linalg.svd(left, full_matrices=False)
    expected = sizes[:5, None] * vectors[:5]
    alike = (found * root * expected).sum(1).sign()[:, None]  # a pattern's sign is free
    torch.testing.assert_close(alike * found * root, expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_all_patterns_together_explain_the_whole_variance(seed: int) -> None:
    series, weights = anomalies(seed, times=40, rank=6)
    found = leading_patterns(series, weights, 6)
    torch.testing.assert_close(
        found.square().sum(0), torch.from_numpy((series**2).mean(0)), atol=1e-4, rtol=1e-3
    )


def test_land_stays_zero() -> None:
    series, weights = anomalies(0, times=20, rank=2)
    assert leading_patterns(series, weights, 2)[:, :, 1, 2].abs().max() == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", [1, 2, 4])
def test_patterns_come_only_where_they_explain_nine_tenths(seed: int, number: int) -> None:
    series, weights = anomalies(seed, times=60, rank=8)
    root = weights.numpy().reshape(-1) ** 0.5
    power = np.linalg.svd(series.reshape(60, -1) * root, compute_uv=False) ** 2
    expected = number if power[:number].sum() >= 0.9 * power.sum() else 0
    assert len(leading_patterns(series, weights, number)) == expected


def test_a_long_series_is_sampled_evenly() -> None:
    """Twice the series, one after the other, has the patterns of the series."""
    series, weights = anomalies(3, times=SNAPSHOTS, rank=3)
    twice = np.repeat(series, 2, axis=0)
    found, expected = (leading_patterns(s, weights, 3).square().sum(0) for s in (twice, series))
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0.1)


def test_no_patterns_can_be_asked_for() -> None:
    series, weights = anomalies(0, times=5, rank=2)
    assert leading_patterns(series, weights, 0).shape == (0, *SHAPE)
