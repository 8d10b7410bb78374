"""Reading and preparing control simulations: toy files in each model's manner, then real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cftime
import numpy as np
import pytest
import xarray as xr
import yaml

from deepda.base.errors import OutputError
from deepda.base.files import checksum
from deepda.control.binning import position
from deepda.control.prepare import ControlError, open_control, open_prepared, prepare_control
from deepda.geometry.grid import Grid, centres
from deepda.geometry.mesh import Curvilinear
from deepda.geometry.regrid import grid_edges
from deepda.geometry.windows import LEAP_PENTAD, year_edges
from tests.test_regrid import PRESETS, turned_grid

TARGET = {
    "lat_edges": np.arange(-90.0, 91, 15),
    "lon_edges": np.arange(0.0, 361, 20),
    "depth_edges": np.array([0.0, 20, 49, 100]),
}
LAYERS = np.array([0.0, 10, 20, 35, 60, 100])  # m, of the toy models
UNDECLARED = 9.969209968386869e36


def water(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """(depth, ...) a polar cap of land, and a sea floor that rises round 100E."""
    shallow = np.abs(np.mod(lon, 360) - 100) < 35
    return np.stack([(lat > -65) & ~(shallow & (upper >= 35)) for upper in LAYERS[:-1]])


def truth(lat: np.ndarray, lon: np.ndarray, depth: float) -> np.ndarray:
    """Smooth on the sphere, degC."""
    lat, lon = np.deg2rad(lat), np.deg2rad(lon)
    return 12 + 8 * np.cos(2 * lat) + 3 * np.cos(lat) * np.sin(lon) - 0.05 * depth


def fields(lat: np.ndarray, lon: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """(time, depth, ...) truth plus the value of each step, NaN on land."""
    still = np.stack([truth(lat, lon, depth) for depth in centres(LAYERS)])
    still = np.where(water(lat, lon), still, np.nan)
    return still[None] + steps.reshape(-1, *(1,) * still.ndim)


def days(count: int, length: float, calendar: str, first: float = 0.0) -> dict[str, xr.Variable]:
    """Time and bounds of consecutive steps, in days since 0001-01-01."""
    edges = first + length * np.arange(count + 1)
    attributes = {
        "units": "days since 0001-01-01",
        "calendar": calendar,
        "bounds": "time_bnds",
        "axis": "T",
    }
    return {
        "time": xr.Variable("time", centres(edges), attributes),
        "time_bnds": xr.Variable(("time", "bnds"), np.stack([edges[:-1], edges[1:]], axis=1)),
    }


def regular_file(
    path: Path, steps: np.ndarray, time: dict[str, xr.Variable], flip: bool = False, **attributes: str
) -> Path:
    """CMIP6-like thetao on 5 x 10 degrees; `flip`: north to south, -180..180."""
    lat, lon = np.arange(-87.5, 90, 5), np.arange(5.0, 360, 10)
    if flip:
        lat, lon = lat[::-1], lon - 180
    values = fields(*np.meshgrid(lat, lon, indexing="ij"), steps).astype("f4")
    dataset = xr.Dataset(
        {"thetao": (("time", "lev", "lat", "lon"), values, {"units": "degC", **attributes}), **time},
        {
            "lat": ("lat", lat, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("lon", lon, {"units": "degrees_east", "standard_name": "longitude"}),
            "lev": (
                "lev",
                centres(LAYERS),
                {"units": "m", "axis": "Z", "positive": "down", "bounds": "lev_bnds"},
            ),
        },
    ).assign(lev_bnds=(("lev", "bnds"), np.stack([LAYERS[:-1], LAYERS[1:]], axis=1)))
    dataset.to_netcdf(path)
    return path


def cmip_file(path: Path) -> Path:
    cells = turned_grid(np.random.default_rng(3), 48, 80)
    values = fields(cells.lat, cells.lon, np.zeros(2)).astype("f4")
    return curvilinear_file(path, cells, values, LAYERS, days(2, 5, "noleap"))


def curvilinear_file(
    path: Path, cells: Curvilinear, values: np.ndarray, layers: np.ndarray, time: dict[str, xr.Variable]
) -> Path:
    """CMIP6-like thetao (time, lev, j, i) with its corners."""
    plane = ("j", "i")
    xr.Dataset(
        {
            "thetao": (
                ("time", "lev", *plane),
                values,
                {"units": "degC", "coordinates": "latitude longitude"},
            ),
            "latitude": (plane, cells.lat, {"units": "degrees_north", "bounds": "vertices_latitude"}),
            "longitude": (plane, cells.lon, {"units": "degrees_east", "bounds": "vertices_longitude"}),
            "vertices_latitude": ((*plane, "vertices"), cells.corner_lat),
            "vertices_longitude": ((*plane, "vertices"), cells.corner_lon),
            "lev_bnds": (("lev", "bnds"), np.stack([layers[:-1], layers[1:]], axis=1)),
            **time,
        },
        {"lev": ("lev", centres(layers), {"units": "m", "axis": "Z", "bounds": "lev_bnds"})},
    ).to_netcdf(path, encoding={"thetao": {"_FillValue": 1e20}})
    return path


def cesm_file(path: Path) -> Path:
    """Centimetres, stamps at the end, 9.97e36 on land in values (undeclared) and coordinates."""
    lat, lon = np.meshgrid(np.arange(-78.0, 90, 4), np.arange(320.0, 680, 6) % 360, indexing="ij")
    lat = lat + 2 * np.cos(np.deg2rad(lat)) * np.sin(np.deg2rad(3 * lon))
    values = fields(lat, lon, np.arange(12.0))
    land = ~water(lat, lon)[0]
    time = np.cumsum([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]).astype(float)
    plane = ("nlat", "nlon")
    xr.Dataset(
        {
            "TEMP": (
                ("time", "z_t", *plane),
                np.where(np.isnan(values), UNDECLARED, values).astype("f4"),
                {"units": "degC", "coordinates": "TLONG TLAT time"},
            ),
            "TLAT": (plane, np.where(land & (lat < -70), UNDECLARED, lat), {"units": "degrees_north"}),
            "TLONG": (plane, np.where(land & (lat < -70), UNDECLARED, lon), {"units": "degrees_east"}),
            "ULAT": (plane, lat + 2, {"units": "degrees_north"}),
            "ULONG": (plane, lon + 3, {"units": "degrees_east"}),
            "time_bound": (("time", "d2"), np.stack([np.append(0, time[:-1]), time], axis=1)),
        },
        {
            "z_t": ("z_t", 100 * centres(LAYERS), {"units": "centimeters", "positive": "down"}),
            "z_w_top": ("z_w_top", 100 * LAYERS[:-1]),
            "time": (
                "time",
                time,
                {"units": "days since 0001-01-01", "calendar": "noleap", "bounds": "time_bound"},
            ),
        },
    ).to_netcdf(
        path,
        encoding={
            "TEMP": {"_FillValue": None},
            "TLAT": {"_FillValue": None},
            "TLONG": {"_FillValue": None},
        },
    )
    return path


def nemo_file(path: Path) -> Path:
    """Halo columns, zeros on land with a mask, packed integers, 360_day, no bounds."""
    cells = turned_grid(np.random.default_rng(5), 48, 80)
    lat, lon = (np.concatenate([x[:, -1:], x, x[:, :1]], axis=1) for x in (cells.lat, cells.lon))
    values = np.nan_to_num(fields(lat, lon, np.zeros(3)), nan=0.0)
    packed = np.round(values / 0.001).astype("i2")
    plane = ("y", "x")
    time = {"units": "seconds since 1900-01-01", "calendar": "360_day"}
    xr.Dataset(
        {
            "votemper": (
                ("time_counter", "deptht", *plane),
                packed,
                {"units": "degree_C", "scale_factor": 0.001, "coordinates": "nav_lat nav_lon"},
            ),
            "nav_lat": (
                plane,
                lat.astype("f4"),
                {"units": "degrees_north", "standard_name": "latitude"},
            ),
            "nav_lon": (
                plane,
                lon.astype("f4"),
                {"units": "degrees_east", "standard_name": "longitude"},
            ),
            "tmask": (("deptht", *plane), water(lat, lon).astype("i1")),
        },
        {
            "deptht": ("deptht", centres(LAYERS), {"units": "m", "positive": "down", "axis": "Z"}),
            "time_counter": ("time_counter", 86400 * np.array([15.0, 45, 75]), time),
        },
    ).to_netcdf(path)
    return path


def zarr_kelvin(path: Path) -> Path:
    """Kelvin, north to south, layers bottom up, depth as height."""
    lat, lon = np.arange(88.0, -90, -4), np.arange(-176.0, 180, 8)
    values = fields(*np.meshgrid(lat, lon, indexing="ij"), np.zeros(2))[:, ::-1] + 273.15
    time = {"units": "days since 1850-01-01", "calendar": "proleptic_gregorian"}
    xr.Dataset(
        {"thetao": (("time", "olevel", "lat", "lon"), values.astype("f4"), {"units": "K"})},
        {
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
            "olevel": ("olevel", -centres(LAYERS)[::-1], {"units": "m", "positive": "up", "axis": "Z"}),
            "time": ("time", [0.5, 1.5], time),
        },
    ).to_zarr(path, zarr_format=2)
    return path


CONVENTIONS = {
    "cmip.nc": cmip_file,
    "cesm.nc": cesm_file,
    "nemo.nc": nemo_file,
    "kelvin.zarr": zarr_kelvin,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONVENTIONS)
def test_every_convention_gives_the_same_ocean(tmp_path: Path, name: str) -> None:
    path = CONVENTIONS[name](tmp_path / name)
    thetao = open_control(path, TARGET)
    assert thetao.dims == ("time", "depth", "lat", "lon") and thetao.attrs["units"] == "degC"
    lat, lon = np.meshgrid(thetao.lat, thetao.lon, indexing="ij")
    got = thetao[0].to_numpy()
    for layer, depth in enumerate(thetao.depth.values):
        inside = (lat > -55) & (np.abs(lat) < 80)
        wet = inside & (np.abs(lon - 100) > 60)
        assert np.abs(got[layer] - truth(lat, lon, depth))[wet].max() < 0.75
        assert np.abs((got[layer] - truth(lat, lon, depth))[wet].mean()) < 0.2
        assert np.isnan(got[layer][lat < -75]).all()
        shallow = inside & (np.abs(lon - 100) < 15)
        assert np.isfinite(got[layer][shallow]).all() == (layer < 2)  # 20-49 m is half water: 20-35 m


def test_reading_is_lazy(tmp_path: Path) -> None:
    thetao = open_control(cmip_file(tmp_path / "cmip.nc"), TARGET)
    assert thetao.chunks is not None and thetao.dtype == np.float32


def test_a_stamp_at_the_end_moves_to_the_middle_of_its_bounds(tmp_path: Path) -> None:
    thetao = open_control(cesm_file(tmp_path / "cesm.nc"), TARGET)
    assert thetao.time.values[0] == cftime.DatetimeNoLeap(1, 1, 16, 12)
    assert thetao.time.values[-1] == cftime.DatetimeNoLeap(1, 12, 16, 12)
    assert thetao.time_begin.values[0] == cftime.DatetimeNoLeap(1, 1, 1)
    assert thetao.time_end.values[0] == cftime.DatetimeNoLeap(1, 2, 1)


@pytest.mark.parametrize("flip", [False, True])
def test_the_grid_of_the_source_passes_exactly(tmp_path: Path, flip: bool) -> None:
    path = regular_file(tmp_path / "a.nc", np.array([0.0, 0.7]), days(2, 5, "noleap"), flip=flip)
    edges = {
        "lat_edges": np.arange(-90.0, 91, 5),
        "lon_edges": np.arange(-20.0, 341, 10),
        "depth_edges": LAYERS[:-1],
    }
    got = open_control(path, edges)
    source = xr.open_dataset(path, decode_times=False)["thetao"].isel(lev=slice(0, 4)).sortby("lat")
    source = source.assign_coords(lon=np.mod(source.lon + 20, 360) - 20).sortby("lon")
    np.testing.assert_array_equal(got.lon, source.lon)
    np.testing.assert_array_equal(got.values, source.values)


def test_layers_are_averaged_by_thickness_over_water(tmp_path: Path) -> None:
    """Closed form: 20-50 m holds 15 m of the third and 15 m of the fourth layer."""
    path = regular_file(tmp_path / "a.nc", np.zeros(1), days(1, 5, "noleap"))
    edges = {
        "lat_edges": np.arange(-90.0, 91, 5),
        "lon_edges": np.arange(0.0, 361, 10),
        "depth_edges": np.array([0.0, 20, 50, 70]),
    }
    got = open_control(path, edges)[0].values
    source = xr.open_dataset(path, decode_times=False)["thetao"][0].values
    deep = np.isfinite(source[3])
    np.testing.assert_allclose(got[1][deep], 0.5 * (source[2] + source[3])[deep], rtol=1e-6)
    np.testing.assert_allclose(got[0][deep], 0.5 * (source[0] + source[1])[deep], rtol=1e-6)
    np.testing.assert_allclose(got[2][deep], 0.5 * (source[3] + source[4])[deep], rtol=1e-6)
    floor = np.isfinite(source[2]) & ~deep
    assert floor.any()
    np.testing.assert_allclose(got[1][floor], source[2][floor], rtol=1e-6)
    assert np.isnan(got[2][floor]).all()


def test_a_cell_is_ocean_where_half_its_volume_is_water(tmp_path: Path) -> None:
    path = regular_file(tmp_path / "a.nc", np.zeros(1), days(1, 5, "noleap"))
    for bottom, ocean in ((49.9, True), (50.0, True), (50.1, False)):  # 15 m of water below 20 m
        edges = {
            "lat_edges": np.arange(-90.0, 91, 5),
            "lon_edges": np.arange(0.0, 361, 10),
            "depth_edges": np.array([0.0, 20, bottom]),
        }
        got = open_control(path, edges)[0, 1].sel(lat=2.5, lon=105)
        assert np.isfinite(float(got)) == ocean


def test_a_grid_keeps_its_own_mask_and_must_be_covered(tmp_path: Path) -> None:
    path = regular_file(tmp_path / "a.nc", np.zeros(1), days(1, 5, "noleap"))
    got = open_control(path, TARGET)
    ocean = np.isfinite(got[0].values)
    ocean[:, 6, 3] = False
    grid = Grid(**TARGET, ocean=ocean)
    np.testing.assert_array_equal(np.isfinite(open_control(path, grid)[0].values), ocean)
    with pytest.raises(ControlError, match="76 of 648 ocean cells of the grid have no water"):
        open_control(path, grid.with_ocean(np.ones(ocean.shape, bool)))


@pytest.mark.slow
def test_files_may_come_in_any_order_and_as_folder_or_pattern(tmp_path: Path) -> None:
    for part in range(3):
        regular_file(
            tmp_path / f"part_{2 - part}.nc",
            part + np.array([0.0, 0.5]),
            days(2, 5, "noleap", 10.0 * part),
        )
    xr.Dataset({"areacello": ("x", [1.0])}).to_netcdf(tmp_path / "fixed.nc")
    for given in (tmp_path, tmp_path / "part_*.nc", sorted(tmp_path.glob("part*"))):
        got = open_control(given, TARGET)[:, 0, 6, 10].values
        np.testing.assert_allclose(got - got[0], np.arange(6) / 2, atol=1e-5)


# Prepared files


def test_pentads_of_365_days_pass_unchanged(tmp_path: Path) -> None:
    steps = np.random.default_rng(0).normal(size=146)
    path = regular_file(tmp_path / "a.nc", steps, days(146, 5, "noleap", 365.0))
    output = prepare_control(path, TARGET, tmp_path / "control.nc")
    grid, thetao = open_prepared(output)
    np.testing.assert_array_equal(thetao.values, open_control(path, TARGET).values)
    np.testing.assert_array_equal(thetao.season, np.tile(np.arange(73), 2))
    np.testing.assert_array_equal(thetao.year, np.repeat([2, 3], 73))
    assert thetao.chunks is not None
    np.testing.assert_array_equal(grid.ocean, np.isfinite(thetao.values[0]))
    assert thetao.time.values[0] == cftime.DatetimeNoLeap(2, 1, 3, 12)


def test_the_prepared_file_says_where_it_comes_from(tmp_path: Path) -> None:
    path = regular_file(tmp_path / "a.nc", np.zeros(365), days(365, 1, "noleap"))
    with xr.open_dataset(prepare_control(path, TARGET, tmp_path / "c.nc"), decode_times=False) as made:
        assert made.attrs["source_calendar"] == "noleap"
        assert json.loads(made.attrs["source_files"]) == ["a.nc"]
        assert json.loads(made.attrs["source_sha256"]) == [checksum(path)]
        assert made.time.attrs["calendar"] == "365_day" and "time_bnds" in made
        assert made["thetao"].encoding["complevel"] == 1


def step_means(path: Path, output: Path, per_year: int = 73) -> np.ndarray:
    """The steps' values of `fields`, the first being 0, as they come out in the windows."""
    thetao = open_prepared(prepare_control(path, TARGET, output, per_year))[1][:, 0].values
    still = open_control(path, TARGET)[0, 0].values
    return np.nanmedian(thetao - still, axis=(1, 2))


