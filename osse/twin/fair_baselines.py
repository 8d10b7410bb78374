"""Baselines that are given all that needs no gradient training, chosen on the validation years.

forecast_oi      optimal interpolation with the best of three forecasts, its inflation chosen with it
multi_scale_oi   the same with the samples of the control simulation split into scales
own_error_oi     the same with a variance carried in each cell and the covariance of its own background
                 errors, sampled in the training years, added to that of the control simulation
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from deepda.assimilation.baselines import OptimalInterpolation
from deepda.assimilation.cycle import DivergenceError
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from osse.twin.baseline_files import control_samples, file_of, load, save
from osse.twin.baseline_years import RankedBaseline, Years, best_of
from osse.twin.carried_variance import CarriedVariance
from osse.twin.forecast_interpolation import ForecastInterpolation
from osse.twin.forecasts import LinearForecast, fit_forecasts
from osse.twin.multi_scale import MULTI_SCALE, best_scales
from osse.twin.own_errors import OWN, with_own_errors

FORECAST = "forecast_oi"
NAMES = (FORECAST, MULTI_SCALE, OWN)
FACTORS = (0.5, 0.71, 1.0)  # on the inflation of optimal interpolation: a better forecast errs less


def tuned_baselines(
    names: Sequence[str],
    oi: OptimalInterpolation,
    years: Years,
    seed: int,
    folder: Path,
    progress: Progress,
) -> dict[str, ForecastInterpolation]:
    """The baselines asked for, or what an earlier start of this run has tuned.

    One whose analyses run away with every candidate is left out, and the log says so.

    Args:
        names: some of NAMES; others are left to their own makers.
        oi: tuned; its covariance is that of the control simulation.
        seed: of the sampled errors.
    """
    wanted = [name for name in NAMES if name in names]
    made: dict[str, ForecastInterpolation] = {}
    for name in NAMES[: max(map(NAMES.index, wanted), default=-1) + 1]:
        if not file_of(folder, name).exists():
            try:
                best = _tuned(name, oi, made, years, seed, progress)
            except DivergenceError as reason:
                progress.note(f"{name} is left out: {reason}")
                continue
            save(best.analyser, folder, name, best.about)
        made[name] = load(oi, years.grid, folder, name)
    return {name: made[name] for name in wanted if name in made}


def _tuned(
    name: str,
    oi: OptimalInterpolation,
    made: Mapping[str, ForecastInterpolation],
    years: Years,
    seed: int,
    progress: Progress,
) -> RankedBaseline:
    """The best candidate of a baseline; each starts from the one before."""
    if name == FORECAST:
        return best_forecast(oi, years, progress)
    if name == MULTI_SCALE:
        return best_scales(made[FORECAST], control_samples(oi), years, progress)
    return with_own_errors(made[MULTI_SCALE], years, seed, progress)


def saved_baselines(
    names: Sequence[str], oi: OptimalInterpolation, grid: Grid, folder: Path
) -> dict[str, ForecastInterpolation]:
    """The tuned baselines of a finished run, as many of those asked for as it has."""
    there = [name for name in NAMES if name in names and file_of(folder, name).exists()]
    return {name: load(oi, grid, folder, name) for name in there}


def best_forecast(oi: OptimalInterpolation, years: Years, progress: Progress) -> RankedBaseline:
    """Optimal interpolation with the forecast and the inflation of least error."""
    inflation = torch.tensor(FACTORS)[:, None] * oi.inflation
    law = CarriedVariance.on(years.grid)

    def tried(forecast: LinearForecast) -> RankedBaseline:
        analyser = ForecastInterpolation(oi, forecast, law, carried=False)
        rmse, chosen = years.best(analyser, inflation)
        progress.note(f"{FORECAST}: {rmse:.4f} K on the validation years with {forecast.name}")
        return RankedBaseline(rmse, analyser.with_inflation(chosen), {})

    return best_of(map(tried, fit_forecasts(years.data.anomalies, years.grid.ocean, years.transition)))
