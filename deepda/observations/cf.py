"""Samples in CF NetCDF: CTD and gliders, ships, moorings, drifters, ERDDAP answers, users' own files.

What a variable is follows from its attributes (`deepda.observations.cfroles`), where its values belong
from the names of its dimensions (`deepda.observations.samples`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.synthetic import COLUMN as SYNTHETIC
from deepda.observations.assumptions import errors_assumed, salinity_assumed
from deepda.observations.cfroles import Roles, find_roles
from deepda.observations.flags import ARGO
from deepda.observations.marks import require_real
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import GOOD, SUSPECT, UNKNOWN, worst
from deepda.observations.reading import ReadOptions, ReadResult, finish
from deepda.observations.samples import Samples, samples_of
from deepda.observations.seawater import (
    PRACTICAL,
    potential_of_conservative,
    practical_of_unit,
    pressure_of,
)
from deepda.observations.table import PLATFORMS

UPWARDS = ("height", "altitude", "height_above_mean_sea_level")  # standard names that count up
FLAG_NAMES = ("{}_QC", "{}_qc", "{}_quality_flag", "{}_flag", "{}_FLAG", "{}_quality", "QC_{}", "qc_{}",
              "qartod_{}_primary_flag", "{}_qc_agg")  # fmt: skip
WHOLE_FLAGS = ("qc", "quality", "flag", "QC")  # of the only measured variable
KIND_ATTRIBUTES = ("source", "platform_type", "platform", "data_type", "instrument", "title")
KIND_WORDS = (  # in source, platform, data type and title -> our platform types, the first that fits
    (r"\bargo\b|profiling float", "argo"), (r"\bxbt\b|bathythermograph", "xbt"),
    (r"glider|\bctd\b|rosette|bottle|\bseal", "ctd"), (r"mooring|moored", "mooring"),
    (r"drifter|drifting", "drifter"), (r"vessel|\bship|thermosalinograph|ferrybox", "ship"),
)  # fmt: skip


def read_cf(path: Path, options: ReadOptions) -> ReadResult:
    """Read samples of temperature with time, latitude, longitude and depth or pressure.

    Raises:
        ObservationError: a variable is missing, has unknown units or lies on other dimensions;
            anomalies; rows of a simulated ocean; or damaged.
    """
    with NetcdfFile(path) as file:
        roles = find_roles(file, options.columns, options.temperature)
        if roles is None:
            raise file.error("it has no temperature with time, latitude and longitude",
                             "give each a standard_name")  # fmt: skip
        _require_samples(file, roles)
        if SYNTHETIC in file:
            require_real(file.numbers(SYNTHETIC).ravel(), path)
        samples = samples_of(file, roles.names["temperature"])
        rows = sample_rows(file, roles, samples, options)
    assumed = list(roles.assumed)
    if roles.kind == "conservative":
        assumed += salinity_assumed(rows["salinity"])
    if "error" in roles.names:
        assumed += errors_assumed(rows["error"])
    potential = roles.kind != "in_situ"
    return finish(rows, path, "cf", options, potential=potential, assumed=tuple(assumed))


def _require_samples(file: NetcdfFile, roles: Roles) -> None:
    """Refuse a field on axes of latitude and longitude: a model or an analysis, no observations."""
    name = roles.names["temperature"]
    axes = [file.dims(roles.names[role]) for role in ("lat", "lon")]
    long = [len(dims) == 1 and file.size(dims[0]) > 1 and dims[0] in file.dims(name) for dims in axes]
    if all(long) and axes[0] != axes[1]:
        raise file.error(
            f"{name} lies on axes of latitude and longitude with depth, expected samples at places",
            "it is model output or an analysis: give it to `deepda control prepare`",
        )


def downwards(file: NetcdfFile, name: str) -> float:
    """1 for a vertical coordinate that counts down, -1 for one that counts up."""
    positive = file.attribute("positive", name).lower()
    up = file.attribute("standard_name", name).lower() in UPWARDS
    return -1.0 if positive == "up" or (up and positive != "down") else 1.0


def sample_rows(
    file: NetcdfFile,
    roles: Roles,
    samples: Samples,
    options: ReadOptions,
    scheme: Mapping[int, int] = ARGO,
) -> pd.DataFrame:
    """Rows of the samples, as `deepda.observations.reading.finish` wants them.

    Args:
        samples: of the temperature.
        options: `units` by role, where the user gives them; salinity where there is none.
        scheme: of flags of the temperature that declare no meanings.
    """
    names, units = roles.names, options.units
    temperature, invalid, quality, error = _best_temperature(file, roles, samples, units, scheme)
    depth, pressure, depth_quality = _vertical(file, roles, samples, units)
    lat, lon = (
        _spread(file, samples, names[word], "degrees", units.get(word, "")) for word in ("lat", "lon")
    )
    time = samples.spread(names["time"], file.times(names["time"]))
    salinity = _salinity(file, roles, samples)
    if roles.kind == "conservative":
        deep = np.where(np.isfinite(pressure), pressure, pressure_of(depth, lat))
        temperature = potential_of_conservative(temperature, salinity, deep, lat, lon)
    size = int(np.prod(samples.shape))
    platform = _platforms(file, roles, samples)
    fields = {
        "time": time, "lat": lat, "lon": lon, "depth": depth, "pressure": pressure,
        "temperature": temperature, "salinity": salinity, "invalid": invalid,
        "quality_temperature": quality, "quality_depth": depth_quality,
        "quality_time": _flags(file, samples, names["time"], GOOD),
        "quality_position": worst(*(_flags(file, samples, name, GOOD)
                                    for name in ("POSITION", "position", names["lat"], names["lon"]))),
        "instrument_error": error, "error": _whole_error(file, roles, samples),
        "platform_id": platform, "platform_type": _kinds(file, roles, samples),
    }  # fmt: skip
    rows = pd.DataFrame({name: np.ravel(field) for name, field in fields.items()})
    rows = rows.assign(profile=_casts(file, roles, samples, rows), source_index=np.arange(size))
    return rows[np.ravel(_present(file, roles, samples, temperature, depth, pressure))]


def _best_temperature(
    file: NetcdfFile, roles: Roles, samples: Samples, units: Mapping[str, str], scheme: Mapping[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int8], NDArray[np.float64]]:
    """Values, whether outside the valid range, qualities and errors: adjusted where the mode says so."""
    name = roles.names["temperature"]
    given = units.get("temperature", "") or units.get(roles.kind, "")
    values, invalid = file.measured(name, "degC", units=given)
    whole = roles.names.get("qc", "")
    quality = _flags(file, samples, name, UNKNOWN, whole, scheme)
    error = np.full(samples.shape, np.nan)
    adjusted, mode = _adjusted(file, samples, name)
    if adjusted:
        better, out = file.measured(adjusted, "degC")
        values, invalid = np.where(mode, better, values), np.where(mode, out, invalid)
        quality = np.where(mode, _flags(file, samples, adjusted, UNKNOWN), quality).astype(np.int8)
        if f"{adjusted}_ERROR" in file or f"{adjusted}_error" in file:
            word = "_ERROR" if f"{adjusted}_ERROR" in file else "_error"
            error = np.where(mode, samples.spread(adjusted + word, file.numbers(adjusted + word)), error)
    return values, invalid, quality, error


def _adjusted(file: NetcdfFile, samples: Samples, name: str) -> tuple[str, NDArray[np.bool_]]:
    """Name of the adjusted variable, "" without, and where its mode (A or D) makes it the better one."""
    adjusted = next((name + word for word in ("_ADJUSTED", "_adjusted") if name + word in file), "")
    mode = next((word for word in (f"{name}_DM", "DATA_MODE", "data_mode") if word in file), "")
    if not adjusted or not mode or file.dims(adjusted) != file.dims(name):
        return "", np.zeros(samples.shape, np.bool_)
    return adjusted, np.isin(samples.texts(mode), ("A", "D"))


def _vertical(
    file: NetcdfFile, roles: Roles, samples: Samples, units: Mapping[str, str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]:
    """Depth in m and pressure in dbar, NaN where a file has none, and their quality.

    Raises:
        ObservationError: neither, for a temperature that is not of the surface.
    """
    depth = np.full(samples.shape, 0.0 if roles.kind == "surface" else np.nan)
    pressure, quality = np.full(samples.shape, np.nan), np.full(samples.shape, GOOD, np.int8)
    names = roles.names
    if not {"depth", "pressure"} & names.keys() and roles.kind != "surface":
        raise file.error("it has neither depth nor pressure, expected one of them",
                         "add it, or name it in columns")  # fmt: skip
    if "depth" in names:
        name = names["depth"]
        depth = _spread(file, samples, name, "m", units.get("depth", "")) * downwards(file, name)
        quality = _flags(file, samples, name, GOOD)
    if "pressure" in names:
        name = names["pressure"]
        pressure = _spread(file, samples, name, "dbar", units.get("pressure", ""))
        flags = _flags(file, samples, name, GOOD)
        adjusted, mode = _adjusted(file, samples, name)
        if adjusted:
            pressure = np.where(mode, _spread(file, samples, adjusted, "dbar"), pressure)
            flags = np.where(mode, _flags(file, samples, adjusted, GOOD), flags)
        quality = np.where(np.isfinite(depth), quality, flags).astype(np.int8)
    return depth, pressure, quality


def _spread(
    file: NetcdfFile, samples: Samples, name: str, unit: str, units: str = ""
) -> NDArray[np.float64]:
    return samples.spread(name, file.quantity(name, unit, units=units))


def _salinity(file: NetcdfFile, roles: Roles, samples: Samples) -> NDArray[np.float64]:
    """Practical salinity, NaN where it is doubtful or there is none."""
    name = roles.names.get("salinity") or roles.names.get("absolute_salinity", "")
    if not name or not samples.fits(name):
        return np.full(samples.shape, np.nan)
    values, invalid = file.measured(name, "1", units="1")
    usual = PRACTICAL if name == roles.names.get("absolute_salinity") else 1.0
    each = practical_of_unit(file.attribute("units", name))
    values = np.where(invalid, np.nan, values * (usual if each is None else each))
    doubtful = _flags(file, samples, name, GOOD) >= SUSPECT
    return np.where(doubtful, np.nan, samples.spread(name, values))


def _whole_error(file: NetcdfFile, roles: Roles, samples: Samples) -> NDArray[np.float64]:
    name = roles.names.get("error", "")
    if not name or not samples.fits(name):
        return np.full(samples.shape, np.nan)
    values = file.numbers(name)
    units = file.attribute("units", name)
    degree = file.in_unit(np.array([0.0, 1.0]), name, "degC") if units else np.array([0.0, 1.0])
    return samples.spread(name, values * float(degree[1] - degree[0]))


def _flags(
    file: NetcdfFile,
    samples: Samples,
    name: str,
    absent: int,
    whole: str = "",
    scheme: Mapping[int, int] = ARGO,
) -> NDArray[np.int8]:
    """Worst quality by the flags of a variable; by a scheme where they declare no meanings."""
    ancillary = file.attribute("ancillary_variables", name).split() if name in file else []
    flagging = [other for other in ancillary if other in file and _is_flag(file, other)]
    named = [form.format(name) for form in FLAG_NAMES]
    if absent == UNKNOWN:
        named += [word for word in (whole, *WHOLE_FLAGS) if word]
    hit = [next((other for other in named if other in file), "")] if not flagging else []
    found = list[NDArray[np.int8]]()
    for other in [*flagging, *hit]:
        if other and samples.fits(other):
            shape = tuple(map(file.size, samples.own_dims(other)))
            own = file.declared_flags(other)
            given = (
                file.flags(other, shape, scheme)
                if own is None
                else own.qualities(file.stored(other).reshape(shape))
            )
            found.append(samples.spread(other, given))
    return worst(*found) if found else np.full(samples.shape, absent, np.int8)


def _is_flag(file: NetcdfFile, name: str) -> bool:
    return "flag" in file.attribute("standard_name", name) or bool(file.attribute("flag_meanings", name))


def _platforms(file: NetcdfFile, roles: Roles, samples: Samples) -> NDArray[np.str_]:
    """Names of platforms: of the first variable that has one, else of the file's attributes."""
    words = ("wmo_platform_code", "platform_code", "platform_id", "platform_number")
    own = next((file.attribute(word) for word in words if file.attribute(word)), "")
    names = np.full(samples.shape, own, dtype="U64")
    for role in ("station", "platform_id"):
        name = roles.names.get(role, "")
        if name and samples.fits(name):
            given = samples.texts(name)
            names = np.where(given == "", names, given)
    return names


