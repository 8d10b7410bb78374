"""Progress of long work: a bar with the time left on a terminal, plain lines elsewhere and in a log.

with Progress(log=output / "log.txt") as progress:
    for window in progress.track(windows, "Cycling"):
        ...
    progress.note("analysis.nc written")
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TextIO, TypeVar

from deepda.base.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

Item = TypeVar("Item")


class Progress:
    """Shows how far work is, on `stream` (stderr), never on stdout.

    Args:
        log: file that plain lines are appended to; the run that resumes another continues it.
        every: seconds between two lines of one task, at least.
        stream: where a person looks; a bar is drawn if it is a terminal.
    """

    def __init__(
        self, log: Path | None = None, every: float = 15.0, stream: TextIO | None = None
    ) -> None:
        self._log_path, self._every = log, every
        self._stream = sys.stderr if stream is None else stream
        self._log: TextIO | None = None
        self._bars: RichProgress | None = None

    def __enter__(self) -> Progress:
        if self._log_path is not None:
            self._log_path.parent.mkdir(parents=True, exist_ok=True)
            self._log = self._log_path.open("a", encoding="utf-8", buffering=1)
        if self._stream.isatty():
            self._bars = _bars(self._stream)
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
        if self._log is not None:
            if kind is not None:
                self._log.write(f"{_stamp()}  stopped: {kind.__name__} {printable(str(error))}\n")
            self._log.close()
            self._log = None

    def note(self, text: str) -> None:
        """One line of news."""
        self._write(text)
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)

    def track(self, items: Iterable[Item], title: str, total: int | None = None) -> Iterator[Item]:
        """Pass `items` on and show how many of `total` (len(items) where it has one) are done."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        bar = None if self._bars is None else self._bars.add_task(title, total=total)
        begin = shown = time.monotonic()
        done = 0
        for item in items:
            yield item
            done += 1
            if self._bars is not None and bar is not None:
                self._bars.advance(bar)
            now = time.monotonic()
            if now - shown >= self._every and done != total:
                shown = now
                self._write(f"{title} {_share(done, total)}{_time_left(now - begin, done, total)}")
        self._write(f"{title} {_share(done, total)}, done in {_duration(time.monotonic() - begin)}")
        if self._bars is not None and bar is not None:
            self._bars.update(bar, total=done, completed=done)

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        """Show that work without countable parts goes on, and at its end how long it took."""
        bar = None if self._bars is None else self._bars.add_task(title, total=None)
        self._write(title)
        begin = time.monotonic()
        yield
        self._write(f"{title}, done in {_duration(time.monotonic() - begin)}")
        if self._bars is not None and bar is not None:
            self._bars.update(bar, total=1, completed=1)

    def _write(self, text: str) -> None:
        if self._log is not None:
            self._log.write(f"{_stamp()}  {text}\n")
        if self._bars is None:
            print(text, file=self._stream, flush=True)


def _bars(stream: TextIO) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(file=stream))


def _share(done: int, total: int | None) -> str:
    return f"{done}" if total is None else f"{done}/{total}"


def _time_left(elapsed: float, done: int, total: int | None) -> str:
    if total is None or done == 0:
        return ""
    return f", {_duration(elapsed / done * max(total - done, 0))} left"


def _duration(seconds: float) -> str:
    """Seconds in words that a person reads at a glance."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _stamp() -> str:
    return datetime.now().strftime("%Y-%m-%d %H:%M:%S")


@dataclass
class Clock:
    """Seconds by stage, of the clock `now` (s)."""

    now: ClassVar[Callable[[], float]] = time.perf_counter
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of a block under a name; blocks of one name add up."""
        start = type(self).now()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + type(self).now() - start, 2)
