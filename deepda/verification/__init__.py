"""Is the analysis right, and does it know how right it is? Pure functions, no files.

guards       require_...: the same times, the same grid, or an error that says both sides
scores       bias, RMSE, anomaly correlation, regions as weights, the score table of a run
reliability  spread against skill, CRPS, coverage, ranks, Desroziers statistics
spectra      zonal power spectra on unbroken stretches of ocean
climate      trends with autocorrelation, heat content, Niño 3.4

error = analysis - truth everywhere. A region is a weight, never a `where`: what lies outside it may
hold anything, NaN included, and is never read. Reduce before remapping: of a nonlinear score, the
score of a mean is not the mean of the scores.
"""

from deepda.verification.climate import (
    Trend,
    heat_content,
    nino34,
    to_watts,
    trend,
)
from deepda.verification.guards import (
    VerificationError,
    require_finite,
    require_same_grid,
    require_same_times,
)
from deepda.verification.reliability import (
    Desroziers,
    crps_ensemble,
    crps_gaussian,
    desroziers,
    interval_coverage,
    pit_histogram,
    rank_histogram,
    spread_skill,
    standardised_error_variance,
)
from deepda.verification.scores import (
    REGIONS,
    Box,
    anomaly_correlation,
    bias,
    ocean_weights,
    region_weights,
    rmse,
    score_table,
    weighted_mean,
)
from deepda.verification.spectra import zonal_spectrum

__all__ = [
    "REGIONS",
    "Box",
    "Desroziers",
    "Trend",
    "VerificationError",
    "anomaly_correlation",
    "bias",
    "crps_ensemble",
    "crps_gaussian",
    "desroziers",
    "heat_content",
    "interval_coverage",
    "nino34",
    "ocean_weights",
    "pit_histogram",
    "rank_histogram",
    "region_weights",
    "require_finite",
    "require_same_grid",
    "require_same_times",
    "rmse",
    "score_table",
    "spread_skill",
    "standardised_error_variance",
    "to_watts",
    "trend",
    "weighted_mean",
    "zonal_spectrum",
]
