"""Argo as others issue it: NODC's names, ERDDAP's tables, seals; flags and modes that must be there."""

from __future__ import annotations

import zlib
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from test_ingest import take
from test_readers_profiles import DEPTH, LAT, SALT, THETA, TIME, write_argo

from deepda.observations.formats import format_of, read_observations
from deepda.observations.reading import ObservationError
from deepda.observations.sources import find_sources


def in_lower_case(path: Path) -> Path:
    """An Argo file as NODC issues it: names of variables and dimensions in lower case."""
    write_argo(path)
    with netCDF4.Dataset(path, "a") as data:
        for name in [*data.variables]:
            data.renameVariable(name, name.lower())
        for name in [*data.dimensions]:
            data.renameDimension(name, name.lower())
    return path


def changed(path: Path, **attributes: dict[str, object]) -> Path:
    """An Argo file with attributes of its variables."""
    write_argo(path)
    with netCDF4.Dataset(path, "a") as data:
        for name, values in attributes.items():
            data[name].setncatts(values)
    return path


def renamed(path: Path, old: str, new: str) -> Path:
    write_argo(path)
    with netCDF4.Dataset(path, "a") as data:
        data.renameVariable(old, new)
    return path


def table(path: Path, mode: str = "D", flat: bool = False, **skipped: bool) -> Path:
    """An ERDDAP answer of two cycles of two levels; raw values are 1 K too warm."""
    path.unlink(missing_ok=True)
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        data.createDimension("row", 4)
        data.createDimension("one", 1)
        data.createDimension("name", 7)
        for name, values in {
            "temp": [11.0, 6.0, 12.0, 7.0], "temp_adjusted": [10.0, 5.0, 11.0, 6.0],
            "pres": [10.0, 500.0, 10.0, 500.0], "pres_adjusted": [10.0, 500.0, 10.0, 500.0],
            "latitude": [-30.0] * 4, "longitude": [-15.0] * 4, "time": [1e9, 1e9, 1.001e9, 1.001e9],
        }.items():  # fmt: skip
            variable = data.createVariable(name, "f8", ("row",), fill_value=99999.0)
            variable[:] = np.full(4, 99999.0) if mode == "R" and "adjusted" in name else values
            units = {"temp": "degree_Celsius", "pres": "decibar", "time": "seconds since 1970-01-01"}
            if name.split("_")[0] in units:
                variable.units = units[name.split("_")[0]]
        data.createVariable("cycle_number", "i4", ("row",))[:] = [1, 1, 2, 2]
        for name in ("temp_qc", "temp_adjusted_qc", "pres_qc", "pres_adjusted_qc", "position_qc"):
            values = np.array(list("1114" if name.startswith("temp") else "1111"), "S1")
            dims = ("row",) if flat else ("row", "one")
            variable = data.createVariable(name, "S1", dims)
            if not flat:
                variable._Encoding = "ISO-8859-1"
            variable[:] = values
        if "data_mode" not in skipped:
            data.createVariable("data_mode", "S1", ("row",))[:] = np.full(4, mode, "S1")
        number = data.createVariable("platform_number", "S1", ("row", "name"))
        number[:] = np.array([list("9900001")] * 4, "S1")
    return path


def test_files_of_nodc_are_read_like_those_of_the_gdac(tmp_path: Path) -> None:
    path = in_lower_case(tmp_path / "a.nc")
    assert format_of(path) == "argo"
    found = read_observations(path).table
    np.testing.assert_allclose(found["depth"], DEPTH, atol=2e-3, rtol=1e-5)
    np.testing.assert_allclose(found["temperature"], THETA, atol=1e-4)


def test_names_that_differ_by_case_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="differ by the case"):
        read_observations(renamed(tmp_path / "a.nc", "PSAL", "temp"))


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("skipped", [{}, {"data_mode": True}])
def test_a_table_of_erddap_is_two_casts_of_a_float(
    flat: bool, skipped: dict[str, bool], tmp_path: Path
) -> None:
    path = table(tmp_path / "a.nc", "D", flat, **skipped)
    assert format_of(path) == "argo_table"
    found = read_observations(path)
    assert found.rows_in == 4 and found.reasons == {"temperature_flagged_bad": 1}
    np.testing.assert_allclose(found.table["temperature"], [10.0, 4.96, 11.0], atol=2e-3)
    assert list(found.table["profile"]) == [0, 0, 1]
    assert set(found.table["platform_id"]) == {"9900001"}
    assert set(found.table["platform_type"]) == {"argo"}


def test_a_table_in_real_time_gives_raw_values(tmp_path: Path) -> None:
    found = read_observations(table(tmp_path / "a.nc", "R")).table
    np.testing.assert_allclose(found["temperature"], [11.0, 5.957, 12.0], atol=4e-3)


def test_a_mode_that_is_none_is_rejected(tmp_path: Path) -> None:
    assert read_observations(table(tmp_path / "a.nc", "X")).reasons == {"data_mode_unknown": 4}
    write_argo(tmp_path / "b.nc")
    with netCDF4.Dataset(tmp_path / "b.nc", "a") as data:
        data["DATA_MODE"][:] = b"E"
    assert read_observations(tmp_path / "b.nc").reasons == {"data_mode_unknown": len(DEPTH)}


