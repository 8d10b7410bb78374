"""Analysis files: right, whole or absent, the same bytes for the same input."""

from __future__ import annotations

import hashlib
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cf_xarray  # noqa: F401  (registers the accessor)
import netCDF4
import numpy as np
import pytest
import xarray as xr
from compliance_checker.runner import CheckSuite
from toys import toy_grid

from deepda.base.errors import OutputError
from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.output.netcdf import AnalysisWriter, BackgroundWriter, FieldError

EVERYTHING = ("thetao", "thetao_background", "thetao_stddev", "thetao_observation_influence")
ACDD = {"id": "run-1", "date_created": "2026-01-02T03:04:05Z", "config": {"b": 1, "a": [2, 3]}}


def place_in_value(grid: Grid, step: int) -> np.ndarray:
    """(depth, lat, lon) a field whose values encode place and time; NaN on land."""
    depth, lat, lon = np.indices(grid.shape)
    return np.where(grid.ocean, step / 4 + depth / 64 + lat / 8 + lon / 2, np.nan).astype(np.float32)


def write_year(path: Path, grid: Grid, year: int = 2008, **options: Any) -> Path:
    with AnalysisWriter(path, grid, windows(year, year, 12), variables=EVERYTHING, **options) as out:
        for step in range(12):
            field = place_in_value(grid, step)
            out.write(step, field, field / 64, np.clip(field, 0, 1), background=field + 1)
    return path


def test_every_value_comes_back_in_its_place(tmp_path: Path, grid: Grid) -> None:
    path = write_year(tmp_path / "a.nc", grid)
    with xr.open_dataset(path) as file:
        assert file["thetao"].dims == ("time", "depth", "lat", "lon")
        for step in range(12):
            np.testing.assert_array_equal(file["thetao"][step], place_in_value(grid, step))
            np.testing.assert_array_equal(
                file["thetao_background"][step], place_in_value(grid, step) + 1
            )


def test_values_are_rounded_by_less_than_half_a_millikelvin(tmp_path: Path, grid: Grid) -> None:
    field = np.random.default_rng(1).uniform(-2, 32, grid.shape)
    with AnalysisWriter(tmp_path / "a.nc", grid, windows(2008, 2008, 12)) as out:
        for step in range(12):
            out.write(step, field, field * 0 + 0.12345)
    with xr.open_dataset(tmp_path / "a.nc") as file:
        error = abs(file["thetao"][3].values - field)[grid.ocean]
        assert 0 < error.max() <= 2.0**-11 + 2e-6
        assert abs(file["thetao_stddev"][3].values - 0.12345)[grid.ocean].max() <= 2.0**-13


def test_windows_of_a_leap_year_have_their_bounds(tmp_path: Path, grid: Grid) -> None:
    year = windows(2008, 2008)
    with AnalysisWriter(tmp_path / "a.nc", grid, year, variables=("thetao",)) as out:
        for step in range(73):
            out.write(step, place_in_value(grid, step))
    with xr.open_dataset(tmp_path / "a.nc") as file:
        bounds = file[file["time"].attrs["bounds"]].values
        np.testing.assert_array_equal(bounds[:, 0].astype("datetime64[s]"), year.start)
        np.testing.assert_array_equal(bounds[:, 1].astype("datetime64[s]"), year.end)
        np.testing.assert_array_equal(file["time"].values.astype("datetime64[s]"), year.middle)
    assert (bounds[11, 1] - bounds[11, 0]) == np.timedelta64(6, "D")


def test_the_grid_comes_back_with_its_checksum(tmp_path: Path, grid: Grid) -> None:
    with xr.open_dataset(write_year(tmp_path / "a.nc", grid)) as file:
        assert Grid.from_dataset(file).checksum == grid.checksum == file.attrs["grid_checksum"]
        np.testing.assert_allclose(file.cf["cell_area"], grid.area)
        assert file["thetao"].attrs["cell_measures"] == "area: areacello"


def test_attributes_of_the_caller_are_kept_and_win(tmp_path: Path, grid: Grid) -> None:
    path = write_year(tmp_path / "a.nc", grid, attributes={**ACDD, "title": "Mine"})
    with xr.open_dataset(path) as file:
        assert file.attrs["config"] == '{"a": [2, 3], "b": 1}'
        assert file.attrs["title"] == "Mine"
        assert file.attrs["time_coverage_end"] == "2009-01-01T00:00:00Z"


