"""Times as tables and files write them, to UTC: what is no full date is rejected, never completed.

Accepted are ISO 8601 (extended and basic), dates with the month in letters, and day/month/year or
month/day/year where one reading fits all rows of the file. Numbers need units ("days since ...").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.calendars import NAT, composed, decode_times
from deepda.observations.cells import Cells
from deepda.observations.contradictions import require_hours, require_one_day, require_utc
from deepda.observations.faults import Reasons
from deepda.observations.numbers_of_tables import as_texts, read_numbers
from deepda.observations.reading import ObservationError
from deepda.observations.vocabulary import MISSING

_ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?"
_CLOCK = rf"(?P<H>\d{{1,2}}):(?P<M>\d{{2}})(?::(?P<S>\d{{2}}(?:[.,]\d+)?))?\s*{_ZONE}"
_AFTER = rf"(?:(?:T|\s+){_CLOCK})?\s*"
YEAR_FIRST = rf"(?P<y>\d{{4}})(?P<s>[-/])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}}){_AFTER}"
_DIGITS = r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"
BASIC = rf"{_DIGITS}(?:T?(?P<H>\d{{2}})(?P<M>\d{{2}})(?P<S>\d{{2}})?)?(?P<zone>Z)?"
LETTERS = rf"(?P<d>\d{{1,2}})[-/ ]?(?P<m>[A-Z]{{3,9}})\.?[-/, ]*(?P<y>\d{{4}}){_AFTER}"
LETTERS_FIRST = rf"(?P<m>[A-Z]{{3,9}})\.? (?P<d>\d{{1,2}}),? (?P<y>\d{{4}}){_AFTER}"
NUMBERED = rf"(?P<one>\d{{1,2}})(?P<s>[-/.])(?P<two>\d{{1,2}})(?P=s)(?P<y>\d{{4}}){_AFTER}"
ISO = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$"
NUMBER = r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
OF_DAY = re.compile(rf"{_CLOCK}|(?P<hhmm>(?:[01]\d|2[0-3])[0-5]\d)", re.IGNORECASE)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FULL = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
        "november", "december", "sept")  # fmt: skip
DAY_FIRST, MONTH_FIRST = "day/month/year", "month/day/year"
PARTS = ("year", "month", "day", "hour", "minute", "second")  # columns that are numbers
UTC = ("", "utc", "gmt", "z", "iso8601", "iso 8601", "iso")


@dataclass(frozen=True, eq=False)
class Times:
    """Times of the rows of a table.

    Attributes:
        values: (row) UTC, NaT where there is none.
        assumed: what had to be assumed, in sentences.
    """

    values: NDArray[np.datetime64]
    assumed: tuple[str, ...] = ()


def read_times(
    frame: pd.DataFrame,
    of: Mapping[str, str],
    units: Sequence[str],
    source: Path,
    reasons: Reasons,
    *,
    whole: bool,
    comma: bool = False,
) -> Times:
    """Times of the rows.

    Args:
        frame: with the columns of `of`.
        of: "time", "date" or both, or "year", "month", "day" and perhaps "hour", "minute",
            "second" -> column.
        units: of times and dates: "UTC", "<unit> since <date>", or how they are written ("dd/mm/yyyy").
        source: what to call the table.
        reasons: rows without a time are marked there.
        whole: the rows are all of the table, so that what fits them all is its way to write dates.
        comma: numbers have a decimal comma.

    Raises:
        ObservationError: numbers without units, text in place of numbers, units of another kind, two
            orders of day and month, a zone without a number.
    """
    calendar = of.keys() >= {*PARTS[:3]}
    require_utc(frame, of, source)
    if not are_counted(units):
        require_one_day(_days(frame, of, _one_order(units, source), source, comma), source)
    if calendar and not {"time", "date"} & of.keys():
        return _of_parts(frame, of, source, reasons, comma)
    values = frame[of["time" if "time" in of else "date"]]
    if pd.api.types.is_datetime64_any_dtype(values):
        return _checked(_of_moments(values), reasons)
    order = _one_order(units, source)
    if "time" in of and ("date" in of or calendar):
        dates = frame[of["date"]] if "date" in of else pd.Series(_dates(frame, of, source, comma))
        values = _joined(_texts(dates), _texts(values), of, source)
    if counted := are_counted(units):
        numbers = read_numbers(_texts(values), comma, source)
        reasons.mark({"time_unreadable": numbers.unreadable})
        times = decode_times(numbers.values, counted, "", lambda what: _refusal(source, what))
        return _checked(times, reasons)
    return _of_texts(Cells.of(values), order, source, reasons, whole)


def are_counted(units: Sequence[str]) -> str:
    """The unit "<unit> since <date>" among those of times, "" where the times are texts."""
    return next((unit for unit in units if " since " in unit), "")


def written_times(texts: NDArray[np.str_]) -> NDArray[np.datetime64]:
    """Times of texts that are full dates, UTC where they name no zone, NaT where they are none."""
    return _parsed(pd.Series(texts.ravel(), dtype="str"), "")[0].reshape(texts.shape)


def _checked(times: NDArray[np.datetime64], reasons: Reasons) -> Times:
    reasons.mark({"time_missing": np.isnat(times)})
    return Times(times)


def _refusal(source: Path, what: str) -> ObservationError:
    return ObservationError(
        f"{source} has {what}; write times as 2008-01-31T12:00:00Z, or name their units"
    )


def _one_order(units: Sequence[str], source: Path) -> str:
    """The order of day and month that the units declare, "" where none of them does."""
    orders = sorted({_declared(unit, source) for unit in units} - {""})
    if len(orders) > 1:
        raise _refusal(source, f"dates as {' and '.join(orders)}, expected one order")
    return orders[0] if orders else ""


def _declared(units: str, source: Path) -> str:
    """The order of day and month that units declare, "" where they declare none."""
    word = units.strip().lower()
    if word in UTC or " since " in word:
        return ""
    if re.fullmatch(r"[ymdhstz:/\-.,' ]+", word) and "y" in word:
        letters = re.sub(r"[^ymd]", "", word.split("h")[0])
        first = re.sub(r"(.)\1+", r"\1", letters)
        return {"dmy": DAY_FIRST, "mdy": MONTH_FIRST}.get(first, "")
    if re.fullmatch(r"[hms:.]+", word):
        return ""
    raise _refusal(source, f"times in {units!r}, expected UTC or '<unit> since <date>'")


def _days(
    frame: pd.DataFrame, of: Mapping[str, str], order: str, source: Path, comma: bool
) -> dict[str, NDArray[np.datetime64]]:
    """By column, (row) the day that is written there, NaT where there is none."""
    days = dict[str, NDArray[np.datetime64]]()
    for column in (of[ours] for ours in ("time", "date") if ours in of):
        cells = Cells.of(_texts(frame[column]))
        written = cells.texts.str.replace(r"(?:T|\s+)(?:\d{1,2}:.*|\d{4,6}Z?)$", "", regex=True)
        days[column] = cells.at(_parsed(written, order)[0]).astype("datetime64[D]")
    if days and of.keys() >= {*PARTS[:3]}:
        days[of["year"]] = _dates(frame, of, source, comma)
    return days


def _texts(values: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("").astype("str")
    return as_texts(values)


def _joined(dates: pd.Series, clocks: pd.Series, of: Mapping[str, str], source: Path) -> pd.Series:
    """Date and time of day as one text; the column `time` alone where it holds dates already."""
    there = ~clocks.str.lower().isin(MISSING)
    dated = clocks.str.contains(r"\d{4}-\d{2}-\d{2}|\d[/.]\d+[/.]\d", regex=True)
    if (dated | ~there).all() and there.any():
        return clocks
    of_day = clocks.map(lambda text: _of_day(text), na_action="ignore")
    if there.any() and not (of_day[there] != "").any():
        raise _refusal(
            source,
            f"{of['time']} {clocks[there].iloc[0]!r} beside dates, expected a time of day as 13:45",
        )
    days = dates.str.replace(r"[T ]00:00(:00(\.0+)?)?$", "", regex=True)
    both = (of_day != "") & ~days.str.lower().isin(MISSING)
    return (days + " " + of_day).where(
        both, days.where(days.isin(MISSING), "unreadable").where(there, "")
    )


def _dates(
    frame: pd.DataFrame, of: Mapping[str, str], source: Path, comma: bool
) -> NDArray[np.datetime64]:
    """(row) day of columns year, month, day, NaT where there is no such date."""
    part = {ours: of[ours] for ours in PARTS[:3]}
    return _of_parts(frame, part, source, Reasons(len(frame)), comma).values.astype("datetime64[D]")


def _of_day(text: str) -> str:
    match = OF_DAY.fullmatch(text)
    if match is None:
        return ""
    return f"{match['hhmm'][:2]}:{match['hhmm'][2:]}" if match["hhmm"] else text


def _of_moments(values: pd.Series) -> NDArray[np.datetime64]:
    """To the nearest second."""
    values = values.dt.tz_convert(None) if values.dt.tz else values
    return (values + pd.Timedelta(500, "ms")).to_numpy().astype("datetime64[s]")


def _of_texts(cells: Cells, order: str, source: Path, reasons: Reasons, whole: bool) -> Times:
    words, assumed = cells.texts, list[str]()
    times, reason = _parsed(words, order)
    if not order and whole and _numbered(words).any():
        order = _only_order(words)
        if order:
            times, reason = _parsed(words, order)
            assumed.append(f"dates read as {order}: the only reading that fits all rows")
    if len(words) and (reason == "time_without_units").all():
        raise _refusal(source, f"times that are numbers ({words.iloc[0]!r}) without units")
    for why in np.unique(reason[reason != ""]):
        reasons.mark({str(why): cells.at(reason == why)})
    if not np.isnat(times).all() and not words.str.contains(r"\d:\d|T\d|^\d{12}").any():
        assumed.append("dates without a time of day are 00:00 UTC")
    return Times(cells.at(times), tuple(assumed))


def _numbered(words: pd.Series) -> pd.Series:
    return words.str.fullmatch(NUMBERED, case=False)


def _only_order(words: pd.Series) -> str:
    """The one order of day and month that makes dates of all numbered ones, "" where none or both do."""
    parts = words.str.extract(rf"^{NUMBERED}$", flags=re.IGNORECASE).dropna(subset="one")
    one, two = (parts[name].astype(int) for name in ("one", "two"))
    fits = {DAY_FIRST: (one <= 31) & (two <= 12), MONTH_FIRST: (one <= 12) & (two <= 31)}
    dates = fits[DAY_FIRST] | fits[MONTH_FIRST]
    orders = [order for order, does in fits.items() if does[dates].all()]
    return orders[0] if len(orders) == 1 else ""


def _parsed(words: pd.Series, order: str) -> tuple[NDArray[np.datetime64], NDArray[np.object_]]:
    """(word) time and reason."""
    times = np.full(len(words), NAT)
    reason = np.full(len(words), "time_unreadable", dtype=object)
    reason[words.str.fullmatch(NUMBER).to_numpy(bool)] = "time_without_units"
    reason[words.str.lower().isin(MISSING).to_numpy()] = "time_missing"
    iso = words.str.match(ISO).to_numpy(bool)
    moments = pd.to_datetime(words[iso], utc=True, errors="coerce", format="ISO8601")
    times[iso] = _of_moments(moments)
    for form in (YEAR_FIRST, BASIC, LETTERS, LETTERS_FIRST, NUMBERED):
        rest = np.isnat(times) & ~iso
        if rest.any():
            times[rest] = _of_form(words[rest], form, order)
    doubtful = np.isnat(times) & _numbered(words).to_numpy(bool) & (order == "")
    reason[doubtful] = "time_ambiguous"
    reason[~np.isnat(times)] = ""
    return times, reason


def _of_form(words: pd.Series, form: str, order: str) -> NDArray[np.datetime64]:
    parts = words.str.extract(rf"^(?:{form})$", flags=re.IGNORECASE)
    if "one" in parts:
        same = parts["one"].astype(float) == parts["two"].astype(float)
        usable = same | (order != "")
        swap = ("two", "one") if order == MONTH_FIRST else ("one", "two")
        parts = parts.assign(d=parts[swap[0]].where(usable), m=parts[swap[1]].where(usable))
    month = parts["m"].str.lower()
    named = (
        month.str[:3].where(month.isin((*MONTHS, *FULL))).map({m: k + 1 for k, m in enumerate(MONTHS)})
    )
    number = {name: parts[name].astype(float).to_numpy(np.float64) for name in ("y", "d")}
    number["m"] = pd.to_numeric(month, errors="coerce").fillna(named).to_numpy(np.float64)
    clock = {
        name: parts[name].str.replace(",", ".").astype(float).fillna(0.0).to_numpy(np.float64)
        for name in "HMS"
        if name in parts
    }
    ahead = (
        parts["zone"]
        .map(_zone_seconds, na_action="ignore")
        .astype(float)
        .fillna(0.0)
        .to_numpy(np.float64)
    )
    return composed(number["y"], number["m"], number["d"], **clock) - ahead.astype("timedelta64[s]")


def _zone_seconds(zone: str) -> float:
    digits = zone.replace(":", "")
    if digits.upper() in ("Z", "UTC", "GMT"):
        return 0.0
    hours, minutes = int(digits[1:3]), int(digits[3:5] or 0)
    return (-1 if digits[0] == "-" else 1) * (3600.0 * hours + 60.0 * minutes)


def _of_parts(
    frame: pd.DataFrame, of: Mapping[str, str], source: Path, reasons: Reasons, comma: bool
) -> Times:
    """Times of columns year, month, day and perhaps hour, minute, second."""
    clock = {"hour": "H", "minute": "M", "second": "S"}
    read = {name: read_numbers(frame[of[name]], comma, source) for name in PARTS if name in of}
    part = {name: numbers.values for name, numbers in read.items()}
    if "hour" in of:
        require_hours(frame[of["hour"]], part["hour"], source)
    times = composed(
        part["year"], part["month"], part["day"],
        **{clock[name]: values for name, values in part.items() if name in clock},
    )  # fmt: skip
    unreadable = np.any([numbers.unreadable for numbers in read.values()], axis=0)
    missing = np.any([np.isnan(values) for values in part.values()], axis=0)
    reasons.mark(
        {"time_unreadable": unreadable, "time_missing": missing, "time_impossible": np.isnat(times)}
    )
    assumed: tuple[str, ...] = () if "hour" in of else ("dates without a time of day are 00:00 UTC",)
    return Times(times, assumed)
