"""The analysis of one window in Python, and whether the next window can go on from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from deepda.assimilation.cycle import StateEstimate
from deepda.assimilation.state import StateSpace
from deepda.base.errors import DeepDAError
from deepda.geometry.windows import Windows


class BeforeError(DeepDAError, ValueError):
    """An analysis that a window cannot go on from; the message says what was found and what to do."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """The analysis of one window, and what the next window needs of it.

    Attributes:
        dataset: thetao (degC), thetao_background, thetao_stddev (K) and
            thetao_observation_influence (0..1), each (time, depth, lat, lon) with the one window, with
            its bounds and the attributes of the files of a reanalysis.
        estimate: the same in units of the climatological standard deviation.
        table: the rows that were given, in their order, with `used`, `reason` ("" where used),
            `background` and `analysis` (degC) and `spread` (K) at each of them.
        rows: number of rows `used`, and by reason why not; they sum to the rows that were given.
        span: the window.
        space: grid, climatology and unit of `estimate`.
        observations: number of rows used in this window and in those that it was gone on from.
        marked: whether rows were marked as those of a simulated ocean, here or there.
    """

    dataset: xr.Dataset
    estimate: StateEstimate
    table: pd.DataFrame
    rows: dict[str, int]
    span: Windows
    space: StateSpace
    observations: int
    marked: bool


def require_before(before: object, span: Windows, space: StateSpace) -> None:
    """Refuse what a window cannot go on from.

    Args:
        before: None is climatology, from which any window can.

    Raises:
        BeforeError: no analysis, one in another space, or not of the window directly before.
    """
    if before is None:
        return
    if not isinstance(before, Analysis):
        raise BeforeError(
            f"a {type(before).__name__} was given as the analysis before, expected what Run.analyse "
            "returned for the window before; leave it out to start from climatology"
        )
    if not _same(before.space, space):
        raise BeforeError(
            f"the analysis before is on another grid, climatology or unit than this run (grids "
            f"{before.space.grid.shape} and {space.grid.shape}), expected one of this run; analyse the "
            "window before with it, or leave it out to start from climatology"
        )
    start, end = before.span.start[0], before.span.end[0]
    if end != span.start[0]:
        gap = "analyse the windows between first, a table without rows will do"
        advice = gap if end < span.start[0] else "analyse the windows in their order"
        raise BeforeError(
            f"the analysis before is of the window from {_day(start)} to {_day(end)}, expected that "
            f"which ends where this one begins, {_day(span.start[0])}; {advice}, or leave it out to "
            "start from climatology"
        )


def _same(one: StateSpace, other: StateSpace) -> bool:
    """Whether an estimate means the same in both."""
    if one is other:
        return True
    means = one.climatology.mean, other.climatology.mean
    grids = one.grid.checksum == other.grid.checksum
    return grids and np.array_equal(one.scale, other.scale) and np.array_equal(*means, equal_nan=True)


def _day(time: np.datetime64) -> str:
    return str(time)[:10]
