"""Numbers as tables write them: with a decimal point or, where the whole table does, a decimal comma."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.columns import MISSING
from deepda.observations.reading import ObservationError

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
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
    there = ~texts.str.lower().isin(MISSING)
    sound = texts.str.fullmatch(NUMBER)
    if comma:
        commas = texts.str.fullmatch(COMMA)
        texts, sound = texts.str.replace(",", ".", regex=False), sound | commas
    numbers = pd.to_numeric(texts.where(sound)).to_numpy(dtype=float, na_value=np.nan)
    numbers = np.where(np.isinf(numbers), np.nan, numbers)
    if there.any() and not np.isfinite(numbers).any():
        raise _no_numbers(values[there.to_numpy()], source)
    return Numbers(numbers, there.to_numpy() & np.isnan(numbers))


def has_decimal_comma(columns: Iterable[pd.Series]) -> bool:
    """Whether some numbers of a table are written with a decimal comma, and none with a point."""
    comma = False
    for values in columns:
        if (
            isinstance(values.dtype, pd.CategoricalDtype)
            or values.dtype == object
            or values.dtype == "str"
        ):
            texts = as_texts(values)
            if texts.str.fullmatch(r"[+-]?\d*\.\d*").any():
                return False
            comma |= bool(texts.str.fullmatch(COMMA).any())
    return comma


def as_texts(values: pd.Series) -> pd.Series:
    """(row) cells as text without blanks around them, "" where missing."""
    if values.dtype == object:
        values = values.map(lambda cell: cell.decode("latin-1") if isinstance(cell, bytes) else cell)
    return values.astype("str").where(values.notna(), "").str.strip()


def _no_numbers(values: pd.Series, source: Path) -> ObservationError:
    return ObservationError(
        f"{source}: column {values.name} holds text ({str(values.iloc[0])[:40]!r}), expected numbers; "
        "clean it"
    )
