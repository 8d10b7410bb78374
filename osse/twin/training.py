"""Trainings of the twin experiment: the years of a control simulation, ready for any generator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepda.assimilation.state import StateSpace
from deepda.base.progress import Clock, Progress
from deepda.networks.build import Generator, build_generator, number_of_patterns
from deepda.networks.device import choose_device
from deepda.networks.statics import ControlStatistics
from deepda.settings.schema import Config
from deepda.training.ranks import ALONE, Ranks
from deepda.training.setup import TrainingSetup
from deepda.training.stretches import TrainingData
from osse.twin.baseline_years import Years
from osse.twin.control_years import Control, learn, prepare, share_out, training_anomalies
from osse.twin.optimal_interpolation import validation_of
from osse.twin.twin import synthetic_observations, training_network, validation_network
from osse.twin.validation_years import ValidationYears


class TwinTraining:
    """Training and validation years, the same for every generator that is trained on them.

    Attributes:
        control, space: the simulation, and the climatology of its training years.
        anomalies: (time, L, Y, X) standardised, of the training years.
        years: the validation years.
    """

    def __init__(
        self,
        config: Config,
        control: Control,
        space: StateSpace,
        anomalies: NDArray[np.float32],
        progress: Progress,
    ) -> None:
        self.control, self.space, self.anomalies = control, space, anomalies
        self._progress = progress
        network = validation_network(config, space.grid)
        self.years = ValidationYears(control, space, network, config.seed, progress)
        self._statistics: dict[int, ControlStatistics] = {}

    def setup(self, config: Config, ranks: Ranks = ALONE) -> TrainingSetup:
        """The training of the configured generator, by one process or several."""
        statistics, space = self.statistics_of(number_of_patterns(config.generator)), self.space

        def build() -> Generator:
            made = build_generator(config.generator, space, statistics, config.seed)
            device = choose_device(config.device)
            return Generator(made.analyser.to(device), made.discriminator.to(device))

        data = TrainingData(
            self.anomalies,
            self.control.season(self.control.train),
            config.per_year,
            space.scale,
            space.weights,
            training_network(config, space.grid),
        )
        return TrainingSetup(build, data, self.years, space.grid, ranks)

    def baseline_years(self, config: Config) -> Years:
        """What the baselines are fitted and chosen on."""
        setup = self.setup(config)
        transition = self.statistics_of(number_of_patterns(config.generator)).transition
        return Years(self.space.grid, setup.data, transition, validation_of(self.years, self._progress))

    def statistics_of(self, patterns: int) -> ControlStatistics:
        """What a generator takes from the training years before it is trained, fitted once."""
        if patterns not in self._statistics:
            self._statistics[patterns] = learn(self.anomalies, self.space, patterns, self._progress)
        return self._statistics[patterns]


@contextmanager
def twin_training(
    config: Config, output: Path, cache: Path, clock: Clock, progress: Progress
) -> Iterator[TwinTraining]:
    """The years of the configured control simulation; it is prepared unless `output` holds it.

    Args:
        output: folder of the control simulation.
        cache: folder for the anomalies, gone at the end of the block.

    Raises:
        DeepDAError: settings, files or control simulation that cannot be used.
    """
    synthetic_observations(config)  # refuses real ones before a control run is simulated
    with clock.stage("control"):
        control = share_out(prepare(config, output, progress), config)
    with ExitStack() as opened:
        with clock.stage("read"):
            anomalies_of = training_anomalies(control, cache, progress)
            space, anomalies = opened.enter_context(anomalies_of)
        yield TwinTraining(config, control, space, anomalies, progress)
