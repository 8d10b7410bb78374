"""Argo: profile files of the GDAC, and which files of a tree to read.

Argo user's manual 3.41 (doi 10.13155/29825). Real-time values are replaced by the adjusted ones, with
their flags and errors, in profiles of mode A and D; only the primary sampling is taken (the others
see the same water a second time); descending casts are kept, they are casts with a time of their own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.classic import DamagedFileError, read_header
from deepda.base.units import UnitError, convert
from deepda.observations.ncfile import ARGO, NetcdfFile, days_since
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
MODES = ("R", "A", "D")  # real time, adjusted in real time, delayed mode
VALUES = {  # parameter -> its unit, and spellings of it that need no conversion
    "PRES": ("dbar", ("decibar", "decibars", "dbar", "")),
    "TEMP": ("degC", ("degree_celsius", "degrees_celsius", "degree celsius", "degc", "celsius", "")),
    "PSAL": ("1", ("psu", "1", "1e-3", "pss-78", "")),
}
SINGLE = re.compile(r"^(?P<kind>[BMS]?)(?P<mode>[RD])(?P<float>\d{5,7})_(?P<cycle>\d{3,4}D?)\.nc$")
MULTI = re.compile(r"^(?P<float>\d{5,7})_(?P<kind>[A-Za-z]+)\.nc$")
SEAL = re.compile(r"^(?P<tag>.+)_(?P<resolution>[a-z]{2})(?P<version>\d)_prof\.nc$")
INDEX = "ar_index_global_prof.txt"  # stands at the root of a GDAC tree
LONGEST_LINE = 4096  # bytes of a line of the index


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


class ArgoNetcdf(NetcdfFile):
    """An Argo file; NODC issues them with names in lower case, which are read in upper case here.

    Raises:
        ObservationError: as `NetcdfFile`, or two names differ by their case alone.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._spelled = {name.upper(): name for name in sorted(self.names)}
        if len(self._spelled) < len(self.names):
            raise self.error("two of its variables differ by the case of their names alone")
        self.names = frozenset(self._spelled)

    def _variable(self, name: str) -> netCDF4.Variable:
        if name not in self.names:
            raise self.error(f"it has no variable {name}, expected those of an Argo profile file")
        return self._data.variables[self._spelled[name]]


def is_argo(file: NetcdfFile) -> bool:
    """Whether the file says so of itself."""
    names = [name for name in ("DATA_TYPE", "data_type") if name in file]
    return any("argo" in " ".join(file.texts(name, 1)).lower() for name in names)


def read_argo(path: Path, options: ReadOptions) -> ReadResult:
    """Read a core `_prof.nc`, a single-cycle R or D file, a synthetic `_Sprof.nc`, or a geo file.

    Raises:
        ObservationError: not a profile file with temperature, or damaged.
    """
    with ArgoNetcdf(path) as file:
        if "TEMP" not in file or "PRES" not in file:
            kind = " ".join(file.texts("DATA_TYPE", 1))
            raise file.error(
                f"it is an Argo file of type {kind!r} without TEMP or PRES, expected core or "
                "synthetic profiles",
                "read the core file of the same cycle",
            )
        absent = [f"{name}_QC" for name in VALUES for name in (name, f"{name}_ADJUSTED")
                  if name in file and f"{name}_QC" not in file]  # fmt: skip
        if absent:
            raise file.error(f"it has no flags {', '.join(absent)}, expected those of every value")
        rows = _rows(file)
    return finish(rows, path, "argo", options)


