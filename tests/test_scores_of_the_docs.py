"""The tables of the docs are those of the numbers that were measured, and of nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What `make scores` writes the tables with."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import score_tables

    return score_tables


@pytest.fixture
def measured() -> dict[str, Any]:
    """The numbers of the docs."""
    numbers: dict[str, Any] = json.loads((ROOT / "docs" / "measured.json").read_text())
    return numbers


def test_every_table_is_that_of_the_measured_numbers(
    tables: ModuleType, measured: dict[str, Any]
) -> None:
    marked = [page for page in tables.PAGES if tables.MARK.search(page.read_text())]
    assert len(marked) >= 3
    assert [p.name for p in marked if tables.with_tables(p.read_text(), measured) != p.read_text()] == []


def test_a_number_changed_by_hand_would_be_seen(tables: ModuleType, measured: dict[str, Any]) -> None:
    text = f"<!-- table headline -->\n{tables.headline(measured)}\n<!-- end of table -->"
    changed = text.replace("| 0.0", "| 0.1", 1)
    assert changed != text
    assert tables.with_tables(changed, measured) == tables.with_tables(text, measured) == text


def of_seed(
    seed: int, analysis: float, baselines: Mapping[str, float], gain: tuple[float, float, float]
) -> dict[str, Any]:
    """The measured numbers of one run of two layers."""
    errors = {"analysis": analysis, **baselines}
    best = min(baselines, key=baselines.__getitem__)
    return {
        "command": f"deepda osse run seed={seed}",
        "date": "2026-11-26",
        "machine": "a machine",
        "version": "0.1.0",
        "scores": {
            "seed": seed,
            "depth_m": [5.0, 20.0],
            "rmse": {name: {"all": e, "by_depth": [e, 2 * e]} for name, e in errors.items()},
            "gain": {"baseline": best, **dict(zip(("gain", "low", "high"), gain, strict=True))},
            "reliability": {"spread_skill": {"all": 1.0 + seed / 100}},
        },
    }


@pytest.fixture
def seeds() -> dict[str, Any]:
    """Three seeds of an experiment, out of order and beside another experiment."""
    one = of_seed(1, 0.06, {"oi": 0.08, "forecast_oi": 0.075}, (0.2, 0.18, 0.22))
    ten = of_seed(10, 0.063, {"oi": 0.07, "forecast_oi": 0.075}, (0.1, 0.08, 0.12))
    two = of_seed(2, 0.066, {"oi": 0.08, "forecast_oi": 0.077}, (0.15, 0.13, 0.17))
    return {"embedded-10": ten, "embedded-2": two, "embedded": one, "deny_embedded": {}}


def test_the_headline_is_the_mean_over_seeds_against_the_best_baseline_of_each(
    tables: ModuleType, seeds: dict[str, Any]
) -> None:
    table = tables.headline(seeds)
    row = next(line for line in table.splitlines() if "built-in" in line)
    assert "0.0630 [0.0600 to 0.0660]" in row
    assert "0.0740 [0.0700 to 0.0770], optimal interpolation with the best forecast or optimal" in row
    assert "15.0 % [10.0 to 20.0]; seed 1 (18.0 to 22.0), seed 2 (13.0 to 17.0), seed 10" in row
    assert row.endswith("1.04 [1.01 to 1.10] |")
    assert "`deepda osse run`, `seed` 1, 2, 10;" in table


REAL_PAGE = """\
| | |
| all | not this one |

