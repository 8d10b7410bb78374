"""Profile formats without a file at hand, written to the letter of their descriptions and read back.

One cast goes into every format and must come out the same; then the flags, codes and corrections that
only one format has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from deepda.observations.formats import format_of, read_observations
from deepda.observations.reading import ObservationError, ReadOptions
from deepda.observations.seawater import potential_temperature, pressure_of
from deepda.observations.table import require_table

TIME = np.datetime64("2004-02-29T06:30:00")
LAT, LON = -12.5, 170.25
DEPTH = np.array([5.0, 50.0, 400.0, 1500.0])
THETA = np.array([28.5, 27.25, 9.5, 2.75])
SALT = np.array([35.0, 35.5, 34.75, 34.5])
FLAGS = "1111"


def days(reference: str) -> float:
    return float((TIME - np.datetime64(reference, "s")) / np.timedelta64(1, "s")) / 86400


def in_situ() -> np.ndarray:
    """In-situ temperature of THETA: fixed point of the potential temperature."""
    pressure, where = pressure_of(DEPTH, np.full(4, LAT)), (np.full(4, LAT), np.full(4, LON))
    value = THETA.copy()
    for _ in range(20):
        value += THETA - potential_temperature(value, SALT, pressure, *where)
    return value


def characters(data: netCDF4.Dataset, name: str, dims: tuple[str, ...], values: list[str]) -> None:
    """Rows of characters, padded with blanks to the last dimension."""
    width = len(data.dimensions[dims[-1]])
    rows = np.array([[c.encode() for c in value.ljust(width)] for value in values])
    variable = data.createVariable(name, "S1", dims, fill_value=b" ")
    variable[:] = rows if len(dims) > 1 else rows[0]


def numbers(
    data: netCDF4.Dataset,
    name: str,
    kind: str,
    dims: tuple[str, ...],
    values: object,
    **attributes: object,
) -> None:
    fill = attributes.pop("fill", None)
    variable = data.createVariable(name, kind, dims, fill_value=fill)
    variable.setncatts(attributes)
    variable[:] = values


def dimensions(data: netCDF4.Dataset, **sizes: int) -> None:
    for name, size in sizes.items():
        data.createDimension(name, size)


def write_en4(path: Path, flags: str = FLAGS, profile: str = "1", position: str = "1") -> None:
    """EN.4.2 profile file: hadobs/en4, "Profile file structure"; two levels of padding."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        dimensions(data, N_PROF=2, N_LEVELS=6, STRING4=4, STRING8=8, STRING64=64)
        for name, values in (("DEPH", DEPTH), ("POTM", THETA), ("PSAL", SALT)):
            block = np.full((2, 6), 99999.0)
            block[1, :4] = values
            numbers(data, f"{name}_CORRECTED", "f4", ("N_PROF", "N_LEVELS"), block, fill=99999.0)
            characters(data, f"{name}_CORRECTED_QC", ("N_PROF", "N_LEVELS"),
                       ["", flags if name == "POTM" else FLAGS])  # fmt: skip
            characters(
                data, f"PROFILE_{name}_QC", ("N_PROF",), ["1" + (profile if name == "POTM" else "1")]
            )
        numbers(data, "JULD", "f8", ("N_PROF",), [99999.0, days("1950-01-01")], fill=99999.0)
        numbers(data, "LATITUDE", "f4", ("N_PROF",), [99999.0, LAT], fill=99999.0)
        numbers(data, "LONGITUDE", "f4", ("N_PROF",), [99999.0, LON], fill=99999.0)
        characters(data, "POSITION_QC", ("N_PROF",), ["1" + position])
        characters(data, "JULD_QC", ("N_PROF",), ["11"])
        characters(data, "WMO_INST_TYPE", ("N_PROF", "STRING4"), ["", "830"])
        characters(data, "PLATFORM_NUMBER", ("N_PROF", "STRING8"), ["", "SHIP7"])


