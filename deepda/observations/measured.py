"""The numbers of an own table, in our units, each with its flags: what was measured, where, how well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.units import UnitError, convert
from deepda.observations.argo import MODES
from deepda.observations.cells import Cells
from deepda.observations.column_search import Columns, target_of
from deepda.observations.contradictions import (
    APART,
    are_apart,
    refuse_air,
    refuse_deep_surface,
    signed,
)
from deepda.observations.faults import Reasons
from deepda.observations.numbers_of_tables import Numbers, read_numbers
from deepda.observations.qualities import SUSPECT, UNKNOWN
from deepda.observations.reading import ObservationError, ReadOptions
from deepda.observations.seawater import practical_of_unit
from deepda.observations.table_flags import FLAG_DIGITS, read_flags, scheme_of
from deepda.observations.vocabulary import ADJUSTED, ANOMALY, NUMBERS, TEMPERATURES, bare

NAMES = {"value": "temperature", "lat": "latitude", "lon": "longitude"}  # of a quantity, in reasons
FLAGGED = {"value": "temperature", "pressure": "depth", "depth": "depth", "salinity": "salinity"}
PRACTICAL = ("1", "psu", "pss", "pss-78", "pss78", "practical salinity units", "pss-78 units", "none",
             "ppt", "permil", "per mil", "per mille", "o/oo", "\N{PER MILLE SIGN}")  # fmt: skip
SALINITIES = (0.0, 45.0)  # PSS-78
SAME, RELATIVE = 1e-4, 1e-5  # by which two columns of one quantity may differ
ROUNDED = 1e-2  # by which they may in two units: 10 m are 33 ft


@dataclass(eq=False)
class Measured:
    """The numbers of the rows of a table and their flags, read when it is made.

    Attributes:
        frame: (row) cells.
        beside: units by column, given beside the names.
        options: `units` override all others.
        source: what to call the table.
        reasons: rows that cannot be used are marked there.
        comma: numbers have a decimal comma.
        of: lat, lon (degrees), depth (m), pressure (dbar), value (degC), salinity (PSS-78), error (K)
            -> (row), NaN where missing; only those that the table has.
        qualities: element -> (row) quality (0..4).

    Raises:
        ObservationError: units that are unknown or contradict each other, columns without numbers, or
            two columns of one quantity that differ.
    """

    frame: pd.DataFrame
    columns: Columns
    beside: Mapping[str, str]
    options: ReadOptions
    source: Path
    reasons: Reasons
    comma: bool
    of: dict[str, NDArray[np.float64]] = field(default_factory=dict, init=False)
    qualities: dict[str, NDArray[np.int8]] = field(default_factory=dict, init=False)
    assumed: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.adjusted = self._adjusted_rows()
        flags = [column for named in self.columns.flags.values() for column in named]
        if not self.columns.argo and any(scheme_of(flag) is FLAG_DIGITS for flag in flags):
            self.assumed.append("flags in digits are Argo's (1 good, 2 probably good, 3 suspect, 4 bad)")
        if self.comma:
            self.assumed.append("numbers have a decimal comma")
        for ours in (*NUMBERS, "value"):
            if ours in self.columns.of:
                self._add(ours)
        self._check_positions()
        self._check_depths()
        for element in ("time", "position"):
            self._flag(element, np.zeros(len(self.frame), bool))

    def _add(self, ours: str) -> None:
        """Read one quantity: numbers, adjusted or not, in our unit, and its flags."""
        name, of = NAMES.get(ours, ours), self.columns.of
        numbers, adjusted = self._numbers(of[ours]), np.zeros(len(self.frame), bool)
        if column := of.get(f"{ours}{ADJUSTED}"):
            better = self._numbers(column)
            adjusted = self._chosen(ours, column, better)
            numbers = Numbers(
                np.where(adjusted, better.values, numbers.values),
                np.where(adjusted, better.unreadable, numbers.unreadable),
            )
        if ours == "error":
            self.reasons.mark({"error_impossible": numbers.unreadable})
        elif ours != "salinity":
            self.reasons.mark({f"{name}_not_a_number": numbers.unreadable})
        self.of[ours] = self._in_our_unit(ours, numbers.values)
        if f"{ours}_hemisphere" in of:
            hemispheres = self.frame[of[f"{ours}_hemisphere"]]
            self.of[ours] = signed(ours, name, self.of[ours], hemispheres, self.reasons)
        if f"{ours}_again" in of:
            self._require_same(ours, of[f"{ours}_again"])
        if ours in FLAGGED:
            self._flag(FLAGGED[ours], adjusted)
        if ours == "salinity":
            lowest, highest = SALINITIES
            sound = (self.of[ours] >= lowest) & (self.of[ours] <= highest)
            self.of[ours] = np.where(sound, self.of[ours], np.nan)

    def _check_positions(self) -> None:
        """Refuse a table that goes on under another header."""
        for ours in ("lat", "lon", "value"):
            texts = Cells.of(self.frame[self.columns.of[ours]][~self.reasons.none]).texts
            names = {bare(text)[0] for text in texts} & {
                bare(column)[0] for column in self.columns.of.values()
            }
            if names - {bare(self.columns.of[ours])[0]}:
                raise ObservationError(
                    f"{self.source} has a second header with other columns ({', '.join(sorted(names))} "
                    f"stands in column {self.columns.of[ours]}), expected one; write two files"
                )

    def _check_depths(self) -> None:
        """Reject rows whose depth and pressure are of different levels, such as the sea floor's."""
        refuse_deep_surface(self.of, self.columns, self.source)
        if "pressure" in self.of:
            refuse_air(self.of, self._dbars_of_unit(), self.columns, self.source)
        if "depth" in self.of and "pressure" in self.of:
            none = (self.of["pressure"] < -APART[0]) & np.isfinite(self.of["depth"])  # as -999 is
            self.of["pressure"] = np.where(none, np.nan, self.of["pressure"])
            apart = are_apart(self.of["depth"], self.of["pressure"], self.of["lat"])
            self.reasons.mark({"depth_contradicts_pressure": apart})

    def _numbers(self, column: str) -> Numbers:
        return read_numbers(self.frame[column], self.comma, self.source)

    def _adjusted_rows(self) -> NDArray[np.bool_] | None:
        """(row) whether adjusted values count by mode; None where there is no mode."""
        if (
            not any(name.endswith(ADJUSTED) for name in self.columns.of)
            or "data_mode" not in self.columns.of
        ):
            return None
        mode = Cells.of(self.frame[self.columns.of["data_mode"]])
        known = mode.texts.str.upper()
        self.reasons.mark({"data_mode_unknown": mode.at(~known.isin(MODES).to_numpy(bool))})
        return mode.at(known.isin(("A", "D")).to_numpy(bool))

    def _chosen(self, ours: str, column: str, better: Numbers) -> NDArray[np.bool_]:
        """(row) whether the adjusted value counts: by mode, else where there is one or a flag of one."""
        if self.adjusted is not None:
            return self.adjusted
        self.assumed.append(f"no data_mode: {column} where it is given, else {self.columns.of[ours]}")
        chosen = np.isfinite(better.values)
        flags = self.columns.flags.get(f"{FLAGGED[ours]}{ADJUSTED}", ())
        return chosen | read_flags(self.frame, flags)[2] if flags else chosen

    def _flag(self, element: str, adjusted: NDArray[np.bool_]) -> None:
        """Qualities of an element by its flags; a salinity that they doubt is none."""
        flags = self.columns.flags
        if element not in flags and f"{element}{ADJUSTED}" not in flags:
            return
        quality, outside = np.full(len(self.frame), UNKNOWN, np.int8), np.zeros(len(self.frame), bool)
        if element in flags:
            quality, outside, _ = read_flags(self.frame, flags[element])
        if f"{element}{ADJUSTED}" in flags:
            better = read_flags(self.frame, flags[f"{element}{ADJUSTED}"])
            quality = np.where(adjusted, better[0], quality)
            outside = np.where(adjusted, better[1], outside)
        if element == "salinity":
            doubtful = outside | (quality >= SUSPECT)
            self.of[element] = np.where(doubtful, np.nan, self.of[element])
            return
        self.qualities[element] = quality
        self.reasons.mark({f"{element}_flag_unknown": outside})

    def _in_our_unit(self, ours: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values in the unit that we use; an unknown unit is refused, and so are two that differ."""
        column, target = self.columns.of[ours], target_of(ours)
        units = self._units(ours)
        read = [self._converted(ours, values, unit, target) for unit in units if unit.strip()]
        if not read:
            if ours in ("value", "depth", "pressure"):
                self.assumed.append(f"{column} has no units: {target} taken")
            return values
        if len(read) == 2 and not np.allclose(read[0], read[1], rtol=1e-6, equal_nan=True):
            raise ObservationError(
                f"{self.source}: {column} is in {units[0]!r} and in {units[1]!r}, expected one unit; "
                "correct the header"
            )
        return read[0]

    def _dbars_of_unit(self) -> float | None:
        """The size in dbar of the unit in which the table gives pressure, None where it gives none."""
        unit = next(filter(str.strip, self._units("pressure")), "")
        return float(convert(1.0, unit, "dbar")) if unit else None

    def _units(self, ours: str) -> list[str]:
        """The units of a quantity: the user's, else those in the name and beside it, "" where none."""
        words = TEMPERATURES if ours == "value" else (ours, NAMES.get(ours, ours))
        given = next((self.options.units[word] for word in words if word in self.options.units), "")
        beside = self.beside.get(self.columns.of[ours], "")
        return [given] if given else [self.columns.units.get(ours, ""), beside]

    def _converted(
        self, ours: str, values: NDArray[np.float64], unit: str, target: str
    ) -> NDArray[np.float64]:
        column = self.columns.of[ours]
        if ANOMALY.search(unit):
            raise ObservationError(
                f"{self.source}: column {column} holds anomalies ({unit}), expected temperatures; add "
                "the climatology that they depart from"
            )
        try:
            if ours == "salinity":
                return _practical(values, unit)
            if ours == "error":  # a difference: the zero of the scale does not matter
                return convert(values, unit, target) - convert(0.0, unit, target)
            return convert(values, unit, target)
        except UnitError as error:
            what = "g/kg or psu" if ours == "salinity" else target
            raise ObservationError(
                f"{self.source}: {column} is in {unit!r}, expected {what} or what converts to it; "
                "correct the unit or convert the values"
            ) from error

    def _require_same(self, ours: str, other: str) -> None:
        """Two columns of one quantity must agree."""
        values, relative = self._numbers(other).values, RELATIVE
        units = (self.columns.units.get(f"{ours}_again", ""), self.beside.get(other, ""))
        if unit := next(filter(str.strip, units), ""):
            given, values = values, self._converted(ours, values, unit, target_of(ours))
            relative = RELATIVE if (given == values)[np.isfinite(given)].all() else ROUNDED
        apart = _apart(ours, self.of[ours], values)
        if (apart > SAME + relative * np.abs(self.of[ours])).any():
            raise ObservationError(
                f"{self.source}: {self.columns.of[ours]} and {other} differ, expected one column of "
                f"{NAMES.get(ours, ours)}; name it in columns={{...}} or remove the other"
            )


def _apart(ours: str, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """(row) how far two columns of a quantity are apart, 0 where one is missing.

    Depths may have the sign of heights, and longitudes differ by whole turns.
    """
    if ours == "depth":
        one, other = np.abs(one), np.abs(other)
    apart = np.abs(one - other)
    if ours == "lon":
        apart = np.abs((one - other + 180.0) % 360.0 - 180.0)
    return np.nan_to_num(apart)


def _practical(values: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
    """Salinity (PSS-78) of numbers in a unit; mass in mass is absolute salinity."""
    each = practical_of_unit(unit)
    if each is not None:
        return values * each
    return values if unit.strip().lower() in PRACTICAL else convert(values, unit, "g/kg")
