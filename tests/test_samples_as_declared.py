"""Samples in CF NetCDF are what their attributes say: depth, place, time, kind, errors and flags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netcdf_files import DEPTH, NOON, WATER, Variable, cast_file, write

from deepda.observations.formats import format_of, read_format
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult
from deepda.observations.seawater import pressure_of

OBS = ("obs",)
TEMP = {"units": "degree_C", "standard_name": "sea_water_temperature"}
BAR = {"units": "dbar", "standard_name": "sea_water_pressure"}
DOWN = {"units": "m", "standard_name": "depth", "positive": "down"}
MEANINGS = {"flag_values": np.arange(5, dtype="i1"),
            "flag_meanings": "unknown good probably_good probably_bad bad"}  # fmt: skip
ONE_BAD = np.array([1, 1, 4, 1], "i1")
PRESSURE = pressure_of(DEPTH, np.full(4, 36.0))
STATIONS = np.arange(3.0)


def read(path: Path, **options: object) -> ReadResult:
    """Read in this process, which is faster than in a child."""
    return read_format(path, format_of(path), ReadOptions(**options))  # type: ignore[arg-type]


def changed(path: Path, changes: Mapping[str, Any], **attributes: object) -> ReadResult:
    return read(cast_file(path / "x.nc", changes, **attributes))


def refused(path: Path, changes: Mapping[str, Any], **attributes: object) -> str:
    with pytest.raises(ObservationError) as caught:
        changed(path, changes, **attributes)
    return str(caught.value)


def scalar(value: object, **words: Any) -> Variable:
    return (), np.asarray(value), words


# Depth


@pytest.mark.parametrize(
    "words", ["Bottom depth", "water depth", "depth of the sea floor", "bathymetry"]
)
def test_the_depth_of_the_sea_floor_is_not_that_of_the_measurement(words: str, tmp_path: Path) -> None:
    floor = {"depth": scalar(4200.0, units="m", long_name=words), "pres": (OBS, PRESSURE, BAR)}
    np.testing.assert_allclose(changed(tmp_path, floor).table["depth"], DEPTH, atol=0.1)
    assert "neither depth nor pressure" in refused(tmp_path, floor | {"pres": None})


def test_the_sea_floor_below_a_surface_temperature_is_passed_over(tmp_path: Path) -> None:
    words = {"units": "degC", "standard_name": "sea_surface_temperature"}
    floor = {"depth": scalar(4200.0, units="m", long_name="water depth"), "temp": None,
             "sst": (OBS, WATER, words)}  # fmt: skip
    assert (changed(tmp_path, floor).table["depth"] == 0.0).all()


@pytest.mark.parametrize("words", ["depth of sensor above bottom", "depth below the sea surface"])
def test_the_depth_of_a_sensor_is_that_of_the_measurement(words: str, tmp_path: Path) -> None:
    own = {"depth": (OBS, DEPTH, {"units": "m", "long_name": words})}
    np.testing.assert_allclose(changed(tmp_path, own).table["depth"], DEPTH)


def test_one_depth_that_contradicts_many_pressures_gives_way_to_them(tmp_path: Path) -> None:
    nominal = {"depth": scalar(4200.0, units="m"), "pres": (OBS, PRESSURE, BAR)}
    np.testing.assert_allclose(changed(tmp_path, nominal).table["depth"], DEPTH, atol=0.1)


def test_a_level_whose_depth_contradicts_its_pressure_is_rejected(tmp_path: Path) -> None:
    levels = {"pres": (OBS, PRESSURE + np.array([0.0, 0.0, 400.0, 0.0]), BAR)}
    assert changed(tmp_path, levels).reasons == {"depth_contradicts_pressure": 1}


def test_the_pressure_of_the_air_is_no_depth(tmp_path: Path) -> None:
    words = {"units": "hPa", "long_name": "sea level pressure"}
    air = {"depth": None, "pressure": (OBS, np.full(4, 1013.0), words)}
    assert "neither depth nor pressure" in refused(tmp_path, air)


def test_copernicus_pressures_that_are_zero_at_sea_level_are_pressures(tmp_path: Path) -> None:
    words = {"units": "dbar", "long_name": "Sea water pressure, equals 0 at sea-level"}
    sea = {"depth": None, "pres": (OBS, PRESSURE, words)}
    np.testing.assert_allclose(changed(tmp_path, sea).table["depth"], DEPTH, atol=0.1)


def test_depths_outside_their_valid_range_are_missing(tmp_path: Path) -> None:
    limits = {"valid_min": 0.0, "valid_max": 6000.0}
    deep = {"depth": (OBS, np.array([-0.4, 200.0, 9999.0, 1000.0]), DOWN | limits)}
    result = changed(tmp_path, deep)
    assert result.reasons == {"depth_missing": 1}
    np.testing.assert_allclose(result.table["depth"], [0.0, 200.0, 1000.0])


# Place and time


@pytest.mark.parametrize("words", [{"positive": "west"}, {"long_name": "longitude, positive west"}])
def test_longitudes_that_count_to_the_west_are_refused(words: dict, tmp_path: Path) -> None:
    west = {"lon": (OBS, np.full(4, 72.0), {"units": "degrees"} | words)}
    assert "counts to the west" in refused(tmp_path, west)


@pytest.mark.parametrize(
    "words", [{"timezone": "Australia/Hobart"}, {"long_name": "local time"}, {"long_name": "UTC+10"}]
)
def test_local_times_without_a_zone_in_their_units_are_refused(words: dict, tmp_path: Path) -> None:
    assert "local time" in refused(tmp_path, {"time": (OBS, np.full(4, 12.0), NOON | words)})
    zone = words | {"units": "hours since 2012-03-10 00:00:00 +10:00"}
    moved = changed(tmp_path, {"time": (OBS, np.full(4, 12.0), zone)})
    assert moved.table["time"].unique() == np.datetime64("2012-03-10T02", "s")


@pytest.mark.parametrize("words", [{"timezone": "UTC"}, {"long_name": "time (UTC+0)"}])
def test_times_that_say_utc_are_utc(words: dict, tmp_path: Path) -> None:
    said = changed(tmp_path, {"time": (OBS, np.full(4, 12.0), NOON | words)})
    assert said.table["time"].unique() == np.datetime64("2012-03-10T12", "s")


def test_units_since_an_hour_that_no_day_has_are_refused(tmp_path: Path) -> None:
    late = {"units": "hours since 2012-03-10 24:00:00"}
    assert "expected a time of day" in refused(tmp_path, {"time": (OBS, np.full(4, 12.0), late)})


def test_times_outside_their_valid_range_are_missing(tmp_path: Path) -> None:
    late = {"time": (OBS, np.array([12.0, 12.0, 900.0, 12.0]), NOON | {"valid_max": 800.0})}
    assert changed(tmp_path, late).reasons == {"time_missing": 1}


@pytest.mark.parametrize(
    ("methods", "day"), [("time: mean", "2010-01-16T12"), ("time: point", "2010-01-01T00")]
)
def test_the_time_of_a_mean_is_the_middle_of_its_bounds(methods: str, day: str, tmp_path: Path) -> None:
    days = {"units": "days since 2010-01-01", "standard_name": "time", "bounds": "time_bnds"}
    path = write(
        tmp_path / "x.nc",
        {
            "time": (("time",), np.array([0.0, 31.0]), days),
            "time_bnds": (("time", "nv"), np.array([[0.0, 31.0], [31.0, 59.0]]), {}),
            "lat": scalar(0.0, units="degrees_north"),
            "lon": scalar(-140.0, units="degrees_east"),
            "depth": scalar(10.0, **DOWN),
            "temp": (("time",), WATER[:2], TEMP | {"cell_methods": methods}),
        },
        featureType="timeSeries",
    )
    assert read(path).table["time"].iloc[0] == np.datetime64(day, "s")


def test_a_time_outside_its_bounds_is_refused(tmp_path: Path) -> None:
    bounds: Variable = (("obs", "nv"), np.tile([0.0, 6.0], (4, 1)), {})
    late = {"time": (OBS, np.full(4, 12.0), NOON | {"bounds": "time_bnds"}), "time_bnds": bounds}
    assert "expected a time between them" in refused(tmp_path, late)


# What is no temperature of the sea


@pytest.mark.parametrize(
    "words", ["internal temperature of the instrument", "battery temperature", "Air temperature"]
)
def test_temperatures_of_the_instrument_are_refused(words: str, tmp_path: Path) -> None:
    inside = {"temp": (OBS, WATER, {"units": "degC", "long_name": words})}
    assert "no temperatures of sea water" in refused(tmp_path, inside)


def test_a_title_of_anomalies_holds_where_no_variable_is_one(tmp_path: Path) -> None:
    title = "Temperature anomaly profiles relative to WOA18"
    assert "holds anomalies" in refused(tmp_path, {}, title=title)
    difference = {"temp": (OBS, WATER, TEMP | {"units_metadata": "temperature: difference"})}
    assert "holds anomalies" in refused(tmp_path, difference)
    beside = {"temp_anomaly": (OBS, WATER - 5.0, {"units": "degC", "long_name": "temperature anomaly"})}
    assert len(changed(tmp_path, beside, title=title).table) == 4


def test_potential_temperature_at_another_pressure_is_refused(tmp_path: Path) -> None:
    words = {"units": "degC", "standard_name": "sea_water_potential_temperature"}
    for extra in ({"reference_pressure": "4000 dbar"}, {"long_name": "theta, referenced to 4000 dbar"}):
        assert "4000 dbar" in refused(tmp_path, {"temp": (OBS, WATER, words | extra)})
    surface = words | {"long_name": "potential temperature, reference pressure 0 dbar"}
    assert len(changed(tmp_path, {"temp": (OBS, WATER, surface)}).table) == 4


@pytest.mark.parametrize("marks", [np.array(["true"] * 4), np.array([0, 0, 1, 0], "i1")])
@pytest.mark.parametrize("name", ["synthetic", "is_simulated"])
def test_rows_of_a_simulated_ocean_are_refused(name: str, marks: np.ndarray, tmp_path: Path) -> None:
    assert "simulated ocean" in refused(tmp_path, {name: (OBS, marks, {})})
    clear = np.array(["false"] * 4) if marks.dtype.kind == "U" else np.zeros(4, "i1")
    assert len(changed(tmp_path, {name: (OBS, clear, {})}).table) == 4


def test_two_names_of_two_kinds_are_said(tmp_path: Path) -> None:
    both = {"temp": (OBS, WATER, TEMP | {"long_name": "potential temperature"})}
    assert any("against its long_name" in said for said in changed(tmp_path, both).assumed)


def test_a_second_temperature_is_said(tmp_path: Path) -> None:
    deep = {
        "temp_100": (OBS, WATER, TEMP),
        "temp_std": (OBS, WATER, TEMP | {"cell_methods": "time: range"}),
    }
    assert (
        "temperatures not read beside temp: sst"
        in changed(tmp_path, {"sst": (OBS, WATER, {"units": "degC"})}).assumed
    )
    found = changed(tmp_path, {"temp": None, "t_1": (OBS, WATER, TEMP), "t_100": (OBS, WATER, TEMP)})
    assert "temperatures not read beside t_1: t_100" in found.assumed
    assert not any("temp_std" in said for said in changed(tmp_path, deep).assumed)


def test_units_that_are_not_given_are_said(tmp_path: Path) -> None:
    bare = {"temp": (OBS, WATER, {"standard_name": "sea_water_temperature"}), "depth": (OBS, DEPTH, {})}
    said = changed(tmp_path, bare).assumed
    assert {"temp has no units: degC taken", "depth has no units: m taken"} <= {*said}


def test_a_scale_of_temperature_stands_for_degrees(tmp_path: Path) -> None:
    for units in ("its-90", "ITS90", "ITS-90 degC"):
        found = changed(tmp_path, {"temp": (OBS, WATER, TEMP | {"units": units})})
        assert found.table["temperature"].iloc[0] == pytest.approx(26.0)
    old = changed(tmp_path, {"temp": (OBS, WATER, TEMP | {"units": "IPTS-68"})})
    assert old.table["temperature"].iloc[0] == pytest.approx(26.0 / 1.00024, abs=1e-4)


# Models


def test_the_curvilinear_grid_of_a_model_is_refused(tmp_path: Path) -> None:
    grid = np.add.outer(np.zeros(2), STATIONS)
    path = write(
        tmp_path / "x.nc",
        {
            "time": (("t",), np.array([12.0]), NOON | {"standard_name": "time"}),
            "nav_lat": (("y", "x"), grid.T.reshape(2, 3), {"units": "degrees_north"}),
            "nav_lon": (("y", "x"), grid, {"units": "degrees_east"}),
            "depth": (("z",), DEPTH, DOWN),
            "thetao": (("t", "z", "y", "x"), np.full((1, 4, 2, 3), 5.0), {"units": "degC"}),
        },
    )
    with pytest.raises(ObservationError, match="curvilinear grid"):
        read(path)


def unstructured(path: Path, words: dict[str, str], **attributes: object) -> Path:
    """Levels at three places, at one time for all."""
    return write(
        path / "x.nc",
        {
            "time": (("time",), np.array([12.0]), NOON | {"standard_name": "time"}),
            "lat": (("node",), STATIONS, {"units": "degrees_north"}),
            "lon": (("node",), STATIONS, {"units": "degrees_east"}),
            "depth": (("level",), DEPTH, DOWN),
            "temp": (("time", "level", "node"), np.full((1, 4, 3), 5.0), TEMP | words),
        },
        **attributes,
    )


@pytest.mark.parametrize(
    ("words", "attributes"),
    [
        ({"mesh": "fvcom_mesh", "location": "node"}, {}),
        ({"CDI_grid_type": "unstructured"}, {}),
        ({}, {"source": "FVCOM_4.1"}),
        ({}, {"model": "FESOM"}),
        ({}, {"title": "FESOM2 output"}),
    ],
)
def test_the_mesh_of_a_model_is_refused(words: dict, attributes: dict, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="model output or an analysis"):
        read(unstructured(tmp_path, words, **attributes))


@pytest.mark.parametrize("attributes", [{}, {"featureType": "timeSeriesProfile", "title": "near NEMO"}])
def test_moorings_at_common_times_are_no_model(attributes: dict, tmp_path: Path) -> None:
    assert len(read(unstructured(tmp_path, {}, **attributes)).table) == 12


# Adjusted values


def adjusted() -> dict[str, Variable | None]:
    return {
        "temp_adjusted": (OBS, WATER - 2.0, TEMP),
        "depth_adjusted": (OBS, DEPTH + 1.0, DOWN),
        "salinity_adjusted": (OBS, np.full(4, 34.0), {"units": "1"}),
    }


@pytest.mark.parametrize(("mode", "lower"), [("D", 2.0), ("A", 2.0), ("R", 0.0)])
@pytest.mark.parametrize("of_file", [True, False])
def test_adjusted_values_follow_the_mode_of_the_file_or_of_the_profile(
    mode: str, lower: float, of_file: bool, tmp_path: Path
) -> None:
    variables = adjusted() | ({} if of_file else {"DATA_MODE": scalar(np.array(mode, "S1"))})
    attributes = {"data_mode": mode} if of_file else {}
    table = changed(tmp_path, variables, **attributes).table
    assert table["temperature"].iloc[0] == pytest.approx(26.0 - lower, abs=1e-3)
    np.testing.assert_allclose(table["depth"], DEPTH + lower / 2.0)
    assert (table["salinity"] == 34.0).all() == (lower > 0)


def test_adjusted_values_without_a_mode_are_refused(tmp_path: Path) -> None:
    assert "no mode" in refused(tmp_path, {"temp_adjusted": (OBS, WATER - 2.0, TEMP)})
    assert "no mode" in refused(tmp_path, adjusted(), data_mode="M")


# Errors and flags


@pytest.mark.parametrize(
    ("name", "words"), [("error", "error code"), ("uncertainty", "uncertainty of salinity")]
)
def test_what_is_no_error_of_the_temperature_is_not_taken_for_it(
    name: str, words: str, tmp_path: Path
) -> None:
    plain = changed(tmp_path, {}).table["error"]
    found = changed(tmp_path, {name: (OBS, np.array([0.0, 1.0, 1.0, 1.0]), {"long_name": words})})
    np.testing.assert_allclose(found.table["error"], plain)


def test_an_error_named_after_the_temperature_is_that_of_the_instrument(tmp_path: Path) -> None:
    plain = changed(tmp_path, {}).table["error"]
    words = {"units": "kelvin", "long_name": "Standard uncertainty of temp"}
    found = changed(tmp_path, {"err_temp": (OBS, np.full(4, 0.5), words)})
    assert (found.table["error"] > np.maximum(plain, 0.5)).all()


@pytest.mark.parametrize(
    ("name", "words"),
    [("tflag", {"standard_name": "sea_water_temperature status_flag"}), ("flg_temp", {})],
)
def test_flags_are_found_by_standard_name_and_by_name(name: str, words: dict, tmp_path: Path) -> None:
    flags = {name: (OBS, ONE_BAD, MEANINGS | words)}
    assert changed(tmp_path, flags).reasons == {"temperature_flagged_bad": 1}


def test_flags_of_a_standard_name_that_two_variables_have_are_of_neither(tmp_path: Path) -> None:
    flags = {"tflag": (OBS, ONE_BAD, MEANINGS | {"standard_name": "sea_water_temperature status_flag"}),
             "other": (OBS, WATER, TEMP)}  # fmt: skip
    assert changed(tmp_path, flags).reasons == {}


def test_a_depth_without_flags_is_as_good_as_its_pressure(tmp_path: Path) -> None:
    bad = {"pressure": (OBS, PRESSURE, BAR), "pressure_qc": (OBS, ONE_BAD, MEANINGS)}
    assert changed(tmp_path, bad).reasons == {"depth_flagged_bad": 1}
    own = bad | {"depth_qc": (OBS, np.ones(4, "i1"), MEANINGS)}
    assert changed(tmp_path, own).reasons == {}


def test_flags_in_units_of_woce_are_those_of_woce(tmp_path: Path) -> None:
    woce = {"temp_QC": (OBS, np.array([2, 6, 7, 3], "i2"), {"units": "woce_flags"})}
    assert changed(tmp_path, woce).reasons == {"temperature_flagged_suspect": 1}


def test_a_short_fill_value_of_doubles_is_one(tmp_path: Path) -> None:
    values = np.array([26.0, -9.99, 12.0, 5.0])
    fill = {"temp": (OBS, values, TEMP | {"missing_value": np.float32(-9.99)})}
    assert changed(tmp_path, fill).reasons == {"temperature_missing": 1}


def test_a_table_of_moorings_with_argo_s_names_is_no_argo(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.nc",
        {
            "time": (("row",), np.array([12.0, 36.0]), NOON | {"standard_name": "time"}),
            "latitude": (("row",), np.zeros(2), {"units": "degrees_north"}),
            "longitude": (("row",), np.full(2, -140.0), {"units": "degrees_east"}),
            "pres": (("row",), np.full(2, 10.0), {"units": "decibar"}),
            "temp": (("row",), np.full(2, 27.0), TEMP),
            "platform_number": (("row",), np.array(["51311"] * 2), {}),
        },
        featureType="TimeSeries",
        title="Moored buoy data",
    )
    table = read(path).table
    assert set(table["platform_type"]) == {"mooring"} and set(table["platform_id"]) == {"51311"}
