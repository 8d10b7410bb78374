"""The axes of a foreign file: which cells, layers and times its values stand for.

Names, units and bounds of CMIP6, POP, NEMO and other CF-like files; nothing about temperature.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cf_xarray  # noqa: F401  (gives the accessor .cf)
import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.geometry.mesh import (
    Curvilinear,
    Regular,
    as_regular,
    curvilinear_from_centres,
    midway_bounds,
    regular_from_centres,
)

Floats = NDArray[np.float64]
Dates = NDArray[np.object_]

METRES = {
    "m": 1.0,
    "meter": 1.0,
    "meters": 1.0,
    "metre": 1.0,
    "metres": 1.0,
    "cm": 0.01,
    "centimeter": 0.01,
    "centimeters": 0.01,
    "centimetre": 0.01,
    "centimetres": 0.01,
}
LATITUDES = ("TLAT", "nav_lat", "latitude", "lat", "geolat")  # before others that CF finds, as ULAT
LONGITUDES = ("TLONG", "nav_lon", "longitude", "lon", "geolon")
CALENDARS = {
    "standard",
    "gregorian",
    "proleptic_gregorian",
    "noleap",
    "365_day",
    "all_leap",
    "366_day",
    "360_day",
    "julian",
}


class ControlError(DeepDAError, ValueError):
    """A control simulation that cannot be used; the message says what came and what to do."""


def horizontal_names(dataset: xr.Dataset, field: xr.DataArray) -> tuple[str, str]:
    """Names of latitude and longitude of a field; two-dimensional ones are preferred.

    Raises:
        ControlError: there are none.
    """
    found = []
    for key, known in (("latitude", LATITUDES), ("longitude", LONGITUDES)):
        listed = [str(name) for name in dataset.cf.coordinates.get(key, [])]
        names = [
            name
            for name in (*known, *sorted(listed))
            if name in dataset.variables
            and 1 <= dataset[name].ndim <= 2
            and set(dataset[name].dims) <= set(field.dims)
        ]
        if not names:
            raise ControlError(
                f"{field.name} has no {key}, expected a coordinate of that standard "
                "name on its horizontal dimensions; add it to the file"
            )
        found.append(max(names, key=lambda name: dataset[name].ndim))  # the first of the widest
    return found[0], found[1]


def horizontal_cells(dataset: xr.Dataset, lat_name: str, lon_name: str) -> Regular | Curvilinear:
    """The cells of a file, from bounds where it has usable ones, else from the centres.

    Raises:
        ControlError: centres out of range. GridError: too few cells, or centres that turn back.
    """
    lat, lon = (_degrees(dataset[name].values) for name in (lat_name, lon_name))
    if np.nanmax(np.abs(lat), initial=0) > 90.001:
        raise ControlError(
            f"{lat_name} reaches {np.nanmax(np.abs(lat)):g}, expected degrees north "
            "within [-90, 90]; check which variable holds the latitude"
        )
    bounds = [_bounds(dataset, name) for name in (lat_name, lon_name)]
    if lat.ndim == 1:
        regular = regular_from_centres(lat, lon)  # also tells whether the centres are usable
        if bounds[0] is None or bounds[1] is None:
            return regular
        west, east = bounds[1][:, 0], bounds[1][:, 1]
        if np.all(east < west):  # given from north-west to south-east, say
            west, east = east, west
        lon_bounds = np.stack([west, west + np.mod(east - west, 360)], axis=1)
        return Regular(lat, lon, np.sort(bounds[0], axis=1), lon_bounds)
    if bounds[0] is not None and bounds[1] is not None and bounds[0].shape == (*lat.shape, 4):
        return Curvilinear(lat, lon, _degrees(bounds[0]), _degrees(bounds[1]))
    plain = np.isfinite(lat).all() and np.isfinite(lon).all()
    return (as_regular(lat, lon) if plain else None) or curvilinear_from_centres(lat, lon)


def _degrees(values: Floats) -> Floats:
    values = values.astype(np.float64)
    return np.where(np.abs(values) < 1e4, values, np.nan)  # CESM writes 9.97e36 on land, undeclared


def _bounds(dataset: xr.Dataset, name: str) -> Floats | None:
    """(..., corner) numbers of the bounds of a coordinate as they stand in the file, if any."""
    bounds = _bounds_name(dataset[name])
    if bounds not in dataset:
        return None
    own = dataset[name].dims
    last = [dim for dim in dataset[bounds].dims if dim not in own]
    if len(last) != 1:
        return None
    return dataset[bounds].transpose(*own, *last).values.astype(np.float64)


def _bounds_name(axis: xr.DataArray) -> str:
    return str(axis.attrs.get("bounds", axis.encoding.get("bounds")))


def find_layers(dataset: xr.Dataset, dims: Sequence[str], name: str) -> tuple[str | None, Floats]:
    """The vertical dimension out of `dims` (None for a scalar depth) and its layers (depth, 2), m down.

    Raises:
        ControlError: several dimensions, no depth, units other than m or cm, layers that cross or
            do not hold their centres.
    """
    if len(dims) > 1:
        raise ControlError(
            f"{name} has dimensions {', '.join(dims)} beside time and the horizontal, "
            "expected depth alone; choose one of each member or region first"
        )
    own = [
        str(key)
        for key in dataset.variables
        if dataset[key].dims == tuple(dims)
        and dataset[key].dtype.kind in "fiu"
        and _looks_vertical(str(key), dataset[key])
    ]
    if not own:
        raise ControlError(
            f"{name} has no depth coordinate, expected one in m or cm, positive down; "
            "give a three-dimensional field"
        )
    axis = dims[0] if dims and dims[0] in own else own[0]
    centre = np.abs(np.atleast_1d(dataset[axis].values.astype(np.float64)))
    bounds = _bounds(dataset, axis)
    if bounds is None and axis == "z_t" and {"z_w_top", "z_w_bot"} <= set(dataset.variables):  # POP
        bounds = np.stack([dataset["z_w_top"].values, dataset["z_w_bot"].values], axis=-1)
    layers = layers_from_centres(centre) if bounds is None else np.abs(np.atleast_2d(bounds))
    layers = np.sort(layers.astype(np.float64), axis=1)
    inside = (layers[:, 0] <= centre) & (centre <= layers[:, 1])
    ranked = layers[np.argsort(layers[:, 0])]
    crossing = ranked[1:, 0] < ranked[:-1, 1] * (1 - 1e-6)
    if not inside.all() or crossing.any():
        raise ControlError(
            f"the layers of {axis} cross or do not hold their centres, expected bounds "
            "in the unit of the axis; mend the bounds or remove them"
        )
    return (dims[0] if dims else None), layers * _metres(dataset[axis], axis)


def _looks_vertical(name: str, axis: xr.DataArray) -> bool:
    said = axis.attrs.get("standard_name") == "depth" or axis.attrs.get("axis") == "Z"
    known = name in ("lev", "olevel", "depth", "deptht", "z_t", "level", "z_l", "st_ocean")
    return (said or known or "positive" in axis.attrs) and "bounds" not in name


def _metres(axis: xr.DataArray, name: str) -> float:
    units = str(axis.attrs.get("units", "none"))
    if units.lower() not in METRES:
        raise ControlError(
            f"the depth {name} has units {units}, expected m or cm; set them, or bring "
            "the file to depth levels first"
        )
    return METRES[units.lower()]


def layers_from_centres(centre: Floats) -> Floats:
    """(depth, 2) layers whose midpoints are the centres where such exist from the surface down.

    Else the edges lie midway between centres, the first at the surface.
    """
    order = np.argsort(centre)
    ranked = centre[order]
    edges = np.zeros(ranked.size + 1)
    for k, middle in enumerate(ranked):
        edges[k + 1] = 2 * middle - edges[k]
    nested = np.all(edges[1:] > ranked) and np.all(edges[:-1] < ranked)
    if not nested:
        edges = np.append(0.0, midway_bounds(ranked)[:, 1])
    layers = np.empty((centre.size, 2))
    layers[order] = np.stack([edges[:-1], edges[1:]], axis=1)
    return layers


def find_times(
    dataset: xr.Dataset, dims: Iterable[str], name: str
) -> tuple[str | None, Dates, Dates | None]:
    """The time dimension out of `dims`, the middle of each step, and its bounds (time, 2).

    The middle is that of the bounds where the file has them: POP stamps the end of a step.

    Raises:
        ControlError: no time, a calendar or unit that is not known, bounds without length.
    """
    dims = list(dims)
    axes = [
        str(key)
        for key, axis in dataset.variables.items()
        if " since " in str(axis.attrs.get("units", ""))
        and axis.ndim <= 1
        and set(axis.dims) <= set(dims)
        and "bound" not in str(key)
        and "bnds" not in str(key)
    ]
    axes.sort(key=lambda key: (-dataset[key].ndim, key not in dims))
    if not axes:
        raise ControlError(
            f"{name} has no time, expected a coordinate in units like 'days since "
            "0001-01-01'; add it to the file"
        )
    axis, bounds = dataset[axes[0]], _bounds(dataset, axes[0])
    along = str(axis.dims[0]) if axis.ndim else None
    if bounds is None:
        return along, _dates(np.atleast_1d(axis.values).astype(float), axis.attrs, name), None
    bounds = np.atleast_2d(bounds)
    own = dataset[_bounds_name(axis)].attrs
    attributes = {**axis.attrs, **{key: own[key] for key in ("units", "calendar") if key in own}}
    if not np.all(bounds[:, 1] > bounds[:, 0]):
        raise ControlError(
            f"{name} has time bounds without length, expected beginning before end; mend or remove them"
        )
    return along, _dates(bounds.mean(axis=1), attributes, name), _dates(bounds, attributes, name)


def _dates(numbers: Floats, attributes: dict[str, str], name: str) -> Dates:
    calendar = str(attributes.get("calendar", "standard")).lower()
    if calendar not in CALENDARS:
        raise ControlError(
            f"{name} has calendar {calendar}, expected one of "
            f"{', '.join(sorted(CALENDARS))}; set the attribute"
        )
    try:
        return np.asarray(
            cftime.num2date(numbers, attributes["units"], calendar, only_use_cftime_datetimes=True)
        )
    except (ValueError, OverflowError, TypeError) as error:
        raise ControlError(
            f"{name} has times in {attributes['units']!r} of calendar {calendar} that "
            f"cannot be read ({error}); expected e.g. 'days since 0001-01-01'"
        ) from error
