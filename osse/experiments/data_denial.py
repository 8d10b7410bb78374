"""`deepda osse deny`: observing-system experiments. What is each part of the network worth?

A trained run is cycled again through its own test years, with kinds of platforms left out: same truth,
same values and errors of what is kept, same weights. Optimal interpolation gets the same data.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

import osse.experiments.data_denial_report
from deepda.base.progress import Progress
from deepda.base.workers import on_one_thread, open_workers, without_loss
from deepda.networks.device import AUTO
from deepda.observations.table import read_table
from deepda.runs.finished import ROWS
from deepda.runs.folder import run_folder
from deepda.settings.compose import saved_config
from deepda.verification import WindowSums, mean_of, rmse_of, spread_of
from osse.experiments.denied_platforms import CONTROL, Denial, possible, read_denials
from osse.experiments.finished_run import (
    CycledRun,
    TwinScorer,
    kept_observations,
    opened,
    score_cycle,
    tables,
)
from osse.experiments.regions import by_region, sea_weights
from osse.experiments.results import ANALYSER, DESCRIBED, about_run, write_results

METHODS = ("analysis", "oi")
ABOUT = {
    "title": "Data denial: errors of a twin experiment of DeepDA without some of its observations",
    "summary": "Errors of analyses of a simulated ocean without some kinds of platforms, by method, "
    "over all windows that are scored",
}
SAME = 1e-3  # relative difference of errors that rounding in files and another machine may make
BLOCKS = 2  # a year: how often the loss of skill is looked at for its standard error


class Without(NamedTuple):
    """Number of observations used, and sums of the test years by method."""

    rows: int
    sums: dict[str, xr.Dataset]


def run(
    folder: Path,
    output: Path,
    without: str | None = None,
    device: str = AUTO,
    workers: int = 1,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """All experiments on a run; writes denial.json, denial.csv, denial.nc and report.html.

    Args:
        folder: of the run; nothing is written there.
        without: see `read_denials`.
        device: that the generator analyses on: auto, cpu or cuda.
        workers: processes that share the experiments; 1 for this one alone.
        scheduler: address of a dask cluster that sees the same folders.

    Raises:
        DeepDAError: a run that cannot be used, an unknown word, or platforms that the run has none of;
            a worker died, or no scheduler answers.
    """
    with run_folder(output) as here:
        progress = here.progress
        require_platforms(folder, without)  # refuse before minutes of reading
        with (
            opened(folder, output, progress, device) as trained,
            open_workers(workers, scheduler) as work,
        ):
            windows = tables(trained.twin, progress)
            wanted = read_denials(without, trained.config.seed)
            denials = [Denial(), *possible(wanted, windows, typed=without is not None)]
            act: Callable[[Denial], Without] = partial(cycled, trained, windows, progress)
            if not work.number():
                made = work(act, denials)
            else:
                made = without_loss(work(partial(elsewhere, folder, output, device), denials))
                made = progress.track(made, "Cycling without observing systems", len(denials))
            found = dict(made)
        of_denial = {denial.name: found[denial] for denial in denials}
        sums = {name: {key: one.sums[name] for key, one in of_denial.items()} for name in METHODS}
        rows = {key: one.rows for key, one in of_denial.items()}
        counts = {name: {"kept": kept, "denied": rows[CONTROL] - kept} for name, kept in rows.items()}
        scores = about_run(trained) | {"rows": counts} | scores_of(sums)
        page, path = osse.experiments.data_denial_report.write, output / "denial"
        write_results(trained, scores, rows_of(scores), maps_of(sums), page, path, progress)
        progress.note(control_against_run(folder, scores["rmse"]["analysis"][CONTROL]["all"]))
    print("\n".join(osse.experiments.data_denial_report.lines(scores)))
    return scores


def require_platforms(folder: Path, without: str | None) -> None:
    """Refuse what leaves out nothing of the observations that a run kept, if it kept any.

    Raises:
        DenialError: an unknown word, or platforms that the run has none of.
    """
    read_denials(without, 0)
    rows = folder / ROWS
    if without is not None and rows.exists():
        possible(read_denials(without, saved_config(folder).seed), [read_table(rows)], typed=True)


def cycled(
    trained: CycledRun, windows: Sequence[pd.DataFrame], progress: Progress, denial: Denial
) -> Without:
    """Cycle the generator and optimal interpolation with what a denial leaves of the observations."""
    twin, weights = trained.twin, sea_weights(trained.twin.space.grid)
    with progress.stage(f"Averaging the observations in cells, {denial.title}"):
        found, rows = kept_observations(twin, windows, denial.keep)
    sums = {}
    for name, method in zip(METHODS, (trained.analyser, trained.oi), strict=True):
        windowed = WindowSums(weights, mapped=("square", "variance"))
        scorer = TwinScorer(twin, trained.spinup, windowed)
        score_cycle(method, found, scorer, progress, f"{name}, {denial.title}")
        sums[name] = windowed.result()
    return Without(rows, sums)


def elsewhere(folder: Path, scratch: Path, device: str, denial: Denial) -> Without:
    """What another process does: it opens the run for itself, and cycles it without some platforms."""
    progress = Progress(stream=io.StringIO())
    with on_one_thread(), opened(folder, scratch, progress, device) as trained:
        return cycled(trained, tables(trained.twin, progress), progress, denial)


def control_against_run(folder: Path, rmse: float) -> str:
    """One line: is the control, with everything used, the analysis that the run was scored with?"""
    path = folder / "scores.json"
    if not path.exists():
        return f"control {rmse:.5f} K; {folder} has no scores to compare it with"
    before = json.loads(path.read_text())["rmse"]["analysis"]["all"]
    if abs(rmse - before) <= SAME * before:
        return f"control {rmse:.5f} K, as the run was scored"
    return f"control {rmse:.5f} K, the run was scored {before:.5f} K: by another version of DeepDA"


def scores_of(sums: Mapping[str, Mapping[str, xr.Dataset]]) -> dict[str, Any]:
    """RMSE, loss of skill, spread over error and growth of the spread, by method and denial.

    The loss of skill is RMSE / RMSE of the control - 1. Its standard error is that of a jackknife over
    half years: how far another choice of two years might move it.
    """
    keys = ("rmse", "loss_of_skill", "spread_growth", "spread_over_error")
    scores: dict[str, Any] = {key: {} for key in keys}
    for method, found in sums.items():
        error = {name: _parts(rmse_of(one), rmse_of(one, ())) for name, one in found.items()}
        spread = {name: _parts(spread_of(one), spread_of(one, ())) for name, one in found.items()}
        scores["rmse"][method] = error
        scores["spread_over_error"][method] = {
            name: _combine(spread[name], error[name], lambda a, b: a / b) for name in found
        }
        for key, parts in (("loss_of_skill", error), ("spread_growth", spread)):
            scores[key][method] = {
                name: _combine(parts[name], parts[CONTROL], lambda a, b: a / b - 1) for name in found
            }
        for name, one in found.items():
            unsure = _standard_error(one, found[CONTROL])
            scores["loss_of_skill"][method][name]["standard_error"] = unsure
    return scores


def rows_of(scores: Mapping[str, Any]) -> pd.DataFrame:
    """One row a method, denial, region and depth ("all" or m)."""
    keys = ("rmse", "loss_of_skill", "spread_growth", "spread_over_error")
    depths = ["all", *(f"{depth:g}" for depth in scores["depth_m"])]
    rows = []
    for method, denials in scores["rmse"].items():
        for denial in denials:
            for region in scores["regions"]:
                for place, depth in enumerate(depths):
                    row: dict[str, Any] = {"method": method, "without": denial, "region": region}
                    row["depth_m"] = depth
                    for key in keys:
                        part = scores[key][method][denial]["by_region"][region]
                        row["rmse_K" if key == "rmse" else key] = [part["all"], *part["by_depth"]][place]
                    rows.append(row)
    return pd.DataFrame(rows)


def maps_of(sums: Mapping[str, Mapping[str, xr.Dataset]]) -> xr.Dataset:
    """rmse and spread (analyser, without, depth, lat, lon) K."""
    stacked = {}
    for name, source in (("rmse", "square_map"), ("spread", "variance_map")):
        parts = ([one[source] for one in found.values()] for found in sums.values())
        field = xr.concat([xr.concat(part, "without") for part in parts], "analyser") ** 0.5
        stacked[name] = field.astype(np.float32).assign_attrs(DESCRIBED[name])
    names = list(next(iter(sums.values())))
    coords = {
        "analyser": ("analyser", list(sums), ANALYSER),
        "without": ("without", names, {"long_name": "what was left out"}),
    }
    return xr.Dataset(stacked).assign_coords(coords).assign_attrs(ABOUT)


def _parts(by_depth: xr.DataArray, whole: xr.DataArray) -> dict[str, Any]:
    """`all`, `by_depth` and the same `by_region`, None where there is no water."""
    regions = by_region(by_depth, whole)
    return {**regions["global"], "by_region": regions}


def _combine(one: dict[str, Any], other: dict[str, Any], join: Any) -> dict[str, Any]:
    """The same tree of numbers, each joined with its partner."""
    out: dict[str, Any] = {}
    for key, value in one.items():
        partner = other[key]
        if isinstance(value, dict):
            out[key] = _combine(value, partner, join)
        elif isinstance(value, list):
            out[key] = [_joined(a, b, join) for a, b in zip(value, partner, strict=True)]
        else:
            out[key] = _joined(value, partner, join)
    return out


def _joined(one: float | None, other: float | None, join: Any) -> float | None:
    return None if one is None or not other else round(join(one, other), 4)


def _standard_error(denied: xr.Dataset, control: xr.Dataset) -> float | None:
    """Of the global loss of skill: a jackknife over half years (Efron and Tibshirani 1993, ch. 11)."""
    means = (mean_of(one, "square", ("time",)) for one in (denied, control))
    squares = [mean.sel(region="global").values for mean in means]
    windows = len(squares[0])
    per_year = 1 / np.median(np.diff(denied["time"].values) / np.timedelta64(365, "D"))
    blocks = int(windows * BLOCKS / per_year)
    if blocks < 2:
        return None
    label = np.arange(windows) * blocks // windows
    losses = np.array(
        [np.sqrt(np.divide(*(s[label != b].mean() for s in squares))) for b in range(blocks)]
    )
    return float(round(np.sqrt((blocks - 1) * losses.var()), 4))
