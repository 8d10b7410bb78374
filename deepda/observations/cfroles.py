"""Which variable of a CF file plays which role: by standard name, then long name, then name.

CF standard name table; names as OceanSITES, Copernicus, ERDDAP, IOOS gliders and users write them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deepda.observations.assumptions import kind_assumed
from deepda.observations.coordinates import is_sea_floor
from deepda.observations.gridded import EAST, NORTH
from deepda.observations.ncfile import NetcdfFile, plain_words
from deepda.observations.other_quantities import other_quantity, refuse_other
from deepda.observations.surface import NAMES as SURFACES
from deepda.observations.surface import STANDARD as SURFACE_STANDARD
from deepda.observations.temperatures import STANDARD as KIND_OF_STANDARD
from deepda.observations.temperatures import (
    description,
    is_departure,
    not_read,
    require_surface_reference,
    require_temperature,
    said_kind,
    two_kinds,
)
from deepda.observations.vocabulary import TEMPERATURES

STANDARD = KIND_OF_STANDARD | {  # standard name -> role
    "time": "time", "latitude": "lat", "longitude": "lon",
    "depth": "depth", "height": "depth", "altitude": "depth", "height_above_mean_sea_level": "depth",
    "height_above_sea_floor": "",
    "sea_water_pressure": "pressure", "sea_water_pressure_due_to_sea_water": "pressure",
    "sea_surface_temperature": "surface", "sea_surface_skin_temperature": "surface",
    "sea_surface_subskin_temperature": "surface", "sea_surface_foundation_temperature": "surface",
    "sea_water_practical_salinity": "salinity", "sea_water_salinity": "salinity",
    "sea_water_absolute_salinity": "absolute_salinity",
}  # fmt: skip
NAMES = {  # role -> names, in lower case, the usual one first
    "time": ("time", "juld", "date", "datetime", "timestamp", "date_time", "obs_time"),
    "lat": ("lat", "latitude", "nav_lat"),
    "lon": ("lon", "longitude", "long", "nav_lon"),
    "depth": ("depth", "deph", "z", "level_depth"),
    "pressure": ("pressure", "pres", "sea_water_pressure"),
    "in_situ": ("temp", "in_situ_temperature", "insitu_temperature", "sea_water_temperature"),
    "potential": ("potential_temperature", "theta", "thetao", "potm", "temperature"),
    "conservative": ("conservative_temperature", "bigthetao"),
    "surface": ("sst", "sea_surface_temperature"),
    "salinity": ("salinity", "psal", "practical_salinity", "salt"),
    "error": ("error", "temperature_error", "uncertainty", "stddev"),
    "platform_id": ("platform_id", "platform_number", "platform_code", "wmo_platform_code", "wmo",
                    "wmo_id", "trajectory", "station", "station_id", "buoy", "platform", "id",
                    "callsign"),
    "profile": ("profile_id", "profile", "cast", "cast_id", "profile_index"),
    "cycle": ("cycle_number",),
    "direction": ("direction",),
    "platform_type": ("platform_type", "instrument", "platform_kind"),
}  # fmt: skip
AIR_PRESSURE = re.compile(
    r"(?<!minus )(?<!for )(?<!to )\b(air|atmospheric|barometric|sea level|sea surface) pressure"
)
NO_ERROR = re.compile(r"\b(codes?|flags?|confidence)\b")
OF_OTHERS = re.compile(r"\b(salinity|conductivity|pressure|depth|position|time|latitude|longitude)\b")
ERROR_NAMES = ("{}_error", "{}_ERROR", "{}_uncertainty", "err_{}")  # of a measured variable
KINDS = ("in_situ", "potential", "conservative", "surface")  # of temperature
ROLE_IDS = ("timeseries_id", "trajectory_id")  # cf_role of a platform
PLAIN = tuple(name for kind in TEMPERATURES.values() if kind.plain for name in kind.names)


@dataclass(frozen=True)
class Roles:
    """Variables of a file by the role they play.

    Attributes:
        names: role -> variable; the temperature stands under "temperature", a second name of the
            platform under "station".
        kind: of temperature, one of KINDS.
        assumed: what the file does not say, or says in two ways.
    """

    names: Mapping[str, str]
    kind: str
    assumed: tuple[str, ...]


def find_roles(
    file: NetcdfFile, given: Mapping[str, str], kind_given: str | None = None
) -> Roles | None:
    """The roles of a file; None where it has no temperature with a time and a place.

    Args:
        given: role -> variable that the user names; "temperature" is potential, "in_situ" in situ.
        kind_given: kind of a temperature whose name and attributes leave it open.

    Raises:
        ObservationError: a named variable that is not there or holds a statistic or another quantity,
            or only anomalies of temperature.
    """
    absent = [name for name in given.values() if name not in file]
    if absent:
        raise file.error(f"it has no variable {', '.join(absent)}", "name those of the file in columns")
    candidates = dict[str, list[str]]()
    for name in sorted(file.names):
        role = role_of(file, name)
        if role:
            candidates.setdefault(role, []).append(name)
    kind, main, assumed = _temperature(file, candidates, given, kind_given)
    if not main:
        return None
    assumed = (*assumed, *not_read(main, _others(file, candidates, main)))
    names = {"temperature": main}
    for role in ("time", "lat", "lon", "depth", "pressure", "salinity", "absolute_salinity", "error",
                 "platform_id", "profile", "cycle", "direction", "platform_type", "qc"):  # fmt: skip
        hit = given.get(role) or _best(file, role, candidates.get(role, []), main)
        if hit:
            names[role] = hit
    if "error" not in names:
        named = (form.format(main) for form in ERROR_NAMES)
        hit = next((name for name in named if name in file and file.attribute("units", name)
                    and _is_error(file, name)), "")  # fmt: skip
        names |= {"instrument_error": hit} if hit else {}
    others = [name for name in candidates.get("platform_id", []) if name != names.get("platform_id")]
    if others:
        names["station"] = _best(file, "platform_id", others, main)
    return Roles(names, kind, assumed) if {"time", "lat", "lon"} <= names.keys() else None


def refuse_others(file: NetcdfFile) -> None:
    """Refuse a file of what looks like a temperature and is a statistic or another quantity.

    Raises:
        ObservationError: a variable has the name or the standard name of a temperature and says that it
            holds something else.
    """
    usual = {*SURFACES, *(name for kind in KINDS for name in NAMES[kind])}
    for name in sorted(file.names):
        standard = file.attribute("standard_name", name).lower()
        declared = STANDARD.get(standard) in KINDS or SURFACE_STANDARD.match(standard)
        alike = " " not in standard and (declared or name in usual or name.lower() in usual)
        if alike:
            refuse_other(file, name)


def role_of(file: NetcdfFile, name: str) -> str:
    """Part of a variable, "" where it plays none; standard names before names."""
    standard = file.attribute("standard_name", name).lower()
    lower = name.lower()
    if standard.endswith("temperature standard_error"):
        return "error"
    if " " in standard:  # status_flag, number_of_observations and their like
        return ""
    if file.attribute("cf_role", name) in ROLE_IDS:
        return "platform_id"
    if file.attribute("cf_role", name) == "profile_id":
        return "profile"
    if standard in STANDARD:
        role = STANDARD[standard]
        return "" if role == "depth" and is_sea_floor(file, name) else role
    units = file.attribute("units", name)
    if NORTH.fullmatch(units) or EAST.fullmatch(units):
        return "lat" if NORTH.fullmatch(units) else "lon"
    if standard and "_" in standard and standard != lower:
        return ""  # it is something else, whatever its name
    long_name = description(file, name)
    role = _by_words(long_name, lower)
    another = (
        (role == "depth" and is_sea_floor(file, name))
        or (role == "pressure" and AIR_PRESSURE.search(plain_words(long_name)))
        or (role == "error" and not _is_error(file, name))
    )
    return "" if another else role


def _is_error(file: NetcdfFile, name: str) -> bool:
    """Whether what is called an error may be that of the temperature, by its description."""
    long_name = file.attribute("long_name", name).lower()
    if NO_ERROR.search(long_name) or file.attribute("flag_meanings", name):
        return False
    return "temp" in long_name or not OF_OTHERS.search(long_name)


def _others(file: NetcdfFile, candidates: Mapping[str, list[str]], main: str) -> list[str]:
    """Temperatures of the sea beside the one that is read."""
    named = [name for kind in KINDS for name in candidates.get(kind, [])
             if name != main and not name.startswith(f"{main}_")]  # fmt: skip
    return [name for name in named if file.stored_type(name).kind in "iuf"
            and not other_quantity(file, name) and not is_departure(file, name)]  # fmt: skip


def _by_words(long_name: str, name: str) -> str:
    role = next((role for role, names in NAMES.items() if name in names), "")
    if role not in KINDS or role == "surface":
        return role
    return said_kind(long_name) or role


def _temperature(
    file: NetcdfFile,
    candidates: Mapping[str, list[str]],
    given: Mapping[str, str],
    kind_given: str | None,
) -> tuple[str, str, tuple[str, ...]]:
    """Kind and variable of the temperature, and what was assumed."""
    for word, kind in (("temperature", "potential"), ("in_situ", "in_situ"), ("surface", "surface")):
        if word in given:
            refuse_other(file, given[word])
            return kind, given[word], ()
    order = ("in_situ", "potential", "conservative", "surface")
    named = [(kind, name) for kind in order for name in candidates.get(kind, [])
             if file.stored_type(name).kind in "iuf" and not other_quantity(file, name)]  # fmt: skip
    sound = [pair for pair in named if not is_departure(file, pair[1])]
    if named and not sound:
        require_temperature(file, named[0][1])  # it holds anomalies
    if not sound:
        return "", "", ()
    kind, main = min(sound, key=lambda pair: (_rank(pair[0], pair[1]), order.index(pair[0])))
    assumed = two_kinds(file, main)
    if kind == "potential":
        require_surface_reference(file, main)
    standard = file.attribute("standard_name", main)
    by_name = _by_words("", main.lower())
    if standard.lower() in STANDARD and by_name in KINDS and by_name != kind:
        words = kind.replace("_", " ")
        by_standard = f"{main} is {words} temperature by its standard_name {standard}"
        return kind, main, assumed or (by_standard,)
    if standard.lower() in STANDARD or main.lower() not in PLAIN or said_kind(description(file, main)):
        return kind, main, assumed
    return (kind_given, main, ()) if kind_given else (kind, main, (kind_assumed(main, kind),))


def _rank(role: str, name: str) -> int:
    """Place of a name among the usual ones of its role; beyond them for others."""
    names = NAMES.get(role, ())
    return names.index(name.lower()) if name.lower() in names else len(names)


def _best(file: NetcdfFile, role: str, candidates: list[str], main: str) -> str:
    """The candidate that the temperature names among its coordinates, else the usual name."""
    own = file.attribute("coordinates", main).split()
    return min(candidates, key=lambda name: (name not in own, _rank(role, name), name), default="")
