"""Where samples lie below the surface: depth and pressure, which must be of the same levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deepda.observations.adjusted import adjusted_of
from deepda.observations.coordinates import vertical
from deepda.observations.declared_flags import are_flagged, flags_on
from deepda.observations.measured import APART
from deepda.observations.ncfile import NetcdfFile
from deepda.observations.qualities import GOOD
from deepda.observations.samples import Samples
from deepda.observations.seawater import depth_of

Levels = tuple[NDArray[np.float64], NDArray[np.int8]]  # values and qualities


def depth_and_pressure(
    file: NetcdfFile, names: Mapping[str, str], samples: Samples, units: Mapping[str, str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int8]]:
    """Depth in m and pressure in dbar, NaN where a file has none, and their quality.

    A depth without flags that lies on the dimensions of the pressure is as good as the pressure.

    Raises:
        ObservationError: a unit of another quantity, or adjusted values without a mode.
    """
    none = np.full(samples.shape, np.nan), np.full(samples.shape, GOOD, np.int8)
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
    least, share = APART
    by_pressure = depth_of(pressure, lat)
    apart = np.abs(depth - by_pressure) > least + share * np.abs(by_pressure)
    if not apart.any():
        return depth, apart
    if {*file.dims(names["depth"])} < {*file.dims(names["pressure"])}:
        return np.where(apart, np.nan, depth), np.zeros(apart.shape, np.bool_)
    return depth, apart


def _levels(
    file: NetcdfFile, name: str, samples: Samples, unit: str, units: Mapping[str, str]
) -> Levels:
    given = units.get("depth" if unit == "m" else "pressure", "")
    values = samples.spread(name, vertical(file, name, unit, units=given))
    quality = flags_on(file, samples, name, GOOD)
    adjusted, mode = adjusted_of(file, samples, name)
    if adjusted:
        better = samples.spread(adjusted, vertical(file, adjusted, unit))
        values = np.where(mode, better, values)
        quality = np.where(mode, flags_on(file, samples, adjusted, GOOD), quality).astype(np.int8)
    return values, quality
