"""SeaDataNet profiles: CF NetCDF of the SeaDataNet profile 1.21, and NetCDF that Ocean Data View writes.

SeaDataNet NetCDF format definition 1.21 (Lowry, Fichaut and Bregent 2019): variables (INSTANCE) or
(INSTANCE, MAXZ), named by their attribute sdn_parameter_urn (vocabulary P01), flags of vocabulary L20
in <name>_SEADATANET_QC. ODV: (N_STATIONS, N_SAMPLES) variables var1, var2, ... named by long_name.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.calendars import days_since
from deepda.observations.cf import downwards
from deepda.observations.flags import SEADATANET
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import GOOD, SUSPECT
from deepda.observations.reading import ReadOptions, ReadResult, finish, rows_of

EPOCH = 2_440_588  # Chronological Julian Day of 1970-01-01, counted from midnight
STANDARD_NAMES = {  # CF standard name -> ours
    "sea_water_temperature": "temperature",
    "sea_water_potential_temperature": "potential",
    "sea_water_practical_salinity": "salinity",
    "sea_water_salinity": "salinity",
    "depth": "depth",
    "sea_water_pressure": "pressure",
}
CODES = {  # first four letters of a P01 code -> ours
    "TEMP": "temperature", "POTM": "potential", "PSAL": "salinity", "PSLT": "salinity",
    "ADEP": "depth", "PRES": "pressure",
}  # fmt: skip
UNITS = {"depth": "m", "pressure": "dbar", "salinity": "1"}
WORDS = (  # of a long_name -> ours, the first that is found
    ("potential temperature", "potential"), ("temperature", "temperature"), ("salinity", "salinity"),
    ("pressure", "pressure"), ("depth", "depth"),
)  # fmt: skip


def read_seadatanet(path: Path, options: ReadOptions) -> ReadResult:
    """Read SeaDataNet or ODV NetCDF profiles.

    Raises:
        ObservationError: neither temperature nor a vertical coordinate, or damaged.
    """
    with NetcdfFile(path) as file:
        names = _roles(file)
        if not ({"temperature", "potential"} & names.keys() and {"depth", "pressure"} & names.keys()):
            raise file.error("it holds no temperature on depth or pressure", "leave it out")
        rows, potential = _rows(file, names), "temperature" not in names
    return finish(rows, path, "seadatanet", options, potential=potential)


def _roles(file: NetcdfFile) -> dict[str, str]:
    """Our name -> variable, for variables on casts and levels and for the vertical coordinate."""
    roles: dict[str, str] = {}
    for name in sorted(file.names):
        if re.search(r"(_QC|_qc|_err|_ERROR)$", name) or len(file.shape(name)) not in (1, 2):
            continue
        role = _role(file, name)
        if role and role not in roles:
            roles[role] = name
    return roles


def _role(file: NetcdfFile, name: str) -> str:
    code = re.search(r"SDN:P01::(\w{4})", file.attribute("sdn_parameter_urn", name))
    if code and code[1] in CODES:
        return CODES[code[1]]
    standard = file.attribute("standard_name", name)
    if standard:
        return STANDARD_NAMES.get(standard, "")
    words = file.attribute("long_name", name).lower()
    if "bot. depth" in words or "bottom" in words or "qv" in words.split():
        return ""
    return next((role for word, role in WORDS if word in words), "")


def _rows(file: NetcdfFile, names: dict[str, str]) -> pd.DataFrame:
    main = names.get("temperature") or names["potential"]
    temperature, invalid = (_level(file, main, part, None) for part in file.measured(main, "degC"))
    shape = temperature.shape
    casts = shape[0]
    fields: dict[str, NDArray[np.float64]] = {
        role: _level(
            file, names[role], file.quantity(names[role], unit, units="1" if unit == "1" else ""), shape
        )
        for role, unit in UNITS.items()
        if role in names
    }
    if "depth" in fields:
        fields["depth"] = fields["depth"] * downwards(file, names["depth"])
    if "salinity" in names:
        doubtful = _quality(file, names["salinity"], shape) >= SUSPECT
        fields["salinity"] = np.where(doubtful, np.nan, fields["salinity"])
    vertical = "depth" if "depth" in names else "pressure"
    time = _first(file, "TIME", "date_time")
    lat, lon = _first(file, "LATITUDE", "latitude"), _first(file, "LONGITUDE", "longitude")
    station = file.texts(_first(file, "SDN_CRUISE", "cruise_id"), casts)
    kind = file.attribute("featureType").lower()
    return rows_of(
        np.isfinite(temperature) | np.isfinite(fields[vertical]),
        time=_cast(file, time, casts, _times(file, time)),
        lat=_cast(file, lat, casts, file.quantity(lat, "degrees")),
        lon=_cast(file, lon, casts, file.quantity(lon, "degrees")),
        temperature=temperature,
        invalid=invalid,
        platform_type="ctd" if kind in ("profile", "") else "other",
        platform_id=station,
        quality_time=_cast_quality(file, "TIME_SEADATANET_QC", time, casts),
        quality_position=_cast_quality(file, "POSITION_SEADATANET_QC", lat, casts),
        quality_depth=_quality(file, names[vertical], shape),
        quality_temperature=_quality(file, main, shape),
        **fields,
    )


def _times(file: NetcdfFile, name: str) -> NDArray[np.datetime64]:
    """CF times, or the Chronological Julian Days that SeaDataNet counts from 4713 BC."""
    if re.match(r"days since -471[23]-01-01", file.attribute("units", name)):
        return days_since(file.numbers(name) - EPOCH, "1970-01-01")
    return file.times(name)


def _first(file: NetcdfFile, *names: str) -> str:
    return next((name for name in names if name in file), names[0])


def _level(file: NetcdfFile, name: str, values: NDArray, shape: tuple[int, int] | None) -> NDArray:
    """(cast, level); a vertical coordinate of one profile has no cast dimension."""
    values = np.atleast_2d(values)
    if shape is not None and values.shape != shape:
        raise file.error(f"{name} has shape {values.shape}, expected {shape}")
    return values


def _cast(file: NetcdfFile, name: str, casts: int, values: NDArray) -> NDArray:
    values = values.reshape(casts, -1) if values.size % max(casts, 1) == 0 else values
    if values.ndim != 2 or values.shape[1] != 1:
        raise file.error(f"{name} has {values.size} values for {casts} casts")
    return values[:, 0]


def _quality(file: NetcdfFile, name: str, shape: tuple[int, int]) -> NDArray[np.int8]:
    flag = _first(file, f"{name}_SEADATANET_QC", f"{name}_qc")
    return file.flags(flag, shape, SEADATANET)


def _cast_quality(file: NetcdfFile, flag: str, name: str, casts: int) -> NDArray[np.int8]:
    return file.flags(_first(file, flag, f"{name}_qc"), (casts,), SEADATANET, absent=GOOD)