def write_fdbk(
    path: Path, flags: str = FLAGS, cast: int = 1, observation: int = 1, kind: str = "830",
    name: str = "POTM", **corrections: float,
) -> None:  # fmt: skip
    """NEMO feedback file: NEMO reference manual, OBS; as ncdump -h of an enact feedback file."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        dimensions(
            data, N_OBS=1, N_LEVELS=6, N_VARS=2, STRINGNAM=8, STRINGWMO=8, STRINGTYP=4, STRINGJULD=14
        )
        characters(data, "VARIABLES", ("N_VARS", "STRINGNAM"), [name, "PSAL"])
        characters(data, "STATION_IDENTIFIER", ("N_OBS", "STRINGWMO"), ["SHIP7"])
        characters(data, "STATION_TYPE", ("N_OBS", "STRINGTYP"), [kind])
        characters(data, "JULD_REFERENCE", ("STRINGJULD",), ["19500101000000"])
        numbers(
            data,
            "JULD",
            "f8",
            ("N_OBS",),
            days("1950-01-01"),
            fill=99999.0,
            units="days since JULD_REFERENCE",
        )
        numbers(data, "LATITUDE", "f8", ("N_OBS",), LAT, fill=99999.0)
        numbers(data, "LONGITUDE", "f8", ("N_OBS",), LON, fill=99999.0)
        level = ("N_OBS", "N_LEVELS")
        for variable, values in (("DEPTH", DEPTH), (f"{name}_OBS", THETA), ("PSAL_OBS", SALT)):
            block = np.full((1, 6), 99999.0)
            block[0, :4] = values
            numbers(data, variable, "f8", level, block, fill=99999.0)
        for variable in (name, "PSAL"):
            digits = [int(digit) for digit in (flags if variable == name else FLAGS)] + [0, 0]
            numbers(data, f"{variable}_LEVEL_QC", "i4", level, [digits])
            numbers(data, f"{variable}_QC", "i4", ("N_OBS",), cast if variable == name else 1)
        numbers(data, "DEPTH_QC", "i4", level, np.ones((1, 6)))
        for variable in ("POSITION_QC", "JULD_QC"):
            numbers(data, variable, "i4", ("N_OBS",), 1)
        numbers(data, "OBSERVATION_QC", "i4", ("N_OBS",), observation)
        for variable, value in corrections.items():
            numbers(data, variable, "f4", level, np.full((1, 6), value), fill=99999.0)


def write_wod(path: Path, flags: str = "0000", profile: int = 0) -> None:
    """WOD single cast, observed levels: variables and attributes as in WOD18 netCDF files."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        dimensions(data, z=4, strnlen=200)
        for name, value in (("wod_unique_cast", 17), ("crs", 0)):
            numbers(data, name, "i4", (), value)
        numbers(data, "lat", "f4", (), LAT, units="degrees_north")
        numbers(data, "lon", "f4", (), LON, units="degrees_east")
        numbers(data, "time", "f8", (), days("1770-01-01"), units="days since 1770-01-01 00:00:00")
        numbers(data, "GMT_time", "f4", (), 9.96921e36)
        characters(data, "dataset", ("strnlen",), ["CTD"])
        characters(data, "Platform", ("strnlen",), ["SHIP7"])
        for name, values in (("z", DEPTH), ("Temperature", in_situ()), ("Salinity", SALT)):
            numbers(data, name, "f4", ("z",), values)
            digits = [int(digit) for digit in (flags if name == "Temperature" else "0000")]
            numbers(data, f"{name}_WODflag", "i2", ("z",), digits)
            numbers(data, f"{name}_WODprofileflag", "i2", (), profile if name == "Temperature" else 0)


def write_wod_ragged(path: Path, flags: str = "0000", profile: int = 0) -> None:
    """WOD contiguous ragged arrays: an empty cast, one without salinity, and ours."""
    with netCDF4.Dataset(path, "w", format="NETCDF4") as data:
        dimensions(data, casts=3, z_obs=6, Temperature_obs=6, Salinity_obs=4, strnlen=40)
        numbers(data, "wod_unique_cast", "i4", ("casts",), [15, 16, 17])
        numbers(data, "lat", "f4", ("casts",), [0.0, 1.0, LAT])
        numbers(data, "lon", "f4", ("casts",), [0.0, 1.0, LON])
        numbers(
            data,
            "time",
            "f8",
            ("casts",),
            [days("1770-01-01")] * 3,
            units="days since 1770-01-01 00:00:00 UTC",
        )
        characters(data, "dataset", ("casts", "strnlen"), ["XBT", "XBT", "CTD"])
        characters(data, "Platform", ("casts", "strnlen"), ["", "", "SHIP7"])
        for name, first, values in (("z", [1.0, 2.0], DEPTH), ("Temperature", [20.0, 19.0], in_situ()),
                                    ("Salinity", [], SALT)):  # fmt: skip
            dim = (f"{name}_obs",)
            numbers(data, name, "f4", dim, [*first, *values])
            numbers(data, f"{name}_row_size", "i4", ("casts",), [0, len(first), 4], fill=0)
            digits = [int(digit) for digit in (flags if name == "Temperature" else "0000")]
            numbers(data, f"{name}_WODflag", "i2", dim, [0] * len(first) + digits)
        numbers(data, "Temperature_WODprofileflag", "i2", ("casts",), [0, 0, profile])


