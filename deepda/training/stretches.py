"""What training sees: stretches of the control simulation, each with its own observing network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.cycle import Observations
from deepda.observations.synthetic import observe_gridded
from deepda.training.ranks import Ranks

STRETCH = 219  # windows until a stretch ends and another begins from climatology
Window = tuple[NDArray, NDArray, NDArray, int]  # truth, value, precision (L, Y, X), and season
Drift = Callable[[int], NDArray[np.float32]]  # by step, what is added to the anomalies (L, Y, X)
SPINUP, SPINUP_WEIGHT = 30, 0.1  # windows after a cold start, whose few large errors are mostly luck


class NetworkStretches(Protocol):
    """What training needs of an observing network: `deepda.observations.synthetic.GriddedNetwork`."""

    def stretch(
        self, length: int, rng: np.random.Generator, season: int | None = None
    ) -> Iterator[NDArray[np.float32]]: ...


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The training years as the trainer reads them.

    Attributes:
        anomalies: (T, L, Y, X) standardised, zero on land; an array or a memory map.
        season: (T) season of each window; windows are consecutive.
        per_year: windows a year.
        scale: (L, Y, X) K of one standard deviation.
        weights: (L, Y, X) water volume as a share of its layer's.
        network: draws precisions in K-2.
        drift: standard deviations; size of the slow large-scale drifts added to half of the stretches,
            so that anomalies may leave the range of the control simulation. 0 for none.
    """

    anomalies: NDArray[np.float32]
    season: NDArray[np.intp]
    per_year: int
    scale: NDArray[np.float32]
    weights: Tensor
    network: NetworkStretches
    drift: float = 0.5


class Stretch:
    """One of the parallel streams: a stretch of truth, observed window by window.

    The k-th stretch of a stream depends on (seed, stream, k) alone, so that training resumed in the
    middle of it sees the same truth and the same errors.
    """

    def __init__(self, data: TrainingData, seed: int, stream: int, length: int = STRETCH) -> None:
        self.data, self.seed, self.stream = data, seed, stream
        self.length = min(length, len(data.anomalies))
        self.number, self.age = -1, 0
        self._windows: Iterator[Window] = iter(())

    def __next__(self) -> tuple[NDArray, NDArray, NDArray, int, bool]:
        """Truth, value, precision (L, Y, X), season, and whether a new stretch begins here."""
        try:
            window = next(self._windows)
        except StopIteration:
            self.number += 1
            self.age = -1
            self._windows = self._draw()
            window = next(self._windows)
        self.age += 1
        return *window, self.age == 0

    def rewind(self, number: int, age: int) -> None:
        """Go to where a stream was when its training stopped."""
        self.number, self.age, self._windows = number, -1, self._draw()
        for _ in range(age + 1):
            next(self)

    def _draw(self) -> Iterator[Window]:
        data, rng = self.data, np.random.default_rng([self.seed, self.stream, self.number])
        # The first stretches are of all lengths, so that the streams do not restart together.
        length = self.length if self.number else int(rng.integers(1, self.length + 1))
        first = int(rng.integers(len(data.anomalies) - length + 1))
        drift = _drift(rng, data, length)
        yield from observed_stretch(data, rng, first, length, drift)


def observed_stretch(
    data: TrainingData, rng: np.random.Generator, first: int, length: int, drift: Drift
) -> Iterator[Window]:
    """Windows first..first + length - 1, observed by a network of their own."""
    precisions = data.network.stretch(length, rng, int(data.season[first]))
    for step, precision in enumerate(precisions):
        truth = data.anomalies[first + step] + drift(step)
        standardised = precision * data.scale**2
        value = observe_gridded(truth, standardised, rng)
        yield truth, value, standardised, int(data.season[first + step])


def steady(step: int) -> NDArray[np.float32]:
    """No drift at all."""
    return np.zeros(1, np.float32)


@dataclass(frozen=True, eq=False)
class Batch:
    """One window of all streams: tensors (B, L, Y, X), and what is new among them (B)."""

    truth: Tensor
    observations: Observations
    fresh: Tensor
    weight: Tensor


class Streams:
    """Parallel streams, as batches.

    Args:
        own: numbers of the streams of this process.
        ranks: processes that share all streams; the weights of a batch sum to one over all of them.
    """

    def __init__(
        self, data: TrainingData, seed: int, own: Sequence[int], device: torch.device, ranks: Ranks
    ) -> None:
        self.streams = [Stretch(data, seed, stream) for stream in own]
        self.per_year, self.device, self.ranks = data.per_year, device, ranks

    def next(self) -> Batch:
        truth, value, precision, season, fresh = zip(*(next(s) for s in self.streams), strict=True)
        ages = [stream.age for stream in self.streams]
        old = torch.tensor([1.0 if a >= SPINUP else SPINUP_WEIGHT for a in ages], device=self.device)
        return Batch(
            self._stack(truth),
            Observations(
                self._stack(value),
                self._stack(precision),
                torch.tensor(season, device=self.device),
                self.per_year,
            ),
            torch.tensor(fresh, device=self.device),
            old / self.ranks.sum(old.sum()),
        )

    def places(self) -> list[tuple[int, int]]:
        """Where each stream is: (number of its stretch, age)."""
        return [(s.number, s.age) for s in self.streams]

    def rewind(self, places: Sequence[tuple[int, int]]) -> None:
        """Go back to `places`."""
        for stream, (number, age) in zip(self.streams, places, strict=True):
            stream.rewind(number, age)

    def _stack(self, fields: Sequence[NDArray]) -> Tensor:
        return torch.from_numpy(np.stack(fields)).to(self.device)


def _drift(rng: np.random.Generator, data: TrainingData, length: int) -> Drift:
    """A slow warming or cooling of large scale, unknown to the control run, for half of the draws."""
    layers, lats, lons = data.scale.shape
    if rng.random() < 0.5:
        return steady
    reach = rng.uniform(0.2, 1.0) * layers
    profile = np.exp(-np.arange(layers) / reach)[:, None, None]
    wave = np.cos(2 * np.pi * (np.arange(lons) / lons + rng.random()) * rng.integers(0, 3))
    wave = 1 + 0.5 * wave * np.sin(np.pi * (np.arange(lats) + 0.5) / lats)[:, None]
    wet = (data.weights > 0).numpy()
    typical = np.sqrt((data.weights.numpy() * data.scale**2).sum((1, 2)))[:, None, None]
    pattern = (profile * wave * wet * typical / data.scale).astype(np.float32)
    start, rate = data.drift * rng.standard_normal(2) / (1.0, length)
    return lambda step: np.float32(start + rate * step) * pattern
