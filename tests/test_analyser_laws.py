"""Laws that every Analyser must keep. To add one: a factory from a Grid in ANALYSERS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from toys import persistence

from deepda.assimilation.baselines import Climatology, OptimalInterpolation, Persistence
from deepda.assimilation.baselines import optimal_interpolation as baseline
from deepda.assimilation.cycle import Analyser, Observations, StateEstimate, cycle
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.assimilation.superobs import superobs
from deepda.climatology.seasonal import Climatology as SeasonalCycle
from deepda.geometry.grid import Grid
from deepda.networks.ham2024 import Ham2024Analyser
from deepda.networks.innovation import InnovationAnalyser, Statics
from deepda.networks.unet3plus_analyser import UNet3PlusAnalyser

PER_YEAR, SEASON, BATCH = 12, 5, 3
STDDEV = 0.7  # K, of the toy climatology


def optimal_interpolation(grid: Grid) -> Analyser:
    rng = np.random.default_rng(3)
    history = rng.standard_normal((40, *grid.shape), np.float32).cumsum(axis=0) * 0.3
    fitted = OptimalInterpolation.fit(history.astype(np.float32), grid, 5000.0, 200.0, 0.3)
    error = torch.from_numpy(grid.ocean) * 0.2
    return replace(fitted, error_stddev=error)


def ham(grid: Grid) -> Analyser:
    torch.manual_seed(0)
    ocean = torch.from_numpy(grid.ocean)
    return Ham2024Analyser(ocean).eval()


def statics_of(grid: Grid) -> Statics:
    ocean = torch.from_numpy(grid.ocean)
    lat = torch.from_numpy(grid.lat).float()
    transition = persistence(grid, 0.95, 0.02)
    patterns = 0.3 * torch.randn(3, *grid.shape[:2], 1).expand(-1, -1, -1, grid.shape[2]) * ocean
    return Statics(ocean, lat, torch.full(grid.shape, STDDEV), transition, patterns)


def away_from_the_start(made: nn.Module) -> Any:
    """The network with random weights also where training starts from zero."""
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made.eval().requires_grad_(False)


def innovation(grid: Grid, hidden: int = 4) -> InnovationAnalyser:
    torch.manual_seed(0)
    return away_from_the_start(InnovationAnalyser(statics_of(grid), hidden, levels=1, iterations=20))


def with_error_samples(grid: Grid) -> InnovationAnalyser:
    """The default generator with the covariance of correlated errors."""
    made, rng = innovation(grid), np.random.default_rng(5)
    errors = rng.standard_normal((30, 4)) @ rng.standard_normal((4, grid.ocean.size)) / 2
    made.use_error_samples(SampleCovariance.fit(errors.reshape(30, *grid.shape), grid, 4000.0, 200.0))
    return made


def unet3plus(grid: Grid) -> Analyser:
    torch.manual_seed(0)
    return away_from_the_start(UNet3PlusAnalyser(statics_of(grid), filters=4, depth=2, dropout=0.2))


ANALYSERS: dict[str, Callable[[Grid], Analyser]] = {
    "climatology": lambda grid: Climatology(torch.from_numpy(grid.ocean)),
    "persistence": lambda grid: Persistence(torch.from_numpy(grid.ocean)),
    "oi": optimal_interpolation,
    "ham2024": ham,
    "innovation": innovation,
    "innovation with error samples": with_error_samples,
    "unet3plus": unet3plus,
}
BLIND = {"climatology"}  # never look at observations


@pytest.fixture(autouse=True)
def solved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optimal interpolation to rounding, so that the laws are not those of its solver."""
    monkeypatch.setattr(baseline, "TOLERANCE", 1e-6)


