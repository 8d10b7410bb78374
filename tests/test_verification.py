"""Scores against closed forms, brute force and other libraries."""

from __future__ import annotations

import cftime
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, stats
from scipy.signal import lfilter, periodogram
from toys import toy_grid

import deepda.verification as v
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS
from deepda.geometry.windows import windows
from deepda.verification.autocorrelation import AUTOCORRELATION, _moments
from deepda.verification.spectra import ocean_stretches

TIMES = windows(2008, 2008).middle


def on_grid(grid: Grid, values: np.ndarray, land: float = np.nan, **lead: object) -> xr.DataArray:
    """(..., depth, lat, lon) with the coordinates of the grid; `land` where there is no water."""
    names = [*lead, "depth", "lat", "lon"]
    coords = {**lead, "depth": grid.depth, "lat": grid.lat, "lon": grid.lon}
    return xr.DataArray(np.where(grid.ocean, values, land), coords, names)


def random_field(
    grid: Grid, rng: np.random.Generator, times: int = 6, land: float = np.nan
) -> xr.DataArray:
    return on_grid(grid, rng.normal(size=(times, *grid.shape)), land, time=TIMES[:times])


def even_grid(lat: int = 30, lon: int = 72, land: tuple[int, ...] = ()) -> Grid:
    ocean = np.ones((2, lat, lon), bool)
    ocean[:, :, list(land)] = False
    return Grid(
        np.linspace(-60, 60, lat + 1), np.linspace(20, 380, lon + 1), np.array([0, 100, 400]), ocean
    )


# ----- guards


def test_other_times_raise_and_say_both_sides(grid: Grid) -> None:
    truth = random_field(grid, np.random.default_rng(0))
    moved = truth.assign_coords(time=TIMES[1:7])
    with pytest.raises(v.VerificationError, match=r"2008-01-03T12.* on one side and 2008-01-08T12"):
        v.rmse(truth, moved, v.ocean_weights(grid))
    with pytest.raises(v.VerificationError, match=r"6 times .* against 5 times"):
        v.rmse(truth, truth[:5], v.ocean_weights(grid))


def test_another_grid_raises_and_says_both_sides(grid: Grid) -> None:
    truth = random_field(grid, np.random.default_rng(0))
    shifted = truth.assign_coords(lon=truth["lon"] + 0.5)
    with pytest.raises(v.VerificationError, match=r"lon is 14 values from .* on one side and 14 values"):
        v.rmse(shifted, truth, v.ocean_weights(grid))
    with pytest.raises(v.VerificationError, match="depth is in one only"):
        v.require_same_grid(truth, truth.isel(depth=0))


def test_coordinates_that_went_through_single_precision_agree(grid: Grid) -> None:
    truth = random_field(grid, np.random.default_rng(0))
    v.require_same_grid(truth, truth.assign_coords(lon=truth["lon"].astype("f4")))


def test_a_hole_in_the_ocean_raises_unless_the_field_is_partial(grid: Grid) -> None:
    truth = random_field(grid, np.random.default_rng(0))
    holed, water = truth.copy(deep=True), np.argwhere(grid.ocean)[3]
    holed[(2, *water)] = np.nan
    with pytest.raises(v.VerificationError, match="has 1 values that are not finite"):
        v.rmse(holed, truth, v.ocean_weights(grid))
    assert v.weighted_mean(holed - truth + 2, v.ocean_weights(grid), partial=True) == pytest.approx(2)


# ----- scores


def test_rmse_agrees_with_a_loop(grid: Grid) -> None:
    rng = np.random.default_rng(1)
    truth, analysis = random_field(grid, rng), random_field(grid, rng)
    total = np.zeros(grid.shape[0])
    volume = np.zeros(grid.shape[0])
    error = (analysis - truth).values
    for t, k, j, i in np.ndindex(error.shape):
        if grid.ocean[k, j, i]:
            zone = np.sin(np.deg2rad(grid.lat_edges[j + 1])) - np.sin(np.deg2rad(grid.lat_edges[j]))
            sector = np.deg2rad(grid.lon_edges[i + 1] - grid.lon_edges[i])
            cell = EARTH_RADIUS**2 * zone * sector * (grid.depth_edges[k + 1] - grid.depth_edges[k])
            total[k] += cell * error[t, k, j, i] ** 2
            volume[k] += cell
    weights = v.ocean_weights(grid)
    np.testing.assert_allclose(v.rmse(analysis, truth, weights, ("depth",)), np.sqrt(total / volume))
    np.testing.assert_allclose(v.rmse(analysis, truth, weights), np.sqrt(total.sum() / volume.sum()))


