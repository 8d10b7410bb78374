"""The Python use of the README: a run is loaded and analyses a user's own table."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import xarray as xr
from compliance_checker.runner import CheckSuite
from test_observed_climatology import climatology_file
from toys import even_grid, persistence, space_on, toy_grid

from deepda import load_run
from deepda.assimilation.cycle import DivergenceError
from deepda.base.errors import CheckpointError
from deepda.base.files import checksum
from deepda.base.synthetic import is_synthetic
from deepda.climatology.displacement import displacement_spread
from deepda.climatology.seasonal import ClimatologyError
from deepda.evaluation.product import open_product
from deepda.geometry.grid import GridError
from deepda.geometry.windows import WindowError
from deepda.networks.build import ControlStatistics, build_generator
from deepda.observations.plain import NAMES, NUMBERS
from deepda.observations.table import REQUIRED, TableError
from deepda.runs.analysis import Analysis, BeforeError
from deepda.runs.checkpoint import save_checkpoint
from deepda.runs.run import Run
from deepda.settings.compose import dump, load_config
from deepda.settings.schema import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with untrained weights on a toy grid whose longitudes are equal, as networks need."""
    grid = even_grid(4)
    space = space_on(grid)
    config = load_config("osse", ["generator.hidden=4", "generator.patterns=3", "per_year=12"])
    patterns = 0.3 * torch.randn(3, *grid.shape)
    statistics = ControlStatistics(persistence(grid, 0.99, 0.02), patterns)
    made = build_generator(config.generator, space, statistics, 0)
    save_checkpoint(tmp_path / "checkpoint", made.analyser, space, {})
    (tmp_path / "config.yaml").write_text(dump(config))
    return tmp_path


def test_unequal_longitudes_are_refused() -> None:
    grid = toy_grid(np.random.default_rng(4))
    config = load_config("osse", [])
    space = space_on(grid)
    with pytest.raises(GridError, match="expected one width"):
        build_generator(config.generator, space, ControlStatistics.none(space, 0), seed=0)


def table_at(run: Run, time: str, shift: float) -> pd.DataFrame:
    """One warm or cold value in a water cell, one on land, one in another month."""
    grid = run.space.grid
    wet, dry = np.argwhere(grid.ocean)[10], np.argwhere(~grid.ocean)[0]
    rows = [wet, dry, wet]
    season = int(run.window(time).season[0])
    return pd.DataFrame(
        {
            "time": np.array([time, time, "1999-01-15"], "datetime64[s]"),
            "lat": [grid.lat[at[1]] for at in rows],
            "lon": [grid.lon[at[2]] for at in rows],
            "depth": [grid.depth[at[0]] for at in rows],
            "temperature": run.space.climatology.mean[(season, *wet)] + shift,
            "error": 0.1,
            "platform_type": "argo",
            "platform_id": "1",
        }
    )


@pytest.mark.slow
def test_a_warm_observation_warms_the_analysis_there(folder: Path) -> None:
    run = load_run(folder)
    wet = tuple(np.argwhere(run.space.grid.ocean)[10])
    analysis = run.analyse(table_at(run, "2003-06-10", 1.5), "2003-06-15")
    change = (analysis.dataset.thetao - analysis.dataset.thetao_background).values[0]
    assert 0.5 < change[wet] < 2.0
    assert analysis.rows == {"used": 1, "on_land": 1, "outside_window": 1}
    assert np.isnan(change[~run.space.grid.ocean]).all()
    assert analysis.dataset.time.values.tolist() == [np.datetime64("2003-06-16", "ns").astype(int)]


def warm_above(folder: Path) -> Path:
    """A climatology of a warm upper ocean on a cold deep one, the same everywhere and in each month."""
    with xr.open_dataset(climatology_file(folder / "even.nc", np.full(12, 8.0), None)) as even:
        layered = even.copy(deep=True)
        layered["thetao"] += xr.DataArray([12.0, 8.0, 0.0], dims="depth")
    layered.to_netcdf(folder / "woa.nc")
    return folder / "woa.nc"


