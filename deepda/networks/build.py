"""From settings to an Analyser, and from a trained run back to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from deepda.assimilation.state import StateSpace
from deepda.geometry.grid import Grid, GridError
from deepda.networks.discriminator import Ham2024Discriminator, PatchDiscriminator
from deepda.networks.ham2024 import Ham2024Analyser
from deepda.networks.innovation import InnovationAnalyser
from deepda.networks.statics import ControlStatistics, Statics
from deepda.networks.trainable import TrainableAnalyser
from deepda.networks.unet3plus_analyser import UNet3PlusAnalyser
from deepda.settings.schema import GeneratorConfig, HamGenerator, InnovationGenerator, UNet3PlusGenerator


@dataclass(frozen=True, eq=False)
class Generator:
    """An analyser and the discriminator that judges it in training."""

    analyser: TrainableAnalyser
    discriminator: nn.Module


def number_of_patterns(settings: GeneratorConfig) -> int:
    """How many patterns of the control simulation a generator asks for."""
    return settings.patterns if isinstance(settings, InnovationGenerator) else 0


def build_generator(
    settings: GeneratorConfig, space: StateSpace, statistics: ControlStatistics, seed: int
) -> Generator:
    """An untrained generator; its first weights follow from the seed.

    Raises:
        GridError: the default generator on cells of different widths in longitude.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ocean = torch.from_numpy(space.grid.ocean)
        if isinstance(settings, HamGenerator):
            return Generator(Ham2024Analyser(ocean), Ham2024Discriminator(ocean))
        lat = torch.from_numpy(space.grid.lat).float()
        scale = torch.from_numpy(space.scale)
        statics = Statics(ocean, lat, scale, statistics.transition, statistics.patterns)
        if isinstance(settings, UNet3PlusGenerator):
            unet = UNet3PlusAnalyser(statics, settings.filters, settings.depth, settings.dropout)
            return Generator(unet, PatchDiscriminator(ocean))
        assert isinstance(settings, InnovationGenerator)
        require_equal_longitudes(space.grid)
        analyser = InnovationAnalyser(
            statics, settings.hidden, settings.levels, settings.solver_iterations, settings.dropout
        )
        return Generator(analyser, PatchDiscriminator(ocean))


def require_equal_longitudes(grid: Grid) -> None:
    """Refuse a grid that a Fourier transform in longitude does not fit.

    Raises:
        GridError: cells of different widths.
    """
    widths = np.diff(grid.lon_edges)
    if np.ptp(widths) > 1e-4 * widths.mean():
        raise GridError(
            f"cells are {widths.min():g} to {widths.max():g} degrees of longitude wide, expected one "
            "width; choose another grid and run `deepda control prepare`"
        )
