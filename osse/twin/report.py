"""The page of a twin experiment: what was done, how good it is, where it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from deepda.assimilation.state import StateSpace
from deepda.figures import (
    Panel,
    index_series,
    learning_curve,
    map_field,
    map_panels,
    rank_bars,
    rmse_by_depth,
    section,
    series,
    spectra,
    spread_skill_by_depth,
    truth_analysis_error,
)
from deepda.reports.report import Picture, Section, Table, score_rows, write_report
from deepda.verification import nino34, ocean_weights, rmse
from deepda.verification.thermocline import SUBSURFACE, levels_shown
from osse.twin.increments import INCREMENTS
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
        space: grid and climatology.
        scores: as in `scores.json`.
        superobservations: (time, depth, lat, lon) degC, NaN where nothing was observed.
        about: what was run.
        output: folder of the run.
        more: sections that follow the uncertainty.
    """
    fields = open_fields(output)
    sections = [
        _skill(fields, space, scores),
        _maps(fields, space, superobservations),
        _variability(fields, space),
        _uncertainty(fields, space, scores),
        *more,
        _increments(space, scores, output / INCREMENTS),
        _learning(scores),
    ]
    rmse_all = {name: value["all"] for name, value in scores["rmse"].items()}
    shown = {"analysis": "analysis error", "oi": "optimal interpolation", "climatology": "climatology"}
    facts = {title: f"{rmse_all[name]:.3f} K" for name, title in shown.items() if name in rmse_all}
    facts["spread / error"] = f"{scores['reliability']['spread_skill']['all']:.2f}"
    return write_report(
        output / "report.html",
        "DeepDA twin experiment",
        [part for part in sections if part is not None],
        about=about,
        headline=headline(rmse_all, scores["gain"]),
        facts=facts,
        summary=(
            "Not the real ocean: a twin experiment. A network that learnt from the training years of a "
            "control simulation analyses years it never saw. The truth is known, the observations are "
            "drawn from it as the historical network would have made them, and every method gets the "
            "same ones. Errors are analysis minus truth, weighted by water volume; the first "
            f"{scores['spinup_windows']} windows do not count."
            + ("" if "oi" in rmse_all else " Optimal interpolation was not cycled here.")
        ),
        footer=f"seed {scores['seed']}; " + ", ".join(f"{k} {v}" for k, v in scores["versions"].items()),
        beside=output / "figures",
    )


def headline(rmse: Mapping[str, float], gain: Mapping[str, Any]) -> str:
    """The error (K) of the analysis, beside that of the best baseline and that of climatology."""
    over = 1 - rmse["analysis"] / rmse["climatology"]
    side = "below" if over >= 0 else "above"
    return (
        f"The error of the analysis is {rmse['analysis']:.3f} K, {gain_words(gain)}, and "
        f"{abs(over):.1%} {side} that of climatology ({rmse['climatology']:.3f} K)."
    )


def _skill(fields: dict[str, xr.DataArray], space: StateSpace, scores: dict[str, Any]) -> Section:
    weights = ocean_weights(space.grid)
    lines: dict[str, xr.DataArray] = {
        name: rmse(fields[name], fields["truth"], weights, keep=("time",))
        for name in ("analysis", "background", "oi")
        if name in fields
    }
    return Section(
        "Skill",
        [
            Table(
                "rmse",
                score_rows(scores),
                "Root mean square error, K. Observations are scored where there are any.",
                corner="depth",
                best="smallest",
                unranked=("observations",),
            ),
            Picture(
                "rmse_by_depth",
                rmse_by_depth(scores),
                "Error by depth. Left is better; where the curve of the analysis lies left of the best "
                "baseline at every depth, the network is better everywhere.",
            ),
            Picture(
                "rmse_series",
                series(lines, "error (K)", spinup=scores["spinup_windows"]),
                "Error of each window. From climatology, the first observations remove most of the "
                "error within weeks; memory of the deep ocean takes the rest of the spin-up.",
            ),
        ],
    )


