"""Cells of tables that hold an analysis against its best baseline, over the seeds that were measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepda.base.text import METHOD_NAMES

BASELINES = {**METHOD_NAMES, "persistence": "persistence", "climatology": "climatology"}


def seeds_of(experiment: str, measured: Mapping[str, Any]) -> list[str]:
    """The keys of an experiment in the measured numbers, one for each seed, in order."""
    own = re.compile(rf"{experiment}(-\d+)?")
    names = sorted(filter(own.fullmatch, measured), key=lambda name: (len(name), name))
    seeds = [measured[name]["scores"]["seed"] for name in names]
    if len(set(seeds)) < len(seeds):
        raise SystemExit(
            f"{', '.join(names)} have seeds {seeds}, expected a different one each; run with seed=N"
        )
    return names


def against_the_best(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The cells of an experiment in the headline, from the scores of its seeds."""
    best = [scores["gain"]["baseline"] for scores in runs]
    analysis = [scores["rmse"]["analysis"]["all"] for scores in runs]
    errors = [scores["rmse"][name]["all"] for name, scores in zip(best, runs, strict=True)]
    titles = " or ".join(dict.fromkeys(BASELINES[name] for name in best))
    ratio = [scores["reliability"]["spread_skill"]["all"] for scores in runs]
    return [
        mean_over_seeds(analysis, ".4f"),
        f"{mean_over_seeds(errors, '.4f')}, {titles}",
        gain_of(runs),
        mean_over_seeds(ratio, ".2f"),
    ]


def gain_of(runs: Sequence[Mapping[str, Any]]) -> str:
    """Mean gain over the best baseline of each seed, its range, and the interval of each seed."""
    gains = [100 * scores["gain"]["gain"] for scores in runs]
    if len(runs) == 1:
        return f"{gains[0]:.1f} %{interval_of(runs[0])}"
    each = ", ".join(f"seed {scores['seed']}{interval_of(scores)}" for scores in runs)
    return f"{mean_over_seeds(gains, '.1f', ' %')}; {each}"


def mean_over_seeds(values: Sequence[float], digits: str, unit: str = "") -> str:
    """The mean over seeds, and their range where there are several."""
    mean = f"{np.mean(values):{digits}}{unit}"
    return mean if len(values) == 1 else f"{mean} [{min(values):{digits}} to {max(values):{digits}}]"


def interval_of(scores: Mapping[str, Any]) -> str:
    """Interval of the gain over the best baseline, where the run has one."""
    low, high = (scores.get("gain", {}).get(end) for end in ("low", "high"))
    return "" if low is None or high is None else f" ({100 * low:.1f} to {100 * high:.1f})"
