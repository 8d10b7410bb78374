"""Monte-Carlo dropout: the scatter of thinned networks as the uncertainty of the weights.

Each mask of dropout leaves a thinned network, a draw from an approximate posterior of the weights (Gal
and Ghahramani 2016, arXiv:1506.02142). The cycle is a recurrent network, so a draw keeps its masks from
window to window (Gal and Ghahramani 2016, arXiv:1512.05287): it is one network, which does not change
with the date. Members of a reanalysis use the whole network: the errors of their shadow twins include
those of its weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepda.assimilation.cycle import Observations, StateEstimate


class MonteCarloDropout(nn.Module):
    """Drops whole channels, in training and, inside `thinned`, at inference too.

    Neighbouring cells are so alike that dropping single cells would drop nothing (Tompson et al. 2015).

    Args:
        rate: share of the channels that is dropped.

    Raises:
        ValueError: a rate below 0, or of 1 and more.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"a dropout rate of {rate} found, expected 0 <= rate < 1; 0 is none")
        self.rate = rate
        self.seeds: list[int | None] | None = None

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, Y, X) with channels zeroed at `rate` and the others scaled by 1 / (1 - rate)."""
        if self.rate == 0.0 or (self.seeds is None and not self.training):
            return features
        return features * self._kept(*features.shape[:2])[..., None, None].to(features)

    def _kept(self, batch: int, channels: int) -> Tensor:
        """(B, C) 1 / (1 - rate) or zero; ones for the whole network."""
        chance = torch.full((channels,), 1.0 - self.rate)
        if self.seeds is None:
            return torch.bernoulli(chance.expand(batch, -1)) / chance
        if len(self.seeds) != batch:
            raise ValueError(f"{len(self.seeds)} seeds found for a batch of {batch}; give one for each")
        return torch.stack([self._drawn(chance, seed) for seed in self.seeds])

    @staticmethod
    def _drawn(chance: Tensor, seed: int | None) -> Tensor:
        if seed is None:
            return torch.ones_like(chance)
        return torch.bernoulli(chance, generator=torch.Generator().manual_seed(seed)) / chance


@contextmanager
def thinned(network: nn.Module, seeds: Sequence[int | None]) -> Iterator[None]:
    """Inside the block sample n of every batch passes through the network that seeds[n] has thinned.

    The masks follow from the seed alone and stay the same from call to call; None keeps the network
    whole. Masks are drawn on the CPU, so that they are the same on every device.
    """
    layers = dropouts(network)
    before = [layer.seeds for layer in layers]
    try:
        for number, layer in enumerate(layers):
            layer.seeds = [None if seed is None else combined(seed, number) for seed in seeds]
        yield
    finally:
        for layer, known in zip(layers, before, strict=True):
            layer.seeds = known


def dropouts(network: nn.Module) -> list[MonteCarloDropout]:
    """The layers of a network that drop anything."""
    return [m for m in network.modules() if isinstance(m, MonteCarloDropout) and m.rate > 0]


def combined(*numbers: int) -> int:
    """One seed from some numbers; another number anywhere gives another seed."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def monte_carlo_spread(
    analyser: Any, background: StateEstimate, observations: Observations, passes: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the analyses of many thinned networks, from one background.

    Args:
        analyser: an Analyser that is a torch module with dropout in it.
        background: of a window, B estimates; each pass thins the network alike for all of them.
        passes: thinned networks, at least two.

    Returns:
        Mean and standard deviation, each (B, L, Y, X), in climatological standard deviations.

    Raises:
        ValueError: fewer than two passes, or an analyser without dropout.
    """
    if passes < 2:
        raise ValueError(f"{passes} passes found, expected at least 2; a spread needs several")
    if not dropouts(analyser):
        raise ValueError(
            "an analyser without dropout found, expected one whose passes differ; train with "
            "generator.dropout above 0"
        )
    mean, scatter = torch.zeros_like(background.mean), torch.zeros_like(background.mean)
    with torch.no_grad():
        for number in range(passes):
            with thinned(analyser, [combined(seed, number)] * len(mean)):
                found = analyser.analyse(background, observations).mean
            step = found - mean  # Welford (1962): sums of squares would lose the digits of the spread
            mean = mean + step / (number + 1)
            scatter = scatter + step * (found - mean)
    return mean, (scatter / (passes - 1)).sqrt()
