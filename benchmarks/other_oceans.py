"""Tables of oceans that are not that of the training: another model's, and one that warms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gain_cells import BASELINES, against_the_best, gain_of
from table_text import as_table, how_made

OTHERS = {
    "gcm_on_gcm2": ("ocean model run, months", "the same model on a cubed sphere"),
    "gcm_on_embedded": ("ocean model run, months", "built-in synthetic ocean"),
    "embedded_on_gcm": ("built-in synthetic ocean", "ocean model run, pentads"),
}


def others(measured: Mapping[str, Any]) -> str:
    """Runs on the ocean of another model than that they were trained on, against the best baseline."""
    rows = [["trained on", "truth", "climatology (K)", "analysis (K)", "best baseline (K)",
             "gain (95 % interval)", "spread / error"]]  # fmt: skip
    for name, titles in OTHERS.items():
        if name in measured:
            scores = measured[name]["scores"]
            climatology = f"{scores['rmse']['climatology']['all']:.4f}"
            rows.append([*titles, climatology, *against_the_best([scores])])
    return as_table(rows) + how_made(measured, *OTHERS)


def warming(measured: Mapping[str, Any]) -> str:
    """Error beside the best baseline, stated error, El Niño and trends beside the truth."""
    scores = measured["warming"]["scores"]
    error = scores["rmse"]["analysis"]["all"]
    trends = scores["trend_per_decade"]
    truth, found = ({name: value["slope"] for name, value in trends[who].items()}
                    for who in ("truth", "analysis"))  # fmt: skip
    best = scores["gain"]["baseline"]
    rows = [
        ["analysis (K)", "best baseline (K)", "gain (95 % interval)", "climatology (K)",
         "spread / error", "Niño 3.4, correlation", "sea surface, K a decade: truth, analysis",
         "heat content 0-700 m, ZJ a decade: truth, analysis"],
        [f"{error:.4f}", f"{scores['rmse'][best]['all']:.4f}, {BASELINES[best]}", gain_of([scores]),
         f"{scores['rmse']['climatology']['all']:.4f}",
         f"{scores['spread']['all'] / error:.2f}", f"{scores['nino34']['correlation']:.3f}",
         f"{truth['sea_surface_K']:.4f}, {found['sea_surface_K']:.4f}",
         f"{truth['heat_content_ZJ']:.1f}, {found['heat_content_ZJ']:.1f}"],
    ]  # fmt: skip
    return as_table(rows) + how_made(measured, "warming")
