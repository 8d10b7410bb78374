"""Figures: everything in its place, land is not missing, dark paper is dark all over."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import xarray as xr
from conftest import undrawn
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from test_architecture import modules
from toys import toy_grid

from deepda import figures
from deepda.evaluation.charts import densities
from deepda.figures import Panel
from deepda.figures.maps import coast, equal_earth
from deepda.figures.style import METHODS, RC, WIDTH, _wearing, at_width, looks
from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows

TIMES = windows(2008, 2008).middle


def placed(grid: Grid) -> np.ndarray:
    """(depth, lat, lon) values that encode their place; NaN on land."""
    depth, lat, lon = np.indices(grid.shape)
    return np.where(grid.ocean, depth + lat / 100 + lon / 10000, np.nan)


def line(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, {"time": TIMES[: len(values)]}, ("time",))


def by_depth(grid: Grid, values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, {"depth": grid.depth}, ("depth",))


def by_time_and_depth() -> xr.DataArray:
    values = np.arange(48.0).reshape(12, 4)
    return xr.DataArray(values, {"time": TIMES[:12], "depth": GRID.depth}, ("time", "depth"))


def spectrum(grid: Grid) -> xr.DataArray:
    wavenumber = np.arange(1, 9) / 60
    values = np.ones((grid.shape[0], 1)) * wavenumber**-3.0
    return xr.DataArray(values, {"depth": grid.depth, "wavenumber": wavenumber}, ("depth", "wavenumber"))


def yearly(values: list[float]) -> xr.DataArray:
    times = np.array([f"{2003 + year}-07-02" for year in range(len(values))], "datetime64[ns]")
    return xr.DataArray(values, {"time": times}, ("time",))


def density(grid: Grid) -> xr.DataArray:
    value = np.arange(-4, 4.01, 0.05)
    scale = np.array([1.0, 0.8, 0.4, 0.11])[:, None]
    shape = np.exp(-((value / scale) ** 2) / 2) / scale
    return xr.DataArray(shape, {"depth": grid.depth, "value": value}, ("depth", "value"))


INFLUENCES = {"5 m": [0.9281, 0.9343], "158 m": [0.934, 0.9405], "715 m": [0.8123, 0.826]}
GRID = toy_grid(np.random.default_rng(0))
SCORES = {
    "rmse": {
        "analysis": {"all": 0.1, "by_depth": [0.1, 0.2, 0.15, 0.1]},
        "oi": {"all": 0.2, "by_depth": [0.2, 0.3, None, 0.2]},
    },
    "depth_m": GRID.depth.tolist(),
}
WAVE = np.sin(np.arange(40) / 4)
EVERY: dict[str, Callable[[], Figure]] = {
    "map": lambda: figures.map_field(placed(GRID)[0], GRID, "temperature"),
    "panels": lambda: figures.map_panels(
        figures.truth_analysis_error(placed(GRID)[1], placed(GRID)[1] + 0.1, GRID, level=1),
        GRID,
        level=1,
    ),
    "section": lambda: figures.section(placed(GRID), GRID, "anomaly", lat=0.0, title="A section"),
    "time and depth": lambda: figures.time_depth(by_time_and_depth(), GRID),
    "rmse": lambda: figures.rmse_by_depth(SCORES),
    "series": lambda: figures.series({"analysis": line(WAVE), "oi": line(WAVE)}, "error (K)", spinup=5),
    "index": lambda: figures.index_series(line(WAVE), line(WAVE + 0.1), line(0 * WAVE + 0.2)),
    "spectra": lambda: figures.spectra({"truth": spectrum(GRID), "analysis": spectrum(GRID)}, 50.0),
    "ratio": lambda: figures.spread_skill_by_depth(
        {"analysis": by_depth(GRID, np.array([1, 0.9, 1.4, 1]))}
    ),
    "yearly": lambda: figures.series(
        {name: yearly(influence) for name, influence in INFLUENCES.items()},
        "influence of a window (1)",
    ),
    "densities": lambda: densities(
        {"reference": density(GRID), "analysis": density(GRID)}, GRID.depth[:3]
    ),
    "ranks": lambda: figures.rank_bars(np.array([5, 9, 11, 3])),
    "learning": lambda: figures.learning_curve(np.arange(9), np.exp(-np.arange(9)), kept=7),
}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    """Each figure once."""
    return {name: make() for name, make in EVERY.items()}


@pytest.fixture(scope="module")
def pictures(drawn: dict[str, Figure]) -> Callable[[str, figures.style.Theme], bytes]:
    """The PNG of a figure on the paper of a theme, made once."""
    return cache(lambda name, theme: figures.png(drawn[name], theme))


# ----- geometry


def test_equal_areas_look_equal() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        south, west = rng.uniform(-88, 80), rng.uniform(-180, 150)
        north, east = south + rng.uniform(0.5, 8), west + rng.uniform(1, 30)
        side = np.linspace(0, 1, 400)
        lat = np.concatenate([south + 0 * side, south + (north - south) * side, north + 0 * side])
        lat = np.append(lat, north - (north - south) * side)
        lon = np.concatenate([west + (east - west) * side, east + 0 * side, east - (east - west) * side])
        x, y = equal_earth(lat, np.append(lon, west + 0 * side))
        area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        sphere = np.deg2rad(east - west) * (np.sin(np.deg2rad(north)) - np.sin(np.deg2rad(south)))
        assert area == pytest.approx(sphere, rel=1e-4)


def test_the_projection_agrees_with_proj() -> None:
    pyproj = pytest.importorskip("pyproj")
    rng = np.random.default_rng(1)
    lat, east = rng.uniform(-90, 90, 50), rng.uniform(-179, 179, 50)
    expected = pyproj.Proj("+proj=eqearth +R=1 +lon_0=0")(east, lat)
    np.testing.assert_allclose(equal_earth(lat, east), expected, atol=1e-6)


def test_the_coast_runs_where_ocean_meets_land_also_across_the_seam() -> None:
    ocean = np.random.default_rng(2).random((6, 8)) < 0.5
    expected = set()
    for j, i in np.ndindex(6, 8):
        if ocean[j, i] != ocean[j, (i - 1) % 8]:
            expected.add(((j, i), (j + 1, i)))
        if j and ocean[j, i] != ocean[j - 1, i]:
            expected.add(((j, i), (j, i + 1)))
    found = {
        tuple(tuple(int(n) for n in end) for end in segment)
        for segments in coast(ocean)
        for segment in segments
    }
    assert found == expected


def field_mesh(figure: Figure) -> QuadMesh:
    return [artist for artist in figure.axes[0].collections if isinstance(artist, QuadMesh)][-1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_value_stands_at_its_place_on_the_map(seed: int) -> None:
    grid = toy_grid(np.random.default_rng(seed))
    j, i = np.argwhere(grid.ocean[0])[seed * 17 + 5]
    spot = np.full(grid.shape[1:], np.nan)
    spot[j, i] = 1.0
    mesh = field_mesh(figures.map_field(spot, grid, "anomaly"))
    ((row, column),) = np.argwhere(~np.ma.getmaskarray(mesh.get_array()))
    corner = mesh.get_coordinates()[row, column]
    cut = grid.lon_edges[np.argmin(np.abs((grid.lon_edges[:-1] - 25 + 180) % 360 - 180))]
    east = (grid.lon_edges[i] - cut) % 360 - 180
    expected = equal_earth(grid.lat_edges[j : j + 1], np.array([east]))
    np.testing.assert_allclose(corner, np.ravel(expected), atol=1e-9)


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("theme", [figures.LIGHT, figures.DARK], ids=["light", "dark"])
def test_land_missing_and_value_are_three_colours(theme: figures.style.Theme) -> None:
    field = np.nan_to_num(placed(GRID)[0], nan=1.9)  # what stands on land must not show
    water, land = np.argwhere(GRID.ocean[0]), np.argwhere(~GRID.ocean[0])
    (mj, mi), (vj, vi), (lj, li) = water[20], water[75], land[len(land) // 2]
    field[mj, mi] = np.nan
    figure = figures.map_panels([figures.Panel(field, "temperature", limits=(-2.0, 2.0))], GRID)
    picture, axes = pixels(figures.png(figure, theme)), figure.axes[0]
    mesh = field_mesh(figure)
    corners, cut = mesh.get_coordinates(), figures.maps.seam_of(GRID)

    def colour(j: int, i: int) -> np.ndarray:
        column = (i - cut) % GRID.shape[2]
        x, y = axes.transData.transform(corners[j : j + 2, column : column + 2].mean(axis=(0, 1)))
        return picture[picture.shape[0] - round(y), round(x)]

    def near(one: np.ndarray, code: str) -> bool:
        return bool(np.abs(one - [int(code[n : n + 2], 16) for n in (1, 3, 5)]).max() <= 8)

    assert near(colour(lj, li), theme.land)
    assert near(colour(mj, mi), theme.paper)
    assert not near(colour(vj, vi), theme.paper) and not near(colour(vj, vi), theme.land)


def lab(colour: np.ndarray) -> np.ndarray:
    """(..., 3) CIE L*a*b* of sRGB (..., 3) at D65, by CIE 15."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    share = linear @ np.transpose(matrix) / [0.9505, 1.0, 1.089]
    root = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


