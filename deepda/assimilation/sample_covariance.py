"""The localised sample covariance.

    B v = sum_k e_k o rho (e_k o v),    rho = H H' between columns, times g between layers

e_k are the samples (departures from their mean over sqrt(number - 1)), rho the localisation, o the
element-wise (Schur) product (Hamill and Snyder 2000, Mon. Wea. Rev. 128; Buehner 2005, QJRMS 131). B is
positive semidefinite, and its diagonal is the variance of the samples, since that of rho is one.

There are two ways to its products, with the same result to rounding: the matrix, which takes less time
and grows with the square of the cells, and the operator on the samples, whose work and memory grow
linearly with them.

Of the anomalies of a control simulation B is the static covariance of optimal interpolation; of
background errors sampled in the training years it is part of the covariance of the default generator.

Shape suffixes: B batch, L layer, Y latitude, X longitude.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepda.assimilation.conjugate_gradients import Operator
from deepda.assimilation.localisation import Localisation, Reach
from deepda.assimilation.sample_matrix import SampleMatrix
from deepda.assimilation.sample_operator import SampleOperator
from deepda.assimilation.samples import Samples
from deepda.geometry.grid import Grid

ERROR_RADIUS_KM, ERROR_DEPTH_M = 3500.0, 1500.0  # from which on background errors are independent
MATRIX_CELLS = 40_000  # water cells up to which the matrix is made, on a CPU: a GiB for 3,500 km


class Observed(Protocol):
    """The covariance of some cells (m) with each other and with all water cells (n)."""

    def within(self, values: Tensor) -> Tensor:
        """(B, m) of values (B, m)."""

    def everywhere(self, values: Tensor) -> Tensor:
        """(B, n) of values (B, m)."""

    def from_everywhere(self, values: Tensor) -> Tensor:
        """(B, m) of values (B, n): the transpose of `everywhere`."""


class Form(Protocol):
    """A way to the products of a covariance of water cells (n)."""

    def product(self, values: Tensor) -> Tensor:
        """(B, n) of values (B, n)."""

    def observed(self, cells: Tensor) -> Observed:
        """What belongs to some cells, given by ascending numbers (m)."""


class CellCovariance(Protocol):
    """A covariance of water cells, of which those of observed cells are cut out.

    Attributes:
        cells: (n) flat (depth, lat, lon) index of the cells, ascending.
        dtype: of the products.
        form: the way to these.
    """

    @property
    def cells(self) -> Tensor: ...

    @property
    def dtype(self) -> torch.dtype: ...

    @property
    def form(self) -> Form: ...


class Group(NamedTuple):
    """Members of a batch that are observed at the same cells.

    Attributes:
        members: their numbers.
        cells: (m) flat (depth, lat, lon) index of the cells.
        observed: the covariance of these cells.
    """

    members: Tensor | slice
    cells: Tensor
    observed: Observed


class SampleCovariance(nn.Module):
    """Products with the localised covariance of samples, on the device that it was moved to."""

    def __init__(self, samples: Samples, localisation: Localisation) -> None:
        super().__init__()
        self.samples, self.localisation = samples, localisation
        self._form: SampleMatrix | SampleOperator | None = None

    def __deepcopy__(self, memo: dict) -> SampleCovariance:
        """Itself: it holds no weights, and is large."""
        return self

    @classmethod
    def fit(
        cls, fields: NDArray[np.floating], grid: Grid, radius_km: float, depth_scale_m: float
    ) -> SampleCovariance:
        """The covariance of fields (K, depth, lat, lon), localised.

        Args:
            fields: standardised, finite in water.
            radius_km, depth_scale_m: see `Localisation.of`.

        Raises:
            CovarianceError: see `Localisation.of` and `Samples.of`.
        """
        return cls(Samples.of(fields, grid), Localisation.of(grid, radius_km, depth_scale_m))

    def localised(self, grid: Grid, reach: Reach) -> SampleCovariance:
        """The covariance of the same samples, localised otherwise."""
        localisation = Localisation.of(grid, reach.radius_km, reach.depth_m)
        device = self.localisation.cells.device
        return SampleCovariance(self.samples, localisation.apply(lambda tensor: tensor.to(device)))

    def variance(self, shape: torch.Size) -> Tensor:
        """The diagonal on a grid of `shape` (L, Y, X); one on land."""
        field = self.samples.scale.new_ones(shape.numel())
        return field.index_put((self.cells,), self.samples.variance()).view(shape)

    def product(self, field_BLYX: Tensor) -> Tensor:
        """The covariance times a field; zero on land, and land is not read."""
        return _Linear.apply(field_BLYX, self._product, self._product)

    def between(self, seen_BLYX: Tensor) -> ObservedCovariance:
        """The same covariance, for fields that vanish where nothing is seen."""
        return ObservedCovariance(self, seen_BLYX)

    @property
    def form(self) -> SampleMatrix | SampleOperator:
        """The matrix, or the operator on a larger grid or another device than a CPU."""
        if self._form is None:
            small = len(self.cells) <= MATRIX_CELLS and self.cells.device.type == "cpu"
            self._form = (SampleMatrix if small else SampleOperator)(self.samples, self.localisation)
        return self._form

    @property
    def cells(self) -> Tensor:
        """(n) flat (depth, lat, lon) index of the water cells, ascending."""
        return self.localisation.cells

    @property
    def dtype(self) -> torch.dtype:
        """Of the products."""
        return self.samples.scale.dtype

    def _product(self, field: Tensor) -> Tensor:
        values = field.flatten(1)[:, self.cells].to(self.dtype)
        return on_grid(self.form.product(values), self.cells, field)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SampleCovariance:
        samples = self.samples.apply(fn)
        if samples.scale is not self.samples.scale:
            self._form = None  # lies on the device that is left
        self.samples, self.localisation = samples, self.localisation.apply(fn)
        return super()._apply(fn, recurse)


def background_error_covariance(errors: Samples, grid: Grid) -> SampleCovariance:
    """The localised covariance of samples of background errors."""
    return SampleCovariance(errors, Localisation.of(grid, ERROR_RADIUS_KM, ERROR_DEPTH_M))


class ObservedCovariance:
    """Products with a covariance from observed cells; what belongs to these is cut out once for all.

    Args:
        seen_BLYX: bool, where each member of the batch, or with B of one the whole batch, is observed;
            land counts as not observed.

    Attributes:
        groups: of members; those without any observation are in none.
    """

    def __init__(self, covariance: CellCovariance, seen_BLYX: Tensor) -> None:
        self._all, self._type, form = covariance.cells, covariance.dtype, covariance.form
        self.groups = [
            Group(members, self._all[cells], form.observed(cells))
            for members, cells in observed_alike(seen_BLYX.flatten(1)[:, self._all])
        ]

    def within(self, field_BLYX: Tensor) -> Tensor:
        """The product at the observed cells, zero elsewhere; nothing else of the field is read."""
        return _Linear.apply(field_BLYX, self._within, self._within)

    def everywhere(self, field_BLYX: Tensor) -> Tensor:
        """The product at all water cells; only observed cells of the field are read."""
        return _Linear.apply(field_BLYX, self._to_all, self._from_all)

    def _within(self, field: Tensor) -> Tensor:
        return self._product(field, lambda g: (g.cells, g.observed.within, g.cells))

    def _to_all(self, field: Tensor) -> Tensor:
        return self._product(field, lambda g: (g.cells, g.observed.everywhere, self._all))

    def _from_all(self, field: Tensor) -> Tensor:
        return self._product(field, lambda g: (self._all, g.observed.from_everywhere, g.cells))

    def _product(self, field: Tensor, of: Callable[[Group], tuple[Tensor, Operator, Tensor]]) -> Tensor:
        """The products of all groups: cells that are read, the product, cells that are written."""
        image = torch.zeros_like(field)
        for group in self.groups:
            source, times, target = of(group)
            mine = field[group.members]
            values = mine.flatten(1)[:, source].to(self._type)
            image[group.members] = on_grid(times(values), target, mine)
        return image


def on_grid(values: Tensor, cells: Tensor, like: Tensor) -> Tensor:
    """A field of the shape and type of another, with these values (B, m) and zero elsewhere."""
    flat = torch.zeros_like(like).flatten(1)
    return flat.index_copy(1, cells, values.to(flat)).view(like.shape)


def observed_alike(seen_Bn: Tensor) -> Iterator[tuple[Tensor | slice, Tensor]]:
    """(members, cells) of members that are observed at the same cells; not those without any."""
    if len(seen_Bn) == 1 or bool((seen_Bn == seen_Bn[:1]).all()):
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
