"""Files of a model that are damaged inside, hold nothing, are no files, or are the output."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from test_control_inputs import changed, plain

from deepda.base.errors import EvaluationError
from deepda.cli import main
from deepda.control.axes import ControlError
from deepda.control.model_files import open_native
from deepda.control.opening import find_files, open_file
from deepda.control.prepare import open_prepared, prepare_control
from deepda.evaluation.product import open_product
from tests.test_control import TARGET, cmip_file, days, regular_file

# What a step may hold


def opened_whole(path: Path) -> Path:
    """Bring a file of a year of pentads to the analysis grid."""
    return prepare_control([path], TARGET, path.with_name("made.nc"))


def year(path: Path, change: Callable[[np.ndarray], None] | None = None) -> Path:
    """A year of pentads, values (time, depth, lat, lon) changed in place."""
    regular_file(path, np.zeros(73), days(73, 5, "noleap"))
    if change is not None:
        with xr.open_dataset(path, decode_times=False) as dataset:
            held = dataset.load()
        change(held.thetao.values)
        held.to_netcdf(path)
    return path


def filled(step: int, layer: int | slice, value: float) -> Callable[[np.ndarray], None]:
    def change(values: np.ndarray) -> None:
        part = values[step, layer]
        values[step, layer] = np.where(np.isnan(part), np.nan, value)

    return change


@pytest.mark.parametrize("step", [0, 40, 72])
@pytest.mark.parametrize("value", [0.0, 4.0])
def test_a_step_that_does_not_vary_is_refused(tmp_path: Path, step: int, value: float) -> None:
    path = year(tmp_path / "year.nc", filled(step, slice(None), value))
    with pytest.raises(
        ControlError, match=rf"all water of the step at .* is at {value:g} degC in .*year\.nc"
    ):
        opened_whole(path)


def test_a_layer_of_zeros_is_refused(tmp_path: Path) -> None:
    path = year(tmp_path / "year.nc", filled(40, 1, 0.0))
    with pytest.raises(ControlError, match=r"in the layer at 15 m is at 0 degC in .*year\.nc"):
        opened_whole(path)


def test_the_file_of_a_damaged_step_is_named(tmp_path: Path) -> None:
    """The second in time, the first by name."""
    first = regular_file(tmp_path / "b.nc", np.zeros(40), days(40, 5, "noleap"))
    second = regular_file(tmp_path / "a.nc", np.zeros(33), days(33, 5, "noleap", 200.0))
    with xr.open_dataset(second, decode_times=False) as dataset:
        held = dataset.load()
    filled(7, slice(None), 0.0)(held.thetao.values)
    held.to_netcdf(second)
    with pytest.raises(ControlError, match=r"step at 0001-08-26 .* in .*a\.nc"):
        prepare_control([first, second], TARGET, tmp_path / "made.nc")


def test_a_lost_chunk_is_refused(tmp_path: Path) -> None:
    """Zarr gives its fill value, 0, for a chunk that is not there."""
    with xr.open_dataset(year(tmp_path / "year.nc"), decode_times=False) as dataset:
        held = dataset.load()
    held["thetao"] = held.thetao.fillna(0.0).assign_attrs(held.thetao.attrs)
    held.thetao.encoding = {}
    store = tmp_path / "year.zarr"
    held.to_zarr(
        store, zarr_format=2, encoding={"thetao": {"chunks": (10, 5, 36, 36), "_FillValue": None}}
    )
    (store / "thetao" / "3.0.0.0").unlink()
    with pytest.raises(ControlError, match=r"is at 0 degC in .*year\.zarr|values are missing"):
        opened_whole(store)


@pytest.mark.parametrize("dim", ["time", "lev", "lat"])
def test_a_file_without_values_is_refused(tmp_path: Path, dim: str) -> None:
    path = changed(tmp_path, lambda d: d.isel({dim: slice(0, 0)}).drop_encoding(), plain)
    with pytest.raises(ControlError, match=rf"no value of thetao, its dimension {dim} has length 0"):
        open_native(path)


# Damage


def scratched(path: Path) -> Path:
    """A compressed NetCDF-4 file whose values are overwritten in the middle."""
    with xr.open_dataset(path, decode_times=False) as dataset:
        held = dataset.load()
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, held.thetao.shape).astype("f4")
    held["thetao"] = (held.thetao + noise).assign_attrs(held.thetao.attrs)
    chunks = {"zlib": True, "chunksizes": (1, *held.thetao.shape[1:])}
    held.to_netcdf(path, encoding={"thetao": chunks})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = b"U" * 2000
    path.write_bytes(content)
    return path


JUNK = {"junk": b"junkjunk" * 100, "nothing": b""}


def bad_chunk(path: Path, junk: bytes, version: int, name: str) -> Path:
    """A Zarr store one of whose chunks holds something else."""
    with xr.open_dataset(path, decode_times=False) as dataset:
        held = dataset.load()
    store = path.with_suffix(".zarr")
    held.chunk(time=10).to_zarr(store, zarr_format=version, consolidated=False)
    found = sorted(
        file
        for file in (store / name).rglob("*")
        if file.is_file() and not file.name.startswith((".z", "zarr"))
    )
    found[len(found) // 2].write_bytes(junk)
    return store


UNREADABLE = r"cannot be read \(.*\), expected .* fetch it again"


def test_a_scratched_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = scratched(year(tmp_path / "year.nc"))
    with pytest.raises(ControlError, match=rf"year\.nc {UNREADABLE}"):
        opened_whole(path)
    words = ["control", "prepare", str(path), "--output", str(tmp_path / "made.nc")]
    assert main([*words, "--grid", "embedded_8deg"]) == 2
    assert "fetch it again" in capsys.readouterr().err
    assert not (tmp_path / "made.nc").exists()


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("version", [2, 3])
def test_a_bad_chunk_is_refused(tmp_path: Path, junk: str, version: int) -> None:
    store = bad_chunk(year(tmp_path / "year.nc"), JUNK[junk], version, "thetao")
    with pytest.raises(ControlError, match=rf"year\.zarr {UNREADABLE}"):
        opened_whole(store)


@pytest.mark.parametrize("name", ["latitude", "vertices_longitude", "lev_bnds", "time_bnds"])
def test_a_bad_chunk_of_a_coordinate_is_refused(tmp_path: Path, name: str) -> None:
    store = bad_chunk(cmip_file(tmp_path / "a.nc"), b"junk", 2, name)
    with pytest.raises(ControlError, match=rf"a\.zarr {UNREADABLE}"):
        open_native(store)


def test_a_scratched_prepared_file_is_refused(tmp_path: Path) -> None:
    made = scratched(opened_whole(year(tmp_path / "year.nc")))
    _, thetao = open_prepared(made)
    with pytest.raises(ControlError, match=rf"made\.nc {UNREADABLE}"):
        thetao.compute()


@pytest.mark.parametrize("own", [False, True])
def test_a_scratched_product_is_refused(tmp_path: Path, own: bool) -> None:
    path = year(tmp_path / "year.nc")
    path = scratched(opened_whole(path) if own else path)
    with pytest.raises(EvaluationError, match=UNREADABLE):
        open_product([path], "x").source.read("thetao", 0, 73)


def test_a_sound_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = cmip_file(tmp_path / "a.nc")
    with open_file(path) as guarded, xr.open_dataset(path, decode_times=False) as whole:
        xr.testing.assert_identical(guarded.load(), whole.load())
        assert set(guarded.coords) == set(whole.coords)


# What is no file


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """A read that waits for ever fails after ten seconds."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits"))
    signal.alarm(10)
    yield
    signal.alarm(0)


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("given", ["itself", "a folder", "a pattern"])
def test_a_pipe_is_refused(tmp_path: Path, given: str) -> None:
    path = pipe(tmp_path / "x.nc")
    names = {"itself": path, "a folder": tmp_path, "a pattern": tmp_path / "*.nc"}
    with pytest.raises(ControlError, match=r"x\.nc is neither a file nor a folder"):
        find_files(names[given])


