"""The vertical axis of a file: layers in metres, positive down, from what the file declares."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import xarray as xr

from deepda.base.units import UnitError, convert
from deepda.control.axes import (
    ControlError,
    Floats,
    bounds_name,
    bounds_of,
    counts,
    naming,
    require_declared_bounds,
)
from deepda.geometry.mesh import midway_bounds

VERTICAL = ("lev", "olevel", "depth", "deptht", "z_t", "level", "z_l", "st_ocean", "z", "zt", "nav_lev")
FEWEST_INDICES = 4  # axes 1, 2, 3, ... of so many levels count them
DEEPEST = 12_000.0  # m, below any sea floor
APART = 0.1  # of a layer: neighbouring layers may be so far apart
FIRST = 50.0  # m: no uppermost layer has its centre deeper, without bounds that say so
ALONE = 30.0  # m: the same of a single level
MISSING = 5.0  # m: half a usual uppermost layer; so much may be missing above the first one
FOLLOWS_TERRAIN = re.compile(r"ocean_(double_)?(sigma|s_coordinate)\w*")  # standard names, CF appendix D
ABOVE = re.compile(r"height\w*|altitude")  # standard names of what is counted upwards


def find_layers(dataset: xr.Dataset, dims: Sequence[str], name: str) -> tuple[str | None, Floats, str]:
    """The vertical dimension out of `dims`, its layers (depth, 2) in m down, and what was assumed.

    The dimension is None for a scalar depth, the words are empty where the file has bounds.

    Raises:
        ControlError: several dimensions, no depth, units that are no length, a sign against
            `positive`, levels that follow the sea floor, count or turn back, or begin far below the
            surface without bounds; layers that cross, leave gaps, do not hold their centres or lie
            below any sea floor.
    """
    if len(dims) > 1:
        raise ControlError(
            f"{name} has dimensions {', '.join(dims)} beside time and the horizontal, "
            "expected depth alone; choose one of each member or region first"
        )
    axis = _vertical_axis(dataset, dims, name)
    with naming(name):
        centre = metres_down(dataset[axis].values, dataset[axis].attrs, axis)
        bounds = _declared_bounds(dataset, axis)
        if bounds is None:
            _require_surface(centre, axis)
        layers = layers_from_centres(centre) if bounds is None else bounds
        _require_layers(layers, centre, axis)
    said = f"the depth {axis} has no bounds: layers are taken round its levels, the first from 0 m on"
    return (dims[0] if dims else None), layers, ("" if bounds is not None else said)


def metres_down(values: Floats, attributes: dict[str, str], name: str) -> Floats:
    """(depth) metres below the surface of a vertical coordinate.

    Raises:
        ControlError: units that are no length, a missing value, a sign against `positive`, indices,
            levels that follow the sea floor, or a coordinate that turns back.
    """
    standard = str(attributes.get("standard_name", ""))
    if FOLLOWS_TERRAIN.fullmatch(standard):
        raise ControlError(
            f"the depth {name} has standard_name {standard}, levels that follow the sea floor, expected "
            "one depth for each level; bring the file to depth levels first"
        )
    units = str(attributes.get("units", "none"))
    try:
        depth = convert(np.atleast_1d(values), units, "m")
    except UnitError as error:
        raise ControlError(
            f"the depth {name} has units {units}, expected a length such as m or cm; set them, or "
            "bring the file to depth levels first"
        ) from error
    step = np.diff(depth)
    if not np.isfinite(depth).all() or not (np.all(step > 0) or np.all(step < 0)):
        raise ControlError(
            f"the depth {name} does not run one way, expected each level once from top to bottom or "
            "the reverse; sort the file along it"
        )
    positive = str(attributes.get("positive", "")).lower()
    above = bool(ABOVE.fullmatch(standard))
    up = positive == "up" or above
    signs = {float(sign) for sign in np.sign(depth) if sign}
    if (
        len(signs) > 1
        or (signs == {1.0} and up)
        or (signs == {-1.0} and positive and not up)
        or (above and positive == "down")
    ):
        declared = f"positive={positive or 'none'}" + f" and standard_name {standard}" * above
        raise ControlError(
            f"the depth {name} runs from {depth[0]:g} to {depth[-1]:g} m with {declared}, "
            "expected signs as the attributes say; correct them"
        )
    if values.size >= FEWEST_INDICES and counts(values):
        raise ControlError(
            f"the depth {name} counts its levels {values[0]:g}, {values[1]:g}, {values[2]:g}, ..., "
            "expected metres; replace the indices by the depths of the levels"
        )
    return np.abs(depth)


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


def _require_surface(centre: Floats, axis: str) -> None:
    """Refuse levels without bounds whose first one cannot be that of the uppermost layer.

    Layers that do not thin downwards have their first edge, mirrored from the halfway to the second
    level, at the surface or above it; that of levels cut out of the deep lies far below.
    """
    ranked = np.sort(centre)
    first = float(ranked[0])
    if ranked.size == 1:
        deep = first > ALONE or first == 0
    else:
        deep = first > FIRST or first - 0.5 * float(ranked[1] - first) > MISSING
    if deep:
        raise ControlError(
            f"the depth {axis} has its first level at {first:g} m and no bounds, expected levels that "
            "begin in the uppermost layer of the sea, or bounds that say where each layer begins; give "
            "all levels, or add the bounds"
        )


def _vertical_axis(dataset: xr.Dataset, dims: Sequence[str], name: str) -> str:
    own = [
        str(key)
        for key, axis in dataset.variables.items()
        if axis.dims == tuple(dims) and axis.dtype.kind in "fiu" and _looks_vertical(str(key), axis)
    ]
    if not own:
        raise ControlError(
            f"{name} has no depth coordinate, expected one in m or cm, positive down; "
            "give a three-dimensional field"
        )
    return dims[0] if dims and dims[0] in own else own[0]


def _looks_vertical(name: str, axis: xr.Variable) -> bool:
    said = axis.attrs.get("standard_name") == "depth" or axis.attrs.get("axis") == "Z"
    return (said or name in VERTICAL or "positive" in axis.attrs) and "bounds" not in name


def _declared_bounds(dataset: xr.Dataset, axis: str) -> Floats | None:
    """(depth, 2) m, upper first, by what an axis declares; None if nothing. Above the surface is 0."""
    require_declared_bounds(dataset, axis)
    bounds, other = _bounds_as_they_stand(dataset, axis)
    if bounds is None:
        return None
    units = str({**dataset[axis].attrs, **other}.get("units"))
    try:
        metres = convert(np.atleast_2d(bounds), units, "m")
    except UnitError as error:
        raise ControlError(f"the bounds of the depth {axis}: {error}") from error
    down = -metres if np.nansum(metres) < 0 else metres
    return np.sort(np.maximum(down, 0.0), axis=1)


def _bounds_as_they_stand(dataset: xr.Dataset, axis: str) -> tuple[Floats | None, dict[str, str]]:
    """(depth, 2) numbers of a file and the attributes that they have of their own.

    Of `bounds`; of `edges` (MOM), one more than there are levels; of POP's z_w_top and z_w_bot.
    """
    bounds = bounds_of(dataset, axis)
    if bounds is not None:
        return bounds, dataset[bounds_name(dataset[axis])].attrs
    edges = str(dataset[axis].attrs.get("edges"))
    if edges in dataset.variables and dataset[edges].shape == (dataset[axis].size + 1,):
        values = dataset[edges].values.astype(np.float64)
        return np.stack([values[:-1], values[1:]], axis=-1), dataset[edges].attrs
    if axis == "z_t" and {"z_w_top", "z_w_bot"} <= set(dataset.variables):
        return np.stack([dataset["z_w_top"].values, dataset["z_w_bot"].values], axis=-1), {}
    return None, {}


def _require_layers(layers: Floats, centre: Floats, axis: str) -> None:
    inside = (layers[:, 0] <= centre) & (centre <= layers[:, 1])
    ranked = layers[np.argsort(layers[:, 0])]
    crossing = ranked[1:, 0] < ranked[:-1, 1] * (1 - 1e-6)
    thick = np.diff(ranked, axis=1)[:, 0]
    if not inside.all() or crossing.any() or np.any(thick <= 0):
        raise ControlError(
            f"the layers of {axis} cross or do not hold their centres, expected bounds "
            "in the unit of the axis; mend the bounds or remove them"
        )
    gap = ranked[1:, 0] - ranked[:-1, 1] > APART * np.minimum(thick[1:], thick[:-1])
    if gap.any():
        lower = int(np.argmax(gap))
        raise ControlError(
            f"the layers of {axis} leave {ranked[lower, 1]:g} to {ranked[lower + 1, 0]:g} m out, "
            "expected layers side by side; mend the bounds or remove them, or give all levels"
        )
    if layers.max() > DEEPEST:
        raise ControlError(
            f"the layers of {axis} reach {layers.max():g} m, expected at most {DEEPEST:g}, the depth of "
            "the sea; check the units of the depth"
        )