def write_gtspp(path: Path, flags: str = FLAGS) -> None:
    """GTSPP NetCDF 3.7, with no_prof both a dimension and a scalar variable."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        data.Conventions = "COARDS, WOCE, GTSPP"
        dimensions(
            data, time=1, depth=4, latitude=1, longitude=1, no_prof=1, string1=1, string2=2, string10=10
        )
        numbers(data, "depth", "f4", ("depth",), DEPTH, units="meters")
        grid = ("time", "depth", "latitude", "longitude")
        numbers(data, "temperature", "f4", grid, in_situ().reshape(1, 4, 1, 1), fill=-99.0)
        numbers(data, "salinity", "f4", grid, SALT.reshape(1, 4, 1, 1), fill=-99.0)
        numbers(
            data, "time", "f8", ("time",), days("1900-01-01"), units="days since 1900-01-01 00:00:00"
        )
        numbers(data, "latitude", "f4", ("latitude",), LAT)
        numbers(data, "longitude", "f4", ("longitude",), LON)
        numbers(data, "no_prof", "i2", (), 2)
        characters(data, "data_type", ("string2",), ["CD"])
        characters(data, "cruise_id", ("string10",), ["SHIP7"])
        for name in ("DEPH", "TEMP", "PSAL"):
            characters(
                data, f"{name}_qparm", ("depth", "string1"), list(flags if name == "TEMP" else FLAGS)
            )
        for name in ("q_pos", "q_date_time"):
            data.createVariable(name, "S1", ())[...] = b"1"


def write_mitprof(path: Path, flags: str = "0000") -> None:
    """MITprof: matlab toolbox of Forget et al. (2015), with the missing value undeclared."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        dimensions(data, iPROF=1, iDEPTH=6, lTXT=30)
        numbers(data, "prof_depth", "f8", ("iDEPTH",), [*DEPTH, 2000.0, 3000.0])
        for name, value in (("YYYYMMDD", 20040229), ("HHMMSS", 63000), ("lat", LAT), ("lon", LON)):
            numbers(data, f"prof_{name}", "f8", ("iPROF",), value)
        level = ("iPROF", "iDEPTH")
        numbers(data, "prof_T", "f8", level, [[*THETA, -9999.0, -9999.0]])
        numbers(data, "prof_S", "f8", level, [[*SALT, -9999.0, -9999.0]])
        numbers(data, "prof_Tweight", "f8", level, [[4.0, 4.0, 25.0, 100.0, 0.0, 0.0]])
        numbers(data, "prof_Tflag", "f8", level, [[int(digit) for digit in flags] + [0, 0]])
        characters(data, "prof_descr", ("iPROF", "lTXT"), ["SHIP7 CTD"])


