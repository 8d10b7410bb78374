"""Anomalies of small scale that last shorter than a model run has it.

The forecast of a model without eddies keeps for years what a single profile has seen of one. Below
the uppermost layer, which is observed everywhere, an anomaly that is smaller than WIDTH_KM decays to
what its surroundings have: of m, the forecast, there remains

    D m = S m + left (m - S m),    S = diag(1 / H H' w) H H' diag(w),

S means over the water of a layer, weighted by area w and nearness; H are the kernels of a localisation.
On the equator, where such anomalies are waves and no eddies, nothing decays: left is one there and
LEFT_A_MONTH far from it, 1 - (1 - LEFT_A_MONTH) (1 - exp(-(lat / WAVE_GUIDE)^2 / 2)).
The three were chosen by platforms left out of the real ocean (docs/real-reanalysis.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from deepda.assimilation.cycle import Analyser, Observations, StateEstimate
from deepda.assimilation.localisation import Localisation
from deepda.assimilation.smoother import Smoothable
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import near_equator
from deepda.geometry.windows import MONTHS

WIDTH_KM = 2500.0  # distance from which on a place does not count
LEFT_A_MONTH = 0.7


@dataclass(frozen=True, eq=False)
class Decay:
    """D on a grid.

    Attributes:
        columns: (C) flat (lat, lon) index of the columns with water.
        kernels: (C, node) H.
        area: (L, C) w, zero where a layer has no water.
        around: (L, C) H H' w; one where it is zero.
        left: (L, C) of what is smaller.
    """

    columns: Tensor
    kernels: Tensor
    area: Tensor
    around: Tensor
    left: Tensor

    @classmethod
    def of(cls, grid: Grid, per_year: int) -> Decay:
        """The decay from one window to the next, `per_year` of them a year."""
        localisation = Localisation.of(grid, WIDTH_KM, 1.0)
        layers = grid.shape[0]
        columns = (localisation.cells % (grid.shape[1] * grid.shape[2])).unique()
        kernels = torch.from_numpy(localisation.kernels().toarray()).float()
        water = torch.from_numpy(grid.area * grid.ocean).flatten(1)[:, columns]
        area = (water / water.max()).float()
        around = (area @ kernels) @ kernels.T
        guide = torch.from_numpy(near_equator(grid.lat)).float()[columns // grid.shape[2]]
        lost = (1 - LEFT_A_MONTH) * (1 - guide)
        left = ((1 - lost) ** (MONTHS / per_year)).repeat(layers, 1)
        left[0] = 1.0
        return cls(columns, kernels, area, torch.where(around > 0, around, 1.0), left)

    def to(self, device: torch.device) -> Decay:
        """The same, moved to another device."""
        return Decay(**{name: part.to(device) for name, part in vars(self).items()})

    def of_field(self, field: Tensor) -> Tensor:
        """D times a field (B, L, Y, X), zero on land."""
        inside = field.flatten(2)[..., self.columns]
        smooth = ((self.area * inside) @ self.kernels) @ self.kernels.T / self.around
        return self._on_grid(smooth + self.left * (inside - smooth), field)

    def transposed(self, field: Tensor) -> Tensor:
        """D' times a field (B, L, Y, X), zero on land."""
        inside = field.flatten(2)[..., self.columns]
        large = (1 - self.left) * inside / self.around
        return self._on_grid(
            self.left * inside + self.area * ((large @ self.kernels) @ self.kernels.T), field
        )

    def _on_grid(self, inside: Tensor, like: Tensor) -> Tensor:
        water = inside * (self.area > 0)
        return torch.zeros_like(like).flatten(2).index_copy(2, self.columns, water).view(like.shape)


class Decaying:
    """A method of analysis whose forecasts decay where they are of small scale, and all else of it.

    Args:
        method: any; to be smoothed it has to be `Smoothable`.
    """

    def __init__(self, method: Analyser, decay: Decay) -> None:
        self._method, self._decay = method, decay

    def first_guess(self, batch: int) -> StateEstimate:
        return self._method.first_guess(batch)

    def forecast(self, analysis: StateEstimate, season: Tensor) -> StateEstimate:
        background = self._method.forecast(analysis, season)
        return replace(background, mean=self._decay.of_field(background.mean))

    def analyse(self, background: StateEstimate, observations: Observations) -> StateEstimate:
        return self._method.analyse(background, observations)

    def covariance(self, background: StateEstimate, field: Tensor) -> Tensor:
        return self._smoothable.covariance(background, field)

    def dual(self, background: StateEstimate, innovation: Tensor, precision: Tensor) -> Tensor:
        return self._smoothable.dual(background, innovation, precision)

    def retreat(self, sensitivity: Tensor) -> Tensor:
        """The transpose of the method's forecast after that of the decay."""
        return self._smoothable.retreat(self._decay.transposed(sensitivity))

    def look_back(
        self, analysis: StateEstimate, background: StateEstimate, smoothed: StateEstimate
    ) -> tuple[Tensor, Tensor]:
        return self._smoothable.look_back(analysis, background, smoothed)

    @property
    def _smoothable(self) -> Smoothable:
        return cast(Smoothable, self._method)
