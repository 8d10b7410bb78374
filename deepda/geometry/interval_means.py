"""Means over intervals of the curve that is linear between nodes: one matrix for time and for space.

The curve c(x) = sum_j c_j h_j(x) has hats h_j on the nodes, so its mean over an interval is linear in
the c_j. Along longitude and the year the curve is periodic; elsewhere it is constant beyond its ends.
Nothing is sampled: breaks are the nodes and the edges, between which the integral is a trapezoid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepda.geometry.grid import centres
from deepda.geometry.windows import MONTH_EDGES, MONTHS, PENTADS

Array = NDArray[np.float64]
YEAR = 365.0  # days
MIDDLES = centres(MONTH_EDGES)  # days


def interval_means(nodes: ArrayLike, edges: ArrayLike, period: float | None = None) -> Array:
    """(interval, node) weights that give the mean of the curve over [edges[i], edges[i + 1]].

    Args:
        nodes: (node) increasing; within one period if there is one.
        edges: (interval + 1) increasing; with a period they may lie beyond the nodes.
        period: of the curve; None if it is constant beyond its ends.
    """
    node, edge = np.asarray(nodes, float), np.asarray(edges, float)
    whole = node if period is None else _repeated(node, edge, period)
    inside = whole[(whole > edge[0]) & (whole < edge[-1])]
    breaks = np.unique(np.concatenate([edge, inside]))
    hats = _hats(breaks, whole)
    pieces = 0.5 * (hats[1:] + hats[:-1]) * np.diff(breaks)[:, None]
    first = np.searchsorted(breaks, edge[:-1])
    means = np.add.reduceat(pieces, first, axis=0) / np.diff(edge)[:, None]
    return means if period is None else means.reshape(len(means), -1, node.size).sum(axis=1)


def seasons_from_months(per_year: int) -> Array:
    """(season, month) weights from monthly means to the means of a year's windows.

    Killworth (1996, J. Phys. Oceanogr. 26, 1953-1960): the curve through the middles of the months
    whose monthly means are the given ones, not the one through the means themselves, which flattens
    the seasonal cycle by some per cent. Here with the lengths of the months. Windows are means of that
    curve, so that months come back unchanged and the year keeps its mean.
    """
    if per_year == MONTHS:
        return np.eye(MONTHS)
    windows = np.arange(PENTADS + 1) * (YEAR / PENTADS)
    return interval_means(MIDDLES, windows, YEAR) @ _to_nodes()


def curve_weights(part: ArrayLike) -> Array:
    """(time, month) weights from monthly means to the curve of `seasons_from_months` at a time.

    Args:
        part: (time) of the year, 0..1.
    """
    whole = np.concatenate([MIDDLES[-1:] - YEAR, MIDDLES, MIDDLES[:1] + YEAR])
    hats = _hats(np.asarray(part, float) * YEAR, whole)
    hats[:, -2] += hats[:, 0]
    hats[:, 1] += hats[:, -1]
    return hats[:, 1:-1] @ _to_nodes()


def _hats(places: Array, nodes: Array) -> Array:
    """(place, node) the hats of the nodes at some places."""
    return np.stack([np.interp(places, nodes, hat) for hat in np.eye(nodes.size)], axis=1)


def _to_nodes() -> Array:
    """(month, month) from monthly means to the values of the curve in the middles of the months."""
    return np.asarray(np.linalg.inv(interval_means(MIDDLES, MONTH_EDGES, YEAR)), float)


def _repeated(node: Array, edge: Array, period: float) -> Array:
    """Nodes of whole periods that reach beyond the edges on either side."""
    first = int(np.floor((edge[0] - node[0]) / period)) - 1
    last = int(np.ceil((edge[-1] - node[-1]) / period)) + 1
    return (node + period * np.arange(first, last + 1)[:, None]).ravel()
