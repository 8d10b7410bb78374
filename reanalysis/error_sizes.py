"""Errors of the observations and backgrounds of a reanalysis, from a spin-up over its last years.

assumed sizes -> departures -> sizes -> departures -> sizes -> cross-validation -> reach

The first pass leaves out the check against the background: with assumed sizes that are too small it
would refuse the large departures that are to be measured.

The background-error scale acts through the unit that states are expressed in: the assumed standard
deviation times the factor. Spread, increment and stated error follow, whatever the network. The
observation errors are those of the table times their factor; superobservations and the check against the
background follow. Withheld and rejected values have no part in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deepda.assimilation.cycle import Analyser, Result
from deepda.assimilation.localisation import Reach
from deepda.assimilation.observed_ocean import ObservedOcean
from deepda.assimilation.state import StateSpace
from deepda.base.files import write_json
from deepda.base.progress import Progress
from deepda.feedback.checked import CheckedObservations, UncheckedWindow, WindowOfRows
from deepda.feedback.error_sizes import DepartureSums
from deepda.feedback.window import usable
from deepda.geometry.windows import windows
from deepda.networks.trainable import TrainableAnalyser
from deepda.runs.errors import Errors
from reanalysis.cross_validation import CrossValidation, without_some
from reanalysis.restart import ReanalysisError
from reanalysis.spinup import RowsOfWindow, spin_up

NAME = "error_sizes.json"
SPINUP = 10  # years at most, the last of the period: the best observed ones
PASSES = 2


def estimated_errors(
    folder: Path,
    analyser: TrainableAnalyser,
    assumed: Errors,
    space: StateSpace,
    ocean: ObservedOcean,
    years: range,
    progress: Progress,
) -> Errors:
    """The errors in `folder`, estimated and written there where it has none yet.

    Args:
        analyser: on its device.
        space: grid, scale, and climatology of the observations.

    Raises:
        DivergenceError: an analysis left physical limits.
        ReanalysisError: a file that holds no errors of this grid.
    """
    path = folder / NAME
    if path.exists():
        progress.note(f"error sizes: {path} is there and is used again")
        return _read(path, assumed)
    years = years[-SPINUP:]
    per_year = space.climatology.per_year
    span = windows(years[0], years[-1], per_year)
    rows = [
        RowsOfWindow(usable(ocean.table(start, end)), start, end, season)
        for start, end, season in progress.track(span, "Reading observations of the spin-up", len(span))
    ]
    errors, passes = replace(assumed, reach=None), []
    for number in range(1, PASSES + 1):
        title = f"Estimating error sizes {number}/{PASSES}"
        window = UncheckedWindow if number == 1 else WindowOfRows
        scaled, found = errors.space(space), DepartureSums(space.grid)
        counted = _Departures(found, _spun_up(rows, per_year))
        spin_up(errors.cycled(analyser, space), errors, scaled, rows, window, counted, progress, title)
        errors = replace(errors, sizes=found.estimate(errors.sizes))
        passes.append({"values": found.values(), "expected_over_found": found.expected_over_found()})
    for name in found.too_few():
        progress.note(f"too few values of {name} to estimate their errors: the assumed sizes stay")
    if analyser.covariance_form() is not None:
        left_out = [without_some(each) for each in rows]

        def of_reach(reach: Reach | None) -> Analyser:
            return replace(errors, reach=reach).cycled(analyser, space)

        trials = CrossValidation(of_reach, space, left_out, _spun_up(rows, per_year), progress)
        errors = replace(errors, reach=trials.best_reach(errors))
    about = {"years": [*years], "depth_m": space.grid.depth.tolist(), "passes": passes}
    write_json(path, {**about, **errors.as_json()})
    return errors


def _spun_up(rows: Sequence[RowsOfWindow], per_year: int) -> int:
    """So many windows are left out at the beginning: the first year of several."""
    return per_year if len(rows) > per_year else 0


@dataclass(eq=False)
class _Departures:
    """A `Scorer` that counts departures, but for the first windows."""

    sums: DepartureSums
    skipped: int

    def add(self, result: Result) -> None:
        rows = result.step.observations
        assert isinstance(rows, CheckedObservations)
        if result.place >= self.skipped:
            self.sums.add(rows.feedback(result.step.background, result.estimate))


def _read(path: Path, assumed: Errors) -> Errors:
    """The errors of a file.

    Raises:
        ReanalysisError: it is damaged, or of another grid.
    """
    try:
        errors = assumed.updated(json.loads(path.read_text()))
        fits = errors.sizes.background.shape == assumed.sizes.background.shape
    except (ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise ReanalysisError(
            f"{path} holds no error sizes of {len(assumed.scale)} layers, expected those that this "
            "reanalysis wrote; remove it and give the same command again"
        )
    return errors
