"""Gridded surface temperature that declares another depth, quantity or ocean than it seems to have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netcdf_files import LAT, LON, SST, Variable, sst_file

from deepda.observations.formats import format_of, read_format
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult

GRID = ("time", "lat", "lon")
LEVEL = ("time", "level", "lat", "lon")
WATER = {"standard_name": "sea_water_temperature"}
NAMED = {"standard_name": "sea_surface_temperature"}
DEPTH = {"standard_name": "depth", "units": "m", "positive": "down"}


def read(path: Path, **options: object) -> ReadResult:
    """Read in this process, which is faster than in a child."""
    return read_format(path, format_of(path), ReadOptions(**options))  # type: ignore[arg-type]


def at_level(path: Path, level: float, words: dict[str, Any]) -> Path:
    """A field of one level along a dimension of its own."""
    return sst_file(path, SST[None, None], LEVEL, name="temp", words=WATER,
                    extra={"level": (("level",), [level], words)})  # fmt: skip


# Depth


@pytest.mark.parametrize(
    ("level", "words"),
    [(500.0, DEPTH), (500.0, {"standard_name": "sea_water_pressure", "units": "dbar"}),
     (1000.0, {"units": "m", "positive": "down"}), (-500.0, {"units": "m", "positive": "up"}),
     (0.5, {"units": "km", "axis": "Z"}), (5.0, {"units": "MPa"})],
)  # fmt: skip
def test_a_field_at_depth_is_no_surface(level: float, words: dict, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="expected the sea surface"):
        read(at_level(tmp_path / "x.nc", level, words))


@pytest.mark.parametrize("words", [{"coordinates": "level"}, {}])
def test_a_scalar_depth_counts_as_a_dimension_does(words: dict, tmp_path: Path) -> None:
    extra: dict[str, Variable] = {"level": ((), 500.0, DEPTH)}
    with pytest.raises(ObservationError, match="at a depth of 500 m, expected the sea surface"):
        read(sst_file(tmp_path / "x.nc", name="temp", words=WATER | words, extra=extra))


@pytest.mark.parametrize(
    "words",
    [{"long_name": "temperature at 500 m"}, {"long_name": "0-700 m mean temperature"},
     {"cell_methods": "depth: mean (0-700 m)"}, {"cell_methods": "area: mean depth: time: mean"},
     {"long_name": "temperature at a depth of 50 dbar"}],
)  # fmt: skip
def test_a_depth_in_words_counts(words: dict, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="expected the sea surface"):
        read(sst_file(tmp_path / "x.nc", name="temp", words=WATER | words))


@pytest.mark.parametrize(
    ("level", "words", "depth"),
    [(15.0, DEPTH, 15.0), (0.0, DEPTH, 0.0), (-10.0, {"units": "m", "positive": "up"}, 10.0),
     (50.0, {"standard_name": "sea_water_pressure", "units": "kPa"}, 4.97),
     (1013.0, {"standard_name": "air_pressure", "units": "hPa"}, 0.0),
     (1.0, {"units": "level", "axis": "Z"}, 0.0)],
)  # fmt: skip
def test_a_shallow_level_keeps_its_depth(
    level: float, words: dict, depth: float, tmp_path: Path
) -> None:
    table = read(at_level(tmp_path / "x.nc", level, words)).table
    np.testing.assert_allclose(table["depth"], depth, atol=0.02)


def test_the_height_of_a_satellite_is_no_depth(tmp_path: Path) -> None:
    words = {"standard_name": "altitude", "units": "km", "positive": "up"}
    path = sst_file(tmp_path / "x.nc", extra={"orbit": ((), 817.0, words)})
    assert (read(path).table["depth"] == 0).all()


def test_names_with_numbers_that_are_no_depths_are_surfaces(tmp_path: Path) -> None:
    words = {"long_name": "SST on a grid of 1000 m", "cell_methods": "area: mean depth: point"}
    assert (read(sst_file(tmp_path / "x.nc", words=words)).table["depth"] == 0).all()


# Place


@pytest.mark.parametrize(
    "words",
    [{"units": "degrees", "long_name": "longitude (positive west)"}, {"positive": "west"},
     {"units": "degrees", "comment": "degrees, west positive"}, {"units": "degrees_west"}],
)  # fmt: skip
def test_longitudes_that_count_to_the_west_are_refused(words: dict, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"lon .*west.*, expected"):
        read(sst_file(tmp_path / "x.nc", lon=(("lon",), LON, words)))


@pytest.mark.parametrize("said", ["positive east, negative west", "west negative, east positive"])
def test_longitudes_that_are_negative_in_the_west_are_read(said: str, tmp_path: Path) -> None:
    lon = (("lon",), LON, {"units": "degrees_east", "long_name": f"longitude ({said})"})
    assert read(sst_file(tmp_path / "x.nc", lon=lon)).rows_in == SST.size


# Anomalies and climatologies


@pytest.mark.parametrize(
    ("words", "attributes"),
    [({}, {"title": "HadSST monthly SST anomalies 1961-1990"}),
     ({}, {"summary": "anomalies relative to 1961-1990"}), ({"reference_period": "1961-1990"}, {}),
     ({"comment": "departure from normal"}, {})],
)  # fmt: skip
def test_a_temperature_beside_words_of_an_anomaly_contradicts_itself(
    words: dict, attributes: dict, tmp_path: Path
) -> None:
    with pytest.raises(ObservationError, match=r"is a temperature by its standard_name, .* anomal"):
        read(sst_file(tmp_path / "x.nc", words=NAMED | words, **attributes))


def test_a_title_of_both_is_no_contradiction_where_both_are_there(tmp_path: Path) -> None:
    extra: dict[str, Variable] = {"ssta": (GRID, SST[None] * 0, {"units": "degC"})}
    path = sst_file(tmp_path / "x.nc", words=NAMED, extra=extra, title="SST and SST anomalies")
    assert read(path).rows_in == SST.size


@pytest.mark.parametrize(
    ("name", "words", "attributes"),
    [("sst", {}, {"title": "SST climatology 1991-2020"}),
     ("sst", {"cell_methods": "time: mean within years time: mean over years"}, {}),
     ("sst_clim", {}, {}), ("sst", {}, {"comment": "long term mean"}),
     ("sst", {}, {"climatology_period": "1991-2020"})],
)  # fmt: skip
def test_a_climatology_with_dates_is_no_observation(
    name: str, words: dict, attributes: dict, tmp_path: Path
) -> None:
    with pytest.raises(ObservationError, match="is a climatology"):
        read(sst_file(tmp_path / "x.nc", name=name, words=NAMED | words, **attributes))


def test_a_product_that_names_the_climatology_of_its_analysis_is_read(tmp_path: Path) -> None:
    said = "Climatology is based on 1971-2000 SST"
    path = sst_file(tmp_path / "x.nc", words=NAMED, climatology=said, comment=said)
    assert read(path).rows_in == SST.size


# Models


@pytest.mark.parametrize(
    "attributes",
    [{"source": "CAM", "case": "b.e21.BHIST"}, {"source": "MERCATOR GLORYS12V1"},
     {"title": "HYCOM GLBv0.08"}, {"title": "GFDL SPEAR decadal forecast of SST"}, {"source": "model"},
     {"experiment_id": "historical"}, {"title": "daily means of Global Ocean Analysis and Forecast"}],
)  # fmt: skip
def test_model_output_is_no_observation(attributes: dict, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="it is model output"):
        read(sst_file(tmp_path / "x.nc", words=NAMED, **attributes))


@pytest.mark.parametrize(
    "attributes",
    [{"activity_id": "obs4MIPs", "source_id": "ATSR-L3", "variant_label": "BE"},
     {"activity_id": "input4MIPs", "source_id": "PCMDI-AMIP-1-1-8", "mip_era": "CMIP6"},
     {"source_id": "CCI-L4", "product": "observations"},
     {"title": "OSTIA of the European Centre for Medium-Range Weather Forecasts"},
     {"source": "AVHRR19, ICOADS, NCEP_ICE", "title": "Reanalysis of satellite SST"},
     {"title": "SST in Mercator projection"}],
)  # fmt: skip
def test_observations_prepared_for_models_are_no_model_output(attributes: dict, tmp_path: Path) -> None:
    path = sst_file(tmp_path / "x.nc", words=NAMED, frequency="day", **attributes)
    assert read(path).rows_in == SST.size


# Rows and what belongs to them


def test_values_outside_the_valid_range_are_rejected_rows(tmp_path: Path) -> None:
    field = SST.copy()
    field[3, 3:5] = 47.0, -3.0
    words = NAMED | {"valid_min": -2.0, "valid_max": 45.0}
    result = read(sst_file(tmp_path / "x.nc", field, words=words))
    assert result.rows_in == SST.size
    assert result.reasons == {"temperature_outside_valid_range": 2}


def test_a_second_surface_temperature_is_said_to_be_left_out(tmp_path: Path) -> None:
    extra: dict[str, Variable] = {"sst4": (GRID, SST[None] + 1, NAMED | {"units": "degC"})}
    result = read(sst_file(tmp_path / "x.nc", words=NAMED, extra=extra))
    assert result.assumed == ("temperatures not read beside sst: sst4",)


def test_ice_in_percent_whose_valid_maximum_is_one_is_a_fraction(tmp_path: Path) -> None:
    ice = np.zeros((1, *SST.shape), "i2")
    ice[0, 0] = 90
    words = {"units": "%", "scale_factor": np.float32(0.01), "valid_min": np.int16(0),
             "valid_max": np.int16(100)}  # fmt: skip
    result = read(sst_file(tmp_path / "x.nc", extra={"ice": (GRID, ice, words)}))
    assert result.reasons == {"sea_ice": LON.size}
    assert result.assumed == ("ice is in % and at most 1 by its valid range: taken as a fraction",)


@pytest.mark.parametrize("name", ["analysed_sst_uncertainty", "analysed_sst_error"])
def test_an_error_is_found_by_the_name_of_what_it_belongs_to(name: str, tmp_path: Path) -> None:
    error = (GRID, np.full((1, *SST.shape), 0.9), {"units": "kelvin"})
    table = read(sst_file(tmp_path / "x.nc", name="analysed_sst", extra={name: error})).table
    np.testing.assert_allclose(table["error"], np.hypot(0.9, 0.1), rtol=1e-6)


# Times


DAYS = {"units": "days since 2010-01-01"}


@pytest.mark.parametrize(
    ("name", "attributes"),
    [("mur_201006.nc", {}), ("a.nc", {"time_coverage_duration": "P1M"}),
     ("a.nc", {"title": "SST of June 2010, monthly file"})],
)  # fmt: skip
def test_days_cut_into_files_of_months_stay_where_they_are(
    name: str, attributes: dict, tmp_path: Path
) -> None:
    path = sst_file(tmp_path / name, time=DAYS, hours=151.5 + np.arange(30), **attributes)
    days = read(path).table["time"].unique()
    expected = np.datetime64("2010-06-01T12") + np.arange(30).astype("timedelta64[D]")
    np.testing.assert_array_equal(days, expected)


def bounded(path: Path, edges: list[float], words: dict[str, str] | None = None) -> Path:
    """A field at day 165.5 with bounds."""
    return sst_file(path, time=DAYS | {"bounds": "time_bnds"}, hours=[165.5],
                    extra={"time_bnds": (("time", "nv"), [edges], words or {})})  # fmt: skip


@pytest.mark.parametrize("edges", [[0.0, 0.0], [0.0, 30.0], [np.nan, 166.0]])
def test_bounds_that_do_not_hold_their_time_are_refused(edges: list, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="time_bnds"):
        read(bounded(tmp_path / "x.nc", edges))


def test_bounds_hold_in_their_own_unit_and_in_any_order(tmp_path: Path) -> None:
    hours = {"units": "hours since 2010-01-01"}
    noon = np.datetime64("2010-06-15T12")
    for path in (bounded(tmp_path / "a.nc", [165 * 24, 166 * 24], hours),
                 bounded(tmp_path / "b.nc", [166, 165])):  # fmt: skip
        assert read(path).table["time"].unique()[0].to_datetime64() == noon


@pytest.mark.parametrize(
    ("words", "attributes"),
    [({}, {"frequency": "yr"}), ({}, {"title": "annual mean SST"}),
     ({"cell_methods": "time: mean (interval: 1 year)"}, {}),
     ({"cell_methods": "time: mean (interval: 3 months)"}, {}), ({"long_name": "Seasonal mean SST"}, {}),
     ({}, {"time_coverage_resolution": "P1Y"}), ({}, {"time_coverage_resolution": "P3M"})],
)  # fmt: skip
def test_means_over_more_than_a_month_are_no_observations(
    words: dict, attributes: dict, tmp_path: Path
) -> None:
    with pytest.raises(ObservationError, match="means over more than a month"):
        read(sst_file(tmp_path / "x.nc", time=DAYS, hours=[0.0], words=words, **attributes))


@pytest.mark.parametrize("edges", [[0.0, 365.0], [165.5 - 3652.5, 165.5]])
def test_bounds_of_a_year_are_no_instant(edges: list, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="means over more than a month"):
        read(bounded(tmp_path / "x.nc", edges))


def test_a_file_of_a_year_of_days_is_no_annual_mean(tmp_path: Path) -> None:
    path = sst_file(tmp_path / "x.nc", time=DAYS, hours=[165.5], time_coverage_duration="P1Y",
                    title="Daily SST, annual file")  # fmt: skip
    assert read(path).rows_in == LAT.size * LON.size
