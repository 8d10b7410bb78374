"""A climatology as observations would give it: that of the truth and a smooth error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from deepda.assimilation.state import StateSpace
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, unit_vectors
from deepda.settings.observations import DrawnErrorsConfig
from deepda.settings.schema import Config

CLIMATOLOGY_OF_TEST = 3_000  # added to the seed
LENGTH = 2.0e6  # m, e-folding scale of the error: that of gaps between the ship tracks of a climatology
WAVES = 200


def observed_climatology(config: Config, space: StateSpace) -> StateSpace:
    """The space with the climatology that the analysis is given.

    Its error is `observations.climatology_error` local standard deviations times one smooth field, the
    same in all seasons and layers.
    """
    chosen = config.observations
    if not isinstance(chosen, DrawnErrorsConfig) or not chosen.climatology_error:
        return space
    field = smooth_field(space.grid, np.random.default_rng(config.seed + CLIMATOLOGY_OF_TEST))
    error = (chosen.climatology_error * field * space.climatology.stddev).astype(np.float32)
    mean = space.climatology.mean + error
    return replace(space, climatology=replace(space.climatology, mean=mean))


def smooth_field(grid: Grid, rng: np.random.Generator) -> NDArray[np.float64]:
    """(lat, lon) Gaussian field of mean zero, variance one and correlation exp(-r^2 / 2 LENGTH^2).

    A sum of random waves in space (Rahimi and Recht 2007, NeurIPS 20), r being the chord.
    """
    lat, lon = np.meshgrid(grid.lat, grid.lon, indexing="ij")
    wave = rng.standard_normal((3, WAVES)) * EARTH_RADIUS / LENGTH
    phase = rng.uniform(0, 2 * np.pi, WAVES)
    cosines = np.cos(unit_vectors(lat, lon) @ wave + phase)
    return np.asarray(cosines @ rng.standard_normal(WAVES) * np.sqrt(2 / WAVES))
