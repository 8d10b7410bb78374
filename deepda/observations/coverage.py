"""What there is, and where: counts of observations by platform type, year and cell of 5 degrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.geometry.windows import years_of
from deepda.observations.table import PLATFORMS

CELL = 5.0  # degrees
ROWS, COLUMNS = int(180 / CELL), int(360 / CELL)


@dataclass
class Coverage:
    """Counts by platform type; coverages of parts add up.

    Attributes:
        cells: rows kept in (cell,), counted from 90S 180W along longitude.
        years: rows kept in a year.
        files: files that hold a row of the platform type, kept or rejected.
    """

    cells: dict[str, Counter[int]] = field(default_factory=dict)
    years: dict[str, Counter[int]] = field(default_factory=dict)
    files: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    def platforms(self) -> list[str]:
        """Platform types that occur, in the order of PLATFORMS."""
        return [name for name in PLATFORMS if self.files[name]]

    def rows(self, platform: str) -> int:
        """Rows kept."""
        return sum(self.years.get(platform, Counter()).values())

    def map_of(self, platform: str) -> NDArray[np.int64]:
        """(lat, lon) rows kept, from 90S and 180W."""
        counts = np.zeros(ROWS * COLUMNS, np.int64)
        for cell, count in self.cells.get(platform, {}).items():
            counts[cell] = count
        return counts.reshape(ROWS, COLUMNS)

    def add(self, other: Coverage) -> None:
        """Count another part in."""
        for ours, theirs in ((self.cells, other.cells), (self.years, other.years)):
            for name, counts in theirs.items():
                ours.setdefault(name, Counter()).update(counts)
        self.files.update(other.files)
        self.rejected.update(other.rejected)

    def add_rows(self, table: pd.DataFrame, rejects: pd.DataFrame) -> None:
        """Count rows of one file in, not the file itself: its rows may come in several parts."""
        codes = table["platform_type"].cat.codes.to_numpy()
        cells, years = _cells(table), years_of(table["time"].to_numpy())
        for code in np.unique(codes):
            name, here = PLATFORMS[code], codes == code
            self.add(Coverage({name: _counted(cells[here])}, {name: _counted(years[here])}))
        turned = rejects["platform_type"].value_counts()
        self.rejected.update({str(name): int(count) for name, count in turned.items() if count})

    def add_file(self) -> None:
        """Count one file for each platform type that occurs."""
        self.files.update({*self.years, *self.rejected})

    def as_json(self) -> dict[str, object]:
        """Plain values, to be stored; only cells that are not empty."""
        return dict(vars(self))


def coverage_from_json(values: Mapping[str, Mapping]) -> Coverage:
    """The coverage of `Coverage.as_json`."""
    cells, years = (
        {name: Counter({int(key): count for key, count in counts.items()})
         for name, counts in values[part].items()}
        for part in ("cells", "years")
    )  # fmt: skip
    return Coverage(cells, years, Counter(values["files"]), Counter(values["rejected"]))


def coverage_table(coverage: Coverage) -> list[str]:
    """Lines of a table by platform type, within 80 columns."""
    lines = [f"{'platform':<12}{'files':>9}{'rows kept':>15}{'rejected':>15}{'years':>13}"]
    for name in coverage.platforms:
        lines.append(_line(name, coverage.files[name], coverage.rows(name), coverage.rejected[name],
                           coverage.years.get(name, ())))  # fmt: skip
    years = {year for years in coverage.years.values() for year in years}
    kept = sum(map(coverage.rows, coverage.platforms))
    return [*lines, _line("all", None, kept, coverage.rejected.total(), years)]


def _line(name: str, files: int | None, kept: int, rejected: int, years: Iterable[int]) -> str:
    span = sorted(years)
    when = "" if not span else str(span[0]) if span[0] == span[-1] else f"{span[0]}-{span[-1]}"
    count = "" if files is None else f"{files:,}"
    return f"{name:<12}{count:>9}{kept:>15,}{rejected:>15,}{when:>13}"


def _cells(table: pd.DataFrame) -> NDArray[np.int64]:
    """(row) cell; 90N belongs to the last row of cells."""
    lat = table["lat"].to_numpy(float)
    lon = table["lon"].to_numpy(float)
    row = np.minimum((lat + 90) // CELL, ROWS - 1).astype(np.int64)
    column = (((lon + 180) % 360) // CELL).astype(np.int64) % COLUMNS
    return row * COLUMNS + column


def _counted(values: NDArray[np.integer]) -> Counter[int]:
    found, counts = np.unique(values, return_counts=True)
    return Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))
