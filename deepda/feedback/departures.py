"""Sums of O-B and O-A by platform, depth, region and year: over any number of rows, in bounded memory.

Each batch of rows is counted into one cube (state, platform type, depth band, set of regions), which is
then added up in every direction that the tables show: the rows are touched once.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from deepda.feedback.store import feedback_files
from deepda.geometry.windows import years_of
from deepda.observations.table import PLATFORMS
from deepda.verification.scores import REGIONS, Box

BANDS = (0.0, 10.0, 50.0, 100.0, 300.0, 700.0, 2000.0)  # m, upper edges of the depth bands; half-open
BAND_NAMES = (*(f"{top:g}-{bottom:g} m" for top, bottom in pairwise(BANDS)), f"below {BANDS[-1]:g} m")
KEPT_STATES = ("used", "withheld")  # whose departures are summed; rejected rows have reasons
QUANTITIES = 6
BATCH = 500_000  # rows
COLUMNS = ("time", "lat", "lon", "depth", "temperature", "error", "background", "analysis", "spread",
           "used", "withheld", "platform_type", "reason")  # fmt: skip
Array = NDArray[np.float64]


@dataclass
class Sums:
    """Sums over rows; sums of parts add up.

    Attributes:
        values: rows, O-B, its square, O-A, its square, spread^2 + error^2 (K, K2).
    """

    values: Array = field(default_factory=lambda: np.zeros(QUANTITIES))

    @property
    def count(self) -> int:
        return int(self.values[0])

    @property
    def mean_background(self) -> float:
        """Mean O-B, K."""
        return self._mean(1)

    @property
    def rms_background(self) -> float:
        """Root mean square of O-B, K."""
        return self._mean(2) ** 0.5

    @property
    def mean_analysis(self) -> float:
        """Mean O-A, K."""
        return self._mean(3)

    @property
    def rms_analysis(self) -> float:
        """Root mean square of O-A, K."""
        return self._mean(4) ** 0.5

    @property
    def spread_to_rms(self) -> float:
        """Expected over actual departure from the background: 1 is right, less is overconfident.

        Expected is the root of the mean of spread^2 + error^2: background and observation err
        independently.
        """
        return self._mean(5) ** 0.5 / self.rms_background if self.rms_background > 0 else float("nan")

    def _mean(self, quantity: int) -> float:
        return float(self.values[quantity] / self.values[0]) if self.count else float("nan")


@dataclass
class Departures:
    """What the tables show.

    Attributes:
        groups: (state, grouping, name) -> sums; regions overlap, everything else adds up to "all".
        reasons: reason -> sums of rejected rows with a background; counts of the others are in `rows`.
        rows: reason -> all rows; "" counts used and withheld rows.
        states: state -> rows.
    """

    groups: dict[tuple[str, str, str], Sums] = field(default_factory=lambda: defaultdict(Sums))
    reasons: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    states: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, batch: pa.RecordBatch) -> None:
        """Count rows in."""
        rows = _Rows(batch)
        code, names = _names(batch, "reason", "")
        quantities = rows.quantities()
        for state, chosen in zip(KEPT_STATES, (rows.used, rows.withheld & (code == 0)), strict=True):
            self.states[state] += int(chosen.sum())
            for year in np.unique(rows.year[chosen]):
                here = chosen & (rows.year == year)
                self._add_cube(state, str(year), rows.cube(here, quantities))
        self.states["rejected"] += int((code > 0).sum())
        seen = np.isfinite(quantities[1])
        for number in np.unique(code):
            here = code == number
            self.rows[names[number]] += int(here.sum())
            if number:
                self.reasons[names[number]].values += quantities[:, seen & here].sum(1)

    def _add_cube(self, state: str, year: str, cube: Array) -> None:
        """Add (quantity, platform, band, set of regions) up in every direction."""

        def put(grouping: str, names: tuple[str, ...], sums: Array) -> None:
            for name, values in zip(names, sums.T, strict=True):
                if values[0]:
                    self.groups[state, grouping, name].values += values

        whole = cube.sum((1, 2, 3))[:, None]
        put("all", ("all",), whole)
        put("year", (year,), whole)
        put("platform", PLATFORMS, cube.sum((2, 3)))
        put("depth", BAND_NAMES, cube.sum((1, 3)))
        put("region", tuple(REGIONS), cube.sum((1, 2)) @ _SETS)


_SETS = (np.arange(2 ** len(REGIONS))[:, None] >> np.arange(len(REGIONS)) & 1).astype(float)


class _Rows:
    """The columns of a batch as arrays (row)."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        def numbers(name: str) -> Array:
            return batch.column(name).to_numpy(zero_copy_only=False)

        self.used, self.withheld = (numbers(name).astype(bool) for name in ("used", "withheld"))
        self.year = years_of(batch.column("time").to_numpy(zero_copy_only=False))
        self.lat, self.lon, self.depth = (numbers(name) for name in ("lat", "lon", "depth"))
        code, names = _names(batch, "platform_type", "other")
        known = [PLATFORMS.index(name if name in PLATFORMS else "other") for name in names]
        self.platform = np.array(known)[code]
        observed = numbers("temperature")
        self.background = observed - numbers("background")
        self.analysis = observed - numbers("analysis")
        self.expected = np.square(numbers("spread")) + np.square(numbers("error"))

    def quantities(self) -> Array:
        """(quantity, row) what is summed."""
        departure, rest = self.background.astype(float), self.analysis.astype(float)
        return np.stack([np.ones(rest.size), departure, departure**2, rest, rest**2, self.expected])

    def cube(self, chosen: NDArray[np.bool_], quantities: Array) -> Array:
        """(quantity, platform, band, set of regions) sums of the chosen rows."""
        band = band_of(self.depth[chosen])
        regions = region_sets(self.lat[chosen], self.lon[chosen])
        shape = (len(PLATFORMS), len(BAND_NAMES), len(_SETS))
        code = np.ravel_multi_index((self.platform[chosen], band, regions), shape)
        size = int(np.prod(shape))
        sums = [np.bincount(code, weights, minlength=size) for weights in quantities[:, chosen]]
        return np.array(sums, float).reshape(len(quantities), *shape)


