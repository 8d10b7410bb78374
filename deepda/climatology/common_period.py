"""A climatology moved to the mean of a common period by the observations.

Climatologies of different products stand for different years, and smooth. At each place the departures
of observations from the climatology are fitted by a mean, an annual harmonic and a straight line, each
with the size that is expected of it; noise is what departs in single years and windows. Mean and
harmonic in the middle of the period are what the climatology lacks there, the more uncertain the
fewer years were observed and the more they lie to one side. What is lacking elsewhere follows from
these by objective analysis (`deepda.climatology.objective_analysis`); far from any observation
the climatology stays as it is. As the correction is the same in all years no trend comes in.

Sizes are in units of the departures of a displaced ocean (`deepda.climatology.displacement`), chosen by
platforms left out of 1991-2020 (docs/real-reanalysis.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepda.base.files import write_whole
from deepda.climatology.objective_analysis import Boxes, correlation, grid_places, weights
from deepda.climatology.seasonal import harmonic_basis
from deepda.geometry.grid import OUTSIDE, Grid

Array = NDArray[np.float64]
NAME = "climatology_correction.npz"
TERMS = 3  # mean, cosine and sine of the year
MEAN = 0.3  # of the displacement's departures: what a climatology lacks
ANNUAL = 0.15  # the same of the cosine and of the sine of the year
TREND = 0.2  # the same a decade
NOISE = 0.9  # departures of a window from all this
YEARLY = 0.3  # of their variance: the windows of a year share it
EXPECTED = np.array([MEAN, ANNUAL, ANNUAL, TREND])
FAINT = 1e-9  # precision in units of that expected, below which a place says nothing


def kept_correction(folder: Path, identity: str, work_out: Callable[[], Array]) -> Array:
    """(term, depth, lat, lon) K, as NAME in a folder has it, worked out if none is of this identity."""
    path = folder / NAME
    with suppress(OSError, ValueError, KeyError), np.load(path, allow_pickle=False) as held:
        if str(held["identity"]) == identity:
            return np.asarray(held["terms"])
    found = work_out()

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez(file, identity=np.array(identity), terms=found)

    write_whole(path, write)
    return found


def in_season(terms: Array, per_year: int) -> Array:
    """(season, depth, lat, lon) K, from the terms of a correction."""
    basis = harmonic_basis(np.arange(per_year), per_year)[:TERMS]
    return np.tensordot(basis.T, terms, 1)


class MeanDepartures:
    """What a climatology lacks of the mean seasonal cycle of a period.

    Args:
        spread: (depth, lat, lon) K, departures of a displaced ocean; zero on land.
        per_year: windows.
    """

    def __init__(self, grid: Grid, spread: Array, years: range, per_year: int) -> None:
        self._grid, self._boxes = grid, Boxes.of(grid)
        counted = [layer > 0 for layer in spread]
        square = [self._boxes.mean(layer**2, sea) for layer, sea in zip(spread, counted, strict=True)]
        self._spread, self._at_cells = np.sqrt(square), spread
        self._basis = harmonic_basis(np.arange(per_year), per_year)[:TERMS]
        self._middle = (years[0] + years[-1]) / 2
        size, terms = self._spread.size, len(EXPECTED)
        self._normal, self._moment = np.zeros((terms, terms, size)), np.zeros((terms, size))

    def add_year(
        self, year: int, windows: Iterable[tuple[int, NDArray[np.integer], NDArray[np.floating]]]
    ) -> None:
        """Count the values of a year in; those of one box and window are averaged first.

        Args:
            windows: season, (row) flat cell, of which OUTSIDE does not count, (row) anomaly from the
                climatology, K, of which NaN does not count.
        """
        normal, moment = np.zeros_like(self._normal), np.zeros_like(self._moment)
        common, total = np.zeros_like(self._moment), np.zeros(self._spread.size)
        for season, cell, anomaly in windows:
            mean, seen = self._averaged(cell, anomaly)
            terms = np.append(self._basis[:, season], (year - self._middle) / 10)
            normal += np.multiply.outer(terms[:, None] * terms, seen)
            moment += np.multiply.outer(terms, mean)
            common += np.multiply.outer(terms, seen)
            total += mean
        shared = YEARLY / (1 - YEARLY + YEARLY * common[0])
        self._normal += normal - shared * common[:, None] * common
        self._moment += moment - shared * common * total

    def _averaged(self, cell: NDArray[np.integer], anomaly: NDArray[np.floating]) -> tuple[Array, Array]:
        """(box) mean of the values, zero without one; and 1 where there is one."""
        counted = (cell != OUTSIDE) & np.isfinite(anomaly)
        layer, column = np.divmod(cell[counted], self._boxes.number.size)
        box = layer * self._spread.shape[1] + self._boxes.number[column]
        count = np.bincount(box, minlength=self._spread.size)
        total = np.bincount(box, anomaly[counted], self._spread.size)
        return total / np.maximum(count, 1), (count > 0).astype(float)

    def terms(self) -> Array:
        """(term, depth, lat, lon) K: mean, cosine and sine of what is lacking; zero on land."""
        found = np.zeros((TERMS, *self._grid.shape))
        value, precision = self._fitted()
        for layer, sea in enumerate(self._grid.ocean):
            self._spread_out(found[:, layer], value[:, layer], precision[:, layer], sea, layer)
        return found

    def _fitted(self) -> tuple[Array, Array]:
        """(term, depth, box) each term by the observations of its box alone, and its precision.

        The other terms of the fit have the sizes expected of them.
        """
        unit = self._spread.ravel()
        sea = unit > 0
        noise = (1 - YEARLY) * (NOISE * unit[sea]) ** 2
        expected = np.multiply.outer(1 / EXPECTED**2, 1 / unit[sea] ** 2)
        posterior = np.moveaxis(self._normal[..., sea] / noise, -1, 0) + np.einsum(
            "tb,tu->btu", expected, np.eye(len(EXPECTED))
        )
        covariance = np.linalg.inv(posterior)
        variance = np.einsum("btt->tb", covariance)[:TERMS]
        level = np.einsum("btu,ub->tb", covariance, self._moment[..., sea] / noise)[:TERMS]
        # The size expected of the term itself is taken out again: objective analysis brings it.
        added = 1 / variance - expected[:TERMS]
        known = added > FAINT * expected[:TERMS]
        value, precision = np.zeros((2, TERMS, unit.size))
        precision[:, sea] = np.where(known, added, 0.0)
        value[:, sea] = np.where(known, level / variance / np.where(known, added, 1.0), 0.0)
        shape = (TERMS, *self._spread.shape)
        return value.reshape(shape), precision.reshape(shape)

    def _spread_out(
        self, out: Array, value: Array, precision: Array, sea: NDArray[np.bool_], layer: int
    ) -> None:
        """Write the terms (term, lat, lon) of a layer at all its cells, a row of the grid at a time."""
        observed = np.flatnonzero((precision > 0).any(0))
        if not observed.size:
            return
        at = self._boxes.lat[observed], self._boxes.lon[observed]
        spread, inner = self._spread[layer, observed], correlation(*at, *at)
        fitted = zip(EXPECTED[:TERMS], value[:, observed], precision[:, observed], strict=True)
        of_terms = np.stack(
            [size * weights(size * spread, found, known, inner) for size, found, known in fitted]
        )
        for row, (lat, lon) in enumerate(zip(*grid_places(self._grid), strict=True)):
            wet = sea[row]
            there = correlation(lat[wet], lon[wet], *at)
            out[:, row, wet] = self._at_cells[layer, row, wet] * (of_terms @ there.T)
