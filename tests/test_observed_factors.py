"""The gain between observed cells against the gain on the grid, and its preconditioner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_analyser_laws import background_of, drawn, innovation, with_error_samples
from torch import Tensor
from toys import toy_grid

from deepda.assimilation.conjugate_gradients import conjugate_gradients
from deepda.assimilation.cycle import Observations, StateEstimate
from deepda.geometry.grid import Grid
from deepda.networks import gain, observed_factors
from deepda.networks.background_covariance import BackgroundCovariance
from deepda.networks.innovation import InnovationAnalyser
from deepda.networks.observed_factors import BlockJacobi, Waves

MAKERS = {"factors": innovation, "with samples": with_error_samples}


@pytest.fixture(params=[14, 15, 3])
def grid(request: pytest.FixtureRequest) -> Grid:
    """With islands; an even number of longitudes, an odd one, and very few."""
    return toy_grid(np.random.default_rng(request.param), (4, 10, request.param))


def exact(grid: Grid, kind: str = "factors") -> InnovationAnalyser:
    made = MAKERS[kind](grid)
    made.iterations, made.tolerance = 1000, 1e-6
    return made


def carried(made: InnovationAnalyser, batch: int = 3) -> tuple[BackgroundCovariance, Tensor]:
    """The covariance, and variances that differ from member to member and from place to place."""
    background = background_of(made, made.ocean > 0, batch)
    return made.structure().covariance, background.memory


def matrices(grid: Grid) -> tuple[Tensor, observed_factors.ObservedFactors]:
    """(B, m, m) F / scale2 of observed cells by products on the grid, and the same cells' factors."""
    made = exact(grid)
    covariance, variance = carried(made)
    cells = torch.nonzero(drawn(made.ocean > 0, 4, 1).seen.flatten()).flatten()
    units = torch.zeros(len(cells), made.ocean.numel())
    units[torch.arange(len(cells)), cells] = 1
    units = units.view(-1, *made.ocean.shape)
    one = torch.ones_like(made.ocean)
    found = []
    for member in variance:
        amplitude = member.expand(len(cells), *member.shape)
        operator = replace(covariance, scale=one).operator(amplitude, one, one, None)
        found.append(operator(units).flatten(1)[:, cells])
    return torch.stack(found), covariance.observed_factors(variance, cells)


def test_products_between_observed_cells_are_those_of_the_grid(grid: Grid) -> None:
    dense, factors = matrices(grid)
    values = torch.randn(dense.shape[:2], generator=torch.Generator().manual_seed(1))
    expected = (dense @ values[..., None])[..., 0]
    torch.testing.assert_close(factors.within(values), expected, rtol=1e-4, atol=1e-4)


