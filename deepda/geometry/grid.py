"""The analysis grid: edges are given, everything else follows from them.

Array dimensions here are in the order (depth, lat, lon); depth is positive down, in metres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from deepda.base.errors import DeepDAError
from deepda.base.files import digest_of
from deepda.geometry.sphere import EARTH_RADIUS, great_circle, unit_vectors

OUTSIDE = -1  # cell index of a place that the grid does not cover
OCEAN = {"standard_name": "sea_binary_mask", "long_name": "1 where the cell holds water", "units": "1"}
Number = TypeVar("Number", bound=np.floating)


class GridError(DeepDAError, ValueError):
    """A grid that cannot be used; the message says what was found and what to do."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Regular (not necessarily uniform) latitude-longitude-depth cells, periodic in longitude.

    Attributes:
        lat_edges: (lat + 1) degrees north, increasing, within [-90, 90].
        lon_edges: (lon + 1) degrees east, increasing, spanning exactly 360.
        depth_edges: (depth + 1) m, positive down, increasing, from >= 0.
        ocean: (depth, lat, lon) True where the cell holds water.

    Raises:
        GridError: edges not increasing, fewer than three cells a horizontal axis, longitudes
            that do not close the circle, a mask of another shape or without any ocean.
    """

    lat_edges: NDArray[np.float64]
    lon_edges: NDArray[np.float64]
    depth_edges: NDArray[np.float64]
    ocean: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in ("lat_edges", "lon_edges", "depth_edges"):
            edges = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, edges)
            fewest = 2 if name == "depth_edges" else 4
            if edges.ndim != 1 or edges.size < fewest:
                raise GridError(
                    f"{name} holds {edges.size} values, expected at least {fewest}; "
                    "give the cell edges, one more than there are cells"
                )
            if not np.all(np.isfinite(edges)) or not np.all(np.diff(edges) > 0):
                raise GridError(f"{name} must increase from value to value; sort or flip it first")
        if self.lat_edges[0] < -90 - 1e-6 or self.lat_edges[-1] > 90 + 1e-6:
            raise GridError(
                f"lat_edges run from {self.lat_edges[0]:g} to {self.lat_edges[-1]:g}, "
                "expected degrees north within [-90, 90]"
            )
        span = self.lon_edges[-1] - self.lon_edges[0]
        if abs(span - 360) > 1e-4:
            raise GridError(
                f"lon_edges span {span:g} degrees, expected 360: DeepDA grids are global in longitude"
            )
        if self.depth_edges[0] < 0:
            raise GridError(f"depth_edges start at {self.depth_edges[0]:g} m; depth is positive down")
        ocean = np.asarray(self.ocean, dtype=bool)
        if ocean.shape != self.shape:
            raise GridError(f"the ocean mask has shape {ocean.shape}, expected {self.shape}")
        if not ocean.any():
            raise GridError("the ocean mask is land everywhere; check which value marks ocean")
        object.__setattr__(self, "ocean", ocean)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(depth, lat, lon) numbers of cells."""
        return self.depth_edges.size - 1, self.lat_edges.size - 1, self.lon_edges.size - 1

    @cached_property
    def lat(self) -> NDArray[np.float64]:
        """(lat) centres, degrees north."""
        return centres(self.lat_edges)

    @cached_property
    def lon(self) -> NDArray[np.float64]:
        """(lon) centres, degrees east."""
        return centres(self.lon_edges)

    @cached_property
    def depth(self) -> NDArray[np.float64]:
        """(depth) centres, m."""
        return centres(self.depth_edges)

    @cached_property
    def thickness(self) -> NDArray[np.float64]:
        """(depth) layer thickness, m."""
        return np.diff(self.depth_edges)

    @cached_property
    def area(self) -> NDArray[np.float64]:
        """(lat, lon) cell area on the sphere, m2, land included."""
        zone = EARTH_RADIUS**2 * np.diff(np.sin(np.deg2rad(self.lat_edges)))
        return zone[:, None] * np.deg2rad(np.diff(self.lon_edges))[None, :]

    @cached_property
    def volume(self) -> NDArray[np.float64]:
        """(depth, lat, lon) water volume of the cells, m3, zero on land."""
        return self.thickness[:, None, None] * self.area * self.ocean

    def thickness_above(self, bottom: float, top: float = 0.0) -> NDArray[np.float64]:
        """(depth) m of each layer between two depths (m), zero outside."""
        inside = np.minimum(self.depth_edges[1:], bottom) - np.maximum(self.depth_edges[:-1], top)
        return np.maximum(inside, 0.0)

    def distance_to(self, lat: float, lon: float) -> NDArray[np.float64]:
        """(lat, lon) m along great circles from a place (degrees) to the centres of the cells."""
        centres = unit_vectors(*np.meshgrid(self.lat, self.lon, indexing="ij"))
        return great_circle(centres, unit_vectors(lat, lon))

    @cached_property
    def checksum(self) -> str:
        """Identity of the geometry: a checkpoint fits one grid only."""
        edges = (np.round(axis, 6) for axis in (self.lat_edges, self.lon_edges, self.depth_edges))
        return digest_of([*edges, np.packbits(self.ocean)])[:16]

    def with_ocean(self, ocean: NDArray[np.bool_]) -> Grid:
        """The same cells with another land-sea mask (depth, lat, lon)."""
        return replace(self, ocean=ocean)

    def locate(
        self, lat: ArrayLike, lon: ArrayLike, depth: ArrayLike
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Cell indices (depth, lat, lon) of places; OUTSIDE (-1) where no cell holds the place.

        Cells are closed at their lower and open at their upper edge, so that a place on an edge
        belongs to one cell; the last latitude and depth cells are closed at both. Longitudes may
        follow any convention (-180..180, 0..360).
        """
        around = self.lon_edges[0] + np.mod(np.asarray(lon, dtype=float) - self.lon_edges[0], 360.0)
        return (
            _cell(self.depth_edges, np.asarray(depth, dtype=float)),
            _cell(self.lat_edges, np.asarray(lat, dtype=float)),
            _cell(self.lon_edges, around),
        )

    def coords(self) -> xr.Dataset:
        """CF coordinates with bounds, cell area and land-sea mask, ready to be merged in a file."""

        def bounds(edges: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.stack([edges[:-1], edges[1:]], axis=1)

        return xr.Dataset(
            {
                "lat_bnds": (("lat", "bnds"), bounds(self.lat_edges)),
                "lon_bnds": (("lon", "bnds"), bounds(self.lon_edges)),
                "depth_bnds": (("depth", "bnds"), bounds(self.depth_edges)),
                "areacello": (("lat", "lon"), self.area, {"units": "m2", "standard_name": "cell_area"}),
                "ocean": (("depth", "lat", "lon"), self.ocean.astype(np.int8), OCEAN),
            },
            coords={
                "lat": ("lat", self.lat, _axis("latitude", "degrees_north", "Y", "lat_bnds")),
                "lon": ("lon", self.lon, _axis("longitude", "degrees_east", "X", "lon_bnds")),
                "depth": ("depth", self.depth, _axis("depth", "m", "Z", "depth_bnds", positive="down")),
            },
        )

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> Grid:
        """The grid of a file written by DeepDA (`coords`).

        Raises:
            GridError: bounds or the variable `ocean` are missing.
        """
        needed = ("lat_bnds", "lon_bnds", "depth_bnds", "ocean")
        missing = [name for name in needed if name not in dataset]
        if missing:
            raise GridError(
                f"no {', '.join(missing)} in the file, expected a file written by DeepDA; "
                "run `deepda control prepare` on it first"
            )

        def edges(name: str) -> NDArray[np.float64]:
            bounds = dataset[name].values
            return np.append(bounds[:, 0], bounds[-1, 1]).astype(float)

        return cls(
            edges("lat_bnds"), edges("lon_bnds"), edges("depth_bnds"), dataset["ocean"].values > 0
        )


def centres(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Midpoints of (n + 1) edges."""
    return 0.5 * (edges[:-1] + edges[1:])


def sum_around(field: NDArray[Number]) -> NDArray[Number]:
    """(..., lat, lon) sum over a cell and its eight neighbours; longitude wraps, latitude ends."""
    rows = field + np.roll(field, 1, axis=-1) + np.roll(field, -1, axis=-1)
    total = rows.copy()
    total[..., 1:, :] += rows[..., :-1, :]
    total[..., :-1, :] += rows[..., 1:, :]
    return total


def _axis(name: str, units: str, axis: str, bounds: str, **more: str) -> dict[str, str]:
    names = {"standard_name": name, "long_name": name}
    return {**names, "units": units, "axis": axis, "bounds": bounds, **more}


def _cell(edges: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.intp]:
    index = np.searchsorted(edges, place, side="right") - 1
    index = np.where(place == edges[-1], edges.size - 2, index)
    inside = (place >= edges[0]) & (place <= edges[-1])
    return np.where(inside, index, OUTSIDE).astype(np.intp)
