"""`deepda reanalysis`: cycle through the years with a trained run, write and judge what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from deepda.assimilation.observed_ocean import OpenOcean, require_years
from deepda.base.info import peak_memory, provenance, versions
from deepda.base.progress import Clock, Progress
from deepda.base.text import METHOD_NAMES, period
from deepda.geometry.windows import MONTHS, windows
from deepda.networks.device import choose_device, described
from deepda.output.climatology import CLIMATOLOGY, write_climatology
from deepda.reports.about import what_was_run
from deepda.reports.members import members_section
from deepda.reports.report import WRITING, Section
from deepda.runs.finished import OPENING, FinishedRun
from deepda.runs.folder import RunFolder, flat_settings, run_folder
from deepda.runs.shadows import add_members, members_of
from deepda.runs.shipped import folder_of, weights_used
from deepda.settings.compose import CONFIG_FILE, saved_config
from deepda.settings.schema import Config, IngestedObservations
from deepda.verification.members import MemberStatistics
from reanalysis.baselines import OpenBaselines, cycle_baselines, cycled_baselines
from reanalysis.blocks import BLOCK_YEARS, analyse_blocks, blocks_of
from reanalysis.climate_report import write_climate
from reanalysis.judge import read_record, truth_is_known, with_baselines
from reanalysis.opening import lag_of, open_reanalysis, reanalysis_of
from reanalysis.references import read_references
from reanalysis.report import write
from reanalysis.restart import (
    PROVENANCE,
    STATED,
    ReanalysisError,
    identity_of,
    keep_identity,
    kept_provenance,
    provenance_after,
    require_free,
    require_own,
    year_file,
)
from reanalysis.scores import scores_against_references, scores_against_truth
from reanalysis.years import Reanalysis

SYNTHETIC = "synthetic: the observations are drawn from a simulated ocean, this is not the real ocean"


def run(
    config: Config,
    output: Path,
    open_ocean: OpenOcean,
    open_baselines: OpenBaselines | None = None,
    workers: int = 1,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Analyse the years of the settings into `output`; returns the scores, empty without a truth.

    An interrupted reanalysis of the same settings goes on after its last finished year, and ends with
    the same bytes as an uninterrupted one, but for the dates of the commands that wrote them.

    Args:
        config: `reanalysis` says which years, and which trained run.
        open_ocean: gives the observations, for example `osse.twin.historical_twin.twin_of_history`.
        open_baselines: gives methods to be judged beside; asked only where some are to be cycled.
        workers: processes that share the blocks of years out, where `reanalysis.block_years` is not 0.
        scheduler: address of a dask cluster that does it instead.

    Raises:
        DeepDAError: a run, a folder or years that cannot be used; an analysis that ran away.
    """
    clock, chosen = Clock(), config.reanalysis
    _require_blocks(chosen.block_years, workers, scheduler)
    device = choose_device(config.device)
    trained = FinishedRun(folder_of(chosen.run), config.device)
    years = range(chosen.start, chosen.end + 1)
    beside = [] if open_baselines is None else cycled_baselines(config)
    fit = open_baselines(trained.folder, config, beside) if open_baselines and beside else None
    with run_folder(output) as folder:
        require_free(folder)
        identity = require_own(folder, identity_of(config, trained))
        if kept := kept_provenance(identity, config):
            folder.progress.note(kept)
        if synthetic(config) and is_finished(folder, config, years):
            return folder.scores() or {}
        folder.progress.note(weights_used(chosen.run))
        with folder.progress.stage(OPENING):
            lag_of(config, trained.analyser)  # refuses before minutes of reading
        with clock.stage("history"):
            ocean = open_ocean(config, trained.space, output, folder.progress)
        require_years(years, ocean.years)
        identity = require_own(folder, identity | {"observations": dict(ocean.about)})
        if is_finished(folder, config, years):  # real observations may be others than they were
            return folder.scores() or {}
        shadows = (trained.folder, trained.space, chosen.members, chosen.start, config.seed)
        members_of(*shadows)  # refuses before anything is written
        now = provenance(config.institution, config.licence)
        identity[PROVENANCE] = provenance_after(identity.get(PROVENANCE), now)
        keep_identity(folder, identity)
        folder.keep_settings(config)
        folder.progress.note(described(config.device, device))
        with clock.stage("open"):
            reanalysis, identity = reanalysis_of(
                identity, config, output, trained, ocean, folder.progress
            )
        keep_identity(folder, require_own(folder, identity))
        if reanalysis.members is not None:
            folder.progress.note(reanalysis.members.summary(len(years)))
        if ocean.synthetic:
            folder.progress.note(SYNTHETIC)
        space, made = reanalysis.space, reanalysis.attributes
        write_climatology(output / CLIMATOLOGY, space.grid, space.climatology.mean, made)
        with clock.stage("cycle"):
            if chosen.block_years:
                again = partial(open_reanalysis, identity, config, output, open_ocean)
                blocks = blocks_of(years, chosen.block_years)
                analyse_blocks(again, blocks, workers, scheduler, folder.progress)
            else:
                reanalysis.run(years, folder.progress)
        first, last = (year_file(output, year, ocean.synthetic) for year in (years[0], years[-1]))
        to_last = "" if first == last else f" to {last.name}"
        folder.progress.note(f"{first}{to_last} written")
        if ocean.synthetic:
            folder.progress.note(SYNTHETIC)
        left_out: dict[str, str] = {}
        if fit is not None:
            with clock.stage("baselines"):
                left_out = cycle_baselines(reanalysis, fit, identity, years, folder.progress)
        cycled = [name for name in beside if name not in left_out]
        return _judged(reanalysis, years, config, clock, folder, cycled)


