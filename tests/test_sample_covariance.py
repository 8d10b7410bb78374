"""The localised sample covariance, as a matrix and as an operator, against dense matrices; its laws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from dense_covariances import (
    DEPTH_SCALE,
    RADIUS,
    correlation,
    dense_covariance,
    dense_gaspari_cohn,
    ocean_history,
)
from numpy.typing import NDArray
from torch import Tensor
from toys import toy_grid

from deepda.assimilation import sample_covariance, sample_matrix, sample_operator
from deepda.assimilation.localisation import REACH, CovarianceError, Localisation, gaspari_cohn
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.assimilation.sample_matrix import SampleMatrix
from deepda.assimilation.sample_operator import SampleOperator
from deepda.assimilation.samples import Samples
from deepda.geometry.grid import Grid
from deepda.geometry.sphere import EARTH_RADIUS

BATCH = 3
NEAR_GASPARI_COHN = 0.05  # of the Frobenius norm


@pytest.fixture(params=["matrix", "operator"], autouse=True)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test holds for either way to the products."""
    if request.param == "operator":
        monkeypatch.setattr(sample_covariance, "MATRIX_CELLS", 0)
    return str(request.param)


@pytest.fixture
def history(grid: Grid) -> NDArray[np.float32]:
    return ocean_history(grid, np.random.default_rng(grid.shape[0]), windows=12)


@pytest.fixture
def covariance(grid: Grid, history: NDArray[np.float32]) -> SampleCovariance:
    return SampleCovariance.fit(history, grid, RADIUS, DEPTH_SCALE)


@pytest.fixture
def dense(grid: Grid, history: NDArray[np.float32]) -> Tensor:
    return on_all_cells(dense_covariance(history, grid), grid)


def on_all_cells(water: NDArray[np.float64], grid: Grid) -> Tensor:
    """The matrix over all cells in flat (depth, lat, lon) order, zero on land."""
    wet = np.flatnonzero(grid.ocean)
    whole = np.zeros((grid.ocean.size, grid.ocean.size), np.float32)
    whole[np.ix_(wet, wet)] = water
    return torch.from_numpy(whole)


def matrix_of(covariance: SampleCovariance, grid: Grid) -> NDArray[np.float64]:
    """(cell, cell) in flat order: products with unit fields."""
    wet = np.flatnonzero(grid.ocean)
    units = torch.eye(grid.ocean.size)[wet].view(-1, *grid.shape)
    columns = [covariance.product(part).flatten(1)[:, wet] for part in units.split(64)]
    return torch.cat(columns).double().numpy()


def fields(grid: Grid, seed: int, batch: int = BATCH) -> Tensor:
    """Random fields, on land as well."""
    return torch.randn(batch, *grid.shape, generator=torch.Generator().manual_seed(seed))


def masks(grid: Grid, shares: tuple[float, ...]) -> Tensor:
    """(B, L, Y, X) random water cells, another share of them in each member."""
    draw = torch.rand(len(shares), *grid.shape, generator=torch.Generator().manual_seed(9))
    return (draw < torch.tensor(shares)[:, None, None, None]) & torch.from_numpy(grid.ocean)


def assert_close(found: Tensor, expected: Tensor) -> None:
    """To the rounding of float32 sums of some hundred terms of order one."""
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def times(dense: Tensor, field: Tensor) -> Tensor:
    return (field.flatten(1) @ dense.T).reshape(field.shape)


def test_the_product_is_that_of_the_dense_matrix(
    grid: Grid, covariance: SampleCovariance, dense: Tensor
) -> None:
    field = fields(grid, 1)
    found = covariance.product(field)
    assert_close(found, times(dense, field))
    assert not found[:, ~grid.ocean].any() and found.dtype == field.dtype


@pytest.mark.slow
def test_the_matrix_is_near_that_localised_by_gaspari_and_cohn(
    grid: Grid, history: NDArray[np.float32], covariance: SampleCovariance
) -> None:
    """Unequal cells, an island, a continent across the date line; variances are the same to rounding."""
    found, expected = matrix_of(covariance, grid), dense_gaspari_cohn(history, grid)
    assert np.linalg.norm(found - expected) < NEAR_GASPARI_COHN * np.linalg.norm(expected)
    np.testing.assert_allclose(np.diag(found), np.diag(expected), rtol=1e-5)
    variance = covariance.variance(torch.Size(grid.shape))
    np.testing.assert_allclose(variance[grid.ocean], np.diag(expected), rtol=1e-5)
    assert bool((variance[~grid.ocean] == 1).all())


