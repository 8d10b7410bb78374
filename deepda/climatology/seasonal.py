"""The seasonal cycle and the anomalies from it, as a value that is passed in.

A model's anomalies are taken from the model's climatology and observed anomalies from an observed
one, so that the model's mean bias never enters as a signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError

HARMONICS = 4  # of the year kept from the raw mean: 13-week detail, less sampling noise


class ClimatologyError(DeepDAError, ValueError):
    """Data that no climatology can be fitted on, or that do not fit it."""


@dataclass(frozen=True, eq=False)
class Climatology:
    """Mean seasonal cycle and standard deviation of the anomalies from it.

    Attributes:
        mean: (season, depth, lat, lon) degC; NaN on land.
        stddev: (depth, lat, lon) K; NaN on land.
    """

    mean: NDArray[np.float32]
    stddev: NDArray[np.float32]

    @property
    def per_year(self) -> int:
        """Number of seasons (windows a year)."""
        return self.mean.shape[0]

    @classmethod
    def fit(cls, thetao: NDArray[np.float32], season: NDArray[np.intp], per_year: int) -> Climatology:
        """Fit on training data only.

        Args:
            thetao: (time, depth, lat, lon) degC, NaN on land.
            season: (time) index within the year.
            per_year: number of seasons, 73 or 12.

        The raw mean of each season is smoothed with the first HARMONICS annual harmonics.

        Raises:
            ClimatologyError: a season without data.
        """
        season = np.asarray(season)
        missing = sorted(set(range(per_year)) - set(season.tolist()))
        if missing:
            raise ClimatologyError(
                f"{len(missing)} of {per_year} seasons have no data, the first is {missing[0]}; "
                "a climatology needs at least one whole year"
            )
        raw = np.stack([thetao[season == s].mean(axis=0, dtype=np.float64) for s in range(per_year)])
        spectrum = np.fft.rfft(raw, axis=0)
        spectrum[HARMONICS + 1 :] = 0.0
        mean = np.fft.irfft(spectrum, n=per_year, axis=0).astype(np.float32)
        square = np.zeros(mean.shape[1:])
        for step, s in enumerate(season):
            square += np.square(thetao[step] - mean[s], dtype=np.float64)
        return cls(mean, np.sqrt(square / max(len(season) - 1, 1)).astype(np.float32))

    def anomaly(self, thetao: NDArray[np.float32], season: NDArray[np.intp]) -> NDArray[np.float32]:
        """(time, depth, lat, lon) degC to K anomalies; `season` is (time)."""
        return thetao - self.mean[season]


def harmonic_basis(season: NDArray[np.intp], per_year: int) -> NDArray[np.float64]:
    """(term, time) dimensionless: 1, then cosine and sine of each harmonic, amid the windows."""
    angle = 2 * np.pi * (np.asarray(season) + 0.5) / per_year
    waves = [wave(k * angle) for k in range(1, HARMONICS + 1) for wave in (np.cos, np.sin)]
    return np.stack([np.ones_like(angle), *waves])
