"""WHP Exchange: how CCHDO issues ship sections, as bottle files, CTD files, and zip files of these.

Format and flags: Swift and Diggs, "Description of WHP-Exchange Format" (exchange-format.readthedocs.io).
A file is whole when its last line of data is followed by END_DATA. All lines of data are counted before
any is parsed; a line with another number of fields than the line of parameters is rejected. `CTDTMP` is
in-situ temperature, `THETA` potential temperature, which is taken where there is no CTDTMP.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.units import UnitError, convert
from deepda.observations.calendars import digits
from deepda.observations.qualities import BAD, GOOD, PROBABLY_GOOD, SUSPECT, UNKNOWN, WHP_FLAGS
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult, finish
from deepda.observations.temperatures import scale_of

BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?(?:BOTTLE|CTD),\d")
ZIP = b"PK\x03\x04"
MEMBER = re.compile(r"(?:_ct1|_hy1)\.csv$", re.IGNORECASE)
END = "END_DATA"
FILL = -998.0  # -999 with any number of decimals stands for "no value"
PLACES = ("DATE", "TIME", "LATITUDE", "LONGITUDE")
CAST = ("EXPOCODE", "STNNBR", "CASTNO")
KINDS = {"CTDTMP": "in_situ", "THETA": "potential"}  # of the temperature, the preferred one first
SHIP = re.compile(r"^\d{2}[A-Z0-9]{2}")  # of an EXPOCODE: country and ship
CLOCK = re.compile(r"^(\d{1,2}):(\d{2})$")
NOON = 1200.0  # HHMM, where a file has a date and no time
SAMPLE_FLAGS = {"2": GOOD, "6": GOOD}  # of salinity in bottles: 6 is the mean of replicates


@dataclass(frozen=True, eq=False)
class Exchange:
    """One Exchange file as text.

    Attributes:
        columns: name of each column of the table.
        units: as written below it, "" where there are none.
        header: what a CTD file states once for all its lines.
        lines: fields of each line of data.
    """

    columns: list[str]
    units: list[str]
    header: dict[str, str]
    lines: list[list[str]]

    def text(self, name: str) -> NDArray[np.str_]:
        """(line) a column or a value of the header; "" where the line or the file has none."""
        if name not in self.columns:
            return np.full(len(self.lines), self.header.get(name, ""), dtype=object)
        at, count = self.columns.index(name), len(self.columns)
        return np.array([f[at].strip() if len(f) == count else "" for f in self.lines], dtype=object)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """(line) a column as numbers, NaN where there is no value."""
        values = pd.to_numeric(pd.Series(self.text(name)), errors="coerce").to_numpy(float)
        return np.where(values > FILL, values, np.nan)

    def unit(self, name: str) -> str:
        """Unit of a column, as written."""
        return self.units[self.columns.index(name)]


def read_exchange(path: Path, options: ReadOptions) -> ReadResult:
    """Read a bottle or CTD file, or a zip file of them.

    Raises:
        ObservationError: cut short, without temperature or pressure, of unknown units, or damaged.
    """
    parts = [_rows(_parse(text, name), name) for name, text in _texts(path)]
    kinds = {kind for _, kind in parts}
    if len(kinds) > 1:
        raise ObservationError(
            f"{path} holds files with CTDTMP and files with THETA alone, expected one kind of "
            "temperature; unpack it and read them one by one"
        )
    casts = np.cumsum([0, *(int(rows["profile"].max()) + 1 if len(rows) else 0 for rows, _ in parts)])
    tables = [rows.assign(profile=rows["profile"] + first)
              for (rows, _), first in zip(parts, casts, strict=False)]  # fmt: skip
    rows = pd.concat(tables, ignore_index=True)
    rows["source_index"] = np.arange(len(rows))
    return finish(rows, path, "exchange", options, kinds.pop())


def is_exchange(path: Path, start: bytes) -> bool:
    """Whether a file that begins with `start` (8 bytes or more) is in this format."""
    if not start.startswith(ZIP):
        return BEGINS.match(start) is not None
    try:
        with zipfile.ZipFile(path) as packed:
            return any(MEMBER.search(name) for name in packed.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        if not path.name.lower().endswith(".zip"):
            return False
        raise ObservationError(f"{path} is a damaged zip file ({error}); fetch it again") from error


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """Name and text of the file, or of each Exchange file in a zip file (which has checksums)."""
    if not zipfile.is_zipfile(path):
        yield str(path), path.read_bytes().decode("utf-8-sig", errors="replace")
        return
    try:
        with zipfile.ZipFile(path) as packed:
            for name in sorted(filter(MEMBER.search, packed.namelist())):
                yield f"{path}/{name}", packed.read(name).decode("utf-8-sig", errors="replace")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ObservationError(f"{path} is a damaged zip file ({error}); fetch it again") from error


def _parse(text: str, source: str) -> Exchange:
    lines = [line for line in io.StringIO(text) if line.strip()]
    plain = [line for line in lines if not line.startswith("#")]
    kind = plain[0].partition(",")[0] if plain else ""
    if kind not in ("BOTTLE", "CTD"):
        raise ObservationError(
            f"{source} begins with {kind[:20]!r}, expected BOTTLE or CTD; leave it out"
        )
    header, first = _header(plain, source) if kind == "CTD" else ({}, 1)
    lines = _without_comments(lines, first + 2)
    ends = [n for n, line in enumerate(lines) if line.strip().rstrip(",") == END]
    if not ends:
        raise ObservationError(
            f"{source} has no line {END}, expected one behind the data: it was cut short; fetch it again"
        )
    table = [[field.strip() for field in line.split(",")] for line in lines[first : ends[0]]]
    if len(table) < 2:
        raise ObservationError(
            f"{source} has no lines of parameters and units, expected both; fetch it again"
        )
    columns = table[0]
    _require_whole(columns, lines[ends[0] + 1 :], source)
    units = [*table[1], *[""] * len(columns)][: len(columns)]
    return Exchange(columns, units, header, [_without_tail(row, len(columns)) for row in table[2:]])


def _without_comments(lines: Sequence[str], count: int) -> list[str]:
    """The lines, without comments before the first data: `count` lines of the format stand there."""
    kept: list[str] = []
    for line in lines:
        if len(kept) >= count or not line.startswith("#"):
            kept.append(line)
    return kept


def _without_tail(fields: list[str], count: int) -> list[str]:
    """Fields without empty ones behind the last column."""
    return fields[:count] if not any(fields[count:]) else fields


def _header(lines: Sequence[str], source: str) -> tuple[dict[str, str], int]:
    """The NAME = value lines of a CTD file, and the index of the line behind them."""
    counted = re.match(r"\s*NUMBER_HEADERS\s*=\s*(\d{1,3})\s*$", lines[1]) if len(lines) > 1 else None
    if counted is None:
        raise ObservationError(
            f"{source} has no line NUMBER_HEADERS = ..., expected one; fetch it again"
        )
    end = 1 + int(counted[1])
    pairs = [line.partition("=") for line in lines[2:end]]
    if not all(sign for _, sign, _ in pairs):
        raise ObservationError(
            f"{source} has less than {counted[1]} lines NAME = value, expected as many; fetch it again"
        )
    return {name.strip(): value.strip() for name, _, value in pairs}, end


def _require_whole(columns: Sequence[str], rest: Sequence[str], source: str) -> None:
    named = [name for name in columns if name]
    twice = {name for name in named if named.count(name) > 1}
    if twice & {*PLACES, *CAST, "CTDPRS", "CTDTMP", "THETA", "CTDSAL"}:
        raise ObservationError(
            f"{source} has the columns {', '.join(sorted(twice))} twice, expected once; correct it"
        )
    if any(line.count(",") == len(columns) - 1 for line in rest):
        raise ObservationError(f"{source} has data behind {END}, expected none; fetch it again")


def _rows(file: Exchange, source: str) -> tuple[pd.DataFrame, str]:
    """Rows of all lines of data, and the kind of their temperature."""
    name = next((name for name in KINDS if name in file.columns), None)
    lacking = [
        word for word in (*PLACES[2:], "DATE", *CAST) if word not in {*file.columns, *file.header}
    ]
    if name is None or "CTDPRS" not in file.columns or lacking:
        absent = [*(["CTDTMP or THETA"] if name is None else []),
                  *([] if "CTDPRS" in file.columns else ["CTDPRS"]), *lacking]  # fmt: skip
        raise ObservationError(
            f"{source} has no {', '.join(absent)}, expected a section of temperatures; leave it out"
        )
    time, quality_time = _times(file)
    casts = pd.MultiIndex.from_arrays([file.text(word) for word in CAST])
    expocode = file.text("EXPOCODE")
    ships = [found[0] if (found := SHIP.match(str(code))) else str(code) for code in expocode]
    whole = np.array([len(fields) == len(file.columns) for fields in file.lines], dtype=bool)
    rows = pd.DataFrame(
        {
            "time": time,
            "lat": file.numbers("LATITUDE"),
            "lon": file.numbers("LONGITUDE"),
            "pressure": _converted(file, "CTDPRS", "dbar", source),
            "temperature": _converted(file, name, "degC", source),
            "salinity": _salinity(file),
            "platform_type": "ctd",
            "platform_id": ships,
            "profile": pd.factorize(casts)[0].astype(np.int32),
            "quality_time": quality_time,
            "quality_depth": _qualities(file, "CTDPRS", WHP_FLAGS),
            "quality_temperature": _qualities(file, name, WHP_FLAGS),
            "reason": np.where(whole, "", "line_with_other_number_of_fields"),
        }
    )
    return rows, KINDS[name]


def _times(file: Exchange) -> tuple[NDArray[np.datetime64], NDArray[np.int8]]:
    """Times, and their quality: a date without time is at noon, give or take half a day.

    A time that is neither HHMM nor HH:MM is none, which rejects its row.
    """
    clock = pd.Series(file.text("TIME")).str.replace(CLOCK, r"\1\2", regex=True)
    hhmm = pd.to_numeric(clock, errors="coerce").to_numpy(float)
    absent = (clock == "").to_numpy() | (hhmm <= FILL)
    time = digits(file.numbers("DATE"), np.where(absent, NOON, hhmm) * 100)
    return time, np.where(absent, PROBABLY_GOOD, GOOD).astype(np.int8)


def _converted(file: Exchange, name: str, unit: str, source: str) -> NDArray[np.float64]:
    """Numbers in a unit; degrees of no scale are taken for that of 1990 (within 0.01 K)."""
    given, values = file.unit(name), file.numbers(name)
    scale = scale_of(given) if unit == "degC" else None
    if scale is not None:
        return np.asarray(scale(values), dtype=float)
    try:
        return convert(values, given, unit)
    except UnitError as error:
        scales = ", or ITS-90 or IPTS-68" if unit == "degC" else ""
        raise ObservationError(f"{source}: {name}: {error}{scales}") from error


def _salinity(file: Exchange) -> NDArray[np.float64]:
    """Practical salinity of the CTD, else of the bottle, where its flag does not doubt it."""
    found = np.full(len(file.lines), np.nan)
    for name, scheme in (("SALNTY", SAMPLE_FLAGS), ("CTDSAL", WHP_FLAGS)):
        if name in file.columns:
            good = _qualities(file, name, scheme) < SUSPECT
            values = file.numbers(name)
            found = np.where(good & np.isfinite(values), values, found)
    return found


def _qualities(file: Exchange, name: str, scheme: Mapping[str, int]) -> NDArray[np.int8]:
    """Qualities by the flags of a column; unknown where it has none, bad where one is no flag."""
    flags = f"{name}_FLAG_W"
    if flags not in file.columns:
        return np.full(len(file.lines), UNKNOWN, np.int8)
    quality_of = {"": UNKNOWN} | dict(scheme)
    return np.array([quality_of.get(flag, BAD) for flag in file.text(flags)], dtype=np.int8)
