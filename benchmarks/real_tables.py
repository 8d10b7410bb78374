"""The tables of docs/real-reanalysis.md, from a reanalysis of real observations with withheld platforms.

    python benchmarks/real_tables.py runs/real --sst ersst.nc > tables.md

Intervals hold 95 % of 1,000 draws of platforms with replacement (seed 0): values of one platform err
alike. Where baselines were cycled beside, all methods are compared at the rows that they used, and the
gain over the best baseline is that over the one of least error in the line. `--sst` is a product of sea
surface temperature in months; without it there are no tables of seasons and trends at the surface.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import real_seasons
import xarray as xr
from numpy.typing import NDArray
from real_surface import read_surface
from real_trends import print_trends
from table_text import BUT_FIRST, as_table

from deepda.base.text import METHOD_NAMES
from deepda.climatology.common_period import NAME as CORRECTION
from deepda.climatology.common_period import in_season
from deepda.feedback import read_feedback
from deepda.feedback.departures import in_box
from deepda.geometry.grid import OUTSIDE, Grid
from deepda.geometry.windows import season_of
from deepda.observations.table import cells
from deepda.output.cf import WINDOW_OF_YEAR
from deepda.output.climatology import CLIMATOLOGY
from deepda.verification.climate import FEWEST_YEARS
from deepda.verification.scores import REGIONS
from deepda.verification.thermocline import ISOTHERM

DRAWS = 1000
GIVEN = "given"  # the climatology before observations moved it to a common period
METHODS = {GIVEN: "climatology as given", "climatology": "climatology", **METHOD_NAMES}
METHODS |= {"analysis": "analysis"}
KEYS = ["time", "lat", "lon", "depth", "temperature"]
COLUMNS = [*KEYS, "error", "background", "analysis", "spread", "climatology", "platform_type",
           "platform_id", "reason"]  # fmt: skip
DEPTHS = {
    "0-100 m": (0, 100),
    "100-300 m": (100, 300),
    "300-700 m": (300, 700),
    "below 700 m": (700, 10_000),
}
DECADES = {f"{first}-{first + 9}": (first, first + 9) for first in (1981, 1991, 2001, 2011)}
FEWEST = 50  # values that a line of a table stands for


def baselines_of(folder: Path) -> list[str]:
    """Names of the baselines that were cycled beside and scored."""
    scores = json.loads((folder / "scores.json").read_text())
    scored = {row["candidate"] for row in scores["withheld"]}
    return [name for name in METHOD_NAMES if name in scored]


def withheld(folder: Path) -> pd.DataFrame:
    """Accepted withheld rows with a column for each method."""
    chosen = pc.field("withheld")
    table = read_feedback(folder, COLUMNS, chosen)
    kept = table["reason"].astype(str) == ""
    for name in baselines_of(folder):
        other = read_feedback(folder / name, [*KEYS, "analysis", "reason"], chosen)
        if not other[KEYS].equals(table[KEYS]):
            raise SystemExit(f"{folder / name} holds other rows than {folder}; make both anew")
        table[name] = other["analysis"]
        kept &= other["reason"].astype(str) == ""
    if (folder / CORRECTION).exists():
        table[GIVEN] = table["climatology"] - correction(folder, table)
    return table[kept & np.isfinite(table["analysis"])].reset_index(drop=True)


def correction(folder: Path, table: pd.DataFrame) -> NDArray[np.float64]:
    """(row) K by which observations moved the climatology of the cells; NaN outside the grid."""
    with xr.open_dataset(folder / CLIMATOLOGY) as file:
        grid, per_year = Grid.from_dataset(file), file.sizes[WINDOW_OF_YEAR]
    moved = in_season(np.load(folder / CORRECTION)["terms"], per_year).reshape(per_year, -1)
    season = [season_of(time, per_year) for time in table["time"].to_numpy().astype("datetime64[s]")]
    cell = cells(table, grid)
    return np.where(cell == OUTSIDE, np.nan, moved[season, cell])


def groups(table: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Names of lines, and which rows belong to them."""
    depth, kind = table["depth"].to_numpy(), table["platform_type"].astype(str).to_numpy()
    year = table["time"].dt.year.to_numpy()
    layers = {name: (depth >= top) & (depth < bottom) for name, (top, bottom) in DEPTHS.items()}
    yield "all", np.ones(len(table), bool)
    yield from layers.items()
    for name in np.unique(kind):
        yield name, kind == name
        yield from ((f"{name}, {layer}", inside & (kind == name)) for layer, inside in layers.items())
    for name, (first, last) in DECADES.items():
        here = (year >= first) & (year <= last)
        yield name, here
        yield f"{name}, 100-300 m", here & layers["100-300 m"]
    for name, box in REGIONS.items():
        yield name, in_box(table["lat"].to_numpy(), table["lon"].to_numpy(), box)


