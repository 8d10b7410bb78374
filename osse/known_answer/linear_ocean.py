"""A small linear stochastic ocean: the system whose best possible analysis is known.

x(t + 1) = M x(t) + w(t),  w ~ N(0, Q): temperature anomalies (K) on a drawn globe, one step a window of
five days. M and Q are explicit, so the exact Kalman filter (`osse.known_answer.kalman`) is the limit
for every method. The state vector holds the ocean cells in the order of `np.flatnonzero(grid.ocean)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, unit_vectors
from osse.known_answer.covariance_algebra import stationary_covariance
from osse.ocean.geography import landmasses

STEP_SECONDS = 5 * 86_400.0  # one pentad
LAND_SHARE = 0.2, 0.4  # of the area of the drawn globe
SURFACE_STDDEV = 0.7  # K, climatological, mean over the surface cells
NUGGET = 0.02  # share of the noise variance without any correlation: keeps Q well conditioned
BUMPS, BUMP_RADIANS = 120, 0.35  # of smooth random fields: continents and patches of 2,000 km
SAMPLES_AT_ONCE = 1024  # noise columns drawn together: one fast product, little memory

Floats = NDArray[np.float64]
MeanAndVariance = tuple[NDArray[np.float32], NDArray[np.float32]]  # K, K2
Link = tuple[NDArray[np.intp], NDArray[np.intp], Floats]  # receiving cell, giving cell, rate (1/s)


@dataclass(frozen=True, eq=False)
class Physics:
    """What moves and fades an anomaly.

    Attributes:
        zonal_speed: (depth, lat) m/s, positive eastward.
        diffusivity: (depth) m2/s, horizontal.
        exchange: (depth - 1) m2/s, vertical diffusivity between neighbouring levels.
        damping_days: (depth) e-folding time of the damping.
    """

    zonal_speed: Floats
    diffusivity: Floats
    exchange: Floats
    damping_days: Floats


@dataclass(frozen=True, eq=False)
class LinearOcean:
    """The model: geometry, one-step transition, noise, and the climate that follows from them.

    Attributes:
        grid: cells; n of them are ocean.
        transition: (n, n) sparse, M, one window ahead.
        noise_covariance: (n, n) K2, Q, of the noise added in each window.
        climatological_covariance: (n, n) K2, stationary solution of P = M P M' + Q.
    """

    grid: Grid
    transition: sparse.csr_array
    noise_covariance: Floats
    climatological_covariance: Floats

    @classmethod
    def draw(cls, seed: int, shape: tuple[int, int, int] | None = None) -> LinearOcean:
        """An ocean from a seed; `shape` is (depth, lat, lon), drawn from 3x18x36 .. 4x24x48 if None.

        Raises:
            ValueError: a shape so fine that the flow would cross a cell within one window.
        """
        rng = np.random.default_rng(seed)
        grid = _draw_grid(rng, shape or _draw_shape(rng))
        physics = _draw_physics(rng, grid)
        transition = transition_matrix(grid, physics)
        noise = _draw_noise_covariance(rng, grid, physics)
        climate = stationary_covariance(transition, noise)
        surface = int(grid.ocean[0].sum())
        scale = (SURFACE_STDDEV / np.sqrt(np.diag(climate)[:surface]).mean()) ** 2
        return cls(grid, transition, scale * noise, scale * climate)

    @property
    def size(self) -> int:
        """Number n of ocean cells."""
        return self.transition.shape[0]

    @cached_property
    def stddev(self) -> Floats:
        """(depth, lat, lon) climatological standard deviation, K, zero on land."""
        return self.to_field(np.sqrt(np.diag(self.climatological_covariance)))

    def to_field(self, cells: NDArray) -> NDArray:
        """(..., n) cell values on the grid (..., depth, lat, lon), zero on land."""
        field = np.zeros((*cells.shape[:-1], *self.grid.shape), cells.dtype)
        field[..., self.grid.ocean] = cells
        return field

    def fields(self, mean: Floats, variance: Floats) -> MeanAndVariance:
        """The same (n) cell values in single precision on the grid (depth, lat, lon), zero on land."""
        return self.to_field(mean.astype(np.float32)), self.to_field(variance.astype(np.float32))

    def to_cells(self, field: NDArray) -> NDArray:
        """(..., depth, lat, lon) field as ocean cell values (..., n); land is dropped."""
        return field[..., self.grid.ocean]

    def simulate(self, steps: int, rng: np.random.Generator, batch: int = 1) -> NDArray[np.float32]:
        """(batch, steps, depth, lat, lon) K: independent runs, stationary at once; land is zero."""
        step_matrix = self.transition.astype(np.float32)
        states = np.empty((steps, self.size, batch), np.float32)
        at_once = max(1, SAMPLES_AT_ONCE // batch)
        state = self.draw_climate(rng, batch)
        for step in range(steps):
            states[step] = state
            if step % at_once == 0:
                noise = _colour(self._noise_root, rng, at_once, batch)
            state = step_matrix @ state + noise[:, step % at_once]
        return self.to_field(states.transpose(2, 0, 1))

    def draw_climate(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """(n, count) K: independent states of the climate."""
        return _colour(self._climate_root, rng, 1, count)[:, 0]

    def draw_noise(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """(n, count) K: independent noise of one window."""
        return _colour(self._noise_root, rng, 1, count)[:, 0]

    @cached_property
    def _climate_root(self) -> NDArray[np.float32]:
        return np.linalg.cholesky(self.climatological_covariance).astype(np.float32)

    @cached_property
    def _noise_root(self) -> NDArray[np.float32]:
        return np.linalg.cholesky(self.noise_covariance).astype(np.float32)


def transition_matrix(grid: Grid, physics: Physics) -> sparse.csr_array:
    """(n, n) one explicit step: upwind zonal advection, diffusion, vertical exchange, then damping.

    Advection is in advective form, so that a constant stays constant beside a coast; diffusion and
    exchange are in flux form and conserve heat. Nothing crosses a face that has land on a side. All
    entries are >= 0 and each row sums to its level's damping factor, so the spectral radius is < 1.

    Raises:
        ValueError: the step is unstable (Courant number above one).
    """
    links = [*_zonal(grid, physics), *_meridional(grid, physics), *_vertical(grid, physics)]
    receiver, giver, rate = (np.concatenate(parts) for parts in zip(*links, strict=True))
    level = np.nonzero(grid.ocean)[0]
    given = sparse.coo_array((STEP_SECONDS * rate, (receiver, giver)), shape=(level.size,) * 2).tocsr()
    kept = 1 - given.sum(axis=1)
    if kept.min() < -1e-9:
        raise ValueError(
            f"a cell gives away {1 - kept.min():.2f} of its content in one step, expected at most 1; "
            "use a coarser grid, slower flow or less diffusion"
        )
    fading = np.exp(-STEP_SECONDS / (86_400 * physics.damping_days))[level]
    return sparse.csr_array(sparse.diags_array(fading) @ (given + sparse.diags_array(kept)))


def smooth_field(rng: np.random.Generator, points: Floats) -> Floats:
    """A random field of mean 0 and variance 1 over (n, 3) unit vectors: a sum of round bumps."""
    centre = rng.standard_normal((BUMPS, 3))
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    field = np.exp((points @ centre.T - 1) / BUMP_RADIANS**2) @ rng.standard_normal(BUMPS)
    return (field - field.mean()) / field.std()


def _draw_shape(rng: np.random.Generator) -> tuple[int, int, int]:
    lon = int(rng.choice([36, 40, 44, 48]))
    return int(rng.integers(3, 5)), lon // 2, lon


def _draw_grid(rng: np.random.Generator, shape: tuple[int, int, int]) -> Grid:
    depth, lat, lon = shape
    heights = 1 + 0.2 * np.sin(np.linspace(0, 2 * np.pi, lat) + rng.uniform(0, 2 * np.pi))
    grid = Grid(
        lat_edges=_edges(-80, 80, heights),
        lon_edges=np.linspace(0, 360, lon + 1),
        depth_edges=_edges(0, rng.uniform(600, 900), 1.8 ** np.arange(depth)),
        ocean=np.ones(shape, bool),
    )
    while True:
        ocean = _draw_ocean(rng, grid)
        land = 1 - (ocean[0] * grid.area).sum() / grid.area.sum()
        if LAND_SHARE[0] <= land <= LAND_SHARE[1]:
            return grid.with_ocean(ocean)


def _edges(first: float, last: float, widths: NDArray) -> Floats:
    return first + (last - first) * np.append(0, np.cumsum(widths)) / widths.sum()


def _draw_ocean(rng: np.random.Generator, grid: Grid) -> NDArray[np.bool_]:
    """Continents above a level of a smooth relief, shelves around them; lakes are filled."""
    depth, lat, lon = grid.shape
    relief = smooth_field(rng, positions(grid)[: lat * lon]).reshape(lat, lon)
    land = rng.uniform(0.22, 0.36) + 0.05 * np.arange(depth)
    ocean = np.stack([relief < np.quantile(relief, 1 - share) for share in land])
    body, _ = landmasses(ocean[0])
    return ocean & (body == np.bincount(body[ocean[0]]).argmax())


def _draw_physics(rng: np.random.Generator, grid: Grid) -> Physics:
    """Trades and westerlies fading downward; damping from weeks at the surface to a year below."""
    depth = grid.shape[0]
    belts = -np.cos(np.pi * grid.lat / rng.uniform(35, 50)) * np.cos(np.deg2rad(grid.lat))
    fading = np.geomspace(1, rng.uniform(0.4, 0.7), depth)
    return Physics(
        zonal_speed=rng.uniform(0.6, 1.0) * fading[:, None] * belts,
        diffusivity=rng.uniform(2e3, 6e3) * fading,
        exchange=rng.uniform(6e-4, 1.2e-3, depth - 1),
        damping_days=np.geomspace(rng.uniform(50, 70), 365, depth),
    )


def _draw_noise_covariance(rng: np.random.Generator, grid: Grid, physics: Physics) -> Floats:
    """Weather (broad, shallow) and eddies (small, deep), stronger here and weaker there, plus a nugget.

    The Gaussian is taken of the chord, not of the great circle: the latter is not positive definite
    on the sphere (Gneiting 2013, Bernoulli 19, 1327-1349); at these distances the two hardly differ.
    """
    points, level = positions(grid), np.nonzero(grid.ocean)[0]
    chord = chords(points)
    apart = np.abs(grid.depth[level][:, None] - grid.depth[level])
    weather = rng.uniform(0.4, 0.7)
    correlation = weather * gaussian(chord, rng.uniform(2.5e6, 3.5e6)) * np.exp(-apart / 200)
    correlation += (1 - weather) * gaussian(chord, rng.uniform(1.2e6, 1.8e6)) * np.exp(-apart / 600)
    correlation *= 1 - NUGGET
    correlation[np.diag_indices_from(correlation)] = 1
    lost = 1 - np.exp(-2 * STEP_SECONDS / (86_400 * physics.damping_days))  # variance a step must refill
    amplitude = np.sqrt(lost)[level] * np.exp(0.3 * smooth_field(rng, points))
    return amplitude[:, None] * correlation * amplitude


def gaussian(distance: Floats, scale: float) -> Floats:
    return np.exp(-0.5 * (distance / scale) ** 2)


def positions(grid: Grid) -> Floats:
    """(n, 3) unit vectors of the ocean cells."""
    _, row, column = np.nonzero(grid.ocean)
    return unit_vectors(grid.lat[row], grid.lon[column])


def chords(points: Floats) -> Floats:
    """(n, n) m in straight lines between places given as (n, 3) unit vectors."""
    return EARTH_RADIUS * np.sqrt(np.clip(2 - 2 * points @ points.T, 0, None))


def _pairs(grid: Grid, axis: int) -> tuple[NDArray, NDArray, tuple[NDArray, ...]]:
    """Numbers of neighbouring ocean cells along an axis, and (depth, lat, lon) indices of the first."""
    number = np.full(grid.shape, -1)
    number[grid.ocean] = np.arange(int(grid.ocean.sum()))
    after = np.roll(number, -1, axis)
    if axis != 2:  # longitude alone is periodic
        after[(slice(None),) * axis + (-1,)] = -1
    index = np.nonzero((number >= 0) & (after >= 0))
    return number[index], after[index], index


def _zonal(grid: Grid, physics: Physics) -> list[Link]:
    west, east, (k, j, i) = _pairs(grid, axis=2)
    widths = np.deg2rad(np.diff(grid.lon_edges))
    after = (i + 1) % widths.size
    face = EARTH_RADIUS * np.deg2rad(np.diff(grid.lat_edges))[j]
    gap = EARTH_RADIUS * np.cos(np.deg2rad(grid.lat[j])) * 0.5 * (widths[i] + widths[after])
    mixing = physics.diffusivity[k] * face / gap
    flow = physics.zonal_speed[k, j] * face
    return [
        (east, west, (np.maximum(flow, 0) + mixing) / grid.area[j, after]),
        (west, east, (np.maximum(-flow, 0) + mixing) / grid.area[j, i]),
    ]


def _meridional(grid: Grid, physics: Physics) -> list[Link]:
    south, north, (k, j, i) = _pairs(grid, axis=1)
    parallel = np.cos(np.deg2rad(grid.lat_edges[j + 1])) * np.deg2rad(np.diff(grid.lon_edges))[i]
    mixing = physics.diffusivity[k] * parallel / np.deg2rad(np.diff(grid.lat))[j]
    return [(north, south, mixing / grid.area[j + 1, i]), (south, north, mixing / grid.area[j, i])]


def _vertical(grid: Grid, physics: Physics) -> list[Link]:
    upper, lower, (k, _, _) = _pairs(grid, axis=0)
    mixing = physics.exchange[k] / np.diff(grid.depth)[k]
    return [(lower, upper, mixing / grid.thickness[k + 1]), (upper, lower, mixing / grid.thickness[k])]


def _colour(
    root: NDArray[np.float32], rng: np.random.Generator, steps: int, batch: int
) -> NDArray[np.float32]:
    """(n, steps, batch) Gaussian vectors with covariance root root'."""
    white = rng.standard_normal((root.shape[1], steps * batch), np.float32)
    return (root @ white).reshape(-1, steps, batch)
