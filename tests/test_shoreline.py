"""The coasts that are shipped are those of the raster of global-land-mask, 0.9 GB of 1/120 degree."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deepda.figures.land import land
from osse.ocean.geography import RASTER_STRIDE, shoreline

pytestmark = pytest.mark.slow
FINE = slice(RASTER_STRIDE // 2, None, RASTER_STRIDE)  # the points of the embedded ocean


def at_centres(axis: NDArray[np.float64]) -> NDArray[np.intp]:
    """Points of an axis that the package takes for the centres of cells of one degree."""
    limit = 90 if axis[0] > 0 else 180
    centres = np.arange(0.5 - limit, limit)
    return ((centres - axis[0]) / (axis[1] - axis[0])).astype(int)


@pytest.fixture(scope="module")
def raster() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Sea at the points FINE of the raster and at those of `at_centres`; its rows stream by."""
    package = find_spec("global_land_mask")
    assert package is not None and package.origin is not None
    archive = Path(package.origin).with_name("globe_combined_mask_compressed.npz")
    with np.load(archive) as held:
        at_lat, at_lon = at_centres(held["lat"]), at_centres(held["lon"])
    fine, centres = [], {}
    with zipfile.ZipFile(archive) as members, members.open("mask.npy") as stream:
        np.lib.format.read_magic(stream)
        (rows, columns), _, _ = np.lib.format.read_array_header_1_0(stream)
        for row in range(rows):
            line = np.frombuffer(stream.read(columns), bool)
            if row % RASTER_STRIDE == FINE.start:
                fine.append(line[FINE].copy())
            if row in at_lat:
                centres[row] = line[at_lon].copy()
    return np.stack(fine), np.stack([centres[row] for row in at_lat])


def test_the_shoreline_of_the_embedded_ocean_is_each_tenth_point_of_the_raster(raster: tuple) -> None:
    sea, lat, lon = shoreline()
    np.testing.assert_array_equal(sea, raster[0])
    assert (lat[0], lat[-1]) == pytest.approx((90 - 5 / 120, -90 + 5 / 120))
    assert (lon[0], lon[-1]) == pytest.approx((-180 + 5 / 120, 180 - 5 / 120))


def test_the_land_behind_the_maps_is_that_at_the_centres_of_its_cells(raster: tuple) -> None:
    np.testing.assert_array_equal(land(), ~raster[1])
