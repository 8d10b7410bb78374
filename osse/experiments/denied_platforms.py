"""Which observations an experiment leaves out: kinds of platforms, by words that a person types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.base.text import nearest
from deepda.observations.table import PLATFORMS
from deepda.quality.casts import platforms
from deepda.quality.withholding import withheld

CONTROL = "control"  # nothing left out
GROUPS: Mapping[str, frozenset[str]] = {
    "ships": frozenset({"xbt", "ctd", "ship"}),
    "profiles": frozenset(PLATFORMS) - {"satellite"},
    "everything": frozenset(PLATFORMS),
}
HALF_ARGO = "half-argo"
WORDS = (*PLATFORMS, HALF_ARGO, *GROUPS)
DEFAULT = ("argo", HALF_ARGO, "mooring", "ships", "satellite", "profiles", "everything")


class DenialError(DeepDAError, ValueError):
    """Observations that cannot be left out."""


@dataclass(frozen=True)
class Denial:
    """Kinds of platforms that are left out, as words of WORDS; none of them is the control."""

    words: tuple[str, ...] = ()
    seed: int = 0

    @property
    def name(self) -> str:
        """As typed: words joined by +."""
        return "+".join(self.words) or CONTROL

    @property
    def title(self) -> str:
        """What it is, in words."""
        return f"without {self.name}" if self.words else "everything used"

    def keep(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        """(row) True where an observation is used."""
        kind, out = platforms(table), np.zeros(len(table), bool)
        for word in self.words:
            if word == HALF_ARGO:
                out |= (kind == "argo") & withheld(table, 0.5, seed=self.seed)
            else:
                out |= np.isin(kind, list(GROUPS.get(word, {word})))
        return ~out


def read_denials(text: str | None, seed: int) -> list[Denial]:
    """The experiments of `--without A,B+C`; without a text those of DEFAULT.

    Raises:
        DenialError: a word that names no platform.
    """
    parts = DEFAULT if text is None else [part.strip() for part in text.split(",")]
    denials = [Denial(tuple(word.strip() for word in part.split("+")), seed) for part in parts]
    for word in (word for denial in denials for word in denial.words):
        if word not in WORDS:
            near = nearest(word, WORDS)
            hint = f"did you mean {near}?" if near else "join several that go together with +"
            raise DenialError(f"--without {word!r} found, expected some of {', '.join(WORDS)}; {hint}")
    return list(dict.fromkeys(denials))


def possible(denials: Sequence[Denial], windows: Sequence[pd.DataFrame], typed: bool) -> list[Denial]:
    """Those that leave something out; the others are refused where they were typed, else dropped.

    Args:
        typed: somebody asked for them.

    Raises:
        DenialError: one that was typed leaves nothing out.
    """
    there = {name for table in windows for name in np.unique(platforms(table))}
    kept = [denial for denial in denials if not all(denial.keep(table).all() for table in windows)]
    missing = [denial.name for denial in denials if denial not in kept]
    if missing and typed:
        raise DenialError(
            f"--without {missing[0]} given, but this run has observations of {', '.join(sorted(there))} "
            "only; leave out some of these"
        )
    return kept
