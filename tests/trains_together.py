"""What each process of a test in `test_processes` does: train and sample, perhaps die on the way."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from test_training import CPU, trainer, training_data

from deepda.base.progress import Progress
from deepda.commands.console import exit_code
from deepda.training import background_errors
from deepda.training.ranks import Ranks, joined_ranks

SAMPLES, OF_STRETCH, SPINUP = 8, 3, 4  # so that three stretches share the samples out
RESULT = "result.safetensors"

NEVER = -1


def work_or_end(folder: Path, stretches: int, dies_in: int = NEVER) -> None:
    """`work`, which ends the process as a command of DeepDA does where it fails."""
    if code := exit_code(lambda: work(folder, stretches, dies_in)):
        sys.exit(code)


def work(folder: Path, stretches: int, dies_in: int = NEVER) -> None:
    """Train on the toy data of `test_training`, then sample errors; the first process writes both.

    Process 1 dies in update `dies_in`.
    """
    with joined_ranks(CPU) as ranks, Progress(stream=io.StringIO()) as progress:
        made = trainer(folder, 8, 0.1, ranks=ranks, stretches=stretches)
        made.validate = lambda: 1 / made.done  # the last weights are the best
        update = made._update

        def until_death() -> float:
            if ranks.number == 1 and made.done == dies_in:
                os._exit(9)
            return update()

        made._update = until_death  # type: ignore[method-assign]
        made.run(progress)
        keep(made.analyser, ranks, folder, progress)


def keep(analyser: torch.nn.Module, ranks: Ranks, folder: Path, progress: Progress) -> None:
    """Write weights and samples."""
    form = analyser.eval().requires_grad_(False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(background_errors, "SAMPLES_OF_STRETCH", OF_STRETCH)
        patch.setattr(background_errors, "SPINUP", SPINUP)
        samples = background_errors.sample_background_errors(
            form,  # type: ignore[arg-type]
            training_data(),
            4,
            SAMPLES,
            progress,
            ranks,
        )
    tensors = dict(analyser.state_dict()) | {"samples": torch.from_numpy(samples)}
    if ranks.first:
        save_file({name: value.contiguous() for name, value in tensors.items()}, folder / RESULT)
