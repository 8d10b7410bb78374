"""Observing-system experiments: what is left out is left out, and nothing else changes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from safetensors.torch import save_file
from toys import even_grid, persistence

import osse.experiments.data_denial
from deepda.assimilation.cycle import Analyser, cycle, inferred
from deepda.assimilation.state import StateSpace, scale_of
from deepda.base.errors import CheckpointError
from deepda.base.progress import Progress
from deepda.cli import main
from deepda.climatology.seasonal import Climatology
from deepda.control.prepared import PreparedWriter
from deepda.geometry.grid import Grid
from deepda.networks.build import ControlStatistics, build_generator
from deepda.observations.table import write_table
from deepda.output.netcdf import AnalysisWriter
from deepda.runs.checkpoint import save_checkpoint
from deepda.runs.finished import ROWS
from deepda.runs.open import load_analyser
from deepda.settings.compose import dump, load_config
from deepda.verification import rmse
from osse.experiments.data_denial import control_against_run
from osse.experiments.data_denial_report import lines
from osse.experiments.denied_platforms import CONTROL, HALF_ARGO, Denial, DenialError, read_denials
from osse.experiments.finished_run import CycledRun, kept_observations, opened, tables
from osse.experiments.regions import sea_weights
from osse.twin.optimal_interpolation import FILE
from osse.twin.twin import analyse

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures")]
YEARS, PER_YEAR = 6, 12


def slow_anomalies(grid: Grid, windows: int, rng: np.random.Generator) -> np.ndarray:
    """(time, depth, lat, lon) K: each level is the one above, damped, and noise correlated in time."""
    noise = rng.normal(0, 1, (windows, *grid.shape))
    for step in range(1, windows):
        noise[step] = 0.8 * noise[step - 1] + 0.6 * noise[step]
    for level in range(1, grid.shape[0]):
        noise[:, level] = 0.7 * noise[:, level - 1] + 0.5 * noise[:, level]
    return noise


def write_run(folder: Path, *more: str) -> Path:
    """A finished run but for its training: untrained weights, the toy ocean, two test years.

    Args:
        folder: of the run.
        more: settings.
    """
    grid, rng = even_grid(4, west=0.0), np.random.default_rng(7)
    words = ["per_year=12", "generator.hidden=4", "generator.levels=1", "generator.patterns=0",
             "control.years=6", "osse.train_years=3", "osse.validation_years=1", "osse.test_years=2",
             "osse.spinup=6", "osse.label_year=2005", *more]  # fmt: skip
    config = load_config("osse", words)
    windows = YEARS * PER_YEAR
    cycle = 15 + 3 * np.sin(2 * np.pi * np.arange(windows) / PER_YEAR)[:, None, None, None]
    thetao = (cycle + slow_anomalies(grid, windows, rng)).astype(np.float32)
    thetao[:, ~grid.ocean] = np.nan
    folder.mkdir(parents=True, exist_ok=True)
    with PreparedWriter(folder / "control.nc", grid, (1, YEARS), PER_YEAR, {}) as out:
        out.write(0, thetao)
    train = slice(0, 3 * PER_YEAR)
    climatology = Climatology.fit(thetao[train], np.arange(windows)[train] % PER_YEAR, PER_YEAR)
    space = StateSpace(grid, climatology, scale_of(climatology, grid))
    statistics = ControlStatistics(persistence(grid, 0.8, 0.4), torch.zeros(0, *grid.shape))
    made = build_generator(config.generator, space, statistics, 0).analyser
    with torch.no_grad():  # an untrained correction is zero, and no dropout would change anything
        for parameter in (p for name, p in made.named_parameters() if name.startswith("correction")):
            parameter.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    save_checkpoint(folder / "checkpoint", made, space, {})
    tuned = {
        "inflation": torch.full((1, grid.shape[0]), 0.3),
        "error_stddev": torch.full(grid.shape, 0.5),
    }
    reach = {"radius_km": "3000", "depth_scale_m": "200"}
    save_file(tuned, folder / "checkpoint" / FILE, metadata=reach)
    (folder / "config.yaml").write_text(dump(config))
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def trained(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CycledRun]:
    with Progress() as progress, opened(finished, tmp_path_factory.mktemp("scratch"), progress) as found:
        yield found


@pytest.fixture(scope="module")
def observed(trained: CycledRun) -> list[pd.DataFrame]:
    with Progress() as progress:
        return tables(trained.twin, progress)


@pytest.fixture(scope="module")
def denied(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command has written."""
    output = tmp_path_factory.mktemp("denied")
    osse.experiments.data_denial.run(finished, output, "argo, satellite+mooring, everything")
    return output


