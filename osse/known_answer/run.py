"""`deepda osse known-answer`: every method against the exact Kalman filter, at equal observations.

The truth is a run of a linear stochastic ocean that training never saw. The filter has the ocean's
equations; all others learn from a control simulation. What is drawn comes from the seed, each thing
from its own stream, so that nothing in the test depends on how long a method was trained.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from deepda.assimilation import baselines
from deepda.assimilation.cycle import Analyser, cycle
from deepda.assimilation.state import StateSpace
from deepda.base.info import versions
from deepda.base.progress import Progress
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.geometry.windows import PENTADS
from deepda.networks.build import Generator, build_generator, number_of_patterns
from deepda.networks.trainable import CycleErrors
from deepda.runs.folder import SCORES, run_folder
from deepda.settings.schema import GeneratorConfig, HamGenerator, InnovationGenerator
from deepda.training.setup import VALIDATIONS, TrainingSetup
from deepda.training.stretches import TrainingData
from deepda.training.trainer import Recipe
from osse.known_answer.kalman import KalmanFilter
from osse.known_answer.linear_ocean import LinearOcean
from osse.known_answer.network import Network, observe
from osse.known_answer.scores import (
    Analyses,
    Case,
    judge,
    mean_square_error,
    standardised_error_variance,
    table,
    volume_mean,
    write_fields,
)
from osse.known_answer.true_dynamics import (
    MEMBERS,
    EnsembleFilter,
    StaticInterpolation,
    tuned_ensemble_filter,
    tuned_static_interpolation,
)
from osse.twin.control_years import learn

CONTROL, TEST, VALIDATION = (2, 3), (3, 4, 5), (6, 7)  # random streams; the ocean and network have 0, 1
STRETCHES = 32  # in parallel: the ocean is small
OURS = InnovationGenerator(kind="innovation", hidden=0, levels=0, patterns=0, solver_iterations=128)
HAM = HamGenerator(kind="ham2024")
RATE, BACKPROP = 1.5e-3, 1  # learning rate; windows that the gradient is followed through
HAM_ADVERSARIAL = 0.1  # weight of the discriminator, as published
ERROR_SAMPLES = 0  # the ocean is homogeneous enough for the covariance of the factors alone


@dataclass(frozen=True)
class Size:
    """How large the experiment is: years by use, and the cells (depth, lat, lon), drawn if None."""

    control: int = 40
    validation: int = 3
    spinup: int = 1
    test: int = 3
    shape: tuple[int, int, int] | None = None


@dataclass
class Method:
    """An analyser ready to be tested, and what it has cost."""

    analyser: Analyser
    cost: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ValidationCase:
    """The validation years of a case, see `Validation`."""

    case: Case

    def errors(self, analyser: Analyser) -> CycleErrors:
        """Errors of an analyser in one cycle through them."""
        analyses = analyse(analyser, self.case)
        square = mean_square_error(analyses.mean, self.case)
        return CycleErrors(
            volume_mean(square, self.case) ** 0.5,
            np.sqrt(square) / self.case.space.scale,
            np.sqrt(standardised_error_variance(analyses, self.case)),
        )


class DrawnNetwork:
    """The ocean's observing network as training reads it: a new stretch for each draw.

    Args:
        network: draws where and how well the ocean is seen.
    """

    def __init__(self, network: Network) -> None:
        self.network = network

    def stretch(
        self, length: int, rng: np.random.Generator, season: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield `length` fields (depth, lat, lon) of precision, K-2; zero where nothing is seen."""
        return iter(self.network.draw_masks(length, rng) ** -2)


