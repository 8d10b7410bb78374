"""`deepda osse known-answer`: every method against the exact Kalman filter, at equal observations.

The truth is a run of a linear stochastic ocean that training never saw. The filter knows the ocean's
equations; all others learn from a control simulation. What is drawn comes from the seed, each thing
from its own stream, so that nothing in the test depends on how long a method was trained.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import netCDF4
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from deepda import baselines
from deepda.checkpoint import write_whole
from deepda.climatology import Climatology
from deepda.cycle import Analyser, Observations, cycle
from deepda.grid import Grid
from deepda.info import versions
from deepda.netcdf import AnalysisWriter
from deepda.networks.build import Generator, build_generator
from deepda.networks.transition import Transition
from deepda.progress import Progress
from deepda.settings import GeneratorConfig, HamGenerator, InnovationGenerator
from deepda.state import StateSpace
from deepda.training import Objective, Recipe, Trainer, TrainingData, likelihood, mean_square
from deepda.windows import PENTADS, windows
from osse.linear_ocean import LinearOcean, Network, observe
from osse.known_scores import judge, table
from osse.kalman import kalman_filter

CONTROL, TEST, VALIDATION = (2, 3), (3, 4, 5), (6, 7)  # random streams; the ocean and network have 0, 1
FIRST_YEAR = 2001  # that the test years are labelled with
STRETCHES = 32  # in parallel: the ocean is small
TRIAL_UPDATES = 12  # timed, to know how many updates the minutes hold
VALIDATIONS = 5  # in the course of a training
OURS = InnovationGenerator(kind="innovation", hidden=0, levels=0, solver_iterations=12)
HAM = HamGenerator(kind="ham2024")
LEARNING_RATE = 1.5e-3
HAM_RATE, HAM_ADVERSARIAL = 1e-3, 0.1  # weight of the discriminator as published


@dataclass(frozen=True)
class Size:
    """How large the experiment is: years by use, and the cells (depth, lat, lon), drawn if None."""

    control: int = 40
    validation: int = 3
    spinup: int = 1
    test: int = 3
    shape: tuple[int, int, int] | None = None


@dataclass(frozen=True, eq=False)
class Case:
    """A stretch of truth, and what every method is told of it; (time, depth, lat, lon), K.

    Attributes:
        space: grid and scale.
        truth: anomaly, zero on land.
        error: standard deviation of the observations, inf where there is none.
        value: the observations, NaN where there is none.
        spinup: windows that are not scored.
    """

    space: StateSpace
    truth: NDArray[np.float32]
    error: NDArray[np.float32]
    value: NDArray[np.float32]
    spinup: int

    def observations(self) -> Iterator[Observations]:
        """Standardised, one window after another, a batch of one."""
        for step, (value, error) in enumerate(zip(self.value, self.error, strict=True)):
            yield Observations(
                torch.from_numpy(np.nan_to_num(value / self.space.scale))[None],
                torch.from_numpy((self.space.scale / error) ** 2)[None],
                torch.tensor([step % PENTADS]),
                PENTADS,
            )

    def pairs(self) -> Iterator[tuple[Observations, torch.Tensor]]:
        """Observations and standardised truth (1, L, Y, X)."""
        for observations, truth in zip(self.observations(), self.truth, strict=True):
            yield observations, torch.from_numpy(truth / self.space.scale)[None]


class Analyses(NamedTuple):
    """Analyses of a case: (time, depth, lat, lon) K and K2, and milliseconds a cycle."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    milliseconds: float