@cache
def field_of(kind: str) -> Figure:
    with undrawn():
        return figures.map_field(placed(GRID)[0], GRID, kind)


def colours_of(kind: str, theme: figures.style.Theme) -> np.ndarray:
    """(256, 3) L*a*b* of a field of a kind on a paper, from its low end."""
    figure = field_of(kind)
    with _wearing(figure, theme):
        return lab(field_mesh(figure).get_cmap()(np.linspace(0, 1, 256))[:, :3])


@pytest.mark.slow
@pytest.mark.parametrize("theme", [figures.LIGHT, figures.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("kind", figures.KINDS)
def test_land_is_no_colour_of_any_field(kind: str, theme: figures.style.Theme) -> None:
    apart = np.linalg.norm(colours_of(kind, theme) - lab(np.array(to_rgb(theme.land))), axis=-1)
    assert apart.min() > 20  # 2.3 is just noticeable side by side


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["anomaly", "error", "stddev", "influence", "isotherm"])
def test_what_is_near_zero_is_pale_on_light_paper_and_dark_on_dark_paper(kind: str) -> None:
    zero = 128 if figures.KINDS[kind].centred else 0
    assert colours_of(kind, figures.LIGHT)[zero, 0] > 90
    assert colours_of(kind, figures.DARK)[zero, 0] < 20


def test_the_colour_bar_has_the_colours_of_its_map_on_dark_paper() -> None:
    figure = figures.map_field(placed(GRID)[0], GRID, "error")
    bar = field_mesh(figure).colorbar
    with _wearing(figure, figures.DARK):
        colours = field_mesh(figure).get_cmap()
        assert bar.solids.get_cmap()(0.3) == colours(0.3)
        assert [patch.get_facecolor() for patch in bar.ax.patches] == [colours(0.0), colours(1.0)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["error", "rmse"])
@pytest.mark.parametrize("limits", [None, (-1e-7, 1e-7)])
def test_next_to_nothing_is_not_drawn_in_full_colour(kind: str, limits: object) -> None:
    field = 1e-7 * placed(GRID)[0]
    (mesh,) = (field_mesh(f) for f in [figures.map_panels([Panel(field, kind, "", limits)], GRID)])
    shown = mesh.get_cmap()(mesh.norm(mesh.get_array().compressed()))
    assert len(np.unique(shown, axis=0)) == 1
    assert mesh.norm.boundaries[-1] == pytest.approx(1e-3, rel=0.2)
    mesh = field_mesh(figures.map_field(1e5 * field, GRID, kind))  # 0.01 K a cell is something
    assert len(np.unique(mesh.norm(mesh.get_array().compressed()))) > 3


def draws_cells(source: str) -> list[str]:
    """Calls that colour cells or make colour maps."""
    names = {"pcolormesh", "imshow", "contourf", "ListedColormap"}
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [ast.unparse(f) for f in calls if ast.unparse(f).split(".")[-1] in names]


@pytest.mark.slow
def test_cells_are_coloured_in_the_room_of_figures_alone() -> None:
    elsewhere = {n: s for n, s in modules().items() if not n.startswith("deepda.figures.")}
    assert {name: found for name, source in elsewhere.items() if (found := draws_cells(source))} == {}
    assert draws_cells("axes.pcolormesh(x, y, z)") == ["axes.pcolormesh"]


def test_errors_are_coloured_around_zero_and_truth_and_analysis_alike() -> None:
    truth, analysis, error = figures.truth_analysis_error(placed(GRID)[0], placed(GRID)[0] + 3, GRID)
    assert truth.limits == analysis.limits and truth.kind == analysis.kind
    figure = figures.map_field(error.field, GRID, error.kind)
    levels = field_mesh(figure).norm.boundaries
    np.testing.assert_allclose(levels, -levels[::-1], atol=1e-12)
    assert not np.isclose(levels, 0).any()  # zero lies inside the palest step
    np.testing.assert_allclose(np.asarray(error.field)[GRID.ocean[0]], 3)


def test_one_odd_cell_does_not_bleach_the_map() -> None:
    grid = Grid(np.linspace(-60, 60, 31), np.linspace(0, 360, 61), [0, 9], np.ones((1, 30, 60), bool))
    field = np.random.default_rng(0).normal(size=(30, 60))
    field[3, 3] = 1e6
    assert field_mesh(figures.map_field(field, grid, "anomaly")).norm.boundaries[-1] < 5


def test_a_section_shows_the_row_that_holds_the_place() -> None:
    values = placed(GRID)
    figure = figures.section(values, GRID, "anomaly", lat=float(GRID.lat[4]))
    shown, coordinates = (
        field_mesh(figure).get_array().filled(np.nan),
        field_mesh(figure).get_coordinates(),
    )
    for column, east in enumerate(coordinates[0, :-1, 0]):
        source = int(np.argmin(np.abs((GRID.lon_edges[:-1] - east + 180) % 360 - 180)))
        np.testing.assert_array_equal(shown[:, column], values[:, 4, source])


def test_a_section_needs_a_latitude_inside_the_grid() -> None:
    with pytest.raises(ValueError, match="latitude 89 lies outside"):
        figures.section(placed(GRID), GRID, "anomaly", lat=89)


def test_a_field_without_any_value_still_makes_a_map() -> None:
    missing = figures.map_field(np.full(GRID.shape[1:], np.nan), GRID, "rmse")
    assert field_mesh(missing).get_array().count() == 0
    zero = figures.map_field(np.zeros(GRID.shape[1:]), GRID, "increment")
    assert field_mesh(zero).get_array().count() == GRID.ocean[0].sum()


# ----- curves


@pytest.mark.slow
def test_curves_hold_the_numbers_they_were_given(drawn: dict[str, Figure]) -> None:
    lines = {curve.get_label(): curve for curve in drawn["rmse"].axes[0].lines}
    np.testing.assert_array_equal(lines["analysis"].get_xdata(), [0.1, 0.2, 0.15, 0.1])
    np.testing.assert_array_equal(lines["optimal interpolation"].get_xdata(), [0.2, 0.3, np.nan, 0.2])
    np.testing.assert_array_equal(lines["analysis"].get_ydata(), GRID.depth)
    low, high = drawn["rmse"].axes[0].get_ylim()
    assert low > high  # depth grows downwards


def test_the_band_of_an_index_is_the_gaussian_interval(drawn: dict[str, Figure]) -> None:
    (band,) = drawn["index"].axes[0].collections
    vertices = band.get_paths()[0].vertices
    assert np.ptp(vertices[np.isclose(vertices[:, 0], vertices[5, 0]), 1]) == pytest.approx(
        2 * 1.6448536 * 0.2, rel=1e-6
    )


def test_ranks_are_shown_against_the_right_share(drawn: dict[str, Figure]) -> None:
    heights = [bar.get_height() for bar in drawn["ranks"].axes[0].patches]
    np.testing.assert_allclose(heights, np.array([5, 9, 11, 3]) / 7)


@pytest.mark.slow
@pytest.mark.parametrize(("years", "shown"), [(3, ["1998", "1999", "2000"]), (24, None)])
def test_yearly_values_have_ticks_of_years_alone(years: int, shown: list[str] | None) -> None:
    times = np.array([f"{1998 + year}-07-02" for year in range(years)], "datetime64[ns]")
    yearly = xr.DataArray(np.arange(years) + 1.0, {"time": times}, ("time",))
    for figure in (figures.series({"a": yearly}, "K"), figures.counts_by_year({"a": yearly})):
        labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
        assert labels == shown or all(re.fullmatch(r"\d{4}", label) for label in labels)
        assert len(labels) <= 10


@pytest.mark.slow
def test_a_single_value_is_seen_has_its_date_and_its_name() -> None:
    one = yearly([0.3])
    made = (
        figures.series({"5 m": one, "158 m": one}, "K"),
        figures.index_series(one, one),
        figures.counts_by_year({"argo": yearly([286])}),
        figures.learning_curve([6], [0.03], kept=6),
    )
    for figure in made:
        lines = [shown for shown in figure.axes[0].get_lines() if len(shown.get_xdata()) == 1]
        assert lines and all(shown.get_marker() == "o" for shown in lines)
        assert figure.axes[0].get_legend() is not None
    for figure in made[:3]:
        labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
        assert labels == ["2003-07-02"]
    several = figures.series({"5 m": yearly([0.3, 0.4])}, "K").axes[0].get_lines()
    assert [shown.get_marker() for shown in several] == [""]


def test_updates_have_ticks_at_whole_numbers() -> None:
    for updates in ([6], [6, 12], [20, 40, 60]):
        (axes,) = figures.learning_curve(updates, updates, kept=updates[0]).axes
        assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_the_first_tick_says_its_year_where_others_are_months() -> None:
    times = np.array("2001-02-15", "datetime64[D]") + np.arange(0, 480, 30)
    monthly = xr.DataArray(np.arange(16.0), {"time": times.astype("datetime64[ns]")}, ("time",))
    (axes,) = figures.series({"a": monthly}, "K").axes
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[0].endswith("\n2001") and "2002" in labels[1:]


def test_model_calendars_can_be_drawn() -> None:
    times = xr.date_range("0001-01-03", periods=40, freq="5D", calendar="noleap", use_cftime=True)
    made = figures.series({"analysis": xr.DataArray(WAVE, {"time": times}, ("time",))}, "error (K)")
    assert len(made.axes[0].get_lines()) == 1


# ----- looks


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_on_dark_paper_nothing_keeps_the_ink_of_light_paper(
    drawn: dict[str, Figure], pictures: Callable, name: str
) -> None:
    corner = pixels(pictures(name, figures.DARK))[2, 2]
    assert to_hex(corner / 255) == figures.DARK.paper
    with _wearing(drawn[name], figures.DARK):
        texts = [text for text in drawn[name].findobj(Text) if text.get_text().strip()]
        assert texts
        assert {to_hex(text.get_color()) for text in texts} <= {figures.DARK.ink}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_the_same_figure_gives_the_same_bytes_also_after_a_dark_one_and_another_width(
    drawn: dict[str, Figure], pictures: Callable, name: str
) -> None:
    before, dark = (pictures(name, theme) for theme in (figures.LIGHT, figures.DARK))
    with at_width(drawn[name], WIDTH / 2):
        pass
    assert figures.png(drawn[name]) == before != dark


def many_colours() -> Figure:
    fields = np.random.default_rng(3).normal(size=(2, *GRID.shape[1:]))
    error = figures.truth_analysis_error(*(np.where(GRID.ocean[0], one, np.nan) for one in fields), GRID)
    return figures.map_panels([*error[:1], Panel(np.abs(error[1].field), "rmse", "rmse")], GRID)


@pytest.mark.slow
@pytest.mark.parametrize("theme", [figures.LIGHT, figures.DARK])
@pytest.mark.parametrize("name", ["map", "panels", "section", "series", "many colours"])
def test_the_paper_of_a_picture_is_that_of_the_page_however_many_colours_it_has(
    pictures: Callable, name: str, theme: figures.style.Theme
) -> None:
    picture = figures.png(many_colours(), theme) if name == "many colours" else pictures(name, theme)
    assert to_hex(pixels(picture)[3, 3] / 255) == theme.paper


@pytest.mark.parametrize("name", EVERY)
def test_text_is_legible_on_a_phone(drawn: dict[str, Figure], name: str) -> None:
    width = drawn[name].get_size_inches()[0] / (3 if name in ("panels", "densities") else 1)
    points = [text.get_fontsize() for text in drawn[name].findobj(Text) if text.get_text().strip()]
    assert min(points) / 72 * (340 / width) >= 7  # pixels, on a figure 340 pixels wide


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width"),
    [
        (name, width)
        for name in EVERY
        for width in (None, WIDTH, 10.0)
        if (name, width) != ("panels", WIDTH)  # maps side by side are put below each other
    ],
)
def test_nothing_is_cut_off_and_no_two_ticks_collide_at_any_width(
    drawn: dict[str, Figure], name: str, width: float | None
) -> None:
    figure = drawn[name]
    shape = at_width(figure, width) if width else nullcontext()
    with shape, matplotlib.rc_context(RC):
        agg = FigureCanvasAgg(figure)
        agg.draw()
        shown = np.asarray(agg.buffer_rgba())
        assert (shown[:, :2] == 255).all() and (shown[:, -2:] == 255).all()  # no letter in the margins
        assert cut_off(figure) == [] and colliding(figure) == []


