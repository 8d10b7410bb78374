"""One writer a folder: a lock that the operating system releases when its process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepda.base.errors import UsageError

LOCK = ".deepda-lock"


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Be the only writer of a folder, which is made where missing.

    Holds between processes and between threads, not for a reader. The lock file is removed at the end;
    one that a killed process left behind does not count.

    Raises:
        UsageError: another writer is at work in the folder, or it cannot be written.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path)
    except BlockingIOError as error:
        raise UsageError(
            f"{folder} is being written by {_writer(path)}, expected a folder without a writer; "
            "wait for it to end, or choose another place with --output"
        ) from error
    except OSError as error:
        raise UsageError(
            f"cannot lock {folder} ({error.strerror}), expected a folder that can be written, on a file "
            "system with locks; choose another place with --output"
        ) from error
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {os.uname().nodename}".encode())
        yield
    finally:
        if _bears(path, descriptor):
            path.unlink()
        os.close(descriptor)


def _locked(path: Path) -> int:
    """A descriptor of the lock file that bears this name, locked."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _bears(path, descriptor):
                return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its writer removed it between opening and locking


def _bears(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _writer(path: Path) -> str:
    """Who wrote a lock file."""
    try:
        return path.read_text(errors="replace")[:100] or "another process"
    except OSError:
        return "another process"
