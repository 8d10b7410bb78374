"""Whether values can be sea water: one mask for all steps, temperatures of the sea, none lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepda.control.axes import ControlError
from deepda.geometry.mesh import Regular, places

if TYPE_CHECKING:
    from deepda.control.model_files import Native

COLDEST, WARMEST = -5.0, 50.0  # degC, beyond any sea water
FEWEST = 10  # cells of water of a layer that are not all at 0 degC exactly


def require_sound(native: Native, values: NDArray[np.float32], first: int) -> None:
    """Refuse values (time, depth, y, x) of the steps from `first` on that cannot be sea water.

    Raises:
        ControlError: water of the first step is missing at another or the reverse, temperatures
            lie outside COLDEST..WARMEST degC, or a step holds one value, or a layer of it zeros.
    """
    changed = np.isfinite(values) != native.water
    if changed.any():
        raise ControlError(
            f"{changed.sum()} values are missing where the first step has water, or "
            f"the reverse, the first is {_where(native, changed, first)}, expected one mask "
            "for all steps; fill or leave out the damaged steps"
        )
    wrong = (values < COLDEST) | (values > WARMEST)
    if wrong.any():
        worst = float(values[np.nonzero(wrong)][0])
        raise ControlError(
            f"{wrong.sum()} values are no sea water, the first is {worst:.6g} degC "
            f"{_where(native, wrong, first)}, expected {COLDEST:g} to {WARMEST:g}; check "
            "the units attribute (kelvin labelled degC?) and the fill value"
        )
    _require_none_lost(native, values, first)


def _require_none_lost(native: Native, values: NDArray[np.float32], first: int) -> None:
    """Refuse steps whose water is all at one value, and layers of zeros: what a lost chunk leaves."""
    low, high = (
        some(values, axis=(2, 3), initial=edge, where=native.water)
        for some, edge in ((np.min, np.inf), (np.max, -np.inf))
    )
    wet = native.water.sum(axis=(1, 2))
    one = low.min(axis=1) == high.max(axis=1) if wet.sum() > 1 else np.zeros(len(values), bool)
    zeros = (low == 0) & (high == 0) & (wet >= FEWEST)
    lost = one | zeros.any(axis=1)
    if lost.any():
        step = int(np.argmax(lost))
        layer = "" if one[step] else f" in the layer at {_depth(native, int(np.argmax(zeros[step])))}"
        value = low[step].min() if one[step] else 0.0
        raise ControlError(
            f"all water of the step at {native.time[first + step]}{layer} is at {value:g} degC in "
            f"{_file_of(native, first + step)}, expected temperatures that differ from place to place; "
            "fetch the file again, or leave out the damaged step"
        )


def _file_of(native: Native, step: int) -> str:
    return str(native.files[int(np.searchsorted(np.cumsum(native.steps), step, side="right"))])


def _depth(native: Native, layer: int) -> str:
    return f"{native.layers[layer].mean():.0f} m"


def _where(native: Native, marked: NDArray[np.bool_], first: int) -> str:
    step, layer, row, column = (int(index[0]) for index in np.nonzero(marked))
    if isinstance(native.cells, Regular):
        lat = native.cells.lat_bounds[row].mean()
        lon = native.cells.lon_bounds[column].mean()
    else:
        lat, lon = (float(place) for place in places(native.cells.centres[row, column]))
    return (
        f"at {native.time[first + step]}, {_depth(native, layer)}, latitude {lat:.2f}, "
        f"longitude {lon:.2f} in {_file_of(native, first + step)}"
    )
