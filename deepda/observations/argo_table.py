"""Argo as tables: the answers of ERDDAP servers, one row a level, names in lower case.

Names and flags are those of the Argo user's manual (doi 10.13155/29825). Adjusted values are taken in
rows of mode A and D; where a table has no `data_mode`, where they are filled, which the manual allows
in these modes alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deepda.observations.argo import ADJUSTED, MODES, ArgoNetcdf, best
from deepda.observations.coordinates import degrees, times
from deepda.observations.flags import ARGO
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import GOOD, trusted
from deepda.observations.reading import ReadOptions, ReadResult, finish
from deepda.observations.temperatures import kind_of

NAMES = ("pres", "temp", "platform_number")
CYCLES = ("cycle_number", "data_mode", "direction")  # that only floats have
SAYING = ("title", "source", "summary", "platform_type")  # global attributes


def is_argo_table(file: NetcdfFile) -> bool:
    """Whether the file is a table of Argo levels, which have cycles, or says so."""
    if not all(name in file for name in NAMES) or len(file.shape("temp")) != 1:
        return False
    said = " ".join(file.attribute(word) for word in SAYING).lower()
    return any(name in file for name in CYCLES) or "argo" in said or "profiling float" in said


def read_argo_table(path: Path, options: ReadOptions) -> ReadResult:
    """Read an ERDDAP table of Argo profiles.

    Raises:
        ObservationError: columns are missing, or damaged.
    """
    with ArgoNetcdf(path) as file:
        kind, assumed = kind_of(file, "TEMP", "in_situ")
        rows = _rows(file)
    return finish(rows, path, "argo_table", options, kind, assumed)


def _rows(file: NetcdfFile) -> pd.DataFrame:
    size = file.shape("TEMP")[0]
    modes = _characters(file, "DATA_MODE", size) if "DATA_MODE" in file else None
    adjusted = None if modes is None else np.isin(modes, ADJUSTED)
    pressure, temperature = (best(file, name, (size,), adjusted) for name in ("PRES", "TEMP"))
    salinity: ArrayLike = np.nan
    if "PSAL" in file:
        found = best(file, "PSAL", (size,), adjusted)
        salinity = trusted(found.value, found.quality)
    platform, time = file.texts("PLATFORM_NUMBER", size), times(file, "TIME", (size,))
    cycle = file.numbers("CYCLE_NUMBER", (size,)) if "CYCLE_NUMBER" in file else time.astype(float)
    casts = pd.MultiIndex.from_arrays([platform, cycle, _characters(file, "DIRECTION", size), time])
    present = np.isfinite(pressure.value) | np.isfinite(temperature.value)
    rows = pd.DataFrame(
        {
            "time": time,
            "lat": degrees(file, "LATITUDE", (size,)),
            "lon": degrees(file, "LONGITUDE", (size,)),
            "pressure": pressure.value,
            "temperature": temperature.value,
            "salinity": salinity,
            "invalid": temperature.invalid,
            "instrument_error": temperature.error,
            "platform_type": "argo",
            "platform_id": platform,
            "profile": pd.factorize(casts)[0].astype(np.int32),
            "source_index": np.arange(size),
            "quality_time": file.flags("TIME_QC", (size,), ARGO, absent=GOOD),
            "quality_position": file.flags("POSITION_QC", (size,), ARGO, absent=GOOD),
            "quality_depth": pressure.quality,
            "quality_temperature": temperature.quality,
            "reason": _reasons(file, modes, size),
        }
    )
    return rows[present]


def _characters(file: NetcdfFile, name: str, size: int) -> NDArray[np.str_]:
    """(row) single characters, stored with or without a dimension of length one; "" without any."""
    if name not in file:
        return np.full(size, "")
    if len(file.shape(name)) == 1:
        return file.characters(name, (size,))
    return np.array([text[:1] for text in file.texts(name, size)])


def _reasons(file: NetcdfFile, modes: NDArray[np.str_] | None, size: int) -> NDArray[np.object_]:
    reason = np.full(size, "", dtype=object)
    if modes is not None:
        reason[~np.isin(modes, MODES)] = "data_mode_unknown"
    scheme = file.texts("VERTICAL_SAMPLING_SCHEME", size)
    other = [text != "" and not text.lower().startswith("primary") for text in scheme]
    reason[np.array(other, dtype=bool)] = "not_primary_sampling"
    return reason
