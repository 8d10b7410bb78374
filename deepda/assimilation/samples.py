"""Samples of the water cells, one byte a value.

Rounded to 255 steps a cell, a value is off by less than 1 % of a standard deviation, much less than
what another set of samples would change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.localisation import CovarianceError
from deepda.geometry.grid import Grid

STEPS = 127  # on either side of zero
AT_ONCE = 2**14  # cells that are rounded together


@dataclass(frozen=True, eq=False)
class Samples:
    """Departures of samples from their mean.

    A departure over the root of (number - 1) is `scale` times `codes`. The scale is chosen after
    rounding, so that sample variances are exact.

    Attributes:
        codes: (n, K) int8, water cells in the order of the grid.
        scale: (n) float32.
    """

    codes: Tensor
    scale: Tensor

    @classmethod
    def of(cls, fields: NDArray[np.floating], grid: Grid) -> Samples:
        """Departures of fields (K, depth, lat, lon) from their mean, over sqrt(K - 1).

        Raises:
            CovarianceError: another grid, fewer than two fields, or values in water that are not finite.
        """
        if fields.ndim != 4 or fields.shape[1:] != grid.shape or len(fields) < 2:
            raise CovarianceError(
                f"found samples of shape {fields.shape}, expected (number, *{grid.shape}) with at least "
                "two; give fields on the analysis grid"
            )
        flat, cells = fields.reshape(len(fields), -1), np.flatnonzero(grid.ocean)
        pieces = np.split(cells, range(AT_ONCE, len(cells), AT_ONCE))
        return cls._of_pieces(flat[:, piece].T for piece in pieces)

    @classmethod
    def of_departures(cls, departures: NDArray[np.floating]) -> Samples:
        """Departures (n, K) over sqrt(K - 1) at the water cells; their mean is taken off once more.

        Raises:
            CovarianceError: values that are not finite.
        """
        root = (departures.shape[1] - 1) ** 0.5
        return cls._of_pieces(
            root * departures[first : first + AT_ONCE] for first in range(0, len(departures), AT_ONCE)
        )

    @classmethod
    def _of_pieces(cls, pieces: Iterable[NDArray[np.floating]]) -> Samples:
        codes, scale = zip(*map(_rounded, pieces), strict=True)
        return cls(torch.from_numpy(np.concatenate(codes)), torch.from_numpy(np.concatenate(scale)))

    def departures(self) -> Tensor:
        """(n, K) departures over sqrt(K - 1)."""
        return self.codes.to(self.scale) * self.scale[:, None]

    def variance(self) -> Tensor:
        """(n) sample variance of each cell."""
        squares = torch.empty_like(self.scale)  # made first, so that no part leaves a hole in memory
        for part, square in zip(self.codes.split(AT_ONCE), squares.split(AT_ONCE), strict=True):
            square.copy_(part.to(self.scale).square().sum(1))
        return squares * self.scale.square()

    def apply(self, convert: Callable[[Tensor], Tensor]) -> Samples:
        """The same with each tensor converted, for example moved to another device."""
        return Samples(convert(self.codes), convert(self.scale))


def _rounded(values: NDArray[np.floating]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Codes (n, K) and scale (n) of values (n, K)."""
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise CovarianceError(
            f"{int((~np.isfinite(values)).sum())} of {values.size} values in water are not finite; "
            "use the ocean mask of the control simulation"
        )
    departure = values - values.mean(axis=1, keepdims=True)
    largest = np.abs(departure).max(axis=1, keepdims=True)
    codes = np.rint(departure * (STEPS / np.where(largest > 0, largest, np.float32(1))))
    square = np.maximum((codes**2).sum(axis=1), 1)
    variance = (departure**2).sum(axis=1) / (values.shape[1] - 1)
    return codes.astype(np.int8), np.sqrt(variance / square).astype(np.float32)
