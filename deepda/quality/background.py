"""How likely an observation is grossly wrong, given what was expected and how sure that was.

Ingleby and Huddleston (2007, doi 10.1016/j.jmarsys.2005.11.019), after Lorenc and Hammon (1988, QJRMS
114): an observation is either good, and its departure from the background is Gaussian with the
variance of both errors, or it is grossly wrong, and any value within a wide range is as likely
(density k, K-1). With P the chance beforehand, afterwards it is
k P / (k P + (1 - P) N(departure)). The same equation is UFO's Bayesian Background Check (JEDI).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

GROSS_DENSITY = 0.1  # K-1, k of EN4
REJECTED = 0.5  # probability of gross error from which on a value is not used, EN4
PRIOR = 0.01  # chance of gross error beforehand: CTD, floats, buoys (EN4)
PRIORS = {"xbt": 0.05, "other": 0.05, "ship": 0.05}  # EN4's bathythermographs; ships as them
MOST = 0.5  # share of the levels of a cast: with more of them wrong none is trusted (EN4)
EQUATORIAL, WITHIN = 1.5, 10.0  # factor on the standard deviation within so many degrees, EN4
PASSED, LEVEL, PROFILE = range(3)
REASONS = ("", "background_level", "background_profile")


def prior_of(platform_type: ArrayLike) -> NDArray[np.float64]:
    """Chance of gross error beforehand by platform type."""
    kind = np.asarray(platform_type)
    return np.select([kind == name for name in PRIORS], list(PRIORS.values()), PRIOR)


def equatorial_factor(lat: ArrayLike) -> NDArray[np.float64]:
    """Factor on the standard deviation of what is expected: more near the equator, by latitude, degrees.

    Ingleby and Huddleston (2007): an El Niño moves the thermocline by several of its usual deviations.
    """
    return np.where(np.abs(np.asarray(lat, float)) < WITHIN, EQUATORIAL, 1.0)


def probability_of_gross_error(
    departure: ArrayLike, variance: ArrayLike, prior: ArrayLike
) -> NDArray[np.float64]:
    """Probability (0..1) that an observation is grossly wrong.

    Args:
        departure: observation - expectation, K; NaN gives NaN.
        variance: of the departure of a good observation (both errors), K2.
        prior: chance beforehand.
    """
    departure, variance = np.asarray(departure, float), np.asarray(variance, float)
    good = np.exp(-0.5 * departure**2 / variance) / np.sqrt(2 * np.pi * variance)
    wrong = GROSS_DENSITY * np.asarray(prior, float)
    return wrong / (wrong + (1.0 - np.asarray(prior, float)) * good)


def background_check(
    innovation: ArrayLike,
    background_spread: ArrayLike,
    error: ArrayLike,
    cast: ArrayLike | None = None,
    prior: ArrayLike = PRIOR,
) -> NDArray[np.int8]:
    """Check values against the running analysis, level by level and cast by cast.

    Args:
        innovation: (row) observation - background, K; NaN where there is no background.
        background_spread: (row) standard deviation of the error of the background, K.
        error: (row) standard deviation of the error of the observation, K.
        cast: (row) number of its cast, any order; without it only levels are judged.
        prior: chance of gross error beforehand, one or (row), for instance `prior_of`.

    Returns:
        (row) index into REASONS: PASSED, LEVEL (the value is rejected), PROFILE (more than half of the
        judged values of its cast are, so all of them go, and those without background with them).

    Raises:
        ValueError: spread or error that is negative or not a number, or both zero.
    """
    columns = (innovation, background_spread, error)
    departure, spread, noise = np.broadcast_arrays(*(np.asarray(column, float) for column in columns))
    variance = spread**2 + noise**2
    bad = ~((spread >= 0) & (noise >= 0) & (variance > 0) & np.isfinite(variance))
    if bad.any():
        raise ValueError(
            f"{int(bad.sum())} of {bad.size} values have a background spread or error that is not "
            "positive; give each value the standard deviation of both errors in K"
        )
    wrong = probability_of_gross_error(departure, variance, prior) >= REJECTED  # False for NaN
    code = np.where(wrong, LEVEL, PASSED).astype(np.int8)
    if cast is not None and code.size:
        _, number = np.unique(np.asarray(cast), return_inverse=True)
        judged = np.bincount(number, np.isfinite(departure))
        share = np.bincount(number, wrong) / np.maximum(judged, 1)
        several = judged >= 2
        code[(several & (share > MOST))[number]] = PROFILE
    return code
