"""Remapping against closed forms, shapely, and ESMF's results on real model grids."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from scipy.spatial.transform import Rotation
from shapely.geometry import Polygon, box
from toys import toy_grid

from deepda.control.axes import horizontal_cells, horizontal_names
from deepda.geometry import regrid
from deepda.geometry.grid import Grid, GridError, centres
from deepda.geometry.mesh import (
    Curvilinear,
    Regular,
    as_regular,
    curvilinear_from_centres,
    regular_from_centres,
)
from deepda.geometry.regrid import grid_edges, outlines, remap
from deepda.geometry.sphere import EARTH_RADIUS, places, unit_vectors

PRESETS = Path(__file__).parents[1] / "configs" / "grid"
ONE_DEGREE = np.arange(-90.0, 91), np.arange(0.0, 361)
FIVE_DEGREES = np.arange(-90.0, 91, 5), np.arange(0.0, 361, 5)


@pytest.fixture(autouse=True)
def own_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours, where xESMF is installed too."""
    monkeypatch.setattr(regrid, "XESMF", False)


def pairs(edges: np.ndarray) -> np.ndarray:
    return np.stack([edges[:-1], edges[1:]], axis=1)


def regular(lat_bounds: np.ndarray, lon_bounds: np.ndarray) -> Regular:
    return Regular(lat_bounds.mean(axis=1), lon_bounds.mean(axis=1), lat_bounds, lon_bounds)


def random_edges(rng: np.random.Generator, low: float, high: float, cells: int) -> np.ndarray:
    return low + (high - low) * np.cumsum(np.append(0, w := rng.uniform(0.5, 1.5, cells))) / w.sum()


def turned_grid(rng: np.random.Generator, ny: int = 36, nx: int = 60) -> Curvilinear:
    """A global grid of unequal cells whose poles lie anywhere; some cells hold the true poles."""
    turn = Rotation.random(rng=rng)
    lat, lon = random_edges(rng, -90, 90, ny), random_edges(rng, -170, 190, nx)

    def turned(lat: np.ndarray, lon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = unit_vectors(*np.broadcast_arrays(lat[:, None], lon[None]))
        return places(turn.apply(points.reshape(-1, 3)).reshape(points.shape))

    corner_lat, corner_lon = turned(lat, lon)

    def around(corner: np.ndarray) -> np.ndarray:
        return np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=2)

    return Curvilinear(*turned(centres(lat), centres(lon)), around(corner_lat), around(corner_lon))


def cell_areas(lat_edges: np.ndarray, lon_edges: np.ndarray) -> np.ndarray:
    return np.diff(np.sin(np.deg2rad(lat_edges)))[:, None] * np.deg2rad(np.diff(lon_edges))


