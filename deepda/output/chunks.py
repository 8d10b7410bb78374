"""How values lie in an analysis file: chunks that serve maps and series at a point alike.

A chunk holds a tile of one level over many windows. The windows of a chunk are held in memory and
compressed together, so that each chunk is written once.
"""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

Fields = dict[str, NDArray[np.float32]]

SLAB_BYTES = 40_000_000  # of a variable that are held; a year of the default grid has 14 million
TILE_BYTES = 2**17  # of a chunk, at most
VALUE_BYTES = 4


def windows_at_once(total: int, values: int) -> int:
    """How many of `total` windows, with so many values each, are compressed together."""
    most = max(1, SLAB_BYTES // (values * VALUE_BYTES))
    return ceil(total / ceil(total / most))


def tile(windows: int, lat: int, lon: int) -> tuple[int, int]:
    """Cells along latitude and longitude of a chunk of so many windows."""
    cells = max(1, TILE_BYTES // (VALUE_BYTES * windows))
    sides = ceil(sqrt(lat * lon / cells))
    return ceil(lat / sides), ceil(lon / sides)


class Slabs:
    """Windows of a file, held until all that are compressed together are there.

    Args:
        total: windows of the file.
        at_once: windows that are compressed together.
    """

    def __init__(self, total: int, at_once: int) -> None:
        self._total, self._at_once = total, at_once
        self._held: dict[int, dict[int, Fields]] = {}

    def add(self, step: int, fields: Fields) -> tuple[slice, Fields] | None:
        """Hold a window; the windows and fields to be written where it completes its slab.

        Args:
            step: place of the window in the file.
            fields: ([realization,] depth, lat, lon) by name.

        Returns:
            The windows, and by name ([realization,] time, depth, lat, lon); None while some lack.
        """
        first = step - step % self._at_once
        span = range(first, min(first + self._at_once, self._total))
        held = self._held.setdefault(first, {})
        held[step] = fields
        if len(held) < len(span):
            return None
        del self._held[first]
        stacked = {name: np.stack([held[at][name] for at in span], axis=-4) for name in fields}
        return slice(span.start, span.stop), stacked
