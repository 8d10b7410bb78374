"""The same cast from two archives, or twice from one: the best one stays.

Archives round positions (to 0.1 degree at worst) and times (to the minute, or to the start or end of
the cast), choose levels and correct values, and name platforms each in its own way. So a duplicate is
near in time and place and has the same temperatures at the same depths (Gronell and Wijffels 2008, JTECH
25; Good, Martin and Rayner 2013, doi 10.1002/2013JC009067, section 2.2 on merging WOD, GTSPP and
Argo), or it is the same platform in the same minute.

Candidates come from a tree over (x, y, z, time), which has no edges of boxes, no date line, no pole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepda.geometry.sphere import EARTH_RADIUS, unit_vectors
from deepda.quality.casts import Casts, codes, platforms

WITHIN = 8.0  # km: 0.05 degree in latitude and longitude, the rounding to 0.1 degree
HOUR, SERIES, MINUTE = 3600.0, 300.0, 60.0  # s: profiles; moorings and single values; one source
AGREES = 0.1  # K, median difference: corrections and interpolated levels (the thermocline less half)
IDENTICAL = 0.001  # K, within one source, where nothing was converted
OVERLAP = 0.5  # share of the levels of the worse cast within the depths of the better
SLACK, SLACK_SHARE = 5.0, 0.02  # m and share of depth: rounding and fall rates of XBTs
MODES = {"D": 0, "A": 1, "R": 2}  # from best to worst; unknown as A


@dataclass(frozen=True, eq=False)
class _Heads:
    """What identifies each cast; all (cast) but `place` (cast, 3)."""

    time: NDArray[np.float64]
    place: NDArray[np.float64]
    source: NDArray[np.int64]
    platform: NDArray[np.int64]
    kind: NDArray[np.str_]
    series: NDArray[np.bool_]
    rank: NDArray[np.intp]


def duplicates(table: pd.DataFrame) -> NDArray[np.bool_]:
    """All rows of casts for which there is a better cast of the same water.

    Better: delayed mode, then better flags, more levels, with salinity. Satellites have none. A cast
    is rejected whenever a better one matches it, whatever becomes of that; so the result does not
    depend on the order of rows, and the best of a chain of duplicates always stays.
    """
    casts = Casts.of(table)
    heads = _heads(table, casts)
    better, worse = _candidates(heads)
    same = _same_values(table, casts, heads, better, worse)
    bad = np.zeros(casts.first.size, bool)
    bad[worse[same]] = True
    return bad[casts.of_row] | _repeated(table, casts)


def _repeated(table: pd.DataFrame, casts: Casts) -> NDArray[np.bool_]:
    """(row) the value above once more: a file that was read twice is one cast with all rows twice."""
    value = table["temperature"].to_numpy(float)
    again = np.zeros(len(table), bool)
    again[1:] = (np.diff(casts.of_row) == 0) & (np.diff(casts.depth) == 0) & (np.diff(value) == 0)
    return again


def _heads(table: pd.DataFrame, casts: Casts) -> _Heads:
    first = table.iloc[casts.first]
    kind = platforms(first)
    return _Heads(
        time=first["time"].to_numpy().astype("datetime64[s]").astype(float),
        place=unit_vectors(first["lat"].to_numpy(), first["lon"].to_numpy()),
        source=codes(first, "source"),
        platform=codes(first, "platform_id") if "platform_id" in table.columns else -casts.first - 1,
        kind=kind,
        series=(kind == "mooring") | (casts.size < 2),
        rank=_rank(table, casts, first),
    )


def _rank(table: pd.DataFrame, casts: Casts, first: pd.DataFrame) -> NDArray[np.intp]:
    """(cast) 0 for the best; ties go by names and values, never by the order of rows."""
    modes = first.get("data_mode", pd.Series("A", first.index)).astype(object)
    mode = modes.map(MODES).fillna(1).to_numpy()
    flags = casts.total(codes(table, "qc").astype(float)) / casts.size if "qc" in table else 0
    salty = casts.total(table["salinity"].notna().to_numpy(float)) if "salinity" in table else 0
    names = [pd.factorize(first[name].astype(str), sort=True)[0] if name in first else 0
             for name in ("source", "platform_id", "profile")]  # fmt: skip
    sums = casts.total(table["temperature"].to_numpy(float))
    time = first["time"].to_numpy().astype(np.int64)
    keys = (sums, *names, time, -np.asarray(salty), -casts.size, flags, mode)
    columns = [np.broadcast_to(np.asarray(key), casts.size.shape) for key in keys]
    rank = np.empty(casts.size.size, np.intp)
    rank[np.lexsort(columns)] = np.arange(rank.size)
    return rank


def _candidates(heads: _Heads) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs (better, worse) of casts near enough in time and place and of kinds that may be one."""
    insitu = np.flatnonzero(heads.kind != "satellite")
    points = np.column_stack([heads.place * EARTH_RADIUS / 1e3 / WITHIN, heads.time / HOUR])[insitu]
    if not insitu.size:
        return insitu, insitu
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
    one, other = insitu[tree.query_pairs(1.0, p=np.inf, output_type="ndarray")].T
    near = np.linalg.norm(heads.place[one] - heads.place[other], axis=1) * EARTH_RADIUS / 1e3 <= WITHIN
    longest = np.where(heads.series[one] | heads.series[other], SERIES, HOUR)
    longest = np.where(heads.source[one] == heads.source[other], MINUTE, longest)
    near &= np.abs(heads.time[one] - heads.time[other]) <= longest
    kinds = heads.kind[one], heads.kind[other]
    near &= (kinds[0] == kinds[1]) | (kinds[0] == "other") | (kinds[1] == "other")
    one, other = one[near], other[near]
    swap = heads.rank[one] > heads.rank[other]
    return np.where(swap, other, one), np.where(swap, one, other)


def _same_values(
    table: pd.DataFrame, casts: Casts, heads: _Heads, better: NDArray[np.intp], worse: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """(pair) True where the values agree at common depths, or the platform says that it is one cast."""
    size = casts.size[worse]
    pair = np.repeat(np.arange(worse.size), size)
    row = np.arange(size.sum()) + np.repeat(casts.first[worse] - np.cumsum(size) + size, size)
    value = table["temperature"].to_numpy(float)
    depth, other = casts.depth[row], better[pair]
    slack = SLACK + SLACK_SHARE * depth
    common = (depth >= casts.depth[casts.first[other]] - slack) & (
        depth <= casts.depth[casts.last[other]] + slack
    )
    there = casts.linear(value, other, depth)
    difference = np.where(common, np.abs(there - value[row]), np.inf)
    count = np.bincount(pair, common, minlength=worse.size)
    order = np.lexsort((difference, pair))
    middle = (np.cumsum(size) - size + np.maximum(count - 1, 0) // 2).astype(np.intp)
    median = difference[order][middle] if worse.size else np.zeros(0)
    overlap = count >= np.maximum(OVERLAP * size, 1)
    within = heads.source[better] == heads.source[worse]
    named = (heads.platform[better] == heads.platform[worse]) & (heads.platform[better] >= 0)
    named &= ~within & (np.abs(heads.time[better] - heads.time[worse]) <= MINUTE)
    return overlap & (named | (median <= np.where(within, IDENTICAL, AGREES)))
