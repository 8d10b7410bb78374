"""No file is left out for another that is of another place, product or origin."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from test_readers_profiles import write_argo, write_wod_ragged

from deepda.observations.formats import format_of
from deepda.observations.reading import ObservationError
from deepda.observations.sources import find_sources


def statuses(folder: Path) -> dict[str, str]:
    found = find_sources([folder])
    return {str(Path(source.file).relative_to(folder)): source.status for source in found}


@pytest.mark.parametrize(
    "names",
    [
        ("stationA/ctd_final.nc", "stationB/ctd.nc"),
        ("cruise1/ctd_20100615_v1.nc", "cruise2/ctd_20100615_v2.nc"),
        ("cast.nc", "cast_rep.nc"),
    ],
)
def test_a_file_of_another_folder_or_without_a_date_is_no_older_version(
    names: tuple[str, str], tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_wod_ragged(tmp_path / name)
    assert statuses(tmp_path) == dict.fromkeys(names, "")


def test_files_that_are_called_like_those_of_argo_and_are_none_are_read(tmp_path: Path) -> None:
    names = ("R12345_001.nc", "D12345_001.nc", "MR12345_001.nc", "1234567_tech.nc", "1234567_prof.nc")
    for name in names:
        write_wod_ragged(tmp_path / name)
    assert statuses(tmp_path) == dict.fromkeys(names, "")


def test_a_stranger_with_the_name_of_a_float_supersedes_no_file_of_argo(tmp_path: Path) -> None:
    write_argo(tmp_path / "R1900000_001.nc")
    write_wod_ragged(tmp_path / "1900000_prof.nc")
    assert set(statuses(tmp_path).values()) == {""}
    shutil.copy(tmp_path / "R1900000_001.nc", tmp_path / "D1900000_001.nc")
    assert statuses(tmp_path)["R1900000_001.nc"] == "superseded"


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"\x1f\x8b\x08\x00", "packed by gzip.*unpack it"),
        (b"BZh91AY&", "packed by bzip2.*unpack it"),
        (b"PK\x03\x04\x14\x00", "packed by zip.*unpack it"),
        (b"time,lat,lon\n", "is a text.*rename it"),
        (b"\x00\x01\x02\x03", "begins with 00 01 02 03"),
    ],
)
def test_what_to_do_with_a_file_of_no_known_format_is_said(
    start: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / "obs.dat").write_bytes(start)
    with pytest.raises(ObservationError, match=words):
        format_of(tmp_path / "obs.dat")


def test_a_packed_table_that_is_called_plain_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "obs.csv").write_bytes(b"PK\x03\x04\x14\x00")
    with pytest.raises(ObservationError, match=r"packed by zip.*unpack it"):
        format_of(tmp_path / "obs.csv")


def test_a_trajectory_of_argo_is_not_to_be_fetched_again(tmp_path: Path) -> None:
    file = {"DATA_TYPE": ((), np.array(b"Argo trajectory", "S16"))}
    xr.Dataset(file | {"TEMP": ("N_MEASUREMENT", [4.0])}).to_netcdf(tmp_path / "drift.nc")
    with pytest.raises(ObservationError, match=r"trajectory of an Argo float.*leave it out"):
        format_of(tmp_path / "drift.nc")
