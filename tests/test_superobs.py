"""Superobservations: the law of best estimates, every row accounted for, nothing on land."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deepda.assimilation.superobs import USED, SuperObs, SuperobsError, superobs
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.table import TableError

SEASON = 5


def climatology_of(grid: Grid, rng: np.random.Generator) -> Climatology:
    """Every season and cell has a mean of its own; NaN on land."""
    mean = rng.uniform(0, 30, (12, *grid.shape))
    return Climatology(
        np.where(grid.ocean, mean, np.nan).astype(np.float32),
        np.where(grid.ocean, 1.0, np.nan).astype(np.float32),
    )


def scattered(grid: Grid, rng: np.random.Generator, rows: int = 3000) -> pd.DataFrame:
    """Rows all over the globe, some on land, below the floor and beyond the grid's edges."""
    return pd.DataFrame(
        {
            "time": np.datetime64("2008-03-01T00:00:00"),
            "lat": rng.uniform(-90, 90, rows),
            "lon": rng.uniform(-180, 360, rows),
            "depth": rng.uniform(0, grid.depth_edges[-1] + 10, rows),
            "temperature": rng.uniform(0, 30, rows),
            "error": rng.uniform(0.05, 1, rows),
        }
    )


def at_cell(
    grid: Grid, cell: tuple[int, int, int], temperature: list[float], error: list[float]
) -> pd.DataFrame:
    level, row, column = cell
    return pd.DataFrame(
        {
            "time": np.datetime64("2008-03-01T00:00:00"),
            "lat": grid.lat[row],
            "lon": grid.lon[column],
            "depth": grid.depth[level],
            "temperature": temperature,
            "error": error,
        }
    )