def _maps(fields: dict[str, xr.DataArray], space: StateSpace, observed: np.ndarray) -> Section:
    grid, last = space.grid, -1
    deep = levels_shown(grid)[1]
    truth, analysis = (anomaly_of(fields[name], space).isel(time=last) for name in ("truth", "analysis"))
    blocks = []
    for level in (0, deep):
        panels = truth_analysis_error(truth.values[level], analysis.values[level], grid, level=level)
        blocks.append(
            Picture(
                f"maps_{grid.depth[level]:.0f}m",
                map_panels(panels, grid, level=level),
                f"Temperature anomaly at {grid.depth[level]:.0f} m at the last window: truth, analysis "
                "and their difference.",
                wide=True,
            )
        )
    error = (fields["analysis"] - fields["truth"]).isel(time=last)
    counts = 100 * np.isfinite(observed).mean(0).max(0)
    blocks += [
        Picture(
            "section_equator",
            section(analysis.values, grid, "anomaly", lat=0.0),
            "Analysed anomaly along the equator. El Niño tilts the thermocline: opposite signs in west "
            "and east.",
        ),
        Picture(
            "section_error",
            section(error.values, grid, "error", lat=0.0),
            "Its error. Errors are largest in the thermocline, where anomalies are.",
        ),
        Picture(
            "coverage",
            map_field(np.where(grid.ocean[0], counts, np.nan), grid, "coverage"),
            "Share of windows in which each column was observed, at the depth seen most often.",
        ),
    ]
    return Section("Maps and sections", blocks)


def _variability(fields: dict[str, xr.DataArray], space: StateSpace) -> Section:
    names: list[str] = [name for name in ("truth", "analysis", "oi") if name in fields]
    index = {name: nino34(anomaly_of(fields[name], space), space.grid) for name in ("truth", "analysis")}
    power = {name: spectrum_of(fields[name], space) for name in names}
    return Section(
        "Variability",
        [
            Picture(
                "nino34",
                index_series(index["truth"], index["analysis"]),
                "Niño 3.4 of truth and analysis.",
            ),
            Picture(
                "spectra_surface",
                spectra(power, 0.0, title="surface"),
                "Zonal spectra of the anomalies. An analysis below the truth at short wavelengths is "
                "blurred there.",
            ),
            Picture(
                "spectra_deep",
                spectra(power, SUBSURFACE, title=f"{SUBSURFACE:.0f} m"),
                "The same near the thermocline, where only profiles see.",
            ),
        ],
    )


def _uncertainty(fields: dict[str, xr.DataArray], space: StateSpace, scores: dict[str, Any]) -> Section:
    trusted = scores["reliability"]
    ratio = xr.DataArray(trusted["spread_skill"]["by_depth"], {"depth": space.grid.depth}, ("depth",))
    deep = levels_shown(space.grid)[1]
    spread = fields["stddev"].isel(time=-1).values[deep]
    share = fields["influence"].isel(time=-1).values[0]
    regions, ratios = trusted["spread_skill"]["by_region"], trusted["desroziers"]
    return Section(
        "Uncertainty",
        [
            Picture(
                "spread_skill",
                spread_skill_by_depth({"analysis": ratio}),
                "Stated spread over real error by depth; inside the band it is within a tenth.",
            ),
            Picture(
                "pit",
                rank_bars(trusted["pit"], label="quantile of the truth in the stated distribution"),
                "Flat is right; a hump shows a spread that is too large, a bowl one that is too small.",
            ),
            Picture(
                "spread_map",
                map_field(spread, space.grid, "stddev", level=deep),
                f"Stated spread at {space.grid.depth[deep]:.0f} m at the last window.",
            ),
            Picture(
                "influence_map",
                map_field(share, space.grid, "influence"),
                "Share of the surface error variance that the last window's observations removed; "
                "gaps are clouds.",
            ),
        ],
        text=(
            f"50 % intervals hold {trusted['coverage']['0.5']:.0%} of the truths and 90 % intervals "
            f"{trusted['coverage']['0.9']:.0%}. Spread over error by region: "
            + ", ".join(f"{name} {ratio:.2f}" for name, ratio in regions.items())
            + ". Desroziers diagnostics (Desroziers et al. 2005): the observation error is "
            f"{_range(ratios['observation'])} of the assumed one, by depth, and that of the analysis "
            f"where it is observed {_range(ratios['analysis'])} of the stated one."
        ),
    )


def _range(ratios: list[float | None]) -> str:
    known = [ratio for ratio in ratios if ratio is not None]
    return f"{min(known):.2f} to {max(known):.2f}" if known else "an unknown part"


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
                f"{place}: what one observation 1 K above climatology does at {depth:.0f} m. The shape "
                "is that of the error of a background that is climatology.",
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
                learning_curve(
                    {"validation": updates},
                    {"validation": score},
                    "validation error (K)",
                    chosen=updates[int(np.argmin(score))],
                ),
                "Error on the validation years; the marked weights were kept.",
            )
        ],
    )
