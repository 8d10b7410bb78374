"""Classic NetCDF: a file that is not whole, or contradicts itself, is refused before a value is read."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepda.base.classic import DamagedFileError, read_header, require_whole
from deepda.observations.formats import read_observations
from deepda.observations.reading import ObservationError

KINDS = ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA")


def write(path: Path, kind: str = KINDS[0], records: int = 3, slices: int = 2, last: str = "f4") -> Path:
    """A file with fixed variables and `slices` record variables, no value of which is zero."""
    path.unlink(missing_ok=True)
    with netCDF4.Dataset(path, "w", format=kind) as data:
        data.createDimension("time", None)
        data.createDimension("x", 5)
        data.title = "a title"
        data.createVariable("flag", "S1", ("x",))[:] = np.array(list("11111"), "S1")
        data.createVariable("x", "f8", ("x",)).units = "m"
        data["x"][:] = np.arange(1.0, 6.0)
        for number in range(slices):
            one = data.createVariable(f"record{number}", last, ("time", "x"))
            if records:
                one[:] = np.full((records, 5), 7)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("records", "slices"), [(0, 0), (0, 2), (1, 1), (3, 1), (3, 2)])
@pytest.mark.parametrize("last", ["f4", "i2", "i1"])
def test_whole_files_pass_and_no_shorter_one_does(
    kind: str, records: int, slices: int, last: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.nc", kind, records, slices, last)
    require_whole(path)
    for size in reversed(range(4, path.stat().st_size)):
        os.truncate(path, size)
        try:
            require_whole(path)
        except DamagedFileError as error:
            assert str(path) in str(error) and "fetch it again" in str(error)
            continue
        with netCDF4.Dataset(path) as data:  # only padding is gone: all values are there
            assert (data["x"][:] == np.arange(1.0, 6.0)).all()
            assert all((data[name][:] == 7).all() for name in data.variables if "record" in name)


def test_a_file_of_another_format_passes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,lat")
    require_whole(tmp_path / "a.csv")
    require_whole(write(tmp_path / "a.nc", "NETCDF4"))


@pytest.mark.parametrize("number", [0, 2, 4, 2**20])
def test_a_changed_number_of_records_is_refused(number: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.nc")
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack(">I", number)
    path.write_bytes(content)
    with pytest.raises(DamagedFileError):
        require_whole(path)


def test_records_by_the_length_of_the_file_must_be_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nc")
    content = bytearray(path.read_bytes())
    content[4:8] = b"\xff" * 4
    path.write_bytes(content)
    require_whole(path)
    path.write_bytes(content[:-8])
    with pytest.raises(DamagedFileError, match="last record"):
        require_whole(path)


def test_zeros_behind_the_data_pass_and_data_do_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.nc")
    content = path.read_bytes()
    path.write_bytes(content + bytes(3000))
    require_whole(path)
    path.write_bytes(content + bytes(8) + b"\1")
    with pytest.raises(DamagedFileError, match="more data follow"):
        require_whole(path)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_in_numbers_of_the_header_moves_no_value(
    where: float, bit: int, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.nc")
    content = bytearray(path.read_bytes())
    content[int(where * read_header(path).length)] ^= 1 << bit
    path.write_bytes(content)
    try:
        require_whole(path)
        with netCDF4.Dataset(path) as data:
            named = {name: np.asarray(data[name][:]) for name in data.variables}
    except (DamagedFileError, OSError, RuntimeError, UnicodeDecodeError):
        return
    seen = np.concatenate([value.ravel() for value in named.values() if value.dtype.kind == "f"])
    assert np.array_equal(np.sort(seen), [*np.arange(1.0, 6.0), *[7.0] * 30])


def test_readers_refuse_a_classic_file_that_was_cut_short(tmp_path: Path) -> None:
    from test_readers_profiles import write_argo

    write_argo(tmp_path / "a.nc")
    content = (tmp_path / "a.nc").read_bytes()
    assert read_observations(tmp_path / "a.nc").rows_in > 0
    (tmp_path / "b.nc").write_bytes(content[: int(0.9 * len(content))])
    with pytest.raises(ObservationError, match="cut short"):
        read_observations(tmp_path / "b.nc")
