"""Localisation of a sample covariance in a form that needs no matrix between cells.

rho = H H' between columns times g between layers:

H   (column, node): (1 - (d / reach)^2)^2 of the great-circle distances d to quasi-uniform nodes on the
    sphere, divided by its norm over the nodes. The correlation of two columns is the overlap of their
    kernels, zero beyond twice the reach: a process convolution (Higdon 1998, Environ. Ecol. Stat. 5,
    173-190), as the compact correlations of Gaspari and Cohn (1999, QJRMS 125, 723-757) are.
g   Gaspari and Cohn's correlation (eq. 4.10) of the vertical distance, positive definite on the line.

rho is positive semidefinite by construction (Horn and Johnson, theorem 7.5.3), and its diagonal is one.
Against Gaspari and Cohn's correlation of the same radius H H' is off by 0.037 of the Frobenius norm on
the columns of a 4-degree ocean, with 10.5 nodes a column; six kriging weights between as many nodes are
off by 0.094, and need a dense matrix between the nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree
from torch import Tensor

from deepda.base.errors import DeepDAError
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS, along_arc, chord_of, unit_vectors

Doubles = NDArray[np.float64]
SPACING = 2 / 7  # distance of neighbouring nodes, in radii of localisation: 1,000 km for 3,500
REACH = 1.07 / 2  # of a kernel, in radii: analyses err as with the correlation of Gaspari and Cohn
GOLDEN_ANGLE = np.pi * (1 + np.sqrt(5))


class Reach(NamedTuple):
    """Distances from which on errors are (almost) uncorrelated: on the sphere, and downwards."""

    radius_km: float
    depth_m: float


class CovarianceError(DeepDAError, ValueError):
    """A covariance that cannot be made."""


@dataclass(frozen=True, eq=False)
class Localisation:
    """The correlation by distance between water cells.

    Attributes:
        cells: (n) flat (depth, lat, lon) index of the water cells, ascending.
        column: (n) number of the water column that holds the cell, 0 to C - 1.
        layer: (n) depth layer of the cell.
        node: (C, k) the nodes nearest to each column, 0 to `nodes` - 1.
        weight: (C, k) float32, of H, zero beyond the reach; the squares of a row sum to one.
        vertical: (L, L) float32, g.
        nodes: how many nodes there are.
    """

    cells: Tensor
    column: Tensor
    layer: Tensor
    node: Tensor
    weight: Tensor
    vertical: Tensor
    nodes: int

    @classmethod
    def of(cls, grid: Grid, radius_km: float, depth_scale_m: float) -> Localisation:
        """The localisation of the water cells of a grid.

        Args:
            radius_km: great-circle distance from which on cells are (almost) uncorrelated.
            depth_scale_m: vertical distance of cell centres from which on they are uncorrelated.

        Raises:
            CovarianceError: a distance that is not above zero, or a radius beyond the antipode.
        """
        _require_reach(radius_km, depth_scale_m)
        cells = np.flatnonzero(grid.ocean)
        layer, place = np.divmod(cells, grid.shape[1] * grid.shape[2])
        water, column = np.unique(place, return_inverse=True)
        row, col = np.divmod(water, grid.shape[2])
        node, weight, nodes = _kernels(unit_vectors(grid.lat[row], grid.lon[col]), radius_km * 1e3)
        vertical = gaspari_cohn((grid.depth[:, None] - grid.depth) / depth_scale_m)
        return cls(
            cells=torch.from_numpy(cells),
            column=torch.from_numpy(column),
            layer=torch.from_numpy(layer),
            node=torch.from_numpy(node),
            weight=torch.from_numpy(weight).float(),
            vertical=torch.from_numpy(vertical).float(),
            nodes=nodes,
        )

    def horizontal(self) -> sparse.csr_array:
        """(C, C) H H', the correlation of the water columns."""
        kernels = self.kernels()
        return sparse.csr_array(kernels @ kernels.T)

    def kernels(self) -> sparse.csr_array:
        """(C, node) H."""
        column, near = torch.nonzero(self.weight).unbind(1)
        entries = self.weight[column, near], (column, self.node[column, near])
        return sparse.csr_array(entries, shape=(len(self.node), self.nodes))

    def part(self, chosen: Tensor) -> Localisation:
        """The localisation of some of the cells, given by their numbers (m)."""
        cells, column, layer = (of[chosen] for of in (self.cells, self.column, self.layer))
        return replace(self, cells=cells, column=column, layer=layer)

    def apply(self, convert: Callable[[Tensor], Tensor]) -> Localisation:
        """The same with each tensor converted, for example moved to another device."""
        names = ("cells", "column", "layer", "node", "weight", "vertical")
        converted: dict[str, Any] = {name: convert(getattr(self, name)) for name in names}
        return replace(self, **converted)


def gaspari_cohn(ratio: Doubles) -> Doubles:
    """Correlation by distance / radius: one at 0, 5/24 at 0.5, zero from 1 on (eq. 4.10, c = 1/2)."""
    r = 2.0 * np.abs(ratio)
    near = 1 - 5 / 3 * r**2 + 5 / 8 * r**3 + r**4 / 2 - r**5 / 4
    s = np.clip(r, 1.0, 2.0)
    far = 4 - 5 * s + 5 / 3 * s**2 + 5 / 8 * s**3 - s**4 / 2 + s**5 / 12 - 2 / (3 * s)
    return np.where(r <= 1, near, np.where(r < 2, np.maximum(far, 0.0), 0.0))


def quasi_uniform_nodes(spacing: float) -> Doubles:
    """(N, 3) unit vectors `spacing` radians apart, of a Fibonacci lattice (Gonzalez 2010)."""
    number = max(int(4 * np.pi / spacing**2), 1)
    step = np.arange(number) + 0.5
    height = 1 - 2 * step / number
    around, width = GOLDEN_ANGLE * step, np.sqrt(1 - height**2)
    return np.stack([width * np.cos(around), width * np.sin(around), height], axis=-1)


def _kernels(columns: Doubles, radius: float) -> tuple[NDArray[np.intp], Doubles, int]:
    """Nodes (C, k) and normalised kernels (C, k) of columns (C, 3), and the number of nodes in use."""
    nodes = quasi_uniform_nodes(SPACING * radius / EARTH_RADIUS)
    reach, tree = REACH * radius, cKDTree(nodes)
    most = tree.query_ball_point(columns, chord_of(reach), return_length=True).max()
    chord, near = tree.query(columns, np.arange(1, most + 1))
    kernel = np.maximum(1 - (along_arc(chord) / reach) ** 2, 0.0) ** 2
    used, node = np.unique(near, return_inverse=True)
    weight = kernel / np.linalg.norm(kernel, axis=1, keepdims=True)
    return node.reshape(near.shape), weight, len(used)


def _require_reach(radius_km: float, depth_scale_m: float) -> None:
    antipode = np.pi * EARTH_RADIUS / 1e3
    if not 0 < radius_km <= antipode:
        raise CovarianceError(
            f"radius_km is {radius_km:g}, expected above 0 and at most {antipode:.0f} (the antipode); "
            "a few thousand is usual"
        )
    if not depth_scale_m > 0:
        raise CovarianceError(f"depth_scale_m is {depth_scale_m:g}, expected above 0; give metres")