def departures(folder: Path) -> Departures:
    """The sums of a product, part by part.

    Raises:
        FeedbackError: there is no feedback.
    """
    found = Departures()
    for path in feedback_files(folder):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH, columns=list(COLUMNS)):
                found.add(batch)
    return found


def band_of(depth: NDArray[np.floating]) -> NDArray[np.intp]:
    """(row) index into BAND_NAMES."""
    return (np.searchsorted(BANDS, depth, side="right") - 1).clip(0)


def region_sets(lat: NDArray[np.floating], lon: NDArray[np.floating]) -> NDArray[np.int64]:
    """(row) the regions of REGIONS that a place lies in, one bit each, the first the lowest."""
    code = np.zeros(lat.size, np.int64)
    for bit, box in enumerate(REGIONS.values()):
        code |= in_box(lat, lon, box).astype(np.int64) << bit
    return code


def in_box(lat: NDArray[np.floating], lon: NDArray[np.floating], box: Box) -> NDArray[np.bool_]:
    """(row) True inside, south and west edge included; the north edge only at the pole."""
    inside = (lat >= box.south) & ((lat < box.north) | (box.north >= 90))
    if box.east - box.west >= 360:
        return inside
    return inside & (np.mod(np.asarray(lon, float) - box.west, 360.0) < box.east - box.west)


def _names(batch: pa.RecordBatch, column: str, first: str) -> tuple[NDArray[np.int64], list[str]]:
    """(row) position in the list of names, which begins with `first`; missing is `first` too."""
    values = batch.column(column)
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    given = [str(name) for name in values.dictionary.to_pylist()]
    names = list(dict.fromkeys([first, *given]))
    place = np.array([*(names.index(name) for name in given), 0])
    return place[values.indices.fill_null(len(given)).to_numpy(zero_copy_only=False)], names
