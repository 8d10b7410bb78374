"""Which columns of an own table hold what, by the names of its header and the units beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepda.base.units import UnitError, convert
from deepda.observations.reading import ObservationError
from deepda.observations.table_flags import flag_names, is_flag_of_temperature
from deepda.observations.vocabulary import (
    ADJUSTED,
    ANOMALY,
    ARGO_TABLE,
    FLAG_NAMES,
    MISSING,
    NUMBERS,
    QUANTITIES,
    TARGETS,
    TEMPERATURES,
    Kind,
    bare,
)

MINUTES = re.compile(r"(lat(itude)?|long?(itude)?)_?(m|mins?|minutes?|secs?|seconds?)")  # of a degree


@dataclass(frozen=True)
class Columns:
    """Which column of a table holds what.

    Attributes:
        of: our name -> column (a key of QUANTITIES, or "value" for the temperature).
        units: our name -> units that the names of the columns give.
        temperature: the kind of temperature (TEMPERATURES).
        flags: element -> columns with its flags.
        unused: other columns, in their order.
    """

    of: Mapping[str, str]
    units: Mapping[str, str]
    temperature: Kind
    flags: Mapping[str, tuple[str, ...]]
    unused: tuple[str, ...]
    argo: bool

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that is read."""
        return tuple(dict.fromkeys([*self.of.values(), *(c for cs in self.flags.values() for c in cs)]))


def find_columns(names: Sequence[str], given: Mapping[str, str], source: Path) -> Columns:
    """Which column holds what.

    Args:
        names: of all columns.
        given: our name -> column, as the user says; ours are the keys of QUANTITIES and TEMPERATURES,
            and "qc".
        source: what to call the table.

    Raises:
        ObservationError: a column is missing, is there twice, or holds anomalies.
    """
    return _Finder(names, given, source).columns()


