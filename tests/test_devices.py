"""Every command computes on the device that it is given: nothing mixes devices, little waits for one.

The device is that of `foreign_device`, which needs no hardware; it computes the very numbers of a CPU.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_denial
import test_explain
import torch
import xarray as xr
from foreign_device import Foreign, ForeignDevice, MixedDevicesError
from test_real_reanalysis import archive, settings
from test_reanalysis import checksums, reanalyse, trained
from test_reanalysis_smoother import SMOOTHER
from test_run import folder, table_at
from test_training import trainer
from toys import ToyOcean, toy_space

import deepda.explain.page
import deepda.explain.section_sanity
import osse.experiments.blind_zone
import osse.experiments.blind_zone_report
import osse.experiments.data_denial_report
import osse.twin.fair_baselines
import osse.twin.optimal_interpolation
import osse.twin.report
import osse.twin.run
import reanalysis.run
from deepda import load_run
from deepda.assimilation.baselines import Candidates, optimal_interpolation
from deepda.base.progress import Progress
from deepda.cli import main
from deepda.explain import explain
from deepda.networks import device as package_device
from deepda.networks import gain
from deepda.networks.device import DeviceError, choose_device, described
from deepda.settings.compose import dump, load_config
from deepda.settings.schema import Config
from reanalysis.ingested_ocean import open_archive

__all__ = ["archive", "folder", "trained"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("blank_pictures", "empty_fdbk", "no_report")]
SOLVER = ("conjugate_gradients.py", "assimilation/sample", "optimal_interpolation.py")
MONTHS = ("03", "04", "05")
MOST_WAITS = 3  # a window, outside the solver
FOUR_MONTHS = ("reanalysis.end=1998", "reanalysis.months=4")


@pytest.fixture
def on_device() -> Callable[[Callable[[], object]], Counter[str]]:
    """Does something on the foreign device; gives the waits outside the solver, by line."""

    def does(act: Callable[[], object]) -> Counter[str]:
        with ForeignDevice() as foreign:
            act()
        assert foreign.uploads.total() > 0
        return Counter(
            {line: n for line, n in foreign.waits.items() if not any(name in line for name in SOLVER)}
        )

    return does


@pytest.fixture(autouse=True)
def solved_on_the_grid_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on any device but a CPU, for the very same numbers; interpolation as far as it gets."""
    monkeypatch.setattr(gain, "by_cells", lambda device: False)
    monkeypatch.setattr(optimal_interpolation, "MOST_ITERATIONS", 3)


def test_the_foreign_device_refuses_what_a_gpu_refuses() -> None:
    with ForeignDevice() as foreign:
        here, there = torch.arange(3.0), torch.arange(3.0).to(foreign.device)
        assert isinstance(there, Foreign) and there.device == foreign.device != here.device
        with pytest.raises(MixedDevicesError, match="add"):
            here + there
        with pytest.raises(TypeError, match="taken for one of the host"):
            there.numpy()
        assert not foreign.waits
        assert (2 * there + torch.tensor(1.0)).cpu().tolist() == [1, 3, 5]  # single numbers may meet
        assert bool((there[torch.tensor([2])] == 2).all())  # indices too
        assert foreign.uploads.total() == 1 and foreign.waits.total() == 2


@pytest.mark.parametrize("kind", ["innovation", "unet3plus", "ham2024"])
def test_training_stays_on_its_device(tmp_path: Path, on_device: Callable, kind: str) -> None:
    def trained_on(device: str) -> dict[str, torch.Tensor]:
        target = tmp_path / device
        target.mkdir()
        made = trainer(target, 3, 0.1, kind, device=torch.device(device), validate_every=3)
        with Progress() as progress:
            made.run(progress)
        return {name: value.detach().cpu() for name, value in made.analyser.state_dict().items()}

    found: list[dict[str, torch.Tensor]] = []
    waits = on_device(lambda: found.append(trained_on("meta")))
    for name, value in trained_on("cpu").items():
        assert torch.equal(value, found[0][name]), name
    of_cycle = sum(n for line, n in waits.items() if "trainer.py" not in line and "/" in line)
    assert of_cycle <= MOST_WAITS * 3, waits.most_common(12)  # of three updates of one window each


