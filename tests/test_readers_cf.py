"""Samples in CF NetCDF: kinds of temperature, units, flags and every sampling geometry."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
from netcdf_files import DEPTH, NOON, SALT, WATER, cast_file, write

from deepda.observations.assumptions import kind_assumed
from deepda.observations.formats import format_of, read_format
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult
from deepda.observations.seawater import pressure_of

TEMP = {"units": "degree_C", "standard_name": "sea_water_temperature"}
POTENTIAL = {"units": "degree_C", "standard_name": "sea_water_potential_temperature"}
DEEPEST_POTENTIAL = 4.915  # degC, of WATER[-1] by TEOS-10
OBS = ("obs",)


def read(path: Path, **options: object) -> ReadResult:
    """Read in this process, which is faster than in a child."""
    return read_format(path, format_of(path), ReadOptions(**options))  # type: ignore[arg-type]


def deepest(result: ReadResult) -> float:
    return float(result.table.sort_values("depth")["temperature"].iloc[-1])


# Kinds of temperature


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("temp", {}, 4.915),
        ("temperature", {"standard_name": "sea_water_temperature"}, 4.915),
        ("temperature", {"standard_name": "sea_water_potential_temperature"}, 5.0),
        ("temperature", {"long_name": "In-situ temperature"}, 4.915),
        ("temperature", {"long_name": "Potential temperature"}, 5.0),
        ("theta", {"standard_name": "sea_water_temperature"}, 4.915),
        ("theta", {}, 5.0),
        ("anything", {"standard_name": "sea_water_potential_temperature"}, 5.0),
        ("CT", {"standard_name": "sea_water_conservative_temperature"}, 5.007),
        ("conservative_temperature", {}, 5.007),
    ],
)
def test_the_kind_of_temperature_is_the_standard_name_s(
    name: str, words: dict[str, str], expected: float, tmp_path: Path
) -> None:
    variables = {"temp": None, name: (OBS, WATER, {"units": "degC"} | words)}
    result = read(cast_file(tmp_path / "x.nc", variables))
    assert deepest(result) == pytest.approx(expected, abs=2e-3)


def test_what_contradicts_its_name_or_is_unsaid_is_said(tmp_path: Path) -> None:
    plain = {"temp": None, "temperature": (OBS, WATER, {"units": "degC"})}
    path = cast_file(tmp_path / "a.nc", plain)
    assert read(path).assumed == (kind_assumed("temperature", "potential"),)
    named = {"temp": None, "temperature": (OBS, WATER, TEMP)}
    (said,) = read(cast_file(tmp_path / "b.nc", named)).assumed
    assert "in situ" in said and "standard_name" in said
    assert read(cast_file(tmp_path / "c.nc", {})).assumed == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "expected"), [("potential", 5.0), ("in_situ", 4.915), ("conservative", 5.007)]
)
@pytest.mark.parametrize("name", ["temperature", "temp"])
def test_the_user_says_the_kind_where_the_file_does_not(
    name: str, kind: str, expected: float, tmp_path: Path
) -> None:
    path = cast_file(tmp_path / "a.nc", {"temp": None, name: (OBS, WATER, {"units": "degC"})})
    result = read(path, temperature=kind)
    assert deepest(result) == pytest.approx(expected, abs=2e-3) and result.assumed == ()
    path = cast_file(tmp_path / "b.nc", {"temp": None, name: (OBS, WATER, POTENTIAL)})
    assert deepest(read(path, temperature=kind)) == 5.0  # what a file says holds


def test_assumed_salinity_and_blank_errors_are_said(tmp_path: Path) -> None:
    path = cast_file(tmp_path / "a.nc", {"salinity": None})
    (said,) = read(path).assumed
    assert said == "no salinity: 35 taken for the potential temperature"
    errors = np.where(np.arange(WATER.size) == 0, np.nan, 0.1)
    path = cast_file(tmp_path / "b.nc", {"error": (OBS, errors, {"units": "K"})})
    assert read(path).assumed == ("rows without an error: that of the platform type taken",)
    path = cast_file(tmp_path / "c.nc", {"error": (OBS, np.full(WATER.size, 0.1), {"units": "K"})})
    assert read(path).assumed == ()


def test_anomalies_are_never_temperatures(tmp_path: Path) -> None:
    for words in (
        {"long_name": "temperature anomaly"},
        {"standard_name": "sea_water_temperature_anomaly"},
    ):
        with pytest.raises(ObservationError):
            read(cast_file(tmp_path / "x.nc", {"temp": (OBS, WATER - 10, {"units": "degC"} | words)}))


@pytest.mark.parametrize(
    ("name", "words"),
    [("temp", TEMP | {"cell_methods": "time: standard_deviation"}),
     ("temp", TEMP | {"cell_methods": "TIME: maximum DEPTH: point"}),
     ("temp", {"long_name": "standard deviation of sea water temperature"}),
     ("temperature", {"standard_name": "air_temperature"}),
     ("temperature", {"long_name": "Air temperature at 2 m"}),
     ("temperature", {"long_name": "vertical temperature gradient"}),
     ("temp_stddev", TEMP)],
)  # fmt: skip
def test_statistics_and_other_quantities_are_no_temperatures(
    name: str, words: dict[str, str], tmp_path: Path
) -> None:
    variables = {"temp": None, name: (OBS, WATER / 10, {"units": "degC"} | words)}
    with pytest.raises(ObservationError, match=f"{name} holds no temperatures of sea water by its .*;"):
        read(cast_file(tmp_path / "x.nc", variables))


def test_a_spread_that_the_user_names_is_no_temperature(tmp_path: Path) -> None:
    spread = (OBS, WATER / 10, TEMP | {"cell_methods": "time: standard_deviation"})
    path = cast_file(tmp_path / "x.nc", {"spread": spread})
    with pytest.raises(ObservationError, match="spread holds no temperatures of sea water"):
        read(path, columns={"temperature": "spread"})


def test_a_spread_beside_a_temperature_is_passed_over_or_its_error(tmp_path: Path) -> None:
    spread = {"cell_methods": "obs: standard_deviation"}
    variables = {
        "temp": (OBS, WATER, TEMP | {"cell_methods": "time: point", "ancillary_variables": "error"}),
        "a_temp_sd": (OBS, WATER / 10, TEMP | spread),
        "error": (OBS, np.full(4, 0.25), {"units": "K", "long_name": "standard deviation"} | spread),
    }
    result = read(cast_file(tmp_path / "x.nc", variables))
    assert deepest(result) == pytest.approx(DEEPEST_POTENTIAL, abs=2e-3)
    assert result.table["error"].tolist() == [0.25] * WATER.size


# Units


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factor", "units"),
    [
        (1.0, "dbar"),
        (0.1, "bar"),
        (10.0, "kPa"),
        (1e4, "Pa"),
        (100.0, "hPa"),
        (1.4503774, "psi"),
        (1.0, "decibars"),
        (0.01, "MPa"),
    ],
)
def test_pressure_is_read_in_its_unit(factor: float, units: str, tmp_path: Path) -> None:
    pressure = pressure_of(DEPTH, np.full(4, 36.0)) * factor
    variables = {"depth": None, "pressure": (OBS, pressure, {"units": units})}
    result = read(cast_file(tmp_path / "x.nc", variables))
    np.testing.assert_allclose(result.table["depth"], DEPTH, atol=0.02)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (DEPTH * 100, {"units": "cm"}),
        (DEPTH / 1.8288, {"units": "fathoms"}),
        (DEPTH / 0.3048, {"units": "feet"}),
        (DEPTH / 1000, {"units": "km"}),
        (-DEPTH, {"units": "m", "positive": "up"}),
        (DEPTH, {}),
        (-DEPTH, {"units": "m", "standard_name": "height"}),
    ],
)
def test_depth_is_read_in_its_unit_and_direction(
    values: np.ndarray, words: dict[str, str], tmp_path: Path
) -> None:
    result = read(cast_file(tmp_path / "x.nc", {"depth": (OBS, values, words)}))
    np.testing.assert_allclose(result.table["depth"], DEPTH, atol=0.01)


@pytest.mark.parametrize(
    ("name", "units"),
    [("depth", "dbar"), ("depth", "furlongs per week"), ("temp", "psu"), ("lat", "m"), ("lon", "hours")],
)
def test_an_unknown_unit_is_refused(name: str, units: str, tmp_path: Path) -> None:
    values = {"depth": DEPTH, "temp": WATER, "lat": np.full(4, 36.0), "lon": np.full(4, -72.0)}[name]
    with pytest.raises(ObservationError, match="expected one that converts to"):
        read(cast_file(tmp_path / "x.nc", {name: (OBS, values, {"units": units})}))


def test_the_user_names_columns_and_units(tmp_path: Path) -> None:
    path = cast_file(tmp_path / "x.nc", {"depth": None, "d": (OBS, DEPTH * 100, {})})
    result = read_format(path, "cf", ReadOptions(columns={"depth": "d"}, units={"depth": "cm"}))
    np.testing.assert_allclose(result.table["depth"], DEPTH, atol=0.01)


# Flags, ranges, errors


@pytest.mark.parametrize(
    ("flags", "words", "kept"),
    [
        ([1, 2, 4, 9], {}, {"good": 1, "probably_good": 1}),
        ([1, 10, 14, 128], {}, {"good": 1}),
        ([49, 1, 1, 1], {}, {"good": 3}),  # an int16 of 49 is no character
        (
            [0, 1, 2, 3],
            {"flag_values": [0, 1, 2], "flag_meanings": "pass suspect fail"},
            {"good": 1, "unknown": 1},
        ),
        (
            [1, 2, 3, 4],
            {"flag_values": [1, 2, 3, 4, 9], "flag_meanings": "PASS NOT_EVALUATED SUSPECT FAIL MISSING"},
            {"good": 1, "unknown": 1},
        ),
        (
            [0, 1, 2, 4],
            {"flag_masks": [1, 2, 4], "flag_meanings": "range_failed spike_failed adjusted_value"},
            {"good": 1, "probably_good": 1},
        ),
    ],
)
def test_flags_mean_what_the_file_declares(
    flags: list[int], words: dict, kept: dict[str, int], tmp_path: Path
) -> None:
    attributes = {name: np.array(x, "i2") if isinstance(x, list) else x for name, x in words.items()}
    variables = {"temp_qc": (OBS, np.array(flags, "i2"), attributes)}
    counts = read(cast_file(tmp_path / "x.nc", variables)).table["qc"].value_counts()
    assert {str(word): int(n) for word, n in counts.items() if n} == kept


@pytest.mark.parametrize("words", [{}, {"flag_values": "1, 4", "flag_meanings": "good bad"}])
def test_flags_written_as_strings_are_read(words: dict, tmp_path: Path) -> None:
    variables = {"temp_qc": (OBS, np.array(["1", "4", "1", "1"]), words)}
    result = read(cast_file(tmp_path / "x.nc", variables))
    assert result.reasons == {"temperature_flagged_bad": 1}
    assert set(result.table["qc"]) == {"good"}


def test_flags_are_found_as_ancillary_variables(tmp_path: Path) -> None:
    flag = {
        "standard_name": "sea_water_temperature status_flag",
        "flag_values": np.array([3, 4], "i1"),
        "flag_meanings": "good_data bad_data",
    }
    variables = {
        "temp": (OBS, WATER, TEMP | {"ancillary_variables": "check sensor"}),
        "check": (OBS, np.array([3, 3, 3, 4], "i1"), flag),
        "sensor": ((), 7, {}),
    }
    assert read(cast_file(tmp_path / "x.nc", variables)).reasons == {"temperature_flagged_bad": 1}


def test_a_bad_depth_position_or_time_rejects_its_row_alone(tmp_path: Path) -> None:
    variables = {
        "depth": (OBS, [0.0, -6.0, 500.0, 1000.0], {"units": "m"}),
        "lat": (OBS, [36.0, 36.0, 99.0, 36.0], {"units": "degrees_north"}),
        "time": (OBS, [12.0, 12.0, 12.0, np.nan], NOON),
    }
    result = read(cast_file(tmp_path / "x.nc", variables))
    assert result.reasons == {"depth_impossible": 1, "position_looks_swapped": 1, "time_missing": 1}
    assert len(result.table) == 1


@pytest.mark.parametrize(
    "limits",
    [{"valid_max": 20.0}, {"valid_range": np.array([-2.5, 20.0])}, {"valid_max": np.float32(20)}],
)
def test_a_value_outside_the_valid_range_is_rejected(limits: dict, tmp_path: Path) -> None:
    result = read(cast_file(tmp_path / "x.nc", {"temp": (OBS, WATER, TEMP | limits)}))
    assert result.reasons == {"temperature_outside_valid_range": 1}
    assert result.rejects["temperature"].iloc[0] == pytest.approx(26.0, abs=1e-3)


@pytest.mark.parametrize("words", [{"fill": np.int16(-1)}, {"valid_max": np.int16(-2)}])
def test_a_signed_fill_of_unsigned_numbers_is_no_temperature(words: dict, tmp_path: Path) -> None:
    packed = np.array([52000, 65535, 24000, 10000], "u2").view("i2")
    attributes = TEMP | {"_Unsigned": "true", "scale_factor": 0.0005} | words
    result = read(cast_file(tmp_path / "x.nc", {"temp": (OBS, packed, attributes)}))
    assert result.rows_in == 4 and sum(result.reasons.values()) == 1
    assert result.table["temperature"].max() == pytest.approx(26.0, abs=1e-3)


def test_an_error_that_is_none_rejects_its_row_and_a_missing_one_does_not(tmp_path: Path) -> None:
    words = {"units": "K", "standard_name": "sea_water_temperature standard_error"}
    result = read(cast_file(tmp_path / "x.nc", {"e": (OBS, [0.3, 0.0, -1.0, np.nan], words)}))
    assert result.reasons == {"error_impossible": 2}
    assert result.table["error"].iloc[0] == pytest.approx(0.3) and (result.table["error"] > 0).all()


# Geometries: the same cast in each

LEVELS, TWICE = ("profile", "z"), {"units": "m"}


def two(values: np.ndarray) -> np.ndarray:
    return np.stack([values, values + 0.5])


def orthogonal(path: Path) -> Path:
    """Mooring: TEMP(TIME, DEPTH), a place without dimension."""
    return write(
        path,
        {
            "TIME": (("TIME",), [0.0, 12.0], NOON),
            "LATITUDE": ((), 36.0, {}),
            "LONGITUDE": ((), -72.0, {}),
            "DEPTH": (("DEPTH",), DEPTH, {"units": "m"}),
            "TEMP": (("TIME", "DEPTH"), two(WATER), TEMP),
            "PSAL": (("TIME", "DEPTH"), two(SALT) * 0 + SALT, {"units": "1"}),
        },
        featureType="timeSeriesProfile",
        wmo_platform_code="51311",
    )


def transposed(path: Path) -> Path:
    return write(
        path,
        {
            "time": (("profile",), [0.0, 12.0], NOON),
            "lat": (("profile",), [36.0] * 2, {}),
            "lon": (("profile",), [-72.0] * 2, {}),
            "depth": (("z",), DEPTH, {"units": "m"}),
            "temp": (("z", "profile"), two(WATER).T, TEMP),
            "salinity": (("z", "profile"), np.stack([SALT] * 2).T, {}),
            "platform_code": (("profile",), [51311, 51311], {}),
        },
    )


def square(path: Path) -> Path:
    """As many casts as levels, levels first: sizes would put it the other way round."""
    return write(
        path,
        {
            "time": (("n",), [0.0, 12.0, 18.0, 23.0], NOON),
            "lat": (("n",), [36.0] * 4, {}),
            "lon": (("n",), [-72.0] * 4, {}),
            "depth": (("k",), DEPTH, {"units": "m"}),
            "temp": (
                ("k", "n"),
                np.column_stack([WATER, WATER + 0.5, WATER * np.nan, WATER * np.nan]),
                TEMP,
            ),
            "salinity": (("k", "n"), np.column_stack([SALT] * 4), {}),
            "wmo": (("n",), [51311] * 4, {}),
        },
    )


def incomplete(path: Path) -> Path:
    """Casts padded to the longest, with a depth for each value."""
    pad = np.full((2, 2), np.nan)
    return write(
        path,
        {
            "time": (("profile",), [0.0, 12.0], NOON),
            "lat": (("profile",), [36.0] * 2, {}),
            "lon": (("profile",), [-72.0] * 2, {}),
            "depth": (LEVELS, np.hstack([np.stack([DEPTH] * 2), pad]), TWICE),
            "temp": (LEVELS, np.hstack([two(WATER), pad]), TEMP),
            "salinity": (LEVELS, np.hstack([np.stack([SALT] * 2), pad]), {}),
            "station": (("profile", "len"), np.array([[*b"51311"], [*b"51311"]], "u1").view("S1"), {}),
        },
        featureType="profile",
    )


def contiguous(path: Path) -> Path:
    return write(
        path,
        {
            "time": (("profile",), [0.0, 12.0], NOON),
            "lat": (("profile",), [36.0] * 2, {}),
            "lon": (("profile",), [-72.0] * 2, {}),
            "rowSize": (("profile",), [4, 4], {"sample_dimension": "obs"}),
            "depth": (OBS, np.tile(DEPTH, 2), {"units": "m"}),
            "temp": (OBS, two(WATER).ravel(), TEMP),
            "salinity": (OBS, np.tile(SALT, 2), {}),
            "platform_number": (("profile",), np.array(["51311"] * 2), {}),
        },
        featureType="profile",
    )


def indexed(path: Path) -> Path:
    order = np.arange(8).reshape(2, 4).T.ravel()  # the casts are interleaved
    return write(
        path,
        {
            "time": (("profile",), [0.0, 12.0], NOON),
            "lat": (("profile",), [36.0] * 2, {}),
            "lon": (("profile",), [-72.0] * 2, {}),
            "which": (OBS, order // 4, {"instance_dimension": "profile"}),
            "depth": (OBS, np.tile(DEPTH, 2)[order], {"units": "m"}),
            "temp": (OBS, two(WATER).ravel()[order], TEMP),
            "salinity": (OBS, np.tile(SALT, 2)[order], {}),
        },
        featureType="profile",
        wmo_platform_code="51311",
    )


def nested(path: Path) -> Path:
    """A station with profiles, ragged twice."""
    return write(
        path,
        {
            "lat": (("station",), [10.0, 36.0], {}),
            "lon": (("station",), [10.0, -72.0], {}),
            "station_id": (("station",), [1, 51311], {"cf_role": "timeseries_id"}),
            "time": (("profile",), [0.0, 12.0], NOON),
            "station_index": (("profile",), [1, 1], {"instance_dimension": "station"}),
            "row_size": (("profile",), [4, 4], {"sample_dimension": "obs"}),
            "depth": (OBS, np.tile(DEPTH, 2), {"units": "m"}),
            "temp": (OBS, two(WATER).ravel(), TEMP),
            "salinity": (OBS, np.tile(SALT, 2), {}),
        },
        featureType="timeSeriesProfile",
    )


def oceansites(path: Path) -> Path:
    """Copernicus in situ: the position has dimensions of its own, as long as the time."""
    return write(
        path,
        {
            "TIME": (("TIME",), [0.0, 12.0], NOON),
            "LATITUDE": (("LATITUDE",), [36.0] * 2, {}),
            "LONGITUDE": (("LONGITUDE",), [-72.0] * 2, {}),
            "DEPH": (("TIME", "DEPTH"), np.stack([DEPTH] * 2), {"units": "m", "standard_name": "depth"}),
            "TEMP": (
                ("TIME", "DEPTH"),
                np.round(two(WATER) * 1000).astype("i4"),
                TEMP | {"scale_factor": 0.001},
            ),
            "TEMP_QC": (("TIME", "DEPTH"), np.ones((2, 4), "i1"), {}),
            "PSAL": (("TIME", "DEPTH"), np.stack([SALT] * 2), {"units": "0.001"}),
        },
        Conventions="CF-1.6 Copernicus-InSituTAC-FormatManual-1.4",
        platform_code="51311",
    )


GEOMETRIES = (orthogonal, transposed, square, incomplete, contiguous, indexed, nested, oceansites)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_two_casts_are_the_same_in_every_geometry(geometry, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = read(geometry(tmp_path / "x.nc"))
    table = result.table.sort_values(["time", "depth"])
    assert result.rows_in == len(table) == 8 and table["profile"].nunique() == 2
    np.testing.assert_allclose(table["depth"], np.tile(DEPTH, 2), atol=1e-3)
    np.testing.assert_allclose(
        table["temperature"].iloc[[0, 3, 4]], [26.0, DEEPEST_POTENTIAL, 26.5], atol=2e-3
    )
    assert set(table["lat"]) == {36.0} and set(table["lon"]) == {-72.0}
    assert set(table["platform_id"].astype(str)) == {"51311"}
    hours = (table["time"].to_numpy() - np.datetime64("2012-03-10")).astype("timedelta64[h]").astype(int)
    assert hours.tolist() == [0] * 4 + [12] * 4


def test_casts_without_a_name_are_distinguished_by_time_and_place(tmp_path: Path) -> None:
    time = {"time": (OBS, [0.0, 0.0, 12.0, 12.0], NOON)}
    assert read(cast_file(tmp_path / "x.nc", time)).table["profile"].tolist() == [0, 0, 1, 1]


def test_dimensions_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="expected some of obs"):
        read(cast_file(tmp_path / "x.nc", {"lat": (("other",), np.full(4, 36.0), {})}))


@pytest.mark.parametrize("counts", [[4, 5], [9, -1], [4, 3]])
def test_counts_that_do_not_add_up_are_refused(counts: list[int], tmp_path: Path) -> None:
    path = contiguous(tmp_path / "x.nc")
    with netCDF4.Dataset(path, "a") as data:
        data["rowSize"][:] = counts
    with pytest.raises(ObservationError, match="rowSize adds up to"):
        read(path)


def test_adjusted_values_are_taken_by_the_mode(tmp_path: Path) -> None:
    """An ERDDAP answer on Argo floats, along one dimension."""
    variables = {
        "temp_adjusted": (OBS, WATER - 1, TEMP),
        "temp_adjusted_qc": (OBS, np.array([1, 1, 4, 1], "i1"), {}),
        "data_mode": (OBS, np.array([b"R", b"A", b"D", b"D"], "S1"), {}),
        "platform_number": (OBS, np.array([5900001] * 4), {}),
        "cycle_number": (OBS, np.array([1, 1, 1, 2]), {}),
    }
    result = read(cast_file(tmp_path / "x.nc", variables, source="Argo float"))
    assert result.reasons == {"temperature_flagged_bad": 1}
    np.testing.assert_allclose(result.table["temperature"].iloc[:2], [26.0, 16.97], atol=5e-3)
    assert set(result.table["platform_type"]) == {"argo"}
    assert result.table["profile"].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"platform": "Slocum glider"}, "ctd"),
        ({"source": "moored buoy"}, "mooring"),
        ({"featureType": "timeSeries"}, "mooring"),
        ({"source": "surface drifter"}, "drifter"),
        ({"source": "research vessel"}, "ship"),
        ({}, "other"),
    ],
)
def test_the_platform_is_what_the_file_says(
    attributes: dict[str, str], kind: str, tmp_path: Path
) -> None:
    assert set(read(cast_file(tmp_path / "x.nc", {}, **attributes)).table["platform_type"]) == {kind}


def test_a_surface_time_series_needs_no_depth(tmp_path: Path) -> None:
    sst = {"units": "K", "standard_name": "sea_surface_temperature"}
    variables = {"depth": None, "temp": None, "sst": (OBS, WATER + 273.15, sst)}
    table = read(cast_file(tmp_path / "x.nc", variables)).table
    assert set(table["depth"]) == {0.0} and table["temperature"].iloc[0] == pytest.approx(26, abs=1e-4)
    with pytest.raises(ObservationError, match="neither depth nor pressure"):
        read(cast_file(tmp_path / "y.nc", {"depth": None}))


def test_a_field_on_latitude_longitude_and_depth_is_no_observation(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "toce.nc", "w") as file:
        for name, size in {"time": 2, "lev": 3, "lat": 4, "lon": 5}.items():
            file.createDimension(name, size)
        axes = {
            "time": {"units": "days since 2001-01-01", "standard_name": "time"},
            "lev": {"units": "m", "standard_name": "depth", "positive": "down"},
            "lat": {"units": "degrees_north", "standard_name": "latitude"},
            "lon": {"units": "degrees_east", "standard_name": "longitude"},
        }
        for name, words in axes.items():
            file.createVariable(name, "f8", (name,)).setncatts(words)
            file[name][:] = np.arange(1.0, len(file.dimensions[name]) + 1)
        words = {"units": "degC", "standard_name": "sea_water_conservative_temperature"}
        file.createVariable("toce", "f4", tuple(axes)).setncatts(words)
        file["toce"][:] = 12.0
    with pytest.raises(ObservationError, match="axes of latitude and longitude"):
        read(tmp_path / "toce.nc")
