"""NEMO observation feedback files ("fdbk"), as HadIOD publishes them.

Layout: NEMO reference manual, chapter OBS; HadIOD: Atkinson et al. (2014, doi 10.1002/2014JC010053),
profb_fdbk_YYYYMMDD.nc (profiles) and sstfb_fdbk_YYYYMMDD.nc (surface). Corrections that a file offers
("add to ... to reduce systematic errors") are added. Quality: 1 good, 4 rejected, 0 not controlled.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deepda.observations.calendars import days_since
from deepda.observations.flags import FDBK
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.platforms import ICOADS_PLATFORMS, named, wmo_platforms
from deepda.observations.qualities import GOOD, trusted, with_cast
from deepda.observations.reading import ReadOptions, ReadResult, finish, rows_of

POTENTIAL, IN_SITU = ("POTM", "SST"), ("TEMP",)  # at the surface they are the same


def read_fdbk(path: Path, options: ReadOptions) -> ReadResult:
    """Read a feedback file of profiles (POTM or TEMP, PSAL) or of the surface (SST).

    Raises:
        ObservationError: no temperature among its VARIABLES, or damaged.
    """
    with NetcdfFile(path) as file:
        found = [name for name in POTENTIAL + IN_SITU if f"{name}_OBS" in file]
        if not found:
            listed = " ".join(file.texts("VARIABLES", file.size("N_VARS")))
            raise file.error(
                f"found a feedback file of {listed!r}, expected one of {', '.join(POTENTIAL + IN_SITU)}",
                "leave it out",
            )
        rows = _rows(file, found[0])
    return finish(rows, path, "fdbk", options, "potential" if found[0] in POTENTIAL else "in_situ")


def _rows(file: NetcdfFile, name: str) -> pd.DataFrame:
    file.require_matrix(f"{name}_OBS")
    raw, invalid = file.measured(f"{name}_OBS", "degC")
    shape = raw.shape
    casts = shape[0]
    temperature = raw + _correction(file, f"{name}_CORR", shape)
    depth = file.quantity("DEPTH", "m", shape) + _correction(file, "DEPTH_CORR", shape)
    salinity: ArrayLike = np.nan
    if "PSAL_OBS" in file:
        salinity = trusted(file.numbers("PSAL_OBS", shape), _quality(file, "PSAL", shape))
    whole = file.flags("OBSERVATION_QC", (casts,), FDBK)
    return rows_of(
        np.isfinite(temperature) | (np.isfinite(depth) & (shape[1] > 1)),
        time=days_since(file.numbers("JULD", (casts,)), _reference(file)),
        lat=file.quantity("LATITUDE", "degrees", (casts,)),
        lon=file.quantity("LONGITUDE", "degrees", (casts,)),
        depth=depth,
        temperature=temperature,
        invalid=invalid,
        salinity=salinity,
        platform_type=_platforms(file.texts("STATION_TYPE", casts), surface=name == "SST"),
        platform_id=file.texts("STATION_IDENTIFIER", casts),
        quality_time=file.flags("JULD_QC", (casts,), FDBK, absent=GOOD),
        quality_position=file.flags("POSITION_QC", (casts,), FDBK, absent=GOOD),
        quality_depth=file.flags("DEPTH_QC", shape, FDBK, absent=GOOD),
        quality_temperature=with_cast(_quality(file, name, shape), whole),
    )


def _correction(file: NetcdfFile, name: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.nan_to_num(file.numbers(name, shape)) if name in file else np.zeros(shape)


def _quality(file: NetcdfFile, name: str, shape: tuple[int, int]) -> NDArray[np.int8]:
    """(cast, level) the level's flag where there is one, and bad where the whole cast is rejected."""
    cast = file.flags(f"{name}_QC", shape[:1], FDBK)
    if f"{name}_LEVEL_QC" not in file:
        return np.broadcast_to(cast[:, None], shape)
    return with_cast(file.flags(f"{name}_LEVEL_QC", shape, FDBK), cast)


def _reference(file: NetcdfFile) -> str:
    text = "".join(file.texts("JULD_REFERENCE", 1))
    found = re.match(r"^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$", text)
    try:
        return str(np.datetime64("{}-{}-{}T{}:{}:{}".format(*found.groups()))) if found else ""
    except ValueError:
        raise file.error(f"JULD_REFERENCE is {text!r}, expected YYYYMMDDHHMMSS") from None


def _platforms(codes: NDArray[np.str_], surface: bool) -> NDArray[np.str_]:
    # SAT is what our own feedback files call a satellite, which has no ICOADS code.
    return named(codes, ICOADS_PLATFORMS | {"SAT": "satellite"}) if surface else wmo_platforms(codes)