def write_seadatanet(path: Path, flags: str = FLAGS) -> None:
    """SeaDataNet NetCDF profile 1.21, section 5.1: INSTANCE, MAXZ; flags are character codes."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        data.Conventions, data.featureType = "SeaDataNet_1.0 CF-1.6", "profile"
        dimensions(data, INSTANCE=1, MAXZ=6, STRING80=80)
        characters(data, "SDN_CRUISE", ("INSTANCE", "STRING80"), ["SHIP7"])
        characters(data, "SDN_LOCAL_CDI_ID", ("INSTANCE", "STRING80"), ["one"])
        numbers(data, "TIME", "f8", ("INSTANCE",), 2_440_588 + days("1970-01-01"), standard_name="time",
                units="days since -4713-01-01T00:00:00Z", calendar="julian")  # fmt: skip
        numbers(data, "LATITUDE", "f4", ("INSTANCE",), LAT, standard_name="latitude")
        numbers(data, "LONGITUDE", "f4", ("INSTANCE",), LON, standard_name="longitude")
        level = ("INSTANCE", "MAXZ")
        for name, code, values in (("DEPTH", "ADEPZZ01", DEPTH), ("TEMPPR01", "TEMPPR01", in_situ()),
                                   ("PSALST01", "PSALST01", SALT)):  # fmt: skip
            block = np.full((1, 6), -99999.0)
            block[0, :4] = values
            numbers(data, name, "f4", level, block, fill=-99999.0, sdn_parameter_urn=f"SDN:P01::{code}")
            codes = [ord(flag) for flag in (flags if name == "TEMPPR01" else FLAGS)] + [57, 57]
            numbers(data, f"{name}_SEADATANET_QC", "i1", level, [codes], fill=57)
        for name in ("TIME", "POSITION"):
            numbers(data, f"{name}_SEADATANET_QC", "i1", ("INSTANCE",), 49, fill=57)


def write_odv(path: Path, flags: str = FLAGS) -> None:
    """NetCDF export of Ocean Data View: N_STATIONS, N_SAMPLES, var1, var2, ... with var1_qc, ..."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        data.Conventions = "CF-1.7 ODV-1.0"
        dimensions(data, N_STATIONS=1, N_SAMPLES=6, STRING10=10)
        characters(data, "cruise_id", ("N_STATIONS", "STRING10"), ["SHIP7"])
        numbers(data, "date_time", "f8", ("N_STATIONS",), days("2000-01-01"),
                units="days since 2000-01-01 00:00:00 UTC", long_name="Decimal Days")  # fmt: skip
        numbers(data, "latitude", "f4", ("N_STATIONS",), LAT, long_name="Latitude")
        numbers(data, "longitude", "f4", ("N_STATIONS",), LON, long_name="Longitude")
        level = ("N_STATIONS", "N_SAMPLES")
        for number, name, values in (
            (1, "Depth", DEPTH),
            (2, "Temperature", in_situ()),
            (3, "Salinity", SALT),
        ):
            block = np.full((1, 6), -1e10)
            block[0, :4] = values
            numbers(data, f"var{number}", "f4", level, block, fill=-1e10, long_name=name)
            codes = [ord(flag) for flag in (flags if number == 2 else FLAGS)] + [57, 57]
            numbers(data, f"var{number}_qc", "i1", level, [codes], long_name=f"quality flag of {name}")


