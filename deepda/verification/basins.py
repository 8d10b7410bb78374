"""The ocean basins as weights on any grid: coarse polygons, no download.

Edges lie on land wherever they can; between Indian and Pacific Ocean they follow Sumatra, Java, Timor
and the meridian of Tasmania. The Southern Ocean begins at 35 S, the Arctic at 66 N; the Atlantic has the
Mediterranean, the Black and the Baltic Sea and Hudson Bay.
"""

from __future__ import annotations

import numpy as np
import shapely
import xarray as xr

from deepda.geometry.grid import Grid
from deepda.verification import ocean_weights

WEST = 20.0  # degrees east: longitudes run from here to 380, so that no basin is cut
SOUTHERN, ARCTIC = -35.0, 66.0  # degrees north
BASINS = ("global", "Atlantic", "Pacific", "Indian", "Southern", "Arctic")
_ATLANTIC = (
    (380, -35), (290, -35), (290, 5), (282.7, 8), (281, 9.1), (279.5, 8.6), (277, 9.5), (275, 11.5),
    (272, 13.5), (267, 16), (264, 17), (258, 20), (245, 66), (380, 66),
)  # fmt: skip
_MEDITERRANEAN = ((20, 30), (34, 30), (37, 36), (44, 40), (44, 66), (20, 66))
_INDIAN = (
    (20, -35), (20, 20), (34, 30), (36, 32), (99, 31), (99, 9), (101, 4), (104, -2), (106, -6.5),
    (115, -8.5), (125, -8.5), (131, -8.5), (142, -10), (146.9, -20), (146.9, -35),
)  # fmt: skip


def basin_weights(grid: Grid) -> xr.DataArray:
    """(region, depth, lat, lon) water volume in each of BASINS, m3; cells belong by their centre."""
    lat, lon = np.meshgrid(grid.lat, WEST + np.mod(grid.lon - WEST, 360.0), indexing="ij")
    southern, arctic = lat < SOUTHERN, lat >= ARCTIC
    between = ~southern & ~arctic
    atlantic = between & (_inside(_ATLANTIC, lon, lat) | _inside(_MEDITERRANEAN, lon, lat))
    indian = between & _inside(_INDIAN, lon, lat) & ~atlantic
    pacific = between & ~atlantic & ~indian
    shares = np.stack([np.ones_like(between), atlantic, pacific, indian, southern, arctic])
    share = xr.DataArray(shares.astype(float), {"region": list(BASINS)}, ("region", "lat", "lon"))
    volume = ocean_weights(grid)
    weights = (share * volume).transpose("region", "depth", "lat", "lon")
    return weights.assign_coords(volume.coords).assign_attrs(units="m3")


def _inside(corners: tuple[tuple[float, float], ...], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """True within a polygon, its edge included."""
    return np.asarray(shapely.intersects_xy(shapely.Polygon(corners), lon, lat))
