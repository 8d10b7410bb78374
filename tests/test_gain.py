"""The gain over the best baseline and its interval."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from deepda.verification import VerificationError
from deepda.verification.bootstrap import gain_over
from osse.twin.report import headline
from osse.twin.scores import gain_of, gain_words


def red_squares(rng: np.random.Generator, count: int, lag: float) -> np.ndarray:
    """(window) squares of mean one whose logarithms are autocorrelated."""
    noise = rng.standard_normal(count)
    for step in range(1, count):
        noise[step] = lag * noise[step - 1] + np.sqrt(1 - lag**2) * noise[step]
    return np.exp(0.5 * noise - 0.125)


def test_a_method_that_halves_every_error_gains_half_without_doubt() -> None:
    square = red_squares(np.random.default_rng(0), 146, 0.8)
    assert gain_over(square / 4, square, 18) == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.slow
def test_the_interval_holds_the_true_gain_about_as_often_as_it_says() -> None:
    rng, held, narrow = np.random.default_rng(1), 0, 0
    for _ in range(200):
        square, other = red_squares(rng, 219, 0.7), red_squares(rng, 219, 0.7)
        found, independent = gain_over(square, other, 18), gain_over(square, other, 1)
        held += found.low < 0 < found.high
        narrow += independent.low < 0 < independent.high
    assert 0.87 < held / 200 < 0.99
    assert narrow / 200 < 0.8  # what taking windows for independent would cost


def test_windows_that_do_not_match_or_are_one_block_are_refused() -> None:
    with pytest.raises(VerificationError, match=r"18 and 18 windows found, .* block of 18"):
        gain_over(np.ones(18), np.ones(18), 18)
    with pytest.raises(VerificationError, match="40 and 39 windows"):
        gain_over(np.ones(40), np.ones(39), 18)


def sums(square: float, windows: int) -> xr.Dataset:
    shape = (("time", "region", "depth"), np.ones((windows, 1, 2)))
    both = xr.Dataset({"square": shape, "weight": shape}, {"region": ["global"]})
    both["square"] = both["square"] * square
    return both


@pytest.mark.parametrize(("windows", "known"), [(3, False), (24, True)])
def test_the_gain_is_over_the_best_of_all_baselines(windows: int, known: bool) -> None:
    squares = {"analysis": 0.81, "climatology": 4.0, "persistence": 1.0, "oi": 2.25}
    found = gain_of({name: sums(square, windows) for name, square in squares.items()}, 12)
    assert found["baseline"] == "persistence" and found["gain"] == pytest.approx(0.1)
    assert (found["low"] is not None) == known
    assert gain_words(found).startswith("10.0 % below that of persistence")
    assert ("interval" in gain_words(found)) == known


def test_the_page_begins_with_the_gain_over_the_best_baseline_not_over_a_weaker_one() -> None:
    gain = {"baseline": "own_error_oi", "gain": 0.1, "low": 0.08, "high": 0.12}
    rmse = {"analysis": 0.9, "own_error_oi": 1.0, "oi": 2.0, "climatology": 1.8}
    assert headline(rmse, gain) == (
        "The error of the analysis is 0.900 K, 10.0 % below that of the best baseline, optimal "
        "interpolation with its own errors (95 % interval 8.0 to 12.0 %), and 50.0 % below that of "
        "climatology (1.80 K)."
    )


@pytest.mark.parametrize(
    ("gain", "low", "high", "words"),
    [
        (0.064, 0.053, 0.075, "6.4 % below that of persistence (95 % interval 5.3 to 7.5 %)"),
        (-0.02, -0.03, -0.01, "2.0 % above that of persistence (95 % interval 1.0 to 3.0 %)"),
        (-0.004, -0.066, 0.048,
         "0.4 % above that of persistence (95 % interval 6.6 % above to 4.8 % below)"),
    ],
)  # fmt: skip
def test_the_ends_of_an_interval_say_on_which_side_of_the_baseline_they_lie(
    gain: float, low: float, high: float, words: str
) -> None:
    assert gain_words({"baseline": "persistence", "gain": gain, "low": low, "high": high}) == words
