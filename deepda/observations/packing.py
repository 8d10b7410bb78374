"""How NetCDF stores numbers: packed, unsigned, with fill values and a valid range.

NetCDF User's Guide, appendix A, and CF Conventions 1.11, sections 2.5 and 8.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from deepda.observations.reading import ObservationError

HUGE = 1e19  # no ocean value: default and home-made fill values that a file does not declare
DEFAULT_FILLS = {  # of variables without _FillValue
    "i2": -32767, "i4": -2147483647, "i8": -9223372036854775806, "u2": 65535, "u4": 4294967295,
    "u8": 18446744073709551614,
}  # fmt: skip
Attributes = Mapping[str, object]


def unpacked(
    raw: NDArray, attributes: Attributes, refusal: Callable[[str], ObservationError]
) -> NDArray[np.float64]:
    """Values of stored numbers, NaN where missing.

    Args:
        raw: as stored, of any shape.
        attributes: of the variable: `_FillValue`, `missing_value`, `scale_factor`, `add_offset`,
            `_Unsigned`.
        refusal: makes the error of a sentence.

    Raises:
        ObservationError: no numbers, or a packing that is none.
    """
    if raw.dtype.kind not in "iuf":
        raise refusal(f"it holds {raw.dtype}, expected numbers")
    raw = raw.view(_held(raw.dtype, attributes))
    scale, offset = (_number(attributes, name, default, refusal)
                     for name, default in (("scale_factor", 1.0), ("add_offset", 0.0)))  # fmt: skip
    stored = raw.astype(float)
    values = stored if (scale, offset) == (1.0, 0.0) else stored * scale + offset
    missing = ~(np.abs(stored) < HUGE)
    for fill in _fills(raw, attributes):
        if raw.dtype.kind != "f" and fill != np.rint(fill):  # given in the unit of the values
            missing |= np.isclose(values, fill, rtol=0, atol=abs(scale) / 2)
        elif raw.dtype.kind == "f" and isinstance(fill, np.float32):  # a double is written in short
            with np.errstate(over="ignore"):
                missing |= raw.astype(np.float32, copy=False) == fill
        else:
            missing |= stored == (float(np.float32(fill)) if raw.dtype.itemsize == 4 and
                                  raw.dtype.kind == "f" else fill)  # fmt: skip
    return np.where(missing, np.nan, values)


def outside(
    values: NDArray[np.float64], stored: np.dtype, attributes: Attributes
) -> NDArray[np.bool_] | None:
    """Where unpacked values lie outside valid_min, valid_max, valid_range; None without a range.

    Limits of the type of packed values are packed like them; limits of another type are not
    (NetCDF User's Guide, valid_range).
    """
    limits = [_limit(attributes, "valid_min", 0), _limit(attributes, "valid_max", 1)]
    if limits == [None, None]:
        return None
    scale, offset = (float(np.ravel(np.asarray(attributes.get(name, default), float))[0])
                     for name, default in (("scale_factor", 1.0), ("add_offset", 0.0)))  # fmt: skip
    held = _held(stored, attributes)
    low, high = (
        default if limit is None else _in_values(limit, stored, held, scale, offset)
        for limit, default in zip(limits, (-np.inf, np.inf), strict=True)
    )
    low, high = min(low, high), max(low, high)
    margin = 1e-6 * max(abs(x) for x in (low, high, 1.0) if np.isfinite(x))
    return (values < low - margin) | (values > high + margin)


def _in_values(
    limit: np.generic, stored: np.dtype, held: np.dtype, scale: float, offset: float
) -> float:
    packed = stored.kind == "f" or limit.dtype.kind in "iu"
    number = float(limit) if stored == held else _unfolded(float(limit), held)
    return number * scale + offset if packed else float(limit)


def _held(stored: np.dtype, attributes: Attributes) -> np.dtype:
    """Type that stored numbers are meant in: unsigned where the attribute says so."""
    unsigned = str(attributes.get("_Unsigned", "")).lower() == "true" and stored.kind == "i"
    return np.dtype(stored.str.replace("i", "u")) if unsigned else stored


def _unfolded(number: float, held: np.dtype) -> float:
    """A negative whole number as the unsigned one of the same bits; others as they are."""
    count = 2.0 ** (8 * held.itemsize)
    signed = held.kind == "u" and -count / 2 <= number < 0 and number == np.rint(number)
    return number + count if signed else number


def _limit(attributes: Attributes, name: str, end: int) -> np.generic | None:
    found = np.ravel(np.asarray(attributes.get(name, attributes.get("valid_range", [])))[()])
    if name not in attributes:
        found = found[end : end + 1] if found.size == 2 else found[:0]
    return found[0] if found.size == 1 and found.dtype.kind in "iuf" and np.isfinite(found[0]) else None


def _fills(raw: NDArray, attributes: Attributes) -> list[float | np.float32]:
    """Fill values, texts of numbers included; without a declaration the default of the type.

    Attributes are signed where NetCDF-3 has no other type, and stand for the bits of unsigned data.
    """
    fills = list[float | np.float32]()
    for name in ("_FillValue", "missing_value"):
        found = np.ravel(np.asarray(attributes.get(name, [])))
        for part in found.tolist():
            try:
                fills.append(np.float32(part) if found.dtype == np.float32 else float(part))
            except ValueError:
                continue  # a text that is no number fills nothing
    if "_FillValue" not in attributes and raw.dtype.str[1:] in DEFAULT_FILLS:
        fills.append(float(DEFAULT_FILLS[raw.dtype.str[1:]]))
    return [fill if isinstance(fill, np.float32) else _unfolded(fill, raw.dtype)
            for fill in fills if np.isfinite(fill)]  # fmt: skip


def _number(
    attributes: Attributes, name: str, default: float, refusal: Callable[[str], ObservationError]
) -> float:
    found = np.asarray(attributes.get(name, default)).ravel()
    try:
        number = float(found[0]) if found.size == 1 else np.nan
    except ValueError:
        number = np.nan
    if not np.isfinite(number) or (name == "scale_factor" and number == 0):
        raise refusal(f"{name} is {found}, expected one number")
    return number
