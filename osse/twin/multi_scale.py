"""Optimal interpolation with the multi-scale covariance of the control simulation.

Forecast and first inflation are those of optimal interpolation with the best forecast. The split into
scales, the radius of each band and a factor on the inflation are those of least error on the validation
years.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace

import torch

from deepda.assimilation.baselines import OptimalInterpolation
from deepda.assimilation.localisation import Reach
from deepda.assimilation.multi_scale import Scales, multi_scale_covariance
from deepda.assimilation.samples import Samples
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from osse.twin.baseline_years import RankedBaseline, Years, best_of
from osse.twin.forecast_interpolation import ForecastInterpolation

MULTI_SCALE = "multi_scale_oi"
CANDIDATES = (
    Scales(widths_km=(2500.0,), radii_km=(4000.0, 2000.0)),
    Scales(widths_km=(1500.0,), radii_km=(4000.0, 2000.0)),
)
FACTORS = (1.0, 1.41, 2.0)  # on the inflation of the best forecast
DEPTH_SCALE_M = 800.0  # of all bands, as of optimal interpolation


def best_scales(
    start: ForecastInterpolation, control: Samples, years: Years, progress: Progress
) -> RankedBaseline:
    """The candidate of least error on the validation years.

    Args:
        start: with the best forecast and its inflation.

    Raises:
        DivergenceError: analyses left physical limits with every candidate.
    """
    inflation = torch.tensor(FACTORS)[:, None] * start.interpolation.inflation

    def tried(scales: Scales) -> RankedBaseline:
        about = {name: json.dumps(value) for name, value in asdict(scales).items()}
        candidate = replace(start, interpolation=split(start.interpolation, control, years.grid, about))
        rmse, chosen = years.best(candidate, inflation)
        progress.note(
            f"{MULTI_SCALE}: {rmse:.4f} K on the validation years, bands between "
            f"{about['widths_km']} km, localised within {about['radii_km']} km"
        )
        return RankedBaseline(rmse, candidate.with_inflation(chosen), about)

    return best_of(map(tried, CANDIDATES))


def split(
    interpolation: OptimalInterpolation,
    control: Samples,
    grid: Grid,
    about: Mapping[str, str],
    reach: Reach | None = None,
) -> OptimalInterpolation:
    """The same with the multi-scale covariance of the samples.

    Args:
        about: `widths_km` and `radii_km`, lists of numbers, see `Scales`.
        reach: that the radii are scaled to, see `Scales.within`; None for none.

    Raises:
        ValueError, KeyError, CovarianceError: scales that cannot be used.
    """
    scales = Scales(tuple(json.loads(about["widths_km"])), tuple(json.loads(about["radii_km"])))
    depth = DEPTH_SCALE_M if reach is None else reach.depth_m
    scales = scales if reach is None else scales.within(reach)
    covariance = multi_scale_covariance(control, grid, scales, depth)
    return replace(interpolation, covariance=covariance)
