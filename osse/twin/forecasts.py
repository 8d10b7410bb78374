"""Forecasts of one window that need no gradient training: linear in the last two analyses.

Shape suffixes: N neighbour (`deepda.networks.transition`), B batch, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.baselines.optimal_interpolation import autocorrelation
from deepda.networks.transition import NEIGHBOURS, Transition, advance


@dataclass(frozen=True, eq=False)
class LinearForecast:
    """A forecast fitted on the training years, of standardised anomalies.

    Attributes:
        name: for the log.
        weight: (N, L, Y, X) of the last analysis.
        older: (L, Y, X) weight of the analysis before, in the same cell.
        noise: (L, Y, X) error variance of one window from the truth, zero on land.
    """

    name: str
    weight: Tensor
    older: Tensor
    noise: Tensor

    def advance(self, last_BLYX: Tensor, before_BLYX: Tensor) -> Tensor:
        """(B, L, Y, X) anomaly of the next window."""
        return advance(self.weight, last_BLYX) + self.older * before_BLYX

    def to(self, device: torch.device) -> LinearForecast:
        """The same, moved to another device."""
        moved = (part.to(device) for part in (self.weight, self.older, self.noise))
        return LinearForecast(self.name, *moved)


def fit_forecasts(
    anomalies: NDArray[np.float32], ocean: NDArray[np.bool_], transition: Transition
) -> list[LinearForecast]:
    """Damped persistence, the damped mean of the last two analyses, and regression on neighbours.

    Args:
        anomalies: (time, L, Y, X) standardised, of consecutive training windows.
        ocean: (L, Y, X).
        transition: the regression, fitted on the same years.
    """
    shape, wet = anomalies.shape[1:], torch.from_numpy(ocean).float()
    last, none = torch.zeros(len(NEIGHBOURS), *shape), torch.zeros(shape)
    last[0] = torch.from_numpy(autocorrelation(anomalies, ocean))[:, None, None] * wet
    pair = torch.zeros_like(last)
    pair[0] = 0.5 * torch.from_numpy(_damping_of_mean(anomalies, ocean))[:, None, None] * wet
    damped = LinearForecast("damped persistence", last, none, none)
    mean = LinearForecast("mean of the last two", pair, pair[0], none)
    return [
        *(_with_noise(forecast, anomalies, wet) for forecast in (damped, mean)),
        LinearForecast("regression", transition.weight, none, transition.noise),
    ]


def _damping_of_mean(anomalies: NDArray[np.float32], ocean: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(L) least-squares factor on the mean of two windows that gives the next, 0 to 1."""
    product, power = np.zeros((2, anomalies.shape[1]))
    for step in range(1, len(anomalies) - 1):
        mean = np.where(ocean, 0.5 * (anomalies[step - 1] + anomalies[step]), 0)
        product += np.einsum("lyx,lyx->l", mean, np.where(ocean, anomalies[step + 1], 0))
        power += np.einsum("lyx,lyx->l", mean, mean)
    factor = (product / np.where(power > 0, power, 1)).clip(0.0, 1.0)
    return np.asarray(factor, np.float32)


def _with_noise(forecast: LinearForecast, anomalies: NDArray[np.float32], wet: Tensor) -> LinearForecast:
    total, steps = torch.zeros_like(wet), range(1, len(anomalies) - 1)
    for step in steps:
        before, last, truth = torch.from_numpy(np.array(anomalies[step - 1 : step + 2]))
        total += (forecast.advance(last[None], before[None])[0] - truth).square() * wet
    noise = (total / max(len(steps), 1)).clamp(max=1.0)
    return replace(forecast, noise=noise)
