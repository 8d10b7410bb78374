"""Formats with a layout of their own are read as their variables declare: units, kinds and flags."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
from netcdf_files import write
from test_readers_exchange import bottle, line
from test_readers_profiles import DEPTH, LAT, THETA, TIME, WRITERS, in_situ

from deepda.observations.formats import format_of, read_format
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult

TEMPERATURES = {"argo": "TEMP", "wod": "Temperature", "gtspp": "temperature", "mitprof": "prof_T",
                "seadatanet": "TEMPPR01", "odv": "var2"}  # fmt: skip
LATITUDES = {"argo": "LATITUDE", "wod": "lat", "gtspp": "latitude", "mitprof": "prof_lat",
             "seadatanet": "LATITUDE", "odv": "latitude", "en4": "LATITUDE"}  # fmt: skip
LEVEL = ("N_STATIONS", "N_SAMPLES")


def made(folder: Path, writer: str) -> Path:
    path = folder / "x.nc"
    WRITERS[writer](path)
    return path


def declare(path: Path, name: str, **attributes: object) -> None:
    with netCDF4.Dataset(path, "a") as data:
        data[name].setncatts(attributes)


def read(path: Path) -> ReadResult:
    """Read in this process, which is faster than in a child."""
    return read_format(path, format_of(path), ReadOptions())


def refused(path: Path) -> str:
    with pytest.raises(ObservationError) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("writer", LATITUDES)
def test_latitudes_in_radians_are_converted(writer: str, tmp_path: Path) -> None:
    path = made(tmp_path, writer)
    with netCDF4.Dataset(path, "a") as data:
        data[LATITUDES[writer]][-1:] = np.radians(LAT)
    declare(path, LATITUDES[writer], units="radians")
    np.testing.assert_allclose(read(path).table["lat"], LAT, rtol=1e-5)


@pytest.mark.parametrize("words", [{"units": "degree_west"}, {"positive": "west"}])
@pytest.mark.parametrize("writer", ["argo", "mitprof", "odv", "wod", "gtspp", "en4"])
def test_longitudes_to_the_west_are_refused(writer: str, words: dict, tmp_path: Path) -> None:
    path = made(tmp_path, writer)
    name = LATITUDES[writer]
    declare(path, name.replace("latit", "longit").replace("lat", "lon").replace("LAT", "LONG"), **words)
    assert "west" in refused(path)


@pytest.mark.parametrize(
    "words", [{"long_name": "temperature anomaly"}, {"cell_methods": "time: maximum"}]
)
@pytest.mark.parametrize("writer", TEMPERATURES)
def test_what_is_no_temperature_is_refused(writer: str, words: dict, tmp_path: Path) -> None:
    path = made(tmp_path, writer)
    declare(path, TEMPERATURES[writer], **words)
    assert "expected temperatures" in refused(path)


@pytest.mark.slow
@pytest.mark.parametrize("writer", TEMPERATURES)
def test_temperatures_are_of_the_kind_that_they_declare(writer: str, tmp_path: Path) -> None:
    path = made(tmp_path, writer)
    given = THETA if writer == "mitprof" else in_situ()
    declare(path, TEMPERATURES[writer], standard_name="sea_water_potential_temperature")
    np.testing.assert_allclose(read(path).table["temperature"], given, atol=1e-4)
    declare(path, TEMPERATURES[writer], standard_name="sea_water_conservative_temperature")
    warm = read(path).table["temperature"]
    assert 2e-3 < abs(warm.iloc[0] - given[0]) < 0.02


def test_in_situ_temperatures_of_mitprof_are_converted(tmp_path: Path) -> None:
    path = made(tmp_path, "mitprof")
    with netCDF4.Dataset(path, "a") as data:
        data["prof_T"][0, :4] = in_situ() + 273.15
    declare(path, "prof_T", units="K", long_name="in situ temperature")
    found = read(path)
    np.testing.assert_allclose(found.table["temperature"], THETA, atol=1e-3)
    assert any("in situ" in said for said in found.assumed)


def test_mitprof_depths_are_read_in_their_units(tmp_path: Path) -> None:
    path = made(tmp_path, "mitprof")
    declare(path, "prof_depth", units="me")  # as the toolbox cuts metres short
    np.testing.assert_allclose(read(path).table["depth"], DEPTH)
    with netCDF4.Dataset(path, "a") as data:
        data["prof_depth"][:] *= 100.0
    declare(path, "prof_depth", units="cm")
    np.testing.assert_allclose(read(path).table["depth"], DEPTH)


@pytest.mark.parametrize("writer", ["wod", "wod_ragged", "mitprof"])
def test_the_valid_range_of_the_temperature_holds(writer: str, tmp_path: Path) -> None:
    path = made(tmp_path, writer)
    declare(path, TEMPERATURES.get(writer, "Temperature"), valid_max=np.float32(28.0))
    assert read(path).reasons == {"temperature_outside_valid_range": 1}


@pytest.mark.parametrize(
    ("writer", "name"), [("odv", "var2_qc"), ("wod", "Temperature_WODflag"), ("gtspp", "TEMP_qparm")]
)
def test_flags_that_declare_their_meanings_are_read_by_them(
    writer: str, name: str, tmp_path: Path
) -> None:
    path = made(tmp_path, writer)
    values = {"odv": [[48, 48, 56, 52, 48, 48]], "wod": [1, 1, 3, 2]}.get(
        writer, [b"0", b"0", b"8", b"4"]
    )
    with netCDF4.Dataset(path, "a") as data:
        data[name][:] = np.array(values).reshape(data[name].shape)
    codes = {"odv": [48, 49, 52, 56], "wod": [1, 0, 2, 3]}.get(writer, [0, 1, 4, 8])
    declare(path, name, flag_values=np.array(codes, "i1"), flag_meanings="good unknown questionable bad")
    assert read(path).reasons == {"temperature_flagged_bad": 1, "temperature_flagged_suspect": 1}


# SeaDataNet and Ocean Data View


def odv(folder: Path, *temperatures: tuple[str, np.ndarray]) -> Path:
    """Profiles of Ocean Data View with temperatures of these long names."""
    path = made(folder, "odv")
    with netCDF4.Dataset(path, "a") as data:
        for number, (name, values) in enumerate(temperatures, start=2):
            variable = (
                data["var2"] if number == 2 else data.createVariable(f"var{number + 2}", "f4", LEVEL)
            )
            variable[0, :4] = values
            variable.long_name = name
    return path


@pytest.mark.parametrize(
    "other", ["Temperature standard deviation", "Air temperature", "Temperature anomaly"]
)
def test_the_temperature_of_the_sea_is_found_among_others(other: str, tmp_path: Path) -> None:
    path = odv(tmp_path, (other, np.full(4, 0.5)), ("Temperature", in_situ()))
    np.testing.assert_allclose(read(path).table["temperature"], THETA, atol=1e-3)


def test_a_second_temperature_of_the_sea_is_said(tmp_path: Path) -> None:
    found = read(odv(tmp_path, ("Potential temperature", THETA), ("Temperature", in_situ())))
    np.testing.assert_allclose(found.table["temperature"], THETA, atol=1e-3)
    assert any("not read beside var5: var2" in said for said in found.assumed)


def test_an_unknown_code_is_no_temperature_whatever_its_long_name(tmp_path: Path) -> None:
    path = made(tmp_path, "seadatanet")
    with netCDF4.Dataset(path, "a") as data:
        air = data.createVariable("AIRTEMP", "f4", ("INSTANCE", "MAXZ"))
        air[0, :4] = 40.0
        air.setncatts({"long_name": "temperature", "sdn_parameter_urn": "SDN:P01::CDTASS01"})
    np.testing.assert_allclose(read(path).table["temperature"], THETA, atol=1e-3)


def test_julian_days_may_begin_at_noon(tmp_path: Path) -> None:
    path = made(tmp_path, "seadatanet")
    with netCDF4.Dataset(path, "a") as data:
        data["TIME"][:] = data["TIME"][:] - 0.5
    declare(path, "TIME", units="days since -4713-01-01T12:00:00Z")
    assert (read(path).table["time"] == TIME).all()


# Moorings and sections


def test_the_surface_temperature_of_a_mooring_is_said_to_be_left_out(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.nc",
        {
            "time": (("time",), np.array([12.0]), {"units": "hours since 2012-03-10 00:00:00"}),
            "depth": (("depth",), np.array([100.0, 500.0]), {"units": "m"}),
            "lat": (("lat",), np.zeros(1), {"units": "degrees_north"}),
            "lon": (("lon",), np.full(1, 220.0), {"units": "degrees_east"}),
            "T_20": (("time", "depth", "lat", "lon"), np.full((1, 2, 1, 1), 20.0), {"units": "C"}),
            "T_25": (("time", "lat", "lon"), np.full((1, 1, 1), 28.0), {"units": "C"}),
        },
    )
    assert "temperatures not read beside T_20: T_25" in read(path).assumed


def section(folder: Path, **words: str) -> ReadResult:
    path = folder / "a10_hy1.csv"
    path.write_text(bottle(line(0.0, 20.0, time=words.pop("time", "0745")), **words))  # type: ignore[arg-type]
    return read(path)


def test_the_time_of_a_section_may_have_a_colon(tmp_path: Path) -> None:
    table = section(tmp_path, time="18:45").table
    assert table["time"].iloc[0] == np.datetime64("1993-01-15T18:45", "s")


@pytest.mark.parametrize("time", ["1875", "18.45h", "noon"])
def test_a_time_of_a_section_that_is_none_is_missing(time: str, tmp_path: Path) -> None:
    assert section(tmp_path, time=time).reasons == {"time_missing": 1}


def test_a_section_without_a_time_is_at_noon(tmp_path: Path) -> None:
    for time in ("", "-999"):
        table = section(tmp_path, time=time).table
        assert table["time"].iloc[0] == np.datetime64("1993-01-15T12:00", "s")


@pytest.mark.parametrize("scale", ["ITS90", "its_90", "ITS-90 DEG C", "degC"])
def test_the_scale_of_1990_in_any_spelling_is_degrees(scale: str, tmp_path: Path) -> None:
    assert section(tmp_path, scale=scale).table["temperature"].iloc[0] == pytest.approx(20.0)
