"""`deepda sweep`: search over settings of generator and training, judged on validation years alone.

It runs on the known answer or on the twin experiment; no trial sees the test years of either.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from deepda.base.files import output_folder, write_whole
from deepda.base.progress import Clock, Progress
from deepda.base.workers import on_one_thread, open_workers
from deepda.runs.folder import run_folder
from deepda.settings.compose import CONFIG_FILE, dump, load_config, saved_config
from deepda.settings.schema import Config, ConfigError
from deepda.training.setup import VALIDATIONS, TrainingSetup
from deepda.training.trainer import Recipe, Watch
from osse.known_answer import methods as known_answer
from osse.known_answer.linear_ocean import LinearOcean
from osse.known_answer.network import Network
from osse.known_answer.run import Size, studied
from osse.sweep.results import Outcome, table
from osse.sweep.search_space import describe, read_space
from osse.sweep.trials import CSV, FIGURE, TRIALS, Objective, Search, one_trial, require_same_search, run
from osse.twin.training import twin_training

KNOWN_ANSWER, TWIN = "known-answer", "osse"
FREE = ("generator", "training")  # sections that the known answer reads
FEWEST_UPDATES = 20  # that are a training
Setups = Callable[[Config], TrainingSetup]


def elsewhere(search: Search, output: Path, number: int) -> bool:
    """What another process does: it opens the experiment for itself, and does one trial."""
    progress, compose = Progress(stream=io.StringIO()), composer(search.on, search.seed)
    with (
        on_one_thread(),
        opened(search, output, output / f"cache-{number}", progress) as objective,
    ):
        return one_trial(search, output, compose, objective, progress, number)


def sweep(
    on: str,
    words: Sequence[str],
    trials: int,
    minutes: float | None,
    seed: int,
    output: Path,
    workers: int = 1,
    scheduler: str | None = None,
) -> int:
    """Do the trials and print the table; everything else is written into `output`.

    Args:
        on: "known-answer" or "osse".
        words: KEY=VALUE, some with several values.
        trials: in the end, those of earlier calls included.
        minutes: of training a trial; None where `training.updates` says how long.
        seed: of the experiment, the weights and the proposals.
        workers: processes that share the trials; 1 for this one alone.
        scheduler: address of a dask cluster that sees the same folders.

    Returns:
        The exit code: 1 where no trial finished.

    Raises:
        DeepDAError: words that cannot be understood, or another sweep in the folder; a worker died, or
            no scheduler answers.
    """
    compose = composer(on, seed)
    space, fixed = read_space(words, compose)
    require_usable(on, fixed)
    search = Search(on, seed, minutes, space, tuple(fixed))
    with output_folder(output), run_folder(output) as folder:
        progress = folder.progress
        require_same_search(search, output)
        for key, distribution in space.items():
            progress.note(describe(key, distribution))
        with (
            opened(search, output, output / "cache", progress) as objective,
            open_workers(workers, scheduler) as work,
        ):
            others = partial(elsewhere, search, output) if work.number() else None
            results = run(search, trials, output, compose, objective, progress, work, others)
    print(table(results, space))
    print(f"{output / CSV}, {output / FIGURE} and {output / TRIALS} written")
    return int(not any(result.outcome is Outcome.FINISHED for result in results))


@contextmanager
def opened(search: Search, output: Path, cache: Path, progress: Progress) -> Iterator[Objective]:
    """The objective of a sweep, on the known answer or on the control simulation in `output`.

    Args:
        cache: folder for the anomalies of a control simulation, gone at the end of the block.
    """
    if search.on == KNOWN_ANSWER:
        yield trainer(known_answer_setups(search.seed, Size(), progress), search.minutes, progress)
        return
    config = composer(search.on, search.seed)(search.fixed)
    with twin_training(config, output, cache, Clock(), progress) as twin:
        yield trainer(twin.setup, search.minutes, progress)


def composer(on: str, seed: int) -> Callable[[Sequence[str]], Config]:
    """How KEY=VALUE words become a configuration: on the known answer its own defaults come first."""

    def compose(words: Sequence[str]) -> Config:
        defaults = _known_defaults(words) if on == KNOWN_ANSWER else []
        return load_config("osse", [f"seed={seed}", *defaults, *words])

    return compose


def require_usable(on: str, words: Sequence[str]) -> None:
    """Refuse fixed settings that nothing would read.

    Raises:
        ConfigError: one of them was given.
    """
    for word in words:
        key = word.partition("=")[0]
        if key in ("seed", "output"):
            raise ConfigError(f"{word} found, expected --{key}; write it as a flag")
        if key == "training.validate_every":
            raise ConfigError(
                f"{word} found, but each trial is validated {VALIDATIONS} times, so that trials can be "
                "compared on the way; leave it out"
            )
        if on == KNOWN_ANSWER and key.partition(".")[0] not in FREE:
            raise ConfigError(
                f"{word} means nothing to the known answer; leave it out, or add --on osse"
            )


def known_answer_setups(seed: int, size: Size, progress: Progress) -> Setups:
    """Trainings on the control run of the known answer, scored on its validation years."""
    ocean = LinearOcean.draw(seed, size.shape)
    network = Network.draw(ocean, seed)
    training, validation = studied(ocean, network, seed, size)
    anomalies = training / validation.space.scale

    def setup(config: Config) -> TrainingSetup:
        return known_answer.setup(config.generator, anomalies, validation, network, seed, progress)

    return setup


def trainer(setups: Setups, minutes: float | None, progress: Progress) -> Objective:
    """The objective of a sweep: train for some minutes, or for `training.updates`, as the runs do.

    The settings are written into the folder of the trial, with the number of updates; a trial that is
    resumed takes it from there.
    """

    def train(config: Config, folder: Path, watch: Watch) -> float:
        setup = setups(config)
        if (folder / CONFIG_FILE).exists():
            updates = saved_config(folder).training.updates
        elif minutes is None:
            updates = config.training.updates
        else:
            updates = setup.affordable(Recipe.of(config.training), 60 * minutes, FEWEST_UPDATES)
        every = math.ceil(updates / VALIDATIONS)
        config.training = replace(config.training, updates=updates, validate_every=every)
        config.output = str(folder)
        write_whole(folder / CONFIG_FILE, lambda path: path.write_text(dump(config)))
        analyser, _ = setup.train(Recipe.of(config.training), progress, folder, watch)
        samples, seed = config.training.error_samples, config.training.seed
        return setup.complete(analyser, samples, seed, progress).rmse

    return train


def _known_defaults(words: Sequence[str]) -> list[str]:
    chosen = [word.partition("=")[2] for word in words if word.startswith("generator=")]
    kind = chosen[-1] if chosen else known_answer.OURS.kind
    settings = {
        "training.stretches": known_answer.STRETCHES,
        "training.backprop": known_answer.BACKPROP,
        "training.learning_rate": known_answer.RATE,
        "training.patience": 1000,
        "training.error_samples": known_answer.ERROR_SAMPLES,
    }
    if kind == known_answer.OURS.kind:
        ours = {name: value for name, value in vars(known_answer.OURS).items() if name != "kind"}
        settings |= {f"generator.{name}": value for name, value in ours.items()}
    if kind == known_answer.HAM.kind:
        settings["training.adversarial_weight"] = known_answer.HAM_ADVERSARIAL
    return [f"{key}={value}" for key, value in settings.items()]
