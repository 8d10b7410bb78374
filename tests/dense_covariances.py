"""Sample covariances of a toy ocean as dense matrices, for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepda.assimilation.localisation import Localisation, gaspari_cohn
from deepda.assimilation.samples import Samples
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS

RADIUS, DEPTH_SCALE = 6000.0, 130.0  # km, m: neither reaches all of the toy ocean
DAMPING = 0.9


def ocean_history(grid: Grid, rng: np.random.Generator, windows: int = 60) -> NDArray[np.float32]:
    """(time, depth, lat, lon) unit variance, autoregressive patterns plus noise; NaN on land."""
    patterns = rng.standard_normal((6, *grid.shape))
    state, states = rng.standard_normal(6), []
    for _ in range(windows):
        states.append(state)
        state = DAMPING * state + np.sqrt(1 - DAMPING**2) * rng.standard_normal(6)
    anomalies = np.einsum("tp,plyx->tlyx", states, patterns) + rng.standard_normal(
        (windows, *grid.shape)
    )
    return np.where(grid.ocean, anomalies / np.sqrt(7), np.nan).astype(np.float32)


def dense_gaspari_cohn(history: NDArray[np.float32], grid: Grid) -> NDArray[np.float64]:
    """(cell, cell) in flat order: sample covariance times Gaspari and Cohn's correlations."""
    layer, row, column = np.nonzero(grid.ocean)
    phi, theta = np.deg2rad(grid.lat[row]), np.deg2rad(grid.lon[column])
    sines = np.sin((phi[:, None] - phi) / 2) ** 2
    sines += np.cos(phi[:, None]) * np.cos(phi) * np.sin((theta[:, None] - theta) / 2) ** 2
    distance = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(sines)) / 1e3
    apart = grid.depth[layer][:, None] - grid.depth[layer]
    samples = np.cov(history[:, grid.ocean].astype(float).T)
    return np.asarray(samples * gaspari_cohn(distance / RADIUS) * gaspari_cohn(apart / DEPTH_SCALE))


def correlation(localisation: Localisation) -> NDArray[np.float64]:
    """(cell, cell) of all water cells, from whole matrices."""
    horizontal = np.zeros((len(localisation.node), localisation.nodes))
    weight = localisation.weight.double().numpy()
    np.put_along_axis(horizontal, localisation.node.numpy(), weight, axis=1)
    column, layer = localisation.column.numpy(), localisation.layer.numpy()
    vertical = localisation.vertical.double().numpy()
    columns = (horizontal @ horizontal.T)[column][:, column]
    return np.asarray(columns * vertical[layer][:, layer])


def dense_covariance(
    history: NDArray[np.floating], grid: Grid, radius: float = RADIUS, depth_scale: float = DEPTH_SCALE
) -> NDArray[np.float64]:
    """(cell, cell) in flat order: rounded samples' covariance times the localisation."""
    localisation = Localisation.of(grid, radius, depth_scale)
    samples = Samples.of(history, grid)
    rounded = samples.codes.double().numpy() * samples.scale.double().numpy()[:, None]
    return np.asarray((rounded @ rounded.T) * correlation(localisation))
