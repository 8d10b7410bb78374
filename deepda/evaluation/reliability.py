"""Does the stated spread match the error? Sums over blocks, whose results are those over all windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr

from deepda.geometry.grid import Grid
from deepda.verification import ocean_weights, rank_histogram

CLASSES = 10  # of spread, each with as many values
PIT_BINS = 20


@dataclass(frozen=True, eq=False)
class Reliability:
    """Spread against error.

    Attributes:
        ratio: (depth) root mean square of spread over that of error; 1 is right, less overconfident.
        spread_map: (depth, lat, lon) K, root mean square of the stated spread.
        pit: (bin) shares of the probability integral transform, flat is right.
        classes: (class, 2) root mean square of spread and of error in classes of spread, K.
        ranks: (member + 1) how often the reference had each rank; None without members.
    """

    ratio: xr.DataArray
    spread_map: xr.DataArray
    pit: NDArray[np.float64]
    classes: NDArray[np.float64]
    ranks: NDArray[np.int64] | None


class ReliabilitySums:
    """Adds blocks up to a Reliability."""

    def __init__(self, grid: Grid, rng: np.random.Generator) -> None:
        self.grid, self.rng, self.count = grid, rng, 0
        self.variance, self.square = np.zeros(grid.shape), np.zeros(grid.shape)
        self.pairs: list[NDArray[np.float32]] = []
        self.pit = np.zeros(PIT_BINS)
        self.ranks: NDArray[np.int64] | None = None

    def add(self, error: NDArray, stddev: NDArray, samples: NDArray[np.intp]) -> None:
        """Count windows in; `samples` of them go into classes and PIT.

        Args:
            error, stddev: (time, depth, lat, lon) K.
        """
        self.count += len(error)
        self.variance += np.square(stddev).sum(axis=0, dtype=np.float64)
        self.square += np.square(error).sum(axis=0, dtype=np.float64)
        ocean = self.grid.ocean
        for place in samples:
            spread, miss = stddev[place][ocean], error[place][ocean]
            self.pairs.append(np.stack([spread, miss, self.grid.volume[ocean]]).astype(np.float32))
            quantile = ndtr(-miss / np.where(spread > 0, spread, np.nan))
            known = np.isfinite(quantile)
            self.pit += np.histogram(
                quantile[known], PIT_BINS, (0.0, 1.0), weights=self.grid.volume[ocean][known]
            )[0]

    def add_ranks(self, members: NDArray, reference: NDArray) -> None:
        """Count a window in: members (realization, depth, lat, lon), reference (depth, lat, lon)."""
        dims = ("depth", "lat", "lon")
        place = ocean_weights(self.grid)
        found = rank_histogram(
            xr.DataArray(members, place.coords, ("realization", *dims)),
            xr.DataArray(reference, place.coords, dims),
            place,
            self.rng,
        )
        self.ranks = found if self.ranks is None else self.ranks + found

    def reliability(self) -> Reliability:
        """The result so far."""
        weights = ocean_weights(self.grid)
        variance, square = (
            np.einsum("dyx,dyx->d", np.where(self.grid.ocean, field, 0.0), self.grid.volume)
            for field in (self.variance, self.square)
        )
        ratio = np.sqrt(variance / np.where(square > 0, square, np.nan))
        spread = np.where(self.grid.ocean, np.sqrt(self.variance / self.count), np.nan)
        return Reliability(
            xr.DataArray(ratio, {"depth": self.grid.depth}, ("depth",)),
            xr.DataArray(spread, weights.coords, weights.dims),
            self.pit / max(self.pit.sum(), 1e-30),
            spread_classes(np.concatenate(self.pairs, axis=1)) if self.pairs else np.empty((0, 2)),
            self.ranks,
        )


def spread_classes(pairs: NDArray) -> NDArray[np.float64]:
    """(class, 2) root mean square of spread and error, in classes of equal number by spread, K.

    On the diagonal a spread means what it says (Leutbecher and Palmer 2008, J. Comput. Phys. 227).

    Args:
        pairs: (3, value) spread K, error K, weight.
    """
    order = np.argsort(pairs[0], kind="stable")
    rows = []
    for chosen in np.array_split(order, CLASSES):
        spread, error, weight = pairs[:, chosen].astype(np.float64)
        if weight.sum() > 0:
            rows.append(np.sqrt(np.average(np.stack([spread, error]) ** 2, axis=1, weights=weight)))
    return np.array(rows).reshape(-1, 2)
