"""Depths of XBTs: the equation of Hanawa et al. (1995) where a file or its age says it is needed."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest
from test_readers_profiles import DEPTH, characters, write_gtspp, write_wod, write_wod_ragged

from deepda.observations.fall_rate import (
    HANAWA,
    MAKER,
    hanawa_depth,
    needed_by_age,
    needed_by_codes,
    with_sound_depths,
)
from deepda.observations.formats import read_observations
from deepda.observations.reading import ObservationError, ReadOptions

NEEDS = "needs Hanawa et al.; 1994 applied (XBT)"  # as in WOD18
DEEP = DEPTH[-1]  # 1500 m: no T-7


def wod(path: Path, text: str, dataset: str = "XBT", name: str = "needs_z_fix") -> Path:
    write_wod(path)
    with netCDF4.Dataset(path, "a") as data:
        data["dataset"][:] = np.array([c.encode() for c in dataset.ljust(200)])
        characters(data, name, ("strnlen",), [text])
    return path


def gtspp(path: Path, kind: str = "BA", **codes: str) -> Path:
    write_gtspp(path)
    with netCDF4.Dataset(path, "a") as data:
        data["data_type"][:] = np.array([c.encode() for c in kind])
        data.createDimension("no_surf", len(codes))
        data.createDimension("string4", 4)
        characters(data, "surfacecodes_pcode", ("no_surf", "string4"), [f"{name}$" for name in codes])
        characters(data, "surfacecodes_cparm", ("no_surf", "string10"), list(codes.values()))
    return path


def depths(path: Path, how: str = "hanawa1995") -> np.ndarray:
    return read_observations(path, ReadOptions(fall_rate=how)).table["depth"].to_numpy(float)


def test_a_probe_is_as_deep_as_its_time_of_fall_says() -> None:
    time = np.array([1.0, 15.0, 60.0, 120.0])
    given, true = (a * time - b * time**2 for a, b in (MAKER, HANAWA))
    np.testing.assert_allclose(hanawa_depth(given), true, rtol=1e-9)
    np.testing.assert_allclose(hanawa_depth(np.array([400.0])) / 400, 1.0336, atol=3e-4)  # their factor
    assert np.isnan(hanawa_depth(np.array([6000.0]))).all()  # no probe falls back


@pytest.mark.parametrize("name", ["needs_z_fix", "need_z_fix"])
def test_depths_that_the_database_calls_uncorrected_are_corrected(name: str, tmp_path: Path) -> None:
    path = wod(tmp_path / "wod.nc", NEEDS, name=name)
    np.testing.assert_allclose(depths(path), hanawa_depth(DEPTH), rtol=1e-6)
    np.testing.assert_allclose(depths(path, "as_given"), DEPTH)
    assert "1 XBT casts by the maker's fall rate corrected" in read_observations(path).assumed[-1]


@pytest.mark.parametrize(("text", "dataset"), [
    ("insufficient information", "XBT"), ("needs Kizu et al.; 2005 applied (XBT)", "XBT"),
    (NEEDS, "CTD"), ("", "XBT"),
])  # fmt: skip
def test_other_depths_stay_as_they_are(text: str, dataset: str, tmp_path: Path) -> None:
    result = read_observations(wod(tmp_path / "wod.nc", text, dataset))
    np.testing.assert_allclose(result.table["depth"], DEPTH)
    assert not any("fall rate" in one for one in result.assumed)


@pytest.mark.parametrize(("codes", "needed"), [
    ({"DPC": "01", "PFR": "04101"}, True), ({"DPC": "02", "PFR": "04222"}, False),
    ({"DPC": "04", "PFR": "04101"}, False), ({"PFR": "04105"}, True), ({"PEQ": "042"}, False),
    ({"PFR": "01101"}, False),  # T-5
])  # fmt: skip
def test_surface_codes_say_what_is_needed(codes: dict[str, str], needed: bool, tmp_path: Path) -> None:
    expected = hanawa_depth(DEPTH) if needed else DEPTH
    np.testing.assert_allclose(depths(gtspp(tmp_path / "gtspp.nc", **codes)), expected, rtol=1e-6)
    np.testing.assert_allclose(depths(gtspp(tmp_path / "ctd.nc", "CD", **codes)), DEPTH)


def test_of_casts_without_a_word_those_before_1996_down_to_840_m_are_old() -> None:
    days = np.array(["1995-12-31", "1996-01-01", "1990-01-01", "NaT"], "datetime64[s]")
    assert needed_by_age(days, np.array([760.0, 760.0, DEEP, 760.0])).tolist() == [True, *3 * [False]]
    assert needed_by_codes({"DPC$": "03", "PFR$": "04105"}) is None  # unknown, it says
    assert needed_by_codes({}) is None


def test_one_depth_that_is_missing_leaves_the_others_of_an_old_cast_no_less_corrected() -> None:
    given = np.array([50.0, np.nan, 400.0, 100.0])
    rows = pd.DataFrame({"profile": [0, 0, 0, 1], "depth": given, "platform_type": "xbt"})
    rows["time"] = np.datetime64("1990-05-01", "s")
    corrected, said = with_sound_depths(rows, [None, None], "hanawa1995")
    np.testing.assert_allclose(corrected["depth"], hanawa_depth(given))
    assert said[0].startswith("depths of 2 XBT casts")


def test_a_correction_that_there_is_not_is_refused() -> None:
    with pytest.raises(ObservationError, match="hanawa1995, as_given"):
        ReadOptions(fall_rate="levitus2009")


@pytest.mark.data
def test_real_casts_are_corrected_where_they_say_so(data_root: Path) -> None:
    folder = data_root / "real" / "wod18_iquod" / "WOD18_sample_1995"
    changed = 0
    for path in sorted(folder.glob("*.nc"))[:25]:
        given, found = depths(path, "as_given"), depths(path)
        changed += not np.array_equal(given, found)
        assert ((found >= given) & (found < 1.035 * given + 1e-3)).all()
    assert changed > 10
    np.testing.assert_array_equal(
        depths(data_root / "real/dart/1264095.nc"),
        depths(data_root / "real/dart/1264095.nc", "as_given"),
    )


def test_each_cast_of_a_ragged_file_is_looked_at_by_itself(tmp_path: Path) -> None:
    write_wod_ragged(path := tmp_path / "wod.nc")
    with netCDF4.Dataset(path, "a") as data:
        characters(data, "needs_z_fix", ("casts", "strnlen"), ["", NEEDS, NEEDS])
    found = depths(path)  # an empty XBT, one of 1 and 2 m, and a CTD
    np.testing.assert_allclose(found, [*hanawa_depth(np.array([1.0, 2.0])), *DEPTH], rtol=1e-6)
