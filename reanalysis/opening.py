"""A reanalysis that is ready to run: its trained run, observations, members and attributes."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepda.assimilation.observed_ocean import ObservedOcean, OpenOcean
from deepda.base.files import checksum
from deepda.base.info import versions
from deepda.base.progress import Progress
from deepda.geometry.windows import MONTHS, windows_of_months
from deepda.networks.trainable import TrainableAnalyser
from deepda.output.cf import SYNTHETIC as ATTRIBUTES_OF_SYNTHETIC
from deepda.runs.errors import Errors
from deepda.runs.finished import FinishedRun
from deepda.runs.shadows import members_of
from deepda.runs.shipped import folder_of
from deepda.settings.schema import ESTIMATED, Config
from reanalysis.error_sizes import NAME as ERROR_SIZES
from reanalysis.error_sizes import estimated_errors
from reanalysis.restart import PROVENANCE, ReanalysisError, digest
from reanalysis.years import Reanalysis

DAYS_OF_YEAR = 365  # five days a pentad
SYNTHETIC_ATTRIBUTES = {
    "title": "Twin experiment of DeepDA: analysis of a synthetic ocean, not of the real one",
    **ATTRIBUTES_OF_SYNTHETIC,
}
REAL_ATTRIBUTES = {"title": "DeepDA reanalysis of ocean potential temperature"}


def reanalysis_of(
    identity: dict[str, Any],
    config: Config,
    output: Path,
    trained: FinishedRun,
    ocean: ObservedOcean,
    progress: Progress,
) -> tuple[Reanalysis, dict[str, Any]]:
    """The reanalysis of the settings, and its identity with the error sizes, if these are estimated.

    Raises:
        DeepDAError: members or error sizes that cannot be had.
    """
    chosen = config.reanalysis
    lag = lag_of(config, trained.analyser)
    members = members_of(trained.folder, trained.space, chosen.members, chosen.start, config.seed)
    about = {} if members is None else {"members": members.about()}
    space = replace(trained.space, climatology=ocean.climatology)
    errors = Errors.assumed(config.observations, space)
    if chosen.error_sizes == ESTIMATED:
        years = range(chosen.start, chosen.end + 1)
        errors = estimated_errors(output, trained.analyser, errors, space, ocean, years, progress)
        identity = identity | {"sizes": checksum(output / ERROR_SIZES)}
    analyser = errors.cycled(trained.analyser, space)
    space = errors.space(space)
    whole = chosen.months == MONTHS
    part = None if whole else windows_of_months(chosen.end, chosen.months, config.per_year)
    made = Reanalysis(
        analyser,
        space,
        ocean,
        errors,
        members,
        output,
        output,
        attributes_of(identity, lag, ocean) | about,
        chosen.start,
        digest(identity),
        lag,
        part,
    )
    return made, identity


def open_reanalysis(
    identity: dict[str, Any], config: Config, output: Path, open_ocean: OpenOcean
) -> Reanalysis:
    """The same in a process of its own, which writes no log.

    Args:
        identity: with the error sizes, if these are estimated.
        config, output: of the reanalysis; another process has begun it there.
    """
    quiet = Progress(stream=io.StringIO())
    trained = FinishedRun(folder_of(config.reanalysis.run), config.device)
    ocean = open_ocean(config, trained.space, output, quiet)
    return reanalysis_of(identity, config, output, trained, ocean, quiet)[0]


def lag_of(config: Config, analyser: TrainableAnalyser) -> int | None:
    """Windows after a year that its smoothed analyses learn from; None is no smoother.

    Raises:
        ReanalysisError: a smoother is asked of a network that cannot be smoothed.
    """
    if not config.reanalysis.smoother:
        return None
    if analyser.covariance_form() is None:
        raise ReanalysisError(
            f"reanalysis.smoother=true given with a generator of the kind {config.generator.kind}, "
            "expected one with a covariance; take a run of generator=innovation, or "
            "reanalysis.smoother=false"
        )
    return round(config.reanalysis.lag * config.per_year / DAYS_OF_YEAR)


def attributes_of(identity: dict[str, Any], lag: int | None, ocean: ObservedOcean) -> dict[str, Any]:
    """Global attributes of every file, the same after an interruption.

    Args:
        identity: settings, weights, observations and provenance.
        lag: windows after a year that its analyses learn from; None is no smoother.
    """
    apart = ("weights", "observations", PROVENANCE)
    edition = {"edition": ocean.edition} if ocean.edition else {}
    return {
        **(SYNTHETIC_ATTRIBUTES if ocean.synthetic else REAL_ATTRIBUTES),
        **identity[PROVENANCE],
        "source": f"DeepDA {versions()['deepda']}, trained on a control simulation, cycled with "
        f"{'synthetic' if ocean.synthetic else 'real'} observations",
        "id": digest(identity)[:16],
        "config": {key: value for key, value in identity.items() if key not in apart},
        "weights_sha256": identity["weights"],
        "observations": identity["observations"] | edition,
        "versions": versions(),
        "smoother": "none: each analysis learns from its own window and earlier ones"
        if lag is None
        else f"each analysis learns from all windows of its year and {lag} after it, where observed",
    }
