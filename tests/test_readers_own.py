"""A user's own tables: names, units, faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from deepda.observations.formats import read_observations
from deepda.observations.reading import ObservationError, ReadOptions

GOOD = "time,lat,lon,depth,temperature\n2010-01-01T12:00:00,10,-20,5,25\n2010-01-02,11,340,50,20\n"


def read_csv(tmp_path: Path, text: str, **options: object):
    path = tmp_path / "own.csv"
    path.write_text(text)
    return read_observations(path, ReadOptions(**options))  # type: ignore[arg-type]


def test_csv_parquet_and_netcdf_give_the_same(tmp_path: Path) -> None:
    table = read_csv(tmp_path, GOOD).table
    frame = pd.read_csv(tmp_path / "own.csv")
    frame.to_parquet(tmp_path / "own.parquet")
    dated = frame.assign(time=pd.to_datetime(frame["time"], format="ISO8601"))
    xr.Dataset.from_dataframe(dated.rename_axis("obs")).to_netcdf(
        tmp_path / "own.nc", format="NETCDF3_CLASSIC"
    )
    others = [read_observations(tmp_path / f"own.{kind}").table for kind in ("parquet", "nc")]
    for other in others:
        pd.testing.assert_frame_equal(other.drop(columns="source"), table.drop(columns="source"))
    assert table["temperature"].tolist() == [25, 20] and table["lon"].tolist() == [-20, 340]


def test_usual_names_and_units_in_brackets_are_found(tmp_path: Path) -> None:
    head = "Date,Latitude,LONGITUDE,Depth (cm),theta [K],WMO,platform type\n"
    text = head + "2010-01-01,1,2,500,298.15,5900001,argo\n"
    row = read_csv(tmp_path, text).table.iloc[0]
    assert row["depth"] == 5 and row["temperature"] == pytest.approx(25, abs=1e-4)
    assert row["platform_id"] == "5900001" and row["platform_type"] == "argo"


def test_columns_and_units_can_be_named(tmp_path: Path) -> None:
    text = "when,y,x,d,wert\n2010-01-01,1,2,5,298.15\n"
    names = {"time": "when", "lat": "y", "lon": "x", "depth": "d", "temperature": "wert"}
    table = read_csv(tmp_path, text, columns=names, units={"temperature": "K"}).table
    assert table["temperature"].iloc[0] == pytest.approx(25, abs=1e-4)


def test_in_situ_temperature_and_pressure_are_converted(tmp_path: Path) -> None:
    text = "time,lat,lon,pressure,temp,salinity\n2010-01-01,0,2,4000,2.0,34.7\n"
    row = read_csv(tmp_path, text).table.iloc[0]
    assert 3930 < row["depth"] < 3990 and 1.6 < row["temperature"] < 1.72


def test_sst_needs_no_depth(tmp_path: Path) -> None:
    row = read_csv(tmp_path, "time,lat,lon,sst\n2010-01-01,0,2,28.5\n").table.iloc[0]
    assert (row["depth"], row["temperature"]) == (0.0, 28.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,lat,lon,depth\n2010-01-01,1,2,3\n", "no column temperature or in_situ or surface"),
        ("time,lat,lon,temperature\n2010-01-01,1,2,3\n", "no column depth or pressure"),
        ("time,lat,lon,depth,temperature\n", "holds no value"),
        ("time,lat,lon,depth,temperature\n2010-01-01,1,2,3,warm\n", "column temperature holds text"),
        (
            "time,lat,lon,depth (bananas),temperature\n2010-01-01,1,2,3,4\n",
            "is in 'bananas', expected m",
        ),
        ("a,b\n1,2,3,4\n1\n\x00\x00", "no column|cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=words):
        read_csv(tmp_path, text)


def test_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="no column wert"):
        read_csv(tmp_path, GOOD, columns={"temperature": "wert"})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("yesterday,1,2,3,4,good,argo", "time_unreadable"),
        (",1,2,3,4,good,argo", "time_missing"),
        ("2999-01-01,1,2,3,4,good,argo", "time_in_future"),
        ("2010-01-01,123,45,3,4,good,argo", "position_looks_swapped"),
        ("2010-01-01,1,2,3,298.15,good,argo", "temperature_looks_kelvin"),
        ("2010-01-01,1,2,-300,4,good,argo", "depth_impossible"),
        ("2010-01-01,1,2,3,,good,argo", "temperature_missing"),
        ("2010-01-01,1,2,3,4,bad,argo", "temperature_flagged_bad"),
        ("2010-01-01,1,2,3,4,4,argo", "temperature_flagged_bad"),
        ("2010-01-01,1,2,3,4,3,argo", "temperature_flagged_suspect"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason_beside_a_good_one(
    row: str, reason: str, tmp_path: Path
) -> None:
    head = "time,lat,lon,depth,temperature,qc,platform_type\n2010-01-01,1,2,3,4,good,argo\n"
    result = read_csv(tmp_path, head + row + "\n")
    assert result.reasons == {reason: 1} and len(result.table) == 1


def test_times_with_a_zone_become_utc(tmp_path: Path) -> None:
    table = read_csv(tmp_path, GOOD.replace("T12:00:00", "T12:00:00+02:00")).table
    assert table["time"].iloc[0] == np.datetime64("2010-01-01T10:00:00")


@pytest.mark.parametrize(
    ("names", "cells", "words"),
    [
        ("lat,latitude,lon,depth", "10.5,-10.5,20,5", "lat and latitude differ"),
        ("lat,lon,longitude,depth", "10.5,20,-20,5", "lon and longitude differ"),
        ("lat,lon,longitude,depth", "10.5,20,200,5", "lon and longitude differ"),
        ("lat,lon,depth,error,uncertainty", "10.5,20,5,0.1,-0.1", "error and uncertainty differ"),
        ("lat,lon,pressure,pres", "10.5,20,500,-500", "pressure and pres differ"),
    ],
)
def test_two_columns_of_one_quantity_with_opposite_signs_are_refused(
    names: str, cells: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ObservationError, match=words):
        read_csv(tmp_path, f"time,{names},temperature\n2010-01-01,{cells},12\n")


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        ("lat,lon,longitude,depth", "10.5,330,-30,5"),
        ("lat,lon,longitude,depth", "10.5,-180,180,5"),
        ("lat,lon,longitude,depth", "10.5,359.99999,0,5"),
        ("lat,lon,depth,z", "10.5,20,5,-5"),
    ],
)
def test_two_columns_that_say_the_same_place_are_accepted(
    names: str, cells: str, tmp_path: Path
) -> None:
    table = read_csv(tmp_path, f"time,{names},temperature\n2010-01-01,{cells},12\n").table
    assert len(table) == 1 and table["depth"].tolist() == [5]


@pytest.mark.parametrize(
    ("unit", "value", "practical"),
    [
        ("g/kg", 35.16504, 35.0),
        ("g kg-1", 35.16504, 35.0),
        ("g kg^-1", 35.16504, 35.0),
        ("kg/kg", 0.03516504, 35.0),
        ("kg kg-1", 0.03516504, 35.0),
        ("psu", 35.16504, 35.16504),
        ("1e-3", 35.16504, 35.16504),
        ("1", 35.16504, 35.16504),
    ],
)
def test_absolute_salinity_becomes_practical_as_in_netcdf_files(
    unit: str, value: float, practical: float, tmp_path: Path
) -> None:
    names = f"time,lat,lon,depth,temperature,salinity [{unit}]"
    table = read_csv(tmp_path, f"{names}\n2010-01-01,1,2,3,12,{value}\n").table
    assert table["salinity"].iloc[0] == pytest.approx(practical, abs=1e-4)
    place = {"time": "2010-01-01", "lat": 1.0, "lon": 2.0, "depth": 3.0}
    file = xr.Dataset({name: ("obs", [at]) for name, at in place.items()})
    file["time"] = ("obs", np.array(["2010-01-01"], "datetime64[ns]"))
    for name, kind in {"lat": "latitude", "lon": "longitude", "depth": "depth", "time": "time"}.items():
        file[name].attrs["standard_name"] = kind
    about = {"temperature": (12.0, "sea_water_potential_temperature", "degC"),
             "salinity": (value, "sea_water_salinity", unit)}  # fmt: skip
    for name, (number, kind, units) in about.items():
        file[name] = ("obs", [number], {"standard_name": kind, "units": units})
    file.to_netcdf(tmp_path / "own.nc", format="NETCDF3_CLASSIC")
    of_file = read_observations(tmp_path / "own.nc").table["salinity"].iloc[0]
    assert of_file == pytest.approx(practical, abs=1e-4)
