"""Columns of flags in own tables: of which quantity they are, and by which scheme its makers set them.

Flags of a known scheme are rewritten as words, which all tables of flags share; the others are read as
Argo's. A flag of the temperature whose name says neither is refused, not left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from deepda.observations.cells import Cells
from deepda.observations.flags import BLANK, SEADATANET
from deepda.observations.qualities import BAD, GOOD, QUALITIES, SUSPECT, UNKNOWN
from deepda.observations.vocabulary import FLAG_ENDINGS, FLAG_STARTS, bare

QARTOD = {1: GOOD, 2: UNKNOWN, 3: SUSPECT, 4: BAD, 9: BAD}  # U.S. IOOS: 2 not evaluated
ODV = {0: GOOD, 1: UNKNOWN, 4: SUSPECT, 8: BAD}  # Ocean Data View: its own flags
WOD = {0: GOOD} | dict.fromkeys(range(1, 10), BAD)  # World Ocean Database: the test that failed
FORMS: Mapping[str, Mapping[int, int]] = {  # how names of flags are made of that of a quantity
    "{}_qc_agg": QARTOD,
    "qartod_{}_primary_flag": QARTOD,
    "{}_wodflag": WOD,
    "qv_odv_{}": ODV,
    "qv_wod_{}": WOD,
    "qv_seadatanet_{}": SEADATANET,
}
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


def in_words(frame: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """The rows of a table with the flags of known schemes as words; others are left as they are."""
    schemes = {column: scheme for column in columns if (scheme := _scheme(column)) is not None}
    return frame.assign(**{column: _words(frame[column], scheme) for column, scheme in schemes.items()})


def has_scheme(column: str) -> bool:
    """Whether the name of a column of flags says by which scheme they are set."""
    return _scheme(column) is not None


def _scheme(column: str) -> Mapping[int, int] | None:
    name = bare(column)[0]
    return next((FORMS[form] for form in FORMS if re.fullmatch(form.format(r"\w+"), name)), None)


def _words(values: pd.Series, scheme: Mapping[int, int]) -> pd.Series:
    """(row) flags in words; a number that the scheme does not list is none of any."""
    words = {str(code): QUALITIES[quality] for code, quality in scheme.items() if code != BLANK}
    cells = Cells.of(values)
    numbers = cells.texts.str.lower().str.replace(r"^0*(\d+)(\.0*)?$", r"\1", regex=True)
    unlisted = numbers.where(~numbers.str.fullmatch(r"\d+"), "unlisted " + numbers)
    known = numbers.map(words).fillna(unlisted)
    return pd.Series(cells.at(known.to_numpy()), index=values.index, dtype="str")
