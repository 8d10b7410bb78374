"""What a small network finds in samples of an analysis, learnt on one half of them, used on the other.

`members_ceiling.py` makes the samples and asks for the size of the errors, `correction_ceiling.py` for
the errors themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch import Tensor, nn

from deepda.geometry.grid import Grid

LEAST = 1e-3  # standard deviations
CELLS, UPDATES, BATCH, WIDTH, SEED = 3_000_000, 2000, 16_384, 48, 1
PARTS = 40  # that cells are taken in
KEPT = ("error", "spread", "background_spread", "anomaly", "increment", "coverage")
Fields = NDArray[np.float32]
OfCells = Callable[[Tensor, Tensor], Tensor]  # of outputs (cell, output) and numbers of their cells


class Samples:
    """One half of the samples, and columns that features are made of.

    Attributes:
        fields: KEPT (group, time, stretch, L, Y, X), standardised.
        layers: (L, 1, 1) numbers.
        lat: (Y, 1) degrees north.
        place: columns that are one in a layer each, and waves in latitude.
        spreads: columns of logarithms, of the analysis and of the background.
        covered: like a field, logarithm of the precision of what was observed.
    """

    def __init__(self, samples: dict[str, NDArray], grid: Grid, half: int) -> None:
        self.fields = {name: samples[name][half::2].astype(np.float32) for name in KEPT}
        self._ocean = np.broadcast_to(grid.ocean, self.fields["error"].shape)
        self.layers, self.lat = np.arange(grid.shape[0])[:, None, None], grid.lat[:, None]
        season = samples["season"]
        self._turn = 2 * np.pi * season[:, None, None, None, None] / (season.max() + 1)
        self.place = [
            *(self.layers == layer for layer in range(grid.shape[0])),
            *_waves(np.deg2rad(self.lat), (1, 2, 4)),
        ]
        both = (self.fields[name] for name in ("spread", "background_spread"))
        self.spreads = [np.log(np.maximum(field, LEAST)) for field in both]
        self.covered = np.log1p(self.fields["coverage"])

    def season(self, *turns: int) -> list[NDArray]:
        """Columns of waves with so many turns a year."""
        return _waves(self._turn, turns)

    def in_ocean(self, column: NDArray) -> NDArray:
        """(cell) values of the ocean cells."""
        values: NDArray = np.broadcast_to(column, self._ocean.shape)[self._ocean]
        return values

    def features(self, *columns: NDArray) -> Fields:
        """(cell, feature) of the ocean cells."""
        return np.stack([self.in_ocean(column).astype(np.float32) for column in columns], 1)


def _waves(angle: NDArray, turns: Sequence[int]) -> list[NDArray]:
    return [wave(turn * angle) for turn in turns for wave in (np.sin, np.cos)]


def around(field: Fields, cells: int, layers: int = 1) -> Fields:
    """(..., L, Y, X) means over squares of so many cells, and over so many layers."""
    mode = ["nearest", "nearest", "wrap"]
    return uniform_filter(field, (layers, cells, cells), mode=mode, axes=(-3, -2, -1))


class Fitted:
    """A network of the features of a cell, normalised by their `mean` and `scale` (feature)."""

    def __init__(self, mean: Fields, scale: Fields, outputs: int) -> None:
        self.mean, self.scale = mean, scale
        self.layers = nn.Sequential(
            nn.Linear(len(mean), WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, outputs),
        )

    def inputs(self, known: Fields) -> Tensor:
        """(cell, feature) normalised."""
        return torch.from_numpy((known - self.mean) / self.scale)

    @torch.inference_mode()
    def at(self, known: Sequence[Fields], found: OfCells) -> Fields:
        """(cell) what is `found` from the outputs; `known` are (cell, feature) each."""
        parts = np.array_split(np.arange(len(known[0])), PARTS)
        outputs = (self.layers(self.inputs(np.hstack([one[part] for one in known]))) for part in parts)
        return np.concatenate(
            [found(one, torch.from_numpy(part)) for one, part in zip(outputs, parts, strict=True)]
        )


def fitted(
    known: Sequence[Fields], loss: OfCells, outputs: int, zero: bool = False, decay: float = 0.0
) -> Fitted:
    """The network of least loss at random cells.

    Args:
        known: (cell, feature) each.
        loss: mean over cells, from the outputs there and their numbers.
        outputs: how many there are.
        zero: the outputs start at zero, not at random.
        decay: of the weights.
    """
    torch.manual_seed(SEED)
    size = len(known[0])
    picked = np.random.default_rng(SEED).choice(size, min(CELLS, size), replace=False)
    chosen = np.hstack([one[picked] for one in known])
    network = Fitted(chosen.mean(0), chosen.std(0) + 1e-6, outputs)
    if zero:
        nn.init.zeros_(network.layers[-1].weight)
        nn.init.zeros_(network.layers[-1].bias)
    inputs, numbers = network.inputs(chosen), torch.from_numpy(picked)
    steps = torch.optim.Adam(network.layers.parameters(), 3e-3, weight_decay=decay)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(steps, UPDATES)
    for _ in range(UPDATES):
        at = torch.randint(len(inputs), (BATCH,))
        steps.zero_grad()
        loss(network.layers(inputs[at]), numbers[at]).backward()
        steps.step()
        slower.step()
    return network


def cells_of(by_layer: NDArray, by_half: NDArray) -> list[str]:
    """Cells of a line of a table: mean (halves), layers one after the other, three decimals."""
    halves, layers = (", ".join(f"{one:.3f}" for one in part) for part in (by_half, by_layer))
    return [f"{by_layer.mean():.3f} ({halves})", layers]
