"""How well maps of error sizes fit the departures of used profiles from the background.

    python benchmarks/displacement.py runs/real --run runs/gcm-monthly

Each map has one factor a layer, or one a layer and latitude band, fitted by maximum likelihood to four
fifths of the platforms and judged at the others: mean negative logarithm of the Gaussian likelihood,
twice, without the constant; less is better. The values of a platform in a cell and window count as
one, and those of a platform in a layer as 50 at most.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import xarray as xr
from numpy.typing import NDArray
from table_text import as_table

from deepda.climatology.displacement import displacement_spread
from deepda.feedback import read_feedback
from deepda.feedback.error_sizes import BANDS, LATITUDES
from deepda.geometry.grid import Grid
from deepda.observations.table import cells
from deepda.output.climatology import CLIMATOLOGY
from deepda.runs.finished import FinishedRun

Array = NDArray[np.float64]
FOLDS, MOST, FEWEST = 5, 50.0, 30
COLUMNS = ["time", "lat", "lon", "depth", "temperature", "background", "platform_id", "platform_type"]


def departures(folder: Path, grid: Grid) -> pd.DataFrame:
    """One row a platform, cell and window: `departure` (K), `layer`, `weight`, `band`, `fold`."""
    table = read_feedback(folder, COLUMNS, pc.field("used") & (pc.field("platform_type") != "satellite"))
    made = pd.DataFrame(
        {
            "platform": table["platform_id"].astype(str),
            "cell": cells(table, grid),
            "window": table["time"].dt.to_period("M"),
            "departure": table["temperature"] - table["background"],
        }
    )
    keys = ["platform", "cell", "window"]
    rows = made[np.isfinite(made["departure"])].groupby(keys, as_index=False).mean()
    rows["layer"], place = np.divmod(rows["cell"], grid.shape[1] * grid.shape[2])
    rows["band"] = np.searchsorted(LATITUDES[1:-1], grid.lat[place // grid.shape[2]], side="right")
    number = rows.groupby(["platform", "layer"])["cell"].transform("size")
    rows["weight"] = np.minimum(1.0, MOST / number)
    names, code = np.unique(rows["platform"], return_inverse=True)
    rows["fold"] = np.random.default_rng(0).integers(0, FOLDS, names.size)[code]
    return rows


def misfit(rows: pd.DataFrame, spread: Array, by_band: bool) -> tuple[float, Array]:
    """Mean misfit over layers at platforms that were not fitted, and the factor of each layer."""
    assumed = spread.ravel()[rows["cell"]]
    ratio = (rows["departure"].to_numpy() / assumed) ** 2
    group = rows["layer"] * BANDS + rows["band"] * by_band
    size = int(group.max()) + 1
    variance = np.zeros(len(rows))
    for fold in range(FOLDS):
        fitted = (rows["fold"] != fold).to_numpy()
        variance[~fitted] = _mean(ratio, rows["weight"], group, fitted, size)[group[~fitted]]
    loss = np.log(variance * assumed**2) + ratio / variance
    layers = int(rows["layer"].max()) + 1
    whole = np.ones(len(rows), bool)
    by_layer = _mean(loss, rows["weight"], rows["layer"], whole, layers)
    return float(by_layer.mean()), np.sqrt(_mean(ratio, rows["weight"], rows["layer"], whole, layers))


def _mean(values: Array, weight: pd.Series, group: pd.Series, chosen: NDArray, size: int) -> Array:
    """(group) weighted mean; that of all where a group has few values."""
    at, share = group[chosen], weight[chosen]
    number = np.bincount(at, minlength=size)
    mean = np.bincount(at, share * values[chosen], size) / np.maximum(np.bincount(at, share, size), 1e-9)
    return np.where(number >= FEWEST, mean, np.average(values[chosen], weights=share))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="reanalysis of real observations")
    parser.add_argument("--run", type=Path, required=True, help="trained run that it was made with")
    given = parser.parse_args()
    space = FinishedRun(given.run, "cpu").space
    with xr.open_dataset(given.folder / CLIMATOLOGY) as opened:
        climatology = opened["thetao"].to_numpy()
    rows = departures(given.folder, space.grid)
    maps = {"control simulation": space.scale.astype(float),
            "displacement": displacement_spread(climatology, space.grid)}  # fmt: skip
    print(f"{len(rows):,} departures of {rows['platform'].nunique():,} platforms\n")
    lines = [["map", "factors", "misfit", "factors by layer"]]
    for name, spread in maps.items():
        for by_band in (False, True):
            loss, factors = misfit(rows, spread, by_band)
            words = "" if by_band else ", ".join(f"{factor:.2f}" for factor in factors)
            lines.append([name, "layer and band" if by_band else "layer", f"{loss:.3f}", words])
    print(as_table(lines, right=slice(2, 3)))


if __name__ == "__main__":
    main()
