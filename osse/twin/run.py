"""`deepda osse run`: learn from a control simulation, prove it on years that training never saw."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import nn

import osse.twin.report
from deepda.assimilation.baselines import Climatology, OptimalInterpolation, Persistence
from deepda.assimilation.cycle import Analyser
from deepda.assimilation.local_covariance import CovarianceError, covariance_of, require_sample_room
from deepda.assimilation.state import StateSpace
from deepda.base.files import write_whole
from deepda.base.info import versions
from deepda.base.progress import Clock, Progress
from deepda.climatology.seasonal import Climatology as SeasonalClimatology
from deepda.control.prepare import ControlError, open_prepared, prepare_control
from deepda.geometry.regrid import grid_edges
from deepda.geometry.windows import windows
from deepda.networks.build import Generator, build_generator, device_of, number_of_patterns
from deepda.networks.ham2024 import Ham2024Analyser, pupil_of
from deepda.networks.innovation import InnovationAnalyser
from deepda.networks.unet3plus_analyser import UNet3PlusAnalyser
from deepda.runs.checkpoint import MODEL, load_model, save_checkpoint, save_errors
from deepda.runs.folder import RunFolder, flat_settings, run_folder
from deepda.runs.open import load_analyser
from deepda.settings.compose import CONFIG_FILE, dump, saved_config
from deepda.settings.schema import Config
from deepda.training.background_errors import collect
from deepda.training.stretches import TrainingData
from deepda.training.trainer import LEARNING, STATE, Recipe, Trainer, objective_of
from osse.twin.control_years import Control, fit_space, learn, prepare, share_out
from osse.twin.increments import INCREMENTS, across_land, single_observations
from osse.twin.optimal_interpolation import tuned_interpolation, tuned_interpolation_of
from osse.twin.scores import scores_of
from osse.twin.twin import (
    NETWORK_OF_TEST,
    Twin,
    analyse,
    draw_network,
    superobservations,
    training_network,
    validation_network,
    write_observations,
    write_truth,
)
from osse.twin.validation_years import ValidationYears

BASELINES = ("climatology", "persistence", "oi")


def run(config: Config, output: Path) -> dict[str, Any]:
    """The whole twin experiment; everything is written into `output`. Returns the scores.

    An interrupted run is resumed: the control simulation is used again, training goes on where it
    stopped, and what follows is made anew.

    Raises:
        DeepDAError: settings, files or control simulation that cannot be used.
    """
    clock = Clock()
    with run_folder(output) as folder:
        if is_finished(folder, config):
            return folder.scores() or {}
        require_same_settings(config, folder)
        folder.keep_settings(config)
        progress = folder.progress
        with clock.stage("control"):
            control = share_out(prepare(config, output, progress), config)
        with clock.stage("read"):
            space, anomalies = fit_space(control, output / "cache" / "anomalies.npy", progress)
        years = ValidationYears(control, space, validation_network(config, space.grid), config.seed)
        trained, history = _train(config, control, years, anomalies, output, clock, progress)
        with clock.stage("tune optimal interpolation"):
            oi = tuned_interpolation(years, anomalies, output / "checkpoint", progress)
        twin = twin_of_test_years(config, control, space)
        scores = judge(twin, trained, oi, config, output, clock, progress, {"history": history})
        (output / "cache" / "anomalies.npy").unlink()
    return scores


FREE = ("output", "device", "reanalysis", "data")  # settings that no part of a run depends on
OF_CONTROL = ("control", "grid", "per_year")  # settings that the control simulation depends on


def is_finished(folder: RunFolder, config: Config) -> bool:
    """Whether the run is there, scored with the same settings; says so."""
    if not (folder.path / CONFIG_FILE).exists():
        return False
    return folder.nothing_to_do(*_settings(folder, config, lambda section: section not in FREE))


def require_same_settings(config: Config, folder: RunFolder) -> None:
    """Refuse to go on with a run of other settings; its parts would not belong together.

    Only the settings count that something in the folder was made with: a run that was refused before
    it made anything binds nothing.

    Raises:
        ConfigError: a setting differs.
    """
    if not (folder.path / CONFIG_FILE).exists():
        return
    if any((folder.path / name).exists() for name in ("checkpoint", STATE, LEARNING)):
        folder.require_same(*_settings(folder, config, lambda section: section not in FREE))
    elif (folder.path / "control.nc").exists():
        folder.require_same(*_settings(folder, config, lambda section: section in OF_CONTROL))


def _settings(
    folder: RunFolder, config: Config, counts: Callable[[str], bool]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings by dotted key, there and asked for, of the sections that count."""
    both = (flat_settings(saved_config(folder.path)), flat_settings(config))
    there, asked = ({k: v for k, v in flat.items() if counts(k.split(".")[0])} for flat in both)
    return there, asked


