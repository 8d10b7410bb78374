"""Tuned baselines on disk: one file each, in the checkpoint of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file

from deepda.assimilation.baselines import OptimalInterpolation
from deepda.assimilation.covariance_sum import CovarianceSum
from deepda.assimilation.localisation import Reach
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.assimilation.samples import Samples
from deepda.base.errors import CheckpointError
from deepda.base.files import write_whole
from deepda.geometry.grid import Grid
from deepda.runs.checkpoint import read_tensors
from osse.twin.carried_variance import CarriedVariance
from osse.twin.forecast_interpolation import ForecastInterpolation
from osse.twin.forecasts import LinearForecast
from osse.twin.multi_scale import MULTI_SCALE, split
from osse.twin.own_errors import OWN, with_control


def file_of(folder: Path, name: str) -> Path:
    """Where a tuned baseline is kept."""
    return folder / f"{name}.safetensors"


def save(baseline: ForecastInterpolation, folder: Path, name: str, about: Mapping[str, str]) -> None:
    """Write a tuned baseline.

    Samples of own errors are kept, a covariance of the control simulation is made again.
    """
    model, interpolation = baseline.model, baseline.interpolation
    tensors = {"weight": model.weight, "older": model.older, "noise": model.noise}
    tensors["inflation"] = interpolation.inflation
    if baseline.carried and isinstance(interpolation.covariance, CovarianceSum):
        samples = interpolation.covariance.parts[0].samples
        tensors |= {"codes": samples.codes, "scale": samples.scale}
    whole = {key: tensor.clone().contiguous() for key, tensor in tensors.items()}
    metadata = {"forecast": model.name, **about}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(file_of(folder, name), lambda partial: save_file(whole, partial, metadata=metadata))


def load(
    oi: OptimalInterpolation, grid: Grid, folder: Path, name: str, reach: Reach | None = None
) -> ForecastInterpolation:
    """A tuned baseline.

    Args:
        oi: tuned; its covariance is that of the control simulation.
        reach: of the background errors, in place of what was tuned; bands keep the ratios of their
            radii. None leaves what was tuned.

    Raises:
        CheckpointError: the file is broken.
    """
    path = file_of(folder, name)
    tensors, about = read_tensors(path)
    try:
        model = LinearForecast(about["forecast"], tensors["weight"], tensors["older"], tensors["noise"])
        interpolation = oi.with_inflation(tensors["inflation"])
        if name == MULTI_SCALE:
            interpolation = split(interpolation, control_samples(oi), grid, about, reach)
        elif name == OWN:
            control = load(oi, grid, folder, MULTI_SCALE, reach).interpolation.covariance
            scale = tensors["scale"] / float(about["share"]) ** 0.5  # kept as a part of the sum
            samples = Samples(tensors["codes"], scale)
            covariance = with_control(samples, control, grid, about, reach)
            interpolation = replace(interpolation, covariance=covariance)
        elif reach is not None:
            interpolation = interpolation.localised(grid, reach)
    except (KeyError, ValueError, TypeError) as reason:
        raise CheckpointError(
            f"{path} is broken ({reason}); remove it and give `deepda osse run` again"
        ) from reason
    return ForecastInterpolation(interpolation, model, CarriedVariance.on(grid), carried=name == OWN)


def control_samples(oi: OptimalInterpolation) -> Samples:
    """The samples of the control simulation that optimal interpolation is fitted on."""
    assert isinstance(oi.covariance, SampleCovariance)
    return oi.covariance.samples
