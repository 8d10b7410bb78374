"""The opponents, as Analysers: climatology, persistence, tuned optimal interpolation.

cellwise                one cell knows nothing of another: climatology, persistence
covariance              localised ensemble covariance of a control simulation, as a sparse matrix
optimal_interpolation   the cycled analysis with that covariance
tuning                  its parameters, chosen on validation years
"""

from deepda.baselines.cellwise import Climatology, Persistence
from deepda.baselines.covariance import CovarianceError, LocalCovariance, gaspari_cohn
from deepda.baselines.optimal_interpolation import OptimalInterpolation
from deepda.baselines.tuning import Candidates, Trial, Tuned, Validation, tune

__all__ = [
    "Candidates",
    "Climatology",
    "CovarianceError",
    "LocalCovariance",
    "OptimalInterpolation",
    "Persistence",
    "Trial",
    "Tuned",
    "Validation",
    "gaspari_cohn",
    "tune",
]
