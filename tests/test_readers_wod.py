"""WOD files: flags of originators, flags of profiles, and which casts are of one ship."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import pytest
from test_readers_profiles import characters, numbers, write_wod, write_wod_ragged

from deepda.observations.flags import ORIGINATORS, originator_scheme
from deepda.observations.formats import read_observations

FILL = -32767


def single(path: Path, flags: list[int], origin: str, variable: str = "Temperature") -> Path:
    """The single cast of `write_wod` with flags of an originator."""
    write_wod(path)
    with netCDF4.Dataset(path, "a") as data:
        numbers(data, f"{variable}_origflag", "i2", ("z",), flags, fill=FILL)
        if origin:
            characters(data, "origflagset", ("strnlen",), [origin])
    return path


@pytest.mark.parametrize(("origin", "flags", "lost"), [
    ("GTSPP", [1, 3, 4, 5], {"temperature_flagged_suspect": 1, "temperature_flagged_bad": 1}),
    ("WOCE", [2, 3, 4, 2], {"temperature_flagged_suspect": 1, "temperature_flagged_bad": 1}),
    ("WOCE CTD", [6, 7, 1, 9], {"temperature_flagged_bad": 1}),
    ("GTSPP", [0, FILL, -9, 1], {}),
])  # fmt: skip
def test_flags_of_originators_are_those_of_their_set(
    origin: str, flags: list[int], lost: dict[str, int], tmp_path: Path
) -> None:
    assert read_observations(single(tmp_path / "wod.nc", flags, origin)).reasons == lost


@pytest.mark.parametrize("origin", ["A LOCAL SET", ""])
def test_codes_of_a_set_that_is_not_known_are_unknown(origin: str, tmp_path: Path) -> None:
    result = read_observations(single(tmp_path / "wod.nc", [4, 0, 2, FILL], origin))
    assert list(result.table["qc"]) == ["unknown", "good", "unknown", "good"]


def test_flags_of_originators_on_depths_count_too(tmp_path: Path) -> None:
    result = read_observations(single(tmp_path / "wod.nc", [1, 1, 4, 1], "GTSPP", "z"))
    assert result.reasons == {"depth_flagged_bad": 1}


def test_each_cast_of_a_ragged_file_has_its_own_set(tmp_path: Path) -> None:
    write_wod_ragged(path := tmp_path / "wod.nc")
    with netCDF4.Dataset(path, "a") as data:
        numbers(data, "Temperature_origflag", "i2", ("Temperature_obs",), [2, 3, 2, 3, 2, 2], fill=FILL)
        characters(data, "origflagset", ("casts", "strnlen"), ["", "GTSPP", "WOCE"])
    result = read_observations(path)
    assert result.reasons == {"temperature_flagged_suspect": 2}
    assert list(result.table["qc"]) == ["probably_good", "good", "good", "good"]


@pytest.mark.parametrize("write", [write_wod, write_wod_ragged])
def test_a_profile_flag_makes_levels_unknown_and_drops_none(write: object, tmp_path: Path) -> None:
    write(path := tmp_path / "wod.nc", profile=4)  # type: ignore[operator]
    result = read_observations(path)
    assert not result.reasons and list(result.table["qc"][-4:]) == 4 * ["unknown"]


def test_a_bad_level_of_a_flagged_profile_is_bad(tmp_path: Path) -> None:
    write_wod(path := tmp_path / "wod.nc", flags="0030", profile=4)
    assert read_observations(path).reasons == {"temperature_flagged_bad": 1}


@pytest.mark.parametrize(("cruises", "names"), [
    (["US000000", "US000000"], ["wod_16", "SHIP7"]),
    (["99000000", "99012345"], ["wod_16", "SHIP7"]),
    (["US011203", "US011203"], ["US011203", "US011203"]),
    (["", ""], ["wod_16", "SHIP7"]),
])  # fmt: skip
def test_a_cruise_is_one_ship_by_a_country_and_a_number(
    cruises: list[str], names: list[str], tmp_path: Path
) -> None:
    write_wod_ragged(path := tmp_path / "wod.nc")
    with netCDF4.Dataset(path, "a") as data:
        characters(data, "WOD_cruise_identifier", ("casts", "strnlen"), ["", *cruises])
    table = read_observations(path).table
    assert table.groupby("profile")["platform_id"].first().tolist() == names


def test_names_of_flag_sets_are_recognised_by_a_word() -> None:
    assert originator_scheme("NODC GTSPP flags") is ORIGINATORS["GTSPP"]
    assert originator_scheme("Argo") is ORIGINATORS["ARGO"]
    assert originator_scheme("cargo") is None
