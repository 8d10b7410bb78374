"""A table from Python with columns as quality control and the analysis take them for granted.

Numbers become float64, times datetime64[s] in UTC, names categories; big-endian, half precision,
nullable and Arrow columns are read as what they hold. What is none of these is refused. Columns that
nothing here reads stay as they are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepda.observations.table import (
    COLUMNS,
    TableError,
    compact,
    require_columns,
    require_numbers,
    require_platform_types,
    utc_times,
)

NUMBERS = {"salinity": "PSS-78", "source_index": "1", "pressure_error": "dbar", "ice": "1", "count": "1"}
NAMES = ("platform_type", "platform_id", "source", "profile", "qc", "data_mode", "synthetic")
UNITS = NUMBERS | {name: column.units for name, column in COLUMNS.items() if column.valid is not None}


def plain_table(table: object) -> pd.DataFrame:
    """The table with plain columns; one without rows may have columns of any type.

    Columns of NUMBERS without any value are left out: they are as none.

    Raises:
        TableError: no table, columns are missing or there twice, or hold something else than they must.
    """
    if not isinstance(table, pd.DataFrame):
        raise TableError(
            f"a {type(table).__name__} was given, expected a pandas DataFrame, a row a value"
        )
    require_columns(table)
    if len(table) == 0:
        return compact(table)
    table = table.drop(columns=[name for name in NUMBERS if name in table and table[name].isna().all()])
    known = [name for name in ("time", *UNITS, *NAMES) if name in table]
    return table.assign(**{name: _plain(table[name], name) for name in known})


def _plain(values: pd.Series, name: str) -> pd.Series:
    if name == "time":
        return utc_times(values)
    if name not in UNITS:
        return _names(values, name)
    require_numbers(values, name, UNITS[name])
    return pd.Series(values.to_numpy(dtype=float, na_value=np.nan), values.index)


def _names(values: pd.Series, name: str) -> pd.Series:
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and not dtype.isnative:
        values = values.astype(dtype.newbyteorder("="))
    try:
        names = values.astype("category")
    except (TypeError, NotImplementedError) as error:  # of what cannot be compared
        raise TableError(
            f"{name} holds lists or other objects ({dtype}), expected a text or a number a row; "
            "convert it, or leave the column out"
        ) from error
    if name == "platform_type":
        require_platform_types(names, optional=True)
    return names
