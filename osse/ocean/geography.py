"""Where the embedded ocean has water: real coastlines and a drawn sea floor.

The shoreline is each tenth point of the raster of the package global-land-mask 1.0 (Karin 2020, after
NOAA's GLOBE, 1/120 degree), whose 0.9 GB take seconds to unpack. Arrays are (depth, lat, lon); depth
positive down.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, sparse
from scipy.spatial import KDTree

from deepda.base.errors import DeepDAError
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, along_arc, unit_vectors

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Line = tuple[tuple[float, float], ...]

SHORELINE = Path(__file__).with_name("shoreline.png")  # white is sea
RASTER_STRIDE = 10  # of 21600 x 43200 points: one in 1/12 degree
ICE_SHELF_EDGE = -78.0  # the raster calls the floating Ross and Filchner-Ronne ice shelves sea
SMALLEST_SEA = 1.0e12  # m2: smaller enclosed waters are filled (Black Sea 0.44, Mediterranean 2.5)
SMALLEST_CONTINENT = 2.0e10  # m2: smaller islands have no shelf
SHELF_DEPTH, SHELF_WIDTH, SLOPE = 100.0, 60.0, 4.0  # m, km from the coast, m/km seaward of the shelf

# Land bridges and straits that a coarse cell would misjudge: (lat, lon) of their line.
LAND_BRIDGES: tuple[Line, ...] = (
    # Central America, from Tehuantepec to the Atrato
    ((19, 263), (16, 266), (14.5, 269.5), (12.5, 274), (9.5, 276.3), (8.5, 279.5), (7.5, 283)),
    # Malay Peninsula, Sumatra, Java, Bali
    ((17, 99), (9, 99), (3, 102), (0.5, 101.5), (-5, 105), (-7.5, 110), (-8.5, 117)),
)
STRAITS: tuple[Line, ...] = (((36, 352.5), (36, 356), (36.3, 358), (37, 361), (39, 361.5)),)  # Gibraltar
# Broad shelf seas: south, north, west, east (degrees), depth of the floor (m).
SHELF_SEAS = (
    (70.0, 78.0, 60.0, 180.0, 60.0),  # Kara to East Siberian Sea
    (68.0, 80.0, 20.0, 60.0, 230.0),  # Barents Sea
    (58.0, 72.0, 183.0, 205.0, 60.0),  # Bering shelf, Chukchi Sea
    (51.0, 60.0, 0.0, 9.0, 80.0),  # North Sea
    (-6.0, 10.0, 102.0, 118.0, 60.0),  # Sunda shelf
    (-17.0, -7.0, 130.0, 143.0, 70.0),  # Arafura Sea
    (-54.0, -40.0, 292.0, 302.0, 130.0),  # Patagonian shelf
    (51.0, 64.0, 266.0, 284.0, 150.0),  # Hudson Bay
    (28.0, 41.0, 118.0, 126.0, 80.0),  # Yellow Sea
)


class OceanError(DeepDAError, ValueError):
    """An embedded ocean that cannot be made; the message says what was found and what to do."""


def ocean_mask(grid: Grid) -> Mask:
    """(depth, lat, lon) True where water is: real coastlines, a drawn sea floor.

    A cell is sea where most of its shoreline points are; land bridges, straits, ice shelves and
    enclosed waters below SMALLEST_SEA are set right for coarse cells. The floor falls from a shelf
    with the distance from the coast. The mask that the grid carries is not looked at.

    Raises:
        OceanError: cells finer than the shoreline points, or no sea in any cell.
    """
    sea, points_lat, points_lon = shoreline()
    surface = _most_is_sea(grid, sea, points_lat, points_lon)
    surface[grid.lat < ICE_SHELF_EDGE] = False
    for line in LAND_BRIDGES:
        surface[_cells_along(grid, line)] = False
    for line in STRAITS:
        surface[_cells_along(grid, line)] = True
    floor = _floor(grid, sea, points_lat, points_lon)
    shallowest = grid.depth[min(1, grid.depth.size - 1)]  # sea is at least two layers deep
    wet = surface & (grid.depth[:, None, None] <= np.maximum(floor, shallowest))
    wet = np.stack([_without_ponds(layer, grid.area) for layer in wet])
    wet = np.logical_and.accumulate(wet, axis=0)
    if not wet.any():
        raise OceanError("no cell of the grid is mostly sea; expected a global grid of a few degrees")
    return wet


def landmasses(land: Mask) -> tuple[NDArray[np.int32], int]:
    """(lat, lon) labels from 1 of cells that touch by a side, around the date line too; their number."""
    labels, count = ndimage.label(land)
    meet = (labels[:, 0] > 0) & (labels[:, -1] > 0)
    links = sparse.coo_array(
        (np.ones(meet.sum()), (labels[meet, 0], labels[meet, -1])), shape=(count + 1, count + 1)
    )
    count, merged = sparse.csgraph.connected_components(links, directed=False)
    # Label 0 is linked to nothing, hence still the component of its own that comes first.
    return merged[labels].astype(np.int32), count - 1


@cache
def shoreline() -> tuple[Mask, Array, Array]:
    """(lat, lon) True where sea is, from 90N and 180W each 1/12 degree; degrees north, degrees east."""
    with Image.open(SHORELINE) as picture:
        sea = np.asarray(picture)
    rows, columns = (np.arange(points) * RASTER_STRIDE + RASTER_STRIDE // 2 for points in sea.shape)
    return sea, 90 - rows / 120, -180 + columns / 120


def _most_is_sea(grid: Grid, sea: Mask, lat: Array, lon: Array) -> Mask:
    rows, columns = grid.lat.size, grid.lon.size
    by_row = _membership(grid.locate(lat, 0.0, grid.depth[0])[1], rows)
    by_column = _membership(grid.locate(0.0, lon, grid.depth[0])[2], columns)
    points = by_row.sum(axis=1)[:, None] * by_column.sum(axis=1)
    if points.min() == 0:
        raise OceanError(
            f"{(points == 0).sum()} cells hold no point of the shoreline raster (1/12 degree), expected "
            "coarser cells; give a mask of your own with Grid.with_ocean"
        )
    share = (by_row @ (by_column @ sea.T).T) / points
    return np.asarray(share > 0.5)


def _membership(cell: NDArray[np.intp], cells: int) -> sparse.csr_array:
    """(cell, point) 1 where a point belongs to a cell."""
    inside = np.flatnonzero(cell >= 0)
    ones = np.ones(inside.size, np.float32)
    return sparse.csr_array((ones, (cell[inside], inside)), shape=(cells, cell.size))


def _cells_along(grid: Grid, line: Line) -> tuple[NDArray[np.intp], ...]:
    stops = np.linspace(0, len(line) - 1, 200 * (len(line) - 1))
    lat, lon = (np.interp(stops, np.arange(len(line)), values) for values in zip(*line, strict=True))
    _, row, column = grid.locate(lat, lon, grid.depth[0])
    inside = (row >= 0) & (column >= 0)
    return row[inside], column[inside]


def _floor(grid: Grid, sea: Mask, lat: Array, lon: Array) -> Array:
    """(lat, lon) m: depth of the sea floor, from the distance to the nearest large land."""
    every = slice(None, None, 6)  # half a degree is plenty for a distance
    land, lat, lon = ~sea[every, every], lat[every], lon[every]
    labels, count = landmasses(land)
    side = EARTH_RADIUS * np.deg2rad(abs(lat[1] - lat[0]))
    area = side**2 * np.bincount(
        labels.ravel(), np.repeat(np.cos(np.deg2rad(lat)), lon.size), minlength=count + 1
    )
    row, column = np.nonzero(land & (area > SMALLEST_CONTINENT)[labels])
    tree = KDTree(unit_vectors(lat[row], lon[column]))
    places = unit_vectors(*np.meshgrid(grid.lat, grid.lon, indexing="ij"))
    distance = along_arc(tree.query(places)[0]) / 1e3  # km
    floor = SHELF_DEPTH + SLOPE * np.maximum(distance - SHELF_WIDTH, 0)
    for south, north, west, east, depth in SHELF_SEAS:
        rows = (grid.lat > south) & (grid.lat < north)
        columns = np.mod(grid.lon - west, 360) < east - west
        floor = np.where(rows[:, None] & columns, np.minimum(floor, depth), floor)
    return floor


def _without_ponds(wet: Mask, area: Array) -> Mask:
    labels, count = landmasses(wet)
    size = np.bincount(labels.ravel(), area.ravel(), minlength=count + 1)
    return wet & (size >= SMALLEST_SEA)[labels]
