"""Every check of quality control has a hit and a miss; the balance of rows holds for any table."""

from __future__ import annotations

from dataclasses import replace

import gsw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import toy_grid

from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.quality import climate, inversions, places, ranges, sensors, shapes
from deepda.quality.casts import Casts, by_cast
from deepda.quality.screening import CHECKS, Context, QualityError, Screened, screen

NOW = np.datetime64("2020-01-01T00:00:00")
DEPTH = np.array([5.0, 30, 60, 100, 140, 180, 220, 260, 300, 340])
THERMOCLINE = np.array([25.0, 24.5, 23, 20, 17, 15, 13.5, 12.5, 11.5, 11])


def cast(temperature: object = THERMOCLINE, depth: object = DEPTH, **columns: object) -> pd.DataFrame:
    """One CTD cast in the open Pacific."""
    given_columns = {
        "time": np.datetime64("2008-03-01T06:30:00"), "lat": 10.0, "lon": -150.0, "depth": depth,
        "temperature": temperature, "error": 0.2, "platform_type": "ctd", "platform_id": "SHIP7",
        "source": "a.nc", "profile": 0,
    } | columns  # fmt: skip
    return pd.DataFrame(given_columns)


def at(frame: pd.DataFrame, row: int, **values: object) -> pd.DataFrame:
    changed = frame.copy()
    for name, value in values.items():
        changed.loc[row, name] = value
    return changed


def found(bad: np.ndarray) -> list[int]:
    return np.flatnonzero(bad).tolist()


def wet_grid() -> Grid:
    """4 degree cells, 6 layers to 600 m; a continent of 5 x 5 cells across the date line, a shelf."""
    ocean = np.ones((6, 40, 90), bool)
    ocean[:, 20:25, -3:] = ocean[:, 20:25, :2] = False
    ocean[2:, 5:12, 30:37] = False
    edges = np.array([0, 50, 100, 200, 300, 400, 600.0])
    return Grid(np.linspace(-80, 80, 41), np.linspace(-180, 180, 91), edges, ocean)


def warm(grid: Grid, stddev: float = 0.5) -> Climatology:
    """The thermocline of `cast` everywhere."""
    mean = np.interp(grid.depth, DEPTH, THERMOCLINE)[None, :, None, None]
    field = np.where(grid.ocean, np.broadcast_to(mean, (12, *grid.shape)), np.nan)
    return Climatology(field.astype(np.float32), np.where(grid.ocean, stddev, np.nan).astype(np.float32))


# places


def test_dates_before_thermometers_in_the_future_and_missing_are_impossible() -> None:
    times = ["1749-12-31", "1750-01-01", "2020-01-01T23:00", "2020-01-02T00:00:01", "NaT"]
    table = cast(20.0, 5.0, time=np.array(times, "datetime64[s]"))
    assert found(places.impossible_date(table, NOW)) == [0, 3, 4]


def test_positions_off_the_globe_are_impossible() -> None:
    lat, lon = [90, -90, 90.5, np.nan, 0, 0], [360, -360, 0, 0, 361, np.inf]
    table = cast(20.0, 5.0, lat=np.array(lat, float), lon=np.array(lon, float))
    assert found(places.impossible_position(table)) == [2, 3, 4, 5]


def test_depths_above_the_sea_and_beyond_the_probe_are_impossible() -> None:
    depth = np.array([0, -1, np.nan, 12_500, 2100])
    assert found(places.impossible_depth(cast(2.0, depth))) == [1, 2, 3]
    assert found(places.impossible_depth(cast(2.0, depth, platform_type="xbt"))) == [1, 2, 3, 4]


def test_land_is_land_across_the_date_line_and_its_coast_is_not() -> None:
    grid = wet_grid()
    inland, coast, sea = (10.0, 180.0), (10.0, 186.0), (10.0, 190.0)
    lat, lon = np.array([inland, coast, sea]).T
    for turn in (0, -360):
        assert found(places.on_land(cast(20.0, 5.0, lat=lat, lon=lon + turn), grid)) == [0]


