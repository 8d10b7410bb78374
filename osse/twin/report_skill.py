"""The section of a twin's page on its errors: by depth, in time, on the map."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from deepda.assimilation.state import StateSpace
from deepda.base.text import METHOD_NAMES
from deepda.figures import Panel, map_panels, rmse_by_depth, series, time_depth
from deepda.figures.mesh import limits_of
from deepda.figures.style import NAMES
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, score_rows
from deepda.verification import ocean_weights, rmse
from deepda.verification.thermocline import levels_shown

SHOWN = ("analysis", "background", "oi")


def skill_section(fields: dict[str, xr.DataArray], space: StateSpace, scores: dict[str, Any]) -> Section:
    """Errors of all methods; maps and the picture by time and depth of the analysis.

    Args:
        fields: (time, depth, lat, lon) degC by name, the truth among them.
        scores: as in `scores.json`.
    """
    spinup = scores["spinup_windows"]
    shaded = (
        f"The first {spinup} windows, shaded, are the spin-up and do not count."
        if spinup
        else "All windows count."
    )
    return Section(
        "Skill",
        [
            Table(
                "rmse",
                score_rows(scores),
                "Root mean square error, K. Observations are scored where there are any.",
                corner="depth",
                best="smallest",
                unranked=("observations",),
            ),
            Picture("rmse_by_depth", rmse_by_depth(scores), _by_depth(scores)),
            Picture(
                "rmse_series",
                series(_series(fields, space, ("time",)), "error (K)", spinup=spinup),
                f"Root mean square error of each window over the whole volume. {shaded}",
            ),
            Picture(
                "rmse_time_depth",
                time_depth(_series(fields, space, ("time", "depth"))["analysis"], space.grid),
                "Root mean square error of the analysis by window and depth, spin-up included.",
                wide=True,
            ),
            *_maps(fields, space, scores),
        ],
    )


def day_of(field: xr.DataArray, step: int) -> str:
    """Date of the middle of a window."""
    return str(field["time"].values[step])[:10]


def _by_depth(scores: dict[str, Any]) -> str:
    rmse, best = scores["rmse"], scores["gain"]["baseline"]
    pairs = zip(rmse["analysis"]["by_depth"], rmse[best]["by_depth"], strict=True)
    better = [own < other for own, other in pairs if own is not None]  # a truth may be shallower
    return (
        f"Root mean square error by depth. The analysis is better than {METHOD_NAMES.get(best, best)} "
        f"at {sum(better)} of {len(better)} depths."
    )


def _series(
    fields: dict[str, xr.DataArray], space: StateSpace, keep: tuple[str, ...]
) -> dict[str, xr.DataArray]:
    weights, truth = ocean_weights(space.grid), fields["truth"]
    return {name: rmse(fields[name], truth, weights, keep) for name in SHOWN if name in fields}


def _maps(fields: dict[str, xr.DataArray], space: StateSpace, scores: dict[str, Any]) -> list[Picture]:
    """Root mean square error of the analysis and of optimal interpolation in the scored windows."""
    grid, after = space.grid, slice(scores["spinup_windows"], None)
    names = [name for name in ("analysis", "oi") if name in fields]
    times = f"{scores['scored_from'][:10]} to {scores['scored_to'][:10]}"
    pictures = []
    for level in levels_shown(grid):
        truth = fields["truth"].isel(time=after, depth=level).values
        error = {
            name: np.sqrt(np.square(fields[name].isel(time=after, depth=level).values - truth).mean(0))
            for name in names
        }
        limits = limits_of(list(error.values()), "rmse")
        depth = f"{grid.depth[level]:.0f} m"
        panels = [
            Panel(field, "rmse", f"{NAMES.get(name, name).capitalize()}, {depth}", limits)
            for name, field in error.items()
        ]
        shared = ", in the same colours" if len(panels) > 1 else ""
        pictures.append(
            Picture(
                f"rmse_map_level_{level + 1}",
                map_panels(panels, grid, level=level, columns=2),
                f"Root mean square error at {depth}, windows of {times}{shared}.",
                wide=True,
            )
        )
    return pictures