def celsius_of(trained: CycledRun, analyser: Analyser, denial: Denial, observed: list) -> np.ndarray:
    """(time, depth, lat, lon) analyses with a denial."""
    windows, _ = kept_observations(trained.twin, observed, denial.keep)
    space, season = trained.twin.space, trained.twin.windows.season
    return np.stack(
        [
            space.celsius(step.analysis.mean[0], int(season[number]))
            for number, step in enumerate(inferred(cycle(analyser, analyser.first_guess(1), windows)))
        ]
    )


def test_denying_nothing_gives_the_analysis_of_the_run(
    finished: Path, trained: CycledRun, observed: list, tmp_path: Path
) -> None:
    analyser: Analyser = load_analyser(
        finished / "checkpoint", trained.config.generator, torch.device("cpu")
    )[0]  # type: ignore[assignment]
    path = tmp_path / "analysis.nc"
    with Progress() as progress:  # what `deepda osse run` does
        analyse(trained.twin, analyser, path, {}, progress, "Cycling", full=False)
    fields = celsius_of(trained, trained.analyser, Denial(), observed)
    again = tmp_path / "again.nc"
    with AnalysisWriter(
        again, trained.twin.space.grid, trained.twin.windows, variables=("thetao",)
    ) as out:
        for step, field in enumerate(fields):
            out.write(step, field)
    assert again.read_bytes() == path.read_bytes()


def test_denying_everything_gives_the_free_forecast(trained: CycledRun, observed: list) -> None:
    windows, rows = kept_observations(trained.twin, observed, Denial(("everything",)).keep)
    assert rows == 0
    for analyser in (trained.analyser, trained.oi):
        estimate = analyser.first_guess(1)
        for step in inferred(cycle(analyser, analyser.first_guess(1), windows)):
            estimate = analyser.forecast(estimate, step.observations.season)
            assert torch.equal(step.background.mean, estimate.mean)
            torch.testing.assert_close(step.analysis.mean, estimate.mean)
            torch.testing.assert_close(step.analysis.spread, estimate.spread)


@pytest.mark.parametrize("word", ["argo", "satellite", "mooring", "ships", "profiles", HALF_ARGO])
def test_a_row_is_kept_or_denied(observed: list[pd.DataFrame], word: str) -> None:
    table = pd.concat(observed)
    kept = table[Denial((word,)).keep(table)]
    out = table[~Denial((word,)).keep(table)]
    assert len(kept) + len(out) == len(table) and 0 < len(out) < len(table)
    groups = {"ships": {"xbt", "ctd", "ship"}, HALF_ARGO: {"argo"}}
    kinds = set(out["platform_type"])
    if word == "profiles":
        assert set(kept["platform_type"]) == {"satellite"}
    else:
        assert kinds <= groups.get(word, {word})
        assert word == HALF_ARGO or not kinds & set(kept["platform_type"])


def test_half_of_the_floats_go_as_a_whole(observed: list[pd.DataFrame]) -> None:
    table = pd.concat(observed)
    keep = Denial((HALF_ARGO,), seed=1).keep(table)
    argo = table[table["platform_type"] == "argo"]
    kept = argo[keep[table["platform_type"] == "argo"]]
    names, left = set(argo["platform_id"]), set(kept["platform_id"])
    assert len(kept) == argo["platform_id"].isin(left).sum()
    assert 0.4 < len(left) / len(names) < 0.6
    assert set(kept["platform_id"]) != set(
        table[Denial((HALF_ARGO,), seed=2).keep(table)]["platform_id"]
    )


