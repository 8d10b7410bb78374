"""What each process of a test in `test_ranks` does: train and sample, perhaps die on the way.

torchrun --nproc-per-node 2 tests/trains_together.py FOLDER STRETCHES [UPDATE that process 1 dies in]
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from test_training import CPU, trainer, training_data

from deepda.base.progress import Progress
from deepda.commands.console import exit_code
from deepda.training.background_errors import sample_background_errors
from deepda.training.ranks import Ranks, joined_ranks

SAMPLES, RESULT = 90, "result.safetensors"  # three stretches of errors


def work(folder: Path, stretches: int, dies_in: int) -> None:
    """Train on the toy data of `test_training`, then sample errors; the first process writes both."""
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
    samples = sample_background_errors(form, training_data(), 4, SAMPLES, progress, ranks)  # type: ignore[arg-type]
    tensors = dict(analyser.state_dict()) | {"samples": torch.from_numpy(samples)}
    if ranks.first:
        save_file({name: value.contiguous() for name, value in tensors.items()}, folder / RESULT)


if __name__ == "__main__":
    words = [*sys.argv[1:], "-1"]
    sys.exit(exit_code(lambda: work(Path(words[0]), int(words[1]), int(words[2]))))
