"""WHP Exchange: bottle and CTD files to the letter of the format, and what is wrong with some."""

from __future__ import annotations

import zipfile
from pathlib import Path

import gsw
import numpy as np
import pytest

from deepda.observations.formats import format_of, read_observations
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult

NAMES = "EXPOCODE,SECT_ID,STNNBR,CASTNO,DATE,TIME,LATITUDE,LONGITUDE,DEPTH,CTDPRS,CTDPRS_FLAG_W"
FIELDS = f"{NAMES},CTDTMP,CTDTMP_FLAG_W,CTDSAL,CTDSAL_FLAG_W"


def line(pressure: float, temperature: float = 10.0, flag: object = 2, **other: object) -> str:
    """A line of data at a station."""
    place = {"station": "7", "date": "19930115", "time": "0745", "lat": -30.5, "lon": -15.25} | other
    return (
        f"  316N142_3,  A10,{place['station']:>6},  1,{place['date']},{place['time']},"
        f"{place['lat']:9.4f},{place['lon']:9.4f}, 4500,{pressure:9.1f},2,{temperature:9.4f},{flag},"
        "  35.0000,2"
    )


def bottle(*lines: str, scale: str = "ITS-90", unit: str = "DBAR", fields: str = FIELDS) -> str:
    """A bottle file."""
    units = f",,,,,,,,METERS,{unit},,{scale},,PSS-78,"
    return "\n".join(
        ["BOTTLE,20150626SIOCCHRJL", "# a, comment", fields, units, *lines, "END_DATA", "notes\n"]
    )


def ctd(count: int = 4, headers: int = 10) -> str:
    """A CTD file of levels 10 dbar apart; temperature falls 1 K a level from 20 degC."""
    pairs = {"EXPOCODE": "316N142_3", "SECT_ID": "A10", "STNNBR": 7, "CASTNO": 1, "DATE": 19930115,
             "TIME": "0745", "LATITUDE": -30.5, "LONGITUDE": -15.25, "DEPTH": 4500}  # fmt: skip
    head = [f"{name} = {value}" for name, value in pairs.items()]
    data = [f"{10.0 * n:9.1f},2,{20.0 - n:9.4f},2,  35.0000,2" for n in range(count)]
    names = "CTDPRS,CTDPRS_FLAG_W,CTDTMP,CTDTMP_FLAG_W,CTDSAL,CTDSAL_FLAG_W"
    first = ["CTD,20150626SIOCCHRJL", "# comment", f"NUMBER_HEADERS = {headers}"]
    return "\n".join([*first, *head, names, "DBAR,,ITS-90,,PSS-78,", *data, "END_DATA\n"])


def read(folder: Path, text: str, name: str = "a10_hy1.csv") -> ReadResult:
    (folder / name).write_text(text)
    assert format_of(folder / name) == "exchange"
    return read_observations(folder / name)


def test_a_bottle_file_is_read_as_casts_of_a_ship(tmp_path: Path) -> None:
    found = read(tmp_path, bottle(line(0.0, 20.0), line(1000.0, 5.0), line(0.0, 21.0, station="8")))
    table = found.table
    assert found.rows_in == len(table) == 3
    assert set(table["platform_type"]) == {"ctd"} and set(table["platform_id"]) == {"316N"}
    assert list(table["profile"]) == [0, 0, 1]
    assert set(table["time"]) == {np.datetime64("1993-01-15T07:45", "s")}
    assert set(table["qc"]) == {"good"}
    absolute = gsw.SA_from_SP(35.0, 1000.0, -15.25, -30.5)
    np.testing.assert_allclose(table["temperature"][1], gsw.pt0_from_t(absolute, 5.0, 1000.0), atol=1e-5)
    np.testing.assert_allclose(table["depth"][1], -gsw.z_from_p(1000.0, -30.5), rtol=1e-6)


def test_a_ctd_file_states_its_place_once(tmp_path: Path) -> None:
    table = read(tmp_path, ctd(), "a10_00007_00001_ct1.csv").table
    np.testing.assert_allclose(table["temperature"], [20, 19, 18, 17], atol=0.01)
    assert set(table["lat"]) == {-30.5} and set(table["platform_id"]) == {"316N"}


def test_the_scale_of_1968_is_converted(tmp_path: Path) -> None:
    warm = [read(tmp_path, bottle(line(0.0, 25.0), scale=scale)).table["temperature"][0]
            for scale in ("ITS-90", "IPTS-68")]  # fmt: skip
    np.testing.assert_allclose(warm[1] - warm[0], 25.0 / 1.00024 - 25.0, atol=2e-6)


@pytest.mark.parametrize(("scale", "unit"), [("ITS-27", "DBAR"), ("", "DBAR"), ("ITS-90", "FATHOMS")])
def test_unknown_units_are_refused(scale: str, unit: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="expected"):
        read(tmp_path, bottle(line(0.0), scale=scale, unit=unit))


def test_other_units_of_pressure_are_converted(tmp_path: Path) -> None:
    depth = [read(tmp_path, bottle(line(value), unit=unit)).table["depth"][0]
             for value, unit in ((100.0, "DBAR"), (10.0, "BAR"))]  # fmt: skip
    assert depth[0] == depth[1]


