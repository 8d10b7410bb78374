"""What networks are given of their ocean: statistics of the control simulation and static fields.

Shape suffixes: B batch, L layer, J pattern, Y latitude, X longitude, F static field.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from deepda.assimilation.cycle import Observations
from deepda.assimilation.state import StateSpace
from deepda.networks.transition import NEIGHBOURS, Transition

TINY = 1e-6


@dataclass(frozen=True, eq=False)
class ControlStatistics:
    """What a generator takes from the control simulation before it is trained.

    Attributes:
        transition: the local linear forecast.
        patterns: (J, L, Y, X) see `leading_patterns`; for the default generator.
    """

    transition: Transition
    patterns: Tensor

    @classmethod
    def none(cls, space: StateSpace, patterns: int) -> ControlStatistics:
        """Zeros of the right shape, to be filled from a checkpoint."""
        shape = space.grid.shape
        blank = Transition(torch.zeros(len(NEIGHBOURS), *shape), torch.zeros(shape))
        return cls(blank, torch.zeros(patterns, *shape))


@dataclass(frozen=True, eq=False)
class Statics:
    """The grid of a generator and the statistics of its training years.

    Attributes:
        ocean: (L, Y, X) bool.
        lat: (Y) degrees north.
        stddev: (L, Y, X) K, climatological standard deviation.
        transition: the local linear forecast.
        patterns: (J, L, Y, X) of the control simulation, see `leading_patterns`; J may be 0.
    """

    ocean: Tensor
    lat: Tensor
    stddev: Tensor
    transition: Transition
    patterns: Tensor

    def fields(self) -> Tensor:
        """(F, Y, X) static fields of order one: variability, its noise, sea floor, latitude."""
        wet = self.ocean.float()
        north = (self.lat / 45)[None, :, None].expand(1, *self.ocean.shape[1:])
        noise = (1 + self.transition.noise.clamp(min=TINY).log() / 4) * wet
        variability = (1 + self.stddev.clamp(min=0.01).log()) * wet
        equator = torch.exp(-((self.lat / 15) ** 2))[None, :, None].expand_as(north)
        return torch.cat([variability, noise, wet, north, equator])


def time_of_year(observations: Observations, like: Tensor) -> Tensor:
    """(B, 2, Y, X) sine and cosine of the time of year."""
    turn = 2 * torch.pi * observations.season.to(like.dtype) / observations.per_year
    wave = torch.stack([turn.sin(), turn.cos()], dim=-1).reshape(-1, 2, 1, 1)
    return wave.expand(len(like), 2, *like.shape[-2:]).to(like.device)