def _kinds(file: NetcdfFile, roles: Roles, samples: Samples) -> NDArray[np.str_]:
    """Platform types: of a variable that holds ours, else by what the file says of its source."""
    name = roles.names.get("platform_type", "")
    if name and samples.fits(name):
        words = np.char.lower(samples.texts(name))
        if np.isin(words, PLATFORMS).any():
            return np.where(np.isin(words, PLATFORMS), words, "other")
    said = " ".join(file.attribute(word) for word in KIND_ATTRIBUTES).lower()
    kind = next((ours for pattern, ours in KIND_WORDS if re.search(pattern, said)), "")
    series = file.attribute("featureType").lower().startswith("timeseries")
    return np.full(samples.shape, kind or ("mooring" if series else "other"))


def _casts(file: NetcdfFile, roles: Roles, samples: Samples, rows: pd.DataFrame) -> NDArray[np.int32]:
    """Number of the cast of each sample, from 0 in the order of the file.

    By a variable of profiles or cycles; by the instances of a ragged array of profiles; else samples
    of one platform at one time and place are one cast.
    """
    names = [roles.names[word] for word in ("profile", "cycle", "direction")
             if word in roles.names and samples.fits(roles.names[word])]  # fmt: skip
    keys: list[object] = [np.ravel(samples.texts(name)) for name in names]
    if not keys and file.attribute("featureType").lower().endswith("profile"):
        instances = samples.casts()
        keys = [] if instances is None else [np.ravel(instances)]
    keys = [rows["platform_id"], *keys] if keys else [rows[word] for word in
                                                    ("platform_id", "time", "lat", "lon")]  # fmt: skip
    numbers = rows.groupby(keys, sort=False, dropna=False).ngroup()
    return np.asarray(numbers, np.int32)


def _present(
    file: NetcdfFile,
    roles: Roles,
    samples: Samples,
    temperature: NDArray[np.float64],
    depth: NDArray[np.float64],
    pressure: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Samples that are rows: all along one dimension; else those with a value or their own level."""
    if len(samples.dims) < 2:
        return np.ones(samples.shape, np.bool_)
    own = any(len(file.dims(roles.names[word])) == len(samples.dims)
              for word in ("depth", "pressure") if word in roles.names)  # fmt: skip
    level = np.isfinite(depth) | np.isfinite(pressure)
    return np.isfinite(temperature) | (level & own)
