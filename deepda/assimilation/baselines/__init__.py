"""The baselines, as Analysers: climatology, persistence, tuned optimal interpolation.

cellwise                one cell knows nothing of another: climatology, persistence
optimal_interpolation   the cycled analysis with the localised covariance of a control simulation
tuning                  its parameters, chosen on validation years
"""

from deepda.assimilation.baselines.cellwise import Climatology, Persistence
from deepda.assimilation.baselines.optimal_interpolation import OptimalInterpolation
from deepda.assimilation.baselines.tuning import Candidates, Trial, Tuned, Validation, tune
from deepda.assimilation.local_covariance import CovarianceError, LocalCovariance, gaspari_cohn

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
