"""The cycle through the years of history: observations ahead of it, one file a year behind it.

Three things go on at once: a thread makes the observations of the next window, the analyser analyses
this one, and a thread writes the last one. The results do not depend on who is faster. With the
smoother a year is analysed on into the next one and then gone through backwards. Real observations
are checked against the background before their use, and told of after it (`reanalysis.checking`).

The last year may be a part of one. It leaves no restart: when more of it is analysed, its file is
made anew from the end of the year before, with what has been observed of it since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from deepda.assimilation.cycle import (
    LIMIT,
    Analyser,
    Observations,
    StateEstimate,
    cycle,
    require_physical,
)
from deepda.assimilation.observed_ocean import ObservedOcean
from deepda.assimilation.smoother import Smoothable, retrace, smooth
from deepda.assimilation.state import StateSpace
from deepda.assimilation.superobs import superobs
from deepda.base.progress import Progress
from deepda.feedback import FeedbackWriter
from deepda.geometry.windows import Windows, windows
from deepda.networks.dropout import combined, thinned
from deepda.networks.innovation import influence
from deepda.observations.errors import window_rng
from deepda.output.netcdf import AnalysisWriter, in_background
from reanalysis.checking import OTHERS, Checking, RowWindows, Window, tell
from reanalysis.held import HeldWindows
from reanalysis.restart import last_finished, save_restart, year_file

VARIABLES = ("thetao", "thetao_stddev", "thetao_observation_influence")
SMOOTH = 10.0  # degrees: how far the first guess of a member departs alike
LARGEST = 12.0  # K: no real anomaly of a cell and window is larger (El Niño off Peru: 6 to 8 K)
Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Source:
    """Where the windows of a cycle come from.

    Attributes:
        method: the Analyser of `windows`.
        windows: by place, the first not yet forgotten at 0.
        rows: the same windows with their rows, where these are told of.
    """

    method: Analyser
    windows: HeldWindows | RowWindows
    rows: RowWindows | None = None

    def forget(self, number: int) -> None:
        """Drop the first windows."""
        self.windows.forget(number)
        if self.rows is not None and self.rows is not self.windows:
            self.rows.forget(number)


@dataclass(frozen=True, eq=False)
class Reanalysis:
    """Who analyses what, for whom.

    Attributes:
        analyser: on its device; a `Smoothable` one if there is a lag.
        space: grid and scale of the run, climatology of the observations.
        ocean: whose observations are analysed.
        members: 1, or the size of an ensemble. Member 0 sees the observations as they are; the others
            see them with added errors drawn from their error variances and start from another first
            guess (Isaksen et al. 2010, ECMWF Tech. Memo. 636, without model error: they differ less
            than `thetao_stddev` says, which is the whole uncertainty). Where the generator has
            dropout, each of them is analysed by a network thinned for it.
        seed: of these perturbations; each depends on member and date alone, the thinning on member.
        folder: of the files.
        attributes: of each file.
        identity: of the reanalysis, kept in restart files.
        lag: windows after its year that an analysis learns from too; None is no smoother: it learns
            from its own window and those before.
        part: how many windows of the last year are analysed; None is all.
    """

    analyser: Analyser
    space: StateSpace
    ocean: ObservedOcean
    members: int
    seed: int
    folder: Path
    attributes: Mapping[str, Any]
    identity: str
    lag: int | None = None
    part: int | None = None

    def run(self, years: range, progress: Progress) -> None:
        """Make the files of all years that are not yet there.

        Raises:
            DivergenceError: an analysis left physical limits.
            OutputError: a file cannot be written.
        """
        first = years[0]
        estimate = first_guess(self.analyser, self.members, self.seed)
        if (finished := last_finished(self.folder, years, self.identity)) is not None:
            first = finished[0] + 1
            estimate = _placed(finished[1], estimate.mean.device)
            progress.note(f"{years[0]}-{finished[0]} are finished; going on after them")
        if first > years[-1]:
            return
        per_year = self.space.climatology.per_year
        left = windows(first, self.ocean.years[-1], per_year)
        last = per_year if self.part is None else self.part
        number = min((years[-1] - first) * per_year + last + (self.lag or 0), len(left))
        thinning = thinned_members(self.analyser, self.members, self.seed)
        with torch.inference_mode(), thinning, ThreadPoolExecutor(1) as pool:
            made = ahead(pool, lambda step: self._window(left, step), range(number))
            told = progress.track(made, f"Analysing {first}-{years[-1]}", total=number)
            source = self._source(told, number, estimate)
            for year in range(first, years[-1] + 1):
                whole = year < years[-1] or last == per_year
                estimate = self._year(year, per_year if whole else last, estimate, source)
                if whole:
                    save_restart(self.folder, year, estimate, self.identity)
            next(told, None)  # there is none: now the progress is told to be done

    def _window(self, span: Windows, step: int) -> Window | Observations:
        """A window of rows yet to be checked, or of superobservations for all members."""
        start, season = span.start[step], int(span.season[step])
        table = self.ocean.table(start, span.end[step])
        if self.ocean.fallible:
            return Window(table, start, span.end[step], torch.tensor([season]))
        found = superobs(table, self.space.grid, season, self.space.climatology)
        return self._disturbed(self.space.observations(found, season), start)

    def _disturbed(self, observations: Observations, start: np.datetime64) -> Observations:
        return perturbed(observations, self.members, self.seed, start)

    def _limit(self) -> Tensor:
        """(L, Y, X) standard deviations beyond which an analysis ran away.

        Where the control run is quiet the real ocean need not be: there it may reach LARGEST.
        """
        scale = torch.from_numpy(self.space.scale)
        return (LARGEST / scale).clamp(min=LIMIT) if self.ocean.fallible else 0 * scale + LIMIT

    def _source(self, made: Iterator[Any], number: int, estimate: StateEstimate) -> Source:
        """Windows as the filter or the smoother asks for them."""
        device = estimate.mean.device
        if not self.ocean.fallible:
            return Source(self.analyser, HeldWindows(made, number, device))
        checking, rows = Checking(self.analyser, self.space, self._disturbed), RowWindows(made)
        if self.lag is None:
            return Source(cast(Analyser, checking), rows, rows)
        # The check needs the background of each window, so the filter goes ahead of the smoother.
        return Source(self.analyser, HeldWindows(checking.passed(estimate, rows), number, device), rows)

    def _year(self, year: int, number: int, estimate: StateEstimate, source: Source) -> StateEstimate:
        """Write the file of the first windows of a year; returns the estimate at their end."""
        span = windows(year, year, self.space.climatology.per_year).first(number)
        device, end = estimate.mean.device, estimate
        limit = self._limit().to(device)
        writer = AnalysisWriter(
            year_file(self.folder, year),
            self.space.grid,
            span,
            variables=VARIABLES,
            members=self.members if self.members > 1 else 0,
            attributes=self.attributes,
        )
        with in_background(writer) as out, ExitStack() as stack:
            rows = source.rows
            told = None if rows is None else stack.enter_context(FeedbackWriter(self.folder, OTHERS))
            for place, background, analysis, best in self._analyses(number, estimate, source):
                require_physical(analysis, limit)
                require_physical(best, limit)
                if rows is not None and told is not None:
                    tell(told, rows[place], self.space, background, best)
                if place == number - 1:
                    end = analysis
                thetao = self.space.celsius(best.mean, int(span.season[place]))
                out.write(
                    place,
                    thetao if self.members > 1 else thetao[0],
                    stddev=self.space.kelvin(best.spread[0]),
                    influence=influence(background.spread[0], best.spread[0]).cpu().numpy(),
                )
        source.forget(number)
        # As it would be read from a restart: convolutions may round by the layout of their input.
        return _placed(end, device)

    def _analyses(
        self, number: int, estimate: StateEstimate, source: Source
    ) -> Iterator[tuple[int, StateEstimate, StateEstimate, StateEstimate]]:
        """Place, background, analysis and what is written of the next windows.

        What is written is the analysis, or smoothed; the smoother yields the last window first.
        """
        if self.lag is None:
            seen = (source.windows[place] for place in range(number))
            pairs = cycle(source.method, estimate, seen)  # type: ignore[arg-type]
            for place, (background, analysis) in enumerate(pairs):
                yield place, background, analysis, analysis
            return
        observed = source.windows
        assert isinstance(observed, HeldWindows)
        method: Smoothable = self.analyser  # type: ignore[assignment]
        known = min(number + self.lag, len(observed))
        steps = retrace(self.analyser, estimate, known, observed.__getitem__)
        backwards = zip(reversed(range(known)), smooth(method, steps), strict=True)
        for place, (step, smoothed) in backwards:
            if place < number:
                yield place, step.background, step.analysis, smoothed


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


def first_guess(analyser: Analyser, members: int, seed: int) -> StateEstimate:
    """The analyser's first guess; members after the first depart from it by its spread, smoothly."""
    guess = analyser.first_guess(members)
    departure = np.zeros(tuple(guess.mean.shape), np.float32)
    layers, rows, columns = departure.shape[1:]
    sigma = (layers / 4, SMOOTH / 180 * rows, SMOOTH / 360 * columns)
    for member in range(1, members):
        rng = np.random.default_rng([seed, member])
        pattern = gaussian_filter(
            rng.standard_normal((layers, rows, columns)), sigma, mode=("nearest", "nearest", "wrap")
        )
        departure[member] = pattern / pattern.std()
    shift = torch.from_numpy(departure).to(guess.mean) * guess.spread
    return StateEstimate(guess.mean + shift, guess.spread, guess.memory)


