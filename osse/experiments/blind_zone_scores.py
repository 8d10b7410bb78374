"""Scores of the blind-zone experiment: by depth, sea and quarter, and how deep each way reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from deepda.verification import (
    correlation_of,
    coverage_of,
    mean_of,
    rmse_of,
    spread_over_error,
)
from osse.experiments.regions import by_region
from osse.experiments.results import ANALYSER, DESCRIBED

METHODS = (
    "analysis", "oi", "regression", "regression_of_observations", "repeat_downward", "marching_average",
    "climatology",
)  # fmt: skip
ABOUT = {
    "title": "Blind zone: errors below what is observed, of a twin experiment of DeepDA",
    "summary": "Errors of analyses of a simulated ocean of which the deep is not observed, by method, "
    "over all windows that are scored",
}
STATED = ("analysis", "oi")  # that state a spread
QUARTERS = ("Jan-Mar", "Apr-Jun", "Jul-Sep", "Oct-Dec")
REACHES = {"better than climatology": 1.0, "half the variance": 0.5**0.5}  # error over climatology's


def scores_of(sums: Mapping[str, xr.Dataset], last: int) -> dict[str, Any]:
    """RMSE, its ratio to climatology's, correlation, spread over error, coverage, reach.

    Each by method and region, by depth; `all` pools the blind zone, all levels below the last one seen.
    """
    climatology = sums["climatology"]
    scores: dict[str, Any] = {
        "rmse": {}, "over_climatology": {}, "correlation": {}, "reach_m": {}, "by_quarter": {},
        "spread_over_error": {}, "coverage": {},
    }  # fmt: skip
    reference = rmse_of(climatology)
    for name in (name for name in METHODS if name in sums):
        ratio = rmse_of(sums[name]) / reference
        scores["rmse"][name] = by_region(rmse_of(sums[name]), _blind(sums[name], last))
        pooled = _blind(sums[name], last) / _blind(climatology, last)
        scores["over_climatology"][name] = by_region(ratio, pooled)
        scores["correlation"][name] = by_region(correlation_of(sums[name]))
        scores["reach_m"][name] = {
            str(region): {
                what: depth_of_reach(ratio.sel(region=region).values, ratio["depth"].values, limit)
                for what, limit in REACHES.items()
            }
            for region in ratio["region"].values
        }
        scores["by_quarter"][name] = {
            quarter: by_region(rmse_of(one) / rmse_of(other))
            for quarter, one, other in _quarters(sums[name], climatology)
        }
    for name, one in sums.items():
        if "variance" in one:
            scores["spread_over_error"][name] = by_region(spread_over_error(one))
            shares = coverage_of(one)
            scores["coverage"][name] = {
                f"{level:.0%}": by_region(shares.sel(level=level)) for level in shares["level"].values
            }
    return scores


def depth_of_reach(ratio: ArrayLike, depth: ArrayLike, limit: float) -> float | None:
    """Depth (m) at which a ratio by depth first rises to a limit, linear between levels.

    Zero if it starts there; None if it stays below down to the last level that has a value.
    """
    values, places = np.asarray(ratio, float), np.asarray(depth, float)
    there = np.isfinite(values)
    values, places = values[there], places[there]
    above = np.flatnonzero(values >= limit - 1e-9)
    if not above.size:
        return None
    first = int(above[0])
    if first == 0:
        return 0.0
    share = (limit - values[first - 1]) / (values[first] - values[first - 1])
    return float(round(places[first - 1] + share * (places[first] - places[first - 1]), 1))


def rows_of(scores: Mapping[str, Any]) -> pd.DataFrame:
    """One row a method, region and depth (m), and for each quarter of the year beside all of it."""
    rows = []
    for name in scores["rmse"]:
        trees = {"rmse_K": scores["rmse"][name]}
        for key in ("over_climatology", "correlation", "spread_over_error"):
            trees[key] = scores[key].get(name)
        for share in ("50%", "90%"):
            trees[f"coverage_{share[:2]}"] = scores["coverage"].get(name, {}).get(share)
        for quarter, tree in scores["by_quarter"][name].items():
            trees[f"over_climatology_{quarter}"] = tree
        for region in scores["regions"]:
            for level, depth in enumerate(scores["depth_m"]):
                place = {"method": name, "region": region, "depth_m": depth}
                values = {key: tree and tree[region]["by_depth"][level] for key, tree in trees.items()}
                rows.append(place | values)
    return pd.DataFrame(rows)


def maps_of(sums: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """rmse (analyser, depth, lat, lon) K of all methods, spread of those that state one."""
    errors = xr.concat([sums[name]["square_map"] for name in METHODS], "analyser") ** 0.5
    spread = xr.concat([sums[name]["variance_map"] for name in STATED], "stated") ** 0.5
    fields = {"rmse": errors.astype(np.float32), "spread": spread.astype(np.float32)}
    fields = {name: field.assign_attrs(DESCRIBED[name]) for name, field in fields.items()}
    coords = {
        "analyser": ("analyser", list(METHODS), ANALYSER),
        "stated": ("stated", list(STATED), {"long_name": "method that states a spread"}),
    }
    return xr.Dataset(fields).assign_coords(coords).assign_attrs(ABOUT)


def _blind(sums: xr.Dataset, last: int) -> xr.DataArray:
    """(region) root mean square error of all levels below the last one seen, K."""
    return mean_of(sums.isel(depth=slice(last + 1, None)), "square", ()) ** 0.5


def _quarters(one: xr.Dataset, other: xr.Dataset) -> Iterator[tuple[str, xr.Dataset, xr.Dataset]]:
    quarter = (one["time"].dt.month.values - 1) // 3
    for index, name in enumerate(QUARTERS):
        if (quarter == index).any():
            yield name, one.isel(time=quarter == index), other.isel(time=quarter == index)
