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
from ceiling import LEAST, Samples, around, cells_of, fitted
from numpy.typing import NDArray
from table_text import as_table
from torch import Tensor

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
        own = Samples(samples, grid, half)
        stated = np.maximum(own.fields["spread"], LEAST)
        columns = [*own.place, *own.season(1), *own.spreads, own.covered, around(own.covered, 3)]
        for name in ("anomaly", "increment"):
            field = own.fields[name]
            near = (around(field, cells, layers) for layers, cells in AROUND)
            columns += [one / stated for one in (field, *near)]
        self.known = np.clip(own.features(*columns), -20, 20)
        self.error = own.in_ocean(own.fields["error"] / stated)
        self.layer = own.in_ocean(own.layers)
        self.weight = own.in_ocean(stated * samples["scale"]) ** 2 * own.in_ocean(grid.area)


def least_squares(own: Half, other: Half) -> NDArray[np.float32]:
    """(cell) of the other half."""
    known = np.hstack([own.known, np.ones((len(own.known), 1), np.float32)])
    weights = np.linalg.lstsq(known.T @ known, known.T @ own.error, rcond=1e-6)[0]
    found: NDArray[np.float32] = other.known @ weights[:-1] + weights[-1]
    return found


def network(own: Half, other: Half) -> NDArray[np.float32]:
    """(cell) of the other half."""
    error = torch.from_numpy(own.error)

    def loss(outputs: Tensor, at: Tensor) -> Tensor:
        return (outputs[:, 0] - error[at]).square().mean()

    learnt = fitted([own.known], loss, 1, decay=1e-5)
    return learnt.at([other.known], lambda outputs, _: outputs[:, 0])


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
    rows = [["correction", "error over that without", "by depth"]]
    with Progress() as progress:
        for name, learn in (("least squares", least_squares), ("network", network)):
            both = []
            for own, other in progress.track((halves, halves[::-1]), name):
                both.append(left(learn(own, other), other) / left(0 * other.error, other))
            ratio = np.sqrt(both)
            rows.append([name, *cells_of(ratio.mean(0), ratio.mean(1))])
    print(as_table(rows))


if __name__ == "__main__":
    main()
