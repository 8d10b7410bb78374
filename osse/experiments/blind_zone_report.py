"""The results of the blind-zone experiment: a page, and a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from deepda.figures.maps import Panel, map_panels
from deepda.figures.style import NAMES
from deepda.geometry.grid import Grid
from deepda.reports.about import TWIN
from deepda.reports.report import Picture, Section, write_report
from deepda.reports.table import Table, Value, rows_by_depth
from osse.experiments.blind_zone_scores import REACHES
from osse.experiments.charts import depth_panels, in_percent, with_values

TITLES = {
    "analysis": "analysis", "oi": NAMES["oi"], "regression": "regression", "regression_of_observations":
    "regression of observations", "repeat_downward": "repeat downward", "marching_average":
    "marching average", "climatology": "climatology", "dropout": "dropout alone",
    "dropout_and_spread": "dropout and spread",
}  # fmt: skip
COLUMNS = {
    "analysis": "analysis", "oi": "oi", "regression": "regr", "regression_of_observations": "regr-obs",
    "repeat_downward": "REP", "marching_average": "MAR",
}  # fmt: skip
SHOWN = tuple(name for name in TITLES if name in COLUMNS)
SEAS = ("tropical Pacific", "North Pacific", "tropical Atlantic", "North Atlantic", "Indian Ocean",
        "Southern Ocean")  # fmt: skip
MAPPED_DEPTHS = (50.0, 150.0, 300.0)  # m
OVER = "error over that of climatology (1)"
CAPTIONS = {
    "ratio": "Error over that of climatology. Left of the first line (0.71) more than half of the "
    "variance is explained; right of the second (1) climatology is better.",
    "correlation": "Correlation with the true anomalies over places and windows; it does not depend on "
    "their amplitude.",
    "rmse": "Root mean square error, K.",
    "reach": "Depth (m) at which the error first rises to climatology's, and to half of its variance; "
    "'bottom' where it stays below.",
    "sea": "Error over that of climatology by sea and depth.",
    "seas": "Error over that of climatology in the whole blind zone.",
    "quarter": "Error of the analysis over that of climatology, by sea and quarter of the year.",
    "coverage": "Share of the true values within the stated central intervals: right on the line of the "
    "interval; left of it the stated spread is too small.",
    "spread": "Stated spread over error; 1 is right.",
}


def lines(scores: Mapping[str, Any]) -> list[str]:
    """The table within 80 columns: error over climatology's by depth, and how deep each way reaches."""
    over, deep, held = (scores[key] for key in ("over_climatology", "reach_m", "coverage"))
    columns = {title: over[name]["global"] for name, title in COLUMNS.items()}
    columns |= {share: regions["global"] for share, regions in held["analysis"].items()}
    depths = [*(f"{depth:.0f} m" for depth in scores["depth_m"]), "all blind"]
    ratios = {title: [*one["by_depth"], one.get("all")] for title, one in columns.items()}
    depth_of = {title: deep[name]["global"] for name, title in COLUMNS.items()}
    ratio, reach = pd.DataFrame(ratios, depths, dtype=float), pd.DataFrame(depth_of, dtype=float)
    return [
        f"Error over that of climatology, {scores['scored_from']} to {scores['scored_to']}; "
        f"seen to {scores['last_level_seen_m']:.0f} m",
        "50%, 90%: share of truths within these intervals of the analysis",
        "",
        *ratio.to_string(float_format="{:.2f}".format, na_rep="-").splitlines(),
        "",
        "reaches down to (m), globally; - is the bottom of the grid:",
        *reach.to_string(float_format="{:.0f}".format, na_rep="-").splitlines(),
    ]


def write(
    grid: Grid,
    scores: Mapping[str, Any],
    maps: xr.Dataset,
    about: Mapping[str, str],
    output: Path,
) -> Path:
    """`report.html`, with PNG and CSV files in `figures`.

    Args:
        scores: as in blind_zone.json.
        maps: as in blind_zone.nc.
    """
    seen = (
        "satellites only"
        if scores["below_m"] is None
        else f"satellites, profiles to {scores['below_m']:g} m"
    )
    half = scores["reach_m"]["analysis"]["global"]["half the variance"]
    pooled = scores["over_climatology"]
    return write_report(
        output / "report.html",
        "How far down can the surface be continued?",
        [_depths(scores), _seas(scores), _seasons(scores), _maps(grid, maps), _intervals(scores)],
        about=about,
        notice=TWIN,
        headline=f"With {seen} the error below them is "
        f"{100 * pooled['analysis']['global']['all']:.0f} % of that of climatology, with optimal "
        f"interpolation {100 * pooled['oi']['global']['all']:.0f} %.",
        summary=(
            f"A trained run analyses its own test years with {seen}. Repeating downward takes the "
            "analysed anomaly (K) of the last level seen in all levels below, not limited to the mixed "
            "layer. The marching average takes, level by level, the mean of the water among the nine "
            "cells above. The regression multiplies the analysed anomaly of the last level by "
            "coefficients of each cell and part of the year, fitted on the training years; that of "
            "observations uses the values of one window alone, zero in gaps. Optimal interpolation is "
            "cycled with the same observations."
        ),
        facts={
            "seen": seen,
            "blind zone, analysis": f"{pooled['analysis']['global']['all']:.2f} of climatology",
            "blind zone, optimal interpolation": f"{pooled['oi']['global']['all']:.2f} of climatology",
            "half the variance down to": "the bottom" if half is None else f"{half:.0f} m",
        },
        footer=f"deepda osse blind-zone --run {scores['run']}; seed {scores['seed']}; "
        f"{scores['scored_windows']} windows from {scores['scored_from']} to {scores['scored_to']}",
        beside=output / "figures",
    )


