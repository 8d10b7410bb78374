"""The parameters of optimal interpolation, chosen on validation years.

A coordinate search, each candidate cycled through the same validation windows and scored by the
volume-weighted analysis error in K after a spin-up:

1. the inflation, at each radius (all inflations at once, as members of one batch);
2. the same at each depth scale, with the best radius;
3. inflation up and down by a factor, of all layers and of three depth groups;
4. the factors that helped, together.

The best candidate of all is taken, and its measured analysis error becomes the spread. While candidates
are ranked, analyses are solved to a residual of RANKING. All inflations of a step are cycled as members
of one batch, so that the covariance of the observed cells of a window is cut out once for them.

Neither test years nor anything fitted on them enters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.baselines.optimal_interpolation import OptimalInterpolation
from deepda.assimilation.cycle import LIMIT, Analyser, DivergenceError, Observations, cycle
from deepda.base.progress import Progress
from deepda.geometry.grid import Grid

GROUP_BOUNDS = (25.0, 200.0)  # m: mixed layer, thermocline, below
STEP = 1.5  # factor on the inflation in the last search
FITTING = "Fitting the covariance of optimal interpolation"
RANKING = 1e-2  # residual of the solver; candidates differ by more
OWN_SHARE = 0.5  # of a cell's own error variance in the spread, the rest is its layer's mean


@dataclass(frozen=True)
class Candidates:
    """What is tried; the first depth scale is the one at which the radius is chosen."""

    inflation: tuple[float, ...] = (0.02, 0.045, 0.1, 0.22, 0.5)
    radius_km: tuple[float, ...] = (1500.0, 2500.0, 4000.0)
    depth_scale_m: tuple[float, ...] = (800.0, 400.0, 1600.0)


@dataclass(frozen=True, eq=False)
class ValidationWindows:
    """Observations and truth of consecutive validation windows, and how errors are scored.

    Attributes:
        windows: gives a fresh pass of (observations, truth (1, L, Y, X) standardised) when called.
        stddev: (L, Y, X) K, climatological; makes K of standardised errors. Not read on land.
        spinup: windows that are not scored.
    """

    windows: Callable[[], Iterable[tuple[Observations, Tensor]]]
    stddev: Tensor
    spinup: int


@dataclass(frozen=True)
class Trial:
    """One candidate and its score: rmse, K, volume-weighted over the ocean."""

    radius_km: float
    depth_scale_m: float
    inflation: tuple[float, ...]  # by layer
    rmse: float


@dataclass(frozen=True, eq=False)
class Tuned:
    """The analyser to use, and every candidate in the order of trial."""

    analyser: OptimalInterpolation
    trials: list[Trial]


def tune(
    anomalies: NDArray[np.float32] | Tensor,
    grid: Grid,
    validation: ValidationWindows,
    progress: Progress,
    candidates: Candidates | None = None,
) -> Tuned:
    """Fit on training `anomalies` (time, L, Y, X), choose the parameters on `validation` windows.

    Raises:
        ValueError: no window is left after the spin-up.
        CovarianceError: see `SampleCovariance.fit`.
        DivergenceError: the analyses of every candidate left physical limits.
    """
    return _Search(anomalies, grid, validation, progress, candidates or Candidates()).run()


class Masked(Analyser, Protocol):
    """An analyser that says where its water is."""

    @property
    def ocean(self) -> Tensor:
        """(L, Y, X) bool."""


def mean_square_error(analyser: Masked, validation: ValidationWindows, batch: int) -> Tensor:
    """(B, L, Y, X) of the analyses after the spin-up, cycled from climatology; standardised.

    Infinite in water for members of the batch whose analyses left physical limits.

    Raises:
        ValueError: no window is left after the spin-up.
    """
    total, scored = torch.zeros(batch, *analyser.ocean.shape), 0
    analysis = first = analyser.first_guess(batch)
    for number, (observations, truth) in enumerate(validation.windows()):
        analysis = next(cycle(analyser, analysis, [observations])).analysis
        ran_away = ~(analysis.mean.abs() <= LIMIT).flatten(1).all(dim=1)
        total[ran_away] = torch.inf
        analysis = first.where(ran_away, analysis)
        if number >= validation.spinup:
            total += (analysis.mean - truth).square()
            scored += 1
    if not scored:
        raise ValueError(
            f"no validation window is left after a spin-up of {validation.spinup}, expected at least "
            "one; give more windows or a shorter spin-up"
        )
    return (total / scored).where(analyser.ocean, 0.0)


class _Best(NamedTuple):
    """The best candidate so far: its trial, analyser, and square errors (L, Y, X)."""

    trial: Trial
    analyser: OptimalInterpolation
    square: Tensor


@dataclass
class _Search:
    anomalies: NDArray[np.float32] | Tensor
    grid: Grid
    validation: ValidationWindows
    progress: Progress
    candidates: Candidates
    trials: list[Trial] = field(default_factory=list)
    best: _Best | None = None

    def __post_init__(self) -> None:
        volume = torch.from_numpy(self.grid.volume / self.grid.volume.sum()).float()
        kelvin = self.validation.stddev.where(volume > 0, 0.0)
        self.weight = volume * kelvin.square()

    def run(self) -> Tuned:
        radii, depths = self.candidates.radius_km, self.candidates.depth_scale_m
        for radius in radii:
            best = self._try_reach(radius, depths[0])
        for depth in depths[1:]:
            best = self._try_reach(best.trial.radius_km, depth)
        best = self._refine(best)
        if not np.isfinite(best.trial.rmse):
            raise DivergenceError(
                f"all {len(self.trials)} candidates of optimal interpolation went beyond {LIMIT:g} "
                "standard deviations in the validation years, expected one that does not; look at the "
                "control simulation and at the errors of the observations"
            )
        inflation = torch.tensor(best.trial.inflation)[None]
        chosen = best.analyser.with_inflation(inflation)
        return Tuned(replace(chosen, error_stddev=self._pooled(best.square)), self.trials)

    def _try_reach(self, radius_km: float, depth_scale_m: float) -> _Best:
        inflation = torch.tensor(self.candidates.inflation)[:, None].expand(-1, self.grid.shape[0])
        with self.progress.stage(FITTING):
            fitted = OptimalInterpolation.fit(self.anomalies, self.grid, radius_km, depth_scale_m, 1.0)
        self._score(fitted, inflation, Trial(radius_km, depth_scale_m, (), np.inf))
        assert self.best is not None
        return self.best

    def _score(self, analyser: OptimalInterpolation, inflation: Tensor, at: Trial) -> Tensor:
        """Record inflations (A, L) `at` a reach, and keep the best; returns their rmse (A), K."""
        ranking = replace(analyser.with_inflation(inflation), tolerance=RANKING)
        squares = mean_square_error(ranking, self.validation, len(inflation))
        rmse = (self.weight * squares).sum(dim=(1, 2, 3)).sqrt()
        for factors, score, square in zip(inflation.tolist(), rmse.tolist(), squares, strict=True):
            trial = replace(at, inflation=tuple(factors), rmse=score)
            self.trials.append(trial)
            if self.best is None or score < self.best.trial.rmse:
                self.best = _Best(trial, analyser, square.clone())
        return rmse

    def _refine(self, start: _Best) -> _Best:
        """Steps 3 and 4 of the module, from the best trial so far."""
        inflation, groups = torch.tensor(start.trial.inflation), self._groups()
        factors = torch.cat([STEP**groups, STEP**-groups])
        up, down = self._score(start.analyser, inflation * factors, start.trial).chunk(2)
        same = torch.full_like(up, start.trial.rmse)
        choice = torch.stack([same, up, down]).argmin(dim=0)
        steps = torch.tensor([0.0, 1.0, -1.0])[choice]
        if steps.count_nonzero() > 1:  # one alone, or none, was scored already
            together = inflation * STEP ** (steps[:, None] * groups).sum(dim=0)
            self._score(start.analyser, together[None], start.trial)
        assert self.best is not None
        return self.best

    def _groups(self) -> Tensor:
        """(G, L) 1 where a layer belongs: all layers, then each depth group that has any."""
        group = np.digitize(self.grid.depth, GROUP_BOUNDS)
        present = np.unique(group)
        parts = present[:, None] == group if present.size > 1 else np.empty((0, group.size))
        return torch.from_numpy(np.vstack([np.ones(group.size), parts])).float()

    def _pooled(self, square_LYX: Tensor) -> Tensor:
        """Standard deviation of the error by cell, drawn towards its layer's as few windows must be."""
        wet = torch.from_numpy(self.grid.ocean)
        layer = square_LYX.sum(dim=(1, 2)) / wet.sum(dim=(1, 2)).clamp(min=1)
        pooled = OWN_SHARE * square_LYX + (1 - OWN_SHARE) * layer[:, None, None]
        return pooled.sqrt().where(wet, 0.0)
