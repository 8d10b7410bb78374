"""The reach of background errors, chosen by platforms that a spin-up leaves out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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
from deepda.feedback.error_sizes import ErrorSizes
from deepda.geometry.windows import windows
from deepda.runs.errors import Errors
from deepda.settings.observations import ObservationsConfig
from reanalysis.cross_validation import FEWEST, REACHES, CrossValidation, without_some
from reanalysis.spinup import RowsOfWindow


@dataclass(frozen=True, eq=False)
class KnownScores(CrossValidation):
    """Scored by given numbers, in place of a cycle."""

    known: dict[Reach | None, list[float]] = field(kw_only=True)

    def score(self, errors: Errors) -> NDArray[np.float64]:
        return np.array(self.known[errors.reach])


def chosen(*scores: list[float]) -> Reach | None:
    known = dict(zip(REACHES, scores, strict=True))
    search = KnownScores(
        lambda _: Persistence(torch.ones(1)), toy_space(), [], 0, Progress(), known=known
    )
    with search.progress:
        return search.best_reach(Errors.assumed(ObservationsConfig("random"), toy_space()))


def test_the_reach_of_the_least_mean_score_is_chosen_by_layers_that_all_have() -> None:
    assert chosen([0.9, 0.9], [0.8, 0.9], [0.9, 0.9]) == REACHES[1]
    assert chosen([0.9, 0.9], [0.8, 1.1], [0.9, 0.8]) == REACHES[2]
    assert chosen([0.8, 0.9], [0.9, 0.9], [0.9, 0.9]) is None
    assert chosen([0.8, 0.9], [0.9, np.nan], [0.9, 0.1]) is None


def test_too_few_values_of_left_out_platforms_choose_nothing_and_are_named(
    capsys: pytest.CaptureFixture,
) -> None:
    assert chosen([np.nan, 0.9], [0.1, np.nan], [0.1, 0.1]) is None
    assert "reach of background errors stays" in " ".join("".join(capsys.readouterr()).split())


def rows(space: StateSpace, seed: int = 0) -> list[RowsOfWindow]:
    """A year of values of a toy ocean, by 40 floats and a gridded product."""
    ocean, made = ToyOcean(space, values=400), []
    for start, end, season in windows(2000, 2000, space.climatology.per_year):
        table = ocean.table(start, end)
        number = np.random.default_rng(season).integers(0, 41, len(table))
        kind = np.where(number == 40, "satellite", "argo")
        name = [f"float {each}" for each in number]
        made.append(RowsOfWindow(table.assign(platform_id=name, platform_type=kind), start, end, season))
    return [without_some(each) for each in made]


def test_left_out_are_whole_platforms_and_never_a_gridded_product() -> None:
    for table, *_ in rows(toy_space()):
        share = table.groupby("platform_id")["withheld"].mean()
        assert set(share) == {0.0, 1.0} and share["float 40"] == 0


@pytest.mark.slow
def test_the_score_is_the_crps_of_left_out_values_under_the_analysis() -> None:
    """Of an analysis that stays at climatology, whose errors are known without a cycle."""
    space = toy_space()
    given = rows(space)
    sizes = ErrorSizes.assumed(space.grid.shape[0])
    sizes = replace(sizes, observation={name: 2 * factor for name, factor in sizes.observation.items()})
    climatology = ClimatologyAnalyser(torch.from_numpy(space.grid.ocean))
    search = CrossValidation(lambda _: climatology, space, given, 0, Progress())
    errors = replace(Errors.assumed(ObservationsConfig("random"), space), sizes=sizes)
    found = search.score(errors)
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
