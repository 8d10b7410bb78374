"""The page of a reanalysis of real observations: beside series it has not seen, and with its holes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import xarray as xr

from deepda.feedback import read_feedback, withheld_scores
from deepda.feedback.departures import departures
from deepda.figures import Panel, counts_by_year, index_series, map_panels, section, series
from deepda.reports.report import Picture, Section, Table, write_report
from deepda.verification import trend
from reanalysis.climate import Climate, compare, numbers
from reanalysis.references import DEEP, NAMES, NINO34, SURFACE, UPPER
from reanalysis.restart import ReanalysisError

LABELS = {
    NINO34: "Niño 3.4 (K)",
    SURFACE: "global mean SST (K)",
    UPPER: "mean of 0-100 m (K)",
    DEEP: "mean of 0-700 m (K)",
}
NEEDED = ("temperature", "depth", "platform_type", "platform_id", "withheld", "reason", "climatology",
          "background", "analysis")  # fmt: skip
PLACE = ("time", "lat", "lon")  # with depth and temperature: whose row it is
BASELINE = "oi"  # folder and column of optimal interpolation


def climate_scores(
    climate: Climate, references: dict[str, xr.DataArray], folder: Path
) -> dict[str, Any]:
    """What stands in `scores.json`: each series, beside its reference where there is one."""
    scores: dict[str, Any] = {"years": list(climate.years), "series": {}}
    for key, values in climate.series.items():
        line = climate.over_time(values)
        found = compare(line, references[key]) if key in references else None
        told = (
            {} if found is None else {k: v for k, v in found.items() if not isinstance(v, xr.DataArray)}
        )
        whole = {"trend": numbers(trend(line))} if line.size >= 36 else {}
        scores["series"][key] = {"reference": NAMES[key] if found else None, **whole, **told}
    scores["withheld"] = _withheld(folder)
    scores["rows"] = _balance(folder)
    return scores


def _withheld(folder: Path) -> list[dict[Hashable, Any]]:
    """Scores at withheld rows; optimal interpolation's too where it was cycled in its own folder."""
    names = ["climatology", "background", "analysis"]
    table = read_feedback(folder, [*NEEDED, *PLACE], pc.field("withheld"))
    if (folder / BASELINE).exists():
        names.insert(1, BASELINE)
        other = read_feedback(folder / BASELINE, [*NEEDED, *PLACE], pc.field("withheld"))
        same = [*PLACE, "depth", "temperature"]
        if len(other) != len(table) or not other[same].equals(table[same]):
            raise ReanalysisError(
                f"{folder / BASELINE} tells of other observations than {folder}; remove that folder and "
                "give the same command again"
            )
        # What it refused itself it is not judged by.
        table[BASELINE] = other["analysis"].where(other["reason"].astype(str) == "")
    return withheld_scores(table, names).to_dict("records")


def write_climate(
    climate: Climate,
    references: dict[str, xr.DataArray],
    scores: dict[str, Any],
    source: str,
    about: Mapping[str, str],
    folder: Path,
) -> Path:
    """Write `report.html` and the pictures and tables in `figures/`.

    Args:
        climate, references, scores: what is shown.
        source: of the observations.
        about: what was run.
        folder: of the reanalysis.
    """
    first, last = climate.years[0], climate.years[-1]
    sections = [_input(climate, scores), _series(climate, references, scores)]
    sections += [_events(climate)] if climate.events else []
    return write_report(
        folder / "report.html",
        f"Reanalysis {first}–{last} of real observations",
        [*sections, _uncertainty(climate, scores)],
        about=about,
        summary="The network learnt from a control simulation alone and saw nothing of the real ocean "
        f"but the observations ({source}). The series that it is "
        "compared with were not assimilated. Where there are few observations the analysis stays near "
        "the climatology, and says so in its stated error.",
        facts=_facts(scores),
        footer="Settings in config.yaml, numbers in scores.json, every observation in feedback/ "
        "(`deepda observations feedback`).",
        beside=folder / "figures",
    )


def _balance(folder: Path) -> dict[str, int]:
    found = departures(folder)
    return {**found.states, **{f"rejected: {name}": n for name, n in found.rows.items() if name}}


def _facts(scores: dict[str, Any]) -> dict[str, str]:
    facts = {}
    for key, found in scores["series"].items():
        if found["reference"]:
            label = LABELS[key].removesuffix(" (K)")
            facts[f"{label}, correlation with {found['reference']}"] = f"{found['correlation']:.3f}"
    return facts


def _input(climate: Climate, scores: dict[str, Any]) -> Section:
    lines = {name: climate.over_years(count) for name, count in sorted(climate.used.items())}
    rows = {name: {"rows": count} for name, count in scores["rows"].items()}
    return Section(
        "What was observed?",
        [
            Picture(
                "observations",
                counts_by_year(lines, "values used a year"),
                "Values used by platform type and year, on a logarithmic scale. A year without a mark "
                "has none of that kind: what is known then is climatology and memory.",
                wide=True,
            ),
            Table("rows", rows, "What became of the observations: all rows are here.", corner="state"),
        ],
    )


