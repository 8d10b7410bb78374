"""Sections on climate: modes of variability, the equatorial thermocline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from deepda.base.errors import EvaluationError
from deepda.evaluation.charts import modes_chart, over_time
from deepda.evaluation.findings import Findings
from deepda.evaluation.patterns import (
    INDICES,
    NORTH_PACIFIC,
    TROPICAL_PACIFIC,
    Modes,
    aligned,
    decadal_modes,
    indices,
    leading_modes,
    pattern_correlation,
)
from deepda.figures.maps import Panel, map_panels
from deepda.figures.mesh import limits_of
from deepda.figures.sections import hovmoeller
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, Value
from deepda.verification import VerificationError, region_weights
from deepda.verification.scores import REGIONS, Box

MODES = 3
SERIES = ("Niño 3.4", "IOD", "AMO", "PDO")
UNITS = {"PDO": "PDO (standardised)", "IOD": "IOD (K)", "AMO": "AMO (K)", "Niño 3.4": "Niño 3.4 (K)"}
SEES = {
    "Niño 3.4": "El Niño: mean anomaly in 5°S–5°N, 170–120°W.",
    "IOD": "Indian Ocean dipole: west (50–70°E, 10°S–10°N) less south-east (90–110°E, 10°S–0).",
    "AMO": "North Atlantic (0–60°N, 80–0°W) less the world's ocean (60°S–60°N), not smoothed.",
    "PDO": "Pacific decadal oscillation: series of the leading pattern of the North Pacific.",
}


def modes_section(found: Findings) -> Section:
    """Indices and EOFs of monthly surface anomalies."""
    surface = {
        name: found.monthly(one.levels.isel(depth=0, drop=True)) for name, one in found.records.items()
    }
    named = {name: _indices(found, name, field) for name, field in surface.items()}
    blocks: list[Picture | Table] = []
    for index in SERIES:
        lines = {name: values[index] for name, values in named.items() if index in values}
        if lines:
            figure = over_time(lines, UNITS[index])
            blocks.append(Picture(f"index_{_plain(index)}", figure, f"{SEES[index]} Monthly."))
    blocks.append(_index_table(found, named))
    leading = partial(leading_modes, number=MODES)

    def decadal(field: xr.DataArray, weights: xr.DataArray) -> Modes:
        return decadal_modes(field, found.frame.grid)

    for box, region, sea in (
        (TROPICAL_PACIFIC, "tropical_pacific", "the tropical Pacific"),
        (REGIONS["global"], "global", "the world's ocean"),
    ):
        blocks += _eof_blocks(found, surface, box, leading, region, f"Leading patterns of {sea}")
    title = "PDO: leading pattern of the North Pacific"
    blocks += _eof_blocks(found, surface, NORTH_PACIFIC, decadal, "north_pacific", title)[:1]
    return Section(
        "Modes of climate",
        blocks,
        "Monthly anomalies of the surface. Patterns are those of each product alone, with "
        "signs turned so that they agree.",
    )


def _plain(name: str) -> str:
    return name.lower().replace("ñ", "n").replace(" ", "").replace(".", "").replace("+", "")


def _index_table(found: Findings, named: dict[str, dict[str, xr.DataArray]]) -> Table:
    rows: dict[str, dict[str, Value]] = {}
    for index in INDICES:
        lines = {name: values[index] for name, values in named.items() if index in values}
        if not lines:
            continue
        row: dict[str, Value] = {
            f"standard deviation, {name}": float(line.std()) for name, line in lines.items()
        }
        if len(lines) > 1:
            one, other = (line.values - line.values.mean() for line in lines.values())
            row["correlation"] = float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))
            row["root mean square difference"] = float(np.sqrt(np.mean((one - other) ** 2)))
        rows[index] = row
    if found.compared and "Niño 3.4" in rows:
        found.facts["Niño 3.4 correlation"] = f"{rows['Niño 3.4']['correlation']:.3f}"
    return Table(
        "indices",
        rows,
        "Monthly indices: their size in K (PDO: standardised) and how well they agree, means removed.",
        corner="index",
    )


def _indices(found: Findings, name: str, surface: xr.DataArray) -> dict[str, xr.DataArray]:
    """`indices` of a product, whose name and file stand in what they refuse."""
    try:
        return indices(surface, found.frame.grid)
    except EvaluationError as error:
        files = next(one.files for one in found.products if one.name == name)
        raise EvaluationError(f"the {name} ({files[0]}): {error}") from error


def _eof_blocks(
    found: Findings,
    surface: dict[str, xr.DataArray],
    box: Box,
    modes_of: Callable[[xr.DataArray, xr.DataArray], Modes],
    name: str,
    title: str,
) -> list[Picture | Table]:
    """Patterns and series of the modes that `modes_of` finds in a field, with weights of the box."""
    try:
        weights = region_weights(found.frame.grid, box).isel(depth=0, drop=True)
        modes = {product: modes_of(field, weights) for product, field in surface.items()}
    except (VerificationError, EvaluationError):
        return []  # no ocean there, or hardly a month: nothing to show
    return _mode_blocks(found, modes, weights, name, title)


def _mode_blocks(
    found: Findings, modes: dict[str, Modes], weights: xr.DataArray, name: str, title: str
) -> list[Picture | Table]:
    if found.compared:
        modes["analysis"] = aligned(modes["analysis"], modes["reference"], weights)
    count = modes["analysis"].share.size
    limits = limits_of([one.pattern.values for one in modes.values()], "pattern")
    panels = [
        Panel(one.pattern.values[mode], "pattern",
                 f"{product.capitalize()}, mode {mode + 1}: {100 * float(one.share[mode]):.0f} %",
                 limits)
        for product, one in modes.items() for mode in range(count)
    ]  # fmt: skip
    fit = ""
    if found.compared:
        one, other = (each.pattern for each in modes.values())
        fits = [pattern_correlation(one[mode], other[mode], weights) for mode in range(count)]
        fit = " Correlation of the patterns: " + ", ".join(f"{value:.2f}" for value in fits) + "."
    mixing = " Modes of nearly equal shares may mix or change places." if count > 1 else ""
    maps_block = Picture(
        f"eof_{name}",
        map_panels(panels, found.frame.grid, columns=max(count, len(modes))),
        f"{title}, with the share of the variance.{mixing}{fit}",
        wide=len(panels) > 1,
    )
    lines = {product: one.series for product, one in modes.items()}
    chart = Picture(
        f"eof_series_{name}",
        modes_chart(lines, [f"Mode {mode + 1}" for mode in range(count)]),
        "Their series, in standard deviations.",
        wide=True,
    )
    return [maps_block, chart]


def thermocline_section(found: Findings) -> Section | None:
    """Hovmöller diagram of the equatorial 20-degree isotherm; None where there is none."""
    if any(one.isotherm is None for one in found.records.values()):
        return None
    axis = found.frame.axis
    fields = {}
    for name, one in found.records.items():
        assert one.isotherm is not None
        by_month = found.monthly(one.isotherm).groupby("time.month")
        anomaly = by_month - by_month.mean("time")
        fields[name] = (anomaly.values, anomaly["time"].values)
    limits = {"isotherm": limits_of([field for field, _ in fields.values()], "isotherm")}
    panels = {name.capitalize(): (field, "isotherm") for name, (field, _) in fields.items()}
    if found.compared:
        panels["Analysis − reference"] = (
            fields["analysis"][0] - fields["reference"][0],
            "isotherm error",
        )
        limits["isotherm error"] = limits_of([panels["Analysis − reference"][0]], "isotherm error")
    picture = Picture(
        "hovmoeller_isotherm",
        hovmoeller(panels, fields["analysis"][1], found.frame.grid, limits),
        "Depth of the 20 °C isotherm within 2° of the equator, anomaly from its seasonal cycle, "
        f"by longitude and month, {found.span}; blue is deeper. Bands that slant eastwards are Kelvin "
        "waves. Empty: no such isotherm."
        + (" The difference has colours of its own." if found.compared else ""),
        wide=found.compared,
    )
    return Section(
        "The equatorial thermocline",
        [picture],
        "The depth is found in every column and window, then averaged; "
        f"{axis.years[0]}–{axis.years[-1]}.",
    )
