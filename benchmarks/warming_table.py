"""The table of the twin that warms, forty years of a synthetic ocean, from docs/measured.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from table_text import as_table, how_made


def warming(measured: Mapping[str, Any]) -> str:
    """Error, stated error, El Niño and trends of the analysis beside the truth."""
    scores = measured["warming"]["scores"]
    error = scores["rmse"]["analysis"]["all"]
    trends = scores["trend_per_decade"]
    truth, found = ({name: value["slope"] for name, value in trends[who].items()}
                    for who in ("truth", "analysis"))  # fmt: skip
    rows = [
        ["analysis (K)", "climatology (K)", "spread / error", "Niño 3.4, correlation",
         "sea surface, K a decade: truth, analysis",
         "heat content 0-700 m, ZJ a decade: truth, analysis"],
        [f"{error:.4f}", f"{scores['rmse']['climatology']['all']:.4f}",
         f"{scores['spread']['all'] / error:.2f}", f"{scores['nino34']['correlation']:.3f}",
         f"{truth['sea_surface_K']:.4f}, {found['sea_surface_K']:.4f}",
         f"{truth['heat_content_ZJ']:.1f}, {found['heat_content_ZJ']:.1f}"],
    ]  # fmt: skip
    return as_table(rows) + how_made(measured, "warming")
