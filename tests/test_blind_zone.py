"""The blind zone: ways to continue the surface downwards, and how they are judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from lxml import html
from test_denial import PER_YEAR, write_run
from toys import toy_grid

import osse.experiments.blind_zone
from deepda.assimilation.cycle import Observations, cycle, inferred
from deepda.base.progress import Progress
from deepda.cli import main
from deepda.geometry.grid import Grid
from osse.experiments.blind_zone import BlindZoneError, last_seen, seen_above
from osse.experiments.blind_zone_report import lines
from osse.experiments.blind_zone_scores import METHODS, depth_of_reach
from osse.experiments.downward_extrapolation import (
    Regression,
    marching_average,
    repeat_downward,
    validated_parts,
)
from osse.experiments.finished_run import kept_observations, opened, tables

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]
SHORT = ("osse.test_years=1", "generator.solver_iterations=3")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), "generator.dropout=0.3", *SHORT)


@pytest.fixture(scope="module")
def finished(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command has written, of satellites only."""
    output = tmp_path_factory.mktemp("blind")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(osse.experiments.blind_zone, "PASSES", 5)
        patch.setattr(osse.experiments.blind_zone, "EVERY", 2)
        osse.experiments.blind_zone.run(run, output)
    return output


def with_overhang(grid: Grid) -> tuple[np.ndarray, tuple[int, int, int]]:
    """The mask with water under land, and where."""
    ocean = grid.ocean.copy()
    place = (1, grid.shape[1] // 2, grid.shape[2] // 2)  # below the island
    ocean[place] = True
    return ocean, place


def test_repeating_downward_keeps_the_last_anomaly(grid: Grid) -> None:
    ocean, under_land = with_overhang(grid)
    anomaly = np.random.default_rng(1).normal(0, 1, grid.shape)
    for last in (0, 1):
        filled = repeat_downward(anomaly, ocean, last)
        for level, row, column in np.argwhere(ocean):
            above = anomaly[last, row, column] if ocean[last, row, column] else 0.0
            expected = anomaly[level, row, column] if level <= last else above
            assert filled[level, row, column] == expected
        assert (filled[~ocean] == 0).all()
    assert repeat_downward(anomaly, ocean, 0)[under_land] == 0


def test_the_marching_average_is_the_mean_of_the_water_above(grid: Grid) -> None:
    ocean, _ = with_overhang(grid)
    anomaly = np.random.default_rng(2).normal(0, 1, grid.shape)
    anomaly[~grid.ocean] = np.nan  # must not leak
    anomaly[~grid.ocean & ocean] = 9.0
    last, expected = 1, np.where(ocean, anomaly, 0.0)
    for level in range(last + 1, grid.shape[0]):
        for row, column in np.argwhere(ocean[level]):
            known = [
                expected[level - 1, y, x % grid.shape[2]]
                for y in range(max(row - 1, 0), min(row + 2, grid.shape[1]))
                for x in range(column - 1, column + 2)
                if ocean[level - 1, y, x % grid.shape[2]]
            ]
            expected[level, row, column] = np.mean(known) if known else 0.0
    np.testing.assert_allclose(marching_average(anomaly, ocean, last), expected, atol=1e-12)


def test_the_marching_average_crosses_the_date_line(grid: Grid) -> None:
    anomaly = np.random.default_rng(3).normal(0, 1, grid.shape)
    filled = marching_average(anomaly, grid.ocean, 0)
    turned = marching_average(np.roll(anomaly, 3, 2), np.roll(grid.ocean, 3, 2), 0)
    np.testing.assert_allclose(turned, np.roll(filled, 3, 2), atol=1e-12)


def series_with_slopes(
    grid: Grid, slopes: np.ndarray, years: int, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Anomalies whose levels follow the surface by slopes (part, L, Y, X), and their seasons."""
    rng, season = np.random.default_rng(5), np.arange(years * PER_YEAR) % PER_YEAR
    part = season * len(slopes) // PER_YEAR
    surface = rng.normal(0, 1, (len(season), 1, *grid.shape[1:]))
    fields = slopes[part] * surface + noise * rng.normal(0, 1, (len(season), *grid.shape))
    fields[:, 0] = surface[:, 0]
    return np.where(grid.ocean, fields, 0.0), season


def test_the_regression_finds_known_coefficients_of_each_cell_and_quarter(grid: Grid) -> None:
    slopes = np.random.default_rng(6).uniform(-1, 1, (4, *grid.shape))
    fields, season = series_with_slopes(grid, slopes, 40, 0.0)
    found = Regression.fit(fields, season, PER_YEAR, 0, 4)
    wet = grid.ocean & grid.ocean[0]
    np.testing.assert_allclose(found.slope[:, 1:][:, wet[1:]], slopes[:, 1:][:, wet[1:]], atol=1e-5)
    assert (found.slope[:, ~grid.ocean] == 0).all() and np.isfinite(found.slope).all()
    below = found.below(fields[7, 0], int(season[7]))
    np.testing.assert_allclose(below[wet], fields[7][wet], atol=1e-5)


def test_an_observation_is_worth_less_the_larger_its_error(grid: Grid) -> None:
    slopes = np.full((1, *grid.shape), 0.5)
    fields, season = series_with_slopes(grid, slopes, 10, 0.0)
    found = Regression.fit(fields, season, PER_YEAR, 0, 1)
    value, precision = np.ones(grid.shape[1:]), np.full(grid.shape[1:], 4.0)
    precision[:, ::2], value[:, ::2] = 0.0, np.nan  # gaps; what stands there is not read
    estimate = found.of_observations(value, precision, 0)
    power = (fields[:, 0] ** 2).mean(0)
    expected = found.slope[0] * np.where(precision > 0, power / (power + 1 / 4), 0.0)
    np.testing.assert_allclose(estimate, expected, atol=1e-6)


@pytest.mark.parametrize(("varies", "best"), [(True, 4), (False, 1)])
def test_seasons_are_distinguished_where_that_helps(varies: bool, best: int) -> None:
    grid = toy_grid(np.random.default_rng(0))
    slopes = np.random.default_rng(6).uniform(-1, 1, (4, *grid.shape))
    slopes = slopes if varies else slopes[:1]
    fields, season = series_with_slopes(grid, slopes, 6, 1.0)
    train, validation = slice(0, 4 * PER_YEAR), slice(4 * PER_YEAR, None)
    fitted = {n: Regression.fit(fields[train], season[train], PER_YEAR, 0, n) for n in (1, 4)}
    scores = validated_parts(fitted, fields[validation])
    assert min(scores, key=lambda parts: scores[parts]) == best


def test_what_is_seen_above_a_depth() -> None:
    table = pd.DataFrame(
        {"platform_type": ["satellite", "argo", "xbt", "argo"], "depth": [0.0, 5.0, 50.0, 51.0]}
    )
    assert seen_above(table, None).tolist() == [True, False, False, False]
    assert seen_above(table, 50.0).tolist() == [True, True, True, False]


def test_the_last_level_seen_is_that_of_any_window() -> None:
    precision = torch.zeros(2, 1, 4, 3, 3)
    precision[0, 0, 0, 1, 1] = precision[1, 0, 2, 0, 0] = 1.0
    season = torch.tensor([0])
    windows = [Observations(torch.zeros(1, 4, 3, 3), one, season, 12) for one in precision]
    assert last_seen(windows, np.arange(4.0)) == 2
    with pytest.raises(BlindZoneError, match="no observation is left"):
        last_seen([Observations(torch.zeros(1, 4, 3, 3), 0 * precision[0], season, 12)], np.arange(4.0))


@pytest.mark.parametrize(
    ("ratio", "limit", "expected"),
    [
        ([0.2, 0.6, 1.0, 1.4], 0.8, 30.0),
        ([0.2, 0.6, 1.4, 0.5], 1.0, 30.0),
        ([1.2, 0.6, 0.5, 0.5], 1.0, 0.0),
        ([0.2, 0.3, 0.4, np.nan], 1.0, None),
    ],
)
def test_how_deep_a_way_reaches(ratio: list[float], limit: float, expected: float | None) -> None:
    assert depth_of_reach(ratio, [10.0, 20.0, 40.0, 80.0], limit) == expected


def test_satellites_alone_leave_the_deep_unseen(finished: Path) -> None:
    scores = json.loads((finished / "blind_zone.json").read_text())
    assert scores["last_level_seen_m"] == scores["depth_m"][0] and scores["below_m"] is None
    assert min(scores["rows"].values()) > 0


def test_scores_are_those_of_the_fields(run: Path, finished: Path, tmp_path: Path) -> None:
    scores = json.loads((finished / "blind_zone.json").read_text())
    with Progress() as progress, opened(run, tmp_path, progress) as trained:
        twin, space = trained.twin, trained.twin.space
        observed = tables(twin, progress)
        windows, rows = kept_observations(twin, observed, lambda table: seen_above(table, None))
        square = {name: np.zeros(space.grid.shape) for name in ("analysis", "regression", "climatology")}
        fitted = Regression.fit(
            trained.anomalies,
            trained.control.season(trained.control.train),
            PER_YEAR,
            0,
            scores["regression"]["parts"],
        )
        first = trained.analyser.first_guess(1)
        for step, made in enumerate(inferred(cycle(trained.analyser, first, windows))):
            analysis = made.analysis
            if step < trained.spinup:
                continue
            season = int(twin.windows.season[step])
            true = np.nan_to_num(twin.truth[step].values - space.climatology.mean[season])
            own = analysis.mean[0].numpy() * space.scale
            implied = fitted.below(analysis.mean[0, 0].numpy(), season) * space.scale
            implied[0] = own[0]
            for name, field in (("analysis", own), ("regression", implied), ("climatology", 0 * own)):
                square[name] += (field - true) ** 2
    count = len(twin.windows) - trained.spinup
    volume = space.grid.volume
    assert rows == scores["rows"]["kept"]
    for name, total in square.items():
        expected = np.sqrt((volume * total).sum((1, 2)) / volume.sum((1, 2)) / count)
        found = scores["rmse"][name]["global"]["by_depth"]
        np.testing.assert_allclose(found, expected, rtol=2e-4)
    ratio = scores["over_climatology"]
    assert ratio["climatology"]["global"]["all"] == 1.0
    surface = {name: ratio[name]["global"]["by_depth"][0] for name in METHODS}
    assert surface["repeat_downward"] == surface["marching_average"] == surface["analysis"]
    assert surface["regression_of_observations"] > surface["analysis"]  # gaps, and no memory


def test_dropout_states_intervals_where_the_run_has_any(finished: Path) -> None:
    scores = json.loads((finished / "blind_zone.json").read_text())
    alone, both = (
        scores["coverage"][name]["90%"]["global"] for name in ("dropout", "dropout_and_spread")
    )
    assert scores["dropout"]["passes"] >= 2
    pairs = list(zip(alone["by_depth"], both["by_depth"], strict=True))
    assert all(0 <= one <= other <= 1 for one, other in pairs) and any(one > 0 for one, _ in pairs)


def test_cut_profiles_are_seen_and_missing_dropout_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "osse.experiments.blind_zone_report.write", lambda *parts: None
    )  # seen in the tests above
    run = write_run(tmp_path / "run", *SHORT)
    scores = osse.experiments.blind_zone.run(run, tmp_path, below=60.0)
    assert scores["depth_m"][0] < scores["last_level_seen_m"] < scores["depth_m"][-1]
    assert "no dropout" in scores["dropout"]["skipped"] and "dropout" not in scores["coverage"]


def test_every_file_is_there_and_says_the_same(finished: Path) -> None:
    scores = json.loads((finished / "blind_zone.json").read_text())
    table = pd.read_csv(finished / "blind_zone.csv")
    assert len(table) == len(METHODS) * len(scores["regions"]) * len(scores["depth_m"])
    row = table.query("method == 'oi' and region == 'global'").iloc[1]
    assert row["correlation"] == scores["correlation"]["oi"]["global"]["by_depth"][1]
    maps = xr.open_dataset(finished / "blind_zone.nc")
    assert maps["rmse"].sel(analyser="analysis").dims == ("depth", "lat", "lon")
    assert maps.attrs["processing_level"] == "synthetic" and "Blind zone" in maps.attrs["title"]
    assert maps.attrs["time_coverage_start"][:10] == scores["scored_from"]
    assert maps["lat"].attrs["units"] == "degrees_north" and "depth_bnds" in maps
    source = (finished / "report.html").read_text()
    assert source.count("data:image/png") >= 10
    page = str(html.document_fromstring(source).text_content())
    assert "Repeating downward takes" in page
    assert "kind of run" in page and f"{scores['scored_windows']} windows" in page
    share = 100 * scores["over_climatology"]["analysis"]["global"]["all"]
    assert f"is {share:.0f} % of that of climatology" in page
    assert max(map(len, lines(scores))) <= 80


@pytest.mark.parametrize("depth", ["-5", "nan"])
def test_an_impossible_depth_is_refused(
    depth: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["osse", "blind-zone", "--run", str(run), "--output", str(tmp_path), f"--below={depth}"]
    assert main(words) == 2
    assert "expected a depth of 0 or more" in capsys.readouterr().err


def test_a_depth_without_blind_zone_is_refused_before_the_truth_is_observed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osse.experiments.blind_zone, "opened", None)
    with pytest.raises(BlindZoneError, match=r"the grid of .* ends at .*, expected a depth above"):
        osse.experiments.blind_zone.run(run, tmp_path, below=1e4)
