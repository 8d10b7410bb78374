"""The observed climatology: months and areas keep their means, gaps are filled, places are respected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from global_land_mask import globe
from scipy.integrate import quad
from toys import toy_grid

from deepda.climatology.annual import about_annual_mean
from deepda.climatology.files import LEVITUS_SHAPE, Months, read_annual, read_months, read_surface
from deepda.climatology.observed import ObservedClimatology, grown
from deepda.climatology.seasonal import ClimatologyError
from deepda.geometry.grid import Grid, centres
from deepda.geometry.interval_means import curve_weights, interval_means, seasons_from_months
from deepda.geometry.windows import MONTH_LENGTHS
from deepda.observations.reading import ObservationError

EDGES = np.concatenate([[0.0], np.cumsum(MONTH_LENGTHS)])


def months_of(function: object, seed: int = 0, depth: tuple[float, ...] = (0, 50, 300, 900)) -> Months:
    """A climatology on uneven places: `function(month, depth, lat, lon)` degC."""
    rng = np.random.default_rng(seed)
    lat = np.linspace(-85, 85, 20) + rng.uniform(-4, 4, 20)
    lon = np.linspace(6, 354, 30) + rng.uniform(-5, 5, 30)
    where = np.meshgrid(np.arange(12.0), np.array(depth, float), lat, lon, indexing="ij")
    value = np.asarray(function(*where), float) + 0.0 * where[0]  # type: ignore[operator]
    return Months(value, np.array(depth, float), lat, lon, "abc")


@pytest.mark.parametrize("period", [None, 10.0])
def test_interval_means_are_those_of_quadrature(period: float | None) -> None:
    rng = np.random.default_rng(1)
    nodes = np.sort(rng.uniform(0, 10, 6))
    values = rng.normal(size=6)
    edges = np.sort(rng.uniform(-4, 14, 5))
    whole, given = nodes, values
    if period is not None:
        whole = np.concatenate([nodes - 10, nodes, nodes + 10])
        given = np.tile(values, 3)
    means = interval_means(nodes, edges, period) @ values
    for mean, a, b in zip(means, edges[:-1], edges[1:], strict=True):
        points = whole[(whole > a) & (whole < b)]
        total, _ = quad(lambda x: np.interp(x, whole, given), a, b, points=points, limit=200)
        assert mean == pytest.approx(total / (b - a), abs=1e-8)


def test_pentads_keep_the_mean_of_each_month_and_of_the_year() -> None:
    months = np.random.default_rng(2).normal(15, 8, 12)
    pentads = seasons_from_months(73) @ months
    assert pentads.mean() == pytest.approx(np.average(months, weights=MONTH_LENGTHS), abs=1e-12)
    fine = np.linspace(0, 365, 365 * 200 + 1)  # every month and node ends on a point of it
    curve = curve_weights(fine / 365) @ months
    for month, (a, b) in enumerate(pairwise(EDGES)):
        inside = (fine >= a) & (fine <= b)
        assert np.trapezoid(curve[inside], fine[inside]) / (b - a) == pytest.approx(
            months[month], abs=1e-9
        )
    for season in (0, 36, 72):
        inside = (fine >= 5 * season) & (fine <= 5 * season + 5)
        mean = np.trapezoid(curve[inside], fine[inside]) / 5
        assert pentads[season] == pytest.approx(mean, abs=1e-9)
    assert np.array_equal(seasons_from_months(12), np.eye(12))


def test_plain_interpolation_would_flatten_the_year_and_pentads_do_not() -> None:
    middle = 0.5 * (EDGES[1:] + EDGES[:-1])
    months = np.array([np.cos(2 * np.pi * np.linspace(a, b, 400) / 365).mean()
                       for a, b in pairwise(EDGES)])  # fmt: skip
    at = 2 * np.pi * (np.arange(73) * 5 + 2.5) / 365
    plain = np.interp(np.arange(73) * 5 + 2.5, np.r_[middle[-1] - 365, middle, middle[0] + 365],
                      np.r_[months[-1], months, months[0]])  # fmt: skip
    kept, lost = (
        np.abs(line @ np.exp(-1j * at)) / 36.5 for line in (seasons_from_months(73) @ months, plain)
    )
    assert kept == pytest.approx(1, abs=2e-3)
    assert lost < 0.98


@pytest.mark.parametrize("per_year", [12, 73])
def test_a_constant_stays_one_and_the_mean_over_the_globe_is_kept(per_year: int) -> None:
    grid = replace(toy_grid(np.random.default_rng(3)), ocean=np.ones((4, 10, 14), bool))
    whole = replace(grid, lat_edges=np.linspace(-90, 90, 11))
    constant = ObservedClimatology.of(months_of(lambda m, z, y, x: 7.0), None, whole, per_year)
    assert np.allclose(constant.mean, 7.0, atol=1e-5)
    wavy = months_of(lambda m, z, y, x: 10 + 5 * np.cos(np.deg2rad(x)) * np.sin(np.deg2rad(y)))
    coarse = ObservedClimatology.of(wavy, None, whole, per_year).mean[0, 0]
    fine = replace(whole, lat_edges=np.linspace(-90, 90, 241), lon_edges=np.linspace(-170, 190, 361),
                   ocean=np.ones((4, 240, 360), bool))  # fmt: skip
    dense = ObservedClimatology.of(wavy, None, fine, 12).mean[0, 0]
    mean = [np.average(field, weights=of.area) for field, of in ((coarse, whole), (dense, fine))]
    assert mean[0] == pytest.approx(mean[1], abs=1e-5)


def test_layers_are_means_over_their_thickness() -> None:
    grid = toy_grid(np.random.default_rng(4))
    months = months_of(lambda m, z, y, x: 20 - 0.01 * z)
    mean = ObservedClimatology.of(months, None, grid, 12).mean
    centre = np.broadcast_to((20 - 0.01 * grid.depth)[:, None, None], grid.shape)
    assert np.allclose(mean[3][grid.ocean], centre[grid.ocean], atol=1e-4)
    assert np.isnan(mean[:, ~grid.ocean]).all()


def test_a_gap_takes_its_neighbours_across_the_date_line_and_no_cell_is_left_without(grid: Grid) -> None:
    value = np.full((1, 2, 5, 6), np.nan)
    value[0, 0, 2, 5] = 3.0  # the only value: a ring a step, around the globe
    assert (grown(value) == 3.0).all()
    value[0, 0, 2, 1] = 5.0
    assert grown(value)[0, 0, 2, 0] == pytest.approx(4.0)  # between longitudes 5 and 1
    months = months_of(lambda m, z, y, x: np.where((y > 60) & (x > 300) & (z > 40), np.nan, 9.0))
    assert np.isfinite(ObservedClimatology.of(months, None, grid, 12).mean[:, grid.ocean]).all()


def test_a_climatology_without_any_value_or_too_shallow_is_refused() -> None:
    grid = toy_grid(np.random.default_rng(5))
    with pytest.raises(ClimatologyError, match="no value at its uppermost level"):
        grown(np.full((1, 2, 4, 5), np.nan))
    shallow = months_of(lambda m, z, y, x: 9.0, depth=(0, 10))
    with pytest.raises(ClimatologyError, match="take a deeper one"):
        ObservedClimatology.of(shallow, None, grid, 12)


@pytest.mark.parametrize(
    "missing",
    [
        lambda z, y, x: y > 4,
        lambda z, y, x: (x > 90) & (x < 270),
        lambda z, y, x: (z > 40) & (z < 400) & (y < -20),
    ],
)
def test_a_climatology_of_a_part_of_the_ocean_is_refused_or_of_the_whole(missing: Callable) -> None:
    grid = replace(toy_grid(np.random.default_rng(6)), ocean=np.ones((4, 10, 14), bool))
    part = months_of(lambda m, z, y, x: np.where(missing(z, y, x), np.nan, 9.0))
    with pytest.raises(ClimatologyError, match=r"no value within 1,500 km .* expected one of the whole"):
        ObservedClimatology.of(part, None, grid, 12)


def test_a_climatology_that_begins_below_the_uppermost_layer_needs_a_surface() -> None:
    grid = toy_grid(np.random.default_rng(5))
    deep = months_of(lambda m, z, y, x: 9.0, depth=(300, 900))
    with pytest.raises(ClimatologyError, match="begins at 300 m, the uppermost layer ends at"):
        ObservedClimatology.of(deep, None, grid, 12)


def test_a_value_that_follows_the_climatology_of_its_place_has_no_anomaly_in_its_cell() -> None:
    grid = replace(toy_grid(np.random.default_rng(6)), ocean=np.ones((4, 10, 14), bool))
    months = months_of(lambda m, z, y, x: 15 + 0.1 * y + np.cos(np.deg2rad(x)) + np.sin(m), seed=7)
    surface = replace(months_of(lambda m, z, y, x: 20 + 0.2 * y, seed=8, depth=(0,)), sha256="s")
    normal = ObservedClimatology.of(months, surface, grid, 12)
    rng = np.random.default_rng(9)
    lat, lon = rng.uniform(-70, 60, 500), rng.uniform(-180, 180, 500)
    time = np.datetime64("2003-05-01", "s") + rng.integers(0, 31 * 86400, 500)
    level = rng.integers(0, 4, 500)
    middle = np.datetime64("2003-05-16T12:00:00")
    shift = normal.shift(time, level, lat, lon, (middle, 4))
    row, column = grid.locate(lat, lon, np.full(500, grid.depth[0]))[1:]
    weights = curve_weights((time - np.datetime64("2003-01-01", "s")) / np.timedelta64(365 * 86400, "s"))
    mean_of_may = np.abs(time - middle) < np.timedelta64(1, "D")
    weights[mean_of_may] = np.eye(12)[4]
    for top, field in ((True, normal.surface), (False, normal.water)):
        rows = (level == 0) == top
        assert field is not None
        here = field.at(weights[rows], level[rows], lat[rows], lon[rows])
        there = normal.mean[4, level[rows], row[rows], column[rows]]
        assert np.allclose(here + shift[rows], there, atol=1e-5)
    assert mean_of_may.any() and not mean_of_may.all()
    north = normal.water.at(np.eye(12)[:1], np.zeros(1, int), months.lat[7:8], months.lon[3:4])
    assert north[0] == pytest.approx(normal.water.value[0, 0, 7, 3])


def test_where_the_surface_has_no_value_the_upper_layer_of_the_water_stays() -> None:
    grid = replace(toy_grid(np.random.default_rng(6)), ocean=np.ones((4, 10, 14), bool))
    months = months_of(lambda m, z, y, x: 15 + 0.1 * y + np.sin(m), seed=7)
    surface = months_of(lambda m, z, y, x: np.where(y < 0, np.nan, 30.0), seed=8, depth=(0,))
    both = ObservedClimatology.of(months, surface, grid, 12).mean
    alone = ObservedClimatology.of(months, None, grid, 12).mean
    south = grid.lat_edges[1:] < surface.lat[surface.lat < 0].max()
    north = grid.lat_edges[:-1] > surface.lat[surface.lat > 0].min()
    assert np.allclose(both[:, :, south], alone[:, :, south], atol=0.7)  # other nodes
    assert np.allclose(both[:, 0, north], 30) and np.array_equal(both[:, 1:], alone[:, 1:])


def test_outside_the_grid_and_on_land_nothing_is_shifted(grid: Grid) -> None:
    normal = ObservedClimatology.of(months_of(lambda m, z, y, x: y + m), None, grid, 12)
    lat, lon = np.array([89.0, grid.lat[5]]), np.array([0.0, grid.lon[7]])  # beyond; the island
    time = np.full(2, np.datetime64("2003-05-03", "s"))
    assert (normal.shift(time, np.zeros(2, int), lat, lon, (time[0], 4)) == 0).all()


def test_levitus_binaries_are_big_endian_and_their_zeros_and_colder_than_sea_values_are_land(
    tmp_path: Path,
) -> None:
    value = np.random.default_rng(1).uniform(1, 25, LEVITUS_SHAPE).astype(">f4")
    value[0, 0, 3, 4], value[1, 2, 5, 6] = 0.0, -5.0
    value.tofile(tmp_path / "lev_t.bin")
    months = read_months([tmp_path])
    assert np.isnan(months.value[:, 0, 3, 4]).all() and np.isnan(months.value[:, 2, 5, 6]).all()
    assert np.isnan(months.value).sum() == 24  # a cell that is land in one month is land in all
    assert months.value[7, 9, 11, 13] == pytest.approx(value[7, 9, 11, 13])
    assert (months.depth[0], months.lat[0], months.lon[0]) == (25.0, -78.0, 2.0)
    (tmp_path / "lev_t.bin").write_bytes(b"short")
    with pytest.raises(ClimatologyError, match="has 5 bytes, expected 2592000"):
        read_months([tmp_path])


@pytest.mark.slow
def test_a_netcdf_climatology_comes_in_one_file_or_twelve_in_kelvin_or_upside_down(
    tmp_path: Path,
) -> None:
    lat, lon, depth = np.linspace(75, -75, 6), np.linspace(-175, 175, 8), np.array([0.0, 100, 500])
    field = np.random.default_rng(2).uniform(2, 20, (12, 3, 6, 8))
    names = ("time", "depth", "latitude", "longitude")
    whole = xr.Dataset(
        {"thetao": (names, field + 273.15, {"standard_name": "sea_water_potential_temperature"})},
        {"latitude": lat, "longitude": lon, "depth": depth},
    )
    whole.to_netcdf(tmp_path / "all.nc")
    found = read_months([tmp_path / "all.nc"])
    assert found.lat[0] == -75 and (np.diff(found.lon) > 0).all() and found.lon.max() < 360
    east = np.argsort(lon % 360)
    assert np.allclose(found.value, field[:, :, ::-1][..., east], atol=1e-3)
    (tmp_path / "twelve").mkdir()
    for month in range(12):
        part = xr.Dataset(
            {"t_an": (names, field[month : month + 1], {"long_name": "sea water temperature"})},
            {"latitude": lat, "longitude": lon, "depth": depth,
             "time": ("time", [372.5 + month], {"units": "months since 1955-01-01"})},
        )  # fmt: skip
        part.to_netcdf(tmp_path / "twelve" / f"t{month + 1}.nc")
    parts = read_months([tmp_path / "twelve"])
    assert np.allclose(parts.value[:, 0], found.value[:, 0], atol=1e-3)
    colder = found.value[:, 2] - parts.value[:, 2]  # in situ at 500 m: potential is 0.02 to 0.08 K less
    assert (colder > 0.01).all() and (colder < 0.1).all()
    with pytest.raises(ClimatologyError, match="hold 1 months, expected 12"):
        read_months([tmp_path / "twelve" / "t1.nc"])
    with pytest.raises(ClimatologyError, match=r"neither lev_t\.bin nor NetCDF"):
        (tmp_path / "nothing").mkdir()
        read_months([tmp_path / "nothing"])


def climatology_file(
    path: Path, months: np.ndarray, time: xr.Variable | None, **attributes: str
) -> Path:
    """A whole ocean of 3 levels whose value is the number of the month (1..12)."""
    value = np.broadcast_to(months[:, None, None, None].astype(float), (months.size, 3, 6, 8))
    kind = {"units": "degC", "standard_name": "sea_water_potential_temperature", **attributes}
    axes = {"lat": np.linspace(-75, 75, 6), "lon": np.linspace(22.5, 337.5, 8)}
    depth = ("depth", [5.0, 100, 500], {"units": "m", "positive": "down"})
    dataset = xr.Dataset({"thetao": (("time", "depth", "lat", "lon"), value, kind)}, axes)
    dataset = dataset.assign_coords(depth=depth)
    (dataset if time is None else dataset.assign_coords(time=time)).to_netcdf(path)
    return path


def times(values: object, units: str | None, **attributes: str) -> xr.Variable:
    return xr.Variable("time", values, {"units": units, **attributes} if units else attributes)


JULY_FIRST = np.roll(np.arange(1, 13), 6)
MIDDLES = np.array([15, 45, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349.0])


@pytest.mark.parametrize(
    ("months", "time"),
    [
        (np.arange(1, 13), None),
        (np.arange(1, 13), times(np.arange(12), "months since 0000-01-01")),
        (JULY_FIRST, times(JULY_FIRST + 371.5, "months since 1955-01-01")),
        (JULY_FIRST, times(MIDDLES[JULY_FIRST - 1] + 365 * (JULY_FIRST < 7), "days since 2001-1-1")),
        (JULY_FIRST, times(24 * MIDDLES[JULY_FIRST - 1], "hours since 0000-01-01 00:00:00")),
        (JULY_FIRST, times(MIDDLES[JULY_FIRST - 1], "days since 0001-01-01", calendar="360_day")),
        (JULY_FIRST, times(JULY_FIRST, None)),
        (JULY_FIRST, times(JULY_FIRST - 1, None)),
    ],
)  # fmt: skip
def test_the_month_of_a_field_is_what_its_time_says(
    tmp_path: Path, months: np.ndarray, time: xr.Variable | None
) -> None:
    found = read_months([climatology_file(tmp_path / "c.nc", months, time)])
    assert np.allclose(found.value, np.arange(1, 13)[:, None, None, None])


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (
            times(np.append(np.arange(11), 10) + 0.5, "months since 0001-01-01"),
            "months 11 more than once",
        ),
        (times(np.arange(1, 13), "months since 0001-01-01"), "run into a second year"),
        (times(np.arange(12) * 5.5, None), "expected 'days since ...', or the numbers of the months"),
    ],
)
def test_times_that_are_no_twelve_months_are_refused(
    tmp_path: Path, time: xr.Variable, message: str
) -> None:
    with pytest.raises(ClimatologyError, match=message):
        read_months([climatology_file(tmp_path / "c.nc", np.arange(1, 13), time)])


def test_twelve_files_without_time_are_refused_whatever_their_names(tmp_path: Path) -> None:
    files = [climatology_file(tmp_path / f"{m}.nc", np.array([m]), None) for m in range(1, 13)]
    with pytest.raises(ClimatologyError, match="file names are not read"):
        read_months(files)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"units": "K"}, "expected those of sea water"),
        ({"units": "psu"}, "expected one that converts to degC"),
        ({"standard_name": "sea_water_conservative_temperature"}, "set it to what the values are"),
        ({"standard_name": "air_temperature"}, "set it to what the values are"),
        ({"cell_methods": "time: standard_deviation"}, "by its cell_methods 'time: standard_deviation'"),
        ({"standard_name": "sea_water_temperature standard_error"}, "set it to what the values are"),
        ({"long_name": "temperature anomaly"}, "no temperature itself"),
    ],
)
def test_a_climatology_of_something_else_is_refused(
    tmp_path: Path, attributes: dict[str, str], message: str
) -> None:
    with pytest.raises(ClimatologyError, match=message):
        read_months([climatology_file(tmp_path / "c.nc", np.arange(1, 13), None, **attributes)])


def test_the_mean_of_a_climatology_is_taken_beside_its_standard_deviation(tmp_path: Path) -> None:
    with xr.open_dataset(climatology_file(tmp_path / "m.nc", np.arange(1, 13), None)) as mean:
        spread = (0.1 * mean["thetao"]).assign_attrs(
            mean["thetao"].attrs, cell_methods="time: standard_deviation"
        )
        both = xr.Dataset({"t": spread, "votemper": mean["thetao"]})
        both.to_netcdf(tmp_path / "both.nc")
    assert np.allclose(read_months([tmp_path / "both.nc"]).value[:, 0, 0, 0], np.arange(1, 13))


def test_depths_of_a_climatology_are_metres_by_their_units_and_never_indices(tmp_path: Path) -> None:
    with xr.open_dataset(climatology_file(tmp_path / "m.nc", np.arange(1, 13), None)) as sound:
        centimetres = sound.assign_coords(depth=("depth", [500.0, 1e4, 5e4], {"units": "cm"}))
        centimetres.to_netcdf(tmp_path / "cm.nc")
        more = xr.concat([sound, sound.assign_coords(depth=sound.depth + 600)], "depth")
        more.assign_coords(depth=("depth", np.arange(6.0), {"units": "m"})).to_netcdf(tmp_path / "i.nc")
    assert np.allclose(read_months([tmp_path / "cm.nc"]).depth, [5, 100, 500])
    with pytest.raises(ClimatologyError, match="counts its levels"):
        read_months([tmp_path / "i.nc"])


def test_a_lost_fill_value_of_a_climatology_is_land(tmp_path: Path) -> None:
    with xr.open_dataset(climatology_file(tmp_path / "m.nc", np.arange(1, 13), None)) as sound:
        land = (sound.lat > 40) & (sound.lon < 250)
        warm = sound.assign(
            thetao=(sound.thetao + 10).where(~land, 0.0).assign_attrs(sound.thetao.attrs)
        )
        warm.to_netcdf(tmp_path / "zero.nc")
    found = read_months([tmp_path / "zero.nc"]).value
    assert np.isnan(found).any() and np.nanmin(found) >= 11


def test_a_surface_climatology_has_twelve_months(tmp_path: Path) -> None:
    lat, lon = np.linspace(-80, 80, 5), np.arange(0, 361, 60.0)  # a cyclic column
    field = np.random.default_rng(3).uniform(2, 20, (12, 5, 7))
    for months in (12, 11):
        xr.Dataset(
            {"sst": (("time", "lat", "lon"), field[:months])}, {"lat": lat, "lon": lon}
        ).to_netcdf(tmp_path / f"{months}.nc")
    field[6, 0, 2] = -30.0  # ice, or frost on land
    xr.Dataset({"sst": (("time", "lat", "lon"), field)}, {"lat": lat, "lon": lon}).to_netcdf(
        tmp_path / "icy.nc"
    )
    icy = read_surface(tmp_path / "icy.nc").value
    assert np.isnan(icy[:, 0, 0, 2]).all() and np.isnan(icy).sum() == 12
    found = read_surface(tmp_path / "12.nc")
    assert found.value.shape == (12, 1, 5, 6) and found.lon[-1] == 300
    with pytest.raises(ObservationError, match="expected 12 months of the year"):
        read_surface(tmp_path / "11.nc")


@pytest.mark.slow
@pytest.mark.data
def test_levitus_and_sst_of_the_test_data_cover_the_model_grid(data_root: Path) -> None:
    from deepda.geometry.regrid import grid_edges
    from deepda.settings.compose import load_config

    edges = grid_edges(vars(load_config("osse", ["control=files"]).grid))
    middles = np.meshgrid(centres(edges["lat_edges"]), centres(edges["lon_edges"]), indexing="ij")
    ocean = globe.is_ocean(middles[0], (middles[1] + 180) % 360 - 180)
    grid = Grid(**edges, ocean=np.broadcast_to(ocean, (12, 50, 90)).copy())
    levitus = read_months([data_root / "real" / "mitgcm"])
    surface = read_surface(data_root / "real" / "speedy_sst" / "sst_8190clim.t30.sea.grd")
    for per_year, coldest in ((12, -2.0), (73, -2.6)):  # pentads that keep means may overshoot a little
        mean = ObservedClimatology.of(levitus, surface, grid, per_year).mean
        assert np.isfinite(mean[:, grid.ocean]).all()
        assert np.nanmin(mean) > coldest and np.nanmax(mean) < 35
    warm, deep = mean[0, 0, 25, 45], mean[0, -1, 25, 45]  # equator, 182E
    assert 25 < warm < 30 and 3 < deep < 7


def test_about_an_annual_mean_the_season_stays_and_the_mean_is_the_finer_one() -> None:
    def coarse(month: object, depth: object, lat: object, lon: object) -> object:
        return 10 + np.cos(np.pi * month / 6) * (1 + depth / 1000) + lat / 45  # type: ignore[operator]

    months = months_of(coarse)
    depth, lat = np.array([0.0, 20.0, 75.0, 2000.0]), np.linspace(-89, 89, 90)
    lon = np.linspace(0.5, 359.5, 120)
    mean = np.random.default_rng(4).uniform(0, 30, (1, depth.size, lat.size, lon.size))
    mean[0, :, 3, 4] = np.nan
    found = about_annual_mean(months, Months(mean, depth, lat, lon, "def"))
    year = np.average(found.value, axis=0, weights=MONTH_LENGTHS)
    np.testing.assert_allclose(year, mean[0], atol=1e-9)
    assert np.isnan(found.value[:, :, 3, 4]).all()
    season = np.cos(np.pi * np.arange(12) / 6)
    season = season - np.average(season, weights=MONTH_LENGTHS)
    strength = 1 + np.minimum(depth, 900) / 1000  # constant below the last level of the months
    expected = np.broadcast_to((season[:, None] * strength)[..., None, None], found.value.shape)
    departure = (found.value - year)[:, :, 5:]
    np.testing.assert_allclose(departure, expected[:, :, 5:], atol=1e-9)
    assert found.sha256 not in (months.sha256, "def")


def test_a_season_is_interpolated_across_the_date_line() -> None:
    months = months_of(lambda month, depth, lat, lon: (month == 6) * np.cos(np.deg2rad(lon)))
    lon = np.array([0.0, 359.0])
    annual = Months(np.zeros((1, 1, 1, 2)), np.zeros(1), np.zeros(1), lon, "def")
    july = about_annual_mean(months, annual).value[6, 0, 0]
    assert july == pytest.approx(np.interp(lon, months.lon, np.cos(np.deg2rad(months.lon)), period=360)
                                 * (1 - 31 / 365), abs=1e-9)  # fmt: skip


def test_an_annual_mean_is_one_field_or_the_mean_of_twelve(tmp_path: Path) -> None:
    lat, lon, depth = np.linspace(-80, 80, 5), np.linspace(0, 315, 8), np.array([0.0, 100.0])
    value = np.random.default_rng(5).uniform(5, 20, (12, 2, 5, 8))
    axes = {"depth": ("depth", depth, {"units": "m"}), "lat": lat, "lon": lon}
    units = {"units": "degC", "standard_name": "sea_water_potential_temperature"}
    one = xr.Dataset({"temp": (("depth", "lat", "lon"), value[0], units)}, axes)
    one.to_netcdf(tmp_path / "one.nc")
    np.testing.assert_allclose(read_annual(tmp_path / "one.nc").value, value[:1])
    names = ("month", "depth", "lat", "lon")
    xr.Dataset({"temp": (names, value, units)}, axes).to_netcdf(tmp_path / "twelve.nc")
    mean = np.average(value, axis=0, weights=MONTH_LENGTHS)
    np.testing.assert_allclose(read_annual(tmp_path / "twelve.nc").value, mean[None])
    xr.Dataset({"temp": (names, value[:5], units)}, axes).to_netcdf(tmp_path / "five.nc")
    with pytest.raises(ClimatologyError, match="5 months"):
        read_annual(tmp_path / "five.nc")


@pytest.mark.slow
@pytest.mark.data
def test_a_finer_annual_mean_lies_nearer_to_the_mooring_on_the_equator(data_root: Path) -> None:
    real = data_root / "real"
    months = read_months([real / "mitgcm"])
    finer = about_annual_mean(months, read_annual(real / "clim_ferret/levitus_climatology.cdf"))
    with xr.open_dataset(real / "tao_moorings/t0n170w_dy.cdf") as file:
        mooring = file["T_20"].where(abs(file["T_20"]) < 50).squeeze()
        mean, depth = mooring.mean("time").to_numpy(), file["depth"].to_numpy().astype(float)
    deep = (depth >= 60) & (depth <= 300)
    off = []
    for field in (months, finer):
        year = np.average(field.value, axis=0, weights=MONTH_LENGTHS)
        row, column = np.abs(field.lat).argmin(), np.abs(field.lon - 190).argmin()
        there = np.interp(depth, field.depth, year[:, row, column])
        off.append(np.sqrt(np.nanmean((there - mean)[deep] ** 2)))
    assert off[1] < 0.8 * off[0]
