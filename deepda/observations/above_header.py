"""What an own table says of itself above its header, in comments or metadata: units, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from deepda.base.synthetic import refusal, simulated_by
from deepda.observations.column_search import Columns, measures, target_of
from deepda.observations.reading import ObservationError
from deepda.observations.vocabulary import ANOMALY, QUANTITIES, TEMPERATURES, bare

PAIR = re.compile(r"[#%/*\s]*([A-Za-z][\w ]*?)\s*[:=]\s*(.+)")  # "key: value"
UNIT = re.compile(
    r"\s*(?:units?\b)?\s*(?:(?:is|are)\s+)?(?:in\b|[:=\[(])\s*([^,;:\[\]()]+)", re.IGNORECASE
)
OTHER_UNITS = {  # words of units that are not those which are taken where a table gives none
    "depth": re.compile(r"\b(feet|foot|ft|fathoms?)\b", re.IGNORECASE),
    "value": re.compile(r"fahrenheit|kelvin|\bdeg(?:rees?)?[ ._]?F\b|\N{DEGREE SIGN}F\b", re.IGNORECASE),
}


def refuse_above(above: Sequence[str], columns: Columns, source: Path) -> None:
    """Refuse a table that says above its header that it holds no temperatures of the real ocean.

    Raises:
        ObservationError: it says that its ocean is simulated, or that it holds anomalies.
    """
    pairs = [pair for line in above if (pair := PAIR.fullmatch(line))]
    said = {"title": next(iter(above), "")} | {pair[1].strip().lower(): pair[2] for pair in pairs}
    if attribute := simulated_by(said):
        raise ObservationError(refusal(source, attribute, "observations"))
    for line in above:
        if ANOMALY.search(line) and not any(map(ANOMALY.search, columns.unused)):
            raise ObservationError(
                f"{source}: column {columns.of['value']} holds anomalies by {_short(line)!r} above the "
                "header, expected temperatures; add the climatology that they depart from"
            )


def units_above(
    above: Sequence[str],
    columns: Columns,
    known: Mapping[str, str],
    given: Mapping[str, str],
    source: Path,
) -> dict[str, str]:
    """Units by column of the temperature, depth and pressure that give none beside their names.

    Args:
        known: units by column that the table gives in a line of units.
        given: units by our name that the user says.

    Raises:
        ObservationError: a line names other units than the usual ones, and does not say of what.
    """
    found = dict[str, str]()
    for ours in ("value", "depth", "pressure"):
        column = columns.of.get(ours, "")
        if any(word in given for word in (TEMPERATURES if ours == "value" else (ours,))):
            continue
        if not column or columns.units.get(ours, "").strip() or known.get(column, "").strip():
            continue
        if unit := next(filter(None, (_unit(line, ours, column) for line in above)), ""):
            found[column] = unit
        elif strange := [
            line for line in above if ours in OTHER_UNITS and OTHER_UNITS[ours].search(line)
        ]:
            raise ObservationError(
                f"{source} says {_short(strange[0])!r} above the header and gives no units of {column}, "
                f"expected them beside its name; write {column} [{target_of(ours)}] or what it is in"
            )
    return found


def _unit(line: str, ours: str, column: str) -> str:
    """The unit that a line gives of a quantity: "depth in feet", "Depth [ft]", "units: ft"."""
    names = {bare(column)[0], *_names(ours)}
    words = "|".join(
        re.escape(name).replace("_", "[ _]") for name in sorted(names, key=len, reverse=True)
    )
    for match in re.finditer(rf"\b(?:{words}|units?)\b", line, re.IGNORECASE):
        unit = UNIT.match(line, match.end())
        text = re.split(r"\s+and\s+", unit[1])[0].strip(" .\r\n") if unit else ""
        if text and measures(text, target_of(ours), word=False):
            return text
    return ""


def _names(ours: str) -> Iterable[str]:
    if ours == "value":
        return (name for kind in TEMPERATURES.values() for name in kind.names)
    return QUANTITIES[ours].names


def _short(line: str) -> str:
    return line.strip()[:80]
