"""One observation: its increment is in K, keeps to the water, and is asked of all methods alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepda.assimilation.baselines import Climatology, Persistence
from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.state import StateSpace
from deepda.climatology.seasonal import Climatology as Seasons
from deepda.geometry.grid import Grid
from osse.twin.increments import across_land, increment, nearest_water, single_observations

EDGES = (np.linspace(-88, 88, 23), np.linspace(0, 360, 46), np.array([0.0, 20, 80, 150, 400]))


def globe(wall: bool) -> StateSpace:
    """Water everywhere; with `wall`, land along the Americas between the two seas of Panama."""
    ocean = np.ones((4, 22, 45), bool)
    grid = Grid(*EDGES, ocean=ocean)
    if wall:
        ocean[:, np.abs(grid.lat - 9) < 2] = False
        grid = replace(grid, ocean=ocean)
    scale = np.random.default_rng(0).uniform(0.5, 2, grid.shape).astype(np.float32)
    mean = np.where(ocean, np.zeros((12, *grid.shape), np.float32), np.nan)
    return StateSpace(grid, Seasons(mean, np.where(ocean, scale, np.nan)), scale)


class Blunt:
    """Every cell moves by half of the mean misfit of the observed cells."""

    def __init__(self, ocean: np.ndarray) -> None:
        self.ocean = torch.from_numpy(ocean)

    def first_guess(self, batch: int) -> StateEstimate:
        zero = torch.zeros(batch, *self.ocean.shape)
        return StateEstimate(zero, zero + 1, zero[:, :0])

    def forecast(self, analysis: StateEstimate, season: torch.Tensor) -> StateEstimate:
        return analysis

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        misfit = (observations.value - background.mean)[observations.seen].mean()
        return replace(background, mean=background.mean + 0.5 * misfit)


def test_the_misfit_is_one_kelvin_whatever_the_scale() -> None:
    space = globe(wall=True)
    cell = nearest_water(space.grid, 0.0, 220.0, 110.0)
    assert cell is not None
    found = increment(Blunt(space.grid.ocean), space, cell)
    assert found[cell] == pytest.approx(0.5)
    assert np.isnan(found[~space.grid.ocean]).all() and np.isfinite(found[space.grid.ocean]).all()


def test_the_share_beyond_an_isthmus_is_that_of_standardised_increments_in_kelvin() -> None:
    space = globe(wall=True)
    shares = across_land({"blunt": Blunt(space.grid.ocean)}, space)["Panama"]
    here, there = (nearest_water(space.grid, *place, 0.0) for place in ((6.0, 280.0), (12.0, 281.0)))
    assert here != there
    assert shares["blunt"] == pytest.approx(space.scale[there] / space.scale[here], rel=1e-5)


def test_methods_that_spread_nothing_leave_the_other_side_alone() -> None:
    space = globe(wall=True)
    shares = across_land({"persistence": Persistence(torch.from_numpy(space.grid.ocean))}, space)
    assert all(share["persistence"] == 0 for share in shares.values()) and shares


def test_a_place_without_water_near_is_left_out() -> None:
    space = globe(wall=False)
    ocean = space.grid.ocean.copy()
    ocean[:, space.grid.lat < -30] = False
    dry = replace(space, grid=replace(space.grid, ocean=ocean))
    found = single_observations(
        {"blunt": Blunt(ocean), "climatology": Climatology(torch.from_numpy(ocean))}, dry
    )
    assert list(found["place"].values) == ["equatorial Pacific", "Gulf Stream"]
    assert found["increment"].dims == ("analyser", "place", "depth", "lat", "lon")
    assert float(abs(found["increment"].sel(analyser="climatology")).max()) == 0


@pytest.mark.parametrize("lon", [-80.0, 280.0])
def test_longitudes_of_either_convention_find_the_same_cell(lon: float) -> None:
    grid = globe(wall=False).grid
    cell = nearest_water(grid, 6.0, lon, 0.0)
    assert cell is not None
    assert abs(grid.lat[cell[1]] - 6) <= 4.1 and abs(grid.lon[cell[2]] - 280) <= 4.1
