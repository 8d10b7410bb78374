"""U-Net 3+: full-scale skips, deep supervision, and the laws of a trunk."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from deepda.networks.dropout import thinned
from deepda.networks.unet3plus import UNet3Plus, WaterGroupNorm


def coast(height: int, width: int) -> Tensor:
    ocean = torch.rand(height, width, generator=torch.Generator().manual_seed(height)) < 0.8
    ocean[height // 3 : height // 2, [0, 1, -1]] = False
    return ocean


def features(height: int, width: int) -> Tensor:
    return torch.randn(2, 5, height, width, generator=torch.Generator().manual_seed(1))


def network(ocean: Tensor, depth: int = 2, **options: object) -> UNet3Plus:
    torch.manual_seed(0)
    return UNet3Plus(5, 6, ocean, filters=4, depth=depth, **options).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize(("height", "width", "depth"), [(8, 8, 1), (9, 13, 2), (10, 14, 3), (45, 90, 4)])
def test_any_grid_works_and_land_is_neither_read_nor_written(
    height: int, width: int, depth: int
) -> None:
    ocean = coast(height, width)
    net, field = network(ocean, depth), features(height, width)
    hidden, auxiliary = net(field)
    assert hidden.shape == (2, 6, height, width) and auxiliary == []
    assert bool(hidden.isfinite().all()) and hidden.any() and not hidden[:, :, ~ocean].any()
    torch.testing.assert_close(net(field.where(ocean, torch.nan))[0], hidden)


def test_every_coarser_scale_has_an_auxiliary_output_in_training() -> None:
    ocean = coast(9, 13)
    net = network(ocean, depth=3).train()
    hidden, auxiliary = net(features(9, 13))
    assert [part.shape for part in auxiliary] == [hidden.shape] * 3
    assert all(part.any() and not part[:, :, ~ocean].any() for part in auxiliary)


def test_loss_of_the_auxiliary_outputs_trains_every_weight_but_the_head() -> None:
    net = network(torch.ones(16, 16, dtype=torch.bool), depth=2, dropout=0.0).train()
    _, auxiliary = net(features(16, 16))
    sum(part.square().sum() for part in auxiliary).backward()
    idle = {name.split(".")[0] for name, weight in net.named_parameters() if weight.grad is None}
    assert idle == {"head", "decoders"}
    untouched = [n for n, w in net.named_parameters() if w.grad is None and n.startswith("decoders.")]
    assert all(name.startswith("decoders.0.") for name in untouched)


def test_every_decoder_takes_features_of_all_scales() -> None:
    net = network(torch.ones(16, 16, dtype=torch.bool), depth=3)
    decoders: list[Any] = list(net.decoders)
    widths = [[skip.conv.in_channels for skip in decoder.skips] for decoder in decoders]
    assert widths == [[4, 16, 16, 32], [4, 8, 16, 32], [4, 8, 16, 32]]
    hidden, _ = net(features(16, 16).requires_grad_())
    hidden.square().sum().backward()
    for decoder in decoders:
        assert all(bool(skip.conv.weight.grad.any()) for skip in decoder.skips)


def test_weights_at_the_published_setting_are_about_seven_million() -> None:
    with torch.device("meta"):
        net = UNet3Plus(48, 12, torch.ones(45, 90, dtype=torch.bool, device="cpu"))
    count = sum(weight.numel() for weight in net.parameters())
    assert count == pytest.approx(7e6, rel=0.05)


def test_longitude_wraps_by_whole_coarse_cells() -> None:
    net = network(torch.ones(9, 16, dtype=torch.bool)).double()
    field = features(9, 16).double()
    torch.testing.assert_close(net(field.roll(4, -1))[0], net(field)[0].roll(4, -1))


def test_group_normalisation_counts_water_only() -> None:
    torch.manual_seed(1)
    field, wet = 3.0 + 2.0 * torch.randn(2, 16, 7, 9), coast(7, 9).float()[None, None]
    layer = WaterGroupNorm(16)
    normal = layer(field.masked_fill(wet == 0, 1e3), wet)
    water = normal[..., wet[0, 0] > 0].unflatten(1, (8, 2))
    torch.testing.assert_close(water.mean(dim=(2, 3)), torch.zeros(2, 8), atol=1e-5, rtol=0)
    torch.testing.assert_close(water.var(dim=(2, 3), correction=0), torch.ones(2, 8), atol=1e-4, rtol=0)
    everywhere = torch.ones_like(wet)
    torch.testing.assert_close(layer(field, everywhere), torch.nn.functional.group_norm(field, 8))


def test_group_normalisation_keeps_the_samples_of_a_batch_apart() -> None:
    field = features(9, 13)
    net = network(coast(9, 13), dropout=0.0).train()
    torch.testing.assert_close(net(field)[0][:1], net(field[:1])[0], atol=1e-5, rtol=1e-4)


def test_activations_stay_in_the_autocast_type() -> None:
    net, field = network(coast(9, 13), dropout=0.0).train(), features(9, 13)
    with torch.autocast("cpu", torch.bfloat16):
        hidden, auxiliary = net(field)
    assert {part.dtype for part in (hidden, *auxiliary)} == {torch.bfloat16}
    torch.testing.assert_close(hidden.float(), net(field)[0], atol=0.1, rtol=0.1)


def test_dropout_is_off_at_inference_unless_asked_for() -> None:
    net, field = network(coast(9, 13), dropout=0.3), features(9, 13)
    still = net(field)[0]
    with thinned(net, [1, 2]):
        first, other = net(field[:1].expand(2, -1, -1, -1))[0]
    assert not torch.equal(first, other)
    assert torch.equal(net(field)[0], still)
