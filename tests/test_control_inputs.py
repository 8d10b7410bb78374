"""Model output that says one thing and means another: read by what it declares, or refused.

Each fault stands beside its sound counterpart; the toy files are those of `tests.test_control`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cftime
import gsw
import numpy as np
import pytest
import xarray as xr

from deepda.control.axes import ControlError
from deepda.control.binning import step_positions
from deepda.control.layers import metres_down
from deepda.control.model_files import open_native
from deepda.control.prepare import open_control
from deepda.control.times import calendar_steps
from tests.test_control import LAYERS, TARGET, centres, cmip_file, days, regular_file

Change = Callable[[xr.Dataset], xr.Dataset]


def opened(
    tmp_path: Path, change: Change, make: Callable[[Path], Path], variable: str | None = None
) -> np.ndarray:
    """(depth, lat, lon) first step of a changed toy file on TARGET."""
    return np.asarray(open_control(changed(tmp_path, change, make), TARGET, variable)[0].values)


def changed(tmp_path: Path, change: Change, make: Callable[[Path], Path]) -> Path:
    """A toy file after a change."""
    number = len(list(tmp_path.iterdir()))
    source, path = make(tmp_path / f"source_{number}.nc"), tmp_path / f"changed_{number}.nc"
    with xr.open_dataset(source, decode_times=False) as dataset:
        change(dataset.load()).to_netcdf(path)
    return path


def plain(path: Path) -> Path:
    kind = "sea_water_potential_temperature"
    return regular_file(path, np.zeros(3), days(3, 5, "noleap"), standard_name=kind)


def same(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))


# Cells


def wrapped_corners(d: xr.Dataset) -> xr.Dataset:
    """Corners as means of neighbouring longitudes in -180..180: 0 at the date line."""
    lon = (d.vertices_longitude + 180) % 360 - 180
    wrong = np.abs(np.abs(lon) - 180) < 5
    return d.assign(vertices_longitude=lon.where(~wrong, 0.0))


BAD_CORNERS: dict[str, tuple[Change, str]] = {
    "date line": (wrapped_corners, "more than once|do not surround"),
    "shrunk": (
        lambda d: d.assign(
            vertices_latitude=d.latitude + 0.4 * (d.vertices_latitude - d.latitude),
            vertices_longitude=d.longitude + 0.4 * (d.vertices_longitude - d.longitude),
        ),
        "times as large as what lies between|do not surround",
    ),
    "of other cells": (
        lambda d: d.assign(
            vertices_latitude=d.vertices_latitude.roll(j=7),
            vertices_longitude=d.vertices_longitude.roll(j=7),
        ),
        "do not surround their centres",
    ),
    "twice": (
        lambda d: d.assign(
            vertices_longitude=d.longitude + 2 * ((d.vertices_longitude - d.longitude + 180) % 360 - 180)
        ),
        "more than once|times as large",
    ),
    "missing": (
        lambda d: d.assign(vertices_longitude=d.vertices_longitude.where(d.latitude < 20)),
        "have no area or no place",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", BAD_CORNERS)
def test_corners_that_break_a_law_of_geometry_are_refused(tmp_path: Path, fault: str) -> None:
    change, message = BAD_CORNERS[fault]
    with pytest.raises(ControlError, match=message):
        opened(tmp_path, change, cmip_file)


@pytest.mark.slow
@pytest.mark.parametrize("corner", [0.0, 1e20])
def test_corners_of_land_do_not_matter(tmp_path: Path, corner: float) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        land = np.isnan(d.thetao[0]).all("lev")
        return d.assign(
            vertices_latitude=d.vertices_latitude.where(~land, corner),
            vertices_longitude=d.vertices_longitude.where(~land, corner),
        )

    same(opened(tmp_path, change, cmip_file), opened(tmp_path, lambda d: d, cmip_file))


def without_corners(d: xr.Dataset) -> xr.Dataset:
    for name in ("latitude", "longitude"):
        del d[name].attrs["bounds"]
    return d.drop_vars(["vertices_latitude", "vertices_longitude"])


@pytest.mark.slow
@pytest.mark.parametrize("fill", [0.0, -1.0, -999.0, 9.97e36])
def test_coordinates_of_land_may_hold_any_one_value(tmp_path: Path, fill: float) -> None:
    def change(d: xr.Dataset, fill: float) -> xr.Dataset:
        land = np.isnan(d.thetao[0]).all("lev")
        d = without_corners(d)
        for name in ("latitude", "longitude"):
            d[name] = d[name].where(~land, fill).assign_attrs(units=d[name].attrs["units"])
        return d

    missing = opened(tmp_path, lambda d: change(d, np.nan), cmip_file)
    same(opened(tmp_path, lambda d: change(d, fill), cmip_file), missing)


def test_the_cells_of_a_sound_tripolar_grid_from_its_centres_pass(tmp_path: Path) -> None:
    bare = opened(tmp_path, without_corners, cmip_file)
    given = opened(tmp_path, lambda d: d, cmip_file)
    assert np.nanmax(np.abs(bare - given)) < 0.3


def renamed_axes(lat: str, lon: str, **attributes: str) -> Change:
    def change(d: xr.Dataset) -> xr.Dataset:
        d = d.rename(lat=lat, lon=lon)
        for name in (lat, lon):
            d[name].attrs.update(attributes)
            d[name].attrs.pop("standard_name")
        return d

    return change


@pytest.mark.parametrize(
    "change",
    [
        renamed_axes("yh", "xh"),
        renamed_axes("y", "x", long_name="nominal position"),
        lambda d: d.assign_coords(lat=np.arange(36), lon=np.arange(36)),
    ],
)
def test_axes_along_the_lines_of_a_model_grid_are_refused(tmp_path: Path, change: Change) -> None:
    with pytest.raises(ControlError, match="geographic latitude and longitude of each cell"):
        opened(tmp_path, change, plain)


def test_nominal_axes_beside_geographic_coordinates_are_passed_over(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        lat, lon = np.meshgrid(d.lat, d.lon, indexing="ij")
        d = renamed_axes("yh", "xh")(d)
        return d.assign(
            geolat=(("yh", "xh"), lat, {"units": "degrees_north"}),
            geolon=(("yh", "xh"), lon, {"units": "degrees_east"}),
        )

    same(opened(tmp_path, change, plain), opened(tmp_path, lambda d: d, plain))


def in_radians(d: xr.Dataset, units: str | None) -> xr.Dataset:
    axes = {name: np.deg2rad(d[name].values) for name in ("lat", "lon")}
    out = d.assign_coords(**axes)
    for name in axes:
        out[name].attrs = {"standard_name": d[name].attrs["standard_name"], "units": units or "degrees"}
    return out


@pytest.mark.slow
def test_radians_are_degrees_where_the_file_says_so_and_else_no_ocean(tmp_path: Path) -> None:
    declared = opened(tmp_path, lambda d: in_radians(d, "radians"), plain)
    same(declared, opened(tmp_path, lambda d: d, plain))
    with pytest.raises(ControlError, match=r"of the globe, expected an ocean|no cell of the grid"):
        opened(tmp_path, lambda d: in_radians(d, None), plain)


def test_an_unstructured_mesh_is_refused(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        flat = d.drop_vars(["lat", "lon"]).stack(cell=("lat", "lon"), create_index=False)
        lat, lon = (x.ravel() for x in np.meshgrid(d.lat, d.lon, indexing="ij"))
        return flat.assign_coords(lat=("cell", lat, d.lat.attrs), lon=("cell", lon, d.lon.attrs))

    with pytest.raises(ControlError, match="not an unstructured mesh"):
        opened(tmp_path, change, plain)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.2, 3.0])
def test_bounds_of_a_regular_axis_of_another_width_are_refused(tmp_path: Path, factor: float) -> None:
    def change(d: xr.Dataset, factor: float) -> xr.Dataset:
        for name, half in (("lat", 2.5), ("lon", 5.0)):
            edges = np.stack([d[name] - factor * half, d[name] + factor * half], axis=1)
            d[name].attrs["bounds"] = f"{name}_bnds"
            d[f"{name}_bnds"] = ((name, "bnds"), edges)
        return d

    same(opened(tmp_path, lambda d: change(d, 1.0), plain), opened(tmp_path, lambda d: d, plain))
    with pytest.raises(ControlError, match="mend the bounds or remove them"):
        opened(tmp_path, lambda d: change(d, factor), plain)


# Land


def with_mask(values: Change, attributes: dict[str, object], name: str, land: float | None) -> Change:
    """A surface mask made by `values`, the field filled with `land` where it had none."""

    def change(d: xr.Dataset) -> xr.Dataset:
        mask = values(d).drop_attrs().astype("i2").assign_attrs(attributes)
        filled = d.thetao.where(~d.thetao.isnull().all("lev"), 7 + 0.1 * d.lat) if land else d.thetao
        return d.assign(
            thetao=filled.transpose(*d.thetao.dims).assign_attrs(d.thetao.attrs), **{name: mask}
        )

    return change


def water_of(d: xr.Dataset) -> xr.DataArray:
    return d.thetao[0].notnull().any("lev")


FLAGS = {"flag_values": np.array([0, 1], "i2")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sense", "attributes", "name"),
    [
        (water_of, {**FLAGS, "flag_meanings": "land sea"}, "mask"),
        (lambda d: ~water_of(d), {**FLAGS, "flag_meanings": "sea land"}, "mask"),
        (lambda d: ~water_of(d), {**FLAGS, "flag_meanings": "ocean land"}, "lsm"),
        (lambda d: ~water_of(d), {"standard_name": "land_binary_mask"}, "m"),
        (lambda d: 100 * water_of(d), {"units": "%", "standard_name": "sea_area_fraction"}, "sftof"),
        (lambda d: 100 * ~water_of(d), {"units": "%"}, "sftlf"),
        (water_of, {}, "wet"),
    ],
)
def test_a_mask_is_read_by_what_it_declares(
    tmp_path: Path, sense: Change, attributes: dict[str, object], name: str
) -> None:
    sound = opened(tmp_path, lambda d: d, plain)
    same(opened(tmp_path, with_mask(sense, attributes, name, 7.0), plain), sound)


@pytest.mark.slow
@pytest.mark.parametrize("sense", [water_of, lambda d: ~water_of(d)])
def test_a_mask_that_does_not_say_is_read_by_the_field_or_refused(tmp_path: Path, sense: Change) -> None:
    sound = opened(tmp_path, lambda d: d, plain)
    same(opened(tmp_path, with_mask(sense, {}, "lsm", None), plain), sound)
    with pytest.raises(ControlError, match=r"does not say which value is water"):
        opened(tmp_path, with_mask(sense, {}, "lsm", 7.0), plain)


@pytest.mark.parametrize(
    "sense", [lambda d: ~water_of(d), lambda d: water_of(d).roll(lat=18), lambda d: water_of(d) & False]
)
def test_a_mask_against_the_field_is_refused(tmp_path: Path, sense: Change) -> None:
    attributes = {**FLAGS, "flag_meanings": "land sea"}
    with pytest.raises(ControlError, match=r"without any value|marks no water"):
        opened(tmp_path, with_mask(sense, attributes, "mask", None), plain)


@pytest.mark.slow
@pytest.mark.parametrize("fill", [0.0, -1.0, -999.0, 99.0, 1e20, 9.97e36, -1e34])
def test_one_constant_on_land_and_below_the_sea_floor_is_missing(tmp_path: Path, fill: float) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        return d.assign(thetao=d.thetao.fillna(fill).assign_attrs(d.thetao.attrs))

    same(opened(tmp_path, change, plain), opened(tmp_path, lambda d: d, plain))


def test_what_was_taken_for_land_is_said(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        return d.assign(thetao=d.thetao.fillna(0).assign_attrs(d.thetao.attrs))

    (said,) = open_native(changed(tmp_path, change, plain)).assumptions
    assert "cells of one value (0 degC) are land" in said
    assert open_native(plain(tmp_path / "sound.nc")).assumptions == ()


def test_a_plateau_of_water_is_no_fill_value(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        cold = d.thetao.clip(min=-1.8)
        return d.assign(
            thetao=cold.where(cold < 14, 14.0).where(cold.notnull()).assign_attrs(units="degC")
        )

    sound = opened(tmp_path, lambda d: d, plain)
    assert np.array_equal(np.isnan(opened(tmp_path, change, plain)), np.isnan(sound))
    level = opened(
        tmp_path,
        lambda d: d.assign(thetao=(d.thetao.clip(10, 10.001)).assign_attrs(units="degC")),
        plain,
    )
    assert np.array_equal(np.isnan(level), np.isnan(sound)) and np.nanmax(np.abs(level - 10)) < 2e-3


@pytest.mark.parametrize("packed", [False, True])
def test_values_beyond_the_valid_range_are_missing(tmp_path: Path, packed: bool) -> None:
    """Land as 45 + latitude / 100; the range stands in stored numbers, as CF asks."""
    source = plain(tmp_path / "sound.nc")
    scale = 0.01 if packed else 1.0
    with xr.open_dataset(source, decode_times=False) as d:
        filled = d.thetao.fillna(45 + d.lat / 100) / scale
        attributes = {"units": "degC", "scale_factor": scale} if packed else {"units": "degC"}
        kind = "i2" if packed else "f4"
        limits = np.array([-500, 4000] if packed else [-5, 40], kind)
        attributes |= {"valid_min": limits[0], "valid_max": limits[1]}
        d = d.assign(thetao=filled.transpose(*d.thetao.dims).round(2 if not packed else 0).astype(kind))
        d.thetao.attrs, d.thetao.encoding = attributes, {}
        d.to_netcdf(tmp_path / "range.nc")
    got = open_control(tmp_path / "range.nc", TARGET)[0].values
    np.testing.assert_allclose(got, open_control(source, TARGET)[0].values, atol=0.02)


# Temperature


def with_salinity(kind: str, salinity: str | None) -> Change:
    """The toy field as another kind of temperature, at absolute salinity 35.16504 * 34 / 35."""

    def change(d: xr.Dataset) -> xr.Dataset:
        lat, lon = np.meshgrid(d.lat, d.lon, indexing="ij")
        pressure = gsw.p_from_z(-centres(LAYERS)[:, None, None], lat)
        salt = np.full(d.thetao.shape, 34.0)
        absolute = gsw.SA_from_SP(salt, pressure, lon, lat)
        if "conservative" in kind:
            values = gsw.CT_from_pt(absolute, d.thetao.values)
        else:
            values = gsw.pt_from_t(absolute, d.thetao.values, 0, pressure)
        d = d.assign(thetao=(d.thetao.dims, values, {"units": "degC", "standard_name": kind}))
        if salinity:
            stored = absolute if "absolute" in salinity else salt
            d["so"] = (d.thetao.dims, stored, {"units": "1e-3", "standard_name": salinity})
        return d

    return change


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sea_water_conservative_temperature", "sea_water_temperature"])
@pytest.mark.parametrize("salinity", ["sea_water_salinity", "sea_water_absolute_salinity"])
def test_other_kinds_of_temperature_become_potential_with_salinity(
    tmp_path: Path, kind: str, salinity: str
) -> None:
    same(opened(tmp_path, with_salinity(kind, salinity), plain), opened(tmp_path, lambda d: d, plain))


@pytest.mark.parametrize("kind", ["conservative", "in-situ"])
def test_other_kinds_of_temperature_without_salinity_are_refused(tmp_path: Path, kind: str) -> None:
    names = {"conservative": "sea_water_conservative_temperature", "in-situ": "sea_water_temperature"}
    with pytest.raises(ControlError, match=rf"holds {kind} temperature .thetao. without salinity"):
        opened(tmp_path, with_salinity(names[kind], None), plain)


def test_salinity_that_lacks_where_there_is_temperature_is_refused(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        d = with_salinity("sea_water_conservative_temperature", "sea_water_salinity")(d)
        return d.assign(so=d.so.where(d.lat < 30).assign_attrs(d.so.attrs))

    with pytest.raises(ControlError, match="values of water without salinity"):
        opened(tmp_path, change, plain)


def test_two_temperatures_are_listed_and_one_can_be_chosen(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        return d.assign(toce=(d.thetao + 1).assign_attrs(d.thetao.attrs))

    advice = r"thetao and toce, expected one .* --variable NAME of `deepda control prepare`"
    with pytest.raises(ControlError, match=advice):
        opened(tmp_path, change, plain)
    shifted = opened(tmp_path, change, plain, "toce") - opened(tmp_path, change, plain, "thetao")
    assert np.nanmax(np.abs(shifted - 1)) < 1e-5


@pytest.mark.parametrize(
    "attributes",
    [
        {"standard_name": "air_temperature"},
        {"cell_methods": "time: standard_deviation"},
        {"long_name": "temperature anomaly"},
    ],
)
def test_a_variable_that_declares_something_else_is_refused(
    tmp_path: Path, attributes: dict[str, str]
) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        d.thetao.attrs.update(attributes)
        return d

    with pytest.raises(ControlError, match="holds no potential temperature"):
        opened(tmp_path, change, plain)
    with pytest.raises(ControlError, match="expected mean sea water potential temperature"):
        opened(tmp_path, change, plain, "thetao")


PASSED_OVER = [
    ({"cell_methods": "time: standard_deviation"}, "cell_methods 'time: standard_deviation'"),
    ({"cell_methods": "area: mean time: median"}, "cell_methods 'area: mean time: median'"),
    ({"cell_methods": "time_counter: maximum"}, "cell_methods 'time_counter: maximum'"),
    ({"long_name": "potential temperature anomaly"}, "'potential temperature anomaly', no temperature"),
    ({"standard_name": "air_temperature"}, "standard_name air_temperature"),
]


@pytest.mark.parametrize(("attributes", "reason"), PASSED_OVER)
@pytest.mark.parametrize("variable", [None, "thetao"])
def test_the_reason_why_a_variable_was_passed_over_is_said(
    tmp_path: Path, attributes: dict[str, str], reason: str, variable: str | None
) -> None:
    """Not that thetao was found and thetao expected, nor a flag that would be refused as well."""

    def change(d: xr.Dataset) -> xr.Dataset:
        d.thetao.attrs.update({"standard_name": "sea_water_potential_temperature", **attributes})
        return d

    with pytest.raises(ControlError) as caught:
        opened(tmp_path, change, plain, variable)
    said = str(caught.value)
    assert reason in said and "thetao" in said and "expected mean" in said
    assert "time_bnds" not in said and "expected thetao" not in said
    assert ".nc" in said and "--variable" not in said


def test_what_a_file_without_temperature_holds_is_listed_without_its_bounds(tmp_path: Path) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        d.thetao.attrs["standard_name"] = "sea_water_salinity"
        return d.rename(thetao="so")

    with pytest.raises(ControlError, match="holds no potential temperature but so, expected thetao"):
        opened(tmp_path, change, plain)


# Times


def stamps(calendar: str, year: int, place: str, months: int = 12) -> np.ndarray:
    """Monthly stamps of a year: first noon, middle, last day, first midnight."""
    begin = [
        cftime.datetime(year + m // 12, m % 12 + 1, 1, calendar=calendar) for m in range(months + 1)
    ]
    length = np.diff(begin)
    hour = np.timedelta64(1, "h").item()
    moves = {
        "first noon": [12 * hour] * months,
        "middle": [one / 2 for one in length],
        "the fifteenth": [14 * 24 * hour] * months,
        "last noon": [one - 12 * hour for one in length],
        "last midnight": [one - 24 * hour for one in length],
        "edge": [0 * hour] * months,
    }
    return np.array([one + move for one, move in zip(begin, moves[place], strict=False)])


@pytest.mark.parametrize("year", [1, 1850, 2001])
@pytest.mark.parametrize("calendar", ["noleap", "standard", "360_day"])
@pytest.mark.parametrize(
    "place", ["first noon", "middle", "the fifteenth", "last noon", "last midnight"]
)
def test_monthly_stamps_without_bounds_are_their_months_in_every_year(
    year: int, calendar: str, place: str
) -> None:
    found = calendar_steps(stamps(calendar, year, place))
    assert found is not None and "calendar month" in found[1]
    positions = step_positions(found[0][:, 0], found[0], 12)
    np.testing.assert_allclose(positions[:, 0], 12 * year + np.arange(12), atol=1e-9)
    np.testing.assert_allclose(positions[:, 1], 12 * year + np.arange(1, 13), atol=1e-9)


@pytest.mark.parametrize("year", [1, 2001])
def test_stamps_on_the_edges_of_months_are_refused_in_every_year(year: int) -> None:
    edge = stamps("noleap", year, "edge")
    assert calendar_steps(edge) is None
    with pytest.raises(ControlError, match="does not lie amid its step"):
        step_positions(edge, None, 12)


@pytest.mark.parametrize("year", [20, 2001])
@pytest.mark.parametrize("hour", [0.5, 12.0, 23.5])
def test_daily_stamps_away_from_midnight_are_their_days_in_every_year(year: int, hour: float) -> None:
    time = cftime.num2date(np.arange(365) + hour / 24, f"days since {year:04d}-01-01", "noleap")
    found = calendar_steps(time)
    assert found is not None
    positions = step_positions(time, found[0], 73)
    np.testing.assert_allclose(positions[::5, 0], 73 * year + np.arange(73), atol=1e-9)
    midnight = cftime.num2date(np.arange(365), f"days since {year:04d}-01-01", "noleap")
    assert calendar_steps(midnight) is None
    with pytest.raises(ControlError, match="does not lie amid its step"):
        step_positions(midnight, None, 73)


def test_pentads_stamped_at_their_first_noon_are_refused_and_amid_them_taken() -> None:
    units = "days since 2001-01-01"
    for shift, taken in ((2.5, True), (0.5, False), (4.5, False)):
        time = cftime.num2date(5 * np.arange(73) + shift, units, "noleap")
        if taken:
            np.testing.assert_allclose(step_positions(time, None, 73)[:, 0], 2001 * 73 + np.arange(73))
        else:
            with pytest.raises(ControlError, match="does not lie amid its step"):
                step_positions(time, None, 73)


def test_steps_of_thirty_days_are_no_months() -> None:
    time = cftime.num2date(30 * np.arange(12) + 15, "days since 2001-01-01", "noleap")
    assert calendar_steps(time) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(time_bnds=d.time_bnds + 100), "outside its bounds"),
        (lambda d: d.isel(time=[2, 1, 0]), "are not in order"),
        (
            lambda d: d.assign_coords(
                time=xr.where(d.time > 10, np.nan, d.time).assign_attrs(d.time.attrs)
            ),
            "1 missing times",
        ),
    ],
)
def test_times_that_contradict_themselves_are_refused(
    tmp_path: Path, change: Change, message: str
) -> None:
    with pytest.raises(ControlError, match=message):
        opened(tmp_path, change, plain)


# Depths


@pytest.mark.parametrize(
    ("values", "attributes", "metres"),
    [
        ([500.0, 1500], {"units": "cm"}, [5, 15]),
        ([0.005, 0.015], {"units": "km", "positive": "down"}, [5, 15]),
        ([-5.0, -15], {"units": "metres", "positive": "up"}, [5, 15]),
        ([15.0, 5], {"units": "m"}, [15, 5]),
    ],
)
def test_depths_are_metres_down_by_their_units_and_sign(
    values: list[float], attributes: dict[str, str], metres: list[float]
) -> None:
    np.testing.assert_allclose(metres_down(np.array(values), attributes, "lev"), metres)


@pytest.mark.parametrize(
    ("attributes", "values"),
    [({"units": "dbar"}, 1.0), ({}, 1.0), ({"units": "m", "positive": "down"}, -1.0)],
)
def test_a_refused_depth_names_its_file(
    tmp_path: Path, attributes: dict[str, str], values: float
) -> None:
    def change(d: xr.Dataset) -> xr.Dataset:
        return d.assign_coords(lev=("lev", values * d.lev.values, {"axis": "Z", **attributes}))

    with pytest.raises(ControlError, match=r"changed_\d\.nc: the depth lev"):
        opened(tmp_path, change, plain)


@pytest.mark.parametrize(
    ("values", "attributes", "message"),
    [
        ([5.0, 15], {"units": "dbar"}, "units dbar, expected a length"),
        ([5.0, 15], {}, "units none, expected a length"),
        ([5.0, 15], {"units": "m", "positive": "up"}, "positive=up, expected signs"),
        ([-5.0, 15], {"units": "m"}, "expected signs"),
        ([5.0, 15, 15], {"units": "m"}, "does not run one way"),
        ([5.0, 25, 15], {"units": "m"}, "does not run one way"),
        ([5.0, np.nan], {"units": "m"}, "does not run one way"),
        ([1.0, 2, 3, 4, 5], {"units": "m"}, "counts its levels"),
    ],
)
def test_depths_that_are_none_are_refused(
    values: list[float], attributes: dict[str, str], message: str
) -> None:
    with pytest.raises(ControlError, match=message):
        metres_down(np.array(values), attributes, "lev")


def in_centimetres(d: xr.Dataset) -> xr.Dataset:
    """Numbers of centimetres labelled m, a deep ocean."""
    scaled = d.assign_coords(lev=("lev", 1000 * d.lev.values, d.lev.attrs))
    return scaled.assign(lev_bnds=(d.lev_bnds.dims, 1000 * d.lev_bnds.values))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(lev_bnds=d.lev + (d.lev_bnds - d.lev) * 0.4), "leave .* m out"),
        (lambda d: d.assign(lev_bnds=d.lev_bnds.roll(lev=1)), "cross or do not hold"),
        (
            in_centimetres,
            "expected at most 12000",
        ),
    ],
)
def test_layers_against_their_centres_or_the_sea_are_refused(
    tmp_path: Path, change: Change, message: str
) -> None:
    with pytest.raises(ControlError, match=message):
        opened(tmp_path, change, plain)
