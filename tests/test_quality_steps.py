"""Spikes and steps of EN4, gradients per metre of ICDC, the checks of CSIRO for XBTs, cold tropics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_quality_checks import at, cast, found, warm, wet_grid

from deepda.quality import climate, expendables, ranges, shapes, steps
from deepda.quality.casts import by_cast

FINE = np.arange(5.0, 105.0, 10.0)


def smooth(**columns: object) -> pd.DataFrame:
    return cast(np.linspace(20.0, 18.2, 10), FINE, **columns)


def test_the_tolerance_is_that_of_the_table_of_ingleby_and_huddleston() -> None:
    depth = np.array([0.0, 200, 300, 301, 500.1, 600.1])
    np.testing.assert_allclose(steps.tolerance(depth, np.full(6, 45.0)), [5, 5, 2.5, 2.5, 2, 1.5])
    tropics = np.array([0.0, 300, 350, 400, 500.1, 600.1])
    np.testing.assert_allclose(steps.tolerance(tropics, np.full(6, -19.0)), [5, 5, 3.75, 2.5, 2, 1.5])


def test_a_small_spike_is_found_where_the_larger_limit_of_argo_passes_it() -> None:
    spiked = by_cast(at(smooth(), 5, temperature=22.9))
    assert found(steps.small_spike(spiked)) == [5] and not shapes.spike(spiked).any()
    assert not steps.small_spike(by_cast(smooth())).any()
    assert not steps.small_spike(by_cast(at(smooth(), 5, temperature=20.5))).any()


def test_the_neighbours_of_a_spike_are_not_spikes() -> None:
    table = at(at(smooth(), 4, temperature=26.0), 6, temperature=26.0)
    assert found(steps.small_spike(by_cast(table))) == [4, 6]


def test_a_steady_steep_thermocline_is_neither_spike_nor_step() -> None:
    steep = by_cast(cast(np.array([28.0, 27.9, 22.0, 16.0, 15.9]), np.array([60.0, 70, 80, 90, 100])))
    assert not steps.small_spike(steep).any() and not steps.steps(steep).any()


def test_a_step_is_suspect_on_both_sides_and_a_sharp_thermocline_is_not() -> None:
    value = np.array([12.0, 11.9, 18.0, 17.9, 17.8])
    step = by_cast(cast(value, np.array([60.0, 70, 80, 90, 100])))
    assert found(steps.steps(step)) == [1, 2] and not steps.small_spike(step).any()
    assert not steps.steps(by_cast(cast(value[::-1].copy(), np.array([60.0, 70, 80, 90, 100])))).any()
    deep = cast(value[::-1].copy(), np.array([460.0, 470, 480, 490, 500]))
    assert found(steps.steps(by_cast(deep))) == [2, 3]


def test_a_suspect_value_needs_less_of_a_departure_from_climatology() -> None:
    grid = wet_grid()
    value, depth = np.array([13.7, 13.6, 11, 11, 11]), np.array([420.0, 430, 440, 450, 460])
    table = by_cast(cast(value, depth, lat=30.0))
    assert found(climate.climatological(table, grid, warm(grid))) == [1]
    assert not climate.climatological(
        table.assign(depth=[420.0, 430, 540, 550, 560]), grid, warm(grid)
    ).any()


@pytest.mark.parametrize(("depth", "change", "bad"), [
    (50.0, -29.0, False), (50.0, -31.0, True), (50.0, 14.0, False), (50.0, 16.0, True),
    (500.0, -2.9, False), (500.0, -3.2, True), (500.0, 2.0, False), (500.0, 2.3, True),
])  # fmt: skip
def test_gradients_are_limited_by_depth_and_more_so_upwards(
    depth: float, change: float, bad: bool
) -> None:
    start = 0.5 if change > 0 else 31.5
    pair = by_cast(cast(np.array([start, start + change]), np.array([depth - 5, depth + 5])))
    assert shapes.gradient_per_metre(pair).tolist() == [bad, bad]


def test_interleaving_water_seen_every_metre_is_no_gradient() -> None:
    deep = by_cast(cast(np.array([8.65, 8.68, 8.93, 9.03]), np.array([1021.0, 1023, 1024, 1026])))
    assert not shapes.gradient_per_metre(deep).any()
    assert shapes.gradient_per_metre(by_cast(cast([8.6, 10.6], np.array([1023.0, 1024.0])))).all()


def test_gradients_do_not_reach_into_other_casts_nor_wild_values() -> None:
    two = cast(np.array([30.0, 5.0]), np.array([700.0, 710.0]), profile=[0, 1], lat=[10.0, 11.0])
    assert not shapes.gradient_per_metre(by_cast(two)).any()
    assert not shapes.gradient_per_metre(
        by_cast(cast(np.array([38.0, 5.0]), np.array([700.0, 710])))
    ).any()


def test_the_start_of_an_xbt_goes_and_that_of_a_ctd_stays() -> None:
    depth = np.array([0.7, 3.5, 3.7, 3.9, 9.0, 12.0])
    xbt = by_cast(cast(20.0, depth, platform_type="xbt"))
    assert found(expendables.probe_start(xbt)) == [0, 1, 2]  # 3.9 m: the next value is below 8 m
    assert not expendables.probe_start(by_cast(cast(20.0, depth))).any()


def test_a_long_inversion_of_an_xbt_goes_from_its_start_to_its_end() -> None:
    value = np.array([20.0, 19, 19.6, 19.6, 21, 18, 17])
    depth = np.array([10.0, 20, 22, 23, 25, 35, 45])
    xbt = by_cast(cast(value, depth, platform_type="xbt"))
    assert found(expendables.long_inversion(xbt)) == [1, 2, 3, 4]
    assert not expendables.long_inversion(by_cast(cast(value, depth))).any()
    gentle = by_cast(cast(value, depth * 5, platform_type="xbt"))
    assert not expendables.long_inversion(gentle).any()


def test_an_inversion_that_lasts_to_the_end_of_the_wire_goes_too() -> None:
    value, depth = np.array([20.0, 19, 22.0]), np.array([10.0, 20, 24])
    assert found(expendables.long_inversion(by_cast(cast(value, depth, platform_type="xbt")))) == [1, 2]
    two = cast(np.array([10.0, 20.0]), np.array([10.0, 20]), platform_type="xbt", profile=[0, 1],
               lat=[10.0, 11.0])  # fmt: skip
    assert not expendables.long_inversion(by_cast(two)).any()


def test_the_tropics_are_not_cold_above_1000_m() -> None:
    table = cast(
        np.array([0.5, 1.1, 0.5, 0.5]), np.array([300.0, 300, 1100, 300]), lat=[10.0, 10, 10, 25]
    )
    assert found(ranges.tropical_cold(table)) == [0]
