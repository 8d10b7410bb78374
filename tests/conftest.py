"""Shared fixtures: where the test data lie, two toy oceans, and reports without pictures or pages."""

from __future__ import annotations

import io
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is loaded: each core has its worker

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:  # pytest itself imports this file, beside its workers
    from deepda.figures.style import Theme
    from deepda.geometry.grid import Grid

settings.register_profile("repeatable", derandomize=True)  # the same cases each time
settings.load_profile("repeatable")
os.environ.setdefault("SOURCE_DATE_EPOCH", "1760000000")  # files made again have the same time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of slow tests alone first, so that two workers end at about the same time."""
    quick = {item.path for item in items if not item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path in quick)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real files named by DEEPDA_TEST_DATA."""
    root = os.environ.get("DEEPDA_TEST_DATA", "")
    if not root or not Path(root).is_dir():
        pytest.skip("DEEPDA_TEST_DATA does not name the folder of test data")
    return Path(root)


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Files are not forced to the disk, which only a power cut would show."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@contextmanager
def undrawn() -> Iterator[None]:
    """Figures are made and written without being drawn, which takes most of the time of a report."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "draw_without_rendering", lambda figure: None)
        patch.setattr(FigureCanvasAgg, "draw", FigureCanvasAgg.get_renderer)
        patch.setattr("deepda.reports.report.png", lambda figure, theme: _paper(theme))
        patch.setattr("deepda.reports.report.columns_of", lambda figure: 1)
        yield


def _paper(theme: Theme) -> bytes:
    """A PNG of nothing but the paper."""
    from PIL import Image

    held = io.BytesIO()
    Image.new("RGB", (64, 64), theme.paper).save(held, "png")
    return held.getvalue()


@pytest.fixture(scope="module")
def blank_pictures() -> Iterator[None]:
    """No test of this file looks at its pictures: see `undrawn`."""
    with undrawn():
        yield


@contextmanager
def unreported() -> Iterator[None]:
    """A reanalysis is scored but its page is not made, which takes longer than its years."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("write", "write_climate"):
            patch.setattr(f"reanalysis.run.{name}", lambda *what: "none")
        yield


@contextmanager
def unscored() -> Iterator[None]:
    """A reanalysis is neither scored nor has it a page: see its files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reanalysis.run._judged", lambda *what: {})
        yield


@pytest.fixture
def no_report() -> Iterator[None]:
    """See `unreported`."""
    with unreported():
        yield


@pytest.fixture(scope="module")
def empty_fdbk() -> Iterator[None]:
    """NEMO feedback files are made empty: a reanalysis writes 24 a year, and each takes 0.1 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepda.feedback.store.write_fdbk", lambda rows, path, kind: path.touch())
        yield


@pytest.fixture(params=[0, 1])
def grid(request: pytest.FixtureRequest) -> Grid:
    """Two random toy oceans."""
    import numpy as np
    from toys import toy_grid

    return toy_grid(np.random.default_rng(request.param))
