"""The adversarial part of a training: a discriminator that learns beside the generator.

Shape suffixes: B batch, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from deepda.networks.discriminator import adversarial_loss, discriminator_loss
from deepda.training.ranks import Ranks


class Increment(NamedTuple):
    """What the discriminator sees of a window; all (B, L, Y, X).

    Attributes:
        background: mean before the observations, without a graph.
        analysis: mean after them, with the graph of the generator.
        truth: of the same time.
        seen: one where something was observed, else zero.
    """

    background: Tensor
    analysis: Tensor
    truth: Tensor
    seen: Tensor


class Critic:
    """A discriminator and its optimiser.

    Args:
        share: of the streams that it sees here.
        ranks: processes that share them; verdicts and gradients of all sum to those of all streams.
    """

    def __init__(
        self, discriminator: nn.Module, learning_rate: float, share: float, ranks: Ranks
    ) -> None:
        self.discriminator, self._share, self._ranks = discriminator, share, ranks
        self.optimiser = torch.optim.Adam(discriminator.parameters(), lr=learning_rate)

    def judge(self, windows: Sequence[Increment]) -> Tensor:
        """Train one step on the windows of an update, then give the adversarial loss of its analyses.

        The step comes before any verdict, for a step would change weights that a verdict's gradient
        still needs.

        Args:
            windows: of one update, in the order of time.

        Returns:
            () mean over the windows, times the share of the streams.
        """
        self.optimiser.zero_grad()
        (self._share * torch.stack([self._loss(window) for window in windows]).mean()).backward()
        self._ranks.sum_gradients(self.discriminator.parameters())
        self.optimiser.step()
        self.discriminator.requires_grad_(False)
        verdicts = torch.stack([self._verdict(window) for window in windows])
        self.discriminator.requires_grad_(True)
        return self._share * verdicts.mean()

    def _loss(self, window: Increment) -> Tensor:
        true = self.discriminator(window.truth, window.background, window.seen)
        candidate = self.discriminator(window.analysis.detach(), window.background, window.seen)
        return discriminator_loss(true, candidate, self._patch_weight)

    def _verdict(self, window: Increment) -> Tensor:
        logits = self.discriminator(window.analysis, window.background, window.seen)
        return adversarial_loss(logits, self._patch_weight)

    @property
    def _patch_weight(self) -> Tensor:
        return self.discriminator.get_buffer("patch_weight")
