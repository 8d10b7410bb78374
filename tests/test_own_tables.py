"""Own tables as people have them: units, flags, kinds, casts, times, damage. Nothing silently wrong."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepda.cli import main
from deepda.observations import delimited
from deepda.observations.accepted import accepted
from deepda.observations.manifest import read_manifest
from deepda.observations.own import read_own
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult

HEAD = "time,lat,lon,depth,temperature"
DAY = "2010-01-01T00:00:00Z,10,20,"


def read(tmp_path: Path, text: str | bytes, name: str = "own.csv", **options: object) -> ReadResult:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_own(path, ReadOptions(**options))  # type: ignore[arg-type]


def one(tmp_path: Path, head: str, row: str, **options: object) -> pd.Series:
    result = read(tmp_path, f"{head}\n{row}\n", **options)
    assert len(result.table) == 1, result.reasons
    return result.table.iloc[0]


# units


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value", "name", "expected"),
    [
        ("temperature (deg F)", "54", "temperature", 12.2222),
        ("temperature [degree_Fahrenheit]", "54", "temperature", 12.2222),
        ("temperature_f", "54", "temperature", 12.2222),
        ("temperature [K]", "285.15", "temperature", 12.0),
        ("temperature [0.01 degC]", "1200", "temperature", 12.0),
        ("potential_temperature_degC", "12", "temperature", 12.0),
        ("depth [cm]", "500", "depth", 5.0),
        ("depth (ft)", "100", "depth", 30.48),
        ("depth_km", "1", "depth", 1000.0),
        ("pressure [bar]", "50", "depth", 496.574),
        ("pressure [kPa]", "5000", "depth", 496.574),
        ("pres (psi)", "725.189", "depth", 496.574),
        ("pressure_db", "500", "depth", 496.574),
        ("lat [radians]", "0.1745329", "lat", 10.0),
        ("longitude (rad)", "0.3490659", "lon", 20.0),
        ("salinity [1e-3]", "35", "salinity", 35.0),
        ("error [mK]", "100", "error", 0.1),
    ],
)
def test_units_in_a_name_are_converted(
    column: str, value: str, name: str, expected: float, tmp_path: Path
) -> None:
    cells = {"time": "2010-01-01", "lat": "10", "lon": "20", "depth": "5", "temperature": "12"}
    taken = {"pressure": "depth", "pres": "depth", "longitude": "lon", "potential": "temperature"}
    ours = column.replace("_", " ").split(" ")[0]
    cells.pop(taken.get(ours, ours), None)
    cells[column] = value
    row = one(tmp_path, ",".join(cells), ",".join(cells.values()))
    assert row[name] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "head",
    [
        "time,lat,lon,depth,temperature [furlong]",
        "time,lat,lon,depth [dbar],temperature",
        "time,lat,lon,pressure [m],temperature",
        "time,lat [degrees_south],lon,depth,temperature",
        "time (EST),lat,lon,depth,temperature",
    ],
)
def test_a_unit_that_is_unknown_or_of_something_else_is_refused(head: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"expected .*; (correct|write)"):
        read(tmp_path, f"{head}\n{DAY}5,12\n")


def test_a_line_of_units_is_no_row_and_is_used(tmp_path: Path) -> None:
    text = f"{HEAD}\nUTC,degrees_north,degrees_east,cm,degree_F\n{DAY}500,54\n"
    result = read(tmp_path, text)
    assert result.rows_in == 1
    assert result.table["depth"].iloc[0] == 5
    assert result.table["temperature"].iloc[0] == pytest.approx(12.2222, abs=1e-3)
    with pytest.raises(ObservationError, match="'banana', expected m"):
        read(tmp_path, text.replace("cm", "banana"))
    with pytest.raises(ObservationError, match="expected one unit"):
        read(tmp_path, text.replace("depth", "depth [m]"))


def test_units_that_the_user_says_override_the_table(tmp_path: Path) -> None:
    row = one(tmp_path, f"{HEAD} [K]", f"{DAY}5,12", units={"temperature": "degC"})
    assert row["temperature"] == 12


def test_parquet_columns_may_declare_their_units(tmp_path: Path) -> None:
    names = {"time": ["2010-01-01"], "lat": [1.0], "lon": [2.0], "depth": [500.0], "theta": [12.0]}
    table = pa.table(names)
    for units, expected in (("cm", 5.0), ("m", 500.0)):
        fields = [f.with_metadata({"units": units}) if f.name == "depth" else f for f in table.schema]
        pq.write_table(table.cast(pa.schema(fields)), tmp_path / "own.parquet")
        result = read_own(tmp_path / "own.parquet", ReadOptions())
        assert result.table["depth"].tolist() == [expected]


# flags and Argo tables


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["10", "14", "19", "128", "1.5", "0x1", "-1", "B", "1 4", "é", "7"])
def test_a_flag_outside_the_scheme_is_never_good(flag: str, tmp_path: Path) -> None:
    result = read(tmp_path, f"{HEAD},qc\n{DAY}5,12,{flag}\n{DAY}6,12,1\n{DAY}7,12,1.0\n{DAY}8,12,\n")
    assert result.reasons == {"temperature_flag_unknown": 1}
    assert result.table["qc"].tolist() == ["good", "good", "unknown"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "flag", "reason"),
    [
        ("temp_qc", "4", "temperature_flagged_bad"),
        ("temperature_QC", "fail", "temperature_flagged_bad"),
        ("depth_qc", "4", "depth_flagged_bad"),
        ("POSITION_QC", "3", "position_flagged_suspect"),
        ("time_flag", "4", "time_flagged_bad"),
        ("QC_temperature", "3", "temperature_flagged_suspect"),
        ("temperature_FLAG_W", "4", "temperature_flagged_bad"),
    ],
)
def test_each_quantity_has_its_flags(column: str, flag: str, reason: str, tmp_path: Path) -> None:
    good = "2" if column.endswith("_W") else "1"
    result = read(tmp_path, f"{HEAD},{column}\n{DAY}5,12,{flag}\n{DAY}6,12,{good}\n")
    assert result.reasons == {reason: 1} and len(result.table) == 1


def test_whp_flags_mean_in_own_tables_what_they_mean_in_exchange_files(tmp_path: Path) -> None:
    rows = "".join(f"{DAY}{5 + flag},12,{flag}\n" for flag in range(1, 10))
    result = read(tmp_path, f"{HEAD},temperature_FLAG_W\n{rows}")
    assert list(result.table["qc"]) == ["good", "probably_good", "probably_good", "unknown"]
    assert result.reasons == {"temperature_flagged_suspect": 2, "temperature_flagged_bad": 3}


ARGO = (
    "platform_number,cycle_number,direction,data_mode,time,latitude,longitude,pres,pres_qc,temp,temp_qc,"
    "psal,psal_qc,pres_adjusted,pres_adjusted_qc,temp_adjusted,temp_adjusted_qc\n"
    ",,,,UTC,degrees_north,degrees_east,decibar,,degree_Celsius,,PSU,,decibar,,degree_Celsius,\n"
)


def argo_row(mode: str, cycle: int = 17, adjusted_qc: int = 1) -> str:
    place = f"9900001,{cycle},A,{mode},2019-03-04T11:20:00Z,21.5,-40.25"
    return f"{place},105,1,12,1,35,1,100,1,13,{adjusted_qc}\n"


@pytest.mark.parametrize(("mode", "pressure", "value"), [("R", 105, 12), ("A", 100, 13), ("D", 100, 13)])
def test_argo_tables_are_read_by_their_mode(
    mode: str, pressure: float, value: float, tmp_path: Path
) -> None:
    row = read(tmp_path, ARGO + argo_row(mode) + argo_row(mode)).table.iloc[0]
    assert row["depth"] == pytest.approx(pressure * 0.9935, abs=0.2)
    assert row["temperature"] == pytest.approx(value, abs=0.03)
    assert (row["platform_type"], row["platform_id"]) == ("argo", "9900001")


def test_argo_flags_are_those_of_the_values_that_count(tmp_path: Path) -> None:
    result = read(tmp_path, ARGO + argo_row("D", adjusted_qc=4) + argo_row("R", adjusted_qc=4))
    assert result.reasons == {"temperature_flagged_bad": 1} and len(result.table) == 1
    assert read(tmp_path, ARGO + argo_row("X") + argo_row("R")).reasons == {"data_mode_unknown": 1}


# kinds of temperature


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("potential_temperature", 5.0), ("temperature", 5.0), ("in_situ_temperature", 4.5814),
        ("sea_water_temperature", 4.5814), ("temp", 4.5814), ("conservative_temperature", 5.007),
    ],
)  # fmt: skip
def test_the_name_of_a_column_says_its_kind(column: str, expected: float, tmp_path: Path) -> None:
    row = one(tmp_path, f"time,lat,lon,pressure,{column},salinity", f"{DAY}4000,5,35")
    assert row["temperature"] == pytest.approx(expected, abs=0.01)


def test_what_kind_is_assumed_is_said_and_the_user_may_say_another(tmp_path: Path) -> None:
    text = f"time,lat,lon,pressure,temperature,salinity\n{DAY}4000,5,35\n"
    plain = read(tmp_path, text)
    assert any("potential temperature taken" in note for note in plain.assumed)
    said = read(tmp_path, text, temperature="in_situ")
    assert said.table["temperature"].iloc[0] == pytest.approx(4.5814, abs=0.01)
    assert not any("kind" in note for note in said.assumed)
    with pytest.raises(ObservationError, match="expected one of potential"):
        ReadOptions(temperature="warm")


@pytest.mark.slow
def test_the_command_takes_the_kind_and_the_manifest_and_the_log_say_what_is_assumed(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.csv").write_text(f"time,lat,lon,pressure,temperature\n{DAY}4000,5\n")
    for flags, value, said in ((["--temperature", "in_situ"], 4.5814, False), ([], 5.0, True)):
        output = tmp_path / f"obs{value}"
        words = [str(tmp_path / "own.csv"), "--output", str(output), "--workers", "1", *flags]
        assert main(["observations", "ingest", *words]) == 0
        [kept] = output.glob("observations/*/*/*.parquet")
        assert pq.read_table(kept, partitioning=None)["temperature"][0].as_py() == pytest.approx(
            value, abs=1e-3
        )
        note = "potential temperature taken"
        assert (note in read_manifest(output)[0].assumed) == said
        assert (note in (output / "ingest.log").read_text()) == said


@pytest.mark.parametrize(
    "head", ["temperature_anomaly", "sst anomaly [K]", "SSTA_anom", "temperature [degC anomaly]"]
)
def test_anomalies_are_no_temperatures(head: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"holds anomalies.*expected temperatures"):
        read(tmp_path, f"time,lat,lon,depth,{head}\n{DAY}5,0.5\n")


# casts


def casts(result: ReadResult) -> list[int]:
    return pd.factorize(result.table["profile"])[0].tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "rows", "expected"),
    [
        (HEAD, [f"{DAY}{z},12" for z in (1, 2, 3)], [0, 0, 0]),
        (HEAD, [f"{DAY}1,12", "2010-01-02,10,20,1,12", "2010-01-01,9,20,1,12"], [0, 1, 2]),
        (f"{HEAD},cast", [f"{DAY}1,12,7", f"{DAY}2,12,8", f"{DAY}3,12,7"], [0, 1, 0]),
        (f"{HEAD},profile", ["2010-01-01,10,20,1,2,1", "2010-01-01T00:10,10.1,20,2,2,1"], [0, 0]),
        (f"{HEAD},cast", [f"{DAY}1,12,1", "2011-01-01,10,20,1,12,1"], [0, 1]),
        (f"{HEAD},platform", [f"{DAY}1,12,A", f"{DAY}2,12,B", f"{DAY}3,12,A"], [0, 1, 0]),
        (f"{HEAD},id", [f"{DAY}1,12,1", f"{DAY}2,12,2", f"{DAY}3,12,3"], [0, 0, 0]),
        (f"{HEAD},profile", ["2010-01-01,10,179.99,1,12,1", "2010-01-01,10,-179.99,2,12,1"], [0, 0]),
    ],
)  # fmt: skip
def test_rows_of_one_platform_time_and_place_are_one_cast(
    head: str, rows: list[str], expected: list[int], tmp_path: Path
) -> None:
    result = read(tmp_path, "\n".join([head, *rows, ""]))
    assert casts(result) == expected
    if "platform" not in head:
        assert (result.table["platform_id"].nunique()) == max(expected) + 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_in_parts_is_the_same_as_whole_and_splits_no_cast(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        [(f"2010-01-{day:02d}", 10.0, 20.0, z, 12 + z / 10) for day in range(1, 8) for z in (1.0, 2, 3)],
        columns=HEAD.split(","),
    )
    path = tmp_path / f"own.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, row_group_size=4)
    whole = read_own(path, ReadOptions()).table
    parts, step = [], 0
    while step is not None:
        result = read_own(path, ReadOptions(first_step=step, most_values=7))
        parts.append(result.table.astype({"platform_id": str, "source": str}))
        step = result.next_step  # type: ignore[assignment]
    assert [len(part) for part in parts] == [6, 6, 6, 3]
    same = pd.concat(parts, ignore_index=True)
    pd.testing.assert_frame_equal(same, whole.astype({"platform_id": str, "source": str}))


# times


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2010-01-01T12:00:00Z", "2010-01-01T12:00:00"), ("2010-01-01 12:00", "2010-01-01T12:00:00"),
        ("2010-01-01T12:00:00+02:00", "2010-01-01T10:00:00"), ("20100101", "2010-01-01T00:00:00"),
        ("2010-01-01T12:00:00-0930", "2010-01-01T21:30:00"), ("20100101T120000", "2010-01-01T12:00:00"),
        ("2010/1/1", "2010-01-01T00:00:00"), ("1-JAN-2010 12:00:00", "2010-01-01T12:00:00"),
        ("Jan 1 2010", "2010-01-01T00:00:00"), ("2010-01-01 23:59:59.9", "2010-01-02T00:00:00"),
    ],
)  # fmt: skip
def test_a_full_date_is_read_as_it_stands(text: str, expected: str, tmp_path: Path) -> None:
    row = one(tmp_path, HEAD, f"{text},10,20,5,12")
    assert row["time"] == np.datetime64(expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["now", "today", "yesterday", "+1 day", "2001", "200101", "2001-01", "2001-W01",
     "12:30",
     "951782400",
     "36526.5", "1999.5", "01/02/2003", "2001-02-30", "2001-01-01T24:00:00",
     "2001-01-01T23:59:60", "NaT",
     "", "0000-01-01", "2001-13-01", "01/02/03", "2001-01-01 12:00 EST"],
)  # fmt: skip
def test_what_is_no_full_date_is_rejected_beside_a_date(text: str, tmp_path: Path) -> None:
    result = read(tmp_path, f"{HEAD}\n{text},10,20,5,12\n2010-01-01,10,20,5,12\n")
    assert len(result.table) == 1 and next(iter(result.reasons)).startswith("time_")


def test_numbers_need_units(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"numbers .* without units"):
        read(tmp_path, f"{HEAD}\n36526.5,10,20,5,12\n")
    head = HEAD.replace("time", "time [days since 1950-01-01]")
    assert one(tmp_path, head, "1.5,10,20,5,12")["time"] == np.datetime64("1950-01-02T12:00:00")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "cells"),
    [
        ("date,time", "2010-03-04,11:20"), ("date,time", "2010-03-04 00:00:00,1120"),
        ("date,time", "04-Mar-2010,11:20:00"), ("year,month,day,hour,minute", "2010,3,4,11,20"),
        ("year,month,day,time", "2010,3,4,11:20"), ("Date (DD/MM/YYYY),time", "04/03/2010,11:20"),
        ("year,month,day,hour", "2010,3,4,11.3333333"), ("date,time", "2010-03-04,2010-03-04T11:20"),
    ],
)  # fmt: skip
def test_a_time_in_several_columns_is_one_time(head: str, cells: str, tmp_path: Path) -> None:
    row = one(tmp_path, f"{head},lat,lon,depth,temperature", f"{cells},10,20,5,12")
    assert row["time"] == np.datetime64("2010-03-04T11:20:00")


@pytest.mark.slow
def test_day_and_month_are_read_in_the_one_order_that_fits_all_rows(tmp_path: Path) -> None:
    rows = "{},10,20,5,12\n03/04/2010,10,20,5,12\n"
    first = read(tmp_path, f"{HEAD}\n{rows.format('25/04/2010')}")
    assert first.table["time"].iloc[1] == np.datetime64("2010-04-03")
    assert any("day/month/year" in note for note in first.assumed)
    other = read(tmp_path, f"{HEAD}\n{rows.format('04/25/2010')}")
    assert other.table["time"].iloc[1] == np.datetime64("2010-03-04")
    neither = read(tmp_path, f"{HEAD}\n{rows.format('04/05/2010')}")
    assert neither.reasons == {"time_ambiguous": 2}


@pytest.mark.parametrize("unit", ["UTC", "hh:mm:ss", "GMT"])
@pytest.mark.parametrize(
    ("order", "expected"), [("dd/mm/yyyy", "2010-04-03"), ("mm/dd/yyyy", "2010-03-04")]
)
def test_a_declared_order_of_dates_holds_beside_a_unit_of_the_clock(
    order: str, expected: str, unit: str, tmp_path: Path
) -> None:
    cells = "03/04/2010,12:00:00,10,20,5,12"
    row = one(tmp_path, f"date [{order}],time [{unit}],lat,lon,depth,temperature", cells)
    assert row["time"] == np.datetime64(f"{expected}T12:00:00")
    row = one(tmp_path, f"time [{unit}],date [{order}],lat,lon,depth,temperature",
              "12:00:00,03/04/2010,10,20,5,12")  # fmt: skip
    assert row["time"] == np.datetime64(f"{expected}T12:00:00")


def test_a_declared_order_of_dates_holds_beside_a_clock_that_the_user_says_is_utc(
    tmp_path: Path,
) -> None:
    row = one(tmp_path, "date [dd/mm/yyyy],time,lat,lon,depth,temperature",
              "03/04/2010,12:00:00,10,20,5,12", units={"time": "UTC"})  # fmt: skip
    assert row["time"] == np.datetime64("2010-04-03T12:00:00")


def test_two_orders_of_dates_in_one_table_are_refused(tmp_path: Path) -> None:
    text = "date [dd/mm/yyyy],time,lat,lon,depth,temperature\nmm/dd/yyyy,hh:mm,deg,deg,m,degC\n"
    with pytest.raises(ObservationError, match=r"day/month/year and month/day/year, expected one"):
        read(tmp_path, f"{text}03/04/2010,12:00,10,20,5,12\n")


def test_a_clock_beside_a_unit_that_is_none_is_refused(tmp_path: Path) -> None:
    head = "date [dd/mm/yyyy],time [furlong],lat,lon,depth,temperature"
    with pytest.raises(ObservationError, match="times in 'furlong', expected"):
        read(tmp_path, f"{head}\n03/04/2010,12:00,10,20,5,12\n")


@pytest.mark.parametrize(
    ("names", "time", "place"),
    [
        ("time [days since 1950-01-01]", "21976,5", "10,5;20,25;5;12,5"),
        ("time [days since 1950-01-01]", "21976,5", "10;20;5;12"),
        ("year;month;day;hour", "2010;3;3;12,0", "10,5;20,25;5;12,5"),
        ("year;month;day;hour", "2010;3;3;12,0", "10;20;5;12"),
    ],
)
def test_times_in_numbers_have_the_decimal_comma_of_the_table(
    names: str, time: str, place: str, tmp_path: Path
) -> None:
    result = read(tmp_path, f"{names};lat;lon;depth;temperature\n{time};{place}\n{time};{place}\n")
    assert result.reasons == {}
    assert set(result.table["time"]) == {np.datetime64("2010-03-03T12:00:00")}
    assert "numbers have a decimal comma" in result.assumed


def test_a_time_that_should_be_a_number_and_is_none_is_not_called_missing(tmp_path: Path) -> None:
    head = HEAD.replace("time", "time [days since 1950-01-01]")
    result = read(tmp_path, f"{head}\n1.5,10,20,5,12\nsoon,10,20,5,12\n,10,20,5,12\n")
    assert result.reasons == {"time_unreadable": 1, "time_missing": 1}


# the letter of CSV


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "time;lat;lon;depth;temperature\n2010-01-01;10,5;20,25;5,0;12,5\n",
        "time\tlat\tlon\tdepth\ttemperature\n2010-01-01\t10.5\t20.25\t5\t12.5\n",
        "\ufeff" + HEAD + "\n2010-01-01,10.5,20.25,5,12.5\n",
        "# a note, with commas\n#\n" + HEAD + "\r\n2010-01-01,10.5,20.25,5,12.5\r\n\r\n",
        "# time,lat,lon,depth,temperature\n2010-01-01,10.5,20.25,5,12.5\n",
        "My cruise\nfrom the ship\n" + HEAD + "\n2010-01-01,10.5,20.25,5,12.5\n",
        '"time","lat","lon","depth","temperature"\n"2010-01-01","10.5","20.25","5","12.5"\n',
        HEAD + "\n2010-01-01, 10.5 , 20.25 , 5 , 12.5 \n",
        HEAD + "\n2010-01-01,10.5,20.25,5,12.5,\n",
        HEAD + ",remarks\n2010-01-01,10.5,20.25,5,12.5,\"a, b # c\"\n",
        HEAD + "\n2010-01-01,10.5,20.25,5,1.25e1\n",
    ],
)  # fmt: skip
def test_csv_as_people_write_it_is_one_row(text: str, tmp_path: Path) -> None:
    for content in (text.encode(), gzip.compress(text.encode())):
        result = read(tmp_path, content, "own.csv.gz")
        assert (result.rows_in, len(result.table)) == (1, 1), result.reasons
        row = result.table.iloc[0]
        assert (row["lat"], row["lon"], row["depth"], row["temperature"]) == (10.5, 20.25, 5.0, 12.5)


def test_encodings_are_read(tmp_path: Path) -> None:
    text = "time,lat,lon,depth,temperature (°C)\n2010-01-01,10,20,5,12\n"
    for encoding in ("utf-8", "latin-1", "utf-16"):
        assert read(tmp_path, text.encode(encoding)).table["temperature"].tolist() == [12.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (DAY + '5,"12.5', "line_malformed"), (DAY + "5", "line_malformed"),
        (DAY + "5,12,5", "line_malformed"), ("#" + DAY + "5,12", "line_commented_out"),
        (DAY + "5,12.5.1", "temperature_not_a_number"), (DAY + "5m,12", "depth_not_a_number"),
        (DAY + "5,0x1F", "temperature_not_a_number"), (DAY + "5,1_2", "temperature_not_a_number"),
        ("2010-01-01,1O,20,5,12", "latitude_not_a_number"), (DAY + "-6,12", "depth_impossible"),
        (DAY + "5,1\x002", "line_malformed"), (HEAD, "time_unreadable"), (DAY + ",12", "depth_missing"),
        ("2010-01-01,99,200,5,12", "position_impossible"), (DAY + "5,-999", "temperature_impossible"),
    ],
)  # fmt: skip
def test_a_bad_line_costs_itself_alone(line: str, reason: str, tmp_path: Path) -> None:
    result = read(tmp_path, f"{HEAD}\n{DAY}1,12\n{line}\n{DAY}2,13\n")
    assert result.reasons == {reason: 1} and result.table["temperature"].tolist() == [12, 13]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no value"), (HEAD + "\n", "holds no value"), ("\n\n", "holds no value"),
        (HEAD + ",lat\n" + DAY + "5,12,11\n", "2 columns 'lat'"),
        (HEAD + ",latitude\n" + DAY + "5,12,11\n", "lat and latitude differ"),
        ("a" + "," * 2000 + "\n", "2,001 columns"), ("x" * (2**20 + 5) + "\n", "line of over"),
        (HEAD + "\n" + DAY + "5,12\ntime,lon,lat,depth,temperature\n2010-01-01,20,10,5,12\n",
         "second header"),
        ("time,lat_deg,lat_min,lon,depth,temperature\n" + DAY + "5,12,1\n", "degrees and minutes"),
        (HEAD + "\n" + DAY + "5,warm\n", "holds text"),
    ],
)  # fmt: skip
def test_a_table_that_contradicts_itself_or_is_none_is_refused(
    text: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ObservationError, match=words):
        read(tmp_path, text)


@pytest.mark.slow
@pytest.mark.parametrize("error", ["0", "-0.1", "inf", "nought", "150", "-999"])
def test_an_error_that_is_none_costs_its_row_and_a_blank_one_is_that_of_the_platform(
    error: str, tmp_path: Path
) -> None:
    result = read(
        tmp_path, f"{HEAD},error\n{DAY}1,12,{error}\n{DAY}2,12,0.5\n{DAY}3,12,\n{DAY}4,12,NaN\n"
    )
    assert result.reasons == {"error_impossible": 1}
    assert result.table["error"].tolist()[0] == 0.5 and (result.table["error"][1:] > 0.3).all()


def test_a_depth_of_the_sea_floor_beside_the_pressure_is_not_taken(tmp_path: Path) -> None:
    text = f"time,lat,lon,depth,pressure,temperature\n{DAY}4000,100,12\n{DAY}99.4,100,12\n"
    result = read(tmp_path, text)
    assert result.reasons == {"depth_contradicts_pressure": 1} and len(result.table) == 1


def test_salinity_that_is_none_is_missing(tmp_path: Path) -> None:
    result = read(tmp_path, f"{HEAD},salinity\n{DAY}1,12,-999\n{DAY}2,12,35\n{DAY}3,12,x\n")
    assert result.table["salinity"].isna().tolist() == [True, False, True]


# bounded memory


@pytest.mark.slow
def test_a_parquet_file_that_unpacks_to_far_more_is_refused_unread(tmp_path: Path) -> None:
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10_000_000, np.int8)), pa.array([1.0]))
    table = pa.table({"time": same, **{name: same for name in ("lat", "lon", "depth", "theta")}})
    pq.write_table(table, tmp_path / "bomb.parquet")
    with pytest.raises(ObservationError, match="would unpack to 10,000,000 rows"):
        read_own(tmp_path / "bomb.parquet", ReadOptions())
    pq.write_table(table.slice(0, 1000), tmp_path / "bomb.parquet")
    with pytest.raises(ObservationError, match="without units"):  # the same, but of a usual size
        read_own(tmp_path / "bomb.parquet", ReadOptions())


def test_a_list_in_a_cell_is_refused(tmp_path: Path) -> None:
    table = pa.table(
        {"time": ["2010-01-01"], "lat": [1.0], "lon": [2.0], "depth": [[1.0]], "theta": [3.0]}
    )
    pq.write_table(table, tmp_path / "own.parquet")
    with pytest.raises(ObservationError, match="depth is list"):
        read_own(tmp_path / "own.parquet", ReadOptions())


def test_columns_of_any_dtype_are_the_same_table(tmp_path: Path) -> None:
    def read(frame: pd.DataFrame) -> pd.DataFrame:
        frame.to_parquet(tmp_path / "own.parquet")
        return read_own(tmp_path / "own.parquet", ReadOptions()).table

    plain = pd.DataFrame({"time": ["2010-01-01"], "lat": [1], "lon": [2], "depth": [3], "theta": [4]})
    expected = read(plain)
    zoned = plain.assign(time=pd.to_datetime(["2010-01-01T02:00:00+02:00"]))
    texts = plain.astype("category")
    nullable = plain.convert_dtypes()
    for frame in (zoned, texts, nullable, plain.astype(object), plain.set_index(pd.Index([9]))):
        pd.testing.assert_frame_equal(read(frame), expected)


# damage


@pytest.fixture(scope="module")
def sound() -> tuple[bytes, dict[int, tuple[float, ...]]]:
    """A table whose rows name themselves by their depth, and its values by row."""
    rng = np.random.default_rng(0)
    rows = [
        (f"2010-01-{1 + k // 4:02d}T06:00:00Z", 10.25, -20.5, k + 1, round(rng.uniform(5, 25), 3))
        for k in range(40)
    ]
    lines = [HEAD, *(",".join(map(str, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode(), {row[3]: row for row in rows}


damage = st.tuples(
    st.sampled_from(["cut", "drop", "quote", "byte"]),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(list(b"#;\x00\xffx")),  # a digit or a blank in place of a digit cannot be seen
)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(how=st.lists(damage, min_size=1, max_size=3))
def test_damage_never_changes_a_row_that_is_kept(how: list, sound: tuple, tmp_path: Path) -> None:
    content, values = sound
    body = content.index(b"\n") + 1
    for kind, where, byte in how:
        at = body + int(where * max(len(content) - body, 0))
        if kind == "cut":
            content = content[:at]
        elif kind == "drop":
            start = content.rfind(b"\n", 0, at) + 1
            end = content.find(b"\n", at) + 1
            content = content[:start] + content[end:] if end else content[:start]
        else:
            content = content[:at] + bytes([34 if kind == "quote" else byte]) + content[at + 1 :]
    try:
        result = read(tmp_path, content)
    except ObservationError:
        return
    for row in result.table.itertuples():
        _, lat, lon, _, temperature = values[round(float(row.depth))]
        assert (row.lat, row.lon) == (lat, lon)
        assert row.temperature == pytest.approx(temperature, abs=1e-5)


# the list of what is accepted


def test_the_list_of_formats_fits_a_terminal_and_is_that_of_the_page() -> None:
    lines = accepted()
    assert max(map(len, lines)) < 80
    page = (Path(__file__).parents[1] / "docs" / "observations.md").read_text()
    assert "```text\n" + "\n".join(lines) + "\n```" in page, "run `deepda observations formats` again"


# potential temperature by another formula than the code's


def bryden(t: float, salinity: float, bar: float) -> float:
    """Potential temperature in degC (Bryden 1973, as in Gill 1982, appendix 3.7)."""
    s = salinity - 35
    return (
        t
        - bar * (3.6504e-4 + 8.3198e-5 * t - 5.4065e-7 * t**2 + 4.0274e-9 * t**3)
        - bar * s * (1.7439e-5 - 2.9778e-7 * t)
        - bar**2 * (8.9309e-7 - 3.1628e-8 * t + 2.1987e-10 * t**2)
        + 4.1057e-9 * s * bar**2
        - bar**3 * (-1.6056e-10 + 5.0484e-12 * t)
    )


def test_in_situ_temperature_at_depth_becomes_what_an_independent_formula_gives(tmp_path: Path) -> None:
    assert bryden(10.0, 25.0, 1000.0) == pytest.approx(8.4678516, abs=1e-7)  # check value of Gill (1982)
    head = "time,lat,lon,pressure,in_situ_temperature,salinity"
    for temperature, salinity, pressure in ((5.0, 35.0, 4000), (2.0, 34.7, 2000), (20.0, 36.0, 500)):
        row = one(tmp_path, head, f"2010-01-01,10,-30,{pressure},{temperature},{salinity}")
        expected = bryden(temperature, salinity, pressure / 10)
        assert row["temperature"] == pytest.approx(expected, abs=3e-3)


# numbers cut by a stray end of line

FRAGMENTS = [
    (HEAD, 4, "17", ".133"),  # the last cell: the line before is whole, but for its digits
    ("temperature,time,lat,lon,depth", 0, "17", ".133"),  # the first cell: the line after is whole
    (HEAD, 3, "5", "5.0"),
    (HEAD + ",qc", 4, "1", "7.133"),
]


@pytest.mark.slow
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize(("head", "place", "left", "right"), FRAGMENTS)
def test_a_number_cut_by_an_end_of_line_is_never_another_number(
    head: str, place: int, left: str, right: str, delimiter: str, tmp_path: Path
) -> None:
    values = {"time": "2010-01-01", "lat": "10", "lon": "20", "temperature": "12", "qc": "1"}
    rows = [[{**values, "depth": str(k)}[name] for name in head.split(",")] for k in range(1, 6)]
    whole = read(tmp_path, "\n".join(delimiter.join(row) for row in [head.split(","), *rows]) + "\n")
    assert len(whole.table) == 5
    rows[2][place] = f"{left}\n{right}"
    result = read(tmp_path, "\n".join(delimiter.join(row) for row in [head.split(","), *rows]) + "\n")
    assert result.rows_in == 6 and set(result.reasons) <= {"line_malformed", "line_cut_short"}
    assert set(result.table["temperature"]) == {12.0} and set(result.table["depth"]) <= {1, 2, 4, 5}
    assert {1, 5} <= set(result.table["depth"])


def test_a_lone_line_without_its_end_may_have_been_cut(tmp_path: Path) -> None:
    assert read(tmp_path, f"{HEAD}\n{DAY}1,17.7").reasons == {"line_cut_short": 1}
    assert read(tmp_path, f"{HEAD}\n{DAY}1,17.7\n").reasons == {}


def test_a_title_between_rows_costs_itself_alone(tmp_path: Path) -> None:
    result = read(tmp_path, f"{HEAD}\n{DAY}1,12\nend of leg\n{DAY}2,13\n")
    assert result.reasons == {"line_malformed": 1} and len(result.table) == 2


def test_each_line_must_end_with_the_delimiter_where_the_first_does(tmp_path: Path) -> None:
    result = read(tmp_path, f"{HEAD}\n{DAY}1,12,\n{DAY}2,1\n{DAY}3,13,\n")
    assert result.reasons == {"line_malformed": 1} and result.table["depth"].tolist() == [1, 3]


# many lines


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda line: line,
        lambda line: line.replace("P7", '"P7"'),
        lambda line: line.replace("P7", "Pé"),
        lambda line: line.replace(",", " , "),
        lambda line: line + ",",
        lambda line: line.replace("P7", "#7"),
    ],
    ids=["plain", "quoted", "not ASCII", "blanks", "trailing", "number sign"],
)
def test_blocks_split_at_once_and_line_by_line_are_the_same_rows(
    change: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 2000)
    head = "time,lat,lon,platform_id,depth,temperature"
    lines = [change(f"2010-01-01,10,20,P7,{k},{k % 30}.5") for k in range(600)]
    whole = read(tmp_path, "\n".join([head, *lines]) + "\n")
    assert whole.rows_in == 600 and whole.table["depth"].tolist() == [float(k) for k in range(600)]
    lines[400] = lines[400].replace("10", '1"0', 1)
    torn = read(tmp_path, "\n".join([head, *lines]) + "\n")
    assert torn.reasons == {"line_malformed": 1} and torn.rejects["source_index"].tolist() == [400]
    for name in ("time", "lat", "depth", "temperature", "platform_id", "source_index"):
        assert torn.table[name].tolist() == whole.table[name].drop(index=400).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1, 299, 300, 590, 597])
def test_any_part_of_a_long_table_is_the_same_rows(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK", 2000)
    lines = [f"2010-01-01T{k % 24:02d}:00,10,20,{k},12" for k in range(600)]
    part = read(tmp_path, "\n".join([HEAD, *lines]) + "\n", first_step=first, most_values=5)
    end = part.next_step or 600
    assert part.table["depth"].tolist() == [float(k) for k in range(first, end)]
    assert end == (600 if first >= 595 else first + 4)  # the last cast may go on


def test_a_number_cut_behind_the_last_row_of_a_part_costs_that_row(tmp_path: Path) -> None:
    text = "\n".join([HEAD, *(f"2010-01-0{k},10,20,5,12" for k in (1, 2, 3)), ".133", DAY + "5,13"])
    part = read(tmp_path, text + "\n", first_step=2, most_values=1)
    assert part.reasons == {"line_cut_short": 1} and part.next_step == 3


def test_columns_are_named_whose_names_are_far_from_what_they_were_taken_for(tmp_path: Path) -> None:
    head = "WMO,Timestamp,Latitude,Long,z [m],theta [degC]"
    found = read(tmp_path, f"{head}\n5900001,2003-01-02T03:00:00Z,-1.3,70.2,5,29.1\n")
    [said] = [text for text in found.assumed if text.startswith("columns taken")]
    assert said == "columns taken: z [m] as depth, WMO as platform_id, theta [degC] as temperature"
    plain = "time,lat,lon,depth,potential_temperature\n2003-01-02,-1.3,70.2,5,29.1\n"
    assert "columns taken" not in " ".join(read(tmp_path, plain).assumed)