def run(seed: int, minutes: float, output: Path, size: Size | None = None) -> dict[str, Any]:
    """The whole comparison; writes scores.json, truth.nc, analysis.nc and kalman.nc.

    Args:
        seed: of ocean, network, control simulation, test and first weights.
        minutes: of training, for each of the two networks.
        output: folder.
        size: of the experiment.

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
        exact = progress.track(KalmanFilter(ocean).run(test), "Exact Kalman filter", total=len(truth))
        analyses, costs = {"kalman": Analyses.timed(exact)}, {}
        for name, baseline, cost in with_true_dynamics(ocean, validation, seed, progress):
            with progress.stage(f"Cycling {name}"):
                analyses[name], costs[name] = Analyses.timed(baseline.run(test)), cost
        for name, method in methods(training, validation, network, minutes, seed, progress):
            with progress.stage(f"Cycling {name}"):
                analyses[name], costs[name] = analyse(method.analyser, test), method.cost
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


def analyse(method: Analyser, case: Case) -> Analyses:
    """Cycle a method through a case, from climatology."""
    scale = case.space.scale
    with torch.inference_mode():
        steps = cycle(method, method.first_guess(1), case.observations())
        known = (step.analysis for step in steps)
        return Analyses.timed(
            (one.mean[0].numpy() * scale, (one.spread[0].numpy() * scale) ** 2) for one in known
        )


def methods(
    training: NDArray[np.float32],
    validation: Case,
    network: Network,
    minutes: float,
    seed: int,
    progress: Progress,
) -> Iterator[tuple[str, Method]]:
    """Yield (name, method) of all but the exact filter, each fitted when it is asked for."""
    ocean = torch.from_numpy(validation.space.grid.ocean)
    anomalies = training / validation.space.scale

    def trained(settings: GeneratorConfig, adversarial: float) -> Method:
        recipe = Recipe(1, STRETCHES, BACKPROP, RATE, adversarial, 1000, VALIDATIONS, seed)
        training = setup(settings, anomalies, validation, network, seed, progress)
        return train(training, recipe, validation, minutes, progress)

    yield "deepda", trained(OURS, 0.0)
    yield "oi", interpolation(anomalies, validation, progress)
    yield "ham2024", trained(HAM, HAM_ADVERSARIAL)
    yield "persistence", Method(baselines.Persistence(ocean))
    yield "climatology", Method(baselines.Climatology(ocean))


def with_true_dynamics(
    ocean: LinearOcean, validation: Case, seed: int, progress: Progress
) -> Iterator[tuple[str, EnsembleFilter | StaticInterpolation, dict[str, float]]]:
    """Yield (name, method, cost) of the baselines with the true dynamics, tuned one by one."""
    for members in MEMBERS:
        with progress.stage(f"Tuning the localised ensemble Kalman filter of {members} members"):
            tuned = tuned_ensemble_filter(ocean, validation, members, seed)
        yield f"enkf{members}", *tuned
    with progress.stage("Tuning static optimal interpolation with the true dynamics"):
        static = tuned_static_interpolation(ocean, validation)
    yield "static_oi", *static


def interpolation(anomalies: NDArray[np.float32], validation: Case, progress: Progress) -> Method:
    """Optimal interpolation, its static covariance tuned on the validation years."""
    start = time.perf_counter()
    known = baselines.Validation(
        validation.pairs, torch.from_numpy(validation.space.scale), validation.spinup
    )
    with progress.stage("Tuning optimal interpolation"):
        tuned = baselines.tune(anomalies, validation.space.grid, known, progress)
    return Method(tuned.analyser, {"training_seconds": time.perf_counter() - start})


def setup(
    settings: GeneratorConfig,
    anomalies: NDArray[np.float32],
    validation: Case,
    network: Network,
    seed: int,
    progress: Progress,
) -> TrainingSetup:
    """A generator to be trained on the training years (time, depth, lat, lon), standardised."""
    space = validation.space
    statistics = learn(anomalies, space, number_of_patterns(settings), progress)
    season = np.arange(len(anomalies)) % PENTADS
    data = TrainingData(anomalies, season, PENTADS, space.scale, space.weights, DrawnNetwork(network))

    def build() -> Generator:
        return build_generator(settings, space, statistics, seed)

    return TrainingSetup(build, data, ValidationCase(validation), space.grid)


def train(
    training: TrainingSetup, recipe: Recipe, validation: Case, minutes: float, progress: Progress
) -> Method:
    """Train a network for some minutes; the number of updates follows from a few that are timed."""
    updates = training.affordable(recipe, 60 * minutes)
    recipe = replace(recipe, updates=updates, validate_every=max(1, updates // VALIDATIONS))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="deepda-") as folder:
        network, _ = training.train(recipe, progress, Path(folder))
    cost = {"training_seconds": time.perf_counter() - start, "updates": updates}
    training.complete(network, ERROR_SAMPLES, recipe.seed, progress)
    weights = sum(parameter.numel() for parameter in network.parameters())
    return Method(
        network, {"weights": weights, "gflop_a_cycle": gflop_a_cycle(network, validation)} | cost
    )


def gflop_a_cycle(network: Analyser, case: Case) -> float:
    """Floating-point operations of a forecast and an analysis, products and convolutions only."""
    first, observations = network.first_guess(1), next(case.observations())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        next(cycle(network, first, [observations]))
    return float(counter.get_total_flops() / 1e9)


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])