def write_argo(path: Path, flags: str = FLAGS) -> None:
    """Argo user's manual 3.41, core profile file, one cast of mode D."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        dimensions(data, N_PROF=1, N_LEVELS=6, STRING8=8, STRING16=16, STRING256=256)
        characters(data, "DATA_TYPE", ("STRING16",), ["Argo profile"])
        characters(data, "PLATFORM_NUMBER", ("N_PROF", "STRING8"), ["SHIP7"])
        characters(data, "DATA_MODE", ("N_PROF",), ["D"])
        characters(data, "DIRECTION", ("N_PROF",), ["A"])
        characters(
            data, "VERTICAL_SAMPLING_SCHEME", ("N_PROF", "STRING256"), ["Primary sampling: averaged"]
        )
        numbers(data, "CYCLE_NUMBER", "i4", ("N_PROF",), 1)
        numbers(data, "JULD", "f8", ("N_PROF",), days("1950-01-01"), fill=999999.0)
        numbers(data, "LATITUDE", "f8", ("N_PROF",), LAT, fill=99999.0)
        numbers(data, "LONGITUDE", "f8", ("N_PROF",), LON, fill=99999.0)
        for name in ("POSITION_QC", "JULD_QC"):
            characters(data, name, ("N_PROF",), ["1"])
        level = ("N_PROF", "N_LEVELS")
        pressure = pressure_of(DEPTH, np.full(4, LAT))
        for name, values in (("PRES", pressure), ("TEMP", in_situ()), ("PSAL", SALT)):
            block = np.full((1, 6), 99999.0)
            block[0, :4] = values
            numbers(data, name, "f4", level, block + np.where(block < 9e4, 0.5, 0), fill=99999.0)
            numbers(data, f"{name}_ADJUSTED", "f4", level, block, fill=99999.0)
            characters(data, f"{name}_QC", level, ["1111"])
            characters(data, f"{name}_ADJUSTED_QC", level, [flags if name == "TEMP" else "1111"])


Writer = Callable[..., None]
WRITERS: Mapping[str, Writer] = {
    "argo": write_argo, "en4": write_en4, "fdbk": write_fdbk, "wod": write_wod,
    "wod_ragged": write_wod_ragged, "gtspp": write_gtspp, "mitprof": write_mitprof,
    "seadatanet": write_seadatanet, "odv": write_odv,
}  # fmt: skip
FORMATS = {"wod_ragged": "wod", "odv": "seadatanet"}
BAD_DIGIT = {"wod": "3", "wod_ragged": "3", "mitprof": "1"}


@pytest.mark.parametrize("name", WRITERS)
def test_one_cast_is_the_same_in_every_format(name: str, tmp_path: Path) -> None:
    WRITERS[name](path := tmp_path / f"{name}.nc")
    assert format_of(path) == FORMATS.get(name, name)
    result = read_observations(path)
    table = result.table[result.table["lat"] == np.float32(LAT)]
    assert (table["time"] == TIME).all() and (table["lon"] == np.float32(LON)).all()
    np.testing.assert_allclose(table["depth"], DEPTH, atol=2e-3, rtol=1e-5)
    np.testing.assert_allclose(table["temperature"], THETA, atol=1e-4)
    np.testing.assert_allclose(table["salinity"], SALT, atol=1e-5)
    assert (table["qc"].isin(("good", "unknown"))).all()
    assert set(table["platform_id"]) <= {"SHIP7", "SHIP7 CTD"}
    assert set(table["platform_type"]) == {"argo" if name == "argo" else "ctd"}
    assert set(table["source"]) == {path.name}
    require_table(result.table)


@pytest.mark.parametrize("name", WRITERS)
def test_a_bad_level_is_rejected_alone_in_every_format(name: str, tmp_path: Path) -> None:
    good = "0" if name in BAD_DIGIT else "1"
    WRITERS[name](path := tmp_path / f"{name}.nc", flags=good + good + BAD_DIGIT.get(name, "4") + good)
    result = read_observations(path)
    assert result.reasons == {"temperature_flagged_bad": 1}
    assert result.rejects["depth"].iloc[0] == pytest.approx(DEPTH[2], abs=1e-2)
    before = sum(result.table["profile"] < result.rejects["profile"].iloc[0])
    assert len(result.table) == before + 3


@pytest.mark.parametrize("name", ["en4", "fdbk", "gtspp", "seadatanet", "odv", "argo"])
def test_probably_bad_is_kept_only_on_request(name: str, tmp_path: Path) -> None:
    WRITERS[name](path := tmp_path / f"{name}.nc", flags="1231")
    assert read_observations(path).reasons == {"temperature_flagged_suspect": 1}
    all_of_it = ReadOptions(keep=("good", "probably_good", "unknown", "suspect"))
    assert list(read_observations(path, all_of_it).table["qc"]) == [
        "good",
        "probably_good",
        "suspect",
        "good",
    ]


@pytest.mark.parametrize("name", ["en4", "fdbk"])
def test_a_rejected_profile_rejects_all_its_levels(name: str, tmp_path: Path) -> None:
    how: dict[str, dict[str, object]] = {
        "en4": {"profile": "4"},
        "fdbk": {"cast": 4},
    }
    WRITERS[name](path := tmp_path / f"{name}.nc", **how[name])
    assert read_observations(path).reasons == {"temperature_flagged_bad": 4}


def test_en4_rejects_a_bad_position(tmp_path: Path) -> None:
    write_en4(path := tmp_path / "en4.nc", position="4")
    assert read_observations(path).reasons == {"position_flagged_bad": 4}


def test_fdbk_rejects_a_rejected_observation(tmp_path: Path) -> None:
    write_fdbk(path := tmp_path / "fdbk.nc", observation=4)
    assert read_observations(path).reasons == {"temperature_flagged_bad": 4}


@pytest.mark.parametrize(
    ("code", "platform"),
    [
        ("042", "xbt"),
        ("741", "ctd"),
        ("800", "other"),
        ("820", "mooring"),
        ("846", "argo"),
        ("", "other"),
    ],
)
def test_instrument_codes_are_those_of_wmo_1770(code: str, platform: str, tmp_path: Path) -> None:
    write_fdbk(path := tmp_path / "fdbk.nc", kind=code)
    assert set(read_observations(path).table["platform_type"]) == {platform}


@pytest.mark.parametrize(
    ("code", "platform"), [("5", "ship"), ("6", "mooring"), ("7", "drifter"), ("", "other")]
)
def test_surface_feedback_has_icoads_platforms(code: str, platform: str, tmp_path: Path) -> None:
    write_fdbk(path := tmp_path / "sstfb_fdbk_20040229.nc", name="SST", kind=code)
    assert set(read_observations(path).table["platform_type"]) == {platform}


def test_hadiod_corrections_are_added(tmp_path: Path) -> None:
    write_fdbk(path := tmp_path / "profb_fdbk_20040229.nc", POTM_CORR=-0.25, DEPTH_CORR=2.0)
    table = read_observations(path).table
    np.testing.assert_allclose(table["temperature"], THETA - 0.25, atol=1e-5)
    np.testing.assert_allclose(table["depth"], DEPTH + 2, atol=1e-4)


def test_feedback_of_in_situ_temperature_is_made_potential(tmp_path: Path) -> None:
    write_fdbk(path := tmp_path / "fdbk.nc", name="TEMP")
    table = read_observations(path).table
    assert (table["temperature"] < THETA).all() and table["temperature"].iloc[3] < THETA[3] - 0.09


def test_feedback_without_temperature_says_what_it_holds(tmp_path: Path) -> None:
    write_fdbk(path := tmp_path / "fdbk.nc", name="SLA")
    with pytest.raises(ObservationError, match=r"SLA PSAL.*expected one of POTM, SST, TEMP"):
        read_observations(path)


def test_mitprof_weights_are_errors_and_zero_weight_is_suspect(tmp_path: Path) -> None:
    write_mitprof(path := tmp_path / "m.nc")
    np.testing.assert_allclose(read_observations(path).table["error"], [0.5, 0.5, 0.2, 0.1], rtol=1e-6)
    with netCDF4.Dataset(path, "a") as data:
        data["prof_Tweight"][0, 1] = 0.0
    assert read_observations(path).reasons == {"temperature_flagged_suspect": 1}


def test_row_sizes_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    write_wod_ragged(path := tmp_path / "wod.nc")
    with netCDF4.Dataset(path, "a") as data:
        data["z_row_size"][2] = 5
    with pytest.raises(ObservationError, match="adds up to 7, expected 6"):
        read_observations(path)


def test_casts_without_salinity_stay_beside_those_with(tmp_path: Path) -> None:
    write_wod_ragged(path := tmp_path / "wod.nc")
    table = read_observations(path).table
    assert table["salinity"].isna().tolist() == [True, True, False, False, False, False]
    assert table["profile"].tolist() == [1, 1, 2, 2, 2, 2]


def test_a_real_time_profile_keeps_its_raw_values(tmp_path: Path) -> None:
    write_argo(path := tmp_path / "R1900000_001.nc")
    with netCDF4.Dataset(path, "a") as data:
        data["DATA_MODE"][:] = b"R"
    np.testing.assert_allclose(read_observations(path).table["temperature"], THETA + 0.5, atol=1e-2)


def test_a_pressure_error_above_20_dbar_is_rejected(tmp_path: Path) -> None:
    write_argo(path := tmp_path / "D1900000_001.nc")
    with netCDF4.Dataset(path, "a") as data:
        numbers(
            data,
            "PRES_ADJUSTED_ERROR",
            "f4",
            ("N_PROF", "N_LEVELS"),
            [[2.4, 20.0, 20.1, 25.0, 9e4, 9e4]],
        )
    assert read_observations(path).reasons == {"pressure_error_above_20_dbar": 2}


def test_a_secondary_sampling_is_rejected(tmp_path: Path) -> None:
    write_argo(path := tmp_path / "D1900000_001.nc")
    with netCDF4.Dataset(path, "a") as data:
        data["VERTICAL_SAMPLING_SCHEME"][0, :9] = np.array([c.encode() for c in "Secondary"])
    assert read_observations(path).reasons == {"not_primary_sampling": 4}


def test_the_float_s_own_error_joins_representativeness(tmp_path: Path) -> None:
    write_argo(path := tmp_path / "D1900000_001.nc")
    plain = read_observations(path).table["error"].to_numpy()
    with netCDF4.Dataset(path, "a") as data:
        numbers(data, "TEMP_ADJUSTED_ERROR", "f4", ("N_PROF", "N_LEVELS"), np.full((1, 6), 0.3))
    error = read_observations(path).table["error"].to_numpy()
    np.testing.assert_allclose(error**2, plain**2 - 0.005**2 + 0.3**2, rtol=1e-4)
