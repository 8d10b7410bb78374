"""Numbers as tables write them: with a decimal point or, where the whole table does, a decimal comma."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from deepda.observations.cells import NUMBER, trimmed
from deepda.observations.reading import ObservationError
from deepda.observations.vocabulary import MISSING

THOUSANDS = r"[+-]?[1-9]\d{0,2},\d{3}"
COMMA = r"[+-]?\d*,\d+(?:[eE][+-]?\d{1,3})?"


@dataclass(frozen=True, eq=False)
class Numbers:
    """One column of numbers.

    Attributes:
        values: (row) NaN where missing or no number.
        unreadable: (row) a cell holds something that is no number.
    """

    values: NDArray[np.float64]
    unreadable: NDArray[np.bool_]


def read_numbers(values: pd.Series, comma: bool, source: Path) -> Numbers:
    """The numbers of a column.

    Args:
        values: numbers, or their texts.
        comma: texts have a decimal comma.
        source: what to call the table.

    Raises:
        ObservationError: the column holds no number at all, but texts, moments or truth values.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        raise _no_numbers(values, source)
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        return Numbers(np.where(np.isinf(numbers), np.nan, numbers), np.isinf(numbers))
    texts = as_texts(values)
    numbers = _parsed(texts, comma)
    none = np.isnan(numbers)
    unreadable = none.copy()
    unreadable[none] = ~texts[none].str.lower().isin(MISSING)
    if unreadable.any() and none.all():
        raise _no_numbers(values[unreadable], source)
    return Numbers(numbers, unreadable)


def _parsed(texts: pd.Series, comma: bool) -> NDArray[np.float64]:
    """(row) the numbers of texts, NaN where there is none or it is infinite."""
    cells = pa.array(texts, pa.string())
    sound = pc.match_substring_regex(cells, f"^(?:{NUMBER})$")
    if comma:
        sound = pc.or_(sound, pc.match_substring_regex(cells, f"^(?:{COMMA})$"))
        cells = pc.replace_substring(cells, ",", ".")
    plain = pc.utf8_ltrim(pc.if_else(sound, cells, None), "+")
    numbers = plain.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.where(np.isinf(numbers), np.nan, numbers)


def has_decimal_comma(columns: Iterable[pd.Series], delimiter: str, source: Path) -> bool:
    """Whether some numbers of a table are written with a decimal comma, and none with a point.

    Args:
        delimiter: of the cells: where it is a comma, one within a cell may be of thousands.
        source: what to call the table.

    Raises:
        ObservationError: all numbers with a comma may be thousands.
    """
    comma, thousands = False, ""
    for values in columns:
        if (
            isinstance(values.dtype, pd.CategoricalDtype)
            or values.dtype == object
            or values.dtype == "str"
        ):
            texts = as_texts(values)
            if texts.str.fullmatch(r"[+-]?\d*\.\d*").any():
                return False
            with_comma = texts[texts.str.fullmatch(COMMA)]
            grouped = with_comma[with_comma.str.fullmatch(THOUSANDS)]
            comma |= len(with_comma) > len(grouped)
            thousands = thousands or next(iter(grouped), "")
    if thousands and not comma and delimiter == ",":
        raise ObservationError(
            f"{source} has numbers such as {thousands!r}, of which the comma may be of thousands or "
            "decimal, expected numbers as 1000 or 1.25; write them so"
        )
    return comma or thousands != ""


def as_texts(values: pd.Series) -> pd.Series:
    """(row) cells as text without blanks around them, "" where missing."""
    if values.dtype == object:
        values = values.map(lambda cell: cell.decode("latin-1") if isinstance(cell, bytes) else cell)
    texts = values.astype("str").where(values.notna(), "")
    return pd.Series(trimmed(pa.array(texts, pa.string())), index=values.index, dtype="str")


def _no_numbers(values: pd.Series, source: Path) -> ObservationError:
    return ObservationError(
        f"{source}: column {values.name} holds text ({str(values.iloc[0])[:40]!r}), expected numbers; "
        "clean it"
    )