FEW_STEPS = "generator.solver_iterations=2"
TWIN = [
    "per_year=12", "observations=random", "generator.hidden=4", "generator.levels=1",
    "generator.patterns=1", FEW_STEPS, "control.years=6", "osse.train_years=3",
    "osse.validation_years=1", "osse.test_years=1", "osse.spinup=6", "osse.label_year=2005",
    "training.updates=2", "training.stretches=2", "training.validate_every=2", "training.backprop=2",
    "training.adversarial_weight=0.1", "training.error_samples=6",
    "osse.baselines=[oi,forecast_oi]",
]  # fmt: skip


def twin_on(device: str, run: Path) -> Config:
    """The toy control simulation of `test_denial`, and the settings of a run on it."""
    test_denial.write_run(run)
    shutil.rmtree(run / "checkpoint")
    config = load_config("osse", [*TWIN, f"device={device}"])
    (run / "config.yaml").write_text(dump(config))
    return config


def test_a_twin_experiment_stays_on_its_device(
    tmp_path: Path, on_device: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training, sampling of background errors, validation, calibration, cycle, baselines."""
    monkeypatch.setattr(osse.twin.report, "write", lambda *about: None)
    monkeypatch.setattr(
        osse.twin.optimal_interpolation, "CANDIDATES", Candidates((0.1,), (3000.0,), (800.0,))
    )
    monkeypatch.setattr(osse.twin.fair_baselines, "FACTORS", (1.0,))
    scores: list[dict] = []
    on_device(
        lambda: scores.append(osse.twin.run.run(twin_on("cuda", tmp_path / "far"), tmp_path / "far"))
    )
    near = osse.twin.run.run(twin_on("cpu", tmp_path / "near"), tmp_path / "near")
    # Off the CPU sampled covariances are operators, and solves end within their tolerance.
    np.testing.assert_allclose(numbers(scores[0]["rmse"]), numbers(near["rmse"]), rtol=5e-3)
    np.testing.assert_allclose(*(numbers(one["history"][0]["loss"]) for one in (scores[0], near)))


def numbers(scores: Any) -> list[float]:
    """All numbers of nested scores, in their order; none for text."""
    if isinstance(scores, dict | list):
        parts = scores.values() if isinstance(scores, dict) else scores
        return [number for part in parts for number in numbers(part)]
    return [float(scores)] if isinstance(scores, int | float) else []


def require_few(waits: Counter[str], windows: int, most: int = MOST_WAITS) -> None:
    """Refuse more than `most` a window; lines with fewer waits than windows are met once."""
    of_windows = {line: n for line, n in waits.items() if n >= windows}
    assert sum(of_windows.values()) <= most * windows, of_windows


def test_a_smoothed_reanalysis_with_members_stays_on_its_device(
    trained: Path, tmp_path: Path, on_device: Callable
) -> None:
    def on(device: str) -> Path:
        given = (*FOUR_MONTHS, "reanalysis.members=2", *SMOOTHER, f"device={device}")
        reanalyse(trained, tmp_path / device, ToyOcean(toy_space()), *given)
        return tmp_path / device

    waits = on_device(lambda: on("cuda"))
    assert len(checksums(tmp_path / "cuda")) == 1
    for name in checksums(on("cpu")):
        with (
            xr.open_dataset(tmp_path / "cuda" / name) as far,
            xr.open_dataset(tmp_path / "cpu" / name) as near,
        ):
            xr.testing.assert_equal(far, near)
    require_few(waits, 4 + 2)  # two windows of the next months are read


def test_a_reanalysis_of_real_observations_stays_on_its_device(
    trained: Path, archive: Path, tmp_path: Path, on_device: Callable
) -> None:
    """With the check against the background, and smoothed."""

    def on(device: str) -> Path:
        config = settings(trained, archive, *FOUR_MONTHS, *SMOOTHER, f"device={device}")
        reanalysis.run.run(config, tmp_path / device, open_archive)
        return tmp_path / device / "thetao_1998.nc"

    waits = on_device(lambda: on("cuda"))
    with (
        xr.open_dataset(on("cpu")) as near,
        xr.open_dataset(tmp_path / "cuda" / "thetao_1998.nc") as far,
    ):
        xr.testing.assert_equal(far, near)
    require_few(waits, 4 + 2, MOST_WAITS + 1)  # the smoother also packs the observed cells


def test_a_window_in_python_stays_on_its_device(folder: Path, on_device: Callable) -> None:
    def analysed(device: str) -> list[xr.Dataset]:
        run, made = load_run(folder, device), None
        fields = []
        for month in MONTHS:
            made = run.analyse(table_at(run, f"2003-{month}-10", 1.5), f"2003-{month}-15", made)
            fields.append(made.dataset)
        return fields

    found: list[xr.Dataset] = []
    waits = on_device(lambda: found.extend(analysed("cuda")))
    for far, near in zip(found, analysed("cpu"), strict=True):
        xr.testing.assert_equal(far, near)
    require_few(waits, len(MONTHS))


@pytest.mark.parametrize("name", ["deny", "blind-zone"])
def test_an_experiment_with_a_finished_run_stays_on_its_device(
    tmp_path: Path, on_device: Callable, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osse.experiments.blind_zone, "PASSES", 2)
    for report in (osse.experiments.blind_zone_report, osse.experiments.data_denial_report):
        monkeypatch.setattr(report, "write", lambda *about: None)
    words = ["generator.dropout=0.3", "osse.test_years=1", FEW_STEPS]
    run = test_denial.write_run(tmp_path / "run", *words)
    file = "denial.json" if name == "deny" else "blind_zone.json"
    more = ["--without", "argo"] if name == "deny" else []

    def on(device: str) -> dict:
        output = tmp_path / device
        named = ["--run", str(run), "--output", str(output), "--device", device]
        assert main(["osse", name, *named, *more]) == 0
        return json.loads((output / file).read_text())

    found: list[dict] = []
    waits = on_device(lambda: found.append(on("cuda")))
    near = numbers(on("cpu")["rmse"])
    np.testing.assert_allclose(numbers(found[0]["rmse"]), near, rtol=5e-3)
    require_few(waits, 2 * 2 * 12)


def test_an_explanation_stays_on_its_device(
    tmp_path: Path, on_device: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deepda.explain.page, "LAGS", 3)
    monkeypatch.setattr(deepda.explain.section_sanity, "DRAWS", 1)
    run = test_explain.write_run(tmp_path / "run", [*test_explain.INNOVATION, FEW_STEPS])

    def on(device: str) -> xr.Dataset:
        explain(run, tmp_path / device, ["nino34"], window="2001-04-10", number=0, device=device)
        return xr.load_dataset(tmp_path / device / "explain.nc")

    found: list[xr.Dataset] = []
    on_device(lambda: found.append(on("cuda")))
    xr.testing.assert_allclose(found[0], on("cpu"), rtol=1e-5)


def test_a_gpu_that_is_not_there_is_refused_and_auto_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(package_device, "gpus", lambda: 0)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    assert "torch sees no GPU" in described("auto", torch.device("cpu"))
    with pytest.raises(DeviceError, match="device is cuda but torch sees no GPU, expected one"):
        choose_device("cuda")
    assert main(["osse", "run", "device=cuda", "--output", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and "device is cuda" in said
    assert not (tmp_path / "run" / "config.yaml").exists()  # nothing half-written
    monkeypatch.setattr(package_device, "gpus", lambda: 1)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_of_torch_sleep_while_they_wait_unless_the_environment_says_how(
    given: str | None, expected: str
) -> None:
    program = "import deepda, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    settings = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    settings |= {} if given is None else {"OMP_WAIT_POLICY": given}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=settings)
    assert done.stdout.split() == [expected, "False"]  # set before torch can be imported
