"""The metrics of `deepda evaluate` against closed forms, brute force and other ways to compute them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from toys import harmonics

from deepda.base.errors import EvaluationError
from deepda.climatology.seasonal import harmonic_basis
from deepda.evaluation.calendars import month_weights
from deepda.evaluation.heat import annual_means, basin_heat, heat_trend, surface_area, without_season
from deepda.evaluation.heatwaves import contingency, heatwave_threshold, in_heatwave
from deepda.evaluation.patterns import (
    aligned,
    decadal_modes,
    indices,
    leading_modes,
    pattern_correlation,
)
from deepda.evaluation.reliability import ReliabilitySums, spread_classes
from deepda.evaluation.seasonal import annual_amplitude, annual_phase
from deepda.figures.sections import decimal_years
from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.verification import heat_content, ocean_weights
from deepda.verification.basins import BASINS, basin_weights
from deepda.verification.climate import RHO, SECONDS_PER_DECADE, SPECIFIC_HEAT
from deepda.verification.thermocline import isotherm_depth

EDGES_4 = np.arange(-90.0, 91, 4.0), np.arange(0.0, 361, 4.0)


def world(depth_edges: tuple[float, ...] = (0.0, 20, 60, 250, 700)) -> Grid:
    """All ocean, 4 degrees."""
    depth = np.array(depth_edges)
    return Grid(*EDGES_4, depth, np.ones((depth.size - 1, 45, 90), bool))


def surface(values: np.ndarray, grid: Grid) -> xr.DataArray:
    return xr.DataArray(values, {"lat": grid.lat, "lon": grid.lon}, ("time", "lat", "lon"))


# Seasonal cycle


@pytest.mark.parametrize("per_year", [12, 73])
def test_amplitude_and_month_of_the_maximum_of_a_cosine(per_year: int) -> None:
    season = np.tile(np.arange(per_year), 3)
    month = 12 * (season + 0.5) / per_year
    trend = np.arange(season.size) - (season.size - 1) / 2
    value = 7 + 2.5 * np.cos(2 * np.pi * (month - 8.25) / 12) + 0.5 * np.sin(2 * np.pi * month / 6)
    terms = harmonics(xr.DataArray(value, dims="time"), per_year)
    assert float(terms[0]) == pytest.approx(7)
    assert float(annual_amplitude(terms)) == pytest.approx(2.5)
    assert float(annual_phase(terms)) == pytest.approx(8.25)
    np.testing.assert_allclose(harmonic_basis(season, per_year).T @ terms.values, value, atol=1e-12)
    rising = harmonics(xr.DataArray(value + 0.1 * trend, dims="time"), per_year)
    np.testing.assert_allclose(rising, terms, atol=1e-12)  # a trend is no season


def test_the_fit_is_that_of_the_windows_of_the_year_with_a_line() -> None:
    rng = np.random.default_rng(0)
    values, season, time = rng.normal(size=(36, 3)), np.tile(np.arange(12), 3), np.arange(36.0)
    each = np.eye(12)[season]  # a free mean of each month, and one slope
    fit = np.linalg.lstsq(np.column_stack([each, time - time.mean()]), values, rcond=None)[0]
    angle = 2 * np.pi * (np.arange(12) + 0.5) / 12
    waves = [wave(k * angle) / 6 for k in range(1, 5) for wave in (np.cos, np.sin)]
    expected = np.stack([np.full(12, 1 / 12), *waves]) @ fit[:12]
    found = harmonics(xr.DataArray(values, dims=("time", "x")), 12)
    np.testing.assert_allclose(found, expected, atol=1e-12)


# Thermocline


def test_the_isotherm_of_a_straight_profile_lies_where_it_must() -> None:
    depth = np.array([5.0, 20, 70, 200, 500])
    column = xr.DataArray(28 - 0.05 * depth, {"depth": depth}, ("depth",))
    assert float(isotherm_depth(column)) == pytest.approx(160.0)


def test_no_isotherm_where_the_surface_is_colder_or_the_bottom_warmer_or_on_land() -> None:
    columns = [[19.0, 15, 10], [25.0, 24, 22], [np.nan] * 3, [25.0, 19, np.nan]]
    thetao = xr.DataArray(np.array(columns), {"depth": [10.0, 30, 100]}, ("lon", "depth"))
    found = isotherm_depth(thetao)
    np.testing.assert_allclose(found, [np.nan, np.nan, np.nan, 10 + 20 * 5 / 6])


def test_the_first_crossing_from_above_counts() -> None:
    column = xr.DataArray([24.0, 19, 23, 18], {"depth": [0.0, 10, 20, 30]}, ("depth",))
    assert float(isotherm_depth(column)) == pytest.approx(8.0)


# Modes


def test_modes_are_those_of_a_weighted_singular_value_decomposition(grid: Grid) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(30, *grid.shape[1:])) * rng.uniform(0.2, 2, grid.shape[1:])
    weights = ocean_weights(grid).isel(depth=0, drop=True)
    field = surface(np.where(grid.ocean[0], values, np.nan), grid)
    found = leading_modes(field, weights, 3)
    used = weights.values > 0
    root = np.sqrt(weights.values[used])
    centred = field.values[:, used] - field.values[:, used].mean(axis=0)
    _, singular, right = np.linalg.svd(centred * root, full_matrices=False)
    np.testing.assert_allclose(found.share, (singular**2 / (singular**2).sum())[:3])
    expected = right[:3] * singular[:3, None] / np.sqrt(30) / root
    np.testing.assert_allclose(np.abs(found.pattern.values[:, used]), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(found.series.std("time"), 1.0)
    assert np.isnan(found.pattern.values[:, ~used]).all()


def test_a_pattern_times_its_series_is_the_field_that_has_one_mode() -> None:
    grid = world()
    rng = np.random.default_rng(2)
    pattern, series = rng.normal(size=grid.shape[1:]), rng.normal(size=20)
    field = surface((series - series.mean())[:, None, None] * pattern, grid)
    found = leading_modes(field, ocean_weights(grid).isel(depth=0, drop=True), 1)
    assert float(found.share[0]) == pytest.approx(1.0)
    again = found.series[0] * found.pattern[0]
    np.testing.assert_allclose(again, field, atol=1e-9)


def test_signs_follow_the_other_product() -> None:
    grid = world()
    rng = np.random.default_rng(3)
    weights = ocean_weights(grid).isel(depth=0, drop=True)
    modes = leading_modes(surface(rng.normal(size=(9, *grid.shape[1:])), grid), weights, 2)
    turned = modes._replace(pattern=-modes.pattern, series=-modes.series)
    back = aligned(turned, modes, weights)
    xr.testing.assert_allclose(back.pattern, modes.pattern)
    xr.testing.assert_allclose(back.series, modes.series)
    assert pattern_correlation(turned.pattern[0], modes.pattern[0], weights) == pytest.approx(-1)


def test_indices_find_what_was_put_into_their_boxes() -> None:
    grid = world()
    lat, lon = np.meshgrid(grid.lat, grid.lon, indexing="ij")
    nino = (np.abs(lat) <= 4) & (lon > 190) & (lon < 240)
    west = (np.abs(lat) <= 10) & (lon > 46) & (lon < 74)
    series = np.array([1.0, -2, 0.5, 0.5])
    field = np.zeros((4, *grid.shape[1:]))
    field[:, nino] = series[:, None]
    field[:, west] = 3 * series[:, None]
    found = indices(surface(field, grid), grid)
    ratio = found["Niño 3.4"].values / series
    np.testing.assert_allclose(ratio, ratio[0])
    assert 0.9 < ratio[0] <= 1.0  # cells at the box's edge lie outside what was painted
    np.testing.assert_allclose(found["IOD"].values, 3 * series, rtol=0.05)


def test_the_decadal_index_is_positive_when_el_nino_is_warm() -> None:
    grid = world()
    lat, lon = np.meshgrid(grid.lat, grid.lon, indexing="ij")
    series = np.random.default_rng(4).normal(size=40)
    shape = np.exp(-(((lat - 40) / 10) ** 2) - ((lon - 200) / 25) ** 2)
    warm = np.exp(-((lat / 6) ** 2) - ((lon - 215) / 30) ** 2)
    field = surface(series[:, None, None] * (warm - shape), grid)
    found = decadal_modes(field, grid)
    assert np.corrcoef(found.series[0], series)[0, 1] > 0.999
    assert float(found.pattern[0].sel(lat=40, lon=200, method="nearest")) < 0


def test_a_field_without_variance_has_no_modes() -> None:
    grid = world()
    with pytest.raises(EvaluationError, match="does not vary"):
        leading_modes(surface(np.zeros((5, 45, 90)), grid), ocean_weights(grid)[0], 1)


# Heat


def test_basin_heat_is_the_area_integral_of_the_heat_content_of_columns(grid: Grid) -> None:
    rng = np.random.default_rng(5)
    values = np.where(grid.ocean, rng.normal(10, 5, (3, *grid.shape)), np.nan)
    coords = {"depth": grid.depth, "lat": grid.lat, "lon": grid.lon}
    thetao = xr.DataArray(values, coords, ("time", "depth", "lat", "lon"))
    basins = basin_weights(grid)
    volume = basins.sum(("lat", "lon"))
    means = xr.dot(thetao.fillna(0), basins, dim=("lat", "lon")) / volume.where(volume > 0)
    bottom = 0.5 * (grid.depth[-1] + grid.depth_edges[-1])  # cuts the last layer
    columns = heat_content(thetao, grid, float(bottom))
    expected = (columns.fillna(0).values * grid.area).sum((1, 2))
    found = basin_heat(means.transpose("time", "region", "depth"), basins, grid, float(bottom))
    np.testing.assert_allclose(found.sel(region="global"), expected, rtol=1e-12)


def test_a_warming_of_one_layer_is_the_flux_that_warms_it() -> None:
    grid = world()
    axis = windows(1990, 2009, 12)
    basins = basin_weights(grid)
    decades = (axis.middle - axis.middle[0]) / np.timedelta64(1, "s") / SECONDS_PER_DECADE
    warming = np.zeros((len(axis), len(BASINS), 4))
    warming[..., 0] = 0.2 * decades[:, None]
    place = {"time": axis.middle, "region": list(BASINS), "depth": grid.depth}
    means = xr.DataArray(warming, place, ("time", "region", "depth"))
    heat = basin_heat(means, basins, grid, 300.0).sel(region="global", drop=True)
    area = float(surface_area(basins, grid).sel(region="global"))
    found = heat_trend(annual_means(heat, 12), area)
    assert float(found.slope) == pytest.approx(
        0.2 * 20 * RHO * SPECIFIC_HEAT / SECONDS_PER_DECADE, rel=1e-4
    )
    assert area == pytest.approx(4 * np.pi * 6_371_229.0**2)


def test_a_trend_survives_the_removal_of_the_season_without_steps() -> None:
    axis = windows(2000, 2004, 12)
    step = np.arange(60.0)
    value = 0.1 * step + 5 * np.sin(2 * np.pi * step / 12) + 3
    series = xr.DataArray(value, {"time": axis.middle}, ("time",))
    np.testing.assert_allclose(without_season(series, 12), 0.1 * (step - step.mean()), atol=1e-12)


# Heatwaves


def test_the_threshold_pools_neighbours_round_the_year_and_is_smoothed() -> None:
    rng = np.random.default_rng(6)
    season = np.tile(np.arange(73), 5)
    values = xr.DataArray(rng.normal(size=(365, 2)), dims=("time", "x"))
    raw = np.empty((73, 2))
    for of in range(73):
        near = [values.values[year * 73 + (of + k) % 73] for year in range(5) for k in (-1, 0, 1)]
        raw[of] = np.percentile(np.stack(near), 90, axis=0)
    expected = [np.mean([raw[(of + k) % 73] for k in range(-3, 4)], axis=0) for of in range(73)]
    np.testing.assert_allclose(heatwave_threshold(values, season, 73), expected)


def test_months_have_their_own_percentile_without_neighbours() -> None:
    season = np.tile(np.arange(12), 11)
    values = xr.DataArray(100.0 * season + np.repeat(np.arange(11.0), 12), dims="time")
    np.testing.assert_allclose(heatwave_threshold(values, season, 12), 100.0 * np.arange(12) + 9)


def test_a_tenth_of_many_years_is_a_heatwave() -> None:
    season = np.tile(np.arange(12), 400)
    values = xr.DataArray(np.random.default_rng(7).normal(size=4800), dims="time")
    found = in_heatwave(values, heatwave_threshold(values, season, 12), season)
    assert float(found.mean()) == pytest.approx(0.1, abs=0.005)


def test_what_varies_by_rounding_alone_has_no_heatwaves() -> None:
    season = np.tile(np.arange(12), 30)
    noise = np.random.default_rng(8).choice([-(2.0**-10), 0, 2.0**-10], 360)
    values = xr.DataArray(noise, dims="time")
    assert not in_heatwave(values, heatwave_threshold(values, season, 12), season).any()


def test_contingency_scores_by_hand_and_by_their_law() -> None:
    stated = xr.DataArray([True, True, False, False, True], dims="x")
    true = xr.DataArray([True, False, True, False, True], dims="x")
    weights = xr.DataArray([1.0, 2, 3, 4, 0], dims="x")
    found = contingency(stated, true, weights)
    assert (found.hits, found.misses, found.false_alarms) == (1, 3, 2)
    assert found.detection == pytest.approx(1 / 4)
    assert found.false_alarm_ratio == pytest.approx(2 / 3)
    assert found.frequency_bias == pytest.approx(3 / 4)
    law = 1 / (1 / found.detection + 1 / (1 - found.false_alarm_ratio) - 1)  # Schaefer 1990, eq. 3
    assert found.success == pytest.approx(law) == pytest.approx(1 / 6)
    assert (found.detected_share, found.true_share) == (pytest.approx(0.3), pytest.approx(0.4))
    assert found.success_by_chance == pytest.approx(0.12 / (0.3 + 0.4 - 0.12))
    perfect = contingency(true, true, weights)
    assert (perfect.detection, perfect.false_alarm_ratio, perfect.success) == (1, 0, 1)


# Basins


def test_basins_share_the_ocean_without_rest(grid: Grid) -> None:
    weights = basin_weights(grid)
    parts = weights.sel(region=list(BASINS[1:])).sum("region")
    np.testing.assert_allclose(parts, weights.sel(region="global"))
    np.testing.assert_allclose(weights.sel(region="global"), grid.volume)


@pytest.mark.parametrize(
    ("lat", "lon", "basin"),
    [
        (30, 320, "Atlantic"), (36, 18, "Atlantic"), (25, 270, "Atlantic"), (14, 283, "Atlantic"),
        (5, 278, "Pacific"), (0, 180, "Pacific"), (15, 115, "Pacific"), (-30, 285, "Pacific"),
        (15, 90, "Indian"), (15, 65, "Indian"), (-20, 110, "Indian"), (20, 38, "Indian"),
        (-60, 10, "Southern"), (80, 0, "Arctic"), (57, 20, "Atlantic"), (15, 260, "Pacific"),
    ],
)  # fmt: skip
def test_known_places_lie_in_their_basin(lat: float, lon: float, basin: str) -> None:
    edges = np.arange(-90.0, 91), np.arange(-180.0, 181)
    weights = basin_weights(Grid(*edges, np.array([0.0, 10]), np.ones((1, 180, 360), bool)))
    place = weights.isel(depth=0).sel(lat=lat + 0.5, lon=(lon + 180.5) % 360 - 180, method="nearest")
    assert [name for name in BASINS[1:] if float(place.sel(region=name)) > 0] == [basin]


@pytest.mark.data
def test_basins_agree_with_those_of_the_world_ocean_atlas(data_root: Path) -> None:
    with xr.open_dataset(data_root / "real/masks/basin_mask.nc", decode_times=False) as file:
        code = file["basin"].isel(Z=0).values
    ocean = np.isin(code, [1, 2, 3])  # the three big ones, outside the Southern and the Arctic Ocean
    grid = Grid(np.arange(-90.0, 91), np.arange(0.0, 361), np.array([0.0, 10]), ocean[None])
    weights = basin_weights(grid).isel(depth=0)
    north = np.broadcast_to((grid.lat > -35)[:, None] & (grid.lat < 65)[:, None], ocean.shape)
    for number, name in ((1, "Atlantic"), (2, "Pacific"), (3, "Indian")):
        atlas = np.where(north & (code == number), grid.area, 0.0)
        both = atlas[weights.sel(region=name).values > 0].sum()
        assert both / atlas.sum() > 0.99, name


# Reliability


def test_classes_of_a_calibrated_spread_lie_on_the_diagonal() -> None:
    rng = np.random.default_rng(9)
    spread = rng.uniform(0.1, 1.0, 200_000)
    classes = spread_classes(np.stack([spread, rng.normal(0, spread), np.ones(spread.size)]))
    assert classes.shape == (10, 2)
    np.testing.assert_allclose(classes[:, 1], classes[:, 0], rtol=0.03)
    assert (np.diff(classes[:, 0]) > 0).all()


def test_an_overconfident_spread_has_ratio_below_one_and_high_ends(grid: Grid) -> None:
    rng = np.random.default_rng(10)
    sums = ReliabilitySums(grid, rng)
    for _ in range(4):  # in blocks
        error = np.where(grid.ocean, rng.normal(0, 2.0, (20, *grid.shape)), np.nan)
        sums.add(error, np.where(grid.ocean, 1.0, np.nan) * np.ones_like(error), np.arange(20))
    found = sums.reliability()
    np.testing.assert_allclose(found.ratio, 0.5, atol=0.03)
    assert found.pit[0] > 2 * found.pit[len(found.pit) // 2]
    assert found.pit.sum() == pytest.approx(1)
    assert np.isnan(found.spread_map.values[~grid.ocean]).all()


def test_months_of_pentads_keep_the_mean_of_the_year() -> None:
    weights = month_weights(73)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    days = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    np.testing.assert_allclose(days @ weights, 5.0)  # each pentad counts with its five days


def test_years_are_counted_from_the_first_model_year_on() -> None:
    time = np.array(["0001-01-01", "0001-07-02T12", "2004-07-02", "1969-01-01"], "datetime64[s]")
    np.testing.assert_allclose(decimal_years(time), [1.0, 1.5, 2004.5, 1969.0])
