"""What all readers share: sea water, times, flags, sorting into kept and rejected, the guard."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import cftime
import netCDF4
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepda.observations.calendars import decode_times, digits
from deepda.observations.errors import ERRORS
from deepda.observations.flags import ARGO, declared, qualities, quality_of
from deepda.observations.formats import format_of, read_observations
from deepda.observations.guard import Guard
from deepda.observations.qualities import BAD, GOOD, PROBABLY_GOOD, SUSPECT, UNKNOWN, worst
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult, finish, rows_of
from deepda.observations.seawater import (
    depth_of,
    nearest,
    potential_temperature,
    pressure_of,
)
from deepda.observations.table import require_table

NOW = np.datetime64("2020-06-01T00:00:00")


def rows(**changes: object) -> pd.DataFrame:
    """Three good levels, with changes."""
    fields: dict[str, object] = {
        "time": np.array(["2010-01-01T00:00:00"] * 3, "datetime64[s]"),
        "lat": [10.0, 10.0, 10.0], "lon": [200.0, 200.0, 200.0], "depth": [5.0, 100.0, 1000.0],
        "temperature": [25.0, 15.0, 5.0], "quality_temperature": np.array([GOOD] * 3, np.int8),
        "profile": [0, 0, 0], "source_index": [0, 1, 2],
    }  # fmt: skip
    return pd.DataFrame(fields | changes)


def sort(frame: pd.DataFrame, potential: bool = True, **options: object) -> ReadResult:
    kind = "potential" if potential else "in_situ"
    return finish(frame, Path("x.nc"), "own", ReadOptions(now=NOW, **options), kind)  # type: ignore[arg-type]


# Sea water


def test_depth_of_pressure_is_the_check_value_of_unesco() -> None:
    """UNESCO technical papers 44 (1983): 9712.653 m at 10000 dbar and 30 degrees; TEOS-10 within 2 m."""
    assert depth_of(np.array([10_000.0]), np.array([30.0]))[0] == pytest.approx(9712.653, abs=2.0)


@given(st.floats(0, 6000), st.floats(-90, 90))
def test_pressure_and_depth_are_inverse(depth: float, lat: float) -> None:
    z, where = np.array([depth]), np.array([lat])
    assert depth_of(pressure_of(z, where), where)[0] == pytest.approx(depth, abs=1e-6)


def bryden(t: np.ndarray, s: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Potential temperature by Bryden (1973, Deep-Sea Research 20), p in bar: an independent formula."""
    return (
        t
        - p * (3.6504e-4 + 8.3198e-5 * t - 5.4065e-7 * t**2 + 4.0274e-9 * t**3)
        - p * (s - 35) * (1.7439e-5 - 2.9778e-7 * t)
        - p**2 * (8.9309e-7 - 3.1628e-8 * t + 2.1987e-10 * t**2)
        + 4.1057e-9 * (s - 35) * p**2
        - p**3 * (-1.6056e-10 + 5.0484e-12 * t)
    )


def test_potential_temperature_agrees_with_bryden() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 5000, 500)
    t = rng.uniform(-1.5, 28, 500) * np.exp(-p / 1500)
    s, lat, lon = rng.uniform(33, 37, 500), rng.uniform(-60, 60, 500), rng.uniform(-180, 180, 500)
    assert bryden(np.array(10.0), np.array(25.0), np.array(1000.0)) == pytest.approx(8.4678516, abs=1e-6)
    np.testing.assert_allclose(potential_temperature(t, s, p, lat, lon), bryden(t, s, p / 10), atol=4e-3)


def test_a_constant_salinity_costs_less_than_an_xbt_error() -> None:
    p, there = np.linspace(0, 2000, 50), np.zeros(50)
    t = 2 + 25 * np.exp(-p / 500)
    standard = potential_temperature(t, np.full(50, np.nan), p, there, there)
    fresh = potential_temperature(t, np.full(50, 33.0), p, there, there)
    assert np.abs(standard - fresh).max() < 0.02 < ERRORS["xbt"].instrument


