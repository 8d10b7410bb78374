"""The parameters of optimal interpolation, chosen on validation years.

A coordinate search, each candidate cycled through the same validation windows and scored by the
volume-weighted analysis error in K after a spin-up:

1. the inflation, at each radius (all inflations at once, as members of one batch);
2. the same at each depth scale, with the best radius;
3. inflation up and down by a factor, of all layers and of three depth groups;
4. the factors that helped, together. The best candidate of 3 and 4 is taken, and its measured
   analysis error becomes the spread.

Neither test years nor anything fitted on them enters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepda.assimilation.baselines.optimal_interpolation import OptimalInterpolation
from deepda.assimilation.cycle import Observations, cycle, require_physical
from deepda.geometry.grid import Grid

GROUP_BOUNDS = (25.0, 200.0)  # m: mixed layer, thermocline, below
STEP = 1.5  # factor on the inflation in the last search
OWN_SHARE = 0.5  # of a cell's own error variance in the spread, the rest is its layer's mean


@dataclass(frozen=True)
class Candidates:
    """What is tried; the first depth scale is the one at which the radius is chosen."""

    inflation: tuple[float, ...] = (0.02, 0.045, 0.1, 0.22, 0.5)
    radius_km: tuple[float, ...] = (1500.0, 2500.0, 4000.0)
    depth_scale_m: tuple[float, ...] = (800.0, 400.0, 1600.0)


@dataclass(frozen=True, eq=False)
class Validation:
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
    validation: Validation,
    candidates: Candidates | None = None,
) -> Tuned:
    """Fit on training `anomalies` (time, L, Y, X), choose the parameters on `validation` windows.

    Raises:
        ValueError: no window is left after the spin-up.
        CovarianceError: see `LocalCovariance.fit`.
    """
    return _Search(anomalies, grid, validation, candidates or Candidates()).run()


def mean_square_error(analyser: OptimalInterpolation, validation: Validation, batch: int) -> Tensor:
    """(B, L, Y, X) of the analyses after the spin-up, cycled from climatology; standardised.

    Raises:
        ValueError: no window is left after the spin-up.
        DivergenceError: an analysis left physical limits.
    """
    total, scored = torch.zeros(batch, *analyser.ocean.shape), 0
    analysis = analyser.first_guess(batch)
    for number, (observations, truth) in enumerate(validation.windows()):
        analysis = next(cycle(analyser, analysis, [observations])).analysis
        require_physical(analysis)
        if number >= validation.spinup:
            total += (analysis.mean - truth).square()
            scored += 1
    if not scored:
        raise ValueError(
            f"no validation window is left after a spin-up of {validation.spinup}, expected at least "
            "one; give more windows or a shorter spin-up"
        )
    return (total / scored).where(analyser.ocean, 0.0)


class _Search:
    def __init__(
        self,
        anomalies: NDArray[np.float32] | Tensor,
        grid: Grid,
        validation: Validation,
        candidates: Candidates,
    ) -> None:
        self.anomalies, self.grid, self.validation, self.candidates = (
            anomalies,
            grid,
            validation,
            candidates,
        )
        volume = torch.from_numpy(grid.volume / grid.volume.sum()).float()
        kelvin = validation.stddev.where(volume > 0, 0.0)
        self.weight = volume * kelvin.square()
        self.trials: list[Trial] = []

    def run(self) -> Tuned:
        radii, depths = self.candidates.radius_km, self.candidates.depth_scale_m
        for radius in radii:
            self._try_reach(radius, depths[0])
        for depth in depths[1:]:
            self._try_reach(self._best.radius_km, depth)
        best = self._best
        analyser = self._fit(best.radius_km, best.depth_scale_m)
        return Tuned(self._refine(analyser, best), self.trials)

    @property
    def _best(self) -> Trial:
        return min(self.trials, key=lambda trial: trial.rmse)

    def _fit(self, radius_km: float, depth_scale_m: float) -> OptimalInterpolation:
        return OptimalInterpolation.fit(self.anomalies, self.grid, radius_km, depth_scale_m, 1.0)

    def _try_reach(self, radius_km: float, depth_scale_m: float) -> None:
        inflation = torch.tensor(self.candidates.inflation)[:, None].expand(-1, self.grid.shape[0])
        analyser = self._fit(radius_km, depth_scale_m)
        self._score(analyser, inflation, Trial(radius_km, depth_scale_m, (), np.inf))

    def _score(
        self, analyser: OptimalInterpolation, inflation: Tensor, at: Trial
    ) -> tuple[Tensor, Tensor]:
        """Record inflations (A, L) `at` a reach; their rmse (A) K and square errors (A, L, Y, X)."""
        square = mean_square_error(analyser.with_inflation(inflation), self.validation, len(inflation))
        rmse = (self.weight * square).sum(dim=(1, 2, 3)).sqrt()
        for factors, score in zip(inflation.tolist(), rmse.tolist(), strict=True):
            self.trials.append(replace(at, inflation=tuple(factors), rmse=score))
        return rmse, square

    def _refine(self, analyser: OptimalInterpolation, best: Trial) -> OptimalInterpolation:
        """Steps 3 and 4 of the module, from the best trial so far."""
        start = torch.tensor(best.inflation)
        groups = self._groups()
        factors = torch.cat([torch.ones_like(start)[None], STEP**groups, STEP**-groups])
        rmse, _ = self._score(analyser, start * factors, best)
        up, down = rmse[1:].chunk(2)
        choice = torch.stack([rmse[:1].expand_as(up), up, down]).argmin(dim=0)
        together = start * STEP ** (torch.tensor([0.0, 1.0, -1.0])[choice][:, None] * groups).sum(dim=0)
        finalists = torch.stack([together, start * factors[rmse.argmin()]])
        rmse, square = self._score(analyser, finalists, best)
        winner = int(rmse.argmin())
        chosen = analyser.with_inflation(finalists[winner][None])
        return replace(chosen, error_stddev=self._pooled(square[winner]))

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
