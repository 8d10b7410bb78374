"""From the folder of a run to the page: `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepda.base.progress import Progress
from deepda.explain.cases import Case, ExplainedRun, cycle_to, open_finished
from deepda.explain.fields import write_studies
from deepda.explain.importance import losses
from deepda.explain.section_network import (
    correction_picture,
    features_section,
    importance_section,
    platform_section,
)
from deepda.explain.section_sanity import sanity_of, sanity_section
from deepda.explain.section_targets import account_table, target_section
from deepda.explain.study import Study, study
from deepda.explain.targets import TARGETS, Place, target
from deepda.networks.device import AUTO, choose_device, described
from deepda.reports.about import TWIN, what_was_run
from deepda.reports.report import WRITING, Picture, Section, write_report
from deepda.reports.table import Table
from deepda.runs.finished import OPENING
from deepda.runs.folder import RunFolder, run_folder
from deepda.settings.compose import saved_config

LAGS = 12  # windows before the one that is explained
IMPORTANCE_WINDOWS = 4  # that importance is measured in
PAGE, FIELDS = "explain.html", "explain.nc"


def explain(
    folder: str | Path,
    output: str | Path,
    names: Sequence[str] = TARGETS,
    *,
    window: str | None = None,
    place: Place | None = None,
    number: int = IMPORTANCE_WINDOWS,
    device: str = AUTO,
) -> Path:
    """Write `explain.html` and `explain.nc` under `output`, and PNG and CSV files into `figures`.

    Args:
        folder: of a finished `deepda osse run`.
        names: targets, of TARGETS.
        window: a date in the window that is explained; None is the last window of the run.
        place: of the target `point`, and of sections.
        number: of windows that the inputs are left out in, spread over the test years after the
            spin-up; 0 leaves this part out.
        device: that the generator analyses on: auto, cpu or cuda.

    Raises:
        UsageError: another process writes to the output.
        ExplainError: a run, window or target that cannot be explained.
        ConfigError, CheckpointError: no run is there.
        DeviceError: the device is not there.
    """
    with run_folder(Path(output)) as here:
        here.progress.note(described(device, choose_device(device)))
        with here.progress.stage(OPENING):
            finished = open_finished(Path(folder), device)
        return _explained(finished, here, names, window, place or Place(), number)


def _explained(
    finished: ExplainedRun,
    output: RunFolder,
    names: Sequence[str],
    window: str | None,
    place: Place,
    number: int,
) -> Path:
    progress = output.progress
    step = finished.step(window)
    targets = [target(name, finished.space.grid, place) for name in dict.fromkeys(names)]
    spinup = min(finished.config.osse.spinup, len(finished.span) - 1)
    spread = spread_over(finished, number, spinup)
    own = list(range(max(0, step - LAGS), step + 1))
    cases = cycle_to(finished, {*own, *spread}, progress)
    asked = progress.track(targets, "Explaining the targets")
    studies = [study(finished, [cases[at] for at in own], one, spinup) for one in asked]
    sections = _sections(finished, studies, [cases[at] for at in spread], progress)
    write_studies(output.path / FIELDS, studies, finished)
    with progress.stage(WRITING):
        return write_report(
            output.path / PAGE,
            f"What an analysis depends on: {finished.folder.name}, {finished.stamp(step)}",
            sections,
            about=what_was_run(finished.config, f"window of {finished.stamp(step)}"),
            notice=TWIN,
            headline=_headline(studies[0]),
            summary=_summary(finished, step),
            facts=_facts(studies),
            footer="Made by deepda explain. Saliencies are of the analysis, not of the ocean.",
            beside=output.path / "figures",
        )


def spread_over(finished: ExplainedRun, number: int, spinup: int) -> list[int]:
    """Positions of windows spread over the test years, after the spin-up, the last one included."""
    if number <= 0:
        return []
    last = len(finished.span) - 1
    steps = np.linspace(last, min(spinup, last), number + 1)[:number]
    return sorted({round(step) for step in steps})


def _sections(
    finished: ExplainedRun, studies: list[Study], cases: list[Case], progress: Progress
) -> list[Section]:
    first = studies[0]
    settings = saved_config(finished.folder).generator
    found = sanity_of(first, finished, settings, progress)
    shift = correction_picture(first, finished)
    blocks: list[Picture | Table] = [account_table(studies), *([shift] if shift else [])]
    sections: list[Section | None] = [
        Section("What the observations of this window did", blocks, "All targets; details below."),
        *(target_section(one, finished) for one in studies),
    ]
    if cases:
        targets = [one.target for one in studies]
        sections.append(platform_section(finished, cases, targets, progress))
        sections.append(importance_section(losses(finished, cases, progress), finished))
    sections += [features_section(first, finished), sanity_section(first, found, finished)]
    return [one for one in sections if one is not None]


def _headline(study: Study) -> str:
    """How far the first target was moved, and where it should be."""
    account, unit = study.account, study.target.unit
    return (
        f"{study.target.title}: the observations of the window move the anomaly from "
        f"{account.background:+.3g} to {account.analysis:+.3g} {unit}; the truth is "
        f"{study.truth:+.3g} {unit}."
    )


def _summary(finished: ExplainedRun, step: int) -> str:
    return (
        f"Run {finished.folder}, window of {finished.stamp(step)}, {len(finished.tables[step])} "
        "observed values. The cycle of the test years was made again up to this window with the run's "
        "own observations. Gradients describe the trained generator, not the ocean: large values may be "
        "right or wrong, and each caption says what its figure cannot decide."
    )


def _facts(studies: list[Study]) -> dict[str, str]:
    facts = {}
    for one in studies:
        unit = one.target.unit
        moved = one.account.analysis - one.account.background
        facts[f"{one.target.short}, moved by observations"] = f"{moved:+.3g} {unit}"
        if one.linear is not None:
            removed = 100 * float(one.linear.removed.sum())
            facts[f"{one.target.short}, variance removed"] = f"{removed:.0f} %"
    return facts
