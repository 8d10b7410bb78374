"""Files on disk: written whole or not at all, checksums, folders that can be written."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from deepda.base.errors import OutputError, UsageError

if TYPE_CHECKING:  # help must be ready before anything heavy is imported
    import numpy as np
    from numpy.typing import NDArray

RUST_ERROR = re.compile(r"\(os error (\d+)\)")  # what the file system said, in words of safetensors
BLOCK = 1 << 20  # bytes read at a time
T = TypeVar("T")


def digest_of(pieces: Iterable[str | bytes | NDArray[Any]]) -> str:
    """SHA-256 (hexadecimal) of pieces in their order; an array counts with its values in C order."""
    made = hashlib.sha256()
    for piece in pieces:
        if isinstance(piece, str):
            piece = piece.encode(errors="surrogateescape")
        made.update(piece if isinstance(piece, bytes) else piece.tobytes())
    return made.hexdigest()


def checksum(*paths: Path) -> str:
    """SHA-256 of files in their order; a folder (Zarr) counts with the names and bytes of its files.

    Raises:
        OSError: a file cannot be read.
    """
    return digest_of(piece for path in paths for piece in _pieces(path))


def _pieces(path: Path) -> Iterator[str | bytes]:
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_dir():
            continue
        yield str(file.relative_to(path)) if path.is_dir() else b""
        with file.open("rb") as stream:
            while block := stream.read(BLOCK):
                yield block


def write_whole(path: Path, write: Callable[[Path], T]) -> T:
    """Write under a hidden name and rename, so that the name never holds half a file.

    Args:
        path: final name; its folder is made where missing.
        write: writes the file that it is given; what it returns is returned.

    Raises:
        OSError: a file cannot be written. Nothing new is left then.
    """
    hidden = hidden_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        made = write(hidden)
        publish(hidden, path)
        return made
    except Exception as error:
        if isinstance(error, OSError) or (found := RUST_ERROR.search(str(error))) is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)


def mapped_array(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A new array of zeros in a file, as large as the array from the beginning.

    A file with holes in it would end the process by a signal where the disk is full.

    Raises:
        OSError: there is no room for it.
    """
    import numpy as np

    array: NDArray[np.float32] = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def write_json(path: Path, tree: Any, *, indent: int = 1, sort_keys: bool = False) -> None:
    """Write a tree of numbers and words as JSON, whole or not at all.

    Raises:
        OSError: the file cannot be written.
        TypeError: something in the tree has no form in JSON.
    """
    text = json.dumps(tree, indent=indent, sort_keys=sort_keys) + "\n"
    write_whole(path, lambda hidden: hidden.write_text(text))


def hidden_name(path: Path) -> Path:
    """Where a file is written before `publish`, for writers that keep it open."""
    return path.with_name(f".{path.name}.part")


def publish(hidden: Path, path: Path) -> None:
    """Give a finished file its name: on disk first, with the permissions that the umask leaves.

    Raises:
        OSError: it cannot be synchronised or renamed.
    """
    hidden.chmod(_permissions(hidden))
    _synchronise(hidden)
    os.replace(hidden, path)
    with suppress(OSError):  # network file systems refuse it for folders
        _synchronise(path.parent)


def _permissions(hidden: Path) -> int:
    """Of a new file in this folder; some libraries make theirs readable by the owner alone."""
    probe = hidden.with_name(f"{hidden.name}.mode")
    probe.unlink(missing_ok=True)
    try:
        probe.touch()
        return probe.stat().st_mode & 0o777
    finally:
        probe.unlink(missing_ok=True)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def refusing_writes(path: Path) -> Iterator[None]:
    """While a file is written: what the file system or a library refuses becomes one sentence.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        yield
    except OutputError:
        raise
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"cannot write {path} ({reason}{_space_left(path)}); "
            "make room, mend the permissions, or choose another --output"
        ) from error


def _space_left(path: Path) -> str:
    with suppress(OSError):
        return f", {shutil.disk_usage(path.parent).free / 1e6:.0f} MB free there"
    return ""


# What a command writes before it has a result.
BEFORE_RESULTS = ("config.yaml", "reanalysis.json", "sweep.json", "log.txt")


@contextmanager
def output_folder(path: Path) -> Iterator[Path]:
    """A writable folder for the results of a command; one that fails before any result leaves none.

    Folders that were there before stay. An interruption leaves everything, to be resumed.

    Raises:
        UsageError: see `require_writable`.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield require_writable(path)
    except Exception:
        if made and not _holds_results(path):
            shutil.rmtree(path, ignore_errors=True)
            for folder in made[1:]:
                with suppress(OSError):  # something else lies there by now
                    folder.rmdir()
        raise


def _holds_results(folder: Path) -> bool:
    files = (file for file in folder.rglob("*") if not file.is_dir())
    return any(file.name not in BEFORE_RESULTS and file.suffix != ".log" for file in files)


def require_writable(folder: Path) -> Path:
    """The folder, made where missing, before hours of work go into it.

    Raises:
        UsageError: it cannot be made or written, or begins with a ~ that no shell has replaced.
    """
    if str(folder).startswith("~") and not folder.exists():
        raise UsageError(
            f"{folder} begins with ~, which stands for a home only where a shell reads it (not in "
            "quotes, nor behind =), expected a folder; write it in full"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".deepda-write-test"
        probe.write_bytes(b"deepda")
        probe.unlink(missing_ok=True)  # another process may ask at the same time
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder} ({error.strerror}); choose another place with --output"
        ) from error
    return folder
