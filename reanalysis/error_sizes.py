"""Error sizes of a reanalysis, from a spin-up over the last years of its period.

spin-up, assumed sizes -> departures -> sizes -> spin-up with these -> departures -> sizes -> reanalysis

The first pass leaves out the check against the background: with assumed sizes that are too small it
would refuse the large departures that are to be measured.

The background-error scale acts through the unit that states are expressed in: the standard deviation of
the control run times the factor. Spread, increment and stated error follow, whatever the network. The
observation errors are those of the table times their factor; superobservations and the check against the
background follow. Withheld and rejected values have no part in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from deepda.assimilation.cycle import Analyser, Nothing, Result, cycle, filtered, run_cycle
from deepda.assimilation.observed_ocean import ObservedOcean
from deepda.assimilation.state import StateSpace
from deepda.base.files import write_whole
from deepda.base.progress import Progress
from deepda.feedback import Fields, feedback
from deepda.feedback.checked import CheckedObservations, UncheckedWindow, WindowOfRows
from deepda.feedback.error_sizes import DepartureSums, ErrorSizes
from deepda.geometry.windows import Windows, season_of, windows
from reanalysis.restart import ReanalysisError

NAME = "error_sizes.json"
SPINUP = 10  # years at most, the last of the period: the best observed ones
PASSES = 2


def with_sizes(space: StateSpace, sizes: ErrorSizes) -> StateSpace:
    """The state space whose background errors have these sizes."""
    return replace(space, scale=space.scale * sizes.on_grid(space.grid))


def estimated_sizes(
    folder: Path,
    analyser: Analyser,
    space: StateSpace,
    ocean: ObservedOcean,
    years: range,
    progress: Progress,
) -> ErrorSizes:
    """The sizes in `folder`, estimated and written there where it has none yet.

    Args:
        folder: of the reanalysis.
        analyser: on its device.
        space: grid, scale, and climatology of the observations.
        ocean: whose observations are analysed.
        years: of the reanalysis.

    Raises:
        DivergenceError: an analysis left physical limits.
        ReanalysisError: a file that holds no sizes of this grid.
    """
    path = folder / NAME
    if path.exists():
        progress.note(f"error sizes: {path} is there and is used again")
        return _read(path, space)
    sizes, passes = ErrorSizes.assumed(space.grid.depth.size), []
    for number in range(1, PASSES + 1):
        title = f"Estimating error sizes {number}/{PASSES}"
        window = UncheckedWindow if number == 1 else WindowOfRows
        found = _departures(analyser, space, ocean, sizes, years[-SPINUP:], window, progress, title)
        sizes = found.estimate(sizes)
        passes.append({"values": found.values(), "expected_over_found": found.expected_over_found()})
    for name in found.too_few():
        progress.note(f"too few values of {name} to estimate their errors: the assumed sizes stay")
    about = {"years": [*years[-SPINUP:]], "depth_m": space.grid.depth.tolist(), "passes": passes}
    text = json.dumps({**about, **sizes.as_json()}, indent=1) + "\n"
    write_whole(path, lambda part: part.write_text(text))
    return sizes


def _departures(
    analyser: Analyser,
    space: StateSpace,
    ocean: ObservedOcean,
    sizes: ErrorSizes,
    years: range,
    window: type[WindowOfRows],
    progress: Progress,
    title: str,
) -> DepartureSums:
    """What a cycle through the years departs from its observations; the first of several is left out."""
    space, span = with_sizes(space, sizes), windows(years[0], years[-1], space.climatology.per_year)
    counted = _Departures(space, DepartureSums(space.grid), span.per_year if len(years) > 1 else 0)
    with torch.inference_mode():
        first = analyser.first_guess(1)
        device = first.mean.device
        rows = (each.to(device) for each in _rows(space, ocean, sizes, span, window))
        stream = progress.track(rows, title, len(span))
        steps = cycle(analyser, first, stream)
        run_cycle(filtered(steps), Nothing(), counted, space.limit.to(device))
    next(stream, None)  # there is none: the progress ends
    return counted.sums


def _rows(
    space: StateSpace,
    ocean: ObservedOcean,
    sizes: ErrorSizes,
    span: Windows,
    window: type[WindowOfRows],
) -> Iterator[WindowOfRows]:
    for start, end, season in span:
        table = sizes.rescaled(ocean.table(start, end), space.grid)
        yield window(table, start, end, torch.tensor([season]), space, None)


@dataclass(eq=False)
class _Departures:
    """A `Scorer` that counts departures, but for the first windows."""

    space: StateSpace
    sums: DepartureSums
    skipped: int

    def add(self, result: Result) -> None:
        rows = result.step.observations
        assert isinstance(rows, CheckedObservations)
        if result.place >= self.skipped:
            season = season_of(rows.start, self.space.climatology.per_year)
            fields = Fields.of(self.space, season, result.step.background, result.estimate)
            self.sums.add(feedback(rows.table, self.space.grid, fields))


def _read(path: Path, space: StateSpace) -> ErrorSizes:
    """The sizes of a file.

    Raises:
        ReanalysisError: it is damaged, or of another grid.
    """
    try:
        sizes = ErrorSizes.from_json(json.loads(path.read_text()))
        fits = sizes.background.shape[0] == space.grid.depth.size
    except (ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise ReanalysisError(
            f"{path} holds no error sizes of {space.grid.depth.size} layers, expected those that this "
            "reanalysis wrote; remove it and give the same command again"
        )
    return sizes
