"""`deepda bench`: what a cycle costs on this machine, on the small grid and on that of the paper.

Weights are untrained: the cost does not depend on them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from deepda.assimilation.cycle import Analyser, Observations, cycle
from deepda.assimilation.state import StateSpace
from deepda.base.files import write_json
from deepda.base.info import peak_memory, versions
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.geometry.regrid import grid_edges
from deepda.networks.build import ControlStatistics, build_generator, number_of_patterns
from deepda.networks.device import AUTO, choose_device
from deepda.networks.transition import CONTRACTION, NEIGHBOURS, Transition
from deepda.settings.compose import load_config

GRIDS = ("embedded_4deg", "paper_1deg")
CYCLES = 5
LAND = 0.3  # of the cells, at random: convolutions cost the same whatever the coast


def run(output: Path) -> dict[str, Any]:
    """Measure, print and write `bench.json`."""
    device = choose_device(AUTO)
    results: dict[str, Any] = {"device": str(device), "threads": torch.get_num_threads()}
    for name in GRIDS:
        results[name] = measure(name, device)
        numbers = ", ".join(f"{key} {value:g}" for key, value in results[name].items())
        print(f"{name}: {numbers}", file=sys.stdout)
    results["versions"] = versions()
    write_json(output / "bench.json", results)
    return results


def measure(grid_name: str, device: torch.device) -> dict[str, float]:
    """Median milliseconds a cycle, GFLOP (products and convolutions), weights, peak memory."""
    config = load_config("osse", [f"grid={grid_name}"])
    space = random_space(grid_edges(vars(config.grid)))
    shape = space.grid.shape
    weight = torch.full((len(NEIGHBOURS), *shape), CONTRACTION / len(NEIGHBOURS))
    patterns = 0.1 * torch.randn(number_of_patterns(config.generator), *shape)
    statistics = ControlStatistics(Transition(weight, torch.full(shape, 0.01)), patterns)
    made = build_generator(config.generator, space, statistics, seed=0)
    analyser: Analyser = made.analyser.to(device).eval()  # type: ignore[assignment]
    precision = torch.zeros(1, *shape, device=device)
    precision[:, 0] = 2.0 * (torch.rand(1, *shape[1:], device=device) < 0.6)
    precision[:, :, torch.rand(shape[1:], device=device) < 0.1] = 4.0
    window = Observations(torch.randn_like(precision), precision, torch.tensor([0], device=device), 73)
    spent = []
    with torch.inference_mode():
        analysis = analyser.first_guess(1)
        with FlopCounterMode(display=False) as counter:
            analysis = next(cycle(analyser, analysis, [window])).analysis
        for _ in range(CYCLES):
            start = _now(device)
            analysis = next(cycle(analyser, analysis, [window])).analysis
            spent.append(1e3 * (_now(device) - start))
    memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else peak_memory()
    return {
        "milliseconds_per_cycle": round(float(np.median(spent)), 2),
        "gflop_per_cycle": round(counter.get_total_flops() / 1e9, 3),
        "weights": sum(p.numel() for p in made.analyser.parameters()),
        "peak_memory_gib": round(memory, 2),
    }


def random_space(edges: dict[str, np.ndarray]) -> StateSpace:
    """A space on given edges with land at random and a flat climatology."""
    shape = tuple(len(edges[name]) - 1 for name in ("depth_edges", "lat_edges", "lon_edges"))
    land = np.random.default_rng(0).random(shape[1:]) < LAND
    grid = Grid(**edges, ocean=np.broadcast_to(~land, shape).copy())
    flat = np.zeros((1, *shape), np.float32)
    return StateSpace(grid, Climatology(flat, flat[0] + 1), flat[0] + 0.4)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
