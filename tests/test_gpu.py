"""Laws, restart and skill on a real GPU: what `test_devices` cannot see, its arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_devices import twin_on
from test_run import folder, table_at
from test_training import trainer

import osse.twin.report
import osse.twin.run
from deepda import load_run
from deepda.base.progress import Progress

__all__ = ["folder"]  # a fixture
GPU = torch.device("cuda")
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
]


def test_an_analysis_is_that_of_the_cpu(folder: Path) -> None:
    found = []
    for device in ("cuda", "cpu"):
        run = load_run(folder, device)
        analysis = run.analyse(table_at(run, "2003-06-10", 1.5), "2003-06-15", quality_control=False)
        found.append(analysis.dataset)
    for name in found[0]:
        np.testing.assert_allclose(found[0][name], found[1][name], atol=0.02)  # solved to 3 %


def test_without_observations_the_analysis_is_its_background(folder: Path) -> None:
    run = load_run(folder, "cuda")
    nothing = table_at(run, "2003-06-10", 1.5).iloc[:0]
    made = run.analyse(nothing, "2003-06-15").dataset
    np.testing.assert_array_equal(made["thetao"], made["thetao_background"])


def test_an_interrupted_training_ends_as_the_uninterrupted(tmp_path: Path) -> None:
    names = ("whole", "broken")
    for name in names:
        (tmp_path / name).mkdir()
    with Progress() as progress:
        whole, first = (trainer(tmp_path / name, 8, 0.1, device=GPU) for name in names)
        whole.run(progress)
        scores = iter([1.0])
        first.validate = lambda: next(scores)  # a second one ends it
        with pytest.raises(StopIteration):
            first.run(progress)
        second = trainer(tmp_path / "broken", 8, 0.1, device=GPU)
        second.validate = lambda: 0.1
        second.run(progress)
    assert second.done == whole.done == 8
    for (name, one), (_, other) in zip(
        whole.analyser.named_parameters(), second.analyser.named_parameters(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)  # its sums have no order


def test_a_twin_experiment_has_the_skill_of_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osse.twin.report, "write", lambda *about: None)
    rmse = {}
    for device in ("cuda", "cpu"):
        run = tmp_path / device
        rmse[device] = osse.twin.run.run(twin_on(device, run), run)["rmse"]["analysis"]["all"]
    assert rmse["cuda"] == pytest.approx(rmse["cpu"], rel=0.01)
