"""The order of depths within a cast: turned back, standing still, or simply not sorted."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from test_quality_checks import NOW, cast, found, wet_grid

from deepda.quality import order
from deepda.quality.casts import by_cast
from deepda.quality.screening import Context, screen


def lost(depth: list[float], **columns: object) -> list[float]:
    """Depths that `depth_order` rejects, in the order of the file."""
    table = cast(10.0, np.array(depth, float), **columns)
    ordered = by_cast(table)
    rows = sorted(ordered.index[order.depth_order(ordered)])
    return table.loc[rows, "depth"].tolist()


def test_a_depth_that_jumps_ahead_goes_and_not_those_behind_it() -> None:
    assert lost([10, 20, 500, 30, 40, 50]) == [500]
    assert lost([10, 20, 30, 40, 50]) == []


def test_depths_that_turn_back_go() -> None:
    assert lost([10, 20, 30, 15, 5, 40]) == [15, 5]


def test_casts_from_the_bottom_up_are_in_order() -> None:
    assert lost([50, 40, 30, 30, 20, 10]) == []
    assert lost([50, 40, 45, 30, 20, 10]) in ([40], [45])


def test_a_file_in_no_order_of_depth_and_a_mooring_keep_all() -> None:
    assert lost([30, 10, 50, 20, 40, 5, 45, 12]) == []
    assert lost([10, 20, 500, 30, 40, 50], platform_type="mooring") == []


def test_the_order_of_the_file_is_that_of_source_index() -> None:
    depth = [10.0, 20, 500, 30, 40, 50]
    table = cast(10.0, np.array(depth), source_index=np.arange(6))
    shuffled = by_cast(table.iloc[[2, 0, 5, 1, 4, 3]].reset_index(drop=True))
    assert shuffled["depth"][order.depth_order(shuffled)].tolist() == [500]


def test_what_stays_is_as_long_as_any_part_that_goes_one_way() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        depth = rng.integers(0, 9, 8).astype(float)
        longest = max(len(pick) for size in range(1, 9) for pick in combinations(range(8), size)
                      if (np.diff(depth[list(pick)]) >= 0).all())  # fmt: skip
        chain = order._longest(depth)
        assert len(chain) == longest and (np.diff(depth[chain]) >= 0).all()


def test_depths_that_are_all_equal_are_named_as_such() -> None:
    still = cast(np.array([12.0, 11.0, 9.0, 8.0]), np.full(4, 30.0))
    assert screen(Context(wet_grid(), NOW), still).reasons == {"depth_constant": 4}


def test_two_sensors_at_one_depth_and_a_buoy_at_the_surface_are_not_constant() -> None:
    assert not order.constant_depth(by_cast(cast(10.0, np.full(2, 30.0)))).any()
    assert not order.constant_depth(by_cast(cast(10.0, np.full(4, 0.0), platform_type="drifter"))).any()
    assert not order.constant_depth(by_cast(cast())).any()


def test_the_order_is_judged_before_neighbours_are() -> None:
    value, depth = np.array([20.0, 19, 5, 18, 17, 16]), np.array([10.0, 20, 60, 30, 40, 50])
    table = pd.concat([cast(value, depth), cast(value[::-1], depth[::-1], profile=1, lat=12.0)])
    result = screen(Context(wet_grid(), NOW), table.reset_index(drop=True))
    assert result.reasons == {"depth_order": 2} and found(result.rejected["depth"] == 60) == [0, 1]


def test_tracks_are_judged_before_land_takes_casts_away() -> None:
    """A ship whose wrong position is on land: without that cast nothing shows that it was wrong."""
    wrong = {"lat": 10.0, "lon": 180.0}  # inland, see `wet_grid`
    hours = pd.date_range("2008-03-01 06:30", periods=4, freq="6h")
    ship = [cast(time=hour, lat=10.0 + 0.5 * step, profile=step) for step, hour in enumerate(hours)]
    ship[1] = ship[1].assign(**wrong)
    result = screen(Context(wet_grid(), NOW), pd.concat(ship, ignore_index=True))
    assert result.reasons == {"track_speed": 10}
