"""What an ingest has to do: which files are known already, which are refused at sight, which to read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepda.base.files import checksum
from deepda.base.text import counted
from deepda.base.workers import Workers
from deepda.observations.ingested_files import Batch, read_journal
from deepda.observations.manifest import NAME, READ, Entry, read_manifest
from deepda.observations.sources import Source

BATCH_BYTES = 32 * 2**20  # of files that one task reads
BATCH_FILES = 250
KINDS = {
    "a named pipe": stat.S_ISFIFO,
    "a socket": stat.S_ISSOCK,
    "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
    "a folder": stat.S_ISDIR,
}


@dataclass(frozen=True)
class Digest:
    """Of a file: sha256 in hexadecimal ("" if it cannot be read), and its bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Plan:
    """What there is to do.

    Attributes:
        held: batches of before that still hold.
        settled: by file, rows of the manifest that are known without reading.
        groups: batches to be read, (file, sha256) of each file.
    """

    held: list[Batch]
    settled: dict[str, Entry]
    groups: list[list[tuple[str, str]]]

    def described(self) -> str:
        """The plan in a line."""
        reading = sum(map(len, self.groups))
        return f"{counted(reading + len(self.settled), 'file')}, {reading} to read"


def make_plan(
    sources: Sequence[Source], output: Path, work: Workers, refused: Mapping[str, Entry]
) -> Plan:
    """Compare what is there with what was read before.

    Sources that changed since, or are no longer to be read, make their whole batch be read again,
    with files that are not among the sources of today. Files that this run refused already are not
    read a second time.
    """
    journal = read_journal(output)
    before = read_manifest(output) if (output / NAME).is_file() else []
    digests = _digests([source.file for source in sources], work)
    stale = _stale(journal, sources, digests)
    held = [batch for batch in journal if batch.name not in stale]
    done = {entry.file: entry for batch in held for entry in batch.entries}
    lost = {entry.file for batch in journal if batch.name in stale for entry in batch.entries}
    lost |= {entry.file for entry in before if entry.status in READ} - done.keys()
    again = sorted(lost - {source.file for source in sources})
    digests |= _digests(again, work)
    sources = sorted([*sources, *map(Source, again)])
    listed = {source.file for source in sources}
    settled = {entry.file: entry for entry in before if entry.file not in listed} | done
    reading = _settle(sources, digests, settled) - refused.keys()
    settled |= refused
    groups = [
        [(file, digests[file].sha256) for file in group if file not in done]
        for group in grouped(sorted(reading), {file: digests[file].bytes for file in reading})
    ]
    return Plan(held, settled, [group for group in groups if group])


def _stale(
    journal: Iterable[Batch], sources: Iterable[Source], digests: Mapping[str, Digest]
) -> set[str]:
    """Batches with a file that has changed since, or is no longer to be read."""
    wanted = {source.file: "" if source.status else digests[source.file].sha256 for source in sources}
    return {
        batch.name
        for batch in journal
        if any(wanted.get(entry.file, entry.sha256) != entry.sha256 for entry in batch.entries)
    }


def _settle(
    sources: Iterable[Source], digests: Mapping[str, Digest], settled: dict[str, Entry]
) -> set[str]:
    """Files to be read, those that were included; entries of the others are added to `settled`."""
    first = {entry.sha256: file for file, entry in settled.items() if entry.status in READ}
    reading = set[str]()
    for source in sources:
        digest = digests[source.file]
        given = _at_sight(source, digest, first)
        if given is None:
            first.setdefault(digest.sha256, source.file)
            reading.add(source.file)
        else:
            settled[source.file] = Entry(source.file, digest.sha256, status=given[0], reasons=given[1])
    return reading


def _at_sight(source: Source, digest: Digest, first: Mapping[str, str]) -> tuple[str, str] | None:
    """Status and reason of a file that need not be opened to be known, else None."""
    if source.status in ("missing", "quarantined"):
        return source.status, source.reason
    if not digest.sha256:
        return "quarantined", _what_it_is(source.file)
    if digest.bytes == 0:
        return "empty", "zero_bytes"
    if source.status:
        return source.status, source.reason
    other = first.get(digest.sha256, source.file)
    return None if other == source.file else ("duplicate", f"same bytes as {other}")


def _what_it_is(file: str) -> str:
    """Why a file cannot be opened, in a sentence."""
    try:
        mode = os.stat(file).st_mode
    except OSError as error:
        what = (
            "is a link to nothing" if os.path.islink(file) else f"cannot be reached ({error.strerror})"
        )
        return f"{what}, expected a file; fetch it again or check its permissions"
    kind = next((name for name, is_it in KINDS.items() if is_it(mode)), None)
    if kind is None:
        return "cannot be read, expected a file that may be; change its permissions"
    return f"is {kind}, expected a file; leave it out or put a file in its place"


def grouped(files: Iterable[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Groups of consecutive files, about BATCH_BYTES or BATCH_FILES each."""
    group, held = list[str](), 0
    for file in files:
        if group and (held + sizes[file] > BATCH_BYTES or len(group) == BATCH_FILES):
            yield group
            group, held = [], 0
        group.append(file)
        held += sizes[file]
    if group:
        yield group


def _digests(files: Sequence[str], work: Workers) -> dict[str, Digest]:
    sizes = {file: os.path.getsize(file) if os.path.isfile(file) else 0 for file in files}
    found = dict[str, Digest]()
    for group, digests in work(digests_of, list(grouped(files, sizes))):
        found |= digests if digests is not None else dict.fromkeys(group, Digest("", 0))
    return found


def digests_of(files: Sequence[str]) -> dict[str, Digest]:
    """Digest of each file."""
    return {file: _digest(Path(file)) for file in files}


def _digest(path: Path) -> Digest:
    if not os.path.isfile(path):  # a pipe would never end
        return Digest("", 0)
    try:
        return Digest(checksum(path), path.stat().st_size)
    except OSError:
        return Digest("", 0)
