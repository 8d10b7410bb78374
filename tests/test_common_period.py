"""A climatology moved to a common period: what it lacks is found where observed, and no trend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from test_real_reanalysis import archive, settings, write_climatology
from test_reanalysis import trained
from toys import toy_space

from deepda.base.progress import Progress
from deepda.climatology.common_period import (
    EXPECTED,
    NOISE,
    YEARLY,
    MeanDepartures,
    in_season,
)
from deepda.climatology.objective_analysis import correlation
from deepda.feedback.window import usable
from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.ingest import ingest
from deepda.observations.manifest import IngestError
from deepda.settings.schema import ConfigError
from reanalysis.ingested_ocean import open_archive

__all__ = ["archive", "trained"]  # fixtures
pytestmark = pytest.mark.slow
Item = TypeVar("Item")
YEARS = range(1981, 2011)
MIDDLE = 1995.5
SPREAD = 1.0  # K, departures of a displaced ocean
HERE, CELL = (0, 20, 45), 20 * 90 + 45
Value = Callable[[int, int], float]


def ocean() -> Grid:
    return Grid(
        np.linspace(-80, 80, 41), np.linspace(0, 360, 91), np.array([0.0, 50, 100]), np.ones((2, 40, 90))
    )


def departures(grid: Grid, per_year: int = 12) -> MeanDepartures:
    return MeanDepartures(grid, np.where(grid.ocean, SPREAD, 0.0), YEARS, per_year)


def corrected(
    value: Value, observed: Callable[[int], bool] = lambda year: True, seasons: range = range(12)
) -> NDArray[np.float64]:
    """(term, depth, lat, lon) of departures `value` (K) of a year and month at CELL."""
    found = departures(ocean())
    for year in filter(observed, YEARS):
        found.add_year(year, [(k, np.array([CELL]), np.array([value(year, k)])) for k in seasons])
    return found.terms()


def posterior(rows: list[tuple[int, int, float]], per_year: int = 12) -> NDArray[np.float64]:
    """Mean, cosine, sine and trend of (year, season, value), by the whole covariance of the values."""
    year, season, value = (np.array(column) for column in zip(*rows, strict=True))
    angle = 2 * np.pi * (season + 0.5) / per_year
    design = np.stack([np.ones(len(rows)), np.cos(angle), np.sin(angle), (year - MIDDLE) / 10], 1)
    expected = (SPREAD * EXPECTED) ** 2
    same = year[:, None] == year
    noise = (NOISE * SPREAD) ** 2 * (YEARLY * same + (1 - YEARLY) * np.eye(len(rows)))
    innovation = design * expected @ design.T + noise
    return np.asarray(expected * (design.T @ np.linalg.solve(innovation, value)))


def test_what_the_climatology_lacks_is_found_where_it_is_observed() -> None:
    found = corrected(lambda year, month: 0.4)
    assert found[0][HERE] == pytest.approx(0.4, rel=0.15)
    assert np.abs(found[1:, *HERE]).max() < 0.02


def test_a_season_that_the_climatology_lacks_is_found_with_its_month() -> None:
    found = corrected(lambda year, month: 0.5 * np.cos(2 * np.pi * (month + 0.5) / 12 - 1.0))
    cycle = in_season(found, 12)[:, *HERE]
    np.testing.assert_allclose(
        cycle, 0.5 * np.cos(2 * np.pi * (np.arange(12) + 0.5) / 12 - 1.0), atol=0.1
    )


def test_years_and_seasons_observed_unevenly_give_the_mean_of_all_data_weighed_by_their_errors() -> None:
    rng = np.random.default_rng(2)
    rows = [
        (year, month, float(rng.normal()))
        for year in (1981, 1984, 2002, 2003, 2010) for month in rng.permutation(12)[: rng.integers(1, 7)]
    ]  # fmt: skip
    found = departures(ocean())
    for year in sorted({row[0] for row in rows}):
        of_year = [(int(month), np.array([CELL]), np.array([v])) for y, month, v in rows if y == year]
        found.add_year(year, of_year)
    np.testing.assert_allclose(found.terms()[:, *HERE], posterior(rows)[:3], rtol=1e-6)


def test_an_ocean_that_warms_and_is_observed_unevenly_gets_the_middle_of_the_period() -> None:
    found = corrected(
        lambda year, month: 0.03 * (year - MIDDLE) + 0.1, lambda year: year > 1993 or year % 3 == 0
    )
    assert found[0][HERE] == pytest.approx(0.1, abs=0.04)


def test_years_of_one_end_of_the_period_say_less_than_as_many_all_over_it() -> None:
    late = corrected(lambda year, month: 1.0, lambda year: year >= 2005)
    spread = corrected(lambda year, month: 1.0, lambda year: year % 5 == 0)
    assert 0.1 < late[0][HERE] < 0.9 * spread[0][HERE]


def test_a_correction_fades_with_the_distance_and_stays_in_its_layer() -> None:
    found = corrected(lambda year, month: 0.5)[0]
    row, column = HERE[1:]
    assert 0.3 < found[0, row, column + 2] / found[HERE] < 1  # 8 degrees along the equator
    assert found[0, row + 2, column] < 0.3 * found[HERE]
    assert abs(found[0, row, column - 30]) < 1e-3
    assert (found[1] == 0).all()


def test_a_correction_does_not_know_where_longitudes_begin() -> None:
    rng, cells = np.random.default_rng(3), np.arange(3600).reshape(40, 90)
    value, observed = rng.normal(size=(40, 90)), rng.random((40, 90)) < 0.1
    found = []
    for turn in (0, 37):
        turned = departures(ocean())
        where = np.roll(observed, turn, 1)
        for year in YEARS[::3]:
            turned.add_year(year, [(4, cells[where], np.roll(value, turn, 1)[where])])
        found.append(np.roll(turned.terms(), -turn, -1))
    np.testing.assert_allclose(found[1], found[0], atol=1e-9)


def test_the_correlation_of_what_is_lacking_is_a_covariance_across_date_line_and_equator() -> None:
    rng = np.random.default_rng(4)
    lat, lon = rng.uniform(-70, 70, 300), rng.uniform(-180, 540, 300)
    lat[:150] = rng.uniform(-15, 15, 150)
    found = correlation(lat, lon, lat, lon)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(found), 1)
    assert np.linalg.eigvalsh(found).min() > -1e-3  # noise of a thousandth makes it whole
    east, north = (
        correlation(*(np.array([x]) for x in pair))[0, 0] for pair in ((0, 179, 0, -177), (0, 0, 4, 0))
    )
    assert east > 0.9 > north


def test_values_outside_missing_and_on_land_do_not_count() -> None:
    land = np.ones((2, 40, 90))
    land[0, 0, 7] = 0
    found = departures(ocean().with_ocean(land.astype(bool)))
    outside = [(0, np.array([OUTSIDE, 7, 5]), np.array([9.0, 9.0, np.nan]))]
    found.add_year(1981, outside)
    assert (found.terms() == 0).all()
    found.add_year(1982, [(0, np.array([5, 5]), np.array([1.0, 3.0]))])
    twice = departures(ocean().with_ocean(land.astype(bool)))
    twice.add_year(1982, [(0, np.array([5]), np.array([2.0]))])
    np.testing.assert_array_equal(found.terms(), twice.terms())
    assert found.terms()[0, 0, 0, 7] == 0 < found.terms()[0, 0, 0, 5]


def test_a_fine_grid_is_corrected_as_a_coarse_one() -> None:
    fine = Grid(
        np.linspace(-80, 80, 161), np.linspace(0, 360, 361), np.array([0.0, 50]), np.ones((1, 160, 360))
    )
    found = MeanDepartures(fine, np.full(fine.shape, SPREAD), YEARS, 12)
    cell = 80 * 360 + 181
    for year in YEARS:
        found.add_year(year, [(k, np.array([cell]), np.array([0.4])) for k in range(12)])
    coarse = corrected(lambda year, month: 0.4)
    assert found.terms()[0].max() == pytest.approx(coarse[0].max(), rel=0.1)


def test_a_large_grid_is_spread_out_row_by_row_as_all_at_once() -> None:
    rng, grid = np.random.default_rng(5), ocean()
    cells = rng.choice(3600, 60, replace=False)
    found = departures(grid)
    for year in YEARS[::2]:
        found.add_year(year, [(3, cells, rng.normal(size=60)), (9, cells[:30], rng.normal(size=30))])
    value, precision = found._fitted()
    observed = np.flatnonzero((precision[:, 0] > 0).any(0))
    places = [axis.ravel() for axis in np.meshgrid(grid.lat, grid.lon, indexing="ij")]
    at = [axis[observed] for axis in places]
    for term, size in enumerate(EXPECTED[:3]):
        known = precision[term, 0, observed] > 0
        error = np.where(known, 1 / np.where(known, precision[term, 0, observed], 1), 1e12)
        covariance = (size * SPREAD) ** 2 * correlation(*at, *at) + np.diag(error)
        weights = np.linalg.solve(covariance, value[term, 0, observed])
        expected = (size * SPREAD) ** 2 * correlation(*places, *at) @ weights
        np.testing.assert_allclose(found.terms()[term, 0].ravel(), expected, atol=1e-6)


class Watched(Progress):
    """Says whether a stage that was followed came to its end."""

    ended = False

    def track(self, items: Iterable[Item], title: str, total: int | None = None) -> Iterator[Item]:
        yield from super().track(items, title, total)
        self.ended = True


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


def test_an_archive_moves_its_climatology_and_nothing_of_its_values_or_refuses_the_years(
    trained: Path,
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("reanalysis.ingested_ocean", "deepda.runs.errors"):
        departure = f"{module}.displacement_spread"
        monkeypatch.setattr(departure, lambda mean, grid, **given: np.full(grid.shape, 3.0))
    write_section(tmp_path / "section.csv")
    ingest([tmp_path / "section.csv"], tmp_path / "obs", workers=1)
    write_climatology(tmp_path / "warm.nc", shift=1.0)
    words = [f"observations.climatology=['{tmp_path / 'warm.nc'}']",
             f"observations.folder='{tmp_path / 'obs'}'"]  # fmt: skip
    as_it_is = settings(trained, archive, *words)
    moved = settings(trained, archive, *words, "observations.period=[1996,2000]")
    space = toy_space()
    watched = Watched()
    oceans = [open_archive(config, space, tmp_path, watched) for config in (as_it_is, moved, moved)]
    before, after, again = oceans
    change = np.nan_to_num(after.climatology.mean - before.climatology.mean)
    assert -0.7 < change[0, 0].min() < -0.2 and np.abs(change[0, -1]).max() < 0.3  # below the casts
    assert 0 < np.ptp(change[:, 0], axis=0).max() < 0.5  # Januaries alone say little of the season
    np.testing.assert_array_equal(after.climatology.mean, again.climatology.mean)
    assert after.about["climatology_period"] == [1996, 2000]
    assert watched.ended
    before_any = settings(trained, archive, *words, "observations.period=[1901,1930]")
    with pytest.raises(IngestError, match=r"period 1901-1930.*1996-2000 found.*observations\.period"):
        open_archive(before_any, space, tmp_path, Progress())
    start, end = np.datetime64("1998-01-01"), np.datetime64("1998-02-01")
    was, now = (usable(one.table(start, end)) for one in (before, after))
    assert len(was) == len(now) > 1
    np.testing.assert_array_equal(was[["temperature", "error"]], now[["temperature", "error"]])
    np.testing.assert_allclose(was["error"], 3 * 0.5**0.5, rtol=1e-3)  # half of the variance


@pytest.mark.parametrize("period", ["[2010,1981]", "[1981]", "[1981,1983]"])
def test_a_period_that_is_none_is_refused(trained: Path, archive: Path, period: str) -> None:
    with pytest.raises(ConfigError, match=r"observations\.period"):
        settings(trained, archive, f"observations.period={period}")
