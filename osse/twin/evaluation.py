"""Analyses of a twin by the trained generator and the baselines, written, scored and reported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import osse.twin.report
from deepda.assimilation.baselines import Climatology, Persistence
from deepda.assimilation.cycle import Analyser
from deepda.assimilation.members import Members
from deepda.base.files import write_json
from deepda.base.info import peak_memory, provenance, versions
from deepda.base.progress import Clock, Progress
from deepda.base.text import period
from deepda.networks.trainable import TrainableAnalyser
from deepda.output.cf import SPINUP_WINDOWS, SYNTHETIC, Attribute
from deepda.output.fields import write_fields
from deepda.output.roles import of_baseline, of_truth
from deepda.reports.about import what_was_run
from deepda.reports.members import members_section
from deepda.reports.report import WRITING
from deepda.runs.checkpoint import MODEL
from deepda.runs.shadows import add_members
from deepda.settings.compose import dump
from deepda.settings.schema import Config
from deepda.verification.members import MemberStatistics
from osse.twin.forecast_interpolation import Interpolation
from osse.twin.increments import INCREMENTS, across_land, single_observations
from osse.twin.scores import OBSERVED, gain_words, scores_of
from osse.twin.twin import Twin, analyse, superobservations, write_observations, write_truth


def evaluate(
    twin: Twin,
    analyser: TrainableAnalyser,
    tuned: Mapping[str, Interpolation],
    config: Config,
    output: Path,
    clock: Clock,
    progress: Progress,
    more: Mapping[str, Any],
    members: Members | None,
    kind: str | None = None,
) -> dict[str, Any]:
    """Cycle the analyser and the baselines through a twin; write fields, scores and report.

    Args:
        tuned: baselines by name, beside climatology and persistence.
        more: kept in the scores as it is.
        kind: of run, for the page; None is the training that the settings name.
    """
    model = output / "checkpoint" / MODEL
    about: dict[str, Attribute] = {
        "title": "Twin experiment of DeepDA: analysis of a simulated ocean, not of the real one",
        **SYNTHETIC,
        "source": f"DeepDA {versions()['deepda']}",
        **provenance(config.institution, config.licence),
        "config": dump(config),
        "checkpoint": model.read_text() if model.exists() else "of another run",
    }
    device = analyser.ocean.device
    if members is not None:
        about["members"] = json.dumps(members.about())
        progress.note(members.summary(-(-len(twin.windows) // config.per_year)))
    ocean = torch.from_numpy(twin.space.grid.ocean)
    with clock.stage("observe"):
        rows = write_observations(twin, output / "observations.parquet", progress)
        with progress.stage("Writing the truth, averaging the observations in cells"):
            write_truth(twin, output / "truth.nc", of_truth(about))
            observed, errors = superobservations(twin)
    about[SPINUP_WINDOWS] = config.osse.spinup
    with clock.stage("cycle"):
        path = output / "analysis.nc"
        took = analyse(twin, analyser, path, about, progress, "Cycling", True, members)
    milliseconds = {"analysis": took}
    with clock.stage("baselines"):
        methods: dict[str, Analyser] = {
            "climatology": Climatology(ocean),
            "persistence": Persistence(ocean),
            **{name: baseline.to(device) for name, baseline in tuned.items()},
        }
        for name, method in methods.items():
            path = output / "baselines" / f"{name}.nc"
            title = f"Cycling the baseline {name}"
            whose = of_baseline(about, name)
            milliseconds[name] = analyse(twin, method, path, whose, progress, title, full=False)
    with clock.stage("score"), progress.stage("Scoring all methods"):
        scores = scores_of(output, twin.space, observed, errors, config.osse.spinup)
    sections = []
    if members is not None:
        with clock.stage("members"):
            found = MemberStatistics(twin.space.grid, config.osse.spinup)
            truths = progress.track(twin.truth, "Reading the members", total=len(twin.truth))
            values, normal = (truth.values for truth in truths), twin.space.climatology
            add_members(found, output / "analysis.nc", normal, twin.windows, values)
            scores["members"] = found.scores()
            sections.append(members_section(found, scores["members"], config.per_year))
    both: dict[str, Analyser] = {"analysis": analyser}
    both |= {name: method for name, method in methods.items() if name == "oi"}
    with clock.stage("increments"):
        increments = single_observations(both, twin.space)
        write_fields(output / INCREMENTS, twin.space.grid, increments, about)
    scores |= {
        **more,
        "across_land": across_land(both, twin.space),
        "rows": rows,
        "milliseconds_per_cycle": milliseconds,
        "weights": sum(p.numel() for p in analyser.parameters()),
        "seed": config.seed,
        "versions": versions(),
    }
    with clock.stage("report"), progress.stage(WRITING):
        span = twin.windows
        model_years = twin.truth["year"].values.tolist()
        noun = "years" if model_years[0] != model_years[-1] else "year"
        years = (
            f"{period(span.year.tolist())} as observed then; {noun} {period(model_years)} of the model"
        )
        what = what_was_run(config, years, kind)
        osse.twin.report.write(twin.space, scores, observed, what, output, sections)
    scores["wall_seconds"] = clock.seconds
    scores["peak_rss_gib"] = round(peak_memory(), 2)
    write_json(output / "scores.json", scores)
    _headline(scores, output, progress)
    return scores


def _headline(scores: dict[str, Any], output: Path, progress: Progress) -> None:
    """The errors of all methods, and where everything is."""
    rmse = {name: value["all"] for name, value in scores["rmse"].items()}
    for name, value in rmse.items():
        where = ", where there are any" if name == OBSERVED else ""
        progress.note(f"  {name:<13} {value:.4f} K{where}")
    progress.note(f"the analysis error is {gain_words(scores['gain'])}")
    progress.note(f"report: {output / 'report.html'}; scores: {output / 'scores.json'}")
