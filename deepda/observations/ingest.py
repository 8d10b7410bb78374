"""Take in observation files of any kind: Parquet by year and month, and a manifest of every file.

    files --find_sources--> sources --hash--> settled (duplicate, missing, ...) or to be read
          --batches--> workers read and write (ingested_files.py) --> journal --> manifest.csv

A batch is read by one worker, which writes its rows; only rows of the manifest come back. What a
journal holds is not read again, so that a killed run is resumed by repeating it, and gives the same.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepda.base.files import digest_of, output_folder
from deepda.base.lock import exclusive
from deepda.base.progress import Progress
from deepda.base.text import printable
from deepda.base.workers import Workers, open_workers
from deepda.observations.coverage import Coverage
from deepda.observations.formats import read_parts
from deepda.observations.ingested_files import (
    Batch,
    PartWriter,
    read_journal,
    require_balanced,
    sweep,
    write_journal,
)
from deepda.observations.manifest import NAME as MANIFEST
from deepda.observations.manifest import (
    READ,
    Entry,
    IngestError,
    read_manifest,
    reasons_text,
    write_manifest,
)
from deepda.observations.plan import make_plan
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult, UnknownFormatError
from deepda.observations.sources import find_sources, has_files, require_apart

MOST_VALUES = 2_000_000  # cells of a gridded product that are held at once
LOG = "ingest.log"
USELESS = ("quarantined", "empty", "unrecognised")  # what holds no cast for another file
OptionsOf = Callable[[str], ReadOptions]


@dataclass(frozen=True)
class Job:
    """A batch to be read: (file, sha256, options) of each source."""

    folder: Path
    name: str
    sources: tuple[tuple[str, str, ReadOptions], ...]


def ingest(
    paths: Iterable[Path],
    output: Path,
    *,
    options: OptionsOf | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    strict: bool = False,
) -> list[Entry]:
    """Take in all files at and below paths; what `output` holds from before stays.

    Args:
        paths: files, folders, and trees of the Argo GDAC.
        output: folder of the results; all workers must see it.
        options: what files do not say themselves, by absolute path of the file.
        workers: processes, 1 for this one alone, None for one a core.
        scheduler: address of a dask cluster.
        strict: stop at the first file that is not taken.

    Returns:
        The rows of the manifest.

    Raises:
        UsageError: an input lies in `output`, `output` cannot be written, or another run writes it.
        IngestError: there is no file at all, rows were lost, or with `strict` a file in trouble.
    """
    paths, output = list(paths), Path(output).absolute()
    require_apart(paths, output)
    if not has_files(paths, output):
        raise IngestError(
            f"there is no file at or below {', '.join(map(str, paths))}, expected observations; "
            "check the paths"
        )
    now = ReadOptions()
    with (
        output_folder(output),
        exclusive(output),
        Progress(output / LOG) as progress,
        open_workers(workers, scheduler) as work,
    ):
        entries = _take(paths, output, options or (lambda _: now), work, progress, strict)
    require_balanced(read_journal(output), output)
    write_manifest(entries.values(), output)
    return sorted(entries.values(), key=lambda entry: entry.file)


def _take(
    paths: Sequence[Path],
    output: Path,
    choose: OptionsOf,
    work: Workers,
    progress: Progress,
    strict: bool,
) -> dict[str, Entry]:
    """Read until what is refused supersedes nothing; rows of the manifest by file.

    Files in trouble in an earlier run are taken to supersede nothing from the start.
    """
    before = read_manifest(output) if (output / MANIFEST).is_file() else []
    useless = frozenset(entry.file for entry in before if entry.status in USELESS)
    refused = dict[str, Entry]()
    while True:
        sources = find_sources(paths, output, useless)
        plan = make_plan(sources, output, work, refused)
        sweep(output, plan.held)
        progress.note(plan.described())
        jobs = [_job(group, output, choose) for group in plan.groups]
        entries = plan.settled
        _refuse_trouble(entries.values(), strict)
        for job, done in progress.track(work(read_batch, jobs), "Reading batch", len(jobs)):
            found = _died(job) if done is None else done
            _refuse_trouble(found, strict)
            entries |= {entry.file: entry for entry in found}
            for note in assumptions(found):
                progress.note(note)
        listed = {source.file for source in sources}
        refused = {f: e for f, e in entries.items() if f in listed and e.status in USELESS}
        if useless == refused.keys() or find_sources(paths, output, refused) == sources:
            return entries
        useless = frozenset(refused)


def read_batch(job: Job) -> list[Entry]:
    """Read some files one after the other, write their rows, and put both in the journal.

    Files that are refused stand in no journal: the next run tries them again.
    """
    writer, coverage = PartWriter(job.folder, job.name), Coverage()
    entries = [_read(*source, writer, coverage) for source in job.sources]
    writer.flush()
    read = tuple(entry for entry in entries if entry.status in READ)
    if read:
        write_journal(Batch(job.name, read, tuple(writer.parts), coverage), job.folder)
    return entries


def _read(file: str, sha256: str, options: ReadOptions, writer: PartWriter, coverage: Coverage) -> Entry:
    """Read one file, or say why not."""
    kept, rejects, name, here = 0, Counter[str](), "", Coverage()
    assumed = dict[str, None]()  # in the order of their first part
    try:
        for result in _results(file, options):
            writer.add(result, file)
            here.add_rows(result.table, result.rejects)
            kept, name = kept + len(result.table), result.format
            rejects.update(result.reasons)
            assumed |= dict.fromkeys(result.assumed)
    except ObservationError as error:
        writer.abandon()
        status = "unrecognised" if isinstance(error, UnknownFormatError) else "quarantined"
        return Entry(file, sha256, status=status, reasons=" ".join(str(error).split()))
    writer.commit()
    here.add_file()
    coverage.add(here)
    rejected = rejects.total()
    status = "kept" if kept else "rejected"
    counts = kept + rejected, kept, rejected
    return Entry(file, sha256, name, status, *counts, reasons_text(rejects), "; ".join(assumed))


def _results(file: str, options: ReadOptions) -> Iterator[ReadResult]:
    """The file part by part; a fault of a reader costs its file, not the run."""
    options = dataclasses.replace(options, most_values=MOST_VALUES)
    try:
        yield from read_parts(Path(file), options)
    except ObservationError:
        raise
    except Exception as error:
        last = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise ObservationError(
            f"{file} meets a fault of its reader ({last[0]}), expected rows or a refusal; "
            "please report it"
        ) from error


def assumptions(entries: Iterable[Entry]) -> list[str]:
    """A line on each assumption: what was assumed, in how many files, and the first of them."""
    files: dict[str, list[str]] = {}
    for entry in entries:
        if entry.assumed:
            files.setdefault(entry.assumed, []).append(printable(Path(entry.file).name))
    return [
        f"{names[0]}{f' and {len(names) - 1} more files' if names[1:] else ''}: {text}"
        for text, names in files.items()
    ]


def _job(group: Sequence[tuple[str, str]], output: Path, options: OptionsOf) -> Job:
    """The batch of a group; its name follows from what it reads."""
    text = "\n".join(f"{sha256} {file}" for file, sha256 in group)
    name = digest_of([text])[:16]
    return Job(output, name, tuple((file, sha256, options(file)) for file, sha256 in group))


def _died(job: Job) -> list[Entry]:
    reason = "its worker died, perhaps of too little memory; run again with fewer workers"
    return [Entry(file, sha256, status="quarantined", reasons=reason) for file, sha256, _ in job.sources]


def _refuse_trouble(entries: Iterable[Entry], strict: bool) -> None:
    bad = next((entry for entry in entries if entry.trouble), None) if strict else None
    if bad is not None:
        raise IngestError(
            f"{bad.file} is {bad.status} ({bad.reasons}); mend or remove it, or leave out --strict"
        )
