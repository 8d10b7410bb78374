"""The section on marine heatwaves: where, how often, and whether the analysis sees them."""

from __future__ import annotations

from collections.abc import Iterator

import cmocean
import numpy as np
import xarray as xr

from deepda.base.text import METHOD_NAMES
from deepda.climatology.seasonal import harmonic_basis
from deepda.evaluation.charts import over_time, performance_diagram
from deepda.evaluation.findings import Findings
from deepda.evaluation.heatwaves import Contingency, contingency, heatwave_threshold, in_heatwave
from deepda.evaluation.records import Record
from deepda.figures.kinds import KINDS, Kind
from deepda.figures.maps import Panel
from deepda.figures.mesh import Limits
from deepda.geometry.windows import PENTADS
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, Value
from deepda.verification import weighted_mean
from deepda.verification.basins import BASINS

ADVISED = 30  # years of a baseline (Hobday et al. 2016)
ROWS = 20  # of latitude worked on at once
BY_THEMSELVES = (
    "Heatwave windows against those of the reference, each with thresholds of its own, weighted by "
    "volume. A product whose anomalies are all too small loses nothing here."
)
BY_REFERENCE = (
    "The same with the thresholds of the reference, in °C, for all: anomalies that are too small miss "
    "heatwaves, anomalies that are too large and a warm bias make false alarms."
)


def heatwave_section(found: Findings) -> Section:
    """Marine heatwaves at both levels of the frame."""
    events = {level: _events(found, place) for place, level in enumerate(found.frame.levels)}
    blocks: list[Picture | Table] = [_share_maps(found, level, of) for level, of in events.items()]
    blocks += [_series(found, level, of) for level, of in events.items()]
    if found.compared:
        blocks += _judged(found, events)
    return Section("Marine heatwaves", blocks, _text(found))


def _judged(found: Findings, events: dict[int, dict[str, xr.DataArray]]) -> list[Picture | Table]:
    tables = {
        found.where(level): dict(_outcomes(found, level, of["analysis"], of["reference"]))
        for level, of in events.items()
    }
    shared = _by_reference(found)
    index = tables["surface"]["global"].success, shared["surface"]["global"].success
    found.facts["Heatwaves, success index"] = f"{index[0]:.2f}"
    found.facts["Heatwaves, success index with thresholds of the reference"] = f"{index[1]:.2f}"
    blocks: list[Picture | Table] = [
        Picture(
            "performance_diagram",
            performance_diagram(tables),
            "Heatwaves of the analysis against those of the reference, by level and basin: up is "
            "more of them detected, right is fewer false alarms, the upper right corner is perfect. "
            "Curves: critical success index; dashed: as many detected as there were (the diagonal), "
            "or half, or twice.",
        ),
    ]
    if found.baselines:
        tables_of_products = {
            METHOD_NAMES.get(name, name): {
                found.where(level): next(_outcomes(found, level, of[name], of["reference"]))[1]
                for level, of in events.items()
            }
            for name in ("analysis", *found.baselines)
        }
        blocks.append(
            Picture(
                "performance_of_baselines",
                performance_diagram(tables_of_products),
                "The same over the whole ocean for the analysis and the baselines. One that "
                "never departs from its seasonal cycle has no heatwave and no place here.",
            )
        )
        tables |= {name: one for name, one in tables_of_products.items() if name != "analysis"}
    chance = _by_chance(tables["surface"]["global"])
    return [
        *blocks,
        _table(tables, "heatwaves", f"{BY_THEMSELVES} {chance}"),
        _table(shared, "heatwaves_by_reference", BY_REFERENCE),
    ]


def _by_chance(one: Contingency) -> str:
    """What the scores would be without any skill, by how often there are heatwaves on both sides."""
    return (
        f"Drawn at random as often as they are at the surface, in {100 * one.detected_share:.0f} % of "
        f"the windows (of the reference {100 * one.true_share:.0f} %), detection would be "
        f"{one.detected_share:.2f} and the success index {one.success_by_chance:.2f}; the last columns "
        "have both for each row."
    )


def _by_reference(found: Findings) -> dict[str, dict[str, Contingency]]:
    """Outcomes at every level, and of each baseline, with the reference's thresholds for all."""
    tables = {}
    for place, level in enumerate(found.frame.levels):
        events = _events(found, place, of_reference=True)
        true = events.pop("reference")
        for name, one in events.items():
            whose = "" if name == "analysis" else f"{METHOD_NAMES.get(name, name)}, "
            tables[f"{whose}{found.where(level)}"] = dict(_outcomes(found, level, one, true))
    return tables


def _text(found: Findings) -> str:
    what = (
        "above the 90th percentile of its time of the year (each pentad pooled with its "
        "neighbours, smoothed over seven); one pentad is the five days that an event must last"
        if found.frame.axis.per_year == PENTADS
        else "above the 90th percentile of its calendar month; one month is an event"
    )
    short = (
        f" {found.years} years are a short baseline, {ADVISED} are advised: the largest of a few values "
        "always lies above their own percentile, so that more than one window in ten is a heatwave."
        if found.years < ADVISED
        else ""
    )
    return (
        "After Hobday et al. (2016), adapted to the windows at hand: a window is in a heatwave "
        f"if it is {what}. Each product has its own percentile over the years evaluated, so that "
        "a mean bias makes no heatwave; a trend is left in and moves heatwaves to the later "
        f"years.{short}"
    )


