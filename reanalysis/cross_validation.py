"""How far background errors reach, by how well a spin-up predicts platforms that it leaves out.

Departures show how large background errors are, and not how far they reach. The score is the
continuous ranked probability score of the values of left-out platforms under the analysis, with its
spread and their error: it is small for analyses that are near and for stated errors that are those
found (Gneiting et al. 2005, Mon. Wea. Rev. 133, eq. 5).

Left out is a share of the platforms that the reanalysis uses. Those that it withholds have no part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from deepda.assimilation.cycle import Analyser, Result, on_host
from deepda.assimilation.localisation import Reach
from deepda.assimilation.state import StateSpace
from deepda.base.progress import Progress
from deepda.feedback.checked import CheckedObservations, WindowOfRows
from deepda.feedback.window import at_cells
from deepda.geometry.windows import season_of
from deepda.observations.table import cells
from deepda.quality.casts import platforms
from deepda.quality.withholding import withheld
from deepda.runs.errors import Errors
from deepda.verification.reliability import crps_gaussian
from reanalysis.spinup import RowsOfWindow, spin_up

Array = NDArray[np.float64]
SHARE, SEED = 0.3, 1  # of the platforms, left out; the reanalysis withholds by another seed
REACHES = (None, Reach(2000.0, 600.0), Reach(1000.0, 600.0))  # None: of the trained covariance
MOST = 50.0  # values of a layer that one platform counts as at most: a data set may have one name
FEWEST = 50.0  # values of a layer without which it has no say


def without_some(rows: RowsOfWindow) -> RowsOfWindow:
    """The same window with a share of its platforms marked as `withheld`."""
    marks = withheld(rows.table, SHARE, seed=SEED)
    return rows._replace(table=rows.table.assign(withheld=marks))


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """A spin-up that leaves platforms out.

    Attributes:
        localise: gives the analyser of a reach.
        space: with the scale of the control run.
        windows: consecutive ones; `withheld` marks the rows of platforms that are left out.
        skipped: so many windows at the beginning are not scored.
    """

    localise: Callable[[Reach | None], Analyser]
    space: StateSpace
    windows: Sequence[RowsOfWindow]
    skipped: int
    progress: Progress

    def best_reach(self, errors: Errors) -> Reach | None:
        """The reach of the least mean score; None is that of the trained covariance."""
        scores = {reach: self.score(replace(errors, reach=reach)) for reach in REACHES}
        layers = np.isfinite(list(scores.values())).all(0)
        if not layers.any():
            self.progress.note(
                f"fewer than {FEWEST:.0f} values of left-out platforms in each layer: the reach of "
                "background errors stays that of the trained covariance"
            )
            return None
        means = {reach: float(score[layers].mean()) for reach, score in scores.items()}
        found = ", ".join(f"{named(reach)} {mean:.4f}" for reach, mean in means.items())
        self.progress.note(f"score of left-out platforms by the reach of background errors: {found}")
        return min(means, key=lambda reach: means[reach])

    def score(self, errors: Errors) -> Array:
        """(layer) mean score over mean departure from climatology; NaN where values are few."""
        space = errors.space(self.space)
        scores, title = _Scores(space, self.skipped), "Predicting platforms that are left out"
        analyser, rows = self.localise(errors.reach), self.windows
        spin_up(analyser, errors, space, rows, WindowOfRows, scores, self.progress, title)
        return scores.by_layer()


def named(reach: Reach | None) -> str:
    """In words."""
    if reach is None:
        return "that of the trained covariance"
    return f"{reach.radius_km:,.0f} km and {reach.depth_m:,.0f} m"


@dataclass(eq=False)
class _Scores:
    """A `Scorer` of the values of left-out platforms."""

    space: StateSpace
    skipped: int
    parts: list[pd.DataFrame] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Score one window, whose observations are `CheckedObservations`."""
        rows = result.step.observations
        assert isinstance(rows, CheckedObservations)
        if result.place < self.skipped:
            return
        table, season = rows.table, season_of(rows.start, self.space.climatology.per_year)
        table = table[table["withheld"] & (platforms(table) != "satellite")]
        mean, spread = on_host(result.estimate.mean[0], result.estimate.spread[0])
        grid, cell = self.space.grid, cells(table, self.space.grid)
        fields = (self.space.celsius(mean, season), self.space.kelvin(spread),
                  self.space.climatology.mean[season])  # fmt: skip
        analysis, stated, normal = (at_cells(cell, grid, part) for part in fields)
        value = table["temperature"].to_numpy(float)
        unsure = np.hypot(stated, table["error"].to_numpy(float))
        score = crps_gaussian(*(xr.DataArray(part) for part in (analysis, unsure, value)))
        numbers = {"cell": cell, "score": score.to_numpy(), "departure": np.abs(value - normal)}
        made = pd.DataFrame({"platform": table["platform_id"].astype(str).to_numpy(), **numbers})
        keys = ["platform", "cell"]  # the values of a platform in a cell and window count as one
        self.parts.append(made[np.isfinite(made["score"])].groupby(keys, as_index=False).mean())

    def by_layer(self) -> Array:
        """(layer) see `CrossValidation.score`."""
        rows = pd.concat(self.parts) if self.parts else pd.DataFrame(columns=["platform", "cell"])
        layers, columns = self.space.grid.shape[0], int(np.prod(self.space.grid.shape[1:]))
        layer = rows["cell"].to_numpy(np.intp) // columns
        number = rows.groupby(["platform", layer])["cell"].transform("size").to_numpy(float)
        weight = np.minimum(1.0, MOST / number)
        sums = [
            np.bincount(layer, weight * part, layers) for part in (1.0, rows["score"], rows["departure"])
        ]
        return np.where(sums[0] >= FEWEST, sums[1] / np.where(sums[2] > 0, sums[2], np.nan), np.nan)
