"""Rows of own tables as they stand there, and their cells as text, each different one once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"


@dataclass(frozen=True, eq=False)
class TableRows:
    """Some rows of a table as they stand there.

    Attributes:
        frame: (row) at least the columns that are used; cells of text tables as text.
        names: all columns of the table.
        units: by column, where the table gives them beside their names.
        first: number of the first row in the table.
        following: number of the row after the last one here, None at the end of the table.
        malformed: row of `frame` -> why its line is none, of those that are none.
        above: lines that stand above the header, and comments; of Parquet "key: value" of its metadata.
        delimiter: of the cells of a text table, "" of others.
    """

    frame: pd.DataFrame
    names: Sequence[str]
    units: Mapping[str, str]
    first: int
    following: int | None
    malformed: Mapping[int, str] = field(default_factory=dict)
    above: tuple[str, ...] = ()
    delimiter: str = ""


@dataclass(frozen=True, eq=False)
class Cells:
    """A column of texts.

    Attributes:
        codes: (row) place of its text in `texts`.
        texts: the different texts, without blanks around them; "" where a cell is missing.
    """

    codes: NDArray[np.int64]
    texts: pd.Series

    @classmethod
    def of(cls, values: pd.Series) -> Cells:
        """The cells of a column of any kind; the number 7.0 is the text "7"."""
        codes, unique = pd.factorize(values)
        texts = pd.Series([_text(value) for value in unique], dtype="str")
        missing = codes < 0
        if missing.any():
            texts = pd.concat([texts, pd.Series([""], dtype="str")], ignore_index=True)
            codes = np.where(missing, len(texts) - 1, codes)
        return cls(np.asarray(codes, np.int64), texts)

    def at(self, of_text: ArrayLike | pd.Series) -> NDArray:
        """(row) of (text)."""
        return np.asarray(of_text)[self.codes]

    def categorical(self) -> pd.Categorical:
        """(row) the texts, stored once."""
        again, names = pd.factorize(self.texts)
        return pd.Categorical.from_codes(again[self.codes], pd.Index(names))


def trimmed(texts: pa.Array) -> pa.Array:
    """Texts without blanks around them; the slower way only where some are not ASCII."""
    plain = pc.all(pc.string_is_ascii(texts)).as_py() is not False
    return pc.ascii_trim_whitespace(texts) if plain else pc.utf8_trim_whitespace(texts)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()
