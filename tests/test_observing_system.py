"""The historical observing system: history's numbers, nothing on land, the same after a restart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from toys import toy_grid

from deepda.assimilation.superobs import superobs
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.geometry.windows import windows
from deepda.observations.errors import ERRORS, ErrorModel
from deepda.observations.synthetic import Blackouts, GriddedNetwork, in_ocean, observe
from deepda.observations.table import cells, require_table
from osse.observing.observing_system import (
    ObservingSystem,
    ObservingSystemError,
    RandomNetwork,
    drawn,
)
from osse.observing.platforms import ARGO, LINES

SCALE = 0.2
HISTORY = windows(1981, 2025)
DAYS = np.timedelta64(1, "D")


@pytest.fixture(scope="module", params=[0, 1])
def system(request: pytest.FixtureRequest) -> ObservingSystem:
    """Two toy oceans, the second one deep enough for every instrument."""
    shallow = toy_grid(np.random.default_rng(request.param), (6, 20, 30))
    factor = 1.0 if request.param == 0 else 2500 / shallow.depth_edges[-1]
    grid = Grid(shallow.lat_edges, shallow.lon_edges, shallow.depth_edges * factor, shallow.ocean)
    return ObservingSystem(grid, seed=request.param, scale=SCALE)


def window(year: int, season: int = 20) -> tuple[np.datetime64, np.datetime64]:
    index = HISTORY.of_year(year)[season]
    return HISTORY.start[index], HISTORY.end[index]


def year_of(system: ObservingSystem, year: int) -> pd.DataFrame:
    return pd.concat([system.places(*window(year, season)) for season in range(73)], ignore_index=True)


@pytest.mark.slow
@pytest.mark.parametrize("year", [1981, 1993, 2004, 2018])
def test_places_lie_in_the_ocean_and_in_their_window(system: ObservingSystem, year: int) -> None:
    start, end = window(year)
    places = system.places(start, end)
    assert len(places) > 100
    assert in_ocean(system.grid, places).all()
    assert ((places["time"] >= start) & (places["time"] < end)).all()


def test_each_profile_has_one_value_in_every_layer_down_to_its_end(system: ObservingSystem) -> None:
    places = system.places(*window(2015))
    profiles = places[places["platform_type"] != "satellite"]
    level = system.grid.locate(profiles["lat"], profiles["lon"], profiles["depth"])[0]
    one = profiles.assign(level=level).groupby(["platform_id", "time"], observed=True)["level"]
    assert one.agg(lambda z: sorted(z) == list(range(len(z)))).all()


@pytest.mark.slow
def test_no_instrument_reaches_deeper_than_it_can(system: ObservingSystem) -> None:
    places = pd.concat([year_of(system, 1992), year_of(system, 2012)])
    half = 0.5 * system.grid.thickness.max()
    deepest = places.groupby("platform_type", observed=True)["depth"].max()
    assert deepest["satellite"] == np.float32(system.grid.depth_edges[0])
    for platform, reach in (("xbt", 750), ("mooring", 500), ("argo", 2000)):
        assert deepest[platform] <= reach + half
    if system.grid.depth_edges[-1] > 2000:
        assert deepest["xbt"] > 450 > deepest["mooring"] - half
        assert deepest["argo"] > 1500


@pytest.mark.slow
def test_the_satellite_sees_a_cell_once_and_most_of_the_sea(system: ObservingSystem) -> None:
    shares = []
    for season in range(73):
        places = system.places(*window(1985, season))
        seen = cells(places[places["platform_type"] == "satellite"], system.grid)
        assert np.unique(seen).size == seen.size
        shares.append(seen.size / system.grid.ocean[0].sum())
    assert np.mean(shares) == pytest.approx(0.6, abs=0.05)
    assert np.std(shares) > 0.005


def test_cloud_gaps_move_and_persist(system: ObservingSystem) -> None:
    wet = system.grid.ocean[0]
    sky = np.array([system.look(*window(1985, season))[0][wet] for season in range(73)], dtype=float)
    assert (sky[1:] != sky[:-1]).any(axis=1).all()
    after_one, after_ten = (np.corrcoef(sky[:-k].ravel(), sky[k:].ravel())[0, 1] for k in (1, 10))
    assert after_one > 0.2 > abs(after_ten)


def test_argo_grows_as_it_did(system: ObservingSystem) -> None:
    for year in (2003, 2007, 2010, 2018):
        start = np.datetime64(f"{year}-06-01T00:00:00")
        floats = next(
            part for part in system.look(start, start + 10 * DAYS)[1] if part.platform == "argo"
        )
        wanted = SCALE * np.interp(year + 0.42, list(ARGO), list(ARGO.values()))
        assert floats.time.size == pytest.approx(wanted, rel=0.03)
        assert np.unique(floats.name).size == floats.time.size  # a float a cycle, once
    assert not any(part.time.size for part in system.look(*window(1999))[1] if part.platform == "argo")


def test_floats_drift_slowly_and_live_for_about_four_years(system: ObservingSystem) -> None:
    floats = next(
        part for part in system.look(*[np.datetime64(f"{y}-01-01") for y in (2000, 2026)])[1]
        if part.platform == "argo"
    )  # fmt: skip
    track = pd.DataFrame(
        {"name": floats.name, "lat": floats.lat, "lon": floats.lon, "time": floats.time}
    )
    track = track.sort_values(["name", "time"])
    same = track["name"].diff() == 0
    assert set(track["time"].diff()[same]) == {864_000.0}
    step = track["lat"].diff()[same]
    assert 0.1 < step.std() < 0.35 and step.abs().max() < 2.0
    east = (track["lon"].diff()[same] + 180) % 360 - 180
    assert (east * np.cos(np.deg2rad(track["lat"][same]))).abs().max() < 4.0
    born_early = track.groupby("name")["time"].agg(["min", "size"])
    lives = born_early["size"][born_early["min"] < np.datetime64("2008-01-01", "s").astype(int)]
    assert lives.mean() == pytest.approx(150, rel=0.2)


@pytest.mark.slow
def test_moorings_stay_and_arrive_in_their_decade(system: ObservingSystem) -> None:
    def sites(year: int, array: str) -> pd.DataFrame:
        places = year_of(system, year)
        rows = places[(places["platform_type"] == "mooring")]
        rows = rows[rows["platform_id"].astype(str).str.startswith(array)]
        return rows.groupby("platform_id", observed=True)[["lat", "lon"]].nunique()

    assert (sites(2010, "tao") == 1).all().all()
    assert len(sites(1983, "tao")) == 0 < len(sites(1990, "tao")) <= len(sites(2003, "tao"))
    assert len(sites(1996, "pirata")) == 0 < len(sites(2012, "pirata"))
    assert len(sites(2000, "rama")) == 0 < len(sites(2016, "rama"))


@pytest.mark.slow
def test_bathythermographs_follow_their_lines_and_decline(system: ObservingSystem) -> None:
    early, late = year_of(system, 1990), year_of(system, 2018)
    number = [(table["platform_type"] == "xbt").sum() for table in (early, late)]
    assert number[0] > 1.4 * number[1] > 0
    ships = early[early["platform_type"] == "xbt"]["platform_id"].astype(str)
    assert set(ships.str.rsplit("-", n=1).str[0]) <= set(LINES)


@pytest.mark.slow
def test_a_crossing_runs_along_its_great_circle(system: ObservingSystem) -> None:
    def unit(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        lat, lon = np.deg2rad(lat), np.deg2rad(lon)
        return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)

    xbt = year_of(system, 1990).query("platform_type == 'xbt'")
    for line, (lat, lon, other_lat, other_lon) in LINES.items():
        rows = xbt[xbt["platform_id"].astype(str).str.startswith(line)]
        pole = np.cross(
            unit(np.array(lat), np.array(lon)), unit(np.array(other_lat), np.array(other_lon))
        )
        off = (
            unit(rows["lat"].to_numpy(float), rows["lon"].to_numpy(float)) @ pole / np.linalg.norm(pole)
        )
        assert np.abs(off).max(initial=0) < 1e-6, line


@pytest.mark.slow
def test_the_same_seed_gives_the_same_places_bit_for_bit(system: ObservingSystem) -> None:
    drawn.cache_clear()
    again = ObservingSystem(system.grid, system.seed, SCALE)
    other = ObservingSystem(system.grid, system.seed + 1, SCALE)
    pd.testing.assert_frame_equal(
        system.places(*window(2009)), again.places(*window(2009)), check_exact=True
    )
    assert not system.places(*window(2009)).equals(other.places(*window(2009)))


@pytest.mark.slow
def test_the_same_seed_in_another_ocean_gives_other_places(system: ObservingSystem) -> None:
    ocean = system.grid.ocean.copy()
    ocean[:, :, :15] = False
    halved = ObservingSystem(system.grid.with_ocean(ocean), system.seed, SCALE)
    assert in_ocean(halved.grid, halved.places(*window(2009))).all()


@pytest.mark.slow
def test_a_restart_in_the_middle_sees_what_the_whole_run_saw(system: ObservingSystem) -> None:
    whole = [system.places(*window(2009, season)) for season in range(30)]
    drawn.cache_clear()
    restarted = ObservingSystem(system.grid, system.seed, SCALE)
    for season in range(20, 30):
        pd.testing.assert_frame_equal(
            restarted.places(*window(2009, season)), whole[season], check_exact=True
        )


@pytest.mark.parametrize("year", [1984, 1996, 2008, 2019])
def test_training_sees_the_precision_that_superobservations_have(
    system: ObservingSystem, year: int
) -> None:
    grid = system.grid
    flat = {name: ErrorModel(model.instrument, surface=0.2, deep=0.2) for name, model in ERRORS.items()}
    truth, rng = np.full(grid.shape, 10, np.float32), np.random.default_rng(0)
    climatology = Climatology(np.repeat(truth[None], 73, axis=0), np.ones_like(truth))
    table = observe(truth, grid, system.places(*window(year)), rng, flat)
    require_table(table)
    result = superobs(table, grid, 20, climatology)
    everything = np.concatenate(list(system.cells(*window(year)).values()))
    np.testing.assert_array_equal(np.sort(everything), np.sort(result.cell))
    precision = GriddedNetwork(grid, system, errors=flat).precision(*window(year))
    np.testing.assert_allclose(precision, result.precision, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("year", [1985, 1999, 2015])
def test_a_training_year_sees_the_cells_that_the_twin_of_that_year_sees(
    system: ObservingSystem, year: int
) -> None:
    grid = system.grid
    network = GriddedNetwork(grid, system, year, year, blackouts=Blackouts((0.0, 1.0), (0.0, 1.0)))
    for season, precision in enumerate(network.stretch(73, np.random.default_rng(0), season=0)):
        seen = np.zeros(grid.ocean.size, bool)
        seen[cells(system.places(*window(year, season)), grid)] = True
        np.testing.assert_array_equal(precision.ravel() > 0, seen)


@pytest.mark.slow
def test_the_scale_multiplies_the_profiles_and_leaves_the_satellite(system: ObservingSystem) -> None:
    double, none = (ObservingSystem(system.grid, system.seed, scale) for scale in (2 * SCALE, 0.0))

    def profiles(network: ObservingSystem) -> float:
        parts = network.look(np.datetime64("1995-01-01"), np.datetime64("2010-01-01"))[1]
        return sum(part.time.size for part in parts)

    assert profiles(double) == pytest.approx(2 * profiles(system), rel=0.08)
    assert set(none.places(*window(2009))["platform_type"]) == {"satellite"}


def test_a_window_outside_history_is_refused(system: ObservingSystem) -> None:
    for start in (np.datetime64("1980-12-29T00:00:00"), np.datetime64("2025-12-29T00:00:00")):
        with pytest.raises(ObservingSystemError, match="drawn for 1981-2025; relabel"):
            system.places(start, start + 5 * DAYS)


def test_tables_of_several_windows_join_without_losing_their_types(system: ObservingSystem) -> None:
    joined = pd.concat([system.places(*window(2009, season)) for season in range(3)])
    pd.testing.assert_series_equal(joined.dtypes, system.places(*window(2009)).dtypes)
    assert joined["time"].dtype == "datetime64[s]"


def test_a_random_network_sees_the_wanted_shares(system: ObservingSystem) -> None:
    grid = system.grid
    network = RandomNetwork(grid, 3, surface=0.3, columns=0.1)
    seen, profiled = 0.0, 0.0
    for season in range(73):
        found = network.cells(*window(2000, season))
        seen += found["satellite"].size / grid.ocean[0].sum() / 73
        profiled += (found["argo"] < grid.ocean[0].size).sum() / grid.ocean[0].sum() / 73
    assert seen == pytest.approx(0.3, abs=0.05)
    assert profiled == pytest.approx(0.1, abs=0.01)
    places = network.places(*window(2000))
    assert in_ocean(grid, places).all()
    everything = np.concatenate(list(network.cells(*window(2000)).values()))
    np.testing.assert_array_equal(cells(places, grid), everything)


def test_a_random_network_refuses_a_share_that_is_none(system: ObservingSystem) -> None:
    with pytest.raises(ObservingSystemError, match=r"columns 3 found"):
        RandomNetwork(system.grid, 0, columns=3)