@pytest.mark.slow
def test_anomalies_are_taken_from_an_observed_climatology_where_one_is_given(
    folder: Path, tmp_path: Path
) -> None:
    run, plain = load_run(folder, climatology=[warm_above(tmp_path)]), load_run(folder)
    wet = tuple(np.argwhere(run.space.grid.ocean)[10])
    table = table_at(run, "2003-06-10", 0.3)
    analysis = run.analyse(table, "2003-06-15").dataset
    layers = analysis.thetao_background[0].mean(("lat", "lon")).dropna("depth").values
    assert 20 >= layers[0] > layers[-1] >= 8
    assert 0.1 < float((analysis.thetao - analysis.thetao_background).values[0][wet]) < 0.3
    before = plain.analyse(table, "2003-06-15").dataset.thetao_background
    np.testing.assert_allclose(before[0], plain.space.climatology.mean[5], atol=1e-3)
    with pytest.raises(ClimatologyError, match=r"no observed climatology: nothing is called .*woa18"):
        load_run(folder, climatology=[tmp_path / "nothing.nc"])
    for path in (tmp_path / "woa.nc", str(tmp_path / "woa.nc")):  # one need not be in a list
        np.testing.assert_array_equal(
            load_run(folder, climatology=path).space.climatology.mean, run.space.climatology.mean
        )


@pytest.mark.slow
def test_errors_are_those_of_the_real_ocean_where_the_climatology_is_an_observed_one(
    folder: Path, tmp_path: Path
) -> None:
    run, plain = load_run(folder, climatology=[warm_above(tmp_path)]), load_run(folder)
    grid, ocean = run.space.grid, run.space.grid.ocean
    assert plain.representativeness is None
    half = 0.5**0.5 * displacement_spread(run.space.climatology.mean, grid)
    np.testing.assert_allclose(run.space.scale[ocean], half[ocean], rtol=1e-6)
    np.testing.assert_allclose(run.representativeness.place[ocean], half[ocean], rtol=1e-6)
    rows, wet = table_at(run, "2003-06-10", 0.3).iloc[:1], tuple(np.argwhere(ocean)[10])
    analysis = run.analyse(rows, "2003-06-15").dataset
    gain = float((analysis.thetao - analysis.thetao_background).values[0][wet]) / 0.3
    assert 0.35 < gain < 0.6  # near one for the error of 0.1 K alone
    np.testing.assert_array_equal(run.usual.stddev, plain.usual.stddev)  # of quality control


@pytest.mark.slow
def test_an_analysis_of_a_simulated_ocean_says_so_and_is_none_of_the_real_one(
    folder: Path, tmp_path: Path
) -> None:
    run, real = load_run(folder), load_run(folder, climatology=[warm_above(tmp_path)])
    table = table_at(run, "2003-06-10", 1.5)
    twin = table.assign(synthetic=[False] * (len(table) - 1) + [True])
    first = run.analyse(twin, "2003-06-15")
    assert first.dataset.attrs["processing_level"] == "synthetic"
    assert "simulated ocean" in first.dataset.attrs["title"]
    after = run.analyse(table.iloc[:0], "2003-07-15", before=first)
    assert after.dataset.attrs["processing_level"] == "synthetic"
    assert "synthetic observations" in after.dataset.attrs["summary"]
    with pytest.raises(TableError, match=r"1 of .* simulated ocean.*expected .* real one"):
        real.analyse(twin, "2003-06-15")


@pytest.mark.slow
def test_marks_of_a_simulated_ocean_are_understood_as_the_readers_do(
    folder: Path, tmp_path: Path
) -> None:
    run = load_run(folder, climatology=[warm_above(tmp_path)])
    table = table_at(run, "2003-06-10", 0.3)
    for mark in ("False", "no", None):
        made = run.analyse(table.assign(synthetic=mark), "2003-06-15").dataset
        assert made.attrs["processing_level"] == "4"
    with pytest.raises(TableError, match="simulated ocean"):
        run.analyse(table.assign(synthetic="yes"), "2003-06-15")


@pytest.mark.slow
def test_the_next_window_starts_from_the_analysis_before(folder: Path) -> None:
    run = load_run(folder)
    wet = tuple(np.argwhere(run.space.grid.ocean)[10])
    first = run.analyse(table_at(run, "2003-06-10", 1.5), "2003-06-15")
    nothing = table_at(run, "2003-06-10", 1.5).iloc[:0]
    after = run.analyse(nothing, "2003-07-15", before=first)
    season = int(run.window("2003-07-15").season[0])
    anomaly = float(after.dataset.thetao.values[0][wet]) - run.space.climatology.mean[(season, *wet)]
    kept = float(first.estimate.mean[0][wet]) * 0.99 * run.space.scale[wet]
    assert anomaly == pytest.approx(kept, abs=1e-3)  # rounded as in files


