"""The ingested folder on disk: Parquet parts by year and month, rejected rows, and its journal.

    observations/year=1999/month=03/<batch>-<number>.parquet   kept rows (hive partitions)
    rejected/<batch>-<number>.parquet                          rejected rows with their reason
    journal/<batch>.json                                       what a finished batch read and wrote

A part is written under another name and renamed; a batch counts once its journal is there. What no
journal names is the rest of an interrupted batch and is swept away by the next run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from deepda.base.files import write_whole
from deepda.base.text import printable
from deepda.observations.coverage import Coverage, coverage_from_json
from deepda.observations.manifest import Entry, IngestError
from deepda.observations.reading import ReadResult

OBSERVATIONS, REJECTED, JOURNAL = "observations", "rejected", "journal"
MOST_ROWS = 2_000_000  # rows that are held before they are written: some 150 MB
NAMES = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [("time", pa.timestamp("s"))]
    + [(name, pa.float32()) for name in ("lat", "lon", "depth", "temperature", "salinity", "error")]
    + [(name, NAMES) for name in ("platform_type", "platform_id", "source")]
    + [("source_index", pa.int64()), ("profile", pa.int32()), ("qc", NAMES)]
)
REJECTED_SCHEMA = SCHEMA.append(pa.field("reason", NAMES))


@dataclass(frozen=True)
class Part:
    """A Parquet file: its path below the folder, rows and bytes."""

    path: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Batch:
    """What became of some files that were read together: rows of the manifest, parts, counts."""

    name: str
    entries: tuple[Entry, ...]
    parts: tuple[Part, ...]
    coverage: Coverage


class PartWriter:
    """Writes the rows of one file after the other, in parts of about MOST_ROWS rows.

    Rows of a file count once `commit` is called; `abandon` takes them back.
    """

    def __init__(self, folder: Path, batch: str) -> None:
        self.folder, self.batch = folder, batch
        self.parts: list[Part] = []
        self._number = 0
        self._held: list[tuple[pa.Table, pa.Table]] = []
        self._staged: list[tuple[pa.Table, pa.Table]] = []
        self._staged_parts: list[Part] = []

    def add(self, result: ReadResult, source: str) -> None:
        """Stage the rows of one file or of a part of it."""
        self._staged.append(
            (_arrow(result.table, source, SCHEMA), _arrow(result.rejects, source, REJECTED_SCHEMA))
        )
        if _count(self._staged) > MOST_ROWS:
            self._staged_parts += self._write(self._staged)
            self._staged = []

    def commit(self) -> None:
        """The staged rows count."""
        self.parts += self._staged_parts
        self._held += self._staged
        self._staged, self._staged_parts = [], []
        if _count(self._held) > MOST_ROWS:
            self.flush()

    def abandon(self) -> None:
        """The staged rows do not count."""
        for part in self._staged_parts:
            (self.folder / part.path).unlink()
        self._staged, self._staged_parts = [], []

    def flush(self) -> None:
        """Write what counts and is still held."""
        self.parts += self._write(self._held)
        self._held = []

    def _write(self, tables: Sequence[tuple[pa.Table, pa.Table]]) -> list[Part]:
        if not tables:
            return []
        name = f"{self.batch}-{self._number}.parquet"
        self._number += 1
        kept, rejects = (
            pa.concat_tables(column).combine_chunks() for column in zip(*tables, strict=True)
        )
        parts = [
            self._part(rows, f"{OBSERVATIONS}/year={year}/month={month:02d}/{name}")
            for year, month, rows in _months(kept)
        ]
        return parts + ([self._part(rejects, f"{REJECTED}/{name}")] if len(rejects) else [])

    def _part(self, table: pa.Table, name: str) -> Part:
        path = self.folder / name
        write_whole(path, lambda hidden: pq.write_table(table, hidden, compression="zstd"))
        return Part(name, len(table), path.stat().st_size)


def _arrow(rows: pd.DataFrame, source: str, schema: pa.Schema) -> pa.Table:
    name = pd.Index([printable(source)])
    one_source = pd.Categorical.from_codes(np.zeros(len(rows), np.int32), name)
    rows = rows.assign(source=one_source)
    return pa.table([arrow_column(rows[field.name], field.type) for field in schema], schema=schema)


def arrow_column(values: pd.Series, kind: pa.DataType) -> pa.Array:
    """Values in the type of the schema; names stay codes, whose width and order pandas chooses.

    NaN stays NaN among floating-point numbers and is missing in a column of another type.
    """
    if not pa.types.is_dictionary(kind):
        return pa.array(values, from_pandas=not pa.types.is_floating(kind)).cast(kind)
    named = values.astype("category").cat
    codes = named.codes.to_numpy().astype(np.int32)
    names = pa.array(named.categories.astype(str), pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), names)


def _count(tables: Iterable[tuple[pa.Table, pa.Table]]) -> int:
    return sum(len(kept) + len(rejects) for kept, rejects in tables)


def _months(table: pa.Table) -> Iterator[tuple[int, int, pa.Table]]:
    """Year, month and the rows of each month, in their order."""
    months = table["time"].to_numpy().astype("datetime64[M]").astype(np.int64)
    order = np.argsort(months, kind="stable")
    table = table.take(pa.array(order))
    found, first, count = np.unique(months[order], return_index=True, return_counts=True)
    for month, begin, size in zip(found, first, count, strict=True):
        yield int(month // 12 + 1970), int(month % 12 + 1), table.slice(begin, size)


def write_journal(batch: Batch, folder: Path) -> None:
    """Make a batch count: what it read and wrote, whole or not at all."""
    path = folder / JOURNAL / f"{batch.name}.json"
    values = {
        "entries": [asdict(entry) for entry in batch.entries],
        "parts": [asdict(part) for part in batch.parts],
        "coverage": batch.coverage.as_json(),
    }
    text = json.dumps(values, indent=1, sort_keys=True)
    write_whole(path, lambda hidden: hidden.write_text(text, encoding="utf-8"))


def read_journal(folder: Path) -> list[Batch]:
    """The batches whose parts are all there; the others do not count."""
    batches = (_batch(path) for path in sorted((folder / JOURNAL).glob("*.json")))
    return [batch for batch in batches if batch is not None and _is_whole(batch, folder)]


def _batch(path: Path) -> Batch | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Batch(
            path.stem,
            tuple(Entry(**entry) for entry in values["entries"]),
            tuple(Part(**part) for part in values["parts"]),
            coverage_from_json(values["coverage"]),
        )
    except (ValueError, TypeError, KeyError, IngestError):  # cut off by a full disk: read again
        return None


def _is_whole(batch: Batch, folder: Path) -> bool:
    def size(part: Part) -> int:
        path = folder / part.path
        return path.stat().st_size if path.is_file() else -1

    return all(size(part) == part.bytes for part in batch.parts)


def sweep(folder: Path, batches: Iterable[Batch]) -> None:
    """Delete parts and journals that belong to none of the batches."""
    batches = list(batches)
    known = {part.path for batch in batches for part in batch.parts}
    known |= {f"{JOURNAL}/{batch.name}.json" for batch in batches}
    ours = (f"{OBSERVATIONS}/year=*/month=*/{{}}", f"{REJECTED}/{{}}")
    patterns = [place.format(name) for place in ours for name in ("*-*.parquet", ".*.part")]
    for pattern in (*patterns, f"{JOURNAL}/*.json", f"{JOURNAL}/.*.part", ".*.part"):
        for path in folder.glob(pattern):
            if path.relative_to(folder).as_posix() not in known:
                path.unlink()


def require_balanced(batches: Iterable[Batch], folder: Path) -> None:
    """Refuse a folder whose Parquet files do not hold the rows that its entries count.

    Raises:
        IngestError: rows were lost or made.
    """
    for batch in batches:
        stored = {kind: _rows(batch, folder, kind) for kind in (OBSERVATIONS, REJECTED)}
        kept = sum(entry.rows_kept for entry in batch.entries)
        rejected = sum(entry.rows_rejected for entry in batch.entries)
        if (stored[OBSERVATIONS], stored[REJECTED]) != (kept, rejected):
            raise IngestError(
                f"{folder}: batch {batch.name} counts {kept} kept and {rejected} rejected rows, its "
                f"files hold {stored[OBSERVATIONS]} and {stored[REJECTED]}; delete the folder and "
                "ingest again"
            )


def _rows(batch: Batch, folder: Path, kind: str) -> int:
    parts = (part for part in batch.parts if part.path.startswith(f"{kind}/"))
    return sum(pq.read_metadata(folder / part.path).num_rows for part in parts)
