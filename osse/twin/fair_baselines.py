"""Baselines that are given all that needs no gradient training, chosen on the validation years.

forecast_oi    optimal interpolation with the best of three forecasts, its inflation chosen with it
own_error_oi   the same with a variance carried in each cell and the covariance of its own background
               errors, sampled in the training years and mixed with that of the control simulation;
               share, reach and inflation are chosen
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepda.assimilation.baselines import OptimalInterpolation, Validation
from deepda.assimilation.baselines.tuning import RANKING, mean_square_error
from deepda.assimilation.cycle import DivergenceError
from deepda.assimilation.localisation import Localisation
from deepda.assimilation.sample_covariance import ERROR_DEPTH_M, SampleCovariance
from deepda.assimilation.samples import Samples
from deepda.base.errors import CheckpointError
from deepda.base.files import write_whole
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.networks.transition import Transition
from deepda.runs.checkpoint import read_tensors
from deepda.training.background_errors import sample_background_errors
from deepda.training.stretches import TrainingData
from osse.twin.forecast_interpolation import ForecastInterpolation
from osse.twin.forecasts import LinearForecast, fit_forecasts

FORECAST, OWN = "forecast_oi", "own_error_oi"
FACTORS = (0.5, 0.71, 1.0)  # on the inflation of optimal interpolation: a better forecast errs less
INFLATIONS = (0.1, 0.3, 0.9)  # of the covariance of own errors
SHARES = (1.0, 0.6)  # of own errors in the covariance, the rest is the control simulation
RADII_KM = (3500.0, 2500.0)  # the first one with each share, then the others with the best
SAMPLES = 160  # of own errors, and of the control simulation


class Trial(NamedTuple):
    """A covariance of own errors that was tried, and its error on the validation years, K."""

    rmse: float
    share: float
    radius_km: float
    analyser: ForecastInterpolation


@dataclass(frozen=True, eq=False)
class Years:
    """What the baselines are fitted and chosen on.

    Attributes:
        grid: the analysis grid.
        data: training years, and the networks that they are observed by.
        transition: the regression forecast of these years.
        validation: windows that candidates are ranked on.
    """

    grid: Grid
    data: TrainingData
    transition: Transition
    validation: Validation

    def best(self, analyser: ForecastInterpolation, inflation: Tensor) -> tuple[float, Tensor]:
        """The least analysis error (K) of inflations (A, L), and the one (1, L) that has it."""
        ranking = replace(analyser, interpolation=replace(analyser.interpolation, tolerance=RANKING))
        square = mean_square_error(ranking.with_inflation(inflation), self.validation, len(inflation))
        volume = torch.from_numpy(self.grid.volume / self.grid.volume.sum()).float()
        kelvin = self.validation.stddev.where(volume > 0, 0.0)
        rmse = (volume * kelvin.square() * square).sum(dim=(1, 2, 3)).sqrt()
        first = int(rmse.argmin())
        return float(rmse[first]), inflation[first : first + 1]


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
        names: FORECAST, OWN or both; others are left to their own makers.
        oi: tuned; its covariance is that of the control simulation.
        years: what they are fitted and chosen on.
        seed: of the sampled errors.
        folder: where results are kept.
        progress: shows how far it is.
    """
    wanted = [name for name in (FORECAST, OWN) if name in names]
    if not wanted:
        return {}
    if not (folder / f"{FORECAST}.safetensors").exists():
        save(best_forecast(oi, years, progress), folder, FORECAST, {})
    made = {FORECAST: load(oi, years.grid, folder, FORECAST)}
    if OWN in wanted:
        if not (folder / f"{OWN}.safetensors").exists():
            try:
                tuned, radius = with_own_errors(made[FORECAST], years, seed, progress)
            except DivergenceError as reason:
                progress.note(f"{OWN} is left out: {reason}")
                return {name: made[name] for name in wanted if name in made}
            save(tuned, folder, OWN, {"radius_km": str(radius)})
        made[OWN] = load(oi, years.grid, folder, OWN)
    return {name: made[name] for name in wanted}


def saved_baselines(
    names: Sequence[str], oi: OptimalInterpolation, grid: Grid, folder: Path
) -> dict[str, ForecastInterpolation]:
    """The tuned baselines of a finished run, as many of those asked for as it has."""
    there = [name for name in (FORECAST, OWN) if name in names]
    return {
        name: load(oi, grid, folder, name) for name in there if (folder / f"{name}.safetensors").exists()
    }


