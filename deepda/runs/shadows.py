"""Members from the control simulation that a trained run keeps beside its weights, and from files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import netCDF4
import numpy as np
from numpy.typing import NDArray

from deepda.assimilation.members import Members
from deepda.assimilation.shadow_truth import ShadowTruth
from deepda.assimilation.state import StateSpace
from deepda.base.errors import DeepDAError
from deepda.climatology.seasonal import Climatology
from deepda.control.prepared import open_prepared
from deepda.control.shares import shadow_years, shares_of
from deepda.geometry.windows import Windows
from deepda.settings.compose import saved_config
from deepda.verification.members import MemberStatistics

CONTROL = "control.nc"  # in the folder of a run


class MembersError(DeepDAError, ValueError):
    """Members that cannot be made from what is there."""


def members_of(run: Path, space: StateSpace, number: int, first_year: int, seed: int) -> Members | None:
    """So many members from the control simulation of a trained run; None for none.

    Args:
        first_year: calendar year in which they start.
        seed: of the errors that their truths are observed with.

    Raises:
        MembersError, ControlError, ConfigError: see `open_shadow_truth`.
    """
    return Members(open_shadow_truth(run, space, number, first_year), seed) if number else None


def open_shadow_truth(run: Path, space: StateSpace, number: int, first_year: int) -> ShadowTruth:
    """The truths of so many members, from the control simulation of a trained run.

    Args:
        first_year: calendar year in which they start.

    Raises:
        MembersError: no control simulation there, one of another grid, or fewer years than members.
        ControlError, ConfigError: a file that was not prepared, or that has too few years.
    """
    path = run / CONTROL
    if not path.exists():
        raise MembersError(
            f"no {path}, expected the control simulation of the run, whose stretches give members their "
            "errors; put the file back, make the run again with `deepda osse run`, or leave out members"
        )
    grid, thetao = open_prepared(path)
    per_year = space.climatology.per_year
    if grid.checksum != space.grid.checksum or int(thetao["season"].max()) + 1 != per_year:
        raise MembersError(
            f"{path} is of another grid or another number of windows a year than the weights beside it, "
            "expected the control simulation that they were trained on; put that file back"
        )
    years = shadow_years(shares_of(thetao.sizes["time"] // per_year, saved_config(run).osse))
    if number > len(years):
        raise MembersError(
            f"{number} members asked for, expected at most {len(years)}, one for each year of {path} "
            "outside the test years and after the first; ask for fewer"
        )
    return ShadowTruth(thetao, space, years, number, first_year)


def add_members(
    found: MemberStatistics,
    file: Path,
    climatology: Climatology,
    windows: Windows,
    truths: Iterable[NDArray[np.floating] | None],
) -> None:
    """Count in the members of a file of analyses, as anomalies.

    Args:
        truths: (depth, lat, lon) degC of each window; None where it is not known.
    """
    with netCDF4.Dataset(file) as analyses:
        analyses.set_auto_mask(False)
        for step, truth in enumerate(truths):
            normal = climatology.mean[windows.season[step]]
            found.add(
                windows.middle[step],
                analyses["thetao"][step] - normal,
                analyses["thetao_members"][:, step] - normal,
                None if truth is None else truth - normal,
            )
