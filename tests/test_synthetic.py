"""Synthetic observations: errors as stated, only the observed truth read, clouds that move."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.observations.errors import ERRORS, ErrorModel, window_rng
from deepda.observations.synthetic import (
    Blackouts,
    Clouds,
    GriddedNetwork,
    SyntheticError,
    in_ocean,
    observe,
    observe_gridded,
)
from deepda.observations.table import require_table

START = np.datetime64("2008-02-25T00:00:00")
DAYS = np.timedelta64(1, "D")
NO_ERROR = {platform: ErrorModel(1e-6, surface=0, deep=0) for platform in ERRORS}


def some_places(grid: Grid, rng: np.random.Generator, rows: int = 500) -> pd.DataFrame:
    places = pd.DataFrame(
        {
            "time": START,
            "lat": rng.uniform(grid.lat_edges[0], grid.lat_edges[-1], rows),
            "lon": rng.uniform(-180, 360, rows),
            "depth": rng.uniform(grid.depth_edges[0], grid.depth_edges[-1], rows),
            "platform_type": rng.choice(list(ERRORS), rows),
            "platform_id": "p",
        }
    )
    return places[in_ocean(grid, places)].reset_index(drop=True)


def numbered(grid: Grid) -> np.ndarray:
    """A truth whose values encode their cell, within what counts as a temperature."""
    return np.where(grid.ocean, np.linspace(0, 50, grid.ocean.size).reshape(grid.shape), np.nan)


def uniform_grid() -> Grid:
    edges = np.linspace(-60, 60, 31), np.linspace(0, 360, 73), np.array([0.0, 10.0])
    return Grid(*edges, np.ones((1, 30, 72), bool))


class Stub:
    """One satellite value in cell 0 and two of floats in all cells; keeps what it was asked for."""

    def __init__(self, grid: Grid) -> None:
        self.grid, self.asked = grid, []  # type: ignore[var-annotated]

    def cells(self, start: np.datetime64, end: np.datetime64) -> dict[str, np.ndarray]:
        self.asked.append((start, end))
        return {"satellite": np.array([0]), "argo": np.tile(np.arange(self.grid.ocean.size), 2)}


def test_the_value_is_that_of_the_cell_without_interpolation(grid: Grid) -> None:
    rng = np.random.default_rng(0)
    places, truth = some_places(grid, rng), numbered(grid)
    table = observe(truth, grid, places, rng, NO_ERROR)
    level, row, column = grid.locate(places["lat"], places["lon"], places["depth"])
    np.testing.assert_allclose(table["temperature"], truth[level, row, column], atol=1e-4)
    pd.testing.assert_frame_equal(table[list(places)], places)


def test_the_result_can_be_assimilated(grid: Grid) -> None:
    rng = np.random.default_rng(0)
    truth = xr.DataArray(numbered(grid), dims=("depth", "lat", "lon"))
    require_table(observe(truth, grid, some_places(grid, rng), rng))


def test_truth_that_is_not_observed_is_not_read(grid: Grid) -> None:
    rng = np.random.default_rng(0)
    places, truth = some_places(grid, rng, 40), numbered(grid)
    poisoned = np.full(grid.shape, np.nan)
    cell = grid.locate(places["lat"], places["lon"], places["depth"])
    poisoned[cell] = truth[cell]
    clean, bitter = (
        observe(field, grid, places, np.random.default_rng(1)) for field in (truth, poisoned)
    )
    pd.testing.assert_frame_equal(clean, bitter)


def test_errors_have_the_stated_size_and_no_bias(grid: Grid) -> None:
    rng = np.random.default_rng(0)
    places = some_places(grid, rng, 20_000)
    exact = observe(numbered(grid), grid, places, rng, NO_ERROR)["temperature"]
    table = observe(numbered(grid), grid, places, rng)
    for platform, rows in table.groupby("platform_type"):
        scaled = (rows["temperature"] - exact[rows.index]) / rows["error"]
        assert scaled.std() == pytest.approx(1, abs=0.06), platform
        assert scaled.mean() == pytest.approx(0, abs=0.08), platform


def test_independent_parts_of_an_error_add_as_variances() -> None:
    model = ErrorModel(0.3, instrument_growth=0.001, surface=0.4, deep=0.0, scale=100.0)
    assert model.stddev(0.0) == pytest.approx(0.5)
    assert model.stddev(100.0) == pytest.approx(np.hypot(0.4, 0.4 / np.e))


def test_a_float_observes_more_of_the_deep_than_of_the_surface_and_more_than_a_satellite() -> None:
    argo = ERRORS["argo"].stddev([0, 100, 700, 2000])
    assert (np.diff(argo) < 0).all()
    assert argo[0] < ERRORS["satellite"].stddev(0)
    assert ERRORS["xbt"].stddev(700) > argo[2]


def test_places_on_land_or_outside_are_refused(grid: Grid) -> None:
    rng = np.random.default_rng(0)
    places = some_places(grid, rng, 30)
    dry = np.argwhere(~grid.ocean)[0]
    places.loc[2, ["lat", "lon", "depth"]] = grid.lat[dry[1]], grid.lon[dry[2]], grid.depth[dry[0]]
    places.loc[4, "depth"] = 9000.0
    with pytest.raises(SyntheticError, match=rf"^2 of {len(places)} places are on land"):
        observe(numbered(grid), grid, places, rng)
    wet = places[in_ocean(grid, places)]
    assert len(observe(numbered(grid), grid, wet, rng)) == len(places) - 2


def test_a_platform_without_error_model_is_refused(grid: Grid) -> None:
    rng = np.random.default_rng(0)
    places = some_places(grid, rng, 30).assign(platform_type="glider")
    with pytest.raises(SyntheticError, match="no error model, the first is glider"):
        observe(numbered(grid), grid, places, rng)


def test_a_truth_with_a_hole_is_refused(grid: Grid) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SyntheticError, match="no finite truth"):
        observe(np.full(grid.shape, np.nan), grid, some_places(grid, rng, 30), rng)


def test_random_numbers_depend_on_seed_stream_and_date_alone() -> None:
    draws = [
        window_rng(seed, stream, start).standard_normal(4000)
        for seed, stream, start in (
            (1, "errors", START),
            (2, "errors", START),
            (1, "places", START),
            (1, "errors", START + 5 * DAYS),
        )
    ]
    np.testing.assert_array_equal(draws[0], window_rng(1, "errors", START).standard_normal(4000))
    assert np.abs(np.corrcoef(draws) - np.eye(4)).max() < 0.06
    window_rng(0, "errors", np.datetime64("0001-01-01T00:00:00"))


def test_gridded_observations_have_the_error_of_their_precision() -> None:
    rng = np.random.default_rng(0)
    precision = rng.choice([0.0, 1.0, 25.0], (4, 3, 60, 60)).astype(np.float32)
    truth = np.where(precision > 0, 2.0, np.nan)
    value = observe_gridded(truth, precision, rng)
    assert not value[precision == 0].any()
    for wanted in (1.0, 25.0):
        error = value[precision == wanted] - 2.0
        assert error.std() == pytest.approx(wanted**-0.5, rel=0.03)
        assert error.mean() == pytest.approx(0, abs=0.03)


def test_clouds_drift_east_unchanged_where_they_live_for_ever() -> None:
    grid = uniform_grid()
    clouds = Clouds(grid, 3, lifetime=np.inf, drift=1.0)
    first, later = clouds.clear(START), clouds.clear(START + 10 * DAYS)
    assert not np.array_equal(first, later)
    np.testing.assert_array_equal(
        later, np.roll(first, 2, axis=1)
    )  # ten days, two cells of five degrees


def test_clouds_persist_for_days_and_are_others_after_a_month() -> None:
    clouds = Clouds(uniform_grid(), 3, drift=0.0)
    dates = START + 5 * DAYS * np.arange(120)
    sky = np.array([clouds.clear(date) for date in dates], dtype=float) - 0.6
    near, far = ((sky[:-lag] * sky[lag:]).mean() / sky.var() for lag in (1, 6))
    assert 0.3 < near < 0.8
    assert abs(far) < 0.1


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_the_wanted_share_of_the_sky_is_clear(share: float) -> None:
    clouds = Clouds(uniform_grid(), 5, clear=share)
    sky = np.array([clouds.clear(START + 30 * DAYS * month) for month in range(200)])
    assert sky.mean() == pytest.approx(share, abs=0.02)
    assert sky.mean(axis=0) == pytest.approx(share, abs=0.2)  # and no place is always dark


def test_the_sky_can_be_all_clear_or_all_covered(grid: Grid) -> None:
    assert Clouds(grid, 0, clear=1.0).clear(START).all()
    assert not Clouds(grid, 0, clear=0.0).clear(START).any()


def test_precisions_of_the_values_of_a_cell_add(grid: Grid) -> None:
    errors = {
        "satellite": ErrorModel(0.5, surface=0, deep=0),
        "argo": ErrorModel(0.1, surface=0, deep=0),
    }
    precision = GriddedNetwork(grid, Stub(grid), errors=errors).precision(START, START + 5 * DAYS)
    expected = np.full(grid.shape, 200.0)
    expected[0, 0, 0] += 4.0
    np.testing.assert_allclose(precision, expected, rtol=1e-6)


def test_a_stretch_is_consecutive_windows_of_the_wanted_season_and_years(grid: Grid) -> None:
    stub = Stub(grid)
    network = GriddedNetwork(grid, stub, 1990, 1993)
    calendar = windows(1990, 1993)
    for seed in range(20):
        stub.asked.clear()
        assert len(list(network.stretch(80, np.random.default_rng(seed), season=70))) == 80
        first = np.flatnonzero(calendar.start == stub.asked[0][0])[0]
        assert calendar.season[first] == 70
        asked = np.array(stub.asked).T
        np.testing.assert_array_equal(asked[0], calendar.start[first : first + 80])
        np.testing.assert_array_equal(asked[1], calendar.end[first : first + 80])


def test_a_stretch_repeats_with_its_random_numbers(grid: Grid) -> None:
    network = GriddedNetwork(grid, Stub(grid))
    one, same = (list(network.stretch(60, np.random.default_rng(4))) for _ in range(2))
    np.testing.assert_array_equal(one, same)


def test_a_stretch_longer_than_the_years_is_refused(grid: Grid) -> None:
    network = GriddedNetwork(grid, Stub(grid), 1990, 1990)
    assert len(list(network.stretch(73, np.random.default_rng(0), season=0))) == 73
    with pytest.raises(SyntheticError, match="touches 2 years, 1990-1990 given"):
        next(network.stretch(73, np.random.default_rng(0), season=1))


def test_blackouts_silence_a_part_for_the_stated_share_of_the_time(grid: Grid) -> None:
    quiet = Blackouts(satellite=(0.1, 5.0), profiles=(0.0, 1.0))
    network = GriddedNetwork(grid, Stub(grid), blackouts=quiet)
    seen = np.array([field[0, 0, 0] for field in network.stretch(2800, np.random.default_rng(0), 0)])
    profiles = 2 * ERRORS["argo"].stddev(grid.depth[0]) ** -2
    assert seen.min() == pytest.approx(profiles)  # floats are never silent here
    silent = seen == seen.min()
    assert silent.mean() == pytest.approx(0.1 / (0.1 + 1 / 5), abs=0.08)
    lengths = silent.sum() / (np.diff(silent.astype(int)) == 1).sum()
    assert lengths == pytest.approx(5.0, rel=0.25)


def test_without_satellite_and_profiles_nothing_is_seen(grid: Grid) -> None:
    always = Blackouts(satellite=(1.0, 1e12), profiles=(1.0, 1e12))
    network = GriddedNetwork(grid, Stub(grid), blackouts=always)
    assert not np.any(list(network.stretch(10, np.random.default_rng(0))))
