"""`deepda osse blind-zone`: how far down can the surface be continued?

A trained run sees satellites only (or no profile below a depth) through its own test years. What it
makes of the blind zone is held against optimal interpolation with the same observations, cycled alike,
and against ways that continue the last level seen without cycling.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

import osse.experiments.blind_zone_report
from deepda.assimilation.cycle import Observations, Result, on_host
from deepda.base.errors import DeepDAError
from deepda.base.progress import Progress
from deepda.networks.device import AUTO
from deepda.networks.dropout import dropouts, monte_carlo_spread
from deepda.quality.casts import platforms
from deepda.runs.checkpoint import load_space
from deepda.runs.finished import CHECKPOINT
from deepda.runs.folder import run_folder
from deepda.verification import WindowSums, moments, spread_moments
from osse.experiments.blind_zone_scores import METHODS, STATED, maps_of, rows_of, scores_of
from osse.experiments.downward_extrapolation import (
    Regression,
    marching_average,
    repeat_downward,
    validated_parts,
)
from osse.experiments.finished_run import (
    CycledRun,
    TwinScorer,
    kelvin,
    kept_observations,
    opened,
    score_cycle,
    tables,
    true_anomaly,
)
from osse.experiments.regions import sea_weights
from osse.experiments.results import about_run, write_results

PARTS = (1, 4, 12)  # of the year, for the regression to choose from
MAPPED = ("square", "variance")  # the latter of methods that state a spread
DROPOUT = ("dropout", "dropout_and_spread")
PASSES, EVERY = 20, 6  # thinned networks a window, and how many windows apart


class BlindZoneError(DeepDAError, ValueError):
    """A depth that leaves no blind zone, or nothing to see it by."""


def seen_above(table: pd.DataFrame, below: float | None) -> NDArray[np.bool_]:
    """(row) True for satellites, and for profiles down to `below` m where it is given."""
    kept: NDArray[np.bool_] = platforms(table) == "satellite"
    return kept if below is None else kept | (table["depth"].to_numpy(float) <= below)


def run(folder: Path, output: Path, below: float | None = None, device: str = AUTO) -> dict[str, Any]:
    """The experiment on a run; writes blind_zone.json, .csv, .nc and report.html.

    Args:
        folder: of the run; nothing is written there.
        below: m; profiles are cut there. None leaves out all of them.
        device: that the generator analyses on: auto, cpu or cuda.

    Raises:
        DeepDAError: a run that cannot be used, or a depth that makes no sense.
    """
    if below is not None and not 0 <= below < np.inf:
        raise BlindZoneError(
            f"--below is {below:g} m, expected a depth of 0 or more, positive down; "
            "try --below 100, or leave it out for satellites only"
        )
    if below is not None:
        floor = load_space(folder / CHECKPOINT).grid.depth_edges[-1]  # before minutes of reading
        if below >= floor:
            raise BlindZoneError(
                f"--below is {below:g} m, the grid of {folder} ends at {floor:g} m, expected a depth "
                "above that; give a smaller --below"
            )
    with run_folder(output) as here, opened(folder, output, here.progress, device) as trained:
        progress = here.progress
        grid = trained.twin.space.grid
        windows = tables(trained.twin, progress)
        with progress.stage("Averaging the observations in cells"):
            keep = partial(seen_above, below=below)
            found, count = kept_observations(trained.twin, windows, keep)
        last = last_seen(found, grid.depth)
        progress.note(f"seen down to {grid.depth[last]:.0f} m; blind below")
        with progress.stage("Fitting the regressions on the training years"):
            regression, tried = _regression(trained, last)
        sums = _cycle(trained, found, last, regression, progress)
        scores = {
            **about_run(trained, below_m=below, last_level_seen_m=float(grid.depth[last])),
            "rows": {"kept": count, "denied": sum(map(len, windows)) - count},
            "regression": {"mean_square_by_parts_of_the_year": tried, "parts": len(regression.slope)},
            "dropout": {"passes": PASSES, "every_windows": EVERY}
            if DROPOUT[0] in sums
            else {"skipped": f"the generator of {folder} has no dropout (generator.dropout=0)"},
            **scores_of(sums, last),
        }
        page = osse.experiments.blind_zone_report.write
        rows, maps, path = rows_of(scores), maps_of(sums), output / "blind_zone"
        write_results(trained, scores, rows, maps, page, path, progress)
    print("\n".join(osse.experiments.blind_zone_report.lines(scores)))
    return scores


def last_seen(windows: Sequence[Observations], depth: NDArray[np.floating]) -> int:
    """Index of the deepest level with an observation in any window.

    Raises:
        BlindZoneError: nothing is seen, or the deepest level of all is.
    """
    seen = np.any([window.seen[0].flatten(1).any(1).numpy() for window in windows], axis=0)
    if not seen.any():
        raise BlindZoneError(
            "no observation is left, expected satellites; choose another run or --below"
        )
    last = int(np.flatnonzero(seen)[-1])
    if last == len(depth) - 1:
        raise BlindZoneError(
            f"the deepest level, {depth[-1]:.0f} m, is seen still, expected a blind zone below; "
            "give a smaller --below"
        )
    return last


def _regression(trained: CycledRun, last: int) -> tuple[Regression, dict[int, float]]:
    """Fitted on the training years; into how many parts of the year is chosen on validation years."""
    control, space = trained.control, trained.twin.space

    def validation() -> Iterator[NDArray[np.float32]]:
        for year in control.years(control.validation):
            season = control.season(year)
            yield from space.standardise(control.thetao[year].values, season).numpy()

    season = control.season(control.train)
    per_year = space.climatology.per_year
    fitted = {n: Regression.fit(trained.anomalies, season, per_year, last, n) for n in PARTS}
    scores = validated_parts(fitted, validation())
    return fitted[min(scores, key=lambda parts: scores[parts])], scores


def _cycle(
    trained: CycledRun,
    windows: Sequence[Observations],
    last: int,
    regression: Regression,
    progress: Progress,
) -> dict[str, xr.Dataset]:
    """Sums of all methods after spin-up, by name."""
    weights = sea_weights(trained.twin.space.grid)
    names = (*METHODS, *(DROPOUT if dropouts(trained.analyser) else ()))  # type: ignore[arg-type]
    sums = {name: WindowSums(weights, mapped=MAPPED if name in STATED else MAPPED[:1]) for name in names}
    scorer = BlindZoneScorer(trained, windows, last, regression, sums)
    score_cycle(trained.analyser, windows, scorer, progress, "Cycling")
    oi = TwinScorer(trained.twin, trained.spinup, sums["oi"])
    score_cycle(trained.oi, windows, oi, progress, "Cycling optimal interpolation")
    return {name: one.result() for name, one in sums.items()}


@dataclass(frozen=True, eq=False)
class BlindZoneScorer:
    """Scores the analyses, and the ways that continue their last level seen, against the truth.

    Attributes:
        windows: their observations, on the CPU.
        last: index of the last level seen.
        regression: fitted on the training years.
        sums: by method; those of DROPOUT where the generator has dropout.
    """

    trained: CycledRun
    windows: Sequence[Observations]
    last: int
    regression: Regression
    sums: Mapping[str, WindowSums]

    def add(self, result: Result) -> None:
        """Count a window, unless it belongs to the spin-up."""
        TwinScorer(self.trained.twin, self.trained.spinup, self.sums["analysis"]).add(result)
        number = result.place - self.trained.spinup
        if number < 0:
            return
        twin = self.trained.twin
        time, true = twin.windows.middle[result.place], true_anomaly(twin, result.place)
        own = kelvin(twin.space, result.estimate)
        for name, field in self._continued(own, self.windows[result.place]).items():
            self.sums[name].add(time, moments(field, true))
        if DROPOUT[0] in self.sums and number % EVERY == 0:
            self._add_thinned(result, true)

    def _continued(
        self, analysis: NDArray[np.floating], observed: Observations
    ) -> dict[str, NDArray[np.floating]]:
        """Anomalies (L, Y, X) K by method: down to the last level the analysis, below what it implies.

        Only `regression_of_observations` takes the last level from that window's values alone.
        """
        space, last, season = self.trained.twin.space, self.last, int(observed.season[0])
        ocean, scale = space.grid.ocean, space.scale
        implied = self.regression.below(analysis[last] / scale[last], season) * scale
        value, precision = (field[0, last].numpy() for field in (observed.value, observed.precision))
        alone = self.regression.of_observations(value, precision, season) * scale
        implied[: last + 1], alone[:last] = analysis[: last + 1], analysis[:last]
        return {
            "regression": implied,
            "regression_of_observations": alone,
            "repeat_downward": repeat_downward(analysis, ocean, last),
            "marching_average": marching_average(analysis, ocean, last),
            "climatology": np.zeros_like(analysis),
        }

    def _add_thinned(self, result: Result, true: NDArray[np.floating]) -> None:
        """Count the analyses of thinned networks: their scatter alone, and with the carried spread."""
        trained, space = self.trained, self.trained.twin.space
        observed, seed = result.step.observations, trained.config.seed + result.place
        background = result.step.background.to(observed.value.device)
        thinned = monte_carlo_spread(trained.analyser, background, observed, PASSES, seed)
        mean, scatter = on_host(*thinned)
        time = trained.twin.windows.middle[result.place]
        both = moments(mean[0].numpy() * space.scale, true)
        carried = (scatter.square() + result.estimate.spread.square()).sqrt()
        floor = 1e-6  # K: a cell that no pass changes states no error at all
        for name, spread in zip(DROPOUT, (scatter, carried), strict=True):
            stddev = np.maximum(space.kelvin(spread[0]), floor)
            self.sums[name].add(time, both | spread_moments(both["error"], stddev))
