"""The tables of the docs are those of the numbers that were measured, and of nothing else."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def scores() -> ModuleType:
    """The script behind `make scores`."""
    spec = importlib.util.spec_from_file_location("scores", ROOT / "benchmarks" / "scores.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_table_is_that_of_the_measured_numbers(scores: ModuleType) -> None:
    measured = json.loads(scores.MEASURED.read_text())
    marked = [page for page in scores.PAGES if scores.MARK.search(page.read_text())]
    assert len(marked) >= 3
    assert [p.name for p in marked if scores.with_tables(p.read_text(), measured) != p.read_text()] == []


def test_a_number_changed_by_hand_would_be_seen(scores: ModuleType) -> None:
    measured = json.loads(scores.MEASURED.read_text())
    text = (ROOT / "README.md").read_text()
    changed = text.replace(f"{measured['gcm']['scores']['rmse']['analysis']['all']:.4f}", "0.0100")
    assert changed != text and scores.with_tables(changed, measured) == text
