"""Errors chosen by platforms that a spin-up leaves out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from toys import ToyOcean, toy_space

from deepda.assimilation.baselines import Climatology as ClimatologyAnalyser
from deepda.assimilation.baselines import Persistence
from deepda.assimilation.localisation import Reach
from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.feedback.error_sizes import GRIDDED, ErrorSizes
from deepda.geometry.windows import windows
from reanalysis.cross_validation import FEWEST, REACHES, CrossValidation, best_factors, without_some
from reanalysis.spinup import Errors, RowsOfWindow

ASSUMED = Errors(ErrorSizes.assumed(4), None)


@dataclass(frozen=True, eq=False)
class KnownOptimum(CrossValidation):
    """Scored by how far the errors are from known ones, in place of a cycle."""

    background: NDArray[np.float64] = field(kw_only=True)
    observation: NDArray[np.float64] = field(kw_only=True)
    reach: Reach | None = field(kw_only=True)

    def score(self, errors: Errors) -> NDArray[np.float64]:
        sizes = errors.sizes.background[:, 4], errors.sizes.observation["argo"][:, 4]
        off = [
            np.log(size / best) ** 2
            for size, best in zip(sizes, (self.background, self.observation), strict=True)
        ]
        return np.asarray(1 + sum(off) + (errors.reach != self.reach))


def refined(background: list[float], observation: list[float], reach: Reach | None) -> Errors:
    known = {"background": np.array(background), "observation": np.array(observation), "reach": reach}
    search = KnownOptimum(lambda _: Persistence(torch.ones(1)), toy_space(), [], 0, Progress(), **known)
    return search.refined(ASSUMED, REACHES)


@pytest.mark.parametrize("reach", [None, *REACHES])
def test_known_reach_and_factors_are_found_to_the_last_step(reach: Reach | None) -> None:
    found = refined([0.6] * 4, [1.7] * 4, reach)
    assert found.reach == reach
    assert found.sizes.background == pytest.approx(0.6, rel=0.1)
    assert found.sizes.observation["argo"] == pytest.approx(1.7, rel=0.1)
    assert (found.sizes.observation[GRIDDED] == 1).all()  # no platform says how good a product is


def test_errors_that_predict_best_already_stay() -> None:
    found = refined([1.0] * 4, [1.0] * 4, None)
    np.testing.assert_array_equal(found.sizes.background, ASSUMED.sizes.background)


def test_too_few_values_of_left_out_platforms_change_nothing_and_are_named(
    capsys: pytest.CaptureFixture,
) -> None:
    known = {"background": np.full(4, np.nan), "observation": np.ones(4), "reach": REACHES[0]}
    search = KnownOptimum(lambda _: Persistence(torch.ones(1)), toy_space(), [], 0, Progress(), **known)
    with search.progress:
        assert search.refined(ASSUMED, REACHES) is ASSUMED
    assert "reach of background errors stays" in " ".join("".join(capsys.readouterr()).split())


def test_each_layer_has_the_factor_of_its_least_score_smoothed_over_its_neighbours() -> None:
    trials = {
        1.0: np.array([1.0, 1, 1, 1, np.nan]),
        0.5: np.array([2.0, 2, 2, 2, np.nan]),
        2.0: np.array([2.0, 2, 2, 0.5, np.nan]),
    }
    found = np.log2(best_factors(trials))
    np.testing.assert_allclose(found, [0, 0, 0.25, 0.5, 0.25])


def rows(space: StateSpace, seed: int = 0) -> list[RowsOfWindow]:
    """A year of values of a toy ocean, by 40 floats and a gridded product."""
    ocean, made = ToyOcean(space, values=400), []
    for start, end, season in windows(2000, 2000, space.climatology.per_year):
        table = ocean.table(start, end)
        number = np.random.default_rng(season).integers(0, 41, len(table))
        kind = np.where(number == 40, GRIDDED, "argo")
        name = [f"float {each}" for each in number]
        made.append(RowsOfWindow(table.assign(platform_id=name, platform_type=kind), start, end, season))
    return [without_some(each) for each in made]


def test_left_out_are_whole_platforms_and_never_a_gridded_product() -> None:
    for table, *_ in rows(toy_space()):
        share = table.groupby("platform_id")["withheld"].mean()
        assert set(share) == {0.0, 1.0} and share["float 40"] == 0


def test_the_score_is_the_crps_of_left_out_values_under_the_analysis() -> None:
    """Of an analysis that stays at climatology, whose errors are known without a cycle."""
    space = toy_space()
    given = rows(space)
    sizes = ErrorSizes.assumed(space.grid.shape[0]).times(1.0, 2.0)
    climatology = ClimatologyAnalyser(torch.from_numpy(space.grid.ocean))
    search = CrossValidation(lambda _: climatology, space, given, 0, Progress())
    found = search.score(Errors(sizes, None))
    scores: dict[int, list[tuple[float, float]]] = {}
    for table, _, _, season in given:
        left = table[table["withheld"]]
        level, row, column = space.grid.locate(left["lat"], left["lon"], left["depth"])
        normal = space.climatology.mean[season][level, row, column]
        spread = space.scale[level, row, column]
        departure = left["temperature"].to_numpy() - normal
        unsure = np.hypot(spread, 2 * left["error"].to_numpy())
        z = departure / unsure
        crps = unsure * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
        keys = {"who": left["platform_id"].to_numpy(), "level": level, "row": row, "column": column}
        every = pd.DataFrame({**keys, "crps": crps, "departure": np.abs(departure)})
        for each in every.groupby([*keys]).mean().reset_index().itertuples():
            scores.setdefault(each.level, []).append((each.crps, each.departure))
    for level, pairs in scores.items():
        crps, departure = np.sum(pairs, axis=0)
        if len(pairs) >= FEWEST:
            assert found[level] == pytest.approx(crps / departure, rel=0.02)
        else:
            assert np.isnan(found[level])
    assert np.isfinite(found).any()
