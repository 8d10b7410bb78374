"""Times of the files of one simulation, each read by what it declares; snapshots are no means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from deepda.control.axes import ControlError
from deepda.control.joined_times import StampError
from deepda.control.model_files import open_native
from deepda.control.prepare import open_control, open_prepared, prepare_control
from tests.test_control import TARGET, days, regular_file

LENGTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])  # days, noleap
HALF_DAY = 0.5
KIND = {"standard_name": "sea_water_potential_temperature"}


def monthly_file(
    path: Path, first: int, count: int, stamp: str | None = None, **attributes: str
) -> Path:
    """Months `first` (since January of year 1) and after; of each the value is its number / 10.

    `stamp` places stamps without bounds; None writes bounds, and stamps at their end.
    """
    edges = np.append(0.0, np.cumsum(np.tile(LENGTHS, (first + count) // 12 + 1)))[first:]
    begin, end = edges[:count], edges[1 : count + 1]
    units = {"units": "days since 0001-01-01", "calendar": "noleap"}
    places = {
        None: end,
        "midnight": begin,
        "end": end,
        "first noon": begin + HALF_DAY,
        "middle": (begin + end) / 2,
    }
    time = {"time": xr.Variable("time", places[stamp], units)}
    if stamp is None:
        time["time"].attrs["bounds"] = "time_bnds"
        time["time_bnds"] = xr.Variable(("time", "bnds"), np.stack([begin, end], axis=1))
    return regular_file(path, (first + np.arange(count)) / 10, time, **{**KIND, **attributes})


def begun(time_bounds: np.ndarray | None) -> list[int]:
    """Months since January of year 1 that steps begin with; each must be a whole month."""
    assert time_bounds is not None
    for begin, end in time_bounds:
        assert begin.day == end.day == 1 and (end - begin).days == begin.daysinmonth
    return [12 * (begin.year - 1) + begin.month - 1 for begin, _ in time_bounds]


def test_bounds_of_one_file_are_kept_beside_a_file_without_any(tmp_path: Path) -> None:
    bounded = monthly_file(tmp_path / "a.nc", 0, 24)
    bare = monthly_file(tmp_path / "b.nc", 24, 24, "first noon")
    native = open_native([bounded, bare])
    assert begun(native.time_bounds) == list(range(48))
    (said,) = native.assumptions
    assert "without bounds" in said and "0003-01-01" in said and "calendar month" in said


def test_a_file_without_bounds_leaves_every_window_its_own_value(tmp_path: Path) -> None:
    files = [
        monthly_file(tmp_path / "b.nc", 12, 12, "first noon"),
        monthly_file(tmp_path / "a.nc", 0, 12),
        monthly_file(tmp_path / "c.nc", 24, 12, "middle"),
    ]
    thetao = open_prepared(prepare_control(files, TARGET, tmp_path / "made.nc", 12))[1]
    place = thetao[:, 0, 6, 10].values
    np.testing.assert_allclose(place - place[0], np.arange(36) / 10, atol=1e-5)


@pytest.mark.parametrize("beside", [None, "first noon", "middle"])
def test_stamps_refused_when_alone_are_refused_beside_any_other_file(
    tmp_path: Path, beside: str | None
) -> None:
    sound = monthly_file(tmp_path / "a.nc", 0, 24, beside)
    ambiguous = monthly_file(tmp_path / "b.nc", 24, 24, "midnight")
    with pytest.raises(ControlError, match="has no bounds"):
        prepare_control(ambiguous, TARGET, tmp_path / "made.nc", 12)
    with pytest.raises(StampError, match=r"b\.nc, .* has no bounds .* add time bounds"):
        prepare_control([sound, ambiguous], TARGET, tmp_path / "made.nc", 12)
    assert not (tmp_path / "made.nc").exists()


def test_a_file_each_month_without_bounds_is_read_beside_one_with_bounds(tmp_path: Path) -> None:
    files = [monthly_file(tmp_path / f"m{month}.nc", month, 1, "first noon") for month in range(3)]
    files.append(monthly_file(tmp_path / "late.nc", 3, 9))
    assert begun(open_native(files).time_bounds) == list(range(12))


@pytest.mark.parametrize(("stamps", "first"), [("start", "midnight"), ("end", "end")])
def test_a_word_about_stamps_holds_for_files_without_bounds_alone(
    tmp_path: Path, stamps: str, first: str
) -> None:
    files = [monthly_file(tmp_path / "a.nc", 0, 24), monthly_file(tmp_path / "b.nc", 24, 24, first)]
    native = open_native(files, stamps=stamps)
    assert begun(native.time_bounds) == list(range(48))
    brought = open_control(files, TARGET, stamps=stamps)
    assert begun(np.stack([brought.time_begin, brought.time_end], axis=1)) == list(range(48))


@pytest.mark.parametrize(("stamps", "shift"), [("start", 0.0), ("end", 1.0)])
def test_a_word_about_stamps_holds_for_days_at_midnight(
    tmp_path: Path, stamps: str, shift: float
) -> None:
    time = days(10, 1, "noleap")["time"]
    bare = xr.Variable(
        "time", np.arange(10) + shift, {k: v for k, v in time.attrs.items() if k != "bounds"}
    )
    native = open_native(regular_file(tmp_path / "a.nc", np.zeros(10), {"time": bare}), stamps=stamps)
    assert native.time_bounds is not None
    assert [date.dayofyr for date in native.time_bounds[:, 0]] == list(range(1, 11))


def test_a_word_about_stamps_does_not_make_months_of_pentads(tmp_path: Path) -> None:
    time = days(10, 5, "noleap")["time"]
    bare = xr.Variable(
        "time", 5.0 * np.arange(10), {k: v for k, v in time.attrs.items() if k != "bounds"}
    )
    path = regular_file(tmp_path / "a.nc", np.zeros(10), {"time": bare})
    assert open_native(path, stamps="start").time_bounds is None
    bounded = regular_file(tmp_path / "b.nc", np.zeros(10), days(10, 5, "noleap", 50.0))
    with pytest.raises(StampError, match=r"a\.nc, .* has no bounds"):
        open_native([path, bounded], stamps="start")


# Snapshots


@pytest.mark.parametrize("stamp", ["middle", "first noon", None])
@pytest.mark.parametrize("said", ["time: point", "area: mean time_counter: point (interval: 1 month)"])
def test_monthly_snapshots_are_not_taken_for_means(tmp_path: Path, stamp: str | None, said: str) -> None:
    path = monthly_file(tmp_path / "a.nc", 0, 12, stamp, cell_methods=said)
    with pytest.raises(ControlError, match=r"a\.nc .*snapshots .*3[01]\.\d days apart, expected means"):
        open_native(path)


def test_a_snapshot_in_each_file_is_found_out_by_the_others(tmp_path: Path) -> None:
    files = [
        monthly_file(tmp_path / f"m{month}.nc", month, 1, "middle", cell_methods="time: point")
        for month in range(3)
    ]
    with pytest.raises(ControlError, match="expected means"):
        open_native(files)


def test_daily_snapshots_are_averaged_and_that_is_said(tmp_path: Path) -> None:
    path = regular_file(
        tmp_path / "a.nc", np.zeros(20), days(20, 1, "noleap"), cell_methods="time: point", **KIND
    )
    (said,) = open_native(path).assumptions
    assert "snapshots" in said and "means of their steps" in said


def test_means_over_time_of_points_in_space_are_no_snapshots(tmp_path: Path) -> None:
    path = monthly_file(tmp_path / "a.nc", 0, 12, cell_methods="area: point time: mean")
    assert open_native(path).assumptions == ()
