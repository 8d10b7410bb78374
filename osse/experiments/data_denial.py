"""`deepda osse deny`: observing-system experiments. What is each part of the network worth?

A trained run is cycled again through its own test years, with kinds of platforms left out: same truth,
same values and errors of what is kept, same weights. Optimal interpolation gets the same data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import osse.experiments.data_denial_report
from deepda.assimilation.cycle import Analyser
from deepda.networks.device import AUTO
from deepda.runs.folder import run_folder
from deepda.verification import WindowSums, mean_of, rmse_of, spread_of
from osse.experiments.denied_platforms import CONTROL, Denial, possible, read_denials
from osse.experiments.finished_run import (
    TwinScorer,
    kept_observations,
    opened,
    score_cycle,
    tables,
)
from osse.experiments.regions import by_region, sea_weights
from osse.experiments.results import about_run, write_results

SAME = 1e-3  # relative difference of errors that rounding in files and another machine may make
BLOCKS = 2  # a year: how often the loss of skill is looked at for its standard error


def run(folder: Path, output: Path, without: str | None = None, device: str = AUTO) -> dict[str, Any]:
    """All experiments on a run; writes denial.json, denial.csv, denial.nc and report.html.

    Args:
        folder: of the run; nothing is written there.
        output: folder of the results.
        without: see `read_denials`.
        device: that the generator analyses on: auto, cpu or cuda.

    Raises:
        DeepDAError: a run that cannot be used, an unknown word, or platforms that the run has none of.
    """
    with run_folder(output) as here:
        progress = here.progress
        read_denials(without, 0)  # refuse before minutes of reading
        with opened(folder, output, progress, device) as trained:
            twin, windows = trained.twin, tables(trained.twin, progress)
            denials = possible(
                read_denials(without, trained.config.seed), windows, typed=without is not None
            )
            weights = sea_weights(twin.space.grid)
            methods: dict[str, Analyser] = {"analysis": trained.analyser, "oi": trained.oi}
            sums: dict[str, dict[str, xr.Dataset]] = {name: {} for name in methods}
            rows: dict[str, int] = {}
            for denial in (Denial(), *denials):
                with progress.stage(f"Averaging the observations in cells, {denial.title}"):
                    found, rows[denial.name] = kept_observations(twin, windows, denial.keep)
                for name, method in methods.items():
                    title = f"{name}, {denial.title}"
                    windowed = WindowSums(weights, mapped=("square", "variance"))
                    scorer = TwinScorer(twin, trained.spinup, windowed)
                    score_cycle(method, found, scorer, progress, title)
                    sums[name][denial.name] = windowed.result()
        counts = {name: {"kept": kept, "denied": rows[CONTROL] - kept} for name, kept in rows.items()}
        scores = about_run(trained) | {"rows": counts} | scores_of(sums)
        page, path = osse.experiments.data_denial_report.write, output / "denial"
        write_results(trained, scores, rows_of(scores), maps_of(sums), page, path, progress)
        progress.note(control_against_run(folder, scores["rmse"]["analysis"][CONTROL]["all"]))
    print("\n".join(osse.experiments.data_denial_report.lines(scores)))
    return scores


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
    scores: dict[str, Any] = {
        "rmse": {},
        "loss_of_skill": {},
        "spread_growth": {},
        "spread_over_error": {},
    }
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
            scores["loss_of_skill"][method][name]["standard_error"] = _standard_error(
                one, found[CONTROL]
            )
    return scores


def rows_of(scores: Mapping[str, Any]) -> pd.DataFrame:
    """One row a method, denial, region and depth ("all" or m)."""
    names = {"rmse": "rmse_K", "loss_of_skill": "loss_of_skill", "spread_growth": "spread_growth",
             "spread_over_error": "spread_over_error"}  # fmt: skip
    depths = ["all", *(f"{depth:g}" for depth in scores["depth_m"])]
    rows = []
    for method, denials in scores["rmse"].items():
        for denial in denials:
            for region in scores["regions"]:
                for place, depth in enumerate(depths):
                    row: dict[str, Any] = {"method": method, "without": denial, "region": region}
                    row["depth_m"] = depth
                    for key, column in names.items():
                        part = scores[key][method][denial]["by_region"][region]
                        row[column] = part["all"] if depth == "all" else part["by_depth"][place - 1]
                    rows.append(row)
    return pd.DataFrame(rows)


def maps_of(sums: Mapping[str, Mapping[str, xr.Dataset]]) -> xr.Dataset:
    """rmse and spread (analyser, without, depth, lat, lon) K."""
    stacked = {}
    for name, source in (("rmse", "square_map"), ("spread", "variance_map")):
        parts = [
            xr.concat([one[source] for one in found.values()], "without") for found in sums.values()
        ]
        field = xr.concat(parts, "analyser") ** 0.5
        stacked[name] = field.astype(np.float32).assign_attrs(units="K")
    names = list(next(iter(sums.values())))
    return xr.Dataset(stacked).assign_coords(analyser=list(sums), without=names)


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
    squares = [
        mean_of(one, "square", ("time",)).sel(region="global").values for one in (denied, control)
    ]
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
