"""Spreadsheets of Ocean Data View: the first row alone of each station says where and when it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepda.observations.cells import Cells
from deepda.observations.column_search import Columns
from deepda.observations.rows_of_tables import TableRows
from deepda.observations.vocabulary import MISSING, bare

STATION = {"cruise", "station", "type"}  # columns that each such spreadsheet begins with
PLACE = ("time", "lat", "lon", "platform_id", "station")


def filled_down(rows: TableRows, columns: Columns) -> pd.DataFrame:
    """(row) cells; those of a spreadsheet of ODV that are blank in a row are of the row above.

    Below a line that is no row nothing is filled: the station may have begun with it.
    """
    frame = rows.frame.reset_index(drop=True)
    names = {bare(name)[0] for name in rows.names}
    if not rows.delimiter or not names >= STATION or not any(n.startswith("yyyy_mm_dd") for n in names):
        return frame
    place = list(dict.fromkeys(columns.of[ours] for ours in PLACE if ours in columns.of))
    blank = np.logical_and.reduce([_missing(frame[column]) for column in place])
    blank[list(rows.malformed)] = False
    above = np.maximum.accumulate(np.where(blank, 0, np.arange(len(frame))))
    return frame.assign(**{column: frame[column].to_numpy()[above] for column in place})


def _missing(values: pd.Series) -> np.ndarray:
    cells = Cells.of(values)
    return cells.at(cells.texts.str.lower().isin(MISSING).to_numpy(bool))
