"""Duplicates against a loop over all pairs, at the date line and the pole; tracks and their speeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deepda.quality import duplicates as module
from deepda.quality.casts import by_cast
from deepda.quality.duplicates import duplicates
from deepda.quality.tracks import track_speed

DEPTH = np.array([5.0, 30, 60, 100, 140, 180, 220, 260])
VALUE = np.array([25.0, 24.5, 23, 20, 17, 15, 13.5, 12.5])
START = np.datetime64("2008-03-01T06:30:00")


def cast(source: str = "a.nc", seconds: float = 0, value: object = VALUE, depth: object = DEPTH,
         **columns: object) -> pd.DataFrame:  # fmt: skip
    given = {
        "time": START + np.timedelta64(int(seconds), "s"), "lat": 10.0, "lon": -150.0, "depth": depth,
        "temperature": value, "platform_type": "ctd", "platform_id": f"ship of {source}",
        "source": source, "profile": 0,
    } | columns  # fmt: skip
    return pd.DataFrame(given)


def rejected(*frames: pd.DataFrame, check=duplicates) -> list[str]:
    """Sources of the rows that go, in the order of sources."""
    ordered = by_cast(pd.concat(frames, ignore_index=True))
    return sorted(ordered.loc[check(ordered), "source"].unique())


def test_the_same_cast_rounded_by_another_archive_is_a_duplicate() -> None:
    other = cast("b.nc", 1500, VALUE + 0.02, DEPTH + 0.4, lat=10.04, lon=210.03)[:6]
    assert rejected(cast(), other) == ["b.nc"]


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": 4000},
        {"lat": 10.09},
        {"value": VALUE + 0.3},
        {"platform_type": "xbt"},
        {"depth": DEPTH + 300},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_time_place_value_kind_or_depth_is_another_cast(change: dict) -> None:
    assert rejected(cast(), cast("b.nc", **change)) == []


def test_the_better_of_two_stays() -> None:
    short, long = cast("a.nc")[:5], cast("b.nc")
    assert rejected(short, long) == ["a.nc"]
    assert rejected(short.assign(data_mode="D"), long.assign(data_mode="R")) == ["b.nc"]
    qualities = pd.CategoricalDtype(["good", "unknown"], ordered=True)
    flagged = [cast(name).assign(qc=pd.Categorical([word] * 8, dtype=qualities))
               for name, word in (("a.nc", "unknown"), ("b.nc", "good"))]  # fmt: skip
    assert rejected(*flagged) == ["a.nc"]
    salty = [cast("a.nc", salinity=np.nan), cast("b.nc", salinity=35.0)]
    assert rejected(*salty) == ["a.nc"]


def test_one_platform_in_one_minute_is_one_cast_whatever_its_values() -> None:
    modes = [cast(name, value=VALUE + shift, platform_id="5900001", platform_type="argo", data_mode=mode)
             for name, shift, mode in (("R.nc", 2.0, "R"), ("D.nc", 0.0, "D"))]  # fmt: skip
    assert rejected(*modes) == ["R.nc"]


def test_hourly_series_of_a_mooring_are_no_duplicates_but_two_archives_of_it_are() -> None:
    def series(source: str, shift: float) -> pd.DataFrame:
        hours = [
            cast(source, 3600 * h + shift, VALUE + 0.01 * h, platform_type="mooring") for h in range(6)
        ]
        return pd.concat(hours, ignore_index=True)

    assert rejected(series("a.nc", 0)) == []
    both = by_cast(pd.concat([series("a.nc", 0), series("b.nc", 30)], ignore_index=True))
    bad = duplicates(both)
    assert bad.sum() == 48 and both.loc[bad, "source"].eq("b.nc").all()


def test_satellites_have_no_duplicates() -> None:
    fields = [
        cast(name, value=20.0, depth=np.zeros(3), platform_type="satellite") for name in ("a", "b")
    ]
    assert rejected(*fields) == []


def test_a_file_read_twice_leaves_each_row_once() -> None:
    twice = by_cast(pd.concat([cast(), cast()], ignore_index=True))
    bad = duplicates(twice)
    assert bad.sum() == 8
    pd.testing.assert_frame_equal(
        twice[~bad].drop(columns="cast").reset_index(drop=True), cast(), check_dtype=False
    )


def scatter(rng: np.random.Generator, casts: int) -> pd.DataFrame:
    """Casts in clusters around the date line, the pole and elsewhere; copies with small changes."""
    frames = []
    centres = [(0.0, 180.0), (89.98, 0.0), (-40.0, -180.0), (30.0, 359.99)]
    for number in range(casts):
        lat, lon = centres[rng.integers(4)]
        levels = rng.integers(1, 9)
        frames.append(
            cast(
                f"{rng.integers(5)}.nc",
                rng.uniform(0, 9000),
                VALUE[:levels] + rng.choice([0.0, 0.05, 0.2, 3.0]),
                DEPTH[:levels],
                lat=min(90.0, lat + rng.uniform(-0.1, 0.1)),
                lon=lon + (rng.uniform(-0.1, 0.1) if abs(lat) < 80 else rng.uniform(-180, 180)),
                platform_type=rng.choice(["ctd", "other", "mooring", "argo"]),
                platform_id=str(rng.integers(4)),
                profile=number,
            )
        )
    return pd.concat(frames, ignore_index=True)


def brute(table: pd.DataFrame) -> np.ndarray:
    """All pairs, by the words of the module and great circles of the haversine formula."""
    groups = [rows for _, rows in table.groupby("cast", sort=True)]
    order = sorted(range(len(groups)), key=lambda n: (
        -len(groups[n]), groups[n]["time"].iloc[0], groups[n]["profile"].iloc[0]))  # fmt: skip
    bad = np.zeros(len(table), bool)
    for place, worse in enumerate(order):
        if any(_same(groups[better], groups[worse]) for better in order[:place]):
            bad[table["cast"] == worse] = True
    return bad


def _same(better: pd.DataFrame, worse: pd.DataFrame) -> bool:
    a, b = better.iloc[0], worse.iloc[0]
    one, two = np.deg2rad([a.lat, a.lon]), np.deg2rad([b.lat, b.lon])
    half = np.sin((two - one) / 2) ** 2
    way = 2 * 6371 * np.arcsin(np.sqrt(half[0] + np.cos(one[0]) * np.cos(two[0]) * half[1]))
    apart = abs((a.time - b.time).total_seconds())
    series = min(len(better), len(worse)) < 2 or "mooring" in (a.platform_type, b.platform_type)
    longest = 60 if a.source == b.source else 300 if series else 3600
    kinds = {a.platform_type, b.platform_type}
    if way > 8 or apart > longest or (len(kinds) > 1 and "other" not in kinds):
        return False
    slack = 5 + 0.02 * worse["depth"]
    common = worse["depth"].between(better["depth"].min() - slack, better["depth"].max() + slack)
    if common.sum() < max(0.5 * len(worse), 1):
        return False
    if a.platform_id == b.platform_id and a.source != b.source and apart <= 60:
        return True
    there = np.interp(worse["depth"][common], better["depth"], better["temperature"])
    difference = np.sort(np.abs(there - worse["temperature"][common]))
    median = difference[(len(difference) - 1) // 2]
    return bool(median <= (0.001 if a.source == b.source else 0.1))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_duplicates_agree_with_a_loop_over_all_pairs(seed: int) -> None:
    table = by_cast(scatter(np.random.default_rng(seed), 100))
    bad = duplicates(table)
    np.testing.assert_array_equal(bad, brute(table))
    assert 10 < table.loc[bad, "cast"].nunique() < 95


def test_the_order_of_rows_does_not_decide() -> None:
    rng = np.random.default_rng(9)
    table = scatter(rng, 80)
    first = by_cast(table)
    shuffled = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    second = by_cast(shuffled)
    kept = [set(t.loc[~duplicates(t), "profile"]) for t in (first, second)]
    assert kept[0] == kept[1]


def test_many_casts_at_one_place_and_time_do_not_explode() -> None:
    same = cast("a.nc", value=np.array([20.0]), depth=np.array([5.0]), platform_type="ship")
    many = pd.concat(
        [same.assign(temperature=t, profile=n) for n, t in enumerate(np.linspace(0, 30, 300))]
    )
    assert not duplicates(by_cast(many.reset_index(drop=True))).any()


def test_the_constants_say_what_the_words_say() -> None:
    assert (module.WITHIN, module.HOUR, module.SERIES, module.MINUTE) == (8.0, 3600.0, 300.0, 60.0)


# tracks


def track(lat: list[float], lon: list[float], hours: list[float], **columns: object) -> pd.DataFrame:
    frames = [
        cast("a.nc", 3600 * h, profile=n, lat=y, lon=x, platform_id="SHIP7", **columns)
        for n, (y, x, h) in enumerate(zip(lat, lon, hours, strict=True))
    ]
    return pd.concat(frames, ignore_index=True)


def gone(table: pd.DataFrame) -> list[int]:
    ordered = by_cast(table)
    return sorted(ordered.loc[track_speed(ordered), "profile"].unique().tolist())


LON = [179.0, 179.5, -180.0, -179.5, -179.0, -178.5]
HOURS = [0.5, 4, 8, 12, 16, 20]


def test_a_ship_crosses_the_date_line_without_speed() -> None:
    assert gone(track([0.0] * 6, LON, HOURS)) == []


@pytest.mark.parametrize("wrong", range(6))
def test_one_wrong_position_is_found_wherever_it_is(wrong: int) -> None:
    lat = [0.0] * 6
    lat[wrong] = 30.0
    assert gone(track(lat, LON, HOURS)) == [wrong]


def test_two_wrong_positions_are_found() -> None:
    assert gone(track([0, 30, 0, 0, -40, 0], LON, HOURS)) == [1, 4]


def test_floats_are_slower_than_ships() -> None:
    lat = [0, 0, 0, 6.0, 0, 0]  # 670 km in 40 hours: 4.6 m/s
    slow = [10 * h for h in HOURS]
    assert gone(track(lat, LON, slow)) == []
    assert gone(track(lat, LON, slow, platform_type="argo")) == [3]


def test_names_of_many_ships_and_pairs_give_no_verdict() -> None:
    lat = [0, 40, -40, 40, -40, 0]
    assert gone(track(lat, LON, HOURS)) == []
    assert gone(track([0.0, 40.0], LON[:2], HOURS[:2])) == []
    wrong = track([0, 30, 0, 0, 0, 0], LON, HOURS)
    assert gone(wrong) == [1]
    for shared in ("SHIP", "masked", "BUOY", "0000", ""):
        assert gone(wrong.assign(platform_id=shared)) == []
    assert gone(wrong.drop(columns="platform_id")) == []


def test_a_day_without_an_hour_is_a_day_long() -> None:
    table = track([0, 5, 0, 0, 0, 0], LON, [24 * n - 6.5 for n in range(6)])
    assert gone(table) == []


def test_platforms_are_judged_one_by_one() -> None:
    one = track([0, 30, 0, 0, 0, 0], LON, HOURS)
    two = track([40.0] * 6, LON, HOURS).assign(platform_id="SHIP8", source="b.nc")
    bad = by_cast(pd.concat([one, two], ignore_index=True))
    bad = bad[track_speed(bad)]
    assert set(bad["platform_id"]) == {"SHIP7"} and set(bad["profile"]) == {1}
