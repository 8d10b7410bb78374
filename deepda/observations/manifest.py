"""The manifest of an ingested folder: what became of each file, so that nothing disappears.

A CSV table with one row a file. Rows in = rows kept + rows rejected, for each file and in all. Names
are written as `deepda.base.text.printable` shows them, so that none runs over several lines.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from pathlib import Path

from deepda.base.errors import DeepDAError
from deepda.base.files import write_whole
from deepda.base.text import as_it_was, printable

NAME = "manifest.csv"
STATUSES = {
    "kept": "read, with rows for the table",
    "rejected": "read, every row is rejected",
    "quarantined": "damaged, or not what it says it is",
    "empty": "zero bytes",
    "unrecognised": "of no known format",
    "duplicate": "the same bytes as another file",
    "missing": "in the Argo index, without a file",
    "superseded": "another file holds its casts, or a better version",
    "no_profiles": "an Argo file or list without temperatures",
}
READ = ("kept", "rejected")
TROUBLE = ("rejected", "quarantined", "empty", "unrecognised", "duplicate", "missing")


class IngestError(DeepDAError, RuntimeError):
    """Observations that could not be taken in; the message says what to do."""


@dataclass(frozen=True)
class Entry:
    """One row of the manifest.

    Attributes:
        file: absolute path.
        sha256: of its bytes in hexadecimal, "" where there is no file or it cannot be opened.
        format: in a word (`deepda.observations.formats.READERS`), "" where it was not read.
        status: a key of STATUSES.
        rows_in, rows_kept, rows_rejected: counts; 0 where it was not read.
        reasons: "code=count; ..." of rejected rows, or why the file as a whole was not taken.
        assumed: sentences on what the file does not say and was taken for granted.
    """

    file: str
    sha256: str = ""
    format: str = ""
    status: str = "kept"
    rows_in: int = 0
    rows_kept: int = 0
    rows_rejected: int = 0
    reasons: str = ""
    assumed: str = ""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status is {self.status!r}, expected one of {', '.join(STATUSES)}")
        if self.rows_in != self.rows_kept + self.rows_rejected:
            raise IngestError(
                f"{self.file} has {self.rows_in} rows, {self.rows_kept} kept and {self.rows_rejected} "
                "rejected: rows were lost or made; this is a fault of the program, please report it"
            )

    @property
    def trouble(self) -> bool:
        """Whether the file as a whole was turned away."""
        return self.status in TROUBLE


def reasons_text(counts: Mapping[str, int]) -> str:
    """Reasons with their counts, most frequent first."""
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{reason}={count}" for reason, count in order)


def write_manifest(entries: Iterable[Entry], folder: Path) -> Path:
    """Write the manifest whole, sorted by file.

    Raises:
        IngestError: a file comes twice.
    """
    rows = sorted(entries, key=lambda entry: entry.file)
    for one, other in pairwise(rows):
        if one.file == other.file:
            raise IngestError(f"{one.file} comes twice in the manifest; please report this fault")
    write_whole(folder / NAME, lambda hidden: _write_rows(rows, hidden))
    return folder / NAME


def _write_rows(rows: Iterable[Entry], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([field.name for field in fields(Entry)])
        writer.writerows([printable(str(value)) for value in astuple(row)] for row in rows)


def read_manifest(folder: Path) -> list[Entry]:
    """The rows of a manifest.

    Raises:
        IngestError: there is none, or it is none of ours.
    """
    path = folder / NAME
    if not path.is_file():
        raise IngestError(
            f"{folder} holds no {NAME}, expected a folder made by `deepda observations ingest`"
        )
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [_entry(row) for row in csv.DictReader(stream)]
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise IngestError(
            f"{path} is damaged ({error}); delete it and run `deepda observations ingest` again"
        ) from error


def _entry(row: Mapping[str, str]) -> Entry:
    counts = {name: int(row[name]) for name in ("rows_in", "rows_kept", "rows_rejected")}
    texts = {name: as_it_was(row[name]) for name in ("file", "reasons", "assumed")}
    return Entry(**{**row, **texts, **counts})  # type: ignore[arg-type]
