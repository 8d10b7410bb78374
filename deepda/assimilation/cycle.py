"""The cycle: the one loop of the whole system.

    for window in windows:
        background   = analyser.forecast(analysis + window.shift)
        observations = window.checked(background)
        analysis     = analyser.analyse(background, observations)     -> writer, scorer

`cycle` makes the steps, `run_cycle` hands them to whoever writes and scores them.

Everything here is in units of the local climatological standard deviation.
Shape suffixes: B batch (members, or parallel stretches of the control run), L layer (variable and
depth), Y latitude, X longitude, M carried memory channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

from deepda.base.errors import DeepDAError

LIMIT = 30.0  # climatological standard deviations that no analysis of a model's own ocean reaches


@dataclass(frozen=True, eq=False)
class StateEstimate:
    """An estimate of the ocean at one time: a mean, its uncertainty, and a memory.

    Attributes:
        mean: (B, L, Y, X) anomaly, zero on land.
        spread: (B, L, Y, X) standard deviation of the error of `mean`, zero on land.
        memory: (B, M, Y, X) channels that an Analyser carries for itself; M may be 0.
    """

    mean: Tensor
    spread: Tensor
    memory: Tensor

    def to(self, device: torch.device) -> StateEstimate:
        """The same on a device."""
        return StateEstimate(*(field.to(device) for field in vars(self).values()))

    def detach(self) -> StateEstimate:
        """The same estimate, cut from the graph that made it."""
        return StateEstimate(*(field.detach() for field in vars(self).values()))

    def where(self, chosen_B: Tensor, other: StateEstimate) -> StateEstimate:
        """The chosen members of the batch, the rest of them from another estimate."""
        chosen = chosen_B[:, None, None, None]
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return StateEstimate(*(torch.where(chosen, own, theirs) for own, theirs in pairs))


@dataclass(frozen=True, eq=False)
class Observations:
    """Superobservations of one window on the grid.

    Attributes:
        value: (B, L, Y, X) anomaly; not read where `precision` is zero.
        precision: (B, L, Y, X) 1 / error variance; zero where nothing was observed.
        season: index of the window within its year, (B) or one for all.
        per_year: number of windows a year.
        shift: (B, L, Y, X) step of the observed trajectory just before the window, which is added to the
            analysis before; None where no row has one.
    """

    value: Tensor
    precision: Tensor
    season: Tensor
    per_year: int
    shift: Tensor | None = field(default=None, kw_only=True)

    @property
    def seen(self) -> Tensor:
        """(B, L, Y, X) bool: where there is an observation."""
        return self.precision > 0

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        fields = {name: getattr(self, name) for name in ("value", "precision", "season", "shift")}
        return replace(self, **{k: v.to(device) for k, v in fields.items() if v is not None})

    def checked(self, background: StateEstimate) -> Observations:
        """The same: what is on the grid already needs no check against the background."""
        return self

    def suspects(self, background: StateEstimate) -> str:
        """What to look at where the analysis ran away, to be added to the error."""
        return ""


class Window(Protocol):
    """The observations of one window before their check against the background."""

    @property
    def season(self) -> Tensor:
        """Index of the window within its year, (B) or one for all."""

    @property
    def shift(self) -> Tensor | None:
        """See `Observations`."""

    def checked(self, background: StateEstimate) -> Observations:
        """Those that the analysis may use."""


class Analyser(Protocol):
    """A method of analysis. With no observation its analysis must equal its background."""

    def first_guess(self, batch: int) -> StateEstimate:
        """The estimate before any observation: climatology and its spread."""

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        """The background at the next window, whose season (B) is given."""

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        """The analysis: the background corrected by the observations."""


class Step(NamedTuple):
    """One window of a cycle."""

    background: StateEstimate
    analysis: StateEstimate
    observations: Observations


class Result(NamedTuple):
    """What is written of one window.

    Attributes:
        place: of the window among those of the file, from 0.
        estimate: the analysis of the step, or what a smoother makes of it.
    """

    place: int
    step: Step
    estimate: StateEstimate

    def on_host(self) -> Result:
        """The same with means and spreads in the memory of the host; memories stay where they are."""
        background, estimate = self.step.background, self.estimate
        fields = on_host(background.mean, background.spread, estimate.mean, estimate.spread)
        known = StateEstimate(fields[0], fields[1], background.memory)
        shown = StateEstimate(fields[2], fields[3], estimate.memory)
        analysis = shown if estimate is self.step.analysis else self.step.analysis
        return Result(self.place, Step(known, analysis, self.step.observations), shown)


class Writer(Protocol):
    """Where results go."""

    def write(self, result: Result) -> None:
        """Keep one window; windows may arrive in any order."""


class Scorer(Protocol):
    """Who compares results with the truth."""

    def add(self, result: Result) -> None:
        """Count one window."""


class Nothing:
    """Writes nothing and scores nothing."""

    def write(self, result: Result) -> None:
        """Let it go."""

    def add(self, result: Result) -> None:
        """Let it go."""


def cycle(analyser: Analyser, analysis: StateEstimate, windows: Iterable[Window]) -> Iterator[Step]:
    """Yield the step of each window; each analysis makes the next background."""
    for window in windows:
        if (shift := window.shift) is not None:
            analysis = replace(analysis, mean=analysis.mean + shift)
        background = analyser.forecast(analysis, window.season)
        observations = window.checked(background)
        analysis = analyser.analyse(background, observations)
        yield Step(background, analysis, observations)


def inferred(steps: Iterator[Step]) -> Iterator[Step]:
    """The steps of a cycle, each made in inference mode, which does not reach what is done between them.

    A generator that kept the mode over its yields would leave it on where two of them are interleaved.
    """
    while True:
        with torch.inference_mode():
            step = next(steps, None)
        if step is None:
            return
        yield step


def filtered(steps: Iterable[Step]) -> Iterator[Result]:
    """The analyses of a cycle as they are, in the order of time."""
    for place, step in enumerate(steps):
        yield Result(place, step, step.analysis)


def run_cycle(
    results: Iterable[Result], writer: Writer, scorer: Scorer, limit: float | Tensor = LIMIT
) -> StateEstimate:
    """Write and score all results; returns the analysis of the last window, from which to go on.

    Args:
        results: of `filtered` or of a smoother, in any order, at least one.
        writer, scorer: `Nothing` for none. They are given means and spreads on the host.
        limit: see `require_physical`.

    Raises:
        DivergenceError: an analysis left physical limits.
    """
    last: Result | None = None
    for result in results:
        _require_physical(result, limit)
        shown = result.on_host()
        writer.write(shown)
        scorer.add(shown)
        if last is None or result.place > last.place:
            last = result
    assert last is not None
    return last.step.analysis


def _require_physical(result: Result, limit: float | Tensor) -> None:
    """Refuse a result that ran away, and say which observations to look at."""
    background, analysis, observations = result.step
    smoothed = result.estimate is not analysis
    try:
        require_physical(analysis, *([result.estimate] if smoothed else []), limit=limit)
    except DivergenceError as error:
        raise DivergenceError(f"{error}{observations.suspects(background)}") from error


class DivergenceError(DeepDAError, RuntimeError):
    """An analysis left physical limits; nothing is clipped silently."""


def require_physical(*estimates: StateEstimate, limit: float | Tensor = LIMIT) -> None:
    """Refuse an analysis that ran away; waits for its device once.

    Args:
        limit: climatological standard deviations, one for all or (L, Y, X).

    Raises:
        DivergenceError: a value is not finite or beyond the limit.
    """
    size = torch.stack([estimate.mean.detach() for estimate in estimates]).abs()
    share = (size / limit).nan_to_num(torch.inf).flatten()
    if bool((share <= 1).all()):
        return
    worst = int(share.argmax())
    largest = float(size.flatten()[worst])
    allowed = float(torch.as_tensor(limit, device=size.device).expand_as(size).flatten()[worst])
    raise DivergenceError(
        f"the analysis reached {largest:.3g} standard deviations, expected at most {allowed:g}; "
        "train longer, or look for observations of a wrong unit in this window"
    )


def on_host(*fields: Tensor) -> tuple[Tensor, ...]:
    """The fields in the memory of the host: all of them by one transfer from their device."""
    if all(field.device.type == "cpu" for field in fields):
        return fields
    together = torch.cat([field.flatten() for field in fields]).cpu()
    parts = together.split([field.numel() for field in fields])
    return tuple(part.view(field.shape) for part, field in zip(parts, fields, strict=True))
