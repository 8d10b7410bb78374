"""How large the error of a reanalysis is: by year, by depth, and what was observed meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepda.figures import counts_by_year, profile_curves, series
from deepda.reports.report import Picture, Section, Table
from deepda.verification.thermocline import levels_shown
from reanalysis.record import Record


def errors_section(record: Record, scores: dict[str, Any]) -> Section:
    """Curves and a table of the errors in K, and the numbers of observed values."""
    rmse, depth = scores["rmse"], record.grid.depth
    by_year = {name: record.over_years(np.array(score["by_year"])) for name, score in rmse.items()}
    by_year["stated by the analysis"] = record.over_years(np.array(scores["spread"]["by_year"]))
    profiles = {name: score["by_depth"] for name, score in rmse.items()}
    for name, part in _decades(record.years).items():
        square = np.square(rmse["analysis"]["by_year_and_depth"])[part].mean(0)
        profiles[name] = np.sqrt(square).tolist()
    blocks: list[Picture | Table] = [
        Picture(
            "rmse_by_year",
            series(by_year, "root mean square error (K)"),
            "Error of each year over the whole volume. It should fall as the observing system grows, "
            "while that of climatology grows with the warming; the stated error should lie on the true "
            "one.",
            wide=True,
        ),
        Picture(
            "rmse_by_depth",
            profile_curves(profiles, depth, "root mean square error (K)"),
            "Error by depth, without the first year; the decades show what floats add at depth.",
        ),
        observed_picture(record),
        _depth_table(scores),
    ]
    return Section("How large is the error?", blocks)


def _decades(years: range) -> dict[str, slice]:
    """First and last ten years, where there are twenty."""
    if len(years) < 20:
        return {}
    return {
        f"{years[0] + 1}–{years[10]}": slice(1, 11),
        f"{years[-10]}–{years[-1]}": slice(len(years) - 10, None),
    }


def observed_picture(record: Record) -> Picture:
    """How many values of each platform type were used in each year."""
    lines = {name: record.over_years(count) for name, count in sorted(record.used.items())}
    return Picture(
        "observations",
        counts_by_year(lines, "values used a year"),
        "Values used by platform type and year, on a logarithmic scale. A year without a mark has none "
        "of that kind: the analysis rests on climatology and earlier windows there.",
        wide=True,
    )


def influence_picture(record: Record) -> Picture:
    """What the observations of a window add, by year and depth."""
    grid = record.grid
    influence = record.yearly(record.influence)
    lines = {
        f"{grid.depth[level]:.0f} m": record.over_years(influence[:, level])
        for level in sorted({*levels_shown(grid), grid.depth.size - 1})
    }
    return Picture(
        "influence_by_year",
        series(lines, "influence of a window (1)"),
        "Mean share of the background's error variance that the observations of one window remove, by "
        "depth: the growth of the observing system.",
        wide=True,
    )


def _depth_table(scores: dict[str, Any]) -> Table:
    rows: dict[str, dict[str, Any]] = {
        "all depths": {name: score["all"] for name, score in scores["rmse"].items()}
        | {"stated": scores["spread"]["all"]}
    }
    for level, depth in enumerate(scores["depth_m"]):
        rows[f"{depth:.0f} m"] = {
            name: score["by_depth"][level] for name, score in scores["rmse"].items()
        } | {"stated": scores["spread"]["by_depth"][level]}
    return Table(
        "rmse",
        rows,
        "Root mean square error in K over the ocean, without the first year; `stated` is what the "
        "analysis says of itself.",
        corner="depth",
        best="smallest",
        unranked=("stated",),
    )
