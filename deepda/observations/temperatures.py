"""What a file declares of its temperature: whether it is one, of which kind, and on which scale.

CF standard names come before long names. Potential temperature is that at 0 dbar: one that is referenced
to another pressure is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import gsw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepda.observations.ncfile import NetcdfFile
from deepda.observations.other_quantities import refuse_other
from deepda.observations.surface import ANOMALY, is_anomaly

STANDARD = {  # standard name -> kind
    "sea_water_temperature": "in_situ",
    "sea_water_potential_temperature": "potential",
    "sea_water_conservative_temperature": "conservative",
}
SAID = (  # in a long name -> kind
    (r"potential", "potential"), (r"conservative", "conservative"),
    (r"in.?situ|sea.?water.temperature|\bctdtmp\b", "in_situ"),
)  # fmt: skip
SAYING = ("long_name", "WHPO_Variable_Name")  # attributes that describe a variable
DEPARTURES = re.compile(r"\btemperature anomal", re.IGNORECASE)  # in a title
REFERENCE = re.compile(r"\bref\w*\b\D*(\d+(?:\.\d*)?)\s*-?\s*d?bar", re.IGNORECASE)
SCALES: dict[str, Callable[[ArrayLike], NDArray[np.float64]]] = {  # in letters and digits alone
    "its90": np.asarray,
    "ipts68": gsw.t90_from_t68,
}


def scale_of(units: str) -> Callable[[ArrayLike], NDArray[np.float64]] | None:
    """What makes ITS-90 of degC on the scale that stands in place of a unit; None for units."""
    return SCALES.get(re.sub(r"[^a-z0-9]+", "", units.lower()))


def is_departure(file: NetcdfFile, name: str) -> bool:
    """Whether a variable holds anomalies, by itself or by the title of a file that has no others."""
    if is_anomaly(file, name) or "difference" in file.attribute("units_metadata", name):
        return True
    titled = DEPARTURES.search(file.attribute("title")) is not None
    return titled and not any(
        ANOMALY.search(f"{other} {file.attribute('standard_name', other)} {description(file, other)}")
        for other in file.names
    )


def require_temperature(file: NetcdfFile, name: str) -> None:
    """Refuse a variable that is called a temperature of the sea and says that it holds something else.

    Raises:
        ObservationError: it holds a statistic, another quantity or anomalies.
    """
    refuse_other(file, name)
    if is_departure(file, name):
        raise file.error(f"{name} holds anomalies, expected temperatures",
                         "add their climatology and give temperatures")  # fmt: skip


def require_surface_reference(file: NetcdfFile, name: str) -> None:
    """Refuse potential temperature at another pressure than 0 dbar."""
    for attribute in ("reference_pressure", "long_name"):
        text = file.attribute(attribute, name)
        found = REFERENCE.search(f"{attribute} {text}" if attribute == "reference_pressure" else text)
        if found and float(found[1]) > 0:
            raise file.error(
                f"{name} is referenced to {found[1]} dbar by its {attribute} {text!r}, expected "
                "potential temperature at 0 dbar",
                "convert it or give temperatures in situ",
            )


def description(file: NetcdfFile, name: str) -> str:
    """What the attributes of a variable but its standard name say of it, in lower case."""
    return " ".join(file.attribute(word, name) for word in SAYING).strip().lower()


def said_kind(words: str) -> str:
    """Kind of temperature that a long name says, "" where it leaves it open."""
    return next((kind for pattern, kind in SAID if re.search(pattern, words.lower())), "")


def kind_of(file: NetcdfFile, name: str, usual: str) -> tuple[str, tuple[str, ...]]:
    """Kind of the temperature of a format, and what is said of it where it is not the usual one.

    Raises:
        ObservationError: as `require_temperature`, or referenced to another pressure than 0 dbar.
    """
    require_temperature(file, name)
    require_surface_reference(file, name)
    standard, long_name = (file.attribute(word, name) for word in ("standard_name", "long_name"))
    kind = STANDARD.get(standard.lower()) or said_kind(description(file, name)) or usual
    if kind == usual:
        return kind, two_kinds(file, name)
    by = f"standard_name {standard}" if standard.lower() in STANDARD else f"long_name {long_name}"
    return kind, (f"{name} is {kind.replace('_', ' ')} temperature by its {by}",)


def two_kinds(file: NetcdfFile, name: str) -> tuple[str, ...]:
    """What is said of a variable whose standard name and long name are of two kinds of temperature."""
    standard, long_name = (file.attribute(word, name) for word in ("standard_name", "long_name"))
    kind, other = STANDARD.get(standard.lower(), ""), said_kind(description(file, name))
    if not kind or not other or kind == other:
        return ()
    return (
        f"{name} is {kind.replace('_', ' ')} temperature by its standard_name {standard}, "
        f"against its long_name {long_name!r}",
    )


def not_read(main: str, others: Sequence[str]) -> tuple[str, ...]:
    """What is said of temperatures of the sea beside the one that is read."""
    return (f"temperatures not read beside {main}: {', '.join(others)}",) if others else ()
