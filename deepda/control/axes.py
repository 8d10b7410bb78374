"""The horizontal cells of a foreign file: which coordinates hold them, and what they declare.

Names, units and bounds of CMIP6, POP, NEMO, MOM and other CF-like files; nothing about temperature.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cf_xarray  # noqa: F401  (gives the accessor .cf)
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.base.units import UnitError, convert
from deepda.geometry.grid import GridError
from deepda.geometry.mesh import (
    Curvilinear,
    Regular,
    as_regular,
    curvilinear_from_centres,
    regular_from_centres,
)

Floats = NDArray[np.float64]

# before others that CF finds, as ULAT
LATITUDES = ("TLAT", "nav_lat", "geolat", "geolat_t", "geolat_c", "latitude", "lat", "YC")
LONGITUDES = ("TLONG", "nav_lon", "geolon", "geolon_t", "geolon_c", "longitude", "lon", "XC")
# axes of tripolar models that are degrees along the grid's own lines (MOM6, MOM5)
NOMINAL = (
    "xh", "yh", "xq", "yq", "xt_ocean", "yt_ocean", "xu_ocean", "yu_ocean", "grid_x_t", "grid_y_t",
)  # fmt: skip
FILLED = 1e4  # degrees: CESM writes 9.97e36 on land, undeclared
SHARED = 4  # cells at one place that halos and folds account for; more are a fill value


class ControlError(DeepDAError, ValueError):
    """A control simulation that cannot be used; the message says what was found and what to do."""


@contextmanager
def naming(file: object) -> Iterator[None]:
    """Put the name of a file before what is refused inside the block."""
    try:
        yield
    except (ControlError, GridError) as error:
        raise ControlError(f"{file}: {error}") from error


def horizontal_names(dataset: xr.Dataset, field: xr.DataArray) -> tuple[str, str]:
    """Names of latitude and longitude of a field; two-dimensional ones are preferred.

    Those that the field declares (attribute `coordinates`) come before all others.

    Raises:
        ControlError: there are none, the declared ones are not there, they are nominal axes of a
            curvilinear grid or indices, or both run along one dimension (unstructured meshes).
    """
    found, declared = [], declared_coordinates(field)
    for key, known in (("latitude", LATITUDES), ("longitude", LONGITUDES)):
        listed = [str(name) for name in dataset.cf.coordinates.get(key, [])]
        names = [
            name
            for name in (*known, *sorted(listed))
            if name in dataset.variables
            and 1 <= dataset[name].ndim <= 2
            and set(dataset[name].dims) <= set(field.dims)
        ]
        own = [name for name in names if name in declared]
        if not own:
            _require_declared(dataset, field, key, known)
        if not names:
            raise ControlError(
                f"{field.name} has no {key}, expected a coordinate of that standard "
                "name on its horizontal dimensions; add it to the file"
            )
        found.append(max(own or names, key=lambda name: dataset[name].ndim))  # the first of the widest
    lat, lon = dataset[found[0]], dataset[found[1]]
    if lat.ndim != lon.ndim or (lat.ndim == 1 and lat.dims == lon.dims):
        raise ControlError(
            f"{lat.name} has dimensions {', '.join(map(str, lat.dims))} and {lon.name} "
            f"{', '.join(map(str, lon.dims))}, expected rows and columns of cells, not an unstructured "
            "mesh or a section; remap the output to a latitude-longitude grid first"
        )
    _require_geographic(lat, lon)
    return found[0], found[1]


def declared_coordinates(field: xr.DataArray) -> list[str]:
    """The names in the attribute `coordinates` of a field, whether they are there or not."""
    return str(field.encoding.get("coordinates") or field.attrs.get("coordinates", "")).split()


def horizontal_cells(dataset: xr.Dataset, lat_name: str, lon_name: str) -> Regular | Curvilinear:
    """The cells of a file, from bounds where it has them, else from the centres.

    Places of two-dimensional coordinates that more than SHARED cells have are the fill value of land
    (0, -1, ...) and become NaN.

    Raises:
        ControlError: units that are no angle, centres out of range, bounds that do not hold them.
        GridError: too few cells, or centres that turn back.
    """
    rows, columns = dataset[lat_name], dataset[lon_name]
    if rows.ndim == 2:
        columns = columns.transpose(*rows.dims)
    lat, lon = (_degrees(axis.values, axis) for axis in (rows, columns))
    if lat.ndim == 2:
        filled = _filled_places(lat, lon)
        lat, lon = np.where(filled, np.nan, lat), np.where(filled, np.nan, lon)
    if np.nanmax(np.abs(lat), initial=0) > 90.001:
        raise ControlError(
            f"{lat_name} reaches {np.nanmax(np.abs(lat)):g}, expected degrees north "
            "within [-90, 90]; check which variable holds the latitude"
        )
    for name in (lat_name, lon_name):
        require_declared_bounds(dataset, name)
    bounds = [_bounds_in_degrees(dataset, name) for name in (lat_name, lon_name)]
    if lat.ndim == 1:
        return _regular(lat, lon, bounds[0], bounds[1], (lat_name, lon_name))
    if bounds[0] is not None and bounds[1] is not None and bounds[0].shape == (*lat.shape, 4):
        return Curvilinear(lat, lon, bounds[0], bounds[1])
    plain = np.isfinite(lat).all() and np.isfinite(lon).all()
    return (as_regular(lat, lon) if plain else None) or curvilinear_from_centres(lat, lon)


def bounds_of(dataset: xr.Dataset, name: str) -> Floats | None:
    """(..., corner) numbers of the bounds of a coordinate as they stand in the file, if any."""
    bounds = bounds_name(dataset[name])
    if bounds not in dataset:
        return None
    own = dataset[name].dims
    last = [dim for dim in dataset[bounds].dims if dim not in own]
    if len(last) != 1:
        return None
    return dataset[bounds].transpose(*own, *last).values.astype(np.float64)


def bounds_name(axis: xr.DataArray) -> str:
    """Name of the bounds that a coordinate declares; "None" where it has none."""
    return str(axis.attrs.get("bounds", axis.encoding.get("bounds")))


def require_declared_bounds(dataset: xr.Dataset, name: str) -> None:
    """Refuse (ControlError) a coordinate that declares bounds which the file does not hold."""
    bounds = bounds_name(dataset[name])
    if bounds not in ("", "None") and bounds not in dataset.variables:
        raise ControlError(
            f"{name} declares the bounds {bounds}, which are not there, expected them in the same file; "
            "add them, or remove the attribute bounds"
        )


def _require_declared(
    dataset: xr.Dataset, field: xr.DataArray, key: str, known: tuple[str, ...]
) -> None:
    """Refuse a field that declares a latitude or longitude (`key`) which the file does not hold."""
    lost = [
        name
        for name in declared_coordinates(field)
        if name not in dataset.variables and (name in known or key[:3] in name.lower())
    ]
    if lost:
        raise ControlError(
            f"{field.name} declares the {key} {lost[0]} (attribute coordinates), which is not there, "
            "expected it in the same file; add it from the model's grid file, or name in the attribute "
            "the coordinates at the points of the field"
        )


def _require_geographic(lat: xr.DataArray, lon: xr.DataArray) -> None:
    """Refuse axes along the lines of a tripolar grid, and numbers of rows and columns."""
    for axis in (lat, lon):
        nominal = "nominal" in str(axis.attrs.get("long_name", "")).lower() or axis.name in NOMINAL
        said = str(axis.attrs.get("units", "")).lower().startswith("deg")
        if axis.ndim == 1 and (nominal or (counts(axis.values) and not said)):
            what = "nominal: true" if nominal else "numbers of cells: right"
            raise ControlError(
                f"{axis.name} is an axis of the model's own grid ({what} only on a regular grid), "
                "expected the geographic latitude and longitude of each cell (geolat and geolon, "
                "nav_lat and nav_lon, TLAT and TLONG); add them to the file from the model's grid file"
            )


def counts(values: Floats) -> bool:
    """Whether a coordinate holds 0, 1, 2, ... or 1, 2, 3, ..., which are no places."""
    return any(np.array_equal(values, np.arange(values.size) + first) for first in (0, 1))


def _regular(
    lat: Floats, lon: Floats, rows: Floats | None, columns: Floats | None, names: tuple[str, str]
) -> Regular:
    cells = regular_from_centres(lat, lon)  # also refuses centres that cannot be used
    if rows is None or columns is None:
        return cells
    west, east = columns[:, 0], columns[:, 1]
    if np.all(east < west):  # given from north-west to south-east, say
        west, east = east, west
    lon_bounds = np.stack([west, west + np.mod(east - west, 360)], axis=1)
    given = Regular(lat, lon, np.sort(rows, axis=1), lon_bounds)
    place = lon_bounds[:, 0] + np.mod(lon - lon_bounds[:, 0] + 1e-3, 360) - 1e-3
    _require_bounds(lat, given.lat_bounds, cells.lat_bounds, names[0])
    _require_bounds(place, lon_bounds, cells.lon_bounds, names[1])
    return given


def _require_bounds(centre: Floats, bounds: Floats, own: Floats, name: str) -> None:
    """Refuse bounds (n, 2) that do not hold their centres, or of other widths than between these."""
    inside = (bounds[:, 0] <= centre + 1e-3) & (centre <= bounds[:, 1] + 1e-3)
    ratio = (np.diff(bounds, axis=1) / np.diff(own, axis=1))[1:-1, 0]  # the ends may be cut
    if not inside.all() or ratio.min() < 0.5 or ratio.max() > 2.0:
        of_all = np.argmax(np.abs(np.log(np.abs(ratio)))) + 1 if inside.all() else np.argmin(inside)
        where = int(of_all)
        raise ControlError(
            f"the bounds of {name} at {centre[where]:g} are {bounds[where, 0]:g} and "
            f"{bounds[where, 1]:g}, expected the edges of a cell round that centre that meets its "
            "neighbours; mend the bounds or remove them"
        )


def _degrees(values: Floats, axis: xr.DataArray) -> Floats:
    """Numbers of a coordinate in degrees, fill values NaN."""
    values = values.astype(np.float64)
    values = np.where(np.abs(values) < FILLED, values, np.nan)
    units = str(axis.attrs.get("units", "degrees"))
    try:
        return convert(values, units, "degrees")
    except UnitError as error:
        raise ControlError(f"{axis.name}: {error}") from error


def _bounds_in_degrees(dataset: xr.Dataset, name: str) -> Floats | None:
    bounds = bounds_of(dataset, name)
    if bounds is None:
        return None
    own = dataset[bounds_name(dataset[name])]
    return _degrees(bounds, own if "units" in own.attrs else dataset[name])


def _filled_places(lat: Floats, lon: Floats) -> NDArray[np.bool_]:
    """(y, x) cells at a place that more than SHARED of them have."""
    pairs = np.stack([lat.ravel(), lon.ravel()], axis=1)
    _, which, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return (count[which.ravel()] > SHARED).reshape(lat.shape)
