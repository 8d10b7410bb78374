"""What every experiment on a finished run says of the run, and writes: scores, rows, maps and a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from deepda.base.files import write_json, write_whole
from deepda.base.info import provenance, versions
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.output.cf import SYNTHETIC
from deepda.output.fields import write_fields
from deepda.reports.about import of_run
from deepda.reports.report import WRITING
from deepda.settings.compose import dump
from osse.experiments.finished_run import CycledRun
from osse.experiments.regions import sea_weights

# Attributes of what maps hold.
ANALYSER = {"long_name": "method"}
DESCRIBED = {
    name: {"long_name": title, "units": "K", "cell_methods": "time: root_mean_square"}
    for name, title in (
        ("rmse", "root mean square error"),
        ("spread", "root mean square of the stated standard deviation of the error"),
    )
}
# grid, scores, maps, what was run and folder to the page that was written there
WritePage = Callable[[Grid, Mapping[str, Any], xr.Dataset, Mapping[str, str], Path], Path]


def about_run(trained: CycledRun, **own: Any) -> dict[str, Any]:
    """What the scores of an experiment begin with: run, windows, depths (m) and regions."""
    twin, spinup = trained.twin, trained.spinup
    return {
        "run": str(trained.folder),
        "seed": trained.config.seed,
        **own,
        "spinup_windows": spinup,
        "scored_windows": len(twin.windows) - spinup,
        "scored_from": str(twin.windows.start[spinup].astype("datetime64[D]")),
        "scored_to": str(twin.windows.end[-1].astype("datetime64[D]")),
        "depth_m": [float(depth) for depth in twin.space.grid.depth],
        "regions": [str(name) for name in sea_weights(twin.space.grid)["region"].values],
    }


def write_results(
    trained: CycledRun,
    scores: Mapping[str, Any],
    rows: pd.DataFrame,
    maps: xr.Dataset,
    write_page: WritePage,
    path: Path,
    progress: Progress,
) -> None:
    """Write the scores as JSON, rows as CSV and maps as NetCDF of one name, and the page beside them.

    Args:
        scores: that begin with `about_run`.
        maps: by depth, lat and lon, with a title and a summary.
        path: of the three files, without suffix.

    Raises:
        OSError: a file cannot be written.
    """
    output, name = path.parent, path.name
    write_json(output / f"{name}.json", scores)
    write_whole(output / f"{name}.csv", lambda hidden: rows.to_csv(hidden, index=False))
    config, span = trained.config, trained.twin.windows
    made = {
        **SYNTHETIC,
        **provenance(config.institution, config.licence),
        "source": f"DeepDA {versions()['deepda']}",
        "run": str(trained.folder),
        "config": dump(config),
    }
    scored = span.last(len(span) - trained.spinup)
    write_fields(output / f"{name}.nc", trained.twin.space.grid, maps, made, scored)
    about = of_run(trained.folder, trained.config, scores)
    with progress.stage(WRITING):
        page = write_page(trained.twin.space.grid, scores, maps, about, output)
    progress.note(f"report: {page}; scores: {output / f'{name}.json'}")