@pytest.mark.slow
def test_the_increment_is_near_that_of_gaspari_and_cohn(
    grid: Grid, history: NDArray[np.float32], covariance: SampleCovariance
) -> None:
    seen = masks(grid, (0.1,))[0].numpy()[grid.ocean]
    misfit = np.random.default_rng(1).standard_normal(int(seen.sum()))
    increments = []
    for matrix in (matrix_of(covariance, grid), dense_gaspari_cohn(history, grid)):
        weights = np.linalg.solve(matrix[np.ix_(seen, seen)] + 0.2 * np.eye(len(misfit)), misfit)
        increments.append(matrix[:, seen] @ weights)
    found, expected = increments
    assert np.linalg.norm(found - expected) < NEAR_GASPARI_COHN * np.linalg.norm(expected)


@pytest.mark.slow
def test_the_matrix_is_symmetric_and_positive_semidefinite_with_fewer_samples_than_cells(
    grid: Grid,
) -> None:
    """Schur's theorem; the raw covariance of five samples has rank four only."""
    few = ocean_history(grid, np.random.default_rng(1), windows=5)
    matrix = matrix_of(SampleCovariance.fit(few, grid, RADIUS, DEPTH_SCALE), grid)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)
    eigenvalues = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    assert eigenvalues[0] > -1e-5 * eigenvalues[-1]
    assert np.sum(eigenvalues > 1e-3) > 50


def test_influence_crosses_the_date_line(grid: Grid) -> None:
    together = ocean_history(grid, np.random.default_rng(3))
    together[:] = together[:, :, :, :1]  # the ocean goes up and down as one around each latitude
    fitted = SampleCovariance.fit(
        np.where(grid.ocean, np.nan_to_num(together), 0), grid, RADIUS, DEPTH_SCALE
    )
    field = torch.zeros(1, *grid.shape)
    field[0, 0, 8, 0] = 1.0
    image = covariance_at = fitted.product(field)[0, 0, 8]
    assert abs(covariance_at[-1]) > 0.1 * image[0] > 0


def test_the_taper_is_that_of_gaspari_and_cohn() -> None:
    """Values of their equation 4.10 at z = 0, c, 2c, and one by hand at z = 3c / 2."""
    at_three_halves = 4 - 7.5 + 3.75 + 5 / 8 * 3.375 - 5.0625 / 2 + 7.59375 / 12 - 2 / 4.5
    taper = gaspari_cohn(np.array([0.0, 0.5, -0.5, 0.75, 1.0, 1.3]))
    np.testing.assert_allclose(taper, [1, 5 / 24, 5 / 24, at_three_halves, 0, 0], atol=1e-12)


def aqua(lat: int, lon: int, layers: int = 3) -> Grid:
    """Equal cells, no land."""
    edges = np.linspace(-88, 88, lat + 1), np.linspace(0, 360, lon + 1), np.linspace(0, 200, layers + 1)
    return Grid(*edges, np.ones((layers, lat, lon), bool))


@pytest.mark.slow
def test_the_horizontal_correlation_is_near_gaspari_and_cohns_and_ends_at_the_reach() -> None:
    """As good as the module says."""
    grid = aqua(22, 45, 1)
    localisation = Localisation.of(grid, 3500.0, 1500.0)
    lat, lon = (
        f.ravel() for f in np.meshgrid(np.deg2rad(grid.lat), np.deg2rad(grid.lon), indexing="ij")
    )
    cosine = np.sin(lat[:, None]) * np.sin(lat) + np.cos(lat[:, None]) * np.cos(lat) * np.cos(
        lon[:, None] - lon
    )
    distance = EARTH_RADIUS / 1e3 * np.arccos(cosine.clip(-1, 1))
    found = correlation(localisation)
    expected = gaspari_cohn(distance / 3500)
    assert np.linalg.norm(found - expected) < 0.045 * np.linalg.norm(expected)
    assert not found[distance > 2 * REACH * 3500].any()
    assert np.count_nonzero(localisation.weight, axis=1).mean() < 11


@pytest.mark.parametrize("cells", [1, 7])
def test_rolling_the_globe_rolls_the_product_where_there_is_no_land(cells: int) -> None:
    """Up to the nodes, which stay where they are."""
    grid = aqua(20, 36)
    history = np.random.default_rng(0).standard_normal((20, *grid.shape)).astype(np.float32)
    field = torch.randn(1, *grid.shape, generator=torch.Generator().manual_seed(1))
    here = SampleCovariance.fit(history, grid, 5000.0, 150.0).product(field)
    rolled = SampleCovariance.fit(np.roll(history, cells, axis=-1), grid, 5000.0, 150.0)
    there = rolled.product(field.roll(cells, -1)).roll(-cells, -1)
    assert float((there - here).norm() / here.norm()) < NEAR_GASPARI_COHN


