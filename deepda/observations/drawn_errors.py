"""Errors as synthetic observations have them, where they are not what the analysis is given.

Real errors are correlated along casts, tracks and satellite scenes, have means (the fall rate of XBT,
Abraham et al. 2013, Rev. Geophys. 51) and unknown sizes. An analysis assumes that they are
independent, of mean zero and of the stated size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
SCENE = 10.0  # degrees of latitude and longitude that a satellite scene spans


@dataclass(frozen=True)
class DrawnErrors:
    """How errors are drawn; as it is made without arguments they are what the analysis takes them for.

    Attributes:
        seed: of the parts that several values share.
        cast_share: part of the error variance that the values of a cast have in common.
        track_share: part that all values of a platform have in common, in all windows.
        scene_share: part that the satellite values of a window within SCENE degrees have in common.
        biased: platform types whose errors have the mean `bias`, K.
        factor: drawn standard deviation over the stated one.
    """

    seed: int = 0
    cast_share: float = 0.0
    track_share: float = 0.0
    scene_share: float = 0.0
    biased: Sequence[str] = ()
    bias: float = 0.0
    factor: float = 1.0

    def draw(self, places: pd.DataFrame, stated: Floats, rng: np.random.Generator) -> Floats:
        """(row) errors, K.

        Args:
            places: rows of time, lat, lon, platform_type and, where shares are above zero, platform_id.
            stated: (row) K, standard deviation that the analysis is given.
            rng: of the window; draws the independent part.
        """
        own = rng.standard_normal(stated.size)
        satellite = (places["platform_type"] == "satellite").to_numpy()
        share = np.where(satellite, self.scene_share, self.cast_share + self.track_share)
        total = np.sqrt(1 - share) * own
        parts = ((self.cast_share, _casts), (self.track_share, _tracks), (self.scene_share, _scenes))
        for part, keys in parts:
            if part > 0:
                rows = satellite if keys is _scenes else ~satellite
                total[rows] += np.sqrt(part) * self._common(keys(places[rows]))
        mean = np.where(places["platform_type"].isin(self.biased), self.bias, 0.0)
        return np.asarray(self.factor * stated * total + mean)

    def _common(self, keys: pd.Series) -> Floats:
        """(row) standard normal numbers, the same wherever the key is, in whatever window."""
        codes, names = pd.factorize(keys)
        key = f"{self.seed:016d}"[-16:]
        hashed = pd.util.hash_array(np.asarray(names, dtype=object), hash_key=key, categorize=False)
        return np.asarray(ndtri((hashed.astype(float) + 0.5) / 2.0**64)[codes])


INDEPENDENT = DrawnErrors()


def _casts(places: pd.DataFrame) -> pd.Series:
    return _tracks(places) + places["time"].astype("int64").astype(str)


def _tracks(places: pd.DataFrame) -> pd.Series:
    return places["platform_id"].astype(str) + "/"


def _scenes(places: pd.DataFrame) -> pd.Series:
    boxes = [np.floor(places[name] / SCENE).astype(int).astype(str) for name in ("lat", "lon")]
    return boxes[0] + "/" + boxes[1] + "/" + places["time"].astype("int64").astype(str)
