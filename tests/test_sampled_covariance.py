"""Products with a sampled covariance, forwards and backwards, against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import toy_grid
from numpy.typing import NDArray
from test_baselines import DEPTH_SCALE, RADIUS, dense_covariance, ocean_history
from torch import Tensor

from deepda.assimilation.conjugate_gradients import Operator
from deepda.assimilation.local_covariance import LocalCovariance
from deepda.geometry.grid import Grid
from deepda.networks import sampled
from deepda.networks.sampled import SampledCovariance

BATCH = 3


@pytest.fixture
def history(grid: Grid) -> NDArray[np.float32]:
    return ocean_history(grid, np.random.default_rng(grid.shape[0]), windows=12)


@pytest.fixture
def dense(grid: Grid, history: NDArray[np.float32]) -> Tensor:
    return on_all_cells(dense_covariance(history, grid), grid)


@pytest.fixture
def covariance(grid: Grid, history: NDArray[np.float32]) -> SampledCovariance:
    return SampledCovariance(LocalCovariance.fit(history, grid, RADIUS, DEPTH_SCALE))


def on_all_cells(water: NDArray[np.float64], grid: Grid) -> Tensor:
    """The matrix over all cells in flat (depth, lat, lon) order, zero on land."""
    wet = np.flatnonzero(grid.ocean)
    whole = np.zeros((grid.ocean.size, grid.ocean.size), np.float32)
    whole[np.ix_(wet, wet)] = water
    return torch.from_numpy(whole)


def fields(grid: Grid, seed: int, batch: int = BATCH) -> Tensor:
    """Random fields, on land as well."""
    return torch.randn(batch, *grid.shape, generator=torch.Generator().manual_seed(seed))


def masks(grid: Grid, shares: tuple[float, ...]) -> Tensor:
    """(B, L, Y, X) random water cells, another share of them in each sample."""
    draw = torch.rand(len(shares), *grid.shape, generator=torch.Generator().manual_seed(9))
    return (draw < torch.tensor(shares)[:, None, None, None]) & torch.from_numpy(grid.ocean)


def assert_close(found: Tensor, expected: Tensor) -> None:
    """To the rounding of float32 sums of some hundred terms of order one."""
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def times(dense: Tensor, field: Tensor) -> Tensor:
    return (field.flatten(1) @ dense.T).reshape(field.shape)


def test_the_product_is_that_of_the_dense_matrix(
    grid: Grid, covariance: SampledCovariance, dense: Tensor
) -> None:
    field = fields(grid, 1)
    found = covariance.product(field)
    assert_close(found, times(dense, field))
    assert not found[:, ~grid.ocean].any() and found.dtype == field.dtype


def test_what_stands_on_land_is_not_read(grid: Grid, covariance: SampledCovariance) -> None:
    field, ocean = fields(grid, 2), torch.from_numpy(grid.ocean)
    poisoned = field.where(ocean, torch.nan)
    assert torch.equal(covariance.product(poisoned), covariance.product(field))


def test_a_field_that_is_not_contiguous_is_taken_cell_by_cell(
    grid: Grid, covariance: SampledCovariance
) -> None:
    """As gradients of sums and permuted fields are."""
    field = fields(grid, 3)
    permuted = field.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1)
    assert not permuted.is_contiguous()
    assert torch.equal(covariance.product(permuted), covariance.product(field))
    constant = torch.ones(1).expand(BATCH, *grid.shape)
    assert torch.equal(covariance.product(constant), covariance.product(constant.contiguous()))


@pytest.mark.parametrize("rows", [1, 7, 500])
def test_among_the_seen_it_is_the_dense_matrix_of_each_sample(
    grid: Grid,
    covariance: SampledCovariance,
    dense: Tensor,
    rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However small the pieces that the matrix is cut from; elsewhere nothing is read or written."""
    monkeypatch.setattr(sampled, "ROWS", rows)
    seen = masks(grid, (0.1, 0.5, 0.02))
    assert int(seen[1].sum()) > 7 and not torch.equal(seen[0], seen[1])
    field = fields(grid, 4)
    expected = times(dense, field.where(seen, 0.0)).where(seen, 0.0)
    found = covariance.among(seen)(field.where(seen, torch.nan))
    assert_close(found, expected)


@pytest.mark.parametrize("seed", range(2))
def test_more_cells_than_one_piece_holds_are_seen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = toy_grid(rng, (5, 12, 15))
    made = SampledCovariance(
        LocalCovariance.fit(ocean_history(grid, rng, windows=8), grid, 3000.0, DEPTH_SCALE)
    )
    seen = masks(grid, (0.95, 0.9))
    assert int(seen.flatten(1).sum(1).min()) > sampled.ROWS
    field = fields(grid, seed, batch=2).where(seen, 0.0)
    expected = made.product(field).where(seen, 0.0)
    assert_close(made.among(seen)(field), expected)


def test_a_sample_that_sees_nothing_gives_zero_beside_one_that_does(
    grid: Grid, covariance: SampledCovariance
) -> None:
    seen = masks(grid, (0.2, 0.0, 0.2))
    found = covariance.among(seen)(fields(grid, 5))
    assert not found[1].any() and found[0].any() and found[2].any()
    alone = covariance.among(seen[1:2])(fields(grid, 5, batch=1))
    assert alone.shape == (1, *grid.shape) and not alone.any()


def test_samples_that_see_the_same_cells_are_what_they_are_alone(
    grid: Grid, covariance: SampledCovariance
) -> None:
    """Wherever they stand among those that see others."""
    one, other = masks(grid, (0.3, 0.4))
    seen, field = torch.stack([one, other, one]), fields(grid, 6)
    together = covariance.among(seen)(field)
    alone = [covariance.among(seen[n : n + 1])(field[n : n + 1]) for n in range(BATCH)]
    assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("among", [False, True])
def test_the_gradient_is_the_product_of_the_gradient(
    grid: Grid, covariance: SampledCovariance, dense: Tensor, among: bool
) -> None:
    """Of a nonlinear function of the product, against autograd through the dense matrix."""
    seen = masks(grid, (0.1, 0.4, 0.0)) if among else torch.ones(BATCH, *grid.shape, dtype=torch.bool)

    def through_dense(field: Tensor) -> Tensor:
        return times(dense, field.where(seen, 0.0)).where(seen, 0.0)

    product: Operator = covariance.among(seen) if among else covariance.product
    weight, start = fields(grid, 7), fields(grid, 8)
    gradients = []
    for operator in (through_dense, product):
        field = start.clone().requires_grad_()
        (weight * operator(field).sin()).sum().backward()
        gradients.append(field.grad)
    assert gradients[0] is not None and gradients[1] is not None and gradients[0].any()
    assert_close(gradients[1], gradients[0])


def test_double_precision_is_kept(grid: Grid, covariance: SampledCovariance) -> None:
    field = fields(grid, 1).double()
    found = covariance.product(field)
    assert found.dtype == torch.float64
    assert_close(found.float(), covariance.product(field.float()))
