"""Colours of attributions begin at round numbers, and figures show what they were given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from test_explain import even_grid, wet_place

from deepda.explain.pictures import Shown, largest_of, maps, sections, signed, steps_of
from deepda.explain.targets import Place, target
from deepda.figures.style import LAND_MESH


@pytest.mark.parametrize("largest", [0.37, 3.7e-4, 1.0, 25.0])
def test_colours_begin_at_one_two_five_of_each_decade(largest: float) -> None:
    steps = steps_of(largest)
    np.testing.assert_allclose(steps, -steps[::-1])
    upper = steps[steps > 0]
    assert len(upper) == 7 and upper[-1] < largest <= 2.5 * upper[-1] * (1 + 1e-9)
    assert {f"{step:.0e}"[0] for step in upper} == {"1", "2", "5"}
    np.testing.assert_allclose(upper[3] / upper[0], 10)


def test_the_largest_size_forgets_what_is_missing() -> None:
    assert largest_of([np.array([np.nan, -3.0, 1.0]), np.array([2.0])]) == 3.0
    assert largest_of([np.array([np.nan])]) == 1.0


def meshes(figure) -> list[QuadMesh]:
    return [
        artist
        for artist in figure.findobj(QuadMesh)
        if artist.get_gid() != LAND_MESH and artist.axes is not None and artist.get_array().size > 20
    ]


def test_a_section_shows_the_row_of_its_place() -> None:
    grid = even_grid()
    place = wet_place(grid)
    row = int(grid.locate(place.lat, place.lon, place.depth)[1])
    field = np.full(grid.shape, np.nan)
    field[:, row] = np.arange(grid.shape[0])[:, None] + 1.0
    asked = target("point", grid, place)
    figure = sections([Shown(field, signed("x"), "", 4.0)], grid, place, target=asked)
    along = next(
        mesh for mesh in meshes(figure) if mesh.get_array().shape == (grid.shape[0], grid.shape[2])
    )
    shown = along.get_array()
    assert set(np.unique(shown.compressed())) == {1.0, 2.0, 3.0, 4.0}
    assert shown.count() == grid.ocean[:, row].sum()


def test_what_was_not_observed_is_not_drawn() -> None:
    grid = even_grid()
    field = np.full(grid.shape[1:], np.nan)
    at = tuple(np.argwhere(grid.ocean[0])[5])
    field[at] = 0.3
    figure = maps(
        [Shown(field, signed("x"), "", 0.3)], grid, [0], target=target("nino34", grid, Place())
    )
    assert [mesh.get_array().count() for mesh in meshes(figure) if mesh.get_array().ndim == 2].count(
        1
    ) == 1
