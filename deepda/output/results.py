"""The results of a cycle as fields of an analysis file: units, land, and the members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepda.assimilation.cycle import Result, StateEstimate
from deepda.assimilation.members import Members
from deepda.assimilation.state import StateSpace
from deepda.geometry.windows import Windows
from deepda.networks.correction import influence
from deepda.output.netcdf import BackgroundWriter

ARGUMENTS = {
    "thetao": "thetao",
    "thetao_background": "background",
    "thetao_stddev": "stddev",
    "thetao_observation_influence": "influence",
}  # name in the file -> argument of AnalysisWriter.write


def field_of(
    name: str, space: StateSpace, season: int, background: StateEstimate, estimate: StateEstimate
) -> NDArray[np.float32]:
    """A variable of an analysis file, NaN on land.

    (depth, lat, lon) of the first row of a batch, which is the analysis: temperatures in degC, standard
    deviation in K, influence 0..1.
    """
    if name == "thetao_stddev":
        return space.kelvin(estimate.spread[0])
    if name == "thetao_observation_influence":
        share = influence(background.spread[0], estimate.spread[0]).cpu().numpy()
        return np.where(space.grid.ocean, share, np.float32(np.nan))
    mean = estimate.mean if name == "thetao" else background.mean
    return space.celsius(mean[0], season)


@dataclass(frozen=True, eq=False)
class ResultWriter:
    """Writes each window of a cycle into an open analysis file.

    Attributes:
        file: open, of the variables.
        variables: names in ARGUMENTS.
        members: written as `thetao_members`; None for none.
    """

    file: BackgroundWriter
    variables: tuple[str, ...]
    space: StateSpace
    span: Windows
    members: Members | None = None

    def write(self, result: Result) -> None:
        """Write one window.

        Raises:
            OutputError, FieldError: see `AnalysisWriter.write`.
        """
        season, background = int(self.span.season[result.place]), result.step.background
        fields = {
            ARGUMENTS[name]: field_of(name, self.space, season, background, result.estimate)
            for name in self.variables
        }
        if self.members is not None:
            members = self.members.of(result.estimate, self.span.start[result.place])
            fields["members"] = self.space.celsius(members, season)
        self.file.write(result.place, **fields)
