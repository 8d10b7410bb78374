"""Positions without a sign beside a column of their hemisphere: 33.5 and S is -33.5."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.cells import Cells
from deepda.observations.reasons import Reasons

SIGNS = {"lat": {"n": 1.0, "s": -1.0}, "lon": {"e": 1.0, "w": -1.0}}
WORDS = {"n": "north", "s": "south", "e": "east", "w": "west"}
HALF_TURN = 180.0


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