def _series(climate: Climate, references: dict[str, xr.DataArray], scores: dict[str, Any]) -> Section:
    blocks: list[Picture | Table] = []
    for key, values in climate.series.items():
        line = climate.over_time(values)
        found = compare(line, references[key]) if key in references else None
        blocks.append(_picture(key, line, found, climate))
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
    blocks.append(
        Table(
            "trends",
            rows,
            "Trends in K per decade over the years that both have, with half the 95 % interval, "
            "autocorrelation allowed for.",
            corner="series",
        )
    )
    missing = [LABELS[key] for key in climate.series if key not in references]
    text = f"No reference was given for: {', '.join(missing)}." if missing else ""
    return Section("Does it follow the climate?", blocks, text)


def _picture(key: str, line: xr.DataArray, found: dict[str, Any] | None, climate: Climate) -> Picture:
    if found is None:
        return Picture(key, series({"analysis": line}, LABELS[key]), "No reference.", wide=True)
    lines = {NAMES[key]: found["reference"], "analysis": found["analysis"]}
    caption = f"{LABELS[key]}: analysis and {NAMES[key]}, which was not assimilated, as anomalies from "
    caption += "their own mean season of the years that both have."
    if key != NINO34:
        return Picture(key, series(lines, LABELS[key]), caption, wide=True)
    monthly = climate.over_time(climate.nino34_stddev).resample(time="MS").mean()
    stddev = monthly.reindex(time=found["analysis"]["time"], method="nearest")
    return Picture(
        key,
        index_series(found["reference"], found["analysis"], stddev, name=NAMES[key]),
        caption + " The band takes the errors in the box to be alike.",
        wide=True,
    )


def _events(climate: Climate) -> Section:
    grid, level = climate.grid, climate.level
    near = int(np.argmin(np.abs(grid.lat)))
    blocks: list[Picture | Table] = []
    for name, place in (("surface", 0), ("subsurface", level)):
        fields = {year: event[place] for year, event in climate.events.items()}
        most = _most(fields.values(), grid.ocean[place])
        panels = [
            Panel(
                field,
                "anomaly",
                f"{year}/{(year + 1) % 100:02d}, {grid.depth[place]:.0f} m",
                (-most, most),
            )
            for year, field in fields.items()
        ]
        blocks.append(
            Picture(
                f"el_nino_{name}",
                map_panels(panels, grid, level=place),
                f"Anomaly of December to February at {grid.depth[place]:.0f} m.",
                wide=True,
            )
        )
    most = _most((event[:, near] for event in climate.events.values()), grid.ocean[:, near])
    for year, event in climate.events.items():
        title = f"{year}/{(year + 1) % 100:02d}, equator"
        figure = section(
            event, grid, "anomaly", lat=float(grid.lat[near]), title=title, limits=(-most, most)
        )
        blocks.append(Picture(f"el_nino_section_{year}", figure, "Section along the equator."))
    return Section(
        "El Niño",
        blocks,
        "Three great events. What is below the surface comes from the covariances that the network "
        "learnt, where no profile was there.",
    )


def _most(fields: Any, ocean: np.ndarray) -> float:
    return float(max(np.nanpercentile(np.abs(np.where(ocean, f, np.nan)), 99.5) for f in fields))


def _uncertainty(climate: Climate, scores: dict[str, Any]) -> Section:
    grid = climate.grid
    levels = sorted({0, climate.level, grid.depth.size - 1})
    spread, influence = climate.yearly(climate.spread), climate.yearly(climate.influence)
    names = {level: f"{grid.depth[level]:.0f} m" for level in levels}
    most = _most(climate.spread_maps.values(), grid.ocean[climate.level])
    panels = [Panel(f, "stddev", str(year), (0.0, most)) for year, f in climate.spread_maps.items()]
    blocks: list[Picture | Table] = [
        Picture(
            "spread_by_year",
            series({names[k]: climate.over_years(spread[:, k] / spread[0, k]) for k in levels},
                   "stated error over that of the first year"),
            "Stated error by year and depth, relative to the first year: it shrinks where data arrive.",
            wide=True,
        ),
        Picture(
            "influence_by_year",
            series({names[k]: climate.over_years(influence[:, k]) for k in levels}, "influence (1)"),
            "Share of the background's error variance that the observations of a window remove.",
            wide=True,
        ),
        Picture(
            "spread_maps",
            map_panels(panels, grid, level=climate.level),
            f"Stated error at {grid.depth[climate.level]:.0f} m.",
            wide=True,
        ),
    ]  # fmt: skip
    if scores["withheld"]:
        blocks.append(_withheld_table(scores))
    text = "" if scores["withheld"] else "No platform was withheld (observations.withheld=0.1 would)."
    return Section("How sure is it?", blocks, text)


def _withheld_table(scores: dict[str, Any]) -> Table:
    rows: dict[str, dict[str, Any]] = {}
    for score in scores["withheld"]:
        row = rows.setdefault(score["name"], {"values": score["count"], "platforms": score["platforms"]})
        row[score["candidate"]] = score["rmse"]
    return Table(
        "withheld",
        rows,
        "Root mean square difference in K from observations of withheld platforms, which hold errors "
        "of their own. Neither background nor climatology has seen the window; oi is the analysis of "
        "optimal interpolation, tuned on the control run, of the same observations.",
        corner="group",
        best="smallest",
        unranked=("values", "platforms"),
    )
