"""What is explained: a number of the analysis that people ask for, as a sum over its cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.base.errors import DeepDAError
from deepda.geometry.grid import Grid
from deepda.verification.climate import RHO, SPECIFIC_HEAT
from deepda.verification.scores import REGIONS, region_weights

TARGETS = ("nino34", "point", "heat")
BOTTOM = 700.0  # m, of the heat content
ZETTAJOULE = 1e21  # J


class ExplainError(DeepDAError, ValueError):
    """A run, window or target that cannot be explained; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """Degrees north, degrees east (any convention) and m, positive down."""

    lat: float = 0.0
    lon: float = -140.0
    depth: float = 150.0


@dataclass(frozen=True, eq=False)
class Target:
    """A linear functional of the temperature anomaly.

    Attributes:
        name: one of TARGETS.
        unit: of its value, K or ZJ.
        weights: (L, Y, X) `unit` per K.
        place: what its sections go through.
        level: the layer that it lies in or begins at.
    """

    name: str
    title: str
    unit: str
    weights: NDArray[np.float64]
    place: Place
    level: int

    @property
    def short(self) -> str:
        """Its name as the head of a column."""
        return {"nino34": "Niño 3.4", "heat": "heat content"}.get(self.name, self.name)

    @property
    def cells(self) -> NDArray[np.bool_]:
        """(L, Y, X) True where it looks."""
        return self.weights > 0

    def of(self, kelvin: Tensor) -> Tensor:
        """(B) its value for anomalies (B, L, Y, X) K, in `unit`."""
        weights = torch.from_numpy(self.weights).to(kelvin)
        return (weights * kelvin).sum((1, 2, 3))


def target(name: str, grid: Grid, place: Place) -> Target:
    """One of TARGETS on a grid.

    Raises:
        ExplainError: no water there, or a grid that does not reach down to it.
    """
    return {"nino34": _nino34, "point": _point, "heat": _heat}[name](grid, place)


def _nino34(grid: Grid, place: Place) -> Target:
    box = REGIONS["Niño 3.4"]
    weights = region_weights(grid, box).values
    weights[1:] = 0.0
    if not weights.any():
        raise ExplainError("no surface water of this grid lies in Niño 3.4; choose another --target")
    middle = Place(0.0, (box.west + box.east) / 2 - 360, float(grid.depth[0]))
    title = "Niño 3.4, mean of the uppermost layer in 5°S–5°N, 170–120°W"
    return Target("nino34", title, "K", weights / weights.sum(), middle, 0)


def _point(grid: Grid, place: Place) -> Target:
    at = tuple(int(index) for index in grid.locate(place.lat, place.lon, place.depth))
    where = f"{abs(place.lat):g}°{'S' if place.lat < 0 else 'N'}, {_east(place.lon)}"
    if min(at) < 0 or not grid.ocean[at]:
        raise ExplainError(
            f"there is no water of this grid at {where}, {place.depth:g} m, expected a place in the "
            "ocean; choose another --lat, --lon or --depth"
        )
    weights = np.zeros(grid.shape)
    weights[at] = 1.0
    return Target("point", f"temperature at {where}, {place.depth:g} m", "K", weights, place, at[0])


def _heat(grid: Grid, place: Place) -> Target:
    if grid.depth_edges[-1] < BOTTOM:
        raise ExplainError(
            f"the grid reaches {grid.depth_edges[-1]:g} m, heat content needs {BOTTOM:g} m; "
            "choose another --target"
        )
    volume = grid.thickness_above(BOTTOM)[:, None, None] * grid.area * grid.ocean
    weights = RHO * SPECIFIC_HEAT * volume / ZETTAJOULE
    reached = min(BOTTOM, float(grid.depth_edges[1:][grid.ocean.any((1, 2))].max()))
    return Target("heat", f"global heat content, 0–{reached:.0f} m", "ZJ", weights, place, 0)


def _east(lon: float) -> str:
    around = (lon + 180) % 360 - 180
    return f"{abs(around):g}°{'W' if around < 0 else 'E'}"
