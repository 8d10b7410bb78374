"""Baselines with the true dynamics: in the limit they are the exact filter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from osse.known_answer.kalman import exact_analyses
from osse.known_answer.linear_ocean import LinearOcean
from osse.known_answer.network import Network
from osse.known_answer.run import observed, space_of
from osse.known_answer.scores import Analyses, Case, mean_square_error, volume_mean
from osse.known_answer.several import summary
from osse.known_answer.true_dynamics import (
    EnsembleFilter,
    Method,
    StaticInterpolation,
    localisation,
    tuned_ensemble_filter,
    tuned_static_interpolation,
)

ALL = np.inf  # km: no localisation


@pytest.fixture(scope="module")
def ocean() -> LinearOcean:
    return LinearOcean.draw(1, (2, 8, 12))


def case_of(ocean: LinearOcean, steps: int, seed: int = 1, spinup: int = 10) -> Case:
    truth = ocean.simulate(steps, np.random.default_rng(seed))[0]
    return observed(space_of(truth, ocean.grid), truth, Network.draw(ocean, 1), seed, (6, 7), spinup)


def analyses_of(method: Method, case: Case) -> Analyses:
    return Analyses.timed(method.run(case))


def exact(ocean: LinearOcean, case: Case) -> Analyses:
    return Analyses.timed(exact_analyses(ocean, case))


def rmse(found: Analyses, case: Case) -> float:
    return volume_mean(mean_square_error(found.mean, case), case) ** 0.5


@pytest.mark.slow
def test_with_very_many_members_and_no_localisation_it_is_the_exact_filter(ocean: LinearOcean) -> None:
    case = case_of(ocean, 25)
    best, wet = exact(ocean, case), ocean.grid.ocean
    apart = {}
    for members in (250, 4000):
        found = analyses_of(EnsembleFilter(ocean, members, localisation(ocean, ALL), 1.0, 0), case)
        apart[members] = float(np.sqrt(((found.mean - best.mean)[:, wet] ** 2).mean()))
        ratio = (found.variance / np.where(wet, best.variance, 1))[:, wet]
    stddev = float(np.sqrt(best.variance[:, wet].mean()))
    assert apart[4000] < 0.2 * stddev
    assert apart[4000] < 0.4 * apart[250]  # the error falls with the root of the number
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)


def test_few_members_need_localisation(ocean: LinearOcean) -> None:
    case = case_of(ocean, 60)
    far, near = (
        rmse(analyses_of(EnsembleFilter(ocean, 20, localisation(ocean, radius), 1.02, 0), case), case)
        for radius in (ALL, 4000.0)
    )
    assert near < 0.95 * far
    assert rmse(exact(ocean, case), case) < near


def test_members_do_not_disturb_the_mean_where_nothing_is_observed(ocean: LinearOcean) -> None:
    case = case_of(ocean, 5)
    blind = replace(case, error=np.full_like(case.error, np.inf))
    found = analyses_of(EnsembleFilter(ocean, 10, localisation(ocean, ALL), 1.0, 0), blind)
    assert np.abs(found.mean).max() < 1e-6


def test_the_radius_and_the_inflation_are_those_with_the_least_error(ocean: LinearOcean) -> None:
    chosen, cost = tuned_ensemble_filter(ocean, case_of(ocean, 60, seed=2), 20, 0)
    assert chosen.inflation == cost["inflation"] and cost["training_seconds"] > 0
    case = case_of(ocean, 60, seed=3)
    unlocalised = replace(chosen, taper=localisation(ocean, ALL))
    assert rmse(analyses_of(chosen, case), case) < rmse(analyses_of(unlocalised, case), case)


def test_a_static_covariance_is_the_exact_one_where_the_network_never_changes(
    ocean: LinearOcean,
) -> None:
    case = case_of(ocean, 70, spinup=50)
    constant = np.broadcast_to(np.where(ocean.grid.ocean, np.float32(0.2), np.inf), case.error.shape)
    case = replace(case, error=constant, value=case.truth)
    best = exact(ocean, case)
    static, cost = tuned_static_interpolation(ocean, case)
    found = analyses_of(StaticInterpolation(ocean, static.covariance / cost["scale"]), case)
    np.testing.assert_allclose(found.mean[-1], best.mean[-1], atol=1e-3)
    np.testing.assert_allclose(found.variance[-1], best.variance[-1], rtol=0.02, atol=1e-6)


def test_the_static_baseline_lies_between_the_exact_filter_and_none(ocean: LinearOcean) -> None:
    case = case_of(ocean, 100)
    static, _ = tuned_static_interpolation(ocean, case_of(ocean, 60, seed=2))
    climatology = Analyses(np.zeros_like(case.truth), np.ones_like(case.truth), 0.0)
    best, worst = rmse(exact(ocean, case), case), rmse(climatology, case)
    assert best < rmse(analyses_of(static, case), case) < 0.8 * worst


def test_the_summary_is_the_mean_over_seeds_with_its_student_interval() -> None:
    ratios = (1.0, 1.1, 1.3)
    scores = [{"rmse": {"oi": {"all": 2 * r}}, "ratio_to_kalman": {"oi": r}} for r in ratios]
    found = summary(scores)
    assert found["ratio_to_kalman"]["oi"]["mean"] == pytest.approx(np.mean(ratios))
    half = 4.302653 * np.std(ratios, ddof=1) / np.sqrt(3)
    assert found["ratio_to_kalman"]["oi"]["half_width"] == pytest.approx(half)
    assert found["rmse"]["oi"]["half_width"] == pytest.approx(2 * half)
