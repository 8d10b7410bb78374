"""The Earth as a sphere: radius, wave guide, places as unit vectors, distances along great circles."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

WAVE_GUIDE = 8.0  # degrees of latitude, where waves run along the equator
EARTH_RADIUS = 6_371_229.0  # m; WMO Manual on Codes, GRIB2 code table 3.2, entry 6; also NEMO's


def unit_vectors(lat: ArrayLike, lon: ArrayLike) -> Floats:
    """(..., 3) points on the unit sphere of places in degrees: no date line and no pole."""
    phi, theta = np.deg2rad(np.asarray(lat, float)), np.deg2rad(np.asarray(lon, float))
    return np.stack([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], axis=-1)


def places(vectors: Floats) -> tuple[Floats, Floats]:
    """Latitude and longitude (-180..180), degrees, of vectors (..., 3) of any length."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.rad2deg(np.arctan2(z, np.hypot(x, y))), np.rad2deg(np.arctan2(y, x))


def great_circle(one: Floats, other: Floats) -> Floats:
    """(...) m between places given as unit vectors (..., 3), which broadcast."""
    return along_arc(np.linalg.norm(one - other, axis=-1))


def along_arc(chord: Floats) -> Floats:
    """m along the great circle between points whose chord is given on the unit sphere.

    Exact for small distances, where the arc cosine of the scalar product is not.
    """
    return np.asarray(2 * EARTH_RADIUS * np.arcsin(np.minimum(chord / 2, 1.0)))


def chord_of(distance: float) -> float:
    """Chord on the unit sphere of a distance in m; that of the antipode for anything longer."""
    return float(2 * np.sin(min(distance / EARTH_RADIUS, np.pi) / 2))


def near_equator(lat: ArrayLike) -> Floats:
    """A Gaussian of latitude (degrees): one on the equator, nothing far from the wave guide."""
    return np.exp(-0.5 * (np.asarray(lat, float) / WAVE_GUIDE) ** 2)