class _Finder:
    """Looks for the columns of one table."""

    def __init__(self, names: Sequence[str], given: Mapping[str, str], source: Path) -> None:
        self.names, self.given, self.source = [str(name) for name in names], given, source
        self.of, self.units = dict[str, str](), dict[str, str]()
        self.bare: dict[str, list[tuple[str, str]]] = {}
        for column in self.names:
            name, unit = bare(column)
            self.bare.setdefault(name, []).append((column, unit))
        self._require_given()

    def columns(self) -> Columns:
        of, units = self.of, self.units
        for ours, quantity in QUANTITIES.items():
            self._add(ours, quantity.names, quantity.units)
        kind = self._temperature()
        self._require()
        argo = all(name in self.bare for name in ARGO_TABLE)
        for ours in ("pressure", "value", "salinity"):
            self._adjusted(ours)
        flags = self._flags(kind)
        used = {*of.values(), *(column for columns in flags.values() for column in columns)}
        unused = tuple(dict.fromkeys(name for name in self.names if name and name not in used))
        if not {"temperature", f"temperature{ADJUSTED}"} & flags.keys():
            self._refuse_unknown_flags(unused)
        return Columns(of, units, kind, flags, unused, argo)

    def _add(self, ours: str, aliases: Sequence[str], target: str) -> bool:
        if ours in self.given:
            self.of[ours], self.units[ours] = self.given[ours], bare(self.given[ours])[1]
            return True
        hits = [hit for alias in aliases for hit in self._hits(alias, target)]
        if not hits:
            return False
        self.of[ours], self.units[ours] = hits[0]
        others = [hit for hit in hits[1:] if hit[0] != hits[0][0]]
        if ours in NUMBERS and others:
            self.of[f"{ours}_again"], self.units[f"{ours}_again"] = others[0]
        return True

    def _hits(self, alias: str, target: str) -> list[tuple[str, str]]:
        """(column, units) of a name, alone or with units at its end."""
        exact = self.bare.get(alias, [])
        if len(exact) > 1:
            raise ObservationError(
                f"{self.source} has {len(exact)} columns {exact[0][0]!r}, expected one; rename others"
            )
        if exact or not target:
            return exact
        endings = [name for name in self.bare if name.startswith(f"{alias}_")]
        return [
            (column, unit or name[len(alias) + 1 :])
            for name in endings
            if measures(name[len(alias) + 1 :], target)
            for column, unit in self.bare[name]
        ]

    def _temperature(self) -> Kind:
        """The column of the temperature and its kind; a name that says its kind is preferred."""
        for ours in (*(word for word in TEMPERATURES if word in self.given), *TEMPERATURES):
            kind = TEMPERATURES[ours]
            if ours in self.given:
                self.of["value"], self.units["value"] = self.given[ours], bare(self.given[ours])[1]
                self._refuse_anomaly(self.given[ours])
                return self._said(self.of["value"]) or kind if kind.plain else kind
            if self._add("value", kind.names, "degC"):
                return kind
        self._adjusted("value")
        for column in self.names:
            self._refuse_anomaly(column)
        return TEMPERATURES["temperature"]

    def _said(self, column: str) -> Kind | None:
        """The kind that the name of a column says, None where it leaves it open."""
        name = bare(column)[0]
        return next((kind for kind in TEMPERATURES.values() if name in kind.names), None)

    def _refuse_anomaly(self, column: str) -> None:
        if ANOMALY.search(column):
            raise ObservationError(
                f"{self.source}: column {column!r} holds anomalies, expected temperatures; add the "
                "climatology that they depart from"
            )

    def _adjusted(self, ours: str) -> None:
        """Argo's adjusted values beside the values."""
        if ours in self.given or f"{ours}{ADJUSTED}" in self.of:
            return
        found = self.bare.get(f"{bare(self.of[ours])[0]}{ADJUSTED}") if ours in self.of else None
        if found:
            self.of[f"{ours}{ADJUSTED}"] = found[0][0]

    def _flags(self, kind: Kind) -> dict[str, tuple[str, ...]]:
        temperatures = [name for each in TEMPERATURES.values() for name in each.names]
        elements = {
            "temperature": [*kind.names, *temperatures],
            "position": [*QUANTITIES["lat"].names, *QUANTITIES["lon"].names],
            "time": [*QUANTITIES["time"].names, *QUANTITIES["date"].names],
            "depth": [*QUANTITIES["depth"].names, *QUANTITIES["pressure"].names],
            "salinity": list(QUANTITIES["salinity"].names),
        }
        flags = {
            element: self._flagging(names, FLAG_NAMES[element]) for element, names in elements.items()
        }
        for element in ("temperature", "depth", "salinity"):
            names = [f"{name}{ADJUSTED}" for name in elements[element]]
            flags[f"{element}{ADJUSTED}"] = self._flagging(names, ())
        if "qc" in self.given:
            flags["temperature"] = (self.given["qc"],)
        return {element: columns for element, columns in flags.items() if columns}

    def _flagging(self, names: Iterable[str], more: Sequence[str]) -> tuple[str, ...]:
        wanted = [flag for name in names for flag in flag_names(name)]
        return tuple(
            dict.fromkeys(self._hits(name, "")[0][0] for name in (*wanted, *more) if name in self.bare)
        )

    def _refuse_unknown_flags(self, unused: Iterable[str]) -> None:
        for column in filter(is_flag_of_temperature, unused):
            raise ObservationError(
                f"{self.source}: column {column} is a flag of the temperature by a scheme that is not "
                "known, expected one that `deepda observations formats` lists; name it in "
                "columns={'qc': ...} if its digits are Argo's, or write it in words"
            )

    def _require_given(self) -> None:
        known = {*QUANTITIES, *TEMPERATURES, "qc"}
        strange = [name for name in self.given if name not in known]
        if strange:
            raise ObservationError(
                f"columns names {', '.join(strange)}, expected some of {', '.join(sorted(known))}"
            )

    def _require(self) -> None:
        date = "year" in self.of and "month" in self.of and "day" in self.of
        absent = [] if date or "time" in self.of or "date" in self.of else ["time"]
        absent += [name for name in ("lat", "lon") if name not in self.of]
        if "value" not in self.of:
            absent.append("temperature or in_situ or surface")
        elif (
            not {"depth", "pressure"} & self.of.keys()
            and self._said(self.of["value"]) != TEMPERATURES["surface"]
        ):
            absent.append("depth or pressure")
        absent += [name for name in self.given.values() if name not in self.names]
        if absent:
            shown = ", ".join(self.names[:12])[:200]
            raise ObservationError(
                f"{self.source} has no column {', '.join(absent)} (it has {shown or 'none'}); name them "
                "in columns={...}, or rename them as `deepda observations formats` lists"
            )
        if any(MINUTES.fullmatch(name) for name in self.bare):
            raise ObservationError(
                f"{self.source} has positions in degrees and minutes, expected degrees; join them"
            )


def measures(unit: str, target: str, word: bool = True) -> bool:
    """Whether a text (the end of a name if `word`) is a unit of what `target` measures."""
    if word and not unit.isalpha():
        return False
    try:
        convert(0.0, unit, target)
    except UnitError:
        return False
    return True


def units_line(cells: Mapping[str, str], columns: Columns) -> dict[str, str] | None:
    """Units by column if the first line below the header holds units; None if it is a row.

    A line of units holds no number and no time, and the units of one quantity at least.
    """
    numbers = {
        ours: _unbracketed(cells.get(columns.of[ours], ""))
        for ours in (*NUMBERS, "value")
        if ours in columns.of
    }
    if any(_is_number(cell) for cell in numbers.values()):
        return None
    written = {ours: cell for ours, cell in numbers.items() if cell.lower() not in MISSING}
    if not any(measures(cell, target_of(ours), word=False) for ours, cell in written.items()):
        return None
    times = {
        columns.of[ours]: _unbracketed(cells.get(columns.of[ours], ""))
        for ours in ("time", "date")
        if ours in columns.of
    }
    return {columns.of[ours]: cell for ours, cell in written.items()} | times


def _unbracketed(cell: str) -> str:
    return re.sub(r"^[\[(](.*)[\])]$", r"\1", cell)


def target_of(ours: str) -> str:
    """The unit that a quantity is converted to."""
    return {"value": "degC", "error": "degC", "salinity": "1"}.get(ours) or TARGETS[ours]


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return cell.lower() not in MISSING
