"""`deepda osse run`: train from a control simulation, evaluate on years that training does not see."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepda.assimilation.state import StateSpace
from deepda.base.progress import Clock, Progress
from deepda.networks.build import require_equal_longitudes
from deepda.networks.device import choose_device, described
from deepda.networks.trainable import TrainableAnalyser
from deepda.runs.checkpoint import MODEL, load_model, save_checkpoint
from deepda.runs.error_samples import save_error_samples
from deepda.runs.folder import RunFolder, flat_settings, run_folder
from deepda.runs.open import load_analyser
from deepda.runs.shadows import members_of
from deepda.settings.compose import CONFIG_FILE, saved_config
from deepda.settings.schema import Config, InnovationGenerator
from deepda.training.ranks import RankError, Ranks, joined_ranks
from deepda.training.trainer import LEARNING, STATE, Recipe
from osse.twin.control_years import Control, grid_of_water, require_control
from osse.twin.evaluation import evaluate
from osse.twin.fair_baselines import tuned_baselines
from osse.twin.forecast_interpolation import Interpolation
from osse.twin.optimal_interpolation import tuned_interpolation
from osse.twin.training import TwinTraining, twin_training
from osse.twin.twin import Twin, synthetic_observations, twin_of


def run(config: Config, output: Path, notes: Sequence[str] = ()) -> dict[str, Any]:
    """The whole twin experiment; everything is written into `output`. Returns the scores.

    An interrupted run is resumed: the control simulation is used again, training goes on where it
    stopped, and what follows is made anew. Processes that `torchrun` starts train together; only the
    first of them returns scores.

    Args:
        notes: lines for the log on where the settings come from.

    Raises:
        DeepDAError: settings, files or control simulation that cannot be used.
    """
    device = choose_device(config.device)
    with joined_ranks(device) as ranks:
        ranks.require_streams(config.training.stretches)
        if not ranks.first:
            _join(config, output, ranks)
            return {}
        return _lead(config, output, notes, ranks)


def _lead(config: Config, output: Path, notes: Sequence[str], ranks: Ranks) -> dict[str, Any]:
    """The run, by the only process or the first of several, which alone writes."""
    clock = Clock()
    with run_folder(output) as folder:
        if is_finished(folder, config):
            ranks.by_first(lambda: False)
            return folder.scores() or {}
        require_usable(config, folder)
        folder.keep_settings(config)
        progress = folder.progress
        for line in notes:
            progress.note(line)
        processes = f"; {ranks.total} processes" if ranks.total > 1 else ""
        progress.note(described(config.device, choose_device(config.device)) + processes)
        with twin_training(config, output, output / "cache", clock, progress) as training:
            ranks.by_first(lambda: not (output / "checkpoint" / MODEL).exists())
            trained, history = _train(config, training, output, clock, progress, ranks)
            with clock.stage("tune optimal interpolation"):
                oi = tuned_interpolation(
                    training.years, training.anomalies, output / "checkpoint", progress
                )
            with clock.stage("tune other baselines"):
                tuned: dict[str, Interpolation] = {"oi": oi}
                if (names := config.osse.baselines) != ["oi"]:
                    years, kept = training.baseline_years(config), output / "checkpoint"
                    tuned |= tuned_baselines(names, oi, years, config.seed, kept, progress)
            twin = twin_of_test_years(config, training.control, training.space)
        chosen = config.osse
        members = members_of(output, training.space, chosen.members, chosen.label_year, config.seed)
        more = {"history": history}
        return evaluate(twin, trained, tuned, config, output, clock, progress, more, members)


def require_usable(config: Config, folder: RunFolder) -> None:
    """Refuse what the experiment cannot be run with in a folder, before anything is made.

    Raises:
        DeepDAError: settings, files or a folder that cannot be used.
    """
    require_same_settings(config, folder)
    choose_device(config.device)
    synthetic_observations(config)
    if isinstance(config.generator, InnovationGenerator):
        require_equal_longitudes(grid_of_water(config))
    require_control(config, folder.path)


def _join(config: Config, output: Path, ranks: Ranks) -> None:
    """Train and sample beside the first process, once it has prepared the control simulation.

    Raises:
        RankError: this process does not see its folder, or another one was lost.
    """
    if not ranks.by_first(lambda: False):
        return
    if not (output / "control.nc").exists():
        raise RankError(
            f"process {ranks.number} sees no {output / 'control.nc'}, which the first process has, "
            "expected one folder for all; choose an --output on a disk that all machines share"
        )
    clock, quiet = Clock(), Progress(stream=io.StringIO())
    with (
        TemporaryDirectory(prefix="deepda-") as cache,
        twin_training(config, output, Path(cache), clock, quiet) as training,
    ):
        setup = training.setup(config, ranks)
        analyser, _ = setup.train(Recipe.of(config.training), quiet, output)
        setup.complete(analyser, config.training.error_samples, config.training.seed, quiet)


FREE = ("output", "device", "reanalysis", "data")  # settings that no part of a run depends on
OF_CONTROL = ("control", "grid", "per_year")  # settings that the control simulation depends on


def is_finished(folder: RunFolder, config: Config) -> bool:
    """Whether the run is there, scored with the same settings; says so."""
    if not (folder.path / CONFIG_FILE).exists():
        return False
    return folder.nothing_to_do(*_settings(folder, config, lambda key: _section(key) not in FREE))


def require_same_settings(config: Config, folder: RunFolder) -> None:
    """Refuse to go on with a run of other settings; its parts would not belong together.

    Only the settings count that something in the folder was made with: a run that was refused before
    it made anything binds nothing.

    Raises:
        ConfigError: a setting differs.
    """
    if not (folder.path / CONFIG_FILE).exists():
        return
    if any((folder.path / name).exists() for name in ("checkpoint", STATE, LEARNING)):
        folder.require_same(*_settings(folder, config, _trains))
    elif (folder.path / "control.nc").exists():
        folder.require_same(*_settings(folder, config, lambda key: _section(key) in OF_CONTROL))


def _settings(
    folder: RunFolder, config: Config, counts: Callable[[str], bool]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings by dotted key, there and asked for, those that count."""
    both = (flat_settings(saved_config(folder.path)), flat_settings(config))
    there, asked = ({k: v for k, v in flat.items() if counts(k)} for flat in both)
    return there, asked


