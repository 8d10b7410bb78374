"""Inputs are left out as said, and contributions are those of the theory of games."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
import torch
import xarray as xr
from conftest import undrawn
from test_explain import INNOVATION, LINEAR, STEP, UNET, runs, write_run

from deepda.cli import main
from deepda.explain.cases import ExplainedRun, cycle_to
from deepda.explain.importance import (
    NAMES,
    Losses,
    all_combinations,
    analysed,
    losses,
)
from deepda.explain.page import explain, spread_over
from deepda.explain.targets import Place

__all__ = ["runs"]
FULL = frozenset(NAMES)


def game(loss) -> Losses:
    """Losses of a game on the groups, in one window and one layer."""
    every = all_combinations()
    values = np.array([[[loss(groups)] * 2 for groups in every]], float)
    return Losses(["2001-01-01"], every, values)


def test_all_combinations_are_all() -> None:
    every = all_combinations()
    assert len(every) == len(set(every)) == 2 ** len(NAMES) == 128
    assert every[0] == frozenset() and every[-1] == FULL


def test_groups_that_add_up_get_what_they_add() -> None:
    worth = {name: number + 1.0 for number, name in enumerate(NAMES)}
    found = game(lambda groups: 100 - sum(worth[name] for name in groups))
    for name in NAMES:
        assert found.marginal(name)[0, 0] == pytest.approx(worth[name])
        assert found.shapley(name)[0, 0] == pytest.approx(worth[name])


def test_a_group_that_needs_two_others_shares_with_them_as_shapley_has_it() -> None:
    trio = {"surface", "profiles", "errors"}
    found = game(lambda groups: 1.0 - (trio <= groups))
    for name in trio:
        assert found.shapley(name)[0, 0] == pytest.approx(1 / 3)
        assert found.marginal(name)[0, 0] == pytest.approx(1 / 4)
    assert found.shapley("season")[0, 0] == pytest.approx(0.0)


def test_shapley_sums_to_what_everything_is_worth() -> None:
    rng = np.random.default_rng(0)
    every = all_combinations()
    found = Losses(["a", "b"], every, rng.uniform(0, 1, (2, 128, 5)))
    total = sum(found.shapley(name) for name in NAMES)
    np.testing.assert_allclose(total, found.of(frozenset()) - found.of(FULL), atol=1e-12)


@pytest.mark.slow
def test_with_all_groups_the_analysis_is_that_of_the_run(runs) -> None:
    finished: ExplainedRun = runs(INNOVATION)
    case = cycle_to(finished, [STEP])[STEP]
    with torch.no_grad():
        own = finished.analyser.analyse(case.background, case.observations).mean[0]
    assert torch.equal(analysed(finished, finished.analyser, case, FULL), own)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_group_that_is_left_out_changes_the_analysis(runs, name: str) -> None:
    finished: ExplainedRun = runs(INNOVATION)
    case = cycle_to(finished, [STEP])[STEP]
    plain = finished.analyser.with_uniform_statics()
    without = analysed(finished, plain if name == "statics" else finished.analyser, case, FULL - {name})
    whole = analysed(finished, finished.analyser, case, FULL)
    assert float((without - whole).abs().max()) > 1e-5


def test_without_observations_only_the_background_counts(runs) -> None:
    finished: ExplainedRun = runs(INNOVATION)
    case = cycle_to(finished, [STEP])[STEP]
    plain = finished.analyser.with_uniform_statics()
    blind = FULL - {"surface", "profiles"}
    for groups in (blind, blind - {"spread", "season"}, frozenset({"background"})):
        assert torch.equal(analysed(finished, plain, case, groups), case.background.mean[0])
    assert not analysed(finished, plain, case, blind - {"background"}).any()
    # and the generator itself agrees with the short cut
    nothing = case.observations
    from dataclasses import replace

    empty = replace(nothing, precision=torch.zeros_like(nothing.precision))
    with torch.no_grad():
        assert torch.equal(finished.analyser.analyse(case.background, empty).mean, case.background.mean)


@pytest.mark.slow
def test_surface_and_profiles_part_the_observations(runs) -> None:
    """Without profiles no layer below the surface moves in a generator of independent layers: ask the
    superobservations instead, which must be those of the satellite rows."""
    from deepda.explain.importance import _observations

    finished: ExplainedRun = runs(LINEAR)
    case = cycle_to(finished, [STEP])[STEP]
    surface = _observations(finished, case, FULL - {"profiles"})
    profiles = _observations(finished, case, FULL - {"surface"})
    assert not surface.seen[0, 1:].any() and surface.seen[0, 0].any()
    assert not profiles.seen[0, 0].any() and profiles.seen[0, 1:].any()
    assert torch.equal(surface.seen | profiles.seen, case.observations.seen)


@pytest.mark.slow
def test_errors_left_out_are_one_mean_error_a_layer(runs) -> None:
    from deepda.explain.importance import _observations

    finished: ExplainedRun = runs(LINEAR)
    case = cycle_to(finished, [STEP])[STEP]
    scale = torch.from_numpy(finished.space.scale)
    plain = _observations(finished, case, FULL - {"errors"}).precision[0]
    own = case.observations.precision[0]
    for level in range(len(scale)):
        seen = own[level] > 0
        errors = (scale[level] / plain[level].sqrt())[seen]
        expected = (scale[level] / own[level].sqrt())[seen].mean()
        torch.testing.assert_close(errors, expected.expand_as(errors), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_statics_left_out_make_all_places_alike(runs) -> None:
    for settings in (INNOVATION, UNET):
        finished: ExplainedRun = runs(settings)
        plain = finished.analyser.with_uniform_statics()
        assert float(plain.statics.std((1, 2)).max()) < 1e-6
        assert float(finished.analyser.statics.std((1, 2)).max()) > 0.1
    climate = runs(INNOVATION).analyser.with_uniform_statics().structure().variances.climate
    assert float(climate.std((1, 2)).max()) < 1e-6


@pytest.mark.slow
def test_losses_are_errors_against_the_truth(runs) -> None:
    finished: ExplainedRun = runs(UNET)
    case = cycle_to(finished, [STEP])[STEP]
    found = losses(finished, [case])
    season = finished.span.season[STEP]
    kelvin = np.nan_to_num(finished.truth(STEP) - finished.space.climatology.mean[season])
    volume = finished.space.grid.volume
    expected = np.sqrt((volume * kelvin**2).sum() / volume.sum())  # nothing known: climatology
    assert found.of(frozenset())[0, 0] == pytest.approx(expected, rel=1e-3)
    layer = np.sqrt((volume[2] * kelvin[2] ** 2).sum() / volume[2].sum())
    assert found.of(frozenset())[0, 3] == pytest.approx(layer, rel=1e-3)


def test_windows_are_spread_over_the_years_after_the_spin_up(runs) -> None:
    finished: ExplainedRun = runs(LINEAR)
    assert spread_over(finished, 0, 2) == []
    assert spread_over(finished, 1, 2) == [23]
    found = spread_over(finished, 3, 2)
    assert found == [9, 16, 23]


@pytest.mark.slow
@undrawn()
def test_the_page_holds_every_part(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", INNOVATION)
    page = explain(folder, tmp_path / "out", ["nino34"], window="2002-02-10", place=Place(), number=1)
    text = page.read_text()
    for title in (
        "Niño 3.4, mean",
        "depends on",
        "Variance removed by each platform",
        "convolutions look at",
        "Does it depend",
    ):
        assert title in text, title
    assert "http" not in text.replace("http-equiv", "")
    written = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"importance_numbers.csv", "nino34_saliency.png", "sanity.png", "account.csv"} <= written
    require_described(tmp_path / "out" / "explain.nc", folder)


def require_described(path: Path, folder: Path) -> None:
    """The attributions of a window as the analyses are written, with the place of the target."""
    with xr.open_dataset(path) as file:
        about = file.attrs
        assert about["processing_level"] == "synthetic" and about["run"] == str(folder)
        assert about["window"] == "2002-02-15" and {"Conventions", "history"} <= set(about)
        assert about["time_coverage_start"][:10] == "2002-02-01"
        assert file["lag"].values.tolist() == list(range(13)) and file["lag"].attrs["units"] == "1"
        where = file["nino34_target"]
        assert float(where.sum()) == pytest.approx(1, rel=1e-5) and where.attrs["place_lat"] == 0
        assert "Niño 3.4" in where.attrs["long_name"]
        named = [field for name, field in file.data_vars.items() if str(name).startswith("nino34")]
        assert all({"long_name", "units", "cell_measures"} <= set(field.attrs) for field in named)
        assert file["depth"].attrs["positive"] == "down" and "areacello" in file
    with netCDF4.Dataset(path) as raw:
        assert "_FillValue" not in raw["lat"].ncattrs() + raw["depth_bnds"].ncattrs()


def test_the_command_refuses_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(tmp_path / "nothing"), "--output", str(tmp_path / "out")]) == 2
    assert "deepda osse run" in capsys.readouterr().err
    assert main(["explain", "x", "--windows", "-1", "--output", str(tmp_path)]) == 2
    assert "expected 0 or more" in capsys.readouterr().err
