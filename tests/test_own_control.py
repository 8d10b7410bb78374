"""A model's own output in one step: windows and grid follow from the files, whoever wrote them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from test_control import curvilinear_file, days, regular_file
from test_regrid import turned_grid

from deepda.cli import main
from deepda.commands.own_control import control_settings
from deepda.control.axes import ControlError
from deepda.control.prepare import open_prepared, prepare_control
from deepda.settings.compose import load_config

LAYERS = np.array([0.0, 40, 120, 300, 700, 1100, 2000])  # m
LENGTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])  # days, noleap
COARSE = [
    "grid.lat_edges={start: -90, stop: 90, step: 18}",
    "grid.lon_edges={start: 0, stop: 360, step: 30}",
    "grid.depth_edges=[0,60,300,700]",
    "observations=random",
    "training.updates=2",
    "training.validate_every=2",
    "generator.hidden=0",
    "generator.patterns=8",
    "training.error_samples=4",
    "osse.validation_years=1",
    "osse.test_years=2",
]


def months(first_year: int, years: int) -> dict[str, xr.Variable]:
    """Time and bounds of whole years of noleap months."""
    edges = 365.0 * (first_year - 1) + np.append(0.0, np.cumsum(np.tile(LENGTHS, years)))
    units = {"units": "days since 0001-01-01", "calendar": "noleap", "bounds": "time_bnds"}
    return {
        "time": xr.Variable("time", (edges[1:] + edges[:-1]) / 2, units),
        "time_bnds": xr.Variable(("time", "bnds"), np.stack([edges[:-1], edges[1:]], axis=1)),
    }


def tripolar_months(folder: Path, years: int) -> list[Path]:
    """Monthly means of a curvilinear model with a season and slow anomalies, a file each ten years."""
    rng, cells = np.random.default_rng(8), turned_grid(np.random.default_rng(3), 36, 60)
    lat, month = np.deg2rad(cells.lat), np.arange(12 * years)
    season = -4 * np.cos(2 * np.pi * month / 12)[:, None, None] * np.sin(lat)
    slow = 0.2 * np.cumsum(rng.normal(size=(month.size, 1, 1)), axis=0) * np.cos(lat)
    noise = 0.3 * rng.normal(size=(month.size, *cells.shape))
    decay = np.exp(-LAYERS[:-1] / 300)[:, None, None]
    values = 6 + 10 * np.cos(lat) ** 2 * decay + (season + slow + noise)[:, None] * decay
    values = np.where(cells.lat > -65, values, np.nan).astype("f4")
    return [
        curvilinear_file(
            folder / f"thetao_Omon_own_{first + 1:04d}.nc",
            cells,
            values[12 * first : 12 * (first + 10)],
            LAYERS,
            months(first + 1, 10),
        )
        for first in range(0, years, 10)
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("blank_pictures")
def test_twenty_years_of_tripolar_months_are_learnt_from_in_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tripolar_months(tmp_path, 20)
    words = ["osse", "run", "--control", "thetao_Omon_*.nc", "--output", "mine", "training=smoke"]
    assert main([*words, *COARSE]) == 0
    log = Path("mine/log.txt").read_text()
    assert "20 whole years 1-20" in log and "noleap" in log and "curvilinear" in log
    assert "12 windows a year (months), grid embedded_4deg" in log
    assert json.loads(Path("mine/scores.json").read_text())["rmse"]["analysis"]["all"] < 3
    grid, thetao = open_prepared("mine/control.nc")
    assert grid.shape == (3, 10, 12) and thetao.sizes["time"] == 240
    assert main([*words, *COARSE]) == 0
    assert "nothing to do" in Path("mine/log.txt").read_text()


def test_the_check_of_settings_takes_the_files_that_the_run_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tripolar_months(tmp_path, 20)
    check = ["config", "check", "--control", "thetao_Omon_*.nc"]
    assert main([*check, "osse.test_years=2"]) == 0
    said = capsys.readouterr().out
    assert "20 whole years 1-20" in said and "12 windows a year (months)" in said
    assert "these settings can be used" in said
    for command in (check, ["osse", "run", "--control", "thetao_Omon_*.nc", "--output", "mine"]):
        assert main([*command, "--grid", "native"]) == 2
        assert "curvilinear" in capsys.readouterr().err
    assert not Path("mine").exists()


def two_temperatures(path: Path) -> Path:
    """Twenty years of months that hold thetao and, a degree warmer, toce."""
    raw = regular_file(path.with_name("one.nc"), np.sin(np.arange(240.0)), months(1, 20))
    with xr.open_dataset(raw, decode_times=False) as file:
        whole = file.load()
    whole.assign(toce=(whole.thetao + 1).assign_attrs(whole.thetao.attrs)).to_netcdf(path)
    return path


@pytest.mark.parametrize("words", [["config", "check"], ["osse", "run", "--output", "mine"]])
def test_the_advice_about_two_temperatures_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    two_temperatures(tmp_path / "two.nc")
    assert main([*words, "--control", "two.nc"]) == 2
    said = capsys.readouterr().err
    assert "thetao and toce" in said and "--variable NAME of `deepda control prepare`" in said
    prepare = ["control", "prepare", "two.nc", "--variable", "toce", "--grid", "embedded_8deg"]
    assert main([*prepare, "--output", "prepared.nc", "per_year=12"]) == 0
    assert main(["config", "check", "--control", "prepared.nc", "osse.test_years=2"]) == 0
    assert "these settings can be used" in capsys.readouterr().out


def chosen(paths: list[Path], grid: str | None = None) -> tuple[object, list[str]]:
    """The settings that follow from files, composed, and what is said of them."""
    overrides, notes = control_settings([str(path) for path in paths], grid)
    return load_config("osse", overrides), notes


@pytest.mark.slow
def test_regular_files_keep_their_cells_and_pentads(tmp_path: Path) -> None:
    path = regular_file(tmp_path / "a, b.nc", np.zeros(73), days(73, 5, "noleap"), flip=True)
    config, notes = chosen([path])
    assert (config.per_year, config.grid.name, config.control.paths) == (73, "native", [str(path)])
    assert config.grid.lat_edges[:2] == [-90, -85] and len(config.grid.lon_edges) == 37
    assert config.grid.depth_edges == [0, 10, 20, 35, 60, 100]
    assert "grid native (the 6480 cells of the files" in notes[1]
    made = prepare_control(
        [path], {k: v for k, v in vars(config.grid).items() if k != "name"}, tmp_path / "c.nc"
    )
    assert open_prepared(made)[0].shape == (5, 36, 36)


def test_a_prepared_file_passes_as_it_is(tmp_path: Path) -> None:
    raw = regular_file(tmp_path / "raw.nc", np.zeros(12), months(1, 1))
    edges = {"lat_edges": np.arange(-90, 91, 15.0), "lon_edges": np.arange(0, 361, 20.0)}
    made = prepare_control(
        [raw], edges | {"depth_edges": np.array([0, 20, 60.0])}, tmp_path / "p.nc", 12
    )
    config, _ = chosen([made])
    assert config.per_year == 12 and config.grid.depth_edges == [0, 20, 60]
    assert config.grid.lat_edges == edges["lat_edges"].tolist()


def test_a_grid_that_is_asked_for_wins_over_the_cells_of_the_files(tmp_path: Path) -> None:
    config, notes = chosen([regular_file(tmp_path / "a.nc", np.zeros(73), days(73, 5, "noleap"))], "gcm")
    assert config.grid.name == "gcm" and "grid gcm (as asked for)" in notes[1]


def test_many_regular_cells_are_not_taken_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepda.commands.own_control.MOST_CELLS", 1000)
    path = regular_file(tmp_path / "a.nc", np.zeros(73), days(73, 5, "noleap"))
    assert chosen([path])[0].grid.name == "embedded_4deg"
    assert chosen([path], "native")[0].grid.name == "native"


def test_layers_that_begin_below_a_kilometre_are_not_in_a_native_grid(tmp_path: Path) -> None:
    path = regular_file(tmp_path / "a.nc", np.zeros(73), days(73, 5, "noleap"))
    with xr.open_dataset(path, decode_times=False) as file:
        deep = file.load()
    for name in ("lev", "lev_bnds"):
        deep[name] = deep[name] * 20
        deep[name].attrs = file[name].attrs
    deep.to_netcdf(tmp_path / "deep.nc")
    assert chosen([tmp_path / "deep.nc"])[0].grid.depth_edges == [0, 200, 400, 700, 1200]


def test_curvilinear_cells_cannot_be_kept(tmp_path: Path) -> None:
    cells = turned_grid(np.random.default_rng(3), 36, 60)
    path = curvilinear_file(
        tmp_path / "a.nc",
        cells,
        np.broadcast_to(np.cos(np.deg2rad(cells.lat)), (12, 6, 36, 60)).astype("f4"),
        LAYERS,
        months(1, 1),
    )
    with pytest.raises(ControlError, match="curvilinear, expected a regular grid"):
        chosen([path], "native")
    assert chosen([path])[0].grid.name == "embedded_4deg"


def test_steps_longer_than_a_month_are_refused(tmp_path: Path) -> None:
    path = regular_file(tmp_path / "a.nc", np.zeros(8), days(8, 91.25, "noleap"))
    with pytest.raises(ControlError, match="expected at most one"):
        chosen([path])


@pytest.mark.slow
def test_too_few_years_are_refused_before_anything_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    regular_file(tmp_path / "a.nc", np.zeros(73), days(73, 5, "noleap"))
    assert main(["osse", "run", "--control", "a.nc", "--output", "mine"]) == 2
    assert "the control simulation has 1 years" in capsys.readouterr().err
    assert not Path("mine").exists()


@pytest.mark.parametrize("words", [[], ["per_year=12"]])
def test_months_are_prepared_as_months_unless_other_windows_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    regular_file(tmp_path / "a.nc", np.zeros(24), months(1, 2))
    prepare = ["control", "prepare", "a.nc", "--grid", "embedded_8deg", "--output", "p.nc"]
    assert main([*prepare, *words]) == 0
    assert open_prepared("p.nc")[1].sizes["time"] == 24
    assert ("12 windows a year (months)" in capsys.readouterr().err) is (not words)
    assert main([*prepare, "per_year=73"]) == 2
    assert "expected at most one" in capsys.readouterr().err


def areas(path: Path) -> Path:
    """What models write beside their output: areas of cells, which have no time."""
    xr.Dataset({"areacello": (("lat", "lon"), np.ones((3, 4)), {"units": "m2"})}).to_netcdf(path)
    return path


def test_files_without_time_beside_the_output_are_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    areas(tmp_path / "areacello_fx.nc")
    regular_file(tmp_path / "thetao.nc", np.sin(np.arange(240.0)), months(1, 20))
    assert main(["config", "check", "--control", "*.nc", "osse.test_years=2"]) == 0
    assert "areacello_fx.nc left out: no field with time" in capsys.readouterr().out
    prepare = ["control", "prepare", "*.nc", "--grid", "embedded_8deg", "--output", "out/p.nc"]
    assert main(prepare) == 0
    assert "areacello_fx.nc left out: no field with time" in Path("out/p.log").read_text()
    with xr.open_dataset("out/p.nc", decode_times=False) as made:
        assert json.loads(made.attrs["source_files"]) == ["thetao.nc"]
    with pytest.raises(ControlError, match="holds no potential temperature but areacello"):
        control_settings(["areacello_fx.nc"], None)


def test_the_check_says_which_years_train_and_how_many_are_advised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    regular_file(tmp_path / "a.nc", np.sin(np.arange(168.0)), months(1, 14))
    assert main(["config", "check", "--control", "a.nc"]) == 0
    said = capsys.readouterr().out
    assert "years: 8 train, 3 validate, 3 test; 30 or more are advised for training" in said
    assert main(["config", "check", "control.years=40"]) == 0
    said = capsys.readouterr().out
    assert "years: 34 train, 3 validate, 3 test" in said and "advised" not in said


def test_pentads_of_unknown_beginning_do_not_become_months(tmp_path: Path) -> None:
    times = days(146, 5, "noleap")
    stamps = xr.Variable("time", times["time"].values + 2.5, {**times["time"].attrs})
    stamps.attrs.pop("bounds", None)
    path = regular_file(tmp_path / "a.nc", np.zeros(146), {"time": stamps})
    with pytest.raises(ControlError, match="has no bounds and does not lie amid its step"):
        chosen([path])