def test_flags_and_fills_decide_what_is_kept(tmp_path: Path) -> None:
    flags = {1: "suspect", 3: "suspect", 4: "bad", 5: "bad", 9: "bad", 44: "bad", "x": "bad"}
    lines = [line(10.0 * n, flag=flag) for n, flag in enumerate([2, 6, 7, "", *flags])]
    found = read(tmp_path, bottle(*lines, line(500.0, -999.0, 9), line(600.0, -999.0, 2)))
    assert list(found.table["qc"]) == ["good", "probably_good", "probably_good", "unknown"]
    assert found.rows_in == len(lines) + 2
    reasons = found.reasons
    assert reasons["temperature_missing"] == 1
    assert reasons["temperature_flagged_suspect"] == 2 and reasons["temperature_flagged_bad"] == 6


def test_a_line_with_another_number_of_fields_is_rejected(tmp_path: Path) -> None:
    lines = [line(0.0), line(10.0)[:-20], line(20.0) + ",7", line(30.0) + ",,"]
    found = read(tmp_path, bottle(*lines))
    assert found.rows_in == 4 and len(found.table) == 2
    assert found.reasons == {"line_with_other_number_of_fields": 2}


def test_a_line_of_data_that_begins_like_a_comment_is_counted(tmp_path: Path) -> None:
    found = read(tmp_path, bottle(line(0.0), "#16N14" + line(10.0).strip()[6:-2], line(20.0)))
    assert found.rows_in == 3
    assert found.reasons == {"line_with_other_number_of_fields": 1}


def test_a_date_without_time_is_at_noon_and_less_sure(tmp_path: Path) -> None:
    table = read(tmp_path, bottle(line(0.0, time="-999"), line(0.0, time="2330", station="8"))).table
    assert list(table["qc"]) == ["probably_good", "good"]
    assert table["time"][0] == np.datetime64("1993-01-15T12:00", "s")


def test_potential_temperature_is_taken_where_there_is_no_other(tmp_path: Path) -> None:
    text = bottle(line(1000.0, 5.0), fields=FIELDS.replace("CTDTMP", "THETA"), scale="DEG C")
    np.testing.assert_allclose(read(tmp_path, text).table["temperature"], [5.0])


@pytest.mark.parametrize("cut", [0.1, 0.3, 0.5, 0.7, 0.9, 0.96])
def test_a_file_that_was_cut_short_is_refused(cut: float, tmp_path: Path) -> None:
    whole = bottle(*(line(10.0 * n) for n in range(9)))
    with pytest.raises(ObservationError):
        read(tmp_path, whole[: int(cut * whole.index("END_DATA"))])


@pytest.mark.parametrize(
    ("text", "said"),
    [(bottle(line(0.0), fields=FIELDS.replace("CTDTMP", "OXYGEN")), "no CTDTMP or THETA"),
     (bottle(line(0.0), fields=FIELDS.replace("LATITUDE", "BREADTH")), "no LATITUDE"),
     (bottle(line(0.0), fields=FIELDS.replace("CTDSAL,", "CTDTMP,")), "twice"),
     (bottle(line(0.0)).replace("notes", line(5.0)), "behind END_DATA"),
     ("BOTTLE,20150626\nEND_DATA\n", "no lines of parameters"),
     (bottle(), "holds no value"),
     (ctd(headers=30), "NAME = value"),
     (ctd().replace("NUMBER", "LETTER"), "NUMBER_HEADERS")],
)  # fmt: skip
def test_what_is_no_section_of_temperatures_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=said):
        read(tmp_path, text)


def pack(path: Path, **texts: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in texts.items():
            packed.writestr(f"{name}.csv", text)
    return path


def test_a_zip_file_of_ctd_casts_is_read_as_one(tmp_path: Path) -> None:
    path = pack(tmp_path / "a10_ct1.zip", a_ct1=ctd(3), b_ct1=ctd(5), readme="no data")
    found = read_observations(path)
    assert found.rows_in == len(found.table) == 8
    assert list(found.table["profile"]) == [0] * 3 + [1] * 5
    assert list(found.table["source_index"]) == list(range(8))


def test_a_damaged_zip_file_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a10_ct1.zip", a_ct1=ctd(300))
    content = bytearray(path.read_bytes())
    content[200] ^= 4
    path.write_bytes(content)
    with pytest.raises(ObservationError, match="damaged zip"):
        read_observations(path)
    path.write_bytes(content[:-30])
    with pytest.raises(ObservationError):
        read_observations(path)


def test_a_zip_file_of_something_else_is_of_no_known_format(tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match=r"is packed by zip, .* unpack it"):
        read_observations(pack(tmp_path / "photos.zip", readme="none"))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "lines", "casts"), [("33RR20070204_hy1.csv", 2900, 88), ("p02.csv", 5343, 159)]
)
def test_real_sections_are_read_whole(name: str, lines: int, casts: int, data_root: Path) -> None:
    found = read_observations(data_root / "real" / "cchdo_exchange" / name, ReadOptions())
    assert found.rows_in == len(found.table) == lines
    assert found.table["profile"].nunique() == casts
