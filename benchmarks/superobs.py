"""Milliseconds a window of the observing system: places, observations, superobservations, masks.

    python benchmarks/superobs.py [--year 2018] [--windows 40]

Runs on a 4-degree grid of 12 levels to 800 m with real coastlines and a flat bottom, on one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from global_land_mask import globe

from deepda.assimilation.superobs import superobs
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid, centres
from deepda.geometry.windows import PENTADS, windows
from deepda.observations.errors import window_rng
from deepda.observations.synthetic import GriddedNetwork, observe, observe_gridded
from osse.observing.observing_system import ObservingSystem

LEVELS = (0, 10, 25, 45, 70, 100, 140, 190, 250, 330, 440, 590, 800)  # m, edges


def coarse_grid() -> Grid:
    """Four degrees, real coastlines."""
    lat, lon = np.linspace(-90, 90, 46), np.linspace(-180, 180, 91)
    ocean = globe.is_ocean(*np.meshgrid(centres(lat), centres(lon), indexing="ij"))
    shape = (len(LEVELS) - 1, *ocean.shape)
    return Grid(lat, lon, np.array(LEVELS, float), np.broadcast_to(ocean, shape).copy())


def milliseconds(act: Callable[[int], object], steps: range) -> float:
    """Mean wall-clock time of one step."""
    begin = time.perf_counter()
    for step in steps:
        act(step)
    return 1e3 * (time.perf_counter() - begin) / len(steps)


def main() -> None:
    """Print one line a stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--year", type=int, default=2018)
    parser.add_argument("--windows", type=int, default=40)
    options = parser.parse_args()
    grid, span = coarse_grid(), windows(options.year, options.year)
    steps = range(min(options.windows, len(span)))
    begin = time.perf_counter()
    system = ObservingSystem(grid, seed=0)
    print(f"{'history drawn once':24s}{1e3 * (time.perf_counter() - begin):10.2f} ms")
    truth = np.where(grid.ocean, 10.0, np.nan).astype(np.float32)
    climatology = Climatology(np.repeat(truth[None], PENTADS, 0), np.ones_like(truth))
    network = GriddedNetwork(grid, system)
    places = [system.places(span.start[i], span.end[i]) for i in steps]
    rngs = [window_rng(0, "errors", span.start[i]) for i in steps]
    tables = [observe(truth, grid, places[i], rngs[i]) for i in steps]
    masks = [network.precision(span.start[i], span.end[i]) for i in steps]
    stages: dict[str, Callable[[int], object]] = {
        "places": lambda i: system.places(span.start[i], span.end[i]),
        "observe": lambda i: observe(truth, grid, places[i], rngs[i]),
        "superobs": lambda i: superobs(tables[i], grid, int(span.season[i]), climatology),
        "gridded precision": lambda i: network.precision(span.start[i], span.end[i]),
        "gridded values": lambda i: observe_gridded(truth, masks[i], rngs[i]),
    }
    print(f"{np.mean([len(table) for table in tables]):.0f} rows a window in {options.year}")
    for name, act in stages.items():
        print(f"{name:24s}{milliseconds(act, steps):10.2f} ms a window")


if __name__ == "__main__":
    main()
