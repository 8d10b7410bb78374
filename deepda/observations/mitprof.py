"""MITprof: profiles on the levels of a model, as ECCO prepares them (Forget et al. 2015).

doi 10.5194/gmd-8-3071-2015. prof_T is potential temperature where it declares no other kind;
prof_Tweight is one over the square of the whole error (instrument and representativeness), zero where a
value is not to be used; prof_Tflag above zero names a failed check. -9999 is missing, whether it is
declared or not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deepda.observations.calendars import digits
from deepda.observations.coordinates import degrees, vertical
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import BAD, GOOD, SUSPECT, UNKNOWN, trusted
from deepda.observations.reading import ReadOptions, ReadResult, finish, rows_of
from deepda.observations.temperatures import kind_of

MISSING = -9999.0
SPELLINGS = {"me": "m"}  # of the units of a depth, as the MITprof toolbox cuts them short


def read_mitprof(path: Path, options: ReadOptions) -> ReadResult:
    """Read a MITprof file.

    Raises:
        ObservationError: no prof_T, or damaged.
    """
    with NetcdfFile(path) as file:
        if "prof_T" not in file:
            raise file.error(
                "found a MITprof file without prof_T, expected profiles of temperature", "leave it out"
            )
        kind, assumed = kind_of(file, "prof_T", "potential")
        rows = _rows(file)
    return finish(rows, path, "mitprof", options, kind, assumed)


def _rows(file: NetcdfFile) -> pd.DataFrame:
    file.require_matrix("prof_T")
    given = _clean(file.numbers("prof_T"))
    shape = given.shape
    casts = shape[0]
    temperature = file.in_unit(given, "prof_T", "degC", _units(file, "prof_T"))
    level = "prof_depth" if "prof_depth" in file else "depth"
    depth = _clean(vertical(file, level, "m", shape[1:], _units(file, level)))
    salinity: ArrayLike = np.nan
    if "prof_S" in file:
        salinity = trusted(_clean(file.numbers("prof_S", shape)), _quality(file, "S", shape))
    weight = _weight(file, "T", shape)
    # A weight of zero says "not to be used", a negative or infinite one is no error at all.
    error = np.where(weight > 0, 1 / np.sqrt(np.where(weight > 0, weight, 1.0)), np.nan)
    error = np.where(weight < 0, weight, error)
    names = file.texts("prof_descr", casts)
    return rows_of(
        np.isfinite(temperature),  # levels are the grid's: those without value were not measured
        time=digits(*(np.nan_to_num(file.numbers(f"prof_{part}", (casts,)), nan=-1.0)
                      for part in ("YYYYMMDD", "HHMMSS"))),
        lat=_clean(degrees(file, "prof_lat", (casts,), _units(file, "prof_lat"))),
        lon=_clean(degrees(file, "prof_lon", (casts,), _units(file, "prof_lon"))),
        depth=np.broadcast_to(depth, shape),
        temperature=temperature,
        invalid=file.measured("prof_T", "degC", units=_units(file, "prof_T"))[1],
        salinity=salinity,
        error=error,
        platform_type=np.array([_platform(name) for name in names]),
        platform_id=names,
        quality_temperature=_quality(file, "T", shape),
    )  # fmt: skip


def _units(file: NetcdfFile, name: str) -> str:
    """Units of a variable as others write them: "(degree N)" stands in brackets."""
    units = file.attribute("units", name).strip("()")
    return SPELLINGS.get(units, units)


def _clean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values == MISSING, np.nan, values)


def _weight(file: NetcdfFile, name: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    if f"prof_{name}weight" not in file:
        return np.full(shape, np.nan)
    return _clean(file.numbers(f"prof_{name}weight", shape))


def _quality(file: NetcdfFile, name: str, shape: tuple[int, int]) -> NDArray[np.int8]:
    weight = _weight(file, name, shape)
    quality = np.where(weight > 0, GOOD, np.where(weight == 0, SUSPECT, UNKNOWN))
    if f"prof_{name}flag" in file:
        flag = np.nan_to_num(file.numbers(f"prof_{name}flag", shape))
        quality = np.where(flag > 0, BAD, quality)
    return quality.astype(np.int8)


def _platform(name: str) -> str:
    """The kind of platform by its description: an Argo number, or the name of an archive."""
    if (name.isdecimal() and len(name) == 7) or "float" in name.lower():
        return "argo"
    words = name.upper()
    kinds = (("XBT", "xbt"), ("CTD", "ctd"), ("OSD", "ctd"), ("WOD09", "ctd"), ("MRB", "mooring"))
    return next((kind for word, kind in kinds if word in words), "other")
