"""The weights that come with DeepDA: packed, unpacked, taken by default, shown by `deepda demo`."""

from __future__ import annotations

import json
import multiprocessing
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from conftest import undrawn
from safetensors.torch import save_file
from test_state import space_on

import osse.twin.demo
from deepda import load_run
from deepda.assimilation.samples import Samples
from deepda.assimilation.state import StateSpace
from deepda.base.errors import CheckpointError, UsageError
from deepda.base.text import say_once
from deepda.cli import main
from deepda.climatology.seasonal import Climatology
from deepda.networks.build import ControlStatistics, build_generator
from deepda.networks.transition import NEIGHBOURS, Transition
from deepda.runs import shipped
from deepda.runs.checkpoint import (
    ERRORS_FILE,
    INTERPOLATION,
    MODEL,
    WEIGHTS,
    read_tensors,
    save_checkpoint,
)
from deepda.runs.error_samples import save_error_samples
from deepda.runs.run import Run
from deepda.runs.shipped import PACKED, SHIPPED, pack_run, run_for, shipped_run, unpack_run
from deepda.settings.compose import dump, load_config
from deepda.settings.schema import Config, ConfigError
from osse.twin.control_years import embedded_grid, restore_control

COARSE = [
    "grid.lat_edges={start: -90, stop: 90, step: 12}",
    "grid.lon_edges={start: 0, stop: 360, step: 12}",
    "grid.depth_edges=[0, 20, 60, 150, 300]",
    "control.years=5",
    "osse.validation_years=1",
    "osse.test_years=1",
    "osse.spinup=12",
    "generator.hidden=4",
    "generator.levels=1",
    "generator.patterns=3",
]


def settings() -> Config:
    return load_config("osse", COARSE)


def coarse_space(config: Config) -> StateSpace:
    """A cold deep and a warm shallow ocean with a seasonal cycle, on the coarse globe."""
    space = space_on(embedded_grid(config))
    year = 2 * np.pi * np.arange(config.per_year) / config.per_year
    mean = 15 + 3 * np.cos(year)[:, None, None, None] + 0 * space.scale
    mean = np.where(space.grid.ocean, mean, np.nan).astype(np.float32)
    return StateSpace(space.grid, Climatology(mean, space.climatology.stddev), space.scale)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the coarse built-in ocean."""
    return toy_run(tmp_path_factory.mktemp("trained"), patterns=3)


def toy_run(folder: Path, patterns: int) -> Path:
    """A run with random weights, samples and a tuned baseline."""
    config = settings()
    space, checkpoint = coarse_space(config), folder / "checkpoint"
    grid, rng = space.grid, np.random.default_rng(3)
    ocean = torch.from_numpy(grid.ocean).float()
    weight = 0.02 * torch.rand(len(NEIGHBOURS), *grid.shape) * ocean
    weight[0] += 0.7 * ocean
    statistics = ControlStatistics(
        Transition(weight, 0.02 * ocean), 0.3 * torch.randn(patterns, *grid.shape) * ocean
    )
    analyser = build_generator(config.generator, space, statistics, 0).analyser
    errors = rng.normal(0, 1, (9, *grid.shape)).astype(np.float32)
    save_error_samples(Samples.of(errors, grid), grid, checkpoint)
    tuned = {"error_stddev": ocean * torch.rand(grid.shape), "inflation": torch.full((1, 4), 0.1)}
    reach = {"radius_km": "3000.0", "depth_scale_m": "800.0"}
    save_file(tuned, checkpoint / INTERPOLATION, metadata=reach)
    about = {"generator": vars(config.generator), "history": [], "seed": 1}
    save_checkpoint(checkpoint, analyser, space, about)
    (folder / "config.yaml").write_text(dump(config))
    return folder


@pytest.fixture(scope="module")
def packed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, packed."""
    folder = tmp_path_factory.mktemp("packed")
    pack_run(trained, folder, {})
    return folder


