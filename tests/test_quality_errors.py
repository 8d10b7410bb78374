"""The background check by Bayes' rule; errors of instruments, places and means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from deepda.geometry.grid import Grid
from deepda.observations.errors import ERRORS
from deepda.quality.background import (
    LEVEL,
    PASSED,
    PROFILE,
    background_check,
    prior_of,
    probability_of_gross_error,
)
from deepda.quality.errors import (
    FLOOR,
    Representativeness,
    error_of_mean,
    with_errors,
)


def test_the_probability_is_bayes_rule() -> None:
    rng = np.random.default_rng(0)
    departure, variance = rng.normal(0, 5, 50), rng.uniform(0.01, 9, 50)
    good = norm.pdf(departure, scale=np.sqrt(variance)) * 0.95
    expected = 0.1 * 0.05 / (0.1 * 0.05 + good)
    np.testing.assert_allclose(probability_of_gross_error(departure, variance, 0.05), expected)


def test_the_probability_is_the_share_of_gross_errors_among_like_departures() -> None:
    rng = np.random.default_rng(1)
    wrong = rng.random(400_000) < 0.2
    departure = np.where(wrong, rng.uniform(-5, 5, wrong.size), rng.normal(0, 1, wrong.size))
    near = np.abs(departure - 2.5) < 0.1
    assert probability_of_gross_error(2.5, 1.0, 0.2) == pytest.approx(wrong[near].mean(), abs=0.03)


def test_a_wild_value_is_rejected_by_level() -> None:
    code = background_check([0.3, -0.2, 6.0, 0.1], 0.5, 0.3, np.zeros(4))
    assert code.tolist() == [PASSED, PASSED, LEVEL, PASSED]


def test_a_cast_with_most_levels_wrong_goes_as_a_whole_and_others_stay() -> None:
    innovation = np.array([6.0, 0.1, 7.0, 0.2, 8.0, np.nan])
    code = background_check(innovation, 0.5, 0.3, ["a", "b", "a", "b", "a", "a"])
    assert code.tolist() == [PROFILE, PASSED, PROFILE, PASSED, PROFILE, PROFILE]
    half = background_check([6.0, 7.0, 0.1, 0.1], 0.5, 0.3, np.zeros(4))
    assert half.tolist() == [LEVEL, LEVEL, PASSED, PASSED]


def test_single_values_are_judged_as_levels() -> None:
    assert background_check([9.0, 0.1], 0.5, 0.3, [1, 2]).tolist() == [LEVEL, PASSED]
    assert background_check([9.0], 0.5, 0.3).tolist() == [LEVEL]


def test_an_uncertain_background_rejects_less() -> None:
    assert background_check([3.0], 0.3, 0.2).tolist() == [LEVEL]
    assert background_check([3.0], 1.5, 0.2).tolist() == [PASSED]


def test_without_background_there_is_no_verdict() -> None:
    assert background_check([np.nan, np.nan], 0.5, 0.3, [0, 0]).tolist() == [PASSED, PASSED]


def test_a_spread_that_is_none_is_refused() -> None:
    for spread in (np.nan, -1.0, 0.0):
        with pytest.raises(ValueError, match="1 of 1 values have a background spread or error"):
            background_check([0.1], spread, 0.0)


def test_expendable_probes_are_trusted_less() -> None:
    assert prior_of(["xbt", "argo", "satellite"]).tolist() == [0.05, 0.01, 0.01]
    limit = [background_check([d], 0.5, 0.3, prior=p)[0] for p in (0.01, 0.05) for d in (1.7, 2.0)]
    assert limit == [PASSED, PASSED, PASSED, LEVEL]


# errors


def test_errors_of_means_fall_with_the_number_of_values_to_the_representativeness() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.3, (20_000, 5)) + rng.normal(0, 0.4, (20_000, 1))
    spread = noise.mean(axis=1).std()
    assert error_of_mean(0.3, 0.4, 5) == pytest.approx(spread, rel=0.02)
    assert error_of_mean(0.3, 0.4, 1e9) == pytest.approx(0.4, rel=1e-3)
    assert error_of_mean(0.0, 0.0, 1) == FLOOR


def table_of(grid: Grid, **columns: object) -> pd.DataFrame:
    level, row, column = np.argwhere(grid.ocean)[5]
    given = {"lat": grid.lat[row], "lon": grid.lon[column], "depth": [grid.depth[level]] * 3,
             "platform_type": ["argo", "xbt", "satellite"]}  # fmt: skip
    return pd.DataFrame(given | columns)


def same(grid: Grid, size: float, product: float | None = None) -> Representativeness:
    of_product = size if product is None else product
    return Representativeness(np.full(grid.shape, size), np.full(grid.shape[1:], of_product))


def test_the_values_of_a_product_stand_for_more_than_their_place(grid: Grid) -> None:
    found = with_errors(table_of(grid), grid, same(grid, 0.5, product=0.3))["error"]
    depth = table_of(grid)["depth"][0]
    expected = np.hypot([0.005, 0.1 + 0.05 / 750 * depth, 0.4], [0.5, 0.5, 0.3])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_errors_are_those_of_instrument_and_cell(grid: Grid) -> None:
    place = same(grid, 0.5)
    found = with_errors(table_of(grid), grid, place)["error"]
    depth = table_of(grid)["depth"][0]
    np.testing.assert_allclose(found, np.hypot([0.005, 0.1 + 0.05 / 750 * depth, 0.4], 0.5), rtol=1e-6)
    fewer = with_errors(table_of(grid, count=[4, 4, 4]), grid, place)["error"]
    np.testing.assert_allclose(fewer**2 - 0.25, (found**2 - 0.25) / 4, rtol=1e-3, atol=1e-7)


def test_the_error_that_a_file_gave_its_instrument_is_kept(grid: Grid) -> None:
    table = table_of(grid)
    place = ERRORS["argo"].stddev(table["depth"]) ** 2 - 0.005**2
    table = table.assign(platform_type="argo", error=np.sqrt(0.07**2 + place))
    found = with_errors(table, grid, same(grid, 0.5))["error"]
    np.testing.assert_allclose(found, np.hypot(0.07, 0.5), rtol=1e-5)


def test_where_nothing_is_known_the_platform_says_it(grid: Grid) -> None:
    table = table_of(grid)
    found = with_errors(table, grid, same(grid, np.nan))["error"]
    for platform, depth, error in zip(table["platform_type"], table["depth"], found, strict=True):
        assert error == pytest.approx(ERRORS[platform].stddev(depth), rel=1e-5)
    outside = with_errors(table.assign(depth=9000.0), grid, same(grid, 0.5))["error"]
    assert outside[0] == pytest.approx(ERRORS["argo"].stddev(9000), rel=1e-4)
