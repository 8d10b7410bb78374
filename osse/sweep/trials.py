"""The trials of a sweep: proposed, watched, ended early where hopeless, and gone on with.

Each is proposed by optuna from those before it and from the seed, the first being the settings as they
stand. Everything is in the output folder, so that a sweep that was interrupted ends as one that was not.
"""

from __future__ import annotations

import json
import math
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import MedianPruner
from optuna.samplers import BaseSampler, BruteForceSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from deepda.assimilation.cycle import DivergenceError
from deepda.base.errors import DeepDAError
from deepda.base.files import write_json
from deepda.base.progress import Progress
from deepda.base.workers import HERE, Workers, without_loss
from deepda.figures.style import save
from deepda.settings.schema import Config, ConfigError
from deepda.training.trainer import STATE, History, Watch
from osse.sweep.results import Outcome, Result, best_score, figure, results_of, write_csv
from osse.sweep.search_space import Compose, Space, Value, describe, setting, size, standing

JOURNAL, SEARCH, TRIALS = "study.journal", "sweep.json", "trials"
CSV, FIGURE = "sweep.csv", "sweep.png"
ERROR = "error.txt"  # in the folder of a trial that failed: where in the code
RANDOM_TRIALS = 5  # before the sampler learns from what it has seen
COMPLETE_TRIALS = 3  # before a trial is held against the median of those before it
FIRST_PRUNING = 2  # validation at which that begins
ATTEMPTS = 20  # at a proposal that has not been tried


class PrunedError(Exception):
    """A trial that is worse than others were at the same share of their training."""


@dataclass(frozen=True)
class Search:
    """What is searched, and how trials are judged.

    Attributes:
        on: "known-answer" or "osse".
        seed: of the experiment, the weights and the proposals.
        minutes: of training a trial; None where `training.updates` is set.
        fixed: KEY=VALUE of all trials.
    """

    on: str
    seed: int
    minutes: float | None
    space: Space
    fixed: tuple[str, ...]


Objective = Callable[[Config, Path, Watch], float]  # validation error of what is trained, K


def run(
    search: Search,
    trials: int,
    output: Path,
    compose: Compose,
    objective: Objective,
    progress: Progress,
    work: Workers = HERE,
    elsewhere: Callable[[int], bool] | None = None,
) -> list[Result]:
    """Do trials until there are so many; sweep.csv is written after each, sweep.png in the end.

    Args:
        trials: in the end, those of earlier calls included.
        output: folder; one process at a time.
        objective: trains with a configuration in a folder, shows the history of its validations, and
            gives the validation error of what is trained.
        elsewhere: what a worker does with the number of a trial: `one_trial`, for itself. As many are
            proposed at once as there are workers.

    Returns:
        The results, best first.

    Raises:
        ConfigError: the folder holds another sweep.
        WorkersError: a worker died.
    """
    require_same_search(search, output)
    study = open_study(output)
    default = standing(search.space, search.fixed, compose)
    act = elsewhere or partial(one_trial, search, output, compose, objective, progress)
    while numbers := _begin(study, search, trials, default, max(1, work.number())):
        for number in numbers:
            words = _settings(study.get_trials(deepcopy=False)[number])
            progress.note(f"trial {number + 1} of {trials}: {' '.join(words)}")
        for number, _ in without_loss(work(act, numbers)):
            progress.note(_conclusion(study.get_trials(deepcopy=False)[number]))
            write_csv(results_of(study.get_trials(), default), search.space, output / CSV)
    results = results_of(study.get_trials(), default)
    save(figure(results, search.space), output / FIGURE)
    return results


def require_same_search(search: Search, output: Path) -> None:
    """Write what is searched, or refuse to go on with another search in the same folder."""
    path = output / SEARCH
    space = [describe(key, distribution) for key, distribution in search.space.items()]
    now = json.loads(json.dumps({**vars(search), "space": space}))
    before = json.loads(path.read_text()) if path.exists() else now
    for name in now:
        if before.get(name) != now[name]:
            raise ConfigError(
                f"{output} holds a sweep with {name} {before.get(name)}, {now[name]} asked for; "
                "choose another --output, or remove that folder"
            )
    write_json(path, now)