@pytest.mark.parametrize("name", ["TEMP_QC", "PRES_QC", "TEMP_ADJUSTED_QC", "DATA_MODE"])
def test_flags_and_modes_that_are_gone_are_not_taken_for_good(name: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=name.replace("_ADJUSTED", "")[:4]):
        read_observations(renamed(tmp_path / "a.nc", name, "OTHER"))


def test_the_valid_range_of_a_file_holds(tmp_path: Path) -> None:
    highest = float(np.sort(THETA)[-2]) + 0.2
    assert THETA.max() > highest + 0.2
    limits = {"valid_min": np.float32(-2.5), "valid_max": np.float32(highest)}
    found = read_observations(changed(tmp_path / "a.nc", TEMP=limits, TEMP_ADJUSTED=limits))
    assert found.reasons == {"temperature_outside_valid_range": 1}


def test_the_valid_range_of_a_table_holds(tmp_path: Path) -> None:
    path = table(tmp_path / "a.nc")
    with netCDF4.Dataset(path, "a") as data:
        data["temp_adjusted"].valid_max = 10.5
    found = read_observations(path)
    assert found.reasons == {"temperature_outside_valid_range": 1, "temperature_flagged_bad": 1}


def test_units_of_pressure_are_those_of_the_attribute(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="PRES"):
        read_observations(
            changed(tmp_path / "a.nc", PRES={"units": "kelvin"}, PRES_ADJUSTED={"units": "kelvin"})
        )
    with netCDF4.Dataset(changed(tmp_path / "b.nc", PRES={"units": "decibar"}), "a") as data:
        for name in ("PRES", "PRES_ADJUSTED"):
            values = data[name][:]
            data[name].units = "kPa"
            data[name][:] = values * 10
    found = read_observations(tmp_path / "b.nc").table
    np.testing.assert_allclose(found["depth"], DEPTH, atol=2e-3, rtol=1e-5)


@pytest.mark.parametrize(
    ("units", "shift"),
    [("days since 1950-01-01 00:00:00 UTC", 0), ("days since 1950-01-02", 24),
     ("days since 1950-01-01 12:00:00 UTC", 12)],
)  # fmt: skip
def test_times_count_from_the_day_and_hour_that_the_file_gives(
    units: str, shift: int, tmp_path: Path
) -> None:
    julian = {"units": units} | ({"calendar": "julian"} if not shift else {})
    found = read_observations(changed(tmp_path / "a.nc", JULD=julian)).table
    assert set(found["time"]) == {TIME + np.timedelta64(shift, "h")}


@pytest.mark.parametrize("units", ["psu", "PSU", "1e-3", "1", "PSS-78", "0.001"])
def test_practical_salinity_is_a_number_whatever_its_unit_is_called(units: str, tmp_path: Path) -> None:
    path = changed(tmp_path / "a.nc", PSAL={"units": units}, PSAL_ADJUSTED={"units": units})
    np.testing.assert_allclose(read_observations(path).table["salinity"], SALT, atol=1e-5)


def seal(path: Path) -> Path:
    """A file of the dives of a seal."""
    write_argo(path)
    with netCDF4.Dataset(path, "a") as data:
        data.data_type = "Marine mammals time-series data"
        data["LATITUDE"][:] = LAT + zlib.crc32(path.name.encode()) % 97 / 1000  # other bytes
    return path


def test_of_the_resolutions_of_a_seal_one_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for kind in ("hr1", "lr0", "lr1"):
        seal(folder / f"ct1-BAT-14_{kind}_prof.nc")
    seal(folder / "ct2-BAT-14_hr1_prof.nc")
    found = take(folder, output=tmp_path / "out")
    assert {name: entry.status for name, entry in found.items()} == {
        "ct1-BAT-14_hr1_prof.nc": "superseded", "ct1-BAT-14_lr0_prof.nc": "superseded",
        "ct1-BAT-14_lr1_prof.nc": "kept", "ct2-BAT-14_hr1_prof.nc": "kept",
    }  # fmt: skip
    assert "ct1-BAT-14_lr1_prof.nc" in found["ct1-BAT-14_hr1_prof.nc"].reasons
    table = read_observations(folder / "ct1-BAT-14_lr1_prof.nc").table
    assert set(table["platform_type"]) == {"ctd"}


@pytest.mark.data
def test_real_argo_of_all_issuers_is_read(data_root: Path) -> None:
    real = data_root / "real"
    nodc = read_observations(real / "argo_prof_other" / "nodc_1900121_prof.nc")
    assert nodc.rows_in == 4380 and len(nodc.table) == 4379
    large = next((real / "argo_argopy_tests").glob("2636d64e*.nc"))
    assert read_observations(large).rows_in == 34540  # every level, within the memory of the child
    statuses = [source.status for source in find_sources([real / "meop_seals"])]
    assert statuses.count("superseded") == 48
