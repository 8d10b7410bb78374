"""The known answer: the comparison runs, its numbers agree, and its files bear them out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from deepda.assimilation.baselines import Candidates, Persistence
from deepda.base.progress import Progress
from osse.known_answer import true_dynamics
from osse.known_answer.linear_ocean import LinearOcean
from osse.known_answer.methods import analyse, interpolation
from osse.known_answer.network import Network
from osse.known_answer.run import Size, observed, run, space_of
from osse.known_answer.scores import (
    Analyses,
    Case,
    mean_square_error,
    spread,
    standardised_error_variance,
    table,
    volume_mean,
)

pytestmark = pytest.mark.slow
QUIET = Progress(stream=io.StringIO())
SMALL = Size(control=3, validation=1, spinup=1, test=1, shape=(2, 8, 12))
NAMES = (
    *("kalman", "enkf50", "enkf100", "static_oi"),
    *("deepda", "oi", "ham2024", "persistence", "climatology"),
)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One small experiment with a second of training and one candidate of each baseline."""
    folder, one = tmp_path_factory.mktemp("known"), Candidates((0.1,), (3000.0,), (800.0,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepda.assimilation.baselines.tuning.Candidates", lambda: one)
        patch.setattr("osse.known_answer.methods.STRETCHES", 4)
        patch.setattr("deepda.training.setup.TRIAL_UPDATES", 2)
        for name in ("RADII_KM", "INFLATIONS", "SCALES"):
            first = getattr(true_dynamics, name)[:1]
            patch.setattr(true_dynamics, name, first)
        return folder, run(4, 0.01, folder, SMALL)


@pytest.fixture(scope="module")
def case() -> Case:
    """A year of a small ocean, observed."""
    ocean = LinearOcean.draw(1, (2, 8, 12))
    truth = ocean.simulate(146, np.random.default_rng(0))[0]
    space = space_of(truth, ocean.grid)
    return observed(space, truth, Network.draw(ocean, 1), 1, (6, 7), 73)


def test_scores_name_every_method(outcome: tuple[Path, dict[str, Any]]) -> None:
    folder, scores = outcome
    assert json.loads((folder / "scores.json").read_text()) == scores
    assert set(scores["rmse"]) == set(scores["ratio_to_kalman"]) == set(scores["cost"]) == set(NAMES)
    for name in NAMES:
        rmse = scores["rmse"][name]
        assert len(rmse["by_level"]) == 2
        assert scores["ratio_to_kalman"][name] == pytest.approx(
            rmse["all"] / scores["rmse"]["kalman"]["all"]
        )
    assert scores["cost"]["deepda"]["updates"] >= 1
    assert scores["cost"]["ham2024"]["gflop_a_cycle"] > scores["cost"]["deepda"]["gflop_a_cycle"] > 0


def test_nothing_is_better_than_the_exact_filter(outcome: tuple[Path, dict[str, Any]]) -> None:
    ratio = outcome[1]["ratio_to_kalman"]
    assert ratio["kalman"] == 1
    assert min(ratio.values()) > 0.99  # one year: a static gain comes within chance of the best
    assert ratio["oi"] < ratio["climatology"]


def test_the_exact_filter_states_its_error_rightly(outcome: tuple[Path, dict[str, Any]]) -> None:
    found = outcome[1]["spread"]["kalman"]
    assert found["standardised_error_variance"] == pytest.approx([1, 1], abs=0.15)
    assert found["correlation_with_exact_variance"]["all"] == pytest.approx(1)
    assert outcome[1]["spread"]["climatology"]["correlation_with_exact_variance"]["all"] is not None


def test_the_files_bear_out_the_scores(outcome: tuple[Path, dict[str, Any]]) -> None:
    folder, scores = outcome
    truth, ours, best = (
        xr.load_dataset(folder / f"{name}.nc") for name in ("truth", "analysis", "kalman")
    )
    volume = truth.areacello * truth.ocean * truth.depth_bnds.diff("bnds").squeeze("bnds")
    for name, found in (("deepda", ours), ("kalman", best)):
        square = ((found.thetao - truth.thetao) ** 2).mean("time")
        rmse = float((square.fillna(0) * volume).sum() / volume.sum()) ** 0.5
        assert rmse == pytest.approx(scores["rmse"][name]["all"], abs=1e-3)
        np.testing.assert_allclose(found.thetao_variance, found.thetao_stddev**2, atol=1e-3)
    assert truth.sizes["time"] == 73
    assert str(truth.time.values[0])[:10] == "2001-01-03"


def test_the_table_fits_a_terminal(outcome: tuple[Path, dict[str, Any]]) -> None:
    lines = table(outcome[1]).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(any(line.startswith(name) for line in lines) for name in NAMES)


def test_the_observations_of_the_test_follow_from_the_seed_alone() -> None:
    ocean = LinearOcean.draw(1, (2, 8, 12))
    truth = ocean.simulate(10, np.random.default_rng(0))[0]
    space, network = space_of(truth, ocean.grid), Network.draw(ocean, 1)
    first, again = (observed(space, truth, network, 1, (6, 7), 0) for _ in range(2))
    other = observed(space, truth, network, 2, (6, 7), 0)
    np.testing.assert_array_equal(first.value, again.value)
    assert (np.isfinite(first.value) != np.isfinite(other.value)).any()


def test_observations_are_standardised(case: Case) -> None:
    observations = next(case.observations())
    seen = observations.seen[0].numpy()
    np.testing.assert_array_equal(seen, np.isfinite(case.value[0]))
    kelvin = (observations.value[0].numpy() * case.space.scale)[seen]
    np.testing.assert_allclose(kelvin, case.value[0][seen], rtol=1e-5)
    error = case.space.scale[seen] / np.sqrt(observations.precision[0].numpy()[seen])
    np.testing.assert_allclose(error, case.error[0][seen], rtol=1e-5)


def test_the_training_network_is_blind_on_land_and_precise_where_it_sees() -> None:
    ocean = LinearOcean.draw(2, (2, 8, 12))
    network = Network.draw(ocean, 2)
    fields = list(network.stretch(5, np.random.default_rng(3)))
    errors = network.draw_masks(5, np.random.default_rng(3))
    assert len(fields) == 5
    for precision, error in zip(fields, errors, strict=True):
        assert (precision[~ocean.grid.ocean] == 0).all()
        np.testing.assert_allclose(precision, 1 / error.astype(float) ** 2, rtol=1e-5)


def test_scores_leave_out_the_spinup_and_weigh_by_volume(case: Case) -> None:
    mean = case.truth.copy()
    mean[: case.spinup] = 1e6
    assert volume_mean(mean_square_error(mean, case), case) == 0
    mean[case.spinup :, 1][:, case.space.grid.ocean[1]] += 0.5  # below
    volume = case.space.grid.volume
    share = volume[1].sum() / volume.sum()
    assert volume_mean(mean_square_error(mean, case), case) == pytest.approx(0.25 * share, rel=1e-5)


def test_a_calibrated_spread_scores_one(case: Case) -> None:
    rng = np.random.default_rng(5)
    stddev = np.where(case.space.grid.ocean, rng.uniform(0.1, 0.5, case.truth.shape), 0)
    noisy = case.truth + stddev * rng.standard_normal(case.truth.shape)
    right = Analyses(noisy.astype(np.float32), (stddev**2).astype(np.float32), 0.0)
    sure = right._replace(variance=right.variance / np.float32(2))
    found = spread(right, sure, case)
    assert found["standardised_error_variance"] == pytest.approx([1, 1], abs=0.1)
    assert found["correlation_with_exact_variance"]["by_level"] == pytest.approx([1, 1])
    doubled = spread(sure, right, case)["standardised_error_variance"]
    assert doubled == pytest.approx([2 * value for value in found["standardised_error_variance"]])


def test_the_spread_that_calibrates_is_the_one_that_is_right_level_by_level(case: Case) -> None:
    rng = np.random.default_rng(6)
    stddev = np.where(case.space.grid.ocean, rng.uniform(0.1, 0.5, case.truth.shape), 0)
    factor = np.array([0.5, 2.0])[:, None, None]
    noisy = case.truth + factor * stddev * rng.standard_normal(case.truth.shape)
    noisy[: case.spinup] += 9  # spin-up does not count
    found = Analyses(noisy.astype(np.float32), (stddev**2).astype(np.float32), 0.0)
    np.testing.assert_allclose(standardised_error_variance(found, case), [0.25, 4.0], rtol=0.1)


def test_interpolation_can_be_tuned_on_the_smallest_ocean_of_full_size() -> None:
    ocean = LinearOcean.draw(11, (3, 18, 36))
    training, rest = np.split(ocean.simulate(5 * 73, np.random.default_rng(0))[0], [4 * 73])
    space, network = space_of(training, ocean.grid), Network.draw(ocean, 11)
    validation = observed(space, rest, network, 11, (6, 7), 24)
    method, _ = interpolation((training / space.scale).astype(np.float32), validation, QUIET)
    tuned = volume_mean(mean_square_error(analyse(method, validation).mean, validation), validation)
    persistence = analyse(Persistence(torch.from_numpy(ocean.grid.ocean)), validation)
    assert tuned < 0.5 * volume_mean(mean_square_error(persistence.mean, validation), validation)
