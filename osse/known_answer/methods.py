"""Methods that the known answer compares: each fitted on the control simulation, with what it cost."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from deepda.assimilation import baselines
from deepda.assimilation.cycle import Analyser, cycle
from deepda.base.progress import Progress
from deepda.geometry.windows import PENTADS
from deepda.networks.build import Generator, build_generator, number_of_patterns
from deepda.networks.trainable import CycleErrors
from deepda.settings.schema import GeneratorConfig, HamGenerator, InnovationGenerator
from deepda.training.setup import VALIDATIONS, TrainingSetup
from deepda.training.stretches import TrainingData
from deepda.training.trainer import Recipe
from osse.known_answer.linear_ocean import LinearOcean
from osse.known_answer.network import Network
from osse.known_answer.scores import (
    Analyses,
    Case,
    mean_square_error,
    standardised_error_variance,
    volume_mean,
)
from osse.known_answer.true_dynamics import (
    MEMBERS,
    EnsembleFilter,
    StaticInterpolation,
    tuned_ensemble_filter,
    tuned_static_interpolation,
)
from osse.twin.control_years import learn

STRETCHES = 32  # in parallel: the ocean is small
OURS = InnovationGenerator(kind="innovation", hidden=0, levels=0, patterns=0, solver_iterations=128)
HAM = HamGenerator(kind="ham2024")
RATE, BACKPROP = 1.5e-3, 1  # learning rate; windows that the gradient is followed through
HAM_ADVERSARIAL = 0.1  # weight of the discriminator, as published
ERROR_SAMPLES = 0  # the ocean is homogeneous enough for the covariance of the factors alone


Method = tuple[Analyser, dict[str, float]]  # ready to be tested, and what it has cost


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


def analyse(method: Analyser, case: Case) -> Analyses:
    """Cycle a method through a case, from climatology."""
    scale = case.space.scale
    with torch.inference_mode():
        steps = cycle(method, method.first_guess(1), case.observations())
        known = ((one.analysis.mean[0], one.analysis.spread[0]) for one in steps)
        return Analyses.timed(
            (mean.numpy() * scale, (spread.numpy() * scale) ** 2) for mean, spread in known
        )


def methods(
    training: NDArray[np.float32],
    validation: Case,
    network: Network,
    minutes: float,
    seed: int,
    progress: Progress,
) -> Iterator[tuple[str, Analyser, dict[str, float]]]:
    """Yield (name, method, cost) of all but the exact filter, each fitted when it is asked for."""
    ocean = torch.from_numpy(validation.space.grid.ocean)
    anomalies = training / validation.space.scale

    def trained(settings: GeneratorConfig, adversarial: float) -> Method:
        recipe = Recipe(1, STRETCHES, BACKPROP, RATE, adversarial, 1000, VALIDATIONS, seed)
        training = setup(settings, anomalies, validation, network, seed, progress)
        return train(training, recipe, validation, minutes, progress)

    yield "deepda", *trained(OURS, 0.0)
    yield "oi", *interpolation(anomalies, validation, progress)
    yield "ham2024", *trained(HAM, HAM_ADVERSARIAL)
    yield "persistence", baselines.Persistence(ocean), {}
    yield "climatology", baselines.Climatology(ocean), {}


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
    scale = torch.from_numpy(validation.space.scale)
    known = baselines.ValidationWindows(validation.pairs, scale, validation.spinup)
    with progress.stage("Tuning optimal interpolation"):
        tuned = baselines.tune(anomalies, validation.space.grid, known, progress)
    return tuned.analyser, {"training_seconds": time.perf_counter() - start}


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
    data = TrainingData(anomalies, season, PENTADS, space.scale, space.weights, network)

    def build() -> Generator:
        return build_generator(settings, space, statistics, seed)

    return TrainingSetup(build, data, ValidationCase(validation), space.grid)


def train(
    training: TrainingSetup, recipe: Recipe, validation: Case, minutes: float, progress: Progress
) -> Method:
    """Train a network for some minutes; the number of updates follows from a few that are timed."""
    updates = training.affordable(recipe, 60 * minutes, fewest=0)
    recipe = replace(recipe, updates=updates, validate_every=max(1, updates // VALIDATIONS))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="deepda-") as folder:
        network, _ = training.train(recipe, progress, Path(folder))
    cost = {"training_seconds": time.perf_counter() - start, "updates": updates}
    training.complete(network, ERROR_SAMPLES, recipe.seed, progress)
    weights = sum(parameter.numel() for parameter in network.parameters())
    return network, {"weights": weights, "gflop_a_cycle": gflop_a_cycle(network, validation)} | cost


def gflop_a_cycle(network: Analyser, case: Case) -> float:
    """Floating-point operations of a forecast and an analysis, products and convolutions only."""
    first, observations = network.first_guess(1), next(case.observations())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        next(cycle(network, first, [observations]))
    return float(counter.get_total_flops() / 1e9)
