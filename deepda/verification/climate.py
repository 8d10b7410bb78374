"""Climate quantities of an analysis: trends, heat content, El Niño."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from deepda.geometry.grid import Grid
from deepda.verification.autocorrelation import slope_uncertainty
from deepda.verification.guards import VerificationError
from deepda.verification.scores import REGIONS, region_weights, weighted_mean

RHO = 1026.0  # kg m-3, reference density of NEMO (and so of ORAS5, GLORYS, C-GLORS)
SPECIFIC_HEAT = 3991.867957  # J kg-1 K-1, TEOS-10 (IOC et al. 2010, eq. 3.3.3)
DAYS_PER_YEAR = 365.2425
FEWEST = 1.0  # independent values: with fewer the series is one swing, of which no trend can be seen
FEWEST_YEARS = 5  # that a trend is shown for
SECONDS_PER_DECADE = 10 * DAYS_PER_YEAR * 86400.0


class Trend(NamedTuple):
    """A linear trend; all without the dimension `time`.

    Attributes:
        slope: units of the series per decade.
        standard_error: of the slope, autocorrelation allowed for.
        effective_size: number of independent values in the series.
        half_width: half of the 95 % confidence interval of the slope; NaN where fewer than FEWEST
            values are independent.
    """

    slope: xr.DataArray
    standard_error: xr.DataArray
    effective_size: xr.DataArray
    half_width: xr.DataArray

    def numbers(self) -> dict[str, float | None]:
        """Slope and half width of a single series as JSON holds them: None without an interval."""
        half = float(self.half_width)
        return {"slope": float(self.slope), "half_width": half if np.isfinite(half) else None}


def trend(series: xr.DataArray) -> Trend:
    """Least-squares trend per decade with an interval that allows for autocorrelation.

    Covers 95 % within sampling for white noise as for a lag-one autocorrelation of 0.8 at 40 values; see
    `deepda.verification.autocorrelation`. n values of autocorrelation r count as n (1 - r) / (1 + r)
    independent ones (Santer et al. 2000, J. Geophys. Res. 105, 7337, eq. 6).

    Args:
        series: (time, ...) with datetime64 or cftime stamps at about equal distance, deseasonalised.

    Raises:
        VerificationError: fewer than three times.
    """
    if series.sizes["time"] < 3:
        raise VerificationError(f"{series.sizes['time']} times found, a trend needs at least three")
    decades = _decades(series)
    centred = decades - decades.mean()
    slope = xr.dot(centred, series, dim="time") / float((centred**2).sum())
    rest = (series - series.mean("time", skipna=False) - slope * centred).transpose("time", ...)
    found = slope_uncertainty(rest.values.reshape(len(rest), -1).astype(float), centred.values)
    error, half, lag = (slope.copy(data=part.reshape(slope.shape)) for part in found)
    effective = series.sizes["time"] * (1 - lag) / (1 + lag)
    return Trend(slope, error, effective, half.where(effective >= FEWEST))


def heat_content(thetao: xr.DataArray, grid: Grid, bottom: float, top: float = 0.0) -> xr.DataArray:
    """(..., lat, lon) heat content per area between two depths, J m-2; NaN where there is no water.

    Layers cut by `top` or `bottom` count by the part inside; a shallower column holds the water it
    has. Of degC it is relative to 0 degC; of anomalies it is the anomaly.

    Args:
        thetao: (..., depth, lat, lon) degC or K.
        bottom, top: m, positive down.

    Raises:
        VerificationError: bottom not below top, or the grid does not reach down to it.
    """
    if not top < bottom <= grid.depth_edges[-1] + 1e-6:
        raise VerificationError(
            f"heat content from {top:g} to {bottom:g} m was asked for, the grid reaches from "
            f"{grid.depth_edges[0]:g} to {grid.depth_edges[-1]:g} m; choose a depth inside"
        )
    thickness = grid.thickness_above(bottom, top)[:, None, None] * grid.ocean
    layers = xr.DataArray(thickness, dims=("depth", "lat", "lon"))
    total = xr.dot(thetao.where(layers > 0, 0.0), layers, dim="depth") * (RHO * SPECIFIC_HEAT)
    return total.where(layers.sum("depth") > 0).assign_attrs(units="J m-2")


def nino34(anomaly: xr.DataArray, grid: Grid) -> xr.DataArray:
    """(time) mean surface anomaly in 5 S-5 N, 170-120 W, K; cells cut by the box count by area.

    Args:
        anomaly: (time, depth, lat, lon) K from the seasonal cycle; the uppermost level is used.
    """
    surface = region_weights(grid, REGIONS["Niño 3.4"]).isel(depth=0)
    return weighted_mean(anomaly.isel(depth=0), surface, ("time",)).assign_attrs(units="K")


def _decades(series: xr.DataArray) -> xr.DataArray:
    times = series["time"].values
    since = times - times[0]
    if np.issubdtype(times.dtype, np.datetime64):
        days = since / np.timedelta64(1, "D")
    else:
        days = np.array([step.total_seconds() / 86400.0 for step in since])
    return xr.DataArray(days / (10 * DAYS_PER_YEAR), {"time": series["time"]}, ("time",))
