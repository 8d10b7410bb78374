"""The trials of a sweep as a table and a figure, best first."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState, create_trial
from rich.console import Console
from rich.table import Table

from deepda.base.files import write_whole
from deepda.base.text import counted
from deepda.figures.style import LIGHT, canvas
from osse.sweep.search_space import Space, Value, setting, shown

WIDTH = 80  # columns of a terminal
ENOUGH = 10  # finished trials, before one may ask which setting matters
BETTER = 0.3  # share of the trials that are set apart from the others


class Outcome(Enum):
    """What became of a trial; in the order of the table."""

    FINISHED = "finished"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """A trial that has ended.

    Attributes:
        number: from 0.
        outcome: finished, pruned (worse than others early on), diverged or failed.
        scores: validation errors in the order of training, K.
        best: validation error of what was trained, or the least one of a trial that ended early, K.
        seconds: of training, validations included.
        reason: why it did not finish.
        default: whether these are the settings as they stand.
    """

    number: int
    settings: dict[str, Value]
    outcome: Outcome
    scores: tuple[float, ...]
    best: float | None
    updates: int
    seconds: float
    reason: str
    default: bool


def results_of(trials: Sequence[FrozenTrial], default: Mapping[str, Value]) -> list[Result]:
    """Of all trials that have ended, best first."""
    results = [_result(trial, default) for trial in trials if "outcome" in trial.user_attrs]
    order = list(Outcome)
    return sorted(results, key=lambda r: (order.index(r.outcome), r.best or np.inf, r.number))


def best_score(trial: FrozenTrial) -> float | None:
    """The least validation error of a trial, K."""
    return min((s for s in trial.intermediate_values.values() if np.isfinite(s)), default=None)


def write_csv(results: Sequence[Result], space: Space, path: Path) -> None:
    """One row a trial, best first."""
    keys = list(space)
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    about = ["trial", "outcome", "default", "validation_rmse_K"]
    writer.writerow([*about, *keys, "updates", "seconds", "reason"])
    for r in results:
        values = [r.settings[key] for key in keys]
        best = "" if r.best is None else f"{r.best:.6f}"
        row = [r.number + 1, r.outcome.value, "yes" * r.default, best, *values]
        writer.writerow([*row, r.updates, r.seconds, r.reason])
    write_whole(path, lambda partial: partial.write_text(held.getvalue()))


def table(results: Sequence[Result], space: Space) -> str:
    """For a terminal of 80 columns: the trials best first, what failed and why, the best settings."""
    console = Console(file=io.StringIO(), width=WIDTH, highlight=False, markup=False)
    console.print(_grid(results, space))
    if any(r.default for r in results):
        console.print("* the settings as they stand")
    for r in results:
        if r.outcome in (Outcome.DIVERGED, Outcome.FAILED):
            console.print(f"trial {r.number + 1} {r.outcome.value}: {r.reason}")
    shares = importance(results, space)
    if shares:
        parts = ", ".join(f"{key.rpartition('.')[2]} {share:.2f}" for key, share in shares.items())
        console.print(f"what sets the best {BETTER:.0%} apart (PED-ANOVA): {parts}")
    finished = [r for r in results if r.outcome is Outcome.FINISHED]
    if finished:
        failed = sum(r.outcome is Outcome.FAILED for r in results)
        among = f" of {counted(len(finished), 'trial')} that finished ({failed} failed)" * (failed > 0)
        best = " ".join(setting(key, value) for key, value in finished[0].settings.items())
        console.print(f"best{among}: {best}", soft_wrap=True)
    else:
        console.print("no trial finished")
    return console.file.getvalue().rstrip()  # type: ignore[attr-defined,no-any-return]


def importance(results: Sequence[Result], space: Space) -> dict[str, float]:
    """How much of what sets the better trials apart each setting explains (PED-ANOVA, Watanabe, Bansal
    and Hutter 2023), the most first; empty with one setting or few finished trials."""
    finished = [r for r in results if r.outcome is Outcome.FINISHED]
    if len(space) < 2 or len(finished) < ENOUGH:
        return {}
    study, shapes = optuna.create_study(), dict(space)
    for r in finished:
        study.add_trial(create_trial(params=r.settings, distributions=shapes, value=r.best))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=BETTER)
    return get_param_importances(study, evaluator=evaluator)


def figure(results: Sequence[Result], space: Space) -> Figure:
    """The learning curve of each trial, and its validation error against each setting."""
    columns = 2
    rows = 1 + -(-len(space) // columns)
    with canvas(0.4 + 2.3 * rows) as drawn:
        grid = drawn.add_gridspec(rows, columns)
        _draw_learning_curves(drawn.add_subplot(grid[0, :]), results)
        for place, key in enumerate(space):
            axes = drawn.add_subplot(grid[1 + place // columns, place % columns])
            _draw_setting(axes, results, key, space[key], first=place % columns == 0)
    return drawn


def _result(trial: FrozenTrial, default: Mapping[str, Value]) -> Result:
    kept: dict[str, Any] = trial.user_attrs
    scores = tuple(score for _, score in sorted(trial.intermediate_values.items()))
    return Result(
        trial.number,
        trial.params,
        Outcome(kept["outcome"]),
        scores,
        trial.value if trial.state is TrialState.COMPLETE else best_score(trial),
        int(kept.get("updates", 0)),
        float(kept.get("seconds", 0.0)),
        kept["reason"],
        bool(default) and trial.params == default,
    )


def _grid(results: Sequence[Result], space: Space) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column("trial", justify="right", no_wrap=True)
    made.add_column("RMSE (K)", justify="right", no_wrap=True)
    for key in space:
        made.add_column(key.rpartition(".")[2].replace("_", " "), justify="right")
    made.add_column("updates", justify="right", no_wrap=True)
    made.add_column("s", justify="right", no_wrap=True)
    made.add_column("outcome", no_wrap=True)
    for r in results:
        best = "" if r.best is None else f"{r.best:.5f}"
        values = [shown(r.settings[key]) for key in space]
        name = f"{'*' if r.default else ''}{r.number + 1}"
        made.add_row(name, best, *values, str(r.updates), f"{r.seconds:.0f}", r.outcome.value)
    return made


def _colour(result: Result, best: Result | None) -> str:
    if result is best:
        return LIGHT.blue
    if result.default:
        return LIGHT.vermilion
    return LIGHT.grey


def _best(results: Sequence[Result]) -> Result | None:
    return next((r for r in results if r.outcome is Outcome.FINISHED), None)


def _draw_learning_curves(axes: Axes, results: Sequence[Result]) -> None:
    best = _best(results)
    for r in reversed(results):
        if not r.scores:
            continue
        colour = _colour(r, best)
        label = "best" if r is best else "as they stand" if r.default else None
        steps = np.arange(1, len(r.scores) + 1)
        axes.plot(steps, r.scores, color=colour, linewidth=1.8 if label else 0.9, label=label)
        if r.outcome is not Outcome.FINISHED:
            axes.plot(steps[-1:], r.scores[-1:], "x", color=colour, markersize=5)
    axes.set(title="Learning curves of the trials", xlabel="validation (x: ended early)")
    axes.set_ylabel("validation RMSE (K)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if best is not None:
        axes.legend()


def _draw_setting(
    axes: Axes, results: Sequence[Result], key: str, distribution: BaseDistribution, first: bool
) -> None:
    best = _best(results)
    choices = distribution.choices if isinstance(distribution, CategoricalDistribution) else ()
    for r in reversed(results):
        if r.best is None:
            continue
        value = r.settings[key]
        position = choices.index(value) if choices else float(value)
        whole = r.outcome is Outcome.FINISHED
        colour = _colour(r, best)
        axes.plot(position, r.best, "o", color=colour, markerfacecolor=colour if whole else "none")
    if choices:
        axes.set_xticks(range(len(choices)), [str(choice) for choice in choices])
    elif vars(distribution)["log"]:
        axes.set_xscale("log")
    axes.set_xlabel(key)
    if first:
        axes.set_ylabel("validation RMSE (K)")