def test_a_constant_error_is_the_rmse_everywhere(grid: Grid) -> None:
    truth = random_field(grid, np.random.default_rng(1))
    weights = v.ocean_weights(grid)
    for keep in (("depth",), ("time",), ("lat", "lon"), ("time", "depth", "lat")):
        score = v.rmse(truth - 0.25, truth, weights, keep)
        assert set(score.dims) == set(keep)
        np.testing.assert_allclose(score.values[np.isfinite(score.values)], 0.25)


def test_land_is_never_read(grid: Grid) -> None:
    rng = np.random.default_rng(2)
    truth, analysis = random_field(grid, rng), random_field(grid, rng)
    weights = v.ocean_weights(grid)
    for poison in (np.nan, np.inf, 1e30):
        sick = analysis.where(grid.ocean, poison)
        assert float(v.rmse(sick, truth, weights)) == float(v.rmse(analysis, truth, weights))


def test_a_region_holds_the_area_of_its_box() -> None:
    grid = even_grid()
    west, east, south, north = 187.3, 243.1, -7.7, 3.3
    weights = v.region_weights(grid, v.Box(south, north, west, east))
    area = EARTH_RADIUS**2 * np.deg2rad(east - west) * np.diff(np.sin(np.deg2rad([south, north])))[0]
    np.testing.assert_allclose(weights.sum(("lat", "lon")), area * np.array([100, 300]))


@pytest.mark.parametrize("turn", [-360, 0, 360])
def test_a_region_across_the_date_line_may_be_written_in_any_convention(turn: float) -> None:
    grid = toy_grid(np.random.default_rng(5))
    one = v.region_weights(grid, v.Box(-20, 20, 170, 200))
    np.testing.assert_allclose(v.region_weights(grid, v.Box(-20, 20, 170 + turn, 200 + turn)), one)


def test_regions_that_share_the_globe_add_up_to_it(grid: Grid) -> None:
    parts = ("tropics", "northern extratropics", "southern extratropics")
    total = sum(v.region_weights(grid, v.REGIONS[name]) for name in parts)
    np.testing.assert_allclose(total, v.ocean_weights(grid), rtol=1e-9)


def test_outside_a_region_anything_may_stand() -> None:
    grid = even_grid()
    truth = random_field(grid, np.random.default_rng(0))
    weights = v.region_weights(grid, v.REGIONS["Niño 3.4"])
    sick = (truth + 0.5).where(weights > 0)
    assert v.rmse(sick, truth, weights) == pytest.approx(0.5)


def test_a_region_without_water_is_refused() -> None:
    with pytest.raises(v.VerificationError, match="no ocean of this grid"):
        v.region_weights(even_grid(), v.Box(70, 80, 0, 10))


# ----- reliability


@pytest.mark.parametrize(("mean", "sd", "truth"), [(0, 1, 0), (1.5, 0.3, 1.1), (-2, 2, 3)])
def test_crps_of_a_gaussian_is_the_integral(mean: float, sd: float, truth: float) -> None:
    got = v.crps_gaussian(*(xr.DataArray(float(x)) for x in (mean, sd, truth)))
    below, _ = integrate.quad(lambda x: stats.norm.cdf(x, mean, sd) ** 2, mean - 12 * sd, truth)
    above, _ = integrate.quad(lambda x: stats.norm.sf(x, mean, sd) ** 2, truth, mean + 12 * sd)
    assert float(got) == pytest.approx(below + above, rel=1e-6)


def test_crps_of_a_certain_analysis_is_its_absolute_error() -> None:
    mean, truth = xr.DataArray([1.0, 2.0]), xr.DataArray([0.5, 4.0])
    np.testing.assert_allclose(v.crps_gaussian(mean, xr.zeros_like(mean), truth), [0.5, 2.0])
    np.testing.assert_allclose(v.crps_gaussian(mean, mean * 0 + 1e-9, truth), [0.5, 2.0], atol=1e-8)


