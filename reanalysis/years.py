"""The cycle through the years of history: observations ahead of it, one file a year behind it.

Three things go on at once: a thread makes the observations of the next window, the analyser analyses
this one, and a thread writes the last one. The results do not depend on who is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from deepda.cycle import Analyser, Belief, Observations, cycle, require_physical
from deepda.history import ObservedOcean
from deepda.netcdf import AnalysisWriter, in_background
from deepda.networks.innovation import influence
from deepda.progress import Progress
from deepda.state import StateSpace
from deepda.superobs import superobs
from deepda.synthetic import window_rng
from deepda.windows import Windows, windows
from reanalysis.restart import last_finished, save_restart, year_file

VARIABLES = ("thetao", "thetao_stddev", "thetao_observation_influence")
SMOOTH = 10.0  # degrees: how far the first guess of a member departs alike
Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Reanalysis:
    """Who analyses what, for whom.

    Attributes:
        analyser: on its device.
        space: grid and scale of the run, climatology of the observations.
        ocean: whose observations are analysed.
        members: 1, or the size of an ensemble. Member 0 sees the observations as they are; the others
            see them with added errors drawn from their error variances and start from another first
            guess (Isaksen et al. 2010, ECMWF Tech. Memo. 636, without model error: they differ less
            than `thetao_stddev` says, which is the whole uncertainty).
        seed: of these perturbations; each depends on member and date alone.
        folder: of the files.
        attributes: of each file.
        identity: of the reanalysis, kept in restart files.
    """

    analyser: Analyser
    space: StateSpace
    ocean: ObservedOcean
    members: int
    seed: int
    folder: Path
    attributes: Mapping[str, Any]
    identity: str

    def run(self, years: range, progress: Progress) -> None:
        """Make the files of all years that are not yet there.

        Raises:
            DivergenceError: an analysis left physical limits.
            OutputError: a file cannot be written.
        """
        first = years[0]
        belief = first_guess(self.analyser, self.members, self.seed)
        if (finished := last_finished(self.folder, years, self.identity)) is not None:
            first = finished[0] + 1
            belief = _placed(finished[1], belief.mean.device)
            progress.note(f"{years[0]}-{finished[0]} are finished; going on after them")
        if first > years[-1]:
            return
        left = windows(first, years[-1], self.space.climatology.per_year)
        with torch.inference_mode(), ThreadPoolExecutor(1) as pool:
            observed = ahead(pool, lambda step: self.observe(left, step), range(len(left)))
            title = f"Analysing {first}-{years[-1]}"
            windows_left = progress.track(observed, title, total=len(left))
            for year in range(first, years[-1] + 1):
                belief = self._year(year, belief, windows_left)
                save_restart(self.folder, year, belief, self.identity)
            next(windows_left, None)  # there is none: now the progress is told to be done

    def observe(self, span: Windows, step: int) -> Observations:
        """The superobservations of a window, for all members."""
        start, season = span.start[step], int(span.season[step])
        table = self.ocean.table(start, span.end[step])
        found = superobs(table, self.space.grid, season, self.space.climatology)
        return perturbed(self.space.observations(found, season), self.members, self.seed, start)

    def _year(self, year: int, belief: Belief, observed: Iterator[Observations]) -> Belief:
        """Write the file of a year; returns the belief at its end."""
        span = windows(year, year, self.space.climatology.per_year)
        device = belief.mean.device
        placed = (_observations_on(window, device) for window in islice(observed, len(span)))
        writer = AnalysisWriter(
            year_file(self.folder, year),
            self.space.grid,
            span,
            variables=VARIABLES,
            members=self.members if self.members > 1 else 0,
            attributes=self.attributes,
        )
        with in_background(writer) as out:
            pairs = cycle(self.analyser, belief, placed)
            for step, (background, belief) in enumerate(pairs):
                require_physical(belief)
                thetao = self.space.celsius(belief.mean, int(span.season[step]))
                out.write(
                    step,
                    thetao if self.members > 1 else thetao[0],
                    stddev=self.space.kelvin(belief.spread[0]),
                    influence=influence(background.spread[0], belief.spread[0]).cpu().numpy(),
                )
        # As it would be read from a restart: convolutions may round by the layout of their input.
        return _placed(belief, device)


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


def first_guess(analyser: Analyser, members: int, seed: int) -> Belief:
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
    return Belief(guess.mean + shift, guess.spread, guess.memory)


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


def _observations_on(window: Observations, device: torch.device) -> Observations:
    return Observations(
        window.value.to(device), window.precision.to(device), window.season.to(device), window.per_year
    )


def _placed(belief: Belief, device: torch.device) -> Belief:
    """The belief on a device, its fields contiguous in memory."""
    fields = (belief.mean, belief.spread, belief.memory)
    return Belief(*(field.to(device).contiguous() for field in fields))