def test_land_and_floor_agree_with_a_loop_over_neighbours(grid: Grid) -> None:
    rng = np.random.default_rng(5)
    table = cast(10.0, rng.uniform(0, grid.depth_edges[-1] + 20, 400),
                 lat=rng.uniform(-90, 90, 400), lon=rng.uniform(-360, 360, 400))  # fmt: skip
    _, row, column = grid.locate(table["lat"], table["lon"], np.full(400, grid.depth[0]))
    land, below = [], []
    for n in range(400):
        rows = [r for r in (row[n] - 1, row[n], row[n] + 1) if 0 <= r < grid.lat.size]
        columns = [(column[n] + k) % grid.lon.size for k in (-1, 0, 1)]
        water = grid.ocean[:, rows][:, :, columns].any(axis=(1, 2))
        covered = row[n] >= 0
        land.append(covered and not water[0])
        floor = (
            np.inf if water[-1] or not water.any() else grid.depth_edges[np.flatnonzero(water)[-1] + 1]
        )
        below.append(covered and table["depth"][n] > floor)
    np.testing.assert_array_equal(places.on_land(table, grid), land)
    np.testing.assert_array_equal(places.below_sea_floor(table, grid), below)


def test_below_the_shelf_is_below_the_sea_floor_and_the_end_of_the_grid_is_not() -> None:
    grid = wet_grid()
    shelf = {"lat": float(grid.lat[8]), "lon": float(grid.lon[33])}
    assert found(places.below_sea_floor(cast(5.0, np.array([90.0, 110.0]), **shelf), grid)) == [1]
    assert not places.below_sea_floor(cast(5.0, np.array([5000.0])), grid).any()


# ranges


def test_the_global_range_is_that_of_argo() -> None:
    table = cast(np.array([-2.6, -2.5, 40.0, 40.1, np.nan]), 5.0)
    assert found(ranges.global_range(table)) == [0, 3, 4]


def test_warm_water_is_for_the_surface() -> None:
    table = cast(np.array([30.0, 28, 30, 17, 19, 6]), np.array([10.0, 250, 700, 2000, 2000, 6000]))
    assert found(ranges.depth_range(table)) == [2, 4, 5]


def test_cold_water_is_not_of_the_red_sea_nor_of_the_mediterranean() -> None:
    red, med, atlantic = (20.0, 38.0), (38.0, 5.0), (38.0, -12.0)
    for (lat, lon), cold in ((red, 18.0), (med, 8.0)):
        for turn in (0, 360):
            table = cast(np.array([cold, 25.0]), 5.0, lat=lat, lon=lon + turn)
            assert found(ranges.regional_range(table)) == [0]
    assert not ranges.regional_range(cast(8.0, DEPTH, lat=atlantic[0], lon=atlantic[1])).any()


@pytest.mark.parametrize(
    ("lat", "lon", "sea", "none"),
    [(45.5, 13.5, 4.5, 2.0), (44.0, 14.0, 7.0, 2.5), (29.0, 33.0, 16.0, 12.0), (27.5, 34.3, 20.8, 13.0)],
)
def test_winter_in_the_northern_adriatic_and_red_sea_is_no_error(
    lat: float, lon: float, sea: float, none: float
) -> None:
    assert found(ranges.regional_range(cast(np.array([sea, none, 40.2]), 5.0, lat=lat, lon=lon))) == [
        1,
        2,
    ]


@pytest.mark.parametrize(("lat", "lon"), [(41.0, 12.0), (38.0, 16.5), (40.0, 25.0), (39.0, 20.0)])
def test_water_colder_than_the_mediterranean_beside_the_adriatic_is_one(lat: float, lon: float) -> None:
    assert ranges.regional_range(cast(np.array([6.0]), 5.0, lat=lat, lon=lon)).all()