def _section(key: str) -> str:
    return key.split(".")[0]


def _trains(key: str) -> bool:
    """Whether weights may depend on a setting; members and baselines come afterwards."""
    return _section(key) not in FREE and key not in ("osse.members", "osse.baselines")


def twin_of_test_years(config: Config, control: Control, space: StateSpace) -> Twin:
    """The twin that a run is scored on: its last years, which training never saw."""
    return twin_of(config, space, control.thetao[control.test].load())


def _train(
    config: Config,
    training: TwinTraining,
    output: Path,
    clock: Clock,
    progress: Progress,
    ranks: Ranks,
) -> tuple[TrainableAnalyser, list[dict[str, float]]]:
    """Train the configured generator, or take it from the run's folder if it is finished.

    Returns:
        The analyser with its best validated weights, and the history of the validations.
    """
    checkpoint, space = output / "checkpoint", training.space
    if (checkpoint / MODEL).exists():
        model = load_model(checkpoint, space.grid)
        progress.note(f"training: {checkpoint} is finished and is used again")
        device = choose_device(config.device)
        return load_analyser(checkpoint, config.generator, device)[0], model["history"]
    with clock.stage("fit"):
        setup = training.setup(config, ranks)
    with clock.stage("train"):
        analyser, history = setup.train(Recipe.of(config.training), progress, output)
    with clock.stage("sample background errors"):
        samples, seed = config.training.error_samples, config.training.seed
        completed = setup.complete(analyser, samples, seed, progress)
    if completed.samples is not None:
        save_error_samples(completed.samples, space.grid, checkpoint)
    about = {"generator": vars(config.generator), "history": history, "seed": config.seed}
    save_checkpoint(checkpoint, analyser, space, about)
    (output / STATE).unlink(missing_ok=True)
    return analyser, history
