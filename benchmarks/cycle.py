"""Processor seconds and memory of a cycle of the default generator with a sampled covariance.

    python benchmarks/cycle.py growth    by grid, observed cells and members, with exponents of growth
    python benchmarks/cycle.py full      360x180x38 with 320 samples

Untrained weights without patterns, random samples. The sea surface is observed in 60 % of the columns,
whole columns in 10 %, with errors of half a standard deviation. The first window begins at climatology
and takes the solver most steps; what is given are means of the windows after the second, in which the
carried variances are what observations leave. At 45x90x12 the sampled covariance is a matrix, on the
larger grids an operator on its samples. Set OMP_NUM_THREADS to the threads that are wanted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from deepda.assimilation.cycle import Observations
from deepda.assimilation.sample_covariance import background_error_covariance
from deepda.assimilation.samples import STEPS, Samples
from deepda.base.info import peak_memory
from deepda.geometry.grid import Grid
from deepda.networks.innovation import InnovationAnalyser
from deepda.networks.statics import Statics
from deepda.networks.transition import CONTRACTION, NEIGHBOURS, Transition
from osse.ocean.geography import ocean_mask

DEEPEST = 800.0  # m
SPIN_UP, WINDOWS = 2, 5  # of them the first and all


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
    """Equal cells, with the coasts and the sea floor of the built-in ocean."""
    lat, lon = np.linspace(-90, 90, case.lat + 1), np.linspace(-180, 180, case.lon + 1)
    depth = DEEPEST * np.linspace(0, 1, case.layers + 1) ** 2
    grid = Grid(lat, lon, depth, np.ones((case.layers, case.lat, case.lon), bool))
    return replace(grid, ocean=ocean_mask(grid))


def generator(grid: Grid, samples: int) -> InnovationAnalyser:
    """With samples that are noise."""
    ocean, lat = torch.from_numpy(grid.ocean), torch.from_numpy(grid.lat).float()
    weight = torch.full((len(NEIGHBOURS), *grid.shape), CONTRACTION / len(NEIGHBOURS))
    transition = Transition(weight, torch.full(grid.shape, 0.01))
    statics = Statics(ocean, lat, torch.ones(grid.shape), transition, torch.zeros(0, *grid.shape))
    made = InnovationAnalyser(statics, hidden=32, levels=2, iterations=128).eval().requires_grad_(False)
    number = int(grid.ocean.sum())
    codes = torch.randint(-STEPS, STEPS + 1, (number, samples), dtype=torch.int8)
    scale = torch.full((number,), 1.7 / STEPS / samples**0.5)
    made.use_error_samples(background_error_covariance(Samples(codes, scale), grid))
    return made


def window(grid: Grid, case: Case, draw: torch.Generator) -> Observations:
    """Noise at new places."""
    precision = torch.zeros(1, *grid.shape)
    precision[0, 0] = 4.0 * (torch.rand(grid.shape[1:], generator=draw) < 0.6)
    precision[0, :, torch.rand(grid.shape[1:], generator=draw) < case.columns] = 4.0
    value = torch.randn(case.members, *grid.shape, generator=draw)
    return Observations(value, precision * torch.from_numpy(grid.ocean), torch.tensor([0]), 73)


def measure(case: Case) -> dict[str, float]:
    """Cells, observed cells, seconds of a cycle and of the first, and peak resident memory in GiB."""
    grid, draw = world(case), torch.Generator().manual_seed(0)
    analyser = generator(grid, case.samples)
    seen, wall, processor = [], [], []
    with torch.inference_mode():
        analysis = analyser.first_guess(case.members)
        for _ in range(WINDOWS):
            observed = window(grid, case, draw)
            seen.append(int((observed.precision > 0).sum()))
            start = time.perf_counter(), time.process_time()
            background = analyser.forecast(analysis, observed.season)
            analysis = analyser.analyse(background, observed)
            wall.append(time.perf_counter() - start[0])
            processor.append(time.process_time() - start[1])
    return {
        "cells": int(grid.ocean.sum()),
        "observed": float(np.mean(seen[SPIN_UP:])),
        "members": case.members,
        "seconds": float(np.mean(processor[SPIN_UP:])),
        "wall_seconds": float(np.mean(wall[SPIN_UP:])),
        "first_seconds": processor[0],
        "peak_gib": peak_memory(),
    }


def growth(name: str, cases: Sequence[Case]) -> None:
    """Print the cases and the exponent of the seconds in `name`, by least squares of logarithms."""
    rows = [measure(case) for case in cases]
    for row in rows:
        print(text(row), flush=True)
    sizes, seconds = (np.log([row[key] for row in rows]) for key in (name, "seconds"))
    print(f"exponent of the seconds in {name}: {np.polyfit(sizes, seconds, 1)[0]:.2f}\n", flush=True)


def text(row: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:.4g}" for key, value in row.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("growth", "full"))
    if parser.parse_args().what == "full":
        print(f"threads {torch.get_num_threads()}, {text(measure(Case(180, 360, 38)))}")
        return
    growth("cells", [Case(60, 120, 18), Case(75, 150, 20), Case(90, 180, 20)])
    growth("observed", [Case(45, 90, 12, columns) for columns in (0.02, 0.1, 0.5)])
    growth("observed", [Case(60, 120, 18, columns) for columns in (0.02, 0.1, 0.5)])
    growth("members", [Case(45, 90, 12, members=members) for members in (1, 4, 10)])
    growth("members", [Case(60, 120, 18, members=members) for members in (1, 4, 10)])


if __name__ == "__main__":
    main()