def open_study(output: Path) -> optuna.Study:
    """The trials of a sweep, in the file that all processes write."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", ExperimentalWarning)  # of the sampler that goes through all
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(output / JOURNAL))),
        pruner=MedianPruner(COMPLETE_TRIALS, FIRST_PRUNING),
        study_name="sweep",
        load_if_exists=True,
    )


def _begin(
    study: optuna.Study, search: Search, trials: int, default: dict[str, Value], most: int
) -> list[int]:
    """The numbers of the next trials, interrupted ones first; none where all are done."""
    running = [trial.number for trial in study.get_trials() if trial.state == TrialState.RUNNING]
    numbers = running[:most]
    while len(numbers) < most and (number := _ask(study, search, trials, default)) is not None:
        numbers.append(number)
    return numbers


def _ask(study: optuna.Study, search: Search, trials: int, default: dict[str, Value]) -> int | None:
    """The number of a new trial; None where there are as many as there shall be."""
    done = study.get_trials()
    if not any(trial.state == TrialState.WAITING for trial in done):
        tried = [trial.params for trial in done]
        if len(tried) >= min(trials, size(search.space)):
            return None
        study.enqueue_trial(default if default and not done else propose(done, search))
    return study.ask(dict(search.space)).number


def propose(done: Sequence[FrozenTrial], search: Search) -> dict[str, Any]:
    """Settings to try next, which follow from the trials that are done and the seed alone.

    A small space is gone through: what the estimator proposes again is replaced by what was not tried.
    """
    tried = [trial.params for trial in done]
    seeds = np.random.SeedSequence([search.seed, len(done)]).generate_state(ATTEMPTS).tolist()
    samplers: list[BaseSampler] = [
        TPESampler(n_startup_trials=RANDOM_TRIALS, constant_liar=True, seed=n) for n in seeds
    ]
    if size(search.space) < math.inf:
        samplers.append(BruteForceSampler(seed=seeds[0]))
    for sampler in samplers:
        scratch = optuna.create_study(sampler=sampler)
        scratch.add_trials(done)
        values = scratch.ask(dict(search.space)).params
        if values not in tried:
            break
    return values


def _settings(trial: FrozenTrial) -> list[str]:
    return [setting(key, value) for key, value in trial.params.items()]


def one_trial(
    search: Search,
    output: Path,
    compose: Compose,
    objective: Objective,
    progress: Progress,
    number: int,
) -> bool:
    """Train, and write into the study what became of it; True."""
    study = open_study(output)
    frozen = study.get_trials(deepcopy=False)[number]
    trial = Trial(study, frozen._trial_id)  # as it was when interrupted
    words = _settings(frozen)
    folder = output / TRIALS / f"{number:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    outcome, reason, score = Outcome.FINISHED, "", None
    try:
        score = objective(
            compose([*search.fixed, *words]), folder, lambda history: _watch(trial, history)
        )
    except PrunedError as error:
        outcome, reason = Outcome.PRUNED, str(error)
    except DivergenceError as error:
        outcome, reason = Outcome.DIVERGED, str(error)
    except OSError:
        raise  # a full disk is no property of the settings
    except Exception as error:  # whatever it is, other settings may work
        kind = "" if isinstance(error, DeepDAError) else f"{type(error).__name__}: "
        outcome, reason = Outcome.FAILED, f"{kind}{error}"
        (folder / ERROR).write_text(traceback.format_exc())
    _conclude(study, trial, outcome, score, reason)
    (folder / STATE).unlink(missing_ok=True)
    return True


def _watch(trial: Trial, history: History) -> None:
    """Report validations that the study lacks; end the training where it is hopeless."""
    known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    for step, entry in enumerate(history, start=1):
        if step not in known:
            trial.report(entry["validation"], step)
    last = history[-1]
    if not np.isfinite(last["validation"]):
        raise DivergenceError(
            f"the validation error is {last['validation']} K at update {last['update']:.0f}"
        )
    trial.set_user_attr("seconds", last["seconds"])
    trial.set_user_attr("updates", last["update"])
    if trial.should_prune():
        raise PrunedError(f"worse than the median at validation {len(history)}")


def _conclude(
    study: optuna.Study, trial: Trial, outcome: Outcome, score: float | None, reason: str
) -> None:
    best = score if score is not None else best_score(study.get_trials(deepcopy=False)[trial.number])
    trial.set_user_attr("outcome", outcome.value)
    trial.set_user_attr("reason", " ".join(reason.split()))
    trial.set_user_attr("best", best)
    if outcome is Outcome.FINISHED:
        study.tell(trial, best)
    else:  # the sampler keeps away from what diverged, and learns nothing from what failed
        study.tell(trial, state=TrialState.FAIL if outcome is Outcome.FAILED else TrialState.PRUNED)


def _conclusion(trial: FrozenTrial) -> str:
    """What became of a trial, in words."""
    best, reason = trial.user_attrs["best"], trial.user_attrs["reason"]
    scored = f", best validation RMSE {best:.5f} K" if best is not None else ""
    outcome = trial.user_attrs["outcome"]
    return f"trial {trial.number + 1} {outcome}{scored}{': ' * bool(reason)}{reason}"