def test_crps_of_members_is_the_sum_over_pairs() -> None:
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(5, 4)), rng.normal(size=4)
    members, truth = xr.DataArray(x, dims=("realization", "place")), xr.DataArray(y, dims="place")
    near = np.abs(x - y).mean(axis=0)
    pairs = np.abs(x[:, None] - x[None]).sum(axis=(0, 1))
    np.testing.assert_allclose(v.crps_ensemble(members, truth), near - pairs / 40)


def test_fair_crps_of_few_members_is_that_of_their_distribution() -> None:
    rng = np.random.default_rng(11)
    members = xr.DataArray(rng.normal(size=(3, 200_000)), dims=("realization", "place"))
    truth = xr.DataArray(rng.normal(size=200_000), dims="place")
    exact = v.crps_gaussian(xr.zeros_like(truth), xr.ones_like(truth), truth).mean()
    assert float(v.crps_ensemble(members, truth).mean()) == pytest.approx(float(exact), abs=0.004)
    with pytest.raises(v.VerificationError, match="at least two"):
        v.crps_ensemble(members[:1], truth)


def test_ranks_agree_with_scipy_and_land_is_not_counted(grid: Grid) -> None:
    rng = np.random.default_rng(12)
    members = on_grid(grid, rng.normal(size=(4, 5, *grid.shape)), realization=range(4), time=TIMES[:5])
    truth, weights = random_field(grid, rng, 5), v.ocean_weights(grid)
    both = np.concatenate([truth.values[None], members.values])[:, :, grid.ocean]
    expected = np.bincount((stats.rankdata(both, axis=0)[0] - 1).astype(int).ravel(), minlength=5)
    np.testing.assert_array_equal(v.rank_histogram(members, truth, weights, rng), expected)


def test_ranks_of_ties_are_shared_out_evenly() -> None:
    grid = even_grid(60, 120)
    equal = on_grid(grid, np.zeros((3, *grid.shape)), realization=range(3))
    counts = v.rank_histogram(
        equal, on_grid(grid, np.zeros(grid.shape)), v.ocean_weights(grid), np.random.default_rng(0)
    )
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_pit_histogram_is_flat_for_a_right_and_u_shaped_for_a_small_spread(grid: Grid) -> None:
    rng = np.random.default_rng(13)
    error = random_field(grid, rng, 73)
    sd, weights = error * 0 + 1, v.ocean_weights(grid)
    np.testing.assert_allclose(v.pit_histogram(error, sd, weights), 0.1, atol=0.01)
    narrow = v.pit_histogram(error, 0.5 * sd, weights)
    assert min(narrow[0], narrow[-1]) > 0.2
    assert v.pit_histogram(error - 1, sd, weights)[-1] > 0.3  # analysis too cold: truth above it


def test_desroziers_finds_the_errors_of_the_best_analysis() -> None:
    rng, count = np.random.default_rng(14), 400_000
    background, observed = 0.8 * rng.normal(size=count), 0.5 * rng.normal(size=count)
    gain = 0.64 / (0.64 + 0.25)
    analysis = background + gain * (observed - background)
    found = v.desroziers(observed - background, observed - analysis, np.full(count, 0.6))
    assert found.observation == pytest.approx(0.25, rel=0.01)
    assert found.background == pytest.approx(0.64, rel=0.01)
    assert found.analysis == pytest.approx(0.64 * (1 - gain), rel=0.01)
    assert found.ratio == pytest.approx(0.25 / 0.36, rel=0.01)
    with pytest.raises(v.VerificationError, match="3 O-B, 2 O-A and 3 errors"):
        v.desroziers(np.ones(3), np.ones(2), np.ones(3))


# ----- spectra


def brute_stretches(ocean: np.ndarray, length: int) -> set[tuple[int, ...]]:
    """Every run of `length` wet cells, wherever it begins."""
    size = ocean.size
    runs = [tuple((start + np.arange(length)) % size) for start in range(size)]
    return {run for run in runs if ocean[list(run)].all()}


