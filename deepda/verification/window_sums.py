"""Scores of analyses that are not kept: weighted sums are gathered window by window, scores follow.

The same sums serve fields on the grid, whose truth is known, and departures at observations:

    sums = WindowSums(weights)                                    weights (region, depth, lat, lon)
    sums.add(time, errors(analysis, truth))                       one window after another
    rmse_of(sums.result())                                        (region, depth)

    rmse_of(weighted_sums(weights, errors(analysis, observed)))   weights (region, row)

Everything is in K; error = estimate - truth (or observation).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from deepda.verification.guards import VerificationError

LEVELS = (0.5, 0.9)  # of the central intervals whose coverage is scored
WEIGHT = "weight"  # name of the sum of the weights
Array = NDArray[np.float64]


def errors(estimate: ArrayLike, truth: ArrayLike) -> dict[str, Array]:
    """What bias and root mean square error need of an estimate, K; the truth may be observed values."""
    error = np.asarray(estimate, float) - np.asarray(truth, float)
    return {"error": error, "square": error**2}


def moments(estimate: ArrayLike, truth: ArrayLike) -> dict[str, Array]:
    """The same and what a correlation needs: means and products of both, of anomalies in K."""
    own, true = np.asarray(estimate, float), np.asarray(truth, float)
    products = {"own_square": own**2, "true_square": true**2, "product": own * true}
    return errors(own, true) | {"own": own, "true": true} | products


def spread_moments(error: ArrayLike, stddev: ArrayLike) -> dict[str, NDArray[Any]]:
    """What the scores of a stated standard deviation (K) need: its square, truths inside intervals."""
    miss, spread = np.abs(np.asarray(error, float)), np.asarray(stddev, float)
    inside = {_inside(level): miss <= ndtri(0.5 + level / 2) * spread for level in LEVELS}
    return {"variance": spread**2, **inside}


def weighted_sums(weights: xr.DataArray, values: Mapping[str, NDArray[Any]]) -> xr.Dataset:
    """Sums of weight x value over the rows of each region, and of the weight.

    Args:
        weights: (region, row), zero where a row does not belong to the region.
        values: name to (row).

    Returns:
        Each name and `weight`: (region).

    Raises:
        VerificationError: a value is not finite where a weight is positive.
    """
    kernel = _Kernel(weights, partial=False)
    sums = zip((*values, WEIGHT), kernel.sums(values), strict=True)
    return xr.Dataset({name: (kernel.dims, one) for name, one in sums}, kernel.coords)


class WindowSums:
    """Adds windows up to what the scores need.

    Args:
        weights: (region, depth, lat, lon) water volume, m3.
        partial: values may be missing (NaN) where the weight is positive, and then do not count.
        mapped: names of the values whose means over the windows are kept cell by cell.
    """

    def __init__(
        self, weights: xr.DataArray, *, partial: bool = False, mapped: Collection[str] = ()
    ) -> None:
        self._kernel = _Kernel(weights, partial)
        self._cells = (weights > 0).any("region")
        self._maps = {name: np.zeros(self._cells.shape) for name in mapped}
        self._sums: list[Array] = []
        self._times: list[np.datetime64] = []
        self._names: tuple[str, ...] = ()

    def add(self, time: np.datetime64, values: Mapping[str, NDArray[Any]]) -> None:
        """Count one window in.

        Args:
            time: its middle.
            values: name to (depth, lat, lon), the same names in all windows.

        Raises:
            VerificationError: a value is missing although `partial` is False.
        """
        try:
            self._sums.append(self._kernel.sums(values))
        except VerificationError as error:
            raise VerificationError(f"in the window of {time}, {error}") from error
        self._names = (*values, WEIGHT)
        self._times.append(time)
        for name, total in self._maps.items():
            total += values[name]

    def result(self) -> xr.Dataset:
        """Each name and `weight`: (time, region, depth); `NAME_map`: (depth, lat, lon), NaN on land."""
        dims = ("time", *self._kernel.dims)
        columns = np.stack(self._sums, axis=1)
        series = {name: (dims, one) for name, one in zip(self._names, columns, strict=True)}
        maps = {
            f"{name}_map": self._cells.copy(data=total / len(self._times)).where(self._cells)
            for name, total in self._maps.items()
        }
        return xr.Dataset({**series, **maps}, {"time": np.array(self._times), **self._kernel.coords})


class _Kernel:
    """The product of weights and values, laid out once for all windows."""

    def __init__(self, weights: xr.DataArray, partial: bool) -> None:
        self.dims = ("region", "depth") if "depth" in weights.dims else ("region",)
        ordered = weights.transpose(*self.dims, ...)
        self.coords = {name: ordered[name].values for name in self.dims}
        self._shape = tuple(ordered.sizes[name] for name in self.dims)
        layers = ordered.sizes.get("depth", 1)
        cells = int(np.prod([ordered.sizes[name] for name in ordered.dims if name not in self.dims]))
        self._weights = ordered.values.reshape(len(ordered), layers, cells).swapaxes(0, 1)
        self._needed, self._partial = (self._weights > 0).any(axis=1), partial

    def sums(self, values: Mapping[str, NDArray[Any]]) -> Array:
        """(value, *dims), the weight last."""
        layout = self._needed.shape
        columns = np.stack([np.reshape(value, layout) for value in values.values()], -1).astype(float)
        known = np.isfinite(columns).all(axis=-1, keepdims=True)
        missing = int((self._needed & ~known[..., 0]).sum())
        if missing and not self._partial:
            raise VerificationError(
                f"{missing} of {int(self._needed.sum())} values are not finite where the weight is "
                "positive, expected none; make the analysis of that window again"
            )
        columns = np.concatenate([np.where(known, columns, 0.0), known], axis=-1)
        sums = (self._weights @ columns).transpose(2, 1, 0)
        return sums.reshape(len(sums), *self._shape)


def mean_of(sums: xr.Dataset, name: str, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """(region, ...keep) weighted mean of a value over time and depth; NaN where nothing has weight.

    Args:
        sums: of `weighted_sums` or `WindowSums`.
        keep: dimensions of the result beside `region`.
    """
    over = [dim for dim in sums[name].dims if dim != "region" and dim not in keep]
    weight = sums[WEIGHT].sum(over)
    return sums[name].sum(over) / weight.where(weight > 0)


def bias_of(sums: xr.Dataset, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """(region, ...keep) mean error, K."""
    return mean_of(sums, "error", keep)


def rmse_of(sums: xr.Dataset, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """(region, ...keep) root mean square error, K."""
    return mean_of(sums, "square", keep) ** 0.5


def spread_of(sums: xr.Dataset, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """(region, ...keep) root mean square of the stated standard deviation, K."""
    return mean_of(sums, "variance", keep) ** 0.5


def spread_over_error(sums: xr.Dataset, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """(region, ...keep) spread over error, dimensionless; 1 is right, below it is overconfident.

    Both are root mean squares over the same cells and windows (Fortin et al. 2014, J. Hydrometeorol.
    15, eq. 3).
    """
    return spread_of(sums, keep) / rmse_of(sums, keep)


def correlation_of(sums: xr.Dataset) -> xr.DataArray:
    """(region, depth) correlation of anomalies over places and windows; NaN without variance."""
    names = ("own", "own_square", "true", "true_square", "product")
    own, own_square, true, true_square, product = (mean_of(sums, name) for name in names)
    power = (own_square - own**2) * (true_square - true**2)
    return (product - own * true) / power.where(power > 1e-12) ** 0.5


def coverage_of(sums: xr.Dataset, keep: Collection[Hashable] = ("depth",)) -> xr.DataArray:
    """(level, region, ...keep) share of truths inside the central intervals of the spread, 0..1."""
    shares = [mean_of(sums, _inside(level), keep) for level in LEVELS]
    return xr.concat(shares, xr.DataArray(list(LEVELS), dims="level", name="level"))


def _inside(level: float) -> str:
    return f"inside_{level:.0%}"
