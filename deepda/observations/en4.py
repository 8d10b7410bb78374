"""EN4 profile files of the Met Office: monthly, potential temperature with its own quality control.

Good, Martin and Rayner (2013, doi 10.1002/2013JC009067) and the file description of EN.4.2: a 4 in
POSITION_QC or PROFILE_POTM_QC rejects the profile, a 4 in POTM_CORRECTED_QC the level.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from deepda.observations.argo import juld_times
from deepda.observations.coordinates import degrees, vertical
from deepda.observations.flags import ARGO
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.platforms import wmo_platforms
from deepda.observations.qualities import GOOD, trusted, with_cast
from deepda.observations.reading import ReadOptions, ReadResult, finish, rows_of


def read_en4(path: Path, options: ReadOptions) -> ReadResult:
    """Read an EN4 (or EN3) profile file.

    Raises:
        ObservationError: not such a file, or damaged.
    """
    with NetcdfFile(path) as file:
        rows = _rows(file)
    return finish(rows, path, "en4", options, "potential")


def _rows(file: NetcdfFile) -> pd.DataFrame:
    file.require_matrix("POTM_CORRECTED")
    temperature, invalid = file.measured("POTM_CORRECTED", "degC")
    shape = temperature.shape
    casts = shape[0]
    depth = vertical(file, "DEPH_CORRECTED", "m", shape)
    salinity: ArrayLike = np.nan
    if "PSAL_CORRECTED" in file:
        salinity = trusted(file.numbers("PSAL_CORRECTED", shape), _quality(file, "PSAL", shape))
    return rows_of(
        np.isfinite(depth) | np.isfinite(temperature),
        time=juld_times(file, casts),
        lat=degrees(file, "LATITUDE", (casts,)),
        lon=degrees(file, "LONGITUDE", (casts,)),
        depth=depth,
        temperature=temperature,
        invalid=invalid,
        salinity=salinity,
        platform_type=wmo_platforms(file.texts("WMO_INST_TYPE", casts)),
        platform_id=file.texts("PLATFORM_NUMBER", casts),
        quality_time=file.flags("JULD_QC", (casts,), ARGO, absent=GOOD),
        quality_position=file.flags("POSITION_QC", (casts,), ARGO, absent=GOOD),
        quality_depth=_quality(file, "DEPH", shape),
        quality_temperature=_quality(file, "POTM", shape),
    )


def _quality(file: NetcdfFile, name: str, shape: tuple[int, int]) -> np.ndarray:
    """(cast, level) the level's flag, and bad where the whole profile is rejected."""
    level = file.flags(f"{name}_CORRECTED_QC", shape, ARGO)
    if f"PROFILE_{name}_QC" not in file:
        return level
    return with_cast(level, file.flags(f"PROFILE_{name}_QC", shape[:1], ARGO))
