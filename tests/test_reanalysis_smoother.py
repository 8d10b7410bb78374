"""The smoothed reanalysis: what it learns from, and the same bytes after an interruption."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from test_reanalysis import checksums, reanalyse, trained
from toys import MONTHS, ToyOcean, toy_space

from deepda.assimilation.cycle import Observations
from deepda.settings.compose import load_config
from deepda.settings.schema import ConfigError
from reanalysis.opening import lag_of
from reanalysis.passes import WindowBuffer
from reanalysis.restart import ReanalysisError

__all__ = ["trained"]  # a fixture
pytestmark = pytest.mark.slow
SMOOTHER = ("reanalysis.smoother=true", "reanalysis.lag=61")
LAG = 2  # windows


@pytest.fixture(scope="module")
def smoothed(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted smoothed reanalysis."""
    folder = tmp_path_factory.mktemp("smoothed")
    reanalyse(trained, folder, ToyOcean(toy_space()), *SMOOTHER)
    return folder


def field(folder: Path, year: int, name: str = "thetao") -> NDArray[np.float32]:
    with netCDF4.Dataset(folder / f"twin_thetao_{year}.nc") as file:
        return np.ma.filled(file[name][:], 0.0)


def apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """(time) largest difference."""
    return abs(one - other).max((1, 2, 3))


@pytest.mark.parametrize("members", [0, 2])
def test_a_killed_smoothed_reanalysis_ends_with_the_same_bytes(
    trained: Path, smoothed: Path, tmp_path: Path, members: int
) -> None:
    words, whole = (*SMOOTHER, f"reanalysis.members={members}"), smoothed
    if members:
        whole = tmp_path / "whole"
        reanalyse(trained, whole, ToyOcean(toy_space()), *words)
    cut, done = tmp_path / "cut", []
    for breaks in ("1998-05", "1999-02", "2000-12"):  # within a year, in the lag of one, in the last
        with pytest.raises(InterruptedError):
            reanalyse(trained, cut, ToyOcean(toy_space(), breaks), *words)
        assert not list(cut.glob(".*"))  # no half-written file
        done.append(len(checksums(cut)))
    reanalyse(trained, cut, ToyOcean(toy_space()), *words)
    assert done == [0, 0, 2] and checksums(cut) == checksums(whole)


def test_how_far_a_reanalysis_goes_changes_no_smoothed_year(
    trained: Path, smoothed: Path, tmp_path: Path
) -> None:
    reanalyse(trained, tmp_path, ToyOcean(toy_space()), *SMOOTHER, "reanalysis.end=1998")
    assert checksums(tmp_path).items() <= checksums(smoothed).items()


def test_the_cycle_under_the_smoother_is_that_of_the_filter(
    trained: Path, smoothed: Path, tmp_path: Path
) -> None:
    reanalyse(trained, tmp_path, ToyOcean(toy_space()))
    for name in ("restart_1999.safetensors", "restart_2000.safetensors"):
        one, other = load_file(tmp_path / name), load_file(smoothed / name)
        assert all(torch.equal(one[key], other[key]) for key in ("mean", "spread", "memory"))
    assert (apart(field(tmp_path, 2000), field(smoothed, 2000)) > 0.01).all()
    stddev = (field(folder, 2000, "thetao_stddev").mean() for folder in (smoothed, tmp_path))
    assert next(stddev) < 0.98 * next(stddev)


def test_a_year_learns_from_so_many_windows_of_the_next(trained: Path, tmp_path: Path) -> None:
    """An ocean that nobody observes after some month: nothing changes from later observations."""
    found = []
    for last in ("1999-02", "1999-03", "1999-06"):
        ocean = ToyOcean(toy_space())
        ocean.table = _until(ocean, np.datetime64(last))  # type: ignore[method-assign]
        folder = tmp_path / last
        reanalyse(trained, folder, ocean, *SMOOTHER, "reanalysis.end=1998")
        found.append(field(folder, 1998))
    assert apart(found[0], found[1])[-1] > 0.01  # February is the second window after the year
    assert apart(found[1], found[2]).max() == 0


def _until(ocean: ToyOcean, last: np.datetime64):  # type: ignore[no-untyped-def]
    whole = ocean.table

    def table(start: np.datetime64, end: np.datetime64):  # type: ignore[no-untyped-def]
        rows = whole(start, end)
        return rows if start < last else rows.iloc[:0]

    return table


def test_the_last_window_that_was_observed_is_the_filters(trained: Path, tmp_path: Path) -> None:
    years = ("reanalysis.start=2010", "reanalysis.end=2010")
    reanalyse(trained, tmp_path / "filter", ToyOcean(toy_space()), *years)
    reanalyse(trained, tmp_path / "smoother", ToyOcean(toy_space()), *years, *SMOOTHER)
    for name in ("thetao", "thetao_stddev", "thetao_observation_influence"):
        change = apart(*(field(tmp_path / kind, 2010, name) for kind in ("filter", "smoother")))
        assert change[-1] == 0 and (change[:-1] > 0).all()


def test_a_file_says_whether_it_is_smoothed(trained: Path, smoothed: Path, tmp_path: Path) -> None:
    reanalyse(trained, tmp_path, ToyOcean(toy_space()), "reanalysis.end=1998")
    for folder, words in ((smoothed, f"and {LAG} after it"), (tmp_path, "none: ")):
        with netCDF4.Dataset(folder / "twin_thetao_1998.nc") as file:
            assert words in file.smoother


class WithoutCovariance:
    """A network that has no covariance to smooth with."""

    def covariance_form(self) -> None:
        return None


def test_a_network_without_a_covariance_is_refused() -> None:
    config = load_config("reanalysis", [*SMOOTHER, "generator=ham2024"])
    with pytest.raises(ReanalysisError, match=r"kind ham2024, .*generator=innovation"):
        lag_of(config, WithoutCovariance())  # type: ignore[arg-type]
    assert lag_of(load_config("reanalysis", []), WithoutCovariance()) is None  # type: ignore[arg-type]


def test_a_negative_lag_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"reanalysis\.lag is -1, expected at least 0"):
        load_config("reanalysis", ["reanalysis.lag=-1"])


def test_buffered_windows_are_those_of_the_stream_and_are_drawn_once() -> None:
    torch.manual_seed(0)
    made = []
    for season in range(4):
        precision = torch.rand(2, 3, 4, 5) * (torch.rand(2, 3, 4, 5) < 0.3)
        value = torch.where(precision > 0, torch.randn(2, 3, 4, 5), 0.0)
        made.append(Observations(value, precision, torch.tensor([season]), MONTHS))
    buffer = WindowBuffer(iter(made), len(made))
    for place in (2, 0, 2):
        for name in ("value", "precision", "season"):
            assert torch.equal(getattr(buffer[place], name), getattr(made[place], name))
    buffer.drop(3)
    assert len(buffer) == 1 and torch.equal(buffer[0].value, made[3].value)
    with pytest.raises(IndexError):
        buffer[1]