def complaints(path: Path, checker: str) -> dict[str, list[str]]:
    """Messages of the compliance checker by priority: 3 is an error, 2 a warning."""
    CheckSuite.load_all_available_checkers()
    suite = CheckSuite()
    with suite.load_dataset(str(path)) as dataset:
        results, errors = suite.run_all(dataset, [checker])[checker]
    assert not errors
    found: dict[str, list[str]] = {"3": [], "2": [], "1": []}
    for result in results:
        value = (
            result.value[0] < result.value[1] if isinstance(result.value, tuple) else not result.value
        )
        if value:
            found[str(result.weight)] += [f"{result.name}: {message}" for message in result.msgs]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("members", [0, 2])
def test_the_cf_checker_has_nothing_to_say(tmp_path: Path, members: int) -> None:
    grid = toy_grid(np.random.default_rng(4))
    with AnalysisWriter(
        tmp_path / "a.nc", grid, windows(2008, 2008, 12), members=members, attributes=ACDD
    ) as out:
        for step in range(12):
            field = place_in_value(grid, step)
            out.write(step, field, field / 64, members=np.stack([field] * members) if members else None)
    assert complaints(tmp_path / "a.nc", "cf:1.11") == {"3": [], "2": [], "1": []}
    assert complaints(tmp_path / "a.nc", "acdd:1.3")["3"] == []


@pytest.mark.slow
def test_the_cf_checker_bites(tmp_path: Path, grid: Grid) -> None:
    path = write_year(tmp_path / "a.nc", grid)
    with netCDF4.Dataset(path, "a") as file:
        file["thetao"].units = "metre"
    assert complaints(path, "cf:1.11")["3"]


@pytest.mark.slow
def test_years_open_together(tmp_path: Path, grid: Grid) -> None:
    for year in (2006, 2007, 2008):
        write_year(tmp_path / f"thetao_{year}.nc", grid, year)
    with xr.open_mfdataset(str(tmp_path / "thetao_*.nc")) as together:
        assert Grid.from_dataset(together).checksum == grid.checksum
        assert together.sizes["time"] == 36
        assert together["thetao"].dims == ("time", "depth", "lat", "lon")
        assert together["areacello"].dims == ("lat", "lon")
        assert together.indexes["time"].is_monotonic_increasing
        np.testing.assert_array_equal(together["thetao"][30].values, place_in_value(grid, 6))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, grid: Grid) -> None:
    one = digest(write_year(tmp_path / "a.nc", grid, attributes=ACDD))
    time.sleep(1.1)  # a clock in the file would show
    assert digest(write_year(tmp_path / "b" / "a.nc", grid, attributes=ACDD)) == one
    with BackgroundWriter(
        AnalysisWriter(
            tmp_path / "c.nc", grid, windows(2008, 2008, 12), variables=EVERYTHING, attributes=ACDD
        )
    ) as out:
        for step in range(12):
            field = place_in_value(grid, step)
            out.write(step, field, field / 64, np.clip(field, 0, 1), background=field + 1)
    assert digest(tmp_path / "c.nc") == one


def test_an_exception_leaves_nothing(tmp_path: Path, grid: Grid) -> None:
    old = write_year(tmp_path / "a.nc", grid)
    before = digest(old)
    with (
        pytest.raises(KeyboardInterrupt),
        AnalysisWriter(old, grid, windows(2008, 2008, 12), variables=("thetao",)) as out,
    ):
        out.write(0, place_in_value(grid, 0))
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["a.nc"]
    assert digest(old) == before


def test_until_it_is_whole_no_glob_finds_it(tmp_path: Path, grid: Grid) -> None:
    with AnalysisWriter(tmp_path / "a.nc", grid, windows(2008, 2008, 12), variables=("thetao",)) as out:
        for step in range(12):
            out.write(step, place_in_value(grid, step))
            assert not list(tmp_path.glob("*.nc"))
    assert [file.name for file in tmp_path.iterdir()] == ["a.nc"]


def test_what_was_written_does_not_wait_for_the_end(tmp_path: Path) -> None:
    grid = toy_grid(np.random.default_rng(0), (4, 40, 60))
    noise = np.random.default_rng(1).normal(size=grid.shape)
    sizes = []
    with AnalysisWriter(tmp_path / "a.nc", grid, windows(2008, 2008, 12), variables=("thetao",)) as out:
        for step in range(12):
            out.write(step, noise)
            sizes.append((tmp_path / ".a.nc.part").stat().st_size)
    assert sizes[-1] > 0.8 * (tmp_path / "a.nc").stat().st_size
    assert sizes[-1] - sizes[5] > 0.4 * (sizes[-1] - sizes[0])


