"""Units change in one place, and what is saved is what is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from toys import space_on, toy_grid

from deepda.assimilation.state import scale_of
from deepda.assimilation.superobs import superobs
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.observations.synthetic import observe
from deepda.runs.checkpoint import (
    MODEL,
    SPACE,
    WEIGHTS,
    CheckpointError,
    load_model,
    load_space,
    load_weights,
    save_checkpoint,
)


def test_celsius_undoes_standardise(grid: Grid) -> None:
    space = space_on(grid)
    thetao = np.random.default_rng(1).normal(12, 3, (5, *grid.shape)).astype(np.float32)
    thetao[:, ~grid.ocean] = np.nan
    inside = space.standardise(thetao, [3, 4, 5, 11, 0])
    assert inside[:, torch.from_numpy(~grid.ocean)].abs().max() == 0
    for step, season in enumerate((3, 4, 5, 11, 0)):
        np.testing.assert_allclose(space.celsius(inside[step], season), thetao[step], atol=1e-5)


def test_superobservations_reach_the_network_in_its_units(grid: Grid) -> None:
    import pandas as pd

    space, season = space_on(grid), 4
    at = np.argwhere(grid.ocean)[7]
    places = pd.DataFrame(
        {
            "time": [np.datetime64("2001-05-10", "s")],
            "lat": [grid.lat[at[1]]],
            "lon": [grid.lon[at[2]]],
            "depth": [grid.depth[at[0]]],
            "platform_type": ["argo"],
            "platform_id": ["1"],
        }
    )
    truth = np.full(grid.shape, 15.0)
    table = observe(truth, grid, places, np.random.default_rng(0))
    found = space.observations(superobs(table, grid, season, space.climatology), season)
    cell = (0, *at)
    scale = space.scale[tuple(at)]
    kelvin = float(table["temperature"].iloc[0]) - space.climatology.mean[(season, *at)]
    assert float(found.value[cell]) == pytest.approx(kelvin / scale, rel=1e-4)
    expected = (scale / float(table["error"].iloc[0])) ** 2
    assert float(found.precision[cell]) == pytest.approx(expected, rel=1e-4)
    assert int((found.precision > 0).sum()) == 1
    assert bool(torch.isfinite(found.value).all())


def test_weights_of_a_layer_sum_to_one(grid: Grid) -> None:
    weights = space_on(grid).weights
    torch.testing.assert_close(weights.sum((1, 2)), torch.ones(grid.shape[0]))
    assert weights[torch.from_numpy(~grid.ocean)].abs().max() == 0


def test_a_quiet_cell_is_not_scaled_up_without_limit(grid: Grid) -> None:
    climatology = space_on(grid).climatology
    quiet = climatology.stddev.copy()
    at = tuple(np.argwhere(grid.ocean)[0])
    quiet[at] = 1e-4
    scale = scale_of(Climatology(climatology.mean, quiet), grid)
    assert scale[at] > 0.1 and bool((scale > 0).all())
    other = grid.ocean.copy()
    other[at] = False
    np.testing.assert_allclose(scale[other], climatology.stddev[other], rtol=1e-5)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path, grid: Grid) -> None:
    space, network = space_on(grid), torch.nn.Linear(3, 2)
    save_checkpoint(tmp_path, network, space, {"seed": 5})
    found = load_space(tmp_path)
    assert found.grid.checksum == grid.checksum
    np.testing.assert_array_equal(found.climatology.mean, space.climatology.mean)
    np.testing.assert_array_equal(found.scale, space.scale)
    assert load_model(tmp_path, grid)["seed"] == 5
    other = torch.nn.Linear(3, 2)
    load_weights(tmp_path, other)
    assert torch.equal(other.weight, network.weight)


def test_a_checkpoint_of_another_grid_is_refused(tmp_path: Path, grid: Grid) -> None:
    save_checkpoint(tmp_path, torch.nn.Linear(1, 1), space_on(grid), {})
    other = toy_grid(np.random.default_rng(99))
    with pytest.raises(CheckpointError, match="was trained on grid"):
        load_model(tmp_path, other)


def test_weights_of_another_network_are_refused(tmp_path: Path, grid: Grid) -> None:
    save_checkpoint(tmp_path, torch.nn.Linear(1, 1), space_on(grid), {})
    with pytest.raises(CheckpointError, match="does not fit the analyser"):
        load_weights(tmp_path, torch.nn.Linear(2, 2))


@pytest.mark.parametrize("name", [WEIGHTS, MODEL, SPACE])
@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage"])
def test_a_broken_checkpoint_is_refused_in_one_sentence(
    tmp_path: Path, grid: Grid, name: str, damage: str
) -> None:
    network = torch.nn.Linear(1, 1)
    save_checkpoint(tmp_path, network, space_on(grid), {})
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(b"\xff" * 300)
    with pytest.raises(CheckpointError):
        space = load_space(tmp_path)
        load_model(tmp_path, space.grid)
        load_weights(tmp_path, network)


def test_the_checksum_of_the_weights_is_kept(tmp_path: Path, grid: Grid) -> None:
    import hashlib

    save_checkpoint(tmp_path, torch.nn.Linear(1, 1), space_on(grid), {})
    kept = json.loads((tmp_path / MODEL).read_text())["weights"]
    assert kept == hashlib.sha256((tmp_path / WEIGHTS).read_bytes()).hexdigest()
