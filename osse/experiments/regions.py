"""The seas that the experiments score apart: basins, and the tropics apart from what lies beyond."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from deepda.geometry.grid import Grid
from deepda.verification.basins import basin_weights

TROPICS = 20.0  # degrees
# name: basin of `deepda.verification.basins`, southern and northern limit of the cell centres, degrees
SEAS: dict[str, tuple[str, float, float]] = {
    "global": ("global", -90, 90),
    "tropical Pacific": ("Pacific", -TROPICS, TROPICS),
    "North Pacific": ("Pacific", TROPICS, 90),
    "tropical Atlantic": ("Atlantic", -TROPICS, TROPICS),
    "North Atlantic": ("Atlantic", TROPICS, 90),
    "Indian Ocean": ("Indian", -90, 90),
    "Southern Ocean": ("Southern", -90, 90),
}


def sea_weights(grid: Grid) -> xr.DataArray:
    """(region, depth, lat, lon) water volume in each of SEAS, m3; cells belong by their centre.

    The subtropical South Atlantic and South Pacific, and the Arctic, count in the global one only.
    """
    basins = basin_weights(grid)
    inside = [
        basins.sel(region=basin).where((basins["lat"] > south) & (basins["lat"] <= north), 0.0)
        for basin, south, north in SEAS.values()
    ]
    parts = xr.concat([part.drop_vars("region") for part in inside], "region")
    return parts.assign_coords(region=np.array(list(SEAS))).assign_attrs(units="m3")


def by_region(by_depth: xr.DataArray, pooled: xr.DataArray | None = None) -> dict[str, dict[str, Any]]:
    """Scores (region, depth) as JSON holds them: `by_depth` of each region, and `all` where pooled.

    None where a region has no water.
    """
    tree: dict[str, dict[str, Any]] = {}
    for region in by_depth["region"].values:
        tree[str(region)] = {} if pooled is None else {"all": _number(pooled.sel(region=region))}
        tree[str(region)]["by_depth"] = [_number(value) for value in by_depth.sel(region=region)]
    return tree


def _number(value: xr.DataArray) -> float | None:
    return round(float(value), 6) if np.isfinite(float(value)) else None
