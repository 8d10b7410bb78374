"""A reanalysis in blocks of years: whoever shares them out, resumed or not, and near a single cycle."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from test_reanalysis import checksums, trained
from toys import ToyOcean, toy_space

from deepda.assimilation.observed_ocean import OpenOcean
from deepda.base.progress import Progress
from deepda.base.workers import on_one_thread
from deepda.cli import main
from deepda.settings.compose import load_config
from deepda.settings.schema import Config, ConfigError
from reanalysis.blocks import blocks_of
from reanalysis.restart import ReanalysisError
from reanalysis.run import run

__all__ = ["trained"]  # a fixture
pytestmark = pytest.mark.slow
LENGTH = 2  # years of a block


class DeadlyOcean(ToyOcean):
    """Asking for the observations of 2000 kills the process, as the system does that lacks memory."""

    def table(self, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
        if start >= np.datetime64("2000-01-01"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().table(start, end)


def deadly(config: Config, space: Any, folder: Path, progress: Progress) -> ToyOcean:
    """Opened by each worker."""
    return DeadlyOcean(toy_space())


def sound(config: Config, space: Any, folder: Path, progress: Progress) -> ToyOcean:
    """The same ocean, but for its end."""
    return ToyOcean(toy_space())


def in_blocks(
    trained: Path, output: Path, *words: str, workers: int = 1, ocean: OpenOcean = sound
) -> dict[str, Any]:
    settings = ["reanalysis.start=1997", "reanalysis.end=2000", f"reanalysis.run='{trained}'",
                "device=cpu", f"reanalysis.block_years={LENGTH}", *words]  # fmt: skip
    return run(load_config("reanalysis", settings, run=trained), output, ocean, workers=workers)


@pytest.fixture(scope="module")
def whole(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two blocks, by one process."""
    folder = tmp_path_factory.mktemp("blocks")
    in_blocks(trained, folder)
    return folder


def test_blocks_begin_at_the_first_year_whatever_the_last() -> None:
    assert blocks_of(range(1981, 1993), 5) == [range(1981, 1986), range(1986, 1991), range(1991, 1993)]
    assert blocks_of(range(1981, 1982), 5) == [range(1981, 1982)]


def test_the_first_block_is_a_single_cycle_and_a_later_one_comes_near_it(
    trained: Path, whole: Path, tmp_path: Path
) -> None:
    with on_one_thread():
        in_blocks(trained, tmp_path, "reanalysis.block_years=0")

    def apart(year: int) -> float:
        name = f"twin_thetao_{year}.nc"
        with xr.open_dataset(whole / name) as one, xr.open_dataset(tmp_path / name) as other:
            return float(np.sqrt(((one["thetao"] - other["thetao"]) ** 2).mean()))

    spread = float(xr.open_dataset(tmp_path / "twin_thetao_2000.nc")["thetao_stddev"].mean())
    assert apart(1997) == apart(1998) == 0
    assert 0 < apart(2000) < apart(1999) < 0.2 * spread


def test_a_killed_reanalysis_in_blocks_ends_with_the_same_bytes(
    trained: Path, whole: Path, tmp_path: Path
) -> None:
    def breaking(config: Config, space: Any, folder: Path, progress: Progress) -> ToyOcean:
        return ToyOcean(toy_space(), "2000-05")

    with pytest.raises(InterruptedError):
        in_blocks(trained, tmp_path, ocean=breaking)
    assert len(checksums(tmp_path)) == 3
    in_blocks(trained, tmp_path)
    assert checksums(tmp_path) == checksums(whole)


def test_a_later_end_goes_on_with_the_last_block(trained: Path, whole: Path, tmp_path: Path) -> None:
    in_blocks(trained, tmp_path, "reanalysis.end=1999")
    in_blocks(trained, tmp_path)
    assert checksums(tmp_path) == checksums(whole)


def test_a_single_cycle_and_blocks_do_not_mix_in_a_folder(trained: Path, tmp_path: Path) -> None:
    in_blocks(trained, tmp_path, "reanalysis.end=1997")
    with pytest.raises(ConfigError, match=r"reanalysis\.block_years=2 there, 0 asked for"):
        in_blocks(trained, tmp_path, "reanalysis.block_years=0")


def test_several_workers_for_a_single_cycle_are_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ReanalysisError, match="2 workers found for a reanalysis in one cycle"):
        in_blocks(trained, tmp_path, "reanalysis.block_years=0", workers=2)
    assert not list(tmp_path.iterdir())


def test_workers_below_one_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reanalysis", "--workers", "0"]) == 2
    assert capsys.readouterr().err.startswith("deepda: --workers is 0, expected 1 or more")
