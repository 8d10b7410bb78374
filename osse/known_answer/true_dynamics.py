"""Baselines with the true dynamics of the exact filter, but without its error covariance.

The localised ensemble Kalman filter estimates the covariance from members; optimal interpolation has
one for all times. Both are chosen on validation years.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular

from deepda.assimilation.localisation import gaspari_cohn
from osse.known_answer.kalman import Gaussian, Update, Window, kalman_filter, observed_windows
from osse.known_answer.linear_ocean import Floats, LinearOcean, MeanAndVariance, chords, positions
from osse.known_answer.scores import Analyses, Case, mean_square_error, volume_mean

MEMBERS = (50, 100)
RADII_KM = (4000.0, 2000.0, 8000.0)  # tried in this order, each with the first inflation
INFLATIONS = (1.02, 1.0, 1.06)  # of the anomalies of the forecast
SCALES = (1.2, 1.0, 1.5)  # of the static covariance
TUNING_WINDOWS = 109  # of the validation years: a year and a half


@dataclass(frozen=True, eq=False)
class EnsembleFilter:
    """Square-root ensemble Kalman filter with localised covariance (Whitaker and Hamill 2002, eq. 10).

    Mon. Wea. Rev. 130, 1913-1924. All observations of a window at once; the covariance of the members
    times the correlation of Gaspari and Cohn over the chord, not localised in the vertical. Noise and
    first members have mean zero, so that the mean is forecast without sampling error.

    Attributes:
        ocean: the model that made the truth.
        taper: (n, n) localisation.
        inflation: factor on the anomalies of the forecast.
        seed: of first members and noise.
    """

    ocean: LinearOcean
    members: int
    taper: NDArray[np.float32]
    inflation: float
    seed: int

    def run(self, case: Case) -> Iterator[MeanAndVariance]:
        """Yield mean K and variance K2 (depth, lat, lon) of each analysis."""
        rng = np.random.default_rng([self.seed, self.members])
        mean = np.zeros(self.ocean.size)
        anomalies = _centred(self.ocean.draw_climate(rng, self.members))
        for window in observed_windows(self.ocean, case.value, case.error):
            mean, anomalies = self._analyse(mean, self.inflation * anomalies, window)
            yield self.ocean.fields(mean, (anomalies**2).sum(axis=1) / (self.members - 1))
            noise = _centred(self.ocean.draw_noise(rng, self.members))
            mean, anomalies = self.ocean.transition @ mean, self.ocean.transition @ anomalies + noise

    def _analyse(self, mean: Floats, anomalies: Floats, window: Window) -> tuple[Floats, Floats]:
        seen, observed = window.cells, anomalies[window.cells]
        cross = anomalies @ observed.T / (self.members - 1) * self.taper[:, seen]
        root = np.linalg.cholesky(cross[seen] + np.diag(window.variance))
        innovation = window.value - mean[seen]
        errors = np.diag(np.sqrt(window.variance))
        half = solve_triangular(root + errors, observed, lower=True)
        half = solve_triangular(root, half, lower=True, trans="T")
        return mean + cross @ cho_solve((root, True), innovation), anomalies - cross @ half


@dataclass(frozen=True, eq=False)
class StaticInterpolation:
    """Optimal interpolation with the true forecast and one background-error covariance for all times.

    Attributes:
        ocean: the model that made the truth.
        covariance: (n, n) K2.
    """

    ocean: LinearOcean
    covariance: Floats

    def run(self, case: Case) -> Iterator[MeanAndVariance]:
        """Yield mean K and stated variance K2 (depth, lat, lon) of each analysis."""
        mean = np.zeros(self.ocean.size)
        for window in observed_windows(self.ocean, case.value, case.error):
            mean, variance = Update(Gaussian(mean, self.covariance), window).mean_and_variance()
            yield self.ocean.fields(mean, variance)
            mean = self.ocean.transition @ mean


Method = EnsembleFilter | StaticInterpolation


def tuned_ensemble_filter(
    ocean: LinearOcean, validation: Case, members: int, seed: int
) -> tuple[EnsembleFilter, dict[str, float]]:
    """The localisation radius, then the inflation, with the least error on the validation years.

    Returns:
        the filter, and what it has cost and chosen: `training_seconds`, `radius_km`, `inflation`.
    """
    start = time.perf_counter()
    trials: dict[float, EnsembleFilter] = {
        radius: EnsembleFilter(ocean, members, localisation(ocean, radius), INFLATIONS[0], seed)
        for radius in RADII_KM
    }
    radius = min(trials, key=lambda tried: validation_error(trials[tried], validation))
    inflated = [replace(trials[radius], inflation=inflation) for inflation in INFLATIONS]
    best = min(inflated, key=lambda tried: validation_error(tried, validation))
    seconds = time.perf_counter() - start
    return best, {"training_seconds": seconds, "radius_km": radius, "inflation": best.inflation}


def tuned_static_interpolation(
    ocean: LinearOcean, validation: Case
) -> tuple[StaticInterpolation, dict[str, float]]:
    """The exact filter's mean forecast covariance on the validation years, times the best of SCALES.

    Returns:
        the analyser, and what it has cost and chosen: `training_seconds`, `scale`.
    """
    start = time.perf_counter()
    value, error = validation.value[:TUNING_WINDOWS], validation.error[:TUNING_WINDOWS]
    known = (update.forecast.covariance for update in kalman_filter(ocean, value, error))
    spinup = _spinup(validation)
    covariance = sum(islice(known, spinup, None), np.zeros((ocean.size, ocean.size)))
    covariance /= len(value) - spinup
    trials = {scale: StaticInterpolation(ocean, scale * covariance) for scale in SCALES}
    scale = min(trials, key=lambda tried: validation_error(trials[tried], validation))
    return trials[scale], {"training_seconds": time.perf_counter() - start, "scale": scale}


def validation_error(method: Method, validation: Case) -> float:
    """Volume-weighted root mean square error of the first TUNING_WINDOWS, after the spin-up, K."""
    part = replace(
        validation,
        truth=validation.truth[:TUNING_WINDOWS],
        value=validation.value[:TUNING_WINDOWS],
        error=validation.error[:TUNING_WINDOWS],
        spinup=_spinup(validation),
    )
    return volume_mean(mean_square_error(Analyses.timed(method.run(part)).mean, part), part) ** 0.5


def localisation(ocean: LinearOcean, radius_km: float) -> NDArray[np.float32]:
    """(n, n) correlation of Gaspari and Cohn over the chord, zero from `radius_km` on; inf: ones."""
    return gaspari_cohn(chords(positions(ocean.grid)) / (1e3 * radius_km)).astype(np.float32)


def _centred(columns: NDArray[np.floating]) -> Floats:
    """Columns of mean zero whose sample covariance is unbiased."""
    count = columns.shape[1]
    anomalies = columns - columns.mean(axis=1, keepdims=True)
    return np.asarray(anomalies * np.sqrt(count / (count - 1)), np.float64)


def _spinup(validation: Case) -> int:
    return min(validation.spinup, TUNING_WINDOWS // 3)
