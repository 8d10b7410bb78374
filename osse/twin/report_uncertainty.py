"""The section of a twin's page on the stated uncertainty beside the error."""

from __future__ import annotations

from typing import Any

import xarray as xr

from deepda.assimilation.state import StateSpace
from deepda.base.text import percent
from deepda.figures import map_field, rank_bars, spread_skill_by_depth
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, rows_by_depth
from deepda.verification.thermocline import levels_shown
from osse.twin.report_skill import day_of


def uncertainty_section(
    fields: dict[str, xr.DataArray], space: StateSpace, scores: dict[str, Any]
) -> Section:
    """Spread against error by depth and region, intervals, consistency, and maps of the last window."""
    grid, stated = space.grid, scores["reliability"]
    ratio = xr.DataArray(stated["spread_skill"]["by_depth"], {"depth": grid.depth}, ("depth",))
    deep, day = levels_shown(grid)[1], day_of(fields["stddev"], -1)
    spread = fields["stddev"].isel(time=-1).values[deep]
    share = fields["influence"].isel(time=-1).values[0]
    return Section(
        "Uncertainty",
        [
            _by_depth(scores),
            _by_region(stated),
            Picture(
                "spread_skill",
                spread_skill_by_depth({"analysis": ratio}),
                "Stated spread over error by depth; inside the band it is right to 10 %.",
            ),
            Picture(
                "pit",
                rank_bars(stated["pit"], label="quantile of the truth in the stated distribution"),
                "Flat is right; higher in the middle: the stated spread is too large; higher at the "
                "ends: it is too small.",
            ),
            Picture(
                "spread_map",
                map_field(spread, grid, "stddev", level=deep),
                f"Stated spread at {grid.depth[deep]:.0f} m, window of {day}.",
            ),
            Picture(
                "influence_map",
                map_field(share, grid, "influence"),
                "Share of the error variance of the background that the observations removed at "
                f"{grid.depth[0]:.0f} m, window of {day}.",
            ),
        ],
    )


def _by_depth(scores: dict[str, Any]) -> Table:
    stated = scores["reliability"]
    columns = {
        "spread / error": stated["spread_skill"]["by_depth"],
        "observation error, estimated / assumed": stated["desroziers"]["observation"],
        "analysis error where observed, estimated / stated": stated["desroziers"]["analysis"],
    }
    return Table(
        "uncertainty_by_depth",
        rows_by_depth(scores["depth_m"], columns),
        "1 is right. Estimates from departures after Desroziers et al. (2005).",
        corner="depth",
    )


def _by_region(stated: dict[str, Any]) -> Table:
    ratios = {"global": stated["spread_skill"]["all"], **stated["spread_skill"]["by_region"]}
    inside = ", ".join(
        f"{100 * float(nominal):.0f} % intervals hold {percent(share)} of the true values"
        for nominal, share in stated["coverage"].items()
    )
    return Table(
        "uncertainty_by_region",
        {region: {"spread / error": ratio} for region, ratio in ratios.items()},
        f"Stated spread over error by region, all depths; 1 is right. Globally {inside}.",
        corner="region",
    )
