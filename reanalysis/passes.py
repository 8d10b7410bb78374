"""From windows of observations to what is written of a year: the filter, or the smoother.

The filter's analyses learn from their own window and those before, the smoother's also from the rest of
their year and some windows after it. Both go on from the filter's analysis at the end of the year.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from deepda.assimilation.cycle import (
    Analyser,
    Observations,
    Result,
    StateEstimate,
    Window,
    cycle,
    filtered,
)
from deepda.assimilation.smoother import Smoothable, retrace, smooth

# From the analysis before some windows, and their number, to their results.
Pass = Callable[[StateEstimate, int], Iterator[Result]]


def filter_pass(analyser: Analyser, windows: Iterator[Window]) -> Pass:
    """Each window once, in the order of time."""
    return lambda estimate, number: filtered(cycle(analyser, estimate, islice(windows, number)))


class SmoothableAnalyser(Analyser, Smoothable, Protocol):
    """A method that can be cycled and smoothed."""


def smoother_pass(
    analyser: SmoothableAnalyser, windows: Iterator[Observations], total: int, lag: int
) -> Pass:
    """A year and the windows after it forwards, then backwards: the last window is the first result.

    Args:
        windows: of all years, checked against the background where they are to be.
        total: number of these windows.
        lag: windows after a year that its estimates learn from.
    """
    buffer = WindowBuffer(windows, total)

    def results(estimate: StateEstimate, number: int) -> Iterator[Result]:
        known = min(number + lag, len(buffer))
        steps = retrace(analyser, estimate, known, buffer.__getitem__)
        backwards = zip(reversed(range(known)), smooth(analyser, steps), strict=True)
        for place, (step, smoothed) in backwards:
            if place < number:
                yield Result(place, step, smoothed)
        buffer.drop(number)

    return results


class WindowBuffer:
    """Windows that are needed more than once: drawn when first asked for, kept until they are dropped.

    Only observed cells are kept.
    """

    def __init__(self, stream: Iterator[Observations], total: int) -> None:
        self._stream, self._total = stream, total
        self._kept: list[_Cells] = []

    def __len__(self) -> int:
        return self._total

    def __getitem__(self, place: int) -> Observations:
        """The window at a place, 0 the first that was not dropped.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= place < self._total:
            raise IndexError(f"window {place} asked for, expected one of 0..{self._total - 1}")
        while len(self._kept) <= place:
            self._kept.append(_Cells.of(next(self._stream)))
        return self._kept[place].whole()

    def drop(self, number: int) -> None:
        """Drop the first windows: the next one is then at place 0."""
        del self._kept[:number]
        self._total -= number


@dataclass(frozen=True, eq=False)
class _Cells:
    """A window by its observed cells.

    Attributes:
        window: value and precision of the observed cells only.
        cells: flat positions of these.
    """

    window: Observations
    cells: Tensor
    shape: torch.Size

    @classmethod
    def of(cls, window: Observations) -> _Cells:
        value, precision = window.value.flatten(), window.precision.flatten()
        cells = precision.nonzero()[:, 0]
        observed = replace(window, value=value[cells], precision=precision[cells])
        return cls(observed, cells, window.precision.shape)

    def whole(self) -> Observations:
        value, precision = (self._field(part) for part in (self.window.value, self.window.precision))
        return replace(self.window, value=value, precision=precision)

    def _field(self, part: Tensor) -> Tensor:
        return part.new_zeros(self.shape.numel()).index_copy(0, self.cells, part).view(self.shape)
