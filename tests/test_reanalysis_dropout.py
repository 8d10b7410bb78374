"""A reanalysis is made by the whole network, whatever dropout it was trained with."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
from numpy.typing import NDArray
from test_reanalysis import network, reanalyse
from toys import ToyOcean, toy_space

from deepda.runs.checkpoint import save_checkpoint
from deepda.settings.compose import dump, load_config

pytestmark = pytest.mark.slow
GENERATORS = {
    "innovation": ("generator.patterns=0", "generator.hidden=6", "generator.levels=1"),
    "unet3plus": ("generator=unet3plus", "generator.filters=4", "generator.depth=1"),
}
YEAR = 1998


def trained(folder: Path, generator: str, dropout: float) -> Path:
    """The folder of a run; its weights do not depend on the rate of dropout."""
    words = ["per_year=12", "osse.spinup=1", *GENERATORS[generator], f"generator.dropout={dropout}"]
    config = load_config("osse", words)
    folder.mkdir()
    (folder / "config.yaml").write_text(dump(config))
    save_checkpoint(folder / "checkpoint", network(config, toy_space()), toy_space(), {})
    return folder


def analysed(run: Path, output: Path) -> NDArray[np.float32]:
    """Temperatures of a year."""
    reanalyse(run, output, ToyOcean(toy_space()), f"reanalysis.end={YEAR}")
    with netCDF4.Dataset(output / f"twin_thetao_{YEAR}.nc") as file:
        return np.ma.filled(file["thetao"][:], 0.0)


@pytest.mark.parametrize("generator", GENERATORS)
def test_dropout_plays_no_part_in_a_reanalysis(tmp_path: Path, generator: str) -> None:
    fields = [
        analysed(trained(tmp_path / f"run{rate}", generator, rate), tmp_path / str(rate))
        for rate in (0.0, 0.5)
    ]
    assert np.array_equal(fields[0], fields[1])