@pytest.mark.usefixtures("no_waiting")
def test_a_pipe_is_refused_by_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(pipe(tmp_path / "x.nc"))
    out = str(tmp_path / "out.nc")
    for words in (
        ["control", "prepare", path, "--grid", "embedded_8deg", "--output", out],
        ["config", "check", "--control", path],
        ["evaluate", path, "--output", str(tmp_path / "page")],
        ["osse", "run", "--control", path, "--output", str(tmp_path / "mine")],
    ):
        assert main(words) == 2, words
        assert "neither a file nor a folder" in capsys.readouterr().err
    with pytest.raises(ControlError, match="neither a file nor a folder"):
        open_prepared(path)


# Output over input


@pytest.mark.parametrize(
    "name", ["itself", "another spelling", "a symbolic link", "a hard link", "one of two"]
)
def test_the_output_is_never_the_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = year(tmp_path / "in.nc")
    (tmp_path / "folder").mkdir()
    output = {
        "itself": path,
        "another spelling": tmp_path / "folder" / ".." / "in.nc",
        "a symbolic link": tmp_path / "link.nc",
        "a hard link": tmp_path / "link.nc",
        "one of two": path,
    }[name]
    if name == "a symbolic link":
        output.symlink_to(path)
    if name == "a hard link":
        output.hardlink_to(path)
    held = path.read_bytes()
    given = [str(path)]
    if name == "one of two":
        given = [
            str(regular_file(tmp_path / "b.nc", np.zeros(73), days(73, 5, "noleap", 365.0))),
            *given,
        ]
    assert main(["control", "prepare", *given, "--grid", "embedded_8deg", "--output", str(output)]) == 2
    assert "is the input" in capsys.readouterr().err
    assert path.read_bytes() == held


def test_an_older_output_is_replaced(tmp_path: Path) -> None:
    path = year(tmp_path / "in.nc")
    shutil.copy(path, tmp_path / "made.nc")
    assert open_prepared(opened_whole(path))[1].sizes["time"] == 73
