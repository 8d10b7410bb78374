"""A trained run, opened: its analyser, ready to analyse, and the space it works in."""

from __future__ import annotations

from pathlib import Path

import torch

from deepda.assimilation.sample_covariance import background_error_covariance
from deepda.assimilation.state import StateSpace
from deepda.networks.build import build_generator
from deepda.networks.statics import ControlStatistics
from deepda.networks.trainable import TrainableAnalyser
from deepda.runs.checkpoint import WEIGHTS, load_model, load_space, load_weights, read_tensors
from deepda.runs.error_samples import load_error_samples
from deepda.settings.schema import GeneratorConfig


def load_analyser(
    checkpoint: Path, settings: GeneratorConfig, device: torch.device
) -> tuple[TrainableAnalyser, StateSpace]:
    """A trained analyser, ready to analyse on a device, and the space it works in.

    Raises:
        CheckpointError: not there, broken, or of other settings.
    """
    space = load_space(checkpoint)
    load_model(checkpoint, space.grid)
    patterns = len(read_tensors(checkpoint / WEIGHTS)[0].get("patterns", ()))
    analyser = build_generator(settings, space, ControlStatistics.none(space, patterns), seed=0).analyser
    load_weights(checkpoint, analyser)
    errors = load_error_samples(checkpoint, space.grid)
    form = analyser.covariance_form()
    if errors is not None and form is not None:
        form.use_error_samples(background_error_covariance(errors, space.grid))
    return analyser.to(device).requires_grad_(False), space
