"""Places and times of an own table that contradict their names or what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.cells import Cells
from deepda.observations.column_search import Columns
from deepda.observations.faults import Reasons
from deepda.observations.numbers_of_tables import as_texts
from deepda.observations.reading import ObservationError
from deepda.observations.seawater import depth_of
from deepda.observations.vocabulary import MISSING, TEMPERATURES, bare

LOWEST_SURFACE = 50.0  # m to which an instrument of the sea surface may hang
OF_AIR = (870.0, 1085.0)  # hPa at sea level, the lowest and highest that were measured
HECTOPASCALS = 100.0  # of a dbar
UTC_WORDS = ("utc", "gmt", "z", "etc/utc", "zulu", "utc+0", "utc+00:00", *MISSING)
NO_OFFSET = r"[+-]?0+(?:[:.,]0*)?"
ZONED = r"(?i).*\d\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})"
SIGNS = {"lat": {"n": 1.0, "s": -1.0}, "lon": {"e": 1.0, "w": -1.0}}
WORDS = {"n": "north", "s": "south", "e": "east", "w": "west"}
APART = (10.0, 0.05)  # m and share of the depth by which depth and pressure of one row may differ
HALF_TURN = 180.0


def refuse_deep_surface(of: Mapping[str, NDArray[np.float64]], columns: Columns, source: Path) -> None:
    """Refuse temperatures of the sea surface far below it: their depths are those of the sea floor.

    Raises:
        ObservationError: there is such a row.
    """
    if columns.temperature != TEMPERATURES["surface"] or "depth" not in of:
        return
    deepest = np.max(of["depth"], where=np.isfinite(of["depth"]), initial=0.0)
    if deepest > LOWEST_SURFACE:
        raise ObservationError(
            f"{source}: {columns.of['value']} is of the sea surface and {columns.of['depth']} goes down "
            f"to {deepest:,.0f} m, expected {LOWEST_SURFACE:g} m at most; leave the column out if it is "
            "the depth of the sea floor, else name the temperature otherwise"
        )


def are_apart(
    depth: NDArray[np.float64], pressure: NDArray[np.float64], lat: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where depth (m) and pressure (dbar) are of different levels; False where one is missing."""
    by_pressure = depth_of(pressure, lat)
    least, share = APART
    return np.abs(depth - by_pressure) > least + share * np.abs(by_pressure)


def refuse_air(
    of: Mapping[str, NDArray[np.float64]], unit_in_dbar: float | None, columns: Columns, source: Path
) -> None:
    """Refuse pressures that are all those of the air.

    They are known by a unit smaller than dbar, or beside another column of the air by the lack of one.

    Args:
        of: "pressure" in dbar.
        unit_in_dbar: the size of the unit in the table, None where it gives none.

    Raises:
        ObservationError: they are.
    """
    values = of["pressure"][np.isfinite(of["pressure"])]
    airy = any(bare(name)[0].startswith("air") for name in columns.unused)
    if not values.size or (unit_in_dbar or 0.0) >= 1.0 or (unit_in_dbar is None and not airy):
        return
    hectopascals = values if unit_in_dbar is None else values * HECTOPASCALS
    lowest, highest = OF_AIR
    if lowest <= hectopascals.min() and hectopascals.max() <= highest:
        raise ObservationError(
            f"{source}: {columns.of['pressure']} is the pressure of the air "
            f"({hectopascals.min():.0f} to {hectopascals.max():.0f} hPa), expected that of the "
            "water; leave the column out and give the depth"
        )


def require_utc(frame: pd.DataFrame, of: Mapping[str, str], source: Path) -> None:
    """Refuse times of another zone that a column beside them names; those that name their own are UTC.

    Raises:
        ObservationError: there are such.
    """
    column = of.get("time", of.get("date", ""))
    if "zone" not in of or "utc" in bare(column)[0].split("_"):
        return
    zones = Cells.of(frame[of["zone"]])
    strange = ~(zones.texts.str.lower().isin(UTC_WORDS) | zones.texts.str.fullmatch(NO_OFFSET))
    rows = zones.at(strange.to_numpy(bool))
    if column and not isinstance(frame[column].dtype, pd.DatetimeTZDtype):
        rows = rows & ~as_texts(frame[column]).str.fullmatch(ZONED).to_numpy(bool)
    elif column:
        return
    if rows.any():
        zone = zones.texts[zones.codes[np.argmax(rows)]]
        raise ObservationError(
            f"{source}: column {of['zone']} says that times are of zone {zone}, expected UTC; convert "
            "the times, or write their zones behind them as 2008-01-31T12:00:00-05:00"
        )


def require_one_day(days: Mapping[str, NDArray[np.datetime64]], source: Path) -> None:
    """Refuse two columns whose dates differ.

    Args:
        days: column -> (row) day as written, NaT where there is none.

    Raises:
        ObservationError: they differ in some row.
    """
    for one, other in combinations(days, 2):
        apart = (days[one] != days[other]) & ~(np.isnat(days[one]) | np.isnat(days[other]))
        if apart.any():
            row = int(np.argmax(apart))
            raise ObservationError(
                f"{source}: the dates of {one} and {other} differ ({days[one][row]} and "
                f"{days[other][row]}), expected one date a row; remove the column that is not of the "
                "observation"
            )


def require_hours(cells: pd.Series, hours: NDArray[np.float64], source: Path) -> None:
    """Refuse hours that are written with their minutes: 1345 and 0015.

    Raises:
        ObservationError: there are such.
    """
    with np.errstate(invalid="ignore"):
        clocks = (hours > 24) & (hours // 100 < 24) & (hours % 100 < 60)
    padded = as_texts(cells).str.fullmatch(r"0\d{2,3}").to_numpy(bool)
    found = (clocks & (hours >= 100)) | padded
    if found.any():
        raise ObservationError(
            f"{source}: column {cells.name} holds {cells.iloc[int(np.argmax(found))]}, expected 0 to 23"
            "; give hours and minutes in two columns"
        )


def signed(
    ours: str, name: str, values: NDArray[np.float64], hemispheres: pd.Series, reasons: Reasons
) -> NDArray[np.float64]:
    """(row) positions with the sign of their hemisphere.

    Args:
        ours: lat or lon.
        name: of the position, in reasons.
        values: degrees; those that have a sign, or count beyond 180 degrees east, must agree.
        hemispheres: (row) N, S, E, W or their words.
        reasons: rows that contradict themselves or name no hemisphere are marked there.
    """
    cells = Cells.of(hemispheres)
    known = {f"{word}{end}": letter for letter, word in WORDS.items() for end in ("", "ern")} | {
        letter: letter for letter in WORDS
    }
    letters = cells.texts.str.lower().map(known)
    sign = cells.at(letters.map(SIGNS[ours]).to_numpy(float))
    own = np.where((values < 0) | ((ours == "lon") & (values > HALF_TURN)), -1.0, 1.0)
    reasons.mark(
        {
            f"{name}_hemisphere_unknown": np.isnan(sign) & np.isfinite(values),
            f"{name}_contradicts_hemisphere": (own < 0) & (sign > 0),
        }
    )
    return np.where(own > 0, values * sign, values)
