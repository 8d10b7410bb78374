"""Columns of flags in own tables: of which quantity they are, and what they say in our five words.

Flags are read by the scheme that the name of their column says, others by Argo's digits, and all as
words; what its scheme does not list is rejected, never good. A flag of the temperature whose name says
neither scheme nor quantity is refused, not left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.observations.cells import Cells
from deepda.observations.flags import ARGO, BLANK, SEADATANET, quality_of
from deepda.observations.qualities import BAD, GOOD, SUSPECT, UNKNOWN, WHP_FLAGS, worst
from deepda.observations.vocabulary import FLAG_ENDINGS, FLAG_STARTS, MISSING, bare

Scheme = Mapping[str, int]  # flag as text -> quality


def _digits(scheme: Mapping[int, int]) -> Scheme:
    return {str(code): quality for code, quality in scheme.items() if code != BLANK}


FLAG_DIGITS = _digits(ARGO)
FLAG_WORDS = {
    word: quality_of(word.replace(" ", "_"))
    for word in (
        "good", "pass", "passed", "ok", "probably_good", "probably good", "unknown", "not evaluated",
        "no qc", "suspect", "questionable", "doubtful", "probably_bad", "probably bad", "bad", "fail",
        "failed", "missing",
    )
}  # fmt: skip
QARTOD = _digits({1: GOOD, 2: UNKNOWN, 3: SUSPECT, 4: BAD, 9: BAD})  # U.S. IOOS: 2 not evaluated
ODV = _digits({0: GOOD, 1: UNKNOWN, 4: SUSPECT, 8: BAD})  # Ocean Data View: its own flags
WOD = _digits({0: GOOD} | dict.fromkeys(range(1, 10), BAD))  # World Ocean Database: test that failed
FORMS: Mapping[str, Scheme] = {  # how names of flags are made of that of a quantity
    "{}_qc_agg": QARTOD,
    "qartod_{}_primary_flag": QARTOD,
    "{}_wodflag": WOD,
    "qv_odv_{}": ODV,
    "qv_wod_{}": WOD,
    "qv_seadatanet_{}": _digits(SEADATANET),
}
WHP_ENDING = "_flag_w"
OF_THE_COLUMN_BEFORE = re.compile(r"QV(:\w+)?|QF|QC|flag", re.IGNORECASE)
FLAGS = {"qc", "flag", "flags", "quality", "qv", "qf", "qartod", "wodflag"}
OF_TEMPERATURE = {"temp", "temperature", "sst"}
MORE = {"sea", "water", "surface", "potential", "conservative", "in", "situ", "insitu", "primary", "agg",
        "code", "codes", "level", "value", "summary", "test", "tests", "odv", "bodc", "sdn", "argo",
        "gtspp", "woce", "wod"}  # fmt: skip


def with_their_quantities(names: Sequence[str]) -> tuple[str, ...]:
    """Names of a header; those of flags that stand behind each quantity name it: "QF:Temp [C]"."""
    out, before = list[str](), ""
    for name in names:
        found = OF_THE_COLUMN_BEFORE.fullmatch(name)
        if found and before and (name[:2].lower() == "qv" or names.count(name) > 1):
            out.append(f"{name}:{before}")
        else:
            out.append(name)
            before = name
    return tuple(out)


def flag_names(quantity: str) -> list[str]:
    """All names that flags of a quantity may have."""
    ends = [f"{quantity}{ending}" for ending in FLAG_ENDINGS]
    starts = [f"{start}{quantity}" for start in FLAG_STARTS]
    return [*ends, *starts, *(form.format(quantity) for form in FORMS)]


def is_flag_of_temperature(column: str) -> bool:
    """Whether a name has words of flags and of the temperature, and none of anything else."""
    words = set(bare(column)[0].split("_"))
    return bool(words & FLAGS and words & OF_TEMPERATURE) and words <= FLAGS | OF_TEMPERATURE | MORE


def scheme_of(column: str) -> Scheme:
    """The scheme that the name of a column of flags says, FLAG_DIGITS where it says none."""
    name = bare(column)[0]
    said = (FORMS[form] for form in FORMS if re.fullmatch(form.format(r"\w+"), name))
    return next(said, WHP_FLAGS if name.endswith(WHP_ENDING) else FLAG_DIGITS)


def read_flags(
    frame: pd.DataFrame, columns: Sequence[str]
) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Quality by some columns of flags. Blank cells are of unknown quality, as unflagged values are.

    Returns:
        (row) the worst quality; where a flag is outside its scheme; where any is set.
    """
    read = [_one(frame[column], {**scheme_of(column), **FLAG_WORDS}) for column in columns]
    quality = worst(*(one[0] for one in read))
    outside, given = (np.logical_or.reduce([one[k] for one in read]) for k in (1, 2))
    return quality, outside, given


def _one(
    values: pd.Series, scheme: Scheme
) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]]:
    cells = Cells.of(values)
    # 1, 1.0 and 01 are one flag, 1.5 is none
    words = cells.texts.str.lower().str.replace(r"^0*(\d+)(\.0*)?$", r"\1", regex=True)
    quality = words.map(scheme)
    blank = words.isin(MISSING) & ~words.isin(FLAG_WORDS)
    outside = (quality.isna() & ~blank).to_numpy(bool)
    return (
        cells.at(quality.fillna(UNKNOWN).to_numpy(np.int8)),
        cells.at(outside),
        cells.at(~blank.to_numpy(bool)),
    )