@pytest.mark.slow
def test_days_are_averaged_to_pentads_and_months(tmp_path: Path) -> None:
    value = np.cumsum(np.random.default_rng(1).normal(size=730)) / 10
    value -= value[0]
    path = regular_file(tmp_path / "a.nc", value, days(730, 1, "noleap"))
    np.testing.assert_allclose(
        step_means(path, tmp_path / "p.nc"), value.reshape(-1, 5).mean(1), atol=1e-5
    )
    months = np.split(value, np.cumsum([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] * 2)[:-1])
    expected = [month.mean() for month in months]
    np.testing.assert_allclose(step_means(path, tmp_path / "m.nc", 12), expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("calendar", ["standard", "julian", "proleptic_gregorian"])
def test_the_leap_day_joins_the_twelfth_pentad(tmp_path: Path, calendar: str) -> None:
    """Year 4 is leap in all of them and begins 1,095 days after year 1."""
    value = np.arange(366.0) / 50
    path = regular_file(tmp_path / "a.nc", value, days(366, 1, calendar, 1095.0))
    parts = np.split(value, np.arange(1, 73) * 5 + (np.arange(1, 73) > LEAP_PENTAD))
    assert len(parts[LEAP_PENTAD]) == 6
    got = step_means(path, tmp_path / "p.nc")
    np.testing.assert_allclose(got, [part.mean() for part in parts], atol=1e-5)


@pytest.mark.parametrize("per_year", [73, 12])
@pytest.mark.parametrize("year", [2007, 2008, 2000, 1900])
def test_windows_of_the_standard_calendar_have_whole_positions(year: int, per_year: int) -> None:
    numbers = year_edges(year, per_year).astype(float)
    dates = cftime.num2date(numbers, "seconds since 1970-01-01", "proleptic_gregorian")
    np.testing.assert_allclose(position(dates, per_year), year * per_year + np.arange(per_year + 1))


def test_a_year_of_360_days_is_divided_evenly(tmp_path: Path) -> None:
    """Linear in time, so the mean of a window is the value at its middle, whole or cut steps alike."""
    value = np.arange(360.0) / 40
    path = regular_file(tmp_path / "a.nc", value, days(360, 1, "360_day"))
    expected = ((np.arange(73) + 0.5) / 73 * 360 - 0.5) / 40
    np.testing.assert_allclose(step_means(path, tmp_path / "p.nc"), expected, atol=2e-3)


def test_partial_years_are_left_out(tmp_path: Path) -> None:
    path = regular_file(tmp_path / "a.nc", np.arange(300.0) / 99, days(300, 5, "noleap", 100.0))
    assert set(open_prepared(prepare_control(path, TARGET, tmp_path / "all.nc"))[1].year.values) == {
        2,
        3,
        4,
    }


@pytest.mark.slow
def test_the_size_of_blocks_does_not_change_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = np.random.default_rng(2).normal(size=360)
    path = regular_file(tmp_path / "a.nc", steps, days(360, 1, "360_day"))
    whole = open_prepared(prepare_control(path, TARGET, tmp_path / "whole.nc"))[1].values
    monkeypatch.setattr("deepda.control.prepare.BLOCK_BYTES", 1)
    monkeypatch.setattr("deepda.control.model_files.CHUNK_BYTES", 1)
    got = open_prepared(prepare_control(path, TARGET, tmp_path / "small.nc"))[1].values
    np.testing.assert_array_equal(got, whole)


# Refusals


def damaged(change: Callable[[xr.Dataset], xr.Dataset], path: Path) -> Path:
    """The plain toy file with one thing wrong."""
    regular_file(path.with_name("plain.nc"), np.linspace(0, 1, 73), days(73, 5, "noleap"))
    with xr.open_dataset(path.with_name("plain.nc"), decode_times=False) as dataset:
        change(dataset.load()).to_netcdf(path)
    return path


def with_attributes(name: str, **attributes: str | None) -> Callable[[xr.Dataset], xr.Dataset]:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        for key, value in attributes.items():
            dataset[name].attrs.pop(key, None)
            if value is not None:
                dataset[name].attrs[key] = value
        return dataset

    return change


def hole(dataset: xr.Dataset) -> xr.Dataset:
    dataset["thetao"][40, 1, 20, 7] = np.nan
    return dataset


def shuffled(dataset: xr.Dataset) -> xr.Dataset:
    return dataset.isel(lat=np.random.default_rng(0).permutation(36))


def long_steps(dataset: xr.Dataset) -> xr.Dataset:
    first = dataset.isel(time=slice(0, 12))
    time = ("time", 6 * first.time.values, first.time.attrs)
    return first.assign_coords(time=time).assign(
        time_bnds=(("time", "bnds"), 6 * first.time_bnds.values)
    )


BAD_FILES: dict[str, tuple[Callable[[xr.Dataset], xr.Dataset], str]] = {
    "no temperature": (lambda d: d.rename(thetao="so"), "holds no potential temperature but so"),
    "no units": (with_attributes("thetao", units=None), "thetao in units none, expected degC or K"),
    "wrong units": (
        with_attributes("thetao", units="watt/m^2"),
        "in units watt/m\\^2, expected degC or K",
    ),
    "kelvin": (
        lambda d: d.assign(thetao=(d.thetao + 273.15).assign_attrs(units="degC")),
        "kelvin labelled degC",
    ),
    "celsius as kelvin": (
        with_attributes("thetao", units="K"),
        "values are no sea water, the first is -2",
    ),
    "calendar": (with_attributes("time", calendar="martian"), "calendar martian, expected one of"),
    "time units": (with_attributes("time", units="months since 0001-01-01"), "times in 'months since"),
    "no time": (with_attributes("time", units=None), "has no time"),
    "lat": (shuffled, "latitude does not run one way"),
    "two cells": (lambda d: d.isel(lon=slice(0, 2)), "36 x 2 cells, expected at least 3 x 3"),
    "all land": (
        lambda d: d.assign(thetao=(d.thetao * np.nan).assign_attrs(units="degC")),
        "no value at its first",
    ),
    "depth units": (with_attributes("lev", units="1"), "depth lev has units 1, expected a length"),
    "layers": (lambda d: d.assign(lev_bnds=d.lev_bnds * 100), "cross or do not hold their centres"),
    "hole": (
        hole,
        "1 values are missing .* at 0001-07-22 12:00:00, 15 m, latitude 12.50, longitude 75.00",
    ),
    "member": (
        lambda d: d.expand_dims(member=2).assign(thetao=d.thetao.expand_dims(member=2)),
        "member",
    ),
    "gap": (lambda d: d.isel(time=[*range(30), *range(40, 73)]), "cover no year whole, 63 of 73"),
    "time bounds": (lambda d: d.assign(time_bnds=d.time_bnds * 0), "time bounds without length"),
    "month": (
        long_steps,
        "lasts 6.0 of the 73",
    ),
    "stamps": (
        lambda d: d.assign_coords(time=(d.time + 2.5).assign_attrs(d.time.attrs, bounds="")),
        "does not lie amid its step",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_input_is_refused_in_one_sentence_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    change, message = BAD_FILES[case]
    path = damaged(change, tmp_path / "bad.nc")
    output = tmp_path / "out" / "control.nc"
    output.parent.mkdir()
    with pytest.raises(ControlError, match=message) as error:
        prepare_control(path, TARGET, output, per_year=73)
    assert "\n" not in str(error.value) and not list(output.parent.iterdir())


def test_a_damaged_step_is_found_when_it_is_read(tmp_path: Path) -> None:
    thetao = open_control(damaged(hole, tmp_path / "bad.nc"), TARGET)
    with pytest.raises(ControlError, match="1 values are missing"):
        thetao.compute()


def test_paths_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "no.nc", tmp_path / "*.nc", tmp_path):
        with pytest.raises(ControlError, match="leads to no file with potential temperature"):
            open_control(path, TARGET)
    (tmp_path / "text.nc").write_text("no NetCDF")
    with pytest.raises(ControlError, match=r"text\.nc cannot be read"):
        open_control(tmp_path / "text.nc", TARGET)
    with pytest.raises(ControlError, match="no path was given"):
        open_control([], TARGET)


def test_pieces_of_two_simulations_are_refused(tmp_path: Path) -> None:
    first = regular_file(tmp_path / "a.nc", np.zeros(2), days(2, 5, "noleap"))
    other = regular_file(tmp_path / "b.nc", np.zeros(2), days(2, 5, "noleap", 10.0), flip=True)
    with pytest.raises(ControlError, match="have different grids"):
        open_control([first, other], TARGET)
    again = regular_file(tmp_path / "c.nc", np.zeros(2), days(2, 5, "noleap", 5.0))
    with pytest.raises(ControlError, match="are not in order"):
        open_control([first, again], TARGET)
    strange = regular_file(tmp_path / "d.nc", np.zeros(2), days(2, 5, "360_day", 10.0))
    with pytest.raises(ControlError, match="calendars 360_day and noleap"):
        open_control([first, strange], TARGET)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = regular_file(tmp_path / "a.nc", np.zeros(73), days(73, 5, "noleap"))
    with pytest.raises(OutputError, match=r"cannot write .*nowhere/control\.nc"):
        prepare_control(path, TARGET, tmp_path / "nowhere" / "control.nc")


def test_a_failure_leaves_the_older_file_as_it_was(tmp_path: Path) -> None:
    output = tmp_path / "control.nc"
    output.write_text("older")
    with pytest.raises(ControlError):
        prepare_control(damaged(hole, tmp_path / "bad.nc"), TARGET, output)
    assert output.read_text() == "older"
    assert not (tmp_path / ".control.nc.part").exists()


def test_a_file_that_was_not_prepared_is_refused(tmp_path: Path) -> None:
    path = regular_file(tmp_path / "a.nc", np.zeros(73), days(73, 5, "noleap"))
    with pytest.raises(ControlError, match="`deepda control prepare`"):
        open_prepared(path)
    with pytest.raises(ControlError, match="does not exist"):
        open_prepared(tmp_path / "no.nc")
    output = prepare_control(path, TARGET, tmp_path / "c.nc")
    xr.open_dataset(output, decode_times=False).isel(time=slice(0, 72)).to_netcdf(tmp_path / "cut.nc")
    with pytest.raises(ControlError, match="72 steps in year 1"):
        open_prepared(tmp_path / "cut.nc")


# Real files


@pytest.mark.slow
@pytest.mark.data
def test_the_model_run_is_prepared_to_the_bit(data_root: Path, tmp_path: Path) -> None:
    """Two of its years on its own grid: the very values of the packed file."""
    files = sorted((data_root / "gcm").glob("thetao_*_00370101-*.nc"))
    edges = grid_edges(yaml.safe_load((PRESETS / "gcm.yaml").read_text()))
    grid, thetao = open_prepared(prepare_control(files, edges, tmp_path / "gcm.nc"))
    thetao = thetao[thetao.year.isin([38, 39]).values]
    source = xr.open_dataset(files[0], decode_times=False)["thetao"].isel(time=slice(73, 219))
    np.testing.assert_array_equal(thetao.values, source.values.astype(np.float32))
    assert grid.ocean.sum() == np.isfinite(source[0].values).sum()


@pytest.mark.slow
@pytest.mark.data
def test_a_real_nemo_file_opens(data_root: Path) -> None:
    """ORCA2: scalar depth and time, halo, tripolar; one layer of 0-10 m."""
    path = data_root / "real" / "iris_sample_data" / "orca2_votemper.nc"
    edges = {
        **grid_edges(yaml.safe_load((PRESETS / "paper_1deg.yaml").read_text())),
        "depth_edges": np.array([0.0, 10]),
    }
    got = open_control(path, edges)
    assert got.sizes == {"time": 1, "depth": 1, "lat": 180, "lon": 360}
    assert 0.6 < np.isfinite(got).mean() < 0.75
    assert float(got.weighted(np.cos(np.deg2rad(got.lat))).mean()) == pytest.approx(18, abs=1.5)


@pytest.mark.data
def test_a_real_file_with_temperature_in_wrong_units_is_refused(data_root: Path) -> None:
    (path,) = (data_root / "real" / "intake_esm").glob("*TEMP*.nc")
    with pytest.raises(ControlError, match=r"2 x 2 cells|units watt"):
        open_control(path, TARGET)
