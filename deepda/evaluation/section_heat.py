"""The sections of the page on heat content and trends."""

from __future__ import annotations

import numpy as np
import xarray as xr

from deepda.evaluation.charts import over_time
from deepda.evaluation.findings import Findings
from deepda.evaluation.heat import (
    EARTH,
    PUBLISHED,
    annual_means,
    basin_heat,
    heat_bottoms,
    heat_trend,
    surface_area,
    without_season,
)
from deepda.figures.maps import Panel, map_panels
from deepda.figures.mesh import limits_of
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, Value
from deepda.verification import region_weights, trend, weighted_mean
from deepda.verification.climate import FEWEST_YEARS, SECONDS_PER_DECADE
from deepda.verification.scores import REGIONS


def heat_section(found: Findings) -> Section:
    """Heat content, its trend, trend maps."""
    frame = found.frame
    heats = {
        bottom: {
            name: basin_heat(one.means, frame.basins, frame.grid, bottom)
            for name, one in found.records.items()
        }
        for bottom in heat_bottoms(frame.grid)
    }
    blocks: list[Picture | Table] = []
    for bottom, lines in heats.items():
        whole = {name: line.sel(region="global", drop=True) for name, line in lines.items()}
        shown = {
            name: found.monthly(without_season(line, frame.axis.per_year)) / 1e21
            for name, line in whole.items()
        }
        blocks.append(
            Picture(
                f"heat_{bottom:.0f}m",
                over_time(shown, "heat content (ZJ)", title=f"0–{bottom:.0f} m"),
                f"Heat content of the upper {bottom:.0f} m of all ocean evaluated, less the mean "
                "of each window of the year.",
            )
        )
    if found.trends:
        blocks += [_heat_table(found, heats), _basin_heat_table(found, heats), *_trend_maps(found)]
    deepest = frame.grid.depth_edges[-1]
    text = ""
    if deepest < 2000:
        text = f"The grid ends at {deepest:.0f} m: heat content is given down to there at most. "
    if not found.trends:
        text += (
            f"{found.years} whole years are too few for a trend (at least {FEWEST_YEARS} are asked for)."
        )
    return Section("Heat content and trends", blocks, text)


def _heat_table(found: Findings, heats: dict[float, dict[str, xr.DataArray]]) -> Table:
    axis = found.frame.axis
    area = float(surface_area(found.frame.basins, found.frame.grid).sel(region="global"))
    rows: dict[str, dict[str, Value]] = {}
    spans = [(axis.years[0], axis.years[-1]), *((line.first, line.last) for line in PUBLISHED)]
    for first, last in dict.fromkeys(spans):
        if first < axis.years[0] or last > axis.years[-1]:
            continue
        for bottom, lines in heats.items():
            row = _trend_row(found, lines, area, first, last)
            for line in PUBLISHED:
                if (line.first, line.last, line.bottom) == (first, last, bottom):
                    row["published"] = f"{line.low:.2f}–{line.high:.2f}"
            rows[f"{first}–{last}, 0–{bottom:.0f} m"] = row
    key = next(iter(rows))
    found.facts[f"Heat content trend, {key.split(', ')[1]}"] = f"{rows[key]['analysis']:.2f} W m⁻²"
    known = any("published" in row for row in rows.values())
    return Table(
        "heat_trends",
        rows,
        "Trend of annual heat content in W m⁻² of the ocean evaluated, with half the 95 % "
        f"confidence interval (autocorrelation allowed for); times {area / EARTH:.2f} it is per "
        "area of the Earth."
        + (" Published: ORAS5, GLORYS, FOAM, C-GLORS, IAP (doi 10.1038/s41612-024-00860-6, Table "
        "1)."
           if known else " Published ranges are for 1993–2017 and 2005–2017, which are not covered."),
        corner="period and layer",
    )  # fmt: skip


def _trend_row(
    found: Findings,
    lines: dict[str, xr.DataArray],
    area: float,
    first: int,
    last: int,
    region: str = "global",
) -> dict[str, Value]:
    axis = found.frame.axis
    kept = slice(first - axis.years[0], last - axis.years[0] + 1)
    row: dict[str, Value] = {}
    for name, line in reversed(list(lines.items())):
        annual = annual_means(line.sel(region=region, drop=True), axis.per_year).isel(time=kept)
        result = heat_trend(annual, area)
        row[name] = float(result.slope)
        row[f"{name} ±"] = float(result.half_width)
    return row


def _basin_heat_table(found: Findings, heats: dict[float, dict[str, xr.DataArray]]) -> Table:
    axis = found.frame.axis
    areas = surface_area(found.frame.basins, found.frame.grid)
    bottom, lines = list(heats.items())[-1]
    rows = {
        str(region): _trend_row(
            found, lines, float(areas.sel(region=region)), axis.years[0], axis.years[-1], str(region)
        )
        for region in areas["region"].values
        if float(areas.sel(region=region)) > 0
    }
    return Table(
        "heat_trends_by_basin",
        rows,
        f"The same by basin, 0–{bottom:.0f} m, W m⁻² of the basin, {axis.years[0]}–{axis.years[-1]}.",
        corner="basin",
    )


def _trend_maps(found: Findings) -> list[Picture | Table]:
    layers = found.analysis.annual["layer"].values
    surface = found.analysis.annual.sel(layer=layers[0], drop=True)
    weights = region_weights(found.frame.grid, REGIONS["global"]).isel(depth=0, drop=True)
    slope = float(trend(weighted_mean(surface, weights, keep=("time",))).slope)
    found.facts["Surface trend"] = f"{slope:.2f} K a decade"
    return [
        _trend_map(found, str(layers[place]), name) for place, name in ((0, "surface"), (-1, "heat"))
    ]


def _trend_map(found: Findings, layer: str, name: str) -> Picture:
    kind, scale = ("trend", 1.0) if name == "surface" else ("flux", 1.0 / SECONDS_PER_DECADE)
    trends = {key: trend(one.annual.sel(layer=layer, drop=True)) for key, one in found.records.items()}
    slopes = {key: one.slope.values * scale for key, one in trends.items()}
    limits = limits_of(list(slopes.values()), kind)
    panels = [
        Panel(slopes[key], kind, f"{key.capitalize()}, {layer}", limits,
                 ~(np.abs(one.slope.values) > one.half_width.values))
        for key, one in trends.items()
    ]  # fmt: skip
    if found.compared:
        panels.append(
            Panel(slopes["analysis"] - slopes["reference"], kind, "Analysis − reference", limits)
        )
    axis = found.frame.axis
    return Picture(
        f"trend_{name}",
        map_panels(panels, found.frame.grid),
        f"Linear trend of annual means, {layer}, {axis.years[0]}–{axis.years[-1]}. Dots: not "
        "distinguishable from none at 95 %.",
        wide=found.compared,
    )
