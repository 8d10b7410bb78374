"""Which observations an analysis must not see, so that it can be judged by them.

Whole platforms are left out, never single values: the next cast of the same float is no independent
witness. Whether a platform is left out follows from its name alone, by a hash that is the same in
every process, on every machine and in every version: a run that is resumed, another method and another
year agree on it, and a platform left out at a share of 5 % is left out at 10 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepda.base.errors import DeepDAError
from deepda.quality.casts import platforms
from deepda.quality.platform_names import canonical, distinct_names, is_named

RANGE = 2.0**64


class WithholdingError(DeepDAError, ValueError):
    """A share that is none."""


def withheld(table: pd.DataFrame, share: float, *, seed: int = 0) -> NDArray[np.bool_]:
    """(row) True where the platform of a row is left out.

    Rows without a name of their own (`is_named`) are left out by UTC day and cell of one degree: all
    levels of a cast go together, and so does its copy in another archive. Satellites and gridded
    products are always used, because without them there is no product.

    Args:
        table: observations; `platform_id` and `platform_type` may be missing.
        share: of the platforms, 0 (none) to 1 (all).
        seed: another seed leaves out other platforms.

    Raises:
        WithholdingError: the share is not in [0, 1].
    """
    if not 0 <= share <= 1:
        raise WithholdingError(
            f"found a share of {share:g}, expected 0 (none) to 1 (all); try 0.1 for a tenth"
        )
    if share == 0 or table.empty:
        return np.zeros(len(table), bool)
    names, number = distinct_names(table)
    named = np.array([is_named(name) for name in names])[number]
    draw = np.array([draw_of(name, seed) for name in names])[number]
    draw[~named] = _draw_of_casts(table[~named], seed)
    return (draw < share) & (platforms(table) != "satellite")


def bears_a_name(table: pd.DataFrame, names: Sequence[str]) -> NDArray[np.bool_]:
    """(row) True where the platform has one of the names, however an archive writes it."""
    wanted = {canonical(name) for name in names}
    there, number = distinct_names(table)
    return np.array([canonical(name) in wanted for name in there], bool)[number]


def draw_of(platform_id: str, seed: int = 0) -> float:
    """The number in [0, 1) that decides on a platform: it is left out where it is below the share."""
    digest = blake2b(f"{seed}:{canonical(platform_id)}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (RANGE / 2**11)  # 53 bits: a float below 1


def _draw_of_casts(table: pd.DataFrame, seed: int) -> NDArray[np.float64]:
    lat, lon = (table[name].to_numpy(float) for name in ("lat", "lon"))
    with np.errstate(invalid="ignore"):
        east = np.floor(np.mod(lon, 360.0)) % 360
    day = table["time"].to_numpy().astype("datetime64[D]").astype(np.int64)
    keys = pd.DataFrame({"day": day, "lat": np.floor(lat), "lon": east})
    number = keys.groupby(list(keys), sort=False, dropna=False).ngroup().to_numpy()
    heads = keys.iloc[np.unique(number, return_index=True)[1]]
    draws = [draw_of(f"cast {key.day} {key.lat} {key.lon}", seed) for key in heads.itertuples()]
    return np.array(draws)[number] if draws else np.zeros(0)
