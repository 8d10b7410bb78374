"""A user's own observations: CSV, Parquet or a pandas table.

Columns are found by their usual names (ALIASES), with units in brackets behind the name or, in NetCDF,
in the attribute. Potential temperature is expected under `temperature` as in the observation table;
in-situ temperature under its own names. Times without zone are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.flags import ARGO, qualities
from deepda.observations.reading import (
    GOOD,
    QUALITIES,
    UNKNOWN,
    ZERO_CELSIUS,
    ObservationError,
    ReadOptions,
    ReadResult,
    finish,
)
from deepda.observations.table import PLATFORMS

ALIASES = {
    "time": ("time", "date", "datetime", "timestamp", "date_time", "obs_time"),
    "lat": ("lat", "latitude", "nav_lat"),
    "lon": ("lon", "longitude", "long", "nav_lon"),
    "depth": ("depth", "z", "deph", "level_depth"),
    "pressure": ("pressure", "pres", "sea_water_pressure"),
    "temperature": ("temperature", "potential_temperature", "theta", "thetao", "potm"),
    "in_situ": ("in_situ_temperature", "insitu_temperature", "temp", "sea_water_temperature"),
    "surface": ("sst", "sea_surface_temperature"),
    "salinity": ("salinity", "psal", "practical_salinity", "salt"),
    "error": ("error", "temperature_error", "uncertainty", "stddev"),
    "platform_type": ("platform_type", "instrument", "platform_kind"),
    "platform_id": ("platform_id", "platform", "id", "station", "wmo", "callsign"),
    "qc": ("qc", "quality", "flag", "temperature_qc"),
}
METRES = {"m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "cm": 0.01, "km": 1000.0}
KELVIN_WORDS = ("k", "kelvin")


def read_own(path: Path, options: ReadOptions) -> ReadResult:
    """Read a file of a user's own: .csv, .csv.gz or .parquet.

    Raises:
        ObservationError: unreadable, or a column is missing.
    """
    name = path.name.lower()
    try:
        if name.endswith((".csv", ".csv.gz")):
            frame = pd.read_csv(path, comment="#", skipinitialspace=True)
        else:
            frame = pd.read_parquet(path)
    except ObservationError:
        raise
    except (OSError, ValueError, EOFError, MemoryError) as error:
        what = " ".join(str(error).split())
        raise ObservationError(f"{path} cannot be read ({what}); write it again") from error
    return read_frame(frame, options, path)


def read_frame(
    frame: pd.DataFrame,
    options: ReadOptions,
    source: Path = Path("table"),
    units: Mapping[str, str] | None = None,
) -> ReadResult:
    """Read a pandas table, one row a value.

    Args:
        frame: with columns of ALIASES or named by `options.columns`.
        options: `columns` and `units` override what is found.
        source: what to call it.
        units: by column name, where known.

    Raises:
        ObservationError: a column is missing, or holds no numbers or times.
    """
    columns, found = _columns(frame, options.columns, source)
    units = {ours: (units or {}).get(name, "") or found.get(ours, "") for ours, name in columns.items()}
    units |= dict(options.units)
    kind = next(word for word in ("temperature", "in_situ", "surface") if word in columns)
    number = {ours: _numbers(frame[columns[ours]], columns[ours], source)
              for ours in ("lat", "lon", "depth", "pressure", kind, "salinity", "error")
              if ours in columns}  # fmt: skip
    value = _celsius(number[kind], units.get(kind, "") or units.get("temperature", ""), source)
    size = len(frame)
    depth = number.get("depth", np.full(size, 0.0 if kind == "surface" else np.nan))
    rows = pd.DataFrame(
        {
            "time": _times(frame[columns["time"]]),
            "lat": number["lat"],
            "lon": number["lon"],
            "depth": depth * _factor(units.get("depth", ""), source),
            "pressure": number.get("pressure", np.full(size, np.nan)),
            "temperature": value,
            "salinity": number.get("salinity", np.full(size, np.nan)),
            "error": number.get("error", np.full(size, np.nan)),
            "profile": np.arange(size, dtype=np.int32),
            "source_index": np.arange(size),
            "quality_temperature": _quality(frame, columns),
        }
    )
    rows["platform_type"], rows["reason"] = _platforms(frame, columns)
    if "platform_id" in columns:
        rows["platform_id"] = frame[columns["platform_id"]].astype(str).to_numpy()
    return finish(rows, source, "own", options, potential=kind != "in_situ")


def _columns(
    frame: pd.DataFrame, given: Mapping[str, str], source: Path
) -> tuple[dict[str, str], dict[str, str]]:
    """Our name -> column, and our name -> units written behind a column's name."""
    bare = dict[str, tuple[str, str]]()
    for column in map(str, frame.columns):
        match = re.match(r"^\s*(.*?)\s*[\[(]([^\])]*)[\])]\s*$", column)
        name, unit = (match[1], match[2]) if match else (column.strip(), "")
        bare.setdefault(re.sub(r"\W+", "_", name.lower()), (column, unit))
    columns, units = {}, {}
    for ours, aliases in ALIASES.items():
        hit = next((bare[alias] for alias in aliases if alias in bare), None)
        if hit:
            columns[ours], units[ours] = hit
    columns |= given
    wanted = [("time",), ("lat",), ("lon",), ("temperature", "in_situ", "surface")]
    if "surface" not in columns:
        wanted.append(("depth", "pressure"))
    absent = [" or ".join(names) for names in wanted if not set(names) & columns.keys()]
    unknown = [name for name in given.values() if name not in frame.columns]
    if absent or unknown:
        raise ObservationError(
            f"{source} has no column {', '.join(absent + unknown)} (it has "
            f"{', '.join(map(str, frame.columns[:12])) or 'none'}); name them in columns={{...}}"
        )
    return columns, units


