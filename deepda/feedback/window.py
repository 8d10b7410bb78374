"""The observations of one window against the background and the analysis of that window.

The equivalent of an observation is the value of the cell that it lies in: superobservations are taken
from the climatology of their cell (`deepda.assimilation.superobs`), so this is the operator that the
analysis was made with. What an observation differs from its cell for its place in it is part of its
`error`; an interpolation would count that part twice.

A row is in one of three states: used, withheld (passed every check, kept from the analysis), or
rejected for `reason`. The order of calls, all of which keep every row and its place:

    table = with_rejected(kept, rejected)          what quality control gave
    table = withhold(table, share, names)          by platform
    table = check_window(table, grid, background, spread)
    superobs(usable(table), ...)                   the analysis
    table = feedback(table, grid, fields)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.climatology.displacement import equatorial_heave
from deepda.geometry.grid import OUTSIDE, Grid
from deepda.observations.table import cells
from deepda.quality.background import (
    LEVEL,
    PROFILE,
    REASONS,
    background_check,
    equatorial_factor,
    prior_of,
)
from deepda.quality.casts import cast_numbers, platforms
from deepda.quality.withholding import bears_a_name, withheld

if TYPE_CHECKING:
    from deepda.assimilation.cycle import StateEstimate
    from deepda.assimilation.state import StateSpace

STATES = ("used", "withheld", "rejected")
USED, WITHHELD, REJECTED = range(len(STATES))
OUTSIDE_GRID, ON_LAND, NO_BACKGROUND = "outside_grid", "on_land", "no_background"


class FieldsError(DeepDAError, ValueError):
    """Fields that are not on the grid."""


@dataclass(frozen=True, eq=False)
class Fields:
    """One window on the grid, all (depth, lat, lon), NaN on land.

    Attributes:
        background, analysis: degC.
        spread: standard deviation of the error of the background, K.
    """

    background: NDArray[np.float32]
    analysis: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def of(
        cls, space: StateSpace, season: int, background: StateEstimate, analysis: StateEstimate
    ) -> Fields:
        """The fields of two estimates; of several members the unperturbed one."""
        return cls(
            space.celsius(background.mean[0], season),
            space.celsius(analysis.mean[0], season),
            space.kelvin(background.spread[0]),
        )


def with_rejected(kept: pd.DataFrame, rejected: pd.DataFrame) -> pd.DataFrame:
    """Both parts of a screened table in one: `reason` is "" for kept rows, which come first.

    Columns that only one part has are missing in the other; the index is new.
    """
    parts = [kept.assign(reason=""), rejected.assign(reason=rejected["reason"].astype(str))]
    for name in dict.fromkeys(name for part in parts for name in part.columns):
        kind = _shared_categories([part[name] for part in parts if name in part.columns])
        if kind is not None:
            parts = [part.astype({name: kind}) if name in part.columns else part for part in parts]
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return table.assign(reason=_mark(table, {}))


def withhold(table: pd.DataFrame, share: float, names: Sequence[str]) -> pd.DataFrame:
    """The table with `withheld`: True for a share of the platforms and for those named.

    See `deepda.quality.withholding`.
    """
    return table.assign(withheld=withheld(table, share) | bears_a_name(table, names))


def usable(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that may be assimilated: neither rejected nor withheld."""
    return table[state_of(table) == USED]


def state_of(table: pd.DataFrame) -> NDArray[np.int8]:
    """(row) index into STATES, by the columns `reason` and `withheld` where they are there."""
    return np.where(
        _codes(_reason(table), [""]) > 0, REJECTED, np.where(_withheld(table), WITHHELD, USED)
    ).astype(np.int8)


def check_window(
    table: pd.DataFrame, grid: Grid, background: NDArray[np.floating], spread: NDArray[np.floating]
) -> pd.DataFrame:
    """Reject rows that contradict the running analysis (`deepda.quality.background`), before their use.

    Near the equator the spread counts 1.5 times (`equatorial_factor`), and the thermocline may be
    displaced (`equatorial_heave`): El Niño moves it from month to month by more than a control
    simulation does. Only rows that would be used are checked. Withheld rows are not: they are there to
    verify the background, and would flatter it if it had chosen them.

    Args:
        table: of one window; rows with a `reason` keep it.
        background: (depth, lat, lon) degC, NaN on land.
        spread: (depth, lat, lon) standard deviation of its error, K.

    Returns:
        The same rows, with `reason` "background_level" or "background_profile" where rejected.

    Raises:
        FieldsError: a field has another shape than the grid.
        ValueError: a row has an error, or a cell a spread, that is negative or not a number.
    """
    checked = state_of(table) == USED
    rows = table[checked]
    cell = _cells(rows, grid)
    expected = at_cells(cell, grid, background)
    known = np.isfinite(expected)
    usual = np.where(known, at_cells(cell, grid, spread), 0.0) * equatorial_factor(rows["lat"])
    heave = np.where(known, at_cells(cell, grid, equatorial_heave(background, grid)), 0.0)
    code = background_check(
        rows["temperature"].to_numpy(float) - expected,
        np.hypot(usual, heave),
        rows["error"].to_numpy(float),
        cast_numbers(rows),
        prior_of(platforms(rows)),
    )
    of_all = np.zeros(len(table), int)
    of_all[checked] = code
    found = {REASONS[kind]: of_all == kind for kind in (LEVEL, PROFILE)}
    return table.assign(reason=_mark(table, found))