@pytest.mark.slow
def test_every_row_is_used_or_has_a_reason_in_the_order_given(folder: Path) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 0.5)
    table = pd.concat([table, table.iloc[:1], table.iloc[:1]], ignore_index=True)
    table.loc[3, "time"] = pd.NaT
    table.loc[4, "temperature"] = 39.0  # a warm day, but not in this climate
    for quality_control, last in ((True, "rejected"), (False, "used")):
        if not quality_control:
            table.loc[4, "temperature"] = table.loc[0, "temperature"]
        analysis = run.analyse(table, "2003-06-15", quality_control=quality_control)
        assert sum(analysis.rows.values()) == len(table) == len(analysis.table)
        reasons = analysis.table["reason"].tolist()
        assert reasons[:4] == ["", "on_land", "outside_window", "without_time"]
        assert analysis.table["used"].tolist() == [r == "" for r in reasons]
        assert (reasons[4] == "") == (last == "used")
        assert np.isfinite(
            analysis.table.loc[0, ["background", "analysis", "spread"]].astype(float)
        ).all()
    pd.testing.assert_frame_equal(analysis.table[list(table)], table)


@pytest.mark.slow
def test_times_with_a_zone_are_converted(folder: Path) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-01T01:00", 1.5)
    zoned = table.assign(time=table["time"].dt.tz_localize("Asia/Tokyo"))  # 31 May in UTC
    assert run.analyse(zoned, "2003-06-15").rows == {"used": 0, "outside_window": 3}
    utc = table.assign(time=table["time"].dt.tz_localize("UTC"))
    one, other = (run.analyse(rows, "2003-06-15") for rows in (utc, table))
    assert one.rows == other.rows and one.dataset.identical(other.dataset)


def test_what_is_no_table_of_times_is_refused(folder: Path) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5)
    for wrong, said in (
        (None, "a NoneType was given, expected a pandas DataFrame"),
        (table.assign(time=table["time"].astype(str)), "expected datetime64 in UTC; use pandas"),
        (table.assign(time=2003), "expected datetime64 in UTC; use pandas"),
        (pd.DataFrame(), "has no column time"),
        (table.drop(columns="error"), "has no column error"),
        (table["time"], "expected a pandas DataFrame"),
    ):
        with pytest.raises(TableError, match=said):
            run.analyse(wrong, "2003-06-15")


@pytest.mark.parametrize(
    "time",
    ["soon", "now", "today", "NaT", "", "20030103", "0000-01-03", "12345-01-03", "-0005-01-03",
     "03/01/2003", 20030103, 2003, np.int64(2003), 2003.0, True, None, pd.NaT, ["2003-01-03"],
     np.datetime64("NaT")],
)  # fmt: skip
def test_what_is_no_date_is_no_time_of_an_analysis(folder: Path, time: object) -> None:
    run = load_run(folder)
    with pytest.raises(WindowError, match=r"is no date, expected one such as 2003-01-03"):
        run.analyse(table_at(run, "2003-06-10", 1.5), time)


@pytest.mark.parametrize(
    "time",
    ["2003-06-15", "2003-06-15T12:00", np.datetime64("2003-06-15"), pd.Timestamp("2003-06-15"),
     date(2003, 6, 15), datetime(2003, 6, 15, 12)],
)  # fmt: skip
def test_a_window_is_named_by_any_kind_of_date(folder: Path, time: object) -> None:
    assert load_run(folder).window(time).start[0] == np.datetime64("2003-06-01")


SAME_NUMBERS = {  # how a column of numbers may be stored
    "big-endian": lambda values: values.astype(">f8"),
    "nullable": lambda values: values.astype("Float64"),
    "pyarrow": lambda values: values.astype("double[pyarrow]"),
    "sparse": lambda values: values.astype("Sparse[float64]"),
    "single": lambda values: values.astype("float32"),
    "half": lambda values: values.astype("float16"),
}