def test_what_is_kept_keeps_its_values(trained: CycledRun, observed: list[pd.DataFrame]) -> None:
    together, _ = kept_observations(trained.twin, observed, Denial().keep)
    alone, _ = kept_observations(trained.twin, observed, Denial(("satellite",)).keep)
    deep = [(a.value[0, 1:], b.value[0, 1:]) for a, b in zip(together, alone, strict=True)]
    assert all(torch.equal(one, other) for one, other in deep)  # satellites see the surface only
    assert any(not torch.equal(a.precision, b.precision) for a, b in zip(together, alone, strict=True))


def test_scores_are_those_of_the_fields(trained: CycledRun, observed: list, denied: Path) -> None:
    scores, space = json.loads((denied / "denial.json").read_text()), trained.twin.space
    start, truth = trained.spinup, trained.twin.truth
    for name, denial in ((CONTROL, Denial()), ("argo", Denial(("argo",)))):
        for method, analyser in (("analysis", trained.analyser), ("oi", trained.oi)):
            field = truth.copy(data=celsius_of(trained, analyser, denial, observed))
            for region, weights in zip(scores["regions"], sea_weights(space.grid), strict=True):
                found = scores["rmse"][method][name]["by_region"][region]
                if float(weights.sum()) == 0:
                    assert found["all"] is None
                    continue
                part = weights.drop_vars("region")
                expected = float(rmse(field[start:], truth[start:], part))
                assert found["all"] == pytest.approx(expected, rel=1e-3)
    error = scores["rmse"]["analysis"]
    loss = scores["loss_of_skill"]["analysis"]["argo"]
    assert loss["all"] == pytest.approx(error["argo"]["all"] / error[CONTROL]["all"] - 1, abs=1e-3)
    assert loss["standard_error"] > 0
    assert scores["loss_of_skill"]["analysis"][CONTROL]["all"] == 0


def test_a_run_scored_by_another_version_is_reported(tmp_path: Path) -> None:
    assert "no scores" in control_against_run(tmp_path, 0.05)
    (tmp_path / "scores.json").write_text(json.dumps({"rmse": {"analysis": {"all": 0.05}}}))
    assert control_against_run(tmp_path, 0.05001) == "control 0.05001 K, as the run was scored"
    other = control_against_run(tmp_path, 0.048)
    assert other.endswith("scored 0.05000 K: by another version of DeepDA")


def test_rows_are_counted(denied: Path, observed: list[pd.DataFrame]) -> None:
    rows = json.loads((denied / "denial.json").read_text())["rows"]
    assert list(rows) == [CONTROL, "argo", "satellite+mooring", "everything"]
    assert {count["kept"] + count["denied"] for count in rows.values()} == {sum(map(len, observed))}
    assert rows[CONTROL]["denied"] == rows["everything"]["kept"] == 0


def test_every_file_is_there_and_says_the_same(denied: Path) -> None:
    scores = json.loads((denied / "denial.json").read_text())
    table = pd.read_csv(denied / "denial.csv", dtype={"depth_m": str})
    assert len(table) == 2 * 4 * len(scores["regions"]) * (len(scores["depth_m"]) + 1)
    row = table.query("method == 'oi' and without == 'argo' and region == 'global' and depth_m == 'all'")
    assert row["rmse_K"].item() == scores["rmse"]["oi"]["argo"]["all"]
    maps = xr.open_dataset(denied / "denial.nc")
    assert maps["rmse"].dims == ("analyser", "without", "depth", "lat", "lon")
    assert maps.attrs["processing_level"] == "synthetic" and "Data denial" in maps.attrs["title"]
    assert maps.attrs["time_coverage_start"][:10] == scores["scored_from"]
    assert maps.attrs["time_coverage_end"][:10] == scores["scored_to"]
    assert maps.attrs["run"] == scores["run"] and {"Conventions", "history"} <= set(maps.attrs)
    assert maps["depth"].attrs["positive"] == "down" and {"lat_bnds", "areacello"} <= {*maps.variables}
    assert all("long_name" in maps[name].attrs for name in ("rmse", "spread", "analyser", "without"))
    page = (denied / "report.html").read_text()
    assert page.count("data:image/png") >= 10 and 'src="http' not in page
    assert "kind of run" in page and f"{scores['scored_windows']} windows" in page
    assert not list(denied.glob(".anomalies-*"))
    assert "distance between control and everything" in page
    loss = {name: one["all"] for name, one in scores["loss_of_skill"]["analysis"].items()}
    worst = max({*loss} - {"control", "everything", "profiles"}, key=lambda name: loss[name])
    plain = re.sub(r"<[^>]+>", "", page)
    assert f"Without {worst} the error of the analysis grows by {100 * loss[worst]:.0f} %" in plain


