"""From `--start 2021-01 --end 2021-03` to settings, and how a reanalysis is continued.

Files hold years. The first year is whole; the last one may end with any month.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from deepda.base.errors import UsageError
from deepda.geometry.windows import MONTHS
from deepda.settings.compose import quoted, saved_config
from deepda.settings.schema import Config

DATE = re.compile(r"(\d{1,4})(?:-(\d{1,2}))?")


def period_settings(start: str | None, end: str | None) -> list[str]:
    """Overrides of the settings `reanalysis.start`, `.end` and `.months`.

    Raises:
        UsageError: no year or month, or a start within a year.
    """
    settings = []
    if start is not None:
        year, month = _date("--start", start)
        if month not in (None, 1):
            raise UsageError(
                f"--start is {start}, expected a year or its first month: a file holds a year from its "
                f"beginning; write --start {year}"
            )
        settings.append(f"reanalysis.start={year}")
    if end is not None:
        year, month = _date("--end", end)
        settings += [f"reanalysis.end={year}", f"reanalysis.months={month or MONTHS}"]
    return settings


def continued(product: Path, overrides: Sequence[str]) -> Config:
    """The settings of a reanalysis that shall reach further than before.

    Args:
        overrides: with the new end; a start must be that of the year in which the product goes on.

    Raises:
        UsageError: no end, one before what is there, or a start that leaves a gap or begins again.
        ConfigError: no settings there, or settings that it does not have.
    """
    year, month = _last_month(product)
    given = dict(text.split("=", 1) for text in overrides if text.startswith("reanalysis."))
    if "reanalysis.end" not in given:
        raise UsageError(
            "--continue given without --end, expected the month to go on to; add --end YYYY-MM"
        )
    following = year + (month == MONTHS)
    start = int(given.get("reanalysis.start", following))
    if start != following:
        raise UsageError(
            f"--start is {start}, but {product} ends with {year}-{month:02d}; write --start "
            f"{following}, or leave it out"
        )
    kept = [text for text in overrides if not text.startswith(("reanalysis.start=", "output="))]
    config = saved_config(product, [*kept, f"output={quoted(product)}"])
    ends = config.reanalysis.end, config.reanalysis.months
    if ends < (year, month):
        raise UsageError(
            f"--end is {ends[0]}-{ends[1]:02d}, but {product} already goes on to {year}-{month:02d}; "
            "choose a later end"
        )
    return config


def _last_month(product: Path) -> tuple[int, int]:
    """Year and month (1..12) that the files of a reanalysis reach to."""
    import xarray as xr

    files = sorted(product.glob("*thetao_????.nc"))
    if not files:
        raise UsageError(
            f"{product} holds no thetao_YYYY.nc, expected a reanalysis; begin one without --continue"
        )
    with xr.open_dataset(files[-1]) as dataset:
        last = dataset["time"].to_numpy()[-1].astype("datetime64[M]").astype(int)
    return 1970 + int(last) // MONTHS, int(last) % MONTHS + 1


def _date(flag: str, text: str) -> tuple[int, int | None]:
    found = DATE.fullmatch(text)
    month = None if found is None or found[2] is None else int(found[2])
    if found is None or (month is not None and not 1 <= month <= MONTHS):
        raise UsageError(f"{flag} is {text}, expected a year or a month; write {flag} 2021 or 2021-03")
    return int(found[1]), month
