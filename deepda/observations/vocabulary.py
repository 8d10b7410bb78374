"""What own tables may hold: the names of columns, their units, kinds of temperature, words of flags.

The reader (`deepda.observations.own`), the command `deepda observations formats` and its page in the
documentation are all made from these tables. Names are compared in lower case, with one underscore for
whatever is no letter or digit; units may stand in brackets behind a name or at its end ("depth_m").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepda.base.synthetic import NAMES as SYNTHETIC


@dataclass(frozen=True)
class Quantity:
    """One quantity of a table.

    Attributes:
        names: of its column; the first that a table has is taken.
        units: in which it is taken where a table gives none; "" for text.
    """

    names: tuple[str, ...]
    units: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind of temperature column.

    Attributes:
        kind: potential, conservative or in_situ.
        plain: the name leaves the kind open: `kind` is assumed, unless the user says otherwise.
    """

    names: tuple[str, ...]
    kind: str
    plain: bool = False


TEMPERATURES = {  # in the order in which they are preferred
    "potential": Kind(
        ("potential_temperature", "sea_water_potential_temperature", "theta", "thetao", "potm",
         "pot_temp"),
        "potential",
    ),
    "conservative": Kind(
        ("conservative_temperature", "sea_water_conservative_temperature", "bigthetao"), "conservative"
    ),
    "in_situ": Kind(
        ("in_situ_temperature", "insitu_temperature", "temperature_in_situ", "sea_water_temperature",
         "sea_water_temp"),
        "in_situ",
    ),
    "temperature": Kind(("temperature",), "potential", plain=True),
    "temp": Kind(("temp", "water_temperature", "water_temp"), "in_situ", plain=True),
    "surface": Kind(("sst", "sea_surface_temperature"), "potential"),
}  # fmt: skip
HEMISPHERES = ("hem", "hemi", "hemisphere", "dir")
QUANTITIES = {
    "time": Quantity(
        ("time", "datetime", "date_time", "timestamp", "obs_time", "time_utc", "datetime_utc", "juld",
         "yyyy_mm_ddthh_mm_ss_sss", "yyyy_mm_ddthh_mm"),
        meaning="ISO 8601, UTC without a zone; numbers need '<unit> since <date>'",
    ),
    "zone": Quantity(
        ("timezone", "time_zone", "tz", "utc_offset", "gmt_offset", "timezone_offset", "tz_offset"),
        meaning="UTC, 0 or blank; others are refused unless the times name their zones",
    ),
    "date": Quantity(("date", "obs_date", "date_utc"), meaning="alone, or with the clock in `time`"),
    "year": Quantity(("year", "yyyy"), meaning="with month and day, in place of a time"),
    "month": Quantity(("month", "mon"), meaning="1..12"),
    "day": Quantity(("day", "dd"), meaning="of the month"),
    "hour": Quantity(("hour", "hh"), meaning="UTC, where there is one"),
    "minute": Quantity(("minute", "min"), meaning="where there is one"),
    "second": Quantity(("second", "sec"), meaning="where there is one"),
    "lat": Quantity(("lat", "latitude", "nav_lat"), "degrees_north", "-90..90"),
    "lon": Quantity(("lon", "longitude", "long", "nav_lon"), "degrees_east", "-180..180 or 0..360"),
    "lat_hemisphere": Quantity(
        (*(f"{lat}_{end}" for lat in ("lat", "latitude") for end in (*HEMISPHERES, "ns")), "ns", "n_s",
         "hemisphere"),
        meaning="N or S, the sign of a latitude without one",
    ),
    "lon_hemisphere": Quantity(
        (*(f"{lon}_{end}" for lon in ("lon", "longitude") for end in (*HEMISPHERES, "ew")), "ew", "e_w"),
        meaning="E or W, the sign of a longitude without one",
    ),
    "depth": Quantity(("depth", "z", "deph", "level_depth"), "m", "positive down"),
    "pressure": Quantity(
        ("pressure", "pres", "sea_water_pressure", "ctdprs"), "dbar", "where depth is missing"
    ),
    "salinity": Quantity(
        ("salinity", "psal", "practical_salinity", "sea_water_practical_salinity", "sea_water_salinity",
         "salt", "sal"),
        "1", "practical (PSS-78); of absolute [g/kg] made so",
    ),
    "error": Quantity(
        ("error", "temperature_error", "uncertainty", "stddev"), "K",
        "standard deviation; blank: that of the platform type",
    ),
    "platform_type": Quantity(("platform_type", "instrument", "platform_kind", "probe_type")),
    "platform_id": Quantity(
        ("platform_id", "platform", "platform_number", "wmo", "callsign", "float", "id", "cruise",
         "cruise_id", "expocode", "station"),
        meaning="name of the platform that measured",
    ),
    "profile": Quantity(("profile", "profile_id", "cast", "cast_id", "cycle_number"), meaning="cast"),
    "direction": Quantity(("direction",), meaning="A or D, of an Argo cast"),
    "station": Quantity(("station", "station_id", "stnnbr"), meaning="part of the cast"),
    "data_mode": Quantity(("data_mode",), meaning="R: values; A, D: the columns *_adjusted"),
    "synthetic": Quantity(SYNTHETIC, meaning="false, 0, no or blank; all else: simulated, refused"),
}  # fmt: skip
NUMBERS = ("lat", "lon", "depth", "pressure", "salinity", "error")
TARGETS = {"lat": "degrees", "lon": "degrees", "depth": "m", "pressure": "dbar"}
ARGO_TABLE = ("platform_number", "cycle_number")  # columns that only tables of Argo have
ADJUSTED = "_adjusted"
ANOMALY = re.compile(r"anom(al(y|ies))?(?![a-z])", re.IGNORECASE)
# Flags: columns <name>_qc and so on of each quantity; `qc` alone is that of the temperature.
FLAG_ENDINGS = ("_qc", "_flag", "_qc_flag", "_quality", "_quality_flag", "_flag_w", "_qf")
FLAG_STARTS = ("qc_", "flag_", "qf_")
FLAG_NAMES = {
    "temperature": ("qc", "quality", "flag", "quality_flag", "qc_flag"),
    "position": ("position_qc", "location_qc", "pos_qc"),
    "time": (),
    "depth": (),
    "salinity": (),
}
MISSING = ("", "nan", "na", "n/a", "nat", "<na>", "null", "none", "-", "--", "nd", "masked", "missing")


def bare(column: str) -> tuple[str, str]:
    """The name of a column as it is compared, and the units in brackets behind it."""
    match = re.match(r"^\s*(.*?)\s*(?:\[(.*)\]|\((.*)\))\s*$", column)
    name, unit = (match[1], match[2] or match[3] or "") if match else (column, "")
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_"), unit.strip()
