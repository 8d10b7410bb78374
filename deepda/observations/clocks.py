"""Times of an own table that contradict what stands beside them: a zone, another date, another hour."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.cells import Cells
from deepda.observations.numbers_of_tables import as_texts
from deepda.observations.reading import ObservationError
from deepda.observations.vocabulary import MISSING, bare

UTC_WORDS = ("utc", "gmt", "z", "etc/utc", "zulu", "utc+0", "utc+00:00", *MISSING)
NO_OFFSET = r"[+-]?0+(?:[:.,]0*)?"
ZONED = r"(?i).*\d\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})"


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