def score(run: Path, truth: list[Path], output: Path, config: Config) -> dict[str, Any]:
    """Score a trained run, without training, on a truth from other files (a fraternal twin).

    The truth is remapped to the run's grid and its anomalies are taken from its own climatology; the
    baselines are the run's own. Cells that are water in the run but not in the truth are refused.

    Raises:
        DeepDAError: a run or files that cannot be used.
    """
    clock = Clock()
    with run_folder(output) as folder:
        folder.keep_settings(config)
        progress = folder.progress
        analyser, space = load_analyser(run / "checkpoint", config.generator)
        with clock.stage("control"):
            other = _another_truth(truth, config, space, output, progress)
        with clock.stage("baselines"):
            oi = tuned_interpolation_of(run, config, output / "cache", progress)
        return judge(other, analyser, oi, config, output, clock, progress, {"run": str(run)})


def _another_truth(
    paths: list[Path], config: Config, space: StateSpace, output: Path, progress: Progress
) -> Twin:
    """A twin of other files: the last test years play it, the climatology is that of all its years."""
    prepared = output / "control.nc"
    if not prepared.exists():
        edges = grid_edges(vars(config.grid))
        prepare_control(paths, edges, prepared, per_year=config.per_year, progress=progress)
    grid, thetao = open_prepared(prepared)
    dry = space.grid.ocean & ~grid.ocean
    if dry.any():
        raise ControlError(
            f"{int(dry.sum())} of {int(space.grid.ocean.sum())} ocean cells of the run are land in "
            f"{paths[0]}, expected water wherever the run has it; train a run with this coastline"
        )
    values = np.where(space.grid.ocean, thetao.values, np.nan)
    climatology = SeasonalClimatology.fit(values, thetao["season"].values, config.per_year)
    own = StateSpace(space.grid, climatology, space.scale)
    steps = min(config.osse.test_years * config.per_year, thetao.sizes["time"])
    truth = thetao.isel(time=slice(-steps, None)).copy(data=values[-steps:])
    return _twin(config, own, truth)


def twin_of_test_years(config: Config, control: Control, space: StateSpace) -> Twin:
    """The twin that a run is scored on: its last years, which training never saw."""
    return _twin(config, space, control.thetao[control.test].load())


def _twin(config: Config, space: StateSpace, truth: xr.DataArray) -> Twin:
    """A truth that plays the calendar years from `osse.label_year` on."""
    years = truth.sizes["time"] // config.per_year
    first = config.osse.label_year
    network, errors = draw_network(config, space.grid, config.seed + NETWORK_OF_TEST)
    span = windows(first, first + years - 1, config.per_year)
    return Twin(space, truth, span, network, errors, config.seed)