def _curves(tree: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Values by depth of some methods in a region."""
    return {TITLES[name]: tree[name][region]["by_depth"] for name in SHOWN}


def _depths(scores: Mapping[str, Any]) -> Section:
    depth, agree = scores["depth_m"], "correlation of anomalies (1)"
    over, correlation = (
        {"": _curves(scores[key], "global")} for key in ("over_climatology", "correlation")
    )
    ratio = depth_panels(over, depth, OVER, marks=tuple(REACHES.values()), limits=(0.0, 1.6))
    agreement = depth_panels(correlation, depth, agree, limits=(-0.1, 1.0))
    reach = scores["reach_m"]
    rows: dict[str, dict[str, Value]] = {
        f"{region}, {what}": {
            TITLES[name]: "bottom" if reach[name][region][what] is None else reach[name][region][what]
            for name in SHOWN
        }
        for region in ("global", "tropical Pacific", "North Atlantic", "Southern Ocean")
        for what in REACHES
    }
    return Section(
        "How deep",
        [
            Picture("over_climatology", ratio, CAPTIONS["ratio"]),
            Picture("correlation", agreement, CAPTIONS["correlation"]),
            Table("rmse", _rmse_rows(scores), CAPTIONS["rmse"], corner="depth", best="smallest"),
            Table("reach", rows, CAPTIONS["reach"]),
        ],
    )


def _rmse_rows(scores: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    trees = {TITLES[name]: tree["global"] for name, tree in scores["rmse"].items()}
    whole: dict[str, dict[str, Value]] = {"blind zone": {name: of["all"] for name, of in trees.items()}}
    profiles = {name: tree["by_depth"] for name, tree in trees.items()}
    return whole | rows_by_depth(scores["depth_m"], profiles)


def _seas(scores: Mapping[str, Any]) -> Section:
    panels = with_values({sea: _curves(scores["over_climatology"], sea) for sea in SEAS})
    figure = depth_panels(panels, scores["depth_m"], OVER, marks=(1.0,), limits=(0.0, 1.6))
    rows = {
        sea: {TITLES[name]: scores["over_climatology"][name][sea]["all"] for name in SHOWN}
        for sea in ("global", *SEAS)
    }
    return Section(
        "Where",
        [
            Picture("over_climatology_by_sea", figure, CAPTIONS["sea"], wide=True),
            Table("by_sea", rows, CAPTIONS["seas"], best="smallest"),
        ],
    )


def _seasons(scores: Mapping[str, Any]) -> Section:
    quarters = scores["by_quarter"]["analysis"]
    panels = {sea: {name: tree[sea]["by_depth"] for name, tree in quarters.items()} for sea in SEAS}
    figure = depth_panels(
        with_values(panels), scores["depth_m"], f"analysis: {OVER}", marks=(1.0,), limits=(0.0, 1.6)
    )
    picture = Picture("over_climatology_by_quarter", figure, CAPTIONS["quarter"], wide=True)
    return Section("When", [picture])


def _maps(grid: Grid, maps: xr.Dataset) -> Section:
    blocks = []
    for level in sorted({int(np.abs(grid.depth - depth).argmin()) for depth in MAPPED_DEPTHS}):
        where = f"{grid.depth[level]:.0f} m"
        reference = maps["rmse"].sel(analyser="climatology").values[level]
        panels = []
        for name in ("analysis", "regression"):
            error = maps["rmse"].sel(analyser=name).values[level]
            ratio = error / np.where(reference > 0, reference, np.nan)
            title = f"{TITLES[name].capitalize()}, {where}"
            panels.append(Panel(100 * (ratio - 1), "gain", title, (-100.0, 100.0)))
        figure = map_panels(panels, grid, level=level, columns=2)
        caption = (
            f"Error at {where} over that of climatology, less 1, of the analysis and of the regression: "
            "blue where it is better than climatology, red where it is worse."
        )
        blocks.append(Picture(f"map_{where.replace(' ', '')}", figure, caption, wide=True))
    return Section("Maps", blocks)


def _intervals(scores: Mapping[str, Any]) -> Section:
    stated = list(scores["coverage"])
    panels = {
        f"{level[:-1]} % interval": {
            TITLES[name]: in_percent(scores["coverage"][name][level]["global"]["by_depth"])
            for name in stated
        }
        for level in ("50%", "90%")
    }
    marks, label = dict(zip(panels, (50.0, 90.0), strict=True)), "share of truths inside (%)"
    figure = depth_panels(panels, scores["depth_m"], label, marks=marks, limits=(0.0, 100.0))
    ratios = {TITLES[name]: scores["spread_over_error"][name]["global"]["by_depth"] for name in stated}
    rows = rows_by_depth(scores["depth_m"], ratios)
    dropout = scores["dropout"]
    text = (
        f"Monte-Carlo dropout: left out, since {dropout['skipped']}."
        if "skipped" in dropout
        else f"Monte-Carlo dropout: {dropout['passes']} thinned networks from the same background, "
        f"every {dropout['every_windows']} windows; their scatter alone, and joined with the "
        "carried spread."
    )
    return Section(
        "Is the stated error right?",
        [
            Picture("coverage", figure, CAPTIONS["coverage"], wide=True),
            Table("spread_over_error", rows, CAPTIONS["spread"], corner="depth", best="nearest 1"),
        ],
        text,
    )