def test_the_table_fits_eighty_columns(denied: Path) -> None:
    shown = lines(json.loads((denied / "denial.json").read_text()))
    assert max(map(len, shown)) <= 80 and any(line.startswith("argo") for line in shown)


def test_a_run_is_not_written_into(finished: Path, denied: Path) -> None:
    assert {path.name for path in finished.iterdir()} == {"config.yaml", "control.nc", "checkpoint"}


def test_unknown_platforms_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(DenialError, match=r"'sattelite' found.*did you mean satellite"):
        osse.experiments.data_denial.run(tmp_path / "no run", tmp_path, "argo,sattelite")


def test_platforms_that_the_run_has_not_are_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(DenialError, match=r"--without drifter given, but this run has .*argo"):
        osse.experiments.data_denial.run(finished, tmp_path, "drifter")


def test_they_are_refused_before_the_truth_is_observed(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the observations that the run kept."""
    run = shutil.copytree(finished, tmp_path / "run")
    row = {"lat": 0.0, "lon": 0.0, "depth": 0.0, "temperature": 9.0, "error": 1.0, "platform_id": "a"}
    kept = [row | {"time": pd.Timestamp(2005, 1, 1), "platform_type": kind} for kind in ("argo", "xbt")]
    write_table(pd.DataFrame(kept), run / ROWS)
    monkeypatch.setattr(osse.experiments.data_denial, "opened", None)
    with pytest.raises(DenialError, match=r"--without ship given, but this run has .*argo, xbt only"):
        osse.experiments.data_denial.run(run, tmp_path / "out", "ship")


def test_defaults_are_each_once_and_joined_words_stay_together() -> None:
    assert [denial.name for denial in read_denials(None, 1)][:3] == ["argo", HALF_ARGO, "mooring"]
    assert [denial.words for denial in read_denials("argo+ xbt,argo + xbt", 1)] == [("argo", "xbt")]


def test_a_folder_without_a_checkpoint_is_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.yaml").write_text((finished / "config.yaml").read_text())
    for command in ("deny", "blind-zone"):
        words = ["osse", command, "--run", str(tmp_path / "half"), "--output", str(tmp_path / "out")]
        assert main(words) == 2
        err = capsys.readouterr().err.splitlines()[-1]
        assert err.startswith("deepda: no ") and "checkpoint" in err


def test_a_run_without_its_baseline_is_refused(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "checkpoint" / FILE).unlink()
    with (
        Progress() as progress,
        pytest.raises(CheckpointError, match="finish it"),
        opened(tmp_path / "run", tmp_path, progress),
    ):
        pass


def test_seas_do_not_overlap(grid: Grid) -> None:
    weights = sea_weights(grid)
    parts = (weights.isel(region=slice(1, None)) > 0).sum("region")
    assert int(parts.max()) == 1
    assert bool((weights.sel(region="global") == grid.volume).all())
    tropics = weights.sel(region="tropical Pacific")
    assert float(tropics.where(abs(tropics["lat"]) > 20, 0).sum()) == 0
