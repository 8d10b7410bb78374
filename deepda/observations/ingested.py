"""An ingested folder, looked at: its rows of a window, its summary and its figure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from deepda.base.text import printable
from deepda.observations.coverage import Coverage, coverage_table
from deepda.observations.ingested_files import JOURNAL, OBSERVATIONS, SCHEMA, read_journal
from deepda.observations.manifest import NAME, STATUSES, Entry, IngestError

FIGURE = "coverage.png"
WIDTH = 79  # columns of a terminal, less one
NAMED = 8  # files that the summary names; the manifest has them all
FORMAT_TROUBLE = {"rejected", "quarantined", "unrecognised"}  # what the list of formats explains


def read_coverage(folder: Path) -> Coverage:
    """Counts of all rows of an ingested folder."""
    whole = Coverage()
    for batch in read_journal(folder):
        whole.add(batch.coverage)
    return whole


def summary(entries: Sequence[Entry], coverage: Coverage, folder: Path) -> list[str]:
    """Lines within 80 columns: rows by platform, files by status, and which files are in trouble."""
    kept, rejected = (
        sum(getattr(entry, name) for entry in entries) for name in ("rows_kept", "rows_rejected")
    )
    count = Counter(entry.status for entry in entries)
    lines = [*coverage_table(coverage), ""]
    lines += [f"{count[name]:>7,} {name:<14}{text}" for name, text in STATUSES.items() if count[name]]
    rows = f"rows in {kept + rejected:,} = kept {kept:,} + rejected {rejected:,}"
    noun = "file" if len(entries) == 1 else "files"
    lines += [f"{len(entries):>7,} {noun} in all; {rows}"]
    bad = [entry for entry in entries if entry.trouble]
    if bad:
        lines += ["", f"{len(bad):,} of {len(entries):,} files were not taken, for instance:"]
    # One of each status first: a hundred missing casts shall not hide a damaged product.
    first = {entry.status: entry for entry in reversed(bad)}
    for entry in [*first.values(), *(e for e in bad if e not in first.values())][:NAMED]:
        lines.append(_line_of(entry))
    if first.keys() & FORMAT_TROUBLE:
        lines.append("names, units and signs of columns: `deepda observations formats`")
    return [*lines, f"every file and its reasons: {folder / NAME}"]


def _line_of(entry: Entry) -> str:
    head = f"  {entry.status}: {printable(Path(entry.file).name)}: "
    reason = entry.reasons.replace(entry.file, "it").removeprefix("it: ").removeprefix("it ")
    reason = printable(" ".join(reason.split()))
    return head[:WIDTH] + textwrap.shorten(reason, max(WIDTH - len(head), 8), placeholder=" ...")


def read_ingested(folder: Path, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
    """Observations of the half-open window [start, end) of an ingested folder.

    Only the months of the window are opened. Rows are sorted by time, source and index, so that they
    do not depend on how the folder was filled.

    Returns:
        (row) all columns that the readers give, as `require_table` wants them.

    Raises:
        IngestError: no ingested folder.
    """
    if not (folder / JOURNAL).is_dir():
        raise IngestError(f"{folder} holds no {JOURNAL}; run `deepda observations ingest` first")
    start, end = start.astype("datetime64[s]"), end.astype("datetime64[s]")
    time = ds.field("time")
    inside = (time >= pa.scalar(start.astype(object))) & (time < pa.scalar(end.astype(object)))
    rows = ds.dataset(_files(folder, start, end), schema=SCHEMA).to_table(filter=inside)
    table = rows.to_pandas().astype({"time": "datetime64[s]"})
    # Categories are in the order of their first use; names sort alike however the folder was filled.
    keys = [table["source_index"], table["source"].astype(str), table["time"]]
    return table.iloc[np.lexsort(keys)].reset_index(drop=True)


def _files(folder: Path, start: np.datetime64, end: np.datetime64) -> list[str]:
    """Parquet files of the months of a window."""
    if end <= start:
        return []
    last = (end - np.timedelta64(1, "s")).astype("datetime64[M]")
    months = [str(month).split("-") for month in np.arange(start.astype("datetime64[M]"), last + 1)]
    folders = [folder / OBSERVATIONS / f"year={int(year)}" / f"month={month}" for year, month in months]
    return [str(path) for place in folders for path in sorted(place.glob("*.parquet"))]
