"""The results of the observing-system experiments: a page, and a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from deepda.figures.maps import Panel, map_panels
from deepda.figures.style import NAMES
from deepda.geometry.grid import Grid
from deepda.reports.about import TWIN
from deepda.reports.report import Picture, Section, write_report
from deepda.reports.table import Table, Value
from deepda.verification.thermocline import levels_shown
from osse.experiments.charts import depth_panels, growth_scatter, in_percent, with_values
from osse.experiments.denied_platforms import CONTROL

SHORT = {"tropical Pacific": "tPac", "North Pacific": "NPac", "tropical Atlantic": "tAtl",
         "North Atlantic": "NAtl", "Indian Ocean": "Ind", "Southern Ocean": "SOc"}  # fmt: skip
TITLES = {"analysis": "analysis", "oi": NAMES["oi"]}
UNBOUNDED = ("everything", "profiles")  # so large a loss that the others would vanish beside it
CAPTIONS = {
    "table": "Volume-weighted over all depths. ±: standard error of the loss, a jackknife over half "
    "years.",
    "loss": "Growth of the error by depth, curves named by what was left out; a system matters where "
    "its curve is far to the right. Where it matters at depths that it does not measure, the analysis "
    "extends it there.",
    "rmse": "The error itself; control: nothing was left out.",
    "everything": " The impact of all observations is the distance between control and everything, "
    "which is climatology.",
    "growth": "Each mark is a depth. On the line the stated spread grows as the error does; below it "
    "the stated spread is too small for what was left out.",
    "spread": "Stated spread over error, all depths; 1 is right, below 1 it is too small.",
}


def lines(scores: Mapping[str, Any]) -> list[str]:
    """The table within 80 columns: what is left out, and what that costs."""
    out = [
        f"Growth of the error, %, {scores['scored_from']} to {scores['scored_to']}: volume-weighted,",
        "all depths; +-: standard error over half years; spr/err: 1 is right",
        "",
        f"{'without':<11}{'denied':>7}{'RMSE':>7}{'all':>6}{'+-':>5}{'oi':>6}{'spr/err':>8}"
        + "".join(f"{short:>5}" for short in SHORT.values()),
    ]
    loss, rows = scores["loss_of_skill"], scores["rows"]
    for name in scores["rmse"]["analysis"]:
        mine, count = loss["analysis"][name], rows[name]
        denied = count["denied"] / max(count["kept"] + count["denied"], 1)
        out.append(
            f"{name:<11.11}{100 * denied:>6.0f}%{scores['rmse']['analysis'][name]['all']:>7.4f}"
            f"{_percent(mine['all']):>6}{_percent(mine['standard_error']).lstrip('+'):>5}"
            f"{_percent(loss['oi'][name]['all']):>6}"
            f"{scores['spread_over_error']['analysis'][name]['all']:>8.2f}"
            + "".join(f"{_percent(mine['by_region'][region]['all']):>5}" for region in SHORT)
        )
    return out


def write(
    grid: Grid,
    scores: Mapping[str, Any],
    maps: xr.Dataset,
    about: Mapping[str, str],
    output: Path,
) -> Path:
    """`report.html`, with PNG and CSV files in `figures`.

    Args:
        scores: as in denial.json.
        maps: as in denial.nc.
    """
    largest = _largest_loss(scores)
    return write_report(
        output / "report.html",
        "Impact of each observing system",
        [_worth(scores), _places(scores), _maps(grid, maps), _calibration(scores)],
        about=about,
        notice=TWIN,
        headline=""
        if largest is None
        else f"Without {largest[0]} the error of the analysis grows by {100 * largest[1]:.0f} %, the "
        "largest loss by one system.",
        summary=(
            "A trained run analyses its own test years again with kinds of platforms left out: same "
            "truth, same values of what is kept, same weights; optimal interpolation gets the same "
            "data. The loss of skill is how much the error grows. It says what this method makes of "
            "this network in this ocean; the real one has eddies and errors that the twin has not."
        ),
        facts={
            "analysis, all data": f"{scores['rmse']['analysis'][CONTROL]['all']:.4f} K",
            "optimal interpolation, all data": f"{scores['rmse']['oi'][CONTROL]['all']:.4f} K",
            "scored windows": str(scores["scored_windows"]),
        },
        footer=f"deepda osse deny --run {scores['run']}; seed {scores['seed']}",
        beside=output / "figures",
    )


def _largest_loss(scores: Mapping[str, Any]) -> tuple[str, float] | None:
    """The single system whose denial costs most, and its loss as a part of the error; None: no such."""
    loss = scores["loss_of_skill"]["analysis"]
    single = {name: one["all"] for name, one in loss.items() if name not in (*UNBOUNDED, CONTROL)}
    return max(single.items(), key=lambda one: one[1]) if single else None


def _worth(scores: Mapping[str, Any]) -> Section:
    rows: dict[str, dict[str, Value]] = {}
    for name, count in scores["rows"].items():
        row: dict[str, Value] = {"rows denied": count["denied"]}
        for method, title in TITLES.items():
            loss = scores["loss_of_skill"][method][name]
            row[f"{title}, RMSE (K)"] = scores["rmse"][method][name]["all"]
            row[f"{title}, loss (%)"], row[f"{title}, ± (%)"] = in_percent(
                (loss["all"], loss["standard_error"])
            )
        rows[name] = row
    losses = {
        TITLES[method]: {
            name: in_percent(one["by_depth"])
            for name, one in found.items()
            if name not in (*UNBOUNDED, CONTROL)
        }
        for method, found in scores["loss_of_skill"].items()
    }
    errors = {  # the control last, so that a denial has the same colour in all figures
        TITLES[method]: {
            name: found[name]["by_depth"] for name in sorted(found, key=lambda name: name == CONTROL)
        }
        for method, found in scores["rmse"].items()
    }
    growth = depth_panels(losses, scores["depth_m"], "growth of the error (%)", marks=(0.0,))
    error = depth_panels(errors, scores["depth_m"], "root mean square error (K)", limits=(0.0, None))
    about = CAPTIONS["rmse"] + (CAPTIONS["everything"] if "everything" in scores["rows"] else "")
    return Section(
        "What it costs to do without",
        [
            Table("loss", rows, CAPTIONS["table"], corner="without"),
            Picture("loss_by_depth", growth, CAPTIONS["loss"], wide=True),
            Picture("rmse_by_depth", error, about, wide=True),
        ],
    )


def _places(scores: Mapping[str, Any]) -> Section:
    blocks, regions = [], scores["regions"]
    for method, title in TITLES.items():
        rows = {}
        for name in (name for name in scores["rows"] if name != CONTROL):
            parts = scores["loss_of_skill"][method][name]["by_region"]
            growth = in_percent([parts[region]["all"] for region in regions])
            rows[name] = dict(zip(regions, growth, strict=True))
        caption = f"Growth of the error of the {title}, %, all depths."
        blocks.append(Table(f"loss_by_region_{method}", rows, caption, corner="without", digits=3))
    loss = scores["loss_of_skill"]["analysis"]
    shown = [name for name in loss if name not in (*UNBOUNDED, CONTROL)]
    panels = {
        region: {name: in_percent(loss[name]["by_region"][region]["by_depth"]) for name in shown}
        for region in SHORT
    }
    figure = depth_panels(
        with_values(panels), scores["depth_m"], "growth of the error (%)", marks=(0.0,)
    )
    caption = "Growth of the error of the analysis by sea and depth."
    return Section("Where", [*blocks, Picture("loss_by_region", figure, caption, wide=True)])


def _maps(grid: Grid, maps: xr.Dataset) -> Section:
    rmse = maps["rmse"].sel(analyser="analysis")
    shown = [name for name in rmse["without"].values.tolist() if name not in (CONTROL, "everything")]
    blocks = []
    for level in sorted(set(levels_shown(grid))):
        error = {name: rmse.sel(without=name).values[level] for name in (CONTROL, *shown)}
        growth = {name: error[name] - error[CONTROL] for name in shown}
        panels = [Panel(error[CONTROL], "rmse", "Error with all data")]
        panels += [Panel(field, "growth", f"without {name}") for name, field in growth.items()]
        where = f"{grid.depth[level]:.0f} m"
        caption = (
            f"Root mean square error at {where} with all data, and by how much it grows without a "
            "system; each map has its own colours. Blue: less data did better, by chance."
        )
        figure = map_panels(panels, grid, level=level, columns=2)
        blocks.append(Picture(f"growth_{where.replace(' ', '')}", figure, caption, wide=True))
    return Section("Maps", blocks)


def _calibration(scores: Mapping[str, Any]) -> Section:
    loss, growth = (scores[key]["analysis"] for key in ("loss_of_skill", "spread_growth"))
    points = {}
    for name in loss:
        pairs = zip(loss[name]["by_depth"], growth[name]["by_depth"], strict=True)
        there = [(1 + a, 1 + b) for a, b in pairs if a is not None and b is not None]
        if name != CONTROL and there:
            error, spread = zip(*there, strict=True)
            points[name] = (error, spread)
    rows = {
        name: {
            f"{title}, {region}": scores["spread_over_error"][method][name]["by_region"][region]["all"]
            for method, title in TITLES.items()
            for region in ("global", "tropical Pacific", "Southern Ocean")
        }
        for name in loss
    }
    return Section(
        "Does the stated error grow with the error?",
        [
            Picture("growth_of_spread", growth_scatter(points), CAPTIONS["growth"]),
            Table("spread_over_error", rows, CAPTIONS["spread"], corner="without"),
        ],
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.0f}" if abs(value) < 10 else f"{100 * value:.0f}"
