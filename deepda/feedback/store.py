"""Feedback on disk: one Parquet part a month, hive partitions, and one file a month for NEMO's tools.

    feedback/year=1999/month=03/part.parquet   all rows whose time lies in the month
    fdbk/profb_fdbk_199903.nc                  profiles (and fdbk/sstfb_fdbk_199903.nc: the surface)

A month holds the row groups of the windows that meet it. All files of a year appear under their names
together, when the year is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from deepda.base.errors import DeepDAError
from deepda.base.files import hidden_name, publish
from deepda.feedback.nemo import KINDS, fdbk_name, surface_rows, write_fdbk
from deepda.observations.ingested_files import NAMES, arrow_column

FOLDER, FDBK, PART = "feedback", "fdbk", "part.parquet"
SCHEMA = pa.schema(
    [("time", pa.timestamp("s"))]
    + [(name, pa.float32()) for name in ("lat", "lon", "depth", "temperature", "salinity", "error")]
    + [(name, NAMES) for name in ("platform_type", "platform_id", "source")]
    + [("source_index", pa.int64()), ("profile", pa.int32()), ("count", pa.int32()), ("qc", NAMES)]
    + [(name, pa.float32()) for name in ("background", "analysis", "spread")]
    + [("used", pa.bool_()), ("withheld", pa.bool_()), ("reason", NAMES)]
)
NEEDED = ("time", "lat", "lon", "depth", "temperature", "background", "analysis", "spread", "used",
          "withheld", "reason")  # fmt: skip


class FeedbackError(DeepDAError, RuntimeError):
    """Feedback that cannot be written or read; the message says what to do."""


class FeedbackWriter:
    """The feedback of some consecutive windows, in any order; whole on leaving the context.

    Args:
        folder: of the product; `feedback/` and `fdbk/` are made in it, months that are there replaced.
        others: float columns to be kept beside SCHEMA, for example ("climatology", "oi").
    """

    def __init__(self, folder: Path, others: Sequence[str] = ()) -> None:
        self.folder = folder
        self.schema = pa.schema([*SCHEMA, *((name, pa.float32()) for name in others)])
        self.rows_in = 0
        self._open: dict[tuple[int, int], pq.ParquetWriter] = {}

    def __enter__(self) -> Self:
        return self

    def write(self, table: pd.DataFrame, start: np.datetime64, end: np.datetime64) -> None:
        """Add the feedback (`deepda.feedback.feedback`) of the window [start, end).

        Rejected rows without a time, or with one outside the window, stay with the window.

        Raises:
            FeedbackError: columns are missing.
        """
        missing = [name for name in NEEDED if name not in table.columns]
        if missing:
            raise FeedbackError(
                f"the table has no column {', '.join(missing)}; make it with deepda.feedback.feedback"
            )
        first, last = start.astype("datetime64[s]"), end.astype("datetime64[s]") - 1
        time = table["time"].to_numpy().astype("datetime64[s]")
        when = np.clip(np.where(np.isnat(time), first, time), first, last)
        months = when.astype("datetime64[M]").astype(np.int64)
        for month in np.unique(months):
            rows = table if (months == month).all() else table[months == month]
            self._writer(int(month)).write_table(_arrow(rows, self.schema))
        self.rows_in += len(table)

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        for writer in self._open.values():
            writer.close()
        written = [(self._hidden(month), self._part(month)) for month in sorted(self._open)]
        try:
            if kind is None:
                _require_rows(self.rows_in, [hidden for hidden, _ in written])
                for month in sorted(self._open):
                    self._write_fdbk(month, written)
                for hidden, final in written:
                    publish(hidden, final)
        finally:
            for hidden, _ in written:
                hidden.unlink(missing_ok=True)

    def _writer(self, month: int) -> pq.ParquetWriter:
        key = (month // 12 + 1970, month % 12 + 1)
        if key not in self._open:
            path = self._hidden(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[key] = pq.ParquetWriter(path, self.schema, compression="zstd")
        return self._open[key]

    def _part(self, month: tuple[int, int]) -> Path:
        return self.folder / FOLDER / f"year={month[0]}" / f"month={month[1]:02d}" / PART

    def _hidden(self, month: tuple[int, int]) -> Path:
        return hidden_name(self._part(month))

    def _write_fdbk(self, month: tuple[int, int], written: list[tuple[Path, Path]]) -> None:
        """Write the files of a month under hidden names, which join `written` first."""
        table = pq.read_table(self._hidden(month)).to_pandas()
        surface = surface_rows(table)
        for name, rows in zip(KINDS, (table[~surface], table[surface]), strict=True):
            final = self.folder / FDBK / fdbk_name(name, *month)
            if rows.empty:
                final.unlink(missing_ok=True)  # of an earlier run: it would hold rows no longer there
                continue
            final.parent.mkdir(parents=True, exist_ok=True)
            written.append((hidden_name(final), final))
            write_fdbk(rows, written[-1][0], name)


def feedback_files(folder: Path) -> list[Path]:
    """The Parquet parts of a product, or of its folder `feedback`, in the order of time.

    Raises:
        FeedbackError: there is none.
    """
    for place in (folder / FOLDER, folder):
        found = sorted(place.glob(f"year=*/month=*/{PART}"))
        if found:
            return found
    raise FeedbackError(
        f"{folder} holds no {FOLDER}/year=*/month=*/{PART}; give the output folder of a reanalysis that "
        "wrote feedback"
    )


def read_feedback(
    folder: Path, columns: Sequence[str] | None = None, rows: pc.Expression | None = None
) -> pd.DataFrame:
    """Feedback in memory; take what is needed by `columns` and `rows`.

    Args:
        rows: filter, for example `pyarrow.compute.field("withheld")`.

    Raises:
        FeedbackError: there is no feedback.
    """
    files = feedback_files(folder)
    table = ds.dataset(list(map(str, files))).to_table(columns=columns, filter=rows).to_pandas()
    return table.astype({"time": "datetime64[s]"}) if "time" in table.columns else table


def _arrow(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    columns = [
        arrow_column(rows[field.name], field.type)
        if field.name in rows.columns
        else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _require_rows(rows_in: int, parts: Sequence[Path]) -> None:
    stored = sum(pq.read_metadata(part).num_rows for part in parts)
    if stored != rows_in:
        raise AssertionError(f"{rows_in} rows in, the parts hold {stored}: feedback lost or made rows")