def test_regional_ranges_are_of_in_situ_temperature() -> None:
    table = cast(21.35, np.array([2500.0]), lat=20.0, lon=38.0, salinity=40.6)  # in situ 21.8
    assert not ranges.regional_range(table).any()
    assert ranges.regional_range(table.assign(depth=10.0)).all()


def test_polygons_agree_with_shapely() -> None:
    from shapely import Polygon, contains_xy

    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-5, 70, 2000), rng.uniform(-40, 60, 2000)
    for corners, _, _ in ranges.REGIONS.values():
        ours = ranges._inside(lat, lon, corners)
        np.testing.assert_array_equal(ours, contains_xy(Polygon([(x, y) for y, x in corners]), lon, lat))


def test_ice_is_only_under_satellites() -> None:
    table = cast(np.array([-1.8, -1.5, 2.0]), 0.0, platform_type="satellite", ice=[0.0, 0.2, 0.6])
    assert found(ranges.sea_ice(table)) == [0, 2]
    assert not ranges.sea_ice(table.assign(platform_type="ship")).any()


# sensors


def greylist() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "platform_id": ["1900432", "1900432", "1900727", "1900728"],
            "parameter": ["TEMP", "PSAL", "PRES", "TEMP"],
            "start": np.array(["2007-11-29", "2000-01-01", "2015-06-12", "2000-01-01"], "datetime64[s]"),
            "end": np.array(["2008-03-01", "NaT", "NaT", "NaT"], "datetime64[s]"),
            "quality": [3.0, 4.0, 4.0, 2.0],
            "comment": "",
        }
    )


def test_grey_listed_floats_are_rejected_between_their_dates() -> None:
    times = np.array(["2007-11-28T23", "2007-11-29", "2008-03-01T23", "2008-03-02"], "datetime64[s]")
    table = cast(10.0, 5.0, time=times, platform_type="argo", platform_id="1900432")
    assert found(sensors.grey_listed(table, greylist())) == [1, 2]
    assert found(sensors.grey_listed(table.assign(data_mode=list("RDRD")), greylist())) == [2]
    assert not sensors.grey_listed(table.assign(platform_type="ctd"), greylist()).any()


def test_a_listing_without_end_goes_on_and_one_of_good_quality_is_none() -> None:
    table = cast(10.0, 5.0, time=np.datetime64("2019-01-01"), platform_type="argo",
                 platform_id=["1900727", "1900728", "other"])  # fmt: skip
    assert found(sensors.grey_listed(table, greylist())) == [0]


def test_a_pressure_error_above_20_dbar_rejects() -> None:
    table = cast(10.0, 5.0, pressure_error=[2.4, 20.0, 20.1, np.nan])
    assert found(sensors.pressure_error(table)) == [2]
    assert not sensors.pressure_error(cast()).any()


# shapes


def test_a_spike_is_found_and_a_thermocline_is_none() -> None:
    assert not shapes.spike(by_cast(cast())).any()
    assert found(shapes.spike(by_cast(at(cast(), 4, temperature=27.0)))) == [4]


def test_spikes_below_500_m_are_smaller() -> None:
    deep = cast(np.linspace(9, 5, 10), DEPTH + 400)
    assert found(shapes.spike(by_cast(at(deep, 6, temperature=9.0)))) == [6]
    shallow = cast(np.linspace(9, 5, 10), DEPTH)
    assert not shapes.spike(by_cast(at(shallow, 6, temperature=9.0))).any()


def test_neighbours_of_other_casts_and_far_neighbours_make_no_spike() -> None:
    three = cast(np.array([5.0, 25.0, 5.0]), np.array([10.0, 20.0, 30.0]))
    assert found(shapes.spike(by_cast(three))) == [1]
    assert not shapes.spike(by_cast(three.assign(profile=[0, 1, 2], lat=[10, 11, 12]))).any()
    assert not shapes.spike(by_cast(three.assign(depth=[10.0, 20.0, 90.0]))).any()


