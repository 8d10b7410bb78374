"""The numbers of the documentation, measured anew: `make scores`.

    python benchmarks/scores.py                    # all of it, hours; finished runs are not repeated
    python benchmarks/scores.py twin known         # some of it
    python benchmarks/scores.py --tables           # only write the tables from docs/measured.json

Runs go to runs/scores. What the docs need of them is kept in docs/measured.json, with command, seed,
date, machine and version, and each table stands in its page between `<!-- table NAME -->` and
`<!-- end of table -->`. A test holds pages against docs/measured.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "runs" / "scores"
MEASURED = ROOT / "docs" / "measured.json"
SHIPPED = ROOT / "deepda" / "shipped" / "model.json"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
MARK = re.compile(r"(<!-- table (\w+) -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)
BASELINES = {
    "oi": "optimal interpolation",
    "forecast_oi": "optimal interpolation with the best forecast",
    "own_error_oi": "optimal interpolation with its own errors",
    "persistence": "persistence",
    "climatology": "climatology",
}
METHODS = ("analysis", "background", *BASELINES, "observations")
KNOWN = (("deepda", "ours"), ("enkf50", "EnKF, 50 members"), ("enkf100", "EnKF, 100 members"),
         ("static_oi", "true dynamics, static covariance"), ("oi", "optimal interpolation"),
         ("ham2024", "ham2024"), ("persistence", "persistence"),
         ("climatology", "climatology"))  # fmt: skip
SEEDS = range(5)  # of the known answer
MONTHLY = ("per_year=12", "training.error_samples=320")  # as the real ocean is analysed with


@dataclass(frozen=True)
class Run:
    """One command whose numbers stand in the docs.

    Attributes:
        name: folder below RUNS, and key in MEASURED.
        group: what a user asks for on the command line.
        words: behind `deepda`, without --output; RUN/ stands for the folder of another run.
        file: that it writes its scores to.
    """

    name: str
    group: str
    words: tuple[str, ...]
    file: str = "scores.json"


RUNS_OF_THE_DOCS = (
    Run("embedded", "twin", ("osse", "run")),
    Run("gcm", "twin", ("osse", "run", "control=files", *MONTHLY, "data.root=DATA")),
    *(
        Run(f"known_{seed}", "known", ("osse", "known-answer", "--seed", str(seed), "--minutes", "2"))
        for seed in SEEDS
    ),
    Run("deny_embedded", "experiments", ("osse", "deny", "--run", "RUNS/embedded"), "denial.json"),
    Run("deny_gcm", "experiments", ("osse", "deny", "--run", "RUNS/gcm"), "denial.json"),
    Run(
        "blind_embedded",
        "experiments",
        ("osse", "blind-zone", "--run", "RUNS/embedded"),
        "blind_zone.json",
    ),
    Run("blind_gcm", "experiments", ("osse", "blind-zone", "--run", "RUNS/gcm"), "blind_zone.json"),
)


def measure(run: Run) -> None:
    """Run a command unless it has been, and keep its scores in MEASURED."""
    output = RUNS / run.name
    if not (output / run.file).exists():
        words = [word.replace("RUNS/", f"{RUNS}/").replace("DATA", _data()) for word in run.words]
        command = [sys.executable, "-m", "deepda", *words, "--output", str(output)]
        subprocess.run(command, check=True, cwd=ROOT)
    kept = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    kept[run.name] = {
        "command": " ".join(["deepda", *run.words]).replace("RUNS/", "runs/").replace("DATA", "DIR"),
        "date": str(date.fromtimestamp((output / run.file).stat().st_mtime)),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU",
        "version": version("deepda"),
        "scores": _rounded(json.loads((output / run.file).read_text())),
    }
    MEASURED.write_text(json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False) + "\n")


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
    """What README opens with: each experiment against the best baseline in it."""
    rows = [["experiment", "analysis (K)", "best baseline (K)", "gain", "spread / error"]]
    for name, title in (("embedded", "built-in synthetic ocean"), ("gcm", "ocean model run, months")):
        if name in measured:
            scores = measured[name]["scores"]
            errors = {method: values["all"] for method, values in scores["rmse"].items()}
            name = min((method for method in BASELINES if method in errors), key=errors.__getitem__)
            analysis, best = errors["analysis"], errors[name]
            ratio = f"{scores['reliability']['spread_skill']['all']:.2f}"
            gain = f"{100 * (1 - analysis / best):.1f} %{_interval(scores)}"
            rows.append([title, f"{analysis:.4f}", f"{best:.4f} ({BASELINES[name]})", gain, ratio])
    return _table(rows) + _made(measured, "embedded", "gcm")


def _interval(scores: Mapping[str, Any]) -> str:
    """Interval of the gain over the best baseline, where the run has one."""
    low, high = (scores.get("gain", {}).get(end) for end in ("low", "high"))
    return "" if low is None or high is None else f" ({100 * low:.1f} to {100 * high:.1f})"


def depths(name: str, measured: Mapping[str, Any]) -> str:
    """Error by depth of a twin experiment, all methods."""
    scores = measured[name]["scores"]
    used = [method for method in METHODS if method in scores["rmse"]]
    rows = [["depth (m)", *used]]
    rows.append(["all", *(f"{scores['rmse'][method]['all']:.4f}" for method in used)])
    for level, depth in enumerate(scores["depth_m"]):
        rows.append(
            [f"{depth:.0f}", *(f"{scores['rmse'][method]['by_depth'][level]:.3f}" for method in used)]
        )
    return _table(rows) + _made(measured, name)


def reliability(name: str, measured: Mapping[str, Any]) -> str:
    """Stated against real error of a twin experiment, small scales and cost."""
    scores = measured[name]["scores"]
    stated, coverage = scores["reliability"]["spread_skill"], scores["reliability"]["coverage"]
    desroziers = scores["reliability"]["desroziers"]
    rows = [["quantity", "value"]]
    rows.append(["spread over error, by depth", _numbers(stated["by_depth"])])
    rows.append(["spread over error, all", f"{stated['all']:.2f}"])
    regions = ", ".join(f"{region} {ratio:.2f}" for region, ratio in stated["by_region"].items())
    rows.append(["spread over error, by region", regions])
    rows.append(
        ["50 % and 90 % intervals hold", ", ".join(f"{100 * c:.0f} %" for c in coverage.values())]
    )
    rows.append(
        ["Desroziers diagnostics, observation error over assumed", _span(desroziers["observation"])]
    )
    rows.append(["Desroziers diagnostics, analysis error over stated", _span(desroziers["analysis"])])
    crps = scores["reliability"]
    rows.append(["CRPS (K)", f"{crps['crps_analysis']:.4f}"])
    rows.append(
        ["CRPS of optimal interpolation with its own error as spread (K)",
         f"{crps['crps_oi_with_its_own_rmse_as_spread']:.4f}"]
    )  # fmt: skip
    for method, ratios in scores["spectral_ratio"].items():
        rows.append([f"power of the shortest zonal third over the truth's, {method}", _numbers(ratios)])
    for isthmus, ratios in scores["across_land"].items():
        both = ", ".join(f"{method} {ratio:.2f}" for method, ratio in ratios.items())
        rows.append([f"increment across land over that at home, {isthmus}", both])
    rows.append(["milliseconds a cycle", ", ".join(
        f"{method} {ms:.0f}" for method, ms in scores["milliseconds_per_cycle"].items())])  # fmt: skip
    stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in scores["wall_seconds"].items())
    rows.append(["wall seconds by stage", stages])
    rows.append(["peak memory (GiB)", f"{scores['peak_rss_gib']:.1f}"])
    rows.append(["observations, weights", f"{scores['rows']:,}, {scores['weights']:,}"])
    return _table(rows)


def known_answer(measured: Mapping[str, Any]) -> str:
    """Ratios to the exact Kalman filter, seed by seed, and their mean."""
    runs = {seed: measured[f"known_{seed}"]["scores"] for seed in SEEDS if f"known_{seed}" in measured}
    known = [
        (method, title)
        for method, title in KNOWN
        if all(method in scores["ratio_to_kalman"] for scores in runs.values())
    ]
    titles = [title for _, title in known]
    rows = [["seed", "water cells", *titles, "error variance over stated, by level", "updates"]]
    for seed, scores in runs.items():
        ratios = [f"{scores['ratio_to_kalman'][method]:.3f}" for method, _ in known]
        stated = _numbers(scores["spread"]["deepda"]["standardised_error_variance"])
        spent = f"{scores['cost']['deepda']['updates']:.0f}"
        rows.append([str(seed), f"{scores['water_cells']:,}", *ratios, stated, spent])
    values = np.array([[runs[s]["ratio_to_kalman"][method] for method, _ in known] for s in runs])
    spread = [f"{m:.3f} ± {s:.3f}" for m, s in zip(values.mean(0), values.std(0, ddof=1), strict=True)]
    rows.append(["mean ± sd", "", *spread, "", ""])
    return _table(rows) + _made(measured, *(f"known_{seed}" for seed in runs))


def denial(measured: Mapping[str, Any]) -> str:
    """Growth of the error when a part of the observing system is denied."""
    names = [name for name in ("deny_gcm", "deny_embedded") if name in measured]
    titles = {"deny_gcm": "model run", "deny_embedded": "built-in ocean"}
    head = [part for name in names for part in (f"{titles[name]} (%)", "±", "spread / error")]
    rows = [["without", *head]]
    for part in measured[names[0]]["scores"]["loss_of_skill"]["analysis"]:
        cells = [_denied(measured[name]["scores"], part) for name in names]
        rows.append([part, *(cell for three in cells for cell in three)])
    return _table(rows) + _made(measured, *names)


def blind_zone(measured: Mapping[str, Any]) -> str:
    """Error below what is seen, over that of climatology, by way of going down."""
    names = [name for name in ("blind_gcm", "blind_embedded") if name in measured]
    titles = {"blind_gcm": "model run", "blind_embedded": "built-in ocean"}
    methods = list(measured[names[0]]["scores"]["over_climatology"])
    rows = [["", *methods]]
    for name in names:
        ratios = measured[name]["scores"]["over_climatology"]
        rows.append([titles[name], *(f"{ratios[method]['global']['all']:.2f}" for method in methods)])
    return _table(rows) + _made(measured, *names)


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
    rows.append([title, f"{100 * gain['gain']:.1f} %{_interval(scores)}"])
    levels = zip(depth, errors["analysis"]["by_depth"], strict=True)
    rows.append(["error by depth (K)", ", ".join(f"{d:.0f} m {error:.3f}" for d, error in levels)])
    spread = scores["spread_over_error"]
    rows.append(["spread over error", f"{spread['all']:.2f}; by depth {_span(spread['by_depth'])}"])
    regions = ", ".join(f"{region} {ratio:.2f}" for region, ratio in spread["by_region"].items())
    rows.append(["spread over error by region", regions])
    rows.append(
        ["50 % and 90 % intervals hold", ", ".join(f"{100 * c:.0f} %" for c in coverage.values())]
    )
    return _table(rows)


def _day(scores: Mapping[str, Any], end: str) -> str:
    return str(scores[f"scored_{end}"])[:10]


TABLES = {
    "shipped": lambda _: shipped(json.loads(SHIPPED.read_text())),
    "headline": headline,
    "embedded_depths": lambda measured: depths("embedded", measured),
    "embedded_reliability": lambda measured: reliability("embedded", measured),
    "gcm_depths": lambda measured: depths("gcm", measured),
    "gcm_reliability": lambda measured: reliability("gcm", measured),
    "known_answer": known_answer,
    "denial": denial,
    "blind_zone": blind_zone,
}


def _denied(scores: Mapping[str, Any], part: str) -> tuple[str, str, str]:
    loss = scores["loss_of_skill"]["analysis"][part]
    ratio = scores["spread_over_error"]["analysis"][part]["all"]
    error = loss["standard_error"]
    return f"{100 * loss['all']:.0f}", "-" if error is None else f"{100 * error:.0f}", f"{ratio:.2f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def _made(measured: Mapping[str, Any], *names: str) -> str:
    """The lines below a table: which commands, when, where."""
    used = [measured[name] for name in names if name in measured]
    commands = "; ".join(dict.fromkeys(f"`{one['command']}`" for one in used))
    dates = ", ".join(sorted({one["date"] for one in used}))
    seeds = ", ".join(sorted({str(one["scores"].get("seed", "-")) for one in used}))
    machine = "; ".join(sorted({one["machine"] for one in used}))
    return f"\n\n{commands}. Seed {seeds}; {dates}; {machine}; version {used[0]['version']}."


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


def _rounded(value: Any) -> Any:
    """Numbers to six digits: what a table needs, and no more lines than necessary change."""
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _data() -> str:
    folder = os.environ.get("DEEPDA_TEST_DATA", "")
    if not folder:
        raise SystemExit(
            "DEEPDA_TEST_DATA names no folder, expected the one that holds the model run gcm/"
        )
    return folder


def main(words: Sequence[str] | None = None) -> None:
    """Measure the groups that were asked for, then write all tables."""
    groups = list(dict.fromkeys(run.group for run in RUNS_OF_THE_DOCS))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "groups", nargs="*", choices=[[], *groups], metavar="GROUP", help=", ".join(groups)
    )
    parser.add_argument("--tables", action="store_true", help="measure nothing")
    arguments = parser.parse_args(words)
    if not arguments.tables:
        for run in RUNS_OF_THE_DOCS:
            if run.group in (arguments.groups or groups):
                measure(run)
    write_tables(json.loads(MEASURED.read_text()))


if __name__ == "__main__":
    main()
