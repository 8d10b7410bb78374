"""The log beside a prepared file: of a refused command nothing is left, of others it is continued."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_control import days, regular_file

from deepda.cli import main

WORDS = ["control", "prepare", "model.nc", "--grid", "embedded_8deg", "--output", "made.nc"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def model(count: int) -> Path:
    """Pentads; a year has 73."""
    Path("model.nc").unlink(missing_ok=True)
    return regular_file(Path("model.nc"), np.zeros(count), days(count, 5, "noleap"))


def test_a_refused_preparation_leaves_no_log(here: Path) -> None:
    model(72)
    assert main(WORDS) == 2
    assert [file.name for file in here.iterdir()] == ["model.nc"]


def test_a_file_with_the_name_of_the_log_is_continued_and_never_removed(here: Path) -> None:
    log = here / "made.log"
    log.write_text("mine\n")
    model(72)
    assert main(WORDS) == 2
    assert log.read_text().startswith("mine\n") and "stopped" in log.read_text()
    model(73)
    assert main(WORDS) == 0
    assert log.read_text().startswith("mine\n") and "made.nc written" in log.read_text()