@pytest.mark.slow
def test_numbers_are_read_however_they_are_stored(folder: Path) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5).assign(salinity=35.0, source_index=[2, 1, 3])
    plain = run.analyse(table, "2003-06-15")
    for how, stored in SAME_NUMBERS.items():
        names = ["lat", "lon", "depth", "temperature", "error", "salinity", "source_index"]
        given = table.assign(**{name: stored(table[name]) for name in names})
        analysis = run.analyse(given, "2003-06-15")
        assert analysis.rows == plain.rows, how
        np.testing.assert_allclose(analysis.dataset.thetao, plain.dataset.thetao, atol=0.02, err_msg=how)
        pd.testing.assert_frame_equal(analysis.table[list(given)], given)


@pytest.mark.slow
def test_days_are_times_and_names_may_be_numbers(folder: Path) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5)
    plain = run.analyse(table, "2003-06-15")
    for time in ("date32[pyarrow]", "timestamp[us][pyarrow]", "datetime64[ns]"):
        days = table["time"].dt.date if "date32" in time else table["time"]
        given = table.assign(time=days.astype(time))
        assert run.analyse(given, "2003-06-15").dataset.identical(plain.dataset), time
    for name in ("platform_id", "profile", "source", "qc", "data_mode"):
        for values in (np.array([7, 8, 9], ">i4"), pd.array([7, None, 9], "Int64"), None, np.nan, "x"):
            assert run.analyse(table.assign(**{name: values}), "2003-06-15").rows == plain.rows, name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["salinity", "source_index", "pressure_error", "ice", "count"])
def test_a_column_without_any_value_is_as_none(folder: Path, name: str) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5)
    plain = run.analyse(table, "2003-06-15")
    for nothing in (None, np.nan, pd.NA):
        assert run.analyse(table.assign(**{name: nothing}), "2003-06-15").rows == plain.rows


@pytest.mark.parametrize("name", [*REQUIRED[1:], "shared_error", *NUMBERS])
@pytest.mark.parametrize("value", ["x", True, 1 + 0j, [1.0], {1.0: 2.0}, np.timedelta64(1, "s")])
def test_what_is_no_number_is_not_taken_for_one(folder: Path, name: str, value: object) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5)
    table[name] = pd.Series([value] * len(table))
    for given in (table, table.iloc[[0]]):
        with pytest.raises(TableError, match=rf"^{name} is .*, expected numbers( in .*)?; convert it$"):
            run.analyse(given, "2003-06-15")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [[1], {1: 2}, np.array([1])])
def test_lists_are_no_names(folder: Path, name: str, value: object) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5)
    table[name] = pd.Series([value] * len(table), dtype=object)
    with pytest.raises(TableError, match=rf"^{name} holds lists or other objects .*, expected"):
        run.analyse(table, "2003-06-15")
    arrow = table.assign(**{name: pd.array([[1]] * len(table), pd.ArrowDtype(pa.list_(pa.int64())))})
    with pytest.raises(TableError, match=rf"^{name} holds lists or other objects .*, expected"):
        run.analyse(arrow, "2003-06-15")


def test_an_unknown_kind_of_platform_is_refused(folder: Path) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5).assign(platform_type=["argo", None, "submarine"])
    with pytest.raises(
        TableError, match=r"1 of 3 .*unknown platform_type.* submarine in row 2; use one"
    ):
        run.analyse(table, "2003-06-15")


@pytest.mark.parametrize("name", ["time", "lat", "platform_id", "remarks"])
def test_columns_of_one_name_are_refused(folder: Path, name: str) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5).assign(remarks="none")
    twice = pd.concat([table, table[[name]]], axis=1)
    for given in (twice, twice.iloc[:0]):
        with pytest.raises(TableError, match=rf"2 columns {name}, expected each name once"):
            run.analyse(given, "2003-06-15")


@pytest.mark.parametrize(
    ("time", "advice"),
    [
        ("2003-06-30", "analyse the windows in their order"),  # the same window
        ("2003-05-15", "analyse the windows in their order"),  # an earlier one
        ("2003-08-15", "analyse the windows between first"),  # after a gap
        ("2004-07-15", "analyse the windows between first"),
    ],
)
def test_only_the_window_directly_before_can_be_gone_on_from(
    folder: Path, time: str, advice: str
) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5)
    june = run.analyse(table, "2003-06-15")
    with pytest.raises(BeforeError, match=rf"from 2003-06-01 to 2003-07-01, expected .*; {advice}"):
        run.analyse(table, time, june)


