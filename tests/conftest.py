"""Shared fixtures: where the test data lie, and a toy ocean that is unfair on purpose."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

from deepda.assimilation.cycle import Analyser
from deepda.figures.style import Theme
from deepda.geometry.grid import Grid
from deepda.networks.trainable import CycleErrors

settings.register_profile("repeatable", derandomize=True)  # the same cases each time
settings.load_profile("repeatable")
os.environ.setdefault("SOURCE_DATE_EPOCH", "1760000000")  # files made again have the same time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that two workers end at about the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@dataclass(frozen=True)
class MeasuredErrors:
    """Errors on validation years that are given, not measured: see `Validation`."""

    over_spread: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    stddev: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))

    def errors(self, analyser: Analyser) -> CycleErrors:
        return CycleErrors(float(self.stddev.mean()), self.stddev, self.over_spread)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real files named by DEEPDA_TEST_DATA."""
    root = os.environ.get("DEEPDA_TEST_DATA", "")
    if not root or not Path(root).is_dir():
        pytest.skip("DEEPDA_TEST_DATA does not name the folder of test data")
    return Path(root)


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


def toy_grid(rng: np.random.Generator, shape: tuple[int, int, int] = (4, 10, 14)) -> Grid:
    """Unequal cells, an island, a continent across the date line, a sea floor that rises."""
    depth, lat, lon = shape
    lat_edges = -78 + 150 * np.cumsum(np.append(0, w := rng.uniform(0.5, 1.5, lat))) / w.sum()
    lon_edges = -170 + 360 * np.cumsum(np.append(0, w := rng.uniform(0.5, 1.5, lon))) / w.sum()
    depth_edges = 5 + np.cumsum(np.append(0, rng.uniform(10, 60, depth)))
    ocean = np.ones(shape, bool)
    ocean[:, lat // 2, lon // 2] = False
    ocean[:, 2:5, -1] = ocean[:, 2:5, 0] = False
    ocean[depth // 2 :, :, lon // 4] = False
    return Grid(lat_edges, lon_edges, depth_edges, ocean)


@pytest.fixture(params=[0, 1, 2])
def grid(request: pytest.FixtureRequest) -> Grid:
    """Three random toy oceans."""
    return toy_grid(np.random.default_rng(request.param))
