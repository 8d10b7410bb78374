"""One writer a folder: refused at once beside another, free again when that one has ended or died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deepda.base.errors import UsageError
from deepda.base.lock import exclusive
from deepda.cli import main

HOLD = """
import sys, time
from pathlib import Path
from deepda.base.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@contextmanager
def other_writer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes to the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "locked\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_second_writer_is_refused_and_touches_nothing(tmp_path: Path) -> None:
    with other_writer(tmp_path) as process:
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        with (
            pytest.raises(UsageError, match=rf"written by process {process.pid} on .*--output"),
            exclusive(tmp_path),
        ):
            pass
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_second_writer_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(UsageError, match="being written"), exclusive(tmp_path):
        pass


def test_a_killed_writer_does_not_block_the_folder(tmp_path: Path) -> None:
    with other_writer(tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with exclusive(tmp_path):
            pass


def test_writers_after_each_other_leave_nothing_behind(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path / "new" / "run"):
            pass
    assert list((tmp_path / "new" / "run").iterdir()) == []


def test_the_lock_of_another_writer_is_not_removed(tmp_path: Path) -> None:
    folder, mine = tmp_path / "run", ExitStack()
    mine.enter_context(exclusive(folder))
    folder.rename(tmp_path / "moved")
    with other_writer(folder):
        mine.close()
        with pytest.raises(UsageError, match="being written"), exclusive(folder):
            pass


def test_the_lock_is_released_by_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path):
        raise ZeroDivisionError
    with exclusive(tmp_path):
        pass


def test_a_file_in_place_of_the_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot lock .*file"), exclusive(tmp_path / "file"):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["sweep", "training.backprop=1..3"],
        ["osse", "known-answer"],
        ["osse", "deny"],
        ["osse", "blind-zone"],
        ["explain", "no-run"],
        ["evaluate", "nothing.nc"],
    ],
    ids=" ".join,
)
def test_a_command_refuses_a_folder_that_another_one_writes(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with exclusive(tmp_path):
        assert main([*words, "--output", str(tmp_path)]) == 2
        assert [path.name for path in tmp_path.iterdir()] == [".deepda-lock"]
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.strip().splitlines()) == 1
    assert "is being written by process" in said.err and "--output" in said.err


@pytest.mark.parametrize("words", [["explain", "no-run"], ["evaluate", "nothing.nc"]], ids=" ".join)
def test_a_command_leaves_a_free_folder_unlocked(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--output", str(tmp_path)]) == 2
    assert "being written" not in capsys.readouterr().err
    assert not (tmp_path / ".deepda-lock").exists()
