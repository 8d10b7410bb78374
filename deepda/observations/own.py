"""A user's own observations: CSV, Parquet or a pandas table.

Columns are found by their names and units (`deepda.observations.vocabulary`); what a table does not say
is assumed as documented there, and said in the result. Times without zone are UTC.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from deepda.base.synthetic import COLUMN as SYNTHETIC
from deepda.observations.above_header import refuse_above, units_above
from deepda.observations.assumptions import errors_assumed, kind_assumed
from deepda.observations.casts_of_tables import cast_numbers, whole_casts
from deepda.observations.cells import Cells, TableRows
from deepda.observations.column_search import Columns, find_columns, units_line
from deepda.observations.delimited import read_text
from deepda.observations.faults import Reasons
from deepda.observations.marks import require_real
from deepda.observations.measured import Measured
from deepda.observations.numbers_of_tables import has_decimal_comma
from deepda.observations.platforms import PLATFORM_WORDS
from deepda.observations.reading import ObservationError, ReadOptions, ReadResult, finish, no_value
from deepda.observations.row_groups import read_row_groups
from deepda.observations.timestamps import PARTS, are_counted, read_times
from deepda.observations.vocabulary import MISSING, NUMBERS, bare

MOST_ROWS = 5_000_000  # of a table that is read whole: about 2 GB of memory
TEXT = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
CAST = ("platform_id", "station", "profile", "direction")  # columns that make a cast
ODV_STATION = {"cruise", "station", "type"}  # columns that each such spreadsheet begins with
ODV_PLACE = ("time", "lat", "lon", "platform_id", "station")
SHOWN = 8  # unused columns that are named


def read_own(path: Path, options: ReadOptions) -> ReadResult:
    """Read a file of a user's own: CSV or Parquet.

    Rows from `options.first_step` on, `options.most_values` of them in whole casts.

    Raises:
        ObservationError: unreadable, a column is missing or contradicts itself, rows of a simulated
            ocean, or more rows than fit in memory where the whole is asked for.
    """
    columns = list[Columns]()

    def choose(names: Sequence[str]) -> Sequence[str]:
        columns[:] = [find_columns(names, options.columns, path)]
        return columns[0].all

    part = options.first_step, options.most_values or MOST_ROWS
    if path.name.lower().endswith(TEXT):
        rows = read_text(path, choose, lambda cells: units_line(cells, columns[0]), *part)
    else:
        rows = read_row_groups(path, choose, *part)
    if rows.following is not None and options.most_values is None:
        raise ObservationError(
            f"{path} has over {MOST_ROWS:,} rows, expected at most so many at once; take it in with "
            "`deepda observations ingest`, which reads it in parts"
        )
    return _read(rows, columns[0], options, path)


def _read(rows: TableRows, columns: Columns, options: ReadOptions, source: Path) -> ReadResult:
    if rows.frame.empty:
        raise no_value(source, "own")
    refuse_above(rows.above, columns, source)
    frame, reasons = _filled_down(rows, columns), Reasons(len(rows.frame))
    if SYNTHETIC in columns.of:
        require_real(frame[columns.of[SYNTHETIC]], source)
    for row, why in rows.malformed.items():
        reasons.mark({why: np.arange(len(frame)) == row})
    units = _time_units(rows, columns, options)
    comma = _decimal_comma(rows, columns, units, source)
    times = read_times(
        frame, columns.of, units, source, reasons,
        whole=rows.first == 0 and rows.following is None, comma=comma,
    )  # fmt: skip
    beside = {**rows.units, **units_above(rows.above, columns, rows.units, options.units, source)}
    measured = Measured(frame, columns, beside, options, source, reasons, comma)
    kind, assumed = _kind(columns, options)
    names = _cast_names(frame, columns)
    cast = cast_numbers(
        [name.codes for name in names.values()], "profile" in names, times.values,
        measured.of["lat"], measured.of["lon"],
    )  # fmt: skip
    types, strange = _platform_types(frame, columns)
    table = _table(measured, len(frame)).assign(
        time=times.values,
        platform_type=types.categorical(),
        profile=(rows.first + cast).astype(np.int32),
        source_index=rows.first + np.arange(len(frame)),
    )
    table["reason"] = reasons.categorical()
    if "platform_id" in names:
        table["platform_id"] = names["platform_id"].categorical()
    end = len(frame) if rows.following is None else whole_casts(cast)
    notes = [*assumed, *times.assumed, *measured.assumed, *strange, *_taken(columns), *_unused(columns)]
    if "error" in columns.of:
        notes += errors_assumed(table["error"])
    result = finish(table.iloc[:end], source, "own", options, kind, tuple(dict.fromkeys(notes)))
    following = None if rows.following is None else rows.first + end
    return dataclasses.replace(result, next_step=following)


def _filled_down(rows: TableRows, columns: Columns) -> pd.DataFrame:
    """(row) cells; those of a spreadsheet of ODV that are blank in a row are of the row above.

    Below a line that is no row nothing is filled: the station may have begun with it.
    """
    frame = rows.frame.reset_index(drop=True)
    names = {bare(name)[0] for name in rows.names}
    if (
        not rows.delimiter
        or not names >= ODV_STATION
        or not any(n.startswith("yyyy_mm_dd") for n in names)
    ):
        return frame
    place = list(dict.fromkeys(columns.of[ours] for ours in ODV_PLACE if ours in columns.of))
    blank = np.logical_and.reduce([_missing(frame[column]) for column in place])
    blank[list(rows.malformed)] = False
    above = np.maximum.accumulate(np.where(blank, 0, np.arange(len(frame))))
    return frame.assign(**{column: frame[column].to_numpy()[above] for column in place})


def _missing(values: pd.Series) -> np.ndarray:
    cells = Cells.of(values)
    return cells.at(cells.texts.str.lower().isin(MISSING).to_numpy(bool))


def _time_units(rows: TableRows, columns: Columns, options: ReadOptions) -> list[str]:
    """All units that time and date have; what the user says of one stands for what the table says."""
    said = dict(options.units)
    if "time" not in columns.of and "date" not in said:
        said["date"] = said.get("time", "")
    units = list[str]()
    for ours in ("time", "date"):
        table = [columns.units.get(ours, ""), rows.units.get(columns.of.get(ours, ""), "")]
        units += [said[ours]] if said.get(ours, "").strip() else table
    return [unit for unit in units if unit.strip()]


def _decimal_comma(rows: TableRows, columns: Columns, time_units: Sequence[str], source: Path) -> bool:
    """Whether the numbers of the table, times that are numbers among them, have a decimal comma."""
    numbers = [*NUMBERS, "value", *PARTS, *(["time", "date"] if are_counted(time_units) else [])]
    used = (rows.frame[columns.of[ours]] for ours in numbers if ours in columns.of)
    return has_decimal_comma(used, rows.delimiter, source)


def _kind(columns: Columns, options: ReadOptions) -> tuple[str, list[str]]:
    """The kind of temperature, and what is assumed of it."""
    kind, column = columns.temperature, columns.of["value"]
    if not kind.plain or (columns.argo and bare(column)[0] == "temp"):
        return kind.kind, []
    if options.temperature is not None:
        return options.temperature, []
    return kind.kind, [kind_assumed(column, kind.kind)]


def _table(measured: Measured, size: int) -> pd.DataFrame:
    """Places, values and their qualities as `finish` takes them."""
    of = dict(measured.of)
    nothing = np.full(size, np.nan)
    if not {"depth", "pressure"} & of.keys():
        of["depth"] = np.zeros(size)  # the surface
    columns = {
        ours: of.get(ours, nothing) for ours in ("lat", "lon", "depth", "pressure", "salinity", "error")
    }
    qualities = {f"quality_{element}": quality for element, quality in measured.qualities.items()}
    return pd.DataFrame(columns | {"temperature": of["value"]} | qualities)


def _platform_types(frame: pd.DataFrame, columns: Columns) -> tuple[Cells, list[str]]:
    """(row) platform types, "other" of words that are none of ours; and what is said of these."""
    if "platform_type" not in columns.of:
        only = pd.Series(["argo" if columns.argo else "other"], dtype="str")
        return Cells(np.zeros(len(frame), np.int64), only), []
    column = columns.of["platform_type"]
    cells = Cells.of(frame[column])
    kind = cells.texts.str.lower().map({"": "other"} | PLATFORM_WORDS)
    strange = ", ".join(cells.texts[kind.isna()].head(SHOWN))
    said = [f"{column} {strange}: a platform of type other taken"] if strange else []
    return Cells(cells.codes, kind.fillna("other").astype("str")), said


def _cast_names(frame: pd.DataFrame, columns: Columns) -> dict[str, Cells]:
    """(row) names that make a cast. A column `id` that differs in each row names rows."""
    names = {ours: Cells.of(frame[columns.of[ours]]) for ours in CAST if ours in columns.of}
    ids = names.get("platform_id")
    if (
        ids is not None
        and bare(columns.of["platform_id"])[0] == "id"
        and len(ids.texts) == len(frame) > 1
    ):
        del names["platform_id"]
    return names


def _taken(columns: Columns) -> list[str]:
    """Columns whose names are far from what they were taken for."""
    words = {"value": "temperature"}
    taken = [
        f"{column} as {words.get(ours, ours)}"
        for ours, column in columns.of.items()
        if words.get(ours, ours)[:4] not in bare(column)[0] and not ours.endswith("_again")
    ]
    return [f"columns taken: {', '.join(taken)}"] if taken else []


def _unused(columns: Columns) -> list[str]:
    if not columns.unused:
        return []
    more = f" and {len(columns.unused) - SHOWN} more" if len(columns.unused) > SHOWN else ""
    return [f"columns not used: {', '.join(columns.unused[:SHOWN])}{more}"]