| values | number | platforms | climatology \
| optimal interpolation | the same with the best forecast | multi-scale optimal interpolation \
| analysis | gain over climatology | gain over the best baseline | stated/found |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
| all | 9,000 | 36 | 1.99 (+0.40) | 1.82 (+0.32) | 1.67 (+0.34) | 1.66 (−0.34) | 1.67 (+0.33) \
| 16 % (−3 to 18) | −1 % (−3 to 0) | 0.73 |
| 0-100 m | 4,000 | 31 | 2.09 | 1.79 | 1.64 | 1.61 | 1.62 | 22 % | −0 % | 0.7 |
| floats | 1,600 | 18 | 1.26 (−0.07) | 1.27 (−0.08) | 1.26 (−0.10) | 1.26 (−0.09) | 1.28 (−0.10) \
| −2 % (−5 to 4) | −2 % (−4 to 0) | 0.90 |
"""


def test_the_summary_has_the_real_ocean_against_climatology_and_the_best_baseline(
    tables: ModuleType, seeds: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real.md").write_text(REAL_PAGE)
    monkeypatch.setattr(tables, "REAL", tmp_path / "real.md")
    *table, _, made = tables.summary(seeds).splitlines()
    assert table == [*tables.headline(seeds).splitlines()[: len(table) - 2], *table[-2:]]
    assert table[-2:] == [
        "| real ocean 1981-2020, at 36 platforms kept from the analysis | 1.67 | 1.66, multi-scale "
        "optimal interpolation; climatology 1.99 | −1 % (−3 to 0); over climatology 16 % (−3 to 18) "
        "| 0.73 |",
        "| the same, at the 18 floats among them | 1.28 | 1.26, 2 kinds of optimal interpolation; "
        "climatology 1.26 | −2 % (−4 to 0); over climatology −2 % (−5 to 4) | 0.90 |",
    ]
    assert made == "Twins: `seed` 1, 2, 10; 2026-11-26; a machine; version 0.1.0."


def test_the_table_of_depths_is_of_the_methods_that_all_seeds_have(
    tables: ModuleType, seeds: dict[str, Any]
) -> None:
    seeds["embedded-2"]["scores"]["rmse"]["own_error_oi"] = {"all": 0.07, "by_depth": [0.07, 0.14]}
    lines = tables.depths("embedded", seeds).splitlines()
    assert lines[0] == "| depth (m) | analysis | oi | forecast_oi |"
    assert lines[2].startswith("| all | 0.0630 [0.0600 to 0.0660] | 0.0767 [0.0700 to 0.0800] |")
    assert lines[4] == "| 20 | 0.126 [0.120 to 0.132] | 0.153 | 0.151 |"


def test_one_seed_alone_has_no_range(tables: ModuleType, seeds: dict[str, Any]) -> None:
    alone = tables.headline({"embedded": seeds["embedded"]})
    assert "| 0.0600 | 0.0750, optimal" in alone and "| 20.0 % (18.0 to 22.0) | 1.01 |" in alone


def test_the_same_seed_twice_is_no_second_seed(tables: ModuleType, seeds: dict[str, Any]) -> None:
    seeds["embedded-2"]["scores"]["seed"] = 1
    with pytest.raises(SystemExit, match=r"embedded, embedded-2, embedded-10 have seeds \[1, 1, 10\]"):
        tables.headline(seeds)


def test_runs_on_the_ocean_of_another_model_are_means_over_seeds_with_one_command(
    tables: ModuleType, seeds: dict[str, Any]
) -> None:
    """The run that was trained is one of the same seed; its folder is named once."""
    measured = {}
    for name, seed in (("embedded", ""), ("embedded-2", "-2")):
        one = seeds[name] | {"command": f"deepda osse run --run runs/embedded{seed} --truth gcm.nc"}
        one["scores"]["rmse"]["climatology"] = {"all": 0.3}
        measured[f"embedded_on_gcm{seed}"] = one
    row, _, made = tables.others(measured).splitlines()[2:]
    assert "| 0.3000 [0.3000 to 0.3000] | 0.0630 [0.0600 to 0.0660] |" in row
    assert "17.5 % [15.0 to 20.0]; seed 1 (18.0 to 22.0), seed 2 (13.0 to 17.0)" in row
    assert made.startswith("`deepda osse run --run runs/embedded --truth gcm.nc`, `seed` 1, 2;")
