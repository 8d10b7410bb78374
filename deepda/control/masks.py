"""Where a model's file has water: declared masks, valid ranges, and fill values that it lost.

A mask is read by what it declares (flag_values and flag_meanings, standard_name) and held against the
field: one that marks water where the field has none is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.control.axes import ControlError

Bools = NDArray[np.bool_]

WATER_NAMES = ("tmask", "wet", "sftof", "omask", "ocean_mask", "sea_mask", "wet_c", "hFacC")
LAND_NAMES = ("sftlf", "land_mask", "landmask")
UNSAID_NAMES = ("mask", "lsm", "land_sea_mask", "landsea_mask")  # either way round in practice
WATER_STANDARD = ("sea_binary_mask", "sea_area_fraction")
LAND_STANDARD = ("land_binary_mask", "land_area_fraction")
WATER_WORDS = {"sea", "ocean", "water", "wet", "open_sea", "open_ocean", "sea_water", "lake", "estuary"}
LAND_WORDS = {"land", "dry", "coast", "island", "rock", "ice_shelf", "no_water"}
DISAGREE = 0.05  # of the water of a mask without any value: the mask is of something else
REPEATED = 0.002  # of the cells of a layer with one and the same value: perhaps land
FEWEST = 10  # such cells
JUMP = 1.0  # K, median step from such cells to their neighbours: no water is so
WHOLE = 1e-3  # degC: fill values are whole numbers; what models write under ice (-1.8) is not
ICE = (-2.5, -1.5)  # degC, where models hold the water under ice
SEA = (-3.0, 45.0)  # degC
VALID = {"valid_range": ("low", "high"), "valid_min": ("low",), "valid_max": ("high",)}  # CF 2.5.1


@dataclass(frozen=True)
class Mask:
    """A mask of a file.

    Attributes:
        water: True where it marks water.
        declared: whether the file, or a name with one meaning, says which value is water.
    """

    name: str
    water: xr.DataArray
    declared: bool


def find_masks(dataset: xr.Dataset, dims: tuple[str, ...], plane: tuple[str, ...]) -> list[Mask]:
    """The static masks of a file on the dimensions of its field.

    Args:
        plane: its horizontal ones, which a mask must have.

    Raises:
        ControlError: flag meanings of a mask that are neither of sea nor of land.
    """
    fields = [
        dataset[name]
        for name in dataset.variables
        if set(plane) <= set(dataset[name].dims) <= set(dims) and dataset[name].dtype.kind in "fiub"
    ]
    return [mask for field in fields if (mask := _mask(field)) is not None]


def agreed(mask: Mask, water: Bools, valid: Bools, path: str) -> tuple[Bools, str]:
    """The water of a mask, after it was held against the values of a field, and what was assumed.

    Args:
        water: (depth, y, x) or (1, y, x) what it marks.
        valid: (depth, y, x) where the field has values.

    Raises:
        ControlError: a mask without water or against the field, or of unknown sense where the field
            has values everywhere.
    """
    there: Bools = valid if water.shape[0] == valid.shape[0] else np.any(valid, axis=0, keepdims=True)
    if not water.any():
        raise ControlError(
            f"the mask {mask.name} of {path} marks no water, expected some; correct it or leave it out"
        )
    fits = (water & ~there).sum() <= DISAGREE * water.sum()
    inverse = (~water).any() and (~water & ~there).sum() <= DISAGREE * (~water).sum()
    if mask.declared and fits:
        return water, ""
    if not mask.declared and fits != inverse:
        marked, sense = (water, "is not 0") if fits else (~water, "is 0")
        return marked, f"of the mask {mask.name}, water {sense}, as where there are values"
    if fits:
        raise ControlError(
            f"the mask {mask.name} of {path} does not say which value is water, expected "
            "flag_values with flag_meanings such as 'land sea'; set them or leave the mask out"
        )
    raise ControlError(
        f"the mask {mask.name} of {path} marks {water.sum()} cells as water, {(water & ~there).sum()} "
        "of them without any value, expected values wherever there is water; correct the mask (its "
        "flag_values and flag_meanings) or leave it out"
    )


def lost_fill(first: NDArray, last: NDArray) -> tuple[Bools, tuple[float, ...]]:
    """Cells that hold one constant instead of water, and the constants, e.g. 0 on land.

    The constant fills many cells, the same at both steps, and the neighbours of those cells differ
    from it by more than water does.

    Args:
        first, last: (depth, y, x) degC of two steps.
    """
    steady = np.isfinite(first) & (first == last)
    found, constants = np.zeros(first.shape, bool), []
    for layer in {0, first.shape[0] - 1}:
        level = first[layer][steady[layer]]
        value, count = np.unique(level, return_counts=True)
        for constant in value[count >= max(FEWEST, REPEATED * first[layer].size)]:
            filled = steady & (first == constant) & ~found
            if _can_be_fill(float(constant)) and filled.any() and _jump(first, filled) > JUMP:
                found |= filled
                constants.append(float(constant))
    return found, tuple(constants)


def _can_be_fill(value: float) -> bool:
    whole = abs(value - round(value)) < WHOLE and not ICE[0] < value < ICE[1]
    return whole or not SEA[0] <= value <= SEA[1]


def within_valid_range(field: xr.DataArray) -> xr.DataArray:
    """The field without values beyond its valid_min, valid_max or valid_range (CF 2.5.1).

    Raises:
        ControlError: limits that are no numbers, or the lower above the upper.
    """
    limits = _valid_limits(field)
    kept = field
    if "low" in limits:
        kept = kept.where(field >= _unpacked(limits["low"], field))
    if "high" in limits:
        kept = kept.where(field <= _unpacked(limits["high"], field))
    return kept.assign_attrs(field.attrs)


def _valid_limits(field: xr.DataArray) -> dict[str, np.generic]:
    """The lowest and the highest valid value as they stand in the file."""
    found: dict[str, np.generic] = {}
    for key, ends in VALID.items():
        if key not in field.attrs:
            continue
        values = np.atleast_1d(field.attrs[key])
        numbers = values.dtype.kind in "iuf" and not np.isnan(values).any()
        if not numbers or values.shape != (len(ends),) or values[0] > values[-1]:
            wanted = "two numbers, the lower first" if len(ends) == 2 else "one number"
            raise ControlError(
                f"{field.name} has {key} {field.attrs[key]!s}, expected {wanted}; correct the attribute"
            )
        found |= dict(zip(ends, values, strict=True))
    return found


def _unpacked(bound: object, field: xr.DataArray) -> float:
    """A valid limit in the units of the values: packed ones have it in theirs."""
    number = np.asarray(bound)
    stored = np.dtype(field.encoding.get("dtype", field.dtype))
    packed = stored.kind in "iu" and number.dtype.kind in "iu"
    scale = float(field.encoding.get("scale_factor", 1.0)) if packed else 1.0
    offset = float(field.encoding.get("add_offset", 0.0)) if packed else 0.0
    limit = float(number) * scale + offset
    return limit - 1e-6 * max(abs(limit), 1) if scale < 0 else limit


def _mask(field: xr.DataArray) -> Mask | None:
    name, standard = str(field.name), str(field.attrs.get("standard_name", ""))
    named = name in (*WATER_NAMES, *LAND_NAMES, *UNSAID_NAMES)
    if "flag_meanings" in field.attrs and "flag_values" in field.attrs:
        water = _by_flags(field, named or standard in (*WATER_STANDARD, *LAND_STANDARD))
        return None if water is None else Mask(name, water, True)
    if standard in WATER_STANDARD or (not standard and name in WATER_NAMES):
        return Mask(name, field > 0, True)
    if standard in LAND_STANDARD or (not standard and name in LAND_NAMES):
        whole = 100.0 if str(field.attrs.get("units")) in ("%", "percent") else 1.0
        return Mask(name, field < whole, True)
    return Mask(name, field > 0, False) if named else None


def _by_flags(field: xr.DataArray, named: bool) -> xr.DataArray | None:
    """Water by flag_values and flag_meanings; None for flags of other things than sea and land."""
    meanings = str(field.attrs["flag_meanings"]).lower().split()
    stated = field.attrs["flag_values"]
    if isinstance(stated, str):
        stated = [float(word) for word in stated.replace(",", " ").split()]
    values = np.atleast_1d(stated)
    words = [{meaning, *meaning.split("_")} for meaning in meanings]
    wet = [bool(some & WATER_WORDS) for some in words]
    clear = any(wet) and wet == [not some & LAND_WORDS for some in words]
    if len(values) != len(meanings) or not clear:
        if not named:
            return None
        raise ControlError(
            f"the mask {field.name} has flag_values {values.tolist()} with flag_meanings "
            f"{' '.join(meanings)!r}, expected one meaning each, of sea or of land; correct them"
        )
    water = [value for value, one in zip(values, wet, strict=True) if one]
    known = np.isin(field.values, values) | ~np.isfinite(field.values.astype(float))
    if not known.all():
        raise ControlError(
            f"the mask {field.name} holds {field.values[~known].ravel()[0]:g}, expected its flag_values "
            f"{values.tolist()}; complete the flags or correct the mask"
        )
    return field.isin(water)


def _jump(values: NDArray, filled: Bools) -> float:
    """Median step, K, from the cells `filled` to their other horizontal neighbours; 0 if none."""
    steps = []
    for axis in (1, 2):
        left = tuple(slice(None, -1) if k == axis else slice(None) for k in range(3))
        right = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        border = filled[left] != filled[right]
        step = np.abs(values[left].astype(np.float64) - values[right])[border]
        steps.append(step[np.isfinite(step)])
    both = np.concatenate(steps)
    return float(np.median(both)) if both.size else 0.0
