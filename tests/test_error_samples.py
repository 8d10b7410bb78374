"""The samples of background errors beside a checkpoint: exact, refused when broken, used again."""

from __future__ import annotations

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

from deepda.assimilation.sample_covariance import background_error_covariance
from deepda.assimilation.samples import Samples
from deepda.assimilation.state import StateSpace
from deepda.base.errors import CheckpointError
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.networks.build import ControlStatistics, build_generator
from deepda.networks.innovation import InnovationAnalyser
from deepda.runs.checkpoint import ERRORS_FILE, save_checkpoint
from deepda.runs.error_samples import load_error_samples, save_error_samples
from deepda.runs.open import load_analyser
from deepda.settings.schema import InnovationGenerator

GENERATOR = InnovationGenerator("innovation", hidden=4, levels=1, patterns=3, solver_iterations=30)


def drawn_errors(grid: Grid) -> NDArray[np.float16]:
    """Noise in water, zero on land."""
    errors = np.random.default_rng(2).standard_normal((6, *grid.shape))
    return (errors * grid.ocean).astype(np.float16)


def saved(grid: Grid, folder: Path) -> Samples:
    samples = Samples.of(drawn_errors(grid), grid)
    save_error_samples(samples, grid, folder)
    return samples


def test_samples_come_back_as_they_were_saved_one_byte_a_value(grid: Grid, tmp_path: Path) -> None:
    samples = saved(grid, tmp_path / "new")
    found = load_error_samples(tmp_path / "new", grid)
    assert found is not None and found.codes.dtype == torch.int8
    assert torch.equal(found.codes, samples.codes) and torch.equal(found.scale, samples.scale)
    assert [file.name for file in (tmp_path / "new").iterdir()] == [ERRORS_FILE]


def test_a_run_of_the_first_version_has_the_same_samples(grid: Grid, tmp_path: Path) -> None:
    """Its file holds the fields in water, float16, in the order of the grid."""
    errors = drawn_errors(grid)
    tensors = {"errors": torch.from_numpy(np.ascontiguousarray(errors[:, grid.ocean]))}
    save_file(tensors, tmp_path / ERRORS_FILE, metadata={"grid": grid.checksum})
    found, expected = load_error_samples(tmp_path, grid), Samples.of(errors, grid)
    assert found is not None
    assert torch.equal(found.codes, expected.codes) and torch.equal(found.scale, expected.scale)


def test_where_none_were_saved_there_are_none(grid: Grid, tmp_path: Path) -> None:
    assert load_error_samples(tmp_path, grid) is None


def test_a_broken_file_is_refused(grid: Grid, tmp_path: Path) -> None:
    saved(grid, tmp_path)
    whole = (tmp_path / ERRORS_FILE).read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"not tensors"):
        (tmp_path / ERRORS_FILE).write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"is broken .*; restore it or train again"):
            load_error_samples(tmp_path, grid)


def test_errors_of_a_coast_with_one_cell_moved_are_refused(grid: Grid, tmp_path: Path) -> None:
    ocean = grid.ocean.copy()
    ocean[tuple(np.argwhere(ocean)[5])] = False
    ocean[tuple(np.argwhere(~grid.ocean)[3])] = True
    saved(grid, tmp_path)
    with pytest.raises(CheckpointError, match=rf"of grid {grid.checksum}, expected .*train again"):
        load_error_samples(tmp_path, replace(grid, ocean=ocean))


@pytest.mark.parametrize("spoilt", ["cells", "type", "scale"])
def test_samples_that_contradict_the_grid_or_themselves_are_refused(
    grid: Grid, tmp_path: Path, spoilt: str
) -> None:
    codes, scale = torch.zeros(int(grid.ocean.sum()), 4, dtype=torch.int8), torch.ones(grid.ocean.sum())
    tensors = {
        "cells": {"codes": codes[1:].clone(), "scale": scale[1:].clone()},
        "type": {"codes": codes.float(), "scale": scale},
        "scale": {"codes": codes, "scale": scale.index_fill(0, torch.tensor(3), torch.nan)},
    }[spoilt]
    save_file(tensors, tmp_path / ERRORS_FILE, metadata={"grid": grid.checksum})
    with pytest.raises(CheckpointError, match=rf"expected {grid.ocean.sum()} cells, int8"):
        load_error_samples(tmp_path, grid)


def test_a_file_that_holds_something_else_is_refused(grid: Grid, tmp_path: Path) -> None:
    save_file({"weights": torch.zeros(3)}, tmp_path / ERRORS_FILE, metadata={"grid": grid.checksum})
    with pytest.raises(CheckpointError, match=r"holds \['weights'\].*expected codes"):
        load_error_samples(tmp_path, grid)


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


@pytest.mark.slow
def test_a_checkpoint_gives_the_analysis_of_what_was_saved(
    trained: tuple[Grid, InnovationAnalyser], tmp_path: Path
) -> None:
    """With the errors the hybrid, and without the file the factors alone."""
    (grid, made), expected, found = trained, [], []
    ocean = torch.from_numpy(grid.ocean)
    background, observations = background_of(made, ocean), drawn(ocean, 3)
    for errors in (None, Samples.of(drawn_errors(grid), grid)):
        if errors is not None:
            save_error_samples(errors, grid, tmp_path)
            made.use_error_samples(background_error_covariance(errors, grid))
        again: Any = load_analyser(tmp_path, GENERATOR, torch.device("cpu"))[0]
        assert (again.sampled is None) == (errors is None) and not again.training
        expected.append(analysed(made, background, observations))
        found.append(analysed(again, background, observations))
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other, rtol=0, atol=0)
    assert not torch.allclose(found[0].mean, found[1].mean, atol=1e-2)