def _events(found: Findings, place: int, of_reference: bool = False) -> dict[str, xr.DataArray]:
    """Name to (time, lat, lon) True in a heatwave, by thresholds of its own or of the reference."""
    others = {name: record for name, (record, _) in found.baselines.items()}
    records = found.records | others
    normal = found.reference if of_reference else None
    return {
        name: xr.concat(
            [
                _in_band(found, place, slice(first, first + ROWS), one, normal or one)
                for first in range(0, one.levels.sizes["lat"], ROWS)
            ],
            "lat",
        )
        for name, one in records.items()
    }


def _in_band(found: Findings, place: int, rows: slice, one: Record, normal: Record) -> xr.DataArray:
    """(time, lat, lon) heatwaves of a product by the threshold, in degC, of another or of itself."""
    season, per_year = found.frame.season, found.frame.axis.per_year
    band, base = (each.levels.isel(depth=place, lat=rows, drop=True).load() for each in (one, normal))
    threshold = heatwave_threshold(base, season, per_year)
    if one is not normal:
        level = found.frame.levels[place]
        apart = (one.cycle - normal.cycle).isel(depth=level, lat=rows, drop=True)
        band = band + np.tensordot(harmonic_basis(season, per_year).T, apart.values, 1)
    return in_heatwave(band, threshold, season)


def _share_maps(found: Findings, level: int, events: dict[str, xr.DataArray]) -> Picture:
    late = slice(len(found.frame.axis) // 2, None)
    kind, limits = around_share(float(np.mean(list(_shares(found, level, events).values()))))
    shares = {name: found.on_sea(100 * events[name][late].mean("time"), level) for name in found.records}
    caption = (
        f"Share of windows in a heatwave at {found.at(level)} in the second half of the years: "
        f"{_said(_shares(found, level, events))} is the share over all of them, the middle of the "
        "colours, so that red is warming."
    )
    success = None
    if found.compared:
        both = [events["analysis"], events["reference"]]
        hits, either = (both[0] & both[1]).sum("time"), (both[0] | both[1]).sum("time")
        index = found.on_sea(hits / either.where(either > 0), level)
        success = Panel(index, "success", "Success index", (0.0, 1.0))
        caption += " Success index: the part of all heatwave windows of either that both have."
    name = found.picture("heatwaves", level)
    return found.maps(name, level, shares, kind, caption, success, limits)


def around_share(share: float) -> tuple[Kind, Limits]:
    """Colours of shares (%) around one of them."""
    return Kind(cmocean.cm.balance, KINDS["heatwaves"].label), (0.0, 2 * share or 1.0)


def _shares(found: Findings, level: int, events: dict[str, xr.DataArray]) -> dict[str, float]:
    """Name to the share (%) of all windows at a level that are in a heatwave, weighted by volume."""
    weights = found.frame.basins.sel(region="global", drop=True).isel(depth=level, drop=True)
    return {
        name: 100 * float(weighted_mean(events[name].mean("time"), weights)) for name in found.records
    }


def _said(shares: dict[str, float]) -> str:
    """The shares as "33 %", or "33 % (reference), 31 % (analysis)" where they differ."""
    words = {name: f"{share:.0f} %" for name, share in shares.items()}
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return ", ".join(f"{word} ({name})" for name, word in words.items())


def _series(found: Findings, level: int, events: dict[str, xr.DataArray]) -> Picture:
    weights = found.frame.basins.sel(region="global", drop=True).isel(depth=level, drop=True)
    lines = {
        name: found.monthly(100 * weighted_mean(events[name].astype(float), weights, ("time",)))
        for name in found.records
    }
    return Picture(
        found.picture("heatwave_area", level),
        over_time(lines, "ocean in a heatwave (%)", title=found.where(level).capitalize()),
        f"Share of the ocean's area in a heatwave by month, on average over all years "
        f"{_said(_shares(found, level, events))}.",
    )


def _outcomes(
    found: Findings, level: int, detected: xr.DataArray, true: xr.DataArray
) -> Iterator[tuple[str, Contingency]]:
    """Region to outcomes after the spin-up; the whole ocean first."""
    detected, true = (events[found.frame.axis.spinup :] for events in (detected, true))
    for region in BASINS:
        weights = found.frame.basins.sel(region=region, drop=True).isel(depth=level, drop=True)
        if float(weights.sum()) > 0:
            yield region, contingency(detected, true, weights)


def _table(tables: dict[str, dict[str, Contingency]], name: str, caption: str) -> Table:
    rows: dict[str, dict[str, Value]] = {
        f"{where}, {region}": {
            "probability of detection": one.detection,
            "false-alarm ratio": one.false_alarm_ratio,
            "critical success index": one.success,
            "frequency bias": one.frequency_bias,
            "detection by chance": one.detected_share,
            "success index by chance": one.success_by_chance,
        }
        for where, regions in tables.items()
        for region, one in regions.items()
    }
    return Table(name, rows, caption, corner="level and basin")