def test_blocks_are_those_of_the_first_members_matrix(grid: Grid) -> None:
    dense, factors = matrices(grid)
    number = dense.shape[1]
    cells = torch.randperm(number, generator=torch.Generator().manual_seed(2))[: number // 2 * 2].view(
        2, -1
    )
    expected = torch.stack([dense[0][block[:, None], block] for block in cells])
    torch.testing.assert_close(factors.blocks(cells), expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(dense[0], dense[1], rtol=1e-2, atol=1e-2)  # members do differ


def test_neighbours_are_every_cell_once_and_nearer_than_in_the_order_of_the_grid() -> None:
    made = exact(toy_grid(np.random.default_rng(3), (4, 16, 32)))
    covariance, variance = carried(made, 1)
    cells = torch.nonzero(made.ocean.flatten()).flatten()
    order = covariance.observed_factors(variance, cells).neighbours()
    assert torch.equal(order.sort().values, torch.arange(len(cells)))
    row, lon = cells % (16 * 32) // 32, cells % 32

    def extent(numbers: Tensor) -> float:
        """Of blocks of 32 cells, in cells of the grid."""
        whole = numbers[: len(numbers) // 32 * 32].view(-1, 32)
        return float(sum((of[whole].amax(1) - of[whole].amin(1)).float().mean() for of in (row, lon)))

    assert extent(order) < extent(torch.arange(len(cells))) / 3


def test_the_blocks_are_inverted_whether_or_not_the_cells_fill_them() -> None:
    made = exact(toy_grid(np.random.default_rng(4), (4, 12, 24)))
    covariance, variance = carried(made, 2)
    wet = torch.nonzero(made.ocean.flatten()).flatten()
    for number in (1, observed_factors.BLOCK, observed_factors.BLOCK + 1):
        factors = covariance.observed_factors(variance, wet[:number])
        weight, added = torch.rand(2, number) + 0.1
        found = BlockJacobi(factors, weight, added)(torch.eye(number))
        (block,) = factors.blocks(torch.arange(number)[None])
        matrix = weight[:, None] * block * weight + (added + observed_factors.ROUNDING).diag()
        last = factors.neighbours()[observed_factors.BLOCK :]  # alone in its block
        matrix[last, :] = matrix[last, :] * torch.eye(number)[last]
        matrix[:, last] = matrix[:, last] * torch.eye(number)[:, last]
        torch.testing.assert_close(found @ matrix, torch.eye(number), rtol=0, atol=2e-3)


def dual(made: InnovationAnalyser, background: StateEstimate, seen: Observations) -> Tensor:
    """With or without gradients, as the caller has it."""
    covariance, precision = made.structure().covariance, seen.precision * made.ocean
    variance = background.memory
    return gain.dual(
        covariance,
        variance,
        covariance.spread(variance),
        torch.where(precision > 0, seen.value - background.mean, 0.0),
        precision,
        covariance.between(precision > 0),
        gain.Accuracy(made.iterations, made.tolerance),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("alike", ["each at other cells", "all at the same", "one for all"])
def test_the_gain_without_gradients_is_the_gain_with_them(grid: Grid, kind: str, alike: str) -> None:
    made = exact(grid, kind)
    background, seen = background_of(made, made.ocean > 0), drawn(made.ocean > 0, 3)
    if alike != "each at other cells":
        batch = 3 if alike == "all at the same" else 1
        value = seen.value[:1].nan_to_num().expand(batch, *seen.value.shape[1:])
        value = value * torch.arange(1.0, batch + 1).view(-1, 1, 1, 1)
        seen = replace(seen, value=value, precision=seen.precision[:1].expand_as(value))
    with_graph = dual(made, background, seen)
    with torch.no_grad():
        torch.testing.assert_close(dual(made, background, seen), with_graph, rtol=1e-3, atol=1e-4)


def test_a_member_without_observations_is_left_alone(grid: Grid) -> None:
    made = exact(grid)
    background, seen = background_of(made, made.ocean > 0), drawn(made.ocean > 0, 3)
    precision = seen.precision.clone()
    precision[1] = 0
    with torch.no_grad():
        found = dual(made, background, replace(seen, precision=precision))
        assert not found[1].any() and found[0].any()
        assert not dual(made, background, replace(seen, precision=0 * precision)).any()


@pytest.mark.slow
def test_a_member_that_is_not_finite_shows_and_harms_no_other() -> None:
    made = exact(toy_grid(np.random.default_rng(5)))
    background, seen = background_of(made, made.ocean > 0), drawn(made.ocean > 0, 3)
    same = replace(seen, value=seen.value[:1].expand(3, -1, -1, -1), precision=seen.precision[:1])
    mean = background.mean.clone()
    mean[2] = torch.inf
    with torch.no_grad():
        expected = dual(made, background, same)
        found = dual(made, replace(background, mean=mean), same)
    assert torch.equal(found[:2], expected[:2])
    assert not found[2].isfinite().all()


def test_blocks_save_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    made = exact(toy_grid(np.random.default_rng(6), (4, 20, 40)))
    made.tolerance = 0.03
    background, seen = background_of(made, made.ocean > 0, 1), drawn(made.ocean > 0, 3, 1)
    seen = replace(seen, precision=100 * seen.precision)
    steps: list[int] = []

    def counted(operator, right, iterations, tolerance, precondition=None):  # type: ignore[no-untyped-def]
        steps.append(0)

        def once_more(field: Tensor) -> Tensor:
            steps[-1] += 1
            return operator(field)

        return conjugate_gradients(once_more, right, iterations, tolerance, precondition)

    monkeypatch.setattr(gain, "conjugate_gradients", counted)
    dual(made, background, seen)  # the cells by themselves
    with torch.no_grad():
        dual(made, background, seen)
    assert steps[1] <= 0.7 * steps[0]


def test_waves_of_a_short_spectrum_are_those_of_the_fourier_transform() -> None:
    spectrum = torch.rand(3, 5, 5)
    field = torch.randn(5, 12, 2)
    waves = torch.fft.rfft(field, dim=1)
    mixed = torch.zeros_like(waves)
    mixed[:, :3] = torch.einsum("wyz,zwn->ywn", spectrum.to(waves.dtype), waves[:, :3])
    expected = torch.fft.irfft(mixed, n=12, dim=1)
    torch.testing.assert_close(Waves.of(spectrum, 12).smooth(field), expected)
