"""Where samples lie below the surface: depth and pressure, which must be of the same levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deepda.observations.cfroles import Roles
from deepda.observations.contradictions import are_apart
from deepda.observations.coordinates import vertical
from deepda.observations.declared_flags import are_flagged, flags_on
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import GOOD
from deepda.observations.samples import Samples


def depth_and_pressure(
    file: NetcdfFile, roles: Roles, samples: Samples, units: Mapping[str, str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]:
    """Depth in m and pressure in dbar, NaN where a file has none, and their quality.

    A depth without flags that lies on the dimensions of the pressure is as good as the pressure. A
    temperature of the surface without either is at 0 m.

    Raises:
        ObservationError: neither for another temperature, a unit of another quantity, or adjusted
            values without a mode.
    """
    names = roles.names
    none = np.full(samples.shape, np.nan), np.full(samples.shape, GOOD, np.int8)
    if not {"depth", "pressure"} & names.keys():
        if roles.kind != "surface":
            raise file.error("it has neither depth nor pressure, expected one of them",
                             "add it, or name it in columns")  # fmt: skip
        return np.zeros(samples.shape), *none
    depth, quality = _levels(file, names["depth"], samples, "m", units) if "depth" in names else none
    if "pressure" not in names:
        return depth, none[0], quality
    pressure, flags = _levels(file, names["pressure"], samples, "dbar", units)
    follows = "depth" in names and (
        file.dims(names["depth"]) == file.dims(names["pressure"])
        and not are_flagged(file, samples, names["depth"])
    )
    own = np.isfinite(depth) & (not follows)
    return depth, pressure, np.where(own, quality, flags).astype(np.int8)


def nominal_replaced(
    file: NetcdfFile,
    names: Mapping[str, str],
    depth: NDArray[np.float64],
    pressure: NDArray[np.float64],
    lat: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Depths, and where they contradict the pressure.

    One for many pressures is a nominal one or the sea floor's: it is missing where it contradicts them.
    """
    apart = are_apart(depth, pressure, lat)
    if not apart.any():
        return depth, apart
    if {*file.dims(names["depth"])} < {*file.dims(names["pressure"])}:
        return np.where(apart, np.nan, depth), np.zeros(apart.shape, np.bool_)
    return depth, apart


def _levels(
    file: NetcdfFile, name: str, samples: Samples, unit: str, units: Mapping[str, str]
) -> tuple[NDArray, ...]:
    """Values and qualities."""
    given = units.get("depth" if unit == "m" else "pressure", "")

    def read(variable: str) -> tuple[NDArray, ...]:
        values = samples.spread(variable, vertical(file, variable, unit, units=given))
        return values, flags_on(file, samples, variable, GOOD)

    return samples.better(name, read)
