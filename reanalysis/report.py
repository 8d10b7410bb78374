"""The page of a reanalysis whose truth is known: does it follow the climate, and where does it not?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.observed_ocean import ObservedOcean
from deepda.assimilation.state import StateSpace
from deepda.base.text import beside_others, period
from deepda.figures import (
    Panel,
    index_series,
    map_panels,
    profile_curves,
    section,
    series,
    truth_analysis_error,
)
from deepda.figures.time_axis import monthly_means
from deepda.reports.about import TWIN
from deepda.reports.report import Picture, Section, write_report
from deepda.reports.table import Table
from deepda.verification import trend
from deepda.verification.climate import FEWEST_YEARS
from deepda.verification.thermocline import levels_shown
from reanalysis.judge import mean_anomaly
from reanalysis.record import ANALYSIS, TRUTH, Array, ClimateSeries, Record, heat_depth
from reanalysis.report_errors import errors_section, uncertainty_section


def write(
    record: Record,
    scores: dict[str, Any],
    space: StateSpace,
    ocean: ObservedOcean,
    about: Mapping[str, str],
    folder: Path,
    more: Sequence[Section],
) -> Path:
    """Write `report.html`, `more` at its end, and the pictures and tables in `figures/`."""
    sections = [
        _climate(record, scores),
        errors_section(record, scores),
        _event(record, space, ocean, folder),
    ]
    return write_report(
        folder / "report.html",
        f"Analysis of a synthetic ocean, {period(record.years)}",
        [*sections, uncertainty_section(record), *more],
        about=about,
        notice=TWIN,
        headline=_headline(scores),
        summary="The years were analysed from observations of a simulated ocean, whose truth is known. "
        "The network learnt from a control simulation alone and saw nothing of this ocean but the "
        "observations.",
        facts=_facts(scores),
        footer="Settings in config.yaml, numbers in scores.json.",
        beside=folder / "figures",
    )


def _headline(scores: dict[str, Any]) -> str:
    rmse = {name: score["all"] for name, score in scores["rmse"].items()}
    return f"The error of the analysis is {rmse['analysis']:#.3g} K, {beside_others(rmse, '#.3g')}."


def _facts(scores: dict[str, Any]) -> dict[str, str]:
    facts = {
        "Error of the analysis": f"{scores['rmse']['analysis']['all']:#.3g} K",
        "Error of climatology": f"{scores['rmse']['climatology']['all']:#.3g} K",
        "Niño 3.4 correlation": f"{scores['nino34']['correlation']:.3f}",
    }
    if len(scores["years"]) >= FEWEST_YEARS:
        found = scores["trend_per_decade"]
        for name in ("truth", "analysis"):
            facts[f"Surface trend, {name}"] = _with_error(found[name]["sea_surface_K"], "K/decade")
    return facts


def _with_error(number: dict[str, float | None], unit: str) -> str:
    half = "" if number["half_width"] is None else f" ± {number['half_width']:.3f}"
    return f"{number['slope']:.3f}{half} {unit}"


def _climate(record: Record, scores: dict[str, Any]) -> Section:
    truth, analysis = (record.series[name] for name in (TRUTH, ANALYSIS))
    depth, years = heat_depth(record.grid), period(record.years)
    blocks: list[Picture | Table] = [
        Picture(
            "nino34",
            index_series(
                _monthly(record, truth.nino34),
                _monthly(record, analysis.nino34),
                _monthly(record, record.nino34_stddev),
            ),
            "Niño 3.4, sea surface temperature anomaly in 5°S–5°N, 170–120°W, monthly means. "
            f"Correlation {scores['nino34']['correlation']:.3f}, root mean square difference "
            f"{scores['nino34']['rmse_K']:.3f} K. The band is an upper limit: it takes the errors "
            "in the box to be alike.",
            wide=True,
        ),
        _over_time(
            record,
            "surface_temperature",
            lambda one: one.layer[:, 0],
            "sea surface anomaly (K)",
            "Global mean sea surface temperature, anomaly from the climatology of the training years, "
            f"{years}.",
        ),
        _over_time(
            record,
            "heat_content",
            lambda one: record.heat(one).values,
            "heat content (ZJ)",
            f"Heat content of the upper {depth:.0f} m, anomaly, {years}.",
        ),
    ]
    if len(record.years) >= FEWEST_YEARS:
        blocks += [
            _trend_maps(record, "surface", "sea surface", truth.surface, analysis.surface),
            _trend_maps(record, "upper", f"upper {depth:.0f} m", truth.upper, analysis.upper),
            _trend_table(scores),
            _trends_by_depth(record, scores),
        ]
    for level in sorted({levels_shown(record.grid)[1], record.grid.depth.size - 1}):
        where = f"{record.grid.depth[level]:.0f} m"
        blocks.append(
            _over_time(
                record,
                f"series_level_{level + 1}",
                lambda one, level=level: one.layer[:, level],  # type: ignore[misc]
                f"mean anomaly at {where} (K)",
                f"Global mean anomaly at {where}, {years}.",
            )
        )
    return Section("Does it follow the climate?", blocks)


def _monthly(record: Record, values: NDArray[np.float64]) -> xr.DataArray:
    """(time) means of about a month of (window) values."""
    return monthly_means(record.over_time(values), record.windows.per_year)


def _trend_maps(
    record: Record, name: str, what: str, truth: NDArray[np.float32], analysis: NDArray[np.float32]
) -> Picture:
    slopes = [trend(record.over_years(field, "lat", "lon")).slope.values for field in (truth, analysis)]
    ocean = record.grid.ocean[0]
    most = float(np.nanpercentile(np.abs(np.where(ocean, slopes[0], np.nan)), 99))
    limits = (-most, most)
    panels = [
        Panel(slopes[0], "trend", f"Truth, {what}", limits),
        Panel(slopes[1], "trend", f"Analysis, {what}", limits),
        Panel(slopes[1] - slopes[0], "trend", "Analysis − truth", limits),
    ]
    return Picture(
        f"trend_{name}",
        map_panels(panels, record.grid),
        f"Linear trend of annual means, {what}, {period(record.years)}: truth, "
        "analysis and their difference. The truth's own variability counts as trend too.",
        wide=True,
    )


def _over_time(
    record: Record, name: str, of: Callable[[ClimateSeries], Array], label: str, caption: str
) -> Picture:
    """Lines by month of truth and analysis."""
    lines = {which: _monthly(record, of(one)) for which, one in record.series.items()}
    return Picture(name, series(lines, label), caption, wide=True)


def _trends_by_depth(record: Record, scores: dict[str, Any]) -> Picture:
    return Picture(
        "trend_by_depth",
        profile_curves(
            scores["trend_per_decade"]["by_depth"], record.grid.depth, "trend (K per decade)", zero=False
        ),
        f"Trend of the global mean of each layer, {period(record.years)}.",
    )


def _trend_table(scores: dict[str, Any]) -> Table:
    found = scores["trend_per_decade"]
    names = {"sea_surface_K": "sea surface (K)", "heat_content_ZJ": "heat content (ZJ)"}
    periods = {"all years": found} | found["by_period"]
    rows = {
        f"{label}, {period}": {
            column: part[name][key][number]
            for name in ("truth", "analysis")
            for column, number in ((name, "slope"), (f"{name} ±", "half_width"))
        }
        for key, label in names.items()
        for period, part in periods.items()
    }
    return Table(
        "trends",
        rows,
        "Global trends per decade with half the 95 % confidence interval, autocorrelation allowed for; "
        f"heat content down to {found['heat_content_down_to_m']:.0f} m. The trend of the truth should "
        "lie within the interval of the analysis.",
        corner="quantity",
    )


def _event(record: Record, space: StateSpace, ocean: ObservedOcean, folder: Path) -> Section:
    """The warmest window of Niño 3.4 in the truth, detrended, so that the last year has no lead."""
    index = record.series[TRUTH].nino34
    later = slice(record.windows.per_year if len(record.years) > 1 else 0, None)
    line = np.polyval(np.polyfit(np.arange(index.size), index, 1), np.arange(index.size))
    step = int(np.argmax((index - line)[later])) + (later.start or 0)
    truth = ocean.truth(record.windows.start[step], record.windows.end[step])
    assert truth is not None
    truth = truth - space.climatology.mean[record.windows.season[step]]
    analysis = mean_anomaly(record, space, folder, ocean.synthetic, [step])
    level, grid = levels_shown(record.grid)[1], record.grid
    day = str(record.windows.middle[step].astype("datetime64[D]"))
    panels = truth_analysis_error(truth[0], analysis[0], grid)
    below = truth_analysis_error(truth[level], analysis[level], grid, level=level)
    near = float(grid.lat[np.argmin(np.abs(grid.lat))])
    most = float(np.nanpercentile(np.abs(truth[:, np.argmin(np.abs(grid.lat))]), 99))
    blocks = [
        Picture(
            "event_surface",
            map_panels(panels, grid),
            f"Anomaly at {grid.depth[0]:.0f} m, window of {day}: truth, analysis and their difference.",
            wide=True,
        ),
        Picture(
            "event_subsurface",
            map_panels(below, grid, level=level),
            f"The same at {grid.depth[level]:.0f} m.",
            wide=True,
        ),
        *(
            Picture(
                f"event_section_{name.lower()}",
                section(
                    field, grid, "anomaly", lat=near, title=f"{name}, equator", limits=(-most, most)
                ),
                caption,
            )
            for name, field, caption in (
                ("Truth", truth, f"Anomaly along the equator in the truth, window of {day}."),
                ("Analysis", analysis, "The same in the analysis, in the same colours."),
            )
        ),
    ]
    text = f"The warmest window of Niño 3.4 in the truth, its trend taken off: that of {day}."
    return Section("A warm event", blocks, text)