def test_a_spike_at_the_end_is_found_where_its_neighbour_is_near() -> None:
    table = cast(np.array([0.0, 28, 28, 27, 5]), np.array([0.0, 2, 20, 40, 60]))
    assert found(shapes.spike_at_end(by_cast(table))) == [0, 4]
    assert found(shapes.spike_at_end(by_cast(table.assign(depth=[0.0, 2, 20, 40, 140])))) == [0]
    assert not shapes.spike_at_end(by_cast(cast())).any()


def test_a_steep_step_is_a_gradient_without_a_spike() -> None:
    value = np.array([28.0, 27.9, 8.0, 7.9, 7.8])
    step = by_cast(cast(value, np.array([10.0, 20, 30, 40, 50])))
    assert found(shapes.gradient(step)) == [1, 2] and not shapes.spike(step).any()
    assert not shapes.gradient(by_cast(cast())).any()


def stable(salinity: float = 35.0) -> pd.DataFrame:
    return cast(salinity=np.full(10, salinity))


def test_an_inversion_that_salinity_makes_costs_the_salinity_alone() -> None:
    assert not inversions.unstable_salinity(by_cast(stable())).any()
    salty = at(stable(), 4, salinity=37.0)
    assert found(inversions.unstable_salinity(by_cast(salty))) == [4, 5]
    assert not inversions.density_inversion(by_cast(salty)).any()
    result = screen(Context(wet_grid(), NOW), salty)
    assert len(result.kept) == 10 and found(result.kept["salinity"].isna()) == [4, 5]
    np.testing.assert_array_equal(result.kept["temperature"], salty["temperature"])


def test_an_inversion_that_temperature_makes_by_itself_costs_the_values() -> None:
    warm_below = at(stable(), 5, temperature=18.0)
    assert found(inversions.density_inversion(by_cast(warm_below))) == [4, 5]
    assert not inversions.unstable_salinity(by_cast(warm_below)).any()
    assert not inversions.density_inversion(by_cast(stable())).any()


def test_cold_fresh_water_above_warm_salt_water_is_stable() -> None:
    polar = cast(np.array([-1.5, 2.0]), np.array([30.0, 60.0]), salinity=[33.0, 34.6])
    assert not inversions.density_inversion(by_cast(polar)).any()
    assert not inversions.unstable_salinity(by_cast(polar)).any()


def test_a_table_without_salinity_gets_none() -> None:
    assert "salinity" not in screen(Context(wet_grid(), NOW), cast()).kept.columns


def test_the_limit_of_inversions_is_that_of_gsw() -> None:
    for excess, bad in ((0.033, True), (0.027, False)):
        table = cast(10.0, np.array([10.0, 20.0]), salinity=35.0)
        slope = gsw.rho(gsw.SR_from_SP(36.0), 10, 15) - gsw.rho(gsw.SR_from_SP(35.0), 10, 15)
        table = at(table, 0, salinity=35.0 + excess / slope)
        assert inversions.unstable_salinity(by_cast(table)).all() == bad


def test_casts_without_salinity_have_no_inversions() -> None:
    xbt = cast(THERMOCLINE[::-1].copy(), platform_type="xbt")
    assert not inversions.density_inversion(by_cast(xbt)).any()
    assert not inversions.density_inversion(by_cast(xbt.assign(salinity=np.nan))).any()


def test_a_stuck_sensor_is_found_though_potential_temperature_is_not_constant() -> None:
    depth = np.arange(5, 2000, 50.0)
    pressure = gsw.p_from_z(-depth, 10.0)
    theta = gsw.pt0_from_t(gsw.SR_from_SP(35.0), 12.0, pressure)
    assert np.ptp(theta) > 0.2
    stuck = by_cast(cast(theta, depth))
    assert shapes.stuck_value(stuck).all()
    nearly = by_cast(cast(np.where(np.arange(40) < 35, theta, 3.0), depth))  # 87 %
    assert not shapes.stuck_value(nearly).any()