@pytest.mark.parametrize("seed", range(8))
def test_stretches_are_ocean_only_and_none_is_forgotten(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ocean = rng.random(40) < 0.85
    found = {tuple(run) for run in ocean_stretches(ocean, 6)}
    possible = brute_stretches(ocean, 6)
    assert found <= possible
    assert bool(found) == bool(possible)
    for run in possible:  # at most half a stretch of any run is left over
        assert any(len(set(run) & set(other)) >= 3 for other in found)


def test_a_ring_of_ocean_is_used_all_around() -> None:
    assert set(ocean_stretches(np.ones(40, bool), 8).ravel()) == set(range(40))
    assert not len(ocean_stretches(np.ones(5, bool), 8))


def test_a_wave_stands_at_its_wavenumber() -> None:
    grid = even_grid(land=(0, 50))
    wave = np.cos(2 * np.pi * grid.lon / 20.0)  # 20 degrees long, 4 cells
    field = on_grid(grid, wave * np.ones((2, *grid.shape)), time=TIMES[:2])
    spectrum = v.zonal_spectrum(field, grid, length=32)
    assert float(spectrum["wavenumber"][spectrum.argmax("wavenumber")[0]]) == pytest.approx(1 / 20)
    width = float(spectrum["wavenumber"][0])
    np.testing.assert_allclose(spectrum.sum("wavenumber") * width, 0.5, rtol=0.02)


def test_the_spectrum_of_noise_is_flat_and_holds_its_variance() -> None:
    grid, rng = even_grid(), np.random.default_rng(15)
    field = 3.0 * random_field(grid, rng, 60)
    spectrum = v.zonal_spectrum(field, grid, length=24)
    width = float(spectrum["wavenumber"][0])
    level = 9.0 / (width * spectrum.sizes["wavenumber"])
    np.testing.assert_allclose(spectrum[:, 3:-1], level, rtol=0.1)


def test_one_stretch_agrees_with_scipy() -> None:
    rows = even_grid(4, 48, land=(0, *range(33, 48)))
    grid = rows.with_ocean(rows.ocean & (rows.lat > 20)[:, None])
    field = random_field(grid, np.random.default_rng(16), 1)
    got = v.zonal_spectrum(field.where(grid.ocean, np.inf), grid, length=32)
    row = field.values[0, 0, 3, 1:33]
    _, expected = periodogram(row, 1 / 7.5, window="hann", detrend="linear")
    np.testing.assert_allclose(got[0], expected[1:], rtol=1e-9)


def test_spectra_refuse_uneven_cells_and_seas_that_are_too_small() -> None:
    uneven = toy_grid(np.random.default_rng(0))
    with pytest.raises(v.VerificationError, match="expected one width"):
        v.zonal_spectrum(random_field(uneven, np.random.default_rng(0)), uneven, length=4)
    grid = even_grid(land=(0, 10, 20, 30, 40, 50, 60, 70))
    with pytest.raises(v.VerificationError, match="no 16 neighbouring"):
        v.zonal_spectrum(random_field(grid, np.random.default_rng(0)), grid, length=16)


# ----- climate


def yearly(values: np.ndarray, first: int = 1981) -> xr.DataArray:
    times = np.array([f"{first + year}-07-01" for year in range(len(values))], "datetime64[s]")
    return xr.DataArray(values, {"time": times}, ("time",))


def test_the_slope_and_its_error_agree_with_scipy_for_white_noise() -> None:
    values = np.random.default_rng(17).normal(size=400) * 0.1 + 0.02 * np.arange(400)
    times = np.datetime64("1990-01-15") + np.arange(400) * 30
    days = np.arange(400.0) * 30
    line = stats.linregress(days / 3652.425, values)
    found = v.trend(xr.DataArray(values, {"time": times.astype("datetime64[s]")}, ("time",)))
    assert float(found.slope) == pytest.approx(line.slope)
    assert 300 < float(found.effective_size) <= 400
    assert float(found.standard_error) == pytest.approx(line.stderr, rel=0.1)
    assert float(found.half_width) == pytest.approx(1.966 * float(found.standard_error), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("count", [40, 120])
@pytest.mark.parametrize("lag", [0.0, 0.6, 0.8])
def test_the_interval_of_a_trend_holds_the_true_one_as_often_as_it_says(count: int, lag: float) -> None:
    white = np.random.default_rng(18).normal(size=(count, 2000))
    white[0] /= np.sqrt(1 - lag**2)
    noise = lfilter([1.0], [1.0, -lag], white, axis=0)
    times = np.datetime64("1990-01-15") + np.arange(count) * 30
    found = v.trend(xr.DataArray(noise, {"time": times.astype("datetime64[s]")}, ("time", "try")))
    held = abs(found.slope) < found.half_width
    assert 0.935 < float(held[np.isfinite(found.half_width)].mean()) < 0.985
    assert float(np.isfinite(found.half_width).mean()) > 0.95


def test_the_variance_of_a_slope_is_that_of_the_matrices() -> None:
    lag, count = float(AUTOCORRELATION[20]), 30
    design = np.linalg.qr(np.stack([np.ones(count), np.arange(count)], axis=1))[0]
    correlation = lag ** np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    rest = np.eye(count) - design @ design.T
    trace = np.trace(rest @ correlation)
    variance, freedom = _moments(design)
    assert variance[20] == pytest.approx(design[:, 1] @ correlation @ design[:, 1] / trace)
    assert freedom[20] == pytest.approx(trace**2 / np.trace(rest @ correlation @ rest @ correlation))


def test_a_perfect_line_has_no_error_and_land_stays_missing() -> None:
    line = xr.concat([yearly(0.3 * np.arange(30) / 10), yearly(np.full(30, np.nan))], "place")
    found = v.trend(line)
    assert float(found.slope[0]) == pytest.approx(0.3, rel=1e-3)
    assert float(found.half_width[0]) < 2e-3  # years of 365 and 366 days
    assert np.isnan(found.slope[1]) and np.isnan(found.half_width[1])


@pytest.mark.parametrize("turns", [0.5, 1.0])
def test_a_slow_swing_with_less_than_one_independent_value_has_no_interval(turns: float) -> None:
    time = pd.date_range("1981-01-01", periods=480, freq="MS")
    swing = np.sin(2 * np.pi * turns * np.arange(480) / 480)
    found = v.trend(xr.DataArray(swing, {"time": time}, ("time",)))
    assert float(found.effective_size) < 1
    assert np.isfinite(float(found.slope)) and np.isnan(float(found.half_width))


def test_trends_of_model_calendars_work_too() -> None:
    times = [cftime.DatetimeNoLeap(year, 7, 2) for year in range(1, 41)]
    series = xr.DataArray(np.arange(40.0), {"time": times}, ("time",))
    assert float(v.trend(series).slope) == pytest.approx(10 * 365.2425 / 365)
    with pytest.raises(v.VerificationError, match="2 times found"):
        v.trend(series[:2])


def test_heat_content_of_a_kelvin_is_depth_times_capacity(grid: Grid) -> None:
    bottom = 0.3 * grid.depth_edges[-2] + 0.7 * grid.depth_edges[-1]  # cuts the last layer
    one = random_field(grid, np.random.default_rng(0)) * 0 + 1
    heat = v.heat_content(one, grid, bottom)
    column = grid.ocean.all(axis=0)
    expected = 1026.0 * 3991.867957 * (bottom - grid.depth_edges[0])
    np.testing.assert_allclose(heat[0].values[column], expected)
    assert np.isnan(heat[0].values[~grid.ocean.any(axis=0)]).all()
    shallow = grid.ocean[0] & ~grid.ocean[-1]
    assert shallow.any() and (heat[0].values[shallow] < expected).all()


def test_heat_content_of_slabs_adds_up(grid: Grid) -> None:
    field, cut = random_field(grid, np.random.default_rng(19)), float(np.mean(grid.depth_edges[2:4]))
    bottom = float(grid.depth_edges[-1])
    whole = v.heat_content(field, grid, bottom)
    parts = v.heat_content(field, grid, cut) + v.heat_content(field, grid, bottom, cut).fillna(0)
    np.testing.assert_allclose(parts.values, whole.values, atol=1e-3)


def test_heat_content_below_the_grid_is_refused(grid: Grid) -> None:
    with pytest.raises(v.VerificationError, match=r"from 0 to 2000 m was asked for, the grid reaches"):
        v.heat_content(random_field(grid, np.random.default_rng(0)), grid, 2000)


def test_nino34_is_the_mean_of_its_box_at_the_surface() -> None:
    grid = even_grid(24, 72)  # cells of 5 degrees: edges of the box are edges of cells
    inside = (np.abs(grid.lat)[:, None] < 5) & ((grid.lon > 190) & (grid.lon < 240))[None, :]
    field = on_grid(grid, np.where(inside, 1.5, -9.0) * np.array([1, 7])[:, None, None]).expand_dims(
        time=TIMES[:2]
    )
    np.testing.assert_allclose(v.nino34(field, grid), 1.5)
