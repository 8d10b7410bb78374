"""Errors of synthetic observations that are not as stated: each setting changes what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_fraternal import SOURCE, truth_on
from toys import space_on, toy_grid

from deepda.geometry.grid import Grid
from deepda.observations.drawn_errors import DrawnErrors
from deepda.observations.synthetic import observe
from deepda.observations.table import PLATFORM_TYPE
from deepda.settings.compose import ConfigError, load_config
from osse.twin.fraternal import twin_of_truth
from osse.twin.observed_climatology import smooth_field
from osse.twin.twin import Twin, drawn_errors

LEVELS, CASTS, SHIPS = 4, 5, 2000


def ship_tracks(ships: int = SHIPS) -> pd.DataFrame:
    """Casts of LEVELS values, CASTS a ship, one after another."""
    ship, cast, level = np.indices((ships, CASTS, LEVELS)).reshape(3, -1)
    time = np.datetime64("2002-05-10T00:00:00", "s") + 3600 * cast
    return pd.DataFrame(
        {
            "time": time,
            "lat": 10.0 + cast,
            "lon": 200.0,
            "depth": 10.0 * level,
            "platform_type": pd.Categorical(["xbt"] * ship.size, dtype=PLATFORM_TYPE),
            "platform_id": np.char.add("S", ship.astype(str)),
        }
    )


def scenes(count: int = 3000) -> pd.DataFrame:
    """Two satellite values of a scene and one 40 degrees away, in each of many windows."""
    lat, lon = np.tile([11.0, 13.0, 51.0], count), np.tile([102.0, 108.0, 102.0], count)
    time = np.datetime64("2002-01-01T00:00:00", "s") + 86400 * np.repeat(np.arange(count), 3)
    places = {"time": time, "lat": lat, "lon": lon, "depth": 0.0, "platform_type": "satellite"}
    return pd.DataFrame(places).assign(platform_id="satellite")


def drawn(errors: DrawnErrors, places: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """Errors over stated standard deviations of 0.3 K."""
    stated = np.full(len(places), 0.3)
    return errors.draw(places, stated, np.random.default_rng(seed)) / 0.3


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_without_settings_errors_are_what_they_were_bit_for_bit() -> None:
    places = ship_tracks(50)
    expected = 0.3 * np.random.default_rng(3).standard_normal(len(places))
    found = DrawnErrors().draw(places, np.full(len(places), 0.3), np.random.default_rng(3))
    np.testing.assert_array_equal(found, expected)
    assert drawn_errors(load_config("osse")) == DrawnErrors(seed=1)


def test_errors_of_a_cast_and_of_a_track_correlate_by_their_shares() -> None:
    values = drawn(DrawnErrors(1, cast_share=0.3, track_share=0.4), ship_tracks())
    by_ship = values.reshape(SHIPS, CASTS, LEVELS)
    assert values.var() == pytest.approx(1.0, abs=0.05)
    assert correlation(by_ship[:, :, 0], by_ship[:, :, 1]) == pytest.approx(0.7, abs=0.03)  # of a cast
    assert correlation(by_ship[:, 0], by_ship[:, 1]) == pytest.approx(0.4, abs=0.04)  # of a track
    assert correlation(by_ship[:-1], by_ship[1:]) == pytest.approx(0.0, abs=0.04)  # of two ships


def test_the_error_of_a_platform_lasts_through_the_windows_and_depends_on_the_seed() -> None:
    places, errors = ship_tracks(400), DrawnErrors(1, track_share=0.8)
    first = drawn(errors, places, 1).reshape(400, -1).mean(axis=1)
    later = places.assign(time=places["time"] + np.timedelta64(5, "D"))
    assert correlation(first, drawn(errors, later, 2).reshape(400, -1).mean(axis=1)) > 0.9
    other = drawn(replace(errors, seed=2), places, 1).reshape(400, -1).mean(axis=1)
    assert abs(correlation(first, other)) < 0.2


def test_errors_within_a_satellite_scene_correlate_by_their_share() -> None:
    values = drawn(DrawnErrors(1, cast_share=0.9, scene_share=0.5), scenes()).reshape(-1, 3)
    assert values.var() == pytest.approx(1.0, abs=0.05)
    assert correlation(values[:, 0], values[:, 1]) == pytest.approx(0.5, abs=0.05)
    assert correlation(values[:, 0], values[:, 2]) == pytest.approx(0.0, abs=0.06)
    assert correlation(values[1:, 0], values[:-1, 0]) == pytest.approx(0.0, abs=0.06)


def test_a_biased_platform_has_its_mean_and_no_other_has() -> None:
    errors = DrawnErrors(biased=("xbt",), bias=0.25)
    assert (drawn(errors, ship_tracks()) * 0.3).mean() == pytest.approx(0.25, abs=0.01)
    assert (drawn(errors, scenes()) * 0.3).mean() == pytest.approx(0.0, abs=0.02)


def test_the_variance_of_errors_goes_with_the_square_of_their_factor() -> None:
    assert drawn(DrawnErrors(factor=1.5), ship_tracks()).var() == pytest.approx(2.25, rel=0.02)


def test_the_stated_error_is_not_touched(grid: Grid) -> None:
    places = ship_tracks(20).assign(lat=grid.lat[0], lon=grid.lon[1], depth=grid.depth[0])
    truth = np.where(grid.ocean, 10.0, np.nan)
    tables = [
        observe(truth, grid, places, np.random.default_rng(0), drawn=errors)
        for errors in (DrawnErrors(), DrawnErrors(1, 0.5, 0.4, 0.3, ("xbt",), 0.5, 2.0))
    ]
    np.testing.assert_array_equal(tables[0]["error"], tables[1]["error"])
    assert not np.allclose(tables[0]["temperature"], tables[1]["temperature"])


def twin(*settings: str) -> Twin:
    space = space_on(toy_grid(np.random.default_rng(0)))
    common = ["per_year=12", "osse.test_years=1", "osse.spinup=1", "observations=random"]
    config = load_config("osse", [*common, *settings])
    return twin_of_truth(config, space, space.grid, truth_on(space.grid, 4), SOURCE)


def test_the_settings_arrive_in_the_observations_of_the_twin() -> None:
    plain = twin().table(0)
    biased = twin("observations.biased=[argo]", "observations.bias=3").table(0)
    apart = (biased["temperature"] - plain["temperature"]).groupby(plain["platform_type"], observed=True)
    assert apart.mean().to_dict() == pytest.approx({"satellite": 0.0, "argo": 3.0}, abs=1e-5)


@pytest.mark.slow
def test_an_observed_climatology_errs_by_its_share_of_the_standard_deviation() -> None:
    plain, wrong = (
        twin(*more).space.climatology for more in ((), ("observations.climatology_error=0.4",))
    )
    ratio = ((wrong.mean - plain.mean) / plain.stddev)[:, np.isfinite(plain.stddev)]
    assert np.ptp(ratio, axis=0).max() < 1e-4  # in all seasons
    field = np.broadcast_to(
        smooth_field(toy_grid(np.random.default_rng(0)), np.random.default_rng(3_001)),
        plain.stddev.shape,
    )
    np.testing.assert_allclose(ratio[0], 0.4 * field[np.isfinite(plain.stddev)], atol=1e-4)
    np.testing.assert_array_equal(wrong.stddev, plain.stddev)


@pytest.mark.slow
def test_the_error_of_a_climatology_is_smooth_and_of_variance_one() -> None:
    ocean = np.ones((1, 3, 90), bool)
    globe = Grid(np.linspace(-15, 15, 4), np.linspace(0, 360, 91), np.array([0.0, 10.0]), ocean)
    fields = np.stack([smooth_field(globe, np.random.default_rng(seed))[1] for seed in range(600)])
    assert fields.var() == pytest.approx(1.0, abs=0.06)
    chord = 2 * 6371.0 * np.sin(np.deg2rad(10))  # km, 20 degrees of longitude on the equator
    expected = np.exp(-0.5 * (chord / 2000) ** 2)
    assert correlation(fields[:, :-5], fields[:, 5:]) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cast_share=0.6", "track_share=0.6"], "sum to 1.2, expected at most 1"),
        (["scene_share=2"], "scene_share is 2, expected a fraction"),
        (["bias=0.1"], "expected both or neither"),
        (["biased=[float]", "bias=0.1"], "is float, expected satellite"),
        (["error_factor=0"], "error_factor is 0"),
        (["climatology_error=-1"], "climatology_error is -1"),
    ],
)
def test_settings_of_errors_that_contradict_themselves_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config("osse", [f"observations.{word}" for word in words])
