"""Errors of instruments and of representativeness, by platform type."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class ErrorModel:
    """Standard deviation of the error of one kind of platform.

    Attributes:
        instrument: K, of one value at the surface.
        instrument_growth: K m-1, growth of it with depth.
        surface: K, representativeness (of one place for its cell) at the surface.
        deep: K, representativeness far below `scale`.
        scale: m, e-folding depth from `surface` to `deep`.
    """

    instrument: float
    instrument_growth: float = 0.0
    surface: float = 0.2
    deep: float = 0.03
    scale: float = 300.0

    def stddev(self, depth: ArrayLike) -> NDArray[np.float64]:
        """Total standard deviation, K, at depths in m: independent parts add as variances."""
        return np.hypot(*self.parts(depth))

    def parts(self, depth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Standard deviations of the instrument and of representativeness, K, at depths in m."""
        z = np.asarray(depth, dtype=float)
        representativeness = self.deep + (self.surface - self.deep) * np.exp(-z / self.scale)
        return self.instrument + self.instrument_growth * z, representativeness


# Instruments: infrared and microwave SST 0.16-0.42 K, buoys 0.23 K (O'Carroll et al. 2008, JTECH 25,
# three-way error analysis); XBT 0.1 K and a fall rate that drifts with depth (Abraham et al. 2013,
# Rev. Geophys. 51); Argo and CTD 0.002 K (Wong et al. 2020, Front. Mar. Sci. 7); ships about 1 K
# (Kennedy 2014, Rev. Geophys. 52). Representativeness outweighs all but the last where the ocean is
# variable, and falls with depth (Oke and Sakov 2008, JTECH 25); its size depends on the cell: 0.2 K
# is the order of the difference between a point and a 5-day mean of a coarse cell.
ERRORS: Mapping[str, ErrorModel] = {
    "satellite": ErrorModel(0.4, surface=0.1),
    "argo": ErrorModel(0.005),
    "xbt": ErrorModel(0.1, instrument_growth=0.05 / 750),
    "ctd": ErrorModel(0.005),
    "mooring": ErrorModel(0.03, surface=0.15),  # its many hours a window average the fast part
    "ship": ErrorModel(1.0),
    "drifter": ErrorModel(0.23),
    "other": ErrorModel(0.3),
}

ANALYSED = 0.2  # K, noise of a gridded analysis of SST that gives none; of ERSSTv5 (docs/feedback.md)


def errors_of(
    platform_type: pd.Series, depth: NDArray[np.float64], errors: Mapping[str, ErrorModel] = ERRORS
) -> NDArray[np.float64]:
    """(2, row) K of the instrument and of representativeness; NaN of a platform without a model."""
    kind = platform_type.astype("category").cat
    out = np.full((2, depth.size), np.nan)
    for code, platform in enumerate(kind.categories):
        if platform in errors:
            rows = (kind.codes == code).to_numpy()
            out[:, rows] = errors[platform].parts(depth[rows])
    return out


def window_rng(seed: int, stream: str, start: np.datetime64) -> np.random.Generator:
    """Random numbers of one window: they depend on its date alone, so that a restart repeats them.

    Args:
        seed: of the experiment.
        stream: what the numbers are for; different streams are independent.
        start: of the window.
    """
    day = int(start.astype("datetime64[D]").astype(int)) + 1_000_000  # seeds may not be negative
    return np.random.default_rng([seed, zlib.crc32(stream.encode()), day])
