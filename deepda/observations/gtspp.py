"""GTSPP: one profile a file, real-time or delayed messages of ships (XBT, CTD, ...).

GTSPP NetCDF format 3.7 and 4.0, quality flags of the GTSPP real-time quality control manual (IOC
Manuals and Guides 22).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from deepda.observations.coordinates import degrees, times, vertical
from deepda.observations.declared_flags import flags_of
from deepda.observations.fall_rate import needed_by_codes, with_sound_depths
from deepda.observations.flags import GTSPP
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.platforms import GTSPP_TYPES, named
from deepda.observations.qualities import GOOD, trusted
from deepda.observations.reading import ReadOptions, ReadResult, finish, rows_of
from deepda.observations.temperatures import kind_of

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
    rows, done = with_sound_depths(rows, [needed_by_codes(codes)], options.fall_rate)
    return finish(rows, path, "gtspp", options, kind, (*said, *done))


def _rows(file: NetcdfFile) -> pd.DataFrame:
    depth = vertical(file, file.first(*NAMES["depth"]), "m").ravel()[None, :]
    shape = depth.shape
    salinity: ArrayLike = np.nan
    if "salinity" in file:
        quality = flags_of(file, file.first(*NAMES["salinity_flag"]), shape, GTSPP)
        salinity = trusted(file.shaped(file.numbers("salinity"), "salinity", shape), quality)
    measured = file.measured("temperature", "degC")
    temperature, invalid = (file.shaped(values, "temperature", shape) for values in measured)
    kind = np.array([text[:2].upper() for text in file.texts(file.first(*NAMES["type"]), 1)])
    return rows_of(
        np.isfinite(depth) | np.isfinite(temperature),
        time=file.shaped(times(file, "time"), "time", (1,)),
        lat=file.shaped(degrees(file, "latitude"), "latitude", (1,)),
        lon=file.shaped(degrees(file, "longitude"), "longitude", (1,)),
        depth=depth,
        temperature=temperature,
        invalid=invalid,
        salinity=salinity,
        platform_type=named(kind, GTSPP_TYPES),
        platform_id=file.texts(file.first(*NAMES["cruise"]), 1),
        quality_time=flags_of(file, file.first(*NAMES["time_flag"]), (1,), GTSPP, absent=GOOD),
        quality_position=flags_of(file, file.first(*NAMES["position_flag"]), (1,), GTSPP, absent=GOOD),
        quality_depth=flags_of(file, file.first(*NAMES["depth_flag"]), shape, GTSPP, absent=GOOD),
        quality_temperature=flags_of(file, file.first(*NAMES["temperature_flag"]), shape, GTSPP),
    )


def _surface_codes(file: NetcdfFile) -> dict[str, str]:
    """Surface codes by name; empty where the file has none."""
    if "surfacecodes_pcode" not in file or "surfacecodes_cparm" not in file:
        return {}
    count = file.shape("surfacecodes_pcode")[0]
    names, values = (file.texts(f"surfacecodes_{part}", count) for part in ("pcode", "cparm"))
    return dict(zip(names.tolist(), values.tolist(), strict=True))
