"""The fraternal twin: a trained run analyses the ocean of another model, with another coast."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from deepda.assimilation.state import StateSpace
from deepda.base.files import checksum
from deepda.base.progress import Clock, Progress
from deepda.climatology.seasonal import Climatology
from deepda.control.prepare import ControlError, open_prepared, prepare_control
from deepda.geometry.grid import Grid
from deepda.geometry.regrid import grid_edges
from deepda.networks.device import choose_device, described
from deepda.runs.finished import OPENING
from deepda.runs.folder import run_folder
from deepda.runs.open import load_analyser
from deepda.runs.shadows import members_of
from deepda.settings.schema import Config
from osse.twin.evaluation import evaluate
from osse.twin.fair_baselines import saved_baselines
from osse.twin.forecast_interpolation import Interpolation
from osse.twin.optimal_interpolation import tuned_interpolation_of
from osse.twin.twin import Twin, twin_of


def score(run: Path, truth: list[Path], output: Path, config: Config) -> dict[str, Any]:
    """Score a trained run, without training, on a truth from other files.

    The truth is remapped to the cells of the run. What is water in both is observed and scored; the run
    analyses all its own water, and what the truth does not have of it is never observed. Baselines are
    the run's own.

    Raises:
        DeepDAError: a run or files that cannot be used.
    """
    clock, device = Clock(), choose_device(config.device)
    with run_folder(output) as folder:
        folder.keep_settings(config)
        progress = folder.progress
        progress.note(described(config.device, device))
        with progress.stage(OPENING):
            analyser, space = load_analyser(run / "checkpoint", config.generator, device)
        with clock.stage("control"):
            grid, thetao = open_prepared(prepared_truth(truth, config, output, progress))
            twin = twin_of_truth(config, space, grid, thetao, truth[0])
        grids = {"run": space.grid, "truth": grid, "shared": twin.space.grid}
        cells = {name: int(one.ocean.sum()) for name, one in grids.items()}
        progress.note("ocean cells: " + ", ".join(f"{n} {name}" for name, n in cells.items()))
        about = {"run": str(run), "ocean_cells": cells}
        with clock.stage("baselines"):
            oi = tuned_interpolation_of(run, config, output / "cache", progress)
        chosen = config.osse
        members = members_of(run, space, chosen.members, chosen.label_year, config.seed)
        fair = saved_baselines(config.osse.baselines, oi, space.grid, run / "checkpoint")
        tuned: dict[str, Interpolation] = {"oi": oi, **fair}
        kind = f"the trained run {run} on the ocean of another model, {truth[0].parent}"
        return evaluate(twin, analyser, tuned, config, output, clock, progress, about, members, kind)


def prepared_truth(paths: list[Path], config: Config, output: Path, progress: Progress) -> Path:
    """The truth on the grid of the run, as a prepared file; made unless `output` holds it.

    Raises:
        ControlError: files that cannot be used, or `output` holds the prepared file of others.
    """
    path = output / "control.nc"
    if not path.exists():
        edges = grid_edges(vars(config.grid))
        return prepare_control(paths, edges, path, per_year=config.per_year, progress=progress)
    with xr.open_dataset(path, decode_times=False) as file:
        sources = json.loads(file.attrs.get("source_sha256", "[]"))
        names = json.loads(file.attrs.get("source_files", "[]"))
    if sorted(sources) != sorted(checksum(file) for file in paths):
        raise ControlError(
            f"{path} was made from {', '.join(names) or 'the built-in synthetic ocean'}, expected "
            f"{', '.join(file.name for file in paths)} with the content it has now; choose another "
            "--output, or remove that folder"
        )
    return path


def twin_of_truth(
    config: Config, space: StateSpace, grid: Grid, thetao: xr.DataArray, source: Path
) -> Twin:
    """The last `osse.test_years` of a truth play it; its climatology is that of the years before.

    Args:
        space: of the run: its ocean, and the scale that anomalies are divided by.
        grid, thetao: the truth, (time, depth, lat, lon) degC of whole years, on the cells of the run.
        source: named in errors.

    Raises:
        ControlError: no year left for the climatology, or no water in common.
    """
    scored = config.osse.test_years * config.per_year
    if thetao.sizes["time"] < scored + config.per_year:
        raise ControlError(
            f"{source} holds {thetao.sizes['time'] // config.per_year} whole years, expected more than "
            f"the {config.osse.test_years} that are scored, to take its climatology from; give more "
            "files or lower osse.test_years"
        )
    shared = space.grid.ocean & grid.ocean
    if not shared.any():
        raise ControlError(
            f"no cell is water both in the run and in {source}, expected oceans that overlap; check its "
            "longitudes and latitudes"
        )
    before = np.where(shared, thetao[:-scored].values, np.float32(np.nan))
    climatology = Climatology.fit(before, thetao["season"].values[:-scored], config.per_year)
    own = StateSpace(space.grid.with_ocean(shared), climatology, space.scale)
    values = np.where(shared, thetao[-scored:].values, np.float32(np.nan))
    return replace(twin_of(config, own, thetao[-scored:].copy(data=values)), of_control=False)
