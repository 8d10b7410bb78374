"""Units as files spell them, by the registry of cf-xarray (pint with CF's and UDUNITS' names).

A unit that is not known, or that measures something else, is refused and never taken for the usual
one; what an absent unit means is for the caller to decide, and to say.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepda.base.errors import DeepDAError

# Spellings that registries refuse or misread: "deg F" is a degree times a farad to them.
_DEGREES = re.compile(
    r"(?:deg(?:ree)?s?)?[\s_.]*(c(?:el[sc]ius|entigrade)?|f(?:ahrenheit)?|k(?:elvins?)?|r(?:ankine)?)"
)
_SCALES = {"c": "degC", "f": "degF", "k": "kelvin", "r": "degR"}
_SYMBOLS = str.maketrans(
    {"\N{DEGREE SIGN}": "deg", "\N{MASCULINE ORDINAL INDICATOR}": "deg", "\N{DEGREE CELSIUS}": "degC",
     "\N{DEGREE FAHRENHEIT}": "degF"}
)  # fmt: skip
# "degN", "deg north", "decimal degrees": angles, where an angle is wanted (not "degrees_south": a sign).
_ANGLES = re.compile(r"(?:decimal[\s_]*)?deg(?:ree)?s?[\s_.]*(?:n(?:orth)?|e(?:ast)?)?")
_SCALED = re.compile(r"([+]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|10\^-?\d+)[\s*]*(.*)", re.IGNORECASE)
_SCALE_NAMES = re.compile(r"[\s,;(\[]*\bits[-_ ]?90\b[\s,;)\]]*", re.IGNORECASE)  # of temperature
_SPELLINGS = {"db": "dbar", "dbars": "dbar", "m": "m"} | dict.fromkeys(
    ("fathoms", "fm", "fms", "fth", "ftm", "fath"), "fathom"
)
# Between these parts of the unit that is wanted lie all units of the ocean: no nanometres, no parsecs.
_SMALLEST, _LARGEST = 1e-5, 1e5

# What most files write, known without the registry, which takes seconds to load.
_SAME = {
    "degC": ("degC", "degree_Celsius", "degree_C", "degrees_C", "degrees_Celsius", "deg_C", "celsius",
             "Celsius", "C", "degree_celsius", "degree C", "deg C"),
    "m": ("m", "meters", "meter", "metres", "metre"),
    "dbar": ("dbar", "decibar", "decibars"),
    "degrees": ("degrees", "degree_north", "degrees_north", "degree_east", "degrees_east", "degrees_N",
                "degrees_E"),
    "1": ("1",),
}  # fmt: skip
_KELVINS = ("K", "kelvin", "Kelvin")


class UnitError(DeepDAError, ValueError):
    """A unit that is unknown, or measures another quantity; the message says what was expected."""


def convert(values: ArrayLike, units: str, target: str) -> NDArray[np.float64]:
    """Values in another unit.

    Args:
        units: as the file spells it: "kPa", "deg F", "degrees_Celsius", "radians", "decibars".
        target: the unit wanted, such as "degC", "dbar", "m", "degrees", "1".

    Raises:
        UnitError: `units` is no unit, or not one of what `target` measures.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if units.strip() in _SAME.get(target, ()):
        return numbers
    if target == "degC" and units.strip() in _KELVINS:
        return numbers - 273.15
    factor, bare = _scaled(units)
    source, wanted = _parsed(bare, target), _parsed(target, target)
    if source == wanted:
        return numbers * factor if factor != 1.0 else numbers
    return np.asarray(_registry().Quantity(numbers * factor, source).to(wanted).magnitude, np.float64)


def _scaled(units: str) -> tuple[float, str]:
    """The factor before a unit and the unit: "0.01 degC", "1e-3"; 1 where there is none."""
    found = _SCALED.fullmatch(units.strip())
    if found is None or units.strip() == "1":
        return 1.0, units
    number = found[1]
    factor = 10.0 ** int(number[3:]) if number.startswith("10^") else float(number)
    return factor, found[2].strip() or "1"


@cache
def _parsed(units: str, target: str) -> Any:
    registry = _registry()
    wanted = registry.Unit(_plain(target, target))
    try:
        unit = registry.Unit(_plain(units, target))
        # differences of temperature are no temperatures, and cannot be converted
        zero, one = (registry.Quantity(number, unit).to(wanted).magnitude for number in (0.0, 1.0))
    except Exception:  # pint raises errors of many families for what it cannot parse
        unit = None
    sized = unit is not None and (target == "1" or _SMALLEST < one - zero < _LARGEST)
    if not sized or not units.strip() or not _alike(unit, wanted):
        raise UnitError(
            f"the unit is {units!r}, expected one that converts to {target}; "
            "correct the units in the file or convert the values"
        )
    return unit


def _plain(units: str, target: str) -> str:
    """The spelling of `units` that the registry reads as it is meant."""
    text = _SCALE_NAMES.sub("", units.translate(_SYMBOLS)).strip().rstrip(".")
    text = _SPELLINGS.get(text.lower(), text)
    if _DEGREES.fullmatch(target.lower()):
        if scale := _DEGREES.fullmatch(text.lower()):
            return _SCALES[scale[1][0]]
    elif target.startswith("deg") and _ANGLES.fullmatch(text.lower()):
        return "degree"
    return text if text in _registry() else text.lower()


def _alike(unit: Any, wanted: Any) -> bool:
    """Whether two units measure the same; angles and plain ratios differ, though both are numbers."""
    return unit.dimensionality == wanted.dimensionality and _is_angle(unit) == _is_angle(wanted)


def _is_angle(unit: Any) -> bool:
    return any(word in str(unit) for word in ("degree", "radian", "turn")) and not unit.dimensionality


@cache
def _registry() -> Any:
    from cf_xarray.units import units  # half a second, and few files need it

    return units