@pytest.fixture(params=ANALYSERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def analyser(name: str, grid: Grid) -> Analyser:
    return ANALYSERS[name](grid)


@pytest.fixture
def ocean(grid: Grid) -> Tensor:
    return torch.from_numpy(grid.ocean)


def drawn(ocean: Tensor, seed: int, batch: int = BATCH) -> Observations:
    """Each member is seen at other cells, with other precision; NaN where nothing was seen."""
    draw = torch.Generator().manual_seed(seed)
    value, precision = torch.randn(2, batch, *ocean.shape, generator=draw)
    seen = (torch.rand(batch, *ocean.shape, generator=draw) < 0.1) & ocean
    precision = (1 + precision.square()).where(seen, 0.0)
    return Observations(value.where(seen, torch.nan), precision, torch.tensor([SEASON]), PER_YEAR)


def without_observations(observations: Observations) -> Observations:
    return replace(observations, precision=torch.zeros_like(observations.precision))


@torch.no_grad()
def background_of(analyser: Analyser, ocean: Tensor, batch: int = BATCH) -> StateEstimate:
    """A background that has seen something: two windows from the first guess, then a forecast."""
    analysis = analyser.first_guess(batch)
    for seed in (1, 2):
        analysis = next(cycle(analyser, analysis, [drawn(ocean, seed, batch)])).analysis
    return analyser.forecast(analysis, torch.tensor([SEASON]))


@torch.no_grad()
def analysed(analyser: Analyser, background: StateEstimate, observations: Observations) -> StateEstimate:
    return analyser.analyse(background, observations)


def assert_same(
    one: StateEstimate, other: StateEstimate, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    for part in ("mean", "spread", "memory"):
        expected = getattr(other, part)
        torch.testing.assert_close(getattr(one, part), expected, rtol=rtol, atol=atol)


@pytest.mark.slow
def test_no_observation_gives_the_forecast(analyser: Analyser, ocean: Tensor) -> None:
    background = background_of(analyser, ocean)
    nothing = without_observations(drawn(ocean, 3))
    assert_same(analysed(analyser, background, nothing), background, rtol=0, atol=0)


@pytest.mark.slow
def test_a_member_without_observations_keeps_its_forecast_beside_one_that_has_some(
    analyser: Analyser, ocean: Tensor
) -> None:
    background, observations = background_of(analyser, ocean), drawn(ocean, 3)
    observations.precision[1] = 0.0
    analysis = analysed(analyser, background, observations)
    assert_same(member(analysis, 1), member(background, 1), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_observations_are_used(name: str, analyser: Analyser, ocean: Tensor) -> None:
    """Else the other laws would hold for an Analyser that does nothing."""
    background = background_of(analyser, ocean)
    analysis = analysed(analyser, background, drawn(ocean, 3))
    moved = (analysis.mean - background.mean).abs().flatten(1).amax(dim=1)
    assert bool((moved > 0.01).all()) == (name not in BLIND)


@pytest.mark.slow
def test_two_equal_observations_equal_one_with_half_the_error_variance(
    analyser: Analyser, grid: Grid, ocean: Tensor
) -> None:
    background = background_of(analyser, ocean, batch=1)
    once = table_of(grid)
    twice = pd.concat([once, once], ignore_index=True)
    better = once.assign(error=once["error"] / np.sqrt(2))
    doubled = analysed(analyser, background, gridded(twice, grid))
    assert_same(doubled, analysed(analyser, background, gridded(better, grid)))


@pytest.mark.slow
def test_the_order_of_observations_is_irrelevant(analyser: Analyser, grid: Grid, ocean: Tensor) -> None:
    background, table = background_of(analyser, ocean, batch=1), table_of(grid)
    table = pd.concat([table, table.assign(temperature=table["temperature"] + 1)], ignore_index=True)
    forwards = analysed(analyser, background, gridded(table, grid))
    backwards = analysed(analyser, background, gridded(table[::-1].reset_index(drop=True), grid))
    assert_same(forwards, backwards)


@pytest.mark.slow
def test_values_without_precision_never_leak(analyser: Analyser, ocean: Tensor) -> None:
    """NaN, infinite or large, it must not matter what stands where nothing was seen."""
    background, observations = background_of(analyser, ocean), drawn(ocean, 3)
    results = []
    for poison in (torch.nan, torch.inf, 1e6):
        value = observations.value.where(observations.seen, poison)
        results.append(analysed(analyser, background, replace(observations, value=value)))
    assert bool(results[0].mean.isfinite().all() and results[0].spread.isfinite().all())
    for result in results[1:]:
        assert_same(result, results[0], rtol=0, atol=0)


@pytest.mark.slow
def test_observations_on_land_are_ignored(analyser: Analyser, ocean: Tensor) -> None:
    background, observations = background_of(analyser, ocean), drawn(ocean, 3)
    spoilt = replace(
        observations,
        value=observations.value.where(ocean, 9.0),
        precision=observations.precision.where(ocean, 1.0),
    )
    expected = analysed(analyser, background, observations)
    assert_same(analysed(analyser, background, spoilt), expected, rtol=0, atol=0)


@pytest.mark.slow
def test_nothing_on_land(analyser: Analyser, ocean: Tensor) -> None:
    background = background_of(analyser, ocean)
    for estimate in (
        analyser.first_guess(BATCH),
        background,
        analysed(analyser, background, drawn(ocean, 3)),
    ):
        assert not estimate.mean[:, ~ocean].any()
        assert not estimate.spread[:, ~ocean].any()
        assert bool((estimate.spread[:, ocean] > 0).all())


@pytest.mark.slow
def test_dims_and_type_are_kept(analyser: Analyser, ocean: Tensor) -> None:
    background = background_of(analyser, ocean)
    for estimate in (background, analysed(analyser, background, drawn(ocean, 3))):
        assert estimate.mean.shape == estimate.spread.shape == (BATCH, *ocean.shape)
        assert estimate.memory.shape == analyser.first_guess(BATCH).memory.shape
        assert estimate.mean.dtype == estimate.spread.dtype == torch.float32


@pytest.mark.slow
def test_members_of_a_batch_are_independent(analyser: Analyser, ocean: Tensor) -> None:
    background, observations = background_of(analyser, ocean), drawn(ocean, 3)
    together = analysed(analyser, background, observations)
    for number in range(BATCH):
        one = slice(number, number + 1)
        alone = replace(
            observations, value=observations.value[one], precision=observations.precision[one]
        )
        assert_same(member(together, number), analysed(analyser, member(background, number), alone))


@pytest.mark.slow
def test_what_is_given_is_not_written_into(analyser: Analyser, ocean: Tensor) -> None:
    background, observations = background_of(analyser, ocean), drawn(ocean, 3)
    given = (background.mean, background.spread, observations.precision)
    before = [field.clone() for field in given]
    analysed(analyser, background, observations)
    with torch.no_grad():
        analyser.forecast(background, observations.season)
    for field, copy in zip(given, before, strict=True):
        torch.testing.assert_close(field, copy, rtol=0, atol=0)


def member(estimate: StateEstimate, number: int) -> StateEstimate:
    one = slice(number, number + 1)
    return StateEstimate(estimate.mean[one], estimate.spread[one], estimate.memory[one])


def table_of(grid: Grid) -> pd.DataFrame:
    """One row in each of thirty water cells."""
    rng = np.random.default_rng(4)
    level, row, column = rng.permutation(np.argwhere(grid.ocean))[:30].T
    return pd.DataFrame(
        {
            "time": np.datetime64("2008-03-01T00:00:00"),
            "lat": grid.lat[row],
            "lon": grid.lon[column],
            "depth": grid.depth[level],
            "temperature": 10 + rng.standard_normal(30),
            "error": rng.uniform(0.2, 1.0, 30),
        }
    )


def gridded(table: pd.DataFrame, grid: Grid) -> Observations:
    """Superobservations in climatological standard deviations, batch of one."""
    shape = (PER_YEAR, *grid.shape)
    mean = np.where(grid.ocean, 10.0, np.nan) * np.ones(shape)
    seasons = SeasonalCycle(
        mean.astype(np.float32), np.where(grid.ocean, STDDEV, np.nan).astype(np.float32)
    )
    combined = superobs(table, grid, SEASON, seasons)
    return Observations(
        torch.from_numpy(combined.anomaly / np.float32(STDDEV))[None],
        torch.from_numpy(combined.precision * np.float32(STDDEV**2))[None],
        torch.tensor([SEASON]),
        PER_YEAR,
    )
