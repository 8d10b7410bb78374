"""Reading in a child process: a damaged file may crash or hang the C libraries, but only the child.

HDF5 ends a process (segmentation fault) on some files with flipped bits, and both libraries may ask
for any amount of memory or loop. One child serves many files; after a crash the next file gets a new
one. Parent and child are the same program, so what they exchange is trusted (pickle).
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from deepda.observations.reading import (
    ObservationError,
    ReadOptions,
    ReadResult,
    UnknownFormatError,
)

CHILD = "from deepda.observations.guard import serve; serve()"
MEMORY = 8 * 2**30  # bytes of address space of the child
PATIENCE = 300.0  # s for one file
REFUSALS = {"refused": ObservationError, "unknown": UnknownFormatError}


class Guard:
    """A child process that reads files; use it in a `with` block, from one thread.

    Args:
        patience: s after which reading one file is given up.
        memory: bytes that the child may use.
    """

    def __init__(self, patience: float = PATIENCE, memory: int = MEMORY) -> None:
        self.patience, self.memory = patience, memory
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def read(self, path: Path, name: str | None, options: ReadOptions) -> ReadResult:
        """Read a file of a known format (or of one to be found) in the child.

        Raises:
            ObservationError: the file is refused, or reading it crashed or took too long.
            RuntimeError: a fault of the reader, with its traceback.
        """
        child = self._running()
        assert child.stdin is not None and child.stdout is not None
        late = threading.Timer(self.patience, child.kill)
        late.start()
        try:
            pickle.dump((path, name, options), child.stdin)
            child.stdin.flush()
            verdict, answer = pickle.load(child.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            self.close()
            raise ObservationError(
                f"{path} crashed the library that reads it or took over {self.patience:g} s, expected "
                "an intact file; fetch it again"
            ) from None
        finally:
            late.cancel()
        if verdict in REFUSALS:
            raise REFUSALS[verdict](answer)
        if verdict == "fault":
            raise RuntimeError(f"reading {path} failed by a fault of the reader:\n{answer}")
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(self.memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # HDF5 prints its error stack there
            )
        return self._child


def serve() -> None:
    """What the child does: read one file after the other until its input ends."""
    _limit_memory(int(sys.argv[-1]))
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while _answer(incoming, outgoing):
        pass


def _answer(incoming: IO[bytes], outgoing: IO[bytes]) -> bool:
    try:
        path, name, options = pickle.load(incoming)
    except EOFError:
        return False
    pickle.dump(_read(path, name, options), outgoing)
    outgoing.flush()
    return True


def _read(path: Path, name: str | None, options: ReadOptions) -> tuple[str, Any]:
    import traceback

    from deepda.observations.formats import format_of, read_format

    try:
        return "read", read_format(path, name or format_of(path), options)
    except UnknownFormatError as error:
        return "unknown", str(error)
    except ObservationError as error:
        return "refused", str(error)
    except Exception:  # told to the parent, which raises it
        return "fault", traceback.format_exc()


def _limit_memory(size: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (size, size))
