"""What an evaluation compares: frame, record of a product, comparison of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.evaluation.calendars import Axis
from deepda.evaluation.reliability import Reliability
from deepda.geometry.grid import Grid
from deepda.verification.basins import basin_weights
from deepda.verification.thermocline import levels_shown

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """Where and when everything is compared.

    Attributes:
        grid: cells, with the ocean that all products have.
        basins: (region, depth, lat, lon) m3.
        levels: uppermost level, and the one shown below if there is one.
    """

    grid: Grid
    axis: Axis
    basins: xr.DataArray
    levels: tuple[int, ...]

    @classmethod
    def of(cls, grid: Grid, axis: Axis) -> Frame:
        return cls(grid, axis, basin_weights(grid), levels_shown(grid))

    def field(self, values: NDArray, *lead: str) -> xr.DataArray:
        """(..., depth, lat, lon) with coordinates."""
        place = {"depth": self.grid.depth, "lat": self.grid.lat, "lon": self.grid.lon}
        return xr.DataArray(values, place, (*lead, "depth", "lat", "lon"))

    def over_time(self, values: NDArray, *rest: str) -> xr.DataArray:
        """(time, ...) with the stamps of the windows."""
        return xr.DataArray(values, {"time": self.axis.windows.middle}, ("time", *rest))

    @property
    def season(self) -> NDArray[np.intp]:
        return self.axis.windows.season


@dataclass(frozen=True, eq=False)
class Record:
    """What the files of one product hold.

    Attributes:
        cycle: (term, depth, lat, lon) degC, see `deepda.climatology.seasonal.harmonic_basis`.
        variance: (depth, lat, lon) K2 of anomalies.
        means: (time, region, depth) degC by basin.
        levels: (level, time, lat, lon) K anomalies at the levels of the frame.
        annual: (layer, year, lat, lon) anomalies: surface (K), heat content by depth (J m-2).
        isotherm: (time, lon) m, depth of 20 degC within 2 degrees of the equator; None where none is.
        spectrum: (depth, wavenumber) K2 per cycle per degree; None without stretches of ocean.
        density: (depth, value) per K.
    """

    name: str
    cycle: xr.DataArray
    variance: xr.DataArray
    means: xr.DataArray
    levels: xr.DataArray
    annual: xr.DataArray
    isotherm: xr.DataArray | None
    spectrum: xr.DataArray | None
    density: xr.DataArray

    @property
    def stddev(self) -> xr.DataArray:
        """(depth, lat, lon) K of anomalies."""
        return self.variance**0.5


@dataclass(frozen=True, eq=False)
class Comparison:
    """A product against the reference, in the windows after the spin-up; error = product - reference.

    Attributes:
        bias: (depth, lat, lon) K.
        square: (depth, lat, lon) K2, mean square error, bias included.
        covariance, own_variance, true_variance: (depth, lat, lon) K2 of the anomalies of both, of the
            product and of the reference.
        by_time: (time, depth) K, root mean square over the ocean, in the spin-up too.
        reliability: of the stated spread, None where the product states none.
    """

    bias: xr.DataArray
    square: xr.DataArray
    covariance: xr.DataArray
    own_variance: xr.DataArray
    true_variance: xr.DataArray
    by_time: xr.DataArray
    reliability: Reliability | None

    @property
    def rmse(self) -> xr.DataArray:
        """(depth, lat, lon) K."""
        return self.square**0.5


def correlation(comparison: Comparison) -> xr.DataArray:
    """(depth, lat, lon) of anomalies in time, dimensionless; NaN where one side does not vary."""
    power = comparison.own_variance * comparison.true_variance
    return comparison.covariance / power.where(power > 0) ** 0.5