def _require_blocks(length: int, workers: int, scheduler: str | None) -> None:
    """Refuse several processes for a single cycle.

    Raises:
        ReanalysisError: there are no blocks of years to share out.
    """
    if length == 0 and (workers > 1 or scheduler is not None):
        who = f"{workers} workers" if scheduler is None else f"the scheduler {scheduler}"
        raise ReanalysisError(
            f"{who} found for a reanalysis in one cycle (reanalysis.block_years=0), expected blocks of "
            f"years; write reanalysis.block_years={BLOCK_YEARS} and another --output"
        )


def is_finished(folder: RunFolder, config: Config, years: range) -> bool:
    """Whether all of it is there, made and scored with the same settings; says so.

    A part of a year is always made anew, with what has been observed of it since.
    """
    whole = config.reanalysis.months == MONTHS
    files = [year_file(folder.path, year, synthetic(config)) for year in years]
    if not whole or not all(file.exists() for file in (folder.path / CONFIG_FILE, *files)):
        return False
    there, asked = flat_settings(saved_config(folder.path)), flat_settings(config)
    for name in ("output", "data.root", *STATED):
        there.pop(name), asked.pop(name)
    return folder.nothing_to_do(there, asked)


def synthetic(config: Config) -> bool:
    """Whether the observations of the settings are drawn from a simulated ocean."""
    return not isinstance(config.observations, IngestedObservations)


def needs_control(config: Config) -> bool:
    """Whether a reanalysis needs the control simulation of its trained run."""
    return config.reanalysis.members > 0 or bool(cycled_baselines(config))


def _judged(
    reanalysis: Reanalysis,
    years: range,
    config: Config,
    clock: Clock,
    folder: RunFolder,
    baselines: Sequence[str],
) -> dict[str, Any]:
    """Scores and report of whole years: against the truth, or against references where none is known."""
    if reanalysis.part is not None:
        years = years[:-1]
    if not years:
        folder.progress.note("no year is whole yet: no scores, no report")
        return {}
    uncounted = months_uncounted(config)
    space, ocean, path = reanalysis.space, reanalysis.ocean, reanalysis.folder
    against_truth = truth_is_known(ocean, years[0], space.climatology.per_year)
    if not (against_truth or ocean.fallible):
        folder.progress.note("the truth is not known: no scores, no report")
        return {}
    with clock.stage("judge"):
        record = read_record(space, ocean, path, years, folder.progress)
        if against_truth:
            record = with_baselines(record, space, ocean, path, baselines, folder.progress)
        given = config.reanalysis.references
        known = {} if given is None or against_truth else read_references(Path(given))
        scores = (
            scores_against_truth(record)
            if against_truth
            else scores_against_references(record, known, path, baselines)
        )
        sections = _members_judged(reanalysis, years, scores if against_truth else None, folder.progress)
    about = what_was_run(config, "; ".join(filter(None, [period(years), uncounted])))
    with clock.stage("report"), folder.progress.stage(WRITING):
        page = (
            write(record, scores, space, ocean, about, path, sections)
            if against_truth
            else write_climate(record, known, scores, space, ocean, about, path, sections)
        )
    scores["wall_seconds"] = clock.seconds
    scores["peak_rss_gib"] = round(peak_memory(), 2)
    scores["versions"] = versions()
    folder.keep_scores(scores)
    if against_truth:
        names = {"analysis": "the analysis", **METHOD_NAMES}
        errors = [f"of {names.get(name, name)} {of['all']:.3f} K" for name, of in scores["rmse"].items()]
        folder.progress.note(f"error {', '.join(errors)}")
    folder.progress.note(f"report: {page}")
    if uncounted:
        folder.progress.note(uncounted)
    return scores


def months_uncounted(config: Config) -> str:
    """A sentence on the months of a year that is not whole, which are in files alone; else empty."""
    end, months = config.reanalysis.end, config.reanalysis.months
    if months == MONTHS:
        return ""
    which = f"{end}-01" if months == 1 else f"{end}-01 to {end}-{months:02d}"
    return f"{which} in no score and no figure: years count once they are whole"


def _members_judged(
    reanalysis: Reanalysis, years: range, scores: dict[str, Any] | None, progress: Progress
) -> list[Section]:
    """The section of the members, if there are any; their scores join `scores`, None without truth.

    Of several years the first one is spin-up.
    """
    if reanalysis.members is None:
        return []
    normal, ocean = reanalysis.space.climatology, reanalysis.ocean
    per_year = normal.per_year
    found = MemberStatistics(reanalysis.space.grid, per_year if len(years) > 1 else 0)
    for year in progress.track(years, "Reading the members", total=len(years)):
        span, file = windows(year, year, per_year), year_file(reanalysis.folder, year, ocean.synthetic)
        add_members(found, file, normal, span, (ocean.truth(start, end) for start, end, _ in span))
    if scores is not None:
        scores["members"] = found.scores()
    return [members_section(found, None if scores is None else scores["members"], per_year)]
