"""Colours of attributions begin at round numbers, and figures show what they were given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh
from test_explain import deep_grid, wet_place

from deepda.explain.pictures import Volume, bars, maps, sections
from deepda.explain.section_targets import last_felt
from deepda.explain.targets import Place, target
from deepda.figures.kinds import attribution
from deepda.figures.maps import Panel
from deepda.figures.mesh import decades, limits_of
from deepda.figures.style import LAND_MESH
from deepda.geometry.grid import Grid


@pytest.mark.parametrize("largest", [0.37, 3.7e-4, 1.0, 25.0])
def test_colours_begin_at_one_two_five_of_each_decade(largest: float) -> None:
    steps = decades(largest)
    np.testing.assert_allclose(steps, -steps[::-1])
    upper = steps[steps > 0]
    assert len(upper) == 7 and upper[-1] < largest <= 2.5 * upper[-1] * (1 + 1e-9)
    assert {f"{step:.0e}"[0] for step in upper} == {"1", "2", "5"}
    np.testing.assert_allclose(upper[3] / upper[0], 10)


def test_missing_values_do_not_count_for_the_colours_of_attributions() -> None:
    kind = attribution("x")
    assert limits_of([np.array([np.nan, -3.0, 1.0]), np.array([2.0])], kind) == (-3.0, 3.0)
    assert limits_of([np.array([np.nan])], kind) == (-1.0, 1.0)


def meshes(figure) -> list[QuadMesh]:
    return [
        artist
        for artist in figure.findobj(QuadMesh)
        if artist.get_gid() != LAND_MESH and artist.axes is not None and artist.get_array().size > 20
    ]


@pytest.mark.slow
def test_a_section_shows_the_row_of_its_place() -> None:
    grid = deep_grid()
    place = wet_place(grid)
    row = int(grid.locate(place.lat, place.lon, place.depth)[1])
    field = np.full(grid.shape, np.nan)
    field[:, row] = np.arange(grid.shape[0])[:, None] + 1.0
    asked = target("point", grid, place)
    figure = sections([Volume(field, attribution("x"), "", (-4.0, 4.0))], grid, place, asked)
    along = next(
        mesh for mesh in meshes(figure) if mesh.get_array().shape == (grid.shape[0], grid.shape[2])
    )
    shown = along.get_array()
    assert set(np.unique(shown.compressed())) == {1.0, 2.0, 3.0, 4.0}
    assert shown.count() == grid.ocean[:, row].sum()


@pytest.mark.slow
def test_sections_side_by_side_can_be_cut_apart_for_a_phone() -> None:
    depths = np.array([0.0, 10.0, 100.0, 400.0, 796.0])
    grid = Grid(np.linspace(-90, 90, 46), np.arange(0, 361, 4.0), depths, np.ones((4, 45, 90), bool))
    place = Place()
    colours = attribution("saliency (K per K)")
    volume = Volume(np.full(grid.shape, 0.01), colours, "Observations", (-0.05, 0.05))
    figure = sections([volume], grid, place, target("nino34", grid, place))
    for axes in figure.axes:
        box, half = axes.get_tightbbox(), figure.bbox.width / 2
        assert box.x1 <= half or box.x0 >= half


def test_long_names_leave_room_for_bars_and_their_legend_is_whole() -> None:
    names = ("sizes", "with sign", "sizes of the 100 strongest")
    rows = ("all weights random", "the correction's part alone, random")
    figure = bars({row: dict.fromkeys(names, 0.7) for row in rows}, "rank correlation (1)")
    figure.draw_without_rendering()
    (axes,), (legend,) = figure.axes, figure.legends
    assert axes.get_window_extent().width > 0.6 * figure.bbox.width
    extent = legend.get_window_extent()
    assert extent.x0 >= 0 and extent.x1 <= figure.bbox.width


def test_what_was_not_observed_is_not_drawn() -> None:
    grid = deep_grid()
    field = np.full(grid.shape[1:], np.nan)
    at = tuple(np.argwhere(grid.ocean[0])[5])
    field[at] = 0.3
    figure = maps([Panel(field, attribution("x"))], grid, [0], target("nino34", grid, Place()))
    assert [mesh.get_array().count() for mesh in meshes(figure) if mesh.get_array().ndim == 2].count(
        1
    ) == 1


@pytest.mark.parametrize(
    ("sizes", "last"), [([1.0, 0.2, 0.05, 0.001], 2), ([1.0, 0.001], 0), ([1.0], 0), ([1.0, 0.5], 1)]
)
def test_earlier_windows_are_drawn_as_far_back_as_their_influence_lasts(
    sizes: list[float], last: int
) -> None:
    lagged = [torch.tensor([size, -size]) for size in sizes]
    assert last_felt(lagged) == last
