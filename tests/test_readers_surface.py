"""Gridded surface temperature as products are issued: each is read by what its attributes declare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from netcdf_files import LAT, LON, NOON, SST, sst_file, write

from deepda.observations.formats import format_of, read_format
from deepda.observations.intervals import ASSUMED
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult
from deepda.observations.sources import find_sources
from deepda.observations.surface_climatology import read_surface_climatology

CELLS = LAT.size * LON.size
GHRSST = "no_data bad_data worst_quality low_quality acceptable_quality best_quality"
NAMED = {"standard_name": "sea_surface_temperature"}
LAND = (slice(3, 9), slice(10, 18))  # a continent of 48 cells in the tropics


def read(path: Path, **options: object) -> ReadResult:
    """Read in this process, which is faster than in a child."""
    return read_format(path, format_of(path), ReadOptions(**options))  # type: ignore[arg-type]


def grid(result: ReadResult) -> np.ndarray:
    """(lat, lon) the kept values at their place, NaN elsewhere."""
    out = np.full(SST.shape, np.nan)
    table = result.table
    row = np.searchsorted(LAT, table["lat"])
    column = np.searchsorted(LON, table["lon"].to_numpy() % 360)
    out[row, column] = table["temperature"]
    return out


# Units


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "units"),
    [(SST, "degC"), (SST, "Celsius"), (SST + 273.15, "K"), (SST + 273.15, "kelvin"),
     (SST * 1.8 + 32, "degF"), (SST * 1.8 + 32, "degrees_Fahrenheit"), (SST, ""),
     (SST + 273.15, "")],
)  # fmt: skip
def test_temperature_is_read_in_its_unit(values: np.ndarray, units: str, tmp_path: Path) -> None:
    result = read(sst_file(tmp_path / "sst.nc", values, units=units))
    np.testing.assert_allclose(grid(result), SST, atol=1e-4)
    assert bool(result.assumed) == (units == "")


@pytest.mark.parametrize("units", ["m s-1", "1", "furlong", "%"])
def test_a_unit_of_something_else_is_refused(units: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="expected kelvin or degC"):
        read(sst_file(tmp_path / "sst.nc", units=units))


def test_latitude_and_longitude_in_radians_become_degrees(tmp_path: Path) -> None:
    lat = (("lat",), np.radians(LAT), {"units": "radians", "standard_name": "latitude"})
    lon = (("lon",), np.radians(LON), {"units": "radians", "standard_name": "longitude"})
    result = read(sst_file(tmp_path / "sst.nc", lat=lat, lon=lon))
    assert sorted(set(np.round(result.table["lat"], 3))) == LAT.tolist()
    assert result.table["lon"].max() == pytest.approx(355, abs=1e-3)


@pytest.mark.parametrize(("ice", "units"), [(60.0, "%"), (0.6, "1"), (60.0, "percent"), (60.0, ""),
                                               (0.6, "fraction"),
                                               (0.6, "fraction (between 0 and 1)")])  # fmt: skip
def test_ice_counts_by_its_unit(ice: float, units: str, tmp_path: Path) -> None:
    field = np.zeros((1, *SST.shape))
    field[0, :2] = ice
    extra = {"sea_ice_fraction": (("time", "lat", "lon"), field, {"units": units} if units else {})}
    assert read(sst_file(tmp_path / "sst.nc", extra=extra)).reasons == {"sea_ice": 2 * LON.size}


def test_a_hundredth_of_ice_in_percent_is_open_water(tmp_path: Path) -> None:
    extra = {"ice": (("time", "lat", "lon"), np.full((1, *SST.shape), 1.0), {"units": "%"})}
    assert read(sst_file(tmp_path / "sst.nc", extra=extra)).reasons == {}


# Flags


def levels() -> np.ndarray:
    """(time, lat, lon) quality levels 0..5 and one that is none."""
    return (np.arange(CELLS) % 7).astype("i1").reshape(1, *SST.shape)


@pytest.mark.parametrize("declared", [True, False])
def test_pixels_are_used_by_their_quality_level(declared: bool, tmp_path: Path) -> None:
    words = {"flag_values": np.arange(6, dtype="i1"), "flag_meanings": GHRSST} if declared else {}
    extra = {"quality_level": (("time", "lat", "lon"), levels(), words)}
    result = read(sst_file(tmp_path / "l3c.nc", SST + 273.15, units="kelvin", extra=extra,
                           processing_level="L3C"))  # fmt: skip
    level = levels().ravel()
    assert result.reasons == {"temperature_flagged_bad": int((level < 3).sum())}
    kept = level[result.table["source_index"]]
    assert set(kept[result.table["qc"] == "good"]) == {5}
    assert set(kept[result.table["qc"] == "probably_good"]) == {3, 4}
    assert set(kept[result.table["qc"] == "unknown"]) == {6}  # outside the scheme


def test_the_meaning_decides_not_the_number(tmp_path: Path) -> None:
    words = {"flag_values": np.array([0, 1], "i1"), "flag_meanings": "good bad"}
    flags = np.zeros((1, *SST.shape), "i1")
    flags[0, 0] = 1
    extra = {"sst_flag": (("time", "lat", "lon"), flags, words)}
    assert read(sst_file(tmp_path / "sst.nc", extra=extra)).reasons == {
        "temperature_flagged_bad": LON.size
    }


def test_bits_of_masks_mark_land_and_ice(tmp_path: Path) -> None:
    words = {"flag_masks": np.array([1, 2, 4, 8, 16], "i1"),
             "flag_meanings": "water land optional_lake_surface sea_ice river"}  # fmt: skip
    mask = np.ones((1, *SST.shape), "i1")
    mask[0, 5], mask[0, 6], mask[0, 7] = 2, 4, 9
    extra = {"mask": (("time", "lat", "lon"), mask, words)}
    result = read(sst_file(tmp_path / "l4.nc", name="analysed_sst", extra=extra))
    assert result.reasons == {"flagged_as_land_or_cloud": 2 * LON.size, "sea_ice": LON.size}


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize(
    "meanings",
    ["open_sea land open_lake open_sea_with_ice_in_the_grid open_lake_with_ice_in_the_grid",
     "open-sea land open-lake open-sea-with-ice open-lake-with-ice",
     "1=open-sea, 2=land, 5=open-lake, 9=open-sea with ice in the grid, "
     "13=open-lake with ice in the grid"],
)  # fmt: skip
def test_codes_that_are_sums_of_bits_are_compared_whole(
    meanings: str, masks: bool, tmp_path: Path
) -> None:
    """The mask of MUR: a lake is 5 = 1 + 4, and its bit alone would be 4."""
    words: dict = {"flag_values": np.array([1, 2, 5, 9, 13], "i1"), "flag_meanings": meanings}
    if masks:
        words["flag_masks"] = np.array([1, 2, 4, 8, 16], "i1")
    mask = np.ones((1, *SST.shape), "i1")
    mask[0, 5], mask[0, 6], mask[0, 7] = 2, 5, 9
    extra = {"mask": (("time", "lat", "lon"), mask, words)}
    result = read(sst_file(tmp_path / "mur.nc", name="analysed_sst", extra=extra))
    assert result.reasons == {"flagged_as_land_or_cloud": 2 * LON.size, "sea_ice": LON.size}


def test_pixels_of_a_pass_have_times_of_their_own(tmp_path: Path) -> None:
    rows, columns = np.meshgrid(LAT, LON, indexing="ij")
    offset = np.arange(CELLS, dtype="i4").reshape(1, *SST.shape)
    dims = ("time", "nj", "ni")
    path = write(
        tmp_path / "l2p.nc",
        {
            "time": (("time",), [100], {"units": "seconds since 1981-01-01 00:00:00"}),
            "lat": (("nj", "ni"), rows, {"units": "degrees_north"}),
            "lon": (("nj", "ni"), columns, {"units": "degrees_east"}),
            "sea_surface_temperature": (
                dims,
                np.round((SST[None] - 25) / 0.01).astype("i2"),
                {
                    "units": "kelvin",
                    "scale_factor": 0.01,
                    "add_offset": 298.15,
                    "fill": np.int16(-32768),
                },
            ),
            "sst_dtime": (dims, offset, {"units": "seconds", "scale_factor": 2.0, "add_offset": 1.0}),
            "quality_level": (dims, np.full((1, *SST.shape), 5, "i1"), {}),
        },
        processing_level="L2P",
    )
    result = read(path)
    np.testing.assert_allclose(grid(result), SST, atol=1e-3)
    since = (result.table["time"].to_numpy() - np.datetime64("1981-01-01")).astype(int)
    np.testing.assert_array_equal(since, 101 + 2 * result.table["source_index"])


@pytest.mark.parametrize(("level", "noise"), [("L4", 0.2), ("", 0.2), ("L3C", 0.4)])
def test_an_analysis_that_gives_no_error_has_less_noise_than_pixels_of_satellites(
    level: str, noise: float, tmp_path: Path
) -> None:
    table = read(sst_file(tmp_path / "sst.nc", processing_level=level)).table
    np.testing.assert_allclose(table["error"], np.hypot(noise, 0.1), rtol=1e-6)


def test_an_error_that_is_none_rejects_its_row(tmp_path: Path) -> None:
    error = np.full((1, *SST.shape), 0.4)
    error[0, 0, :4] = [0.0, -0.1, np.nan, np.inf]
    extra = {"analysis_error": (("time", "lat", "lon"), error, {"units": "kelvin"})}
    result = read(sst_file(tmp_path / "sst.nc", extra=extra))
    assert result.reasons == {"error_impossible": 2}  # infinity is no number in NetCDF: absent, as NaN
    assert (result.table["error"] > 0).all()


# Anomalies and climatologies


@pytest.mark.parametrize(
    ("name", "words"),
    [("tos", {"standard_name": "sea_surface_temperature_anomaly"}),
     ("sst", {"long_name": "Monthly SST anomalies"}), ("ssta", {}), ("anom", {}),
     ("field", {"standard_name": "surface_temperature_anomaly"}),
     ("sst", {"cell_methods": "time: anomaly (monthly from values)"}), ("sst", {"statistic": "Anomaly"}),
     ("sst", {"standard_name": "sea_surface_temperature", "long_name": "departure from normal"})],
)  # fmt: skip
def test_anomalies_are_never_temperatures(name: str, words: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="pass the climatology"):
        read(sst_file(tmp_path / "x.nc", SST - 20, name=name, words=words))


@pytest.mark.parametrize(
    ("name", "words"),
    [("sst", {"cell_methods": "time: standard_deviation"}),
     ("sst", {"cell_methods": "time: maximum within days time: mean over days"}),
     ("sst", {"cell_methods": "area: mean time: minimum (interval: 1 hour)"}),
     ("sst", {"cell_methods": "lat: lon: variance"}),
     ("sst", {"long_name": "Sea Surface Temperature Monthly Standard Deviation at Surface",
              "standard_name": "sea_surface_temperature"}),
     ("sst", {"long_name": "Sea Surface Temperature", "statistic": "Standard Deviation"}),
     ("sst", {"long_name": "Daily maximum of sea surface temperature"}),
     ("sst_stddev", {"standard_name": "sea_surface_temperature"}),
     ("tos", {"standard_name": "air_temperature"}),
     ("tos", {"long_name": "Near-Surface Air Temperature"}),
     ("sst", {"standard_name": "land_surface_temperature"}),
     ("sst", {"long_name": "Sea surface temperature gradient"})],
)  # fmt: skip
def test_statistics_and_other_quantities_are_no_temperatures(
    name: str, words: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ObservationError, match=f"{name} holds no temperatures of sea water by its .*;"):
        read(sst_file(tmp_path / "x.nc", name=name, words=words))


@pytest.mark.parametrize(
    "words",
    [{"cell_methods": "area: mean where sea time: mean (interval: 30 minutes)"},
     {"cell_methods": "time: point"}, {"cell_methods": "time: lat: lon: mean"},
     {"cell_methods": "time: instantaneous depth: point area: median"},
     {"cell_methods": "time: mean (comment: standard_deviation in sst_sd)"},
     {"long_name": "Monthly Means of Sea Surface Temperature", "statistic": "Mean"},
     {"long_name": "Sea Surface Temperature, of pixels of the maximum quality level"}],
)  # fmt: skip
def test_means_and_instants_are_temperatures(words: dict[str, str], tmp_path: Path) -> None:
    np.testing.assert_allclose(grid(read(sst_file(tmp_path / "x.nc", words=words))), SST, atol=1e-4)


def test_a_spread_beside_a_temperature_is_passed_over(tmp_path: Path) -> None:
    spread = {"cell_methods": "time: standard_deviation", "units": "K"}
    extra = {"analysed_sst": (("time", "lat", "lon"), SST[None] * 0.01, spread)}
    np.testing.assert_allclose(grid(read(sst_file(tmp_path / "x.nc", extra=extra))), SST, atol=1e-4)


def test_a_file_with_both_gives_its_temperatures(tmp_path: Path) -> None:
    extra = {"ssta": (("time", "lat", "lon"), SST[None] * 0, {"units": "degC"})}
    np.testing.assert_allclose(grid(read(sst_file(tmp_path / "x.nc", extra=extra))), SST, atol=1e-4)


@pytest.mark.parametrize(
    ("time", "words"),
    [(NOON | {"climatology": "climatology_bounds"}, {}),
     (NOON, {"long_name": "sea surface temperature climatology"})],
)  # fmt: skip
def test_a_climatology_is_no_observation(time: dict, words: dict, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="is a climatology"):
        read(sst_file(tmp_path / "x.nc", time=time, words=words))


# Times


def stamp(path: Path) -> np.datetime64:
    times = read(path).table["time"].unique()
    assert len(times) == 1
    return times[0].to_datetime64()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("units", "calendar", "count", "expected"),
    [
        ("days since 0001-01-01", "proleptic_gregorian", 733937.5, "2010-06-15T12"),
        ("days since 0001-01-01", "standard", 733939.5, "2010-06-15T12"),
        ("hours since 2012-01-01 00:00:00 +09:00", "", 720.0, "2012-01-30T15"),
        ("hours since 2012-01-01 00:00:00 -0330", "", 720.0, "2012-01-31T03:30"),
        ("hours since 2012-01-01T00:00:00+9", "", 720.0, "2012-01-30T15"),
        ("hours since 2012-01-01 00:00:00 UTC", "", 720.0, "2012-01-31T00"),
        ("days since 2000-01-01", "noleap", 365 * 4 + 59.5, "2004-03-01T12"),
        ("days since 2000-01-01", "360_day", 45.25, "2000-02-16T06"),
        ("minutes since 1997-12-01 00:00", "360_day", 43200.0, "1998-01-01T00"),
        ("days since 1900-01-01", "julian", 40000.0, "2009-07-20T00"),
        ("day as %Y%m%d.%f", "", 20040229.5, "2004-02-29T12"),
    ],
)
def test_calendar_and_zone_hold(
    units: str, calendar: str, count: float, expected: str, tmp_path: Path
) -> None:
    time = {"units": units} | ({"calendar": calendar} if calendar else {})
    path = sst_file(tmp_path / "daily.nc", time=time, hours=[count])
    assert stamp(path) == np.datetime64(expected, "s")


def test_a_day_that_no_real_calendar_has_rejects_its_rows(tmp_path: Path) -> None:
    time = {"units": "days since 2000-01-01", "calendar": "360_day"}
    result = read(sst_file(tmp_path / "daily.nc", time=time, hours=[59.0, 60.0]))  # 30 February, 1 March
    assert result.reasons == {"time_missing": CELLS} and len(result.table) == CELLS


def test_times_written_as_texts_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "daily.nc",
        {
            "date": (("step",), np.array(["2012-03-10T14:00:00+02:00"]), {"standard_name": "time"}),
            "lat": (("lat",), LAT, {}),
            "lon": (("lon",), LON, {}),
            "sst": (("step", "lat", "lon"), SST[None], {"units": "degC"}),
        },
    )
    assert stamp(path) == np.datetime64("2012-03-10T12")


MONTHS = np.array([31.0, 28.0, 31.0, 30.0])
FIRSTS = np.cumsum(np.append(0.0, MONTHS[:-1]))  # 1 January to 1 April 2005
SINCE = {"units": "days since 2005-01-01"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "time", "words", "attributes"),
    [
        ("sst_200502.nc", SINCE, {}, {}),
        ("sst.2005-02.nc", SINCE, {}, {}),
        ("a.nc", SINCE | {"delta_t": "0000-01-00 00:00:00"}, {}, {}),
        ("a.nc", SINCE, {"cell_methods": "time: mean (interval: 1 month)"}, {}),
        ("a.nc", SINCE, {"long_name": "Monthly mean SST"}, {}),
        ("a.nc", SINCE, {}, {"time_coverage_resolution": "P1M"}),
        ("a.nc", SINCE, {}, {"frequency": "mon"}),
        ("sst.mnmean.nc", SINCE, {}, {}),
        ("a.nc", SINCE, {}, {}),
    ],
)
def test_cutting_a_product_of_months_moves_nothing(
    name: str, time: dict, words: dict, attributes: dict, tmp_path: Path
) -> None:
    whole = read(sst_file(tmp_path / "sst_2005.nc", time=SINCE, hours=FIRSTS)).table["time"]
    cut = stamp(sst_file(tmp_path / name, time=time, hours=FIRSTS[1:2], words=words, **attributes))
    assert cut == whole.unique()[1].to_datetime64() == np.datetime64("2005-02-15T00")


@pytest.mark.parametrize(
    ("name", "words", "attributes"),
    [
        ("oi_20050201.nc", {}, {}),
        ("20050201120000-OSTIA.nc", {}, {}),
        ("a.nc", {"long_name": "Daily SST"}, {}),
        ("a.nc", {}, {"time_coverage_resolution": "P1D"}),
        ("a.nc", {"cell_methods": "time: point"}, {}),
        ("a.nc", {}, {"processing_level": "L3C"}),
    ],
)
def test_a_day_that_is_a_first_stays_where_it_is(
    name: str, words: dict, attributes: dict, tmp_path: Path
) -> None:
    path = sst_file(tmp_path / name, time=SINCE, hours=FIRSTS[1:2], words=words, **attributes)
    assert stamp(path) == np.datetime64("2005-02-01T00")


def test_bounds_come_before_everything(tmp_path: Path) -> None:
    extra = {"time_bnds": (("time", "bnds"), [[31.0, 32.0]], {})}
    path = sst_file(tmp_path / "sst_200502.nc", time=SINCE | {"bounds": "time_bnds"}, hours=[31.0],
                    extra=extra)  # fmt: skip
    assert stamp(path) == np.datetime64("2005-02-01T12")


def test_what_is_assumed_of_a_month_is_said(tmp_path: Path) -> None:
    assert read(sst_file(tmp_path / "a.nc", time=SINCE, hours=FIRSTS)).assumed == (ASSUMED,)
    assert read(sst_file(tmp_path / "sst_200502.nc", time=SINCE, hours=FIRSTS[1:2])).assumed == ()


def test_a_file_without_time_is_dated_by_its_coverage(tmp_path: Path) -> None:
    coordinates = {"lat": (("lat",), LAT, {}), "lon": (("lon",), LON, {})}
    start, end = "2012-03-10T00:00:00Z", "2012-03-11T00:00:00Z"
    field = coordinates | {"sst": (("lat", "lon"), SST, {"units": "degC"})}
    path = write(tmp_path / "modis.nc", field, time_coverage_start=start, time_coverage_end=end)
    assert stamp(path) == np.datetime64("2012-03-10T12")
    path = write(
        tmp_path / "undated.nc", coordinates | {"sst": (("lat", "lon"), SST, {"units": "degC"})}
    )
    with pytest.raises(ObservationError, match="no time"):
        read(path)


# Axes


@pytest.mark.parametrize(
    "dims",
    [("time", "lat", "lon"), ("time", "lon", "lat"), ("lon", "lat", "time"), ("lat", "lon", "time")],
)
def test_axes_go_by_name(dims: tuple[str, ...], tmp_path: Path) -> None:
    np.testing.assert_allclose(grid(read(sst_file(tmp_path / "x.nc", dims=dims))), SST, atol=1e-4)


def test_a_square_field_is_not_transposed(tmp_path: Path) -> None:
    lat, lon = np.arange(10.0, 29.0, 2.0), np.arange(10.0, 29.0, 2.0)
    field = np.broadcast_to(np.arange(25.0, 15.0, -1.0), (1, 10, 10))  # along the last: latitude
    path = sst_file(tmp_path / "x.nc", field, ("time", "lon", "lat"), lat=(("lat",), lat, {}),
                    lon=(("lon",), lon, {}))  # fmt: skip
    table = read(path).table
    np.testing.assert_allclose(table["temperature"], 25 - (table["lat"] - 10) / 2, atol=1e-4)


@pytest.mark.parametrize(("first", "step"), [(-175.0, 10.0), (355.0, -10.0), (5.0, 10.0)])
def test_any_direction_and_convention_of_longitude(first: float, step: float, tmp_path: Path) -> None:
    lon, lat = first + step * np.arange(LON.size), LAT[::-1]
    field = np.broadcast_to(24.0 - np.abs(lat)[:, None] / 10 + (lon % 360) / 1000, SST.shape)
    path = sst_file(tmp_path / "x.nc", field, lat=(("lat",), lat, {}), lon=(("lon",), lon, {}))
    expected = SST + LON / 1000
    np.testing.assert_allclose(grid(read(path)), expected, atol=1e-4)


def test_coordinates_are_found_by_their_attributes(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.nc",
        {
            "t": (("t",), [12.0], NOON),
            "north": (("r",), LAT, {"standard_name": "latitude", "units": "degrees"}),
            "east": (("c",), LON, {"units": "degrees_east"}),
            "water": (("t", "r", "c"), SST[None], {"units": "degC"} | NAMED),
        },
    )
    np.testing.assert_allclose(grid(read(path)), SST, atol=1e-4)


def test_a_dimension_that_stands_twice_is_refused(tmp_path: Path) -> None:
    same = {"lat": (("n",), LAT, {}), "lon": (("m",), LAT, {}),
            "sst": (("n", "n"), np.full((LAT.size, LAT.size), 20.0), {"units": "degC"})}  # fmt: skip
    with pytest.raises(ObservationError):
        read(write(tmp_path / "x.nc", same, time_coverage_start="2012-03-10"))


def test_several_levels_are_no_surface(tmp_path: Path) -> None:
    field = np.broadcast_to(SST, (1, 3, *SST.shape))
    with pytest.raises(ObservationError, match="expected a field of the surface"):
        read(sst_file(tmp_path / "x.nc", field, ("time", "depth", "lat", "lon")))


def test_one_bad_latitude_rejects_its_row_of_cells(tmp_path: Path) -> None:
    lat = np.where(LAT == 60, np.nan, LAT)
    result = read(sst_file(tmp_path / "x.nc", lat=(("lat",), lat, {"units": "degrees_north"})))
    assert result.reasons == {"position_missing": LON.size} and len(result.table) == CELLS - LON.size


# Missing values


@pytest.mark.parametrize("constant", [0.0, 5.0, 9.0, 30.0, 40.0])
def test_one_constant_on_land_is_no_observation(constant: float, tmp_path: Path) -> None:
    field = SST.copy()
    field[LAND] = constant
    result = read(sst_file(tmp_path / "x.nc", field.astype("f4")))
    assert result.reasons == {"constant_on_land": 48}
    assert (result.table["temperature"] >= 18).all()


@pytest.mark.parametrize("constant", [0.0, 273.15])
def test_a_constant_in_kelvin_on_land_is_no_observation(constant: float, tmp_path: Path) -> None:
    field = SST + 273.15
    field[LAND] = constant
    assert read(sst_file(tmp_path / "x.nc", field, units="K")).reasons == {"constant_on_land": 48}


def test_water_at_zero_and_equal_values_are_kept(tmp_path: Path) -> None:
    """A front through 0 degC in steps of a hundredth, as packed products have it, and warm pools."""
    field = np.round(np.broadcast_to(np.linspace(-1.7, 29.5, LAT.size * 20)[:, None], (260, 36)), 0)
    lat = np.linspace(-70, 0, 260)
    for values in (field, np.full((260, 36), 20.0)):
        path = sst_file(tmp_path / "x.nc", values, lat=(("lat",), lat, {}))
        assert set(read(path).reasons) <= {"sea_ice"}


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (np.int16(-999), {"scale_factor": 0.01, "missing_value": np.int16(-999)}),
        (np.int16(-999), {"scale_factor": 0.01, "missing_value": -9.99}),  # in the unit of the values
        (np.int16(-999), {"scale_factor": 0.01, "missing_value": "-999"}),  # a text
        (np.int16(-32767), {"scale_factor": 0.01}),  # the default fill value
        (np.int16(-999), {"scale_factor": 0.01, "valid_min": np.int16(-300)}),
        (np.int16(-999), {"scale_factor": 0.01, "valid_range": np.array([-3.0, 45.0])}),
        (np.int16(9990), {"scale_factor": np.float32(0.01), "valid_max": np.int16(4500)}),
    ],
)
def test_packed_values_are_missing_by_their_attributes(
    stored: np.int16, words: dict, tmp_path: Path
) -> None:
    field = np.round(SST * 100).astype("i2")
    field[LAND] = stored
    result = read(sst_file(tmp_path / "x.nc", field, words=words))
    assert result.rows_in - sum(result.reasons.values()) == CELLS - 48
    assert set(result.reasons) <= {"temperature_outside_valid_range"}
    assert result.table["temperature"].between(17.9, 24.1).all()


def test_unsigned_packing_is_unfolded(tmp_path: Path) -> None:
    packed = np.round(SST * 10).astype("u1").view("i1")
    words = {"_Unsigned": "true", "scale_factor": 0.1}
    np.testing.assert_allclose(
        grid(read(sst_file(tmp_path / "x.nc", packed, words=words))), SST, atol=1e-4
    )


@pytest.mark.parametrize(
    "words",
    [{"fill": np.int8(-1)}, {"missing_value": np.int8(-1)}, {"missing_value": "-1"},
     {"valid_range": np.array([0, -6], "i1")}, {"valid_max": np.int8(-6)}],
)  # fmt: skip
def test_signed_fills_and_limits_of_unsigned_numbers_hold_for_them(words: dict, tmp_path: Path) -> None:
    packed = np.round(SST * 10).astype("u1")  # 180..240
    packed[LAND] = 255
    words = {"_Unsigned": "true", "scale_factor": 0.1} | words
    result = read(sst_file(tmp_path / "x.nc", packed.view("i1"), words=words))
    assert result.rows_in - sum(result.reasons.values()) == CELLS - 48
    assert set(result.reasons) <= {"temperature_outside_valid_range"}
    assert result.table["temperature"].between(17.9, 24.1).all()


# Versions


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("oisst-avhrr-v02r01.20190304.nc", "oisst-avhrr-v02r01.20190304_preliminary.nc"),
        ("oisst-avhrr-v02r01.20190304.nc", "oisst-avhrr-v02r00.20190304.nc"),
        ("20190304-OSTIA-GLOB_REP-v02.0.nc", "20190304-OSTIA-GLOB-v02.0.nc"),
        ("sst_rep_20190304.nc", "sst_nrt_20190304.nc"),
        ("ersst.v5.199712.nc", "ersst.v4.199712.nc"),
    ],
)
def test_one_version_of_a_product_and_day_is_read(better: str, worse: str, tmp_path: Path) -> None:
    for name in (better, worse):
        sst_file(tmp_path / name)
    found = {Path(source.file).name: source for source in find_sources([tmp_path])}
    assert found[better].status == "" and found[worse].status == "superseded"
    assert better in found[worse].reason


def test_a_broken_final_version_supersedes_nothing(tmp_path: Path) -> None:
    sst_file(tmp_path / "oi.20190304_preliminary.nc")
    (tmp_path / "oi.20190304.nc").write_bytes(b"404 not found")
    assert all(source.status == "" for source in find_sources([tmp_path]))


def test_other_days_and_products_are_all_read(tmp_path: Path) -> None:
    for name in (
        "oi.20190304.nc",
        "oi.20190305_preliminary.nc",
        "cci.20190304.nc",
        "ctd_v1.nc",
        "ctd_v2.nc",
    ):
        sst_file(tmp_path / name)
    assert all(source.status == "" for source in find_sources([tmp_path]))


# The climatology of anomalies


@pytest.mark.slow
@pytest.mark.parametrize("dims", [("month", "lat", "lon"), ("lon", "lat", "month")])
@pytest.mark.parametrize(
    ("factor", "offset", "units"), [(1, 0, "degC"), (1, 273.15, "K"), (1.8, 32, "degF")]
)
def test_a_climatology_is_read_by_its_axes_and_units(
    dims: tuple[str, ...], factor: float, offset: float, units: str, tmp_path: Path
) -> None:
    year = SST + np.arange(12.0)[:, None, None] / 10
    order = [("month", "lat", "lon").index(dim) for dim in dims]
    path = write(
        tmp_path / "normal.nc",
        {
            "lat": (("lat",), LAT, {}),
            "lon": (("lon",), LON, {}),
            "sst": (dims, (year * factor + offset).transpose(order), {"units": units}),
        },
    )
    np.testing.assert_allclose(read_surface_climatology(path), year, atol=1e-9)
    anomalies = sst_file(tmp_path / "a.nc", SST * 0 + 1, name="ssta")
    result = read(anomalies, climatology=read_surface_climatology(path))
    np.testing.assert_allclose(grid(result), SST + 1.2, atol=1e-4)  # March
