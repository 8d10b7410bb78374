"""The localised sample covariance, as an operator on its samples: its matrix is never made.

    B v = sum_k e_k o rho (e_k o v),    rho = H H' between columns, times g between layers

e_k are the samples (departures from their mean over sqrt(number - 1)), rho the localisation, o the
element-wise (Schur) product (Hamill and Snyder 2000, Mon. Wea. Rev. 128; Buehner 2005, QJRMS 131). B is
positive semidefinite, and its diagonal is the variance of the samples, since that of rho is one. Work
and memory grow linearly with the cells.

Of the anomalies of a control simulation B is the static covariance of optimal interpolation; of
background errors sampled in the training years it is part of the covariance of the default generator.

Shape suffixes: B batch, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepda.assimilation.localisation import Localisation
from deepda.assimilation.sample_rows import Kernels, Rows
from deepda.assimilation.samples import Samples
from deepda.geometry.grid import Grid

ERROR_RADIUS_KM, ERROR_DEPTH_M = 3500.0, 1500.0  # from which on background errors are independent


class SampleCovariance(nn.Module):
    """Products with the localised covariance of samples, on the device that it was moved to.

    Args:
        samples: of the water cells.
        localisation: of the same cells.
    """

    codes: Tensor
    scale: Tensor
    cells: Tensor
    column: Tensor
    layer: Tensor
    node: Tensor
    weight: Tensor
    vertical: Tensor
    diagonal: Tensor

    def __init__(self, samples: Samples, localisation: Localisation) -> None:
        super().__init__()
        self.nodes = localisation.nodes
        tensors = {
            "codes": samples.codes,
            "scale": samples.scale,
            "cells": torch.from_numpy(localisation.cells),
            "column": torch.from_numpy(localisation.column),
            "layer": torch.from_numpy(localisation.layer),
            "node": torch.from_numpy(localisation.node),
            "weight": torch.from_numpy(localisation.weight).float(),
            "vertical": torch.from_numpy(localisation.vertical).float(),
            "diagonal": samples.variance(),
        }
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)
        self._whole: Rows | None = None

    @classmethod
    def fit(
        cls, fields: NDArray[np.floating], grid: Grid, radius_km: float, depth_scale_m: float
    ) -> SampleCovariance:
        """The covariance of fields (K, depth, lat, lon), localised.

        Args:
            fields: standardised, finite in water.
            grid: the analysis grid.
            radius_km, depth_scale_m: see `Localisation.of`.

        Raises:
            CovarianceError: see `Localisation.of` and `Samples.of`.
        """
        localisation = Localisation.of(grid, radius_km, depth_scale_m)
        return cls(Samples.of(fields, grid), localisation)

    def variance(self, shape: torch.Size) -> Tensor:
        """The diagonal on a grid of `shape` (L, Y, X); one on land."""
        return self.scale.new_ones(shape.numel()).index_put((self.cells,), self.diagonal).view(shape)

    def product(self, field_BLYX: Tensor) -> Tensor:
        """The covariance times a field; zero on land, and land is not read."""
        return _Linear.apply(field_BLYX, self._product, self._product)

    def between(self, seen_BLYX: Tensor) -> ObservedCovariance:
        """The same covariance, for fields that vanish where nothing is seen."""
        return ObservedCovariance(self, seen_BLYX)

    def rows(self, chosen: Tensor) -> Rows:
        """Copies of some rows, given by ascending positions in `cells`."""
        codes = self.codes[chosen].to(self.scale)
        place = self.column[chosen], self.layer[chosen]
        return Rows.of(self.cells[chosen], codes, self.scale[chosen], *place, self._kernels)

    @property
    def whole(self) -> Rows:
        """All rows; their samples stay as they are kept."""
        if self._whole is None:
            place = self.column, self.layer
            self._whole = Rows.of(self.cells, self.codes, self.scale, *place, self._kernels)
        return self._whole

    @property
    def _kernels(self) -> Kernels:
        return Kernels(self.node, self.weight, self.vertical, self.nodes)

    def _product(self, field: Tensor) -> Tensor:
        return self.whole.onto(torch.zeros_like(field), self.whole.to_nodes(field))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SampleCovariance:
        self._whole = None  # lies on the device that is left
        return super()._apply(fn, recurse)


def background_error_covariance(errors: Samples, grid: Grid) -> SampleCovariance:
    """The localised covariance of samples of background errors."""
    return SampleCovariance(errors, Localisation.of(grid, ERROR_RADIUS_KM, ERROR_DEPTH_M))


class ObservedCovariance:
    """Products with a covariance from observed cells, whose rows are cut out once for all of them.

    Args:
        covariance: of all water cells.
        seen_BLYX: bool, where each member of the batch, or with B of one the whole batch, is observed;
            land counts as not observed.
    """

    def __init__(self, covariance: SampleCovariance, seen_BLYX: Tensor) -> None:
        self._covariance = covariance
        alike = observed_alike(seen_BLYX.flatten(1)[:, covariance.cells])
        self._groups = [(members, covariance.rows(chosen)) for members, chosen in alike]

    def within(self, field_BLYX: Tensor) -> Tensor:
        """The product at the observed cells, zero elsewhere; nothing else of the field is read."""
        return _Linear.apply(field_BLYX, self._within, self._within)

    def everywhere(self, field_BLYX: Tensor) -> Tensor:
        """The product at all water cells; only observed cells of the field are read."""
        return _Linear.apply(field_BLYX, self._to_all, self._from_all)

    def _within(self, field: Tensor) -> Tensor:
        image = torch.zeros_like(field)
        for members, rows in self._groups:
            image[members] = rows.onto(image[members], rows.to_nodes(field[members]))
        return image

    def _to_all(self, field: Tensor) -> Tensor:
        whole, image = self._covariance.whole, torch.zeros_like(field)
        for members, rows in self._groups:
            image[members] = whole.onto(image[members], rows.to_nodes(field[members]))
        return image

    def _from_all(self, field: Tensor) -> Tensor:
        whole, image = self._covariance.whole, torch.zeros_like(field)
        for members, rows in self._groups:
            image[members] = rows.onto(image[members], whole.to_nodes(field[members]))
        return image


def observed_alike(seen_Bn: Tensor) -> Iterator[tuple[Tensor | slice, Tensor]]:
    """(members, cells) of members that are observed at the same cells; not those without any."""
    if len(seen_Bn) == 1:
        cells = torch.nonzero(seen_Bn[0]).flatten()
        yield from [(slice(None), cells)] * bool(len(cells))
        return
    patterns, group = torch.unique(seen_Bn, dim=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        cells = torch.nonzero(pattern).flatten()
        if len(cells):
            yield torch.nonzero(group == number).flatten(), cells


class _Linear(torch.autograd.Function):
    """A linear map of which the transpose is given."""

    @staticmethod
    def forward(ctx, field, apply, transpose):  # type: ignore[no-untyped-def]
        ctx.transpose = transpose
        return apply(field)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return ctx.transpose(gradient), None, None
