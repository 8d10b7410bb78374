"""The checks in their order, and the sorting of a table into kept and rejected rows.

Each check sees what the checks before it kept, so that a wild value is not the neighbour by which a
good one is called a spike. The order is that of the Argo and GTSPP manuals: time, place, sensor, cast,
value, climatology, shape. A row is rejected once, and the first reason stays. A kept row may lose its
salinity, where that and not the temperature makes a cast unstable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.climatology.seasonal import Climatology
from deepda.geometry.grid import Grid
from deepda.quality import (
    climate,
    duplicates,
    expendables,
    inversions,
    order,
    places,
    ranges,
    sensors,
    shapes,
    steps,
    tracks,
)
from deepda.quality.casts import by_cast

T = TypeVar("T")
NEEDED = ("time", "lat", "lon", "depth", "temperature")
SEEN = (
    *NEEDED, "salinity", "error", "platform_type", "platform_id", "source", "profile", "qc", "data_mode",
    "pressure_error", "ice", "source_index",
)  # fmt: skip


class QualityError(DeepDAError, ValueError):
    """A table that cannot be checked; the message says what was found and what to do."""


@dataclass(frozen=True, eq=False)
class Context:
    """What checks use besides the table.

    Attributes:
        grid: of the analysis; its mask says where land and sea floor are.
        now: time of the check; observations after it (and a day) are from the future.
        climatology: on `grid`, degC and K; without it nothing is compared with one.
        greylist: of `deepda.observations.argo.read_greylist`; without it no float is listed.

    Raises:
        QualityError: the climatology is on another grid.
    """

    grid: Grid
    now: np.datetime64
    climatology: Climatology | None = None
    greylist: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if self.climatology is not None and self.climatology.mean.shape[1:] != self.grid.shape:
            raise QualityError(
                f"the climatology has shape {self.climatology.mean.shape[1:]}, the grid "
                f"{self.grid.shape}; put the climatology on this grid"
            )

    @cached_property
    def between(self) -> NDArray[np.float64] | None:
        """(depth, lat, lon) `climate.neighbour_spread` of the climatology, K: the same for any table."""
        return None if self.climatology is None else climate.neighbour_spread(self.climatology.mean)


@dataclass(frozen=True)
class Check:
    """A named check.

    Attributes:
        reason: code of the rows it rejects, which stays with them into the feedback file.
        cite: where it is described.
        reject: (row) True for rejected rows of a table of `by_cast`.
        needs: attribute of the context without which the check is skipped, or "".
        salinity: (row) True for rows that stay and lose their salinity; None where it is not judged.
    """

    reason: str
    cite: str
    reject: Callable[[pd.DataFrame, Context], NDArray[np.bool_]]
    needs: str = ""
    salinity: Callable[[pd.DataFrame], NDArray[np.bool_]] | None = None


ARGO = "Argo QC manual, doi 10.13155/33951, test"
EUROGOOS = "EuroGOOS, doi 10.13155/36230, test"
GTSPP = "GTSPP, UNESCO-IOC Manuals and Guides 22 (2010), test"
EN4 = "Ingleby and Huddleston 2007, doi 10.1016/j.jmarsys.2005.11.019"
GOOD_2013 = "Good et al. 2013, doi 10.1002/2013JC009067"
IQUOD = "Good et al. 2023, doi 10.3389/fmars.2022.1075510"
REYNOLDS = "Reynolds et al. 2007, doi 10.1175/2007JCLI1824.1"
CSIRO = "Gronell and Wijffels 2008, doi 10.1175/JTECHO539.1"
CHECKS: tuple[Check, ...] = (
    Check("date_impossible", f"{ARGO} 2", lambda t, c: places.impossible_date(t, c.now)),
    Check("position_impossible", f"{ARGO} 3", lambda t, _: places.impossible_position(t)),
    Check("depth_impossible", f"{GTSPP} 2.1", lambda t, _: places.impossible_depth(t)),
    Check("depth_constant", f"{ARGO} 8", lambda t, _: order.constant_depth(t)),
    Check("depth_order", f"{ARGO} 8; {EN4}, appendix", lambda t, _: order.depth_order(t)),
    Check("track_speed", f"{EN4}, appendix; {ARGO} 5", lambda t, _: tracks.track_speed(t)),
    Check("on_land", f"{ARGO} 4; {IQUOD}", lambda t, c: places.on_land(t, c.grid)),
    Check("below_sea_floor", IQUOD, lambda t, c: places.below_sea_floor(t, c.grid)),
    Check("grey_listed", f"{ARGO} 15", lambda t, c: sensors.grey_listed(t, _of(c.greylist)), "greylist"),
    Check("pressure_error", "Argo QC manual, section 3.3", lambda t, _: sensors.pressure_error(t)),
    Check("global_range", f"{ARGO} 6", lambda t, _: ranges.global_range(t)),
    Check("tropical_cold", f"{EN4}, appendix", lambda t, _: ranges.tropical_cold(t)),
    Check("xbt_start", CSIRO, lambda t, _: expendables.probe_start(t)),
    Check("sea_ice", REYNOLDS, lambda t, _: ranges.sea_ice(t)),
    Check("depth_range", f"{GTSPP} 2.4", lambda t, _: ranges.depth_range(t)),
    Check("regional_range", f"{ARGO} 7; {EUROGOOS} 7", lambda t, _: ranges.regional_range(t)),
    Check("duplicate", GOOD_2013, lambda t, _: duplicates.duplicates(t)),
    Check("stuck_value", EN4, lambda t, _: shapes.stuck_value(t)),
    Check(
        "constant_bias",
        f"{CSIRO}; {ARGO} 16",
        lambda t, c: climate.constant_bias(t, c.grid, _of(c.climatology), c.between),
        "climatology",
    ),
    Check(
        "climatology",
        EN4,
        lambda t, c: climate.climatological(t, c.grid, _of(c.climatology), c.between),
        "climatology",
    ),
    Check("spike_at_end", f"{GTSPP} 2.8", lambda t, _: shapes.spike_at_end(t)),
    Check("spike", f"{ARGO} 9", lambda t, _: shapes.spike(t)),
    Check("small_spike", f"{EN4}, appendix", lambda t, _: steps.small_spike(t)),
    Check("gradient", f"{ARGO} 11", lambda t, _: shapes.gradient(t)),
    Check("gradient_per_metre", f"ICDC check 08, {IQUOD}", lambda t, _: shapes.gradient_per_metre(t)),
    Check("xbt_inversion", CSIRO, lambda t, _: expendables.long_inversion(t)),
    Check(
        "density_inversion",
        f"{ARGO} 14",
        lambda t, _: inversions.density_inversion(t),
        salinity=inversions.unstable_salinity,
    ),
)


@dataclass(frozen=True, eq=False)
class Screened:
    """A table sorted into two; the rows of each keep their order, index and columns.

    Attributes:
        kept: rows that no check rejects; those whose salinity is wrong are without it (NaN).
        rejected: the other rows, with `reason` (category): the first check that rejects.
    """

    rows_in: int
    kept: pd.DataFrame
    rejected: pd.DataFrame

    def __post_init__(self) -> None:
        if self.rows_in != len(self.kept) + len(self.rejected):
            raise AssertionError(
                f"{self.rows_in} rows in, {len(self.kept)} kept and {len(self.rejected)} rejected: "
                "quality control lost or made rows"
            )

    @property
    def reasons(self) -> dict[str, int]:
        """Reason -> rows rejected for it, most frequent first."""
        counts = self.rejected["reason"].value_counts()
        return {str(reason): int(count) for reason, count in counts.items() if count}


def screen(context: Context, table: pd.DataFrame) -> Screened:
    """Run the checks on a table of observations of any platforms and times.

    Duplicates and tracks are found within the table only: give it whole windows of all sources.

    Args:
        context: serves many tables, window by window.
        table: observations (`deepda.observations.table`), in any order; values may be impossible.

    Raises:
        QualityError: columns are missing.
    """
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise QualityError(
            f"the table has no column {', '.join(missing)}, expected {', '.join(NEEDED)}; "
            "rename or add it"
        )
    code, unsalted = _first_reasons(table, context)
    rejected = code > 0
    names = pd.Index(["", *(check.reason for check in CHECKS)])
    reason = pd.Categorical.from_codes(code[rejected], names)
    kept = table[~rejected]
    if unsalted.any():
        kept = kept.assign(salinity=kept["salinity"].mask(unsalted[~rejected]))
    return Screened(len(table), kept, table[rejected].assign(reason=reason))


def _first_reasons(table: pd.DataFrame, context: Context) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """(row) 0, or 1 + number of the check that rejects the row first; True where salinity is wrong."""
    code, unsalted = np.zeros(len(table), np.int16), np.zeros(len(table), bool)
    left = by_cast(table[[name for name in SEEN if name in table.columns]])
    for number, check in enumerate(CHECKS, start=1):
        if left.empty or (check.needs and getattr(context, check.needs) is None):
            continue
        bad = check.reject(left, context)
        if bad.any():
            code[left.index.to_numpy()[bad]] = number
            left = left[~bad]
        if check.salinity is not None and not left.empty:
            unsalted[left.index.to_numpy()[check.salinity(left)]] = True
    return code, unsalted


def _of(given: T | None) -> T:
    assert given is not None  # a check that needs it is skipped without it
    return given
