"""The seasonal cycle of one climatology about the annual mean of a finer one.

A monthly climatology of thick layers and wide cells smears the thermocline: on the equator by a kelvin.
Annual means are at hand on finer grids.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from deepda.base.files import digest_of
from deepda.climatology.displacement import round_the_circle
from deepda.climatology.files import CIRCLE, Months
from deepda.climatology.observed import grown
from deepda.geometry.windows import MONTH_LENGTHS

Array = NDArray[np.float64]


def about_annual_mean(months: Months, annual: Months) -> Months:
    """The departures of `months` from their annual mean, added to `annual` on its places.

    Departures are linear between their levels and places, and beyond the last ones constant.

    Args:
        months: twelve.
        annual: one field, whose gaps stay.
    """
    value = grown(months.value)
    departure = value - np.average(value, axis=0, weights=MONTH_LENGTHS)
    around, lon = round_the_circle(departure, months.lon, CIRCLE)
    axes = months.depth, months.lat, lon
    between = RegularGridInterpolator(axes, np.moveaxis(around, 0, -1))
    inside = (
        np.clip(annual.depth, months.depth[0], months.depth[-1]),
        np.clip(annual.lat, months.lat[0], months.lat[-1]),
        lon[0] + np.mod(annual.lon - lon[0], CIRCLE),
    )
    places = np.stack(np.meshgrid(*inside, indexing="ij"), axis=-1)
    cycle: Array = np.moveaxis(between(places), -1, 0)
    digest = digest_of([months.sha256, annual.sha256])
    return Months(annual.value + cycle, annual.depth, annual.lat, annual.lon, digest)