def thinned_members(analyser: Analyser, members: int, seed: int) -> AbstractContextManager[None]:
    """Inside it, each member but the first passes through a network with dropout masks of its own."""
    if members == 1 or not isinstance(analyser, nn.Module):
        return nullcontext()
    return thinned(analyser, [None, *(combined(seed, member) for member in range(1, members))])


def perturbed(observations: Observations, members: int, seed: int, start: np.datetime64) -> Observations:
    """Observations of one window for all members, those after the first with errors added.

    Args:
        observations: of a batch of one.
        members: B of the result.
        seed, start: with the number of the member they decide its errors.
    """
    if members == 1:
        return observations
    shape = tuple(observations.value.shape[1:])
    noise = np.zeros((members, *shape), np.float32)
    for member in range(1, members):
        rng = window_rng(seed, f"observations of member {member}", start)
        noise[member] = rng.standard_normal(shape, dtype=np.float32)
    precision = observations.precision.expand(members, *shape).contiguous()
    error = torch.where(precision > 0, precision, torch.inf).rsqrt()
    value = observations.value + torch.from_numpy(noise) * error
    return Observations(value, precision, observations.season, observations.per_year)


def _placed(estimate: StateEstimate, device: torch.device) -> StateEstimate:
    """The estimate on a device, its fields contiguous in memory."""
    fields = (estimate.mean, estimate.spread, estimate.memory)
    return StateEstimate(*(field.to(device).contiguous() for field in fields))