def feedback(
    table: pd.DataFrame,
    grid: Grid,
    fields: Fields,
    others: Mapping[str, NDArray[np.floating]] | None = None,
) -> pd.DataFrame:
    """What the system made of each row of one window.

    Args:
        table: of the window, rejected and withheld rows included.
        others: more fields by the name of their column, for example the climatology in degC.

    Returns:
        The same rows in their order, with `background` and `analysis` (degC), `spread` (K), NaN where
        there is no water of the grid; `used`, `withheld` (by its platform, even where rejected) and
        `reason`: "", or why it was not used though not withheld: "outside_grid", "on_land",
        "no_background" (no climatology there) beside those of its source.

    Raises:
        FieldsError: a field has another shape than the grid.
    """
    cell = _cells(table, grid)
    columns = {"background": fields.background, "analysis": fields.analysis, "spread": fields.spread}
    equivalents = {
        name: at_cells(cell, grid, field).astype(np.float32)
        for name, field in {**columns, **(others or {})}.items()
    }
    outside = cell == OUTSIDE
    on_land = ~outside & ~grid.ocean.ravel()[cell]
    nothing = ~np.isfinite(equivalents["background"])
    reason = _mark(table, {OUTSIDE_GRID: outside, ON_LAND: on_land, NO_BACKGROUND: nothing})
    out = table.assign(**equivalents, withheld=_withheld(table), reason=reason)
    out = out.assign(used=state_of(out) == USED)
    _require_all(len(table), out)
    return out


def at_cells(cell: NDArray[np.integer], grid: Grid, field: NDArray[np.floating]) -> NDArray[np.float64]:
    """(row) the value of a field (depth, lat, lon) in flat cells; NaN where the cell is OUTSIDE.

    Raises:
        FieldsError: the field has another shape than the grid.
    """
    if field.shape != grid.shape:
        raise FieldsError(
            f"a field of shape {field.shape} found, the grid has {grid.shape}; give (depth, lat, lon) "
            "of one window and one member"
        )
    return np.where(cell == OUTSIDE, np.nan, field.ravel()[cell])


def _cells(table: pd.DataFrame, grid: Grid) -> NDArray[np.int32]:
    """As `cells`, for rejected rows too: a place that is not a number is OUTSIDE."""
    place = table[["lat", "lon", "depth"]].astype(float)
    return cells(place.where(np.isfinite(place), np.nan), grid)


def _mark(table: pd.DataFrame, found: Mapping[str, NDArray[np.bool_]]) -> pd.Series:
    """The column `reason` (missing is ""), with further reasons for rows that have none yet."""
    given = _reason(table)
    names = list(dict.fromkeys(["", *map(str, given.cat.categories), *found]))
    code = _codes(given, names)
    for name, bad in found.items():
        code[bad & (code == 0)] = names.index(name)
    return pd.Series(pd.Categorical.from_codes(code, pd.Index(names)), index=table.index)


def _reason(table: pd.DataFrame) -> pd.Series:
    if "reason" not in table.columns:
        none = pd.Categorical.from_codes(np.zeros(len(table), np.int8), pd.Index([""]))
        return pd.Series(none, index=table.index)
    return table["reason"].astype("category")


def _codes(reason: pd.Series, names: list[str]) -> NDArray[np.int64]:
    """(row) position in `names`, of which the first is ""; 1 for a reason that is not among them."""
    place = [names.index(str(name)) if str(name) in names else 1 for name in reason.cat.categories]
    of_missing = 0  # its code is -1: the last place
    return np.array([*place, of_missing], np.int64)[reason.cat.codes.to_numpy()]


def _withheld(table: pd.DataFrame) -> NDArray[np.bool_]:
    if "withheld" not in table.columns:
        return np.zeros(len(table), bool)
    return table["withheld"].to_numpy(bool)


def _shared_categories(columns: list[pd.Series]) -> pd.CategoricalDtype | None:
    """One dtype for a column of names in several tables, which pandas would make objects otherwise."""
    if not any(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
        return None
    kinds = [column.astype("category").cat for column in columns]
    names = kinds[0].categories
    for kind in kinds[1:]:
        names = names.append(kind.categories.difference(names, sort=False))
    return pd.CategoricalDtype(names, ordered=all(kind.ordered for kind in kinds))


def _require_all(rows_in: int, out: pd.DataFrame) -> None:
    states = np.bincount(state_of(out), minlength=len(STATES))
    if rows_in != len(out) or rows_in != int(states.sum()) or out["used"].sum() != states[USED]:
        raise AssertionError(
            f"{rows_in} rows in, {len(out)} out, by state {states.tolist()}: feedback lost or made rows"
        )
