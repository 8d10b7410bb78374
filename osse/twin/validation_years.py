"""The validation years: where weights, and the baseline's parameters, are chosen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from deepda.assimilation.cycle import Analyser, Observations, StateEstimate, cycle, inferred
from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.networks.trainable import CycleErrors
from deepda.observations.synthetic import GriddedNetwork, observe_gridded
from osse.twin.control_years import Control

VALIDATION_WINDOWS = 146  # two years: enough to rank, short enough to be asked often


class ValidationYears:
    """Truth and observations of the first validation windows; the same at every call.

    Attributes:
        space: grid and climatology of the training years.
        truth: (T, L, Y, X) standardised.
        spinup: windows that are not scored.
    """

    def __init__(
        self,
        control: Control,
        space: StateSpace,
        network: GriddedNetwork,
        seed: int,
        progress: Progress,
    ) -> None:
        part = control.validation
        steps = min(VALIDATION_WINDOWS, part.stop - part.start)
        part = slice(part.start, part.start + steps)
        self.season, self.space, self._progress = control.season(part), space, progress
        self.truth = space.standardise(control.thetao[part].values, self.season)
        self.spinup = steps // 2
        rng = np.random.default_rng([seed, 1])
        stretch = network.stretch(steps, rng, int(self.season[0]))
        self.precision = [precision * space.scale**2 for precision in stretch]
        self.value = [
            observe_gridded(truth.numpy(), precision, rng)
            for truth, precision in zip(self.truth, self.precision, strict=True)
        ]

    def observations(self, step: int, device: torch.device) -> Observations:
        """Superobservations of a window, a batch of one."""
        return Observations(
            torch.from_numpy(self.value[step])[None].to(device),
            torch.from_numpy(self.precision[step])[None].to(device),
            torch.tensor([int(self.season[step])], device=device),
            self.space.climatology.per_year,
        )

    def errors(self, analyser: Analyser) -> CycleErrors:
        """Errors of an analyser after the spin-up, in one cycle through the years."""
        error, spread = np.zeros((2, *self.space.grid.shape))
        for step, analysis in self._analyses(analyser):
            error += self._square(analysis.mean[0].cpu() - self.truth[step])
            spread += self._square(analysis.spread[0].cpu())
        volume, windows = self.space.grid.volume, len(self.truth) - self.spinup
        by_layer, spread_of_layer = ((volume * square).sum((1, 2)) for square in (error, spread))
        wet = spread_of_layer > 0
        ratio = by_layer / np.where(wet, spread_of_layer, 1)
        return CycleErrors(
            float(np.sqrt(by_layer.sum() / volume.sum() / windows)),
            np.sqrt(error / windows) / self.space.scale,
            np.where(wet, np.sqrt(ratio), 1.0),
        )

    def _analyses(self, analyser: Analyser) -> Iterator[tuple[int, StateEstimate]]:
        """(step, analysis) of the windows after spin-up."""
        with torch.inference_mode():
            first = analyser.first_guess(1)
        observed = (self.observations(step, first.mean.device) for step in range(len(self.truth)))
        steps = inferred(cycle(analyser, first, observed))
        tracked = self._progress.track(steps, "Cycling through the validation years", len(self.truth))
        for number, step in enumerate(tracked):
            if number >= self.spinup:
                yield number, step.analysis

    def _square(self, standardised: torch.Tensor) -> NDArray[np.float64]:
        """(L, Y, X) K2."""
        return (standardised.numpy() * self.space.scale).astype(np.float64) ** 2
