"""Feedback in the layout of NEMO's observation operator, which `deepda.observations.fdbk` reads.

NEMO reference manual, chapter OBS, "feedback file format". One cast is one N_OBS, its values are
N_LEVELS, padded. POTM (or SST) has OBS (what was observed), Hx (background equivalent), Hxa (analysis
equivalent) and SPREAD (of the background); the extra variable ERROR is that of the observation.

Where we go beyond the manual: X_LEVEL_QC_FLAGS holds our number of the reason and a bit mask (1 used, 2
withheld), with their meanings as attributes; JULD has CF units beside JULD_REFERENCE, so that xarray
decodes it; station names may be longer than 8 characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.feedback.window import REJECTED, state_of
from deepda.observations.qualities import QUALITIES
from deepda.output.netcdf import LIBRARY
from deepda.quality.casts import cast_numbers, platforms

FILL = 99999.0  # NEMO's fbrmdi
REFERENCE = np.datetime64("1950-01-01", "s")
Q = "q where q =[0,9]"  # the words of the manual
GOOD, REJECT = 1, 4  # q of the manual; 0 is not controlled, 2 probably good
QUALITY_CODES = {"good": 1, "probably_good": 2, "unknown": 0, "suspect": 3, "bad": 4}
ENTRIES = {"Hx": "background", "Hxa": "analysis", "SPREAD": "spread"}
CELLS = 4_000_000  # values that are padded and written at a time
# A code of each type, WMO table 1770 for profiles and ICOADS PT at the surface; "SAT" is ours.
STATIONS = {
    "argo": "831", "xbt": "001", "ctd": "830", "mooring": "820",
    "ship": "5", "drifter": "7", "satellite": "SAT",
}  # fmt: skip


KINDS = {  # of files: prefix, variable, and what that is in words
    "profile": ("profb", "POTM", "potential temperature"),
    "surface": ("sstfb", "SST", "sea surface temperature"),
}


def surface_rows(table: pd.DataFrame) -> NDArray[np.bool_]:
    """(row) True where a row belongs in the file of the surface: satellites, ships, drifters."""
    return np.isin(platforms(table), ("satellite", "ship", "drifter"))


def fdbk_name(kind: str, year: int, month: int) -> str:
    """Name of the file of a month, as in HadIOD with the day left out."""
    return f"{KINDS[kind][0]}_fdbk_{year:04d}{month:02d}.nc"


def write_fdbk(table: pd.DataFrame, path: Path, kind: str = "profile") -> Path:
    """Write feedback (`deepda.feedback.feedback`) as one file; the caller renames it when all is there.

    Args:
        table: at least one row, in any order; every row becomes one level of one cast.
        kind: a key of KINDS.
    """
    layout = _Layout.of(table, fewest=2 if kind == "profile" else 1)
    _, variable, long_name = KINDS[kind]
    salinity = "salinity" in table.columns and bool(np.isfinite(table["salinity"]).any())
    names = [variable, *(["PSAL"] if salinity else [])]
    with LIBRARY, netCDF4.Dataset(path, "w") as file:
        file.set_auto_maskandscale(False)
        file.title = "DeepDA feedback: observations and their equivalents"
        file.Convention = "NEMO unified observation operator output"
        _put_lists(file, layout, names)
        _put_stations(file, layout)
        _put_variable(file, layout, variable, long_name)
        if salinity:
            _put_salinity(file, layout)
        error = layout.number("error")
        _put(file, "ERROR", layout, error, f"Standard deviation of the error of {variable}", "K")
    return path


@dataclass(frozen=True, eq=False)
class _Layout:
    """Rows sorted by cast and depth, and their places in arrays of casts and levels.

    Attributes:
        table: sorted.
        first, size: (cast) first row, number of rows.
        levels: N_LEVELS.
    """

    table: pd.DataFrame
    first: NDArray[np.intp]
    size: NDArray[np.intp]
    levels: int

    @classmethod
    def of(cls, table: pd.DataFrame, fewest: int) -> _Layout:
        number = cast_numbers(table)
        order = np.lexsort((table["depth"].to_numpy(), number))
        first = np.flatnonzero(np.diff(number[order], prepend=-1))
        size = np.diff(first, append=len(table))
        return cls(table.iloc[order], first, size, max(fewest, int(size.max())))

    @property
    def casts(self) -> int:
        return self.first.size

    def head(self, name: str) -> pd.Series:
        """(cast) a column of which all rows of a cast have the same value."""
        return self.table[name].iloc[self.first]

    def number(self, name: str) -> NDArray[np.float64]:
        """(row) a column, FILL where missing."""
        if name not in self.table.columns:
            return np.full(len(self.table), FILL)
        values = self.table[name].to_numpy(float, na_value=np.nan)
        return np.where(np.isfinite(values), values, FILL)

    def any_of_cast(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(cast) whether any row of it is True."""
        return np.logical_or.reduceat(rows, self.first)

    def padded(self, values: NDArray, fill: float) -> Iterator[tuple[slice, NDArray]]:
        """Casts, and the (cast, level, ...) values of them, a bounded number at a time."""
        step = max(1, CELLS // self.levels)
        for begin in range(0, self.casts, step):
            part = slice(begin, min(begin + step, self.casts))
            size = self.size[part]
            block = np.full((size.size, self.levels, *values.shape[1:]), fill, values.dtype)
            rows = slice(self.first[begin], self.first[begin] + size.sum())
            block[np.arange(self.levels) < size[:, None]] = values[rows]
            yield part, block


def _put_lists(file: netCDF4.Dataset, layout: _Layout, names: list[str]) -> None:
    width = max(8, max(map(len, layout.head("platform_id").astype(str)), default=8))
    sizes = {"N_OBS": layout.casts, "N_LEVELS": layout.levels, "N_VARS": len(names), "N_QCF": 2,
             "N_ENTRIES": len(ENTRIES), "N_EXTRA": 1, "STRINGNAM": 8, "STRINGGRID": 1,
             "STRINGWMO": width, "STRINGTYP": 4, "STRINGJULD": 14}  # fmt: skip
    for name, size in sizes.items():
        file.createDimension(name, size)
    texts = (
        ("VARIABLES", ("N_VARS", "STRINGNAM"), names, "List of variables in feedback files"),
        ("ENTRIES", ("N_ENTRIES", "STRINGNAM"), list(ENTRIES),
         "List of additional entries for each variable in feedback files"),
        ("EXTRA", ("N_EXTRA", "STRINGNAM"), ["ERROR"], "List of extra variables"),
        ("STATION_IDENTIFIER", ("N_OBS", "STRINGWMO"), layout.head("platform_id"), "Station identifier"),
        ("STATION_TYPE", ("N_OBS", "STRINGTYP"),
         layout.head("platform_type").map(STATIONS).astype(object).fillna(""), "Code instrument type"),
        ("JULD_REFERENCE", ("STRINGJULD",), ["19500101000000"], "Date of reference for julian days"),
    )  # fmt: skip
    for name, dims, values, long_name in texts:
        _put_text(file, name, dims, values, long_name)


def _put_text(
    file: netCDF4.Dataset, name: str, dims: tuple, values: Iterable[str], long_name: str
) -> None:
    width = file.dimensions[dims[-1]].size
    words = [str(word).encode("latin-1", "replace").ljust(width) for word in values]
    fixed = np.array(words, f"S{width}")
    variable = file.createVariable(name, "S1", dims, compression="zlib", complevel=1)
    variable.long_name = long_name
    variable[:] = fixed.view("S1").reshape(variable.shape)


def _put_stations(file: netCDF4.Dataset, layout: _Layout) -> None:
    time = layout.head("time").to_numpy().astype("datetime64[s]")
    days = np.where(np.isnat(time), FILL, (time - REFERENCE).astype(np.int64) / 86400.0)
    lat, lon = (layout.number(name)[layout.first] for name in ("lat", "lon"))
    for name, values, long_name, units in (
        ("LONGITUDE", lon, "Longitude", "degrees_east"),
        ("LATITUDE", lat, "Latitude", "degrees_north"),
        ("JULD", days, "Julian day", "days since 1950-01-01 00:00:00"),
    ):
        variable = file.createVariable(name, "f8", ("N_OBS",), fill_value=FILL, compression="zlib")
        variable.setncatts({"long_name": long_name, "units": units})
        variable[:] = values
    _put(file, "DEPTH", layout, layout.number("depth"), "Depth", "metre", "f8")
    _put_quality(file, "JULD_QC", np.where(np.isnat(time), REJECT, GOOD), "Quality on date and time")
    placed = (np.abs(lat) <= 90) & (np.abs(lon) <= 360)
    _put_quality(file, "POSITION_QC", np.where(placed, GOOD, REJECT), "Quality on position")
    passed = layout.any_of_cast(state_of(layout.table) != REJECTED)
    _put_quality(file, "OBSERVATION_QC", np.where(passed, GOOD, REJECT), "Quality on observation")
    deep = np.where(layout.number("depth") == FILL, REJECT, GOOD).astype(np.int32)
    _put_levels(file, "DEPTH_QC", layout, deep, "Quality on depth", Conventions=Q)
    _put_levels(file, "DEPTH_QC_FLAGS", layout, None, "Quality flags on depth")
    profile = layout.number("profile")[layout.first]
    index = file.createVariable("ORIGINAL_FILE_INDEX", "i4", ("N_OBS",), compression="zlib")
    index.long_name = "Index in original data file"
    index[:] = np.where(profile == FILL, -1, profile).astype(np.int32)


def _put_variable(file: netCDF4.Dataset, layout: _Layout, name: str, long_name: str) -> None:
    units = "degrees Celsius"
    _put(file, f"{name}_OBS", layout, layout.number("temperature"), long_name, units)
    for entry, column in ENTRIES.items():
        unit = "K" if entry == "SPREAD" else units
        _put(file, f"{name}_{entry}", layout, layout.number(column), f"{column} {long_name}", unit)
    rejected = state_of(layout.table) == REJECTED
    passed = np.where(layout.any_of_cast(~rejected), GOOD, REJECT)
    _put_quality(file, f"{name}_QC", passed, f"Quality on {long_name}")
    level = np.where(rejected, REJECT, _own_quality(layout.table)).astype(np.int32)
    of_level = f"Quality for each level on {long_name}"
    _put_levels(file, f"{name}_LEVEL_QC", layout, level, of_level, Conventions=Q)
    flags, meanings = _flags(layout.table)
    why = f"Reason and use of {long_name}"
    _put_levels(file, f"{name}_LEVEL_QC_FLAGS", layout, flags, why, **meanings)
    grid = file.createVariable(f"{name}_GRID", "S1", ("STRINGGRID",))
    grid[:] = np.array([b"T"])


def _put_salinity(file: netCDF4.Dataset, layout: _Layout) -> None:
    """Salinity as it came: nothing was made of it, so its entries are empty."""
    values = layout.number("salinity")
    _put(file, "PSAL_OBS", layout, values, "salinity", "PSU")
    for entry in ENTRIES:
        _put(file, f"PSAL_{entry}", layout, np.full(values.size, FILL), "not analysed", "PSU")
    there = values != FILL
    quality = np.where(layout.any_of_cast(there), GOOD, 0)
    _put_quality(file, "PSAL_QC", quality, "Quality on salinity")
    level = np.where(there, GOOD, 0).astype(np.int32)
    _put_levels(file, "PSAL_LEVEL_QC", layout, level, "Quality of each level", Conventions=Q)
    _put_levels(file, "PSAL_LEVEL_QC_FLAGS", layout, None, "Quality flags of each level")
    file.createVariable("PSAL_GRID", "S1", ("STRINGGRID",))[:] = np.array([b"T"])


def _own_quality(table: pd.DataFrame) -> NDArray[np.int32]:
    """(row) q of what its source says of a value that passed; good where it says nothing."""
    if "qc" not in table.columns:
        return np.full(len(table), GOOD, np.int32)
    code = table["qc"].astype(pd.CategoricalDtype(list(QUALITIES))).cat.codes.to_numpy()
    return np.array([*(QUALITY_CODES[name] for name in QUALITIES), GOOD], np.int32)[code]


def _flags(table: pd.DataFrame) -> tuple[NDArray[np.int32], Mapping[str, object]]:
    """(row, 2) number of the reason, and 1 used | 2 withheld; what they mean."""
    reason = table["reason"].astype("category").cat
    names = sorted({str(name) for name in reason.categories} - {""})
    place = [names.index(str(name)) + 1 if str(name) else 0 for name in reason.categories]
    number = np.array([*place, 0])[reason.codes.to_numpy()]
    use = table["used"].to_numpy(bool) + 2 * table["withheld"].to_numpy(bool)
    meanings = {
        "Conventions": "first: number of the reason, 0 none; second: 1 used, 2 withheld",
        "flag_values": np.arange(len(names) + 1, dtype=np.int32),
        "flag_meanings": " ".join(["none", *(name.replace(" ", "_") for name in names)]),
    }
    return np.stack([number, use], axis=1).astype(np.int32), meanings


def _put(
    file: netCDF4.Dataset, name: str, layout: _Layout, values: NDArray, long_name: str, units: str,
    kind: str = "f4",
) -> None:  # fmt: skip
    variable = _level_variable(file, name, kind, FILL, layout, long_name)
    variable.units = units
    for part, block in layout.padded(values.astype(kind), FILL):
        variable[part] = block


def _put_levels(
    file: netCDF4.Dataset, name: str, layout: _Layout, values: NDArray | None, long_name: str,
    **attributes: object,
) -> None:  # fmt: skip
    """Integers of (row) or (row, N_QCF); all zero, and not stored, where there are none."""
    more = ("N_QCF",) if name.endswith("_FLAGS") else ()
    variable = _level_variable(file, name, "i4", 0, layout, long_name, more)
    variable.setncatts(attributes)
    for part, block in layout.padded(values, 0) if values is not None else ():
        variable[part] = block


def _level_variable(
    file: netCDF4.Dataset, name: str, kind: str, fill: float, layout: _Layout, long_name: str,
    more: tuple[str, ...] = (),
) -> netCDF4.Variable:  # fmt: skip
    casts = min(layout.casts, max(1, 65_536 // layout.levels))
    variable = file.createVariable(
        name, kind, ("N_OBS", "N_LEVELS", *more), fill_value=fill, compression="zlib", complevel=1,
        shuffle=True, chunksizes=(casts, layout.levels, *(2 for _ in more)),
    )  # fmt: skip
    variable.long_name = long_name
    return variable


def _put_quality(file: netCDF4.Dataset, name: str, values: NDArray, long_name: str) -> None:
    """Quality of casts and, empty, the flags that the layout wants beside it."""
    variable = file.createVariable(name, "i4", ("N_OBS",), fill_value=0, compression="zlib")
    variable.setncatts({"long_name": long_name, "Conventions": Q})
    variable[:] = values.astype(np.int32)
    flags = file.createVariable(
        f"{name}_FLAGS", "i4", ("N_OBS", "N_QCF"), fill_value=0, compression="zlib"
    )
    flags.long_name = long_name.replace("Quality", "Quality flags")
