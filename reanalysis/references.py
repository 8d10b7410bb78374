"""Series of the observed climate that others made: a reanalysis is compared with them, never fed.

    nino34.long.data                  Niño 3.4 from HadISST, monthly degC (NOAA PSL; Rayner et al. 2003,
                                      doi 10.1029/2002JD002670)
    HadSST.4.*_monthly_GLOBE.csv      global mean sea surface temperature anomaly, monthly K (Kennedy et
                                      al. 2019, doi 10.1029/2018JD029867)
    T-dC-w0-100m.dat.txt, ...-700m    global mean temperature anomaly above a depth, yearly K (NCEI;
                                      Levitus et al. 2012, doi 10.1029/2012GL051106)

A series that is not in the folder is left out of the report, which says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from deepda.base.errors import DeepDAError
from deepda.geometry.windows import MONTHS
from deepda.verification import trend
from reanalysis.record import ANALYSIS, Record, middle_of_years

MISSING = -90.0  # values below are fillers (-99.99)
FEWEST_YEARS_SHARED = 3
NINO34, SURFACE, UPPER, DEEP = "nino34", "surface", "upper_100m", "upper_700m"
BOTTOMS = {UPPER: 100.0, DEEP: 700.0}  # m, down to which the means go
NAMES = {NINO34: "HadISST", SURFACE: "HadSST4", UPPER: "NCEI", DEEP: "NCEI"}


class SeriesError(DeepDAError, ValueError):
    """A series that cannot be read."""


def read_references(folder: Path) -> dict[str, xr.DataArray]:
    """The series of a folder by key: (time) K or degC, stamps in the middle of month or year.

    Raises:
        SeriesError: no such folder, or a file that is not what its name says.
    """
    if not folder.is_dir():
        raise SeriesError(
            f"{folder} is no folder, expected one with series to compare with; write "
            "reanalysis.references=DIR, or leave it out"
        )
    found = {}
    for key, (pattern, read) in FILES.items():
        for path in sorted(folder.glob(pattern))[-1:]:
            try:
                found[key] = read(path)
            except (OSError, ValueError, KeyError) as error:
                raise SeriesError(f"{path} cannot be read ({error}); fetch it again") from error
    return found


def read_psl(path: Path) -> xr.DataArray:
    """(time) of NOAA PSL's tables: a row a year of twelve months, other lines above and below."""
    rows = [line.split() for line in path.read_text().splitlines()]
    rows = [row for row in rows if len(row) == MONTHS + 1 and row[0].isdigit()]
    if not rows:
        raise ValueError("no row of a year and twelve months")
    value = np.array([row[1:] for row in rows], float).ravel()
    months = (np.array([int(row[0]) for row in rows])[:, None] - 1970) * MONTHS + np.arange(MONTHS)
    return _monthly(months.ravel(), np.where(value < MISSING, np.nan, value))


def read_hadsst(path: Path) -> xr.DataArray:
    """(time) of the column `anomaly` of HadSST4's tables."""
    table = pd.read_csv(path)
    months = (table["year"].to_numpy() - 1970) * MONTHS + table["month"].to_numpy() - 1
    return _monthly(months, table["anomaly"].to_numpy(float))


def read_ncei(path: Path) -> xr.DataArray:
    """(time) of the world ocean (WO) of NCEI's tables."""
    table = pd.read_csv(path, sep=r"\s+")
    years = np.floor(table["YEAR"].to_numpy(float)).astype(int)
    return xr.DataArray(table["WO"].to_numpy(float), {"time": middle_of_years(years)}, ("time",))


Reader = Callable[[Path], xr.DataArray]
FILES: dict[str, tuple[str, Reader]] = {
    NINO34: ("nino34.long.data", read_psl),
    SURFACE: ("HadSST.4*_monthly_GLOBE.csv", read_hadsst),
    UPPER: ("T-dC-w0-100m.dat.txt", read_ncei),
    DEEP: ("T-dC-w0-700m.dat.txt", read_ncei),
}


def _monthly(months: np.ndarray, value: np.ndarray) -> xr.DataArray:
    """(time) by months since January 1970; missing values are left out."""
    kept = np.isfinite(value)
    middle = months[kept].astype("datetime64[M]").astype("datetime64[ns]") + np.timedelta64(15, "D")
    return xr.DataArray(value[kept], {"time": middle}, ("time",))


def compared_series(record: Record) -> dict[str, xr.DataArray]:
    """(time) K of the analysis by the key of its reference, as deep as the grid reaches."""
    series = record.series[ANALYSIS]
    surface = {NINO34: series.nino34, SURFACE: series.layer[:, 0]}
    means = {
        key: record.mean_above(series, depth)
        for key, depth in BOTTOMS.items()
        if depth <= record.grid.depth_edges[-1]
    }
    return {key: record.over_time(values) for key, values in surface.items()} | means


def compare(series: xr.DataArray, reference: xr.DataArray) -> dict[str, Any] | None:
    """A series of windows beside a reference of months or years, in the years that both have.

    Returns:
        Both as anomalies from their own mean season (`analysis`, `reference`: (time) of the reference),
        `correlation`, `rmse_K` and both trends; None where they share fewer than three years.
    """
    yearly = reference["time"].dt.year.to_index().is_unique
    mean = series.resample(time="YS" if yearly else "MS").mean()
    # At the first of their month or year, so that stamps of two origins meet.
    kind = "datetime64[Y]" if yearly else "datetime64[M]"
    mean, wanted = (
        field.assign_coords(time=field["time"].values.astype(kind).astype("datetime64[ns]"))
        for field in (mean, reference)
    )
    mean, wanted = xr.align(mean, wanted, join="inner")
    if mean.size < FEWEST_YEARS_SHARED * (1 if yearly else MONTHS):
        return None
    if not yearly:
        months = (field.groupby("time.month") for field in (mean, wanted))
        mean, wanted = ((of - of.mean()).drop_vars("month") for of in months)
    mean, wanted = mean - mean.mean(), wanted - wanted.mean()
    return {
        "analysis": mean,
        "reference": wanted,
        "correlation": float(np.corrcoef(mean, wanted)[0, 1]),
        "rmse_K": float(np.sqrt(((mean - wanted) ** 2).mean())),
        "trend_analysis": annual_trend(mean),
        "trend_reference": annual_trend(wanted),
    }


def annual_trend(series: xr.DataArray) -> dict[str, float | None]:
    """Trend a decade of the means of whole years, with half its 95 % interval.

    Months of an oscillation are so alike that few of them count as independent: by a process that
    oscillates in four years, the interval of 480 months is four times as wide as that of 40 years.

    Args:
        series: (time) K, the same number of values in each whole year.

    Returns:
        `slope` (K a decade) and `half_width`; nothing where fewer than three years are whole.
    """
    values = series.groupby("time.year")
    number = values.count()
    means = values.mean()[(number == number.max()).values]
    if means.size < FEWEST_YEARS_SHARED:
        return {}
    means = means.rename(year="time").assign_coords(time=middle_of_years(means["year"].values))
    return trend(means).numbers()
