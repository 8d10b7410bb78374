"""The cycle: the one loop of the whole system.

Everything here is in units of the local climatological standard deviation.
Shape suffixes: B batch (members, or parallel stretches of the control run), L layer (variable and
depth), Y latitude, X longitude, M carried memory channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from deepda.base.errors import DeepDAError

LIMIT = 30.0  # climatological standard deviations that no analysis of a model's own ocean reaches


@dataclass(frozen=True, eq=False)
class StateEstimate:
    """What is believed about the ocean at one time: a mean, its uncertainty, and a memory.

    Attributes:
        mean: (B, L, Y, X) anomaly, zero on land.
        spread: (B, L, Y, X) standard deviation of the error of `mean`, zero on land.
        memory: (B, M, Y, X) channels that an Analyser carries for itself; M may be 0.
    """

    mean: Tensor
    spread: Tensor
    memory: Tensor

    def detach(self) -> StateEstimate:
        """The same estimate, cut from the graph that made it."""
        return StateEstimate(self.mean.detach(), self.spread.detach(), self.memory.detach())


@dataclass(frozen=True, eq=False)
class Observations:
    """Superobservations of one window on the grid.

    Attributes:
        value: (B, L, Y, X) anomaly; not read where `precision` is zero.
        precision: (B, L, Y, X) 1 / error variance; zero where nothing was observed.
        season: index of the window within its year, (B) or one for all.
        per_year: number of windows a year.
    """

    value: Tensor
    precision: Tensor
    season: Tensor
    per_year: int

    @property
    def seen(self) -> Tensor:
        """(B, L, Y, X) bool: where there is an observation."""
        return self.precision > 0


class Analyser(Protocol):
    """A method of analysis. With no observation its analysis must equal its background."""

    def first_guess(self, batch: int) -> StateEstimate:
        """What is believed before any observation: climatology and its spread."""
        ...

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """The background at the next window, whose season (B) is given."""
        ...

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """The analysis: the background corrected by the observations."""
        ...


def cycle(
    analyser: Analyser, analysis: StateEstimate, windows: Iterable[Observations]
) -> Iterator[tuple[StateEstimate, StateEstimate]]:
    """Yield (background, analysis) of each window; each analysis makes the next background."""
    for observations in windows:
        background = analyser.forecast(analysis, observations.season)
        analysis = analyser.analyse(background, observations)
        yield background, analysis


def inferred(
    pairs: Iterator[tuple[StateEstimate, StateEstimate]],
) -> Iterator[tuple[StateEstimate, StateEstimate]]:
    """The pairs of a cycle, each made in inference mode, which does not reach what is done between them.

    A generator that kept the mode over its yields would leave it on where two of them are interleaved.
    """
    while True:
        with torch.inference_mode():
            pair = next(pairs, None)
        if pair is None:
            return
        yield pair


class DivergenceError(DeepDAError, RuntimeError):
    """An analysis left physical limits; nothing is clipped silently."""


def require_physical(estimate: StateEstimate, limit: float | Tensor = LIMIT) -> None:
    """Refuse an analysis that ran away.

    Args:
        estimate: to be looked at.
        limit: climatological standard deviations, one for all or (L, Y, X).

    Raises:
        DivergenceError: a value is not finite or beyond the limit.
    """
    size = estimate.mean.detach().abs()
    worst = int((size / limit).nan_to_num(torch.inf).argmax())
    largest = float(size.flatten()[worst])
    allowed = float(torch.as_tensor(limit, device=size.device).expand_as(size).flatten()[worst])
    if not largest <= allowed:
        raise DivergenceError(
            f"the analysis reached {largest:.3g} standard deviations, expected at most {allowed:g}; "
            "train longer, or look for observations of a wrong unit in this window"
        )
