"""Refuse to compare what does not belong together; nothing is aligned or interpolated silently."""

from __future__ import annotations

import numpy as np
import xarray as xr

from deepda.base.errors import DeepDAError

TOLERANCE = 1e-4  # degrees and m: coordinates of one grid that went through float32


class VerificationError(DeepDAError, ValueError):
    """Things that cannot be compared; the message says both sides."""


def require_same_times(left: xr.DataArray, right: xr.DataArray) -> None:
    """Both have the same time stamps in the same order.

    Raises:
        VerificationError: another number of times, or the first pair that differs.
    """
    if left.sizes["time"] != right.sizes["time"]:
        raise VerificationError(
            f"{_span(left)} against {_span(right)}; select the same windows on both sides first"
        )
    differ = np.flatnonzero(left["time"].values != right["time"].values)
    if differ.size:
        first = int(differ[0])
        raise VerificationError(
            f"time {first} is {left['time'].values[first]} on one side and "
            f"{right['time'].values[first]} on the other ({differ.size} of {left.sizes['time']} "
            "differ); relabel or select them first"
        )


def require_same_grid(left: xr.DataArray, right: xr.DataArray) -> None:
    """Those of depth, lat and lon that either has agree in both.

    Raises:
        VerificationError: a dimension is missing on one side, or its cells lie elsewhere.
    """
    for name in ("depth", "lat", "lon"):
        if (name in left.dims) != (name in right.dims):
            raise VerificationError(
                f"dimensions are {left.dims} on one side and {right.dims} on the other; "
                f"{name} is in one only"
            )
        if name not in left.dims:
            continue
        one, other = left[name].values, right[name].values
        if one.shape != other.shape or not np.allclose(one, other, rtol=0, atol=TOLERANCE):
            raise VerificationError(
                f"{name} is {_ends(one)} on one side and {_ends(other)} on the other; "
                "remap one of them first"
            )


def require_finite(field: xr.DataArray, weights: xr.DataArray, what: str) -> None:
    """`field` has a value wherever `weights` is positive.

    Raises:
        VerificationError: how many values are missing.
    """
    missing = int(((weights > 0) & ~np.isfinite(field)).sum())
    if missing:
        raise VerificationError(
            f"{what} has {missing} values that are not finite where the weight is positive; "
            "mask them out of the weights, or say that the field is partial"
        )


def _span(field: xr.DataArray) -> str:
    times = field["time"].values
    return f"{times.size} times" + (f" ({times[0]} to {times[-1]})" if times.size else "")


def _ends(values: np.ndarray) -> str:
    return f"{values.size} values from {values[0]:g} to {values[-1]:g}"
