"""Optimal interpolation with the covariance of its own background errors.

    B = D (share C + (1 - share) M) D

D is the carried spread, C the localised covariance of background errors over D, sampled while the
multi-scale baseline is cycled through the training years, where the truth is known; M is the multi-scale
covariance of the control simulation. Share, reach and inflation are those of least error on the
validation years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

import numpy as np
import torch

from deepda.assimilation.baselines.tuning import RANKING
from deepda.assimilation.covariance_sum import CovarianceSum, times
from deepda.assimilation.localisation import Localisation, Reach
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.assimilation.samples import Samples
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.training.background_errors import sample_background_errors
from osse.twin.baseline_years import RankedBaseline, Years, best_of
from osse.twin.forecast_interpolation import ForecastInterpolation

OWN = "own_error_oi"
INFLATIONS = (0.7, 1.0, 1.4)
SHARES = (0.5, 0.75)  # of own errors in the covariance
REACHES = ((3000.0, 800.0), (2000.0, 800.0))  # km, m: of own errors, the first one with each share
SAMPLES = 160  # of own errors


def with_own_errors(
    start: ForecastInterpolation, years: Years, seed: int, progress: Progress
) -> RankedBaseline:
    """The candidate of least error on the validation years.

    Args:
        start: with the multi-scale covariance; whose errors are sampled.
        years: that errors are sampled in, and candidates are ranked on.
        seed: of the observations while sampling.

    Raises:
        DivergenceError: analyses left physical limits with every candidate, or while sampling.
    """
    rough = replace(start, interpolation=replace(start.interpolation, tolerance=RANKING))
    errors = sample_background_errors(rough, years.data, seed, SAMPLES, progress)
    samples = Samples.of(errors.astype(np.float32), years.grid)
    inflation = torch.tensor(INFLATIONS)[:, None].expand(-1, years.grid.shape[0])

    def tried(share: float, radius_km: float, depth_scale_m: float) -> RankedBaseline:
        reach = {"radius_km": radius_km, "depth_scale_m": depth_scale_m}
        about = {name: str(value) for name, value in {"share": share, **reach}.items()}
        covariance = with_control(samples, start.interpolation.covariance, years.grid, about)
        interpolation = replace(start.interpolation, covariance=covariance)
        rmse, best = years.best(replace(start, interpolation=interpolation, carried=True), inflation)
        progress.note(
            f"{OWN}: {rmse:.4f} K on the validation years with {share:.0%} own errors within "
            f"{radius_km:g} km and {depth_scale_m:g} m"
        )
        chosen = replace(start, interpolation=interpolation.with_inflation(best), carried=True)
        return RankedBaseline(rmse, chosen, about)

    best = best_of(tried(share, *REACHES[0]) for share in SHARES)
    share = float(best.about["share"])
    return best_of(chain([best], (tried(share, *reach) for reach in REACHES[1:])))


def with_control(
    samples: Samples,
    control: SampleCovariance | CovarianceSum,
    grid: Grid,
    about: Mapping[str, str],
    reach: Reach | None = None,
) -> CovarianceSum:
    """The covariance of own errors, which comes first, added to that of the control simulation.

    Args:
        samples: of background errors over the carried spread.
        about: `share` of own errors, and their `radius_km` and `depth_scale_m`.
        reach: of own errors in place of these; None for none.

    Raises:
        ValueError, KeyError, CovarianceError: numbers that cannot be used.
    """
    share = float(about["share"])
    tuned = Reach(float(about["radius_km"]), float(about["depth_scale_m"]))
    localisation = Localisation.of(grid, *(reach or tuned))
    own = times(SampleCovariance(samples, localisation), share)
    others = control.parts if isinstance(control, CovarianceSum) else [control]
    return CovarianceSum([own, *(times(part, 1 - share) for part in others)])
