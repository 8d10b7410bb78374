"""Processor seconds and memory of a cycle of the default generator with a sampled covariance.

    python benchmarks/cycle.py growth    by grid, observed cells and members, with exponents of growth
    python benchmarks/cycle.py full      360x180x38 with 320 samples

One thread, untrained weights without patterns, random samples: the cost of a step of the solver
depends on neither. The sea surface is observed in 60 % of the columns, whole columns in 10 %. At
45x90x12 the sampled covariance is a matrix, on the larger grids an operator on its samples.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from global_land_mask import globe

from deepda.assimilation.cycle import Observations
from deepda.assimilation.sample_covariance import background_error_covariance
from deepda.assimilation.samples import STEPS, Samples
from deepda.base.info import peak_memory
from deepda.geometry.grid import Grid, centres
from deepda.networks.innovation import InnovationAnalyser
from deepda.networks.statics import Statics
from deepda.networks.transition import CONTRACTION, NEIGHBOURS, Transition

DEEPEST = 800.0  # m


@dataclass(frozen=True)
class Case:
    """A grid, how much of it is observed, and how many members are analysed together."""

    lat: int
    lon: int
    layers: int
    columns: float = 0.1  # share observed from top to bottom
    members: int = 1
    samples: int = 320


def world(case: Case) -> Grid:
    """Equal cells, real coastlines, a flat bottom."""
    lat, lon = np.linspace(-90, 90, case.lat + 1), np.linspace(-180, 180, case.lon + 1)
    ocean = globe.is_ocean(*np.meshgrid(centres(lat), centres(lon), indexing="ij"))
    depth = DEEPEST * np.linspace(0, 1, case.layers + 1) ** 2
    return Grid(lat, lon, depth, np.broadcast_to(ocean, (case.layers, *ocean.shape)).copy())


def generator(grid: Grid, samples: int) -> InnovationAnalyser:
    """With samples that are noise."""
    ocean, lat = torch.from_numpy(grid.ocean), torch.from_numpy(grid.lat).float()
    weight = torch.full((len(NEIGHBOURS), *grid.shape), CONTRACTION / len(NEIGHBOURS))
    transition = Transition(weight, torch.full(grid.shape, 0.01))
    statics = Statics(ocean, lat, torch.ones(grid.shape), transition, torch.zeros(0, *grid.shape))
    made = InnovationAnalyser(statics, hidden=32, levels=2, iterations=40).eval().requires_grad_(False)
    number = int(grid.ocean.sum())
    codes = torch.randint(-STEPS, STEPS + 1, (number, samples), dtype=torch.int8)
    scale = torch.full((number,), 1.7 / STEPS / samples**0.5)
    made.use_error_samples(background_error_covariance(Samples(codes, scale), grid))
    return made


def window(grid: Grid, columns: float, members: int) -> Observations:
    """Of errors as large as half a standard deviation."""
    draw = torch.Generator().manual_seed(0)
    precision = torch.zeros(1, *grid.shape)
    precision[0, 0] = 4.0 * (torch.rand(grid.shape[1:], generator=draw) < 0.6)
    precision[0, :, torch.rand(grid.shape[1:], generator=draw) < columns] = 4.0
    value = torch.randn(members, *grid.shape, generator=draw)
    return Observations(value, precision * torch.from_numpy(grid.ocean), torch.tensor([0]), 73)


def measure(case: Case, repeats: int) -> dict[str, float]:
    """Cells, observed cells, least processor seconds of a cycle, and peak resident memory in GiB."""
    grid = world(case)
    analyser, seconds = generator(grid, case.samples), []
    observed = window(grid, case.columns, case.members)
    with torch.inference_mode():
        background = analyser.forecast(analyser.first_guess(case.members), observed.season)
        for _ in range(repeats + 1):  # the first works out what follows from the weights
            start = time.process_time()
            analyser.analyse(background, observed)
            seconds.append(time.process_time() - start)
    return {
        "cells": int(grid.ocean.sum()),
        "observed": int((observed.precision > 0).sum()),
        "members": case.members,
        "seconds": min(seconds[1:]),
        "peak_gib": peak_memory(),
    }


def growth(name: str, cases: Sequence[Case]) -> None:
    """Print the cases and the exponent of the seconds in `name`, by least squares of logarithms."""
    rows = [measure(case, repeats=3) for case in cases]
    for row in rows:
        print(", ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)
    sizes, seconds = (np.log([row[key] for row in rows]) for key in (name, "seconds"))
    print(f"exponent of the seconds in {name}: {np.polyfit(sizes, seconds, 1)[0]:.2f}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("growth", "full"))
    torch.set_num_threads(1)
    if parser.parse_args().what == "full":
        print(measure(Case(180, 360, 38), repeats=1))
        return
    growth("cells", [Case(60, 120, 18), Case(75, 150, 20), Case(90, 180, 20)])
    growth("observed", [Case(45, 90, 12, columns) for columns in (0.02, 0.1, 0.5)])
    growth("observed", [Case(60, 120, 18, columns) for columns in (0.02, 0.1, 0.5)])
    growth("members", [Case(45, 90, 12, members=members) for members in (1, 4, 10)])
    growth("members", [Case(60, 120, 18, members=members) for members in (1, 4, 10)])


if __name__ == "__main__":
    main()
