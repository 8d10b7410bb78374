"""Who is nearer to observations that nobody assimilated: scores at withheld rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.feedback.departures import BAND_NAMES, band_of
from deepda.feedback.window import WITHHELD, state_of
from deepda.observations.table import PLATFORMS
from deepda.quality.casts import platforms
from deepda.verification.guards import VerificationError

CANDIDATES = ("climatology", "oi", "background", "analysis")


def withheld_scores(table: pd.DataFrame, candidates: Sequence[str] = CANDIDATES) -> pd.DataFrame:
    """RMSE and bias of each candidate at withheld rows, over all, by depth band and by platform type.

    All candidates are judged at the same rows: those where each of them has a value. The error is
    candidate - observation and holds that of the observation, so that no candidate reaches zero; all
    carry the same one.

    Args:
        table: feedback with a column of degC for each candidate; rows that were not withheld, or were
            rejected, do not count.
        candidates: names of the columns.

    Returns:
        One row for each group and candidate: `grouping` ("all", "depth", "platform"), `name`,
        `candidate`, `count` (rows), `platforms` (how many: rows of one platform err alike), `bias`,
        `rmse` (K). Groups without a row are left out.

    Raises:
        VerificationError: columns are missing.
    """
    needed = ("temperature", "depth", "withheld", "reason", *candidates)
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise VerificationError(
            f"the table has no column {', '.join(missing)}, expected feedback with a column for each "
            "candidate; give them to deepda.feedback.feedback as `others`"
        )
    rows = table[state_of(table) == WITHHELD]
    observed = rows["temperature"].to_numpy(float)
    errors = rows[list(candidates)].to_numpy(float) - observed[:, None]
    there = np.isfinite(errors).all(axis=1)
    rows, errors = rows[there], errors[there]
    identity = pd.factorize(rows["platform_id"])[0] if "platform_id" in rows else np.zeros(len(rows))
    scores = [
        {"grouping": grouping, "name": name, "candidate": candidate, "count": int(chosen.sum()),
         "platforms": int(np.unique(identity[chosen]).size), "bias": float(error.mean()),
         "rmse": float(np.sqrt(np.mean(error**2)))}
        for grouping, name, chosen in _groups(rows)
        for candidate, error in zip(candidates, errors[chosen].T, strict=True)
    ]  # fmt: skip
    names = ["grouping", "name", "candidate", "count", "platforms", "bias", "rmse"]
    return pd.DataFrame(scores, columns=names)


def _groups(rows: pd.DataFrame) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Groups that hold a row: grouping, name and (row) membership."""
    band = band_of(rows["depth"].to_numpy(float))
    kind = platforms(rows)
    groups = [("all", "all", np.ones(len(rows), bool))]
    groups += [("depth", name, band == number) for number, name in enumerate(BAND_NAMES)]
    groups += [("platform", name, kind == name) for name in PLATFORMS]
    yield from (group for group in groups if group[2].any())
