"""Files on disk: written whole or not at all, checksums, folders that can be written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepda.base.errors import UsageError


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write beside and rename, so that the name never holds half a file."""
    partial = path.with_name(f".{path.name}.part")
    try:
        write(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def require_writable(folder: Path) -> Path:
    """The folder, made where missing, before hours of work go into it.

    Raises:
        UsageError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".deepda-write-test"
        probe.write_bytes(b"deepda")
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder} ({error.strerror}); choose another place with --output"
        ) from error
    return folder
