"""A trained run on the ocean of another model: what both have is scored."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from toys import space_on, toy_grid

from deepda.assimilation.baselines import Climatology
from deepda.assimilation.cycle import DivergenceError, Observations, StateEstimate
from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.control.prepare import ControlError
from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.output.netcdf import AnalysisWriter
from deepda.settings.compose import load_config
from osse.twin.fraternal import prepared_truth, twin_of_truth
from osse.twin.twin import analyse

CONFIG = load_config(
    "osse", ["per_year=12", "osse.test_years=2", "osse.spinup=1", "observations=random", "seed=3"]
)
SOURCE = Path("other_model.nc")


def other_ocean(grid: Grid, flooded: int = 5, dried: int = 6) -> Grid:
    """Some land of a grid under water, and some of its water dry."""
    ocean = grid.ocean.copy()
    ocean[tuple(np.argwhere(~grid.ocean)[:flooded].T)] = True
    ocean[tuple(np.argwhere(grid.ocean)[:dried].T)] = False
    return grid.with_ocean(ocean)


def truth_on(grid: Grid, years: int, jump: float = 0.0) -> xr.DataArray:
    """(time, depth, lat, lon) degC of whole years of months; the last two are `jump` K warmer."""
    values = np.random.default_rng(4).normal(10, 1, (12 * years, *grid.shape)).astype(np.float32)
    values[-24:] += np.float32(jump)
    season = np.tile(np.arange(12), years)
    field = np.where(grid.ocean, values, np.float32(np.nan))
    return xr.DataArray(field, {"season": ("time", season)}, ("time", "depth", "lat", "lon"))


@pytest.fixture
def space() -> StateSpace:
    return space_on(toy_grid(np.random.default_rng(0)))


def test_what_both_oceans_have_is_observed_and_scored(space: StateSpace) -> None:
    other = other_ocean(space.grid)
    twin = twin_of_truth(CONFIG, space, other, truth_on(other, 5), SOURCE)
    shared = space.grid.ocean & other.ocean
    assert shared.sum() == space.grid.ocean.sum() - 6
    np.testing.assert_array_equal(twin.space.grid.ocean, shared)
    np.testing.assert_array_equal(np.isfinite(twin.truth.values).all(axis=0), shared)
    seen = np.max([one.count for one in twin.found], axis=0) > 0
    assert seen.any() and not (seen & ~shared).any()


@pytest.mark.parametrize("of_control", [True, False])
def test_another_ocean_may_depart_further_where_the_control_run_is_quiet(
    space: StateSpace, tmp_path: Path, of_control: bool
) -> None:
    """Half a kelvin, where a standard deviation of the control run is a hundredth of one."""
    quiet = replace(space, scale=np.full(space.grid.shape, 0.01, np.float32))
    twin = twin_of_truth(CONFIG, quiet, quiet.grid, truth_on(quiet.grid, 5), SOURCE)
    assert not twin.of_control

    def analysed() -> float:
        far = Far(torch.from_numpy(quiet.grid.ocean))
        with Progress(stream=io.StringIO()) as progress:
            return analyse(
                replace(twin, of_control=of_control),
                far,
                tmp_path / "a.nc",
                {},
                progress,
                "",
                full=False,
            )

    if of_control:
        with pytest.raises(DivergenceError, match="50 standard deviations"):
            analysed()
    else:
        assert analysed() > 0


class Far(Climatology):
    """Analyses that are fifty standard deviations off, whatever was observed."""

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        return replace(background, mean=50 * background.spread.sign())


def test_the_scored_years_are_no_part_of_the_climatology(space: StateSpace) -> None:
    calm, warm = (
        twin_of_truth(CONFIG, space, space.grid, truth_on(space.grid, 6, jump), SOURCE)
        for jump in (0.0, 5.0)
    )
    np.testing.assert_array_equal(calm.space.climatology.mean, warm.space.climatology.mean)
    before, after = (
        np.nanmean(twin.truth - twin.space.climatology.mean.mean(0)) for twin in (calm, warm)
    )
    assert after - before == pytest.approx(5.0, abs=1e-3)


def test_a_truth_without_a_year_left_for_its_climatology_is_refused(space: StateSpace) -> None:
    with pytest.raises(
        ControlError, match=r"holds 2 whole years, expected more than the 2 .*test_years"
    ):
        twin_of_truth(CONFIG, space, space.grid, truth_on(space.grid, 2), SOURCE)
    assert len(twin_of_truth(CONFIG, space, space.grid, truth_on(space.grid, 3), SOURCE).windows) == 24


def test_oceans_without_a_common_cell_are_refused(space: StateSpace) -> None:
    elsewhere = space.grid.with_ocean(~space.grid.ocean)
    with pytest.raises(ControlError, match=r"no cell is water both in the run and in other_model\.nc"):
        twin_of_truth(CONFIG, space, elsewhere, truth_on(elsewhere, 4), SOURCE)


@pytest.mark.slow
@pytest.mark.parametrize("per_year", [12, 73])
def test_months_are_no_truth_for_a_run_of_pentads(tmp_path: Path, per_year: int) -> None:
    grid, span = toy_grid(np.random.default_rng(0)), windows(2001, 2003, 12)
    with AnalysisWriter(tmp_path / "months.nc", grid, span, variables=("thetao",)) as out:
        for step in range(len(span)):
            even = np.broadcast_to(10 + grid.lat[:, None] / 90, grid.shape).astype(np.float32)
            out.write(step, np.where(grid.ocean, even, np.float32(np.nan)))
    edges = [
        f"grid.{name}={[float(edge) for edge in getattr(grid, name)]}"
        for name in ("lat_edges", "lon_edges", "depth_edges")
    ]
    config = load_config("osse", [*edges, f"per_year={per_year}", "osse.spinup=1"])
    (tmp_path / "out").mkdir()
    with Progress() as progress:
        if per_year == 12:
            assert prepared_truth([tmp_path / "months.nc"], config, tmp_path / "out", progress).exists()
            return
        with pytest.raises(ControlError, match=r"lasts 6\.2 of the 73 windows a year, .*per_year=12"):
            prepared_truth([tmp_path / "months.nc"], config, tmp_path / "out", progress)
