"""Errors at observations that were not assimilated: scores at withheld rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from deepda.feedback.departures import BAND_NAMES, band_of
from deepda.feedback.window import WITHHELD, state_of
from deepda.observations.table import PLATFORMS
from deepda.quality.casts import platforms
from deepda.verification import VerificationError, bias_of, errors, rmse_of, weighted_sums


def withheld_scores(table: pd.DataFrame, candidates: Sequence[str]) -> pd.DataFrame:
    """RMSE and bias of each candidate at withheld rows, over all, by depth band and by platform type.

    All candidates are scored at the same rows: those where each of them has a value. The error is
    candidate - observation and holds that of the observation, so that no candidate reaches zero; all
    carry the same one.

    Args:
        table: feedback with a column of degC for each candidate; rows that were not withheld, or were
            rejected, do not count.

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
    estimates = rows[list(candidates)].to_numpy(float)
    there = np.isfinite(estimates).all(axis=1) & np.isfinite(observed)
    rows, observed, estimates = rows[there], observed[there], estimates[there]
    identity = pd.factorize(rows["platform_id"])[0] if "platform_id" in rows else np.zeros(len(rows))
    groups = list(_groups(rows))
    members = np.array([chosen for _, _, chosen in groups], float).reshape(len(groups), len(rows))
    weights = xr.DataArray(members, {"region": np.arange(len(groups))}, ("region", "row"))
    sums = [weighted_sums(weights, errors(estimate, observed)) for estimate in estimates.T]
    scores = [
        {"grouping": grouping, "name": name, "candidate": candidate, "count": int(chosen.sum()),
         "platforms": int(np.unique(identity[chosen]).size), "bias": float(bias_of(one)[group]),
         "rmse": float(rmse_of(one)[group])}
        for group, (grouping, name, chosen) in enumerate(groups)
        for candidate, one in zip(candidates, sums, strict=True)
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
