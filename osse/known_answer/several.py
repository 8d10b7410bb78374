"""The known answer over several seeds: other oceans, networks and truths; means with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from deepda.base.files import write_json
from osse.known_answer.run import run

CONFIDENCE = 0.95


def run_seeds(seeds: Sequence[int], minutes: float, output: Path) -> dict[str, Any]:
    """The comparison for each seed in `output`/seed_N, and `output`/summary.json over all.

    Returns:
        the summary as written.
    """
    scores = []
    for seed in seeds:
        folder = output / f"seed_{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        scores.append(run(seed, minutes, folder))
    found = {"seeds": list(seeds), "minutes": minutes, "confidence": CONFIDENCE} | summary(scores)
    write_json(output / "summary.json", found)
    print(table(found))
    return found


def summary(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and half width of its interval of RMSE (K) and of its ratio to the exact filter."""
    methods = list(scores[0]["ratio_to_kalman"])
    return {
        "rmse": {name: _mean([one["rmse"][name]["all"] for one in scores]) for name in methods},
        "ratio_to_kalman": {
            name: _mean([one["ratio_to_kalman"][name] for one in scores]) for name in methods
        },
    }


def table(found: Mapping[str, Any]) -> str:
    """The summary for a terminal."""
    lines = [f"RMSE over that of the exact filter; mean of {len(found['seeds'])} seeds, 95 % interval"]
    lines += [
        f"{name:12}{one['mean']:10.3f} ± {one['half_width']:.3f}"
        for name, one in found["ratio_to_kalman"].items()
    ]
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> dict[str, float]:
    """Mean over seeds and half of its Student interval."""
    count = len(values)
    quantile = student.ppf(0.5 + 0.5 * CONFIDENCE, count - 1)
    half = quantile * np.std(values, ddof=1) / np.sqrt(count)
    return {"mean": float(np.mean(values)), "half_width": float(half)}
