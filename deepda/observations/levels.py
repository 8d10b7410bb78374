"""The depth of a gridded field: by its vertical coordinate, else by the words of its attributes.

CF Conventions 1.11, sections 4.3 and 5.7: a vertical coordinate is known by its standard name, by
`positive`, by `axis` or by units of pressure; of a single level it may be a scalar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from deepda.base.cell_methods import is_over_depth
from deepda.observations.coordinates import UPWARDS, downwards
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.reading import ObservationError
from deepda.observations.seawater import depth_of

DEEPEST = 20.0  # m: a single level below it is no surface
PRESSURES = ("sea_water_pressure", "sea_water_pressure_due_to_sea_water")
USUAL = re.compile(r"dep\w*|z?lev(el)?s?|z|pres(sure)?", re.IGNORECASE)  # names
COUNTED = re.compile(r"dep\w*", re.IGNORECASE)  # names that are metres without units
LAT = 30.0  # degrees, of the conversion of pressure: within 1 % anywhere
METRES = re.compile(r"k?m|(kilo)?met(er|re)s?|cm|mm|f(ee|oo)?t|fathoms?", re.IGNORECASE)
PASCALS = re.compile(r"d(eci)?bars?|db|bars?|[km]?pa(scals?)?", re.IGNORECASE)  # not hPa: the air's
SAID = re.compile(
    r"(?:(?P<top>\d+(?:\.\d+)?)\s*(?:-|\u2013|to)\s*|\bat (?:(?:a )?depth of )?|\bdepth(?: of)? )"
    r"(?P<depth>\d+(?:\.\d+)?)\s*(?:m|met(?:er|re)s?|dbar|db)\b(?! (?:grid|resolution))",
    re.IGNORECASE,
)  # fmt: skip


def depth_of_field(file: NetcdfFile, name: str, dims: Iterable[str]) -> float:
    """Depth in m of a field of one level, 0 where the file gives none.

    Args:
        dims: dimensions of one value that the field lies on, beside time, latitude and longitude.

    Raises:
        ObservationError: it lies below the surface, above it, or is a mean over depth.
    """
    single = list(dims)
    named = [*single, *file.attribute("coordinates", name).split()]
    scalars = [other for other in sorted(file.names)
               if file.dims(other) == () and downwards(file, other) > 0]  # fmt: skip
    for other in dict.fromkeys([*named, *scalars]):
        if other in file and int(np.prod(file.shape(other))) == 1:
            depth = _depth(file, other)
            if depth is not None:
                return _surface(file, depth, f"at a depth of {depth:g} m")
    methods, said = file.attribute("cell_methods", name), file.attribute("long_name", name)
    if is_over_depth(methods):
        raise _deep(file, f"is a mean over depth ({name} has cell_methods {methods!r})")
    found = SAID.search(said)
    if found is None:
        return 0.0
    depth = float(found["depth"])
    top = float(found["top"] or depth)
    _surface(file, depth, f"at depth ({name} has the long_name {said!r})")
    return (top + depth) / 2


def _depth(file: NetcdfFile, name: str) -> float | None:
    """Depth of a coordinate of one value, None where it is not vertical or in no unit of depth."""
    standard = file.attribute("standard_name", name).lower()
    positive = file.attribute("positive", name).lower()
    units = file.attribute("units", name)
    pressure = standard in PRESSURES or bool(PASCALS.fullmatch(units))
    known = standard == "depth" or standard in UPWARDS or pressure or (
        not standard and (positive or file.attribute("axis", name) == "Z" or USUAL.fullmatch(name))
    )  # fmt: skip
    if not known or file.stored_type(name).kind not in "iuf":
        return None
    if not (pressure or METRES.fullmatch(units) or standard or COUNTED.fullmatch(name)):
        return None
    value = float(file.quantity(name, "dbar" if pressure else "m").ravel()[0])
    if pressure:
        value = float(depth_of(np.array(value), np.array(LAT)))
    depth = -value if downwards(file, name) < 0 else abs(value)
    return depth if np.isfinite(depth) else None


def _surface(file: NetcdfFile, depth: float, where: str) -> float:
    if depth < -DEEPEST:
        raise _deep(file, f"lies at a height of {-depth:g} m")
    if depth > DEEPEST:
        raise _deep(file, f"lies {where}")
    return max(depth, 0.0)


def _deep(file: NetcdfFile, what: str) -> ObservationError:
    return file.error(f"it {what}, expected the sea surface", "give it as a table with its depth")
