"""The section of the page on how far two products agree."""

from __future__ import annotations

import numpy as np
import xarray as xr

from deepda.evaluation.charts import over_time
from deepda.evaluation.findings import Findings
from deepda.evaluation.records import correlation
from deepda.evaluation.section_fields import profile_of
from deepda.figures import profile_curves
from deepda.figures.maps import Panel, map_panels
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table, rows_by_depth
from deepda.verification import weighted_mean
from deepda.verification.basins import BASINS


def agreement_section(found: Findings) -> Section | None:
    """Error and correlation against the reference; None without one."""
    if found.comparison is None or found.reference is None:
        return None
    found.facts["Root mean square difference"] = f"{overall(found.comparison.square, found):#.3g} K"
    blocks: list[Picture | Table] = [_agreement_maps(found, level) for level in found.frame.levels]
    profiles = {region: profile_of(found.comparison.square, found, region) for region in BASINS}
    profiles = {
        region: profile for region, profile in profiles.items() if any(p is not None for p in profile)
    }
    correlated = _correlation_by_depth(found)
    if found.baselines:
        blocks.append(_baselines(found))
    blocks += [
        Picture(
            "rmse_by_basin",
            profile_curves(profiles, found.frame.grid.depth, "root mean square difference (K)"),
            f"Root mean square difference by depth and basin, bias included, {found.span}.",
        ),
        Picture(
            "correlation_by_basin",
            profile_curves(correlated, found.frame.grid.depth, "correlation of anomalies (1)"),
            f"Correlation of anomalies by depth and basin, over places and times together, "
            f"{found.span}.",
        ),
        _error_series(found),
        _basin_table(found),
    ]
    return Section(
        "Agreement with the reference",
        blocks,
        "Differences are analysis − reference in the same windows and cells; squares are "
        "averaged, then the root is taken.",
    )


def overall(square: xr.DataArray, found: Findings) -> float:
    """K, root of a mean square (depth, lat, lon) K2 over the whole ocean."""
    weights = found.frame.basins.sel(region="global", drop=True)
    return float(np.sqrt(weighted_mean(square, weights)))


def _agreement_maps(found: Findings, level: int) -> Picture:
    assert found.comparison is not None
    fit = correlation(found.comparison)[level]
    panels = [
        Panel(found.comparison.rmse[level], "rms difference", f"Difference, {found.where(level)}"),
        Panel(fit, "correlation", f"Correlation, {found.where(level)}", (_floor(fit), 1.0)),
    ]
    return Picture(
        found.picture("agreement", level),
        map_panels(panels, found.frame.grid, level=level, columns=2),
        f"Root mean square difference and correlation of anomalies at {found.at(level)}, {found.span}.",
        wide=True,
    )


def _baselines(found: Findings) -> Picture:
    assert found.comparison is not None
    all_of = {name: one.square for name, (_, one) in found.baselines.items()}
    profiles = {
        name: profile_of(square, found)
        for name, square in (all_of | {"analysis": found.comparison.square}).items()
    }
    return Picture(
        "rmse_of_baselines",
        profile_curves(profiles, found.frame.grid.depth, "root mean square difference (K)"),
        "The same difference of the analysis and of the baselines, by depth over the whole ocean, "
        f"{found.span}. Left is better.",
    )


def _floor(fit: xr.DataArray) -> float:
    """Where the colours of a correlation begin: a round number below nearly all of it, not negative."""
    low = float(np.floor(10 * np.nanpercentile(fit.values, 2)) / 10)
    return float(np.clip(low, 0.0, 0.8))


def _correlation_by_depth(found: Findings) -> dict[str, list[float | None]]:
    one = found.comparison
    assert one is not None
    curves = {}
    for region in BASINS:
        weights = found.frame.basins.sel(region=region, drop=True)
        means = [
            weighted_mean(field, weights, ("depth",)).values
            for field in (one.covariance, one.own_variance, one.true_variance)
        ]
        power = means[1] * means[2]
        values = means[0] / np.sqrt(np.where(power > 0, power, np.nan))
        if np.isfinite(values).any():
            curves[region] = [float(value) if np.isfinite(value) else None for value in values]
    return curves


def _error_series(found: Findings) -> Picture:
    assert found.comparison is not None
    monthly = found.monthly(found.comparison.by_time**2) ** 0.5
    lines = {found.where(level): monthly.isel(depth=level) for level in found.frame.levels}
    deepest = found.frame.grid.shape[0] - 1
    lines[found.where(deepest)] = monthly.isel(depth=deepest)
    return Picture(
        "rmse_series",
        over_time(lines, "rms difference (K)"),
        "Root mean square difference by month over the whole ocean"
        f"{', spin-up included' if found.frame.axis.spinup else ''}.",
        wide=True,
    )


def _basin_table(found: Findings) -> Table:
    assert found.comparison is not None
    columns = {region: profile_of(found.comparison.square, found, region) for region in BASINS}
    rows = rows_by_depth(found.frame.grid.depth, columns)
    return Table(
        "rmse_table", rows, "Root mean square difference in K by depth and basin.", corner="depth"
    )
