"""A training that is ready to start: of what generator, on what data, and how it is validated.

`deepda osse run`, `deepda sweep` and `deepda osse known-answer` all train by it: gradients first, then
samples of the generator's own background errors, then the calibration of its spread.
"""

from __future__ import annotations

import io
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepda.assimilation.sample_covariance import background_error_covariance
from deepda.assimilation.samples import Samples
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.networks.build import Generator
from deepda.networks.trainable import CycleErrors, TrainableAnalyser, Validation
from deepda.settings.schema import ConfigError
from deepda.training.background_errors import sample_background_errors
from deepda.training.ranks import ALONE, Ranks
from deepda.training.stretches import TrainingData
from deepda.training.trainer import History, Recipe, Trainer, Watch

VALIDATIONS = 5  # in a training whose length is chosen by time
TRIAL_UPDATES = 5  # are warm-up; twice as many are timed, so that minutes become a number of updates


class Completed(NamedTuple):
    """What follows the training by gradients.

    Attributes:
        samples: of the background errors; None where there are none.
        rmse: of the completed analyser on the validation years, K.
    """

    samples: Samples | None
    rmse: float


@dataclass(frozen=True, eq=False)
class TrainingSetup:
    """What a training needs beside its recipe.

    Attributes:
        build: makes the untrained generator, on the device that it is trained on.
    """

    build: Callable[[], Generator]
    data: TrainingData
    validation: Validation
    grid: Grid
    ranks: Ranks = ALONE

    def train(
        self, recipe: Recipe, progress: Progress, folder: Path, watch: Watch = lambda history: None
    ) -> tuple[TrainableAnalyser, History]:
        """Train by gradients.

        Args:
            folder: where an interrupted training is kept and resumed.

        Returns:
            The analyser with its best validated weights, on the device that it was trained on, and the
            history of validations.

        Raises:
            DivergenceError: an analysis ran away.
        """
        generator = self.build()
        analyser = generator.analyser
        history = Trainer(
            analyser,
            generator.discriminator if recipe.adversarial_weight else None,
            self.data,
            recipe,
            lambda: self.validation.errors(analyser).rmse,
            folder,
            watch,
            self.ranks,
        ).run(progress)
        return analyser.eval().requires_grad_(False), history

    def complete(
        self, analyser: TrainableAnalyser, samples: int, seed: int, progress: Progress
    ) -> Completed:
        """Sample the background errors of a trained analyser, where it uses them, and calibrate it.

        All processes sample; the first one alone completes its analyser.

        Args:
            analyser: trained; changed in place.
            samples: how many; 0 for none.
        """
        form, sampled, ranks = analyser.covariance_form(), None, self.ranks
        if form is not None and samples:
            fields = sample_background_errors(form, self.data, seed, samples, progress, ranks)
            if ranks.first:
                sampled = Samples.of(fields, self.grid)
                with progress.stage("Making the covariance of the sampled background errors"):
                    form.use_error_samples(background_error_covariance(sampled, self.grid))
        if not ranks.first:
            return Completed(None, math.nan)
        errors = self.validation.errors(analyser)
        if sampled is not None:
            progress.note(
                f"with the sampled background-error covariance: validation RMSE {errors.rmse:.5f} K"
            )
        analyser.calibrate(errors)
        return Completed(sampled, errors.rmse)

    def affordable(self, recipe: Recipe, seconds: float, fewest: int) -> int:
        """How many updates some seconds hold, validations counted in; at least one.

        Args:
            fewest: below which they are refused; 0 for never.

        Raises:
            ConfigError: they hold fewer.
        """
        analyser = self.build().analyser
        self.validation.errors(analyser)  # warm-up
        start = time.perf_counter()
        self.validation.errors(analyser)
        validation = time.perf_counter() - start
        update = max(self._update_lasts(recipe), 1e-3)
        left = seconds - (VALIDATIONS + 1) * validation
        if left < fewest * update and fewest:
            needed = math.ceil((seconds - left + fewest * update) / 6) / 10
            raise ConfigError(
                f"{seconds / 60:g} minutes of training given, expected at least {needed:g}: "
                f"{VALIDATIONS + 1} validations of {validation:.1f} s and "
                f"{fewest} updates of {update:.1f} s; give more --minutes"
            )
        return max(1, round(left / update))

    def _update_lasts(self, recipe: Recipe) -> float:
        """Seconds of an update, once stretches are drawn and the machine is warm."""
        unvalidated, seen = replace(self, validation=_Unmeasured()), []
        updates = 3 * TRIAL_UPDATES
        recipe = replace(recipe, updates=updates, validate_every=TRIAL_UPDATES, patience=updates)
        with tempfile.TemporaryDirectory(prefix="deepda-") as folder:
            quiet, clock = Progress(stream=io.StringIO()), lambda _: seen.append(time.perf_counter())
            unvalidated.train(recipe, quiet, Path(folder), clock)
        return (seen[-1] - seen[0]) / (2 * TRIAL_UPDATES)


class _Unmeasured:
    """Errors that nobody asks for."""

    def errors(self, analyser: object) -> CycleErrors:
        return CycleErrors(0.0, np.zeros(0), np.zeros(0))
