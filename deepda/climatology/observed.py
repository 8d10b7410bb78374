"""The seasonal cycle of the observed ocean, on the analysis grid and at the place of an observation.

A monthly climatology (`deepda.climatology.files`) is taken as a field that is linear between the
middles of its cells, levels and months, whose monthly means are those given
(`deepda.geometry.interval_means`). On the grid stand means of that field over cell, layer and window.
An observation departs from the field at its own place and time, as in the first guess of any objective
analysis: departures from the mean of a cell four degrees wide would hold the gradient across it, from a
month's the season in it.

The uppermost layer may come from a climatology of sea surface temperature, where most of what is
observed is that; where it is land or ice the other one stays.

Where a climatology has no value (land of another coastline, a shallower sea floor) neighbours of the
same level grow into the gap, ring by ring; a level without any value takes that above. An analysed
cell is never without climatology, so that no observation is lost by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepda.climatology.files import CIRCLE, Months
from deepda.climatology.seasonal import ClimatologyError
from deepda.geometry.grid import OUTSIDE, Grid, sum_around
from deepda.geometry.interval_means import curve_weights, interval_means, seasons_from_months
from deepda.geometry.sphere import EARTH_RADIUS, chord_of, unit_vectors
from deepda.geometry.windows import part_of_year

Array = NDArray[np.float64]
Index = NDArray[np.intp]
MIDDLE = np.timedelta64(1, "D")  # a stamp so near to the middle of a window is that of its mean
REACH = 1.5e6  # m, within which a cell of the ocean takes the values of its neighbours, or their spacing
SHARE = 0.05  # of the area of a layer may lie farther from any value: polar seas


@dataclass(frozen=True, eq=False)
class Field:
    """Monthly means of the layers of a grid, on the latitudes and longitudes of their source.

    Attributes:
        value: (month, depth, lat, lon) degC, without gaps.
        lat, lon: degrees north and east, increasing; longitudes go round once.
    """

    value: Array
    lat: Array
    lon: Array

    def on_grid(self, grid: Grid, per_year: int) -> Array:
        """(season, depth, lat, lon) degC, means over windows and cells."""
        in_time = seasons_from_months(per_year)
        in_lat = interval_means(_sine(self.lat), _sine(grid.lat_edges))  # by sine: exact in area
        in_lon = interval_means(self.lon, grid.lon_edges, CIRCLE)
        across = np.einsum("Yy,mzyx,Xx->mzYX", in_lat, self.value, in_lon, optimize=True)
        return np.einsum("sm,mzYX->szYX", in_time, across)

    def at(self, month: Array, level: Index, lat: Array, lon: Array) -> Array:
        """(row) degC at places.

        Args:
            month: (row, month) weights of the monthly means.
            level: (row) layer.
            lat, lon: (row) degrees.
        """
        (south, north), up = _between(_sine(self.lat), _sine(lat))
        (west, east), right = _around(self.lon, lon)
        total = np.zeros(lat.size)
        for row, in_lat in ((south, 1 - up), (north, up)):
            for column, in_lon in ((west, 1 - right), (east, right)):
                corner = self.value[:, level, row, column]  # (month, row)
                total += in_lat * in_lon * np.einsum("mr,rm->r", corner, month)
        return total


@dataclass(frozen=True, eq=False)
class ObservedClimatology:
    """What the observed ocean is usually like.

    Attributes:
        grid: whose layers the fields are means of.
        per_year: number of windows.
        water: all layers.
        surface: of the uppermost one alone, or None.
        mean: (season, depth, lat, lon) degC on the grid, NaN on land.
    """

    grid: Grid
    per_year: int
    water: Field
    surface: Field | None
    mean: NDArray[np.float32]

    @classmethod
    def of(
        cls, months: Months, surface: Months | None, grid: Grid, per_year: int
    ) -> ObservedClimatology:
        """Take climatologies as they stand in files to the grid.

        Raises:
            ClimatologyError: no level in the lowest layer of the grid or below, nothing at the top, or
                values of a part of the ocean alone.
        """
        if months.depth[-1] < grid.depth_edges[-2]:
            raise ClimatologyError(
                f"the climatology ends at {months.depth[-1]:g} m, the lowest layer of the grid begins "
                f"at {grid.depth_edges[-2]:g} m; take a deeper one, or a grid with fewer layers"
            )
        if surface is None and months.depth[0] > grid.depth_edges[1]:
            raise ClimatologyError(
                f"the climatology begins at {months.depth[0]:g} m, the uppermost layer ends at "
                f"{grid.depth_edges[1]:g} m; take one with the surface, or add a climatology of it"
            )
        _require_whole_ocean(months, grid)
        in_depth = interval_means(months.depth, grid.depth_edges)
        layers = np.einsum("Zz,mzyx->mZyx", in_depth, grown(months.value))
        water = Field(layers, months.lat, months.lon)
        mean = water.on_grid(grid, per_year)
        above = None
        if surface is not None:
            above = Field(_filled(surface, water), surface.lat, surface.lon)
            mean[:, :1] = above.on_grid(grid, per_year)
        return cls(grid, per_year, water, above, np.where(grid.ocean, mean, np.nan).astype(np.float32))

    def shift(
        self, time: NDArray, level: Index, lat: Array, lon: Array, window: tuple[np.datetime64, int]
    ) -> Array:
        """(row) K to be added to a value, so that its anomaly in its cell is that at its place.

        Args:
            time: (row) datetime64.
            level: (row) layer.
            lat, lon: (row) degrees.
            window: middle and season of the window; values stamped with the middle are means of it.

        Returns:
            Mean of the cell and window - climatology there and then; 0 outside the grid and on land.
        """
        middle, season = window
        row, column = self.grid.locate(lat, lon, np.full(lat.size, self.grid.depth[0]))[1:]
        inside = (row != OUTSIDE) & (column != OUTSIDE) & (level != OUTSIDE)
        cell = self.mean[season, level, row, column].astype(float)
        inside &= np.isfinite(cell)
        month = curve_weights(part_of_year(time))
        month[np.abs(time - middle) < MIDDLE] = seasons_from_months(self.per_year)[season]
        here = self.water.at(month, level, lat, lon)
        if self.surface is not None:
            top = level == 0
            here[top] = self.surface.at(month[top], level[top], lat[top], lon[top])
        return np.where(inside, cell - here, 0.0)


def grown(value: NDArray[np.floating]) -> Array:
    """(..., depth, lat, lon) with gaps filled from their level, ring by ring, else from the level above.

    A cell of a ring takes the mean of its known neighbours, of up to eight. Longitude wraps.

    Raises:
        ClimatologyError: no value at all in the uppermost level.
    """
    out = np.array(value, float)
    levels = out.reshape(-1, *out.shape[-3:])
    for month in levels:
        for level, field in enumerate(month):
            if np.isnan(field).all():
                if level == 0:
                    raise ClimatologyError(
                        "the climatology has no value at its uppermost level, expected degC; "
                        "look at its units and its fill value"
                    )
                field[:] = month[level - 1]
            while (gap := np.isnan(field)).any():
                known, total = sum_around((~gap).astype(float)), sum_around(np.where(gap, 0.0, field))
                ring = gap & (known > 0)
                field[ring] = total[ring] / known[ring]
    return levels.reshape(out.shape)


def _require_whole_ocean(months: Months, grid: Grid) -> None:
    """Refuse a climatology that leaves more than SHARE of a layer without a value within REACH.

    A level without any value counts as the one above.
    """
    known = np.asarray(np.isfinite(months.value).any(axis=0))
    levels = np.flatnonzero(known.any(axis=(1, 2)))
    if not levels.size:
        return  # `grown` refuses it
    spacing = max(np.median(np.diff(axis)) for axis in (months.lat, months.lon))
    reach = max(REACH, EARTH_RADIUS * np.deg2rad(spacing))
    vectors = unit_vectors(*np.meshgrid(months.lat, months.lon, indexing="ij"))
    wanted = unit_vectors(*np.meshgrid(grid.lat, grid.lon, indexing="ij"))
    for depth, ocean in zip(grid.depth, grid.ocean, strict=True):
        if not ocean.any():
            continue
        level = levels[np.abs(months.depth[levels] - depth).argmin()]
        near = cKDTree(vectors[known[level]]).query(wanted[ocean])[0]
        share = np.average(near > chord_of(reach), weights=grid.area[ocean])
        if share > SHARE:
            raise ClimatologyError(
                f"the climatology has no value within {reach / 1000:,.0f} km of {share:.0%} of the "
                f"ocean at {depth:.0f} m, expected one of the whole ocean; take another one"
            )


def _filled(surface: Months, water: Field) -> Array:
    """(month, 1, lat, lon) of a surface climatology, its gaps (land, ice) from the upper layer."""
    lat, lon = (axis.ravel() for axis in np.meshgrid(surface.lat, surface.lon, indexing="ij"))
    level, every = np.zeros(lat.size, np.intp), np.ones((lat.size, 1))
    months = np.eye(len(surface.value))
    below = [water.at(every * month, level, lat, lon) for month in months]
    return np.where(np.isnan(surface.value), np.reshape(below, surface.value.shape), surface.value)


def _between(nodes: Array, places: Array) -> tuple[tuple[Index, Index], Array]:
    """Nodes on either side, and how far (0..1) a place is to the second; the nearest beyond the ends."""
    after = np.searchsorted(nodes, places).clip(1, max(nodes.size - 1, 1))
    share = (places - nodes[after - 1]) / (nodes[after] - nodes[after - 1])
    return (after - 1, after), share.clip(0.0, 1.0)


def _around(nodes: Array, places: Array) -> tuple[tuple[Index, Index], Array]:
    """As `_between`, on a circle."""
    whole = np.append(nodes, nodes[0] + CIRCLE)
    (before, after), share = _between(whole, nodes[0] + np.mod(places - nodes[0], CIRCLE))
    return (before, after % nodes.size), share


def _sine(lat: Array) -> Array:
    return np.sin(np.deg2rad(lat))
