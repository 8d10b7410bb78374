"""Own tables are read as they declare themselves: above the header, and in the columns beside."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepda.base.synthetic import simulated_by
from deepda.observations.own import read_own
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult

HEAD = "time,lat,lon,depth,temperature"
ROW = "2010-06-15T12:00:00Z,30,-40,10,20"
DAY = "2010-06-15T12:00:00Z"


def read(tmp_path: Path, text: str, name: str = "own.csv") -> ReadResult:
    (tmp_path / name).write_text(text)
    return read_own(tmp_path / name, ReadOptions())


# positions in several columns


@pytest.mark.parametrize(
    ("head", "cells"),
    [
        ("lat,lat_hem,lon,lon_hem", "33.5,S,140.25,W"),
        ("lat,NS,lon,EW", "33.5,south,140.25,west"),
        ("latitude,lat_hemisphere,longitude,lon_dir", "33.5,s,140.25,w"),
        ("lat,lat_hem,lon,lon_hem", "-33.5,S,-140.25,W"),
        ("lat,lat_hem,lon,lon_hem", "-33.5,S,219.75,W"),
    ],
)
def test_a_hemisphere_beside_a_position_is_its_sign(head: str, cells: str, tmp_path: Path) -> None:
    table = read(tmp_path, f"time,{head},depth,temperature\n{DAY},{cells},10,20\n").table
    assert table["lat"].tolist() == [-33.5] and table["lon"].iloc[0] % 360 == 219.75


@pytest.mark.parametrize("cells", ["-33.5,N,140.25,E", "33.5,N,-140.25,E", "33.5,Q,140.25,E"])
def test_a_hemisphere_that_contradicts_its_sign_rejects_the_row(cells: str, tmp_path: Path) -> None:
    text = f"time,lat,lat_hem,lon,lon_hem,depth,temperature\n{DAY},33.5,N,140.25,E,10,20\n"
    result = read(tmp_path, f"{text}{DAY},{cells},10,20\n")
    assert sum(result.reasons.values()) == 1 and "hemisphere" in next(iter(result.reasons))


@pytest.mark.parametrize("ending", ["_min", "_mins", "min", "_minutes", "_sec"])
def test_a_position_in_degrees_and_minutes_is_refused(ending: str, tmp_path: Path) -> None:
    head = f"time,lat,lat{ending},lon,lon{ending},depth,temperature"
    with pytest.raises(ObservationError, match="degrees and minutes"):
        read(tmp_path, f"{head}\n{DAY},30,30,-40,15,10,20\n")


# what is not of the water where the row says


def test_a_surface_temperature_far_below_the_surface_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"3,600 m.*sea floor"):
        read(tmp_path, f"time,lat,lon,depth,sst\n{DAY},30,-40,20,20\n{DAY},31,-40,3600,20\n")
    assert read(tmp_path, f"time,lat,lon,depth,sst\n{DAY},30,-40,5,20\n").table["depth"].tolist() == [5]


@pytest.mark.parametrize(
    ("head", "cells"),
    [
        ("air_temp,pressure [hPa]", "22,1010"),
        ("air_temp,pressure", "22,1010"),
        ("pressure [kPa]", "101"),
    ],
)
def test_the_pressure_of_the_air_is_no_depth(head: str, cells: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="pressure of the air"):
        read(tmp_path, f"time,lat,lon,{head},water_temp\n{DAY},30,-40,{cells},20\n")


def test_a_pressure_of_the_sea_may_have_the_size_of_that_of_the_air(tmp_path: Path) -> None:
    for head, depth in (("pressure [dbar]", 1000), ("pressure", 1000), ("pressure [bar]", 10_000)):
        table = read(tmp_path, f"time,lat,lon,{head},water_temp\n{DAY},30,-40,1010,2\n").table
        assert table["depth"].iloc[0] == pytest.approx(depth, rel=0.03)


# simulated oceans


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"processing_level": "Synthetic"}, "processing_level"),
        ({"processing_level": " SYNTHETIC "}, "processing_level"),
        ({"title": "Synthetic profiles sampled from a NEMO nature run"}, "title"),
        ({"title": "OSSE of the Atlantic"}, "title"),
        ({"title": "simulated sea surface temperature"}, "title"),
        ({"title": "Argo float synthetic vertical profiles : BGC data"}, ""),  # real, of two sensors
        ({"title": "Possession Island mooring"}, ""),
    ],
)
def test_a_mark_of_simulation_is_known_in_any_case_and_in_titles(
    attributes: dict[str, str], said: str
) -> None:
    assert simulated_by(attributes) == said


@pytest.mark.parametrize(
    "above",
    ["# processing_level: Synthetic", "processing_level = synthetic", "# OSSE nature run at floats"],
)
def test_a_table_that_says_so_above_its_header_is_of_a_simulated_ocean(
    above: str, tmp_path: Path
) -> None:
    with pytest.raises(ObservationError, match="simulated ocean"):
        read(tmp_path, f"{above}\n{HEAD}\n{ROW}\n")


def test_a_comment_that_speaks_of_simulations_is_no_mark_of_one(tmp_path: Path) -> None:
    text = f"# CTD casts of 2010\n# chosen to be compared with simulations\n{HEAD}\n{ROW}\n"
    assert len(read(tmp_path, text).table) == 1


@pytest.mark.parametrize("name", ["is_synthetic", "Simulated"])
def test_other_names_of_the_column_mark_a_simulated_ocean(name: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"1 of 1 rows .*simulated ocean"):
        read(tmp_path, f"{HEAD},{name}\n{ROW},true\n")


def test_the_metadata_of_a_parquet_table_may_mark_a_simulated_ocean(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"time": pd.to_datetime([DAY]), "lat": 1.0, "lon": 2.0, "depth": 3.0, "temp": 4.0}
    )
    for level, real in (("L2", True), ("Synthetic", False)):
        table = pa.Table.from_pandas(frame)
        marked = {**(table.schema.metadata or {}), b"processing_level": level.encode()}
        pq.write_table(table.replace_schema_metadata(marked), tmp_path / "own.parquet")
        if real:
            assert len(read_own(tmp_path / "own.parquet", ReadOptions()).table) == 1
        else:
            with pytest.raises(ObservationError, match="simulated ocean"):
                read_own(tmp_path / "own.parquet", ReadOptions())


# what stands above the header


@pytest.mark.parametrize(
    "above", ["HadSST monthly SST anomalies (degC) relative to 1961-1990", "# variable: SST anomaly"]
)
def test_anomalies_declared_above_the_header_are_no_temperatures(above: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="holds anomalies"):
        read(tmp_path, f"{above}\ntime,lat,lon,sst\n{DAY},30,-40,0.42\n")


@pytest.mark.parametrize(
    "text",
    [
        f"UTC,deg,deg,ft,degF\n{HEAD}\n",
        f"# UTC,deg,deg,ft,degF\n{HEAD}\n",
        f"# depth in feet, temperature in deg F\n{HEAD}\n",
        f"# depth: ft\n# temperature: degF\n{HEAD}\n",
        f"Depth [ft]; Temperature (deg F)\n{HEAD}\n",
        f"{HEAD}\n# depth in feet and temperature in Fahrenheit.\n",
        f"{HEAD}\n[UTC],[deg],[deg],[ft],[degF]\n",
        f"{HEAD}\nDate of cast,North,East,of sample,in situ\nUTC,deg,deg,ft,degF\n",
    ],
)
def test_units_are_read_wherever_the_table_declares_them(text: str, tmp_path: Path) -> None:
    result = read(tmp_path, f"{text}{DAY},30,-40,100,50\n")
    assert result.rows_in == 1 and not result.reasons
    assert result.table["depth"].iloc[0] == pytest.approx(30.48)
    assert result.table["temperature"].iloc[0] == pytest.approx(10, abs=0.01)


def test_a_lone_line_of_units_is_that_of_the_temperature(tmp_path: Path) -> None:
    text = f"# units: K\ntime,lat,lon,sst\n{DAY},30,-40,293.15\n"
    assert read(tmp_path, text).table["temperature"].iloc[0] == pytest.approx(20)


def test_units_above_the_header_that_name_no_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="all depths are feet"):
        read(tmp_path, f"# all depths are feet here\n{HEAD}\n{ROW}\n")
    named = "time,lat,lon,depth [m],temperature"
    assert len(read(tmp_path, f"# all depths were feet once\n{named}\n{ROW}\n").table) == 1


def test_a_title_that_says_nothing_of_units_changes_nothing(tmp_path: Path) -> None:
    text = f"Cruise 12, temperature of the upper ocean\n# depth: from the winch\n{HEAD}\n{ROW}\n"
    table = read(tmp_path, text).table
    assert table["depth"].tolist() == [10] and table["temperature"].tolist() == [20]


# times


@pytest.mark.parametrize(("zone", "name"), [("America/New_York", "timezone"), ("-5", "utc_offset")])
def test_times_beside_a_zone_that_is_not_utc_are_refused(zone: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=f"{zone}.*expected UTC"):
        read(tmp_path, f"{HEAD},{name}\n2010-06-15 12:00,30,-40,10,20,{zone}\n")


@pytest.mark.parametrize(
    ("head", "time", "zone"),
    [
        *[("time", "2010-06-15 12:00", zone) for zone in ("UTC", "gmt", "0", "+00:00", "", "Z", "0.0")],
        *[("time", "2010-06-15T07:00:00-05:00", "-5"), ("time_utc", "2010-06-15 12:00", "-5")],
    ],
)
def test_times_that_are_utc_beside_a_zone_are_read(
    head: str, time: str, zone: str, tmp_path: Path
) -> None:
    text = f"{head},lat,lon,depth,temperature,timezone\n{time},30,-40,10,20,{zone}\n"
    assert read(tmp_path, text).table["time"].tolist() == [pd.Timestamp("2010-06-15 12:00")]


@pytest.mark.parametrize(
    ("head", "cells"),
    [
        ("date,time", "2010-06-15,2010-09-16T12:00:00"),
        ("year,month,day,date", "1998,1,2,2010-06-15"),
        ("year,month,day,time", "1998,1,2,2010-06-15 12:00"),
    ],
)
def test_two_dates_of_one_row_that_differ_are_refused(head: str, cells: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="differ"):
        read(tmp_path, f"{head},lat,lon,depth,temperature\n{cells},30,-40,10,20\n")


@pytest.mark.parametrize(
    ("head", "cells", "expected"),
    [
        ("date,time", "2010-06-15,2010-06-15T23:00:00-05:00", "2010-06-16 04:00"),
        ("date,time", "15 Jun 2010,2010-06-15 12:00", "2010-06-15 12:00"),
        ("year,month,day,date", "2010,6,15,2010-06-15", "2010-06-15 00:00"),
        ("date,time", "15/06/2010,2010-06-15 12:00", "2010-06-15 12:00"),
    ],
)
def test_two_dates_of_one_row_that_agree_are_read(
    head: str, cells: str, expected: str, tmp_path: Path
) -> None:
    table = read(tmp_path, f"{head},lat,lon,depth,temperature\n{cells},30,-40,10,20\n").table
    assert table["time"].tolist() == [pd.Timestamp(expected)]


def test_two_dates_of_a_parquet_table_that_differ_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": pd.to_datetime([DAY]), "date": ["2010-09-16"], "lat": 1.0, "lon": 2.0})
    frame.assign(depth=3.0, temp=4.0).to_parquet(tmp_path / "own.parquet")
    with pytest.raises(ObservationError, match="differ"):
        read_own(tmp_path / "own.parquet", ReadOptions())


@pytest.mark.parametrize("hours", [("0015", "0030"), ("15", "1345")])
def test_hours_and_minutes_in_the_column_of_hours_are_refused(
    hours: tuple[str, ...], tmp_path: Path
) -> None:
    rows = "".join(f"2010,6,15,{hour},30,-40,10,20\n" for hour in hours)
    with pytest.raises(ObservationError, match=r"hour holds .*expected 0 to 23"):
        read(tmp_path, f"year,month,day,hour,lat,lon,depth,temperature\n{rows}")


def test_an_hour_that_is_none_costs_its_row_alone(tmp_path: Path) -> None:
    rows = "".join(f"2010,6,15,{hour},30,-40,10,20\n" for hour in ("12", "99", "-999", "00"))
    result = read(tmp_path, f"year,month,day,hour,lat,lon,depth,temperature\n{rows}")
    assert len(result.table) == 2 and result.rows_in == 4


# numbers and lines


def test_a_comma_that_may_be_of_thousands_or_decimal_is_refused(tmp_path: Path) -> None:
    rows = "".join(f'{DAY},30,-40,"{depth}",4\n' for depth in ("1,000", "2,500", "10"))
    with pytest.raises(ObservationError, match=r"1,000.*thousands"):
        read(tmp_path, f"{HEAD}\n{rows}")


@pytest.mark.parametrize("cells", ["30;-40;1,000;4", '30,-40,"1000,25",4'])
def test_a_comma_that_is_plain_is_read(cells: str, tmp_path: Path) -> None:
    delimiter = ";" if ";" in cells else ","
    result = read(tmp_path, f"{HEAD.replace(',', delimiter)}\n{DAY}{delimiter}{cells}\n")
    assert result.table["depth"].tolist() in ([1.0], [1000.25])


def test_salinity_in_parts_per_thousand_is_practical(tmp_path: Path) -> None:
    for unit in ("ppt", "\N{PER MILLE SIGN}", "o/oo"):
        head = f"time,lat,lon,depth,temperature,salinity [{unit}]"
        assert read(tmp_path, f"{head}\n{ROW},35.5\n").table["salinity"].tolist() == [35.5]


@pytest.mark.parametrize(
    ("name", "word", "expected"),
    [
        ("instrument", "SBE 911plus", "other"),
        ("platform_type", "MBT", "other"),
        ("platform_type", "buoy", "other"),
        ("platform_type", "AXBT", "xbt"),
    ],
)
def test_a_platform_of_no_known_type_is_another(
    name: str, word: str, expected: str, tmp_path: Path
) -> None:
    result = read(tmp_path, f"{HEAD},{name}\n{ROW},{word}\n")
    assert result.table["platform_type"].tolist() == [expected]
    assert (f"{name} {word}" in " ".join(result.assumed)) == (expected == "other")


def test_two_columns_of_one_quantity_may_be_in_two_units(tmp_path: Path) -> None:
    head = "time,lat,lon,depth_m,depth_ft,temp"
    rows = f"{DAY},30,-40,10,33,20\n{DAY},30,-40,100,328.1,15\n"
    assert read(tmp_path, f"{head}\n{rows}").table["depth"].tolist() == [10, 100]
    with pytest.raises(ObservationError, match="differ"):
        read(tmp_path, f"{head}\n{rows}{DAY},30,-40,200,328.1,15\n")


def test_a_pressure_that_is_none_does_not_contradict_a_depth(tmp_path: Path) -> None:
    head = "time,lat,lon,pressure [dbar],depth,temp"
    result = read(tmp_path, f"{head}\n{DAY},30,-40,-999,5,20\n{DAY},30,-40,500,5,20\n")
    assert result.table["depth"].tolist() == [5] and result.reasons == {"depth_contradicts_pressure": 1}


ODV = (
    "Cruise\tStation\tType\tyyyy-mm-ddThh:mm:ss.sss\tLongitude\tLatitude\tDepth [m]\tTemperature [degC]"
)


def test_blank_places_of_an_odv_spreadsheet_are_those_of_the_row_above(tmp_path: Path) -> None:
    first, second = (f"C1\tS{k}\tC\t2010-06-15T12:00:00.000\t-40\t{30 + k}" for k in (1, 2))
    blank = "\t" * 5
    rows = [f"{first}\t10\t20", f"{blank}\t100\t15", f"{second}\t10\t21", f"{blank}\t100\t16"]
    table = read(tmp_path, "\n".join([ODV, *rows, ""]), "own.tsv").table
    assert table["lat"].tolist() == [31, 31, 32, 32] and table["profile"].nunique() == 2
    rows[2] = f"{second}\t10"  # a bad line: whose the row below is cannot be known
    result = read(tmp_path, "\n".join([ODV, *rows, ""]), "own.tsv")
    assert result.table["lat"].tolist() == [31, 31] and result.rows_in == 4


def test_blank_places_of_other_tables_stay_missing(tmp_path: Path) -> None:
    result = read(tmp_path, f"{HEAD}\n{ROW}\n,,,100,15\n")
    assert len(result.table) == 1 and result.rows_in == 2


def test_a_footer_in_words_costs_itself_alone(tmp_path: Path) -> None:
    result = read(tmp_path, f"{HEAD}\n{ROW}\nTotal: 1 row\n")
    assert len(result.table) == 1 and result.reasons == {"line_malformed": 1}


def test_units_that_the_user_says_stand_for_those_above_the_header(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(f"# all depths are feet here\n{HEAD}\n{ROW}\n")
    read_feet = read_own(tmp_path / "own.csv", ReadOptions(units={"depth": "ft"}))
    assert read_feet.table["depth"].iloc[0] == pytest.approx(3.048)
