"""From what the readers give to what can be assimilated: quality control, layers, errors.

    screening   the registry of checks, and `screen`, which runs them in order: kept + rejected
    casts       which rows are one cast; the order that all checks work in
    places      impossible date, position, depth; on land; below the sea floor
    order       depths of a cast that turn back or stand still
    ranges      global, depth-dependent and regional range; cold tropics; sea ice under a satellite
    expendables the first metres of an XBT, and its long inversions
    shapes      spike, gradient, stuck value
    steps       spikes and steps by a tolerance that shrinks with depth
    inversions  dense water above light water: temperature or salinity
    sensors     grey list, pressure error
    duplicates  the same cast from two archives: the best one stays
    tracks      speed of a platform from cast to cast
    platform_names  which names are those of one platform
    withholding whole platforms left out, to judge the analysis by them
    climate     departure from climatology, level by level and of the whole profile
    background  probability of gross error; the check against the running analysis
    layers      values at the centres of the layers of the grid
    errors      standard deviation of the error: instrument and representativeness

A check sees the table of `casts.by_cast` and returns the rows it rejects (True); nothing is changed
or dropped in a check, so that each can be tried alone.
"""

from __future__ import annotations

from deepda.quality.background import background_check
from deepda.quality.casts import by_cast
from deepda.quality.layers import to_layers
from deepda.quality.screening import CHECKS, Check, Context, Screened, screen

__all__ = [
    "CHECKS",
    "Check",
    "Context",
    "Screened",
    "background_check",
    "by_cast",
    "screen",
    "to_layers",
]
