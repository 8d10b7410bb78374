"""The page of a twin experiment: what was done, how good it is, where it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from deepda.assimilation.state import StateSpace
from deepda.base.text import beside, capital
from deepda.figures import (
    Panel,
    index_series,
    learning_curve,
    map_field,
    map_panels,
    section,
    spectra,
    truth_analysis_error,
)
from deepda.reports.about import TWIN
from deepda.reports.report import Picture, Section, write_report
from deepda.verification import nino34
from deepda.verification.thermocline import levels_shown
from osse.twin.increments import INCREMENTS
from osse.twin.report_skill import day_of, skill_section
from osse.twin.report_uncertainty import uncertainty_section
from osse.twin.scores import anomaly_of, gain_words, open_fields, spectrum_of


def write(
    space: StateSpace,
    scores: dict[str, Any],
    superobservations: np.ndarray,
    about: Mapping[str, str],
    output: Path,
    more: Sequence[Section],
) -> Path:
    """`report.html` and the figures beside it, from the files of a run.

    Args:
        scores: as in `scores.json`.
        superobservations: (time, depth, lat, lon) degC, NaN where nothing was observed.
        more: sections that follow the uncertainty.
    """
    fields = open_fields(output)
    sections = [
        skill_section(fields, space, scores),
        _maps(fields, space, superobservations),
        _variability(fields, space, scores),
        uncertainty_section(fields, space, scores),
        *more,
        _increments(space, scores, output / INCREMENTS),
        _learning(scores),
    ]
    rmse_all = {name: value["all"] for name, value in scores["rmse"].items()}
    shown = {"analysis": "analysis error", "oi": "optimal interpolation", "climatology": "climatology"}
    facts = {title: f"{rmse_all[name]:#.3g} K" for name, title in shown.items() if name in rmse_all}
    facts["spread / error"] = f"{scores['reliability']['spread_skill']['all']:.2f}"
    return write_report(
        output / "report.html",
        "DeepDA twin experiment",
        [part for part in sections if part is not None],
        about=about,
        notice=TWIN,
        headline=headline(rmse_all, scores["gain"]),
        facts=facts,
        summary=(
            "A network that learnt from the training years of a "
            "control simulation analyses years it never saw. The truth is known, the observations are "
            "drawn from it as the observing system of those years would have made them, and every "
            "method gets the same ones. Errors are analysis minus truth, weighted by water volume; the "
            f"first {scores['spinup_windows']} windows do not count."
            + ("" if "oi" in rmse_all else " Optimal interpolation was not cycled here.")
        ),
        footer=f"seed {scores['seed']}; " + ", ".join(f"{k} {v}" for k, v in scores["versions"].items()),
        beside=output / "figures",
    )


def headline(rmse: Mapping[str, float], gain: Mapping[str, Any]) -> str:
    """The error (K) of the analysis, beside that of the best baseline and that of climatology."""
    over = 1 - rmse["analysis"] / rmse["climatology"]
    return (
        f"The error of the analysis is {rmse['analysis']:#.3g} K, {gain_words(gain)}, and "
        f"{beside(over)} that of climatology ({rmse['climatology']:#.3g} K)."
    )


def _maps(fields: dict[str, xr.DataArray], space: StateSpace, observed: np.ndarray) -> Section:
    grid = space.grid
    truth, analysis = (anomaly_of(fields[name], space).isel(time=-1) for name in ("truth", "analysis"))
    day = day_of(fields["truth"], -1)
    blocks = []
    for level in levels_shown(grid):
        panels = truth_analysis_error(truth.values[level], analysis.values[level], grid, level=level)
        blocks.append(
            Picture(
                f"maps_{grid.depth[level]:.0f}m",
                map_panels(panels, grid, level=level),
                f"Temperature anomaly at {grid.depth[level]:.0f} m, window of {day}: truth, analysis "
                "and their difference.",
                wide=True,
            )
        )
    counts = 100 * np.isfinite(observed).mean(0).max(0)
    times = f"{day_of(fields['truth'], 0)} to {day}"
    blocks += [
        Picture(
            "section_equator",
            section(analysis.values, grid, "anomaly", lat=0.0),
            f"Analysed anomaly along the equator, window of {day}.",
        ),
        Picture(
            "section_error",
            section((analysis - truth).values, grid, "error", lat=0.0),
            f"Error of the analysis along the equator, window of {day}.",
        ),
        Picture(
            "coverage",
            map_field(np.where(grid.ocean[0], counts, np.nan), grid, "coverage"),
            f"Share of the windows from {times} in which each column was observed, at the depth "
            "observed most often.",
        ),
    ]
    return Section("Maps and sections", blocks)


def _variability(fields: dict[str, xr.DataArray], space: StateSpace, scores: dict[str, Any]) -> Section:
    names: list[str] = [name for name in ("truth", "analysis", "oi") if name in fields]
    index = {name: nino34(anomaly_of(fields[name], space), space.grid) for name in ("truth", "analysis")}
    power = {name: spectrum_of(fields[name], space) for name in names}
    after = slice(scores["spinup_windows"], None)
    correlation = float(np.corrcoef([line.values[after] for line in index.values()])[0, 1])
    pictures = [
        Picture(
            "nino34",
            index_series(index["truth"], index["analysis"]),
            "Niño 3.4, sea surface temperature anomaly of 5°S–5°N, 170–120°W, in truth and analysis. "
            f"Correlation after the spin-up: {correlation:.3f}.",
        )
    ]
    for name, level in zip(("surface", "deep"), levels_shown(space.grid), strict=False):
        depth, ratio = space.grid.depth[level], scores["spectral_ratio"]["analysis"][level]
        pictures.append(
            Picture(
                f"spectra_{name}",
                spectra(power, depth, title=f"{depth:.0f} m"),
                f"Zonal spectra of the anomalies at {depth:.0f} m. At the shortest third of the "
                f"wavelengths the analysis has {ratio:.2g} times the power of the truth: "
                + ("it is too smooth there." if ratio < 1 else "there is error on top of it."),
            )
        )
    return Section("Variability", pictures)


def _increments(space: StateSpace, scores: dict[str, Any], path: Path) -> Section:
    with xr.open_dataset(path) as file:
        found = file.load()
    titles = {"analysis": "network", "oi": "optimal interpolation"}
    pictures = []
    for place in found["place"].values:
        here = found.sel(place=place)
        depth = float(here["observed_depth"])
        level = int(np.abs(space.grid.depth - depth).argmin())
        panels = [
            Panel(here["increment"].sel(analyser=name).values[level], "increment", title, (-1.0, 1.0))
            for name, title in titles.items()
            if name in here["analyser"]
        ]
        pictures.append(
            Picture(
                f"increment_{place.lower().replace(' ', '_')}",
                map_panels(panels, space.grid, level=level, columns=2),
                f"{capital(place)}: increment at {depth:.0f} m of a single observation there, 1 K "
                "above a background that is the climatology.",
                wide=True,
            )
        )
    shares = "; ".join(
        f"{place}: " + ", ".join(f"{titles[name]} {share:.2f}" for name, share in shares.items())
        for place, shares in scores["across_land"].items()
    )
    crossing = f" Share of an increment that appears beyond an isthmus: {shares}." if shares else ""
    return Section("One observation", pictures, text="Where the influence of a value goes." + crossing)


def _learning(scores: dict[str, Any]) -> Section | None:
    history = scores.get("history")
    if not history:
        return None
    updates = [entry["update"] for entry in history]
    score = [entry["validation"] for entry in history]
    return Section(
        "Training",
        [
            Picture(
                "learning",
                learning_curve(updates, score, kept=updates[int(np.argmin(score))]),
                "Error on the validation years; the marked weights were kept.",
            )
        ],
    )
