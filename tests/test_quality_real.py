"""Quality control of real files: two archives of the same floats, zeros at the surface, what is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.observations.argo import read_greylist
from deepda.observations.formats import read_observations
from deepda.quality.casts import by_cast
from deepda.quality.duplicates import duplicates
from deepda.quality.layers import to_layers
from deepda.quality.screening import Context, Screened, screen

pytestmark = pytest.mark.data
NOW = np.datetime64("2026-01-01T00:00:00")

FILES = (
    "mitprof/20060101_prof.nc", "mitprof/argo_sample.nc", "dart/1264095.nc",
    "argo/dac/coriolis/1900857/1900857_prof.nc",
    "wod18_iquod/WOD18_sample_1995/wod_007274386O.nc",
)  # fmt: skip
LAYERS = (50, 70, 100, 140, 190, 240, 290, 340, 390, 440, 490, 540, 590, 640, 690)  # m, of Levitus here


@pytest.fixture(scope="module")
def real(data_root: Path) -> Path:
    return data_root / "real"


@pytest.fixture(scope="module")
def levitus(real: Path) -> tuple[Grid, Climatology]:
    """The monthly 4-degree climatology; its stddev is made up: 1.25 K at the surface, 0.1 K at depth."""
    shape = (12, 15, 40, 90)
    value = np.fromfile(real / "mitgcm" / "lev_t.bin", ">f4").reshape(shape)
    ocean = (value != 0).all(axis=0)
    edges = np.concatenate([[0], np.cumsum(LAYERS)]).astype(float)
    grid = Grid(np.linspace(-80, 80, 41), np.linspace(0, 360, 91), edges, ocean)
    stddev = np.broadcast_to((0.1 + 1.15 * np.exp(-grid.depth / 400))[:, None, None], grid.shape)
    mean, spread = np.where(ocean, value, np.nan), np.where(ocean, stddev, np.nan)
    return grid, Climatology(mean.astype(np.float32), spread.astype(np.float32))


def read(real: Path, *names: str) -> pd.DataFrame:
    files = [path for name in names for path in sorted(real.glob(name))]
    return pd.concat([read_observations(path).table for path in files], ignore_index=True)


@pytest.fixture(scope="module")
def screened(real: Path, levitus: tuple[Grid, Climatology]) -> Screened:
    grid, climatology = levitus
    greylist = read_greylist(real / "argo" / "ar_greylist.txt")
    return screen(Context(grid, NOW, climatology, greylist), read(real, *FILES))


def test_each_cast_of_two_archives_stays_once(real: Path) -> None:
    table = by_cast(read(real, "mitprof/20060101_prof.nc", "mitprof/argo_sample.nc"))
    casts = table.groupby("source", observed=True)["cast"].nunique().to_dict()
    assert casts == {"20060101_prof.nc": 26, "argo_sample.nc": 24}
    kept = table[~duplicates(table)]
    assert (
        kept["cast"].nunique() == 26
        and not kept.groupby("cast")["platform_id"].first().duplicated().any()
    )


def test_good_floats_pass(screened: Screened) -> None:
    float_ = "1900857_prof.nc"
    lost = screened.rejected.query("source == @float_")["reason"].value_counts()
    assert lost.sum() < 0.001 * (screened.kept["source"] == float_).sum()


def test_rows_are_lost_for_few_reasons_and_none_in_between(screened: Screened) -> None:
    assert sum(screened.reasons.values()) + len(screened.kept) == screened.rows_in
    assert set(screened.reasons) <= {"duplicate", "xbt_start", "on_land", "climatology"}
    others = sum(count for reason, count in screened.reasons.items() if reason != "duplicate")
    assert others < 0.01 * screened.rows_in


def test_a_float_that_reports_zero_at_the_surface_loses_the_zeros_alone(
    real: Path, levitus: tuple[Grid, Climatology]
) -> None:
    table = read(real, "argo/dac/*/2902269/2902269_prof.nc")
    zeros = table["temperature"] == 0
    assert zeros.sum() == 11
    for climatology in (levitus[1], None):
        result = screen(Context(levitus[0], NOW, climatology), table)
        pd.testing.assert_index_equal(result.rejected.index, table.index[zeros])


def test_layers_of_real_casts_lie_within_their_values(
    screened: Screened, levitus: tuple[Grid, Climatology]
) -> None:
    out = to_layers(screened.kept, levitus[0])
    assert np.isfinite(out[["temperature", "error", "depth"]]).all().all()
    names = ["source", "platform_id", "profile", "time"]
    ends = screened.kept.groupby(names, observed=True)["temperature"].agg(["min", "max"])
    joined = out.join(ends, on=names)
    assert (joined["temperature"] >= joined["min"] - 1e-4).all()
    assert (joined["temperature"] <= joined["max"] + 1e-4).all()
