"""The tables of the documentation, made from the numbers in docs/measured.json.

Each stands in its page between `<!-- table NAME -->` and `<!-- end of table -->`. The tables of the twin
experiments hold the means over the seeds that were measured, with the range over them: EXPERIMENT is
that of the first seed, EXPERIMENT-2, EXPERIMENT-3 and so on those of the others. The lines of the real
ocean in the summary are taken from docs/real-reanalysis.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gain_cells import BASELINES, against_the_best, interval_of, mean_over_seeds, seeds_of
from other_oceans import others, warming
from real_summary import real_ocean
from table_text import as_table, how_made, listed, range_of, when_made

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "deepda" / "shipped" / "model.json"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
REAL = ROOT / "docs" / "real-reanalysis.md"
MARK = re.compile(r"(<!-- table (\w+) -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)
METHODS = ("analysis", "background", *BASELINES, "observations")
EXPERIMENTS = {"embedded": "built-in synthetic ocean", "gcm": "ocean model run, months"}
MEMBERS = {"members_embedded": "built-in synthetic ocean", "members_gcm": "ocean model run, months",
           "warming": "built-in ocean that warms, 1981-2020"}  # fmt: skip
NEAR_ONE, TRENDS = "0.9 to 1.1", ("global, surface", "global, 0-300 m", "global, 0-700 m")
KNOWN = (("deepda", "DeepDA"), ("enkf50", "EnKF, 50 members"), ("enkf100", "EnKF, 100 members"),
         ("static_oi", "true dynamics, static covariance"), ("oi", "optimal interpolation"),
         ("ham2024", "ham2024"), ("persistence", "persistence"),
         ("climatology", "climatology"))  # fmt: skip


def write_tables(measured: Mapping[str, Any]) -> None:
    """Put every table into its page."""
    for page in PAGES:
        text = page.read_text()
        filled = with_tables(text, measured)
        if filled != text:
            page.write_text(filled)


def with_tables(text: str, measured: Mapping[str, Any]) -> str:
    """A page with its tables made from the measured numbers."""
    return MARK.sub(lambda mark: f"{mark[1]}{TABLES[mark[2]](measured)}\n{mark[4]}", text)


def headline(measured: Mapping[str, Any]) -> str:
    """Each twin experiment against the best baseline of each seed, with commands and dates."""
    return as_table(_twins(measured)) + how_made(measured, *_twin_names(measured))


def summary(measured: Mapping[str, Any]) -> str:
    """What README opens with: the headline and the real ocean, with version, seeds and dates alone."""
    table = as_table([*_twins(measured), *real_ocean(REAL.read_text())])
    return f"{table}\n\nTwins: {when_made([measured[name] for name in _twin_names(measured)])}"


def _twins(measured: Mapping[str, Any]) -> list[list[str]]:
    rows = [
        [
            "experiment",
            "analysis (K)",
            "best of four baselines (K)",
            "gain (95 % interval)",
            "spread / error",
        ]
    ]
    for experiment, title in EXPERIMENTS.items():
        runs = [measured[name]["scores"] for name in seeds_of(experiment, measured)]
        if runs:
            rows.append([title, *against_the_best(runs)])
    return rows


def _twin_names(measured: Mapping[str, Any]) -> list[str]:
    return [name for experiment in EXPERIMENTS for name in seeds_of(experiment, measured)]


def depths(experiment: str, measured: Mapping[str, Any]) -> str:
    """Error by depth of a twin experiment: means over seeds, with the range of the analysis."""
    names = seeds_of(experiment, measured)
    runs = [measured[name]["scores"] for name in names]
    used = [method for method in METHODS if all(method in scores["rmse"] for scores in runs)]
    rows = [["depth (m)", *used]]
    rows.append(
        ["all", *(mean_over_seeds([s["rmse"][method]["all"] for s in runs], ".4f") for method in used)]
    )
    for level, depth in enumerate(runs[0]["depth_m"]):
        errors = {m: [scores["rmse"][m]["by_depth"][level] for scores in runs] for m in used}
        means = [f"{np.mean(errors[method]):.3f}" for method in used[1:]]
        rows.append([f"{depth:.0f}", mean_over_seeds(errors["analysis"], ".3f"), *means])
    return as_table(rows) + how_made(measured, *names)


def reliability(name: str, measured: Mapping[str, Any]) -> str:
    """Stated against real error of a twin experiment, small scales and cost."""
    scores = measured[name]["scores"]
    stated, coverage = scores["reliability"]["spread_skill"], scores["reliability"]["coverage"]
    desroziers = scores["reliability"]["desroziers"]
    rows = [["quantity", "value"]]
    rows.append(["spread over error, by depth", listed(stated["by_depth"])])
    rows.append(["spread over error, all", f"{stated['all']:.2f}"])
    regions = ", ".join(f"{region} {ratio:.2f}" for region, ratio in stated["by_region"].items())
    rows.append(["spread over error, by region", regions])
    rows.append(
        ["50 % and 90 % intervals hold", ", ".join(f"{100 * c:.0f} %" for c in coverage.values())]
    )
    rows.append(
        ["Desroziers diagnostics, observation error over assumed", range_of(desroziers["observation"])]
    )
    rows.append(["Desroziers diagnostics, analysis error over stated", range_of(desroziers["analysis"])])
    crps = scores["reliability"]
    rows.append(["CRPS (K)", f"{crps['crps_analysis']:.4f}"])
    rows.append(
        ["CRPS of optimal interpolation with its own error as spread (K)",
         f"{crps['crps_oi_with_its_own_rmse_as_spread']:.4f}"]
    )  # fmt: skip
    for method, ratios in scores["spectral_ratio"].items():
        rows.append([f"power of the shortest zonal third over the truth's, {method}", listed(ratios)])
    for isthmus, ratios in scores["across_land"].items():
        both = ", ".join(f"{method} {ratio:.2f}" for method, ratio in ratios.items())
        rows.append([f"increment across land over that at home, {isthmus}", both])
    rows.append(["milliseconds a cycle", ", ".join(
        f"{method} {ms:.0f}" for method, ms in scores["milliseconds_per_cycle"].items())])  # fmt: skip
    stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in scores["wall_seconds"].items())
    rows.append(["wall seconds by stage", stages])
    rows.append(["peak memory (GiB)", f"{scores['peak_rss_gib']:.1f}"])
    rows.append(["observations, weights", f"{scores['rows']:,}, {scores['weights']:,}"])
    return as_table(rows)


def known_answer(measured: Mapping[str, Any]) -> str:
    """Ratios to the exact Kalman filter, seed by seed, and their mean."""
    names = sorted(name for name in measured if name.startswith("known_"))
    runs = {name.removeprefix("known_"): measured[name]["scores"] for name in names}
    known = [
        (method, title)
        for method, title in KNOWN
        if all(method in scores["ratio_to_kalman"] for scores in runs.values())
    ]
    titles = [title for _, title in known]
    rows = [["seed", "water cells", *titles, "error variance over stated, by level", "updates"]]
    for seed, scores in runs.items():
        ratios = [f"{scores['ratio_to_kalman'][method]:.3f}" for method, _ in known]
        stated = listed(scores["spread"]["deepda"]["standardised_error_variance"])
        spent = f"{scores['cost']['deepda']['updates']:.0f}"
        rows.append([seed, f"{scores['water_cells']:,}", *ratios, stated, spent])
    rows.append(["mean ± sd", "", *_over_seeds(runs.values(), known), "", ""])
    return as_table(rows) + how_made(measured, *names)


def known_means(measured: Mapping[str, Any]) -> str:
    """The same over all seeds."""
    runs = [value["scores"] for name, value in measured.items() if name.startswith("known_")]
    known = [column for column in KNOWN if column[0] in runs[0]["ratio_to_kalman"]]
    return as_table([[title for _, title in known], _over_seeds(runs, known)])


def _over_seeds(runs: Iterable[Mapping[str, Any]], known: Sequence[tuple[str, str]]) -> list[str]:
    """Mean and standard deviation of the ratio to the Kalman filter of each method."""
    values = np.array([[scores["ratio_to_kalman"][method] for method, _ in known] for scores in runs])
    return [f"{m:.3f} ± {s:.3f}" for m, s in zip(values.mean(0), values.std(0, ddof=1), strict=True)]


def members(measured: Mapping[str, Any]) -> str:
    """Whether members have the spread, the means and the wavelengths of the error and the truth."""
    held = {name: measured[name]["scores"].get("members") for name in MEMBERS if name in measured}
    found = {name: one for name, one in held.items() if one}
    spread = [one["spread_over_error"] for one in found.values()]
    rows = [["", *(MEMBERS[name] for name in found), "aim"]]
    rows.append(["spread over error, all cells", *(f"{one['all']:.2f}" for one in spread), NEAR_ONE])
    by_depth = [listed(one["by_depth"]) for one in spread]
    rows.append(["by depth, from the surface down", *by_depth, NEAR_ONE])
    for mean in spread[0]["of_means"]:
        ratios = [one["of_means"][mean]["ratio"] for one in spread]
        rows.append([f"mean of {mean}", *(f"{ratio:.2f}" for ratio in ratios), NEAR_ONE])
    for title, key, aim in (
        ("error of the mean of members over that of the analysis", "mean_over_analysis", "1.05"),
        ("mean square error of a member over that of the mean", "member_over_mean", "1.76 to 1.87"),
    ):
        rows.append([title, *(range_of(one[key]["by_depth"]) for one in found.values()), aim])
    for whose, aim in (("members", NEAR_ONE), ("analysis", "")):
        powers = [listed(one["spectral_ratio"][whose]) for one in found.values()]
        rows.append([f"power of the shortest zonal third over the truth's, {whose}", *powers, aim])
    for mean in TRENDS:
        trends = [one["trend_per_decade_K"].get(mean) for one in found.values()]
        rows.append([f"trend of {mean}: error over the members' standard deviation",
                     *map(_trend_missed, trends), "below 2"])  # fmt: skip
    return as_table(rows) + how_made(measured, *found)


def _trend_missed(trend: Mapping[str, float] | None) -> str:
    """How many standard deviations of the members the trend is off, with both in mK a decade."""
    if trend is None:
        return "-"
    error, spread = (1000 * value for value in (trend["analysis"] - trend["truth"], trend["spread"]))
    return f"{abs(error) / spread:.1f} ({abs(error):.1f} over {spread:.1f} mK a decade)"


def denial(measured: Mapping[str, Any]) -> str:
    """Growth of the error when a part of the observing system is denied."""
    names = [name for name in ("deny_gcm", "deny_embedded") if name in measured]
    titles = {"deny_gcm": "model run", "deny_embedded": "built-in ocean"}
    head = [part for name in names for part in (f"{titles[name]} (%)", "±", "spread / error")]
    rows = [["without", *head]]
    for part in measured[names[0]]["scores"]["loss_of_skill"]["analysis"]:
        cells = [_denied(measured[name]["scores"], part) for name in names]
        rows.append([part, *(cell for three in cells for cell in three)])
    return as_table(rows) + how_made(measured, *names)


def blind_zone(measured: Mapping[str, Any]) -> str:
    """How far down surface data reach, by way of going down, and the stated error of the analysis."""
    names = [name for name in ("blind_gcm", "blind_embedded") if name in measured]
    titles = {"blind_gcm": "model run", "blind_embedded": "built-in ocean"}
    methods = list(measured[names[0]]["scores"]["over_climatology"])
    rows = [["", *methods]]
    for name in names:
        scores = measured[name]["scores"]
        ratios, reach = scores["over_climatology"], scores["reach_m"]
        rows.append(
            [f"{titles[name]}, error over climatology's, below what is seen",
             *(f"{ratios[method]['global']['all']:.2f}" for method in methods)]
        )  # fmt: skip
        halves = [reach.get(method, {}).get("global", {}).get("half the variance") for method in methods]
        rows.append(
            [f"{titles[name]}, half of the variance down to (m)",
             *("–" if half is None else f"{half:.0f}" for half in halves)]
        )  # fmt: skip
        spread = scores["spread_over_error"]["analysis"]["global"]["by_depth"]
        rows.append(
            [f"{titles[name]}, spread over error by depth", listed(spread), *[""] * len(methods[1:])]
        )
    return as_table(rows) + how_made(measured, *names)


def shipped(model: Mapping[str, Any]) -> str:
    """What the shipped weights were made by, and their scores in the test years."""
    scores = model["scores"]
    gain, coverage, depth = scores["gain"], scores["coverage"], scores["depth_m"]
    errors = scores["rmse"]
    rows = [["", "value"]]
    rows.append(["made by", f"`{model['command']}`, {model['date']}, version {model['version']}"])
    rows.append(["seed", str(model["seed"])])
    rows.append(["SHA-256 of `weights.safetensors`", f"`{model['sha256'][:16]}…`"])
    rows.append(
        ["test windows", f"{scores['scored_windows']}, {_day(scores, 'from')} to {_day(scores, 'to')}"]
    )
    rows.append(["error of the analysis (K)", f"{errors['analysis']['all']:.4f}"])
    rows.append(["the same before packing (K)", f"{scores['rmse_before_packing']:.4f}"])
    rows += [
        [f"error of {BASELINES[name]} (K)", f"{errors[name]['all']:.4f}"]
        for name in BASELINES
        if name in errors
    ]
    title = f"gain over the best baseline, {BASELINES[gain['baseline']]} (95 % interval)"
    rows.append([title, f"{100 * gain['gain']:.1f} %{interval_of(scores)}"])
    levels = zip(depth, errors["analysis"]["by_depth"], strict=True)
    rows.append(["error by depth (K)", ", ".join(f"{d:.0f} m {error:.3f}" for d, error in levels)])
    spread = scores["spread_over_error"]
    rows.append(["spread over error", f"{spread['all']:.2f}; by depth {range_of(spread['by_depth'])}"])
    regions = ", ".join(f"{region} {ratio:.2f}" for region, ratio in spread["by_region"].items())
    rows.append(["spread over error by region", regions])
    rows.append(
        ["50 % and 90 % intervals hold", ", ".join(f"{100 * c:.0f} %" for c in coverage.values())]
    )
    return as_table(rows)


def _day(scores: Mapping[str, Any], end: str) -> str:
    return str(scores[f"scored_{end}"])[:10]


TABLES = {
    "shipped": lambda _: shipped(json.loads(SHIPPED.read_text())),
    "headline": headline,
    "others": others,
    "warming": warming,
    "summary": summary,
    "embedded_depths": lambda measured: depths("embedded", measured),
    "embedded_reliability": lambda measured: reliability("embedded", measured),
    "gcm_depths": lambda measured: depths("gcm", measured),
    "gcm_reliability": lambda measured: reliability("gcm", measured),
    "known_answer": known_answer,
    "known_means": known_means,
    "members": members,
    "denial": denial,
    "blind_zone": blind_zone,
}


def _denied(scores: Mapping[str, Any], part: str) -> tuple[str, str, str]:
    loss = scores["loss_of_skill"]["analysis"][part]
    ratio = scores["spread_over_error"]["analysis"][part]["all"]
    error = loss["standard_error"]
    return f"{100 * loss['all']:.0f}", "-" if error is None else f"{100 * error:.0f}", f"{ratio:.2f}"
