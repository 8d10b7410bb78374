"""Argo: profile files of the GDAC, and which files of a tree to read.

Argo user's manual 3.41 (doi 10.13155/29825). Real-time values are replaced by the adjusted ones, with
their flags and errors, in profiles of mode A and D; only the primary sampling is taken (the others
see the same water a second time); descending casts are kept, they are casts with a time of their own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import netCDF4
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deepda.observations.calendars import EPOCH, days_since
from deepda.observations.coordinates import degrees
from deepda.observations.flags import ARGO
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import GOOD, trusted
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult, finish, rows_of
from deepda.observations.temperatures import kind_of

WORST_PRESSURE_ERROR = 20.0  # dbar: Argo QC manual, pressures that cannot be corrected
# Real time, adjusted in real time, delayed mode: reference table 19 of the manual.
MODES = ("R", "A", "D")
ADJUSTED = ("A", "D")
UNITS = {"PRES": "dbar", "TEMP": "degC", "PSAL": "1"}
STATED = {"PSAL": "1"}  # practical salinity is a pure number, also where it is called psu or 1e-3


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
        absent = [f"{name}_QC" for name in UNITS for name in (name, f"{name}_ADJUSTED")
                  if name in file and f"{name}_QC" not in file]  # fmt: skip
        if absent:
            raise file.error(f"it has no flags {', '.join(absent)}, expected those of every value")
        kind, assumed = kind_of(file, "TEMP", "in_situ")
        rows = _rows(file)
    return finish(rows, path, "argo", options, kind, assumed)


def _rows(file: NetcdfFile) -> pd.DataFrame:
    file.require_matrix("TEMP")
    raw = file.numbers("TEMP")
    shape = (raw.shape[0], raw.shape[1])
    casts = shape[0]
    present = np.isfinite(file.numbers("PRES", shape)) | np.isfinite(raw)
    modes = _modes(file, "TEMP", casts)
    pressure, temperature = _of_mode(file, "PRES", shape), _of_mode(file, "TEMP", shape)
    salinity: ArrayLike = np.nan
    if "PSAL" in file:
        found = _of_mode(file, "PSAL", shape)
        salinity = trusted(found.value, found.quality)
    platform = file.texts("PLATFORM_NUMBER", casts)
    reason = np.where(pressure.error > WORST_PRESSURE_ERROR, "pressure_error_above_20_dbar", "")
    reason = reason.astype(object)
    reason[~np.isin(modes, MODES)] = "data_mode_unknown"
    reason[~_primary(file, platform)] = "not_primary_sampling"
    return rows_of(
        present,
        time=juld_times(file, casts),
        lat=degrees(file, "LATITUDE", (casts,)),
        lon=degrees(file, "LONGITUDE", (casts,)),
        pressure=pressure.value,
        temperature=temperature.value,
        salinity=salinity,
        instrument_error=temperature.error,
        invalid=temperature.invalid,
        platform_type=np.where(_of_animals(file), "ctd", "argo"),
        platform_id=platform,
        quality_time=file.flags("JULD_QC", (casts,), ARGO, absent=GOOD),
        quality_position=file.flags("POSITION_QC", (casts,), ARGO, absent=GOOD),
        quality_depth=pressure.quality,
        quality_temperature=temperature.quality,
        reason=reason,
    )


def _of_mode(file: NetcdfFile, name: str, shape: tuple[int, int]) -> Best:
    return best(file, name, shape, np.isin(_modes(file, name, shape[0]), ADJUSTED)[:, None])


def juld_times(file: NetcdfFile, casts: int) -> NDArray[np.datetime64]:
    """(cast) times by the units of JULD, by default days since 1950; of EN4 too.

    The Argo manual's day count is Gregorian, also where a file calls its calendar "julian" after it.
    """
    units = file.attribute("units", "JULD")
    if not units or re.match(rf"days since {EPOCH}\b(?!.*([1-9]|[+-]\d\d:?\d\d\s*$))", units):
        return days_since(file.numbers("JULD", (casts,)), EPOCH)
    return file.times("JULD", (casts,))


def _of_animals(file: NetcdfFile) -> bool:
    """Whether seals carried the CTD (MEOP), which declare Argo's layout for their data."""
    return "mammal" in (file.attribute("data_type") + file.attribute("source")).lower()


class Best(NamedTuple):
    """Values of a parameter, (cast, level) or (row) of a table, adjusted where mode is A or D.

    Attributes:
        value: in the unit of UNITS.
        quality: 0 to 4.
        error: of adjusted values, NaN where there is none.
        invalid: where the value is outside the range that the file calls valid.
    """

    value: NDArray[np.float64]
    quality: NDArray[np.int8]
    error: NDArray[np.float64]
    invalid: NDArray[np.bool_]


def best(
    file: NetcdfFile, name: str, shape: tuple[int, ...], adjusted: NDArray[np.bool_] | None = None
) -> Best:
    """The best values of a parameter: the adjusted ones where `adjusted`, else where they are filled."""
    raw = _of(file, name, name, shape)
    if f"{name}_ADJUSTED" not in file:  # files of floats that never left real time
        return raw
    better = _of(file, f"{name}_ADJUSTED", name, shape)
    if adjusted is None:
        adjusted = np.isfinite(better.value)
    pairs = ((getattr(better, name), getattr(raw, name)) for name in Best._fields)
    return Best(*(np.where(adjusted, *pair) for pair in pairs))


def _of(file: NetcdfFile, variable: str, name: str, shape: tuple[int, ...]) -> Best:
    """A variable of a parameter with its flags and, where it has one, its error."""
    value, invalid = file.measured(variable, UNITS[name], shape, STATED.get(name, ""))
    error = np.full(shape, np.nan)
    if f"{variable}_ERROR" in file:
        error = file.numbers(f"{variable}_ERROR", shape)
    return Best(value, file.flags(f"{variable}_QC", shape, ARGO), error, invalid)


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
