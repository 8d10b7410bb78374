"""The page of a reanalysis of real observations: beside series it has not seen, and with its holes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.observed_ocean import ObservedOcean
from deepda.assimilation.state import StateSpace
from deepda.base.text import METHOD_NAMES, beside_others, capital, period
from deepda.figures import Panel, index_series, map_panels, section, series
from deepda.geometry.windows import MONTHS
from deepda.reports.report import Picture, Section, write_report
from deepda.reports.table import Table
from deepda.verification.thermocline import levels_shown
from reanalysis.error_sizes_report import error_sizes_sections
from reanalysis.judge import mean_anomaly
from reanalysis.record import Maps, Record, most_influenced
from reanalysis.references import DEEP, NAMES, NINO34, SURFACE, UPPER, compare, compared_series
from reanalysis.report_errors import influence_picture, observed_block

LABELS = {
    NINO34: "Niño 3.4 (K)",
    SURFACE: "global mean SST (K)",
    UPPER: "mean of 0-100 m (K)",
    DEEP: "mean of 0-700 m (K)",
}
EVENTS = (1982, 1997, 2015)  # El Niño: December of these years to the February after it


def write_climate(
    record: Record,
    references: dict[str, xr.DataArray],
    scores: dict[str, Any],
    space: StateSpace,
    ocean: ObservedOcean,
    about: Mapping[str, str],
    folder: Path,
    more: Sequence[Section],
) -> Path:
    """Write `report.html`, `more` at its end, and the pictures and tables in `figures/`."""
    events = {
        year: mean_anomaly(record, space, folder, ocean.synthetic, steps)
        for year, steps in winters(record).items()
    }
    sections = [_input(record, scores), _window(record, space, ocean, folder)]
    sections += [_series(record, references, scores)]
    sections += [_events(record, events)] if events else []
    return write_report(
        folder / "report.html",
        f"Reanalysis {period(record.years)} of real observations",
        [*sections, _uncertainty(record, scores), *error_sizes_sections(folder), *more],
        about=about,
        headline=_headline(scores),
        summary="The network learnt from a control simulation alone and saw nothing of the real ocean "
        f"but the observations ({ocean.about.get('source', 'source not stated')})."
        f"{' The series that it is compared with were not assimilated.' if references else ''} Where "
        "there are few observations the analysis stays near the climatology, and says so in its stated "
        "error.",
        facts=_facts(scores),
        footer="Settings in config.yaml, numbers in scores.json, every observation in feedback/ "
        "(`deepda observations feedback`).",
        beside=folder / "figures",
    )


def _headline(scores: dict[str, Any]) -> str:
    """How far the analysis is from withheld observations; where none are, what it was made from."""
    rmse = {row["candidate"]: row["rmse"] for row in scores["withheld"] if row["grouping"] == "all"}
    if not rmse.get("climatology"):
        used, all_rows = (
            sum(scores["ingested_rows"][name] for name in names)
            for names in (("used",), ("used", "withheld", "rejected"))
        )
        return (
            f"{used:,} of {all_rows:,} ingested rows were used; no platform was withheld, so that the "
            "error of the analysis is not measured here."
        )
    return (
        "The root mean square difference of the analysis from withheld observations is "
        f"{rmse['analysis']:.2f} K, {beside_others(rmse, '.2f')}."
    )


def winters(record: Record) -> dict[int, NDArray[np.intp]]:
    """EVENTS of the record to their windows, whose middle lies in December to February."""
    months = record.windows.middle.astype("datetime64[M]").astype(int)
    first = {year: (year - 1970) * MONTHS + 11 for year in EVENTS}
    return {
        year: np.flatnonzero((months >= december) & (months <= december + 2))
        for year, december in first.items()
        if year in record.years and year + 1 in record.years
    }


def _facts(scores: dict[str, Any]) -> dict[str, str]:
    facts = {}
    for key, found in scores["series"].items():
        if found["reference"]:
            label = LABELS[key].removesuffix(" (K)")
            facts[f"{label}, correlation with {found['reference']}"] = f"{found['correlation']:.3f}"
    return facts


def _input(record: Record, scores: dict[str, Any]) -> Section:
    ingested = scores["ingested_rows"]
    rows = {
        name: {"values": count, "ingested rows": ingested.get(name, 0)}
        for name, count in scores["rows"].items()
    }
    table = Table(
        "rows",
        rows,
        "What became of the observations, all of them. The rows of a cast in one layer become one "
        "value, which counts once under values and with all its rows under ingested rows.",
        corner="state",
    )
    return Section("What was observed?", [observed_block(record), table])


def _window(record: Record, space: StateSpace, ocean: ObservedOcean, folder: Path) -> Section:
    """The analysis of the window in which observations had the most influence, the spin-up left out."""
    grid, levels = record.grid, sorted(set(levels_shown(record.grid)))
    step = most_influenced(record.influence, record.windows.per_year)
    field = mean_anomaly(record, space, folder, ocean.synthetic, [step])
    day = str(record.windows.middle[step].astype("datetime64[D]"))
    panels = [Panel(field[level], "anomaly", f"{grid.depth[level]:.0f} m") for level in levels]
    near = float(grid.lat[np.argmin(np.abs(grid.lat))])
    blocks = [
        Picture(
            "window_maps",
            map_panels(panels, grid, level=levels, columns=2),
            f"Temperature anomaly from the climatology, window of {day}; each map has its own colours.",
            wide=True,
        ),
        Picture(
            "window_section",
            section(field, grid, "anomaly", lat=near),
            f"The same along {abs(near):.3g}°{'S' if near < 0 else 'N'}.",
        ),
    ]
    return Section(
        "The analysis", blocks, "The window in which the observations had the most influence."
    )


def _series(record: Record, references: dict[str, xr.DataArray], scores: dict[str, Any]) -> Section:
    blocks: list[Picture | Table] = []
    lines = compared_series(record)
    for key, line in lines.items():
        found = compare(line, references[key]) if key in references else None
        blocks.append(_picture(key, line, found, record))
    blocks += _trend_table(scores)
    missing = [LABELS[key].removesuffix(" (K)") for key in lines if key not in references]
    text = ""
    if missing:
        text = (
            f"No independent series was given for: {', '.join(missing)} "
            "(reanalysis.references=FOLDER names some)."
        )
    return Section("Does it follow the climate?", blocks, text)


def _trend_table(scores: dict[str, Any]) -> list[Table]:
    """Trends and agreement of the series; nothing where the years are too few for any."""
    rows = {}
    for key, score in scores["series"].items():
        own = score.get("trend_analysis", score.get("trend", {}))
        other = score.get("trend_reference", {})
        rows[LABELS[key]] = {
            "analysis": own.get("slope"),
            "±": own.get("half_width"),
            "reference": other.get("slope"),
            "reference ±": other.get("half_width"),
            "correlation": score.get("correlation"),
            "RMS difference (K)": score.get("rmse_K"),
        }
    if all(value is None for row in rows.values() for value in row.values()):
        return []
    return [
        Table(
            "trends",
            rows,
            "Trends of annual means in K per decade over the years that both have, with half the 95 % "
            "interval, autocorrelation allowed for.",
            corner="series",
        )
    ]


def _picture(key: str, line: xr.DataArray, found: dict[str, Any] | None, record: Record) -> Picture:
    if found is None:
        name = LABELS[key].removesuffix(" (K)")
        caption = f"{capital(name)}: temperature anomaly from the climatology, {period(record.years)}."
        return Picture(key, series({"analysis": line}, LABELS[key]), caption, wide=True)
    lines = {NAMES[key]: found["reference"], "analysis": found["analysis"]}
    caption = f"{capital(LABELS[key])}: analysis and {NAMES[key]}, which was not assimilated, as "
    caption += "anomalies from their own mean season of the years that both have."
    if key != NINO34:
        return Picture(key, series(lines, LABELS[key]), caption, wide=True)
    monthly = record.over_time(record.nino34_stddev).resample(time="MS").mean()
    stddev = monthly.reindex(time=found["analysis"]["time"], method="nearest")
    return Picture(
        key,
        index_series(found["reference"], found["analysis"], stddev, name=NAMES[key]),
        caption + " The band takes the errors in the box to be alike.",
        wide=True,
    )


def _events(record: Record, events: dict[int, Maps]) -> Section:
    grid, level = record.grid, levels_shown(record.grid)[1]
    near = int(np.argmin(np.abs(grid.lat)))
    blocks: list[Picture | Table] = []
    for name, place in (("surface", 0), ("subsurface", level)):
        fields = {year: event[place] for year, event in events.items()}
        most = _most(fields.values(), grid.ocean[place])
        where, limits = f"{grid.depth[place]:.0f} m", (-most, most)
        panels = [
            Panel(field, "anomaly", f"{_winter(year)}, {where}", limits)
            for year, field in fields.items()
        ]
        caption = f"Anomaly at {where}, December to February of {', '.join(map(_winter, events))}, in "
        caption += "the same colours."
        figure = map_panels(panels, grid, level=place)
        blocks.append(Picture(f"el_nino_{name}", figure, caption, wide=True))
    most = _most((event[:, near] for event in events.values()), grid.ocean[:, near])
    for year, event in events.items():
        title, lat = f"{_winter(year)}, equator", float(grid.lat[near])
        figure = section(event, grid, "anomaly", lat=lat, title=title, limits=(-most, most))
        caption = f"Anomaly along the equator, December {year} to February {year + 1}."
        blocks.append(Picture(f"el_nino_section_{year}", figure, caption))
    return Section(
        "El Niño",
        blocks,
        "Where there was no profile, what is below the surface follows from the covariances that the "
        "network learnt.",
    )


def _winter(year: int) -> str:
    """Of the December of a year and the two months after it: 1997/98."""
    return f"{year}/{(year + 1) % 100:02d}"


def _most(fields: Iterable[Maps], ocean: NDArray[np.bool_]) -> float:
    return float(max(np.nanpercentile(np.abs(np.where(ocean, f, np.nan)), 99.5) for f in fields))


def _uncertainty(record: Record, scores: dict[str, Any]) -> Section:
    grid, shown = record.grid, levels_shown(record.grid)[1]
    levels = sorted({0, shown, grid.depth.size - 1})
    spread = record.yearly(np.sqrt(record.variance))
    names = {level: f"{grid.depth[level]:.0f} m" for level in levels}
    maps = {year: both[1] for year, both in record.spread_maps.items()}
    most = _most(maps.values(), grid.ocean[shown])
    panels = [Panel(field, "stddev", str(year), (0.0, most)) for year, field in maps.items()]
    several = len(record.years) > 1
    by_year = Picture(
        "spread_by_year",
        series({names[k]: record.over_years(spread[:, k] / spread[0, k]) for k in levels},
               f"stated error, {record.years[0]} = 1"),
        f"Stated error by year and depth over that of {record.years[0]}.",
        wide=True,
    )  # fmt: skip
    blocks: list[Picture | Table] = [
        *([by_year, influence_picture(record)] if several else []),
        Picture(
            "spread_maps",
            map_panels(panels, grid, level=shown),
            f"Stated error at {grid.depth[shown]:.0f} m, means of {', '.join(map(str, maps))}"
            f"{', in the same colours' if several else ''}.",
            wide=True,
        ),
    ]
    if scores["withheld"]:
        blocks.append(_withheld_table(scores))
    text = "" if scores["withheld"] else "No platform was withheld (observations.withheld=0.1 would)."
    return Section("How sure is it?", blocks, text)


def _withheld_table(scores: dict[str, Any]) -> Table:
    rows: dict[str, dict[str, Any]] = {}
    for score in scores["withheld"]:
        row = rows.setdefault(score["name"], {"values": score["count"], "platforms": score["platforms"]})
        row[METHOD_NAMES.get(score["candidate"], score["candidate"])] = score["rmse"]
    return Table(
        "withheld",
        rows,
        "Root mean square difference in K from observations of withheld platforms, which hold errors "
        "of their own. Neither background nor climatology has seen the window; baselines are tuned on "
        "the control run and analyse the same observations.",
        corner="group",
        best="smallest",
        unranked=("values", "platforms"),
    )
