"""Values at the centres of the layers of a grid, from values at any depths of a cast.

A layer that a cast samples (two values or more, and three quarters of its thickness within them) gets
the mean over the layer of the profile, linear between its values: what the grid stands for, whereas a
value at the centre of a thick layer differs from its mean by the curvature of the thermocline. Other
layers get the value at their centre by the weighted parabolas of Reiniger and Ross (1968, Deep-Sea
Res. 15, 185-193, eqs 3-3d), as in the World Ocean Atlas: four neighbours, no overshoot beyond the two
inner ones. The spline of Barker and McDougall (2020, JTECH 37) needs the whole cast and salinity; it is
better between bottles, but no value here comes from far enough for that to show.

No value crosses a gap wider than WOA's table allows (Levitus 1982; Johnson et al. 2009,
World Ocean Database 2009 documentation, NODC Internal Report 20, table 15).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from deepda.geometry.grid import Grid
from deepda.quality.casts import BEYOND, Casts, by_cast, chunks

Array = NDArray[np.float64]
Index = NDArray[np.intp]
INSIDE = (
    (10.0, 5.0),
    (250.0, 50.0),
    (900.0, 100.0),
    (2000.0, 200.0),
    (np.inf, 1000.0),
)  # m: above, within
OUTSIDE = ((500.0, 200.0), (1300.0, 400.0), (np.inf, 1000.0))
SURFACE = 5.0  # m: a value within it stands for the water above it (WOD)
SPANNED = 0.75  # share of the thickness of a layer between the values that its mean needs
ROWS = 1_000_000  # values worked on at a time
OF_A_LEVEL = ("salinity", "source_index")  # columns that mean nothing for a layer


@dataclass(frozen=True, eq=False)
class Layers:
    """Values of casts in layers, in the order of casts and depths.

    Attributes:
        cast: (value) number of the cast, as a position in `Casts`.
        level: (value) index of the layer.
        value: (value) in the units of the profile.
        count: (value) number of values in the layer; 0 where it lies between values.
    """

    cast: Index
    level: Index
    value: Array
    count: Index


def to_layers(table: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Each cast at the centres of the layers of the grid that it reaches.

    Args:
        table: observations without impossible values, in any order; values at one depth of a cast are
            averaged.
        grid: whose layers; positions are not looked at.

    Returns:
        A table with the columns of `table` (without salinity and source_index, which belong to levels)
        and `count` (values in the layer, 0 between values). Casts of a single value, the surface and
        satellites included, come first and unchanged, with count 1. `error` is that of one value,
        interpolated to the centre: `deepda.quality.errors` makes it one of a mean.
    """
    ordered = by_cast(table)
    casts = Casts.of(ordered)
    several = (casts.size > 1)[casts.of_row]
    keep = [name for name in table.columns if name not in OF_A_LEVEL]
    single = ordered.loc[~several, keep].assign(count=np.int32(1))
    profiles = ordered[several]
    parts = [_layers_of(profiles.iloc[part], grid, keep) for part in chunks(Casts.of(profiles), ROWS)]
    return pd.concat([single, *parts], ignore_index=True)


def _layers_of(rows: pd.DataFrame, grid: Grid, keep: list[str]) -> pd.DataFrame:
    casts = Casts.of(rows)
    found = layer_values(casts, rows["temperature"].to_numpy(float), grid.depth_edges)
    centre = grid.depth[found.level]
    out = rows[keep].iloc[casts.first[found.cast]]
    out = out.assign(
        depth=centre.astype(np.float32),
        temperature=found.value.astype(np.float32),
        count=found.count.astype(np.int32),
    )
    if "error" in keep:
        variance = np.square(rows["error"].to_numpy(float))
        error = np.sqrt(casts.linear(variance, found.cast, centre))
        out = out.assign(error=error.astype(np.float32))
    return out


def layer_values(casts: Casts, value: Array, edges: Array) -> Layers:
    """Values in layers from values at depths.

    Args:
        casts: of rows sorted by cast and depth.
        value: (row) finite.
        edges: (layer + 1) m, increasing.
    """
    casts, value = _distinct(casts, value)
    centre = (edges[:-1] + edges[1:]) / 2
    cast, level = _reached(casts, edges)
    start, stop = (np.searchsorted(casts.key, cast * BEYOND + edges[level + k]) for k in (0, 1))
    mean, sampled = _means(casts, value, cast, edges[level], edges[level + 1])
    sampled &= stop - start >= 2
    at_centre = np.full(cast.size, np.nan)
    at_centre[~sampled] = at_depths(casts, value, cast[~sampled], centre[level[~sampled]])
    found = np.where(sampled, mean, at_centre)
    known = np.isfinite(found)
    return Layers(cast[known], level[known], found[known], (stop - start)[known])


