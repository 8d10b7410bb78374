"""Parquet tables row group by row group, with what they unpack to known before anything is unpacked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from deepda.observations.cells import TableRows
from deepda.observations.ncfile import SMALL
from deepda.observations.reading import ObservationError

BATCH = 65_536  # rows that are unpacked at once
DENSEST = 1100  # bytes unpacked for one of the file: what deflate can do; real tables stay below 200
LARGEST_COLUMN = 2**30  # bytes of one column of a row group
WIDTH = 8  # bytes of one value


def read_row_groups(
    path: Path,
    choose: Callable[[Sequence[str]], Collection[str]],
    first: int = 0,
    most: int | None = None,
) -> TableRows:
    """Read rows first..first+most of a Parquet table (None: all after the first).

    Args:
        choose: from the names of all columns to those wanted.
        first: row to begin with, from 0.
        most: rows to read.

    Raises:
        ObservationError: no Parquet, damaged, columns that are no plain values, or a file that
            unpacks to far more than its size.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = tuple(file.schema_arrow.names)
            chosen = choose(names)
            wanted = [name for name in names if name in chosen]
            _require_plain(path, file.schema_arrow, wanted)
            _require_bounded(path, file.metadata, wanted)
        texts = [name for name in wanted if pa.types.is_string(file.schema_arrow.field(name).type)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            batches = list(_batches(file, wanted, first, most))
            schema = batches[0].schema if batches else pa.schema(map(file.schema_arrow.field, wanted))
            table = pa.Table.from_batches(batches, schema=schema)
            total = file.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        if isinstance(error, ObservationError):
            raise
        what = " ".join(str(error).split())[:200]
        raise ObservationError(f"{path} cannot be read as Parquet ({what}); write it again") from error
    end = first + len(table)
    following = end if end < total else None
    above = _said(file.schema_arrow.metadata or {})
    return TableRows(_frame(table), names, _units(table.schema), first, following, above=above)


def _require_plain(path: Path, schema: pa.Schema, wanted: Sequence[str]) -> None:
    for name in wanted:
        kind = schema.field(name).type
        if schema.names.count(name) > 1 or pa.types.is_nested(kind):
            raise ObservationError(
                f"{path}: column {name} is {kind}, or there twice, expected one plain value a row; "
                "write one row a value"
            )


def _require_bounded(path: Path, metadata: pq.FileMetaData, wanted: Sequence[str]) -> None:
    """Refuse a file that unpacks to more than such a file can hold."""
    size = path.stat().st_size
    unpacked = metadata.num_rows * len(wanted) * WIDTH
    if unpacked > max(SMALL, DENSEST * size):
        raise ObservationError(
            f"{path} has {size:,} bytes and would unpack to {metadata.num_rows:,} rows "
            f"({unpacked / 2**20:,.0f} MiB), over {DENSEST} times as much; expected observations, which "
            "differ: leave it out"
        )
    for group in (metadata.row_group(k) for k in range(metadata.num_row_groups)):
        for column in (group.column(k) for k in range(group.num_columns)):
            if column.path_in_schema in wanted and column.total_uncompressed_size > LARGEST_COLUMN:
                raise ObservationError(
                    f"{path}: column {column.path_in_schema} has over {LARGEST_COLUMN / 2**30:g} GiB in "
                    "one row group; write it with row groups of a million rows"
                )


def _batches(
    file: pq.ParquetFile, wanted: Sequence[str], first: int, most: int | None
) -> Iterator[pa.RecordBatch]:
    """The rows asked for; row groups before them are passed over."""
    passed, groups = 0, list(range(file.metadata.num_row_groups))
    while groups and passed + file.metadata.row_group(groups[0]).num_rows <= first:
        passed += file.metadata.row_group(groups.pop(0)).num_rows
    end = file.metadata.num_rows if most is None else min(first + most, file.metadata.num_rows)
    for batch in file.iter_batches(BATCH, row_groups=groups, columns=list(wanted), use_threads=False):
        begin, passed = passed, passed + batch.num_rows
        if passed > first:
            yield batch.slice(max(first - begin, 0), max(min(end, passed) - max(first, begin), 0))
        if passed >= end:
            return
    if passed < end:
        raise ValueError(f"it ends after {passed} rows, its footer counts {file.metadata.num_rows}")


def _frame(table: pa.Table) -> pd.DataFrame:
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.float64()))
    return table.to_pandas(ignore_metadata=True)


def _said(metadata: Mapping[bytes, bytes]) -> tuple[str, ...]:
    """What the metadata say of the table, but for those of the libraries that wrote it."""
    said = {key.decode("utf-8", "replace"): value for key, value in metadata.items()}
    return tuple(
        f"{key}: {value.decode('utf-8', 'replace')}"
        for key, value in said.items()
        if key not in ("pandas", "ARROW:schema")
    )


def _units(schema: pa.Schema) -> dict[str, str]:
    declared = {field.name: (field.metadata or {}).get(b"units", b"") for field in schema}
    return {name: units.decode("utf-8", "replace") for name, units in declared.items() if units}
