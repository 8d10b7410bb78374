"""Sums over widening windows: against scipy, and where they must be exactly zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from deepda.networks.evidence import DEEP, doublings, extents, gather

SHAPE = (4, 9, 16)  # layers, rows, columns
SCALES = 3


def coast() -> torch.Tensor:
    ocean = torch.ones(SHAPE)
    ocean[:, 3:5, [0, 1, -1]] = 0
    ocean[2:, :, 6] = 0
    return ocean


def seen(seed: int, share: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """Innovations and ratios of two members; zero where nothing was observed, and on land."""
    draw = torch.Generator().manual_seed(seed)
    innovation, ratio = torch.randn(2, 2, *SHAPE, generator=draw)
    mask = (torch.rand(2, *SHAPE, generator=draw) < share) * coast()
    return innovation * mask, ratio.exp() * mask


def smoothed(field: NDArray, axis: int, step: int, mode: str) -> NDArray:
    kernel = np.zeros(2 * step + 1)
    kernel[[0, step, -1]] = 0.25, 0.5, 0.25
    return convolve1d(field, kernel, axis=axis, mode=mode, cval=0.0)


def by_scipy(field: NDArray) -> NDArray:
    """(K - 1, ...) windows of other cells, from (B, L, Y, X)."""
    ocean, levels = coast().numpy(), [field]
    for scale in range(SCALES):
        wider = smoothed(levels[-1], -1, 2**scale, "wrap")
        levels.append(smoothed(wider, -2, 2**scale, "constant") * ocean)
    long = []
    for scale, level in enumerate(levels[1:-1], 1):
        wider = smoothed(smoothed(level, -1, 2**scale, "wrap"), -1, 2 ** (scale + 1), "wrap")
        long.append(wider * ocean)
    deep = levels
    for step in DEEP:
        deep = [smoothed(level, -3, step, "constant") for level in deep]
    return np.stack([*levels[1:], *long, *(level * ocean for level in deep)])


def test_windows_are_those_of_repeated_smoothing() -> None:
    innovation, ratio = seen(0)
    found = gather(innovation, ratio, coast(), SCALES)
    confidence = ratio / (1 + ratio)
    assert found.weight.shape == (2, 1 + len(extents(SCALES)), *SHAPE)
    for part, field in ((found.weight, confidence), (found.innovation, confidence * innovation)):
        expected = torch.from_numpy(by_scipy(field.numpy())).transpose(0, 1)
        torch.testing.assert_close(part[:, 1:], expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found.weight[:, 0], ratio)
    torch.testing.assert_close(found.innovation[:, 0], ratio * innovation)


@pytest.mark.parametrize("turn", [1, 7])
def test_rolling_longitude_rolls_the_windows(turn: int) -> None:
    innovation, ratio = seen(1)
    found = gather(innovation, ratio, coast(), SCALES).innovation
    turned = gather(
        innovation.roll(turn, -1), ratio.roll(turn, -1), coast().roll(turn, -1), SCALES
    ).innovation
    torch.testing.assert_close(turned, found.roll(turn, -1))


def test_a_window_that_holds_no_observation_is_exactly_zero() -> None:
    innovation, ratio = torch.zeros(2, 1, *SHAPE)
    innovation[0, 1, 6, 8], ratio[0, 1, 6, 8] = 2.0, 3.0
    weight = gather(innovation, ratio, coast(), SCALES).weight[0]
    for scale in range(1, SCALES + 1):
        reach = 2**scale - 1
        far = (torch.arange(SHAPE[2]) - 8).abs() > reach
        assert weight[scale, 1, 6, 8] > 0 and not weight[scale, :, :, far].any()
        assert not weight[scale, [0, 2, 3]].any()  # other layers are reached by the deep windows only
    assert bool((weight[-1, 0] > 0).sum() > 20)
    assert not gather(innovation * 0, ratio * 0, coast(), SCALES).weight.any()


def test_windows_reach_around_half_of_the_globe() -> None:
    for longitudes in (14, 90, 360, 1440):
        reach = 2 ** doublings(longitudes) - 1
        assert longitudes / 4 <= reach + 1 <= longitudes / 2


def test_an_exact_observation_elsewhere_counts_no_more_than_one() -> None:
    innovation, ratio = seen(2)
    exact = gather(innovation, 1e9 * ratio, coast(), SCALES).weight[:, 1:]
    assert float(exact.max()) <= 1.0
