"""The covariance against dense matrices, its solver against numpy, its gradients against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from deepda.assimilation import conjugate_gradients as solver
from deepda.assimilation.conjugate_gradients import conjugate_gradients
from deepda.geometry.sphere import EARTH_RADIUS
from deepda.networks import covariance
from deepda.networks.covariance import Loading, SphericalCorrelation, apply_covariance
from deepda.networks.gain import Accuracy, solve

LENGTHS = [800.0, 3000.0]


def drawn(
    seed: int, longitudes: int = 10, factors: tuple[int, int] = (1, 1)
) -> tuple[SphericalCorrelation, Tensor]:
    """A correlation with random lengths and belt, on unequal latitudes."""
    rng = np.random.default_rng(seed)
    lat = torch.tensor(np.sort(rng.uniform(-85, 85, 7)), dtype=torch.float32)
    torch.manual_seed(seed)
    correlation = SphericalCorrelation(lat, longitudes, LENGTHS, factors)
    with torch.no_grad():
        for parameter in correlation.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return correlation, lat


def dense(correlation: SphericalCorrelation, scale: int) -> Tensor:
    """The matrix over (Y, X) by applying it to each unit vector."""
    lats, lons = len(correlation.phi), correlation.longitudes
    units = torch.eye(lats * lons).reshape(-1, 1, lats, lons).repeat(1, len(LENGTHS), 1, 1)
    with torch.no_grad():
        return correlation.smooth(units, correlation.spectrum())[:, scale].flatten(1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("longitudes", [9, 10])
def test_the_correlation_is_one_at_home_symmetric_and_positive(seed: int, longitudes: int) -> None:
    for scale in range(len(LENGTHS)):
        matrix = dense(drawn(seed, longitudes)[0], scale)
        torch.testing.assert_close(matrix.diagonal(), torch.ones(len(matrix)), atol=2e-5, rtol=0)
        torch.testing.assert_close(matrix, matrix.T, atol=2e-5, rtol=0)
        assert torch.linalg.eigvalsh(matrix.double()).min() > -1e-4


def test_without_a_belt_the_correlation_is_a_gaussian_of_the_chord() -> None:
    lat = torch.tensor([-50.0, -8.0, 3.0, 40.0])
    correlation = SphericalCorrelation(lat, 12, [2000.0], [1])
    with torch.no_grad():
        correlation.log_zonal.fill_(math.log(2000.0 / 6371.229))
    phi, lam = torch.deg2rad(lat)[:, None], torch.arange(12) * (2 * math.pi / 12)
    horizontal = torch.stack([phi.cos() * lam.cos(), phi.cos() * lam.sin()])
    angle = 2000.0 / 6371.229
    units = torch.zeros(1, 1, 4, 12)
    units[0, 0, 1, 5] = 1
    with torch.no_grad():
        found = correlation.smooth(units, correlation.spectrum())[0, 0]
    chord = (horizontal - horizontal[:, 1:2, 5:6]).square().sum(0)
    same_latitude = torch.exp(-0.5 * chord / angle**2)[1]
    torch.testing.assert_close(found[1], same_latitude, atol=1e-5, rtol=0)
    assert found[2, 5] > found[3, 5] > 0  # nearer is more alike


@pytest.mark.parametrize("turn", [1, 4])
def test_longitude_wraps(turn: int) -> None:
    correlation, _ = drawn(1, factors=(3, 1))
    field = torch.randn(2, 4, 7, 10)
    with torch.no_grad():
        spectrum = correlation.spectrum()
        rolled = correlation.smooth(field.roll(turn, -1), spectrum)
        torch.testing.assert_close(rolled, correlation.smooth(field, spectrum).roll(turn, -1))


@pytest.mark.parametrize("placed", [0, 2])
def test_the_covariance_equals_its_dense_sum_over_factors(placed: int) -> None:
    everywhere, layers = 4, 3
    correlation, _ = drawn(2, factors=(4, placed))
    torch.manual_seed(0)
    shapes, patterns = torch.randn(everywhere, layers), torch.randn(placed, layers, 7, 10)
    amplitude, field = torch.rand(1, 4 + placed, 7, 10), torch.randn(1, layers, 7, 10)
    with torch.no_grad():
        spectrum = correlation.spectrum()
        found = apply_covariance(
            field, Loading(shapes, patterns), amplitude, lambda f: correlation.smooth(f, spectrum)
        )
    alone = drawn(2)[0]
    loading = torch.cat([shapes[:, :, None].expand(-1, -1, 70), patterns.flatten(2)])
    expected = torch.zeros(layers, 70)
    for factor, u in enumerate(loading * amplitude[0].flatten(1)[:, None]):
        horizontal = dense(alone, 0 if factor < everywhere else 1)
        expected += u * (horizontal @ (u * field[0].flatten(1)).sum(0))
    torch.testing.assert_close(found[0].flatten(1), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("placed", [0, 3])
def test_gathering_layers_is_the_transpose_of_spreading_to_factors(placed: int) -> None:
    torch.manual_seed(1)
    loading = Loading(torch.randn(4, 3), torch.randn(placed, 3, 5, 6))
    field, factors = torch.randn(2, 3, 5, 6), torch.randn(2, 4 + placed, 5, 6)
    there = (loading.to_factors(field) * factors).sum((1, 2, 3))
    torch.testing.assert_close(there, (field * loading.to_layers(factors)).sum((1, 2, 3)))


def test_conjugate_gradients_solve_each_sample_for_itself() -> None:
    torch.manual_seed(0)
    roots = torch.randn(3, 8, 8, dtype=torch.float64)
    matrices = roots @ roots.transpose(1, 2) + torch.eye(8)
    right = torch.randn(3, 8, dtype=torch.float64)
    found = conjugate_gradients(lambda w: torch.einsum("bij,bj->bi", matrices, w), right, 40)
    torch.testing.assert_close(found, torch.linalg.solve(matrices, right))


def test_a_sample_that_is_solved_well_enough_does_not_hang_on_the_others() -> None:
    torch.manual_seed(2)
    roots = torch.randn(3, 8, 8, dtype=torch.float64) * torch.tensor([0.1, 1, 10])[:, None, None]
    matrices = roots @ roots.transpose(1, 2) + torch.eye(8)
    right = torch.randn(3, 8, dtype=torch.float64)

    def solved(part: slice) -> torch.Tensor:
        return conjugate_gradients(
            lambda w: torch.einsum("bij,bj->bi", matrices[part], w), right[part], 100, 1e-2
        )

    together = solved(slice(None))
    for number in range(3):
        torch.testing.assert_close(together[number], solved(slice(number, number + 1))[0])
    rest = torch.einsum("bij,bj->bi", matrices, together) - right
    share = rest.norm(dim=1) / right.norm(dim=1)
    assert (share <= 1e-2).all() and (share > 1e-6).any()


def test_a_sample_that_is_solved_already_stays_finite() -> None:
    right = torch.zeros(2, 4)
    right[1] = 1
    found = conjugate_gradients(lambda w: 2 * w, right, 10)
    torch.testing.assert_close(found, right / 2)


def test_gradients_pass_through_the_solver_as_through_the_inverse() -> None:
    torch.manual_seed(1)
    root = torch.randn(6, 6, dtype=torch.float64, requires_grad=True)
    right = torch.randn(1, 6, dtype=torch.float64, requires_grad=True)
    probe = torch.randn(1, 6, dtype=torch.float64)

    def matrix() -> Tensor:
        return root @ root.T + torch.eye(6, dtype=torch.float64)

    frozen = matrix().detach()
    found = solve(lambda w: w @ matrix(), lambda w: w @ frozen, right, Accuracy(30, 0.0))
    ours = torch.autograd.grad((probe * found).sum(), (root, right))
    exact = torch.autograd.grad((probe * torch.linalg.solve(matrix(), right[0])).sum(), (root, right))
    for one, other in zip(ours, exact, strict=True):
        torch.testing.assert_close(one, other)


def test_the_solution_does_not_depend_on_how_often_it_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps beyond the tolerance change nothing; on a GPU there are up to three of them."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(2, 30, 30, generator=generator)
    matrices = root @ root.mT / 30 + torch.eye(30)
    right, steps = torch.randn(2, 30, generator=generator), []

    def operator(field: Tensor) -> Tensor:
        steps.append(1)
        return torch.einsum("bij,bj->bi", matrices, field)

    every = conjugate_gradients(operator, right, 100, 1e-3)
    number = len(steps)
    monkeypatch.setattr(solver, "steps_between_tests", lambda device: 4)
    assert torch.equal(conjugate_gradients(operator, right, 100, 1e-3), every)
    assert number <= len(steps) - number <= number + 3 and (len(steps) - number) % 4 == 0


def test_long_correlations_have_few_waves_and_lose_nothing_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a 2-degree grid; with all waves it is the same to rounding."""
    lat = torch.linspace(-70, 70, 15)
    correlation = SphericalCorrelation(lat, 180, [300.0, 4000.0], [1, 1])
    field = torch.randn(1, 2, 15, 180, generator=torch.Generator().manual_seed(0))
    short, long = correlation.spectrum()
    assert len(long) < 15 < 60 < len(short)
    found = correlation.smooth(field, [short, long])
    monkeypatch.setattr(covariance, "NEGLIGIBLE", 0.0)
    whole = correlation.spectrum()
    assert all(len(spectrum) == 91 for spectrum in whole)
    torch.testing.assert_close(found, correlation.smooth(field, whole), rtol=0, atol=1e-3)


def test_a_localised_correlation_is_the_product_with_a_gaussian_of_the_distance() -> None:
    plain, lat = drawn(5)
    other, _ = drawn(5)
    other.localise(2000.0)
    phi, lam = torch.deg2rad(lat)[:, None], torch.arange(10) * (2 * math.pi / 10)
    height = phi.sin().expand(-1, 10)
    place = torch.stack([phi.cos() * lam.cos(), phi.cos() * lam.sin(), height]).flatten(1)
    chord = (place[:, :, None] - place[:, None]).norm(dim=0) * EARTH_RADIUS / 1e3
    taper = torch.exp(-0.5 * (3.7 * chord / 2000.0) ** 2)
    for scale in range(len(LENGTHS)):
        expected = dense(plain, scale) * taper
        torch.testing.assert_close(dense(other, scale), expected, atol=3e-5, rtol=0)
    assert (taper[chord > 2000] < 2e-3).all()
