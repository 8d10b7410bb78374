"""Several processes make what one makes, and the loss of one is said in a sentence.

They are in one file, so that all are forked from one process that has imported what they need.
"""

from __future__ import annotations

import json
from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pytest
import torch
from processes import forked_workers, torchrun
from safetensors.torch import load_file
from test_blocks import deadly, in_blocks, trained, whole
from test_control import TARGET, days, regular_file
from test_denial import denied, finished
from test_ingest import contents, many, take
from test_reanalysis import checksums
from test_sweep import SMALL_TWIN, bowl, go, pretend, search
from trains_together import RESULT, work, work_or_end

import osse.experiments.data_denial
from deepda.base.workers import Here, WorkersError, on_one_thread, open_workers, without_loss
from deepda.control.axes import ControlError
from deepda.control.prepare import open_prepared, prepare_control
from deepda.observations.ingest import ingest
from deepda.training.ranks import ALONE, RankError, Ranks
from deepda.training.trainer import STATE
from osse.sweep.run import TWIN, sweep
from osse.sweep.trials import CSV
from reanalysis.restart import ReanalysisError

__all__ = ["denied", "finished", "many", "trained", "whole"]  # fixtures
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


def test_a_control_prepared_by_two_processes_has_the_values_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = np.random.default_rng(2).normal(size=360)
    path = regular_file(tmp_path / "a.nc", steps, days(360, 1, "360_day"))
    monkeypatch.setattr("deepda.control.prepare.BLOCK_BYTES", 1)
    by_one = open_prepared(prepare_control(path, TARGET, tmp_path / "one.nc"))[1]
    with forked_workers(), open_workers(2) as work:
        made = prepare_control(path, TARGET, tmp_path / "two.nc", work=work)
    np.testing.assert_array_equal(open_prepared(made)[1].values, by_one.values)


def test_a_step_that_a_worker_finds_damaged_is_refused_as_by_one_process(
    tmp_path: Path,
) -> None:
    path = regular_file(
        tmp_path / "a.nc", np.where(np.arange(360) == 200, 1e4, 0.0), days(360, 1, "360_day")
    )
    with forked_workers(), open_workers(2) as work, pytest.raises(ControlError, match="expected"):
        prepare_control(path, TARGET, tmp_path / "two.nc", work=work)
    assert not list(tmp_path.glob("*two*"))


def test_experiments_shared_by_two_processes_have_the_scores_of_one(
    finished: Path, denied: Path, tmp_path: Path
) -> None:
    with forked_workers():
        words = "argo, satellite+mooring, everything"
        found = osse.experiments.data_denial.run(finished, tmp_path, words, workers=2)
    expected = json.loads((denied / "denial.json").read_text())
    assert found["rows"] == expected["rows"]
    for method, of_denial in expected["rmse"].items():
        for name, score in of_denial.items():
            assert found["rmse"][method][name]["all"] == pytest.approx(score["all"], rel=1e-5)
    assert not list(tmp_path.glob(".anomalies*"))


def test_trials_shared_by_two_processes_score_what_they_score_in_one(tmp_path: Path) -> None:
    def scores(workers: int) -> dict[str, float]:
        folder = tmp_path / f"{workers}"
        with forked_workers():
            assert sweep(TWIN, SMALL_TWIN, 2, None, 11, folder, workers) == 0
        assert not list(folder.glob("cache*"))
        table = pd.read_csv(folder / CSV).set_index("training.learning_rate")
        assert set(table["outcome"]) == {"finished"}
        return dict(table["validation_rmse_K"])

    with on_one_thread():
        assert scores(2) == pytest.approx(scores(1), rel=1e-5)


def test_as_many_trials_are_proposed_as_there_are_workers_and_none_twice(tmp_path: Path) -> None:
    class Pair(Here):
        def number(self) -> int:
            return 2

    searched = search("training.backprop=1..3")
    results = go(searched, 3, tmp_path, pretend(bowl), work=Pair())
    assert sorted(result.settings["training.backprop"] for result in results) == [1, 2, 3]


def test_what_a_dead_worker_should_have_made_is_missed() -> None:
    assert list(without_loss(iter([(0, "a")]))) == [(0, "a")]
    with pytest.raises(WorkersError, match=r"a worker died, .* fewer --workers"):
        list(without_loss(iter([(0, "a"), (1, None)])))
