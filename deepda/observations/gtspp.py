"""GTSPP: one profile a file, real-time or delayed messages of ships (XBT, CTD, ...).

GTSPP NetCDF format 3.7 and 4.0, quality flags of the GTSPP real-time quality control manual (IOC
Manuals and Guides 22).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deepda.observations.coordinates import degrees, times, vertical
from deepda.observations.declared_flags import flags_of
from deepda.observations.fall_rate import corrected, needed_by_age, needed_by_codes, sentence
from deepda.observations.flags import GTSPP
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.platforms import GTSPP_TYPES, named
from deepda.observations.qualities import GOOD, trusted
from deepda.observations.reading import ReadOptions, ReadResult, rows_of
from deepda.observations.temperatures import finish_kind, kind_of

NAMES = {  # ours -> version 3.7, version 4.0
    "depth": ("depth", "z"),
    "depth_flag": ("DEPH_qparm", "z_variable_quality_flag"),
    "temperature_flag": ("TEMP_qparm", "temperature_quality_flag"),
    "salinity_flag": ("PSAL_qparm", "salinity_quality_flag"),
    "position_flag": ("q_pos", "position_quality_flag"),
    "time_flag": ("q_date_time", "time_quality_flag"),
    "cruise": ("cruise_id", "gtspp_platform_code"),
    "type": ("data_type", "gtspp_data_type"),
}


def read_gtspp(path: Path, options: ReadOptions) -> ReadResult:
    """Read a GTSPP file.

    Raises:
        ObservationError: no temperature, or damaged.
    """
    with NetcdfFile(path) as file:
        if "temperature" not in file:
            raise file.error("it holds no temperature", "leave it out")
        kind, said = kind_of(file, "temperature", "in_situ")
        rows = _rows(file)
        codes = _surface_codes(file)
    needed = _fall_rate_needed(rows, codes)
    depth = corrected(rows["depth"].to_numpy(float), np.full(len(rows), needed), options.fall_rate)
    assumed = (*said, *sentence(int(needed), options.fall_rate))
    return finish_kind(kind, rows.assign(depth=depth), path, "gtspp", options, assumed)


def _rows(file: NetcdfFile) -> pd.DataFrame:
    depth = vertical(file, _name(file, "depth"), "m").ravel()[None, :]
    shape = depth.shape
    salinity: ArrayLike = np.nan
    if "salinity" in file:
        quality = flags_of(file, _name(file, "salinity_flag"), shape, GTSPP)
        salinity = trusted(_level(file, file.numbers("salinity"), shape), quality)
    measured = file.measured("temperature", "degC")
    temperature, invalid = (_level(file, values, shape) for values in measured)
    kind = np.array([text[:2].upper() for text in file.texts(_name(file, "type"), 1)])
    return rows_of(
        np.isfinite(depth) | np.isfinite(temperature),
        time=_one(file, times(file, "time"), "time"),
        lat=_one(file, degrees(file, "latitude"), "latitude"),
        lon=_one(file, degrees(file, "longitude"), "longitude"),
        depth=depth,
        temperature=temperature,
        invalid=invalid,
        salinity=salinity,
        platform_type=named(kind, GTSPP_TYPES),
        platform_id=file.texts(_name(file, "cruise"), 1),
        quality_time=flags_of(file, _name(file, "time_flag"), (1,), GTSPP, absent=GOOD),
        quality_position=flags_of(file, _name(file, "position_flag"), (1,), GTSPP, absent=GOOD),
        quality_depth=flags_of(file, _name(file, "depth_flag"), shape, GTSPP, absent=GOOD),
        quality_temperature=flags_of(file, _name(file, "temperature_flag"), shape, GTSPP),
    )


def _surface_codes(file: NetcdfFile) -> dict[str, str]:
    """Surface codes by name; empty where the file has none."""
    if "surfacecodes_pcode" not in file or "surfacecodes_cparm" not in file:
        return {}
    count = file.shape("surfacecodes_pcode")[0]
    names, values = (file.texts(f"surfacecodes_{part}", count) for part in ("pcode", "cparm"))
    return dict(zip(names.tolist(), values.tolist(), strict=True))


def _fall_rate_needed(rows: pd.DataFrame, codes: dict[str, str]) -> bool:
    """Whether the depths are those of an XBT by the maker's fall rate."""
    if rows.empty or rows["platform_type"].iloc[0] != "xbt":
        return False
    said = needed_by_codes(codes)
    old = needed_by_age(rows["time"].to_numpy()[:1], rows["depth"].to_numpy(float).max(keepdims=True))
    return bool(old[0]) if said is None else said


def _name(file: NetcdfFile, ours: str) -> str:
    return next((name for name in NAMES[ours] if name in file), NAMES[ours][0])


def _level(file: NetcdfFile, values: NDArray, shape: tuple[int, int]) -> NDArray:
    if values.size != shape[1]:
        raise file.error(f"a profile has {values.size} values for {shape[1]} depths")
    return values.reshape(shape)


def _one(file: NetcdfFile, values: NDArray, name: str) -> NDArray:
    if values.size != 1:
        raise file.error(f"{name} has {values.size} values, expected one profile a file")
    return values.reshape(1)
