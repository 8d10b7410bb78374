"""Coordinates of samples as files declare them: north and east, below the surface, in UTC.

CF Conventions 1.11, chapter 4: units and `positive`; section 7.1: bounds, whose middle is the time of a
mean; section 2.5.1: valid ranges, outside of which a coordinate is missing.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from deepda.observations.calendars import SINCE
from deepda.observations.intervals import middle_of_bounds
from deepda.observations.ncfile import NetcdfFile, plain_words
from deepda.observations.reading import ABOVE

UPWARDS = ("height", "altitude", "height_above_mean_sea_level")  # standard names that count up
BACKWARDS = re.compile(r"\bpositive (degrees? )?(west|south)|\b(west|south)(ward)?s? (is )?positive")
SEA_FLOOR = re.compile(
    r"\bbot(tom|\.)? ?depth|\bdepth (of|to|at) (the )?(sea )?bottom|\bwater depth|\btotal depth"
    r"|\bsea ?floor|\bsea ?bed|\bbathymet|\becho ?(sounder|depth)|^(sea )?bottom$"
)
OF_SAMPLE = re.compile(r"sensor|instrument|measure|sampl|observ|\bbins?\b|level|layer|cell")
ZONES = ("timezone", "time_zone")  # attributes of a time
UTC = re.compile(r"|z|zulu|(etc/)?(utc|gmt|uct)([+-]0+(:?00)?)?|[+-]?0+(:?00)?")
LOCAL = re.compile(r"\blocal (standard |mean |solar )?time|\b(utc|gmt) ?[+-] ?(?!0+(:?00)?\b)\d")


def is_sea_floor(file: NetcdfFile, name: str) -> bool:
    """Whether a depth is that of the sea floor, not that of the measurement."""
    words = plain_words(file.attribute("long_name", name))
    return SEA_FLOOR.search(words) is not None and OF_SAMPLE.search(words) is None


def downwards(file: NetcdfFile, name: str) -> float:
    """1 for a vertical coordinate that counts down, -1 for one that counts up."""
    positive = file.attribute("positive", name).lower()
    up = file.attribute("standard_name", name).lower() in UPWARDS
    return -1.0 if positive == "up" or (up and positive != "down") else 1.0


def degrees(
    file: NetcdfFile, name: str, shape: tuple[int, ...] | None = None, units: str = ""
) -> NDArray[np.float64]:
    """Latitudes in degrees north, or longitudes in degrees east.

    Raises:
        ObservationError: it counts to the south or west, or has units of no angle.
    """
    said = file.said(("positive",), name, lambda text: _is_backwards(f"positive {text}"))
    said = said or file.said(("long_name", "comment"), name, _is_backwards)
    if said:
        raise file.error(
            f"{name} counts to the west or south by its {said}, expected degrees north and east",
            "turn its sign and correct that attribute",
        )
    return file.quantity(name, "degrees", shape, units)


def _is_backwards(text: str) -> bool:
    return BACKWARDS.search(plain_words(text)) is not None


def vertical(
    file: NetcdfFile, name: str, unit: str, shape: tuple[int, ...] | None = None, units: str = ""
) -> NDArray[np.float64]:
    """Depths in m, positive down, or pressures in dbar; NaN outside the range that the file calls valid.

    Values just above the surface (ABOVE) are of waves or of the offset of a sensor.
    """
    values, invalid = file.measured(name, unit, shape, units)
    values = values * (downwards(file, name) if unit == "m" else 1.0)
    just_above = (values > -ABOVE) & (values < 0.0)
    return np.where(invalid & ~just_above, np.nan, values)


def times(
    file: NetcdfFile, name: str, shape: tuple[int, ...] | None = None, methods: str = ""
) -> NDArray[np.datetime64]:
    """Times (UTC): the middle of the bounds where there are some; NaT outside the valid range.

    Args:
        shape: that the variable must have.
        methods: `cell_methods` of what was measured: values at points in time have their stamp.

    Raises:
        ObservationError: local time, units of no time, times outside their bounds, or means over
            more than a month.
    """
    _require_utc(file, name)
    values = file.times(name, shape)
    if file.stored_type(name).kind not in "iuf":
        return values
    values = np.where(file.invalid(file.numbers(name), name), np.datetime64("NaT", "s"), values)
    bounds = file.attribute("bounds", name)
    if bounds not in file or file.shape(bounds) != (*values.shape, 2) or "time: point" in methods:
        return values
    middle = middle_of_bounds(file, name, bounds, values.reshape(-1)).reshape(values.shape)
    return np.where(np.isnat(middle) | np.isnat(values), values, middle)


def _require_utc(file: NetcdfFile, name: str) -> None:
    found = SINCE.fullmatch(file.attribute("units", name))
    if found and found[9]:  # a zone in the units, by which the times are converted
        return
    said = file.said(ZONES, name, lambda text: not UTC.fullmatch(text.lower()))
    said = said or file.said(("long_name",), name, lambda text: LOCAL.search(text.lower()))
    if said:
        raise file.error(
            f"{name} is local time by its {said}, expected UTC",
            "write the zone into its units ('days since 2010-01-01 00:00:00 +10:00') or convert it",
        )
