"""One window as an xarray dataset that is what an analysis file of that window holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows
from deepda.output.cf import WINDOW_OF_YEAR, Attribute
from deepda.output.netcdf import AnalysisWriter
from deepda.output.results import ARGUMENTS

STORAGE = ("chunksizes", "original_shape", "preferred_chunks", "source", "contiguous")  # of a file


def dataset_of(
    grid: Grid,
    window: Windows,
    fields: Mapping[str, NDArray[np.float32]],
    attributes: Mapping[str, Attribute],
) -> xr.Dataset:
    """Fields of one window with the coordinates and attributes of our files; `to_netcdf` keeps them.

    Args:
        window: one.
        fields: (depth, lat, lon) by name, `thetao` among them.

    Returns:
        The fields (time, depth, lat, lon) of the one window, rounded as in files, with its `time_bnds`.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "window.nc"
        with AnalysisWriter(path, grid, window, variables=tuple(fields), attributes=attributes) as out:
            out.write(0, **{ARGUMENTS[name]: field for name, field in fields.items()})
        dataset = xr.load_dataset(path)
    for variable in dataset.variables.values():
        for name in STORAGE:
            variable.encoding.pop(name, None)
        variable.encoding.setdefault("_FillValue", None)  # or xarray would invent one for coordinates
    for name in fields:  # the other coordinates are listed once, for the file
        dataset[name].encoding["coordinates"] = WINDOW_OF_YEAR
    dataset.encoding = {}
    return dataset
