"""Real observations in the cycle: checked against the background before their use, told of afterwards.

    forecast -> background --check_window--> table --superobs--> analysis
                                               |
                                               +--feedback--> what became of each row

`Checking` is the one place that sees the table, the background and the analysis of each window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import Tensor

from deepda.assimilation.cycle import Analyser, Observations, StateEstimate, cycle
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import superobs
from deepda.feedback import FeedbackWriter, Fields, check_window, feedback, usable

OTHERS = ("climatology", "shift", "rows")  # columns of the feedback beside those that it always has
Disturb = Callable[[Observations, np.datetime64], Observations]


@dataclass(eq=False)
class Window:
    """The rows of one window, with all that is known of them so far.

    Attributes:
        table: with `reason` and `withheld`; after the check with the reasons of the check too.
        start, end: half-open.
        season: index of the window within its year, (1).
        observations: superobservations of the rows that may be used, once they are checked.
    """

    table: pd.DataFrame
    start: np.datetime64
    end: np.datetime64
    season: Tensor
    observations: Observations | None = None


class Checking:
    """An Analyser of windows of rows: another Analyser, which sees what passes the check.

    Args:
        analyser: that makes the analyses.
        space: grid, scale, and climatology of the observations.
        disturb: makes of the observations of a window those of all members.
    """

    def __init__(self, analyser: Analyser, space: StateSpace, disturb: Disturb) -> None:
        self._analyser, self._space, self._disturb = analyser, space, disturb
        self._device = analyser.first_guess(1).mean.device

    def first_guess(self, batch: int) -> StateEstimate:
        """As the analyser."""
        return self._analyser.first_guess(batch)

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """As the analyser."""
        return self._analyser.forecast(analysis, season.to(self._device))

    def analyse(self, background: StateEstimate, window: Window) -> StateEstimate:
        """Check the rows against the background (of the unperturbed member), then analyse."""
        space, season = self._space, int(window.season)
        mean, spread = space.celsius(background.mean[0], season), space.kelvin(background.spread[0])
        window.table = check_window(window.table, space.grid, mean, spread)
        found = superobs(usable(window.table), space.grid, season, space.climatology)
        seen = self._disturb(space.observations(found, season), window.start)
        value, precision = seen.value.to(self._device), seen.precision.to(self._device)
        at = seen.season.to(self._device)
        window.observations = Observations(value, precision, at, seen.per_year)
        return self._analyser.analyse(background, window.observations)

    def passed(self, analysis: StateEstimate, windows: Iterable[Window]) -> Iterator[Observations]:
        """What is used of each window in the cycle that starts from a estimate."""
        drawn: list[Window] = []
        noted = (drawn.append(window) or window for window in windows)  # type: ignore[func-returns-value]
        for _ in cycle(self, analysis, noted):  # type: ignore[arg-type]
            used = drawn.pop().observations
            assert used is not None
            yield used


class RowWindows:
    """Windows of rows drawn from a stream when first asked for, and kept until they are forgotten."""

    def __init__(self, stream: Iterator[Window]) -> None:
        self._stream = stream
        self._held: list[Window] = []
        self._forgotten = 0

    def __getitem__(self, place: int) -> Window:
        """The window at a place, 0 the first that is not forgotten."""
        while len(self._held) <= place:
            self._held.append(next(self._stream))
        return self._held[place]

    def __iter__(self) -> Iterator[Window]:
        """All from the first, whatever is forgotten meanwhile."""
        number = 0
        while True:
            try:
                yield self[number - self._forgotten]
            except StopIteration:
                return
            number += 1

    def forget(self, number: int) -> None:
        """Drop the first windows: the next one is then at place 0."""
        del self._held[:number]
        self._forgotten += number


def tell(
    writer: FeedbackWriter,
    window: Window,
    space: StateSpace,
    background: StateEstimate,
    analysis: StateEstimate,
) -> None:
    """Write what the system made of each row of a window."""
    season = int(window.season)
    fields = Fields.of(space, season, background, analysis)
    normal = {"climatology": space.climatology.mean[season]}
    writer.write(feedback(window.table, space.grid, fields, normal), window.start, window.end)
