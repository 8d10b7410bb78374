"""The whole twin experiment on a coarse globe: every file that is promised, and what it promises."""

from __future__ import annotations

import csv
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from test_background_errors import training_data
from toys import MeasuredErrors, even_grid, space_on

import osse.twin.fraternal
import osse.twin.report
import osse.twin.run
from deepda.base.progress import Progress
from deepda.control.prepare import ControlError
from deepda.evaluation import evaluate, page
from deepda.evaluation.section_agreement import agreement_section
from deepda.networks.build import build_generator
from deepda.networks.statics import ControlStatistics
from deepda.runs.checkpoint import load_space
from deepda.runs.error_samples import load_error_samples
from deepda.settings.compose import load_config
from deepda.settings.schema import Config, ConfigError
from deepda.training.setup import TrainingSetup
from osse.twin.control_years import share_out, write_embedded
from osse.twin.scores import BASELINES

# The whole experiment, once for the file; test_figures and test_report draw figures and pages.
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]

COARSE = [
    "osse=smoke",
    "per_year=12",
    "osse.spinup=4",
    "grid.lat_edges={start: -90, stop: 90, step: 12}",
    "grid.lon_edges={start: 0, stop: 360, step: 12}",
    "grid.depth_edges=[0, 20, 60, 150, 300]",
    "generator.hidden=8",
    "generator.levels=1",
    "training.updates=6",
    "osse.baselines=[oi,forecast_oi]",
]


def settings(*more: str) -> Config:
    return load_config("osse", [*COARSE, *more])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("run")
    osse.twin.run.run(settings(), folder)
    return folder


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of a run takes as long as its analyses."""
    monkeypatch.setattr(osse.twin.report, "write", lambda *about: None)


@pytest.fixture(scope="module")
def other_truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three years of another realisation."""
    path = tmp_path_factory.mktemp("other") / "other.nc"
    with Progress() as progress:
        return write_embedded(path, settings(), 3, 77, 0.0, progress)


FIELDS = [
    *("truth", "analysis", "baselines/climatology", "baselines/persistence", "baselines/oi"),
    "baselines/forecast_oi",
]


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_the_same_times_and_places(finished: Path, name: str) -> None:
    truth = xr.open_dataset(finished / "truth.nc")["thetao"]
    field = xr.open_dataset(finished / f"{name}.nc")["thetao"]
    assert field.dims == ("time", "depth", "lat", "lon")
    xr.testing.assert_equal(field.coords.to_dataset(), truth.coords.to_dataset())
    assert field.attrs["units"] in ("degC", "degree_C", "Celsius")
    assert bool((np.isfinite(field) == np.isfinite(truth)).all())
    assert float(field.max()) > 15  # degC, not anomalies


def test_the_analysis_file_holds_background_and_spread(finished: Path) -> None:
    analysis = xr.open_dataset(finished / "analysis.nc")
    assert {"thetao_background", "thetao_stddev"} <= set(analysis)
    ocean = np.isfinite(analysis["thetao"])
    assert float(analysis["thetao_stddev"].where(ocean).min()) > 0
    assert {"time_bnds", "lat_bnds", "lon_bnds", "depth_bnds"} <= {*analysis.variables}


@pytest.mark.parametrize(
    ("name", "role", "title"),
    [
        ("truth", "truth", "the truth, a simulated ocean"),
        ("analysis", "analysis", "analysis of a simulated ocean"),
        ("baselines/climatology", "baseline", "Climatology, a baseline of: Twin experiment"),
        ("baselines/oi", "baseline", "Optimal interpolation, a baseline of: Twin experiment"),
    ],
)
def test_every_field_is_called_what_it_is(finished: Path, name: str, role: str, title: str) -> None:
    with xr.open_dataset(finished / f"{name}.nc") as file:
        assert file["thetao"].attrs["role"] == role and title in file.attrs["title"]
        assert ("checkpoint" in file.attrs) == (role == "analysis")
        assert file.attrs["processing_level"] == "synthetic"


