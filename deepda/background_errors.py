"""The background errors that a trained generator makes where the truth is known: the training years.

A generator learns from single cells how large its errors are and how far they reach. How they hang
together along a coast, across a current, down a thermocline, is then read off its errors
themselves, as weather centres do with ensembles of differences (Parrish and Derber 1992; Hamill and
Snyder 2000); only that here the truth is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepda import local_covariance
from deepda.checkpoint import CheckpointError, read_tensors, write_whole
from deepda.cycle import Observations, require_physical
from deepda.grid import Grid
from deepda.local_covariance import LocalCovariance
from deepda.networks.innovation import TRAINING_TOLERANCE, InnovationAnalyser
from deepda.progress import Progress
from deepda.stretches import TrainingData, Window, observed_stretch, steady

RADIUS, DEPTH = 3500.0, 1500.0  # km and m from which on errors count as independent
LONGEST = 40  # samples of a stretch; neighbours are alike, other stretches tell more
EVERY = 2  # windows between samples of a stretch
YOUNG = 40  # windows of a stretch whose errors are still those of its cold start
STREAM = 1_000_000  # of random numbers, and the next ones: not those of the training
LEAST_SPREAD = 1e-3  # on land
FILE, TENSOR = "background_errors.safetensors", "errors"


def collect(
    analyser: InnovationAnalyser, data: TrainingData, seed: int, number: int, progress: Progress
) -> NDArray[np.float16]:
    """Cycle through stretches of the training years, and keep how far the backgrounds are off.

    Args:
        analyser: trained.
        data: truth and networks; its drifts are left out.
        seed: of networks and observation errors.
        number: of samples.
        progress: told of the windows.

    Returns:
        (number, L, Y, X) background minus truth over the modelled spread, zero on land.

    Raises:
        DivergenceError: an analysis ran away.
    """
    young = min(YOUNG, len(data.anomalies) // 3)
    each = max(1, min(LONGEST, number, (len(data.anomalies) - young) // EVERY))
    steps = young + EVERY * each
    streams = _streams(data, seed, ceil(number / each), min(steps, len(data.anomalies)))
    found: list[NDArray[np.float16]] = []
    accurate, analyser.tolerance = analyser.tolerance, TRAINING_TOLERANCE
    try:
        analyser.eval()
        errors = _errors(analyser, streams, data.per_year)
        for step, error in enumerate(progress.track(errors, "Meeting background errors", total=steps)):
            if step >= young and (step - young) % EVERY == 0:
                found.append(error.half().cpu().numpy())
    finally:
        analyser.tolerance = accurate
        analyser.eval()  # what was worked out in inference mode cannot carry gradients
    return np.concatenate(found)[:number]


def _streams(data: TrainingData, seed: int, number: int, steps: int) -> list[Iterator[Window]]:
    """Stretches that share out the training years, each observed by a network of its own."""
    firsts = np.linspace(0, len(data.anomalies) - steps, number).round().astype(int)
    return [
        observed_stretch(data, np.random.default_rng([seed, STREAM, k]), int(first), steps, steady)
        for k, first in enumerate(firsts)
    ]


def _errors(
    analyser: InnovationAnalyser, streams: list[Iterator[Window]], per_year: int
) -> Iterator[Tensor]:
    """(stream, L, Y, X) background errors over their spread, window by window."""
    device = analyser.ocean.device
    with torch.inference_mode():
        analysis = analyser.first_guess(len(streams))
    for windows in zip(*streams, strict=True):
        fields = [torch.from_numpy(np.stack(field)).to(device) for field in zip(*windows, strict=True)]
        truth, value, precision, season = fields
        observed = Observations(value, precision, season, per_year)
        with torch.inference_mode():
            background = analyser.forecast(analysis, observed.season)
            analysis = analyser.analyse(background, observed)
            require_physical(analysis)
            spread = analyser.modelled_spread(background).clamp(min=LEAST_SPREAD)
            error = (background.mean - truth) / spread * analyser.ocean
        yield error


def require_room(grid: Grid) -> None:
    """Refuse a grid on which `covariance_of` does not fit into memory.

    Raises:
        CovarianceError: it does not.
    """
    local_covariance.require_room(grid, RADIUS, DEPTH)


def covariance_of(errors: NDArray[np.float16], grid: Grid) -> LocalCovariance:
    """The localised covariance of samples (N, L, Y, X).

    Raises:
        CovarianceError: fewer than two samples, or a matrix that does not fit into memory.
    """
    return LocalCovariance.fit(errors, grid, RADIUS, DEPTH, len(errors))


def save_errors(errors: NDArray[np.float16], grid: Grid, folder: Path) -> None:
    """Write the samples (N, L, Y, X) beside the weights, water cells only."""
    tensors = {TENSOR: torch.from_numpy(np.ascontiguousarray(errors[:, grid.ocean]))}
    folder.mkdir(parents=True, exist_ok=True)
    about = {"grid": grid.checksum}
    write_whole(folder / FILE, lambda partial: save_file(tensors, partial, metadata=about))


def load_errors(folder: Path, grid: Grid) -> NDArray[np.float16] | None:
    """The samples (N, L, Y, X) of a checkpoint, zero on land; None if it was trained without.

    Raises:
        CheckpointError: broken, or of another grid.
    """
    path = folder / FILE
    if not path.exists():
        return None
    tensors = read_tensors(path)
    with safe_open(path, "pt") as file:
        of = (file.metadata() or {}).get("grid")
    if of != grid.checksum or TENSOR not in tensors:
        raise CheckpointError(
            f"{path} holds {sorted(tensors)} of grid {of}, expected {TENSOR} of grid {grid.checksum}; "
            "restore the file that was written with the weights beside it, or train again"
        )
    errors = np.zeros((len(tensors[TENSOR]), *grid.shape), np.float16)
    errors[:, grid.ocean] = tensors[TENSOR].numpy()
    return errors