def test_mixed_water_and_short_casts_are_not_stuck() -> None:
    assert not shapes.stuck_value(by_cast(cast(4.0, np.arange(205, 2000, 50.0)))).any()
    assert not shapes.stuck_value(by_cast(cast(12.0, np.arange(5, 95, 10.0)))).any()
    assert not shapes.stuck_value(by_cast(cast(12.0, np.array([5.0, 50, 110, 150])))).any()


# climatology


def test_a_value_the_ocean_never_had_is_rejected_and_a_rare_one_is_not() -> None:
    grid = wet_grid()
    table = by_cast(cast())
    assert not climate.climatological(table, grid, warm(grid)).any()
    assert not climate.climatological(at(table, 4, temperature=19.0), grid, warm(grid)).any()
    assert found(climate.climatological(at(table, 4, temperature=26.0), grid, warm(grid))) == [4]


def below(offset: object) -> pd.DataFrame:
    """A cast below the thermocline of `warm`, off by some K."""
    return cast(np.linspace(11.1, 10.9, 10) + offset, np.linspace(360, 590, 10))


def test_a_biased_profile_goes_as_a_whole() -> None:
    grid = wet_grid()
    biased = by_cast(below(-2.5))
    assert climate.constant_bias(biased, grid, warm(grid)).all()
    assert not climate.climatological(biased, grid, warm(grid)).any()
    assert not climate.constant_bias(by_cast(below(1.5)), grid, warm(grid)).any()
    zigzag = 2.5 * (-1.0) ** np.arange(10)
    assert not climate.constant_bias(by_cast(below(zigzag)), grid, warm(grid)).any()


def test_departures_are_linear_in_depth_and_time_across_the_new_year(grid: Grid) -> None:
    rng = np.random.default_rng(3)
    wet = replace(grid, ocean=np.ones(grid.shape, bool))
    mean = rng.uniform(0, 30, (12, *grid.shape))
    climatology = Climatology(mean.astype(np.float32), np.ones(grid.shape, np.float32))
    depth = np.linspace(grid.depth_edges[0], grid.depth_edges[-1], 7)
    table = cast(0.0, depth, lat=float(grid.lat[3]), lon=float(grid.lon[0]) + 360,
                 time=np.datetime64("2007-01-01T00:00:00"))  # fmt: skip
    departure, _ = climate.departures(by_cast(table), wet, climatology)
    column = (mean[11, :, 3, 0] + mean[0, :, 3, 0]) / 2
    np.testing.assert_allclose(-departure, np.interp(depth, grid.depth, column), rtol=1e-5)


def test_sharp_fronts_between_cells_widen_the_tolerance() -> None:
    grid = wet_grid()
    climatology = warm(grid)
    climatology.mean[:, :, :, :40] += 8.0
    spread = climate.neighbour_spread(climatology.mean)
    assert spread[0, 10, 20] == pytest.approx(0, abs=1e-4)
    assert spread[0, 10, 40] == pytest.approx(8 * np.sqrt(2 / 9), rel=1e-5)
    assert spread[0, 10, 0] > 3 and spread[0, 10, 89] > 3  # the seam of the grid is a front too


def test_the_spread_between_neighbours_agrees_with_numpy(grid: Grid) -> None:
    rng = np.random.default_rng(8)
    mean = np.where(grid.ocean, rng.uniform(0, 30, (12, *grid.shape)), np.nan)
    annual, spread = mean.mean(axis=0), climate.neighbour_spread(mean)
    for level, row, column in np.argwhere(grid.ocean)[::7]:
        rows = [r for r in (row - 1, row, row + 1) if 0 <= r < grid.lat.size]
        columns = [(column + k) % grid.lon.size for k in (-1, 0, 1)]
        around = annual[level][np.ix_(rows, columns)]
        assert spread[level, row, column] == pytest.approx(np.nanstd(around), abs=1e-6)