@given(st.floats(-720, 720))
def test_the_nearest_longitude_goes_round(lon: float) -> None:
    centres = np.array([2.0, 94.0, 183.0, 271.0, 355.0])
    found = centres[nearest(centres, np.array([lon]), turn=360.0)][0]
    gap = np.abs((centres - lon + 180) % 360 - 180)
    assert np.abs((found - lon + 180) % 360 - 180) == pytest.approx(gap.min(), abs=1e-9)


# Times and flags


@pytest.mark.parametrize(
    "units",
    ["days since 1950-01-01", "hours since 1800-1-1 00:00:00", "seconds since 1970-01-01T00:00:00Z",
     "days since 1-1-1 00:00:00", "minutes since 1582-10-15", "days since 1500-03-01 12:30:00"],
)  # fmt: skip
def test_times_agree_with_cftime(units: str) -> None:
    when = cftime.DatetimeGregorian(2004, 2, 29, 6, 30)
    value = np.array(
        [float(cftime.date2num(when, units.replace("T", " ").replace("Z", ""), "standard")), np.nan]
    )
    decoded = decode_times(value, units, "standard", ObservationError)
    assert decoded[0] == np.datetime64("2004-02-29T06:30:00") and np.isnat(decoded[1])


def test_months_are_counted_on_the_calendar() -> None:
    decoded = decode_times(np.array([0.0, 1.5, 14.0]), "months since 2000-01-01", "", ObservationError)
    expected = np.array(["2000-01-01T00", "2000-02-15T12", "2001-03-01T00"], "datetime64[s]")
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize(
    ("units", "calendar"),
    [("Month", ""), ("days since 0-1-1", ""), ("days since 2000-13-01", ""),
     ("parsecs since 2000-01-01", ""), ("days since 2000-01-01", "lunar"),
     ("years since 2000-01-01", ""), ("days since 2000-01-01 00:00 JST", "")],
)  # fmt: skip
def test_times_that_mean_no_date_are_refused(units: str, calendar: str) -> None:
    with pytest.raises(ObservationError, match="expected"):
        decode_times(np.array([1.0]), units, calendar, ObservationError)


def test_dates_in_digits_have_no_31_june() -> None:
    date = np.array([20040229, 20030229, 20040631, 20041300, -9999])
    made = digits(date.astype(float), np.array([63000.0, 0, 0, 0, 0]))
    assert made[0] == np.datetime64("2004-02-29T06:30:00") and np.isnat(made[1:]).all()


def test_a_clock_in_digits_has_no_minute_75() -> None:
    clock = np.array([235959, 127500, 120075, 240000, -1, np.nan, np.inf])
    made = digits(np.full(clock.size, 20040229.0), clock)
    assert made[0] == np.datetime64("2004-02-29T23:59:59") and np.isnat(made[1:]).all()


@pytest.mark.parametrize(
    "raw",
    [np.array([b"1", b"2", b" ", b"4", b"9"]), np.array([1, 2, -1, 4, 9]),
     np.array([49, 50, 0, 52, 57], "i1"), np.array([1.0, 2.0, 0.0, 4.0, 9.0]),
     np.array(["1", "2", "", "4", "9"]), np.array(["1", "2", " ", "4", "9"], object)],
)  # fmt: skip
def test_a_flag_is_the_same_as_digit_character_or_code(raw: np.ndarray) -> None:
    assert qualities(raw, ARGO).tolist() == [GOOD, PROBABLY_GOOD, UNKNOWN, BAD, BAD]


def test_unheard_of_flags_are_bad() -> None:
    assert qualities(np.array([6, 7, 42, 126]), ARGO).tolist() == [BAD] * 4


def test_texts_that_are_no_flag_are_bad() -> None:
    assert qualities(np.array(["1", "good", "\N{DEGREE SIGN}"], object), ARGO).tolist() == [
        GOOD,
        BAD,
        BAD,
    ]


