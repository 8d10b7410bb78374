"""Quality flags of own tables in our five words; what no scheme lists is rejected, never good."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.cells import Cells
from deepda.observations.qualities import UNKNOWN, WHP_FLAGS, worst
from deepda.observations.vocabulary import FLAG_DIGITS, FLAG_WORDS, MISSING, bare

WHP_ENDING = "_flag_w"


def read_flags(
    frame: pd.DataFrame, columns: Sequence[str]
) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Quality by some columns of flags. Blank cells are of unknown quality, as unflagged values are.

    Returns:
        (row) the worst quality; where a flag is outside its scheme; where any is set.
    """
    read = [_one(frame[column], bare(column)[0].endswith(WHP_ENDING)) for column in columns]
    quality = worst(*(one[0] for one in read))
    outside, given = (np.logical_or.reduce([one[k] for one in read]) for k in (1, 2))
    return quality, outside, given


def _one(values: pd.Series, whp: bool) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]]:
    cells = Cells.of(values)
    words = [_word(text) for text in cells.texts]
    scheme = (WHP_FLAGS if whp else FLAG_DIGITS) | FLAG_WORDS
    quality = np.array([scheme.get(word, UNKNOWN) for word in words], np.int8)
    blank = np.array([word in MISSING and word not in FLAG_WORDS for word in words], bool)
    outside = np.array([word not in scheme for word in words], bool) & ~blank
    return cells.at(quality), cells.at(outside), cells.at(~blank)


def _word(text: str) -> str:
    """A flag as it is compared: 1, 1.0 and 01 are one flag, 1.5 is none."""
    return re.sub(r"^0*(\d+)(\.0*)?$", r"\1", text.lower())
