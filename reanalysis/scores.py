"""What stands in `scores.json` of a reanalysis whose truth is known: errors, and trends by period."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.verification import trend
from reanalysis.climate import numbers
from reanalysis.judge import Record, Series

FIRST_FLOATS = 2000  # the first year with Argo floats
MANY_FLOATS = 2005  # from here on they are everywhere
FEWEST_YEARS = 5  # that a trend is worth anything over


def scores_of(record: Record) -> dict[str, Any]:
    """What stands in `scores.json`: errors in K, trends per decade with their 95 % half width.

    The first year is spin-up from climatology and is left out of `all` and `by_depth`, if there is
    another one; `by_year` has it.
    """
    spinup = record.windows.per_year if len(record.years) > 1 else 0
    volume = record.grid.volume.sum((1, 2))
    share = volume / volume.sum()

    def errors(square: NDArray[np.float64]) -> dict[str, Any]:
        kept, yearly = square[spinup:].mean(0), record.yearly(square)
        return {
            "all": float(np.sqrt(kept @ share)),
            "by_depth": np.sqrt(kept).tolist(),
            "by_year": np.sqrt(yearly @ share).tolist(),
            "by_year_and_depth": np.sqrt(yearly).tolist(),
        }

    truth, analysis = record.truth.nino34, record.analysis.nino34
    return {
        "years": list(record.years),
        "depth_m": record.grid.depth.tolist(),
        "rmse": {name: errors(square) for name, square in record.square_error.items()},
        "rmse_unit": "K",
        "spread": errors(record.variance),
        "spinup_windows": spinup,
        "nino34": {
            "correlation": float(np.corrcoef(truth, analysis)[0, 1]),
            "rmse_K": float(np.sqrt(np.mean((analysis - truth) ** 2))),
        },
        "trend_per_decade": trends_of(record),
    }


def trends_of(record: Record) -> dict[str, Any]:
    """Trends per decade with half their 95 % intervals.

    Returns:
        `truth` and `analysis` over all years: `sea_surface_K`, `heat_content_ZJ`. `by_period`: the same
        for each of `periods_of`, and for the heat content `truth_inside`, whether the truth's trend lies
        within the interval of the analysis, None where there is no interval. `by_depth`: K, slopes of
        annual means of each layer.
    """
    whole = _both(record, np.ones(len(record.windows), bool))
    return whole | {
        "heat_content_down_to_m": record.heat_depth,
        "by_period": {
            name: _as_numbers(_both(record, np.isin(record.windows.year, list(years))))
            for name, years in periods_of(record.years).items()
        },
        "by_depth": {
            name: _slopes(record, part)
            for name, part in (("truth", record.truth), ("analysis", record.analysis))
        },
    }


def periods_of(years: range) -> dict[str, range]:
    """Years before floats, without the first one (spin-up), and years with many, if there are enough."""
    periods = {
        "before floats": range(years[0] + 1, min(years[-1] + 1, FIRST_FLOATS)),
        "with many floats": range(max(years[0] + 1, MANY_FLOATS), years[-1] + 1),
    }
    return {
        f"{part[0]}-{part[-1]}, {name}": part
        for name, part in periods.items()
        if len(part) >= FEWEST_YEARS
    }


def _both(record: Record, chosen: NDArray[np.bool_]) -> dict[str, dict[str, dict[str, float | None]]]:
    def of(part: Series) -> dict[str, dict[str, float | None]]:
        return {
            "sea_surface_K": numbers(trend(record.over_time(part.layer[:, 0])[chosen])),
            "heat_content_ZJ": numbers(trend(record.heat(part)[chosen])),
        }

    return {"truth": of(record.truth), "analysis": of(record.analysis)}


def _as_numbers(found: dict[str, Any]) -> dict[str, Any]:
    truth, analysis = (found[name]["heat_content_ZJ"] for name in ("truth", "analysis"))
    half = analysis["half_width"]
    inside = None if half is None else abs(analysis["slope"] - truth["slope"]) <= half
    return found | {"truth_inside": inside}


def _slopes(record: Record, part: Series) -> list[float]:
    """(depth) K per decade; without interval, so a line through two years is one too."""
    yearly = record.over_years(record.yearly(part.layer), "depth")
    if len(record.years) < FEWEST_YEARS:
        return []
    slopes: xr.DataArray = trend(yearly).slope
    return [float(value) for value in slopes.values]
