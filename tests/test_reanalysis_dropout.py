"""Dropout among the members of a reanalysis: their scatter holds it, their seed decides it."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
from numpy.typing import NDArray
from test_reanalysis import ToyOcean, checksums, network, reanalyse, toy_space

from deepda.runs.checkpoint import save_checkpoint
from deepda.settings.compose import dump, load_config

GENERATORS = {
    "innovation": ("generator.patterns=0", "generator.hidden=6", "generator.levels=1"),
    "unet3plus": ("generator=unet3plus", "generator.filters=4", "generator.depth=1"),
}
YEAR = 1998
MEMBERS = "reanalysis.members=3"


def trained(folder: Path, generator: str, dropout: float) -> Path:
    """The folder of a run; its weights do not depend on the rate of dropout."""
    words = ["per_year=12", "osse.spinup=1", *GENERATORS[generator], f"generator.dropout={dropout}"]
    config = load_config("osse", words)
    folder.mkdir()
    (folder / "config.yaml").write_text(dump(config))
    save_checkpoint(folder / "checkpoint", network(config, toy_space()), toy_space(), {})
    return folder


def analysed(run: Path, output: Path, *words: str) -> NDArray[np.float32]:
    """Temperatures of a year."""
    reanalyse(run, output, ToyOcean(toy_space()), f"reanalysis.end={YEAR}", *words)
    with netCDF4.Dataset(output / f"twin_thetao_{YEAR}.nc") as file:
        return np.ma.filled(file["thetao"][:], 0.0)


@pytest.mark.parametrize("generator", GENERATORS)
def test_dropout_scatters_all_members_but_the_first(tmp_path: Path, generator: str) -> None:
    whole = analysed(trained(tmp_path / "a", generator, 0.0), tmp_path / "1", MEMBERS)
    run = trained(tmp_path / "b", generator, 0.5)
    thin, again = (analysed(run, tmp_path / name, MEMBERS) for name in ("2", "3"))
    other = analysed(run, tmp_path / "4", MEMBERS, "seed=2")
    assert np.array_equal(thin, again)
    assert abs(thin[0] - whole[0]).max() < 2e-3  # packing
    assert all(abs(thin[member] - whole[member]).max() > 0.01 for member in (1, 2))
    assert all(abs(thin[member] - other[member]).max() > 0.01 for member in (1, 2))


def test_a_single_member_knows_no_dropout(tmp_path: Path) -> None:
    fields = [
        analysed(trained(tmp_path / f"run{rate}", "unet3plus", rate), tmp_path / str(rate))
        for rate in (0.0, 0.5)
    ]
    assert np.array_equal(fields[0], fields[1])


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_killed_reanalysis_with_dropout_ends_with_the_same_bytes(
    tmp_path: Path, generator: str
) -> None:
    run = trained(tmp_path / "run", generator, 0.5)
    reanalyse(run, tmp_path / "whole", ToyOcean(toy_space()), MEMBERS)
    for breaks in ("1999-05", "2000-02"):
        with pytest.raises(InterruptedError):
            reanalyse(run, tmp_path / "cut", ToyOcean(toy_space(), breaks), MEMBERS)
    reanalyse(run, tmp_path / "cut", ToyOcean(toy_space()), MEMBERS)
    assert checksums(tmp_path / "cut") == checksums(tmp_path / "whole")
