"""Sizes of background and observation errors, estimated from the departures of a cycle.

With observations y, background b and analysis a at the places of the observations, the covariances of
consistent errors are (Desroziers et al. 2005, QJRMS 131, doi 10.1256/qj.05.108, equations 1 to 3)

    E[(y - b)(y - b)] = B + R,    E[(a - b)(y - b)] = B,    E[(y - a)(y - b)] = R.

The ratio of such a mean to the variance that was assumed, by layer and latitude band (R by platform
type too), gives factors on the standard deviations. Their sum is exact whatever was assumed. How it
is shared out between B and R converges over passes where the two differ in their correlations (a
factor of two: within 40 % after two passes, 10 % after five); a lone profile in an empty ocean
keeps the share that was assumed. All values of a platform type in a cell and window count as one,
because they are correlated. A ratio of few values is drawn to that of its layer, and a layer to the
whole (empirical shrinkage); with fewer than FEWEST values in all the assumed size stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.table import PLATFORMS
from deepda.quality.casts import platforms

Array = NDArray[np.float64]
LATITUDES = (-90.0, -60.0, -40.0, -20.0, -5.0, 5.0, 20.0, 40.0, 60.0, 90.0)  # edges of the bands
BANDS = len(LATITUDES) - 1
FEWEST = 100  # values without which the assumed size stays
SHRINKAGE = 50  # values that the ratio of the larger group counts as
LIMITS = (0.05, 20.0)  # of a factor on a standard deviation
QUANTITIES = ("values", "observation", "assumed observation", "background", "assumed background")


@dataclass(frozen=True, eq=False)
class ErrorSizes:
    """Factors on the assumed standard deviations, by layer and latitude band.

    Attributes:
        background: (layer, band), of the background errors.
        observation: platform type -> (layer, band), of the observation errors.
    """

    background: Array
    observation: Mapping[str, Array]

    @classmethod
    def assumed(cls, layers: int) -> ErrorSizes:
        """Factors of one."""
        return cls(np.ones((layers, BANDS)), {name: np.ones((layers, BANDS)) for name in PLATFORMS})

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> ErrorSizes:
        """The inverse of `as_json`."""
        observation = {name: np.array(held["observation"][name]) for name in PLATFORMS}
        return cls(np.array(held["background"]), observation)

    def as_json(self) -> dict[str, Any]:
        """Lists of numbers by name, with the edges of the bands."""
        return {
            "latitude_edges": list(LATITUDES),
            "background": self.background.tolist(),
            "observation": {name: factor.tolist() for name, factor in self.observation.items()},
        }

    def on_grid(self, grid: Grid) -> NDArray[np.float32]:
        """(depth, lat, lon) factors of the background errors, their logarithm linear between bands."""
        across = _at_latitudes(self.background, grid.lat)[:, :, None]
        return np.broadcast_to(across, grid.shape).astype(np.float32)

    def rescaled(self, table: pd.DataFrame, grid: Grid) -> pd.DataFrame:
        """The table with `error`, and `shared_error` where it has one, times the factor of each row."""
        level, row, _ = grid.locate(table["lat"], table["lon"], table["depth"])
        inside = (level != OUTSIDE) & (row != OUTSIDE)
        kind, factor = platforms(table), np.ones(len(table))
        for name in np.unique(kind[inside]):
            at = inside & (kind == name)
            factor[at] = _at_latitudes(self.observation[str(name)], grid.lat)[level[at], row[at]]
        names = [name for name in ("error", "shared_error") if name in table.columns]
        scaled = {name: (table[name].to_numpy(float) * factor).astype(np.float32) for name in names}
        return table.assign(**scaled)


@dataclass
class DepartureSums:
    """Sums of what the equations of the module need.

    Attributes:
        sums: (quantity of QUANTITIES, platform type, layer, band), K2 but for the number of values.
    """

    grid: Grid
    sums: Array = field(init=False)

    def __post_init__(self) -> None:
        self.sums = np.zeros((len(QUANTITIES), len(PLATFORMS), self.grid.depth.size, BANDS))

    def add(self, rows: pd.DataFrame) -> None:
        """Count one window in.

        Args:
            rows: of `deepda.feedback.feedback`; those not used do not count.
        """
        rows = rows[rows["used"].to_numpy(bool)]
        numbers = {name: rows[name].to_numpy(float) for name in
                   ("temperature", "background", "analysis", "spread", "error")}  # fmt: skip
        innovation = numbers["temperature"] - numbers["background"]
        residual = numbers["temperature"] - numbers["analysis"]
        products = (residual * innovation, numbers["error"] ** 2,
                    (innovation - residual) * innovation, numbers["spread"] ** 2)  # fmt: skip
        level, row, column = self.grid.locate(rows["lat"], rows["lon"], rows["depth"])
        kind = np.array([PLATFORMS.index(str(name)) for name in platforms(rows)], np.intp)
        shape = (len(PLATFORMS), *self.grid.shape)
        code = np.ravel_multi_index((kind, level, row, column), shape)
        values, place, count = np.unique(code, return_inverse=True, return_counts=True)
        means = [np.bincount(place, product, values.size) / count for product in products]
        kind, level, row, _ = np.unravel_index(values, shape)
        band = np.searchsorted(LATITUDES[1:-1], self.grid.lat[row], side="right")
        for quantity, mean in enumerate([np.ones(values.size), *means]):
            np.add.at(self.sums[quantity], (kind, level, band), mean)

    def estimate(self, before: ErrorSizes) -> ErrorSizes:
        """Better sizes than those the cycle was made with."""
        number, found, assumed, background, assumed_background = self.sums
        observation = {
            name: before.observation[name] * _factor(found[kind], assumed[kind], number[kind])
            for kind, name in enumerate(PLATFORMS)
        }
        ratio = _factor(background.sum(0), assumed_background.sum(0), number.sum(0))
        limited = {name: factor.clip(*LIMITS) for name, factor in observation.items()}
        return ErrorSizes((before.background * ratio).clip(*LIMITS), limited)

    def values(self) -> dict[str, int]:
        """Number of values by platform type."""
        return {name: int(self.sums[0, kind].sum()) for kind, name in enumerate(PLATFORMS)}

    def too_few(self) -> list[str]:
        """Platform types that were observed, but too seldom: their assumed sizes stay."""
        return [name for name, number in self.values().items() if 0 < number < FEWEST]

    def expected_over_found(self) -> list[float | None]:
        """By layer: root mean square of the expected departure from the background over that found."""
        _, found, assumed, background, assumed_background = self.sums.sum((1, 3))
        variance = found + background
        return [
            float(np.sqrt(stated / square)) if square > 0 else None
            for stated, square in zip(assumed + assumed_background, variance, strict=True)
        ]


def _factor(found: Array, assumed: Array, number: Array) -> Array:
    """(layer, band) factor on a standard deviation, from sums of variances and numbers of values."""
    if number.sum() < FEWEST:
        return np.ones(number.shape)
    whole = found.sum() / assumed.sum()
    layer = _drawn(found.sum(1), assumed.sum(1), number.sum(1), whole)
    ratio = _drawn(found, assumed, number, layer[:, None])
    low, high = LIMITS
    return np.sqrt(ratio.clip(low**2, high**2))


def _drawn(found: Array, assumed: Array, number: Array, towards: float | Array) -> Array:
    """Ratios of variances, each drawn to that of its larger group as if that were SHRINKAGE values."""
    ratio = np.divide(found, assumed, out=np.zeros(found.shape), where=assumed > 0)
    return (number * ratio + SHRINKAGE * towards) / (number + SHRINKAGE)


def _at_latitudes(factor: Array, lat: Array) -> Array:
    """(layer, lat): factors of bands (layer, band), linear in the logarithm between their middles."""
    middle = (np.array(LATITUDES[1:]) + LATITUDES[:-1]) / 2
    return np.exp([np.interp(lat, middle, layer) for layer in np.log(factor)])
