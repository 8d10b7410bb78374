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
from deepda.observations.coordinates import degrees, is_sea_floor, times, vertical
from deepda.observations.declared_flags import flags_of
from deepda.observations.flags import SEADATANET
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.other_quantities import other_quantity
from deepda.observations.qualities import GOOD, SUSPECT
from deepda.observations.reading import ReadOptions, ReadResult, finish, rows_of
from deepda.observations.temperatures import STANDARD, is_departure, kind_of, not_read, said_kind

EPOCH = 2_440_588  # Chronological Julian Day of 1970-01-01, counted from midnight
JULIAN = re.compile(r"days since -471[23]-01-01(?:[T\s]+(00|12):00(?::00(?:\.0*)?)?)?\s*(?:Z|UTC)?")
STANDARD_NAMES = dict.fromkeys(STANDARD, "temperature") | {  # CF standard name -> ours
    "sea_water_practical_salinity": "salinity",
    "sea_water_salinity": "salinity",
    "depth": "depth",
    "sea_water_pressure": "pressure",
}
CODES = {  # first four letters of a P01 code -> ours
    "TEMP": "temperature", "POTM": "temperature", "PSAL": "salinity", "PSLT": "salinity",
    "ADEP": "depth", "PRES": "pressure",
}  # fmt: skip
UNITS = {"depth": "m", "pressure": "dbar", "salinity": "1"}
WORDS = (  # of a long_name -> ours, the first that is found
    ("temperature", "temperature"), ("salinity", "salinity"), ("pressure", "pressure"),
    ("depth", "depth"),
)  # fmt: skip


def is_seadatanet(file: NetcdfFile) -> bool:
    """Whether a file has variables or dimensions that only SeaDataNet and Ocean Data View write."""
    return any(name.startswith("SDN_") for name in file.names) or file.size("N_STATIONS") > 0


def read_seadatanet(path: Path, options: ReadOptions) -> ReadResult:
    """Read SeaDataNet or ODV NetCDF profiles.

    Raises:
        ObservationError: neither temperature nor a vertical coordinate, or damaged.
    """
    with NetcdfFile(path) as file:
        names, others = _roles(file)
        if "temperature" not in names or not {"depth", "pressure"} & names.keys():
            raise file.error("it holds no temperature on depth or pressure", "leave it out")
        kind, assumed = kind_of(file, names["temperature"], _kind(file, names["temperature"]))
        rows = _rows(file, names)
    assumed = (*assumed, *not_read(names["temperature"], others))
    return finish(rows, path, "seadatanet", options, kind, assumed)


def _roles(file: NetcdfFile) -> tuple[dict[str, str], list[str]]:
    """Our name -> variable, for variables on casts and levels and for the vertical coordinate.

    Temperatures in situ come before others; those that are not taken are the second value.
    """
    candidates = dict[str, list[str]]()
    for name in sorted(file.names):
        if re.search(r"(_QC|_qc|_err|_ERROR)$", name) or len(file.shape(name)) not in (1, 2):
            continue
        role = _role(file, name)
        if role:
            candidates.setdefault(role, []).append(name)
    found = candidates.get("temperature", [])
    sound = [name for name in found if not other_quantity(file, name) and not is_departure(file, name)]
    sound.sort(key=lambda name: _kind(file, name) != "in_situ")
    names = {role: given[0] for role, given in candidates.items()}
    return names | ({"temperature": sound[0]} if sound else {}), sound[1:]


def _kind(file: NetcdfFile, name: str) -> str:
    """Kind of a temperature by its P01 code or its name, in situ where they leave it open."""
    if _code(file, name) == "POTM":
        return "potential"
    standard, long_name = (file.attribute(word, name) for word in ("standard_name", "long_name"))
    return said_kind(standard) or said_kind(long_name) or "in_situ"


def _code(file: NetcdfFile, name: str) -> str:
    """First four letters of the P01 code of a variable, "" where it declares none."""
    found = re.search(r"SDN:P01::(\w{4})", file.attribute("sdn_parameter_urn", name))
    return found[1] if found else ""


def _role(file: NetcdfFile, name: str) -> str:
    if is_sea_floor(file, name):
        return ""
    code = _code(file, name)
    if code:
        return CODES.get(code, "")
    standard = file.attribute("standard_name", name)
    if standard:
        return STANDARD_NAMES.get(standard, "")
    words = file.attribute("long_name", name).lower()
    if "bottom" in words or "qv" in words.split() or "flag" in words:
        return ""
    return next((role for word, role in WORDS if word in words), "")


def _rows(file: NetcdfFile, names: dict[str, str]) -> pd.DataFrame:
    main = names["temperature"]
    temperature, invalid = (_level(file, main, part, None) for part in file.measured(main, "degC"))
    shape = temperature.shape
    casts = shape[0]
    fields: dict[str, NDArray[np.float64]] = {
        role: _level(
            file,
            names[role],
            file.quantity(names[role], "1", units="1")
            if unit == "1"
            else vertical(file, names[role], unit),
            shape,
        )
        for role, unit in UNITS.items()
        if role in names
    }
    if "salinity" in names:
        doubtful = _quality(file, names["salinity"], shape) >= SUSPECT
        fields["salinity"] = np.where(doubtful, np.nan, fields["salinity"])
    level = "depth" if "depth" in names else "pressure"
    time = file.first("TIME", "date_time")
    lat, lon = file.first("LATITUDE", "latitude"), file.first("LONGITUDE", "longitude")
    station = file.texts(file.first("SDN_CRUISE", "cruise_id"), casts)
    kind = file.attribute("featureType").lower()
    return rows_of(
        np.isfinite(temperature) | np.isfinite(fields[level]),
        time=file.shaped(_times(file, time), time, (casts,)),
        lat=file.shaped(degrees(file, lat), lat, (casts,)),
        lon=file.shaped(degrees(file, lon), lon, (casts,)),
        temperature=temperature,
        invalid=invalid,
        platform_type="ctd" if kind in ("profile", "") else "other",
        platform_id=station,
        quality_time=_cast_quality(file, "TIME_SEADATANET_QC", time, casts),
        quality_position=_cast_quality(file, "POSITION_SEADATANET_QC", lat, casts),
        quality_depth=_quality(file, names[level], shape),
        quality_temperature=_quality(file, main, shape),
        **fields,
    )


def _times(file: NetcdfFile, name: str) -> NDArray[np.datetime64]:
    """CF times, or the Chronological Julian Days that SeaDataNet counts from 4713 BC."""
    julian = JULIAN.fullmatch(file.attribute("units", name))
    if julian:
        return days_since(file.numbers(name) - EPOCH + (julian[1] == "12") / 2, "1970-01-01")
    return times(file, name)


def _level(file: NetcdfFile, name: str, values: NDArray, shape: tuple[int, int] | None) -> NDArray:
    """(cast, level); a vertical coordinate of one profile has no cast dimension."""
    values = np.atleast_2d(values)
    if shape is not None and values.shape != shape:
        raise file.error(f"{name} has shape {values.shape}, expected {shape}")
    return values


def _quality(file: NetcdfFile, name: str, shape: tuple[int, int]) -> NDArray[np.int8]:
    flag = file.first(f"{name}_SEADATANET_QC", f"{name}_qc")
    return flags_of(file, flag, shape, SEADATANET)


def _cast_quality(file: NetcdfFile, flag: str, name: str, casts: int) -> NDArray[np.int8]:
    return flags_of(file, file.first(flag, f"{name}_qc"), (casts,), SEADATANET, absent=GOOD)
