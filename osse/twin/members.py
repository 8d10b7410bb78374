"""Members of a twin experiment: from the control run's own years, judged by the twin's truth."""

from __future__ import annotations

from pathlib import Path

import netCDF4

from deepda.assimilation.members import Members
from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.runs.shadows import open_shadow_truth
from deepda.settings.schema import Config
from deepda.verification.members import MemberStatistics
from osse.twin.twin import Twin


def members_of(config: Config, run: Path, space: StateSpace) -> Members | None:
    """The members of the settings; None for none.

    Args:
        config: how many, when they start, seed.
        run: folder of the trained run, with its control simulation.
        space: grid, climatology and scale of that run.

    Raises:
        MembersError, ControlError: the control simulation is not there, or does not serve.
    """
    chosen = config.osse
    if not chosen.members:
        return None
    return Members(open_shadow_truth(run, space, chosen.members, chosen.label_year), config.seed)


def member_statistics(twin: Twin, output: Path, spinup: int, progress: Progress) -> MemberStatistics:
    """Statistics of the members in `analysis.nc`, without the first `spinup` windows."""
    found, steps = MemberStatistics(twin.space.grid, spinup), len(twin.windows)
    with netCDF4.Dataset(output / "analysis.nc") as file:
        file.set_auto_mask(False)
        for step in progress.track(range(steps), "Reading the members", total=steps):
            normal = twin.space.climatology.mean[twin.windows.season[step]]
            found.add(
                twin.windows.middle[step],
                file["thetao"][step] - normal,
                file["thetao_members"][:, step] - normal,
                twin.truth[step].values - normal,
            )
    return found