def test_increments_are_those_of_a_simulated_ocean_and_say_where_they_lie(finished: Path) -> None:
    with xr.open_dataset(finished / "increments.nc") as file:
        assert file.attrs["processing_level"] == "synthetic" and "history" in file.attrs
        assert "increments of single observations" in file.attrs["title"]
        assert file["observed_depth"].attrs["units"] == file["depth"].attrs["units"] == "m"
        assert {"lat_bnds", "depth_bnds", "areacello"} <= {*file.variables}


def test_scores_are_those_of_the_files(finished: Path) -> None:
    scores = json.loads((finished / "scores.json").read_text())
    truth = xr.open_dataset(finished / "truth.nc")
    volume = truth["areacello"].values * np.diff(truth["depth_bnds"].values).reshape(-1, 1, 1)
    kept = truth["thetao"][scores["spinup_windows"] :]
    for name in ("analysis", "climatology", "persistence", "oi"):
        path = f"{name}.nc" if name == "analysis" else f"baselines/{name}.nc"
        field = xr.open_dataset(finished / path)["thetao"][scores["spinup_windows"] :]
        weight = np.where(np.isfinite(kept[0]), volume, 0)
        square = np.nan_to_num((field - kept).values) ** 2
        expected = np.sqrt((weight * square).sum() / (weight.sum() * len(kept)))
        assert scores["rmse"][name]["all"] == pytest.approx(float(expected), rel=1e-4)
        assert len(scores["rmse"][name]["by_depth"]) == 4
    assert {"background", "observations", "forecast_oi"} <= set(scores["rmse"])
    best = min(scores["rmse"][name]["all"] for name in BASELINES if name in scores["rmse"])
    assert scores["gain"]["gain"] == pytest.approx(1 - scores["rmse"]["analysis"]["all"] / best)
    assert scores["gain"]["low"] < scores["gain"]["gain"] < scores["gain"]["high"]
    assert scores["wall_seconds"]["train"] > 0 and scores["peak_rss_gib"] > 0
    assert {"deepda", "torch"} <= set(scores["versions"])


def test_an_evaluation_of_the_files_leaves_out_the_spinup_of_the_scores(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "SECTIONS", [agreement_section])
    scores = json.loads((finished / "scores.json").read_text())
    assert scores["spinup_windows"] > 0
    found = evaluate(
        [finished / "analysis.nc"],
        tmp_path / "page",
        [finished / "truth.nc"],
        baselines={"oi": [finished / "baselines/oi.nc"]},
    ).parent
    rows = list(csv.DictReader((found / "figures/rmse_table.csv").open()))
    by_depth = [float(row["global"]) for row in rows]
    assert by_depth == pytest.approx(scores["rmse"]["analysis"]["by_depth"], rel=1e-3)


def test_all_observations_are_kept_with_their_errors(finished: Path) -> None:
    table = pd.read_parquet(finished / "observations.parquet")
    scores = json.loads((finished / "scores.json").read_text())
    assert len(table) == scores["rows"] > 0
    assert (table["error"] > 0).all() and table["time"].dt.year.between(2001, 2002).all()
    assert {"satellite", "xbt"} <= set(table["platform_type"])


