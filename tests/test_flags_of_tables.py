"""Flags of own tables are found as their makers name them, read by their scheme, or refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from deepda.observations.own import read_own
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult

DAY = "2010-06-15T12:00:00Z"


def read(tmp_path: Path, text: str, name: str = "own.csv", **options: object) -> ReadResult:
    (tmp_path / name).write_text(text)
    return read_own(tmp_path / name, ReadOptions(**options))  # type: ignore[arg-type]


def flagged(tmp_path: Path, column: str, flags: str, head: str = "temp", **options: object) -> list[str]:
    """Quality of each flag of a table, or why its row is rejected."""
    rows = "".join(f"{DAY},30,-40,{k},20,{flag}\n" for k, flag in enumerate(flags.split()))
    result = read(tmp_path, f"time,lat,lon,depth,{head},{column}\n{rows}", **options)
    both = pd.concat([result.table, result.rejects]).sort_values("depth")
    unknown = both["reason"].astype(str) == "temperature_flag_unknown" if "reason" in both else False
    return both["qc"].astype(str).where(~unknown, "outside").tolist()


GOOD, BETTER, UNKNOWN, SUSPECT, BAD = "good", "probably_good", "unknown", "suspect", "bad"


@pytest.mark.parametrize(
    ("column", "flags", "expected"),
    [
        ("temp_qc_agg", "1 2 3 4 9 5", [GOOD, UNKNOWN, SUSPECT, BAD, BAD, "outside"]),
        ("qartod_temp_primary_flag", "1 2 3 4 9", [GOOD, UNKNOWN, SUSPECT, BAD, BAD]),
        ("temp_WODflag", "0 1 4 9", [GOOD, BAD, BAD, BAD]),
        ("QV:ODV:temp [degC]", "0 1 4 8 2", [GOOD, UNKNOWN, SUSPECT, BAD, "outside"]),
        ("QV:ODV", "0 1 4 8", [GOOD, UNKNOWN, SUSPECT, BAD]),
        ("QV:SEADATANET:temp", "1 2 3 4 6 0", [GOOD, BETTER, SUSPECT, BAD, SUSPECT, UNKNOWN]),
        ("QV:SEADATANET", "1 4", [GOOD, BAD]),
        ("temp qc flag", "1 4", [GOOD, BAD]),
    ],
)
def test_a_flag_is_read_by_the_scheme_that_its_name_says(
    column: str, flags: str, expected: list[str], tmp_path: Path
) -> None:
    assert flagged(tmp_path, column, flags) == expected


@pytest.mark.parametrize("column", ["QV_temp", "temp_quality_code", "flags temp value", "QV:BODC:temp"])
def test_a_flag_of_the_temperature_of_no_known_scheme_is_refused(column: str, tmp_path: Path) -> None:
    with pytest.raises(ObservationError, match="flag of the temperature"):
        flagged(tmp_path, column, "1 4")
    assert flagged(tmp_path, column, "1 4", columns={"qc": column}) == [GOOD, BAD]


@pytest.mark.parametrize(
    "column", ["air_temp_qc", "salinity_quality_code", "temperature of the flagpole"]
)
def test_flags_of_something_else_are_left(column: str, tmp_path: Path) -> None:
    assert flagged(tmp_path, column, "1 4") == [UNKNOWN, UNKNOWN]


def test_columns_of_flags_that_stand_behind_each_quantity_are_those_of_it(tmp_path: Path) -> None:
    head = (
        "Type\tyyyy-mm-ddThh:mm\tLongitude_[deg]\tLatitude_[deg]\tDepth_[m]\tQF\tTemp_[C]\tQF\tSal\tQF"
    )
    place = "B\t2010-06-15T12:00\t3\t85"
    rows = [
        f"{place}\t5\t1\t-1.1\t1\t34\t4",
        f"{place}\t20\t1\t9.9\t4\t34\t1",
        f"{place}\t60\t4\t-0.3\t1\t3\t1",
    ]
    result = read(tmp_path, "\n".join([head, *rows, ""]), "own.tsv")
    assert result.table["depth"].tolist() == [5] and result.table["salinity"].isna().all()
    assert result.reasons == {"temperature_flagged_bad": 1, "depth_flagged_bad": 1}


def test_what_is_wrong_with_a_header_is_said_of_it_and_not_of_a_title(tmp_path: Path) -> None:
    text = f"A title\nand more\ntime,lat,lon,depth,temp,QV_temp\n{DAY},30,-40,\x02,2,1\n"
    with pytest.raises(ObservationError, match="QV_temp is a flag"):
        read(tmp_path, text)
