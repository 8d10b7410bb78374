"""What stands in `scores.json`: against the truth, or against references and withheld observations."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import xarray as xr
from numpy.typing import NDArray

from deepda.base.text import METHOD_NAMES
from deepda.feedback import read_feedback, withheld_scores
from deepda.feedback.departures import departures
from deepda.verification import trend
from deepda.verification.bootstrap import gain_over_best
from deepda.verification.climate import FEWEST_YEARS
from reanalysis.record import ANALYSIS, TRUTH, ClimateSeries, Record, heat_depth
from reanalysis.references import NAMES, annual_trend, compare, compared_series
from reanalysis.restart import ReanalysisError

FIRST_FLOATS = 2000  # the first year with Argo floats
MANY_FLOATS = 2005  # from here on they are everywhere
ROW = ("time", "lat", "lon", "depth", "temperature")  # what makes a row the same one


def scores_against_truth(record: Record) -> dict[str, Any]:
    """Errors in K, trends per decade with their 95 % half width.

    The first year is spin-up from climatology and is left out of `all` and `by_depth`, if there is
    another one; `by_year` has it. `gain` is that over the best baseline, where one was cycled beside.
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

    truth, analysis = (record.series[name].nino34 for name in (TRUTH, ANALYSIS))
    windows = {name: square[spinup:] @ share for name, square in record.square_error.items()}
    own, baselines = windows[ANALYSIS], {n: w for n, w in windows.items() if n in METHOD_NAMES}
    return {
        "years": list(record.years),
        "depth_m": record.grid.depth.tolist(),
        "rmse": {name: errors(square) for name, square in record.square_error.items()},
        "rmse_unit": "K",
        **({"gain": gain_over_best(own, baselines, record.windows.per_year)} if baselines else {}),
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
        "heat_content_down_to_m": heat_depth(record.grid),
        "by_period": {
            name: _as_numbers(_both(record, np.isin(record.windows.year, list(years))))
            for name, years in periods_of(record.years).items()
        },
        "by_depth": {name: _slopes(record, part) for name, part in record.series.items()},
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
    return {
        name: {
            "sea_surface_K": trend(record.over_time(part.layer[:, 0])[chosen]).numbers(),
            "heat_content_ZJ": trend(record.heat(part)[chosen]).numbers(),
        }
        for name, part in record.series.items()
    }


def _as_numbers(found: dict[str, Any]) -> dict[str, Any]:
    truth, analysis = (found[name]["heat_content_ZJ"] for name in (TRUTH, ANALYSIS))
    half = analysis["half_width"]
    inside = None if half is None else abs(analysis["slope"] - truth["slope"]) <= half
    return found | {"truth_inside": inside}


def _slopes(record: Record, part: ClimateSeries) -> list[float]:
    """(depth) K per decade; without interval, so a line through two years is one too."""
    yearly = record.over_years(record.yearly(part.layer), "depth")
    if len(record.years) < FEWEST_YEARS:
        return []
    slopes: xr.DataArray = trend(yearly).slope
    return [float(value) for value in slopes.values]


def scores_against_references(
    record: Record, references: dict[str, xr.DataArray], folder: Path, baselines: Sequence[str]
) -> dict[str, Any]:
    """Each series beside its reference where there is one, errors at withheld rows, all rows by state.

    Args:
        baselines: names of those that were cycled beside, each in its folder.

    Raises:
        ReanalysisError: a baseline assimilated other observations.
    """
    scores: dict[str, Any] = {"years": list(record.years), "series": {}}
    for key, line in compared_series(record).items():
        found = compare(line, references[key]) if key in references else None
        compared = {k: v for k, v in (found or {}).items() if not isinstance(v, xr.DataArray)}
        own = {"reference": NAMES[key] if found else None, "trend": annual_trend(line)}
        scores["series"][key] = own | compared
    rows = {"rows": _rows(folder), "ingested_rows": _ingested_rows(folder)}
    return scores | {"withheld": _withheld(folder, baselines)} | rows


def _withheld(folder: Path, baselines: Sequence[str]) -> list[dict[Hashable, Any]]:
    """Scores at withheld rows; those of the baselines too, which were cycled in folders of their own."""
    names = ["climatology", *baselines, "background", "analysis"]
    columns = [*ROW, "platform_type", "platform_id", "withheld", "reason"]
    kept = [*columns, "climatology", "background", "analysis"]
    table = read_feedback(folder, kept, pc.field("withheld"))
    for name in baselines:
        other = read_feedback(folder / name, [*columns, "analysis"], pc.field("withheld"))
        if len(other) != len(table) or not other[[*ROW]].equals(table[[*ROW]]):
            raise ReanalysisError(
                f"{folder / name} holds feedback of other observations than {folder}, expected the "
                "same; remove that folder and give the same command again"
            )
        # Rows that a baseline itself rejected do not count for anybody.
        table[name] = other["analysis"].where(other["reason"].astype(str) == "")
    return withheld_scores(table, names).to_dict("records")


def _rows(folder: Path) -> dict[str, int]:
    found = departures(folder)
    reasons = sorted(found.rows.items(), key=lambda reason: -reason[1])
    return {**found.states, **{f"rejected: {name}": count for name, count in reasons if name}}


def _ingested_rows(folder: Path) -> dict[str, int]:
    """The same of the rows ingested: a value of a layer stands for all rows of its cast there."""
    table = read_feedback(folder, ["used", "withheld", "reason", "rows"])
    reason = table["reason"].astype(str)
    states = {
        "used": table["used"],
        "withheld": table["withheld"] & (reason == ""),
        "rejected": reason != "",
    }
    states |= {f"rejected: {name}": reason == name for name in sorted(set(reason) - {""})}
    return {name: int(table["rows"][chosen].sum()) for name, chosen in states.items()}
