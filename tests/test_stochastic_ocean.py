"""The embedded ocean: geography, operators against closed forms, statistics as published."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from scipy import ndimage
from toys import toy_grid

from deepda.base.errors import OutputError
from deepda.geometry.grid import Grid
from deepda.geometry.regrid import grid_edges
from deepda.geometry.sphere import EARTH_RADIUS
from deepda.settings.presets import config_folder
from osse.ocean import dynamics as dynamics
from osse.ocean import simulate as stochastic_ocean
from osse.ocean.climate import FREEZING, OceanClimate, climate, thermocline_depth
from osse.ocean.el_nino import RechargeOscillator, patterns
from osse.ocean.forcing import warming_pattern
from osse.ocean.geography import SMALLEST_SEA, landmasses, ocean_mask
from osse.ocean.physics import FREEZING_POINT, HEAT_CAPACITY, Physics, assemble
from osse.ocean.simulate import OceanError, simulate, write_control

YEARS = 10
STEP_DAYS = 5.0


@pytest.fixture(scope="module")
def earth() -> Grid:
    """The default grid with real coastlines."""
    spec = yaml.safe_load((config_folder() / "grid" / "embedded_4deg.yaml").read_text())
    edges = grid_edges(spec)
    everywhere = Grid(
        **edges,
        ocean=np.ones(tuple(edges[f"{name}_edges"].size - 1 for name in ("depth", "lat", "lon")), bool),
    )
    return everywhere.with_ocean(ocean_mask(everywhere))


@pytest.fixture(scope="module")
def seasons(earth: Grid) -> OceanClimate:
    return climate(earth)


@pytest.fixture(scope="module")
def physics(earth: Grid) -> Physics:
    return assemble(earth)


@pytest.fixture(scope="module")
def toy() -> Grid:
    return toy_grid(np.random.default_rng(3))


@pytest.fixture(scope="module")
def run(earth: Grid) -> np.ndarray:
    """(time, depth, lat, lon) degC of a short control simulation."""
    return np.concatenate(list(simulate(earth, YEARS, seed=3)))


@pytest.fixture(scope="module")
def anomaly(run: np.ndarray) -> np.ndarray:
    by_year = run.reshape(YEARS, 73, *run.shape[1:])
    return (by_year - by_year.mean(axis=0)).reshape(run.shape)


def aquaplanet(
    lat_cells: int = 12, lon_cells: int = 72, depth_edges: tuple[float, ...] = (0, 10, 300)
) -> Grid:
    shape = len(depth_edges) - 1, lat_cells, lon_cells
    lat, lon = np.linspace(-72, 72, lat_cells + 1), np.linspace(0, 360, lon_cells + 1)
    return Grid(lat, lon, np.array(depth_edges, float), np.ones(shape, bool))


def cells(
    grid: Grid, south: float, north: float, west: float, east: float, level: int = 0
) -> np.ndarray:
    rows, columns = (grid.lat > south) & (grid.lat < north), (grid.lon > west) & (grid.lon < east)
    return rows[:, None] & columns & grid.ocean[level]


# Geography


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lat", "lon", "wet"),
    [
        (0, 200, True),
        (30, 180, True),
        (-55, 100, True),
        (-60, 295, True),  # Drake Passage
        (86, 30, True),
        (24, 10, False),  # Sahara
        (-4, 300, False),  # Amazon
        (60, 100, False),
        (-84, 180, False),
        (42, 51, False),  # Caspian Sea
        (44, 34, False),  # Black Sea: enclosed at this size of cell
        (47, 272, False),  # Lake Superior
    ],
)
def test_known_places_are_sea_or_land(earth: Grid, lat: float, lon: float, wet: bool) -> None:
    _, row, column = earth.locate(lat, lon, 5.0)
    assert earth.ocean[0, row, column] == wet


def test_panama_is_closed_and_gibraltar_is_open(earth: Grid) -> None:
    surface = earth.ocean[0]
    around = surface[22:30, 62:76]  # 2S-30N, 248E-304E: no way round in this window
    basins, _ = ndimage.label(around)
    pacific, caribbean = basins[2, 0], basins[4, 10]
    assert pacific > 0 and caribbean > 0 and pacific != caribbean
    seas, _ = landmasses(surface)
    (_, rows, columns) = earth.locate([34.0, 30.0], [20.0, 330.0], 5.0)
    assert seas[rows[0], columns[0]] == seas[rows[1], columns[1]] > 0


def test_no_layer_has_ponds_and_water_lies_on_water(earth: Grid) -> None:
    for layer in earth.ocean:
        labels, count = landmasses(layer)
        sizes = [earth.area[labels == number].sum() for number in range(1, count + 1)]
        assert min(sizes) >= SMALLEST_SEA
    assert not np.any(earth.ocean[1:] & ~earth.ocean[:-1])


def test_landmasses_join_across_the_date_line() -> None:
    mask = np.zeros((4, 6), bool)
    mask[1, [0, 5]] = mask[3, 2] = True
    labels, count = landmasses(mask)
    assert count == 2 and labels[1, 0] == labels[1, 5] != labels[3, 2]


# Climate


def test_surface_climate_by_latitude(earth: Grid, seasons: OceanClimate) -> None:
    surface = np.where(earth.ocean[0], seasons.mean[0], np.nan)
    warm_pool, cold_tongue = (
        surface[cells(earth, -4, 4, *lon)].mean() for lon in ((140, 170), (250, 275))
    )
    assert 28 < warm_pool < 29.5 and 3 < warm_pool - cold_tongue < 7
    assert 12 < surface[cells(earth, -42, -38, 180, 270)].mean() < 17


def test_no_season_is_below_freezing(earth: Grid, seasons: OceanClimate) -> None:
    assert min(seasons.at(day)[earth.ocean].min() for day in range(0, 365, 5)) >= FREEZING - 1e-9


def test_the_thermocline_is_where_temperature_falls_fastest(earth: Grid, seasons: OceanClimate) -> None:
    tropics = cells(earth, -8, 8, 0, 360, level=9)
    gradient = -np.diff(seasons.mean, axis=0) / np.diff(earth.depth)[:, None, None]
    steepest = earth.depth_edges[1:-1][np.argmax(gradient, axis=0)]
    assert np.abs(steepest - thermocline_depth(earth))[tropics].max() < 45
    assert np.all(gradient.max(axis=0)[tropics] > 0.05)  # K/m


def test_the_seasonal_cycle_has_opposite_hemispheres_and_lags_with_depth(
    seasons: OceanClimate, earth: Grid
) -> None:
    cycle = np.stack([seasons.at(day) - seasons.mean for day in range(365)])

    def typical(box: tuple[float, float, float, float], level: int) -> tuple[float, int]:
        series = cycle[:, level][:, cells(earth, *box)].mean(axis=1)
        return float(np.ptp(series) / 2), int(np.argmax(series))

    north, south = (35, 50, 150, 220), (-50, -35, 200, 270)
    (size, day), (deep_size, deep_day) = typical(north, 0), typical(north, 4)
    assert 3 < size < 6 and 220 < day < 260
    assert deep_size < 0.5 * size and 30 < deep_day - day < 120
    size, day = typical(south, 0)
    assert 1 < size < 3.5 and 35 < day < 80


# Operators


def test_advection_and_diffusion_average_and_leave_land_alone(grid: Grid) -> None:
    rng = np.random.default_rng(0)
    wet = grid.ocean[0]
    east, north = rng.normal(0, 0.5, (2, *wet.shape))
    matrix = dynamics.advection_diffusion(grid, wet, east, north, 2000.0).toarray()
    water = wet.ravel()[dynamics.columns(grid)]
    assert matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(axis=1), water, atol=1e-12)
    assert not matrix[:, ~water].any()


def test_diffusion_alone_keeps_the_heat(grid: Grid) -> None:
    wet, still = grid.ocean[0], np.zeros(grid.shape[1:])
    matrix = dynamics.advection_diffusion(grid, wet, still, still, 500.0)
    area = (grid.area * wet).ravel()[dynamics.columns(grid)]
    np.testing.assert_allclose(matrix.T @ area, area, rtol=1e-9)


def test_a_current_carries_the_centre_of_a_patch_at_its_speed() -> None:
    grid = aquaplanet()
    speed, row = 0.3, 6
    east, still = np.full(grid.shape[1:], speed), np.zeros(grid.shape[1:])
    matrix = dynamics.advection_diffusion(grid, grid.ocean[0], east, still, 0.0)
    patch = np.zeros(grid.shape[1:])
    patch[row, 20] = 1
    after = (matrix @ patch.ravel()).reshape(patch.shape)[row]
    metres = (
        EARTH_RADIUS
        * np.cos(np.deg2rad(grid.lat[row]))
        * np.deg2rad((after * grid.lon).sum() - grid.lon[20])
    )
    assert metres == pytest.approx(speed * STEP_DAYS * 86400, rel=1e-9)


@pytest.mark.slow
def test_nothing_passes_a_wall(earth: Grid, physics: Physics) -> None:
    count = dynamics.columns(earth).size
    place = np.full(earth.lat.size * earth.lon.size, -1)
    place[dynamics.columns(earth)] = np.arange(count)
    place = place.reshape(earth.shape[1:])
    heat = np.zeros(count, np.float32)
    caribbean = np.zeros(earth.shape[1:], bool)
    caribbean[24:29, 70:76] = earth.ocean[0, 24:29, 70:76]
    heat[place[caribbean]] = 1
    surface = physics.heat[:count, :count]
    for _ in range(6):
        heat = surface @ heat
    beyond = earth.ocean[0].copy()
    beyond[:, :50] = beyond[:, 72:] = beyond[:20] = beyond[28:] = False
    pacific, _ = ndimage.label(beyond)
    beyond = pacific == pacific[22, 55]
    assert np.abs(heat[place[beyond]]).max() == 0


def test_rossby_waves_travel_west_at_their_speed() -> None:
    grid = aquaplanet(lon_cells=60)
    speed, row, wave = np.full(grid.lat.size, 0.4), 8, 4
    matrix = dynamics.rossby_shift(grid, grid.ocean[0], speed)
    field = np.tile(np.cos(np.deg2rad(wave * grid.lon)), (grid.lat.size, 1)).ravel()
    for _ in range(10):
        field = matrix @ field
    phase = np.angle(
        np.fft.fft(field.reshape(grid.shape[1:])[row])[wave]
        * np.exp(-1j * np.deg2rad(wave * grid.lon[0]))
    )
    metres = 0.4 * 10 * STEP_DAYS * 86400
    expected = wave * metres / (EARTH_RADIUS * np.cos(np.deg2rad(grid.lat[row])))
    assert np.exp(1j * phase) == pytest.approx(np.exp(1j * expected), abs=0.05)
    assert np.ptp(field.reshape(grid.shape[1:])[row]) > 1.9  # hardly damped


def test_rossby_waves_never_grow_nor_cross_land(grid: Grid) -> None:
    wet = grid.ocean[0]
    matrix = dynamics.rossby_shift(grid, wet, dynamics.rossby_speed(grid.lat)).toarray()
    assert np.linalg.norm(matrix, 2) <= 1 + 1e-9
    chosen = dynamics.columns(grid)
    lon_cells = grid.lon.size
    for receiver, giver in np.argwhere(matrix):
        (row, column), (from_row, from_column) = (
            divmod(int(chosen[k]), lon_cells) for k in (receiver, giver)
        )
        eastward = (from_column - column) % lon_cells
        between = range(eastward + 1) if eastward < lon_cells / 2 else range(eastward - lon_cells, 1)
        assert row == from_row and all(wet[row, (column + step) % lon_cells] for step in between)


def test_a_coast_to_the_east_sends_nothing() -> None:
    grid = aquaplanet()
    wet = grid.ocean[0].copy()
    wet[:, 30] = False
    one = np.ones(wet.size)
    after = (dynamics.rossby_shift(grid, wet, np.full(grid.lat.size, 3.0)) @ one).reshape(wet.shape)
    assert np.all(after[:, 28:30] < 1) and np.allclose(after[:, 31], after[0, 31])


def test_rossby_speed_is_that_of_theory() -> None:
    lat = np.array([0.0, 20.0, -40.0])
    beta_over_square = np.cos(np.deg2rad(lat[1:])) / np.square(np.sin(np.deg2rad(lat[1:])))
    expected = 2.7**2 / (2 * 7.292e-5 * 6_371_229.0) * beta_over_square
    np.testing.assert_allclose(dynamics.rossby_speed(lat), [0.9, *expected], rtol=1e-3)


def test_vertical_mixing_keeps_heat_and_damping_takes_its_share() -> None:
    rng = np.random.default_rng(1)
    thickness, wet = rng.uniform(5, 80, 6), np.ones((6, 4), bool)
    wet[4:, 1] = False
    mixing, none = rng.uniform(0, 1e-2, (5, 4)), np.zeros((6, 4))
    matrix = dynamics.column_exchange(thickness, wet, mixing, none)
    np.testing.assert_allclose(
        np.einsum("a,abc->bc", thickness, matrix), np.tile(thickness[:, None], 4), rtol=1e-5
    )
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-5)
    assert matrix.min() >= 0 and not matrix[:4, 4:, 1].any()
    damped = dynamics.column_exchange(thickness, wet, 0 * mixing, none + 1e-6)
    np.testing.assert_allclose(damped[2, 2], 1 / (1 + 5 * 86400 * 1e-6), rtol=1e-6)


def test_noise_has_unit_variance_and_the_correlation_it_was_asked_for(grid: Grid) -> None:
    length = 1.2e6
    weight = dynamics.smoothing(grid, length).toarray().astype(float)
    covariance = weight @ weight.T
    np.testing.assert_allclose(np.diag(covariance), 1, rtol=1e-4)
    lat, lon = (
        np.deg2rad(axis.ravel()[dynamics.columns(grid)])
        for axis in np.meshgrid(grid.lat, grid.lon, indexing="ij")
    )
    haversine = np.square(np.sin((lat[:, None] - lat) / 2)) + np.cos(lat[:, None]) * np.cos(
        lat
    ) * np.square(np.sin((lon[:, None] - lon) / 2))
    distance = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(haversine))
    np.testing.assert_allclose(covariance, np.exp(-np.square(distance / length) / 2), atol=0.06)


def test_no_current_crosses_a_coast_and_boundary_currents_are_in_the_west(earth: Grid) -> None:
    _, north = dynamics.currents(earth)
    surface = earth.ocean[0]
    open_ = surface[:-1] & surface[1:]
    assert np.abs(north[0][:-1][~open_]).max() < 1e-9
    row = int(np.abs(earth.lat - 30).argmin())
    pacific = np.flatnonzero(cells(earth, -90, 90, 120, 245)[row])
    assert pacific[0] <= pacific[int(np.argmax(north[0, row, pacific]))] <= pacific[3]


def test_the_circumpolar_current_flows_east(earth: Grid) -> None:
    east, _ = dynamics.currents(earth)
    row = int(np.abs(earth.lat + 56).argmin())
    assert east[0, row].mean() > 0.02


# El Niño


def test_without_weather_el_nino_swings_with_a_damped_period_of_years() -> None:
    oscillator = RechargeOscillator(temperature=1.0)
    series = np.array([oscillator.advance(5.0 * (step % 73), 5.0, 0.0)[0] for step in range(73 * 12)])
    crossings = np.flatnonzero(np.diff(np.sign(series)))
    assert 2 < 2 * np.mean(np.diff(crossings)) / 73 < 7
    assert np.abs(series[-73:]).max() < 0.3 and series.max() <= 1.05


def test_el_nino_has_its_size_its_period_and_its_season() -> None:
    sizes, shares, winter, spring = [], [], [], []
    for seed in range(4):
        oscillator, draws = RechargeOscillator(), np.random.default_rng(seed).standard_normal(73 * 112)
        series = np.array(
            [oscillator.advance(5.0 * (k % 73), 5.0, draw)[0] for k, draw in enumerate(draws)]
        )[730:]
        power = np.abs(np.fft.rfft(series - series.mean())) ** 2
        per_year = np.fft.rfftfreq(series.size, 1 / 73)
        shares.append(power[(per_year > 1 / 7) & (per_year < 1 / 2)].sum() / power.sum())
        sizes.append(series.std())
        by_season = series.reshape(-1, 73).std(axis=0)
        winter.append(by_season[[0, 1, 2, 70, 71, 72]].mean())
        spring.append(by_season[25:35].mean())
    assert all(0.6 < size < 1.1 for size in sizes) and min(shares) > 0.55
    assert np.mean(winter) > 1.15 * np.mean(spring)


def test_el_nino_warms_the_east_and_lifts_the_thermocline_in_the_west(
    earth: Grid, seasons: OceanClimate
) -> None:
    stratification = -np.gradient(seasons.mean, earth.depth, axis=0)
    tilt, recharge = patterns(earth, stratification)
    nino34 = cells(earth, -5, 5, 190, 240)
    assert np.average(tilt[0][nino34], weights=earth.area[nino34]) == pytest.approx(1, rel=0.02)
    level = int(np.abs(earth.depth - 110).argmin())
    assert tilt[level][cells(earth, -3, 3, 240, 275)].mean() > 0.5
    assert tilt[level + 1][cells(earth, -3, 3, 140, 165)].mean() < -0.5
    assert recharge[level][cells(earth, -3, 3, 150, 270)].min() > 0
    atlantic = cells(earth, -30, 40, 300, 360)
    assert not np.any(np.stack([tilt, recharge])[:, :, atlantic])


# The simulation


@pytest.mark.slow
def test_the_same_seed_is_the_same_ocean_and_another_seed_is_not(toy: Grid) -> None:
    one, again, other = (next(simulate(toy, 1, seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    mean = 0.5 * (one + other)
    assert np.isfinite(mean[:, toy.ocean]).all() and np.isnan(one[:, ~toy.ocean]).all()
    assert np.nanstd(one - other) > 0.1


@pytest.mark.slow
def test_two_seeds_are_uncorrelated() -> None:
    grid = aquaplanet()
    one, other = (
        np.diff(np.stack([year[::10, 0] for year in simulate(grid, 3, seed)]), axis=0) for seed in (3, 4)
    )  # year against year: no climatology in common
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.2


@pytest.mark.slow
def test_warming_is_added_and_nothing_else_changes(toy: Grid) -> None:
    rate = 0.5  # K per decade
    still, warm = (
        np.concatenate(list(simulate(toy, 4, 9, warming=warming, first_year=1981)))
        for warming in (0.0, rate)
    )
    years = (np.arange(4 * 73) + 0.5) / 73
    expected = rate / 10 * years[:, None] * warming_pattern(toy)[toy.ocean]
    np.testing.assert_allclose((warm - still)[:, toy.ocean], expected, atol=1e-5)
    surface = toy.area * toy.ocean[0]
    assert np.average(warming_pattern(toy)[0], weights=surface) == pytest.approx(1)
    assert np.all(np.diff(warming_pattern(toy)[:, 3, 3]) < 0)


@pytest.mark.slow
def test_months_are_means_of_the_days_they_hold(toy: Grid) -> None:
    pentads, months = (next(simulate(toy, 1, 2, per_year=count)) for count in (73, 12))
    days = np.repeat(pentads[:, toy.ocean], 5, axis=0)
    edges = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    brute = np.stack([days[a:b].mean(axis=0) for a, b in pairwise(edges)])
    np.testing.assert_allclose(months[:, toy.ocean], brute, atol=2e-5)


def test_without_noise_every_anomaly_fades(physics: Physics) -> None:
    class Silence:
        def standard_normal(self, size: int | tuple[int, ...], dtype: type = float) -> np.ndarray:
            return np.zeros(size, dtype)

    state = stochastic_ocean._State(physics, Silence())  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    state.heat = rng.standard_normal(state.heat.shape, np.float32)
    state.heave = 10 * rng.standard_normal(state.heave.shape, np.float32)
    sizes = [np.abs(state.year()[[0, -1]][:, :, ::7]).mean(axis=(1, 2)) for _ in range(3)]
    assert sizes[0][0] > 3 * sizes[0][1]
    assert all(later[1] < earlier[1] for earlier, later in pairwise(sizes))


@pytest.mark.slow
def test_nothing_is_colder_than_freezing_and_nothing_boils(run: np.ndarray, earth: Grid) -> None:
    water = run[:, earth.ocean]
    assert water.min() >= np.float32(FREEZING_POINT) and water.max() < 36
    assert np.mean(water == np.float32(FREEZING_POINT)) < 0.01


@pytest.mark.slow
def test_anomalies_have_their_size_by_region_and_depth(anomaly: np.ndarray, earth: Grid) -> None:
    stddev = anomaly.std(axis=0)
    boxes = {"tongue": (-6, 6, 200, 280), "warm pool": (-10, 10, 140, 170), "north": (30, 50, 150, 220)}
    typical = {name: np.median(stddev[0][cells(earth, *box)]) for name, box in boxes.items()}
    assert all(0.25 < value < 1.3 for value in typical.values())
    assert typical["tongue"] > 1.5 * max(typical["warm pool"], typical["north"])
    rms = [np.sqrt(np.square(stddev[k][earth.ocean[k]]).mean()) for k in range(earth.depth.size)]
    thermocline = [k for k, depth in enumerate(earth.depth) if 80 < depth < 180]
    assert all(0.3 < rms[k] < 0.8 for k in thermocline)
    assert 0.05 < rms[-1] < 0.2
    nino34 = anomaly[:, 0][:, cells(earth, -5, 5, 190, 240)].mean(axis=1)
    assert 0.45 < nino34.std() < 1.25  # ten years only


def test_memory_grows_from_weeks_at_the_surface_to_a_year_below(
    anomaly: np.ndarray, earth: Grid
) -> None:
    def correlation(level: int, days: int, rows: np.ndarray) -> float:
        field = anomaly[:, level][:, earth.ocean[level] & rows[:, None]]
        lag = days // 5
        return float(np.median((field[lag:] * field[:-lag]).mean(axis=0) / field.var(axis=0)))

    outside = np.abs(earth.lat) > 12
    assert correlation(0, 5, outside) > 0.75  # partly predictable from one pentad to the next
    assert correlation(0, 30, outside) > np.exp(-1) > correlation(0, 120, outside)
    assert correlation(-1, 200, outside) > np.exp(-1)  # ten years shorten what they can show
    by_depth = [correlation(level, 60, outside) for level in (0, 5, 8, 11)]
    assert by_depth == sorted(by_depth)


@pytest.mark.slow
def test_depth_follows_the_surface_in_the_mixed_layer_but_not_below(
    anomaly: np.ndarray, earth: Grid
) -> None:
    deep = earth.ocean[-1]
    field = anomaly[:, :, deep] / anomaly[:, :, deep].std(axis=0)
    together = [float(np.median((field[:, 0] * field[:, level]).mean(axis=0))) for level in (1, 5, 11)]
    assert together[0] > 0.9 and 0.05 < together[1] < 0.7 and abs(together[2]) < 0.25


def test_the_ocean_does_not_drift(anomaly: np.ndarray, earth: Grid) -> None:
    half = len(anomaly) // 2
    for level in range(earth.depth.size):
        weight = earth.area[earth.ocean[level]]
        mean = np.average(anomaly[:, level][:, earth.ocean[level]], axis=1, weights=weight)
        assert abs(mean[half:].mean() - mean[:half].mean()) < 0.12


def test_five_days_ahead_neighbours_predict_more_than_the_cell_itself(
    anomaly: np.ndarray, earth: Grid
) -> None:
    level, row = 6, int(np.abs(earth.lat - 12).argmin())
    wet = earth.ocean[level, row]
    inner = np.flatnonzero(wet & np.roll(wet, -1) & np.roll(wet, 1))
    now, then = anomaly[:-6, level, row], anomaly[6:, level, row]
    predictors = np.stack(
        [now[:, inner - 1], now[:, inner], now[:, (inner + 1) % earth.lon.size]], axis=-1
    )
    gains = []
    for place, column in enumerate(inner):
        for chosen in ([1], [0, 1, 2]):
            x, y = predictors[:, place][:, chosen], then[:, column]
            gains.append(np.square(y - x @ np.linalg.lstsq(x, y)[0]).mean())
    alone, neighbours = np.array(gains).reshape(-1, 2).T
    assert np.median(neighbours / alone) < 0.85  # the waves come from the east


# The file


@pytest.mark.slow
def test_the_file_is_a_prepared_control(tmp_path: Path, toy: Grid) -> None:
    path = write_control(tmp_path / "new" / "control.nc", toy, 2, 11, first_year=1981, warming=0.2)
    expected = np.concatenate(list(simulate(toy, 2, 11, first_year=1981, warming=0.2)))
    with xr.open_dataset(path) as file:
        assert file["thetao"].dims == ("time", "depth", "lat", "lon")
        assert file["thetao"].attrs["standard_name"] == "sea_water_potential_temperature"
        assert file["time"].dt.calendar == "noleap" and file.sizes["time"] == 146
        assert str(file["time"].values[0]) == "1981-01-03 12:00:00"
        bounds = file["time_bnds"].values
        assert str(bounds[0, 0]) == "1981-01-01 00:00:00" and str(bounds[-1, 1]) == "1983-01-01 00:00:00"
        np.testing.assert_allclose(file["thetao"].values, expected, atol=0.00052)
        assert Grid.from_dataset(file).checksum == toy.checksum
        assert file.attrs["seed"] == 11 and "sea ice" in file.attrs["comment"]
    assert [entry.name for entry in path.parent.iterdir()] == ["control.nc"]


@pytest.mark.slow
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, toy: Grid) -> None:
    one, two = (write_control(tmp_path / name, toy, 1, 1, per_year=12).read_bytes() for name in "ab")
    assert one == two


def test_progress_counts_years_to_the_end(toy: Grid) -> None:
    seen: list[tuple[int, int]] = []
    list(simulate(toy, 2, 0, progress=lambda done, total: seen.append((done, total))))
    assert [done for done, _ in seen] == list(range(1, seen[-1][1] + 1))


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, toy: Grid) -> None:
    def stop(done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_control(tmp_path / "control.nc", toy, 1, 0, progress=stop)
    assert not list(tmp_path.iterdir())


def test_an_impossible_place_is_refused_in_a_sentence(tmp_path: Path, toy: Grid) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*control\.nc"):
        write_control(tmp_path / "file" / "control.nc", toy, 1, 0)


REFUSED: dict[str, tuple[Callable[[Grid], object], str]] = {
    "no years": (lambda grid: simulate(grid, 0, 1), "0 years found"),
    "seed": (lambda grid: simulate(grid, 1, -1), "seed -1 found"),
    "weeks": (lambda grid: simulate(grid, 1, 1, per_year=52), "52 windows"),
    "warming": (lambda grid: simulate(grid, 1, 1, warming=float("nan")), "warming nan"),
    "year": (lambda grid: simulate(grid, 20, 1, first_year=9990), "first year 9990"),
}


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_arguments_are_refused_before_the_first_year(
    act: Callable[[Grid], object], message: str
) -> None:
    with pytest.raises(OceanError, match=message):
        act(aquaplanet())


@pytest.mark.slow
def test_a_temperature_that_does_not_fit_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OceanError, match="choose a smaller warming or fewer years"):
        write_control(tmp_path / "control.nc", aquaplanet(6, 8), 40, 0, warming=10.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_heat_flux_and_top_layer_meet_in_kelvin() -> None:
    thin, thick = (aquaplanet(depth_edges=(0, top, 300)) for top in (10.0, 40.0))
    ratio = assemble(thin).weather_amplitude / assemble(thick).weather_amplitude
    np.testing.assert_allclose(ratio, 4, rtol=0.1)  # the climate of the top layer differs a little
    assert assemble(thin).weather_amplitude.max() < 300 * dynamics.STEP / (HEAT_CAPACITY * 10)
