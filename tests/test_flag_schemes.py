"""Schemes of quality flags as files declare them: by values, bits, letters, words and enumerations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from netcdf_files import DEPTH, SST, Variable, cast_file, sst_file

from deepda.observations.flags import ICE, declared, quality_of
from deepda.observations.formats import format_of, read_format
from deepda.observations.qualities import BAD, GOOD, PROBABLY_GOOD, SUSPECT, UNKNOWN
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult

GRID = ("time", "lat", "lon")
ROW = SST.shape[1]
TWO = {"flag_values": np.array([1, 2], "i1"), "flag_meanings": "good bad"}


def read(path: Path) -> ReadResult:
    """Read in this process, which is faster than in a child."""
    return read_format(path, format_of(path), ReadOptions())


def flagged(path: Path, name: str, words: dict[str, Any], dtype: str = "i1", other: int = 2) -> Path:
    """A grid of flags 1, whose first row has another one."""
    flags = np.ones((1, *SST.shape), dtype)
    flags[0, 0] = other
    extra: dict[str, Variable] = {name: (GRID, flags, words)}
    named = {"standard_name": "sea_surface_temperature"}
    return sst_file(path, words=named, extra=extra)


def cast_with(path: Path, flags: object, words: dict[str, Any]) -> Path:
    return cast_file(path, {"temp_qc": (("obs",), flags, words)})


@pytest.mark.parametrize(
    ("word", "quality"),
    [("no_error", GOOD), ("error", BAD), ("no_bad_data", GOOD), ("no_problem", GOOD),
     ("cloud_free", GOOD),
     ("cloudy", BAD), ("not_flagged", UNKNOWN), ("flagged", BAD), ("despiked", PROBABLY_GOOD),
     ("failed_spike_test", BAD), ("not_suspect", GOOD), ("no_data", BAD), ("no_good", BAD),
     ("not_good", BAD), ("no_qc", UNKNOWN), ("quality_control_not_performed", UNKNOWN),
     ("spike", BAD), ("no_spikes_or_gradient", GOOD), ("not_calibrated", UNKNOWN),
     ("passed_spike_test", GOOD), ("low_quality", SUSPECT)],
)  # fmt: skip
def test_a_word_counts_with_what_it_denies(word: str, quality: int) -> None:
    assert quality_of(word) == quality


@pytest.mark.parametrize("word", ["open_sea_no_ice", "ice_free", "sea_without_sea_ice", "no-ice"])
def test_ice_that_is_denied_is_no_ice(word: str) -> None:
    scheme = declared({"flag_values": np.array([1, 2], "i1"), "flag_meanings": f"{word} sea_ice"})
    assert scheme is not None
    np.testing.assert_array_equal(scheme.marked(np.array([1, 2]), ICE), [False, True])


def test_of_several_fields_in_one_byte_the_worst_counts() -> None:
    scheme = declared({"flag_masks": np.array([3, 3, 3, 4, 4], "i1"),
                       "flag_values": np.array([0, 1, 2, 0, 4], "i1"),
                       "flag_meanings": "good suspect bad accepted interpolated"})  # fmt: skip
    assert scheme is not None
    found = scheme.qualities(np.array([0, 1, 2, 4, 6, 3], "i1"))
    np.testing.assert_array_equal(found, [GOOD, SUSPECT, BAD, PROBABLY_GOOD, BAD, UNKNOWN])


def test_words_of_no_quality_say_nothing_of_the_quality() -> None:
    scheme = declared({"flag_masks": np.array([3, 3, 3, 4, 4], "i1"),
                       "flag_values": np.array([0, 1, 2, 0, 4], "i1"),
                       "flag_meanings": "good suspect bad daytime nighttime"})  # fmt: skip
    assert scheme is not None
    np.testing.assert_array_equal(scheme.qualities(np.array([0, 5, 6])), [GOOD, SUSPECT, BAD])


@pytest.mark.parametrize("values", ["G,S,B", "G S B"])
def test_letters_are_codes_as_numbers_are(values: str, tmp_path: Path) -> None:
    words = {"flag_values": values, "flag_meanings": "good suspect bad"}
    result = read(cast_with(tmp_path / "x.nc", np.array([b"G", b"S", b"B", b"G"]), words))
    assert result.reasons == {"temperature_flagged_bad": 1, "temperature_flagged_suspect": 1}


@pytest.mark.parametrize(
    "words",
    [{"flag_values": np.array([0, 1, 2], "i1"), "flag_meanings": "good bad"},
     {"flag_meanings": "good bad"}, {"flag_values": "0, x1", "flag_meanings": "good bad"}],
)  # fmt: skip
def test_a_broken_declaration_is_refused(words: dict, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="temp_qc declares flags that cannot be read"):
        read(cast_with(tmp_path / "x.nc", np.array([0, 0, 1, 0], "i1"), words))


def test_an_enumeration_declares_its_flags(tmp_path: Path) -> None:
    path = cast_file(tmp_path / "x.nc", {})
    with netCDF4.Dataset(path, "a") as data:
        kind = data.createEnumType(np.uint8, "quality", {"good": 0, "bad": 1})
        data.createVariable("temp_qc", kind, ("obs",))[:] = np.array([0, 0, 1, 0], "u1")
    assert read(path).reasons == {"temperature_flagged_bad": 1}


@pytest.mark.parametrize("said", ["0: good, 1: bad", "quality (0 good, 1 bad)", "0 = good; 1 = bad"])
def test_a_scheme_in_a_comment_is_read(said: str, tmp_path: Path) -> None:
    result = read(cast_with(tmp_path / "x.nc", np.array([0, 0, 1, 0], "i1"), {"comment": said}))
    assert result.reasons == {"temperature_flagged_bad": 1}


def test_a_list_of_the_scheme_of_argo_is_argos(tmp_path: Path) -> None:
    said = "1 good, 4 bad"
    result = read(cast_with(tmp_path / "x.nc", np.array([1, 2, 4, 0], "i1"), {"long_name": said}))
    assert result.reasons == {"temperature_flagged_bad": 1} and len(result.table) == DEPTH.size - 1


@pytest.mark.parametrize(
    "words",
    [{"conventions": "WOCE flags"}, {"long_name": "WOCE quality flag"}, {"units": "woce_flags"}],
)
def test_digits_of_woce_are_read_by_the_scheme_of_woce(words: dict, tmp_path: Path) -> None:
    flags = np.array([2, 4, 6, 3], "i1")
    result = read(cast_with(tmp_path / "x.nc", flags, words))
    assert result.reasons == {"temperature_flagged_bad": 1, "temperature_flagged_suspect": 1}
    assert list(result.table["qc"]) == ["good", "probably_good"]


def test_a_declared_scheme_of_quality_levels_comes_before_the_usual_one(tmp_path: Path) -> None:
    words = {"flag_values": np.arange(4, dtype="i1"), "flag_meanings": "best good suspect bad"}
    result = read(flagged(tmp_path / "x.nc", "quality_level", words, other=3))
    assert result.reasons == {"temperature_flagged_bad": ROW}
    assert set(result.table["qc"]) == {"good"}


@pytest.mark.parametrize(
    ("name", "words", "other"),
    [("sstflag", TWO | {"standard_name": "sea_surface_temperature status_flag"}, 2),
     ("flags", TWO | {"standard_name": "quality_flag"}, 2), ("my_quality_level", TWO, 2),
     ("sst_qc", {"long_name": "quality flag of sst (1 good, 4 bad)"}, 4), ("sst_qc", {}, 4)],
)  # fmt: skip
def test_flags_of_the_temperature_are_found(name: str, words: dict, other: int, tmp_path: Path) -> None:
    result = read(flagged(tmp_path / "x.nc", name, words, other=other))
    assert result.reasons == {"temperature_flagged_bad": ROW}


def test_flags_of_other_quantities_are_not_those_of_the_temperature(tmp_path: Path) -> None:
    wind = (GRID, SST[None], {"units": "m s-1"})
    flags = np.full((1, *SST.shape), 2, "i1")
    extra: dict[str, Variable] = {"wind": wind, "wind_quality": (GRID, flags, TWO)}
    assert read(sst_file(tmp_path / "x.nc", extra=extra)).reasons == {}
