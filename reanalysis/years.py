"""The cycle through the years of history: observations ahead of it, one file a year behind it.

Three things go on at once: a thread makes the observations of the next window, the analyser analyses
this one, and a thread writes the last one. The results do not depend on who is faster.

The last year may be a part of one. It leaves no restart: when more of it is analysed, its file is
made anew from the end of the year before, with what has been observed of it since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from deepda.assimilation.cycle import (
    LIMIT,
    Analyser,
    Nothing,
    Observations,
    Result,
    StateEstimate,
    Writer,
    cycle,
    filtered,
    run_cycle,
)
from deepda.assimilation.members import Members, batch_of
from deepda.assimilation.observed_ocean import ObservedOcean
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import superobs
from deepda.base.progress import Progress
from deepda.base.text import period
from deepda.feedback import FeedbackWriter
from deepda.feedback.checked import CheckedObservations, WindowOfRows
from deepda.geometry.windows import Windows, season_of, windows
from deepda.output.cf import SPINUP_WINDOWS
from deepda.output.netcdf import AnalysisWriter, BackgroundWriter
from deepda.output.results import ResultWriter
from deepda.runs.errors import Errors
from reanalysis.passes import Pass, filter_pass, smoother_pass
from reanalysis.restart import last_finished, save_restart, year_file

VARIABLES = ("thetao", "thetao_stddev", "thetao_observation_influence")
OTHERS = ("climatology", "shift", "rows")  # columns of the feedback beside those that it always has
Raw = WindowOfRows | Observations
Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Reanalysis:
    """Who analyses what, for whom.

    Attributes:
        analyser: on its device; a `Smoothable` one if there is a lag.
        space: grid and scale of the run, climatology of the observations.
        errors: assumed or estimated; `analyser` and `space` have them already.
        members: analysed by their shadow twins in the same batch; None for none.
        attributes: of each file.
        beginning: the first year, which begins from climatology: its file says that it is spin-up.
        identity: of the reanalysis, kept in restart files.
        lag: windows after its year that an analysis learns from too; None is no smoother.
        part: how many windows of the last year are analysed; None is all.
    """

    analyser: Analyser
    space: StateSpace
    ocean: ObservedOcean
    errors: Errors
    members: Members | None
    folder: Path
    restarts: Path
    attributes: Mapping[str, Any]
    beginning: int
    identity: str
    lag: int | None
    part: int | None

    def run(self, years: range, progress: Progress, early: bool = False) -> None:
        """Make the files of all years that are not yet there.

        Args:
            years: consecutive ones.
            early: begin with the year before them, which is not written.

        Raises:
            DivergenceError: an analysis left physical limits.
            OutputError: a file cannot be written.
        """
        first, estimate = self._start(years, progress, early)
        if first > years[-1]:
            return
        spans = [self._span(year, years) for year in range(first, years[-1] + 1)]
        observed = windows(first, self.ocean.years[-1], self.space.climatology.per_year)
        observed = observed.first(sum(map(len, spans)) + (self.lag or 0))
        limit = self.space.limit.to(estimate.mean.device) if self.ocean.fallible else LIMIT
        device, title = estimate.mean.device, f"Analysing {period(range(first, years[-1] + 1), '-')}"
        with torch.inference_mode(), ThreadPoolExecutor(1) as pool:
            made = ahead(pool, lambda window: self._window(*window), observed)
            stream = progress.track((window.to(device) for window in made), title, len(observed))
            way = self._pass(stream, len(observed), estimate)
            for span in spans:
                with self._files(span) as writer:
                    end = run_cycle(way(estimate, len(span)), writer, Nothing(), limit)
                # As read from a restart: convolutions may round by the layout of their input.
                estimate = _placed(end, device)
                if len(span) == span.per_year:
                    save_restart(self.restarts, int(span.year[0]), estimate, self.identity)
            next(stream, None)  # there is none: the progress ends

    def _start(self, years: range, progress: Progress, early: bool) -> tuple[int, StateEstimate]:
        """The first year to be made, and the estimate at the end of the one before."""
        estimate = self.analyser.first_guess(batch_of(self.members))
        kept = self.folder, self.restarts
        finished = last_finished(*kept, years, self.identity, self.ocean.synthetic)
        if finished is None:
            return years[0], self._led_in(estimate, years[0] - 1, progress) if early else estimate
        done = period(range(years[0], finished[0] + 1), "-")
        progress.note(f"{done} finished; going on after that")
        return finished[0] + 1, _placed(finished[1], estimate.mean.device)

    def _led_in(self, estimate: StateEstimate, year: int, progress: Progress) -> StateEstimate:
        """The estimate at the end of a year that nothing is written of."""
        span = windows(year, year, self.space.climatology.per_year)
        device, title = estimate.mean.device, f"Leading in through {year}"
        limit = self.space.limit.to(device) if self.ocean.fallible else LIMIT
        with torch.inference_mode(), ThreadPoolExecutor(1) as pool:
            made = ahead(pool, lambda window: self._window(*window), span)
            stream = progress.track((window.to(device) for window in made), title, len(span))
            results = filtered(cycle(self.analyser, estimate, stream))
            return _placed(run_cycle(results, Nothing(), Nothing(), limit), device)

    def _span(self, year: int, years: range) -> Windows:
        """The windows of a year that are analysed."""
        whole = windows(year, year, self.space.climatology.per_year)
        return whole if self.part is None or year < years[-1] else whole.first(self.part)

    def _window(self, start: np.datetime64, end: np.datetime64, season: int) -> Raw:
        """A window of rows yet to be checked, or of superobservations for the whole batch."""
        table = self.ocean.table(start, end)
        table = self.errors.sizes.rescaled(table, self.space.grid)
        if self.ocean.fallible:
            when = torch.tensor([season])
            return WindowOfRows(table, start, end, when, self.space, self.members)
        found = superobs(table, self.space.grid, season, self.space.climatology)
        observations = self.space.observations(found, season)
        return observations if self.members is None else self.members.observed(observations, start)

    def _pass(self, stream: Iterator[Raw], total: int, estimate: StateEstimate) -> Pass:
        if self.lag is None:
            return filter_pass(self.analyser, stream)
        steps = cycle(self.analyser, estimate, stream)  # the check needs the backgrounds of the filter
        checked = (step.observations for step in steps) if self.ocean.fallible else stream
        return smoother_pass(self.analyser, checked, total, self.lag)  # type: ignore[arg-type]

    @contextmanager
    def _files(self, span: Windows) -> Iterator[Writer]:
        """Writes the file of a year, and what became of its rows where they may be rejected."""
        year = int(span.year[0])
        spinup = {SPINUP_WINDOWS: span.per_year} if year == self.beginning else {}
        file = AnalysisWriter(
            year_file(self.folder, year, self.ocean.synthetic),
            self.space.grid,
            span,
            variables=VARIABLES,
            members=batch_of(self.members) - 1,
            attributes=dict(self.attributes) | spinup,
        )
        rows = FeedbackWriter(self.folder, OTHERS) if self.ocean.fallible else nullcontext()
        with BackgroundWriter(file) as fields, rows as parts:
            results = ResultWriter(fields, VARIABLES, self.space, span, self.members)
            yield results if parts is None else RowWriter(parts, results)


@dataclass(frozen=True, eq=False)
class RowWriter:
    """Writes what the system made of each row of a window, then the window itself.

    Attributes:
        parts: open, of the months of the year.
        fields: where the window goes next.
    """

    parts: FeedbackWriter
    fields: Writer

    def write(self, result: Result) -> None:
        """Write one window, whose observations are `CheckedObservations`."""
        rows = result.step.observations
        assert isinstance(rows, CheckedObservations)
        normal = {"climatology": rows.space.climatology.mean[season_of(rows.start, rows.per_year)]}
        found = rows.feedback(result.step.background, result.estimate, normal)
        self.parts.write(found, rows.start, rows.end)
        self.fields.write(result)


def ahead(pool: Executor, make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """`map(make, items)` in order, each made by the pool while the one before is being used."""
    pending: Future[Made] | None = None
    for item in items:
        following = pool.submit(make, item)
        if pending is not None:
            yield pending.result()
        pending = following
    if pending is not None:
        yield pending.result()


def _placed(estimate: StateEstimate, device: torch.device) -> StateEstimate:
    """The estimate on a device, its fields contiguous in memory."""
    fields = (estimate.mean, estimate.spread, estimate.memory)
    return StateEstimate(*(field.to(device).contiguous() for field in fields))