def test_what_is_no_analysis_is_none_to_go_on_from(folder: Path) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 1.5)
    june = run.analyse(table, "2003-06-15")
    for wrong in (june.dataset, june.estimate, june.table, "june.nc", Path("june.nc"), 6):
        with pytest.raises(BeforeError, match=f"a {type(wrong).__name__} was given .*, expected what"):
            run.analyse(table, "2003-07-15", before=wrong)


@pytest.mark.slow
def test_an_analysis_of_another_grid_or_scale_is_none_to_go_on_from(
    folder: Path, tmp_path: Path
) -> None:
    run, real = load_run(folder), load_run(folder, climatology=[warm_above(tmp_path)])
    table = table_at(run, "2003-06-10", 0.3)
    june = run.analyse(table, "2003-06-15")
    with pytest.raises(BeforeError, match=r"another grid, climatology or unit .*, expected"):
        real.analyse(table, "2003-07-15", june)
    other = replace(run, space=space_on(even_grid(5)))
    with pytest.raises(BeforeError, match=r"another grid, climatology or unit .*, expected"):
        other.analyse(table, "2003-07-15", june)
    again = load_run(folder)  # the same run, loaded anew
    assert again.analyse(table, "2003-07-15", june).rows["used"] == 0


@pytest.mark.slow
def test_what_stands_on_the_climatology_of_a_simulated_ocean_is_marked_whatever_was_assimilated(
    folder: Path, tmp_path: Path
) -> None:
    run, real = load_run(folder), load_run(folder, climatology=[warm_above(tmp_path)])
    table, none = table_at(run, "2003-07-10", 1.5), table_at(run, "2003-06-10", 1.5).iloc[:0]

    def said(analysis: Analysis) -> str:
        attributes = analysis.dataset.attrs
        assert attributes["processing_level"] == "synthetic" and is_synthetic(attributes)
        assert "simulated ocean" in attributes["title"]
        return f"{attributes['title']}; {attributes['summary']}"

    june = run.analyse(none, "2003-06-15")
    assert "no observation" in said(june)
    assert "no observation" in said(run.analyse(table.iloc[1:], "2003-06-15"))  # no row was used
    july = run.analyse(table, "2003-07-15", june)
    assert "1 observation of the real ocean was assimilated, 1 in this window" in said(july)
    august = said(run.analyse(none, "2003-08-15", july))
    assert "1 observation of the real ocean was assimilated, 0 in this window" in august
    observed = real.analyse(none, "2003-06-15").dataset.attrs
    assert observed["processing_level"] == "4" and not is_synthetic(observed)


@pytest.mark.slow
def test_a_file_says_what_it_was_made_from(folder: Path, tmp_path: Path) -> None:
    run, real = load_run(folder), load_run(folder, climatology=[warm_above(tmp_path)])
    attributes = run.analyse(table_at(run, "2003-06-10", 1.5), "2003-06-15").dataset.attrs
    assert attributes["weights_sha256"] == checksum(folder / "checkpoint" / "weights.safetensors")
    assert json.loads(attributes["config"])["generator.hidden"] == 4
    assert json.loads(attributes["observations"]) == {"used": 1, "on_land": 1, "outside_window": 1}
    assert attributes["climatology"] == "of the control simulation of the trained run"
    named = real.analyse(table_at(run, "2003-06-10", 1.5), "2003-06-15").dataset.attrs
    assert named["climatology"] == f"observed: {tmp_path / 'woa.nc'}"
    assert len(named["climatology_sha256"]) == 64 and "climatology_sha256" not in attributes


