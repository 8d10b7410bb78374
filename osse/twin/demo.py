"""`deepda demo`: the shipped weights analyse a new realisation of the built-in ocean, in a minute.

A few years of the ocean are simulated with a seed of their own. The last one is the truth; members take
the years before it as shadow truths. Nothing is trained, and optimal interpolation, which would need the
training years, is left out.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deepda.base.progress import Clock, Progress
from deepda.networks.device import choose_device, described
from deepda.runs.finished import FinishedRun
from deepda.runs.folder import RunFolder, flat_settings, run_folder
from deepda.runs.shadows import CONTROL, members_of
from deepda.runs.shipped import SHIPPED, folder_of, shipped_weights
from deepda.settings.compose import CONFIG_FILE, quoted, saved_config
from deepda.settings.schema import Config, EmbeddedControl
from osse.twin.control_years import share_out, write_embedded
from osse.twin.evaluation import evaluate
from osse.twin.twin import Twin, twin_of

MEMBERS, WINDOWS, SPINUP = 3, 24, 6  # four months of pentads, of which the first does not count
OF_DEMO = 3_000  # added to the seed: neither the years that were learnt from nor a twin of history
PAGE = "report.html"
KIND = "demonstration: shipped weights, nothing is trained"


def run(output: Path) -> Path:
    """Make the demonstration in a folder; returns its page.

    Raises:
        CheckpointError: the shipped weights cannot be used.
        ConfigError: the folder holds something else.
    """
    clock = Clock()
    with run_folder(output) as folder:
        config = settings(output)
        if _is_finished(folder, config):
            return output / PAGE
        folder.keep_settings(config)
        progress = folder.progress
        progress.note(shipped_weights())
        progress.note(described(config.device, choose_device(config.device)))
        trained = FinishedRun(folder_of(SHIPPED), config.device)
        with clock.stage("simulate"):
            twin = _twin(config, output, trained, progress)
        shadows = members_of(output, trained.space, MEMBERS, config.osse.label_year, config.seed)
        evaluate(twin, trained.analyser, {}, config, output, clock, progress, {}, shadows, KIND)
    return output / PAGE


def settings(output: Path) -> Config:
    """Those of the shipped run, for the years of the demonstration."""
    years = {"train_years": MEMBERS, "validation_years": 1, "test_years": 1}
    chosen = years | {"members": MEMBERS, "spinup": SPINUP}
    words = [f"osse.{name}={value}" for name, value in chosen.items()]
    return saved_config(folder_of(SHIPPED), [*words, f"output={quoted(output)}"])


def _is_finished(folder: RunFolder, config: Config) -> bool:
    """Whether the demonstration is there; refuses a folder of something else."""
    if not (folder.path / CONFIG_FILE).exists():
        return False
    there, asked = flat_settings(saved_config(folder.path)), flat_settings(config)
    for name in ("output", "device"):
        there.pop(name), asked.pop(name)
    folder.require_same(there, asked)
    return folder.nothing_to_do(there, asked)


def _twin(config: Config, output: Path, trained: FinishedRun, progress: Progress) -> Twin:
    """The last windows of a year that is simulated, unless it has been."""
    control, path = config.control, output / CONTROL
    assert isinstance(control, EmbeddedControl)
    if not path.exists():
        seed = control.seed + OF_DEMO
        write_embedded(path, config, MEMBERS + 2, seed, control.warming, progress)
    years_of = share_out(path, config)
    twin = twin_of(config, trained.space, years_of.thetao[years_of.test].load())
    return replace(twin, truth=twin.truth[-WINDOWS:], windows=twin.windows.last(WINDOWS))