def test_the_number_of_cells_chooses_between_matrix_and_operator(
    grid: Grid, history: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = int(grid.ocean.sum())
    for most, kind in ((cells, SampleMatrix), (cells - 1, SampleOperator)):
        monkeypatch.setattr(sample_covariance, "MATRIX_CELLS", most)
        assert isinstance(SampleCovariance.fit(history, grid, RADIUS, DEPTH_SCALE).form, kind)


@pytest.mark.slow
def test_the_matrix_holds_pairs_of_cells_that_are_near_and_no_others() -> None:
    """They share a node, and are near in depth."""
    grid = aqua(20, 36)
    localisation = Localisation.of(grid, 3500.0, 150.0)
    samples = Samples.of(np.random.default_rng(0).standard_normal((5, *grid.shape)), grid)
    entries = SampleMatrix(samples, localisation).matrix.values().numel()
    assert entries == np.count_nonzero(correlation(localisation)) < 0.2 * grid.ocean.size**2


def test_the_work_of_the_operator_grows_linearly_with_the_cells() -> None:
    """Nodes stay the same, and so does the number of them that a cell meets."""
    met, nodes = [], []
    for lat, lon in ((12, 24), (24, 48), (48, 96)):
        localisation = Localisation.of(aqua(lat, lon), 5000.0, 150.0)
        met.append(float((localisation.weight > 0).sum() / len(localisation.weight)))
        nodes.append(localisation.nodes)
    assert max(met) < 1.05 * min(met) and len(set(nodes)) == 1


def test_what_stands_on_land_is_not_read(grid: Grid, covariance: SampleCovariance) -> None:
    field, ocean = fields(grid, 2), torch.from_numpy(grid.ocean)
    poisoned = field.where(ocean, torch.nan)
    assert torch.equal(covariance.product(poisoned), covariance.product(field))


def test_a_field_that_is_not_contiguous_is_taken_cell_by_cell(
    grid: Grid, covariance: SampleCovariance
) -> None:
    """As gradients of sums and permuted fields are."""
    field = fields(grid, 3)
    permuted = field.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1)
    assert not permuted.is_contiguous()
    assert torch.equal(covariance.product(permuted), covariance.product(field))
    constant = torch.ones(1).expand(BATCH, *grid.shape)
    assert torch.equal(covariance.product(constant), covariance.product(constant.contiguous()))


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 7, 2**16])
def test_from_observed_cells_it_is_the_dense_matrix_of_each_member(
    grid: Grid,
    covariance: SampleCovariance,
    dense: Tensor,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However few cells are worked on together; nothing else is read."""
    monkeypatch.setattr(sample_operator, "AT_ONCE", at_once)
    monkeypatch.setattr(sample_matrix, "COLUMNS", at_once)
    seen = masks(grid, (0.1, 0.5, 0.02))
    field = fields(grid, 4)
    expected = times(dense, field.where(seen, 0.0))
    observed = covariance.between(seen)
    poisoned = field.where(seen, torch.nan)
    assert_close(observed.within(poisoned), expected.where(seen, 0.0))
    assert_close(observed.everywhere(poisoned), expected)


def test_a_member_that_sees_nothing_gives_zero_beside_one_that_does(
    grid: Grid, covariance: SampleCovariance
) -> None:
    observed = covariance.between(masks(grid, (0.2, 0.0, 0.2)))
    for found in (observed.within(fields(grid, 5)), observed.everywhere(fields(grid, 5))):
        assert not found[1].any() and found[0].any() and found[2].any()
    alone = covariance.between(masks(grid, (0.0,))).within(fields(grid, 5, batch=1))
    assert alone.shape == (1, *grid.shape) and not alone.any()


def test_members_that_see_the_same_cells_are_what_they_are_alone(
    grid: Grid, covariance: SampleCovariance
) -> None:
    """Wherever they stand among those that see others; their rows are cut out once."""
    one, other = masks(grid, (0.3, 0.4))
    seen, field = torch.stack([one, other, one]), fields(grid, 6)
    together = covariance.between(seen)
    assert len(together.groups) == 2
    alone = [covariance.between(seen[n : n + 1]).within(field[n : n + 1]) for n in range(BATCH)]
    assert_close(together.within(field), torch.cat(alone))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["product", "within", "everywhere"])
def test_gradients_are_finite_differences(what: str) -> None:
    """In double precision, of fields that are not zero where they are not read."""
    grid = toy_grid(np.random.default_rng(3), (2, 5, 6))
    made = SampleCovariance.fit(
        ocean_history(grid, np.random.default_rng(0), windows=5), grid, RADIUS, DEPTH_SCALE
    ).double()
    seen = masks(grid, (0.2, 0.5))
    products: dict[str, Callable[[Tensor], Tensor]] = {
        "product": made.product,
        "within": made.between(seen).within,
        "everywhere": made.between(seen).everywhere,
    }
    field = fields(grid, 7, batch=2).double().requires_grad_()
    assert torch.autograd.gradcheck(products[what], field)


def test_what_was_first_used_in_inference_mode_passes_gradients_later(
    grid: Grid, covariance: SampleCovariance, dense: Tensor
) -> None:
    """What a product needs is worked out at the first one, whoever asks for it."""
    seen, field = masks(grid, (0.3,)), fields(grid, 8, batch=1)
    with torch.inference_mode():
        covariance.product(field)
    field.requires_grad_()
    image = covariance.product(field) + covariance.between(seen).everywhere(field)
    found = torch.autograd.grad(image.square().sum() / 2, field)[0]
    both = dense + torch.where(seen.flatten()[None], dense, 0.0)
    assert_close(found, (both.T @ both @ field.detach().flatten()).view(field.shape))


def test_the_dtype_of_the_field_is_kept(grid: Grid, covariance: SampleCovariance) -> None:
    field = fields(grid, 1).double()
    found = covariance.product(field)
    assert found.dtype == torch.float64
    assert_close(found.float(), covariance.product(field.float()))


def test_samples_are_no_weights_and_follow_the_module(grid: Grid, covariance: SampleCovariance) -> None:
    """What was worked out before a move is not used after it."""
    assert not covariance.state_dict() and not list(covariance.parameters())
    field = fields(grid, 1)
    before = covariance.product(field)
    moved = covariance.double()
    assert moved.samples.scale.dtype == torch.float64
    assert_close(moved.product(field), before)


def test_a_byte_a_value_is_off_by_less_than_a_hundredth_of_the_deviation(
    grid: Grid, history: NDArray[np.float32]
) -> None:
    localisation = Localisation.of(grid, RADIUS, DEPTH_SCALE)
    samples = Samples.of(history, grid)
    exact = history.reshape(len(history), -1)[:, localisation.cells.numpy()].T.astype(float)
    exact = (exact - exact.mean(1, keepdims=True)) / np.sqrt(len(history) - 1)
    error = samples.codes.double().numpy() * samples.scale.numpy()[:, None] - exact
    assert np.sqrt(np.mean(error**2)) < 0.01 * np.sqrt(np.mean(exact**2))
    assert samples.codes.dtype == torch.int8


def test_a_cell_that_never_changes_has_no_covariance(grid: Grid, history: NDArray[np.float32]) -> None:
    history = np.nan_to_num(history)
    still = tuple(np.argwhere(grid.ocean)[4])
    history[(slice(None), *still)] = 2.0
    made = SampleCovariance.fit(history, grid, RADIUS, DEPTH_SCALE)
    assert float(made.product(fields(grid, 1))[(0, *still)]) == 0.0


def swap_depth_and_latitude(history: NDArray[np.float32]) -> NDArray[np.float32]:
    return history.swapaxes(1, 2)


def poison_water(history: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.full_like(history, np.nan)


@pytest.mark.parametrize(
    ("spoil", "radius", "depth_scale", "message"),
    [
        (swap_depth_and_latitude, RADIUS, DEPTH_SCALE, "samples of shape"),
        (lambda history: history[:1], RADIUS, DEPTH_SCALE, "at least two"),
        (poison_water, RADIUS, DEPTH_SCALE, "not finite"),
        (np.copy, 0.0, DEPTH_SCALE, "radius_km is 0"),
        (np.copy, 30000.0, DEPTH_SCALE, "antipode"),
        (np.copy, RADIUS, float("nan"), "depth_scale_m is nan"),
    ],
)
def test_a_covariance_that_cannot_be_is_refused(
    grid: Grid,
    history: NDArray[np.float32],
    spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    radius: float,
    depth_scale: float,
    message: str,
) -> None:
    with pytest.raises(CovarianceError, match=message):
        SampleCovariance.fit(spoil(history), grid, radius, depth_scale)
