"""`deepda osse known-answer`: every method against the exact Kalman filter, at equal observations.

The truth is a run of a linear stochastic ocean that training never saw. The filter has the ocean's
equations; all others learn from a control simulation. What is drawn comes from the seed, each thing
from its own stream, so that nothing in the test depends on how long a method was trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepda.assimilation.state import StateSpace
from deepda.base.info import versions
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.geometry.windows import PENTADS
from deepda.runs.folder import SCORES, run_folder
from osse.known_answer.kalman import exact_analyses
from osse.known_answer.linear_ocean import LinearOcean
from osse.known_answer.methods import analyse, methods, with_true_dynamics
from osse.known_answer.network import Network, observe
from osse.known_answer.scores import Analyses, Case, judge, table, write_fields

CONTROL, TEST, VALIDATION = (2, 3), (3, 4, 5), (6, 7)  # random streams; the ocean and network have 0, 1


@dataclass(frozen=True)
class Size:
    """How large the experiment is: years by use, and the cells (depth, lat, lon), drawn if None."""

    control: int = 40
    validation: int = 3
    spinup: int = 1
    test: int = 3
    shape: tuple[int, int, int] | None = None


def run(seed: int, minutes: float, output: Path, size: Size | None = None) -> dict[str, Any]:
    """The whole comparison; writes scores.json, truth.nc, analysis.nc and kalman.nc.

    Args:
        seed: of ocean, network, control simulation, test and first weights.
        minutes: of training, for each of the two networks.

    Returns:
        the scores as written.
    """
    size = size or Size()
    with run_folder(output) as folder:
        progress = folder.progress
        ocean = LinearOcean.draw(seed, size.shape)
        network = Network.draw(ocean, seed)
        progress.note(f"seed {seed}: an ocean of {ocean.grid.shape} with {ocean.size} water cells")
        with progress.stage("Simulating the control run of the linear ocean"):
            training, validation = studied(ocean, network, seed, size)
        space = validation.space
        truth = ocean.simulate(PENTADS * (size.spinup + size.test), _rng(seed, TEST[0]))[0]
        test = observed(space, truth, network, seed, TEST[1:], PENTADS * size.spinup)
        exact = progress.track(exact_analyses(ocean, test), "Exact Kalman filter", total=len(truth))
        analyses, costs = {"kalman": Analyses.timed(exact)}, {}
        for name, baseline, cost in with_true_dynamics(ocean, validation, seed, progress):
            with progress.stage(f"Cycling {name}"):
                analyses[name], costs[name] = Analyses.timed(baseline.run(test)), cost
        for name, method, cost in methods(training, validation, network, minutes, seed, progress):
            with progress.stage(f"Cycling {name}"):
                analyses[name], costs[name] = analyse(method, test), cost
        scores = judge(test, analyses, costs)
        scores |= {"seed": seed, "minutes": minutes, "water_cells": ocean.size, "versions": versions()}
        scores |= {"threads": torch.get_num_threads(), "shape": list(ocean.grid.shape)}
        write_fields(test, analyses, output, seed)
        folder.keep_scores(scores)
        progress.note(f"{output / SCORES} written")
    print(table(scores))
    return scores


def studied(
    ocean: LinearOcean, network: Network, seed: int, size: Size
) -> tuple[NDArray[np.float32], Case]:
    """What may be learnt from: training years (time, depth, lat, lon) K, observed validation years."""
    steps = PENTADS * (size.control + size.validation)
    control = ocean.simulate(steps, _rng(seed, CONTROL[0]))[0]
    training, rest = np.split(control, [PENTADS * size.control])
    space = space_of(training, ocean.grid)
    return training, observed(space, rest, network, seed, VALIDATION, PENTADS * size.validation // 3)


def space_of(training: NDArray[np.float32], grid: Grid) -> StateSpace:
    """Zero climatology and the standard deviation of the training years (time, depth, lat, lon) K."""
    stddev = np.where(grid.ocean, training.std(axis=0), 1).astype(np.float32)
    mean = np.where(grid.ocean, np.zeros((PENTADS, *grid.shape), np.float32), np.nan)
    return StateSpace(grid, Climatology(mean, np.where(grid.ocean, stddev, np.nan)), stddev)


def observed(
    space: StateSpace,
    truth: NDArray[np.float32],
    network: Network,
    seed: int,
    streams: tuple[int, int],
    spinup: int,
) -> Case:
    """The truth and its observations, their places and their errors each from a stream of the seed."""
    error = network.draw_masks(len(truth), _rng(seed, streams[0]))
    return Case(space, truth, error, observe(truth, error, _rng(seed, streams[1])), spinup)


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])
