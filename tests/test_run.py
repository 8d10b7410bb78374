"""The Python use of the README: a run is loaded and analyses a user's own table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import toy_grid
from test_state import space_on

from deepda import load_run
from deepda.base.errors import CheckpointError
from deepda.geometry.grid import GridError
from deepda.networks.build import ControlStatistics, build_generator
from deepda.networks.transition import NEIGHBOURS, Transition
from deepda.runs.checkpoint import save_checkpoint
from deepda.runs.run import Run
from deepda.settings.compose import dump, load_config
from deepda.settings.schema import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run with untrained weights on a toy grid whose longitudes are equal, as networks need."""
    grid = toy_grid(np.random.default_rng(4))
    even = np.linspace(grid.lon_edges[0], grid.lon_edges[-1], grid.lon_edges.size)
    from dataclasses import replace

    space = space_on(replace(grid, lon_edges=even))
    config = load_config("osse", ["generator.hidden=4", "generator.patterns=3", "per_year=12"])
    weight = torch.zeros(len(NEIGHBOURS), *grid.shape)
    weight[0] = 0.99 * torch.from_numpy(grid.ocean)
    statistics = ControlStatistics(
        Transition(weight, torch.full(grid.shape, 0.02)), 0.3 * torch.randn(3, *grid.shape)
    )
    made = build_generator(config.generator, space, statistics, 0)
    save_checkpoint(tmp_path / "checkpoint", made.analyser, space, {})
    (tmp_path / "config.yaml").write_text(dump(config))
    return tmp_path


def test_unequal_longitudes_are_refused() -> None:
    grid = toy_grid(np.random.default_rng(4))
    config = load_config("osse", [])
    space = space_on(grid)
    with pytest.raises(GridError, match="expected one width"):
        build_generator(config.generator, space, ControlStatistics.none(space, 0), seed=0)


def table_at(run: Run, time: str, shift: float) -> pd.DataFrame:
    """One warm or cold value in a water cell, one on land, one in another month."""
    grid = run.space.grid
    wet, dry = np.argwhere(grid.ocean)[10], np.argwhere(~grid.ocean)[0]
    rows = [wet, dry, wet]
    season = int(run.window(time).season[0])
    return pd.DataFrame(
        {
            "time": np.array([time, time, "1999-01-15"], "datetime64[s]"),
            "lat": [grid.lat[at[1]] for at in rows],
            "lon": [grid.lon[at[2]] for at in rows],
            "depth": [grid.depth[at[0]] for at in rows],
            "temperature": run.space.climatology.mean[(season, *wet)] + shift,
            "error": 0.1,
            "platform_type": "argo",
            "platform_id": "1",
        }
    )


def test_a_warm_observation_warms_the_analysis_there(folder: Path) -> None:
    run = load_run(folder)
    wet = tuple(np.argwhere(run.space.grid.ocean)[10])
    analysis = run.analyse(table_at(run, "2003-06-10", 1.5), "2003-06-15")
    change = (analysis.dataset.thetao - analysis.dataset.thetao_background).values
    assert 0.5 < change[wet] < 2.0
    assert analysis.rows["used"] == 1 and analysis.rows["on land"] == 1
    assert np.isnan(change[~run.space.grid.ocean]).all()
    assert analysis.dataset.time.values == np.datetime64("2003-06-16")


def test_the_next_window_starts_from_the_analysis_before(folder: Path) -> None:
    run = load_run(folder)
    wet = tuple(np.argwhere(run.space.grid.ocean)[10])
    first = run.analyse(table_at(run, "2003-06-10", 1.5), "2003-06-15")
    nothing = table_at(run, "2003-06-10", 1.5).iloc[:0]
    after = run.analyse(nothing, "2003-07-15", before=first)
    season = int(run.window("2003-07-15").season[0])
    anomaly = float(after.dataset.thetao.values[wet]) - run.space.climatology.mean[(season, *wet)]
    kept = float(first.estimate.mean[0][wet]) * 0.99 * run.space.scale[wet]
    assert anomaly == pytest.approx(kept, rel=1e-4)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"deepda osse run"):
        load_run(tmp_path)


def test_a_run_without_its_checkpoint_is_refused(folder: Path) -> None:
    (folder / "checkpoint" / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"deepda osse run"):
        load_run(folder)