def assert_same(one: SuperObs, other: SuperObs) -> None:
    np.testing.assert_array_equal(one.count, other.count)
    np.testing.assert_allclose(one.anomaly, other.anomaly, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(one.error_variance, other.error_variance, rtol=1e-5)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.mark.slow
def test_anomalies_and_errors_agree_with_least_squares_cell_by_cell(
    grid: Grid, rng: np.random.Generator
) -> None:
    climatology, table = climatology_of(grid, rng), scattered(grid, rng)
    table["shared_error"] = table["error"] * rng.choice([0, 0.3, 0.9], len(table))
    result = superobs(table, grid, SEASON, climatology)
    mean = climatology.mean[SEASON].ravel()
    for cell in np.unique(result.cell[result.cell != OUTSIDE]):
        rows = table[result.cell == cell]
        shared = rows["shared_error"].to_numpy()
        covariance = np.diag(rows["error"].to_numpy() ** 2 - shared**2) + np.outer(shared, shared)
        one = np.ones(len(rows))
        variance = 1 / (one @ np.linalg.solve(covariance, one))
        anomaly = variance * (one @ np.linalg.solve(covariance, rows["temperature"] - mean[cell]))
        assert result.error_variance.ravel()[cell] == pytest.approx(variance, rel=1e-4)
        assert result.anomaly.ravel()[cell] == pytest.approx(anomaly, rel=1e-4, abs=1e-4)
        assert result.count.ravel()[cell] == len(rows)


def test_two_equal_observations_are_one_of_half_the_error_variance(
    grid: Grid, rng: np.random.Generator
) -> None:
    cell = tuple(np.argwhere(grid.ocean)[7])
    climatology = climatology_of(grid, rng)
    two = superobs(at_cell(grid, cell, [12.5, 12.5], [0.3, 0.3]), grid, SEASON, climatology)
    one = superobs(at_cell(grid, cell, [12.5], [0.3 / np.sqrt(2)]), grid, SEASON, climatology)
    assert two.anomaly[cell] == pytest.approx(one.anomaly[cell], rel=1e-6)
    assert two.error_variance[cell] == pytest.approx(one.error_variance[cell], rel=1e-6)
    assert (two.count[cell], one.count[cell]) == (2, 1)


def test_a_shared_error_is_a_floor_that_no_number_of_rows_goes_below(
    grid: Grid, rng: np.random.Generator
) -> None:
    cell = tuple(np.argwhere(grid.ocean)[7])
    table = at_cell(grid, cell, [12.5] * 5000, [0.4] * 5000).assign(shared_error=0.2)
    result = superobs(table, grid, SEASON, climatology_of(grid, rng))
    assert result.error_variance[cell] == pytest.approx(0.2**2 + (0.4**2 - 0.2**2) / 5000, rel=1e-4)


def test_every_row_is_used_or_has_a_reason(grid: Grid, rng: np.random.Generator) -> None:
    climatology = climatology_of(grid, rng)
    gap = tuple(np.argwhere(grid.ocean)[30])
    climatology.mean[:, *gap] = np.nan
    table = pd.concat([scattered(grid, rng), at_cell(grid, gap, [10.0], [0.1])])
    result = superobs(table, grid, SEASON, climatology)
    rows = np.bincount(result.reason)
    assert rows.sum() == len(table)
    assert rows.size == 4 and (rows > 0).all()
    assert result.count.sum() == rows[USED] == (result.cell != OUTSIDE).sum()
    np.testing.assert_array_equal(result.cell != OUTSIDE, result.reason == USED)


def test_no_superobservation_on_land(grid: Grid, rng: np.random.Generator) -> None:
    climatology = climatology_of(grid, rng)
    everywhere = Climatology(np.nan_to_num(climatology.mean), climatology.stddev)
    result = superobs(scattered(grid, rng, 20_000), grid, SEASON, everywhere)
    assert result.count[grid.ocean].min() > 0
    assert not result.count[~grid.ocean].any()


def test_cells_without_a_row_are_empty(grid: Grid, rng: np.random.Generator) -> None:
    climatology = climatology_of(grid, rng)
    result = superobs(scattered(grid, rng, 60), grid, SEASON, climatology)
    unseen = result.count == 0
    assert unseen.any() and not unseen.all()
    assert np.isnan(result.anomaly[unseen]).all() and np.isfinite(result.anomaly[~unseen]).all()
    assert np.isinf(result.error_variance[unseen]).all()
    assert (result.precision[unseen] == 0).all() and (result.precision[~unseen] > 0).all()
    nothing = superobs(scattered(grid, rng, 0), grid, SEASON, climatology)
    assert not nothing.count.any() and nothing.cell.size == 0


def test_the_order_of_rows_does_not_matter(grid: Grid, rng: np.random.Generator) -> None:
    climatology, table = climatology_of(grid, rng), scattered(grid, rng)
    shuffled = table.iloc[rng.permutation(len(table))]
    assert_same(
        superobs(table, grid, SEASON, climatology), superobs(shuffled, grid, SEASON, climatology)
    )


def test_the_longitude_convention_does_not_matter(grid: Grid, rng: np.random.Generator) -> None:
    climatology, table = climatology_of(grid, rng), scattered(grid, rng)
    west = table.assign(lon=np.mod(table["lon"] + 180, 360) - 180)
    east = table.assign(lon=np.mod(table["lon"], 360))
    assert_same(superobs(west, grid, SEASON, climatology), superobs(east, grid, SEASON, climatology))


def test_anomalies_are_from_the_season_of_the_window(grid: Grid, rng: np.random.Generator) -> None:
    climatology = climatology_of(grid, rng)
    cell = tuple(np.argwhere(grid.ocean)[3])
    table = at_cell(grid, cell, [float(climatology.mean[2][cell]) + 1.5], [0.1])
    assert superobs(table, grid, 2, climatology).anomaly[cell] == pytest.approx(1.5, abs=1e-5)
    assert superobs(table, grid, 3, climatology).anomaly[cell] != pytest.approx(1.5, abs=1e-3)


def test_a_climatology_that_does_not_fit_is_refused(grid: Grid, rng: np.random.Generator) -> None:
    climatology, table = climatology_of(grid, rng), scattered(grid, rng)
    with pytest.raises(SuperobsError, match="season 12 found, the climatology has 0 to 11"):
        superobs(table, grid, 12, climatology)
    other = Climatology(climatology.mean[..., :-1], climatology.stddev[..., :-1])
    with pytest.raises(SuperobsError, match="the climatology has shape"):
        superobs(table, grid, SEASON, other)


def test_kelvin_never_gets_in(grid: Grid, rng: np.random.Generator) -> None:
    table = scattered(grid, rng)
    with pytest.raises(TableError, match="kelvin"):
        superobs(table.assign(temperature=280.0), grid, SEASON, climatology_of(grid, rng))