ANYWHERE = {
    "ratios at both ends": lambda: figures.spread_skill_by_depth(
        {"analysis": by_depth(GRID, np.array([0.62, 1.0, 1.4, 1.38]))}
    ),
    "overconfident at depth": lambda: figures.spread_skill_by_depth(
        {"analysis": by_depth(GRID, np.array([1.4, 1.0, 0.62, 0.6]))}
    ),
    "error that falls": lambda: figures.series(
        {"background": line(np.exp(-np.arange(40) / 4))}, "error (K)", spinup=5
    ),
}


@pytest.mark.parametrize("name", ANYWHERE)
def test_no_word_stands_on_a_curve_wherever_that_runs(name: str) -> None:
    figure = ANYWHERE[name]()
    figure.canvas.draw()
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
        curves = [c.get_transform().transform_path(c.get_path()) for c in axes.lines]
        assert not [box for box in boxes for curve in curves if curve.intersects_bbox(box, filled=False)]


def test_a_label_that_is_cut_off_or_runs_into_another_would_be_noticed() -> None:
    figure = figures.rank_bars(np.array([3, 4, 5]))
    (axes,) = figure.axes
    assert cut_off(figure) == [] and colliding(figure) == []
    axes.set_xticks([0, 1, 2], ["a label that is far too long for its place"] * 3)
    assert colliding(figure)
    axes.set_ylabel("a label that is much longer than the figure is high, " * 3)
    assert cut_off(figure) == [""]


