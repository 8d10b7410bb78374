"""What was run, for the head of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepda.base.info import command_line, provenance, versions
from deepda.runs.folder import flat_settings
from deepda.settings.compose import load_config
from deepda.settings.schema import Config, EmbeddedControl, FilesControl, IngestedObservations

SHOWN = 8  # settings that differ from their default
TRAININGS = {
    "default": "full training",
    "quick": "quick training: a first look, less skill than the full one",
    "smoke": "smoke test: shows that everything runs, without skill",
}
TWIN = (
    "Not the real ocean: a twin experiment. Truth and observations are synthetic, and dates only say "
    "which observing system was drawn."
)
APART = (
    *("command", "output", "device", "control.paths", "grid.", "data."),
    *("reanalysis.run", "reanalysis.start", "reanalysis.end"),
)  # not settings of the method, or named in a line of their own


def made_by() -> dict[str, str]:
    """Command, date and version."""
    return {
        "command": command_line(),
        "date": provenance(None, None)["date_created"].replace("T", " ").replace("Z", " UTC"),
        "version": f"DeepDA {versions()['deepda']}",
    }


def of_run(folder: Path, config: Config, scores: Mapping[str, Any]) -> dict[str, str]:
    """The same of an experiment on a finished run.

    Args:
        scores: of the experiment, with `scored_from`, `scored_to` and `scored_windows`.
    """
    span = f"{scores['scored_from']} to {scores['scored_to']}, {scores['scored_windows']} windows"
    return {"run": str(folder), **what_was_run(config, span)}


def what_was_run(config: Config, years: str, kind: str | None = None) -> dict[str, str]:
    """Model, grid, years, observing system, changed settings, command, date and version.

    Args:
        years: which were analysed, in words.
        kind: of run; None is the training that the settings name.
    """
    changed = _changed(config)
    more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return {
        "kind of run": kind or _kind(config),
        "learnt from": _model(config),
        "grid": config.grid.name,
        "windows": f"{config.per_year} a year",
        "years": years,
        "observations": _observations(config),
        "settings changed": ", ".join(changed[:SHOWN]) + more or "none",
        **made_by(),
    }


def _kind(config: Config) -> str:
    """The training in words: the preset that it is, or how long it is beside the full one.

    How many errors are sampled after it is a setting like others, and makes no other kind of it.
    """
    mine = config.training
    for preset, words in TRAININGS.items():
        usual = load_config("osse", [f"training={preset}"]).training
        if mine == replace(usual, seed=mine.seed, error_samples=mine.error_samples):
            return words
    full = load_config("osse").training.updates
    return f"training of at most {config.training.updates} updates (full: {full})"


def _model(config: Config) -> str:
    control = config.control
    if isinstance(control, EmbeddedControl):
        return f"built-in synthetic ocean, {control.years} years"
    assert isinstance(control, FilesControl)
    return f"model run, {', '.join(control.paths)}"


def _observations(config: Config) -> str:
    chosen = config.observations
    if isinstance(chosen, IngestedObservations):
        return f"real, ingested in {chosen.folder}"
    return (
        "synthetic, as the observing system grew" if chosen.kind == "synthetic" else "synthetic, random"
    )


def _changed(config: Config) -> list[str]:
    """Settings that differ from the defaults of the same kinds, as "training.updates=80 (160)"."""
    kinds = [f"generator={config.generator.kind}"]
    usual: Mapping[str, object] = flat_settings(load_config(config.command, kinds))
    return [
        f"{key}={_written(value)} ({_written(usual[key])})"
        for key, value in flat_settings(config).items()
        if key in usual and usual[key] != value and not key.startswith(APART)
    ]


def _written(value: object) -> str:
    """A value as it is typed behind a command."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return "null" if value is None else str(value)
