"""A climatology moved to a common period: what it lacks is found where observed, and no trend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from test_real_reanalysis import archive, settings, write_climatology
from test_reanalysis import trained
from toys import toy_space

from deepda.base.progress import Progress
from deepda.climatology.common_period import YearlyAnomalies
from deepda.feedback import usable
from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.ingest import ingest
from deepda.settings.schema import ConfigError
from reanalysis.ingested_ocean import open_archive

__all__ = ["archive", "trained"]  # fixtures
pytestmark = pytest.mark.slow
YEARS = range(1981, 2011)
MIDDLE = 1995.5


def ocean() -> Grid:
    return Grid(
        np.linspace(-80, 80, 41), np.linspace(0, 360, 91), np.array([0.0, 50, 100]), np.ones((2, 40, 90))
    )


def corrected(
    value: Callable[[int], float],
    observed: Callable[[int], bool],
    noise: float = 0.2,
    where: str = "all",
) -> NDArray[np.float64]:
    """Of anomalies `value` (K) in the years in which cells are `observed`, with noise of each cell."""
    grid, rng = ocean(), np.random.default_rng(1)
    sums = YearlyAnomalies(grid, YEARS)
    cell = np.arange(grid.ocean.size) if where == "all" else np.array([20 * 90 + 45])
    for year in YEARS:
        if observed(year):
            sums.add(year, cell, value(year) + noise * rng.normal(size=cell.size))
    return sums.correction()


def test_what_the_climatology_lacks_is_found_where_observations_are_dense() -> None:
    found = corrected(lambda year: 0.4, lambda year: True)
    assert found == pytest.approx(0.4, abs=0.08)


def test_an_ocean_that_warms_and_is_observed_unevenly_gets_the_middle_of_the_period() -> None:
    found = corrected(
        lambda year: 0.05 * (year - MIDDLE) + 0.1, lambda year: year > 1993 or year % 3 == 0
    )
    assert found == pytest.approx(0.1, abs=0.12)
    assert abs(found.mean() - 0.1) < 0.02


@pytest.mark.parametrize("observed", [lambda year: year >= 1996, lambda year: year < 1984])
def test_cells_observed_in_one_half_of_the_period_move_nothing(observed: Callable[[int], bool]) -> None:
    found = corrected(lambda year: 1.0, observed)
    assert (found == 0).all()


def test_a_correction_fades_with_the_distance() -> None:
    found = corrected(lambda year: 0.5, lambda year: True, where="one")
    here, far = (0, 20, 45), (0, 20, 70)
    assert found[here] == pytest.approx(0.5, rel=0.25) and abs(found[far]) < 1e-3
    assert (found[1] == 0).all()  # another layer


def test_values_outside_and_missing_do_not_count() -> None:
    sums = YearlyAnomalies(ocean(), YEARS)
    sums.add(1981, np.array([OUTSIDE, 5, 5, 6]), np.array([9.0, 1.0, 3.0, np.nan]))
    assert sums.total[0, 5] == 2 and sums.windows.sum() == 1 and sums.total.sum() == 2


def write_section(path: Path) -> None:
    """A cast of two ships each January of five years in one column of the toy ocean, at its normal."""
    grid = toy_space().grid
    row, column = np.argwhere(grid.ocean.all(0))[0]
    normal = float(np.nanmean(toy_space().climatology.mean[0]))
    rows = [
        {"time": f"{year}-01-{day}", "lat": grid.lat[row], "lon": grid.lon[column], "depth": depth,
         "temperature": normal + 0.01 * day, "platform_type": "ctd", "platform_id": f"{year}{day}"}
        for year in range(1996, 2001) for day in (11, 16) for depth in (5.0, 25, 50, 75, 100)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(path, index=False)


def test_an_archive_moves_its_climatology_and_nothing_of_its_values(
    trained: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    departure = "reanalysis.ingested_ocean.displacement_spread"
    monkeypatch.setattr(departure, lambda mean, grid: np.full(grid.shape, 3.0))
    write_section(tmp_path / "section.csv")
    ingest([tmp_path / "section.csv"], tmp_path / "obs", workers=1)
    write_climatology(tmp_path / "warm.nc", shift=1.0)
    words = [f"observations.climatology=['{tmp_path / 'warm.nc'}']",
             f"observations.folder='{tmp_path / 'obs'}'"]  # fmt: skip
    as_it_is = settings(trained, archive, *words)
    moved = settings(trained, archive, *words, "observations.period=[1996,2000]")
    space = toy_space()
    oceans = [open_archive(config, space, tmp_path, Progress()) for config in (as_it_is, moved, moved)]
    before, after, again = oceans
    change = np.nan_to_num(after.climatology.mean - before.climatology.mean)
    assert -1.2 < change[0, 0].min() < -0.6 and np.abs(change[0, -1]).max() < 0.3  # below the casts
    assert np.ptp(change, axis=0).max() < 1e-5  # the same in all seasons
    np.testing.assert_array_equal(after.climatology.mean, again.climatology.mean)
    assert after.about["climatology_period"] == [1996, 2000]
    start, end = np.datetime64("1998-01-01"), np.datetime64("1998-02-01")
    was, now = (usable(one.table(start, end)) for one in (before, after))
    assert len(was) == len(now) > 1
    np.testing.assert_array_equal(was[["temperature", "error"]], now[["temperature", "error"]])
    np.testing.assert_allclose(was["error"], 3 * 0.5**0.5, rtol=1e-3)  # half of the variance


@pytest.mark.parametrize("period", ["[2010,1981]", "[1981]", "[1981,1983]"])
def test_a_period_that_is_none_is_refused(trained: Path, archive: Path, period: str) -> None:
    with pytest.raises(ConfigError, match=r"observations\.period"):
        settings(trained, archive, f"observations.period={period}")