def judge(
    twin: Twin,
    analyser: nn.Module,
    oi: OptimalInterpolation,
    config: Config,
    output: Path,
    clock: Clock,
    progress: Progress,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Cycle the analyser and the baselines through a twin; write fields, scores and report."""
    about = {
        "title": "DeepDA twin experiment",
        "source": f"DeepDA {versions()['deepda']}",
        "config": dump(config),
        "checkpoint": (output / "checkpoint" / MODEL).read_text()
        if (output / "checkpoint" / MODEL).exists()
        else "of another run",
    }
    ocean = torch.from_numpy(twin.space.grid.ocean)
    with clock.stage("observe"):
        rows = write_observations(twin, output / "observations.parquet", progress)
        write_truth(twin, output / "truth.nc", about)
        observed, errors = superobservations(twin)
    milliseconds: dict[str, float] = {}
    with clock.stage("cycle"):
        milliseconds["analysis"] = analyse(
            twin, _as_analyser(analyser), output / "analysis.nc", about, progress, "Cycling", full=True
        )
    with clock.stage("baselines"):
        methods: dict[str, Analyser] = {
            "climatology": Climatology(ocean),
            "persistence": Persistence(ocean),
            "oi": oi,
        }
        for name in BASELINES:
            path = output / "baselines" / f"{name}.nc"
            title = f"Cycling the baseline {name}"
            milliseconds[name] = analyse(twin, methods[name], path, about, progress, title, full=False)
    with clock.stage("score"):
        scores = scores_of(output, twin.space, observed, errors, config.osse.spinup)
    both = {"analysis": _as_analyser(analyser), "oi": oi}
    with clock.stage("increments"):
        single_observations(both, twin.space).to_netcdf(output / INCREMENTS)
    scores |= {
        **more,
        "across_land": across_land(both, twin.space),
        "rows": rows,
        "milliseconds_per_cycle": milliseconds,
        "weights": sum(p.numel() for p in analyser.parameters()),
        "seed": config.seed,
        "versions": versions(),
    }
    with clock.stage("report"):
        osse.twin.report.write(twin.space, scores, observed, output)
    scores["wall_seconds"] = clock.seconds
    scores["peak_rss_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    text = json.dumps(scores, indent=1) + "\n"
    write_whole(output / "scores.json", lambda path: path.write_text(text))
    _tell(scores, output, progress)
    return scores


def _train(
    config: Config,
    control: Control,
    years: ValidationYears,
    anomalies: np.ndarray,
    output: Path,
    clock: Clock,
    progress: Progress,
) -> tuple[nn.Module, list[dict[str, float]]]:
    """Train the configured generator, or take it from the run's folder if it is finished.

    Returns:
        The analyser with its best validated weights, and the history of the validations.
    """
    checkpoint, space = output / "checkpoint", years.space
    if (checkpoint / MODEL).exists():
        model = load_model(checkpoint, space.grid)
        progress.note(f"training: {checkpoint} is finished and is used again")
        return load_analyser(checkpoint, config.generator)[0], model["history"]
    with clock.stage("fit"):
        statistics = learn(anomalies, space, number_of_patterns(config.generator))
    generator = build_generator(config.generator, space, statistics, config.seed)
    analyser = generator.analyser.to(device_of(config))
    with clock.stage("train"):
        history = _trainer(config, control, years, anomalies, generator, output).run(progress)
    analyser.cpu().eval().requires_grad_(False)
    if isinstance(analyser, InnovationAnalyser):
        with clock.stage("meet errors"):
            _meet_errors(config, control, analyser, anomalies, years, checkpoint, progress)
    if isinstance(analyser, Ham2024Analyser):
        error = np.sqrt(years.mean_square_error(analyser)) / space.scale
        analyser.set_error_stddev(torch.from_numpy(error).float())
    if isinstance(analyser, InnovationAnalyser | UNet3PlusAnalyser):
        analyser.calibrate(torch.from_numpy(years.error_over_spread(analyser)))
    about = {"generator": vars(config.generator), "history": history, "seed": config.seed}
    save_checkpoint(checkpoint, analyser, space, about)
    (output / STATE).unlink(missing_ok=True)
    return analyser, history


def _meet_errors(
    config: Config,
    control: Control,
    analyser: InnovationAnalyser,
    anomalies: np.ndarray,
    years: ValidationYears,
    checkpoint: Path,
    progress: Progress,
) -> None:
    """Give a trained generator the covariance of its errors, where the settings ask for it."""
    if not config.training.error_samples:
        return
    space = years.space
    try:
        require_sample_room(space.grid)
    except CovarianceError as reason:
        progress.note(f"the generator goes on with its factors alone: {reason}")
        return
    data = _training_data(config, control, space, anomalies)
    errors = collect(analyser, data, config.training.seed, config.training.error_samples, progress)
    save_errors(errors, space.grid, checkpoint)
    analyser.remember(covariance_of(errors, space.grid))
    progress.note(f"with the covariance of its errors: validation RMSE {years.rmse(analyser):.5f} K")


def _training_data(
    config: Config, control: Control, space: StateSpace, anomalies: np.ndarray
) -> TrainingData:
    return TrainingData(
        anomalies,
        control.season(control.train),
        config.per_year,
        space.scale,
        space.weights,
        training_network(config, space.grid),
    )


def _trainer(
    config: Config,
    control: Control,
    years: ValidationYears,
    anomalies: np.ndarray,
    generator: Generator,
    output: Path,
) -> Trainer:
    space, device = years.space, device_of(config)
    return Trainer(
        pupil_of(generator.analyser),
        generator.discriminator.to(device) if config.training.adversarial_weight else None,
        objective_of(generator.analyser),
        _training_data(config, control, space, anomalies),
        Recipe.of(config.training),
        lambda: years.rmse(_as_analyser(generator.analyser)),
        output,
    )


def _tell(scores: dict[str, Any], output: Path, progress: Progress) -> None:
    """The headline, and where everything is."""
    rmse = {name: value["all"] for name, value in scores["rmse"].items()}
    for name, value in rmse.items():
        progress.note(f"  {name:<13} {value:.4f} K")
    gain = 1 - rmse["analysis"] / rmse["oi"]
    progress.note(f"the analysis error is {abs(gain):.0%} {'below' if gain > 0 else 'ABOVE'} that of oi")
    progress.note(f"report: {output / 'report.html'}; scores: {output / 'scores.json'}")


def _as_analyser(module: nn.Module) -> Analyser:
    return module  # type: ignore[return-value]
