"""A reanalysis opened in Python: years as one, anomalies, weights, members.

product = open_reanalysis("runs/reanalysis")
product.anomaly.sel(depth=150, method="nearest")                                # K
product.anomaly.weighted(product.volume).mean(("depth", "lat", "lon"))          # of the whole ocean
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from deepda.base.errors import DeepDAError
from deepda.output.cf import WINDOW_OF_YEAR, Attribute, covered_time
from deepda.output.climatology import CLIMATOLOGY

YEARS = ("thetao_????.nc", "twin_thetao_????.nc")


class ProductError(DeepDAError, ValueError):
    """A folder that is not a reanalysis, or one of an earlier version."""


def open_reanalysis(folder: str | Path) -> xr.Dataset:
    """The years of a reanalysis as one dataset, read when values are asked for.

    Args:
        folder: of `deepda reanalysis`.

    Returns:
        The variables of the files (time, depth, lat, lon), `thetao_members` with `realization` before
        time where there are members, and beside them
        `anomaly`: thetao minus the climatology of its window of the year, K;
        `anomaly_members`: the same of `thetao_members`;
        `volume`: (depth, lat, lon) m3 of water, and `areacello` (lat, lon) m2, to weight with.
        Global attributes are those of the whole; what the years do not agree on is left out.

    Raises:
        ProductError: no years there, without a climatology, or of two grids.
    """
    path = Path(folder)
    files = next((found for kind in YEARS if (found := sorted(path.glob(kind)))), [])
    if not files:
        raise ProductError(f"{path} holds no thetao_YYYY.nc, expected a reanalysis; check its name")
    if not (path / CLIMATOLOGY).exists():
        raise ProductError(
            f"no {path / CLIMATOLOGY}, expected the climatology that this version writes beside the "
            "years; repeat the command that made them"
        )
    with xr.open_dataset(path / CLIMATOLOGY, chunks={}) as normal:
        years = [_with_anomaly(file, normal) for file in files]
        product = xr.concat(
            years,
            "time",
            data_vars="minimal",
            coords="minimal",
            compat="override",
            join="override",
            combine_attrs="drop_conflicts",
        ).assign_attrs(_of_the_whole(years))
    thickness = product["depth_bnds"].diff("bnds").isel(bnds=0, drop=True)
    water = thickness * product["areacello"] * product["ocean"]
    volume = water.transpose("depth", "lat", "lon").astype(np.float64).reset_coords(drop=True)
    return product.assign_coords(volume=volume.assign_attrs(long_name="volume of water", units="m3"))


def _of_the_whole(years: Sequence[xr.Dataset]) -> dict[str, Attribute]:
    """Attributes in which the years of a product differ by nature: time covered, how they were made."""
    bounds = years[0]["time_bnds"].values[0, 0], years[-1]["time_bnds"].values[-1, 1]
    lines = [line for year in years for line in year.attrs["history"].splitlines()]
    dates = [year.attrs["date_created"] for year in years if "date_created" in year.attrs]
    return {
        **covered_time(*(moment.astype("datetime64[s]") for moment in bounds)),
        "history": "\n".join(dict.fromkeys(lines)),
        **({"date_created": max(dates)} if dates else {}),
    }


def _with_anomaly(file: Path, normal: xr.Dataset) -> xr.Dataset:
    year = xr.open_dataset(file, chunks={})
    if year.attrs.get("grid_checksum") != normal.attrs["grid_checksum"] or WINDOW_OF_YEAR not in year:
        raise ProductError(
            f"{file} has another grid than {CLIMATOLOGY} beside it, or no {WINDOW_OF_YEAR}, expected "
            "one product of one version; make it again"
        )
    chosen = normal["thetao"].isel({WINDOW_OF_YEAR: year[WINDOW_OF_YEAR].values - 1})
    mean = chosen.rename({WINDOW_OF_YEAR: "time"}).variable
    for name in ("thetao", "thetao_members"):
        if name in year:
            anomaly = (year[name] - mean).transpose(*year[name].dims)
            what = f"anomaly of: {year[name].attrs['long_name']}"
            year[name.replace("thetao", "anomaly")] = anomaly.assign_attrs(long_name=what, units="K")
    return year
