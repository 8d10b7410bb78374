"""What one observation does: the shape of the gain at a few places, and whether it crosses land."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.cycle import Analyser, Observations
from deepda.assimilation.state import StateSpace
from deepda.geometry.grid import Grid

# (degrees north, degrees east, m): a wave guide, a western boundary current, a strong zonal flow.
PLACES: Mapping[str, tuple[float, float, float]] = {
    "equatorial Pacific": (0.0, 220.0, 110.0),
    "Gulf Stream": (38.0, 292.0, 0.0),
    "Southern Ocean": (-55.0, 90.0, 300.0),
}
# Pairs of seas with land between, at the surface: observed there, looked at here.
ISTHMUSES: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "Panama": ((6.0, 280.0), (12.0, 281.0)),
    "Malay Peninsula": ((10.0, 95.0), (10.0, 103.0)),
}
INCREMENTS = "increments.nc"  # in the folder of a run
MISFIT, ERROR = 1.0, 0.1  # K, of the one observation
FARTHEST = 900.0  # km that a cell may lie from where it is wanted


def single_observations(methods: Mapping[str, Analyser], space: StateSpace) -> xr.Dataset:
    """Increment of one observation 1 K above a climatological background, error 0.1 K.

    Returns:
        `increment` (analyser, place, depth, lat, lon) K, with the observed cell as `observed_depth`,
        `observed_lat`, `observed_lon` (place); places that the grid has no water near are left out.
    """
    grid = space.grid
    cells = {name: nearest_water(grid, *place) for name, place in PLACES.items()}
    found = {name: cell for name, cell in cells.items() if cell is not None}
    fields = [[increment(method, space, cell) for cell in found.values()] for method in methods.values()]
    shape = (len(methods), len(found), *grid.shape)
    where = np.array(list(found.values()), int).reshape(-1, 3)
    return xr.Dataset(
        {
            "increment": (
                ("analyser", "place", "depth", "lat", "lon"),
                np.reshape(fields, shape).astype(np.float32),
                {"units": "K", "long_name": "increment of one observation of 1 K"},
            )
        },
        {
            "analyser": ("analyser", list(methods), {"long_name": "method"}),
            "place": ("place", list(found), {"long_name": "where the observation lies"}),
            **{
                f"observed_{name}": ("place", getattr(grid, name)[index], observed_at(grid, name))
                for name, index in zip(("depth", "lat", "lon"), where.T, strict=True)
            },
        },
        {
            "title": "Twin experiment of DeepDA: increments of single observations in a simulated ocean",
            "summary": f"What one observation {MISFIT:g} K above a climatological background, of error "
            f"{ERROR:g} K, changes by each method at some places",
        },
    )


def observed_at(grid: Grid, name: str) -> dict[str, str]:
    """Attributes of a coordinate of the observed cell, those of the axis but for what makes it one."""
    axis = grid.coords()[name].attrs
    kept = {key: axis[key] for key in ("standard_name", "units", "positive") if key in axis}
    return {"long_name": f"{axis['standard_name']} of the observed cell", **kept}


def across_land(methods: Mapping[str, Analyser], space: StateSpace) -> dict[str, dict[str, float]]:
    """How much of an increment appears on the other side of an isthmus, by isthmus and method.

    One observation on one side; the increment at the nearest water of the other side over that at
    home. Isthmuses that the grid does not resolve are left out.
    """
    shares: dict[str, dict[str, float]] = {}
    for name, (here, there) in ISTHMUSES.items():
        cells = [nearest_water(space.grid, *place, 0.0) for place in (here, there)]
        if None in cells or cells[0] == cells[1]:
            continue
        home, beyond = (cell for cell in cells if cell is not None)
        fields = {key: increment(method, space, home) for key, method in methods.items()}
        shares[name] = {key: float(abs(f[beyond]) / abs(f[home])) for key, f in fields.items()}
    return shares


def increment(method: Analyser, space: StateSpace, cell: tuple[int, int, int]) -> NDArray[np.float32]:
    """(L, Y, X) K, of one observation at a cell; NaN on land."""
    with torch.inference_mode():
        first = method.first_guess(1)
        precision = torch.zeros_like(first.mean)
        precision[(0, *cell)] = float(space.scale[cell] / ERROR) ** 2
        season = torch.tensor([0], device=precision.device)
        background = method.forecast(first, season)
        value = background.mean + MISFIT / torch.from_numpy(space.scale).to(precision.device)
        observed = Observations(value, precision, season, space.climatology.per_year)
        change = (method.analyse(background, observed).mean - background.mean)[0].cpu().numpy()
    return np.where(space.grid.ocean, change * space.scale, np.nan).astype(np.float32)


def nearest_water(grid: Grid, lat: float, lon: float, depth: float) -> tuple[int, int, int] | None:
    """(layer, row, column) of the nearest water cell, None beyond FARTHEST."""
    layer = int(np.abs(grid.depth - depth).argmin())
    distance = np.where(grid.ocean[layer], grid.distance_to(lat, lon) / 1e3, np.inf)
    row, column = np.unravel_index(int(distance.argmin()), distance.shape)
    return (layer, int(row), int(column)) if distance[row, column] < FARTHEST else None
