"""Does the stated uncertainty match the error that was made?

For a field of standard deviations or an ensemble; `members` have the dimension `realization`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from deepda.verification.guards import VerificationError, require_same_grid

PIT_BINS = 10


def crps_gaussian(mean: xr.DataArray, stddev: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """Continuous ranked probability score of a Gaussian, in the units of the input; small is good.

    Gneiting et al. 2005, Mon. Wea. Rev. 133, eq. 5. The absolute error where stddev is zero.
    """
    error = truth - mean
    z = error / stddev.where(stddev > 0)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    score = stddev * (z * (2 * xr.apply_ufunc(ndtr, z) - 1) + 2 * density - 1 / np.sqrt(np.pi))
    return score.where(stddev > 0, abs(error))


def crps_ensemble(members: xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """Fair continuous ranked probability score of an ensemble, in the units of the input.

    That of the distribution that the members are drawn from (Ferro 2014, Q. J. R. Meteorol. Soc. 140).

    Raises:
        VerificationError: fewer than two members.
    """
    size = members.sizes["realization"]
    if size < 2:
        raise VerificationError("one member found, the fair CRPS needs at least two; draw more members")
    ordered = xr.apply_ufunc(
        np.sort, members, input_core_dims=[["realization"]], output_core_dims=[["realization"]]
    )
    rank = xr.DataArray(2 * np.arange(1, size + 1) - size - 1, dims="realization")
    apart = (ordered * rank).sum("realization", skipna=False)  # half the sum of all |x_i - x_j|
    return abs(members - truth).mean("realization", skipna=False) - apart / (size * (size - 1))


def rank_histogram(
    members: xr.DataArray, truth: xr.DataArray, weights: xr.DataArray, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(realization + 1) how often the truth has each rank among the members; flat is right.

    Counted where `weights` is positive; ties are broken at random. Truth and members must hold the
    same errors: add observation errors to the members when the truth is observed.
    """
    require_same_grid(members, truth)
    below = (members < truth).sum("realization")
    ties = (members == truth).sum("realization")
    rank = below + xr.apply_ufunc(lambda n: rng.integers(0, n + 1), ties)
    used = (weights > 0).broadcast_like(rank).transpose(*rank.dims) & np.isfinite(truth)
    return np.bincount(rank.values[used.values], minlength=members.sizes["realization"] + 1)


def pit_histogram(
    error: xr.DataArray, stddev: xr.DataArray, weights: xr.DataArray
) -> NDArray[np.float64]:
    """(PIT_BINS) share of truths in each quantile bin of a Gaussian analysis; all alike is right.

    The probability integral transform: the rank histogram of a stated spread, weighted.
    """
    quantile = xr.apply_ufunc(ndtr, -error / stddev)  # truth - mean = -error
    shares = weights.broadcast_like(quantile).transpose(*quantile.dims).values
    used = (shares > 0) & np.isfinite(quantile.values)
    counts, _ = np.histogram(quantile.values[used], PIT_BINS, (0.0, 1.0), weights=shares[used])
    return counts / counts.sum()


@dataclass(frozen=True)
class Desroziers:
    """Error variances estimated from the departures themselves, K2 (Desroziers et al. 2005).

    Attributes:
        observation: of the observations, eq. 3: mean of (O-A)(O-B).
        background: of the background at the observations, eq. 2: mean of (A-B)(O-B).
        analysis: of the analysis at the observations, eq. 4: mean of (A-B)(O-A).
        assumed: mean of the observation error variances that were used.
        count: number of observations.
    """

    observation: float
    background: float
    analysis: float
    assumed: float
    count: int

    @property
    def ratio(self) -> float:
        """Diagnosed over assumed observation error variance; < 1: the errors were set too large."""
        return self.observation / self.assumed


def desroziers(
    background_departure: ArrayLike, analysis_departure: ArrayLike, error: ArrayLike
) -> Desroziers:
    """Consistency of error variances in observation space.

    Args:
        background_departure: (observation) O-B, K.
        analysis_departure: (observation) O-A, K.
        error: (observation) standard deviation that was used, K.

    True for the best linear analysis only; a variance may come out negative otherwise.
    """
    before, after, used = (
        np.asarray(values, float).ravel() for values in (background_departure, analysis_departure, error)
    )
    if not before.size == after.size == used.size or before.size == 0:
        raise VerificationError(
            f"{before.size} O-B, {after.size} O-A and {used.size} errors found, "
            "expected equally many and some"
        )
    step = before - after
    return Desroziers(
        observation=float(np.mean(after * before)),
        background=float(np.mean(step * before)),
        analysis=float(np.mean(step * after)),
        assumed=float(np.mean(used**2)),
        count=before.size,
    )
