"""Between xarray outside and tensors inside: the one place where units and types change.

Outside: degC on the grid. Inside: anomalies in units of the local climatological standard deviation,
zero on land, float32 tensors (B, L, Y, X) with L layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from deepda.assimilation.cycle import LIMIT, Observations
from deepda.assimilation.superobs import SuperObs
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid

LARGEST = 12.0  # K: no real anomaly of a cell and window is larger (El Niño off Peru: 6 to 8 K)
SMALLEST_SHARE = 0.3  # of the layer's typical variability: quieter cells count as this variable


@dataclass(frozen=True, eq=False)
class StateSpace:
    """A grid, the climatology that anomalies are taken from, and the scale they are divided by.

    Attributes:
        climatology: of the truth that is analysed (a model's own, or an observed one).
        scale: (L, Y, X) K, from the control simulation (`scale_of`); positive everywhere.
    """

    grid: Grid
    climatology: Climatology
    scale: NDArray[np.float32]

    @cached_property
    def weights(self) -> Tensor:
        """(L, Y, X) water volume as a share of its layer's; each layer sums to one."""
        volume = torch.from_numpy(self.grid.volume)
        layer = volume.sum((1, 2), keepdim=True)
        return (volume / layer.clamp(min=1.0)).float()

    @property
    def limit(self) -> Tensor:
        """(L, Y, X) standard deviations that no analysis of the real ocean reaches.

        Where the control run is quiet the real ocean need not be: there it may depart by LARGEST.
        """
        return (LARGEST / torch.from_numpy(self.scale)).clamp(min=LIMIT)

    def standardise(self, thetao: ArrayLike, season: ArrayLike) -> Tensor:
        """(T, L, Y, X) degC with seasons (T) to standardised anomalies."""
        anomaly = self.climatology.anomaly(np.asarray(thetao, np.float32), np.asarray(season))
        return torch.from_numpy(np.where(self.grid.ocean, anomaly / self.scale, 0).astype(np.float32))

    def celsius(self, mean: Tensor, season: int) -> NDArray[np.float32]:
        """(..., L, Y, X) standardised anomalies of one season to degC, NaN on land."""
        kelvin = mean.detach().cpu().numpy() * self.scale + self.climatology.mean[season]
        return np.where(self.grid.ocean, kelvin, np.nan).astype(np.float32)

    def kelvin(self, spread: Tensor) -> NDArray[np.float32]:
        """(..., L, Y, X) standardised spread to K, NaN on land."""
        kelvin = spread.detach().cpu().numpy() * self.scale
        return np.where(self.grid.ocean, kelvin, np.nan).astype(np.float32)

    def observations(
        self, found: SuperObs, season: int, device: torch.device | None = None
    ) -> Observations:
        """Superobservations of one window, for a batch of one."""
        value = torch.from_numpy(np.nan_to_num(found.anomaly / self.scale)).to(device)
        precision = torch.from_numpy(found.precision * self.scale**2).to(device)
        return Observations(
            value[None].float(),
            precision[None].float(),
            torch.tensor([season], device=device),
            self.climatology.per_year,
        )


def scale_of(climatology: Climatology, grid: Grid) -> NDArray[np.float32]:
    """(L, Y, X) K: the standard deviation of the control run, floored; the floor also on land.

    The floor keeps cells that hardly vary in the control run (under a model's ice, in enclosed seas)
    from turning a tenth of a degree into many standard deviations.
    """
    stddev = np.where(grid.ocean, climatology.stddev, 0.0)
    area = grid.area * grid.ocean
    share = np.maximum(area.sum((1, 2)), 1e-12)
    typical = np.sqrt((area * stddev**2).sum((1, 2)) / share)
    floor = SMALLEST_SHARE * np.maximum(typical, 1e-3)
    return np.maximum(stddev, floor[:, None, None]).astype(np.float32)