def heaved(metres: float, lat: float) -> pd.DataFrame:
    """The thermocline of `cast`, lower by some metres."""
    return by_cast(cast(np.interp(DEPTH - metres, DEPTH, THERMOCLINE), lat=lat, error=0.02))


def test_el_nino_lowers_the_thermocline_and_is_kept_and_a_wild_value_is_not() -> None:
    grid = wet_grid()
    model = warm(grid, stddev=0.2)  # a model run whose thermocline hardly moves
    nino = heaved(50.0, lat=0.0)
    assert (nino["temperature"] - THERMOCLINE).max() > 3.0
    assert not climate.climatological(nino, grid, model).any()
    assert not climate.constant_bias(nino, grid, model).any()
    wild = nino.assign(temperature=nino["temperature"] + 10.0 * (nino["depth"] == 140.0))
    assert climate.climatological(wild, grid, model)[[0, 1, 2, 4, 6, 7]].tolist() == 3 * [False] + [
        True
    ] + 2 * [False]
    deep = by_cast(cast(np.array([11.0, 15.0]), np.array([400.0, 500.0]), lat=0.0, error=0.02))
    assert found(climate.climatological(deep, grid, model)) == [1]  # no gradient, no heave


def test_the_variance_is_that_of_anomalies_neighbours_and_heave_and_larger_at_the_equator() -> None:
    grid = wet_grid()
    climatology = warm(grid, stddev=0.3)
    place = float(grid.depth[1] + grid.depth[2]) / 2
    mean = climatology.mean[0, :, 20, 13].astype(float)
    slope = (mean[2] - mean[1]) / (grid.depth[2] - grid.depth[1])
    for lat, factor in ((10.1, 1.0), (9.9, 1.5), (-9.9, 1.5), (-10.1, 1.0)):
        table = by_cast(cast(20.0, np.array([place]), lat=lat))
        stddev = climate.departures(table, grid, climatology)[1]
        assert stddev[0] == pytest.approx(factor * np.hypot(0.3, climate.HEAVE * slope), rel=1e-4)


def test_no_climatology_no_verdict() -> None:
    grid = wet_grid()
    inland = by_cast(cast(THERMOCLINE + 20, lat=10.0, lon=180.0))
    assert not climate.climatological(inland, grid, warm(grid)).any()
    assert not climate.constant_bias(inland, grid, warm(grid)).any()
    deep = by_cast(cast(30.0, np.full(1, 3000.0)))
    assert not climate.climatological(deep, grid, warm(grid)).any()


# casts


def test_casts_are_found_in_any_order_of_rows() -> None:
    rng = np.random.default_rng(2)
    three = pd.concat([cast(), cast(profile=1, lat=11.0), cast(source="b.nc")], ignore_index=True)
    shuffled = three.iloc[rng.permutation(30)]
    ordered = by_cast(shuffled)
    sizes = Casts.of(ordered).size
    assert sizes.tolist() == [10, 10, 10]
    assert (np.diff(ordered["depth"])[np.diff(ordered["cast"]) == 0] > 0).all()
    back = shuffled.iloc[ordered.index.to_numpy()]
    assert back["depth"].tolist() == ordered["depth"].tolist()


def test_sources_that_number_rows_still_have_casts() -> None:
    rows = cast().assign(profile=np.arange(10))
    assert Casts.of(by_cast(rows)).size.tolist() == [10]
    mixed = pd.concat([rows, cast(source="b.nc"), cast(source="b.nc", profile=1)], ignore_index=True)
    assert sorted(Casts.of(by_cast(mixed)).size.tolist()) == [10, 10, 10]


