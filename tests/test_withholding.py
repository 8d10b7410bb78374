"""Withholding: whole platforms, by name alone, the same everywhere and at every share."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepda.observations.table import PLATFORM_TYPE
from deepda.quality.platform_names import is_named
from deepda.quality.withholding import WithholdingError, bears_a_name, draw_of, withheld

NAMES = st.text("ABCQ0123456789 -_", max_size=9)


def table_of(names: list[str], kind: str | list[str] = "argo") -> pd.DataFrame:
    """A row a name, each at its own time and place."""
    count = len(names)
    return pd.DataFrame(
        {
            "time": np.datetime64("1999-03-01T00:00:00") + np.arange(count) * np.timedelta64(2, "D"),
            "lat": np.linspace(-70, 70, count),
            "lon": np.linspace(-180, 179, count),
            "platform_id": names,
            "platform_type": pd.Categorical(
                [kind] * count if isinstance(kind, str) else kind, dtype=PLATFORM_TYPE
            ),
        }
    )


def named(count: int) -> list[str]:
    return [f"{number:07d}" for number in range(1_900_000, 1_900_000 + count)]


def test_the_draw_of_a_platform_never_changes() -> None:
    """Pinned (`printf 0:5900001 | b2sum -l 64`): runs made before must find their platforms again."""
    assert draw_of("5900001") == pytest.approx(0.5900599531, abs=1e-9)
    assert draw_of("5900001", seed=7) == pytest.approx(0.3715788344, abs=1e-9)


@pytest.mark.slow
def test_another_process_with_another_hash_seed_agrees() -> None:
    code = "from deepda.quality.withholding import draw_of; print(repr(draw_of('Q5900001', 3)))"
    draws = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert draws == {f"{draw_of('Q5900001', 3)!r}\n".encode()}


@pytest.mark.slow
@given(st.lists(NAMES, min_size=1, max_size=30), st.randoms(), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_the_side_of_a_platform_depends_on_nothing_but_its_name(
    names: list[str], random: object, seed: int
) -> None:
    table = table_of(names)
    sides = withheld(table, 0.4, seed=seed)
    order = list(range(len(names)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = table.iloc[order].astype({"platform_id": "category"})
    np.testing.assert_array_equal(withheld(shuffled, 0.4, seed=seed), sides[order])
    for name, side in zip(names, sides, strict=True):
        if is_named(name):
            assert side == (draw_of(name, seed) < 0.4)


@pytest.mark.slow
@given(st.lists(NAMES, min_size=1, max_size=30), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_withheld_at_a_share_is_withheld_at_every_larger_one(
    names: list[str], one: float, other: float
) -> None:
    table = table_of(names)
    few, many = (withheld(table, share) for share in sorted((one, other)))
    assert not (few & ~many).any()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_share_of_platforms_is_right_within_its_binomial_error(share: float, seed: int) -> None:
    found = withheld(table_of(named(20_000)), share, seed=seed)
    assert abs(found.mean() - share) < 4 * np.sqrt(share * (1 - share) / found.size)


def test_none_and_all_are_exact() -> None:
    table = table_of(["A1", "", "SHIP", "5900001"])
    assert not withheld(table, 0).any()
    assert withheld(table, 1).all()


def test_another_seed_withholds_other_platforms() -> None:
    table = table_of(named(5000))
    one, other = (withheld(table, 0.1, seed=seed) for seed in (0, 1))
    assert (one & other).mean() == pytest.approx(0.01, abs=0.006)


def test_satellites_stay() -> None:
    table = table_of(["OISST"] * 3 + ["5900001"], ["satellite"] * 3 + ["argo"])
    assert withheld(table, 1.0).tolist() == [False, False, False, True]


@pytest.mark.parametrize("names", [["5900001", "Q5900001", " 5900001 ", "Q05900001"], ["dbbh", "DBBH "]])
def test_archives_that_write_a_name_differently_agree(names: list[str]) -> None:
    for seed in range(20):
        sides = withheld(table_of(names), 0.5, seed=seed)
        assert sides.all() or not sides.any()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "  ", "SHIP", "masked", "99999999", "0000", "cast_17", "nan"])
def test_rows_without_a_name_of_their_own_are_withheld_by_cast(name: str) -> None:
    """As one platform all of them would be on one side."""
    many = withheld(table_of([name] * 2000), 0.3)
    assert many.mean() == pytest.approx(0.3, abs=0.05)
    cast = table_of([name] * 2).iloc[[0] * 8]
    for seed in range(10):
        sides = withheld(cast, 0.5, seed=seed)
        assert sides.all() or not sides.any()


def test_a_nameless_cast_is_on_one_side_in_every_archive() -> None:
    here = table_of(["cast_1"] * 300)
    there = table_of(["cast_812"] * 300).assign(lon=here["lon"] % 360)  # other numbers, 0..360
    np.testing.assert_array_equal(withheld(here, 0.5), withheld(there, 0.5))


def test_a_missing_name_and_no_column_at_all_are_no_name() -> None:
    table = table_of([""] * 100)
    expected = withheld(table, 0.5)
    missing = table.assign(platform_id=pd.Categorical([None] * 100, categories=["5900001"]))
    np.testing.assert_array_equal(withheld(missing, 0.5), expected)
    np.testing.assert_array_equal(withheld(table.drop(columns="platform_id"), 0.5), expected)


def test_impossible_places_and_times_have_a_side_too() -> None:
    table = table_of([""] * 3).assign(lat=np.nan, lon=[np.inf, np.nan, 1e30])
    table["time"] = np.full(3, "NaT", "datetime64[s]")
    assert withheld(table, 0.5).shape == (3,)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(WithholdingError, match=r"expected 0 \(none\) to 1 \(all\)"):
        withheld(table_of(["A1"]), share)


def test_an_empty_table_has_no_rows() -> None:
    assert withheld(table_of([]), 0.5).size == 0


def test_platforms_are_withheld_by_name_however_an_archive_writes_it() -> None:
    table = table_of(["51010", " Q0051010 ", "510100", "5101", ""])
    assert bears_a_name(table, ["51010"]).tolist() == [True, True, False, False, False]
    assert not bears_a_name(table, []).any()
    assert bears_a_name(table.drop(columns="platform_id"), ["51010"]).tolist() == [False] * 5
