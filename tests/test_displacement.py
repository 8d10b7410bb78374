"""Departures by displacement: slopes in closed form, brute force on an odd grid, its symmetries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_grid

from deepda.climatology.displacement import (
    EL_NINO,
    EVERYWHERE,
    HEAVE,
    LEAST,
    MEANDER,
    SHALLOW,
    displacement_spread,
    equatorial_heave,
)
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, WAVE_GUIDE

RNG = np.random.default_rng


def open_ocean(seed: int = 0) -> Grid:
    grid = toy_grid(RNG(seed))
    return replace(grid, ocean=np.ones(grid.shape, bool))


def random_climatology(grid: Grid, seasons: int = 3) -> np.ndarray:
    mean = RNG(1).normal(10, 3, (seasons, *grid.shape))
    return np.where(grid.ocean, mean, np.nan)


def neighbours(grid: Grid, level: int, row: int, col: int) -> list[list[tuple[tuple, float]]]:
    """Wet cells east and west, north and south, above and below, and how many displacements apart."""
    layers, lats, lons = grid.shape
    east, west = (col + 1) % lons, (col - 1) % lons
    radius = EARTH_RADIUS * np.cos(np.deg2rad(grid.lat[row]))
    apart = {east: (grid.lon[east] - grid.lon[col]) % 360, west: (grid.lon[col] - grid.lon[west]) % 360}
    along = [((level, row, other), np.deg2rad(far) * radius / MEANDER) for other, far in apart.items()]
    rows = [other for other in (row - 1, row + 1) if 0 <= other < lats]
    metres = np.deg2rad(np.abs(grid.lat[rows] - grid.lat[row])) * EARTH_RADIUS
    across = [((level, other, col), far / MEANDER) for other, far in zip(rows, metres, strict=True)]
    layer = [other for other in (level - 1, level + 1) if 0 <= other < layers]
    risen = HEAVE * (1 - np.exp(-grid.depth[level] / SHALLOW - (grid.lat[row] / WAVE_GUIDE) ** 2 / 2))
    down = [((other, row, col), abs(grid.depth[other] - grid.depth[level]) / risen) for other in layer]
    return [[pair for pair in pairs if grid.ocean[pair[0]]] for pairs in (along, across, down)]


def test_a_uniform_stratification_heaves_by_its_gradient_but_for_the_surface_at_the_equator() -> None:
    grid = Grid(
        np.array([-1e-3, 1e-3, 60.0, 60.002]),
        np.linspace(0.0, 360.0, 13),
        np.array([0.0, 1e-3, 900.0, 1100.0]),
        np.ones((3, 3, 12), bool),
    )
    mean = np.broadcast_to(20 - 0.05 * grid.depth[:, None, None], (2, *grid.shape))
    surface, _, deep = displacement_spread(mean, grid, heave=10.0) ** 2
    np.testing.assert_allclose(deep, 0.5**2 * (1 + EVERYWHERE), rtol=1e-5)
    np.testing.assert_allclose(surface[2] - surface[0], 0.5**2, rtol=1e-5)


def test_a_uniform_front_gives_the_meander_times_its_gradient() -> None:
    grid = open_ocean()
    mean = np.broadcast_to(15 + 0.4 * grid.lat[:, None], (2, *grid.shape))
    per_metre = np.rad2deg(0.4 / EARTH_RADIUS)
    expected = per_metre * MEANDER * np.sqrt(1 + EVERYWHERE)
    np.testing.assert_allclose(displacement_spread(mean, grid), expected, rtol=1e-6)


def test_it_is_what_a_loop_over_neighbours_finds_beside_islands_and_the_date_line() -> None:
    grid = toy_grid(RNG(4))
    mean = random_climatology(grid)
    square = np.zeros(grid.shape)
    for cell in np.argwhere(grid.ocean):
        for pairs in neighbours(grid, *cell):
            slopes = [((mean[:, *other] - mean[:, *cell]) / far) ** 2 for other, far in pairs]
            square[*cell] += np.mean(slopes) if slopes else 0.0
    weight = grid.area * grid.ocean
    layer = (weight * square).sum((1, 2)) / weight.sum((1, 2))
    expected = np.where(grid.ocean, np.sqrt(square + EVERYWHERE * layer[:, None, None]), 0)
    np.testing.assert_allclose(displacement_spread(mean, grid), expected, rtol=1e-9)


def test_el_nino_heaves_the_thermocline_at_the_equator_and_neither_the_surface_nor_high_latitudes() -> (
    None
):
    grid = Grid(
        np.array([-1e-3, 1e-3, 2 * WAVE_GUIDE - 1e-3, 2 * WAVE_GUIDE + 1e-3, 60.0, 60.002]),
        np.linspace(0.0, 360.0, 13),
        np.array([0.0, 1e-3, 900.0, 1100.0]),
        np.ones((3, 5, 12), bool),
    )
    field = np.broadcast_to(20 - 0.05 * grid.depth[:, None, None], grid.shape)
    surface, _, deep = equatorial_heave(field, grid)[..., 0]
    np.testing.assert_allclose(deep[[0, 2]], EL_NINO * 0.05 * np.array([1, np.exp(-2)]), rtol=1e-5)
    assert surface[0] < 1e-4 * deep[0] and deep[4] < 1e-10


def test_the_heave_beside_a_sea_floor_is_that_of_the_water_above_it() -> None:
    grid = replace(toy_grid(RNG(7)), ocean=np.ones(toy_grid(RNG(7)).shape, bool))
    ocean = grid.ocean.copy()
    ocean[-1, 0, 0] = False
    field = random_climatology(grid)[0]
    floor = replace(grid, ocean=ocean)
    found = equatorial_heave(np.where(ocean, field, np.nan), floor)
    whole = equatorial_heave(field, grid)
    assert found[-1, 0, 0] == 0 and np.isfinite(found).all()
    changed = ~np.isclose(found, whole, rtol=1e-12, atol=0)
    assert {tuple(map(int, cell)) for cell in np.argwhere(changed)} == {
        (grid.shape[0] - 2, 0, 0),
        (grid.shape[0] - 1, 0, 0),
    }


def test_a_flat_climatology_leaves_the_least_spread() -> None:
    grid = toy_grid(RNG(5))
    flat = np.where(grid.ocean, 4.0, np.nan)[None]
    np.testing.assert_array_equal(displacement_spread(flat, grid), np.where(grid.ocean, LEAST, 0))


def test_an_offset_changes_nothing_and_a_factor_scales_it() -> None:
    grid = toy_grid(RNG(2))
    mean = random_climatology(grid)
    found = displacement_spread(mean, grid)
    np.testing.assert_allclose(displacement_spread(3 * mean - 40, grid), 3 * found, rtol=1e-6)
    assert (found[grid.ocean] > 0).all() and not found[~grid.ocean].any()


@pytest.mark.parametrize("shift", [1, 5])
def test_it_does_not_matter_where_the_longitudes_begin(shift: int) -> None:
    grid = toy_grid(RNG(3))
    edges = np.concatenate([grid.lon_edges[shift:], grid.lon_edges[1 : shift + 1] + 360])
    rolled = replace(grid, lon_edges=edges, ocean=np.roll(grid.ocean, -shift, axis=2))
    mean = random_climatology(grid)
    found = displacement_spread(np.roll(mean, -shift, axis=3), rolled)
    np.testing.assert_allclose(
        found, np.roll(displacement_spread(mean, grid), -shift, axis=2), rtol=1e-9
    )
