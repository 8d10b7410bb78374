"""One writer a folder: a lock that ends with its process, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepda.base.errors import DeepDAError

LOCK = ".lock"


class FolderInUseError(DeepDAError, RuntimeError):
    """Another process writes the folder; the message says which folder and what to do."""


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; nothing else of the folder is touched before it is held.

    Raises:
        FolderInUseError: another process holds it.
        OSError: the lock cannot be made.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    # Neither a link nor a pipe of that name may lead elsewhere or wait for a partner.
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUseError(
                f"another process writes into {folder}, expected this one alone; wait for its end or "
                "choose another --output"
            ) from error
        yield
    finally:
        os.close(handle)