@pytest.mark.parametrize("word", ["not-good", "not_good", "no-data"])
def test_a_word_of_a_flag_means_the_same_with_a_hyphen(word: str) -> None:
    assert quality_of(word) == BAD


def test_numbers_within_the_meanings_of_flags_are_their_codes() -> None:
    said = "1=good, 2=not checked, 9=no data"
    scheme = declared({"flag_meanings": said, "flag_values": np.array([1, 2, 9], "i1")})
    assert scheme is not None
    assert scheme.qualities(np.array([1, 2, 9, 3])).tolist() == [GOOD, UNKNOWN, BAD, UNKNOWN]
    assert declared({"flag_meanings": said, "flag_values": np.array([1, 2, 3], "i1")}) is None


def test_the_worst_quality_wins() -> None:
    assert worst(GOOD, [PROBABLY_GOOD, BAD], [[SUSPECT], [GOOD]]).tolist() == [
        [SUSPECT, BAD],
        [PROBABLY_GOOD, BAD],
    ]


# Sorting


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("time", np.datetime64("NaT"), "time_missing"),
        ("time", np.datetime64("1600-01-01", "s"), "time_impossible"),
        ("time", np.datetime64("2020-06-03", "s"), "time_in_future"),
        ("lat", np.nan, "position_missing"),
        ("lat", 200.0, "position_impossible"),
        ("lon", -999.999, "position_impossible"),
        ("depth", np.nan, "depth_missing"),
        ("depth", -10.0, "depth_impossible"),
        ("depth", 13_000.0, "depth_impossible"),
        ("temperature", np.nan, "temperature_missing"),
        ("temperature", 288.15, "temperature_looks_kelvin"),
        ("temperature", 99.0, "temperature_impossible"),
        ("quality_temperature", np.int8(BAD), "temperature_flagged_bad"),
        ("quality_temperature", np.int8(SUSPECT), "temperature_flagged_suspect"),
    ],
)
def test_each_fault_has_its_name_and_rejects_its_row_alone(
    column: str, value: object, reason: str
) -> None:
    frame = rows()
    frame.loc[1, column] = value  # type: ignore[call-overload]
    result = sort(frame)
    assert result.reasons == {reason: 1}
    assert result.table["source_index"].tolist() == [0, 2] and result.rejects[
        "source_index"
    ].tolist() == [1]
    require_table(result.table)


def test_swapped_positions_are_recognised() -> None:
    result = sort(rows(lat=[200.0] * 3, lon=[10.0] * 3))
    assert result.reasons == {"position_looks_swapped": 3}


@pytest.mark.parametrize("lon", [-170.0, 190.0, -190.0, 360.0])
def test_any_longitude_convention_is_kept(lon: float) -> None:
    assert len(sort(rows(lon=[lon] * 3)).table) == 3


def test_a_sensor_just_above_the_surface_is_at_it() -> None:
    assert sort(rows(depth=[-0.4, 100.0, 1000.0])).table["depth"].iloc[0] == 0


def test_the_first_reason_stays() -> None:
    frame = rows(lat=[np.nan] * 3, temperature=[np.nan] * 3, reason=["mine", "", ""])
    assert sort(frame).reasons == {"position_missing": 2, "mine": 1}


def test_errors_are_those_of_the_platform_and_the_depth() -> None:
    table = sort(rows(platform_type=["xbt"] * 3)).table
    np.testing.assert_allclose(table["error"], ERRORS["xbt"].stddev(table["depth"]), rtol=1e-6)


def test_casts_without_a_platform_are_platforms_of_their_own() -> None:
    frame = rows(platform_id=["", "a", ""], profile=[0, 1, 2])
    assert sort(frame).table["platform_id"].tolist() == ["cast_0", "a", "cast_2"]


def test_rows_that_vanish_are_found() -> None:
    result = sort(rows())
    with pytest.raises(AssertionError, match="lost or made rows"):
        ReadResult(result.source, "own", 4, result.table, result.rejects)


