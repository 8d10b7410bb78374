"""Distances on the sphere against closed forms, and one place for its constants."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from test_architecture import modules

from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, along_arc, chord_of, great_circle, places, unit_vectors
from deepda.geometry.windows import MONTH_LENGTHS

QUARTER = np.pi / 2 * EARTH_RADIUS


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 179.5), (0, -179.5), QUARTER / 90),  # across the date line
        ((89.5, 0), (89.5, 180), QUARTER / 90),  # across the pole
        ((0, 0), (90, 123), QUARTER),
        ((10, 20), (-10, -160), 2 * QUARTER),  # antipodes
        ((35, 10), (35, 10), 0.0),
        ((0, 0), (0, 1e-6), QUARTER / 90e6),  # 11 cm
    ],
)
def test_distances_are_those_of_the_great_circle(
    one: tuple[float, float], other: tuple[float, float], expected: float
) -> None:
    assert great_circle(unit_vectors(*one), unit_vectors(*other)) == pytest.approx(expected, rel=1e-8)


def test_a_chord_and_its_distance_are_inverse() -> None:
    for distance in (1.0, 1e3, 1e6, 2 * QUARTER):
        assert along_arc(np.array(chord_of(distance))) == pytest.approx(distance)
    assert chord_of(3 * QUARTER) == 2.0


def test_places_come_back_from_unit_vectors() -> None:
    lat, lon = np.array([-89.0, 0.0, 45.0]), np.array([-179.0, 12.0, 90.0])
    np.testing.assert_allclose(places(unit_vectors(lat, lon)), (lat, lon))


def test_distances_of_a_grid_are_zero_at_a_centre_and_grow_with_latitude(grid: Grid) -> None:
    far = grid.distance_to(float(grid.lat[3]), float(grid.lon[5]))
    assert far.shape == grid.shape[1:] and far[3, 5] == pytest.approx(0, abs=1e-3)
    north = EARTH_RADIUS * np.deg2rad(grid.lat[7] - grid.lat[3])
    assert far[7, 5] == pytest.approx(north)


OWNERS = ("deepda.geometry.sphere", "deepda.geometry.windows")


def own_constants(module: str, source: str) -> list[str]:
    """Radii of the Earth and tables of month lengths that a module keeps for itself."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            if 6.3e3 < float(node.value) < 6.4e3 or 6.3e6 < float(node.value) < 6.4e6:
                found.append(f"{module}: {node.value}")
        elif isinstance(node, ast.Tuple | ast.List):
            values = tuple(item.value for item in node.elts if isinstance(item, ast.Constant))
            if values == MONTH_LENGTHS:
                found.append(f"{module}: {values}")
    return found


@pytest.mark.slow
def test_there_is_one_radius_and_one_table_of_months() -> None:
    others = {name: source for name, source in modules().items() if name not in OWNERS}
    assert [found for name, source in others.items() for found in own_constants(name, source)] == []


@pytest.mark.parametrize("source", ["R = 6371.0", "R = 6_371_229", f"DAYS = {list(MONTH_LENGTHS)}"])
def test_the_guard_of_constants_bites(source: str) -> None:
    assert len(own_constants("module", source)) == 1


def test_the_months_of_a_365_day_year_are_a_year() -> None:
    assert sum(MONTH_LENGTHS) == 365 and len(MONTH_LENGTHS) == 12
