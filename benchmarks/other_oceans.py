"""Tables of oceans that are not that of the training: another model's, and one that warms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gain_cells import BASELINES, against_the_best, gain_of, mean_over_seeds, seeds_of
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
    names = {experiment: seeds_of(experiment, measured) for experiment in OTHERS}
    for experiment, seeds in names.items():
        if seeds:
            runs = [measured[name]["scores"] for name in seeds]
            climatology = [scores["rmse"]["climatology"]["all"] for scores in runs]
            cells = [mean_over_seeds(climatology, ".4f"), *against_the_best(runs)]
            rows.append([*OTHERS[experiment], *cells])
    return as_table(rows) + how_made(measured, *(name for seeds in names.values() for name in seeds))


def warming(measured: Mapping[str, Any]) -> str:
    """By seed: error beside the best baseline, stated error, El Niño and trends beside the truth."""
    names = seeds_of("warming", measured)
    rows = [["seed", "analysis (K)", "best baseline (K)", "gain (95 % interval)", "climatology (K)",
             "spread / error", "Niño 3.4, correlation", "sea surface, K a decade: truth, analysis",
             "heat content 0-700 m, ZJ a decade: truth, analysis"]]  # fmt: skip
    rows += [_warming_cells(measured[name]["scores"]) for name in names]
    return as_table(rows) + how_made(measured, *names)


def _warming_cells(scores: Mapping[str, Any]) -> list[str]:
    error, best = scores["rmse"]["analysis"]["all"], scores["gain"]["baseline"]
    truth, found = ({name: value["slope"] for name, value in scores["trend_per_decade"][who].items()}
                    for who in ("truth", "analysis"))  # fmt: skip
    return [
        str(scores["seed"]),
        f"{error:.4f}",
        f"{scores['rmse'][best]['all']:.4f}, {BASELINES[best]}",
        gain_of([scores]),
        f"{scores['rmse']['climatology']['all']:.4f}",
        f"{scores['spread']['all'] / error:.2f}",
        f"{scores['nino34']['correlation']:.3f}",
        f"{truth['sea_surface_K']:.4f}, {found['sea_surface_K']:.4f}",
        f"{truth['heat_content_ZJ']:.1f}, {found['heat_content_ZJ']:.1f}",
    ]