@dataclass
class Method:
    """An analyser ready to be tested, and what it has cost."""

    analyser: Analyser
    cost: dict[str, float] = field(default_factory=dict)


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
        return iter(self.network.draw_masks(length, rng)[0] ** -2)


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
    with Progress(log=output / "log.txt") as progress:
        ocean = LinearOcean.draw(seed, size.shape)
        network = Network.draw(ocean, seed)
        progress.note(f"seed {seed}: an ocean of {ocean.grid.shape} with {ocean.size} water cells")
        steps = PENTADS * (size.control + size.validation)
        control = ocean.simulate(steps, _rng(seed, CONTROL[0]))[0]
        training, rest = np.split(control, [PENTADS * size.control])
        space = space_of(training, ocean.grid)
        validation = observed(space, rest, network, seed, VALIDATION, PENTADS * size.validation // 3)
        truth = ocean.simulate(PENTADS * (size.spinup + size.test), _rng(seed, TEST[0]))[0]
        test = observed(space, truth, network, seed, TEST[1:], PENTADS * size.spinup)
        analyses, costs = {"kalman": exact(ocean, test, progress)}, {}
        for name, method in methods(training, validation, network, minutes, seed, progress):
            analyses[name], costs[name] = analyse(method.analyser, test), method.cost
        scores = judge(test, analyses, costs)
        scores |= {"seed": seed, "minutes": minutes, "water_cells": ocean.size, "versions": versions()}
        scores |= {"threads": torch.get_num_threads(), "shape": list(ocean.grid.shape)}
        write_fields(test, analyses, output, seed)
        text = json.dumps(scores, indent=1) + "\n"
        write_whole(output / "scores.json", lambda path: path.write_text(text))
        progress.note(f"{output / 'scores.json'} written")
    print(table(scores))
    return scores


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
    error = network.draw_masks(len(truth), _rng(seed, streams[0]))[0]
    return Case(space, truth, error, observe(truth, error, _rng(seed, streams[1])), spinup)


def exact(ocean: LinearOcean, case: Case, progress: Progress) -> Analyses:
    """The Kalman filter, which knows the ocean's equations."""
    start = time.perf_counter()
    filtered = kalman_filter(ocean, case.value, case.error)
    steps = [
        (step.analysis_mean.astype(np.float32), step.analysis_variance.astype(np.float32))
        for step in progress.track(filtered, "Exact Kalman filter", total=len(case.truth))
    ]
    mean, variance = (np.stack(part) for part in zip(*steps, strict=True))
    return Analyses(mean, variance, 1e3 * (time.perf_counter() - start) / len(steps))


def analyse(method: Analyser, case: Case) -> Analyses:
    """Cycle a method through a case, from climatology."""
    scale, fields = case.space.scale, []
    start = time.perf_counter()
    with torch.inference_mode():
        for _, belief in cycle(method, method.first_guess(1), case.observations()):
            fields.append((belief.mean[0].numpy() * scale, (belief.spread[0].numpy() * scale) ** 2))
    mean, variance = (np.stack(part) for part in zip(*fields, strict=True))
    return Analyses(mean, variance, 1e3 * (time.perf_counter() - start) / len(fields))


def methods(
    training: NDArray[np.float32],
    validation: Case,
    network: Network,
    minutes: float,
    seed: int,
    progress: Progress,
) -> Iterator[tuple[str, Method]]:
    """Yield (name, method) of all but the exact filter, each fitted when it is asked for."""
    space = validation.space
    ocean = torch.from_numpy(space.grid.ocean)
    anomalies = training / space.scale
    season = np.arange(len(anomalies)) % PENTADS
    data = TrainingData(
        anomalies, season, PENTADS, space.scale, space.weights, DrawnNetwork(network)
    )
    years = (torch.from_numpy(anomalies[first : first + PENTADS + 1]) for first in _first_windows(data))
    transition = Transition.fit(years, ocean, torch.from_numpy(space.scale))

    def trained(settings: GeneratorConfig, objective: Objective, rate: float, adversarial: float) -> Method:
        def build() -> Generator:
            return build_generator(settings, space, transition, seed)

        recipe = Recipe(1, STRETCHES, 1, rate, adversarial, 1, VALIDATIONS, seed)
        return train(build, objective, data, recipe, validation, minutes, progress)

    yield "deepda", trained(OURS, likelihood, LEARNING_RATE, 0.0)
    yield "oi", interpolation(anomalies, validation)
    yield "ham2024", trained(HAM, mean_square, HAM_RATE, HAM_ADVERSARIAL)
    yield "persistence", Method(baselines.Persistence(ocean))
    yield "climatology", Method(baselines.Climatology(ocean))


def interpolation(anomalies: NDArray[np.float32], validation: Case) -> Method:
    """Optimal interpolation, its static covariance tuned on the validation years."""
    start = time.perf_counter()
    known = baselines.Validation(
        validation.pairs, torch.from_numpy(validation.space.scale), validation.spinup
    )
    tuned = baselines.tune(anomalies, validation.space.grid, known)
    return Method(tuned.analyser, {"training_seconds": time.perf_counter() - start})


def train(
    build: Callable[[], Generator],
    objective: Objective,
    data: TrainingData,
    recipe: Recipe,
    validation: Case,
    minutes: float,
    progress: Progress,
) -> Method:
    """Train a network for some minutes; the number of updates follows from a few that are timed."""
    start = time.perf_counter()
    _trainer(build(), objective, data, _lasting(recipe, TRIAL_UPDATES)).run(progress)
    updates = max(1, round(60 * minutes * TRIAL_UPDATES / (time.perf_counter() - start)))
    start = time.perf_counter()
    generator = build()
    network: Any = generator.analyser
    trainer = _trainer(
        generator, objective, data, _lasting(recipe, updates), lambda: _rmse(network, validation)
    )
    trainer.run(progress)
    seconds = time.perf_counter() - start
    network.eval().requires_grad_(False)
    if hasattr(network, "set_error_stddev"):
        network.set_error_stddev(_error_stddev(network, validation))
    weights = sum(parameter.numel() for parameter in generator.analyser.parameters())
    cost = {"weights": weights, "gflop_a_cycle": gflop_a_cycle(network, validation)}
    return Method(network, cost | {"training_seconds": seconds, "updates": trainer.done})


def gflop_a_cycle(network: Analyser, case: Case) -> float:
    """Floating-point operations of a forecast and an analysis, products and convolutions only."""
    first, observations = network.first_guess(1), next(case.observations())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.analyse(network.forecast(first, observations.season), observations)
    return float(counter.get_total_flops() / 1e9)


def write_fields(case: Case, analyses: dict[str, Analyses], output: Path, seed: int) -> None:
    """truth.nc, analysis.nc and kalman.nc of the scored windows: anomalies from zero, degC."""
    span = windows(FIRST_YEAR, FIRST_YEAR + (len(case.truth) - case.spinup) // PENTADS - 1)
    about = {"source": f"DeepDA {versions()['deepda']}, known answer, seed {seed}"}
    ours, best = analyses["deepda"], analyses["kalman"]
    both = {"analysis": (ours, "analysis by DeepDA"), "kalman": (best, "exact Kalman filter")}
    grid, spinup = case.space.grid, case.spinup
    with AnalysisWriter(
        output / "truth.nc", grid, span, variables=("thetao",), attributes={**about, "title": "truth"}
    ) as out:
        for step, truth in enumerate(case.truth[spinup:]):
            out.write(step, truth)
    for name, (found, title) in both.items():
        path = output / f"{name}.nc"
        with AnalysisWriter(path, grid, span, attributes={**about, "title": title}) as out:
            scored = zip(found.mean[spinup:], found.variance[spinup:], strict=True)
            for step, (mean, variance) in enumerate(scored):
                out.write(step, mean, np.sqrt(variance))
        _add_variance(path, np.where(grid.ocean, found.variance[spinup:], np.nan))


def _add_variance(path: Path, variance: NDArray[np.floating]) -> None:
    """Write the error variance beside its square root, which readers of reanalyses expect."""
    with netCDF4.Dataset(path, "a") as file:
        dims = ("time", "depth", "lat", "lon")
        out = file.createVariable("thetao_variance", "f4", dims, compression="zlib", fill_value=np.nan)
        out.setncatts({"long_name": "error variance of the potential temperature", "units": "K2"})
        out[:] = variance


def _trainer(
    generator: Generator,
    objective: Objective,
    data: TrainingData,
    recipe: Recipe,
    validate: Callable[[], float] = lambda: 0.0,
) -> Trainer:
    judge_ = generator.discriminator if recipe.adversarial_weight else None
    folder = Path(tempfile.mkdtemp(prefix="deepda-"))
    return Trainer(generator.analyser, judge_, objective, data, recipe, validate, folder)