def best_forecast(oi: OptimalInterpolation, years: Years, progress: Progress) -> ForecastInterpolation:
    """Optimal interpolation with the forecast and the inflation of least error."""
    inflation = torch.tensor(FACTORS)[:, None] * oi.inflation
    trials = []
    for forecast in fit_forecasts(years.data.anomalies, years.grid.ocean, years.transition):
        analyser = ForecastInterpolation(oi, forecast, carried=False)
        rmse, chosen = years.best(analyser, inflation)
        progress.note(f"{FORECAST}: {rmse:.4f} K on the validation years with {forecast.name}")
        trials.append((rmse, analyser.with_inflation(chosen)))
    return min(trials, key=lambda trial: trial[0])[1]


def with_own_errors(
    start: ForecastInterpolation, years: Years, seed: int, progress: Progress
) -> tuple[ForecastInterpolation, float]:
    """The forecast of `start` with the covariance of its background errors, and the radius, km.

    Raises:
        DivergenceError: analyses left physical limits with every candidate, or while sampling.
    """
    errors = sample_background_errors(start, years.data, seed, SAMPLES, progress)
    chosen = np.linspace(0, len(years.data.anomalies) - 1, len(errors)).round().astype(int)
    control = np.asarray(years.data.anomalies[chosen])
    inflation = torch.tensor(INFLATIONS)[:, None].expand(-1, years.grid.shape[0])

    def tried(share: float, radius_km: float) -> Trial:
        samples = Samples.of(mixed(errors.astype(np.float32), control, share), years.grid)
        covariance = SampleCovariance(samples, Localisation.of(years.grid, radius_km, ERROR_DEPTH_M))
        interpolation = replace(start.interpolation, covariance=covariance)
        analyser = ForecastInterpolation(interpolation, start.model, carried=True)
        rmse, best = years.best(analyser, inflation)
        progress.note(
            f"{OWN}: {rmse:.4f} K on the validation years with {share:.0%} own errors within "
            f"{radius_km:g} km"
        )
        return Trial(rmse, share, radius_km, analyser.with_inflation(best))

    trials = [tried(share, RADII_KM[0]) for share in SHARES]
    share = min(trials, key=lambda trial: trial.rmse).share
    trials += [tried(share, radius) for radius in RADII_KM[1:]]
    best = min(trials, key=lambda trial: trial.rmse)
    if not np.isfinite(best.rmse):
        raise DivergenceError(
            f"all {len(trials) * len(INFLATIONS)} candidates left physical limits in the validation "
            "years, expected one that does not"
        )
    return best.analyser, best.radius_km


def mixed(
    errors: NDArray[np.float32], control: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """Fields whose sample covariance is `share` times that of errors, the rest that of the control.

    Args:
        errors, control: (K, L, Y, X).
    """
    parts = [(share, errors), (1 - share, control)]
    total = sum(len(fields) for part, fields in parts if part > 0)
    scaled = [
        np.sqrt(part * (total - 1) / (len(fields) - 1)) * (fields - fields.mean(axis=0))
        for part, fields in parts
        if part > 0
    ]
    return np.concatenate(scaled).astype(np.float32)


def save(baseline: ForecastInterpolation, folder: Path, name: str, about: Mapping[str, str]) -> None:
    """Write a tuned baseline; of the covariance of own errors its samples, `about` has its radius."""
    model, interpolation = baseline.model, baseline.interpolation
    tensors = {"weight": model.weight, "older": model.older, "noise": model.noise}
    tensors["inflation"] = interpolation.inflation
    if baseline.carried:
        samples = interpolation.covariance.samples
        tensors |= {"codes": samples.codes, "scale": samples.scale}
    whole = {key: tensor.clone().contiguous() for key, tensor in tensors.items()}
    metadata = {"forecast": model.name, **about}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    write_whole(path, lambda partial: save_file(whole, partial, metadata=metadata))


def load(oi: OptimalInterpolation, grid: Grid, folder: Path, name: str) -> ForecastInterpolation:
    """A tuned baseline.

    Raises:
        CheckpointError: the file is broken.
    """
    path = folder / f"{name}.safetensors"
    tensors = read_tensors(path)
    with safe_open(path, "pt") as file:
        about = file.metadata() or {}
    try:
        model = LinearForecast(about["forecast"], tensors["weight"], tensors["older"], tensors["noise"])
        interpolation = oi.with_inflation(tensors["inflation"])
        if name == OWN:
            localisation = Localisation.of(grid, float(about["radius_km"]), ERROR_DEPTH_M)
            samples = Samples(tensors["codes"], tensors["scale"])
            interpolation = replace(interpolation, covariance=SampleCovariance(samples, localisation))
    except (KeyError, ValueError) as reason:
        raise CheckpointError(
            f"{path} is broken ({reason}); remove it and give `deepda osse run` again"
        ) from reason
    return ForecastInterpolation(interpolation, model, carried=name == OWN)