def test_cells_of_a_satellite_are_no_cast() -> None:
    field = cast(20.0, np.zeros(5), platform_type="satellite")
    assert Casts.of(by_cast(field)).size.tolist() == [1] * 5


# screening


def spoiled(grid: Grid) -> pd.DataFrame:
    """One good cast and one spoiled for each check, all at other places; a field of a satellite."""
    long = np.arange(5.0, 305.0, 20.0)
    constant = gsw.pt0_from_t(gsw.SR_from_SP(35.0), 15.0, gsw.p_from_z(-long, 10.0))
    frames = [
        cast(),
        at(cast(), 1, time=np.datetime64("2031-01-01")),
        at(cast(), 1, lat=99.0),
        at(cast(), 1, depth=-3.0),
        cast(lat=10.0, lon=180.0),
        cast(lat=float(grid.lat[8]), lon=float(grid.lon[33])),
        cast(platform_type="argo", platform_id="1900727", time=np.datetime64("2016-01-01T03")),
        cast(pressure_error=25.0),
        at(cast(), 3, temperature=55.0),
        cast(np.array([-1.8, 3.0]), 0.0, platform_type="satellite", lat=[50.0, 54.0]),
        at(cast(depth=DEPTH + 400), 9, temperature=29.0),
        cast(8.0, np.array([5.0]), lat=38.0, lon=5.0),
        cast(platform_id="other name"),  # as the first, from another archive
        cast(lat=30.0, time=np.datetime64("2008-03-01T08:30:00"), profile=1),  # the first ship, far off
        cast(profile=2, time=np.datetime64("2008-03-03T08:30:00")),
        cast(constant, long),
        at(cast(np.linspace(9, 5, 10), DEPTH + 700), 6, temperature=12.0),  # below the climatology
        cast(np.array([18.0, 17.9, 8.0, 7.9, 7.8]), np.array([710.0, 720, 730, 740, 750])),
        cast(np.array([18.0, 3.0, 3.0]), np.array([710.0, 720, 730])),
        at(stable(), 5, temperature=18.0),
        below(-2.5),
        at(cast(), 4, temperature=26.0),
        cast(np.array([12.0, 11, 9, 8]), np.full(4, 30.0)),
        at(cast(), 3, depth=900.0),
        at(cast(np.linspace(9, 8.2, 10), DEPTH + 700), 6, temperature=10.2),
        at(cast(), 5, temperature=0.5),
        cast(np.array([25.0, 24.5]), np.array([2.0, 30.0]), platform_type="xbt"),
        cast(np.array([9.0, 8.9, 10.2]), np.array([710.0, 720, 724]), platform_type="xbt"),
    ]  # fmt: skip
    named = []
    for number, frame in enumerate(frames):
        ours = number in (0, 13, 14)
        if not ours and number != 12 and frame["lon"][0] == -150:
            frame = frame.assign(lon=-150.0 + 5 * number - 100 * (number % 2))
        if not ours and number not in (6, 12):
            frame = frame.assign(platform_id=f"P{number}")
        named.append(frame.assign(source="a.nc" if ours else f"{number}.nc"))
    return pd.concat(named, ignore_index=True)


def test_every_check_gives_its_reason() -> None:
    grid = wet_grid()
    result = screen(Context(grid, NOW, warm(grid), greylist()), spoiled(grid))
    assert set(result.reasons) == {check.reason for check in CHECKS}
    assert (result.kept["source"] == "a.nc").sum() == 20
    assert (result.kept["source"] == "16.nc").sum() == 9
    assert result.reasons["date_impossible"] == 1 and result.reasons["spike_at_end"] == 1
    assert (
        result.rejected.loc[result.rejected["reason"] == "constant_bias", "source"] == "20.nc"
    ).sum() == 10


