"""Standard deviation of the error of an observation: its instrument, and its representativeness.

Instruments and a first guess of representativeness by platform are
`deepda.observations.errors.ERRORS` (with their sources); this puts in its place a representativeness
that varies over the ocean. It is part of the error because the analysis stands for means over cells
and windows (Janjic et al. 2018, QJRMS 144; Oke and Sakov 2008, JTECH 25).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.errors import errors_of
from deepda.quality.casts import platforms

Array = NDArray[np.float64]
Index = NDArray[np.signedinteger]
FLOOR = 0.02  # K, representativeness at least: the deep ocean has internal waves


@dataclasses.dataclass(frozen=True, eq=False)
class Representativeness:
    """How far a value is from the mean of its cell and window.

    Attributes:
        place: (depth, lat, lon) K, standard deviation at one place; NaN where not known.
        product: (lat, lon) K, the same of what covers the sea surface: products on a grid, whose values
            are means already, and pixels of satellites.
    """

    place: Array
    product: Array

    def of_rows(self, kind: NDArray[np.str_], cell: tuple[Index, Index, Index]) -> Array:
        """(row) K, from platform types and the (level, row, column) of cells."""
        return np.where(kind == "satellite", self.product[cell[1:]], self.place[cell])


def error_of_mean(instrument: ArrayLike, representativeness: ArrayLike, values: ArrayLike) -> Array:
    """Standard deviation (K) of the error of a mean; its representativeness is FLOOR at least.

    Args:
        instrument: of one value, K; independent from value to value.
        representativeness: of one place and time, K; the values of one cast share it.
        values: number of values averaged.
    """
    noise = np.square(instrument) / np.asarray(values, float)
    return np.sqrt(noise + np.square(np.maximum(representativeness, FLOOR)))


def with_errors(table: pd.DataFrame, grid: Grid, representativeness: Representativeness) -> pd.DataFrame:
    """The table with `error` (K) made of the instrument's and the representativeness of the cell.

    The instrument's part is what the table's own `error` holds beyond the platform's place error (the
    readers put it there: the file's own or the platform's); without `error` it is the platform's. It
    shrinks with `count` where the table has one (`deepda.quality.layers`); representativeness does
    not, as the values of a cast are at one place: superobservations shrink it cast by cast.

    Args:
        table: lat, lon, depth, and platform_type ("other" without it).
        representativeness: where it is not known, and outside the grid, the platform's place error is
            taken.
    """
    depth = table["depth"].to_numpy(float)
    instrument, place = _parts(table, depth)
    level, row, column = grid.locate(table["lat"], table["lon"], depth)
    covered = (level != OUTSIDE) & (row != OUTSIDE) & (column != OUTSIDE)
    known = representativeness.of_rows(platforms(table), (level, row, column))
    here = np.where(covered, known, np.nan)
    here = np.where(np.isfinite(here), here, place)
    count = np.maximum(table["count"].to_numpy(float), 1) if "count" in table.columns else 1
    error = error_of_mean(instrument, here, count)
    return table.assign(error=error.astype(np.float32))


def _parts(table: pd.DataFrame, depth: Array) -> tuple[Array, Array]:
    """(row) standard deviation of the instrument and of the place, K."""
    instrument, place = errors_of(pd.Series(platforms(table)), depth)
    if "error" in table.columns:
        own = table["error"].to_numpy(float)
        beyond = np.sqrt(np.maximum(own**2 - place**2, 0.0))
        instrument = np.where(np.isfinite(own), beyond, instrument)
    return instrument, place