@pytest.mark.slow
def test_files_of_windows_are_joined_and_judged_as_those_of_a_reanalysis(
    folder: Path, tmp_path: Path
) -> None:
    run, made = load_run(folder), None
    for month in range(1, 13):
        day = f"2003-{month:02d}-15"
        made = run.analyse(table_at(run, day, 0.5), day, made)
        made.dataset.to_netcdf(tmp_path / f"window_{month:02d}.nc")
    assert made.dataset["thetao"].dims == ("time", "depth", "lat", "lon")
    files = sorted(tmp_path.glob("window_*.nc"))
    with xr.open_mfdataset(files) as year:
        assert year.sizes["time"] == 12
        assert year["time_bnds"].dims == ("time", "bnds")
        assert (year["time_bnds"][1:, 0].values == year["time_bnds"][:-1, 1].values).all()
    assert open_product(files, "joined").timeline.time.size == 12


@pytest.mark.slow
@pytest.mark.parametrize("quality_control", [True, False])
def test_a_window_without_observations_is_the_forecast(folder: Path, quality_control: bool) -> None:
    run = load_run(folder)
    columns = list(table_at(run, "2003-06-10", 0))
    for empty in (table_at(run, "2003-06-10", 0).iloc[:0], pd.DataFrame(columns=columns)):
        analysis = run.analyse(empty, "2003-06-15", quality_control=quality_control)
        assert analysis.rows == {"used": 0} and analysis.table.empty
        xr.testing.assert_equal(analysis.dataset.thetao, analysis.dataset.thetao_background)


def test_an_analysis_that_ran_away_names_the_rows_that_drove_it(folder: Path) -> None:
    run = load_run(folder)
    table = table_at(run, "2003-06-10", 0.5).iloc[[2, 0, 0]].reset_index(drop=True)
    table.loc[1, ["temperature", "error"]] = 59.0, 1e-3
    quiet = replace(run.space, scale=run.space.scale / 20)  # the control run hardly varies
    run = replace(run, space=quiet)
    with pytest.raises(DivergenceError, match=r"row 1 with 59\.00 degC at .*, where the background has"):
        run.analyse(table, "2003-06-15", quality_control=False)
    assert run.analyse(table, "2003-06-15").rows["used"] < 2  # quality control rejects it


@pytest.mark.slow
def test_an_analysis_is_written_as_a_cf_file(folder: Path, tmp_path: Path) -> None:
    run = load_run(folder)
    dataset = run.analyse(table_at(run, "2003-06-10", 1.5), "2003-06-15").dataset
    assert dataset.thetao.attrs["standard_name"] == "sea_water_potential_temperature"
    dataset.to_netcdf(tmp_path / "june.nc")
    suite = CheckSuite()
    suite.load_all_available_checkers()
    checked, errors = suite.run_all(suite.load_dataset(str(tmp_path / "june.nc")), ["cf:1.11"])[
        "cf:1.11"
    ]
    assert not errors
    assert [result.msgs for result in checked if result.value[0] < result.value[1]] == []
    with xr.open_dataset(tmp_path / "june.nc") as again:
        xr.testing.assert_identical(again["thetao"].load(), dataset["thetao"])


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.py"
    file.touch()
    for wrong in (tmp_path, file):
        with pytest.raises(
            ConfigError, match=r"expected the folder of a trained run; run .deepda osse run"
        ):
            load_run(wrong)


def test_a_run_without_its_checkpoint_is_refused(folder: Path) -> None:
    (folder / "checkpoint" / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"deepda osse run"):
        load_run(folder)


def recipe(page: Path) -> str:
    """The code of a page that says which test executes it."""
    mark = f"<!-- executed by tests/{Path(__file__).name} -->"
    found = re.search(rf"{mark}\n```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.slow
def test_the_recipe_of_own_data_makes_an_analysis_a_map_a_section_and_a_file(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = tmp_path_factory.mktemp("desk")
    (desk / "runs").mkdir()
    (desk / "runs" / "mine").symlink_to(folder)
    table_at(load_run(folder), "2003-01-03", 1.5).to_csv(desk / "my_argo.csv", index=False)
    monkeypatch.chdir(desk)
    code = recipe(Path(__file__).parents[1] / "docs" / "getting-started.md")
    assert len([line for line in code.splitlines() if line]) <= 11
    exec(compile(code, "getting-started.md", "exec"), {})
    with xr.open_dataset("analysis.nc") as made:
        assert float(abs(made["thetao"] - made["thetao_background"]).max()) > 0.1
        assert made["window_of_year"] == 1
    assert {path.name for path in desk.glob("*.png")} == {"map.png", "section.png"}
