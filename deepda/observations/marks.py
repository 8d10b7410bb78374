"""The column of a table that marks rows of a simulated ocean: any value but a clear no is a mark."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deepda.base.synthetic import COLUMN, refusal_of_rows
from deepda.observations.cells import Cells
from deepda.observations.reading import ObservationError
from deepda.observations.vocabulary import MISSING

NO = ("false", "no", "f", "n", *MISSING)
NOUGHT = re.compile(r"[+-]?0+(?:[.,]0*)?")


def marked(values: ArrayLike | pd.Series) -> NDArray[np.bool_]:
    """Which rows are marked.

    Args:
        values: (row) of the column `synthetic`: truth values, numbers or texts.

    Returns:
        (row) False where a value is missing, false, 0, no, f or n in any case, True elsewhere.
    """
    cells = Cells.of(pd.Series(values))
    words = cells.texts.str.lower()
    clear = words.isin(NO) | words.str.fullmatch(NOUGHT)
    return cells.at(~clear.to_numpy(bool))


def require_real(values: ArrayLike | pd.Series, source: Path) -> None:
    """Refuse a table with rows of a simulated ocean.

    Args:
        values: as of `marked`.

    Raises:
        ObservationError: there is such a row.
    """
    rows = marked(values)
    if rows.any():
        column = str(getattr(values, "name", None) or COLUMN)
        raise ObservationError(refusal_of_rows(int(rows.sum()), rows.size, source, column))