@pytest.fixture
def as_shipped(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the packed run in place of the one that DeepDA ships, an empty cache, a work folder."""
    source = tmp_path / "source"
    shutil.copytree(packed, source)
    monkeypatch.setattr(shipped, "SOURCE", source)
    monkeypatch.setenv("DEEPDA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    say_once.cache_clear()
    yield source


def some_rows(run: Run) -> pd.DataFrame:
    cells = np.argwhere(run.space.grid.ocean)[::40]
    grid, season = run.space.grid, int(run.window("2003-06-15").season[0])
    return pd.DataFrame(
        {
            "time": pd.to_datetime("2003-06-15"),
            "lat": grid.lat[cells[:, 1]],
            "lon": grid.lon[cells[:, 2]],
            "depth": grid.depth[cells[:, 0]],
            "temperature": run.space.climatology.mean[(season, *cells.T)] + 1,
            "error": 0.2,
        }
    )


def analysed(run: Run) -> np.ndarray:
    found = run.analyse(some_rows(run), "2003-06-15", quality_control=False)
    return np.asarray(found.dataset["thetao"].values)


@pytest.mark.slow
def test_an_unpacked_run_analyses_as_the_run_that_was_packed(
    trained: Path, packed: Path, tmp_path: Path
) -> None:
    unpack_run(packed, tmp_path / "run")
    before, after = load_run(trained), load_run(tmp_path / "run")
    assert after.space.grid.checksum == before.space.grid.checksum
    np.testing.assert_array_equal(after.space.scale, before.space.scale)
    np.testing.assert_allclose(after.space.climatology.mean, before.space.climatology.mean, atol=1e-3)
    first, second = analysed(before), analysed(after)
    change = first - before.space.climatology.mean[33]
    assert np.nanmax(np.abs(change)) > 0.3 and np.nanmax(np.abs(second - first)) < 0.01


def test_parameters_and_samples_are_exact(trained: Path, packed: Path, tmp_path: Path) -> None:
    unpack_run(packed, tmp_path / "run")
    for file in (WEIGHTS, ERRORS_FILE):
        before, after = (
            read_tensors(run / "checkpoint" / file)[0] for run in (trained, tmp_path / "run")
        )
        rounded = {"weight", "noise", "patterns", "statics"} if file == WEIGHTS else set()
        assert set(before) == set(after)
        assert {k for k in before if not torch.equal(before[k], after[k])} <= rounded
        for name in rounded:
            assert (before[name] - after[name]).abs().max() < 0.01 * before[name].abs().max()


@pytest.mark.slow
def test_a_run_without_patterns_is_packed_too(tmp_path: Path) -> None:
    run = toy_run(tmp_path / "run", patterns=0)
    pack_run(run, tmp_path / "packed", {})
    unpack_run(tmp_path / "packed", tmp_path / "again")
    assert np.nanmax(np.abs(analysed(load_run(run)) - analysed(load_run(tmp_path / "again")))) < 0.01


def test_unpacking_twice_gives_the_same_weights(packed: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        unpack_run(packed, tmp_path / name)
    first, second = ((tmp_path / name / "checkpoint" / MODEL).read_text() for name in ("one", "two"))
    assert first == second  # with the checksums of all files


@pytest.mark.parametrize(
    ("missing", "said"), [(ERRORS_FILE, "holds no samples"), (INTERPOLATION, "no .*optimal_interpol")]
)
def test_a_run_that_lacks_a_part_is_not_packed(
    trained: Path, tmp_path: Path, missing: str, said: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "checkpoint" / missing).unlink()
    model = json.loads((run / "checkpoint" / MODEL).read_text())
    (run / "checkpoint" / MODEL).write_text(json.dumps(model | {"samples": None}))
    with pytest.raises(CheckpointError, match=said):
        pack_run(run, tmp_path / "packed", {})


def test_a_seasonal_cycle_with_more_than_its_harmonics_is_not_packed(
    trained: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    path = run / "checkpoint" / "space.safetensors"
    tensors, _ = read_tensors(path)
    tensors["mean"][5] += 0.1
    save_file(tensors, path)
    model = json.loads((run / "checkpoint" / MODEL).read_text())
    (run / "checkpoint" / MODEL).write_text(json.dumps(model | {"space": None}))
    with pytest.raises(CheckpointError, match=r"harmonics .* do not give back"):
        pack_run(run, tmp_path / "packed", {})


def spoil(source: Path, how: str) -> None:
    model = json.loads((source / MODEL).read_text())
    if how == "changed":
        data = bytearray((source / PACKED).read_bytes())
        data[-1] ^= 1
        (source / PACKED).write_bytes(data)
    elif how == "version":
        (source / MODEL).write_text(json.dumps(model | {"compatible": ["7.3"]}))
    elif how == "no weights":
        (source / PACKED).unlink()
    else:
        (source / MODEL).write_text(how)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("changed", "its checksum differs"),
        ("version", "are for deepda 7.3, this one is"),
        ("no weights", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
    ],
)
def test_shipped_files_that_cannot_be_trusted_are_refused(
    as_shipped: Path, how: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(as_shipped, how)
    with pytest.raises(CheckpointError, match=said):
        load_run()
    assert main(["demo", "--output", "new"]) == 2
    assert said in capsys.readouterr().err and not Path("new").exists()


@pytest.mark.slow
def test_a_damaged_cache_is_unpacked_again_and_a_whole_one_is_used(as_shipped: Path) -> None:
    folder = shipped_run()
    stamp = (folder / "config.yaml").stat().st_mtime_ns
    assert shipped_run() == folder and (folder / "config.yaml").stat().st_mtime_ns == stamp
    for name in ("checkpoint/weights.safetensors", "checkpoint/model.json", "config.yaml"):
        (folder / name).write_bytes(b"half")
        assert shipped_run() == folder
        load_run()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def _opened(_: int) -> tuple[Path, str]:
    torch.set_num_threads(1)
    folder = shipped_run()
    return folder, (folder / "checkpoint" / MODEL).read_text()


@pytest.mark.slow
def test_several_processes_may_unpack_at_once(as_shipped: Path) -> None:
    with ProcessPoolExecutor(3, multiprocessing.get_context("fork")) as pool:
        made = list(pool.map(_opened, range(6)))
    [(folder, _)] = set(made)
    load_run(folder)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_an_unpacked_run_that_cannot_be_written_is_used(
    as_shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> Path:
        raise UsageError(f"cannot write to {folder}")

    folder = shipped_run()
    monkeypatch.setattr(shipped, "require_writable", refuse)
    assert shipped_run() == folder


def test_a_home_that_cannot_be_written_falls_back_to_a_temporary_folder(
    as_shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("no folder")
    (tmp_path / "tmp").mkdir()
    monkeypatch.delenv("DEEPDA_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(shipped, "gettempdir", lambda: str(tmp_path / "tmp"))
    for _ in range(2):
        assert shipped_run().is_relative_to(tmp_path / "tmp")
    said = capsys.readouterr().err
    assert said.count("cannot be written") == 1 and "DEEPDA_CACHE=DIR" in said


def test_a_cache_that_was_named_and_cannot_be_written_is_refused(
    as_shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("DEEPDA_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match=r"DEEPDA_CACHE is .*, which cannot be written"):
        shipped_run()


def test_without_a_run_of_ones_own_the_shipped_one_is_taken(as_shipped: Path) -> None:
    wanted = load_config("reanalysis", COARSE[:3])
    assert run_for(wanted, named=False) == SHIPPED


@pytest.mark.parametrize("named", [True, False])
def test_a_run_that_was_named_or_is_there_wins(as_shipped: Path, named: bool) -> None:
    own = "mine" if named else "runs/osse"
    if not named:
        Path(own).mkdir(parents=True)
        Path(own, "config.yaml").write_text("unfinished")
    words = [f"reanalysis.run={own}"] if named else []
    assert run_for(load_config("reanalysis", [*COARSE[:3], *words]), named) == own


@pytest.mark.slow
@pytest.mark.parametrize("word", ["grid=paper_1deg", "per_year=12"])
def test_settings_that_the_shipped_weights_do_not_fit_are_refused(as_shipped: Path, word: str) -> None:
    with pytest.raises(ConfigError, match=r"no trained run in runs/osse, and grid .* expected"):
        run_for(load_config("reanalysis", [*COARSE[:3], word]), named=False)


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--run", "shipped"]])
def test_a_reanalysis_says_that_it_uses_the_shipped_weights(
    as_shipped: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    if words:  # even where there is a run of one's own
        Path("runs/osse").mkdir(parents=True)
        Path("runs/osse/config.yaml").write_text(dump(load_config("osse")))
    used = []

    def stop(config: Config, *_: object) -> None:
        used.append(config.reanalysis.run)
        raise InterruptedError

    monkeypatch.setattr("osse.twin.historical_twin.twin_of_history", stop)
    with pytest.raises(InterruptedError):
        main(["reanalysis", "--start", "1981", "--end", "1981", *COARSE[:3], *words])
    assert used == [SHIPPED] and "weights: shipped with deepda" in capsys.readouterr().err


@pytest.mark.slow
def test_members_of_the_shipped_run_take_a_control_simulation_that_is_made_again(
    as_shipped: Path,
) -> None:
    folder = shipped_run()
    restore_control(folder)
    stamp = (folder / "control.nc").stat().st_mtime_ns
    restore_control(folder)
    assert (folder / "control.nc").stat().st_mtime_ns == stamp
    with xr.open_dataset(folder / "control.nc", decode_times=False) as file:
        assert (file.sizes["time"], file.attrs["seed"]) == (5 * 73, 1)
    assert not list(folder.glob(".control-*"))


def test_the_shipped_weights_fit_into_eight_megabytes_and_say_what_they_are() -> None:
    files = list(shipped.SOURCE.iterdir())
    assert {file.name for file in files} == {PACKED, MODEL, "config.yaml"}
    assert sum(file.stat().st_size for file in files) <= 8e6
    about = shipped.shipped_about()
    scores = about["scores"]
    assert about["command"].startswith("deepda osse run") and about["seed"] == 1
    assert scores["gain"]["low"] < scores["gain"]["gain"] < scores["gain"]["high"]
    error = scores["rmse"]["analysis"]["all"]
    assert error == pytest.approx(scores["rmse_before_packing"], rel=0.002)


@pytest.mark.slow
def test_the_shipped_weights_open_and_analyse(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPDA_CACHE", str(unpacked))
    run = load_run()
    assert run.space.grid.shape == (12, 45, 90)
    table = run.analyse(some_rows(run), "2003-06-15", quality_control=False).table
    assert 0.8 < (table["analysis"] - table["background"]).median() < 1.1  # of 1 K that was observed


@pytest.mark.slow
@undrawn()
def test_the_demonstration_is_one_page_about_a_synthetic_ocean(
    as_shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"MEMBERS": 2, "WINDOWS": 8, "SPINUP": 2}.items():
        monkeypatch.setattr(osse.twin.demo, name, value)
    assert main(["demo", "--output", "demo"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "demo/report.html" and "weights: shipped" in said.err
    assert "--run" not in said.err and "observations  " in said.err and "where there are any" in said.err
    page = Path("demo/report.html").read_text()
    assert "Not the real ocean" in page
    assert re.search(r"; year \d+ of the model", page)
    plain = re.sub(r"<[^>]+>", "", page)
    assert "demonstration: shipped weights, nothing is trained" in plain and "full training" not in plain
    maps = re.findall(r"Root mean square error at [^.]+\.", plain)
    assert len(maps) == 2 and not any("same colours" in caption for caption in maps)
    figures = {path.stem for path in Path("demo/figures").iterdir()}
    asked = {"section_equator", "rmse_by_depth", "spread_skill", "members_level_1", "members_by_depth"}
    assert asked <= figures and any(name.startswith("maps_") for name in figures)
    analysis = xr.open_dataset("demo/analysis.nc")
    assert analysis.sizes["time"] == 8 and analysis.sizes["realization"] == 2
    stamp = Path("demo/report.html").stat().st_mtime_ns
    assert main(["demo", "--output", "demo"]) == 0
    assert Path("demo/report.html").stat().st_mtime_ns == stamp


def test_the_demonstration_refuses_a_folder_of_something_else(
    as_shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mine").mkdir()
    Path("mine/config.yaml").write_text(dump(load_config("osse", ["seed=7"])))
    assert main(["demo", "--output", "mine"]) == 2
    assert "holds a run of other settings" in capsys.readouterr().err


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shipped weights are unpacked once for all examples."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.slow
def test_the_example_of_the_readme_runs_as_it_stands_in_a_clone(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[1]
    (tmp_path / "docs").symlink_to(root / "docs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPDA_CACHE", str(unpacked))
    (example,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["analysis"].rows == {"used": 36, "outside_window": 9}
    assert Path("increment.png").stat().st_size > 10_000
    assert names["next_analysis"].rows["used"] == 9
    assert names["next_analysis"].dataset.sizes == names["analysis"].dataset.sizes


@pytest.mark.slow
def test_the_notebook_of_own_data_runs_from_its_table_to_a_file(
    unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(__file__).parents[1] / "docs" / "notebooks"
    shutil.copy(folder / "my_floats.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPDA_CACHE", str(unpacked))
    cells = json.loads((folder / "own_data.ipynb").read_text())["cells"]
    names: dict[str, Any] = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []  # they are made where it is run
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    assert names["analysis"].rows == {"used": 36, "outside_window": 9}
    assert 0.5 < np.nanmax(names["increment"]) < 2.5
    with xr.open_dataset("2003-01-03.nc") as file:
        assert "thetao_stddev" in file
