"""Figures to look at: each function takes numbers and gives a matplotlib Figure; captions are separate.

style      colours for light and dark paper, sizes that stay legible on a phone, saving
maps       Equal Earth maps; land is grey, missing is paper, coast is the mask's edge
sections   sections, zonal means, fields by time and longitude or depth
kinds      colours and label of every kind of field
mesh       cells in colours with their colour bar
time_axis  ticks of dates
curves     error by depth and time, indices with their band, spectra, reliability, learning

Fields are plain arrays or DataArrays on a Grid. Nothing here computes a score, reads a file, touches
pyplot's global state or the network.
"""

from deepda.figures.curves import (
    counts_by_year,
    index_series,
    learning_curve,
    profile_curves,
    rank_bars,
    rmse_by_depth,
    series,
    spectra,
    spread_skill_by_depth,
)
from deepda.figures.kinds import KINDS, Kind
from deepda.figures.maps import (
    Panel,
    map_field,
    map_panels,
    truth_analysis_error,
)
from deepda.figures.sections import section, time_depth
from deepda.figures.style import DARK, LIGHT, png, save

__all__ = [
    "DARK",
    "KINDS",
    "LIGHT",
    "Kind",
    "Panel",
    "counts_by_year",
    "index_series",
    "learning_curve",
    "map_field",
    "map_panels",
    "png",
    "profile_curves",
    "rank_bars",
    "rmse_by_depth",
    "save",
    "section",
    "series",
    "spectra",
    "spread_skill_by_depth",
    "time_depth",
    "truth_analysis_error",
]
