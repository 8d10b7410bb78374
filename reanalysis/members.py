"""The members of a finished reanalysis, read back from its files."""

from __future__ import annotations

from pathlib import Path

import netCDF4

from deepda.assimilation.observed_ocean import ObservedOcean
from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.geometry.windows import windows
from deepda.verification.members import MemberStatistics
from reanalysis.restart import year_file


def member_statistics(
    space: StateSpace, ocean: ObservedOcean, folder: Path, years: range, progress: Progress
) -> MemberStatistics:
    """Statistics of the members of whole years; of several years the first one is spin-up.

    Args:
        space: climatology that anomalies are taken from.
        ocean: whose truth is compared with, where it is known.
        folder: of the files.
        years: all of them finished.
    """
    per_year = space.climatology.per_year
    found = MemberStatistics(space.grid, per_year if len(years) > 1 else 0)
    for year in progress.track(years, "Reading the members", total=len(years)):
        span = windows(year, year, per_year)
        with netCDF4.Dataset(year_file(folder, year, ocean.synthetic)) as file:
            file.set_auto_mask(False)
            for place, normal in enumerate(space.climatology.mean):
                truth = ocean.truth(span.start[place], span.end[place])
                found.add(
                    span.middle[place],
                    file["thetao"][place] - normal,
                    file["thetao_members"][:, place] - normal,
                    None if truth is None else truth - normal,
                )
    return found
