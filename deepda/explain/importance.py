"""Which groups of inputs an analysis lives on: drop-channel importance over all combinations.

As King et al. (AIES-D-23-0063.1) do for the channels of their network: leave out every combination of
groups, and take the marginal contribution of a group to the loss, the mean over all combinations of
the others of loss(without it) - loss(with it). Weighted by the size of the combination as Shapley
(1953) did, the contributions sum to what all groups together are worth. The weights of the network
are not trained again, so a group counts for what this network makes of it.

What is uninformative must be said for each group; see GROUPS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import factorial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.superobs import superobs
from deepda.base.progress import Progress
from deepda.explain.cases import Case, ExplainedRun
from deepda.networks.trainable import InnovationForm

SURFACE = ("satellite", "ship", "drifter")  # platforms that see the surface only
GROUPS: Mapping[str, str] = {
    "surface": "observations of satellites, ships and drifters are left out",
    "profiles": "observations of all other platforms are left out, their uppermost values too",
    "background": "the mean is that of the season",
    "spread": "the carried variances are those of climatology",
    "errors": "one mean error of the observations a layer",
    "season": "always the first window of the year, in the correction",
    "statics": "one value for all places, in the covariance and in the correction",
}
NAMES = tuple(GROUPS)
Combination = frozenset[str]


@dataclass(frozen=True, eq=False)
class Losses:
    """The error of the analysis by window and combination of groups that are left in.

    Attributes:
        windows: their first days.
        combinations: all 2^n.
        rmse: (window, combination, 1 + L) K, over all depths and by layer.
    """

    windows: list[str]
    combinations: list[Combination]
    rmse: NDArray[np.float64]

    def of(self, groups: Combination) -> NDArray[np.float64]:
        """(window, 1 + L) K with these groups left in."""
        return self.rmse[:, self.combinations.index(groups)]

    def marginal(self, group: str) -> NDArray[np.float64]:
        """(window, 1 + L) K taken off the error, the mean over all combinations of the others."""
        return self._contribution(group, [0.5 ** (len(NAMES) - 1)] * len(NAMES))

    def shapley(self, group: str) -> NDArray[np.float64]:
        """(window, 1 + L) K; the contributions of all groups sum to loss(nothing) - loss(everything)."""
        sizes, number = range(len(NAMES)), len(NAMES)
        every = [factorial(n) * factorial(number - n - 1) / factorial(number) for n in sizes]
        return self._contribution(group, every)

    def _contribution(self, group: str, weights: Sequence[float]) -> NDArray[np.float64]:
        """Weighted sum over all combinations of the others; `weights` by the size of these."""
        total = np.zeros_like(self.rmse[:, 0])
        for others in self.combinations:
            if group not in others:
                total += weights[len(others)] * (self.of(others) - self.of(others | {group}))
        return total


def all_combinations() -> list[Combination]:
    """Every subset of the groups, the empty one first."""
    return [frozenset(some) for size in range(len(NAMES) + 1) for some in combinations(NAMES, size)]


def losses(finished: ExplainedRun, cases: Sequence[Case], progress: Progress | None = None) -> Losses:
    """The error against the truth of every combination in every window."""
    every = all_combinations()
    rmse = np.empty((len(cases), len(every), 1 + finished.space.grid.shape[0]))
    plain = finished.analyser.with_uniform_statics()
    work: Iterator[tuple[int, Case]] | Sequence[tuple[int, Case]] = list(enumerate(cases))
    if progress is not None:
        work = progress.track(work, "Leaving out inputs", len(cases))
    for number, case in work:
        truth = finished.space.standardise(finished.truth(case.step)[None], [case.season])[0]
        for at, groups in enumerate(every):
            analyser = finished.analyser if "statics" in groups else plain
            mean = analysed(finished, analyser, case, groups).cpu()
            rmse[number, at] = _rmse(finished, mean - truth)
    return Losses([finished.stamp(case.step) for case in cases], every, rmse)


@torch.no_grad()
def analysed(
    finished: ExplainedRun, analyser: InnovationForm, case: Case, groups: Combination
) -> Tensor:
    """(L, Y, X) standardised mean of the analysis with only these groups left in.

    Args:
        analyser: that of `with_uniform_statics` where these are left out.
    """
    background = _background(finished.analyser, analyser, case, groups)
    if not groups & {"surface", "profiles"}:
        return background.mean[0]  # without observations the analysis is its background
    return analyser.analyse(background, _observations(finished, case, groups)).mean[0]


def restated(case: Case, old: InnovationForm, new: InnovationForm) -> StateEstimate:
    """A background of one analyser in the variances of another: the same share of climatology's."""
    share = case.background.memory / old.first_guess(1).memory.clamp(min=1e-12)
    return replace(case.background, memory=share * new.first_guess(1).memory)


def _background(
    own: InnovationForm, analyser: InnovationForm, case: Case, groups: Combination
) -> StateEstimate:
    background = case.background if analyser is own else restated(case, own, analyser)
    if "background" not in groups:
        background = replace(background, mean=torch.zeros_like(background.mean))
    if "spread" not in groups:
        background = replace(background, memory=analyser.first_guess(1).memory)
    return background


def _observations(finished: ExplainedRun, case: Case, groups: Combination) -> Observations:
    space = finished.space
    observations = case.observations
    if not {"surface", "profiles"} <= groups:
        surface = case.table["platform_type"].isin(SURFACE).to_numpy()
        table = case.table[surface if "surface" in groups else ~surface]
        found = superobs(table, space.grid, case.season, space.climatology)
        observations = space.observations(found, case.season, observations.value.device)
    if "errors" not in groups:
        observations = replace(observations, precision=_mean_error(finished, observations.precision))
    if "season" not in groups:
        observations = replace(observations, season=torch.zeros_like(observations.season))
    return observations


def _mean_error(finished: ExplainedRun, precision: Tensor) -> Tensor:
    """Precision with the mean standard deviation (K) of each layer's observations in all its cells."""
    scale, seen = finished.scale, precision > 0
    error = torch.where(seen, scale / precision.clamp(min=1e-12).sqrt(), 0.0)
    number = seen.sum((2, 3), keepdim=True).clamp(min=1)
    mean = error.sum((2, 3), keepdim=True) / number
    return torch.where(seen, (scale / mean.clamp(min=1e-6)).square(), 0.0)


def _rmse(finished: ExplainedRun, error: Tensor) -> NDArray[np.float64]:
    """(1 + L) K over all water and by layer."""
    volume = finished.space.grid.volume
    square = volume * (error.numpy().astype(float) * finished.space.scale) ** 2
    layers = square.sum((1, 2)) / np.maximum(volume.sum((1, 2)), 1e-9)
    return np.sqrt(np.append(square.sum() / volume.sum(), layers))
