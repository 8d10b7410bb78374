"""Fields on the cells of a grid beside the analyses: climatologies, maps of scores, attributions.

Cells, global attributes, packing and fill value are those of the analysis files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from deepda.base.files import write_whole
from deepda.geometry.grid import Grid
from deepda.geometry.windows import Windows
from deepda.output.cells import described_cells
from deepda.output.cf import FILL, Attribute, covered_time, global_attributes

CELL = ("lat", "lon")
PLACED = {
    "cell_measures": "area: areacello",
    "grid_mapping": "crs",
    "coverage_content_type": "modelResult",
}


def write_fields(
    path: Path,
    grid: Grid,
    fields: xr.Dataset,
    attributes: Mapping[str, Attribute],
    span: Windows | None = None,
) -> None:
    """Write fields with the cells that they lie in.

    Args:
        fields: (..., depth, lat, lon) of the grid, NaN on land, each with `long_name` and `units`;
            others go along. Their global attributes win.
        attributes: global ones, `title` and `summary` among these or those.
        span: windows that they are of; None: not of a period.

    Raises:
        OSError: the file cannot be written.
    """
    cells = described_cells(grid)
    own = {name: field.variable for name, field in fields.data_vars.items()}
    more = {name: at.variable for name, at in fields.coords.items() if name not in cells.coords}
    about = dict(attributes) | {str(name): value for name, value in fields.attrs.items()}
    covered = {} if span is None else covered_time(span.start[0], span.end[-1])
    dataset = cells.assign(own).assign_coords(more)
    dataset.attrs = global_attributes(grid, covered | about)
    encoding: dict[Any, dict[str, Any]] = {name: {"_FillValue": None} for name in dataset.variables}
    for name, field in own.items():
        if set(CELL) <= set(field.dims):
            dataset[name].attrs = {**field.attrs, **PLACED}
            encoding[name] = {"zlib": True, "complevel": 1, "_FillValue": FILL, "dtype": "f4"}
    write_whole(path, lambda hidden: dataset.to_netcdf(hidden, encoding=encoding))
