"""How much of the error of an analysis a network finds in what the generator has.

    python benchmarks/correction_ceiling.py runs/embedded samples.npz

`samples.npz` is that of `members_ceiling.py`: stretches of training years, in two halves. On one half
a network learns the error of a cell from the analysis and its increment in the cell, around it, above
and below, from the spreads, what was observed, season, layer and latitude; how much smaller that makes
the error is seen on the other half, and the other way round. Least squares on the same is beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from members_ceiling import BATCH, CELLS, KEPT, LEAST, SEED, UPDATES, WIDTH, Fields
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch import nn

from deepda.base.progress import Progress
from deepda.geometry.grid import Grid
from deepda.runs.finished import FinishedRun

AROUND = ((1, 3), (1, 7), (3, 3), (5, 11))  # layers and cells that means are taken over


class Half:
    """Ocean cells of one half.

    Attributes:
        error: (cell) in units of the stated spread.
        weight: (cell) squared K of one unit.
        layer: (cell) number.
        known: (cell, feature).
    """

    def __init__(self, samples: dict[str, NDArray], grid: Grid, half: int) -> None:
        fields = {name: samples[name][half::2].astype(np.float32) for name in KEPT}
        shape = fields["error"].shape
        wet = np.broadcast_to(grid.ocean, shape)
        stated = np.maximum(fields["spread"], LEAST)
        layers, north = np.arange(shape[-3])[:, None, None], np.deg2rad(grid.lat)[:, None]
        turn = 2 * np.pi * samples["season"][:, None, None, None, None] / (samples["season"].max() + 1)
        covered = np.log1p(fields["coverage"])
        columns = [
            *(layers == layer for layer in range(shape[-3])),
            *(wave(k * north) for k in (1, 2, 4) for wave in (np.sin, np.cos)),
            *(wave(turn) for wave in (np.sin, np.cos)),
            *(np.log(np.maximum(fields[name], LEAST)) for name in ("spread", "background_spread")),
            *(covered, _mean(covered, 1, 3)),
        ]
        for name in ("anomaly", "increment"):
            field = fields[name]
            columns += [field / stated, *(_mean(field, *size) / stated for size in AROUND)]
        chosen = [np.broadcast_to(column, shape)[wet].astype(np.float32) for column in columns]
        self.known = np.clip(np.stack(chosen, 1), -20, 20)
        self.error = (fields["error"] / stated)[wet]
        self.layer = np.broadcast_to(layers, shape)[wet]
        self.weight = (stated * samples["scale"])[wet] ** 2 * np.broadcast_to(grid.area, shape)[wet]


def _mean(field: Fields, layers: int, cells: int) -> Fields:
    mode = ["nearest", "nearest", "wrap"]
    return uniform_filter(field, (layers, cells, cells), mode=mode, axes=(-3, -2, -1))


def least_squares(own: Half, other: Half) -> NDArray[np.float32]:
    """(cell) of the other half."""
    known = np.hstack([own.known, np.ones((len(own.known), 1), np.float32)])
    weights = np.linalg.lstsq(known.T @ known, known.T @ own.error, rcond=1e-6)[0]
    found: NDArray[np.float32] = other.known @ weights[:-1] + weights[-1]
    return found


def network(own: Half, other: Half) -> NDArray[np.float32]:
    """(cell) of the other half."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    picked = rng.choice(own.error.size, min(CELLS, own.error.size), replace=False)
    mean, scale = own.known[picked].mean(0), own.known[picked].std(0) + 1e-6
    inputs = torch.from_numpy((own.known[picked] - mean) / scale)
    error = torch.from_numpy(own.error[picked])
    layers = nn.Sequential(
        nn.Linear(inputs.shape[1], WIDTH),
        nn.SiLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.SiLU(),
        nn.Linear(WIDTH, 1),
    )
    steps = torch.optim.Adam(layers.parameters(), 3e-3, weight_decay=1e-5)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(steps, UPDATES)
    for _ in range(UPDATES):
        at = torch.randint(len(inputs), (BATCH,))
        steps.zero_grad()
        (layers(inputs[at])[:, 0] - error[at]).square().mean().backward()
        steps.step()
        slower.step()
    with torch.inference_mode():
        parts = np.array_split((other.known - mean) / scale, 40)
        return np.concatenate([layers(torch.from_numpy(part))[:, 0].numpy() for part in parts])


def left(found: NDArray[np.float32], half: Half) -> NDArray[np.float64]:
    """(layer) mean square of what is left of the error, K2, up to a factor."""
    return np.bincount(half.layer, half.weight * (half.error - found) ** 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path, help="folder of the run of the samples")
    parser.add_argument("samples", type=Path, help="file that members_ceiling.py made")
    given = parser.parse_args()
    samples, grid = dict(np.load(given.samples)), FinishedRun(given.run, "cpu").space.grid
    halves = [Half(samples, grid, half) for half in (0, 1)]
    print("| correction | error over that without | by depth |\n|---|---|---|")
    with Progress() as progress:
        for name, learn in (("least squares", least_squares), ("network", network)):
            both = []
            for own, other in progress.track((halves, halves[::-1]), name):
                both.append(left(learn(own, other), other) / left(0 * other.error, other))
            ratio = np.sqrt(both)
            apart = ", ".join(f"{part:.3f}" for part in ratio.mean(1))
            depths = ", ".join(f"{part:.3f}" for part in ratio.mean(0))
            print(f"| {name} | {ratio.mean():.3f} ({apart}) | {depths} |")


if __name__ == "__main__":
    main()
