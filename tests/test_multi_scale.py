"""The multi-scale covariance and the smoother that makes its bands: dense matrices, laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dense_covariances import DEPTH_SCALE, RADIUS, correlation, ocean_history
from numpy.typing import NDArray
from toys import toy_grid

from deepda.assimilation import sample_covariance
from deepda.assimilation.baselines import OptimalInterpolation
from deepda.assimilation.covariance_sum import CovarianceSum
from deepda.assimilation.localisation import CovarianceError, Localisation, Reach
from deepda.assimilation.multi_scale import Scales, bands_of, multi_scale_covariance
from deepda.assimilation.sample_covariance import SampleCovariance
from deepda.assimilation.samples import Samples
from deepda.geometry.grid import Grid

SCALES = Scales(widths_km=(9000.0, 5000.0), radii_km=(12000.0, RADIUS, 3000.0))


@pytest.fixture(params=["matrix", "operator"], autouse=True)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test holds for either way to the products."""
    if request.param == "operator":
        monkeypatch.setattr(sample_covariance, "MATRIX_CELLS", 0)


@pytest.fixture
def grid() -> Grid:
    return toy_grid(np.random.default_rng(3), shape=(3, 8, 10))


@pytest.fixture
def samples(grid: Grid) -> Samples:
    return Samples.of(ocean_history(grid, np.random.default_rng(7), windows=12), grid)


def matrix_of(covariance: CovarianceSum | SampleCovariance, grid: Grid) -> NDArray[np.float64]:
    """(cell, cell) of the water cells: products with unit fields where everything is observed."""
    everything = covariance.between(torch.from_numpy(grid.ocean)[None])
    units = torch.eye(grid.ocean.size)[covariance.cells].view(-1, *grid.shape)
    return everything.everywhere(units).flatten(1)[:, covariance.cells].double().numpy()


def field_of(values: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """(L, Y, X, K) of values (n, K), zero on land."""
    field = np.zeros((*grid.shape, values.shape[1]), np.float32)
    field[grid.ocean] = values
    return field


def test_the_smoother_leaves_a_constant_and_reads_no_land(grid: Grid) -> None:
    """Land counts for nothing, so that a coast does not draw towards zero."""
    constant = np.full((int(grid.ocean.sum()), 1), 3.0, np.float32)
    wide, rest = bands_of(constant, grid, (5000.0,))
    np.testing.assert_allclose(wide, 3.0, rtol=1e-5)
    np.testing.assert_allclose(rest, 0.0, atol=1e-5)


def test_the_smoother_is_the_mean_over_the_water_of_a_layer_by_brute_force(grid: Grid) -> None:
    values = np.random.default_rng(1).standard_normal((int(grid.ocean.sum()), 2)).astype(np.float32)
    wide, _ = bands_of(values, grid, (7000.0,))
    layer = np.nonzero(grid.ocean)[0]
    weight = correlation(Localisation.of(grid, 7000.0, 1e9)) * (layer[:, None] == layer)
    weight = weight * grid.volume[grid.ocean]
    expected = weight @ values / weight.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(wide, expected, rtol=1e-4, atol=1e-5)
    assert 0 < np.var(wide) < 0.5 * np.var(values)


def test_bands_add_up_and_the_first_is_the_smoothest(grid: Grid) -> None:
    values = np.random.default_rng(1).standard_normal((int(grid.ocean.sum()), 2)).astype(np.float32)
    bands = bands_of(values, grid, SCALES.widths_km)
    np.testing.assert_allclose(sum(bands), values, atol=1e-5)
    rough = [np.diff(field_of(band, grid), axis=2).std() / band.std() for band in bands]
    assert rough[0] < rough[-1]


def test_one_band_is_the_plain_sample_covariance(grid: Grid, samples: Samples) -> None:
    made = multi_scale_covariance(samples, grid, Scales((), (RADIUS,)), DEPTH_SCALE)
    shape = torch.Size(grid.shape)
    plain = SampleCovariance(samples, Localisation.of(grid, RADIUS, DEPTH_SCALE))
    np.testing.assert_allclose(matrix_of(made, grid), matrix_of(plain, grid), atol=1e-2)
    torch.testing.assert_close(made.variance(shape), plain.variance(shape))


def test_every_cell_keeps_its_variance_and_the_sum_is_positive_semidefinite(
    grid: Grid, samples: Samples
) -> None:
    made = multi_scale_covariance(samples, grid, SCALES, DEPTH_SCALE)
    matrix = matrix_of(made, grid)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-5)
    np.testing.assert_allclose(np.diag(matrix), samples.variance(), rtol=1e-4)
    variance = made.variance(torch.Size(grid.shape))
    np.testing.assert_allclose(variance[grid.ocean], samples.variance(), rtol=1e-4)
    assert bool((variance[~grid.ocean] == 1).all())
    assert np.linalg.eigvalsh(matrix).min() > -1e-4


def test_far_cells_share_the_wide_band_alone(grid: Grid, samples: Samples) -> None:
    """Beyond the radius of the narrow bands what is left is the localised covariance of the widest."""
    made = multi_scale_covariance(samples, grid, SCALES, DEPTH_SCALE)
    far = correlation(Localisation.of(grid, RADIUS, DEPTH_SCALE)) == 0
    wide = matrix_of(CovarianceSum(made.parts[:1]), grid)
    matrix = matrix_of(made, grid)
    np.testing.assert_allclose(matrix[far], wide[far], atol=1e-6)
    assert np.abs(matrix[far]).max() > 1e-3


def test_a_localised_baseline_has_the_reach_whatever_its_covariance(
    grid: Grid, samples: Samples
) -> None:
    reach = Reach(4000.0, DEPTH_SCALE / 2)
    plain = SampleCovariance(samples, Localisation.of(grid, RADIUS, DEPTH_SCALE))
    expected = matrix_of(SampleCovariance(samples, Localisation.of(grid, *reach)), grid)
    assert not np.allclose(matrix_of(plain, grid), expected, atol=1e-2)
    ocean, ones = torch.from_numpy(grid.ocean), torch.ones(1, grid.shape[0])
    for covariance, times in ((plain, 1), (CovarianceSum([plain, plain]), 2)):
        baseline = OptimalInterpolation(ocean, covariance, ones, ones[0], ocean.float(), 1e-3)
        found = matrix_of(baseline.localised(grid, reach).covariance, grid)
        np.testing.assert_allclose(found, times * expected, rtol=1e-4, atol=1e-5)


def test_scales_within_a_reach_keep_their_ratios_about_it() -> None:
    found = Scales((2500.0,), (4000.0, 1000.0)).within(Reach(1000.0, 600.0))
    assert found.widths_km == (2500.0,)
    assert found.radii_km == pytest.approx((2000.0, 500.0))


def test_a_sum_times_a_factor_is_that_factor_times_the_matrix(grid: Grid, samples: Samples) -> None:
    made = multi_scale_covariance(samples, grid, SCALES, DEPTH_SCALE)
    np.testing.assert_allclose(
        matrix_of(made.times(0.4), grid), 0.4 * matrix_of(made, grid), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    ("widths", "radii", "said"),
    [
        ((4000.0,), (5000.0,), "1 radii found for 1 widths of the smoother, expected one more"),
        (
            (2000.0, 4000.0),
            (1.0, 2.0, 3.0),
            r"widths_km are \[2000.0, .*\], expected the widest first",
        ),
    ],
)
def test_scales_that_do_not_fit_together_are_refused(
    widths: tuple[float, ...], radii: tuple[float, ...], said: str
) -> None:
    with pytest.raises(CovarianceError, match=said):
        Scales(widths, radii)
