"""The child process of `deepda.observations.guard`: it reads files within a bounded memory.

Its standard input brings (file, format, options), its standard output takes back the answer, both as
pickles: parent and child are the same program. Each answer begins with a word: "read", "unknown",
"refused", "fault".
"""

from __future__ import annotations

import pickle
import re
import sys
from pathlib import Path
from typing import IO, Any

from deepda.observations.reading import ObservationError, ReadOptions, UnknownFormatError


def serve() -> None:
    """Read one file after the other until the input ends; the last argument is the memory, bytes."""
    from deepda.observations import formats  # noqa: F401  before the memory is limited

    room = int(sys.argv[-1])
    _limit_memory(room)
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while _answer(incoming, outgoing, room):
        pass


def _answer(incoming: IO[bytes], outgoing: IO[bytes], room: int) -> bool:
    try:
        path, name, options = pickle.load(incoming)
    except EOFError:
        return False
    try:
        answer = pickle.dumps(_read(path, name, options, room), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        answer = pickle.dumps(("refused", too_large(path, room)))
    outgoing.write(answer)
    outgoing.flush()
    return True


def _read(path: Path, name: str | None, options: ReadOptions, room: int) -> tuple[str, Any]:
    import traceback

    from deepda.observations.formats import format_of, read_format

    try:
        return "read", read_format(path, name or format_of(path), options)
    except UnknownFormatError as error:
        return "unknown", str(error)
    except ObservationError as error:
        return "refused", too_large(path, room) if _lacked_memory(error) else str(error)
    except MemoryError:
        return "refused", too_large(path, room)
    except Exception:  # the parent raises it
        return "fault", traceback.format_exc()


def _lacked_memory(error: BaseException | None) -> bool:
    """Whether a refusal was caused by the limit; C++ libraries report it as errors of their own."""
    while error is not None:
        if isinstance(error, MemoryError) or re.search(r"bad_alloc|out of memory", str(error), re.I):
            return True
        error = error.__cause__ or error.__context__
    return False


def too_large(path: Path, room: int) -> str:
    """The sentence for a file that needs more memory than reading it may take."""
    return (
        f"{path} takes more than {room / 2**30:.3g} GiB of memory to read, expected less; split it "
        "into smaller files, or fetch it again if it ought to be small"
    )


def _limit_memory(room: int) -> None:
    """Allow `room` bytes of address space beyond what the process has now."""
    if sys.platform == "win32":
        return
    import resource

    limit = _address_space() + room
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def _address_space() -> int:
    """Bytes of address space of this process; a usual size where the system does not say."""
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return pages * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 2 * 2**30
