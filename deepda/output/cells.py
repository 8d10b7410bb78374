"""What every file says of its cells: coordinates, bounds, areas, mask, and the space that they cover."""

from __future__ import annotations

import numpy as np
import xarray as xr

from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS


def described_cells(grid: Grid) -> xr.Dataset:
    """Coordinates, bounds, areas and mask of the cells, and the figure of the Earth."""
    cells = grid.coords()
    for name, variable in cells.variables.items():
        if "units" in variable.attrs:
            content = "coordinate" if name in cells.coords else "referenceInformation"
            described = {"coverage_content_type": content}
            cells[name].attrs = {"long_name": str(name), **variable.attrs, **described}
    sphere = {"grid_mapping_name": "latitude_longitude", "earth_radius": EARTH_RADIUS}
    return cells.assign(crs=((), np.int32(0), sphere))


def covered_space(grid: Grid) -> dict[str, str | float]:
    """ACDD extent: of the cells, not of their centres."""
    (south, north), (west, east), (top, bottom) = (
        (float(edges[0]), float(edges[-1]))
        for edges in (grid.lat_edges, grid.lon_edges, grid.depth_edges)
    )
    ring = [(south, west), (north, west), (north, east), (south, east), (south, west)]
    return {
        "geospatial_bounds": f"POLYGON (({', '.join(f'{lat:g} {lon:g}' for lat, lon in ring)}))",
        "geospatial_bounds_crs": "EPSG:4326",
        "geospatial_bounds_vertical_crs": "EPSG:5831",
        "geospatial_lat_min": south,
        "geospatial_lat_max": north,
        "geospatial_lat_units": "degrees_north",
        "geospatial_lat_resolution": f"{np.diff(grid.lat_edges).mean():.4g} degrees",
        "geospatial_lon_min": west,
        "geospatial_lon_max": east,
        "geospatial_lon_units": "degrees_east",
        "geospatial_lon_resolution": f"{np.diff(grid.lon_edges).mean():.4g} degrees",
        "geospatial_vertical_min": top,
        "geospatial_vertical_max": bottom,
        "geospatial_vertical_units": "m",
        "geospatial_vertical_resolution": f"{grid.thickness.min():.4g} to {grid.thickness.max():.4g} m",
        "geospatial_vertical_positive": "down",
    }
