"""Progress: every item passes, a log can be read, a terminal gets a bar."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepda.base import progress as module
from deepda.base.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that the test turns."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    yield now


def test_every_item_is_passed_on_in_order(tmp_path: Path) -> None:
    with Progress(stream=io.StringIO()) as progress:
        assert list(progress.track(iter("abc"), "Cycling", total=3)) == ["a", "b", "c"]


def test_lines_come_at_a_decent_rate_and_show_the_time_left(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream=stream, every=15) as progress:
        for _ in progress.track(range(100), "Cycling"):
            clock[0] += 4
    lines = stream.getvalue().splitlines()
    assert lines[0] == "Cycling 4/100, 6 min 24 s left"
    assert lines[-1] == "Cycling 100/100, done in 6 min 40 s"
    assert len(lines) == 25


def test_without_a_total_nothing_is_foretold(clock: list[float]) -> None:
    stream = io.StringIO()
    with Progress(stream=stream, every=1) as progress:
        for _ in progress.track(iter("ab"), "Reading"):
            clock[0] += 2
    assert stream.getvalue().splitlines() == ["Reading 1", "Reading 2", "Reading 2, done in 4 s"]


def test_the_log_is_continued_and_dated(tmp_path: Path) -> None:
    log = tmp_path / "run" / "log.txt"
    for text in ("first", "second"):
        with Progress(log, stream=io.StringIO()) as progress:
            progress.note(text)
    lines = log.read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["first", "second"]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in lines)


def test_the_log_says_why_it_ends(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with pytest.raises(ValueError), Progress(log, stream=io.StringIO()) as progress:
        progress.note("under way")
        raise ValueError("the ocean boils")
    assert log.read_text().endswith("stopped: ValueError the ocean boils\n")


def test_a_terminal_gets_a_bar_and_the_log_the_lines(tmp_path: Path) -> None:
    terminal, log = Terminal(), tmp_path / "log.txt"
    with Progress(log, stream=terminal) as progress:
        for _ in progress.track(range(3), "Cycling"):
            progress.note("a note [with brackets]")
    assert "3/3" in terminal.getvalue() and "a note [with brackets]" in terminal.getvalue()
    assert "Cycling 3/3, done in 0 s" in log.read_text()


def test_a_stage_without_parts_is_shown_at_once_and_states_its_time_when_done(
    clock: list[float],
) -> None:
    stream, terminal = io.StringIO(), Terminal()
    with Progress(stream=stream) as progress, progress.stage("Scoring"):
        assert stream.getvalue() == "Scoring\n"
        clock[0] += 3
    assert stream.getvalue().splitlines() == ["Scoring", "Scoring, done in 3 s"]
    with Progress(stream=terminal) as progress, progress.stage("Scoring"):
        pass
    assert "Scoring" in terminal.getvalue()


def test_a_stage_that_breaks_off_is_not_done() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError), Progress(stream=stream) as progress, progress.stage("Scoring"):
        raise ValueError
    assert "done" not in stream.getvalue()


def test_hours_are_shown_as_hours() -> None:
    assert module._duration(3 * 3600 + 65) == "3 h 1 min"
    assert module._duration(59.6) == "1 min 0 s"
