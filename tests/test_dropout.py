"""Monte-Carlo dropout: masks that follow from seeds, members that keep theirs, spread over passes."""

from __future__ import annotations

import pytest
import torch
from test_innovation import analyser, estimate_of, observed
from torch import Tensor, nn

from deepda.networks.dropout import MonteCarloDropout, combined, monte_carlo_spread, thinned
from deepda.networks.innovation import InnovationAnalyser
from deepda.networks.trunk import PyramidTrunk

RATE = 0.4


def trunk() -> PyramidTrunk:
    torch.manual_seed(0)
    return PyramidTrunk(5, 16, 2, torch.ones(8, 12, dtype=torch.bool), dropout=RATE).eval()


def features(batch: int = 3) -> Tensor:
    """The same sample again and again, so that only the masks make them differ."""
    return torch.randn(1, 5, 8, 12, generator=torch.Generator().manual_seed(1)).expand(batch, -1, -1, -1)


@pytest.mark.slow
@torch.no_grad()
def test_dropout_is_off_at_inference_unless_asked_for() -> None:
    network, field = trunk(), features()
    whole = network(field)
    with thinned(network, [1, 2, None]):
        passes = network(field)
    assert not torch.allclose(passes[0], passes[1]) and not torch.allclose(passes[0], whole[0])
    torch.testing.assert_close(passes[2], whole[2])
    assert torch.equal(network(field), whole)


@torch.no_grad()
def test_masks_follow_from_the_seed_and_stay_from_call_to_call() -> None:
    network, field = trunk(), features()
    with thinned(network, [1, 2, 3]):
        first, again = network(field), network(field)
    with thinned(network, [3, 1, 9]):
        moved = network(field)
    assert torch.equal(first, again)
    torch.testing.assert_close(moved[:2], first[[2, 0]])
    assert not torch.allclose(moved[2], first[1])


@torch.no_grad()
def test_layers_of_one_network_draw_masks_of_their_own() -> None:
    layers = nn.Sequential(MonteCarloDropout(RATE), nn.Identity(), MonteCarloDropout(RATE)).eval()
    with thinned(layers, [5]):
        kept = [layers[place](torch.ones(1, 40, 1, 1)) > 0 for place in (0, 2)]
    assert not torch.equal(*kept)


def test_dropout_drops_whole_channels_and_keeps_the_mean() -> None:
    layer = MonteCarloDropout(0.2).eval()
    with thinned(layer, list(range(50))):
        kept = layer(torch.ones(50, 40, 3, 4))
    assert torch.equal(kept.amin((2, 3)), kept.amax((2, 3)))
    assert set(kept.unique().tolist()) == {0.0, 1.25}
    assert abs(float(kept.mean()) - 1) < 0.02


def test_training_without_seeds_draws_anew_at_each_call() -> None:
    layer, field = MonteCarloDropout(RATE).train(), torch.ones(2, 40, 1, 1)
    assert not torch.equal(layer(field), layer(field))


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_dropout_rates_outside_zero_to_one_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="expected 0 <= rate < 1"):
        MonteCarloDropout(rate)


def test_another_number_of_seeds_than_samples_is_refused() -> None:
    network = trunk()
    with thinned(network, [1, 2]), pytest.raises(ValueError, match="2 seeds found for a batch of 3"):
        network(features(3))


def test_combined_seeds_differ_wherever_a_number_differs() -> None:
    numbers = [(1, 2), (2, 1), (1, 2, 0, 1), (1, 3), (12,)]
    assert len({combined(*one) for one in numbers}) == len(numbers)
    assert combined(1, 2) == combined(1, 2)


def droppy(dropout: float = RATE) -> InnovationAnalyser:
    """The analyser of `test_innovation`, with dropout in its correction."""
    made = analyser(0)
    assert made.correction is not None
    layers: list[MonteCarloDropout] = list(made.correction.trunk.dropouts)  # type: ignore[arg-type]
    for layer in layers:
        layer.rate = dropout
    return made


@pytest.mark.slow
@torch.no_grad()
def test_spread_of_passes_is_that_of_the_thinned_networks() -> None:
    made = droppy()
    background, window = estimate_of(made, 0), observed(made, 0)
    mean, spread = monte_carlo_spread(made, background, window, passes=6, seed=3)
    passes = []
    for number in range(6):
        with thinned(made, 2 * [combined(3, number)]):
            passes.append(made.analyse(background, window).mean)
    torch.testing.assert_close(mean, torch.stack(passes).mean(0))
    torch.testing.assert_close(spread, torch.stack(passes).std(0), atol=1e-6, rtol=1e-4)
    assert float(spread.max()) > 1e-3
    other = monte_carlo_spread(made, background, window, passes=6, seed=4)[0]
    assert not torch.allclose(other, mean)


@torch.no_grad()
def test_without_observations_passes_agree() -> None:
    made = droppy()
    background = estimate_of(made, 0)
    mean, spread = monte_carlo_spread(made, background, observed(made, 0, share=0.0), 3, seed=1)
    assert torch.equal(mean, background.mean) and not spread.any()


def test_passes_need_dropout_and_be_two_at_least() -> None:
    made = droppy(0.0)
    background, window = estimate_of(made, 0), observed(made, 0)
    with pytest.raises(ValueError, match=r"without dropout found, .*generator.dropout above 0"):
        monte_carlo_spread(made, background, window, 3, seed=1)
    with pytest.raises(ValueError, match="1 passes found, expected at least 2"):
        monte_carlo_spread(droppy(), background, window, 1, seed=1)
