"""The results of a cycle as fields of an analysis file: units, land, and which member is written."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepda.assimilation.cycle import Result, StateEstimate
from deepda.assimilation.state import StateSpace
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

    Temperatures are ([realization,] depth, lat, lon) degC, with `realization` where there are several
    members; standard deviation (K) and influence (0..1) are those of the first member.
    """
    if name == "thetao_stddev":
        return space.kelvin(estimate.spread[0])
    if name == "thetao_observation_influence":
        share = influence(background.spread[0], estimate.spread[0]).cpu().numpy()
        return np.where(space.grid.ocean, share, np.float32(np.nan))
    mean = estimate.mean if name == "thetao" else background.mean
    return space.celsius(mean if len(mean) > 1 else mean[0], season)


class ResultWriter:
    """Writes each window of a cycle into an open analysis file.

    Args:
        file: open, of the variables.
        variables: names of `deepda.output.cf.VARIABLES`.
        space: of the estimates.
        season: (window) of the windows of the file.
    """

    def __init__(
        self,
        file: BackgroundWriter,
        variables: tuple[str, ...],
        space: StateSpace,
        season: NDArray[np.intp],
    ) -> None:
        self._file, self._variables, self._space, self._season = file, variables, space, season

    def write(self, result: Result) -> None:
        """Write one window.

        Raises:
            OutputError, FieldError: see `AnalysisWriter.write`.
        """
        season, background = int(self._season[result.place]), result.step.background
        fields = {
            ARGUMENTS[name]: field_of(name, self._space, season, background, result.estimate)
            for name in self._variables
        }
        self._file.write(result.place, **fields)