def _rows(file: NetcdfFile) -> pd.DataFrame:
    raw = file.matrix("TEMP")
    shape = (raw.shape[0], raw.shape[1])
    casts = shape[0]
    present = np.isfinite(file.numbers("PRES", shape)) | np.isfinite(raw)
    modes = _modes(file, "TEMP", casts)
    pressure, pressure_quality, pressure_error = _best(file, "PRES", shape)
    temperature, quality, error = _best(file, "TEMP", shape)
    salinity = np.full(shape, np.nan)
    if "PSAL" in file:
        salinity, salinity_quality, _ = _best(file, "PSAL", shape)
        salinity = np.where(salinity_quality < SUSPECT, salinity, np.nan)
    platform = file.texts("PLATFORM_NUMBER", casts)
    reason = np.where(pressure_error > WORST_PRESSURE_ERROR, "pressure_error_above_20_dbar", "")
    reason = reason.astype(object)
    reason[_invalid(file, "TEMP", temperature)] = "outside_the_valid_range_of_the_file"
    reason[~np.isin(modes, MODES)] = "data_mode_unknown"
    reason[~_primary(file, platform)] = "not_primary_sampling"
    return rows_of(
        present,
        time=_times(file, casts),
        lat=file.numbers("LATITUDE", (casts,)),
        lon=file.numbers("LONGITUDE", (casts,)),
        pressure=pressure,
        temperature=temperature,
        salinity=salinity,
        instrument_error=error,
        platform_type=np.where(_of_animals(file), "ctd", "argo"),
        platform_id=platform,
        quality_time=file.flags("JULD_QC", (casts,), ARGO, absent=GOOD),
        quality_position=file.flags("POSITION_QC", (casts,), ARGO, absent=GOOD),
        quality_depth=pressure_quality,
        quality_temperature=quality,
        reason=reason,
    )


def _times(file: NetcdfFile, casts: int) -> NDArray[np.datetime64]:
    """(cast) times by the units of JULD, by default days since 1950.

    The manual's day count is Gregorian, also where a file calls its calendar "julian" after it.
    """
    units = file.attribute("units", "JULD")
    if not units or re.match(rf"days since {EPOCH}\b(?!.*[+-]\d\d:?\d\d\s*$)", units):
        return days_since(file.numbers("JULD", (casts,)), EPOCH)
    return file.times("JULD", (casts,))


def _of_animals(file: NetcdfFile) -> bool:
    """Whether seals carried the CTD (MEOP), which declare Argo's layout for their data."""
    return "mammal" in (file.attribute("data_type") + file.attribute("source")).lower()


def _best(
    file: NetcdfFile, name: str, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.float64]]:
    """(cast, level) values, qualities and errors: adjusted in casts of mode A and D."""
    value, quality = _values(file, name, name, shape), file.flags(f"{name}_QC", shape, ARGO)
    error = np.full(shape, np.nan)
    if f"{name}_ADJUSTED" not in file:  # files of floats that never left real time
        return value, quality, error
    adjusted = np.isin(_modes(file, name, shape[0]), ("A", "D"))[:, None]
    value = np.where(adjusted, _values(file, f"{name}_ADJUSTED", name, shape), value)
    quality = np.where(adjusted, file.flags(f"{name}_ADJUSTED_QC", shape, ARGO), quality)
    if f"{name}_ADJUSTED_ERROR" in file:
        error = np.where(adjusted, file.numbers(f"{name}_ADJUSTED_ERROR", shape), error)
    return value, quality, error


