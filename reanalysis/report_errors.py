"""How large the error of a reanalysis is: by year, by depth, and what was observed meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepda.base.text import period
from deepda.figures import Panel, counts_by_year, map_panels, profile_curves, series, time_depth
from deepda.figures.mesh import limits_of
from deepda.figures.time_axis import monthly_means
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, score_rows
from deepda.verification.thermocline import levels_shown
from reanalysis.record import ANALYSIS, Record


def errors_section(record: Record, scores: dict[str, Any]) -> Section:
    """Curves and a table of the errors in K, and the numbers of observed values."""
    rmse, depth, years = scores["rmse"], record.grid.depth, record.years
    by_year = {name: record.over_years(np.array(score["by_year"])) for name, score in rmse.items()}
    by_year["stated by the analysis"] = record.over_years(np.array(scores["spread"]["by_year"]))
    profiles = {name: score["by_depth"] for name, score in rmse.items()}
    for name, part in _decades(record.years).items():
        yearly = np.square(rmse["analysis"]["by_year_and_depth"])[part]
        profiles[name] = np.sqrt(yearly.mean(0)).tolist()
    square = record.over_time(record.square_error[ANALYSIS], "depth")
    blocks: list[Picture | Table] = [
        Picture(
            "rmse_by_year",
            series(by_year, "root mean square error (K)"),
            f"Error of each year over the whole volume, {period(years)}. Where the stated error "
            "is right it lies on that of the analysis.",
            wide=True,
        ),
        Picture(
            "rmse_time_depth",
            time_depth(monthly_means(square, record.windows.per_year) ** 0.5, record.grid),
            f"Root mean square error of the analysis by month and depth, {period(years)}.",
            wide=True,
        ),
        Picture(
            "rmse_by_depth",
            profile_curves(profiles, depth, "root mean square error (K)"),
            f"Error by depth{_without_first(years)}.",
        ),
        observed_block(record),
        _depth_table(scores),
    ]
    return Section("How large is the error?", blocks)


def _without_first(years: range) -> str:
    return ", without the first year, the spin-up" if len(years) > 1 else ""


def _decades(years: range) -> dict[str, slice]:
    """First and last ten years, where there are twenty."""
    if len(years) < 20:
        return {}
    return {
        f"{years[0] + 1}–{years[10]}": slice(1, 11),
        f"{years[-10]}–{years[-1]}": slice(len(years) - 10, None),
    }


def observed_block(record: Record) -> Picture | Table:
    """How many values of each platform type were used in each year; a table where there is one year."""
    if len(record.years) == 1:
        return Table(
            "observations",
            {name: {"values used": int(count[0])} for name, count in sorted(record.used.items())},
            f"Values used by platform type, {period(record.years)}.",
            corner="platform type",
        )
    lines = {name: record.over_years(count) for name, count in sorted(record.used.items())}
    return Picture(
        "observations",
        counts_by_year(lines),
        f"Values used by platform type and year, {period(record.years)}, on a logarithmic "
        "scale. A year without a mark has none of that kind.",
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
        f"year and depth, {period(record.years)}.",
        wide=True,
    )


def uncertainty_section(record: Record) -> Section:
    """Maps of the stated error beside the error, and of the influence of the observations."""
    names = ("surface", "subsurface")
    blocks: list[Picture | Table] = []
    for place, (name, level) in enumerate(zip(names, levels_shown(record.grid), strict=True)):
        blocks += [
            _spread_and_error(record, name, place, level),
            _influence(record, name, place, level),
        ]
    return Section("How sure is it, and why?", [*blocks, influence_picture(record)])


def _spread_and_error(record: Record, name: str, place: int, level: int) -> Picture:
    """Stated error and error side by side, a row a year."""
    years, depth = _ends(record), f"{record.grid.depth[level]:.0f} m"
    both = {"stated": record.spread_maps, "error": record.error_maps}
    limits = limits_of([maps[year][place] for maps in both.values() for year in years], "stddev")
    panels = [
        Panel(maps[year][place], "stddev" if what == "stated" else "rmse", f"{year}, {what}", limits)
        for year in years
        for what, maps in both.items()
    ]
    return Picture(
        f"stddev_{name}",
        map_panels(panels, record.grid, level=level, columns=2),
        f"At {depth}: stated standard deviation of the error, and root mean square error, "
        f"of {' and of '.join(map(str, years))}, in the same colours. Where the statement is right they "
        "are alike.",
        wide=True,
    )


def _influence(record: Record, name: str, place: int, level: int) -> Picture:
    years, depth = _ends(record), f"{record.grid.depth[level]:.0f} m"
    limits = limits_of([record.influence_maps[year][place] for year in years], "influence")
    panels = [
        Panel(record.influence_maps[year][place], "influence", f"{year}, {depth}", limits)
        for year in years
    ]
    return Picture(
        f"influence_{name}",
        map_panels(panels, record.grid, level=level, columns=2),
        f"Share of the background's error variance that the observations of one window remove at "
        f"{depth}, mean of {' and of '.join(map(str, years))}.",
        wide=True,
    )


def _ends(record: Record) -> list[int]:
    return sorted({record.years[0], record.years[-1]})


def _depth_table(scores: dict[str, Any]) -> Table:
    span = scores["years"][0], scores["years"][-1] + 1
    stated = [scores["spread"]["all"], *scores["spread"]["by_depth"]]
    rows = {
        name: row | {"stated": value}
        for (name, row), value in zip(score_rows(scores).items(), stated, strict=True)
    }
    return Table(
        "rmse",
        rows,
        f"Root mean square error in K over the ocean{_without_first(range(*span))}; “stated” is the "
        "standard deviation that the analysis states.",
        corner="depth",
        best="smallest",
        unranked=("stated",),
    )
