"""Training a network that runs away before it has learnt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from deepda.cycle import Belief, Observations
from deepda.networks.ham2024 import Ham2024Analyser

RUNAWAY = 20.0  # standard deviations


def pupil_of(network: nn.Module) -> nn.Module:
    """The network as it is trained: the published one restarting, all others as they are."""
    return Restarting(network) if isinstance(network, Ham2024Analyser) else network


class Restarting(nn.Module):
    """A network in training: a stretch that runs away starts again from climatology.

    The published network feeds on its own output and runs away before it has learnt; from climatology
    it can learn not to. Evaluation is of the network itself, so that nothing is hidden there.

    Args:
        network: an Analyser.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def first_guess(self, batch: int) -> Belief:
        """The network's."""
        return self.network.first_guess(batch)

    def forecast(self, analysis: Belief, season: Tensor) -> Belief:
        """The network's."""
        return self.network.forecast(analysis, season)

    def analyse(self, background: Belief, observations: Observations) -> Belief:
        """The network's where it is within RUNAWAY standard deviations, else climatology."""
        analysis = self.network.analyse(background, observations)
        near = (analysis.mean.detach().abs().amax((1, 2, 3)) < RUNAWAY)[:, None, None, None]
        first = self.network.first_guess(len(near))
        return Belief(
            torch.where(near, analysis.mean, first.mean),
            torch.where(near, analysis.spread, first.spread),
            torch.where(near, analysis.memory, first.memory),
        )