def test_a_file_without_rows_is_refused() -> None:
    with pytest.raises(ObservationError, match="holds no value"):
        sort(rows().iloc[:0])


def test_rows_know_their_cast_and_their_place() -> None:
    present = np.array([[True, False, True], [False, True, False]])
    frame = rows_of(present, a=[7.0, 8.0], b=np.arange(6.0).reshape(2, 3), c="x", d=["u", "v"])
    assert frame["profile"].tolist() == [0, 0, 1] and frame["source_index"].tolist() == [0, 2, 4]
    assert frame["a"].tolist() == [7, 7, 8] and frame["b"].tolist() == [0, 2, 4]
    assert frame["c"].tolist() == ["x"] * 3 and frame["d"].tolist() == ["u", "u", "v"]


def test_unknown_qualities_to_keep_are_refused() -> None:
    with pytest.raises(ObservationError, match="keep holds fine"):
        ReadOptions(keep=("fine",))


# The door and the guard


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.nc", b"", "zero bytes"),
        ("text.nc", b"time,lat\n", "is a text"),
        ("zip.nc", b"PK\x03\x04rest", "packed by zip"),
        ("short.nc", b"CDF\x01", "header does not end"),
        ("short.grd", b"\x00\x00\x48\x00abc", "Fortran records"),
    ],
)
def test_what_is_no_observation_file_is_refused(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ObservationError, match=words):
        read_observations(tmp_path / name)


def test_missing_files_and_folders_are_distinguished(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="is missing"):
        format_of(tmp_path / "none.nc")
    with pytest.raises(ObservationError, match="is a folder"):
        format_of(tmp_path)


def test_variables_in_groups_are_said_to_be_in_groups(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "x.nc", "w") as data:
        data.createGroup("cruise/ctd").createDimension("obs", 3)
        data["cruise/ctd"].createVariable("temperature", "f4", ("obs",))
    with pytest.raises(ObservationError, match=r"in groups \(cruise/ctd\), expected .*; copy"):
        format_of(tmp_path / "x.nc")


@pytest.mark.slow
def test_a_crash_of_the_library_is_a_refusal_and_the_next_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("time,lat,lon,depth,temperature\n2010-01-01,1,2,3,4\n")
    with Guard() as guard:
        assert guard.read(tmp_path / "own.csv", "own", ReadOptions()).rows_in == 1
        assert guard._child is not None
        first = guard._child.pid
        guard._child.kill()
        guard._child.wait()
        assert guard.read(tmp_path / "own.csv", "own", ReadOptions()).rows_in == 1
        assert guard._child.pid != first


@pytest.mark.slow
def test_a_library_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepda.observations.guard.PATIENCE", 1.0)
    (tmp_path / "own.csv").write_text("time,lat,lon,depth,temperature\n2010-01-01,1,2,3,4\n")
    start = time.monotonic()
    with (
        Guard() as guard,
        pytest.raises(ObservationError, match=r"took longer than 1 s"),
    ):
        guard.read(tmp_path / "own.csv", "own", ReadOptions(columns=Sleepy()))  # type: ignore[arg-type]
    assert time.monotonic() - start < 20


class Sleepy(dict):
    """Options that never arrive: unpickling them takes an hour."""

    def __reduce__(self) -> tuple:
        return time.sleep, (3600,)


@pytest.mark.slow
def test_a_fault_of_a_reader_is_no_refusal(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("time,lat,lon,depth,temperature\n2010-01-01,1,2,3,4\n")
    with Guard() as guard, pytest.raises(RuntimeError, match="fault of the reader"):
        guard.read(tmp_path / "own.csv", "no_such_format", ReadOptions())


def test_results_and_options_travel_between_processes() -> None:
    again = pickle.loads(pickle.dumps((sort(rows()), ReadOptions())))
    assert again[0].rows_in == 3 and again[1].keep == ReadOptions().keep