def test_checks_without_their_knowledge_are_skipped() -> None:
    grid = wet_grid()
    without = screen(Context(grid, NOW), spoiled(grid)).reasons
    with_all = screen(Context(grid, NOW, warm(grid), greylist()), spoiled(grid)).reasons
    assert set(with_all) - set(without) == {"grey_listed", "constant_bias", "climatology"}


def test_the_first_reason_stays() -> None:
    table = at(cast(), 4, temperature=26.0, lat=99.0)
    assert screen(Context(wet_grid(), NOW), table).reasons == {"position_impossible": 1}


def test_a_wild_value_does_not_make_its_neighbours_spikes() -> None:
    table = at(cast(), 4, temperature=55.0)
    assert screen(Context(wet_grid(), NOW), table).reasons == {"global_range": 1}


def test_every_check_is_cited_and_named_once() -> None:
    assert len({check.reason for check in CHECKS}) == len(CHECKS)
    assert all(check.cite for check in CHECKS)


def test_lost_rows_are_noticed() -> None:
    table = cast()
    with pytest.raises(AssertionError, match="10 rows in, 9 kept and 0 rejected"):
        Screened(10, table.iloc[1:], table.iloc[:0].assign(reason=""))


@pytest.mark.slow
def test_one_context_serves_many_tables() -> None:
    grid = wet_grid()
    context = Context(grid, NOW, warm(grid), greylist())
    table = spoiled(grid)
    once = screen(Context(grid, NOW, warm(grid), greylist()), table)
    for _ in range(2):
        pd.testing.assert_frame_equal(screen(context, table).rejected, once.rejected)


def test_a_table_that_cannot_be_checked_is_refused() -> None:
    grid = wet_grid()
    with pytest.raises(QualityError, match="no column depth"):
        screen(Context(grid, NOW), cast().drop(columns="depth"))
    with pytest.raises(QualityError, match="the climatology has shape"):
        Context(grid, NOW, Climatology(warm(grid).mean[..., :-1], warm(grid).stddev))


WILD = st.sampled_from([np.nan, np.inf, -1e9, 1e9, 0.0, 90.0, -180.0, 359.9, 15.0, 10.0, 10.5])


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rows_in_are_rows_kept_and_rows_rejected(data: st.DataObject) -> None:
    grid = toy_grid(np.random.default_rng(1))
    rows = data.draw(st.integers(0, 12))

    def column(values: st.SearchStrategy) -> list:
        return data.draw(st.lists(values, min_size=rows, max_size=rows))

    table = pd.DataFrame(
        {
            "time": np.array(column(st.sampled_from(["NaT", "1600", "2008", "2008-01-01T01", "2050"])),
                             "datetime64[s]"),
            "lat": np.array(column(WILD), float), "lon": np.array(column(WILD), float),
            "depth": np.array(column(WILD), float), "temperature": np.array(column(WILD), float),
            "salinity": np.array(column(WILD), float), "error": 0.3,
            "platform_type": pd.Categorical(column(st.sampled_from(["argo", "xbt", "satellite"]))),
            "platform_id": column(st.sampled_from(["", "1", "1900727"])),
            "source": column(st.sampled_from(["a", "b"])), "profile": column(st.integers(0, 1)),
        },
        index=np.arange(rows) * 3 + 7,
    )  # fmt: skip
    field = np.full((12, *grid.shape), 15, np.float32)
    climatology = Climatology(field, field[0])
    before = table.copy()
    result = screen(Context(grid, NOW, climatology, greylist()), table)
    pd.testing.assert_frame_equal(table, before)
    assert sorted([*result.kept.index, *result.rejected.index]) == table.index.tolist()
    assert result.kept.index.is_monotonic_increasing and result.rejected.index.is_monotonic_increasing
    assert result.rejected["reason"].notna().all() and sum(result.reasons.values()) == len(
        result.rejected
    )
    again = screen(Context(grid, NOW), result.kept)
    assert not {check.reason for check in CHECKS[:4]} & again.reasons.keys()