def cut_off(figure: Figure) -> list[str]:
    """Titles of the axes that something drawn of reaches out of the figure."""
    whole = figure.bbox
    boxes = {axes: axes.get_tightbbox() for axes in figure.axes}
    return [
        axes.get_title("left")
        for axes, box in boxes.items()
        if min(box.x0, box.y0, whole.x1 - box.x1, whole.y1 - box.y1) < -1
    ]


def colliding(figure: Figure) -> list[str]:
    """Tick labels that overlap the next one of their axis."""
    found = []
    axes_shown = [axes for axes in figure.axes if axes.axison]
    for place, axis in ((at, (a.xaxis, a.yaxis)[at]) for a in axes_shown for at in (0, 1)):
        low, high = sorted(axis.get_view_interval())
        labels = [label for label in axis.get_ticklabels() if label.get_text()]
        shown = [label for label in labels if low <= label.get_position()[place] <= high]
        found += [
            one.get_text()
            for one, other in pairwise(shown)
            if one.get_window_extent().overlaps(other.get_window_extent())
        ]
    return found


def test_colours_of_methods_differ_and_themes_map_one_to_one() -> None:
    assert not set(vars(figures.LIGHT).values()) & set(vars(figures.DARK).values())
    for theme in (figures.LIGHT, figures.DARK):
        colours = list(vars(theme).values())
        assert len(set(colours)) == len(colours)
        assert all(colour == to_hex(colour) for colour in colours)


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    before = dict(matplotlib.rcParams)
    EVERY["map"]()
    assert dict(matplotlib.rcParams) == before


def test_a_picture_is_saved_into_a_new_folder(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    figures.save(drawn["rmse"], tmp_path / "new" / "rmse.png")
    assert Image.open(tmp_path / "new" / "rmse.png").width == 1000


@pytest.mark.parametrize("method", METHODS)
def test_a_line_that_is_no_method_has_the_colour_of_no_method_beside_it(method: str) -> None:
    shown = looks(["1982-1991", "analysis", method, "2011-2020"])
    colours = [shown[name]["color"] for name in ("1982-1991", "2011-2020")]
    assert colours[0] != colours[1]
    assert not {shown["analysis"]["color"], shown[method]["color"]} & set(colours)
