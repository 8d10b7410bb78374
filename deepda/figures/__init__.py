"""Figures to look at: each function takes numbers and gives a matplotlib Figure; captions are separate.

style      colours for light and dark paper, sizes that stay legible on a phone, saving
maps       Equal Earth maps, sections, coverage; land is grey, missing is paper, coast is the mask's edge
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
from deepda.figures.maps import (
    KINDS,
    Kind,
    Panel,
    map_field,
    map_panels,
    section,
    truth_analysis_error,
)
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
    "truth_analysis_error",
]
