"""Argo: profile files of the GDAC, and which files of a tree to read.

Argo user's manual 3.41 (doi 10.13155/29825). Real-time values are replaced by the adjusted ones, with
their flags and errors, in profiles of mode A and D; only the primary sampling is taken (the others
see the same water a second time); descending casts are kept, they are casts with a time of their own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.calendars import days_since
from deepda.observations.flags import ARGO
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.reading import (
    GOOD,
    SUSPECT,
    ObservationError,
    ReadOptions,
    ReadResult,
    finish,
    rows_of,
)

WORST_PRESSURE_ERROR = 20.0  # dbar: Argo QC manual, pressures that cannot be corrected
EPOCH = "1950-01-01"
SINGLE = re.compile(r"^(?P<kind>[BMS]?)(?P<mode>[RD])(?P<float>\d{5,7})_(?P<cycle>\d{3,4}D?)\.nc$")
MULTI = re.compile(r"^(?P<float>\d{5,7})_(?P<kind>[A-Za-z]+)\.nc$")


@dataclass(frozen=True)
class ArgoFile:
    """One file of a GDAC tree.

    Attributes:
        path: of the file, which is absent for status "missing".
        status: "use", "superseded", "missing" or "no_profiles".
        reason: why it is not used, "" if it is.
    """

    path: Path
    status: str
    reason: str = ""


def read_argo(path: Path, options: ReadOptions) -> ReadResult:
    """Read a core `_prof.nc`, a single-cycle R or D file, a synthetic `_Sprof.nc`, or a geo file.

    Raises:
        ObservationError: not a profile file with temperature, or damaged.
    """
    with NetcdfFile(path) as file:
        if "TEMP" not in file or "PRES" not in file:
            kind = " ".join(file.texts("DATA_TYPE", 1))
            raise file.error(
                f"an Argo file of type {kind!r} without TEMP or PRES came, expected core or "
                "synthetic profiles",
                "read the core file of the same cycle",
            )
        rows = _rows(file)
    return finish(rows, path, "argo", options)


def _rows(file: NetcdfFile) -> pd.DataFrame:
    raw = file.matrix("TEMP")
    shape = raw.shape
    casts = shape[0]
    present = np.isfinite(file.numbers("PRES", shape)) | np.isfinite(raw)
    pressure, pressure_quality, pressure_error = _best(file, "PRES", shape)
    temperature, quality, error = _best(file, "TEMP", shape)
    salinity = np.full(shape, np.nan)
    if "PSAL" in file:
        salinity, salinity_quality, _ = _best(file, "PSAL", shape)
        salinity = np.where(salinity_quality < SUSPECT, salinity, np.nan)
    platform = file.texts("PLATFORM_NUMBER", casts)
    reason = np.where(pressure_error > WORST_PRESSURE_ERROR, "pressure_error_above_20_dbar", "")
    reason[~_primary(file, platform)] = "not_primary_sampling"
    return rows_of(
        present,
        time=days_since(file.numbers("JULD", (casts,)), EPOCH),
        lat=file.numbers("LATITUDE", (casts,)),
        lon=file.numbers("LONGITUDE", (casts,)),
        pressure=pressure,
        temperature=temperature,
        salinity=salinity,
        instrument_error=error,
        platform_type="argo",
        platform_id=platform,
        quality_time=file.flags("JULD_QC", (casts,), ARGO, absent=GOOD),
        quality_position=file.flags("POSITION_QC", (casts,), ARGO, absent=GOOD),
        quality_depth=pressure_quality,
        quality_temperature=quality,
        reason=reason,
    )


def _best(
    file: NetcdfFile, name: str, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.float64]]:
    """(cast, level) values, qualities and errors: adjusted in casts of mode A and D."""
    value, quality = file.numbers(name, shape), file.flags(f"{name}_QC", shape, ARGO)
    error = np.full(shape, np.nan)
    if f"{name}_ADJUSTED" not in file:  # files of floats that never left real time
        return value, quality, error
    adjusted = np.isin(_modes(file, name, shape[0]), ("A", "D"))[:, None]
    value = np.where(adjusted, file.numbers(f"{name}_ADJUSTED", shape), value)
    quality = np.where(adjusted, file.flags(f"{name}_ADJUSTED_QC", shape, ARGO), quality)
    if f"{name}_ADJUSTED_ERROR" in file:
        error = np.where(adjusted, file.numbers(f"{name}_ADJUSTED_ERROR", shape), error)
    return value, quality, error


def _modes(file: NetcdfFile, name: str, casts: int) -> NDArray[np.str_]:
    """(cast) R, A or D; of the parameter where a synthetic profile tells them apart, else R."""
    if "DATA_MODE" in file:
        return file.characters("DATA_MODE", (casts,))
    if "PARAMETER_DATA_MODE" not in file or "STATION_PARAMETERS" not in file:
        return np.full(casts, "R")
    count = file.shape("PARAMETER_DATA_MODE")[-1]
    modes = file.characters("PARAMETER_DATA_MODE", (casts, count))
    named = file.texts("STATION_PARAMETERS", casts * count).reshape(casts, count) == name
    return np.where(named.any(axis=1), modes[np.arange(casts), named.argmax(axis=1)], "R")


def _primary(file: NetcdfFile, platform: NDArray[np.str_]) -> NDArray[np.bool_]:
    """(cast) True for the primary sampling; without a scheme, for the first cast of its cycle."""
    casts = platform.size
    scheme = file.texts("VERTICAL_SAMPLING_SCHEME", casts)
    cycle = file.numbers("CYCLE_NUMBER", (casts,)) if "CYCLE_NUMBER" in file else np.arange(casts)
    direction = file.characters("DIRECTION", (casts,)) if "DIRECTION" in file else np.full(casts, "A")
    key = pd.DataFrame({"platform": platform, "cycle": cycle, "direction": direction})
    first = ~key.duplicated().to_numpy()
    named = np.array([text.lower().startswith("primary") for text in scheme])
    return named | ((scheme == "") & first)


def argo_files(root: Path) -> list[ArgoFile]:
    """Which files of a GDAC tree (or a part of it) to read so that each cast comes once.

    A float's `_prof.nc` holds all its casts and is taken where it is; else the single-cycle files,
    D before R of the same cycle; else the synthetic `_Sprof.nc`. B files hold no temperature. Casts
    of the index `ar_index_global_prof.txt` for which there is no file at all are "missing".

    Raises:
        ObservationError: there is no Argo file under root.
    """
    floats: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(root.rglob("*.nc")):
        named = SINGLE.match(path.name) or MULTI.match(path.name)
        if named:
            floats[named["float"]].append(path)
    if not floats:
        raise ObservationError(f"{root} holds no Argo file, expected <float>_prof.nc; check the path")
    chosen = [file for name in sorted(floats) for file in _choose(floats[name])]
    return chosen + _missing(root, floats)


def _choose(paths: list[Path]) -> list[ArgoFile]:
    """The files of one float with their status."""
    multi = {m["kind"]: p for p in paths if (m := MULTI.match(p.name))}
    single = {p: m for p in paths if (m := SINGLE.match(p.name))}
    core = {(m["mode"], m["cycle"]) for m in single.values() if m["kind"] == ""}
    whole = multi.get("prof") or (None if core else multi.get("Sprof"))
    files = []
    for path in paths:
        found = single.get(path)
        if path == whole:
            files.append(ArgoFile(path, "use"))
        elif found is None:
            profiles = path in (multi.get("prof"), multi.get("Sprof"))
            files.append(
                ArgoFile(path, "superseded", "core_profiles_are_there")
                if profiles
                else ArgoFile(path, "no_profiles", "no_profile_file")
            )
        else:
            files.append(_single(path, found, whole, core))
    return files


def _single(
    path: Path, found: re.Match[str], whole: Path | None, core: set[tuple[str, str]]
) -> ArgoFile:
    modes = {mode for mode, cycle in core if cycle == found["cycle"]}
    if found["kind"] in ("B", "M"):
        return ArgoFile(path, "no_profiles", "b_file_without_temperature")
    if whole is not None:
        return ArgoFile(path, "superseded", f"its_cast_is_in_{whole.name}")
    if found["kind"] == "S" and modes:
        return ArgoFile(path, "superseded", "core_profiles_are_there")
    if found["mode"] == "R" and "D" in modes:
        return ArgoFile(path, "superseded", "delayed_mode_is_there")
    return ArgoFile(path, "use")


def _missing(root: Path, floats: dict[str, list[Path]]) -> list[ArgoFile]:
    index = next(iter(sorted(root.rglob("ar_index_global_prof.txt"))), None)
    if index is None:
        return []
    cycles = {name: Counter(_cycle(path) for path in paths) for name, paths in floats.items()}
    gone = []
    for line in index.read_text(encoding="latin-1").splitlines():
        name = line.split(",")[0]
        found = SINGLE.match(name.rpartition("/")[2])
        if found is None or name.startswith("#"):
            continue
        known = cycles.get(found["float"], Counter())
        if not known["prof"] and not known[found["cycle"]]:
            gone.append(ArgoFile(index.parent / "dac" / name, "missing", "in_the_index_without_a_file"))
    return gone


def _cycle(path: Path) -> str:
    """Cycle of a core single-cycle file, "prof" for the file of all, "" for others."""
    single, multi = SINGLE.match(path.name), MULTI.match(path.name)
    if single:
        return single["cycle"] if single["kind"] == "" else ""
    return "prof" if multi and multi["kind"] == "prof" else ""


def read_greylist(path: Path) -> pd.DataFrame:
    """The grey list `ar_greylist.txt`: sensors under suspicion, for quality control.

    Returns:
        (row) platform_id, parameter, start, end (datetime64[s], NaT: still), quality (1..4), comment.

    Raises:
        ObservationError: not a grey list.
    """
    try:
        table = pd.read_csv(path, dtype=str, encoding="latin-1", on_bad_lines="skip")
        columns = [table[name] for name in ("PLATFORM_CODE", "PARAMETER_NAME", "COMMENT")]
        dates = [pd.to_datetime(table[name], format="%Y%m%d", errors="coerce")
                 for name in ("START_DATE", "END_DATE")]  # fmt: skip
        quality = pd.to_numeric(table["QUALITY_CODE"], errors="coerce")
    except (OSError, ValueError, KeyError) as error:
        raise ObservationError(
            f"{path} is no Argo grey list ({error}), expected PLATFORM_CODE, PARAMETER_NAME, ...; "
            "fetch ar_greylist.txt again"
        ) from error
    return pd.DataFrame(
        {
            "platform_id": columns[0].str.strip(),
            "parameter": columns[1].str.strip(),
            "start": dates[0].astype("datetime64[s]"),
            "end": dates[1].astype("datetime64[s]"),
            "quality": quality,
            "comment": columns[2].fillna(""),
        }
    )