def line(table: pd.DataFrame) -> list[str]:
    """Numbers of values and platforms, RMSE (bias) of each method, gain with interval, stated/found."""
    methods = [name for name in METHODS if name in table]
    truth = table["temperature"].to_numpy(float)
    errors = {name: table[name].to_numpy(float) - truth for name in methods}
    platform, names = pd.factorize(table["platform_id"].astype(str))
    number = np.bincount(platform)
    sums = {name: np.bincount(platform, error**2) for name, error in errors.items()}
    draws = np.random.default_rng(0).integers(len(names), size=(DRAWS, len(names)))
    root = {n: np.sqrt(s[draws].sum(1) / number[draws].sum(1)) for n, s in sums.items()}
    cells = [f"{len(table):,}", f"{len(names)}"]
    cells += [f"{np.sqrt((e**2).mean()):.2f} ({e.mean():+.2f})" for e in errors.values()]
    beside = [name for name in methods if name in METHOD_NAMES]
    best = [min(beside, key=lambda name: (errors[name] ** 2).mean())] if beside else []
    for other in ["climatology", *best]:
        gain = 1 - np.sqrt((errors["analysis"] ** 2).mean() / (errors[other] ** 2).mean())
        low, high = np.percentile(1 - root["analysis"] / root[other], [2.5, 97.5])
        cells.append(f"{100 * gain:.0f} % ({100 * low:.0f} to {100 * high:.0f})")
    expected = (table["spread"].astype(float) ** 2 + table["error"].astype(float) ** 2).mean()
    found = ((table["background"] - table["temperature"]).astype(float) ** 2).mean()
    return [*cells, f"{np.sqrt(expected / found):.2f}"]


def print_withheld(table: pd.DataFrame) -> None:
    """The table of withheld rows."""
    names = [name for name in METHODS if name in table]
    beside = [METHODS[name] for name in names if name in METHOD_NAMES]
    over = ["climatology", *(["the best baseline"] if len(beside) > 1 else beside)]
    head = ["values", "number", "platforms", *(METHODS[name] for name in names)]
    head += [*(f"gain over {name}" for name in over), "stated/found"]
    parts = ((name, table[chosen]) for name, chosen in groups(table) if chosen.sum() >= FEWEST)
    print(as_table([head, *([name, *line(part)] for name, part in parts)], right=BUT_FIRST))


def months_of_moorings(table: pd.DataFrame) -> pd.DataFrame:
    """(mooring, month, depth) mean of the withheld values of a month, by method, from the top down."""
    rows = table[table["platform_type"].astype(str) == "mooring"]
    keys = {
        "mooring": rows["platform_id"].astype(str),
        "month": rows["time"].dt.to_period("M"),
        "depth": rows["depth"].round(0),
    }
    names = [name for name in METHODS if name in rows]
    return rows[["temperature", *names]].astype(float).groupby(list(keys.values())).mean()


def isotherm(depth: NDArray[np.float64], temperature: NDArray[np.float64]) -> float:
    """Depth (m) of the uppermost crossing of ISOTHERM, linear between values; NaN if there is none."""
    below = np.flatnonzero((temperature[:-1] >= ISOTHERM) & (temperature[1:] < ISOTHERM))
    if not below.size:
        return np.nan
    pair = slice(below[0], below[0] + 2)
    return float(np.interp(-ISOTHERM, -temperature[pair], depth[pair]))


def upper_mean(depth: NDArray[np.float64], temperature: NDArray[np.float64]) -> float:
    """Mean temperature (degC) of 0-300 m by trapezoids; NaN where the values do not span 50-250 m."""
    if depth[0] > 50 or depth[-1] < 250:
        return np.nan
    at = np.arange(0.0, 301.0)
    return float(np.interp(at, depth, temperature).mean())


def print_moorings(months: pd.DataFrame) -> None:
    """Depth of the 20-degree isotherm and mean of 0-300 m at withheld moorings, by month."""
    names = [name for name in METHODS if name in months]
    rows = [["mooring", "months", *(METHODS[name] for name in names)]]
    for mooring, part in months.groupby(level=0):
        for title, unit, of in (("20 °C isotherm", "m", isotherm), ("mean of 0-300 m", "K", upper_mean)):
            found = part.groupby(level=1).apply(
                lambda one, of=of: pd.Series(
                    {
                        c: of(one.index.get_level_values(2).to_numpy(float), one[c].to_numpy())
                        for c in one
                    }
                )
            )
            rows.append([f"{mooring}, {title} ({unit})", *_mooring_cells(found.dropna(), names)])
    print("\n" + as_table(rows, right=BUT_FIRST))


def _mooring_cells(found: pd.DataFrame, names: list[str]) -> list[str]:
    """Number of months; RMSE, bias, and correlation of each method."""
    cells = [str(len(found))]
    for name in names:
        error = found[name] - found["temperature"]
        alike = found[name].corr(found["temperature"])
        cells.append(f"{np.sqrt((error**2).mean()):.2f} ({error.mean():+.2f}), r {alike:.2f}")
    return cells


def print_series(folder: Path) -> None:
    """Niño 3.4, sea surface temperature and heat beside their references."""
    series = json.loads((folder / "scores.json").read_text())["series"]
    rows = [["series", "reference", "correlation", "trend, analysis", "trend, reference"]]
    for name, found in series.items():
        if found["reference"]:
            trends = [_trend(found[f"trend_{whose}"]) for whose in ("analysis", "reference")]
            rows.append([name, found["reference"], f"{found['correlation']:.3f}", *trends])
    print("\n" + as_table(rows, right=slice(2, None)))


def _trend(found: dict[str, float | None]) -> str:
    half = found["half_width"]
    return f"{found['slope']:.3f}" + ("" if half is None else f" ± {half:.3f}") + " K a decade"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sst", type=Path, help="NetCDF file with monthly `sst`, for example ERSSTv5")
    given = parser.parse_args()
    table = withheld(given.folder)
    months = months_of_moorings(table)
    print_withheld(table)
    print_moorings(months)
    print_series(given.folder)
    real_seasons.print_moorings(months, METHODS)
    real_seasons.print_floats(table, METHODS)
    if given.sst is not None:
        surface = read_surface(given.folder, given.sst)
        real_seasons.print_surface(surface)
        if len(surface.years) >= FEWEST_YEARS:
            print_trends(given.folder, surface)


if __name__ == "__main__":
    main()
