"""Members by conditional simulation: the analysis and the known error of a shadow twin.

    member = analysis + (shadow truth - analysis of the shadow truth)

A shadow truth is a stretch of the control simulation at the same season, observed at the same cells with
the same error variances, and analysed by the same method beside the analysis: row 0 of a batch is the
analysis, row m the shadow analysis of member m. This is the conditional simulation of kriging (Journel
and Huijbregts 1978, Mining Geostatistics, ch. VII): as long as the control simulation varies as the
ocean does, departures of members from the analysis have the covariance of the error of the analysis in
space and time, whatever the gain, so errors of means can be taken from them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.assimilation.shadow_truth import ShadowTruth
from deepda.base.text import counted
from deepda.observations.errors import window_rng
from deepda.observations.synthetic import observe_gridded


@dataclass(frozen=True, eq=False)
class Members:
    """Members of an analysis; each depends on its number, the seed and the date alone."""

    truth: ShadowTruth
    seed: int

    @property
    def number(self) -> int:
        """How many there are."""
        return self.truth.number

    def observed(self, observations: Observations, start: np.datetime64) -> Observations:
        """A window for the whole batch: its observations, and those of the shadow truths.

        Args:
            observations: of a batch of one, on the CPU.
        """
        precision = observations.precision[0]
        values = [observations.value[0]]
        for member in self._all():
            rng = window_rng(self.seed, f"observations of shadow {member}", start)
            truth = self.truth.window(member, start).numpy()
            values.append(torch.from_numpy(observe_gridded(truth, precision.numpy(), rng)))
        batch = precision.expand(len(values), *precision.shape).contiguous()
        return replace(observations, value=torch.stack(values), precision=batch, shift=self.shift(start))

    def shift(self, start: np.datetime64) -> Tensor | None:
        """(B, L, Y, X) what `Observations.shift` is of a window: the steps of the shadow truths."""
        steps = [self.truth.step(member, start) for member in self._all()]
        if all(step is None for step in steps):
            return None
        nothing = torch.zeros(self.truth.space.grid.shape)
        return torch.stack([nothing, *(nothing if step is None else step for step in steps)])

    def of(self, estimate: StateEstimate, start: np.datetime64) -> Tensor:
        """(member, L, Y, X) the members of a window, standardised."""
        truth = torch.stack([self.truth.window(member, start) for member in self._all()])
        return estimate.mean[:1] + (truth.to(estimate.mean) - estimate.mean[1:])

    def about(self) -> dict[str, int | str | list[int]]:
        """What is kept of them in every file; years of the control run are counted from 0."""
        first = np.datetime64(f"{self.truth.first_year:04d}-01-01", "s")
        return {
            "method": "conditional simulation: analysis + error of a shadow twin from the control run",
            "number": self.number,
            "seed": self.seed,
            "years_of_control_run": len(self.truth.years),
            "starts_in_year_of_control_run": [self.truth.year(member, first) for member in self._all()],
            "years_until_members_share_years": self.truth.apart,
        }

    def summary(self, years: int) -> str:
        """How independent they are over so many years, in a sentence."""
        apart, room = self.truth.apart, self.truth.stretches(years)
        common = (
            "no two members share a year"
            if years <= apart
            else f"members share years, {apart} or more calendar years apart"
        )
        stretches = "stretch" if room == 1 else "stretches"
        return (
            f"members: {self.number}, from {len(self.truth.years)} years of the control simulation, "
            f"which hold {room} independent {stretches} of {counted(years, 'year')}; {common}"
        )

    def _all(self) -> range:
        return range(1, self.number + 1)


def batch_of(members: Members | None) -> int:
    """Rows of a batch: the analysis, and a shadow analysis for each member."""
    return 1 if members is None else 1 + members.number
