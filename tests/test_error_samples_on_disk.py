"""The background errors beside a checkpoint: kept exactly, refused when broken, and taken up again."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from test_analyser_laws import (
    STDDEV,
    analysed,
    assert_same,
    away_from_the_start,
    background_of,
    drawn,
    statics_of,
)

from deepda.assimilation import local_covariance
from deepda.assimilation.local_covariance import CovarianceError, covariance_of, require_sample_room
from deepda.assimilation.state import StateSpace
from deepda.base.errors import CheckpointError
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.networks.build import ControlStatistics, build_generator
from deepda.networks.innovation import InnovationAnalyser
from deepda.runs.checkpoint import ERRORS_FILE, load_errors, save_checkpoint, save_errors
from deepda.runs.open import load_analyser
from deepda.settings.schema import InnovationGenerator

Samples = NDArray[np.float16]
GENERATOR = InnovationGenerator("innovation", hidden=4, levels=1, patterns=3, solver_iterations=30)


def drawn_errors(grid: Grid, seed: int = 2, number: int = 6) -> Samples:
    """Noise in water, zero on land."""
    errors = np.random.default_rng(seed).standard_normal((number, *grid.shape))
    return (errors * grid.ocean).astype(np.float16)


@pytest.mark.parametrize("short_of", [0, 1])
def test_room_is_refused_before_errors_are_sampled_as_it_is_after(
    grid: Grid, short_of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = covariance_of(drawn_errors(grid), grid).matrix
    needed = matrix.data.nbytes + matrix.indices.nbytes
    monkeypatch.setattr(local_covariance, "LARGEST", needed - short_of)
    for attempt in (lambda: require_sample_room(grid), lambda: covariance_of(drawn_errors(grid), grid)):
        with pytest.raises(CovarianceError, match="cells needs") if short_of else nullcontext():
            attempt()


def test_errors_come_back_as_they_were_saved(grid: Grid, tmp_path: Path) -> None:
    errors = drawn_errors(grid)
    on_land = np.where(grid.ocean, errors, np.float16(9))
    save_errors(on_land, grid, tmp_path / "new")
    found = load_errors(tmp_path / "new", grid)
    assert found is not None and found.dtype == np.float16
    assert np.array_equal(found, errors)
    assert [file.name for file in (tmp_path / "new").iterdir()] == [ERRORS_FILE]


def test_where_none_were_saved_there_are_none(grid: Grid, tmp_path: Path) -> None:
    assert load_errors(tmp_path, grid) is None


def test_a_broken_file_is_refused(grid: Grid, tmp_path: Path) -> None:
    save_errors(drawn_errors(grid), grid, tmp_path)
    whole = (tmp_path / ERRORS_FILE).read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"not tensors"):
        (tmp_path / ERRORS_FILE).write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"is broken .*; restore it or train again"):
            load_errors(tmp_path, grid)


def test_errors_of_a_coast_with_one_cell_moved_are_refused(grid: Grid, tmp_path: Path) -> None:
    ocean = grid.ocean.copy()
    ocean[tuple(np.argwhere(ocean)[5])] = False
    ocean[tuple(np.argwhere(~grid.ocean)[3])] = True
    save_errors(drawn_errors(grid), grid, tmp_path)
    with pytest.raises(CheckpointError, match=rf"of grid {grid.checksum}, expected .*train again"):
        load_errors(tmp_path, replace(grid, ocean=ocean))


def test_a_file_that_holds_something_else_is_refused(grid: Grid, tmp_path: Path) -> None:
    save_file({"weights": torch.zeros(3)}, tmp_path / ERRORS_FILE, metadata={"grid": grid.checksum})
    with pytest.raises(CheckpointError, match=r"holds \['weights'\].*expected errors"):
        load_errors(tmp_path, grid)


@pytest.fixture
def trained(grid: Grid, tmp_path: Path) -> tuple[Grid, InnovationAnalyser]:
    """A generator with random weights, whose checkpoint is `tmp_path`."""
    grid = replace(grid, lon_edges=np.linspace(-170, 190, grid.shape[2] + 1))
    torch.manual_seed(0)
    statics = statics_of(grid)
    field = np.where(grid.ocean, np.float32(STDDEV), np.float32(np.nan))
    scale = np.full(grid.shape, STDDEV, np.float32)
    space = StateSpace(grid, Climatology(np.stack([field] * 12), field), scale)
    statistics = ControlStatistics(statics.transition, statics.patterns)
    made = away_from_the_start(build_generator(GENERATOR, space, statistics, 1).analyser)
    save_checkpoint(tmp_path, made, space, {})
    return grid, made


def test_a_checkpoint_gives_the_analysis_of_what_was_saved(
    trained: tuple[Grid, InnovationAnalyser], tmp_path: Path
) -> None:
    """With the errors the hybrid, and without the file the factors alone."""
    (grid, made), expected, found = trained, [], []
    ocean = torch.from_numpy(grid.ocean)
    background, observations = background_of(made, ocean), drawn(ocean, 3)
    for errors in (None, drawn_errors(grid)):
        if errors is not None:
            save_errors(errors, grid, tmp_path)
            made.use_error_samples(covariance_of(errors, grid))
        again: Any = load_analyser(tmp_path, GENERATOR)[0]
        assert (again.sampled is None) == (errors is None) and not again.training
        expected.append(analysed(made, background, observations))
        found.append(analysed(again, background, observations))
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other, rtol=0, atol=0)
    assert not torch.allclose(found[0].mean, found[1].mean, atol=1e-2)