def test_the_report_and_its_figures_are_there(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    assert "optimal interpolation" in page and page.count("data:image/png") >= 10
    assert 'src="http' not in page and 'href="http' not in page
    assert len(list((finished / "figures").glob("*.png"))) >= 10
    beside = {path.stem for path in (finished / "figures").iterdir()}
    assert {"rmse_map_level_1", "rmse_time_depth"} <= beside
    assert {"uncertainty_by_depth", "uncertainty_by_region"} <= beside
    assert "better than with the best forecast" not in page
    assert "window of 2002-" in page and "last window" not in page


def test_the_checkpoint_holds_as_many_background_errors_as_asked_for(finished: Path) -> None:
    checkpoint, asked = finished / "checkpoint", settings().training.error_samples
    grid = load_space(checkpoint).grid
    samples = load_error_samples(checkpoint, grid)
    assert samples is not None and samples.codes.shape == (grid.ocean.sum(), asked)
    assert 0.2 < float(samples.variance().mean()) ** 0.5 < 5  # over their spread
    assert (finished / "log.txt").read_text().count("with the sampled background-error covariance") == 1


def test_the_log_names_every_long_stage(finished: Path) -> None:
    log = (finished / "log.txt").read_text()
    for stage in (
        "Reading the training years",
        "Fitting the local forecast to the training years",
        "Computing the leading patterns of the training years",
        "Training",
        "Cycling through the validation years",
        "Sampling the background-error covariance",
        "Making the covariance of the sampled background errors",
        "Fitting the covariance of optimal interpolation",
        "Cycling candidates of optimal interpolation",
        "Cycling the baseline oi",
        "Scoring all methods",
        "Drawing the pictures and writing the page",
    ):
        lines = [line for line in log.splitlines() if stage in line]
        assert any("done in" in line for line in lines), stage


def test_without_background_errors_the_generator_is_calibrated_all_the_same(tmp_path: Path) -> None:
    grid = even_grid(0)
    space = space_on(grid)
    config = load_config("osse", ["generator.hidden=0", "generator.patterns=0"])
    made = build_generator(config.generator, space, ControlStatistics.none(space, 0), 0)
    measured = MeasuredErrors(np.full(grid.shape[0], 1.5))
    setup = TrainingSetup(lambda: made, training_data(grid), measured, grid)
    with Progress(log=tmp_path / "log.txt") as progress:
        assert setup.complete(made.analyser, 0, 1, progress).samples is None
    assert not (tmp_path / "log.txt").read_text()
    calibration = made.analyser.state_dict()["calibration"]
    torch.testing.assert_close(calibration, torch.full_like(calibration, 1.5**2))


def test_a_finished_run_is_used_again_and_scores_the_same(finished: Path) -> None:
    before = json.loads((finished / "scores.json").read_text())
    weights = (finished / "checkpoint" / "weights.safetensors").read_bytes()
    after = osse.twin.run.run(settings(), finished)
    assert after["rmse"] == before["rmse"]
    assert (finished / "checkpoint" / "weights.safetensors").read_bytes() == weights


def test_members_are_made_of_a_finished_run_and_verified(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    weights = (run / "checkpoint" / "weights.safetensors").read_bytes()
    before = json.loads((run / "scores.json").read_text())["rmse"]["analysis"]["all"]
    scores = osse.twin.run.run(settings("osse.members=2"), run)
    assert (run / "checkpoint" / "weights.safetensors").read_bytes() == weights
    assert scores["rmse"]["analysis"]["all"] == pytest.approx(before, rel=1e-3)
    assert scores["members"]["number"] == 2 and scores["members"]["spread_over_error"]["all"] > 0.3
    with xr.open_dataset(run / "analysis.nc") as file:
        assert file["thetao_members"].dims == ("realization", "time", "depth", "lat", "lon")
        assert json.loads(file.attrs["members"])["number"] == 2
    assert (run / "figures" / "members_by_depth.png").exists()


@pytest.mark.usefixtures("no_report")
def test_another_truth_is_scored_without_training(
    finished: Path, other_truth: Path, tmp_path: Path
) -> None:
    (tmp_path / "scored").mkdir()
    scores = osse.twin.fraternal.score(finished, [other_truth], tmp_path / "scored", settings())
    mine = json.loads((finished / "scores.json").read_text())
    assert set(scores["rmse"]) == set(mine["rmse"])
    assert scores["rmse"]["climatology"]["all"] != mine["rmse"]["climatology"]["all"]
    assert (tmp_path / "scored" / "baselines" / "oi.nc").exists()


def test_a_prepared_truth_of_other_files_is_not_scored_again(tmp_path: Path) -> None:
    """Else the scores of one truth would be reported as those of another."""
    config = settings()
    with Progress() as progress:
        one, other = (
            write_embedded(tmp_path / f"{seed}.nc", config, 1, seed, 0.0, progress) for seed in (7, 8)
        )
        (tmp_path / "scored").mkdir()
        first = osse.twin.fraternal.prepared_truth([one], config, tmp_path / "scored", progress)
        made = first.stat().st_mtime_ns
        again = osse.twin.fraternal.prepared_truth([one], config, tmp_path / "scored", progress)
        assert again == first and again.stat().st_mtime_ns == made
        with pytest.raises(ControlError, match=r"was made from 7\.nc, expected 8\.nc .*--output"):
            osse.twin.fraternal.prepared_truth([other], config, tmp_path / "scored", progress)
        with pytest.raises(ControlError, match="built-in synthetic ocean, expected 8"):
            osse.twin.fraternal.prepared_truth([other], config, run_of_its_own(tmp_path, one), progress)


def run_of_its_own(folder: Path, control: Path) -> Path:
    """A folder whose control.nc was simulated, not prepared from files."""
    (folder / "own").mkdir()
    return control.rename(folder / "own" / "control.nc").parent


def dried(truth: Path, where: tuple[Any, ...], path: Path) -> Path:
    """A prepared truth that is land at (level, row, column)."""
    with xr.open_dataset(truth, decode_times=False, mask_and_scale=False) as raw:
        changed = raw.load()
    changed["thetao"].values[:, *where] = changed["thetao"].attrs["_FillValue"]
    changed["ocean"].values[where] = 0
    changed.to_netcdf(path)
    return path


def test_a_truth_with_another_coast_is_scored_where_both_have_water(
    finished: Path, other_truth: Path, tmp_path: Path
) -> None:
    with xr.open_dataset(other_truth, decode_times=False) as raw:
        wet = tuple(np.argwhere(raw["ocean"].values > 0)[0])
    (tmp_path / "scored").mkdir()
    truth = dried(other_truth, wet, tmp_path / "dry.nc")
    scores = osse.twin.fraternal.score(finished, [truth], tmp_path / "scored", settings())
    cells = scores["ocean_cells"]
    assert cells["shared"] == cells["truth"] == cells["run"] - 1
    analysis = xr.open_dataset(tmp_path / "scored" / "analysis.nc")["thetao"]
    assert not np.isfinite(analysis.values[(slice(None), *wet)]).any()
    assert int(np.isfinite(analysis.values[0]).sum()) == cells["shared"]


def test_a_truth_that_is_shallower_than_the_run_is_scored_and_reported_down_to_its_floor(
    finished: Path, other_truth: Path, tmp_path: Path
) -> None:
    (tmp_path / "scored").mkdir()
    truth = dried(other_truth, (-1, slice(None), slice(None)), tmp_path / "shallow.nc")
    scores = osse.twin.fraternal.score(finished, [truth], tmp_path / "scored", settings())
    errors = scores["rmse"]["analysis"]
    assert errors["by_depth"][-1] is None and None not in errors["by_depth"][:-1]
    assert errors["all"] > 0
    words = " ".join((tmp_path / "scored" / "report.html").read_text().split())
    layers = len(errors["by_depth"])
    assert "on the ocean of another model" in words
    assert f"of {layers - 1} depths" in words and "nan" not in re.sub(r'src(set)?="[^"]*"', "", words)


def test_training_validation_and_test_years_do_not_overlap(finished: Path) -> None:
    control = share_out(finished / "control.nc", settings())
    parts = [control.train, control.validation, control.test]
    assert all(one.stop == other.start for one, other in itertools.pairwise(parts))
    assert control.test.stop == control.thetao.sizes["time"]


def test_more_years_than_there_are_is_refused(finished: Path) -> None:
    with pytest.raises(ConfigError, match="expected at least"):
        share_out(finished / "control.nc", settings("control.years=40", "osse.train_years=30"))


@pytest.mark.parametrize("change", ["grid.depth_edges=[0, 20, 60, 150, 250]", "seed=9"])
def test_other_settings_in_the_folder_of_a_run_are_refused(finished: Path, change: str) -> None:
    with pytest.raises(ConfigError, match="holds a run of other settings"):
        osse.twin.run.run(settings(change), finished)
