"""A checkpoint that is not what was written is refused in one sentence; an old one opens as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_run import folder

from deepda import load_run
from deepda.assimilation.samples import Samples
from deepda.base.errors import CheckpointError
from deepda.runs.checkpoint import ERRORS_FILE, MODEL, SPACE, WEIGHTS, load_space
from deepda.runs.error_samples import save_error_samples

__all__ = ["folder"]  # a fixture


def changed(path: Path, name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Change one tensor of a file."""
    tensors = load_file(path)
    save_file({**tensors, name: change(tensors[name]).contiguous()}, path)


def remove_checksums(checkpoint: Path) -> None:
    """As an old version wrote it."""
    model = json.loads((checkpoint / MODEL).read_text())
    kept = {key: value for key, value in model.items() if key not in ("weights", "space", "samples")}
    (checkpoint / MODEL).write_text(json.dumps(kept))


@pytest.mark.parametrize("file", [WEIGHTS, SPACE])
def test_a_file_that_is_not_the_recorded_one_is_refused(folder: Path, file: str) -> None:
    path = folder / "checkpoint" / file
    name = "scale" if file == SPACE else "weight"
    changed(path, name, lambda value: value + 1e-3)
    with pytest.raises(CheckpointError, match=r"is not the file that model\.json records"):
        load_run(folder)


def test_samples_that_are_recorded_and_missing_are_refused(folder: Path) -> None:
    checkpoint = folder / "checkpoint"
    space = load_space(checkpoint)
    save_error_samples(
        Samples.of(torch.zeros(2, *space.grid.shape).numpy(), space.grid), space.grid, checkpoint
    )
    model = json.loads((checkpoint / MODEL).read_text())
    assert model["samples"] is None  # there were none
    (checkpoint / MODEL).write_text(json.dumps({**model, "samples": "0" * 64}))
    with pytest.raises(CheckpointError, match=r"background_errors.*is not the file"):
        load_run(folder)
    (checkpoint / ERRORS_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"no .*background_errors\.safetensors"):
        load_run(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "name", "change", "said"),
    [
        (SPACE, "scale", lambda v: -v, "scale with .* zero, negative"),
        (SPACE, "scale", lambda v: 0 * v, "scale with .* zero, negative"),
        (SPACE, "mean", lambda v: v * torch.nan, "mean with .* not finite"),
        (SPACE, "mean", lambda v: v[..., :-1], "mean of shape"),
        (SPACE, "lat_edges", lambda v: v.flip(0), "holds no grid"),
        (WEIGHTS, "weight", lambda v: v * torch.nan, "weight that are not numbers"),
        (WEIGHTS, "weight", lambda v: v[:-1], "does not fit the analyser"),
    ],
)
def test_impossible_tensors_of_an_old_checkpoint_are_refused(
    folder: Path, file: str, name: str, change: Callable[[torch.Tensor], torch.Tensor], said: str
) -> None:
    remove_checksums(folder / "checkpoint")
    load_run(folder)  # what is not recorded is not checked
    changed(folder / "checkpoint" / file, name, change)
    with pytest.raises(CheckpointError, match=said):
        load_run(folder)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["[]", "{", "null", ""])
def test_a_hand_edited_model_is_refused(folder: Path, text: str) -> None:
    (folder / "checkpoint" / MODEL).write_text(text)
    with pytest.raises(CheckpointError, match=r"model\.json"):
        load_run(folder)
