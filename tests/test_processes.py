"""Several processes make what one makes, and the loss of one is said in a sentence.

They are in one file, so that all are forked from one process that has imported what they need.
"""

from __future__ import annotations

from pathlib import Path

import dask
import pytest
import torch
from processes import forked_workers, torchrun
from safetensors.torch import load_file
from test_blocks import deadly, in_blocks, trained, whole
from test_ingest import contents, many, take
from test_reanalysis import checksums
from trains_together import RESULT, work, work_or_end

from deepda.observations.ingest import ingest
from deepda.training.ranks import ALONE, RankError, Ranks
from deepda.training.trainer import STATE
from reanalysis.restart import ReanalysisError

__all__ = ["many", "trained", "whole"]  # fixtures
pytestmark = pytest.mark.slow
STRETCHES = 3  # do not divide by two


@pytest.fixture(scope="module")
def by_one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """Weights and samples of a single process."""
    folder = tmp_path_factory.mktemp("one")
    work(folder, STRETCHES)
    return load_file(folder / RESULT)


def require_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    for name, value in expected.items():
        few = 2e-3 if name == "samples" else 1e-6  # samples are half precision
        torch.testing.assert_close(found[name], value, rtol=few, atol=few, msg=name)


def test_two_processes_train_and_sample_what_one_does(
    by_one: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    ended_well, said = torchrun(2, tmp_path / "log", work_or_end, tmp_path, STRETCHES)
    assert ended_well, said
    require_same(load_file(tmp_path / RESULT), by_one)


def test_a_lost_process_ends_all_in_a_sentence_and_the_training_goes_on_from_its_folder(
    by_one: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    ended_well, said = torchrun(2, tmp_path / "log", work_or_end, tmp_path, STRETCHES, 6)
    assert not ended_well
    assert "deepda: process 0 on" in said
    assert "give the same torchrun command again" in said
    assert (tmp_path / STATE).exists() and not (tmp_path / RESULT).exists()
    ended_well, said = torchrun(2, tmp_path / "again", work_or_end, tmp_path, STRETCHES)
    assert ended_well, said
    require_same(load_file(tmp_path / RESULT), by_one)


def test_more_processes_than_stretches_are_refused(tmp_path: Path) -> None:
    Ranks(0, 2, None).require_streams(2)
    ALONE.require_streams(1)
    with pytest.raises(RankError, match=r"3 processes found for training.stretches=2, .* at most 2"):
        Ranks(0, 3, None).require_streams(2)


def test_a_killed_worker_is_said_in_a_sentence_and_two_workers_end_with_the_same_bytes(
    trained: Path, whole: Path, tmp_path: Path
) -> None:
    once = dask.config.set({"distributed.scheduler.allowed-failures": 0})  # no second attempt
    with once, forked_workers():
        with pytest.raises(
            ReanalysisError, match=r"^1999-2000 not finished: a worker died, .* fewer --workers"
        ):
            in_blocks(trained, tmp_path, workers=2, ocean=deadly)
        assert set(checksums(tmp_path)) >= {"twin_thetao_1997.nc", "twin_thetao_1998.nc"}
        in_blocks(trained, tmp_path, workers=2)
    assert checksums(tmp_path) == checksums(whole)


def test_ingest_by_two_processes_gives_the_rows_of_one(many: Path, tmp_path: Path) -> None:
    take(many, output=tmp_path / "here")
    with forked_workers():
        ingest([many], tmp_path / "there", workers=2)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
