"""The baselines, as Analysers: climatology, persistence, tuned optimal interpolation.

cellwise                each cell for itself: climatology, persistence
optimal_interpolation   the cycled analysis with the localised sample covariance of a control simulation
tuning                  its parameters, chosen on validation years
"""

from deepda.assimilation.baselines.cellwise import Climatology, Persistence
from deepda.assimilation.baselines.optimal_interpolation import OptimalInterpolation
from deepda.assimilation.baselines.tuning import FITTING, Candidates, ValidationWindows, tune

__all__ = [
    "FITTING",
    "Candidates",
    "Climatology",
    "OptimalInterpolation",
    "Persistence",
    "ValidationWindows",
    "tune",
]
