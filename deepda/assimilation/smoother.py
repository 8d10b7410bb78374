"""The smoother: analyses that also learn from the observations of later windows.

The fixed-interval smoother in the modified Bryson-Frazier form (Bierman 1973, Automatica 9, 503-511):
it inverts no covariance of the state, so a covariance that is only known as an operator will do.
Symbols: d innovation, B background error covariance, S = H B H' + R, K = B H' inv(S), M forecast.
What the later windows ask of a state is a sensitivity u; backwards in time, with u- = 0 at the end,

    u+ = a M' u-                        what is asked of this analysis,
    x  = analysis + (1 - K H) B u+      the smoothed mean,
    u- = u+ + H' inv(S) (d - H B u+)    what is asked of this background.

With the exact M, B and a = 1 this is the exact smoother. The learnt ones do not quite belong together
(B is not M times the analysis covariance times M' plus noise), and where they do not, u may grow from
window to window: at a few cells of a poorly observed corner to shifts of thirty spreads. A shift that
may be true is about as large as the spread at most. So

    a = 1 / (1 + (B M' u- / (TRUST spread))2),   place by place,

hardly touches what may be true (3 % a window at one spread) and damps what cannot. Where a
correction shifted the analysis, the shift is taken as given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import ceil, sqrt
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from deepda.assimilation.cycle import Analyser, Observations, StateEstimate, Step, cycle

TRUST = 6.0  # background spreads; with 4 errors are 1 % larger, with 12 a corner begins to run away
LEAST_SPREAD = 1e-3  # on land, where it is zero and so is every shift


@runtime_checkable
class Smoothable(Protocol):
    """What the smoother needs of a method of analysis, besides what the cycle needs of it."""

    def covariance(self, background: StateEstimate, field: Tensor) -> Tensor:
        """B times a field (B, L, Y, X)."""

    def dual(self, background: StateEstimate, innovation: Tensor, precision: Tensor) -> Tensor:
        """H' inv(S) innovation, on the grid (B, L, Y, X); zero where `precision` is."""

    def retreat(self, sensitivity: Tensor) -> Tensor:
        """M' times a field (B, L, Y, X)."""

    def look_back(
        self, analysis: StateEstimate, background: StateEstimate, smoothed: StateEstimate
    ) -> tuple[Tensor, Tensor]:
        """Spread and memory of an analysis once the next window is known as well as `smoothed`.

        Args:
            analysis: of this window.
            background: of the next window.
            smoothed: of the next window.
        """


def smooth(
    method: Smoothable, backwards: Iterable[Step], trust: float = TRUST
) -> Iterator[tuple[Step, StateEstimate]]:
    """Yield each step with its smoothed estimate, in the order given: the last window first.

    The first estimate yielded is the analysis itself, for nothing comes after it. The memory of a
    smoothed estimate is its uncertainty only; a cycle goes on from the analysis.

    Args:
        backwards: consecutive windows, the last first; `retrace` gives them.
        trust: in background spreads; infinite is the exact smoother of an exact method.
    """
    following: tuple[StateEstimate, StateEstimate] | None = None
    asked = torch.zeros(())
    for step in backwards:
        background, analysis, observations = step
        if following is None:
            asked = torch.zeros_like(analysis.mean)
            uncertainty = analysis.spread, analysis.memory
        else:
            asked = method.retreat(asked)
            uncertainty = method.look_back(analysis, *following)
        precision = observations.precision
        excess = method.covariance(background, asked) / background.spread.clamp(min=LEAST_SPREAD)
        asked = asked / (1 + (excess / trust).square())
        shift = method.covariance(background, asked)
        known = method.dual(background, shift, precision)
        mean = analysis.mean + (shift - method.covariance(background, known))
        following = background, StateEstimate(mean, *uncertainty)
        yield step, following[1]
        innovation = torch.where(precision > 0, observations.value - background.mean, 0.0)
        asked = asked - known + method.dual(background, innovation, precision)


def retrace(
    analyser: Analyser, analysis: StateEstimate, number: int, window: Callable[[int], Observations]
) -> Iterator[Step]:
    """Yield the steps of a cycle, the last first.

    One estimate in sqrt(number) is kept on the way forward, and those between are made again: some
    2 sqrt(number) steps are in memory, at the cost of a second pass.

    Args:
        window: observations of the window 0..number - 1, the same whenever asked for.
    """
    stretch = max(1, ceil(sqrt(number)))
    starts = []
    windows = (window(place) for place in range(number))
    before = analysis
    for place, step in enumerate(cycle(analyser, analysis, windows)):
        if place % stretch == 0:
            starts.append(before)
        before = step.analysis
    for first in reversed(range(0, number, stretch)):
        again = (window(place) for place in range(first, min(first + stretch, number)))
        steps = list(cycle(analyser, starts.pop(), again))
        while steps:
            yield steps.pop()
