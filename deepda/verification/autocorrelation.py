"""How sure a trend is whose residuals are autocorrelated, the autocorrelation itself being uncertain.

Residuals follow a first-order autoregressive process. The lag-one autocorrelation of the residuals of a
fit is too small (by 0.1 at 40 values and 0.6), and to take any one estimate for the truth makes
intervals too narrow. The restricted likelihood (Patterson and Thompson 1971, Biometrika 58, doi
10.1093/biomet/58.3.545; for this process Cheang and Reinsel 2000, JASA 95, doi
10.1080/01621459.2000.10474318) allows for the fit, and the interval averages over all autocorrelations
by it, with the prior of Jeffreys in [0, 1) (Zellner and Tiao 1964, JASA 59, doi
10.1080/01621459.1964.10480726).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import t as student

Floats = NDArray[np.float64]

AUTOCORRELATION = np.tanh(np.linspace(0.0, 3.8, 64))  # 0 to 0.999, denser near one
# Of these nodes: (1 - r^2)^(-1/2) times their distances, 1 - r^2.
PRIOR = np.sqrt(1 - AUTOCORRELATION**2)
CONFIDENCE = 0.95
STEPS = 64  # of the table that intervals are read from


class Uncertainty(NamedTuple):
    """Of the slopes of several series; (series), NaN where a series has missing values.

    Attributes:
        standard_error: units of the residuals per unit of the regressor.
        half_width: of the CONFIDENCE interval, in the same units.
        autocorrelation: lag one, mean over its likelihood, 0..1.
    """

    standard_error: Floats
    half_width: Floats
    autocorrelation: Floats


def slope_uncertainty(residual: Floats, regressor: Floats) -> Uncertainty:
    """Uncertainty of least-squares slopes.

    For each autocorrelation the slope has its exact variance (not that of independent values), with the
    residual variance unbiased and the degrees of freedom of Satterthwaite (1946, Biometrics 2).

    Args:
        residual: (time, series) of the fit of a mean and a slope, at equal distance in time.
        regressor: (time) of mean zero.
    """
    square = (residual**2).sum(axis=0)
    design = np.stack([np.full(len(regressor), len(regressor) ** -0.5), regressor], axis=1)
    design[:, 1] /= np.linalg.norm(regressor)
    weights = _likelihood(residual, design)
    variance, freedom = _moments(design)
    size = np.sqrt(square) / np.linalg.norm(regressor)
    return Uncertainty(
        size * np.sqrt(variance @ weights),
        size * _half_width(weights, np.sqrt(variance), freedom),
        AUTOCORRELATION @ weights,
    )


def _likelihood(residual: Floats, design: Floats) -> Floats:
    """(autocorrelation, series) restricted likelihood times the prior, of sum one."""
    freedom = design.shape[0] - design.shape[1]
    logs = []
    for one in AUTOCORRELATION:
        white, base = _whitened(residual, one), _whitened(design, one)
        information = base.T @ base
        fitted = base.T @ white
        rest = (white**2).sum(0) - (fitted * np.linalg.solve(information, fitted)).sum(0)
        spread = np.log(np.maximum(rest, np.finfo(float).tiny))
        _, determinant = np.linalg.slogdet(information)
        logs.append(0.5 * np.log(1 - one**2) - 0.5 * determinant - 0.5 * freedom * spread)
    relative = np.array(logs) + np.log(PRIOR)[:, None]
    weights = np.exp(relative - relative.max(axis=0))
    return np.asarray(weights / weights.sum(axis=0))


def _whitened(series: Floats, autocorrelation: float) -> Floats:
    """Innovations of the process; the first value scaled to their variance (Prais, Winsten 1954)."""
    white = series.copy()
    white[1:] -= autocorrelation * series[:-1]
    white[0] *= np.sqrt(1 - autocorrelation**2)
    return white


def _moments(design: Floats) -> tuple[Floats, Floats]:
    """(autocorrelation) variance of the slope per sum of squared residuals, and degrees of freedom.

    With R the correlation matrix and N = I - X X' of orthonormal regressors X: x' R x / tr(N R) and
    tr(N R)^2 / tr(N R N R), without building a matrix over time.
    """
    size = len(design)
    lags = np.arange(1, size)
    variance, freedom = [], []
    for one in AUTOCORRELATION:
        spread = _correlated(design, one)
        inner = design.T @ spread
        trace = size - np.trace(inner)
        power = size + 2 * ((size - lags) * one ** (2 * lags)).sum()
        square = power - 2 * (spread**2).sum() + (inner**2).sum()
        variance.append(inner[1, 1] / trace)
        freedom.append(trace**2 / square)
    return np.array(variance), np.array(freedom)


def _correlated(columns: Floats, autocorrelation: float) -> Floats:
    """R x of columns (time, k), R_ij = autocorrelation^|i - j|."""
    ahead = lfilter([1.0], [1.0, -autocorrelation], columns, axis=0)
    back = lfilter([1.0], [1.0, -autocorrelation], columns[::-1], axis=0)[::-1]
    return np.asarray(ahead + back - columns)


def _half_width(weights: Floats, error: Floats, freedom: Floats) -> Floats:
    """(series) half width that the mixture of Student distributions leaves with 1 - CONFIDENCE."""
    alone = error * student.ppf(0.5 + 0.5 * CONFIDENCE, freedom)
    widths = np.geomspace(alone.min(), alone.max(), STEPS)
    outside = 2 * student.sf(widths[:, None] / error, freedom) @ weights
    left = 1 - CONFIDENCE
    first = np.argmax(outside <= left, axis=0).clip(1)
    series = np.arange(weights.shape[1])
    above, below = (np.log(outside[at, series]) for at in (first - 1, first))
    share = (above - np.log(left)) / np.maximum(above - below, np.finfo(float).tiny)
    step = np.log(widths[1] / widths[0])
    return np.asarray(widths[first - 1] * np.exp(share.clip(0, 1) * step))
