"""Members of an ensemble: perturbed observations, and first guesses that differ by their spread."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from deepda.assimilation.cycle import Analyser, Observations, StateEstimate
from deepda.observations.errors import window_rng

SMOOTH = 10.0  # degrees: standard deviation of the filter that smooths the departures of first guesses


@dataclass(frozen=True)
class Members:
    """Who is analysed at once.

    Member 0 sees the observations as they are; the others see them with added errors drawn from their
    error variances and start from another first guess (Isaksen et al. 2010, ECMWF Tech. Memo. 636,
    without model error: they differ less than the stated spread, which is the whole uncertainty).

    Attributes:
        number: 1 or more.
        seed: of the perturbations; each depends on member and date alone.
    """

    number: int
    seed: int

    def first_guess(self, analyser: Analyser) -> StateEstimate:
        """The analyser's first guess; members after the first depart from it by its spread, smoothly."""
        guess = analyser.first_guess(self.number)
        departure = np.zeros(tuple(guess.mean.shape), np.float32)
        layers, rows, columns = departure.shape[1:]
        sigma = (layers / 4, SMOOTH / 180 * rows, SMOOTH / 360 * columns)
        for member in range(1, self.number):
            rng = np.random.default_rng([self.seed, member])
            pattern = gaussian_filter(
                rng.standard_normal((layers, rows, columns)), sigma, mode=("nearest", "nearest", "wrap")
            )
            departure[member] = pattern / pattern.std()
        shift = torch.from_numpy(departure).to(guess.mean) * guess.spread
        return replace(guess, mean=guess.mean + shift)

    def perturbed(self, observations: Observations, start: np.datetime64) -> Observations:
        """Observations of one window for all members, those after the first with errors added.

        Args:
            observations: of a batch of one, on the CPU.
            start: of the window.
        """
        if self.number == 1:
            return observations
        shape = tuple(observations.value.shape[1:])
        noise = np.zeros((self.number, *shape), np.float32)
        for member in range(1, self.number):
            rng = window_rng(self.seed, f"observations of member {member}", start)
            noise[member] = rng.standard_normal(shape, dtype=np.float32)
        precision = observations.precision.expand(self.number, *shape).contiguous()
        error = torch.where(precision > 0, precision, torch.inf).rsqrt()
        value = observations.value + torch.from_numpy(noise) * error
        return replace(observations, value=value, precision=precision)