def great_circle_area(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Solid angle of quadrilaterals (..., 4), edges great circles: two triangles (Van Oosterom 1983)."""
    v = unit_vectors(lat, lon)

    def triangle(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        volume = np.einsum("...i,...i", a, np.cross(b, c))
        dots = [np.einsum("...i,...i", p, q) for p, q in ((a, b), (b, c), (c, a))]
        return 2 * np.arctan2(volume, 1 + sum(dots))

    return np.abs(
        triangle(v[..., 0, :], v[..., 1, :], v[..., 2, :])
        + triangle(v[..., 0, :], v[..., 2, :], v[..., 3, :])
    )


def test_a_grid_remapped_to_itself_is_untouched(grid: Grid) -> None:
    source = regular(pairs(grid.lat_edges), pairs(grid.lon_edges))
    matrix = remap(source, grid.lat_edges, grid.lon_edges).matrix
    assert matrix.nnz == matrix.shape[0]
    np.testing.assert_allclose(matrix.toarray(), np.eye(matrix.shape[0]), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_regular_cells_share_the_area_of_their_rectangles(seed: int) -> None:
    """Brute force over all pairs, source columns across the date line."""
    rng = np.random.default_rng(seed)
    lat, lon = random_edges(rng, -80, 85, 7), random_edges(rng, -100, 260, 9)
    to_lat, to_lon = random_edges(rng, -90, 90, 5), random_edges(rng, 30, 390, 6)
    got = remap(regular(pairs(lat), pairs(lon)), to_lat, to_lon).matrix.toarray()
    for target in range(30):
        for cell in range(63):
            (i, j), (k, m) = divmod(target, 6), divmod(cell, 9)
            south, north = max(to_lat[i], lat[k]), min(to_lat[i + 1], lat[k + 1])
            wide = sum(
                max(0.0, min(to_lon[j + 1], lon[m + 1] + s) - max(to_lon[j], lon[m] + s))
                for s in (-360, 0, 360)
            )
            tall = max(0.0, np.sin(np.deg2rad(north)) - np.sin(np.deg2rad(south))) * (north > south)
            area = np.deg2rad(wide) * tall / cell_areas(to_lat, to_lon)[i, j]
            assert got[target, cell] == pytest.approx(area, abs=1e-9)


def test_sine_of_latitude_is_exact() -> None:
    """Its mean over a cell is the mean of the sines of its edges, whatever the cells in between."""
    rng = np.random.default_rng(4)
    to_lat, to_lon = random_edges(rng, -90, 90, 6), random_edges(rng, 0, 360, 5)
    lat = np.unique(np.concatenate([to_lat, rng.uniform(-90, 90, 20)]))
    sine = np.sin(np.deg2rad(lat))
    field = np.repeat(centres(sine)[:, None], 8, axis=1)
    got, covered = remap(regular(pairs(lat), pairs(np.linspace(-25, 335, 9))), to_lat, to_lon).mean(
        field
    )
    np.testing.assert_allclose(
        got, np.repeat(centres(np.sin(np.deg2rad(to_lat)))[:, None], 5, 1), atol=1e-12
    )
    np.testing.assert_allclose(covered, 1.0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_a_turned_grid_covers_the_sphere_once(seed: int) -> None:
    source = turned_grid(np.random.default_rng(seed))
    covered = remap(source, *FIVE_DEGREES).fraction(np.ones(source.shape, bool))
    np.testing.assert_allclose(covered, 1.0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_area_mean_of_a_field_is_kept(seed: int) -> None:
    """Source areas by solid angle, another formula and edges of another shape: to their difference."""
    rng = np.random.default_rng(seed)
    source = turned_grid(rng, 120, 200)
    field = (
        15 + 10 * np.sin(np.deg2rad(2 * source.lat)) * np.cos(np.deg2rad(source.lon)) + source.lat / 30
    )
    regridding = remap(source, *FIVE_DEGREES)
    target = cell_areas(*FIVE_DEGREES)
    own = (regridding.matrix.T @ target.ravel()).reshape(source.shape)
    got = (regridding.mean(field)[0] * target).sum() / (4 * np.pi)
    assert got == pytest.approx((field * own).sum() / own.sum(), rel=1e-12)
    solid = great_circle_area(source.corner_lat, source.corner_lon)
    assert solid.sum() == pytest.approx(4 * np.pi, rel=1e-6)
    assert got == pytest.approx((field * solid).sum() / solid.sum(), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_area_integral_over_water_is_kept_and_a_constant_stays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = turned_grid(rng)
    field = rng.normal(size=source.shape)
    field[rng.random(source.shape) < 0.4] = np.nan
    regridding, target = remap(source, *FIVE_DEGREES), cell_areas(*FIVE_DEGREES)
    got, covered = regridding.mean(field)
    own = (regridding.matrix.T @ target.ravel()).reshape(source.shape)
    assert np.nansum(got * covered * target) == pytest.approx(np.nansum(field * own), rel=1e-10)
    constant, _ = regridding.mean(np.where(np.isnan(field), np.nan, 3.25))
    np.testing.assert_allclose(constant[covered > 0], 3.25, rtol=1e-12)
    assert np.isnan(constant[covered == 0]).all()


def test_polygons_share_the_area_that_shapely_finds() -> None:
    rng = np.random.default_rng(5)
    source = turned_grid(rng, 90, 180)
    to_lat, to_lon = random_edges(rng, -90, 90, 30), random_edges(rng, -40, 320, 50)
    matrix = remap(source, to_lat, to_lon).matrix.tocsc()
    sine = np.sin(np.deg2rad(to_lat))
    picked = [
        (cells[k], x[k], y[k]) for cells, x, y in outlines(source) for k in range(0, len(cells), 240)
    ]
    assert len(picked) > 60
    for cell, x, y in picked:
        polygon = Polygon(np.stack([x, y], axis=1)).buffer(0)
        column = matrix[:, [cell]].tocoo()
        assert column.nnz > 0
        for target, part in zip(column.row, column.data, strict=True):
            i, j = divmod(int(target), 50)
            area = sum(
                polygon.intersection(box(to_lon[j] + s, sine[i], to_lon[j + 1] + s, sine[i + 1])).area
                for s in (-720, -360, 0, 360, 720)
            )
            whole = (sine[i + 1] - sine[i]) * (to_lon[j + 1] - to_lon[j])
            assert part == pytest.approx(area / whole, abs=1e-8)


def test_the_convention_of_longitude_does_not_matter() -> None:
    rng = np.random.default_rng(6)
    source, shift = turned_grid(rng), rng.choice([-720, -360, 0, 360], (36, 60))
    moved = Curvilinear(
        source.lat, source.lon + shift, source.corner_lat, source.corner_lon + shift[..., None]
    )
    field = rng.normal(size=source.shape)
    got, expected = (remap(s, *FIVE_DEGREES).mean(field)[0] for s in (moved, source))
    np.testing.assert_allclose(got, expected, atol=1e-7)


def test_rolling_columns_of_a_regular_grid_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    lat, lon, field = (
        random_edges(rng, -90, 90, 12),
        random_edges(rng, 0, 360, 20),
        rng.normal(size=(12, 20)),
    )
    plain = remap(regular(pairs(lat), pairs(lon)), *FIVE_DEGREES).mean(field)[0]
    rolled = np.roll(pairs(lon), 7, axis=0) - 360 * (np.arange(20) < 7)[:, None]
    upside_down = regular(pairs(lat)[::-1], rolled)
    got = remap(upside_down, *FIVE_DEGREES).mean(np.roll(field, 7, axis=1)[::-1])[0]
    np.testing.assert_allclose(got, plain, atol=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_halo_columns_count_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = turned_grid(rng)
    wide = Curvilinear(
        *(
            np.concatenate([field[:, -1:], field, field[:, :1]], axis=1)
            for field in (source.lat, source.lon, source.corner_lat, source.corner_lon)
        )
    )
    assert wide.duplicated.sum() == 2 * source.shape[0]
    wide.corner_lon[:, [0, -1]] = np.nan  # as models leave them: the inner twin must stay
    covered = remap(wide, *FIVE_DEGREES).fraction(np.ones(wide.shape, bool))
    np.testing.assert_allclose(covered, 1.0, atol=1e-9)


def test_a_cyclic_column_of_a_regular_grid_counts_once() -> None:
    source = regular_from_centres(np.arange(-87.5, 90, 5), np.arange(0.0, 361, 5))
    covered = remap(source, *FIVE_DEGREES).fraction(np.ones(source.shape, bool))
    np.testing.assert_allclose(covered, 1.0, atol=1e-9)


def test_corners_at_the_pole_may_have_any_longitude() -> None:
    lat_edges, lon_edges = np.array([50.0, 60, 75, 90]), np.arange(0.0, 361, 20)
    lat, lon = np.meshgrid(centres(lat_edges), centres(lon_edges), indexing="ij")
    south, north = (np.broadcast_to(e[:, None], lat.shape) for e in (lat_edges[:-1], lat_edges[1:]))
    west, east = (np.broadcast_to(e, lat.shape) for e in (lon_edges[:-1], lon_edges[1:]))
    corner_lon = np.stack([west, east, east, west], axis=-1)
    corner_lon[-1, :, 2:] = 123.0
    source = Curvilinear(lat, lon, np.stack([south, south, north, north], axis=-1), corner_lon)
    got = remap(source, *FIVE_DEGREES).fraction(np.ones(lat.shape, bool))
    np.testing.assert_allclose(got, np.repeat((FIVE_DEGREES[0][:-1] >= 50)[:, None], 72, 1), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_corners_found_from_centres_leave_no_gap(seed: int) -> None:
    source = turned_grid(np.random.default_rng(seed), 60, 120)
    guessed = curvilinear_from_centres(source.lat, source.lon)
    covered = remap(guessed, *FIVE_DEGREES).fraction(np.ones(source.shape, bool))
    inner = (
        remap(source, *FIVE_DEGREES).fraction(np.pad(np.ones((56, 120), bool), ((2, 2), (0, 0)))) > 0.999
    )
    np.testing.assert_allclose(covered[inner], 1.0, atol=2e-3)


def test_two_dimensional_coordinates_of_a_regular_grid_are_recognised() -> None:
    lat, lon = np.meshgrid([-60.0, -20, 30, 70], np.arange(100.0, 460, 30) % 360, indexing="ij")
    found = as_regular(lat, lon)
    assert found is not None
    np.testing.assert_allclose(found.lat_bounds[:, 0], [-80, -40, 5, 50])
    assert as_regular(lat + np.linspace(0, 1, 12), lon) is None


@pytest.mark.parametrize(
    "lat, message",
    [
        (np.array([10.0, 20]), "2 x 4 cells, expected at least 3 x 3"),
        (np.array([10.0, 30, 20, 40]), "latitude does not run one way"),
    ],
)
def test_unusable_centres_are_refused(lat: np.ndarray, message: str) -> None:
    with pytest.raises(GridError, match=message):
        regular_from_centres(lat, np.array([0.0, 90, 180, 270]))


def test_xesmf_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xesmf", reason="xESMF is not installed (conda-forge)")
    source = turned_grid(np.random.default_rng(10))
    field = source.lat + np.cos(np.deg2rad(source.lon))
    ours = remap(source, *FIVE_DEGREES).mean(field)[0]
    monkeypatch.setattr(regrid, "XESMF", True)
    theirs = remap(source, *FIVE_DEGREES).mean(field)[0]
    np.testing.assert_allclose(ours[4:-4], theirs[4:-4], atol=0.05)


@pytest.mark.parametrize(
    ("lat", "said"),
    [
        ([], "lat_edges holds 0 values, expected two edges or more"),
        ([0], "lat_edges holds 1 value, expected two edges or more"),
        ({"start": -90, "stop": 90, "step": 0}, "not a whole number of steps of 0"),
        ({"start": -90, "stop": 90, "step": -4}, "not a whole number of steps of -4"),
        ({"start": -90, "stop": 90, "step": math.nan}, "not a whole number of steps of nan"),
        ({"start": math.nan, "stop": 90, "step": 1}, "not a whole number of steps of 1"),
        ({"start": -90, "stop": 90, "step": math.inf}, "not a whole number of steps of inf"),
        ({"start": -90, "stop": math.inf, "step": 1}, "makes inf cells, expected at most 1,000,000"),
        (
            {"start": -90, "stop": 90, "step": 1e-9},
            "makes 180,000,000,000 cells, expected at most 1,000,000",
        ),
        ({"start": -90, "stop": 90, "step": 1e-320}, "makes inf cells, expected at most 1,000,000"),
        ({"start": -90, "stop": 90, "step": 2e-4}, "has 1,620,000,000,000 cells, expected at most"),
        ({"start": -90, "stop": 90}, "no step, expected start, stop and step"),
    ],
)
def test_edges_that_make_no_grid_are_refused(lat: object, said: str) -> None:
    lon = {"start": 0, "stop": 360, "step": 0.002}
    with pytest.raises(GridError, match=said):
        grid_edges({"lat_edges": lat, "lon_edges": lon, "depth_edges": list(range(11))})


def test_edges_are_lists_or_steps() -> None:
    edges = grid_edges(
        {
            "lat_edges": {"start": -90, "stop": 90, "step": 45},
            "lon_edges": [0, 90, 180, 360],
            "depth_edges": [0, 10],
        }
    )
    np.testing.assert_array_equal(edges["lat_edges"], [-90, -45, 0, 45, 90])
    with pytest.raises(GridError, match="not a whole number of steps of 50"):
        grid_edges({"lat_edges": {"start": -90, "stop": 90, "step": 50}})
    with pytest.raises(GridError, match="no lon_edges"):
        grid_edges({"lat_edges": [0, 1]})


@pytest.mark.parametrize(
    "name, shape, deepest",
    [
        ("embedded_4deg", (12, 45, 90), 800),
        ("paper_1deg", (38, 180, 360), 829.607),
        ("gcm", (12, 50, 90), 1120),
    ],
)
def test_the_presets_make_grids(name: str, shape: tuple[int, int, int], deepest: float) -> None:
    spec = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())
    grid = Grid(**grid_edges(spec), ocean=np.ones(shape, bool))
    assert spec["name"] == name and grid.depth_edges[-1] == deepest
    whole = (np.sin(np.deg2rad(grid.lat_edges[[0, -1]])) @ [-1, 1]) * 2 * np.pi * EARTH_RADIUS**2
    assert grid.area.sum() == pytest.approx(whole)


def test_the_levels_of_the_paper_are_the_centres_of_its_preset() -> None:
    """Ham et al. (2024): the first 38 levels of POP2, m."""
    levels = [
        *range(5, 156, 10),
        165.1,
        175.5,
        186.3,
        197.7,
        209.7,
        222.6,
        236.4,
        251.4,
        267.7,
        285.5,
        305.1,
        326.9,
        351.1,
        378.2,
        408.8,
        443.4,
        482.7,
        527.7,
        579.4,
        638.9,
        707.6,
        787.0,
    ]
    spec = yaml.safe_load((PRESETS / "paper_1deg.yaml").read_text())
    np.testing.assert_allclose(centres(grid_edges(spec)["depth_edges"]), levels, atol=0.051)


REAL_GRIDS = ["cesm2_gx1v7", "cnrm_orca1", "mpi_bipolar", "nemo_eorca1", "orca2"]


def real_field(data_root: Path, name: str) -> tuple[xr.Dataset, Curvilinear, np.ndarray]:
    reference = xr.open_dataset(data_root / "reference" / f"{name}_conservative_1deg.nc")
    dataset = xr.open_dataset(data_root / reference.attrs["source"], decode_times=False)
    field = dataset["votemper" if name == "orca2" else "tos"].squeeze()
    cells = horizontal_cells(dataset, *horizontal_names(dataset, field))
    assert isinstance(cells, Curvilinear)
    return reference, cells, field.values.astype(float)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", REAL_GRIDS)
def test_real_model_grids_give_what_esmf_gives(data_root: Path, name: str) -> None:
    """ESMF counts halo cells twice where it reports a fraction above one; those cells are left out."""
    reference, cells, field = real_field(data_root, name)
    got, covered = remap(cells, *ONE_DEGREE).mean(field)
    value, fraction = reference["value"].values, reference["covered_fraction"].values
    assert covered.max() < 1 + 1e-4
    area = cell_areas(*ONE_DEGREE)
    single = (fraction <= 1.001) & (np.abs(centres(ONE_DEGREE[0])) < 89)[:, None]
    full = single & (fraction > 0.999) & (covered > 0.999)
    assert full.mean() > 0.5
    assert np.percentile(np.abs(got - value)[full], 99) < 0.01
    assert np.abs(got - value)[full].max() < 0.05
    assert np.sum(area * np.abs(covered - fraction) * single) / area.sum() < 2e-4
    both = single & (fraction > 0) & (covered > 0)
    means = [
        (area * fraction * values)[both].sum() / (area * fraction)[both].sum() for values in (got, value)
    ]
    assert means[0] == pytest.approx(means[1], abs=1e-3)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", ["cesm2_gx1v7", "mpi_bipolar", "orca2"])  # a kind of grid each
def test_real_model_grids_without_bounds_come_near(data_root: Path, name: str) -> None:
    reference, cells, field = real_field(data_root, name)
    got, covered = remap(curvilinear_from_centres(cells.lat, cells.lon), *ONE_DEGREE).mean(field)
    value, fraction = reference["value"].values, reference["covered_fraction"].values
    full = (np.abs(fraction - 1) < 1e-3) & (covered > 0.999)
    assert full.mean() > 0.5 and covered.max() < 1.01
    assert np.percentile(np.abs(got - value)[full], 99) < 0.03


def test_the_toy_ocean_keeps_its_island() -> None:
    """A cell is land only where no water lies; the mean beside it takes water alone."""
    grid = toy_grid(np.random.default_rng(0))
    source = regular(pairs(grid.lat_edges), pairs(grid.lon_edges))
    field = np.where(grid.ocean[0], np.arange(140.0).reshape(10, 14), np.nan)
    got, covered = remap(source, grid.lat_edges, grid.lon_edges).mean(field)
    np.testing.assert_array_equal(np.isnan(got), ~grid.ocean[0])
    np.testing.assert_array_equal(covered > 0, grid.ocean[0])
