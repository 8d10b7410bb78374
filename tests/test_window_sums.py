"""One scorer for fields and for observations: every score against numbers made another way."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm

import deepda.verification as v
from deepda.geometry.grid import Grid

STEPS = 5
TIMES = np.datetime64("2001-01-01", "s") + np.arange(STEPS) * np.timedelta64(5, "D")
Fields = NDArray[np.float64]


def halves(grid: Grid) -> xr.DataArray:
    """(region, depth, lat, lon) volumes of all water and of its northern part."""
    whole = v.ocean_weights(grid)
    north = whole.where(whole["lat"] > 0, 0.0)
    return xr.concat([whole, north], "region").assign_coords(region=["global", "north"])


def drawn(grid: Grid, seed: int) -> tuple[Fields, Fields, Fields]:
    """Estimate, truth and spread (time, depth, lat, lon), NaN on land."""
    rng = np.random.default_rng(seed)
    own, true = rng.normal(0.2, 1, (2, STEPS, *grid.shape))
    own[:, ~grid.ocean] = true[:, ~grid.ocean] = np.nan
    return own, true, rng.uniform(0.5, 1.5, own.shape)


def summed(grid: Grid, own: Fields, true: Fields, spread: Fields) -> xr.Dataset:
    sums = v.WindowSums(halves(grid), mapped=("square", "variance"))
    for step in range(STEPS):
        both = v.moments(own[step], true[step])
        sums.add(TIMES[step], both | v.spread_moments(both["error"], spread[step]))
    return sums.result()


@pytest.mark.slow
@pytest.mark.parametrize("region", ["global", "north"])
def test_scores_are_those_of_weighted_averages_over_all_cells_and_windows(
    grid: Grid, region: str
) -> None:
    own, true, spread = drawn(grid, 3)
    sums = summed(grid, own, true, spread).sel(region=region)
    weights = halves(grid).sel(region=region).values
    for level in range(grid.shape[0]):
        wet = weights[level] > 0
        volume = np.tile(weights[level][wet], STEPS)
        one, other, stated = (field[:, level][:, wet].ravel() for field in (own, true, spread))
        matrix = np.cov(one, other, aweights=volume)
        inside = np.abs(one - other) <= norm.ppf(0.95) * stated
        expected = [
            (v.bias_of(sums), np.average(one - other, weights=volume)),
            (v.rmse_of(sums), np.average((one - other) ** 2, weights=volume) ** 0.5),
            (v.spread_of(sums), np.average(stated**2, weights=volume) ** 0.5),
            (v.correlation_of(sums), matrix[0, 1] / (matrix[0, 0] * matrix[1, 1]) ** 0.5),
            (v.coverage_of(sums).sel(level=0.9), np.average(inside, weights=volume)),
        ]
        for found, number in expected:
            assert float(found[level]) == pytest.approx(number, rel=1e-9)
    error = (own - true).transpose(1, 2, 3, 0)
    square = np.nansum(error**2 * weights[..., None]) / (weights.sum() * STEPS)
    assert float(v.rmse_of(sums, ())) == pytest.approx(square**0.5)
    by_time = np.nansum(error**2 * weights[..., None], (0, 1, 2)) / weights.sum()
    np.testing.assert_allclose(v.rmse_of(sums, ("time",)), by_time**0.5)


def test_maps_are_means_over_the_windows_and_missing_on_land(grid: Grid) -> None:
    own, true, spread = drawn(grid, 4)
    sums = summed(grid, own, true, spread)
    np.testing.assert_allclose(sums["square_map"], ((own - true) ** 2).mean(0))
    assert np.isnan(sums["variance_map"].values[~grid.ocean]).all()
    np.testing.assert_allclose(sums["variance_map"].values[grid.ocean], (spread**2).mean(0)[grid.ocean])


def test_what_stands_on_land_is_never_read(grid: Grid) -> None:
    own, true, spread = drawn(grid, 5)
    expected = v.rmse_of(summed(grid, own, true, spread))
    for poison in (np.inf, 1e30):
        own[:, ~grid.ocean] = poison
        xr.testing.assert_identical(v.rmse_of(summed(grid, own, true, spread)), expected)


def test_a_hole_in_the_ocean_is_refused_unless_the_field_is_partial(grid: Grid) -> None:
    true = drawn(grid, 6)[1]
    holed = true + 2.0
    holed[(0, *np.argwhere(grid.ocean)[0])] = np.nan
    sums = v.WindowSums(halves(grid))
    sums.add(TIMES[1], v.errors(holed[1], true[1]))
    with pytest.raises(v.VerificationError, match=r"2001-01-01.*1 of \d+ values are not"):
        sums.add(TIMES[0], v.errors(holed[0], true[0]))
    partial = v.WindowSums(halves(grid), partial=True)
    partial.add(TIMES[0], v.errors(holed[0], true[0]))
    assert float(v.rmse_of(partial.result(), ()).sel(region="global")) == pytest.approx(2.0)


def test_a_window_counts_by_its_values_where_fields_are_partial(grid: Grid) -> None:
    sums, true = v.WindowSums(halves(grid), partial=True), np.zeros(grid.shape)
    few = np.full(grid.shape, np.nan)
    cell = tuple(np.argwhere(grid.ocean)[0])
    few[cell] = 3.0
    sums.add(TIMES[0], v.errors(few, true))
    sums.add(TIMES[1], v.errors(np.where(np.isfinite(few), 1.0, np.nan), true))
    assert float(v.bias_of(sums.result(), ()).sel(region="global")) == pytest.approx(2.0)
    assert np.isnan(v.bias_of(sums.result()).sel(region="global").values[-1])


def test_a_right_spread_has_ratio_one_and_twice_the_spread_two(grid: Grid) -> None:
    rng = np.random.default_rng(7)
    spread = rng.uniform(0.2, 2, grid.shape)
    sums, doubled = v.WindowSums(halves(grid)), v.WindowSums(halves(grid))
    for time in np.datetime64("2001-01-01") + np.arange(200):
        values = v.errors(spread * rng.normal(size=grid.shape), np.zeros(grid.shape))
        sums.add(time, values | v.spread_moments(values["error"], spread))
        doubled.add(time, values | v.spread_moments(values["error"], 2 * spread))
    ratio = v.spread_over_error(sums.result(), ()).sel(region="global")
    assert float(ratio) == pytest.approx(1, abs=0.03)
    assert float(v.spread_over_error(doubled.result(), ()).sel(region="global")) == 2 * float(ratio)
    coverage = v.coverage_of(sums.result(), ()).sel(region="global")
    np.testing.assert_allclose(coverage, [0.5, 0.9], atol=0.02)


def test_departures_at_observations_are_scored_by_the_same_sums() -> None:
    members = xr.DataArray(
        [[1.0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]],
        {"region": ["all", "deep", "none"]},
        ("region", "row"),
    )
    sums = v.weighted_sums(members, v.errors([1.0, 2, 3, 4], [1.0, 1, 1, 1]))
    np.testing.assert_allclose(v.bias_of(sums), [1.5, 2.5, np.nan])
    np.testing.assert_allclose(v.rmse_of(sums), [3.5**0.5, 6.5**0.5, np.nan])
