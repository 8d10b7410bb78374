"""The exact Kalman filter of a linear ocean: the best there is.

No method that sees the same past can have a smaller mean-square error. Float64 and dense over the n
ocean cells; speed comes from the sparse transition and from solving in the space of the m observed
cells.

Symbols: x state, P its error covariance, M transition, Q noise covariance, H picks the observed
cells, R (diagonal) observation error covariance, S = H P H' + R = L L', K = P H' inv(S).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from osse.known_answer.covariance_algebra import Floats, congruence, symmetric

if TYPE_CHECKING:
    from osse.known_answer.linear_ocean import LinearOcean, MeanAndVariance
    from osse.known_answer.scores import Case


@dataclass(frozen=True, eq=False)
class Gaussian:
    """What is known of the state: `mean` (n) K and `covariance` (n, n) K2."""

    mean: Floats
    covariance: Floats


class Window(NamedTuple):
    """Observations of one window: their cells (m), values (m) K and error variances (m) K2."""

    cells: NDArray[np.intp]
    value: Floats
    variance: Floats


@dataclass(frozen=True, eq=False)
class Update:
    """One analysis step: what was known before the window, and the window."""

    forecast: Gaussian
    window: Window

    @cached_property
    def analysis(self) -> Gaussian:
        """x + K d and P - K H P, written with inv(L) so that the covariance stays symmetric."""
        reduction = self._whitened.T @ self._whitened
        return Gaussian(
            self.forecast.mean + self._whitened.T @ self._misfit, self.forecast.covariance - reduction
        )

    def mean_and_variance(self) -> tuple[Floats, Floats]:
        """Mean (n) K and variance (n) K2 of the analysis, without its covariance."""
        mean = self.forecast.mean + self._whitened.T @ self._misfit
        return mean, self.forecast.covariance.diagonal() - (self._whitened**2).sum(axis=0)

    @cached_property
    def _root(self) -> Floats:
        seen = self.window.cells
        spread = self.forecast.covariance[np.ix_(seen, seen)] + np.diag(self.window.variance)
        return np.linalg.cholesky(spread).astype(np.float64, copy=False)

    @cached_property
    def _whitened(self) -> Floats:
        return solve_triangular(self._root, self.forecast.covariance[self.window.cells], lower=True)

    @cached_property
    def _misfit(self) -> Floats:
        innovation = self.window.value - self.forecast.mean[self.window.cells]
        return solve_triangular(self._root, innovation, lower=True)


def climate(ocean: LinearOcean) -> Gaussian:
    """What is known before any observation, at any time: mean zero, stationary covariance."""
    return Gaussian(np.zeros(ocean.size), ocean.climatological_covariance)


def forecast(ocean: LinearOcean, analysis: Gaussian) -> Gaussian:
    """The next window's state: M x and M P M' + Q."""
    covariance = congruence(ocean.transition, analysis.covariance) + ocean.noise_covariance
    return Gaussian(ocean.transition @ analysis.mean, symmetric(covariance))


def exact_analyses(ocean: LinearOcean, case: Case) -> Iterator[MeanAndVariance]:
    """Yield mean K and variance K2 (depth, lat, lon) of each analysis of the exact filter."""
    for update in kalman_filter(ocean, case.value, case.error):
        yield ocean.fields(update.analysis.mean, update.analysis.covariance.diagonal())


def kalman_filter(ocean: LinearOcean, value: NDArray, error: NDArray) -> Iterator[Update]:
    """Yield the analysis step of each window, the first from climate (Kalman 1960).

    Args:
        ocean: the model that made the truth.
        value: (steps, depth, lat, lon) K; not read where `error` is infinite.
        error: (steps, depth, lat, lon) K standard deviation; inf where nothing was observed.

    Raises:
        ValueError: arrays that do not fit the grid, an error that is not positive, an observation on
            land or without a finite value.
    """
    known = climate(ocean)
    for window in observed_windows(ocean, value, error):
        update = Update(known, window)
        yield update
        known = forecast(ocean, update.analysis)


def observed_windows(ocean: LinearOcean, value: NDArray, error: NDArray) -> list[Window]:
    """Gridded observations as one list of values a window; arguments and errors of `kalman_filter`."""
    if value.shape != error.shape or value.shape[1:] != ocean.grid.shape:
        raise ValueError(
            f"values {value.shape} and errors {error.shape} found, expected (steps, depth, lat, lon) "
            f"on the grid {ocean.grid.shape}; pass one run, without a batch dimension"
        )
    seen = ~np.isposinf(error)
    if (seen & ~ocean.grid.ocean).any():
        raise ValueError("observations on land found, expected an infinite error there; mask them first")
    if not (error[seen] > 0).all() or not np.isfinite(value[seen]).all():
        raise ValueError(
            "an observation has a value that is not finite or an error that is not positive; "
            "give it an infinite error to leave it out"
        )
    return [_window(*pair) for pair in zip(ocean.to_cells(value), ocean.to_cells(error), strict=True)]


def _window(value: Floats, error: Floats) -> Window:
    cells = np.flatnonzero(~np.isposinf(error))
    return Window(cells, value[cells].astype(float), error[cells].astype(float) ** 2)
