"""Layers from levels: exact for lines, against formulas, and never across a gap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from deepda.geometry.grid import Grid
from deepda.quality import layers
from deepda.quality.casts import Casts, by_cast
from deepda.quality.layers import at_depths, layer_values, to_layers

EDGES = np.array([0, 10, 30, 60, 110, 200, 320, 500, 800, 1200.0])


def casts_of(*depths: object) -> Casts:
    sizes = [len(d) for d in depths]  # type: ignore[arg-type]
    first = np.cumsum([0, *sizes[:-1]])
    return Casts(first, np.array(sizes), np.concatenate([np.asarray(d, float) for d in depths]))


def test_layers_of_a_line_are_its_values_at_the_centres() -> None:
    rng = np.random.default_rng(0)
    dense, sparse = np.sort(rng.uniform(0, 1200, 600)), np.arange(0, 1201, 40.0)
    casts = casts_of(dense, sparse)
    found = layer_values(casts, 25 - 0.02 * casts.depth, EDGES)
    centre = (EDGES[1:] + EDGES[:-1]) / 2
    whole = found.count >= 2  # of a partly sampled layer the mean is that of the sampled part
    error = found.value - (25 - 0.02 * centre[found.level])
    assert np.abs(error[~whole]).max() < 1e-9
    assert np.abs(error).max() < 0.02 * 0.125 * 300 and np.median(np.abs(error)) < 0.01
    assert set(found.cast) == {0, 1} and set(found.level[found.cast == 0]) == set(range(9))


def test_layer_means_are_integrals_of_the_profile() -> None:
    depth = np.array([0, 7.0, 10, 23, 30, 44, 60, 85, 110, 150, 200])
    value = np.array([28, 28, 27.5, 26, 24, 22, 19, 17, 14, 13, 12.5])
    found = layer_values(casts_of(depth), value, EDGES[:6])
    for level, mean in zip(found.level, found.value, strict=True):
        top, bottom = EDGES[level : level + 2]
        knots = depth[(depth > top) & (depth < bottom)]
        integral = quad(lambda z: np.interp(z, depth, value), top, bottom, points=knots)[0]
        assert mean == pytest.approx(integral / (bottom - top), abs=1e-9)
    assert found.count.tolist() == [2, 2, 2, 2, 2]


def scalar_reiniger_ross(z: np.ndarray, v: np.ndarray, at: float) -> float:
    """Equations 3 to 3d of the paper, symbol by symbol, for z1 < z2 < at < z3 < z4."""

    def line(i: int, j: int) -> float:
        return (v[i] * (at - z[j]) - v[j] * (at - z[i])) / (z[i] - z[j])

    def gamma(i: int, j: int, k: int) -> float:
        return (at - z[j]) * (at - z[k]) / ((z[i] - z[j]) * (z[i] - z[k]))

    one = gamma(0, 1, 2) * v[0] + gamma(1, 2, 0) * v[1] + gamma(2, 0, 1) * v[2]
    two = gamma(1, 2, 3) * v[1] + gamma(2, 3, 1) * v[2] + gamma(3, 1, 2) * v[3]
    a, b, c = line(0, 1), line(1, 2), line(2, 3)
    reference = (b + ((b - c) ** 2 * a + (a - b) ** 2 * c) / ((b - c) ** 2 + (a - b) ** 2)) / 2
    return (abs(reference - one) * two + abs(reference - two) * one) / (
        abs(reference - one) + abs(reference - two)
    )


def test_four_neighbours_give_reiniger_and_ross() -> None:
    rng = np.random.default_rng(1)
    used = 0
    for _ in range(200):
        z, v = 300 + np.sort(rng.uniform(0, 95, 4)), np.sort(rng.uniform(5, 15, 4))[::-1]
        at = rng.uniform(z[1], z[2])
        expected = scalar_reiniger_ross(z, v, at)
        if not v[2] <= expected <= v[1]:
            expected = np.interp(at, z, v)
        else:
            used += 1
        assert at_depths(casts_of(z), v, np.array([0]), np.array([at]))[0] == pytest.approx(expected)
    assert used > 100


def test_parabolas_are_exact_with_three_and_four_neighbours() -> None:
    z = np.array([300, 340, 390, 450.0])
    v = 10 - 1e-4 * (z - 200) ** 2
    for casts, at in ((casts_of(z), 360.0), (casts_of(z[1:]), 360.0), (casts_of(z[:3]), 360.0)):
        values = 10 - 1e-4 * (casts.depth - 200) ** 2
        found = at_depths(casts, values, np.array([0]), np.array([at]))
        assert found[0] == pytest.approx(10 - 1e-4 * (at - 200) ** 2)
    assert at_depths(casts_of(z[1:3]), v[1:3], np.array([0]), np.array([365.0]))[0] == pytest.approx(
        v[1:3].mean()
    )


def test_there_is_no_overshoot() -> None:
    z, v = np.array([300, 320, 340, 360.0]), np.array([20.0, 10.0, 10.0, 20.0])
    found = at_depths(casts_of(z), v, np.zeros(5, int), np.linspace(322, 338, 5))
    np.testing.assert_allclose(found, 10)


@pytest.mark.parametrize(
    ("depth", "distance"), [(7, 5), (100, 50), (500, 100), (1500, 200), (3000, 1000)]
)
def test_no_value_comes_from_beyond_the_table(depth: float, distance: float) -> None:
    value = np.array([10.0, 8.0])
    for reach, known in ((0.99 * distance, True), (1.01 * distance, False)):
        casts = casts_of([depth - min(reach, 5.5), depth + reach])
        found = at_depths(casts, value, np.array([0]), np.array([float(depth)]))
        assert np.isfinite(found[0]) == (known and min(reach, 5.5) <= distance)


def test_a_layer_with_a_gap_in_it_has_no_mean() -> None:
    depth = np.array([102, 112, 114, 116, 206, 209.0])
    found = layer_values(casts_of(depth), np.linspace(20, 10, 6), EDGES)
    assert 4 not in found.level  # 90 m are too wide at 150 m
    filled = np.array([102, 112, 140, 165, 206, 209.0])
    assert 4 in layer_values(casts_of(filled), np.linspace(20, 10, 6), EDGES).level


def test_outer_neighbours_that_are_far_are_not_used() -> None:
    z, v = np.array([100.0, 340, 390, 640]), np.array([28.0, 10, 9, 2])
    found = at_depths(casts_of(z), v, np.array([0]), np.array([365.0]))
    assert found[0] == pytest.approx(9.5)


def test_nothing_is_made_beyond_the_ends_of_a_cast() -> None:
    depth = np.arange(40, 260, 10.0)
    found = layer_values(casts_of(depth), np.full(depth.size, 7.0), EDGES)
    assert found.level.tolist() == [2, 3, 4, 5][: len(found.level)]
    assert found.value.tolist() == [7.0] * len(found.level)


def test_the_shallowest_value_stands_for_the_water_above_it_within_5_m() -> None:
    for first, known in ((4.9, True), (5.1, False)):
        depth = np.array([first, 12, 22])
        found = layer_values(casts_of(depth), np.array([20.0, 19, 18]), np.array([0, 6, 24.0]))
        assert (0 in found.level) == known


@pytest.mark.slow
def test_casts_do_not_mix_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    depths = [np.sort(rng.uniform(0, rng.uniform(50, 1200), rng.integers(2, 80))) for _ in range(40)]
    table = pd.concat([profile(d, rng.uniform(2, 25, d.size), n) for n, d in enumerate(depths)])
    grid = grid_of(EDGES)
    whole = to_layers(table, grid)
    for number, depth in enumerate(depths):
        alone = to_layers(table[table["profile"] == number], grid)
        mine = whole[whole["profile"] == number].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone)
        assert (alone["depth"] <= depth[-1] + 1e-3).all()
    monkeypatch.setattr(layers, "ROWS", 100)
    pd.testing.assert_frame_equal(to_layers(table, grid), whole)


def grid_of(edges: np.ndarray) -> Grid:
    ocean = np.ones((edges.size - 1, 3, 4), bool)
    return Grid(np.array([-60, -20, 20, 60.0]), np.linspace(0, 360, 5), edges, ocean)


def profile(depth: object, value: object, number: int = 0, **columns: object) -> pd.DataFrame:
    rows = {
        "time": np.datetime64("2008-03-01T06:30:00"), "lat": 10.0, "lon": 20.0, "depth": depth,
        "temperature": value, "salinity": 35.0, "error": 0.2, "platform_type": "ctd",
        "platform_id": str(number), "source": "a.nc", "source_index": np.arange(np.size(depth)),
        "profile": number,
    } | columns  # fmt: skip
    return pd.DataFrame(rows)


def test_the_table_of_layers_names_its_casts_and_counts_its_values() -> None:
    table = profile(np.array([2.0, 8, 20, 45, 80]), np.array([20.0, 20, 18, 15, 12]))
    out = to_layers(table, grid_of(EDGES))
    assert out["depth"].tolist() == [5, 20, 45] and out["count"].tolist() == [2, 1, 1]
    assert out["platform_id"].tolist() == ["0"] * 3 and "salinity" not in out
    mean = (6 * 20 + 2 * (20 + (20 - 2 / 6 * 1)) / 2) / 8  # of 2 to 10 m
    np.testing.assert_allclose(out["temperature"], [mean, 18, 15], rtol=1e-6)
    np.testing.assert_allclose(out["error"], 0.2, rtol=1e-6)


def test_single_values_and_satellites_pass_unchanged() -> None:
    sst = profile(np.zeros(3), np.array([20.0, 21, 22]), platform_type="satellite")
    ship = profile(np.array([3.0]), np.array([19.0]), 1, platform_type="ship")
    out = to_layers(pd.concat([sst, ship], ignore_index=True), grid_of(EDGES))
    assert out["temperature"].tolist() == [20, 21, 22, 19] and out["count"].tolist() == [1] * 4
    assert out["depth"].tolist() == [0, 0, 0, 3]


def test_values_at_one_depth_are_averaged() -> None:
    table = profile(np.array([10.0, 20, 20, 30]), np.array([20.0, 18, 16, 14]))
    out = to_layers(table, grid_of(EDGES))
    assert out["temperature"].tolist() == [pytest.approx(17)] and out["depth"].tolist() == [20]


def test_an_empty_table_stays_empty() -> None:
    table = profile(np.array([10.0, 20]), np.array([20.0, 18])).iloc[:0]
    assert to_layers(table, grid_of(EDGES)).empty
    assert by_cast(table).empty