def _numbers(values: pd.Series, name: str, source: Path) -> NDArray[np.float64]:
    """Floats, NaN where a cell is no number; a column without any number is refused."""
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if values.notna().any() and not np.isfinite(numbers).any():
        raise ObservationError(
            f"{source}: column {name} holds text ({str(values.dropna().iloc[0])[:40]!r}), expected "
            "numbers; clean it"
        )
    return numbers


def _times(values: pd.Series) -> NDArray[np.datetime64]:
    if not pd.api.types.is_datetime64_any_dtype(values):
        values = pd.to_datetime(values.astype(str), utc=True, errors="coerce", format="ISO8601")
    values = values.dt.tz_convert(None) if values.dt.tz else values
    return values.to_numpy().astype("datetime64[s]")


def _celsius(values: NDArray[np.float64], units: str, source: Path) -> NDArray[np.float64]:
    word = units.lower().replace("\N{DEGREE SIGN}", "deg").strip()
    if word in KELVIN_WORDS:
        return values - ZERO_CELSIUS
    if word in ("degf", "f", "fahrenheit"):
        raise ObservationError(f"{source}: temperature in {units}, expected degC or K; convert it")
    return values


def _factor(units: str, source: Path) -> float:
    if units and units.lower() not in METRES:
        raise ObservationError(f"{source}: depth in {units!r}, expected m; convert it")
    return METRES[units.lower()] if units else 1.0


def _quality(frame: pd.DataFrame, columns: Mapping[str, str]) -> NDArray[np.int8]:
    """Our own words, or flags 0..9 as Argo counts them."""
    if "qc" not in columns:
        return np.full(len(frame), UNKNOWN, np.int8)
    text = frame[columns["qc"]].astype(str).str.strip().str.lower().str.replace(r"\.0$", "", regex=True)
    words = {word: code for code, word in enumerate(QUALITIES)} | {
        "nan": UNKNOWN,
        "none": UNKNOWN,
        "": UNKNOWN,
    }
    coded = qualities(text.str.encode("latin-1", "replace").to_numpy().astype("S1"), ARGO)
    mapped = text.map(words).to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(mapped), np.nan_to_num(mapped, nan=GOOD), coded).astype(np.int8)


def _platforms(
    frame: pd.DataFrame, columns: Mapping[str, str]
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Platform types, and a reason where one is not ours."""
    reason = np.full(len(frame), "", dtype=object)
    if "platform_type" not in columns:
        return np.full(len(frame), "other", dtype=object), reason
    kind = frame[columns["platform_type"]].astype(str).str.strip().str.lower()
    known = kind.isin(PLATFORMS).to_numpy()
    reason[~known] = "platform_type_unknown"
    return kind.where(known, "other").to_numpy(dtype=object), reason
