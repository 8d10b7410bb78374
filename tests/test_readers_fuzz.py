"""Damaged files: whatever bits are flipped or cut off, a reader reads or refuses, and never falls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_readers_profiles import WRITERS

from deepda.observations.formats import format_of, read_observations
from deepda.observations.reading import ObservationError, ReadOptions
from deepda.observations.table import require_table

HEAD = 4096  # bytes where structure lies; flips there hurt more
EXAMPLES = int(os.environ.get("DEEPDA_FUZZ_EXAMPLES", "12"))
REAL = {
    "argo": "argo/dac/bodc/6901929/profiles/D6901929_072.nc",
    "synthetic": "argo/dac/coriolis/3902131/profiles/SD3902131_001.nc",
    "wod": "wod18_iquod/WOD18_sample_1995/wod_004181522O.nc",
    "iquod": "wodpy/ocldb1570984477.6279_OSD.nc",
    "gtspp": "dart/1264095.nc",
    "mitprof": "mitgcm/sample_prof.nc",
    "mooring": "ferret_bench/DSG_ERDDAP_Tao5daySst.nc",
    "sst": "xmca/sst.nc",
    "t30": "speedy_sst/sst_8190clim.t30.sea.grd",
}
damage = st.tuples(
    st.floats(0, 1),  # where it is cut, if it is
    st.booleans(),
    st.lists(
        st.tuples(st.booleans(), st.floats(0, 1, exclude_max=True), st.integers(0, 7)), max_size=40
    ),
)


def damaged(content: bytes, how: tuple) -> bytes:
    """The content with bits flipped, and cut at a part of its length."""
    part, cut, flips = how
    out = bytearray(content[: int(part * len(content))] if cut else content)
    for near, where, bit in flips:
        if out:
            out[int(where * (min(HEAD, len(out)) if near else len(out)))] ^= 1 << bit
    return bytes(out)


def read_or_refuse(path: Path, content: bytes, how: tuple) -> None:
    path.unlink(missing_ok=True)  # HDF5 may still hold the damaged one before
    path.write_bytes(damaged(content, how))
    try:
        result = read_observations(path, ReadOptions(start="1981-01"))
    except ObservationError as error:
        assert "expected" in str(error) or ";" in str(error)
        return
    assert result.rows_in == len(result.table) + len(result.rejects)
    require_table(result.table)


fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("name", WRITERS)
@fuzz
@given(how=damage)
def test_damaged_files_of_every_format_are_read_or_refused(
    name: str, how: tuple, tmp_path: Path
) -> None:
    if not (intact := tmp_path / "intact.nc").exists():
        WRITERS[name](intact)
    read_or_refuse(tmp_path / f"{name}.nc", intact.read_bytes(), how)


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
@fuzz
@given(how=damage)
def test_damaged_real_files_are_read_or_refused(
    name: str, how: tuple, data_root: Path, tmp_path: Path
) -> None:
    source = data_root / "real" / REAL[name]
    read_or_refuse(tmp_path / source.name, source.read_bytes(), how)


@fuzz
@given(
    content=st.binary(max_size=200),
    suffix=st.sampled_from([".nc", ".csv", ".parquet", ".grd", ".csv.gz"]),
)
def test_any_bytes_are_refused_in_a_sentence(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(content)
    with pytest.raises(ObservationError):
        read_observations(path)


@pytest.mark.data
def test_undamaged_files_are_read(data_root: Path) -> None:
    assert {name: format_of(data_root / "real" / file) for name, file in REAL.items()} == {
        "argo": "argo", "synthetic": "argo", "wod": "wod", "iquod": "wod", "gtspp": "gtspp",
        "mitprof": "mitprof", "mooring": "mooring", "sst": "sst", "t30": "t30",
    }  # fmt: skip