def _values(file: NetcdfFile, variable: str, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Values of a variable in the unit of its parameter."""
    return in_unit(file, variable, file.numbers(variable, shape), name)


def in_unit(
    file: NetcdfFile, variable: str, values: NDArray[np.float64], name: str
) -> NDArray[np.float64]:
    """Values in the unit of a parameter (VALUES), by the attribute of their variable.

    Raises:
        ObservationError: a unit that is unknown or measures something else.
    """
    unit, usual = VALUES[name]
    stated = file.attribute("units", variable)
    if stated.lower() in usual:
        return values
    try:
        return convert(values, stated, unit)
    except UnitError as error:
        raise file.error(f"{variable}: {error}") from error


def _invalid(file: NetcdfFile, name: str, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where values lie outside the range that the file itself declares valid."""
    lowest, highest = (file.attribute(word, name) for word in ("valid_min", "valid_max"))
    try:
        low, high = float(lowest or -np.inf), float(highest or np.inf)
    except ValueError as error:
        raise file.error(f"the valid range of {name} is {lowest} to {highest}") from error
    return (values < low) | (values > high)


def _modes(file: NetcdfFile, name: str, casts: int) -> NDArray[np.str_]:
    """(cast) R, A or D; of the parameter where a synthetic profile states one for each.

    Raises:
        ObservationError: there are adjusted values and no mode says where they hold.
    """
    if "DATA_MODE" in file:
        return file.characters("DATA_MODE", (casts,))
    if "PARAMETER_DATA_MODE" not in file or "STATION_PARAMETERS" not in file:
        if f"{name}_ADJUSTED" in file:
            raise file.error("it has adjusted values and no DATA_MODE, expected one a profile")
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

    As `choose_files`; casts of the index `ar_index_global_prof.txt` for which there is no file at
    all are "missing".

    Raises:
        ObservationError: there is no Argo file under root.
    """
    files = [path for path in sorted(root.rglob("*.nc")) if path.is_file()]
    chosen = choose_files(files)
    if not chosen:
        raise ObservationError(f"{root} holds no Argo file, expected <float>_prof.nc; check the path")
    index = next((path for path in sorted(root.rglob(INDEX)) if path.is_file()), None)
    return chosen + (missing_files(index, files) if index else [])


def choose_files(paths: Iterable[Path]) -> list[ArgoFile]:
    """Which of the files named like Argo or seal profiles to read so that each cast comes once.

    A float's `_prof.nc` holds all its casts and is taken where it is; else the single-cycle files,
    D before R of the same cycle; else the synthetic `_Sprof.nc`. B files hold no temperature. Of
    the files of one seal tag (MEOP) the levels that were sent are taken (`_lr1`), rather than the
    same interpolated to every dbar (`_hr1`), if they hold as many dives.

    Args:
        paths: files that can be opened, in the order of their names; others are passed over.
    """
    floats: dict[str, list[Path]] = defaultdict(list)
    tags: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for path in paths:
        named = _named(path)
        if named:
            floats[named["float"]].append(path)
        elif seal := SEAL.match(path.name):
            tags[path.parent, seal["tag"]].append(path)
    chosen = [file for name in sorted(floats) for file in _choose(floats[name])]
    return chosen + [file for tag in tags.values() for file in _choose_resolution(tag)]


def _named(path: Path) -> re.Match[str] | None:
    return SINGLE.match(path.name) or MULTI.match(path.name)


def _choose_resolution(paths: list[Path]) -> list[ArgoFile]:
    """The files of one tag: the low resolution before others, the later version before earlier."""

    def rank(path: Path) -> tuple[bool, int]:
        seal = SEAL.match(path.name)
        assert seal is not None
        return seal["resolution"] != "lr", -int(seal["version"])

    best = min(paths, key=rank)
    casts = _casts(best)
    reason = f"its_dives_are_in_{best.name}"
    return [
        ArgoFile(path, "superseded", reason)
        if path != best and casts and casts == _casts(path)
        else ArgoFile(path, "use")
        for path in paths
    ]


def _casts(path: Path) -> int:
    """Casts of a classic NetCDF file by its header, 0 where it does not say."""
    try:
        extents = {extent.name: extent.size for extent in read_header(path).extents}
    except (OSError, DamagedFileError):
        return 0
    return extents.get("JULD", 0) // 8


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


def missing_files(index: Path, paths: Iterable[Path]) -> list[ArgoFile]:
    """Casts of an index for which none of the files is there."""
    cycles = defaultdict[str, Counter[str]](Counter)
    for path in paths:
        named = _named(path)
        if named:
            cycles[named["float"]][_cycle(path)] += 1
    gone = []
    for name in _index_names(index):
        found = SINGLE.match(name.rpartition("/")[2])
        known = cycles[found["float"]] if found else Counter[str]()
        if found and not known["prof"] and not known[found["cycle"]]:
            gone.append(ArgoFile(index.parent / "dac" / name, "missing", "in_the_index_without_a_file"))
    return gone


def _index_names(index: Path) -> Iterator[str]:
    """First column of an index, line by line; none where it cannot be read."""
    try:
        with index.open("rb") as stream:
            while line := stream.readline(LONGEST_LINE):
                name = line.decode("latin-1").split(",")[0].strip()
                if name and not name.startswith("#"):
                    yield name
    except OSError:
        return


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
