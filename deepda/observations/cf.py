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

from deepda.base.synthetic import NAMES as SYNTHETIC
from deepda.observations.assumptions import errors_assumed
from deepda.observations.cfroles import Roles, find_roles
from deepda.observations.coordinates import degrees, times
from deepda.observations.declared_flags import flags_on
from deepda.observations.flags import ARGO
from deepda.observations.marks import require_real
from deepda.observations.modelled import require_samples
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import GOOD, SUSPECT, UNKNOWN, worst
from deepda.observations.reading import ReadOptions, ReadResult, finish
from deepda.observations.samples import Samples, samples_of
from deepda.observations.seawater import PRACTICAL, practical_of_unit
from deepda.observations.table import PLATFORMS
from deepda.observations.temperatures import scale_of
from deepda.observations.vertical import depth_and_pressure, nominal_replaced

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
        name, lat, lon, time = (roles.names[role] for role in ("temperature", "lat", "lon", "time"))
        require_samples(file, name, lat, lon, time)
        for mark in (word for word in SYNTHETIC if word in file):
            require_real(_marks(file, mark), path)
        samples = samples_of(file, name)
        rows = sample_rows(file, roles, samples, options)
        assumed = [*roles.assumed, *_units_assumed(file, roles, options)]
    if "error" in roles.names:
        assumed += errors_assumed(rows["error"])
    return finish(rows, path, "cf", options, roles.kind, tuple(assumed))


def _marks(file: NetcdfFile, name: str) -> NDArray:
    """Marks of simulated rows, as numbers or as texts."""
    if file.stored_type(name).kind in "iuf":
        return file.numbers(name).ravel()
    rows = file.shape(name)[:-1] if file.stored_type(name) == "S1" else file.shape(name)
    return file.texts(name, int(np.prod(rows)))


def _units_assumed(file: NetcdfFile, roles: Roles, options: ReadOptions) -> list[str]:
    usual = {"temperature": "degC", "depth": "m", "pressure": "dbar"}
    given = {"temperature" if role == roles.kind else role for role in options.units}
    return [f"{roles.names[role]} has no units: {unit} taken" for role, unit in usual.items()
            if role in roles.names and role not in given
            and not file.attribute("units", roles.names[role])]  # fmt: skip


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
    depth, pressure, depth_quality = depth_and_pressure(file, roles, samples, units)
    lat, lon = (
        samples.spread(names[word], degrees(file, names[word], units=units.get(word, "")))
        for word in ("lat", "lon")
    )
    depth, contradicts = nominal_replaced(file, names, depth, pressure, lat)
    methods = file.attribute("cell_methods", names["temperature"])
    time = samples.spread(names["time"], times(file, names["time"], methods=methods))
    salinity = _salinity(file, roles, samples)
    size = int(np.prod(samples.shape))
    platform = _platforms(file, roles, samples)
    fields = {
        "time": time, "lat": lat, "lon": lon, "depth": depth, "pressure": pressure,
        "temperature": temperature, "salinity": salinity, "invalid": invalid,
        "quality_temperature": quality, "quality_depth": depth_quality,
        "quality_time": flags_on(file, samples, names["time"], GOOD),
        "quality_position": worst(*(flags_on(file, samples, name, GOOD)
                                    for name in ("POSITION", "position", names["lat"], names["lon"]))),
        "instrument_error": error, "error": _error(file, roles.names.get("error", ""), samples),
        "platform_id": platform, "platform_type": _kinds(file, roles, samples),
        "reason": np.where(contradicts, "depth_contradicts_pressure", ""),
    }  # fmt: skip
    rows = pd.DataFrame({name: np.ravel(field) for name, field in fields.items()})
    rows = rows.assign(profile=_casts(file, roles, samples, rows), source_index=np.arange(size))
    return rows[np.ravel(_present(file, roles, samples, temperature, depth, pressure))]


def _best_temperature(
    file: NetcdfFile, roles: Roles, samples: Samples, units: Mapping[str, str], scheme: Mapping[int, int]
) -> tuple[NDArray, ...]:
    """Values, whether outside the valid range, qualities and errors: adjusted where the mode says so."""
    name, own_error = roles.names["temperature"], roles.names.get("instrument_error", "")
    given = units.get("temperature", "") or units.get(roles.kind, "")

    def read(variable: str) -> tuple[NDArray, ...]:
        values, invalid = _celsius(file, samples, variable, given)
        whole = roles.names.get("qc", "") if variable == name else ""
        quality = flags_on(file, samples, variable, UNKNOWN, whole, scheme)
        named = (variable + word for word in ("_ERROR", "_error") if variable != name)
        error = next((other for other in named if other in file), own_error)
        return values, invalid, quality, _error(file, error, samples)

    return samples.better(name, read)


def _celsius(
    file: NetcdfFile, samples: Samples, name: str, units: str
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """degC (ITS-90) of a temperature, and where it is outside the valid range."""
    scale = scale_of(units or file.attribute("units", name))
    values, invalid = file.measured(name, "degC", units="degC" if scale else units)
    return np.asarray(scale(values) if scale else values, float), invalid


def _salinity(file: NetcdfFile, roles: Roles, samples: Samples) -> NDArray[np.float64]:
    """Practical salinity, NaN where it is doubtful or there is none: adjusted where its mode says so."""
    name = roles.names.get("salinity") or roles.names.get("absolute_salinity", "")
    if not name or not samples.fits(name):
        return np.full(samples.shape, np.nan)
    usual = PRACTICAL if name == roles.names.get("absolute_salinity") else 1.0
    return samples.better(name, lambda word: (_practical(file, samples, word, usual),))[0]


def _practical(file: NetcdfFile, samples: Samples, name: str, usual: float) -> NDArray[np.float64]:
    values, invalid = file.measured(name, "1", units="1")
    each = practical_of_unit(file.attribute("units", name))
    values = np.where(invalid, np.nan, values * (usual if each is None else each))
    doubtful = flags_on(file, samples, name, GOOD) >= SUSPECT
    return np.where(doubtful, np.nan, samples.spread(name, values))


def _error(file: NetcdfFile, name: str, samples: Samples) -> NDArray[np.float64]:
    """K of a variable of errors, NaN where there is none."""
    if not name or not samples.fits(name):
        return np.full(samples.shape, np.nan)
    return samples.spread(name, file.numbers(name) * file.degree(name))


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
