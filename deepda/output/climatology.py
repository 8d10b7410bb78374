"""The climatology of a product in a file of its own: what its anomalies are departures from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.text import period
from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.output.cf import (
    ROLE,
    TIME_UNITS,
    VARIABLES,
    WINDOW_OF_YEAR,
    Attribute,
    days_since_epoch,
    window_of_year,
)
from deepda.output.fields import write_fields
from deepda.output.roles import without_network

CLIMATOLOGY = "climatology.nc"  # beside the years of a product
PERIOD = "climatology_period"  # of the observations' attributes: first and last year, where it is known
TIME, BOUNDS = "climatological_time", "climatology_bnds"
SPACE = "area: mean where sea depth: mean"


def write_climatology(
    path: Path, grid: Grid, mean: NDArray[np.float32], attributes: Mapping[str, Attribute]
) -> None:
    """Write thetao(window_of_year, depth, lat, lon) degC, rounded as the analyses are.

    Args:
        mean: (season, depth, lat, lon) degC; anything on land.
        attributes: global ones of the analyses; the years that it stands for are taken from PERIOD of
            `observations`.

    Raises:
        OSError: the file cannot be written.
    """
    variable = VARIABLES["thetao"]
    quantum = np.float32(variable.quantum)
    years = _years(attributes)
    field = xr.DataArray(
        np.where(grid.ocean, np.rint(mean / quantum) * quantum, np.float32(np.nan)),
        dims=(WINDOW_OF_YEAR, "depth", "lat", "lon"),
        attrs={
            **variable.attributes,
            "long_name": "climatology of the potential temperature",
            ROLE: "climatology",
            **_meaning(years),
        },
    )
    index = np.arange(1, len(mean) + 1, dtype=np.int32)
    made = xr.Dataset({"thetao": field}).assign_coords(
        {WINDOW_OF_YEAR: (WINDOW_OF_YEAR, index, window_of_year(len(mean)))}
    )
    if years is not None:
        made = _with_time(made, years, len(mean))
    about = {"title": f"Climatology of: {attributes['title']}", ROLE: "climatology"}
    write_fields(path, grid, made, {**without_network(attributes), **about})


def _years(attributes: Mapping[str, Attribute]) -> Sequence[int] | None:
    """First and last year that a climatology stands for; None where nothing says so."""
    observations = attributes.get("observations")
    return observations.get(PERIOD) if isinstance(observations, Mapping) else None


def _meaning(years: Sequence[int] | None) -> dict[str, str]:
    if years is None:
        return {
            "cell_methods": SPACE,
            "comment": "mean of each window of the year; of which years is not known",
        }
    return {
        "cell_methods": f"{SPACE} time: mean within years time: mean over years",
        "comment": f"mean of each window of the year in {period(years, '-')}",
    }


def _with_time(made: xr.Dataset, years: Sequence[int], per_year: int) -> xr.Dataset:
    """With what CF calls climatological time: from the first to the last year, window by window.

    It is no coordinate called `time`, so that a window of the year is subtracted from any year.
    """
    first, last = (windows(year, year, per_year) for year in (years[0], years[-1]))
    bounds = np.stack([days_since_epoch(first.start), days_since_epoch(last.end)], axis=1)
    units = {"units": TIME_UNITS, "calendar": "standard"}
    middle = windows((years[0] + years[-1]) // 2, (years[0] + years[-1]) // 2, per_year).middle
    described = {"standard_name": "time", "long_name": "window in the middle year", **units}
    time = (WINDOW_OF_YEAR, days_since_epoch(middle), {**described, "climatology": BOUNDS})
    return made.assign_coords({TIME: time}).assign({BOUNDS: ((WINDOW_OF_YEAR, "bnds"), bounds, units)})
