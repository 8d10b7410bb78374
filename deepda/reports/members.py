"""The part of a report that shows members: maps side by side, intervals of means, how right they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from deepda.figures import Panel, index_series, map_panels, profile_curves, rank_bars
from deepda.figures.time_axis import monthly_means
from deepda.reports.report import Picture, Section
from deepda.reports.table import Table
from deepda.verification.members import MemberStatistics
from deepda.verification.thermocline import levels_shown

SHOWN = 8  # members side by side
SERIES = ("Niño 3.4", "global, surface")  # beside the global means over depth
LONG = 365  # windows: longer series are shown by months


def members_section(found: MemberStatistics, scores: dict[str, Any] | None, per_year: int) -> Section:
    """Postage stamps, index series with their intervals and, where the truth is known, the verification.

    Args:
        scores: of `found.scores()`; None where the truth is not known.
    """
    names = [str(name) for name in found.weights["series"].values]
    shown = [name for name in names if name in SERIES or name.startswith("global, 0-")]
    blocks: list[Picture | Table] = [
        *_stamps(found),
        *(_interval(found, names.index(name), name, per_year) for name in shown),
    ]
    text = (
        "Each member is the analysis and a draw of its error: that of a shadow twin, a stretch of the "
        "control simulation observed and analysed as the ocean was. The error of a mean over cells or "
        "windows is the spread of that mean among the members."
    )
    return Section("Members", blocks if scores is None else [*blocks, *_verified(found, scores)], text)


def _stamps(found: MemberStatistics) -> list[Picture]:
    grid, (truth, analysis, members) = found.grid, found.last
    levels = levels_shown(grid)
    maps = {"analysis": analysis} | ({} if truth is None else {"truth": truth})
    maps |= {f"member {number}": field for number, field in enumerate(members[:SHOWN], start=1)}
    day = str(found.times[-1].astype("datetime64[D]"))
    pictures = []
    for level in levels:
        here = {name: np.where(grid.ocean[level], field[level], np.nan) for name, field in maps.items()}
        most = float(np.nanpercentile(np.abs(np.stack(list(here.values()))), 99))
        panels = [Panel(field, "anomaly", name, (-most, most)) for name, field in here.items()]
        pictures.append(
            Picture(
                f"members_level_{level + 1}",
                map_panels(panels, grid, level=level),
                f"Anomaly at {grid.depth[level]:.0f} m, window of {day}. Where the members differ the "
                "analysis is uncertain.",
                wide=True,
            )
        )
    return pictures


def _interval(found: MemberStatistics, place: int, name: str, per_year: int) -> Picture:
    means = found.means
    analysis = _over_time(found, means.analysis[:, place], per_year)
    departure = (means.members - means.analysis[:, None])[:, :, place]
    months = np.stack([_over_time(found, line, per_year).values for line in departure.T])
    stddev = analysis.copy(data=np.sqrt(np.square(months).mean(0)))
    truth = _over_time(found, means.truth[:, place], per_year) if means.truth.size else None
    return Picture(
        f"members_series_{place + 1}",
        index_series(truth, analysis, stddev, label=f"{name} (K)"),
        f"{name[0].upper()}{name[1:]}: anomaly, with the interval of the members round the analysis.",
        wide=True,
    )


def _over_time(found: MemberStatistics, values: NDArray[np.float64], per_year: int) -> xr.DataArray:
    """(time) of a series; means of about a month where it is long."""
    times = np.array(found.times).astype("datetime64[ns]")
    line = xr.DataArray(values, {"time": times}, ("time",))
    return monthly_means(line, per_year) if values.size > LONG else line


def _verified(found: MemberStatistics, scores: dict[str, Any]) -> list[Picture | Table]:
    ranks = np.sum(scores["ranks_by_depth"], axis=0)
    profiles = {"spread": scores["spread_over_error"]["by_depth"]}
    power = scores.get("spectral_ratio", {})
    profiles |= {f"power, {name}": line for name, line in power.items()}
    rows = {
        name: {"spread (K)": one["spread_K"], "error (K)": one["error_K"], "ratio": one["ratio"]}
        for name, one in scores["spread_over_error"]["of_means"].items()
    }
    return [
        Picture(
            "members_by_depth",
            profile_curves(profiles, found.grid.depth, "ratio, 1 is right"),
            "Spread: root mean square departure of the members over the error of the analysis. Power: "
            "at the shortest third of the zonal wavelengths over that of the truth; the analysis is too "
            "smooth there, members should not be.",
        ),
        Table(
            "members_means",
            rows,
            "Means: root mean square departure of the members, and error of the analysis, over the "
            "scored windows. With one truth of a few years the ratio of a mean is uncertain.",
            corner="mean",
        ),
        Picture(
            "members_ranks",
            rank_bars(ranks),
            "Rank of the truth among the members, all levels: flat is right.",
        ),
    ]
