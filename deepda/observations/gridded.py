"""Where a gridded field lies: its axes by names and attributes, never by sizes, and its depth.

CF Conventions 1.11, chapters 4 and 5. A grid has a latitude and a longitude of one dimension each; a
swath has both on the same two dimensions (GHRSST L2P). A vertical coordinate is known by its standard
name, by `positive`, by `axis` or by units of pressure; of a single level it may be a scalar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from deepda.base.cell_methods import is_over_depth
from deepda.observations.coordinates import UPWARDS, downwards
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.reading import ObservationError
from deepda.observations.seawater import depth_of

Values = TypeVar("Values", bound=np.generic)
NORTH = re.compile(r"degrees?_?n(orth)?", re.IGNORECASE)
EAST = re.compile(r"degrees?_?e(ast)?", re.IGNORECASE)
LATS, LONS = ("lat", "latitude", "nav_lat", "y"), ("lon", "longitude", "nav_lon", "x")
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


@dataclass(frozen=True)
class Axes:
    """The coordinates of a field.

    Attributes:
        lat, lon: names of the variables.
        rows, columns: names of the dimensions that they lie on.
        time: name of the dimension of time, "" where the field has none.
        swath: latitude and longitude are two-dimensional, (rows, columns).
        depth: m, of the field.
    """

    lat: str
    lon: str
    rows: str
    columns: str
    time: str
    swath: bool
    depth: float = 0.0


def find_axes(file: NetcdfFile, name: str) -> Axes | None:
    """Axes of a variable; None where it lies on no latitude and longitude.

    Raises:
        ObservationError: a dimension stands twice, another dimension has several values, or the
            field lies at depth.
    """
    dims = file.dims(name)
    lat, lon = coordinates(file, dims)
    if not lat or not lon:
        return None
    below = file.dims(lat), file.dims(lon)
    if len(set(dims)) < len(dims):
        raise file.error(f"{name} has dimensions {dims}, one twice: its axes cannot be distinguished",
                         "name the dimensions")  # fmt: skip
    swath = below[0] == below[1] and len(below[0]) == 2
    if not swath and (len(below[0]) != 1 or len(below[1]) != 1 or below[0] == below[1]):
        return None
    rows, columns = below[0] if swath else (below[0][0], below[1][0])
    others = [dim for dim in dims if dim not in (rows, columns)]
    times = [dim for dim in others if _is_time(file, dim)]
    time = times[0] if times else ""
    long = [dim for dim in others if dim != time and file.size(dim) != 1]
    if long:
        raise file.error(
            f"{name} has the dimension {long[0]} of {file.size(long[0])} beside time, latitude and "
            "longitude, expected a field of the surface", "select one of them"
        )  # fmt: skip
    depth = depth_of_field(file, name, [dim for dim in others if dim != time])
    return Axes(lat, lon, rows, columns, time, swath, depth)


def coordinates(file: NetcdfFile, dims: tuple[str, ...]) -> tuple[str, str]:
    """Names of latitude and longitude whose dimensions are among `dims`, "" where there is none."""
    fitting = [
        name for name in sorted(file.names) if file.dims(name) and set(file.dims(name)) <= {*dims}
    ]
    return (
        _coordinate(file, fitting, "latitude", NORTH, LATS),
        _coordinate(file, fitting, "longitude", EAST, LONS),
    )


def on_axes(
    file: NetcdfFile,
    name: str,
    axes: Axes,
    part: slice,
    read: Callable[..., NDArray[Values]],
) -> NDArray[Values]:
    """(time, row, column) values of a variable of the file, in the order of the axes' names.

    Args:
        name: of the variable; it may lack the dimension of time.
        part: steps of time.
        read: reads a part of a variable, (name, part=(slice of each dimension)).

    Raises:
        ObservationError: the variable lies on other dimensions.
    """
    dims = file.dims(name)
    missing = [dim for dim in (axes.rows, axes.columns) if dim not in dims]
    odd = [
        dim for dim in dims if dim not in (axes.time, axes.rows, axes.columns) and file.size(dim) != 1
    ]
    if missing or odd:
        raise file.error(f"{name} has dimensions {dims}, expected {axes.rows} and {axes.columns}")
    values = read(name, part=tuple(part if dim == axes.time else slice(None) for dim in dims))
    order = [dim for dim in (axes.time, axes.rows, axes.columns) if dim in dims]
    rest = [dim for dim in dims if dim not in order]
    values = values.transpose([dims.index(dim) for dim in [*rest, *order]])
    values = values.reshape(values.shape[len(rest) :])
    return values if axes.time in dims else values[None]


def _coordinate(
    file: NetcdfFile, names: Iterable[str], standard: str, units: re.Pattern[str], usual: tuple[str, ...]
) -> str:
    """The first by standard name, then by units, then by its own name."""
    names = list(names)
    tests: tuple[Callable[[str], bool], ...] = (
        lambda name: file.attribute("standard_name", name).lower() == standard,
        lambda name: bool(units.fullmatch(file.attribute("units", name))),
        lambda name: name.lower() in usual,
    )
    hits = ([name for name in names if test(name)] for test in tests)
    return next((min(hit, key=lambda name: (len(file.dims(name)), name)) for hit in hits if hit), "")


def _is_time(file: NetcdfFile, dim: str) -> bool:
    """Whether a dimension counts time, by its coordinate or, without one, by its name."""
    if dim in file and file.dims(dim) == (dim,):
        return (
            " since " in file.attribute("units", dim)
            or file.attribute("standard_name", dim) == "time"
            or file.attribute("axis", dim) == "T"
            or dim.lower() in ("time", "t")
        )
    return dim.lower() in ("time", "t", "time_counter", "record", "date")


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
