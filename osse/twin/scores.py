"""Scores of a finished twin, from its files alone: anybody can make them again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from deepda.assimilation.state import StateSpace
from deepda.base.text import METHOD_NAMES, beside, span_beside
from deepda.geometry.grid import Grid
from deepda.verification import (
    REGIONS,
    VerificationError,
    WindowSums,
    coverage_of,
    crps_gaussian,
    desroziers,
    errors,
    ocean_weights,
    pit_histogram,
    region_weights,
    require_same_grid,
    require_same_times,
    rmse_of,
    spread_moments,
    spread_over_error,
    weighted_mean,
    zonal_spectrum,
)
from deepda.verification.bootstrap import gain_over_best
from osse.twin.fair_baselines import NAMES

OBSERVED = "observations"  # superobservations, scored as a method
BASELINES = ("climatology", "persistence", "oi", *NAMES)
METHODS = ("analysis", "background", *BASELINES, OBSERVED)
SEGMENT = 16  # cells of a zonal stretch for spectra: 64 degrees on a 4-degree grid
UNTUNED = ("persistence", "climatology")  # the best of them alone is not called the best baseline


def open_fields(output: Path) -> dict[str, xr.DataArray]:
    """truth, analysis, background, stddev and the baselines of a run, lazily, by name."""
    analysis = xr.open_dataset(output / "analysis.nc")
    fields = {
        "truth": xr.open_dataset(output / "truth.nc")["thetao"],
        "analysis": analysis["thetao"],
        "background": analysis["thetao_background"],
        "stddev": analysis["thetao_stddev"],
        "influence": analysis["thetao_observation_influence"],
    }
    for path in sorted((output / "baselines").glob("*.nc")):
        fields[path.stem] = xr.open_dataset(path)["thetao"]
    return fields


def scores_of(
    output: Path, space: StateSpace, superobservations: np.ndarray, stated: np.ndarray, spinup: int
) -> dict[str, Any]:
    """RMSE of all methods, reliability of the analysis, spectra; see `scores.json`.

    Args:
        superobservations: (time, depth, lat, lon) degC, NaN where nothing was observed.
        stated: errors of these, K.
        spinup: windows that do not count.

    Raises:
        VerificationError: nothing left after spin-up, other times or places, missing values.
    """
    fields = open_fields(output)
    count = fields["truth"].sizes["time"]
    if not 0 <= spinup < count:
        raise VerificationError(
            f"a spin-up of {spinup} windows found, expected 0..{count - 1} of {count}; "
            "write osse.spinup=N"
        )
    after = {name: field.isel(time=slice(spinup, None)) for name, field in fields.items()}
    truth = after["truth"]
    observed = truth.copy(data=superobservations[spinup:])
    sums = sums_of(after | {OBSERVED: observed}, space.grid)
    return {
        "rmse": {name: _rmse(one) for name, one in sums.items()},
        "rmse_unit": "K",
        "depth_m": [float(depth) for depth in truth["depth"].values],
        "spinup_windows": spinup,
        "scored_windows": count - spinup,
        "scored_from": str(truth["time"].values[0]),
        "scored_to": str(truth["time"].values[-1]),
        "gain": gain_of(sums, space.climatology.per_year),
        "reliability": reliability(after, sums, space.grid)
        | {"desroziers": consistency(after, observed, stated[spinup:])},
        "spectral_ratio": spectra(after, space),
    }


def sums_of(fields: Mapping[str, xr.DataArray], grid: Grid) -> dict[str, xr.Dataset]:
    """Sums of the errors of each method by window, region of REGIONS and depth.

    Superobservations are scored in the cells that have one; of the analysis there are the sums of its
    stated spread too.

    Args:
        fields: (time, depth, lat, lon) degC by name, `stddev` (K) and the truth among them.
    """
    truth, stddev = fields["truth"], fields["stddev"]
    boxes = [region_weights(grid, box) for box in REGIONS.values()]
    weights = xr.concat(boxes, "region").assign_coords(region=list(REGIONS))
    sums = {}
    for name in (name for name in METHODS if name in fields):
        field = fields[name]
        require_same_grid(field, truth)
        require_same_times(field, truth)
        one = WindowSums(weights, partial=name == OBSERVED)
        for step, time in enumerate(truth["time"].values):
            values = errors(field[step].values, truth[step].values)
            if name == "analysis":
                values |= spread_moments(values["error"], stddev[step].values)
            one.add(time, values)
        sums[name] = one.result()
    return sums


def gain_of(sums: Mapping[str, xr.Dataset], per_year: int) -> dict[str, Any]:
    """Gain of the analysis over the best baseline, see `gain_over_best`.

    Args:
        sums: of the analysis and the baselines, see `sums_of`.
    """
    baselines = {name: _by_window(sums[name]) for name in BASELINES if name in sums}
    return gain_over_best(_by_window(sums["analysis"]), baselines, per_year)


def gain_words(gain: Mapping[str, Any]) -> str:
    """The gain over the best baseline, as the terminal and the page say it."""
    known = gain["low"] is not None
    interval = f" (95 % interval {span_beside(gain['low'], gain['high'])})" if known else ""
    best = "" if gain["baseline"] in UNTUNED else "the best baseline, "
    name = METHOD_NAMES.get(gain["baseline"], gain["baseline"])
    return f"{beside(gain['gain'])} that of {best}{name}{interval}"


def _by_window(sums: xr.Dataset) -> np.ndarray:
    """(time) K2, volume-weighted mean square error over the ocean."""
    whole = sums.sel(region="global").sum("depth")
    return np.asarray(whole["square"] / whole["weight"])


def _rmse(sums: xr.Dataset) -> dict[str, Any]:
    """Over the ocean, K; None in a level without a value."""
    levels = rmse_of(sums).sel(region="global").values
    number = float(rmse_of(sums, ()).sel(region="global"))
    return {
        "all": number if np.isfinite(number) else None,
        "by_depth": [float(level) if np.isfinite(level) else None for level in levels],
    }


def reliability(
    fields: Mapping[str, xr.DataArray], sums: Mapping[str, xr.Dataset], grid: Grid
) -> dict[str, Any]:
    """How well the stated spread is calibrated: by depth and over all; see `deepda.verification`.

    `standardised_error_variance` is the mean of (error / spread)^2: 1 is right, and unlike the ratio of
    spread and error the spread must be right place by place.
    """
    error = (fields["analysis"] - fields["truth"]).load()
    stddev, weights, mine = fields["stddev"].load(), ocean_weights(grid), sums["analysis"]
    regions = spread_over_error(mine, ())
    crps = crps_gaussian(fields["analysis"], stddev, fields["truth"])
    coverage = coverage_of(mine, ()).sel(region="global")
    result = {
        "spread_skill": {
            "all": float(regions.sel(region="global")),
            "by_depth": _numbers(spread_over_error(mine).sel(region="global")),
            "by_region": {
                str(name): float(regions.sel(region=name))
                for name in regions["region"].values
                if name != "global"
            },
        },
        "standardised_error_variance": {
            "by_depth": _numbers(weighted_mean((error / stddev) ** 2, weights, keep=("depth",)))
        },
        "coverage": {str(level): float(coverage.sel(level=level)) for level in coverage["level"].values},
        "pit": [round(float(share), 4) for share in pit_histogram(error, stddev, weights)],
        "crps_analysis": float(weighted_mean(crps, weights)),
    }
    if "oi" in fields:
        # The baseline is given the best constant spread of each layer, known only afterwards.
        constant = rmse_of(sums["oi"]).sel(region="global", drop=True).broadcast_like(error)
        crps = crps_gaussian(fields["oi"], constant, fields["truth"])
        result["crps_oi_with_its_own_rmse_as_spread"] = float(weighted_mean(crps, weights))
    return result


def consistency(
    fields: dict[str, xr.DataArray], observed: xr.DataArray, errors: np.ndarray
) -> dict[str, list[float | None]]:
    """Desroziers diagnostics: estimated over assumed errors, by depth; see `desroziers`.

    `observation`: of the superobservations; `analysis`: of the analysis where it was observed. The
    square root of the ratio of variances; 1 is right, None where nothing was observed or the variance
    comes out negative.
    """
    before, after = (observed.values - fields[name].values for name in ("background", "analysis"))
    stated = fields["stddev"].values
    ratios: list[tuple[float | None, float | None]] = []
    for level in range(observed.sizes["depth"]):
        seen = np.isfinite(before[:, level]) & np.isfinite(errors[:, level])
        if not seen.any():
            ratios.append((None, None))
            continue
        estimated = desroziers(before[:, level][seen], after[:, level][seen], errors[:, level][seen])
        own = np.square(stated[:, level][seen], dtype=float).mean()
        ratios.append((_root(estimated.ratio), _root(estimated.analysis / own)))
    return {"observation": [r[0] for r in ratios], "analysis": [r[1] for r in ratios]}


def _root(ratio: float) -> float | None:
    return round(float(np.sqrt(ratio)), 4) if ratio >= 0 else None


def spectra(fields: dict[str, xr.DataArray], space: StateSpace) -> dict[str, list[float]]:
    """Power of the analysed anomalies over that of the truth, by depth: 1 keeps all variance.

    The shortest third of the resolved zonal wavelengths, where blur shows first.
    """
    names = [name for name in ("truth", "analysis", "oi") if name in fields]
    power = {name: spectrum_of(fields[name], space) for name in names}
    short = slice(2 * power["truth"].sizes["wavenumber"] // 3, None)
    small = {name: line.isel(wavenumber=short).sum("wavenumber") for name, line in power.items()}
    return {name: _numbers(line / small["truth"]) for name, line in small.items() if name != "truth"}


def spectrum_of(field: xr.DataArray, space: StateSpace) -> xr.DataArray:
    """(depth, wavenumber) zonal spectrum of the anomalies of a field of degC."""
    season = season_of(field, space)
    thinned = field.isel(time=slice(None, None, 3))
    anomaly = thinned - space.climatology.mean[season[::3]]
    return zonal_spectrum(anomaly, space.grid, length=min(SEGMENT, space.grid.shape[2]))


def season_of(field: xr.DataArray, space: StateSpace) -> np.ndarray:
    """(time) season of the windows of a field whose last window ends a year."""
    per_year = space.climatology.per_year
    return np.arange(-field.sizes["time"], 0) % per_year


def anomaly_of(field: xr.DataArray, space: StateSpace) -> xr.DataArray:
    """(time, depth, lat, lon) K from the climatology of the space."""
    return field - space.climatology.mean[season_of(field, space)]


def _numbers(line: xr.DataArray) -> list[float]:
    return [round(float(value), 4) for value in line.values]
