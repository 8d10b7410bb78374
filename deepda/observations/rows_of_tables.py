"""Rows of an own table as the readers of CSV and Parquet hand them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd


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
