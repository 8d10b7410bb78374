"""What every reader of observations gives: a table, and what could not go into it with its reason.

A reader turns one file into rows (`rows_of`) that say what the file says: place, value, quality of
each in our five words. `finish` then does for all formats alike what depends on no format: pressure
to depth, in-situ to potential temperature, errors, and the sorting into kept and rejected. Nothing
is dropped in between: rows in = rows kept + rows rejected, asserted in ReadResult.

A row is a level (or cell) for which the file holds a temperature or a depth; the padding of
rectangular arrays (both missing) and the land of gridded products are no rows.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from deepda.base.errors import DeepDAError
from deepda.base.text import printable
from deepda.observations.assumptions import salinity_assumed
from deepda.observations.errors import errors_of
from deepda.observations.fall_rate import CORRECTIONS
from deepda.observations.faults import Reasons, faults_of_flags, faults_of_place, faults_of_value
from deepda.observations.qualities import ELEMENTS, GOOD, QUALITIES, QUALITY, UNKNOWN, worst
from deepda.observations.seawater import depth_of, potential_temperature, pressure_of
from deepda.observations.table import PLATFORM_TYPE

KINDS = ("potential", "conservative", "in_situ")  # of temperature
CONVERTED = KINDS[1:]  # kinds that are made potential
ABOVE = 1.0  # m above the surface that waves and the offset of a pressure sensor account for
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
ZERO_CELSIUS = 273.15  # K
OUTPUT = (
    "time", "lat", "lon", "depth", "temperature", "salinity", "error", "platform_type", "platform_id",
    "source", "source_index", "profile", "qc",
)  # fmt: skip


class ObservationError(DeepDAError, ValueError):
    """A file that cannot be read; the message says what was found, what was expected and what to do."""


class UnknownFormatError(ObservationError):
    """A file of none of the formats that can be read: perhaps no observations at all."""


@dataclass(frozen=True, eq=False)
class ReadOptions:
    """What a file does not say itself.

    Attributes:
        keep: qualities that go into the table; the others are rejected.
        climatology: degC (month, lat, lon), for products that are anomalies.
        start: first month of a file without dates, for instance "1979-01".
        columns: own tables: {our name: name in the file}.
        units: own tables: {our name: units}, for instance {"temperature": "K"}.
        temperature: own tables and CF files: the kind (KINDS) of a temperature whose name and attributes
            leave it open, such as "temperature"; None takes the one of
            `deepda.observations.vocabulary.TEMPERATURES`.
        fall_rate: one of `deepda.observations.fall_rate.CORRECTIONS`, for depths of XBTs.
        now: observations after this time (and a day) are from the future.
        first_step: gridded products: the time step to begin with; own tables: the row.
        most_values: gridded products: about so many cells at once, in whole time steps; own tables: so
            many rows at most, in whole casts; others, and None, give the whole file.
    """

    keep: tuple[str, ...] = ("good", "probably_good", "unknown")
    climatology: xr.DataArray | None = None
    start: str | None = None
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    temperature: str | None = None
    fall_rate: str = CORRECTIONS[0]
    now: np.datetime64 = dataclasses.field(default_factory=lambda: np.datetime64("now", "s"))
    first_step: int = 0
    most_values: int | None = None

    def __post_init__(self) -> None:
        strange = [word for word in self.keep if word not in QUALITIES]
        if strange:
            raise ObservationError(
                f"keep holds {', '.join(map(str, strange))}, expected some of {', '.join(QUALITIES)}"
            )
        if self.temperature is not None and self.temperature not in KINDS:
            raise ObservationError(
                f"the kind of temperature is {self.temperature!r}, expected one of {', '.join(KINDS)}"
            )
        if self.start is not None and not MONTH.fullmatch(self.start):
            raise ObservationError(
                f"the first month (start) is {self.start!r}, expected a year and a month; "
                "write it as 1979-01"
            )
        if self.fall_rate not in CORRECTIONS:
            raise ObservationError(
                f"the correction of XBT depths is {self.fall_rate!r}, expected one of "
                f"{', '.join(CORRECTIONS)}"
            )


@dataclass(frozen=True, eq=False)
class ReadResult:
    """One file read.

    Attributes:
        format: its format in a word, for instance "argo".
        rows_in: rows that the file holds.
        table: (row) OUTPUT columns; fit for `deepda.observations.table.require_table`.
        rejects: (row) OUTPUT columns and `reason`; values as far as they could be read.
        next_step: `first_step` of the rest of the file, None after its end.
        assumed: sentences on what the file does not say and was taken for granted.
    """

    source: Path
    format: str
    rows_in: int
    table: pd.DataFrame
    rejects: pd.DataFrame
    next_step: int | None = None
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rows_in != len(self.table) + len(self.rejects):
            raise AssertionError(
                f"{self.source}: {self.rows_in} rows in, {len(self.table)} kept and "
                f"{len(self.rejects)} rejected: the reader {self.format} lost or made rows"
            )

    @property
    def reasons(self) -> dict[str, int]:
        """Reason -> rows rejected for it, most frequent first."""
        counts = self.rejects["reason"].value_counts()
        return {str(reason): int(count) for reason, count in counts.items() if count}


def rows_of(present: NDArray[np.bool_], **fields: ArrayLike) -> pd.DataFrame:
    """Rows of the levels that are present.

    Args:
        present: (cast, level) where a row is.
        fields: by column name; (cast), (cast, level) or one value for all.

    Returns:
        (row) the fields, `profile` (the cast) and `source_index` (position in the file's array,
        counted over cast and level, from 0).
    """
    index = np.flatnonzero(present)
    cast = index // max(present.shape[1], 1)
    columns = {name: _spread(np.asarray(field), index, cast) for name, field in fields.items()}
    return pd.DataFrame(columns | {"profile": cast.astype(np.int32), "source_index": index})


def _spread(field: NDArray, index: NDArray[np.intp], cast: NDArray[np.intp]) -> object:
    if field.ndim == 2:
        return field.ravel()[index]
    if field.dtype.kind in "UO":  # names are stored once
        codes, names = pd.factorize(np.atleast_1d(field).astype(str))
        rows = codes[cast] if field.ndim else np.zeros(index.size, np.intp)
        return pd.Categorical.from_codes(rows, pd.Index(names))
    return field[cast] if field.ndim else np.full(index.size, field)


def finish(
    rows: pd.DataFrame,
    source: Path,
    name: str,
    options: ReadOptions,
    kind: str = "in_situ",
    assumed: tuple[str, ...] = (),
    may_be_empty: bool = False,
) -> ReadResult:
    """Convert and sort the rows of one file.

    Args:
        rows: of `rows_of`: time, lat, lon, temperature (degC), depth (m) or pressure (dbar), and
            where the file has them salinity (PSS-78), instrument_error (K), error (K, the whole),
            platform_type, platform_id, quality_<element> (0..4, ELEMENTS), invalid (the temperature
            is outside the range that the file calls valid), reason ("" if none).
        name: of its format.
        options: which qualities are kept.
        kind: of the temperature: in_situ and conservative become potential, others are it already.
        assumed: sentences on what the file does not say.
        may_be_empty: the rows are a part of the file, which may hold none.

    Raises:
        ObservationError: there is no row at all.
    """
    if rows.empty and not may_be_empty:
        raise no_value(source, name)
    rows = _complete(rows.reset_index(drop=True))
    reason = Reasons.of(rows.pop("reason"))
    reason.mark(faults_of_place(rows, options.now))
    reason.mark(faults_of_flags(rows, options.keep))
    if kind in CONVERTED:
        assumed = (*assumed, *salinity_assumed(rows["salinity"][reason.none]))
    rows = _converted(rows, reason.none | (kind == "conservative"), kind)
    reason.mark(faults_of_value(rows))
    rows = rows.assign(error=_error(rows), source=one_name(printable(source.name), len(rows)))
    kept = reason.none
    rejects = _compact(rows[~kept]).assign(reason=reason.categorical()[~kept].array)
    return ReadResult(source, name, len(rows), _compact(rows[kept]), rejects, assumed=assumed)


def no_value(source: Path, name: str) -> ObservationError:
    """The error, to be raised, of a file without any row."""
    return ObservationError(
        f"{source} ({name}) holds no value, expected at least one temperature; leave it out or "
        "fetch it again"
    )


def one_name(name: str, count: int) -> pd.Series:
    """The same name `count` times, stored once."""
    return pd.Series(pd.Categorical.from_codes(np.zeros(count, np.int8), pd.Index([name])))


def _complete(rows: pd.DataFrame) -> pd.DataFrame:
    missing: dict[str, Any] = {
        "depth": np.nan, "pressure": np.nan, "salinity": np.nan, "instrument_error": np.nan,
        "error": np.nan, "platform_type": one_name("other", len(rows)),
        "platform_id": one_name("", len(rows)), "reason": one_name("", len(rows)), "invalid": False,
    } | {f"quality_{element}": np.int8(GOOD) for element in ELEMENTS}  # fmt: skip
    missing["quality_temperature"] = np.int8(UNKNOWN)  # what a file does not flag, it does not doubt
    rows = rows.assign(**{name: value for name, value in missing.items() if name not in rows.columns})
    rows = rows.assign(platform_id=_identified(rows))
    qualities = worst(*(rows[f"quality_{element}"] for element in ELEMENTS))
    return rows.assign(qc=pd.Categorical.from_codes(qualities, dtype=QUALITY))


def _identified(rows: pd.DataFrame) -> pd.Series:
    """Platform names; casts of platforms without one are platforms of their own."""
    names = rows["platform_id"].astype("category")
    blank = (names.isna() | (names == "")).to_numpy()
    if not blank.any():
        return names
    own = "cast_" + rows["profile"].astype(str)
    return names.astype(object).where(~blank, own).astype("category")


def _converted(rows: pd.DataFrame, usable: NDArray[np.bool_], kind: str) -> pd.DataFrame:
    """Depth where a file gives pressure, potential temperature where it gives another kind."""
    whole = {
        name: rows[name].to_numpy(float, copy=True) for name in ("depth", "temperature", "pressure")
    }
    from_pressure = np.isnan(whole["depth"])
    lat = rows["lat"].to_numpy(float)
    whole["depth"][from_pressure] = depth_of(whole["pressure"][from_pressure], lat[from_pressure])
    just_above = (whole["depth"] > -ABOVE) & (whole["depth"] < 0.0)
    whole["depth"][just_above] = 0.0
    if kind in CONVERTED:
        whole["temperature"][usable] = _potential(rows[usable], whole["depth"][usable], kind)
    return rows.assign(depth=whole["depth"], temperature=whole["temperature"])


def _potential(rows: pd.DataFrame, depth: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """Potential temperature; salinity is the row's own, else STANDARD."""
    part = {name: rows[name].to_numpy(float) for name in ("lat", "lon", "pressure", "temperature")}
    deep = np.isnan(part["pressure"])
    pressure = np.where(deep, pressure_of(depth, part["lat"]), part["pressure"])
    salinity = rows["salinity"].to_numpy(float)
    return potential_temperature(part["temperature"], salinity, pressure, part["lat"], part["lon"], kind)


def _error(rows: pd.DataFrame) -> NDArray[np.float64]:
    """The file's own whole error, or its instrument error (else the platform's) and the place's."""
    depth = rows["depth"].to_numpy(float)
    own = rows["instrument_error"].to_numpy(float)
    instrument, place = errors_of(rows["platform_type"], depth)
    error = np.hypot(np.where(own > 0, own, instrument), place)
    whole = rows["error"].to_numpy(float)
    return np.where(np.isnan(whole), error, whole)


def _compact(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows[list(OUTPUT)].reset_index(drop=True)
    numbers = {name: np.float32 for name in ("lat", "lon", "depth", "temperature", "salinity", "error")}
    with np.errstate(over="ignore"):
        table = table.astype(numbers | {"time": "datetime64[s]", "source_index": np.int64})
    return table.assign(
        platform_type=table["platform_type"].astype(PLATFORM_TYPE),
        platform_id=table["platform_id"].astype("category"),
    )
