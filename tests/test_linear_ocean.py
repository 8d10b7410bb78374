"""The small linear ocean: its geometry, its physics against closed forms, its statistics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.linalg import solve_discrete_lyapunov
from toys import toy_grid

from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS
from osse.known_answer.covariance_algebra import stationary_covariance
from osse.known_answer.linear_ocean import STEP_SECONDS, LinearOcean, Physics, transition_matrix
from osse.known_answer.network import Network, observe

SMALL = (3, 8, 14)
FOREVER = np.inf  # days of damping: none


@pytest.fixture(scope="module")
def ocean() -> LinearOcean:
    return LinearOcean.draw(3, SMALL)


def physics(grid: Grid, speed: float = 0.0, mixing: float = 0.0, exchange: float = 0.0) -> Physics:
    depth, lat, _ = grid.shape
    return Physics(
        np.full((depth, lat), speed),
        np.full(depth, mixing),
        np.full(depth - 1, exchange),
        np.full(depth, FOREVER),
    )


def ring(lon: int = 16) -> Grid:
    """All ocean: three zones of one level."""
    return Grid(
        np.array([-15.0, -5, 5, 15]),
        np.linspace(0, 360, lon + 1),
        np.array([0.0, 50]),
        np.ones((1, 3, lon), bool),
    )


def speed_of(courant: float, grid: Grid) -> float:
    """Speed (m/s) that crosses `courant` cells at the equator in one step."""
    cell = grid.area[1, 0] / (EARTH_RADIUS * np.deg2rad(10))
    return courant * cell / STEP_SECONDS


# Drawing


def test_the_same_seed_draws_the_same_ocean_and_another_seed_another(ocean: LinearOcean) -> None:
    again, other = LinearOcean.draw(3, SMALL), LinearOcean.draw(4, SMALL)
    assert again.grid.checksum == ocean.grid.checksum != other.grid.checksum
    assert (again.transition != ocean.transition).nnz == 0
    np.testing.assert_array_equal(again.noise_covariance, ocean.noise_covariance)
    np.testing.assert_array_equal(again.climatological_covariance, ocean.climatological_covariance)


@pytest.mark.parametrize("seed", range(6))
def test_a_fifth_to_two_fifths_of_the_globe_is_land_and_the_floor_rises(seed: int) -> None:
    grid = LinearOcean.draw(seed, SMALL).grid
    land = 1 - (grid.ocean[0] * grid.area).sum() / grid.area.sum()
    assert 0.2 <= land <= 0.4
    assert not (grid.ocean[1:] & ~grid.ocean[:-1]).any()
    assert grid.ocean[0].sum() > grid.ocean[1].sum() > grid.ocean[2].sum() > 0
    assert np.ptp(np.diff(grid.lat_edges)) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 23, 31, 42])  # the relief of the last three holds lakes
def test_one_can_sail_from_any_surface_cell_to_any_other(seed: int) -> None:
    surface = LinearOcean.draw(seed, (1, 18, 36)).grid.ocean[0]
    reached = np.zeros_like(surface)
    reached[tuple(np.argwhere(surface)[0])] = True
    for _ in range(surface.size):
        south_north = np.pad(reached, ((1, 1), (0, 0)))
        near = south_north[2:] | south_north[:-2] | np.roll(reached, 1, 1) | np.roll(reached, -1, 1)
        reached = surface & (reached | near)
    np.testing.assert_array_equal(reached, surface)


@pytest.mark.parametrize("seed", range(4))
def test_climatological_spread_is_that_of_an_ocean(seed: int) -> None:
    ocean = LinearOcean.draw(seed, SMALL)
    spread = ocean.to_cells(ocean.stddev)
    assert 0.15 < spread.min() < 0.8 * spread.mean() and 1.2 * spread.mean() < spread.max() < 2.5
    assert ocean.stddev[0][ocean.grid.ocean[0]].mean() == pytest.approx(0.7)


def test_damping_takes_weeks_at_the_surface_and_a_year_below(ocean: LinearOcean) -> None:
    left = ocean.to_field(ocean.transition.sum(axis=1))
    days = [-5 / np.log(level[wet].mean()) for level, wet in zip(left, ocean.grid.ocean, strict=True)]
    assert 50 <= days[0] <= 70 < days[1] < days[2] == pytest.approx(365)


# Transition


@pytest.mark.parametrize("wave", [0, 1, 3, 8])
@pytest.mark.parametrize("courant", [0.4, -0.7])
def test_upwind_advection_turns_and_damps_each_harmonic_as_theory_says(
    wave: int, courant: float
) -> None:
    grid = ring()
    step = transition_matrix(grid, physics(grid, speed_of(courant, grid)))
    angle = np.deg2rad(grid.lon)
    start = np.broadcast_to(np.exp(1j * wave * angle), grid.shape).ravel()
    after = sparse.linalg.matrix_power(step, 5) @ start
    factor = 1 - abs(courant) * (1 - np.exp(-1j * np.sign(courant) * wave * 2 * np.pi / angle.size))
    equator = slice(angle.size, 2 * angle.size)
    np.testing.assert_allclose(after[equator], factor**5 * start[equator], atol=1e-10)


def test_a_flow_of_one_cell_a_step_shifts_the_field_by_one_cell_eastward() -> None:
    grid = ring()
    speeds = physics(grid)
    speeds.zonal_speed[0, 1] = speed_of(1.0, grid)
    field = np.random.default_rng(0).standard_normal(grid.shape)
    after = (transition_matrix(grid, speeds) @ field.ravel()).reshape(grid.shape)
    np.testing.assert_allclose(after[0, 1], np.roll(field[0, 1], 1), atol=1e-9)
    np.testing.assert_array_equal(after[0, [0, 2]], field[0, [0, 2]])


def test_a_constant_stays_constant_on_any_coast(grid: Grid) -> None:
    step = transition_matrix(grid, physics(grid, 0.2, 500.0, 1e-4))
    np.testing.assert_allclose(step @ np.ones(step.shape[0]), 1, atol=1e-8)


def test_mixing_and_exchange_conserve_heat(grid: Grid) -> None:
    step = transition_matrix(grid, physics(grid, 0.0, 800.0, 1e-4))
    volume = grid.volume[grid.ocean]
    assert (step != sparse.eye_array(volume.size)).nnz > 3 * volume.size
    np.testing.assert_allclose(step.T @ volume, volume, rtol=1e-8)


def test_zonal_diffusion_matches_the_closed_form_of_a_harmonic_in_every_zone() -> None:
    grid, mixing, wave = ring(32), 2e5, 3
    step = transition_matrix(grid, physics(grid, mixing=mixing))
    start = np.broadcast_to(np.cos(wave * np.deg2rad(grid.lon)), grid.shape)
    after = (step @ start.ravel()).reshape(grid.shape)
    cell = EARTH_RADIUS * 2 * np.pi / 32
    parallel = np.cos(np.deg2rad(grid.lat))
    mean_parallel = np.diff(np.sin(np.deg2rad(grid.lat_edges))) / np.deg2rad(10)
    rate = 2 * mixing * (1 - np.cos(wave * 2 * np.pi / 32)) / cell**2 / parallel / mean_parallel
    np.testing.assert_allclose(after[0], (1 - STEP_SECONDS * rate)[:, None] * start[0], atol=1e-10)


def test_no_influence_ever_crosses_land() -> None:
    grid = toy_grid(np.random.default_rng(5))
    mask = grid.ocean.copy()
    mask[:, 6] = False  # a wall along a circle of latitude
    grid = grid.with_ocean(mask)
    step = transition_matrix(grid, physics(grid, 0.2, 500.0, 1e-4))
    south = np.nonzero(mask)[1] < 6
    lasting = abs(sparse.linalg.matrix_power(step, 30))
    assert lasting[south][:, ~south].nnz == lasting[~south][:, south].nnz == 0
    assert lasting[~south][:, ~south].nnz > lasting.shape[0]


def test_the_first_and_last_latitude_are_no_neighbours() -> None:
    grid = ring()
    step = transition_matrix(grid, physics(grid, mixing=1e5)).toarray()
    assert step[:16, 32:].max() == 0 < step[:16, 16:32].max()


def test_a_step_that_crosses_more_than_a_cell_is_refused() -> None:
    grid = ring()
    with pytest.raises(ValueError, match="gives away 1\\.2"):
        transition_matrix(grid, physics(grid, speed_of(1.22, grid)))


# Statistics


def test_stationary_covariance_agrees_with_an_independent_solver(ocean: LinearOcean) -> None:
    expected = solve_discrete_lyapunov(ocean.transition.toarray(), ocean.noise_covariance)
    np.testing.assert_allclose(ocean.climatological_covariance, expected, atol=2e-6 * expected.max())


def test_a_transition_that_does_not_fade_is_refused() -> None:
    with pytest.raises(ValueError, match="spectral radius"):
        stationary_covariance(sparse.eye_array(4, format="csr"), np.eye(4))


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_positive_definite_and_correlated_in_space_and_depth(seed: int) -> None:
    ocean = LinearOcean.draw(seed, SMALL)
    spread = np.sqrt(np.diag(ocean.noise_covariance))
    correlation = ocean.noise_covariance / np.outer(spread, spread)
    assert np.linalg.eigvalsh(correlation).min() > 0.01
    column = np.flatnonzero(ocean.grid.ocean.all(axis=0).ravel())[0]
    number = np.cumsum(ocean.grid.ocean.ravel()) - 1
    cells = number[column + np.arange(3) * ocean.grid.shape[1] * ocean.grid.shape[2]]
    first, second, third = correlation[np.ix_(cells, cells)][0]
    assert first == pytest.approx(1) and 0.1 < third < min(second, 0.5)


def test_a_simulated_run_has_the_covariances_of_the_model(ocean: LinearOcean) -> None:
    runs = 6000
    field = ocean.simulate(3, np.random.default_rng(0), runs)
    states = ocean.to_cells(field).astype(float)
    climate = ocean.climatological_covariance
    sampling = np.sqrt(np.outer(np.diag(climate), np.diag(climate)) * 2 / runs)
    for step in (0, 2):
        empirical = states[:, step].T @ states[:, step] / runs
        assert (abs(empirical - climate) / sampling).max() < 6
    lagged = states[:, 1].T @ states[:, 0] / runs
    assert (abs(lagged - ocean.transition @ climate) / sampling).max() < 6
    assert field.dtype == np.float32 and (field[..., ~ocean.grid.ocean] == 0).all()


def test_a_long_run_keeps_fresh_noise_from_chunk_to_chunk(ocean: LinearOcean) -> None:
    states = ocean.to_cells(ocean.simulate(40, np.random.default_rng(0), batch=100))[0].astype(float)
    noise = states[1:] - states[:-1] @ ocean.transition.toarray().T
    assert abs(np.corrcoef(noise) - np.eye(39)).max() < 0.7


def test_fields_and_cells_are_two_views_of_one_state(ocean: LinearOcean) -> None:
    cells = np.arange(2.0 * ocean.size).reshape(2, -1)
    field = ocean.to_field(cells)
    np.testing.assert_array_equal(field[1].ravel()[np.flatnonzero(ocean.grid.ocean)], cells[1])
    np.testing.assert_array_equal(ocean.to_cells(field), cells)


# Observations


def plain_network(grid: Grid, **changes: float) -> Network:
    depth, lat, lon = grid.shape
    settings = {
        "coverage": 0.6,
        "profile_share": 0.03,
        "gap_memory": 0.9,
        "gap_drift": 2,
        "error_scatter": 0.0,
        **changes,
    }
    return Network(
        grid,
        surface_error=np.full((lat, lon), 0.3),
        profile_error=np.full(depth, 0.15),
        gap_cells=(1.0, 1.5),
        **settings,  # type: ignore[arg-type]
    )


def test_the_network_sees_the_shares_it_was_drawn_with(ocean: LinearOcean) -> None:
    network = Network.draw(ocean, 0)
    seen = np.isfinite(network.draw_masks(1200, np.random.default_rng(0)))
    wet = ocean.grid.ocean
    assert not seen[..., ~wet].any()
    assert seen[:, 0][:, wet[0]].mean() == pytest.approx(network.coverage, abs=0.03)
    assert seen[:, 2][:, wet[2]].mean() == pytest.approx(network.profile_share, abs=0.003)


def test_profiles_reach_the_floor_and_sharpen_the_surface_value(ocean: LinearOcean) -> None:
    error = plain_network(ocean.grid).draw_masks(30, np.random.default_rng(1))
    deep = np.isfinite(error[:, 1]) & ocean.grid.ocean[2]
    assert deep.sum() > 10
    np.testing.assert_allclose(error[:, 1:][np.broadcast_to(deep[:, None], error[:, 1:].shape)], 0.15)
    both = 1 / np.hypot(1 / 0.3, 1 / 0.15)
    surface = error[:, 0][deep]
    assert set(np.round(surface, 4)) == {np.round(np.float32(both), 4), np.float32(0.15)}
    assert set(np.round(error[:, 0][np.isfinite(error[:, 0])], 4)) == {
        *np.round(surface, 4),
        np.float32(0.3),
    }


def test_gaps_drift_eastward() -> None:
    network = plain_network(ring(), profile_share=0.0)
    seen = np.isfinite(network.draw_masks(200, np.random.default_rng(2))[:, 0])
    alike = [(seen[1:] == np.roll(seen[:-1], shift, axis=-1)).mean() for shift in (-2, 0, 2)]
    assert alike[2] > 0.8 > alike[1] > alike[0]


def test_errors_vary_from_value_to_value(ocean: LinearOcean) -> None:
    error = Network.draw(ocean, 0).draw_masks(40, np.random.default_rng(0))
    surface = error[:, 0][np.isfinite(error[:, 0])]
    assert np.unique(surface).size > 0.99 * surface.size
    assert 0.2 < np.median(surface) < 0.45


def test_observations_miss_the_truth_by_their_stated_error(ocean: LinearOcean) -> None:
    rng = np.random.default_rng(0)
    truth = ocean.simulate(600, rng)[0]
    error = Network.draw(ocean, 0).draw_masks(600, rng)
    value = observe(truth, error, rng)
    seen = np.isfinite(error)
    np.testing.assert_array_equal(np.isnan(value), ~seen)
    miss = (value - truth)[seen] / error[seen]
    assert abs(miss.mean()) < 4 / np.sqrt(miss.size)
    assert abs(miss.var() - 1) < 4 * np.sqrt(2 / miss.size)


def test_masks_follow_their_generator_only(ocean: LinearOcean) -> None:
    network, again = Network.draw(ocean, 7), Network.draw(ocean, 7)
    first = network.draw_masks(4, np.random.default_rng(0))
    np.testing.assert_array_equal(first, again.draw_masks(4, np.random.default_rng(0)))
    assert (first != network.draw_masks(4, np.random.default_rng(1))).any()
    assert (first != Network.draw(ocean, 8).draw_masks(4, np.random.default_rng(0))).any()