def at_depths(casts: Casts, value: Array, cast: Index, depth: Array) -> Array:
    """Values of casts at depths by Reiniger and Ross; NaN beyond the distances and ends of a cast.

    Args:
        casts: of rows sorted by cast and depth, no depth twice in a cast.
        value: (row) finite.
        cast, depth: (place) cast, and m.
    """
    first, last = casts.first[cast], casts.last[cast]
    above = casts.before(cast, depth)
    shallow = (above < first) & (casts.depth[first] <= SURFACE) & (depth >= 0)
    above = np.clip(above, first, last)
    exact = casts.depth[above] == depth
    below = np.minimum(above + 1, last)
    inside = (casts.depth[above] < depth) & (casts.depth[below] > depth)
    inside &= np.maximum(depth - casts.depth[above], casts.depth[below] - depth) <= within(INSIDE, depth)
    outer = within(OUTSIDE, depth)
    over, under = np.maximum(above - 1, first), np.minimum(below + 1, last)
    has_over = inside & (over < above) & (depth - casts.depth[over] <= outer)
    has_under = inside & (under > below) & (casts.depth[under] - depth <= outer)
    found = np.full(depth.size, np.nan)
    found[shallow] = value[first[shallow]]
    found[exact] = value[above[exact]]
    four = np.stack([over, above, below, under])[:, inside]
    found[inside] = _reiniger_ross(casts.depth[four], value[four], depth[inside],
                                   has_over[inside], has_under[inside])  # fmt: skip
    return found


def within(table: tuple[tuple[float, float], ...], depth: ArrayLike) -> Array:
    """Distance (m) that a table (INSIDE, OUTSIDE) allows at depths (m)."""
    ends, distances = (np.array(column) for column in zip(*table, strict=True))
    return distances[np.searchsorted(ends, depth, side="right")]


def _reiniger_ross(
    z: Array, v: Array, at: Array, has_over: NDArray[np.bool_], has_under: NDArray[np.bool_]
) -> Array:
    """Values at depths `at` between the middle two of four neighbours; (neighbour, place) z and v.

    With one outer neighbour missing its parabola is taken alone, with both the straight line. What
    lies outside the inner values is replaced by the line, too.
    """

    def line(i: int, j: int) -> Array:  # eq 3d
        return v[i] + (v[j] - v[i]) * _ratio(at - z[i], z[j] - z[i])

    def parabola(i: int) -> Array:  # eqs 3b, 3c, in Neville's form
        return line(i, i + 1) + (line(i + 1, i + 2) - line(i, i + 1)) * _ratio(
            at - z[i], z[i + 2] - z[i]
        )

    upper, middle, lower = line(0, 1), line(1, 2), line(2, 3)
    one, two = (middle - lower) ** 2, (upper - middle) ** 2
    reference = (
        middle + np.where(one + two > 0, _ratio(one * upper + two * lower, one + two), middle)
    ) / 2
    first, second = parabola(0), parabola(1)
    far, near = np.abs(reference - first), np.abs(reference - second)
    both = np.where(far + near > 0, _ratio(far * second + near * first, far + near), first)
    found = np.select([has_over & has_under, has_over, has_under], [both, first, second], middle)
    bounded = (found >= np.minimum(v[1], v[2])) & (found <= np.maximum(v[1], v[2]))
    return np.where(bounded, found, middle)


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole != 0)


def _distinct(casts: Casts, value: Array) -> tuple[Casts, Array]:
    """Without depths that come twice in a cast: their values are averaged."""
    heads = np.flatnonzero(np.diff(casts.key, prepend=-1.0) > 0)
    if heads.size == value.size:
        return casts, value
    count = np.diff(heads, append=value.size)
    first = np.searchsorted(heads, casts.first)
    thinned = Casts(first, np.diff(first, append=heads.size), casts.depth[heads])
    return thinned, np.add.reduceat(value, heads) / count


def _reached(casts: Casts, edges: Array) -> tuple[Index, Index]:
    """(cast, layer) of each layer that overlaps a cast, in the order of casts and layers."""
    layers = edges.size - 1
    top = np.where(casts.depth[casts.first] <= SURFACE, 0.0, casts.depth[casts.first])
    start = np.clip(np.searchsorted(edges, top, side="right") - 1, 0, layers)
    stop = np.clip(np.searchsorted(edges, casts.depth[casts.last], side="right"), 0, layers)
    size = np.maximum(stop - start, 0)
    cast = np.repeat(np.arange(size.size), size)
    return cast, np.arange(size.sum()) - np.repeat(np.cumsum(size) - size - start, size)


def _means(
    casts: Casts, value: Array, cast: Index, top: Array, bottom: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """(place) mean of the profile between two depths, and whether its values allow one."""
    thickness = bottom - top
    top = np.maximum(top, casts.depth[casts.first[cast]])
    deep = np.minimum(bottom, casts.depth[casts.last[cast]])
    gap = np.diff(casts.depth, append=0.0)
    inner = np.append(np.diff(casts.of_row) == 0, False)
    widest = np.maximum(within(INSIDE, casts.depth + np.maximum(gap, 0.0)), 2 * SURFACE)
    wide = inner & (gap > widest)
    area = np.where(inner, gap * (value + np.append(value[1:], 0.0)) / 2, 0.0)
    area, wide_before = (np.concatenate([[0], np.cumsum(part)[:-1]]) for part in (area, wide))
    start, stop = (np.clip(casts.before(cast, depth), casts.first[cast], casts.last[cast] - 1)
                   for depth in (top, deep))  # fmt: skip

    def integral(segment: Index, depth: Array) -> Array:
        step = depth - casts.depth[segment]
        slope = (value[segment + 1] - value[segment]) / gap[segment]
        return area[segment] + step * (value[segment] + slope * step / 2)

    span = deep - top
    sampled = (span > 0) & (wide_before[np.minimum(stop + 1, wide.size - 1)] == wide_before[start])
    mean = _ratio(np.where(span > 0, integral(stop, deep) - integral(start, top), 0.0), span)
    return mean, sampled & (span >= SPANNED * thickness)
