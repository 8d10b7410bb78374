"""Heat content of basins from their layer means, its trend, and what others found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS
from deepda.verification import Trend, VerificationError, trend
from deepda.verification.climate import RHO, SECONDS_PER_DECADE, SPECIFIC_HEAT

EARTH = 4 * np.pi * EARTH_RADIUS**2  # m2
DEPTHS = (300.0, 700.0, 2000.0)  # m, that heat content is given down to


class Published(NamedTuple):
    """A range of heat content trends of other products, W m-2.

    From npj Clim. Atmos. Sci. 2024, s41612-024-00860-6, Table 1: ORAS5, GLORYS, FOAM, C-GLORS, IAP.
    """

    first: int
    last: int
    bottom: float
    low: float
    high: float


PUBLISHED = (
    Published(1993, 2017, 300.0, 0.35, 0.45),
    Published(1993, 2017, 700.0, 0.57, 0.77),
    Published(2005, 2017, 300.0, 0.20, 0.28),
    Published(2005, 2017, 700.0, 0.31, 0.45),
)


def heat_bottoms(grid: Grid) -> list[float]:
    """Those of DEPTHS that the grid reaches, or its bottom where it reaches none."""
    bottom = float(grid.depth_edges[-1])
    return [depth for depth in DEPTHS if depth <= bottom + 1e-6] or [bottom]


def basin_heat(means: xr.DataArray, basins: xr.DataArray, grid: Grid, bottom: float) -> xr.DataArray:
    """(time, region) heat content from the surface down to `bottom` m, J (relative to 0 degC).

    The same as the area integral of `verification.heat_content`: the integral over a layer is its mean
    times its volume.

    Args:
        means: (time, region, depth) degC over the water of each layer; NaN where there is none.
        basins: (region, depth, lat, lon) m3.
        bottom: m, positive down; layers cut by it count by the part above.

    Raises:
        VerificationError: the grid does not reach down to it.
    """
    if bottom > grid.depth_edges[-1] + 1e-6:
        raise VerificationError(
            f"heat content to {bottom:g} m was asked for, the grid reaches "
            f"{grid.depth_edges[-1]:g} m; choose a depth inside"
        )
    inside = grid.thickness_above(bottom) / grid.thickness
    share = xr.DataArray(inside, {"depth": means["depth"]}, ("depth",))
    volume = basins.sum(("lat", "lon")).assign_coords(depth=means["depth"]) * share
    total = xr.dot(means.fillna(0.0), volume, dim="depth") * (RHO * SPECIFIC_HEAT)
    return total.where(volume.sum("depth") > 0).transpose("time", "region").assign_attrs(units="J")


def surface_area(basins: xr.DataArray, grid: Grid) -> xr.DataArray:
    """(region) m2 of ocean at the uppermost level."""
    return basins.isel(depth=0).sum(("lat", "lon")) / grid.thickness[0]


def without_season(series: xr.DataArray, per_year: int) -> xr.DataArray:
    """(time, ...) a series of whole years less its mean seasonal cycle, in its units; its mean is zero.

    The cycle is fitted together with a straight line, which would else come out as a staircase.
    """
    values = series.values.reshape(-1, per_year, *series.shape[1:])
    year = np.arange(len(values)) - (len(values) - 1) / 2
    slope = np.tensordot(year, values.mean(axis=1), 1) / (year @ year)  # per year
    within = (np.arange(per_year) + 0.5) / per_year - 0.5
    cycle = values.mean(axis=0) - np.multiply.outer(within, slope)
    return series.copy(data=(values - cycle).reshape(series.shape))


def annual_means(series: xr.DataArray, per_year: int) -> xr.DataArray:
    """(time, ...) means of whole years, stamped at their middle, in the units of the series."""
    years = series.values.reshape(-1, per_year, *series.shape[1:]).mean(axis=1)
    kept = {name: at for name, at in series.coords.items() if name != "time" and "time" not in at.dims}
    middle = series["time"].values[per_year // 2 :: per_year]
    return xr.DataArray(years, {"time": middle, **kept}, series.dims, attrs=series.attrs)


def heat_trend(annual: xr.DataArray, area: float) -> Trend:
    """Trend of annual heat contents (time) J as a flux through `area` m2, W m-2."""
    found = trend(annual)
    scale = 1.0 / (SECONDS_PER_DECADE * area)
    return Trend(
        found.slope * scale, found.standard_error * scale, found.effective_size, found.half_width * scale
    )
