"""Scores of a finished twin, from its files alone: anybody can make them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from deepda.assimilation.state import StateSpace
from deepda.geometry.grid import Grid
from deepda.verification import (
    REGIONS,
    crps_gaussian,
    desroziers,
    interval_coverage,
    ocean_weights,
    pit_histogram,
    region_weights,
    score_table,
    spread_skill,
    standardised_error_variance,
    weighted_mean,
    zonal_spectrum,
)

SEGMENT = 16  # cells of a zonal stretch for spectra: 64 degrees on a 4-degree grid


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
    output: Path, space: StateSpace, superobservations: np.ndarray, errors: np.ndarray, spinup: int
) -> dict[str, Any]:
    """RMSE of all methods, reliability of the analysis, spectra; see `scores.json`.

    Args:
        output: folder of the run.
        space: grid and climatology.
        superobservations: (time, depth, lat, lon) degC, NaN where nothing was observed.
        errors: of these, K.
        spinup: windows that do not count.
    """
    fields = open_fields(output)
    weights = ocean_weights(space.grid)
    truth = fields["truth"]
    observed = truth.copy(data=superobservations)
    names = ("analysis", "background", "climatology", "persistence", "oi")
    candidates = {name: fields[name] for name in names if name in fields} | {"observations": observed}
    table = score_table(truth, candidates, weights, spinup)
    after = {name: field.isel(time=slice(spinup, None)) for name, field in fields.items()}
    return table | {
        "reliability": reliability(after, weights, space.grid)
        | {"desroziers": consistency(after, observed[spinup:], errors[spinup:])},
        "spectral_ratio": spectra(after, space),
    }


def reliability(fields: dict[str, xr.DataArray], weights: xr.DataArray, grid: Grid) -> dict[str, Any]:
    """How honest the stated spread is: by depth and over all; see `deepda.verification`."""
    error = (fields["analysis"] - fields["truth"]).load()
    stddev = fields["stddev"].load()
    crps = crps_gaussian(fields["analysis"], stddev, fields["truth"])
    result = {
        "spread_skill": {
            "all": float(spread_skill(stddev, error, weights)),
            "by_depth": _numbers(spread_skill(stddev, error, weights, keep=("depth",))),
            "by_region": {
                name: float(spread_skill(stddev, error, region_weights(grid, box)))
                for name, box in REGIONS.items()
                if name != "global"
            },
        },
        "standardised_error_variance": {
            "by_depth": _numbers(standardised_error_variance(error, stddev, weights, keep=("depth",)))
        },
        "coverage": {
            str(level): float(share)
            for level, share in zip(
                (0.5, 0.9), interval_coverage(error, stddev, weights).values, strict=True
            )
        },
        "pit": [round(float(share), 4) for share in pit_histogram(error, stddev, weights)],
        "crps_analysis": float(weighted_mean(crps, weights)),
    }
    if "oi" in fields:
        miss = (fields["oi"] - fields["truth"]).load()
        constant = weighted_mean(miss**2, weights, keep=("depth",)) ** 0.5
        # The baseline is given the best constant spread of each layer, known only afterwards.
        crps = crps_gaussian(fields["oi"], constant.broadcast_like(miss), fields["truth"])
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


def box_mean(field: xr.DataArray, grid: Grid, weights: xr.DataArray) -> xr.DataArray:
    """(time) mean of a field over weighted cells."""
    return weighted_mean(field, weights, keep=("time",))


def _numbers(line: xr.DataArray) -> list[float]:
    return [round(float(value), 4) for value in line.values]
