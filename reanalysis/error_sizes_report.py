"""The section of the page on error sizes that were estimated from departures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from deepda.base.text import period
from deepda.reports.report import Section
from deepda.reports.table import Table, rows_by_depth
from deepda.runs.errors import reach_from_json
from reanalysis.cross_validation import named
from reanalysis.error_sizes import NAME


def error_sizes_sections(folder: Path) -> list[Section]:
    """The section, where the folder holds sizes that were estimated, else nothing."""
    path = folder / NAME
    if not path.exists():
        return []
    held = json.loads(path.read_text())
    counts = held["passes"][-1]["values"]
    before, after = (part["expected_over_found"] for part in held["passes"])
    columns = {
        "expected/found, assumed": before,
        "expected/found, pass 2": after,
        "background": _means(held["background"]),
        **{name: _means(held["observation"][name]) for name, number in counts.items() if number},
    }
    values = ", ".join(f"{name} {number:,}" for name, number in counts.items() if number)
    table = Table(
        "error_sizes",
        rows_by_depth(held["depth_m"], columns),
        "Expected over found departure from the background in the spin-up with the assumed sizes and "
        "with those of the first pass, and the factors on the assumed standard deviations of background "
        "and observation errors that are used (geometric mean over latitude bands). Values, one for "
        f"each cell and window of the last pass: {values}.",
        corner="depth",
    )
    years = held["years"]
    reach = reach_from_json(held)
    text = (
        f"Estimated from the departures of {period(years)} (Desroziers et al. 2005). How far "
        "background errors reach was chosen by how well platforms were predicted that the spin-up left "
        f"out: {named(reach)}."
    )
    return [Section("How large are the errors?", [table], text)]


def _means(factors: list[list[float]]) -> list[float]:
    """(depth) geometric means."""
    return [float(np.exp(np.mean(np.log(of_layer)))) for of_layer in factors]
