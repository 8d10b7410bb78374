"""Reading in a child process: a damaged file may crash or hang the libraries, but only the child.

HDF5 ends a process (segmentation fault) on some files with flipped bits, and every library may ask
for any amount of memory or loop: a small Parquet or CSV file may hold millions of equal values. One
child (`deepda.observations.child`) serves many files; after a crash the next file gets a new one.
"""

from __future__ import annotations

import atexit
import functools
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from deepda.observations.reading import ObservationError, ReadOptions, ReadResult, UnknownFormatError

CHILD = "from deepda.observations.child import serve; serve()"
MEMORY = 3 * 2**30  # bytes of address space of the child beyond its libraries
PATIENCE = 300.0  # s for one file
REFUSALS = {"refused": ObservationError, "unknown": UnknownFormatError}
# Threads and their memory pools reserve address space that is never used, the more the more cores.
SMALL_CHILD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


class Guard:
    """A child process that reads files; use it in a `with` block. Threads take turns.

    Reading one file is given up after PATIENCE; the child may use MEMORY beyond its libraries.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
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
            ObservationError: the file is refused, or reading it crashed, or took too long or too
                much memory.
            RuntimeError: a fault of the reader, with its traceback.
        """
        request = pickle.dumps((path, name, options), pickle.HIGHEST_PROTOCOL)
        with self._turn:
            verdict, answer = self._ask(request, path)
        if verdict in REFUSALS:
            raise REFUSALS[verdict](answer)
        if verdict == "fault":
            raise RuntimeError(f"reading {path} failed by a fault of the reader:\n{answer}")
        return answer

    def _ask(self, request: bytes, path: Path) -> tuple[str, Any]:
        child = self._running()
        assert child.stdin is not None and child.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(PATIENCE, give_up)
        timer.daemon = True
        timer.start()
        try:
            child.stdin.write(request)
            child.stdin.flush()
            return pickle.load(child.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            self.close()
            raise ObservationError(f"{path} {self._end(child, late.is_set())}") from None
        except BaseException:  # interrupted: the child's answer would be taken for the next file's
            self.close()
            raise
        finally:
            timer.cancel()

    def _end(self, child: subprocess.Popen[bytes], late: bool) -> str:
        if late:
            what = f"took longer than {PATIENCE:g} s to read"
        else:
            what = f"crashed the library that reads it ({_signal(child.returncode)})"
        return f"{what}, expected an intact file; fetch it again or leave it out"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(MEMORY)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # HDF5 prints its error stack there
                env=os.environ | SMALL_CHILD,
            )
        return self._child


def shared_guard() -> Guard:
    """The child of this process for all its files; it ends with the process."""
    return _guard_of(os.getpid())  # a forked process must not use the pipes of its parent


@functools.cache
def _guard_of(process: int) -> Guard:
    guard = Guard()
    atexit.register(guard.close)
    return guard


def _signal(code: int | None) -> str:
    try:
        return signal.Signals(-(code or 0)).name
    except ValueError:
        return f"exit code {code}"