def test_a_missing_window_is_refused(tmp_path: Path, grid: Grid) -> None:
    with (
        pytest.raises(FieldError, match=r"11 of 12 windows.*missing is 2008-06-01"),
        AnalysisWriter(tmp_path / "a.nc", grid, windows(2008, 2008, 12), variables=("thetao",)) as out,
    ):
        for step in set(range(12)) - {5}:
            out.write(step, place_in_value(grid, step))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thetao": np.zeros((2, 2))}, r"shape \(2, 2\), expected"),
        ({"stddev": None}, "thetao found, expected thetao, thetao_stddev"),
        ({"step": 12}, r"window 12 found, expected one of 0..11"),
        ({"thetao": "hole"}, "not finite in 1 ocean cells of window 2008-01-01"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(
    tmp_path: Path, grid: Grid, change: dict[str, Any], message: str
) -> None:
    field = place_in_value(grid, 0)
    if change.get("thetao") is not None and isinstance(change["thetao"], str):
        holed = field.copy()
        holed[tuple(np.argwhere(grid.ocean)[0])] = np.inf
        change = {"thetao": holed}
    with (
        pytest.raises(FieldError, match=message),
        AnalysisWriter(tmp_path / "a.nc", grid, windows(2008, 2008, 12)) as out,
    ):
        out.write(**({"step": 0, "thetao": field, "stddev": field} | change))


def test_a_place_that_cannot_be_is_refused_in_one_sentence(tmp_path: Path, grid: Grid) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match=r"cannot write .*--output") as caught:
        AnalysisWriter(tmp_path / "file" / "a.nc", grid, windows(2008, 2008)).__enter__()
    assert "\n" not in str(caught.value)


@contextmanager
def room_on_disk(size: int) -> Iterator[None]:
    """No file may grow beyond some bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [4_000, 200_000])
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, room: int) -> None:
    grid = toy_grid(np.random.default_rng(0), (8, 40, 50))
    with pytest.raises(OutputError, match="cannot write"), room_on_disk(room):
        write_year(tmp_path / "a.nc", grid)
    assert not list(tmp_path.iterdir())


class Recorder:
    """A writer that keeps all in memory, slowly, and may fail at a step."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.steps: list[tuple[int, float]] = []
        self.fails_at, self.left, self.thread = fails_at, "not yet", ""

    def __enter__(self) -> Recorder:
        return self

    def write(self, step: int, field: np.ndarray) -> None:
        time.sleep(0.01)
        if step == self.fails_at:
            raise OutputError("disk full")
        self.thread = threading.current_thread().name
        self.steps.append((step, float(field[0])))

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        self.left = "whole" if kind is None else kind.__name__


def test_a_background_writer_writes_in_order_and_keeps_no_reference() -> None:
    inner, field = Recorder(), np.zeros(1)
    with BackgroundWriter(inner) as out:
        for step in range(20):
            field[0] = step  # the caller may use its array again
            out.write(step, field)
    assert inner.steps == [(step, float(step)) for step in range(20)]
    assert inner.left == "whole"
    assert inner.thread == "writer"


def test_an_error_in_the_background_reaches_the_caller() -> None:
    inner, handed = Recorder(fails_at=3), []
    with pytest.raises(OutputError, match="disk full"), BackgroundWriter(inner) as out:
        for step in range(1000):
            out.write(step, np.zeros(1))
            handed.append(step)
    assert len(handed) < 50  # the run stops soon, not at its end
    assert [step for step, _ in inner.steps] == [0, 1, 2]
    assert inner.left == "OutputError"


def test_an_error_in_the_last_write_reaches_the_caller() -> None:
    with pytest.raises(OutputError, match="disk full"), BackgroundWriter(Recorder(fails_at=0)) as out:
        out.write(0, np.zeros(1))


def test_an_error_of_the_caller_is_kept() -> None:
    inner = Recorder()
    with pytest.raises(ZeroDivisionError), BackgroundWriter(inner) as out:
        out.write(0, np.zeros(1))
        raise ZeroDivisionError
    assert inner.left == "ZeroDivisionError"


@pytest.mark.slow
def test_reading_while_writing_in_the_background(tmp_path: Path, grid: Grid) -> None:
    path = write_year(tmp_path / "old.nc", grid)
    year = windows(2008, 2008)
    with (
        xr.open_dataset(path) as file,
        BackgroundWriter(AnalysisWriter(tmp_path / "new.nc", grid, year, variables=("thetao",))) as out,
    ):
        for step in range(73):
            out.write(step, place_in_value(grid, step))
            read = file["thetao"][step % 12].load()
            np.testing.assert_array_equal(read, place_in_value(grid, step % 12))
