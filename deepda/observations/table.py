"""The observation table: one row a value, with the same columns wherever the values come from.

A pandas DataFrame with the columns of COLUMNS; readers add what else a file gives (salinity, source,
qc, ...; `synthetic` marks rows of a simulated ocean, see `deepda.observations.marks`). Any longitude
convention is allowed; depth is positive down.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.base.files import write_whole
from deepda.geometry.grid import OUTSIDE, Grid

PLATFORMS = ("satellite", "argo", "xbt", "ctd", "mooring", "ship", "drifter", "other")
PLATFORM_TYPE = pd.CategoricalDtype(list(PLATFORMS))


class TableError(DeepDAError, ValueError):
    """Observations that cannot be used; the message says how many, which first, and what to do."""


@dataclass(frozen=True)
class Column:
    """One column of the observation table.

    Attributes:
        dtype: as stored.
        valid: (lowest, highest) value allowed, both included unless `positive`.
        positive: the lowest value itself is refused.
        advice: what to do about values that are not valid.
        required: no observation can be used without it.
    """

    dtype: str
    units: str
    meaning: str
    valid: tuple[float, float] | None = None
    positive: bool = False
    advice: str = ""
    required: bool = True

    def refuses(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """True where a value is not finite or not valid."""
        lowest, highest = self.valid or (-np.inf, np.inf)
        above = values > lowest if self.positive else values >= lowest
        return ~(above & (values <= highest) & np.isfinite(values))

    def interval(self) -> str:
        """The valid values in words, e.g. '[-90, 90] degrees_north'."""
        lowest, highest = self.valid or (-np.inf, np.inf)
        return f"{'(' if self.positive else '['}{lowest:g}, {highest:g}] {self.units}"


COLUMNS = {
    "time": Column("datetime64[s]", "UTC", "time of the value, standard calendar"),
    "lat": Column(
        "float32", "degrees_north", "latitude", (-90.0, 90.0), advice="check for swapped lat and lon"
    ),
    "lon": Column(
        "float32", "degrees_east", "longitude, -180..180 or 0..360", (-360.0, 360.0),
        advice="drop the rows without a position",
    ),
    "depth": Column(
        "float32", "m", "depth, positive down", (0.0, 12_000.0),
        advice="flip the sign if depth is positive up, convert if it is in centimetres",
    ),
    "temperature": Column(
        "float32", "degC", "potential temperature", (-5.0, 60.0),
        advice="subtract 273.15 if it is in kelvin, drop missing and fill values",
    ),
    "error": Column(
        "float32", "K", "standard deviation of the error, instrument and representativeness",
        (0.0, 100.0), positive=True, advice="give each value the standard deviation of its error",
    ),
    "shared_error": Column(
        "float32", "K", "the part of `error` common to the values of one cell and window",
        (0.0, 100.0), required=False, advice="leave the column out where errors are independent",
    ),
    "platform_type": Column("category", "1", " | ".join(PLATFORMS), required=False),
    "platform_id": Column("category", "1", "name of the platform that measured", required=False),
}  # fmt: skip
REQUIRED = tuple(name for name, column in COLUMNS.items() if column.required)


def require_table(table: pd.DataFrame) -> None:
    """Refuse a table that cannot be assimilated; an empty one can.

    Raises:
        TableError: required columns are missing, there twice or not numbers (times), or values are
            missing or not valid (COLUMNS): kelvin, swapped positions, depth positive up, errors of zero.
    """
    require_columns(table)
    _require_times(table["time"])
    for name, column in COLUMNS.items():
        if column.valid is not None and name in table.columns:
            require_numbers(table[name], name, column.units)
            bad = column.refuses(table[name].to_numpy(dtype=float, na_value=np.nan))
            _refuse(bad, table[name], f"{name} not in {column.interval()}", column.advice)
    if "shared_error" in table.columns:
        _refuse(
            ~(table["shared_error"].to_numpy() < table["error"].to_numpy()),
            table["shared_error"],
            "shared_error not below error",
            "a part of the error must be smaller than the whole",
        )


def require_columns(table: pd.DataFrame) -> None:
    """Refuse a table that lacks a required column, or has two of one name.

    Raises:
        TableError: there are such.
    """
    names = table.columns
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise TableError(
            f"the table has no column {', '.join(missing)}, expected {', '.join(REQUIRED)}; "
            "rename or add them, or read the file by `deepda observations ingest`, which takes other "
            f"names (it has {', '.join(map(str, names)) or 'none'})"
        )
    if not names.is_unique:
        twice = names[names.duplicated()][0]
        raise TableError(
            f"the table has {(names == twice).sum()} columns {twice}, expected each name once; "
            "rename or drop the others"
        )


def require_numbers(values: pd.Series, name: str, units: str) -> None:
    """Refuse a column of texts, truth values, complex numbers or objects in place of numbers.

    Raises:
        TableError: it is one.
    """
    of = pd.api.types
    if not of.is_numeric_dtype(values) or of.is_bool_dtype(values) or of.is_complex_dtype(values):
        of_units = "" if units == "1" else f" in {units}"
        raise TableError(f"{name} is {values.dtype}, expected numbers{of_units}; convert it")


def utc_times(time: pd.Series) -> pd.Series:
    """Moments of any zone and resolution as datetime64[s] in UTC, which times without a zone are.

    Raises:
        TableError: texts, numbers or objects in place of moments.
    """
    if not pd.api.types.is_datetime64_any_dtype(time):
        raise _no_moments(time)
    return pd.to_datetime(time, utc=True).dt.tz_localize(None).astype("datetime64[s]")


def require_platform_types(values: pd.Series, optional: bool = False) -> None:
    """Refuse a type of platform that is none of PLATFORMS.

    Args:
        optional: a row may be without.

    Raises:
        TableError: there is one.
    """
    known = values.isin(PLATFORMS) | values.isna() if optional else values.isin(PLATFORMS)
    _refuse(~known.to_numpy(), values, "an unknown platform_type", f"use one of {', '.join(PLATFORMS)}")


def in_window(table: pd.DataFrame, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
    """The rows of the half-open window [start, end), in their order."""
    time = table["time"].to_numpy()
    return table[(time >= start) & (time < end)]


def cells(table: pd.DataFrame, grid: Grid) -> NDArray[np.int32]:
    """(row) flat index of the cell (depth, lat, lon) of each row; OUTSIDE (-1) where the grid ends."""
    level, row, column = grid.locate(table["lat"], table["lon"], table["depth"])
    covered = (level != OUTSIDE) & (row != OUTSIDE) & (column != OUTSIDE)
    _, rows, columns = grid.shape
    return np.where(covered, (level * rows + row) * columns + column, OUTSIDE).astype(np.int32)


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """A copy with the dtypes of COLUMNS; an unnamed platform is of type "other" and has no name.

    Raises:
        TableError: text for numbers or times, or a platform type that is not in PLATFORMS.
    """
    defaults = {
        name: default
        for name, default in (("platform_type", "other"), ("platform_id", ""))
        if name not in table.columns
    }
    table = table.assign(**defaults)
    for name, column in COLUMNS.items():
        if name in table.columns:
            table[name] = _as_column(table[name], name, column)
    return table


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table that `write_table` wrote (Parquet).

    Tables of other origin are read by `deepda.observations.own.read_own`.

    Raises:
        TableError: no such file, no Parquet, or values refused by `require_table`.
    """
    path = Path(path)
    if not path.is_file():
        raise TableError(f"there is no file {path}; check the path")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise TableError(f"{path} cannot be read as Parquet: {error}; write it again") from error
    try:
        table = compact(table)
        require_table(table)
    except TableError as error:
        raise TableError(f"{path}: {error}") from error
    return table


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write observations as Parquet with the dtypes of COLUMNS, whole or not at all.

    Raises:
        TableError: the table is refused by `require_table`.
        OSError: the folder cannot be written.
    """
    require_table(table)
    path = Path(path)
    write_whole(path, lambda hidden: compact(table).to_parquet(hidden, index=False))
    return path


def _refuse(bad: NDArray[np.bool_], values: pd.Series, what: str, advice: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise TableError(
            f"{int(bad.sum())} of {bad.size} observations have {what}, "
            f"the first is {values.iloc[row]} in row {row}; {advice}"
        )


def _no_moments(time: pd.Series) -> TableError:
    what = f"time is {time.dtype}, expected datetime64 in UTC"
    return TableError(f"{what}; use pandas.to_datetime(..., utc=True)")


def _require_times(time: pd.Series) -> None:
    if not isinstance(time.dtype, np.dtype) or time.dtype.kind != "M":
        raise _no_moments(time)
    _refuse(time.isna().to_numpy(), time, "no valid time", "write times as 2008-01-31T12:00:00")


def _as_column(values: pd.Series, name: str, column: Column) -> pd.Series:
    if name == "time":
        return utc_times(values) if len(values) else values.astype("datetime64[s]")
    if name == "platform_type":
        require_platform_types(values)
        return values.astype(PLATFORM_TYPE)
    if name == "platform_id":
        return values if values.dtype == "category" else values.astype(str).astype("category")
    try:
        return values.astype(np.dtype(column.dtype))
    except (TypeError, ValueError) as error:
        raise TableError(
            f"{name} holds text ({error}), expected numbers in {column.units}; clean the column"
        ) from error
