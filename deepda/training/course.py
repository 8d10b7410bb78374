"""A training that is ready to start: what is taught, on what, how it is judged, and what it costs."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepda.base.progress import Progress
from deepda.networks.build import Generator
from deepda.networks.trainable import TrainableAnalyser
from deepda.training.stretches import TrainingData
from deepda.training.trainer import Recipe, Trainer, Watch

VALIDATIONS = 5  # in the course of a training
TRIAL_UPDATES = 10  # timed, to know how many updates the minutes hold


@dataclass(frozen=True, eq=False)
class Course:
    """What a training needs beside its recipe.

    Attributes:
        build: makes the untrained generator.
        data: the control simulation and the observing network.
        score: error of an analyser on the validation years, K.
    """

    build: Callable[[], Generator]
    data: TrainingData
    score: Callable[[Any], float]

    def train(
        self,
        recipe: Recipe,
        progress: Progress,
        folder: Path | None = None,
        watch: Watch = lambda history: None,
    ) -> TrainableAnalyser:
        """The trained network with its best validated weights.

        Args:
            recipe: how to train.
            progress: is told.
            folder: where an interrupted training is kept and resumed; None keeps nothing.
            watch: see Trainer.

        Raises:
            DivergenceError: an analysis ran away.
        """
        generator = self.build()
        network = generator.analyser
        discriminator = generator.discriminator if recipe.adversarial_weight else None
        with tempfile.TemporaryDirectory(prefix="deepda-") as nowhere:
            Trainer(
                network,
                discriminator,
                self.data,
                recipe,
                lambda: self.score(network),
                folder or Path(nowhere),
                watch,
            ).run(progress)
        return network.eval().requires_grad_(False)

    def affordable(self, recipe: Recipe, seconds: float) -> int:
        """How many updates some seconds hold, validations counted in; at least one."""
        unjudged = replace(self, score=lambda network: 0.0)

        def lasts(updates: int) -> float:
            start = time.perf_counter()
            unjudged.train(replace(recipe, updates=updates), Progress(stream=io.StringIO()))
            return time.perf_counter() - start

        update = (lasts(TRIAL_UPDATES + 1) - lasts(1)) / TRIAL_UPDATES  # the first draws all stretches
        start = time.perf_counter()
        self.score(self.build().analyser)
        validations = (VALIDATIONS + 1) * (time.perf_counter() - start)
        return max(1, round((seconds - validations) / max(update, 1e-3)))
