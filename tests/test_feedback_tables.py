"""The tables of feedback: sums against pandas, regions against weights, scores by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_feedback import END, START, fed

from deepda.cli import main
from deepda.feedback import FeedbackWriter, withheld_scores
from deepda.feedback.departures import BAND_NAMES, BANDS, Departures, departures, in_box, region_sets
from deepda.feedback.tables import lines
from deepda.feedback.window import state_of
from deepda.geometry.grid import Grid
from deepda.observations.table import PLATFORM_TYPE
from deepda.verification import REGIONS, VerificationError, region_weights


@pytest.fixture
def product(grid: Grid, tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    """A product of two windows in two years, and the rows in it."""
    rng, tables = np.random.default_rng(3), []
    for year in (0, 1):
        shift = np.timedelta64(366 * year, "D")
        table = fed(grid, rng)
        deep = (table["depth"].to_numpy() * 9).astype(np.float32)  # to reach all bands, after the fact
        deep[::5] = rng.choice(BANDS, deep[::5].size)  # and their edges
        table["depth"] = deep
        table = table.assign(time=table["time"] + shift)
        with FeedbackWriter(tmp_path) as out:
            out.write(table, START + shift, END + shift)
        tables.append(table)
    return tmp_path, pd.concat(tables, ignore_index=True)


CANDIDATES = ("climatology", "oi", "background", "analysis")


def groups_of(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """What the tables group by, row by row and slowly."""
    lon, lat = table["lon"] % 360, table["lat"]
    yield "all", "all", table
    for name, rows in table.groupby("platform_type", observed=True):
        yield "platform", str(name), rows
    for year, rows in table.groupby(table["time"].dt.year):
        yield "year", str(year), rows
    for name, top, bottom in zip(BAND_NAMES, BANDS, [*BANDS[1:], np.inf], strict=True):
        yield "depth", name, table[(table["depth"] >= top) & (table["depth"] < bottom)]
    for name, box in REGIONS.items():
        north = (lat < box.north) | (box.north == 90)
        yield "region", name, table[(lat >= box.south) & north & (lon >= box.west) & (lon < box.east)]


@pytest.mark.slow
@pytest.mark.parametrize("batch", [37, 500_000])
def test_sums_are_those_of_pandas_whatever_the_batches(
    product: tuple[Path, pd.DataFrame], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepda.feedback.departures.BATCH", batch)
    folder, table = product
    found = departures(folder)
    state, seen = state_of(table), set()
    for number, name in enumerate(("used", "withheld")):
        for grouping, group, rows in groups_of(table[state == number]):
            if rows.empty:
                continue
            seen.add((name, grouping, group))
            sums = found.groups[name, grouping, group]
            departure = (rows["temperature"] - rows["background"]).astype(float)
            rest = (rows["temperature"] - rows["analysis"]).astype(float)
            expected = np.sqrt((rows["spread"].astype(float) ** 2 + rows["error"] ** 2).mean())
            assert sums.count == len(rows)
            np.testing.assert_allclose(
                [sums.mean_background, sums.rms_background, sums.mean_analysis, sums.rms_analysis,
                 sums.spread_to_rms],
                [departure.mean(), np.sqrt((departure**2).mean()), rest.mean(),
                 np.sqrt((rest**2).mean()), expected / np.sqrt((departure**2).mean())],
                rtol=1e-4, atol=1e-5,
            )  # fmt: skip
    assert set(found.groups) == seen
    assert dict(found.rows) == table["reason"].astype(str).value_counts().to_dict()
    assert sum(found.states.values()) == len(table)


@pytest.mark.usefixtures("empty_fdbk")
def test_a_calibrated_spread_has_a_ratio_of_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    count = 40_000
    spread, error = (rng.uniform(0.2, 0.6, count).astype(np.float32) for _ in "so")
    departure = rng.standard_normal(count) * np.hypot(spread, error)
    table = pd.DataFrame(
        {
            "time": START.astype("datetime64[s]"), "lat": 0.5, "lon": 200.0, "depth": 20.0,
            "temperature": 10.0 + departure, "background": 10.0, "analysis": 10.0, "spread": spread,
            "error": error, "used": True, "withheld": False, "reason": "", "platform_type": "argo",
        }
    )  # fmt: skip
    with FeedbackWriter(tmp_path) as out:
        out.write(table, START, END)
    assert departures(tmp_path).groups["used", "all", "all"].spread_to_rms == pytest.approx(1, abs=0.02)


def test_a_place_is_in_a_region_where_the_weight_of_its_cell_is_whole(grid: Grid) -> None:
    lat, lon = (axis.ravel() for axis in np.meshgrid(grid.lat, grid.lon, indexing="ij"))
    wet = grid.with_ocean(np.ones(grid.shape, bool))
    whole = wet.volume[0].ravel()
    for name, box in REGIONS.items():
        share = region_weights(wet, box).values[0].ravel() / whole
        for turned in (lon, lon - 360, lon + 360):
            inside = in_box(lat, turned, box)
            assert inside[share > 1 - 1e-9].all() and not inside[share < 1e-9].any(), name


def test_a_place_is_in_all_its_regions() -> None:
    sets = region_sets(np.array([0.0, 40.0, 90.0]), np.array([-150.0, 310.0, 0.0]))
    names = [{name for bit, name in enumerate(REGIONS) if code >> bit & 1} for code in sets]
    assert names == [
        {"global", "tropics", "Niño 3.4"},
        {"global", "northern extratropics", "Gulf Stream"},
        {"global", "northern extratropics"},
    ]


def test_the_command_prints_the_tables_within_eighty_columns(
    product: tuple[Path, pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, table = product
    assert main(["observations", "feedback", str(folder)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80, text
    used, held, rejected = np.bincount(state_of(table), minlength=3)
    balance = f"rows {len(table):,} = used {used:,} + withheld {held:,} + rejected {rejected:,}"
    assert text.splitlines()[-1] == balance
    for word in ("by platform", "by depth", "by region", "by year", "Niño 3.4", "2009", "outside_grid"):
        assert word in text


def test_numbers_of_forty_years_still_fit() -> None:
    found = Departures()
    found.groups["used", "year", "1999"].values += [1e9, -1e12, 1e15, 9e9, 1e14, 1e15]
    found.states["used"] = 10**9
    assert max(map(len, lines(found))) <= 80


def test_a_folder_without_feedback_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["observations", "feedback", str(tmp_path)]) == 2
    assert "give the output folder of a reanalysis" in capsys.readouterr().err


def witness(**columns: object) -> pd.DataFrame:
    """Four withheld rows of two floats and a ship, observed at 10 degC."""
    return pd.DataFrame(
        {
            "temperature": 10.0, "depth": [5.0, 5.0, 400.0, 400.0], "withheld": True, "reason": "",
            "platform_id": ["A", "B", "A", "S"],
            "platform_type": pd.Categorical(["argo", "argo", "argo", "ship"], dtype=PLATFORM_TYPE),
            "climatology": [12.0, 8.0, 11.0, 11.0], "oi": 10.5, "background": [11.0, 11.0, 10.0, 10.0],
            "analysis": [10.5, 9.5, 10.0, 10.0], **columns,
        }
    )  # fmt: skip


def score(scores: pd.DataFrame, name: str, candidate: str) -> tuple[int, int, float, float]:
    row = scores[(scores["name"] == name) & (scores["candidate"] == candidate)].iloc[0]
    return row["count"], row["platforms"], row["bias"], row["rmse"]


def test_scores_at_withheld_rows_are_those_worked_out_by_hand() -> None:
    scores = withheld_scores(witness(), CANDIDATES)
    assert score(scores, "all", "climatology") == (4, 3, 0.5, pytest.approx(np.sqrt(10 / 4)))
    assert score(scores, "all", "analysis") == (4, 3, 0.0, pytest.approx(np.sqrt(0.5 / 4)))
    assert score(scores, "0-10 m", "background") == (2, 2, 1.0, 1.0)
    assert score(scores, "300-700 m", "background") == (2, 2, 0.0, 0.0)
    assert score(scores, "ship", "climatology") == (1, 1, 1.0, 1.0)
    assert set(scores["name"]) == {"all", "0-10 m", "300-700 m", "argo", "ship"}


def test_all_candidates_are_judged_at_the_same_rows() -> None:
    scores = withheld_scores(witness(oi=[np.nan, 10.0, 10.0, 10.0]), CANDIDATES)
    assert set(scores[scores["grouping"] == "all"]["count"]) == {3}
    assert score(scores, "all", "climatology")[3] == pytest.approx(np.sqrt(6 / 3))


def test_used_and_rejected_rows_do_not_count() -> None:
    table = witness(withheld=[True, False, True, True], reason=["", "", "spike", ""])
    scores = withheld_scores(table, CANDIDATES)
    assert score(scores, "all", "oi")[:2] == (2, 2)


def test_no_withheld_row_gives_no_score_and_a_missing_candidate_is_refused() -> None:
    assert withheld_scores(witness(withheld=False), CANDIDATES).empty
    with pytest.raises(VerificationError, match="no column oi"):
        withheld_scores(witness().drop(columns="oi"), CANDIDATES)
