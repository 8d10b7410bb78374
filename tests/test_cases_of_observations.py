"""Files of which people reported wrong results, by the command line: right values, or one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from netcdf_files import LAT, LON, NOON, SST, WATER, cast_file, sst_file

from deepda.cli import main
from deepda.observations.manifest import Entry, read_manifest

HEAD = "time,lat,lon,depth,temperature"
ARGO = """\
platform_number,cycle_number,direction,data_mode,time,latitude,longitude,pres,temp,temp_qc,pres_adjusted,\
temp_adjusted,temp_adjusted_qc
,,,,UTC,degrees_north,degrees_east,decibar,degree_Celsius,,decibar,degree_Celsius,
"""
TIMES = ("2001", "200101", "20010101", "2001-01", "2001-W01", "12:30", "951782400", "36526.5",
         "01/02/2003", "2001-02-30", "2001-01-01T24:00:00", "2001-01-01T23:59:60", "now",
         "today", "NaT", "")  # fmt: skip
STRAY = '"'
FLAGS = ("10", "19", "1.5", "0x1", "-1", "PASS", "fail", "B", "1 4", "14", "128", "99", "é", "")
ANOMALY = 0.6 * np.cos(np.radians(np.broadcast_to(LON, SST.shape)))


def csv_files(folder: Path) -> None:
    """Tables as text."""
    level = "9900001,17,A,D,2019-03-04T11:20:00Z,21.5,-40.25,{0},24,1,{1},{2},{3}"
    rows = [level.format(10 * k + 5, 10 * k, 23 - k, 4 if k > 15 else 1) for k in range(20)]
    rows_of = {
        "argo": ARGO + "\n".join(rows),
        "fahrenheit": "time,lat,lon,depth,sst (deg F)\n2015-05-04,30,-70,0,54",
        "bar": "time,lat,lon,pressure (bar),temperature\n2001-01-01,10,20,50,12",
        "height": HEAD + "".join(f"\n2001-01-01,10,20,{z},12" for z in (*range(99), -6)),
        "quotes": HEAD + ",platform_id" + "".join(
            f"\n2001-01-0{1 + k % 9},10,20,5,12.5,{STRAY if k in (50, 250) else ''}A" for k in range(302)
        ),
        "flags": HEAD + ",qc" + "".join(f"\n2001-01-01,10,20,5,12.5,{flag}" for flag in FLAGS),
        "times": HEAD + "".join(f"\n{time},10,20,5,12.5" for time in TIMES),
        "newline": HEAD + "\n2001-01-01,10,20,5,17\n.133\n2001-01-01,10,20,6,17.133",
    }  # fmt: skip
    for name, text in rows_of.items():
        (folder / f"{name}.csv").write_text(text + "\n", encoding="utf-8")


def fields(folder: Path) -> None:
    """Gridded products."""
    firsts = {"units": "days since 2005-01-01", "calendar": "standard"}
    year = np.arange("2005-01", "2006-01", dtype="M8[M]").astype("M8[D]")
    days = (year - year[0]).astype(float)
    sst_file(folder / "whole_year.nc", time=firsts, hours=days)
    sst_file(folder / "sst_200506.nc", time=firsts, hours=days[5:6])
    ones = {"units": "days since 0001-01-01", "calendar": "proleptic_gregorian"}
    sst_file(folder / "proleptic.nc", time=ones, hours=[733937.5])
    zone = {"units": "hours since 2012-01-31 00:00:00 +09:00"}
    sst_file(folder / "zone.nc", time=zone, hours=[0.0])
    level = np.where(np.abs(LAT) > 30, 1, 5).astype(np.int8)[None, :, None] + np.zeros(
        (1, 1, LON.size), "i1"
    )
    words = {
        "flag_values": np.arange(6, dtype=np.int8),
        "flag_meanings": "no_data bad_data worst_quality low_quality acceptable_quality best_quality",
    }
    dims = ("time", "lat", "lon")
    cloudy = SST - 8.0 * (level[0] == 1)
    sst_file(folder / "ghrsst.nc", cloudy, extra={"quality_level": (dims, level, words)})
    axis = np.arange(10.0)
    square = np.broadcast_to(16 + axis, (10, 10))  # by latitude, stored as (lon, lat)
    sst_file(folder / "square.nc", square.T, dims=("time", "lon", "lat"),
             lat=(("lat",), axis, {"units": "degrees_north"}),
             lon=(("lon",), axis, {"units": "degrees_east"}))  # fmt: skip
    sst_file(folder / "anomaly.nc", ANOMALY, words={"long_name": "sea surface temperature anomaly"})
    sst_file(folder / "oi_20190304.nc", SST - 6)
    sst_file(folder / "oi_20190304_preliminary.nc", SST - 5)
    land = SST.copy()
    land[5:8, 3:10] = 0.0
    sst_file(folder / "land_zero.nc", land)


def casts(folder: Path) -> None:
    """Casts, a file cut short and one that unpacks to far more."""
    for unit, factor in (("dbar", 1.0), ("bar", 0.1), ("kPa", 10.0)):
        pressure = (("obs",), np.array([0.0, 200.0, 500.0, 1000.0]) * factor, {"units": unit})
        cast_file(folder / f"ctd_{unit}.nc", {"depth": None, "pres": pressure})
    words = {"units": "degree_C", "standard_name": "sea_water_temperature"}
    cast_file(folder / "glider.nc", {"temp": None, "temperature": (("obs",), WATER, words)})
    whole = folder / "cut.nc"
    with netCDF4.Dataset(whole, "w", format="NETCDF3_CLASSIC") as data:
        data.createDimension("obs", 500)
        for name, unit in (("time", NOON["units"]), ("lat", "degrees_north"), ("lon", "degrees_east"),
                           ("depth", "m"), ("temp", "degC")):  # fmt: skip
            data.createVariable(name, "f8", ("obs",))[:] = np.full(500, 12.0)
            data[name].units = unit
    whole.write_bytes(whole.read_bytes()[:-800])
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000_000, np.int8)), pa.array([1.0]))
    names = ("time", "lat", "lon", "depth", "theta")
    pq.write_table(pa.table(dict.fromkeys(names, same)), folder / "bomb.parquet")


@dataclass(frozen=True)
class Ingested:
    """Rows of the manifest and kept rows, by name of the file."""

    entries: dict[str, Entry]
    rows: dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """All files, taken in by one command."""
    folder = tmp_path_factory.mktemp("cases")
    for write in (csv_files, fields, casts):
        write(folder)
    output = folder.parent / "cases_taken_in"
    main(["observations", "ingest", str(folder), "--output", str(output), "--workers", "1"])
    entries = {Path(entry.file).name: entry for entry in read_manifest(output)}
    parts = [pd.read_parquet(path) for path in sorted(output.glob("observations/*/*/*.parquet"))]
    kept = pd.concat([part.assign(source=part["source"].astype(str)) for part in parts])
    return Ingested(entries, {Path(name).name: rows for name, rows in kept.groupby("source")})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kept", "reasons"),
    [
        ("argo.csv", 16, "temperature_flagged_bad=4"),
        ("height.csv", 99, "depth_impossible=1"),
        ("quotes.csv", 300, "line_malformed=2"),
        ("flags.csv", 2, "temperature_flag_unknown=11; temperature_flagged_bad=1"),
        ("times.csv", 1, "time_unreadable=8; time_without_units=4; time_missing=2; time_ambiguous=1"),
        ("newline.csv", 1, "line_cut_short=1; line_malformed=1"),
        ("ghrsst.nc", 7 * 36, "temperature_flagged_bad=216"),
        ("land_zero.nc", 13 * 36 - 21, "constant_on_land=21"),
    ],
)
def test_rows_are_rejected_with_their_reason(
    name: str, kept: int, reasons: str, ingested: Ingested
) -> None:
    entry = ingested.entries[name]
    assert (entry.rows_kept, entry.reasons) == (kept, reasons)


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("anomaly.nc", "quarantined", "holds anomalies"),
        ("cut.nc", "quarantined", "cut short"),
        ("bomb.parquet", "quarantined", "would unpack to"),
        ("oi_20190304_preliminary.nc", "superseded", "better_version_oi_20190304.nc"),
    ],
)
def test_files_are_refused_in_one_sentence(
    name: str, status: str, words: str, ingested: Ingested
) -> None:
    assert ingested.entries[name].status == status and words in ingested.entries[name].reasons


@pytest.mark.parametrize(
    ("name", "column", "lowest", "highest"),
    [
        ("argo.csv", "depth", 0.0, 149.0), ("fahrenheit.csv", "temperature", 12.2222, 12.2222),
        ("bar.csv", "depth", 496.574, 496.574), ("newline.csv", "temperature", 17.133, 17.133),
        ("ghrsst.nc", "temperature", 21.0, 24.0), ("square.nc", "temperature", 16.0, 25.0),
        ("land_zero.nc", "temperature", 18.0, 24.0), ("oi_20190304.nc", "temperature", 12.0, 18.0),
        ("glider.nc", "temperature", 4.915, 26.0), ("ctd_dbar.nc", "depth", 0.0, 990.309),
        ("ctd_bar.nc", "depth", 0.0, 990.309), ("ctd_kPa.nc", "depth", 0.0, 990.309),
    ],
)  # fmt: skip
def test_values_are_the_right_ones(
    name: str, column: str, lowest: float, highest: float, ingested: Ingested
) -> None:
    values = ingested.rows[name][column]
    assert (values.min(), values.max()) == pytest.approx((lowest, highest), abs=0.1, rel=1e-4)


def test_latitude_and_longitude_are_not_exchanged(ingested: Ingested) -> None:
    rows = ingested.rows["square.nc"]
    np.testing.assert_allclose(rows["temperature"], 16 + rows["lat"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sst_200506.nc", "2005-06-16T00:00"),
        ("proleptic.nc", "2010-06-15T12:00"),
        ("zone.nc", "2012-01-30T15:00"),
    ],
)
def test_times_are_those_that_the_file_declares(name: str, expected: str, ingested: Ingested) -> None:
    assert ingested.rows[name]["time"].unique().tolist() == [pd.Timestamp(expected)]


def test_how_a_product_is_cut_into_files_moves_no_observation(ingested: Ingested) -> None:
    months = ingested.rows["whole_year.nc"]["time"].drop_duplicates()
    assert len(months) == 12 and ingested.rows["sst_200506.nc"]["time"].iloc[0] in set(months)


def test_levels_of_one_argo_cycle_are_one_cast(ingested: Ingested) -> None:
    rows = ingested.rows["argo.csv"]
    assert rows["profile"].nunique() == 1 and set(rows["platform_id"]) == {"9900001"}
    assert set(rows["platform_type"]) == {"argo"}


def test_what_was_assumed_stands_in_the_manifest(ingested: Ingested) -> None:
    assumed = {name: entry.assumed for name, entry in ingested.entries.items()}
    assert "in situ temperature by its standard_name" in assumed["glider.nc"]
    assert "taken as means of the month" in assumed["whole_year.nc"]
    assert "potential temperature taken" in assumed["bar.csv"]
