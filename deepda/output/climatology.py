"""The climatology of a product in a file of its own: what its anomalies are departures from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.files import write_whole
from deepda.geometry.grid import Grid
from deepda.output.cf import CONVENTIONS, FILL, VARIABLES, WINDOW_OF_YEAR, Attribute, window_of_year

CLIMATOLOGY = "climatology.nc"  # beside the years of a product


def write_climatology(
    path: Path, grid: Grid, mean: NDArray[np.float32], attributes: Mapping[str, Attribute]
) -> None:
    """Write thetao(window_of_year, depth, lat, lon) degC, rounded as the analyses are.

    Args:
        mean: (season, depth, lat, lon) degC; anything on land.
        attributes: global ones of the analyses; mappings are left out.

    Raises:
        OSError: the file cannot be written.
    """
    variable = VARIABLES["thetao"]
    quantum = np.float32(variable.quantum)
    field = xr.DataArray(
        np.where(grid.ocean, np.rint(mean / quantum) * quantum, np.float32(np.nan)),
        dims=(WINDOW_OF_YEAR, "depth", "lat", "lon"),
        attrs={**variable.attributes, "long_name": "climatology of the potential temperature"},
    )
    index = np.arange(1, len(mean) + 1, dtype=np.int32)
    about = {name: value for name, value in attributes.items() if not isinstance(value, Mapping)}
    dataset = (
        grid.coords()
        .assign(thetao=field)
        .assign_coords({WINDOW_OF_YEAR: (WINDOW_OF_YEAR, index, window_of_year(len(mean)))})
        .assign_attrs(about, Conventions=CONVENTIONS, grid_checksum=grid.checksum)
        .assign_attrs(title=f"Climatology of: {attributes['title']}")
    )
    encoding = {"thetao": {"zlib": True, "complevel": 1, "_FillValue": FILL, "dtype": "f4"}}
    write_whole(path, lambda hidden: dataset.to_netcdf(hidden, encoding=encoding))
