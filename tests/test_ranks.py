"""Several processes train what one trains, and the loss of one is said in a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from trains_together import RESULT

from deepda.training.ranks import ALONE, RankError, Ranks
from deepda.training.trainer import STATE

pytestmark = pytest.mark.slow  # each starts Python twice or more
HERE = Path(__file__).parent
STRETCHES = 3  # do not divide by two


ABORTED = "terminate called without an active exception"  # gloo, at the end of a process


def together(processes: int, *words: object) -> subprocess.CompletedProcess[str]:
    """`trains_together` by so many processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes),
               "--standalone", str(HERE / "trains_together.py"), *map(str, words)]  # fmt: skip
    settings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{HERE.parent}:{HERE}"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=settings)
    if ABORTED in done.stderr:  # now and then, when all is written: the same command goes on
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=settings)
    return done


@pytest.fixture(scope="module")
def by_one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """Weights and samples of a single process."""
    folder = tmp_path_factory.mktemp("one")
    done = together(1, folder, STRETCHES)
    assert done.returncode == 0, done.stderr
    return load_file(folder / RESULT)


def require_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    for name, value in expected.items():
        few = 2e-3 if name == "samples" else 1e-6  # samples are half precision
        torch.testing.assert_close(found[name], value, rtol=few, atol=few, msg=name)


def test_two_processes_train_and_sample_what_one_does(
    by_one: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    done = together(2, tmp_path, STRETCHES)
    assert done.returncode == 0, done.stderr
    require_same(load_file(tmp_path / RESULT), by_one)


def test_a_lost_process_ends_all_in_a_sentence_and_the_training_goes_on_from_its_folder(
    by_one: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    done = together(2, tmp_path, STRETCHES, 6)
    assert done.returncode != 0
    assert "deepda: process 0 on" in done.stderr
    assert "give the same torchrun command again" in done.stderr
    assert (tmp_path / STATE).exists() and not (tmp_path / RESULT).exists()
    again = together(2, tmp_path, STRETCHES)
    assert again.returncode == 0, again.stderr
    require_same(load_file(tmp_path / RESULT), by_one)


def test_more_processes_than_stretches_are_refused(tmp_path: Path) -> None:
    Ranks(0, 2, None).require_streams(2)
    ALONE.require_streams(1)
    with pytest.raises(RankError, match=r"3 processes found for training.stretches=2, .* at most 2"):
        Ranks(0, 3, None).require_streams(2)
