"""The observing network of the known answer: where and how well its ocean is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from deepda.geometry.grid import Grid
from osse.known_answer.linear_ocean import Floats, LinearOcean, gaussian, positions, smooth_field


@dataclass(frozen=True, eq=False)
class Network:
    """Where and how well the ocean is seen: a surface with drifting gaps, and a few profiles.

    Attributes:
        coverage: mean share of the surface seen in a window.
        surface_error: (lat, lon) K, typical error of a surface value.
        profile_share: chance of a column to hold a profile in a window.
        profile_error: (depth) K, typical error of a profile value.
        gap_memory: correlation of the gaps from one window to the next, following their drift.
        gap_drift: cells eastward a window.
        gap_cells: (lat, lon) standard deviations of the smoothing that shapes the gaps.
        error_scatter: standard deviation of the logarithm of a single value's error.
    """

    grid: Grid
    coverage: float
    surface_error: Floats
    profile_share: float
    profile_error: Floats
    gap_memory: float
    gap_drift: int
    gap_cells: tuple[float, float]
    error_scatter: float = 0.2

    @classmethod
    def draw(cls, ocean: LinearOcean, seed: int) -> Network:
        """A network from a seed: near 60 % of the surface within 0.3 K, 3 % of columns within 0.15 K."""
        rng = np.random.default_rng([seed, 1])  # a stream apart from the ocean's own
        grid = ocean.grid
        depth, lat, lon = grid.shape
        surface = smooth_field(rng, positions(grid.with_ocean(np.ones(grid.shape, bool)))[: lat * lon])
        return cls(
            grid=grid,
            coverage=rng.uniform(0.55, 0.65),
            surface_error=0.3 * np.exp(0.2 * surface).reshape(lat, lon),
            profile_share=rng.uniform(0.02, 0.04),
            profile_error=np.full(depth, 0.15),
            gap_memory=rng.uniform(0.8, 0.9),
            gap_drift=int(rng.integers(1, 3)),
            gap_cells=(lat / 10, lon / 12),
        )

    def draw_masks(self, steps: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """(steps, depth, lat, lon) error standard deviation, K; inf where nothing is observed.

        A surface value and a profile in one cell count as one value of the summed precision.
        """
        _, lat, lon = self.grid.shape
        precision = np.zeros((steps, *self.grid.shape))
        clear = self._draw_clear(steps, rng)
        precision[:, 0] = clear / (self._scatter(rng, clear.shape) * self.surface_error) ** 2
        profile = rng.random((steps, 1, lat, lon)) < self.profile_share
        error = self._scatter(rng, precision.shape) * self.profile_error[:, None, None]
        precision += profile / error**2
        precision *= self.grid.ocean
        with np.errstate(divide="ignore"):
            return (1 / np.sqrt(precision)).astype(np.float32)

    def stretch(
        self, length: int, rng: np.random.Generator, season: int | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """For training: `length` fields (depth, lat, lon) of precision, K-2; zero where not seen."""
        return iter(self.draw_masks(length, rng) ** -2)

    def _scatter(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        return np.exp(self.error_scatter * rng.standard_normal(shape))

    def _draw_clear(self, steps: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        _, lat, lon = self.grid.shape
        along_lat = _unit_smoother(lat, self.gap_cells[0], periodic=False)
        along_lon = _unit_smoother(lon, self.gap_cells[1], periodic=True)
        fresh = along_lat @ rng.standard_normal((steps, lat, lon)) @ along_lon.T
        cloud = [fresh[0]]
        for step in range(1, steps):
            drifted = np.roll(cloud[-1], self.gap_drift, axis=-1)
            cloud.append(self.gap_memory * drifted + np.sqrt(1 - self.gap_memory**2) * fresh[step])
        return np.stack(cloud) < ndtri(self.coverage)


def observe(
    truth: NDArray[np.float32], error: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Truth plus independent Gaussian errors of the given standard deviation; NaN where that is inf."""
    seen = np.isfinite(error)
    noise = rng.standard_normal(truth.shape, np.float32) * np.where(seen, error, 0)
    return np.where(seen, truth + noise, np.float32(np.nan))


def _unit_smoother(size: int, scale: float, periodic: bool) -> Floats:
    """(size, size) Gaussian smoothing whose rows have norm one: white noise in, unit variance out."""
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    weights = gaussian(np.minimum(apart, size - apart) if periodic else apart, scale)
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)
