"""What the files of a control simulation are, read from their headers: windows, whole years, grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepda.control.axes import ControlError
from deepda.control.binning import fitting_windows, step_positions, whole_years
from deepda.control.model_files import Native, open_native
from deepda.geometry.mesh import Floats, Regular
from deepda.geometry.windows import PENTADS

DEEPEST = 1000.0  # m: layers that begin below are left out of a model's own grid
ROUNDING = 1e-4  # degrees or m between the bounds of neighbouring cells


@dataclass(frozen=True, eq=False)
class ControlFiles:
    """The files of one simulation.

    Attributes:
        per_year: 73 where most steps are no longer than a pentad, else 12.
        years: first and last whole year.
    """

    native: Native
    per_year: int
    years: tuple[int, int]

    @property
    def regular(self) -> bool:
        """Whether its cells are bounded by parallels and meridians."""
        return isinstance(self.native.cells, Regular)

    def own_grid(self) -> dict[str, Floats]:
        """Edges of its own cells (degrees) and of its layers that begin above DEEPEST (m, down).

        Raises:
            ControlError: cells or layers that are no grid to analyse on.
        """
        cells, name = self.native.cells, self.native.files[0]
        if not isinstance(cells, Regular):
            raise ControlError(
                f"the cells of {name} are curvilinear, expected a regular grid to be kept; choose a "
                "grid to bring them to, such as --grid embedded_4deg"
            )
        layers = self.native.layers[self.native.layers[:, 0] < DEEPEST]
        columns = cells.lon_bounds[~cells.duplicated[0]]
        return {
            "lat_edges": _edges(cells.lat_bounds, "latitudes", name),
            "lon_edges": _edges(_eastward(columns), "longitudes", name),
            "depth_edges": _edges(layers, "layers", name),
        }

    def described(self) -> str:
        """One line for the log: steps, calendar, years, cells."""
        native, (first, last) = self.native, self.years
        step = "pentads or finer" if self.per_year == PENTADS else "months"
        kind = "regular" if self.regular else "curvilinear"
        size = " x ".join(map(str, (*native.cells.shape, len(native.layers))))
        return (
            f"{native.time.size} steps ({step}) of the calendar {native.time[0].calendar}, "
            f"{last - first + 1} whole years {first}-{last}, {size} {kind} cells"
        )


def describe_control(paths: Iterable[str | Path]) -> ControlFiles:
    """Open the files of one simulation and see what they hold.

    Raises:
        ControlError: files that cannot be used, no whole year, or steps longer than a month.
    """
    native = open_native(paths)
    per_year = fitting_windows(native.time, native.time_bounds)
    return ControlFiles(native, per_year, _whole_years(native, per_year))


def years_of(paths: Iterable[str | Path], per_year: int) -> tuple[int, int]:
    """First and last whole year of files that shall have so many windows a year.

    Raises:
        ControlError: files that cannot be used, no whole year, or steps longer than a window.
    """
    return _whole_years(open_native(paths), per_year)


def _whole_years(native: Native, per_year: int) -> tuple[int, int]:
    return whole_years(step_positions(native.time, native.time_bounds, per_year), per_year)


def _eastward(bounds: Floats) -> Floats:
    """Bounds (x, 2) ordered from west to east, beginning with the first in [-180, 360)."""
    west = bounds[0, 0] + np.mod(bounds[:, 0] - bounds[0, 0], 360.0)
    return np.asarray(np.stack([west, west + np.diff(bounds, axis=1)[:, 0]], axis=1))


def _edges(bounds: Floats, what: str, name: Path) -> Floats:
    """(n + 1) increasing edges of bounds (n, 2), which are refused unless they lie side by side."""
    ordered = bounds[np.argsort(bounds[:, 0])]
    if np.abs(ordered[1:, 0] - ordered[:-1, 1]).max(initial=0.0) > ROUNDING:
        raise ControlError(
            f"the {what} of {name} leave gaps or overlap, expected cells side by side to keep its own "
            "grid; choose another with --grid NAME"
        )
    return np.append(ordered[:, 0], ordered[-1, 1]).round(6)
