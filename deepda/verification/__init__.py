"""Is the analysis right, and is its stated error right? Pure functions, no files.

guards       require_...: the same times, the same grid, or an error that says both sides
scores       regions as weights, weighted means, RMSE
window_sums  the scorer: sums over windows or rows, and the bias, error, spread that follow from them
reliability  CRPS, ranks, probability integral transform, Desroziers statistics
spectra      zonal power spectra on unbroken stretches of ocean
climate      trends with autocorrelation, heat content, Niño 3.4

error = analysis - truth everywhere. A region is a weight, never a `where`: what lies outside it may
hold anything, NaN included, and is never read. Reduce before remapping: of a nonlinear score, the
score of a mean is not the mean of the scores.
"""

from deepda.verification.climate import Trend, heat_content, nino34, trend
from deepda.verification.guards import (
    VerificationError,
    require_same_grid,
    require_same_times,
)
from deepda.verification.reliability import (
    crps_ensemble,
    crps_gaussian,
    desroziers,
    pit_histogram,
    rank_histogram,
)
from deepda.verification.scores import (
    REGIONS,
    Box,
    ocean_weights,
    region_weights,
    rmse,
    weighted_mean,
)
from deepda.verification.spectra import zonal_spectrum
from deepda.verification.window_sums import (
    WindowSums,
    bias_of,
    correlation_of,
    coverage_of,
    errors,
    mean_of,
    moments,
    rmse_of,
    spread_moments,
    spread_of,
    spread_over_error,
    weighted_sums,
)

__all__ = [
    "REGIONS",
    "Box",
    "Trend",
    "VerificationError",
    "WindowSums",
    "bias_of",
    "correlation_of",
    "coverage_of",
    "crps_ensemble",
    "crps_gaussian",
    "desroziers",
    "errors",
    "heat_content",
    "mean_of",
    "moments",
    "nino34",
    "ocean_weights",
    "pit_histogram",
    "rank_histogram",
    "region_weights",
    "require_same_grid",
    "require_same_times",
    "rmse",
    "rmse_of",
    "spread_moments",
    "spread_of",
    "spread_over_error",
    "trend",
    "weighted_mean",
    "weighted_sums",
    "zonal_spectrum",
]
