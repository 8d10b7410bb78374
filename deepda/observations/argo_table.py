"""Argo as tables: the answers of ERDDAP servers, one row a level, names in lower case.

Names and flags are those of the Argo user's manual (doi 10.13155/29825). Adjusted values are taken in
rows of mode A and D; where a table has no `data_mode`, where they are filled, which the manual allows
in these modes alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.argo import MODES, STATED, UNITS
from deepda.observations.flags import ARGO
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.reading import GOOD, SUSPECT, ReadOptions, ReadResult, finish, worst

NAMES = ("pres", "temp", "platform_number")


def is_argo_table(file: NetcdfFile) -> bool:
    """Whether the file is a table of Argo levels."""
    return all(name in file for name in NAMES) and len(file.shape("temp")) == 1


def read_argo_table(path: Path, options: ReadOptions) -> ReadResult:
    """Read an ERDDAP table of Argo profiles.

    Raises:
        ObservationError: columns are missing, or damaged.
    """
    with NetcdfFile(path) as file:
        rows = _rows(file)
    return finish(rows[rows.pop("present")], path, "argo_table", options)


def _rows(file: NetcdfFile) -> pd.DataFrame:
    size = file.shape("temp")[0]
    pressure, quality_depth, _ = _best(file, "pres", size)
    temperature, quality, error = _best(file, "temp", size)
    salinity, quality_salinity, _ = _best(file, "psal", size)
    platform, time = file.texts("platform_number", size), file.times("time", (size,))
    cycle = file.numbers("cycle_number", (size,)) if "cycle_number" in file else time.astype(float)
    casts = pd.MultiIndex.from_arrays([platform, cycle, _characters(file, "direction", size), time])
    return pd.DataFrame(
        {
            "present": np.isfinite(pressure) | np.isfinite(temperature),
            "time": time,
            "lat": file.numbers("latitude", (size,)),
            "lon": file.numbers("longitude", (size,)),
            "pressure": pressure,
            "temperature": temperature,
            "salinity": np.where(quality_salinity < SUSPECT, salinity, np.nan),
            "instrument_error": error,
            "platform_type": "argo",
            "platform_id": platform,
            "profile": pd.factorize(casts)[0].astype(np.int32),
            "source_index": np.arange(size),
            "quality_time": file.flags("time_qc", (size,), ARGO, absent=GOOD),
            "quality_position": file.flags("position_qc", (size,), ARGO, absent=GOOD),
            "quality_depth": quality_depth,
            "quality_temperature": quality,
            "reason": _reasons(file, size),
        }
    )


def _best(
    file: NetcdfFile, name: str, size: int
) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.float64]]:
    """(row) values, qualities and errors of a parameter, adjusted where the adjusted ones hold."""
    error = np.full(size, np.nan)
    if name not in file:
        return error, np.full(size, GOOD, np.int8), error
    unit, stated = UNITS[name.upper()], STATED.get(name.upper(), "")
    value = file.quantity(name, unit, (size,), stated)
    quality = _quality(file, name, size)
    if f"{name}_adjusted" not in file:
        return value, quality, error
    better = file.quantity(f"{name}_adjusted", unit, (size,), stated)
    modes = _characters(file, "data_mode", size)
    adjusted = np.isin(modes, ("A", "D")) if "data_mode" in file else np.isfinite(better)
    value = np.where(adjusted, better, value)
    quality = np.where(adjusted, _quality(file, f"{name}_adjusted", size), quality)
    if f"{name}_adjusted_error" in file:
        error = np.where(adjusted, file.numbers(f"{name}_adjusted_error", (size,)), error)
    return value, quality, error


def _quality(file: NetcdfFile, name: str, size: int) -> NDArray[np.int8]:
    """Qualities of a column, unknown where the table has no flags."""
    return worst(file.flags(f"{name}_qc", (size,), ARGO))


def _characters(file: NetcdfFile, name: str, size: int) -> NDArray[np.str_]:
    """(row) single characters, stored with or without a dimension of length one; "" without any."""
    if name not in file:
        return np.full(size, "")
    if len(file.shape(name)) == 1:
        return file.characters(name, (size,))
    return np.array([text[:1] for text in file.texts(name, size)])


def _reasons(file: NetcdfFile, size: int) -> NDArray[np.object_]:
    reason = np.full(size, "", dtype=object)
    if "data_mode" in file:
        reason[~np.isin(_characters(file, "data_mode", size), MODES)] = "data_mode_unknown"
    scheme = file.texts("vertical_sampling_scheme", size)
    other = [text != "" and not text.lower().startswith("primary") for text in scheme]
    reason[np.array(other, dtype=bool)] = "not_primary_sampling"
    return reason
