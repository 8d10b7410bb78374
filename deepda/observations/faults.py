"""Why rows are rejected: what is wrong with a row by itself, and the reason that stays of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.qualities import BAD, ELEMENTS, GOOD, PROBABLY_GOOD, QUALITIES, SUSPECT, UNKNOWN
from deepda.observations.table import COLUMNS

OLDEST = np.datetime64("1750-01-01", "s")  # no thermometer went to sea before
FUTURE = np.timedelta64(1, "D")  # clocks may run ahead by so much
KELVIN = (250.0, 320.0)  # values that can only be kelvin


class Reasons:
    """Why each row is rejected, as a code into the names; 0 is not at all."""

    def __init__(self, size: int) -> None:
        self.codes, self.names = np.zeros(size, np.int16), [""]

    @classmethod
    def of(cls, given: pd.Series) -> Self:
        """Reasons as texts, "" where there is none."""
        reasons, names = cls(len(given)), given.astype("category").cat
        for code, name in enumerate(names.categories):
            reasons.mark({str(name): (names.codes == code).to_numpy()} if name else {})
        return reasons

    @property
    def none(self) -> NDArray[np.bool_]:
        """(row) whether it is not rejected."""
        return self.codes == 0

    def mark(self, found: Mapping[str, NDArray[np.bool_]]) -> None:
        """Reject rows, by reason; rows that are rejected already keep theirs."""
        for name, bad in found.items():
            if name not in self.names:
                self.names.append(name)
            self.codes[bad & self.none] = self.names.index(name)

    def categorical(self) -> pd.Series:
        """(row) the names."""
        return pd.Series(pd.Categorical.from_codes(self.codes, pd.Index(self.names)))


def faults_of_place(rows: pd.DataFrame, now: np.datetime64) -> dict[str, NDArray[np.bool_]]:
    time = rows["time"].to_numpy().astype("datetime64[s]")
    lat, lon = rows["lat"].to_numpy(float), rows["lon"].to_numpy(float)
    swapped = (np.abs(lat) > 90) & (np.abs(lat) <= 360) & (np.abs(lon) <= 90)
    return {
        "time_missing": np.isnat(time),
        "time_impossible": time < OLDEST,
        "time_in_future": time > now + FUTURE,
        "position_missing": ~(np.isfinite(lat) & np.isfinite(lon)),
        "position_looks_swapped": swapped,
        "position_impossible": (np.abs(lat) > 90) | (np.abs(lon) > 360),
    }


def faults_of_flags(rows: pd.DataFrame, keep: tuple[str, ...]) -> dict[str, NDArray[np.bool_]]:
    return {
        f"{element}_flagged_{QUALITIES[code]}": rows[f"quality_{element}"].to_numpy() == code
        for element in ELEMENTS
        for code in (BAD, SUSPECT, UNKNOWN, PROBABLY_GOOD, GOOD)
        if QUALITIES[code] not in keep
    }


def faults_of_value(rows: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    depth, value = rows["depth"].to_numpy(float), rows["temperature"].to_numpy(float)
    return {
        "depth_missing": ~np.isfinite(depth),
        "depth_impossible": COLUMNS["depth"].refuses(depth),
        "temperature_missing": ~np.isfinite(value),
        "temperature_outside_valid_range": rows["invalid"].to_numpy(bool),
        "temperature_looks_kelvin": (value >= KELVIN[0]) & (value <= KELVIN[1]),
        "temperature_impossible": COLUMNS["temperature"].refuses(value),
        "error_impossible": _no_error(rows["error"]) | _no_error(rows["instrument_error"]),
    }


def _no_error(errors: pd.Series) -> NDArray[np.bool_]:
    """Where a file gives an error that is none: zero, negative or infinite; NaN is an absent one."""
    given = errors.to_numpy(float)
    return ~np.isnan(given) & COLUMNS["error"].refuses(given)
