"""What stands in an analysis file: variables, coordinates and attributes after CF-1.11 and ACDD-1.3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepda.base.synthetic import ATTRIBUTE, VALUE
from deepda.geometry.grid import Grid
from deepda.geometry.windows import PENTADS, Windows
from deepda.output.cells import covered_space, described_cells
from deepda.output.chunks import tile, windows_at_once

FILL = np.float32(1e20)  # the fill value of the CMIP archives
REFERENCES = "Ham, Joo, Kim and Lee 2024, Nature Machine Intelligence, doi:10.1038/s42256-024-00867-x"
EPOCH = np.datetime64("1950-01-01", "s")
TIME_UNITS = "days since 1950-01-01 00:00:00"
WINDOW_OF_YEAR = "window_of_year"  # name of the index of a window in its year, from 1
SPINUP_WINDOWS = "spinup_windows"  # attribute: so many windows at the beginning of the file are spin-up
ROLE = "role"  # attribute: what temperatures are, where they are no analysis
CONVENTIONS = "CF-1.11, ACDD-1.3"
STANDARD_NAMES = "CF Standard Name Table v93"

Attribute = str | int | float | Mapping[str, Any]


@dataclass(frozen=True)
class Variable:
    """One line of the table of what a file may hold.

    Attributes:
        quantum: values are rounded to its multiples, a power of two, so that they compress; in the
            units of the variable and far below what is known of it.
        per_member: has the dimension `realization`.
    """

    quantum: float
    per_member: bool
    attributes: Mapping[str, str]


_POTENTIAL_TEMPERATURE = {
    "standard_name": "sea_water_potential_temperature",
    "units": "degC",
    "units_metadata": "temperature: on_scale",
}
VARIABLES: Mapping[str, Variable] = {  # those of one standard name differ in `role`
    "thetao": Variable(
        2.0**-10,
        False,
        _POTENTIAL_TEMPERATURE | {"long_name": "potential temperature", "role": "analysis"},
    ),
    "thetao_background": Variable(
        2.0**-10,
        False,
        _POTENTIAL_TEMPERATURE
        | {"long_name": "potential temperature forecast, before the observations", "role": "background"},
    ),
    "thetao_members": Variable(
        2.0**-10,
        True,
        _POTENTIAL_TEMPERATURE
        | {
            "long_name": "potential temperature, members",
            "role": "members",
            "comment": "each is thetao and a draw of its error, as likely as any other; the error of a "
            "mean over cells or windows is the spread of the same mean of the members about that of "
            "thetao; the mean over N members has an error of its own, 1 / sqrt(N) of the spread",
        },
    ),
    "thetao_stddev": Variable(
        2.0**-12,
        False,
        {
            "standard_name": "sea_water_potential_temperature standard_error",
            "long_name": "standard deviation of the error of the potential temperature",
            "units": "K",
            "units_metadata": "temperature: difference",
            "comment": "stated by the network, of one cell and window; not of a mean over several, for "
            "which the spread of members is to be taken",
        },
    ),
    "thetao_observation_influence": Variable(
        2.0**-8,
        False,
        {
            "long_name": "share of the analysis that comes from the observations of the window",
            "units": "1",
            "comment": "0: the analysis is the background; 1: it follows the observations alone",
        },
    ),
}
_ANCILLARY = ("thetao_stddev", "thetao_observation_influence")


SYNTHETIC: Mapping[str, str] = {  # nothing synthetic may pass for the real ocean
    "summary": "Potential temperature of a simulated ocean, from synthetic observations of it; dates "
    "name the observing system that was drawn, not days of the real ocean",
    ATTRIBUTE: VALUE,
}


@dataclass(frozen=True, eq=False)
class Header:
    """Everything in a file but its fields.

    Attributes:
        grid, windows: the coordinates.
        variables: names out of VARIABLES.
        members: size of `realization` of `thetao_members`, 0 for none.
        attributes: global attributes; they win over the derived ones, mappings become JSON. ROLE among
            them is that of `thetao`.
    """

    grid: Grid
    windows: Windows
    variables: tuple[str, ...]
    members: int
    attributes: Mapping[str, Attribute]

    def write(self, file: netCDF4.Dataset) -> None:
        """Define dimensions, coordinates, bounds and (still empty) fields in an open file."""
        file.setncatts(self._global_attributes())
        if self.members:
            file.createDimension("realization", self.members)
            member = {
                "standard_name": "realization",
                "long_name": "number of the member; the analysis itself is none of them",
                "units": "1",
            }
            numbers = np.arange(1, self.members + 1, dtype=np.int32)
            _put(file, "realization", ("realization",), numbers, member)
        file.createDimension("time", len(self.windows))
        for name, size in zip(("depth", "lat", "lon"), self.grid.shape, strict=True):
            file.createDimension(name, size)
        file.createDimension("bnds", 2)
        _put_time(file, self.windows)
        for cell, at in described_cells(self.grid).variables.items():
            _put(file, str(cell), tuple(map(str, at.dims)), at.values, at.attrs)
        for name in self.variables:
            self._declare(file, name)

    @property
    def windows_at_once(self) -> int:
        """How many windows a chunk holds."""
        values = int(np.prod(self.grid.shape)) * max(1, self.members)
        return windows_at_once(len(self.windows), values)

    def _declare(self, file: netCDF4.Dataset, name: str) -> None:
        together = self.windows_at_once
        cells = tile(together, *self.grid.shape[1:])
        lead = ("realization",) if VARIABLES[name].per_member else ()
        variable = file.createVariable(
            name,
            "f4",
            (*lead, "time", "depth", "lat", "lon"),
            fill_value=FILL,
            compression="zlib",
            complevel=1,
            chunk_cache=1,  # byte: no chunk fits, else all would be compressed at closing, none before
            chunksizes=(*(1,) * len(lead), together, 1, *cells),
        )
        variable.set_auto_maskandscale(False)
        variable.setncatts(self._field_attributes(name))

    def _field_attributes(self, name: str) -> dict[str, str]:
        variable = VARIABLES[name]
        power, unit = np.log2(variable.quantum), variable.attributes["units"]
        rounding = f"rounded to multiples of 2^{power:.0f} {unit}"
        known = [other for other in _ANCILLARY if other in self.variables and name == "thetao"]
        stated = name == "thetao" and ROLE in self.attributes
        return {
            **variable.attributes,
            **({"role": str(self.attributes[ROLE])} if stated else {}),
            "comment": "; ".join(filter(None, [variable.attributes.get("comment"), rounding])),
            **({"ancillary_variables": " ".join(known)} if known else {}),
            "cell_methods": "area: mean where sea depth: mean time: mean",
            "cell_measures": "area: areacello",
            "grid_mapping": "crs",
            "coordinates": WINDOW_OF_YEAR,
            "coverage_content_type": "modelResult",
        }

    def _global_attributes(self) -> dict[str, Any]:
        derived: dict[str, Attribute] = {
            **covered_time(self.windows.start[0], self.windows.end[-1]),
            "time_coverage_resolution": "P5D" if self.windows.per_year == PENTADS else "P1M",
            # xarray's convention: they stay single when years are opened together
            "coordinates": "time_bnds lat_bnds lon_bnds depth_bnds areacello ocean",
        }
        return global_attributes(self.grid, derived | dict(self.attributes))


def global_attributes(grid: Grid, more: Mapping[str, Attribute]) -> dict[str, Any]:
    """Those of any file of fields on a grid; what is given wins, mappings become JSON."""
    derived: dict[str, Attribute] = {
        "Conventions": CONVENTIONS,
        "title": "Global ocean potential temperature analysis by DeepDA",
        "summary": "Gap-free potential temperature of the ocean on a regular grid, every few days",
        "keywords": "EARTH SCIENCE > OCEANS > OCEAN TEMPERATURE > POTENTIAL TEMPERATURE",
        "keywords_vocabulary": "GCMD Science Keywords",
        "standard_name_vocabulary": STANDARD_NAMES,
        "source": "DeepDA, a network trained on a control simulation, cycled with observations",
        "history": "written by DeepDA",
        "references": REFERENCES,
        "cdm_data_type": "Grid",
        "processing_level": "4",
        **covered_space(grid),
        "grid_checksum": grid.checksum,
    }
    return {
        name: json.dumps(value, sort_keys=True) if isinstance(value, Mapping) else value
        for name, value in (derived | dict(more)).items()
    }


def _put(
    file: netCDF4.Dataset,
    name: str,
    dims: tuple[str, ...],
    value: ArrayLike,
    attributes: Mapping[str, Any],
) -> None:
    variable = file.createVariable(name, np.asarray(value).dtype, dims)
    variable.setncatts(attributes)
    variable[...] = value


def _put_time(file: netCDF4.Dataset, windows: Windows) -> None:
    attributes = {
        "standard_name": "time",
        "long_name": "middle of the assimilation window",
        "units": TIME_UNITS,
        "units_metadata": "leap_seconds: none",
        "calendar": "standard",
        "axis": "T",
        "bounds": "time_bnds",
        "comment": "windows are half-open: their start belongs to them, their end to the next",
        "coverage_content_type": "coordinate",
    }
    bounds = np.stack([days_since_epoch(windows.start), days_since_epoch(windows.end)], axis=1)
    _put(file, "time", ("time",), days_since_epoch(windows.middle), attributes)
    _put(file, "time_bnds", ("time", "bnds"), bounds, {})
    index = windows.season.astype(np.int32) + 1
    _put(file, WINDOW_OF_YEAR, ("time",), index, window_of_year(windows.per_year))


def window_of_year(per_year: int) -> dict[str, str]:
    """Attributes of the index that a window has in its year, the same in leap years."""
    pentads = "pentad of the year, 1 to 73; in leap years the 12th has six days, with 29 February"
    return {"long_name": pentads if per_year == PENTADS else "month of the year, 1 to 12"}


def days_since_epoch(times: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Times as they stand in files."""
    return (times.astype("datetime64[s]") - EPOCH) / np.timedelta64(86400, "s")


def covered_time(start: np.datetime64, end: np.datetime64) -> dict[str, Attribute]:
    """ACDD extent in time, of which the end is no part."""
    days = int((end - start) / np.timedelta64(1, "D"))
    return {
        "time_coverage_start": f"{start}Z",
        "time_coverage_end": f"{end}Z",
        "time_coverage_duration": f"P{days}D",
    }
