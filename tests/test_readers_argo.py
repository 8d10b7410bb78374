"""The traps of real Argo files: modes, fills, blanks, positions, samplings, trees with holes."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from deepda.observations.argo import read_greylist
from deepda.observations.argo_files import INDEX, choose_files, missing_files
from deepda.observations.formats import read_observations
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult

pytestmark = pytest.mark.data
EVERYTHING = ReadOptions(keep=("good", "probably_good", "unknown", "suspect", "bad"))


@pytest.fixture(scope="module")
def argo(data_root: Path) -> Path:
    return data_root / "real" / "argo"


def profile(argo: Path, name: str) -> Path:
    return next(argo.rglob(name))


def read(argo: Path, name: str, options: ReadOptions | None = None) -> ReadResult:
    return read_observations(profile(argo, name), options)


def raw(path: Path, name: str) -> np.ndarray:
    with netCDF4.Dataset(path) as data:
        data.set_auto_mask(False)
        return data[name][:]


def test_mode_is_of_the_profile_not_of_the_file_name(argo: Path) -> None:
    """An R file of mode A gives adjusted values: its raw temperatures differ or have other flags."""
    paths = [path for path in sorted(argo.rglob("R*.nc")) if (raw(path, "DATA_MODE") == b"A").all()]
    assert len(paths) == 30
    path = next(
        path for path in paths if not np.array_equal(raw(path, "PRES"), raw(path, "PRES_ADJUSTED"))
    )
    table = read_observations(path, EVERYTHING).table
    adjusted, lat = raw(path, "PRES_ADJUSTED")[0], raw(path, "LATITUDE")[0]
    levels = adjusted[table["source_index"] % adjusted.size]
    # Saunders (1981, JPO 11): depth = (1 - c1) p - c2 p^2, good to some decimetres
    c1 = 5.92e-3 + 5.25e-3 * np.sin(np.radians(lat)) ** 2
    np.testing.assert_allclose(table["depth"], (1 - c1) * levels - 2.21e-6 * levels**2, atol=0.3)


def test_d_files_mix_modes_and_only_the_primary_sampling_is_taken(argo: Path) -> None:
    result = read(argo, "D6901929_072.nc")
    modes = raw(profile(argo, "D6901929_072.nc"), "DATA_MODE")
    assert modes.tolist() == [b"D", b"R"]
    assert set(result.table["profile"]) == {0}
    assert result.reasons == {"not_primary_sampling": 3}


@pytest.mark.slow
@pytest.mark.parametrize("samplings", [1, 2, 4, 6])
def test_one_cast_is_taken_of_any_number_of_samplings(samplings: int, argo: Path) -> None:
    paths = [path for path in sorted(argo.rglob("profiles/[RD]*.nc"))
             if raw(path, "DATA_MODE").size == samplings]  # fmt: skip
    for path in paths[:4]:
        assert set(read_observations(path, EVERYTHING).table["profile"]) == {0}
    assert paths


def test_format_2_2_without_a_sampling_scheme_keeps_all_floats_of_the_day(data_root: Path) -> None:
    path = data_root / "real" / "mitprof" / "20060101_prof.nc"
    result = read_observations(path, EVERYTHING)
    assert set(result.reasons) == {"depth_missing", "temperature_missing"}
    filled = ((raw(path, "TEMP") < 9e4) | (raw(path, "PRES") < 9e4)).any(axis=1)
    assert {*result.table["profile"], *result.rejects["profile"]} == {*np.flatnonzero(filled)}
    assert result.table["platform_id"].nunique() > 20


def test_padding_is_no_row_and_every_level_is_kept_or_rejected(argo: Path) -> None:
    path = profile(argo, "5906072_prof.nc")
    pressure, temperature = raw(path, "PRES"), raw(path, "TEMP")
    result = read_observations(path)
    assert result.rows_in == ((pressure < 9e4) | (temperature < 9e4)).sum()
    assert len(result.table) + len(result.rejects) == result.rows_in
    where = np.concatenate([result.table["source_index"], result.rejects["source_index"]])
    assert len(np.unique(where)) == result.rows_in


def test_fill_values_never_become_temperatures_or_times(argo: Path) -> None:
    for path in sorted(argo.rglob("*prof.nc")):
        table = read_observations(path, EVERYTHING).table
        assert table["temperature"].between(-2.5, 40).all() and table["depth"].between(0, 6000).all()
        assert table["time"].between(np.datetime64("1997-01-01"), np.datetime64("2024-01-01")).all()


def test_blank_and_absurd_positions_are_named(argo: Path) -> None:
    assert read(argo, "R5906072_121.nc").reasons == {"position_missing": 509}
    lost = read(argo, "D4902252_104.nc")
    assert list(lost.reasons) == ["position_impossible"] and lost.table.empty


def test_interpolated_positions_are_probably_good(argo: Path) -> None:
    assert set(read(argo, "R5906072_126.nc").table["qc"]) == {"probably_good"}


def test_a_time_that_is_there_but_bad_is_rejected(argo: Path) -> None:
    result = read(argo, "R2901746_001.nc")
    assert list(result.reasons) == ["time_flagged_bad"] and result.table.empty
    assert result.rejects["time"].notna().all()


def test_a_float_with_two_thirds_bad_levels_keeps_the_third(argo: Path) -> None:
    result = read(argo, "2902269_prof.nc")
    assert 0.3 < len(result.table) / result.rows_in < 0.36
    assert result.reasons["depth_flagged_bad"] > 0.6 * result.rows_in


def test_synthetic_profiles_have_modes_of_parameters(argo: Path) -> None:
    """Their temperatures are those of the core file, at the levels of the core file."""
    core, synthetic = (read(argo, name).table for name in ("D3902131_001.nc", "SD3902131_001.nc"))
    both = core.assign(z=core["depth"].round(1)).merge(
        synthetic.assign(z=synthetic["depth"].round(1)), on="z", suffixes=("", "_synthetic")
    )
    assert len(both) > 0.9 * len(core)
    np.testing.assert_allclose(both["temperature"], both["temperature_synthetic"], atol=2e-3)


def test_b_files_say_where_the_temperature_is(argo: Path) -> None:
    with pytest.raises(ObservationError, match=r"B-Argo profile.*read the core file"):
        read(argo, "BD3902131_100.nc")


def test_files_without_profiles_are_refused(argo: Path) -> None:
    with pytest.raises(ObservationError, match="without TEMP or PRES"):
        read(argo, "13857_meta.nc")


def test_descending_casts_are_kept(argo: Path) -> None:
    assert len(read(argo, "D6901929_001D.nc").table) > 100


def test_the_multi_profile_file_agrees_with_the_single_cycle_files(argo: Path) -> None:
    whole = read(argo, "2902696_prof.nc").table
    single = read(argo, "D2902696_013.nc").table
    cast = whole[whole["time"] == single["time"].iloc[0]]
    for name in ("depth", "temperature", "salinity", "error"):
        np.testing.assert_array_equal(cast[name], single[name])


def test_a_tree_is_read_once(argo: Path) -> None:
    files = choose_files(sorted(argo.rglob("*.nc")))
    status = Counter(file.status for file in files)
    assert sum(status[word] for word in ("", "superseded", "no_profiles")) == len(
        list(argo.rglob("*.nc"))
    )
    used = [Path(file.file).name for file in files if file.status == ""]
    assert "3902131_prof.nc" in used and "3902131_Sprof.nc" not in used
    assert not [name for name in used if name.startswith(("B", "R1385", "D5900"))]
    assert "D6901929_001.nc" in used  # this float has no file of all casts


def test_index_rows_without_a_file_are_named(argo: Path) -> None:
    missing = missing_files(argo / INDEX, sorted(argo.rglob("*.nc")))
    assert len(missing) == 55
    assert not any(Path(file.file).exists() for file in missing)
    assert {file.status for file in missing} == {"missing"}
    assert {file.reason for file in missing} == {"in_the_index_without_a_file"}


def test_delayed_mode_wins_over_real_time_of_the_same_cycle(argo: Path, tmp_path: Path) -> None:
    path = profile(argo, "D6901929_018.nc")
    for name in ("D6901929_018.nc", "R6901929_018.nc", "R6901929_149.nc", "R6901929_018D.nc"):
        shutil.copy(path, tmp_path / name)
    status = {Path(file.file).name: file.status for file in choose_files(sorted(tmp_path.iterdir()))}
    assert status == {
        "D6901929_018.nc": "", "R6901929_018.nc": "superseded", "R6901929_149.nc": "",
        "R6901929_018D.nc": "",
    }  # fmt: skip


def test_the_grey_list_has_open_and_closed_intervals(argo: Path) -> None:
    table = read_greylist(argo / "ar_greylist.txt")
    assert len(table) == 2330
    assert table["end"].isna().any() and table["end"].notna().any()
    first = table.iloc[0]
    assert (first["platform_id"], first["parameter"], first["quality"]) == ("1900432", "PRES", 3)
    assert first["start"] == np.datetime64("2007-11-29")


def test_another_file_is_no_grey_list(argo: Path) -> None:
    with pytest.raises(ObservationError, match="no Argo grey list"):
        read_greylist(argo / "ar_index_global_prof.txt")
