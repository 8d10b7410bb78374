"""What is said, in the manifest and the log, of what a file does not say and was taken for granted."""

from __future__ import annotations

import pandas as pd

from deepda.observations.seawater import STANDARD


def kind_assumed(column: str, kind: str) -> str:
    """What is said of a temperature whose column does not name its kind."""
    return (
        f"{column} does not say its kind: {kind.replace('_', ' ')} temperature taken "
        "(--temperature says another)"
    )


def salinity_assumed(salinity: pd.Series) -> tuple[str, ...]:
    """What is said of rows without salinity (PSS-78) whose temperature is converted to potential."""
    if not salinity.isna().any():
        return ()
    where = "no" if salinity.isna().all() else "some rows without"
    return (f"{where} salinity: {STANDARD:g} taken for the potential temperature",)


def errors_assumed(errors: pd.Series) -> tuple[str, ...]:
    """What is said of rows whose error (K) is blank in a file that has errors."""
    blank = errors.isna().any()
    return ("rows without an error: that of the platform type taken",) if blank else ()
