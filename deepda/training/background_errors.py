"""Samples of the background errors of a trained generator, from the training years.

Training fits how large errors are and how far they are correlated. Their correlations along a coast,
across a current, down a thermocline are estimated from samples, as weather centres do with ensembles of
differences (Parrish and Derber 1992; Hamill and Snyder 2000); here the truth of the samples is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import tee
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.cycle import Observations, cycle, inferred, require_physical
from deepda.base.progress import Progress
from deepda.networks.trainable import Sampled
from deepda.training.ranks import ALONE, Ranks
from deepda.training.stretches import TrainingData, Window, observed_stretch, steady

SAMPLES_OF_STRETCH = 40  # at most; neighbours are alike, other stretches are independent
EVERY = 2  # windows between samples of a stretch
SPINUP = 40  # windows of a stretch whose errors are still those of its cold start
STREAM = 1_000_000  # of random numbers, and the next ones: not those of the training
LEAST_SPREAD = 1e-3  # on land


def sample_background_errors(
    analyser: Sampled,
    data: TrainingData,
    seed: int,
    number: int,
    progress: Progress,
    ranks: Ranks = ALONE,
) -> NDArray[np.float16]:
    """Cycle through stretches of the training years, and keep errors of the backgrounds.

    On a CPU one stretch after the other: in a batch each solve takes the steps of the slowest of them.

    Args:
        data: truth and networks; its drifts are left out.
        seed: of networks and observation errors.
        ranks: processes that share the stretches out; all of them get all samples.

    Returns:
        (number, L, Y, X) background minus truth over the modelled spread, zero on land; window by
        window, each of all stretches.

    Raises:
        DivergenceError: an analysis ran away.
    """
    spinup = min(SPINUP, len(data.anomalies) // 3)
    each = max(1, min(SAMPLES_OF_STRETCH, number, (len(data.anomalies) - spinup) // EVERY))
    steps = spinup + EVERY * each
    stretches = ceil(number / each)
    streams = _streams(data, seed, stretches, min(steps, len(data.anomalies)), ranks)
    device = analyser.ocean.device
    together = 1 if device.type == "cpu" else max(1, len(streams))
    batches = [streams[first : first + together] for first in range(0, len(streams), together)]
    errors = (error for batch in batches for error in _errors(analyser, batch, data.per_year))
    tracked = progress.track(
        errors, "Sampling the background-error covariance", total=steps * len(batches)
    )
    own = np.zeros((each, len(streams), *data.scale.shape), np.float16)
    with analyser.training_accuracy():
        for place, error in enumerate(tracked):
            batch, step = divmod(place, steps)
            sample, between = divmod(step - spinup, EVERY)
            if sample >= 0 and between == 0:
                own[sample, batch * together : (batch + 1) * together] = error.half().cpu().numpy()
    by_stretch = torch.from_numpy(own).swapaxes(0, 1)
    whole = ranks.whole(by_stretch.to(device), stretches).cpu().numpy()
    return whole.swapaxes(0, 1).reshape(-1, *data.scale.shape)[:number]


def _streams(
    data: TrainingData, seed: int, number: int, steps: int, ranks: Ranks
) -> list[Iterator[Window]]:
    """This process's stretches of those that share out the training years.

    Each is observed by a network of its own.
    """
    firsts = np.linspace(0, len(data.anomalies) - steps, number).round().astype(int)
    return [
        observed_stretch(data, np.random.default_rng([seed, STREAM, k]), int(first), steps, steady)
        for k, first in ((k, firsts[k]) for k in ranks.share(number))
    ]


def _errors(analyser: Sampled, streams: list[Iterator[Window]], per_year: int) -> Iterator[Tensor]:
    """(stream, L, Y, X) background errors over their spread, window by window."""
    with torch.inference_mode():
        first = analyser.first_guess(len(streams))
    batches, again = tee(_batches(streams, per_year, analyser.ocean.device))
    steps = inferred(cycle(analyser, first, (observed for _, observed in again)))
    for (truth, _), step in zip(batches, steps, strict=True):
        with torch.inference_mode():
            require_physical(step.analysis)
            spread = analyser.modelled_spread(step.background).clamp(min=LEAST_SPREAD)
            error = (step.background.mean - truth) / spread * analyser.ocean
        yield error


def _batches(
    streams: list[Iterator[Window]], per_year: int, device: torch.device
) -> Iterator[tuple[Tensor, Observations]]:
    """Truth (stream, L, Y, X) and observations of all streams, window by window."""
    for windows in zip(*streams, strict=True):
        fields = [torch.from_numpy(np.stack(field)).to(device) for field in zip(*windows, strict=True)]
        truth, value, precision, season = fields
        yield truth, Observations(value, precision, season, per_year)
